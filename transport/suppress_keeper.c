/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/suppress_keeper.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "queue/suppress_secret.h"
#include "vmta/snapshot.h"
#include "vmta/suppress.h"

/* How often entries that expire are looked for. */
#define LOOK_US US_PER_S
/* A change that readers do not see by then is told to be late. */
#define PUBLISH_US (5 * US_PER_S)

TAILQ_HEAD(errands, suppress_errand);
TAILQ_HEAD(holds, suppress_hold);

struct suppress_keeper {
	struct worker *worker;
	struct suppress_store *store;
	char *dir;
	unsigned char secret[SUPPRESS_SECRET_LEN];
	/* Its thread's own: */
	struct event *timer;
	struct errands waiting; /* for readers to see what they changed */
	struct holds holds;
	struct err fault; /* of the last work(), told once; "" none */
};

/* ---- work ---------------------------------------------------------------- */

static void
tell_fault(struct suppress_keeper *k, const struct err *e)
{
	if (strcmp(k->fault.text, e->text) == 0)
		return;
	k->fault = *e;
	if (e->text[0] == '\0')
		log_note(LOG_L_INFO, "suppress", "the lists are written again");
	else
		log_note(LOG_L_ERROR, "suppress", "%s; tried again", e->text);
}

static void
end_waiting(struct suppress_keeper *k, int64_t now_us)
{
	struct suppress_errand *r, *next;

	for (r = TAILQ_FIRST(&k->waiting); r != NULL; r = next) {
		next = TAILQ_NEXT(r, link);
		r->published = suppress_store_published(r->changed) >= r->mark;
		if (!r->published && now_us < r->by_us)
			continue;
		TAILQ_REMOVE(&k->waiting, r, link);
		r->done(r);
	}
}

static void
set_timer(struct suppress_keeper *k, int64_t wait_us)
{
	struct timeval tv;

	if (wait_us < 0)
		wait_us = 0;
	if (wait_us > LOOK_US)
		wait_us = LOOK_US;
	tv.tv_sec = wait_us / US_PER_S;
	tv.tv_usec = wait_us % US_PER_S;
	CHECK(event_add(k->timer, &tv) == 0);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct suppress_keeper *k = arg;
	struct err e = { "" };
	int64_t next_us = SUPPRESS_NOT_YET;

	(void)fd;
	(void)what;
	suppress_store_expire(k->store, clock_wall_us() / US_PER_S);
	if (suppress_store_work(k->store, clock_us(), &next_us, &e) == 0)
		e.text[0] = '\0';
	tell_fault(k, &e);
	end_waiting(k, clock_us());
	set_timer(k,
	    next_us == SUPPRESS_NOT_YET ? LOOK_US : next_us - clock_us());
}

void
suppress_keeper_wake(struct suppress_keeper *k)
{
	set_timer(k, 0);
}

/* ---- errands ------------------------------------------------------------- */

static void
on_errand(struct post *p)
{
	struct suppress_errand *r = post_owner(p, struct suppress_errand, post);
	struct suppress_keeper *k = r->keeper;
	suppress_errand_done_fn *done = r->done;

	r->changed = NULL;
	r->fn(r, k->store);
	set_timer(k, 0);
	if (done == NULL)
		return; /* it may be gone */
	if (r->changed == NULL) {
		done(r);
		return;
	}
	r->mark = suppress_store_mark(r->changed);
	r->by_us = clock_us() + PUBLISH_US;
	TAILQ_INSERT_TAIL(&k->waiting, r, link);
}

void
suppress_keeper_run(struct suppress_keeper *k, struct suppress_errand *r)
{
	r->keeper = k;
	r->post.fn = on_errand;
	worker_post(k->worker, &r->post);
}

void
suppress_keeper_hold(struct suppress_keeper *k, struct suppress_hold *h)
{
	TAILQ_INSERT_TAIL(&k->holds, h, link);
}

void
suppress_keeper_release(struct suppress_keeper *k, struct suppress_hold *h)
{
	TAILQ_REMOVE(&k->holds, h, link);
}

/* ---- the configuration --------------------------------------------------- */

/* So that what is on them expires, whether anybody asks or not. */
static void
open_lists(struct suppress_keeper *k, const struct snapshot *conf)
{
	for (size_t i = 0; i < snapshot_suppress_count(conf); i++) {
		const struct suppress_list *l = snapshot_suppress_at(conf, i);
		struct suppress_owned *owned;
		struct err e;

		if (!l->published)
			continue;
		if (suppress_store_list(k->store, l->name, l->id,
			(uint32_t)suppress_digest_len(l->norm.hash), &owned,
			&e) == -1)
			log_note(LOG_L_ERROR, "suppress", "%s: %s", l->name,
			    e.text);
		else if (suppress_store_fault(owned) != NULL)
			log_note(LOG_L_ERROR, "suppress", "%s: %s", l->name,
			    suppress_store_fault(owned));
	}
}

struct reload {
	struct suppress_errand errand;
	struct snapshot *conf;
	struct suppress_keeper *keeper;
};

static void
take_conf(struct suppress_errand *r, struct suppress_store *s)
{
	struct reload *re = post_owner(r, struct reload, errand);

	(void)s;
	open_lists(re->keeper, re->conf);
	snapshot_unref(&re->conf);
	free(re);
}

void
suppress_keeper_reload(struct suppress_keeper *k, struct snapshot *conf)
{
	struct reload *re = mem_new(struct reload);

	re->errand.fn = take_conf;
	re->conf = snapshot_ref(conf);
	re->keeper = k;
	suppress_keeper_run(k, &re->errand);
}

/* ---- start and end ------------------------------------------------------- */

static bool
has_published(const struct snapshot *conf)
{
	for (size_t i = 0; i < snapshot_suppress_count(conf); i++)
		if (snapshot_suppress_at(conf, i)->published)
			return true;
	return false;
}

/* Another secret would find nobody on the lists that are there. */
static int
check_secret(const char *dir, const struct snapshot *conf, struct err *e)
{
	unsigned char secret[SUPPRESS_SECRET_LEN];
	struct buf path = { 0 };
	bool found;
	int rc = suppress_secret_read(dir, secret, &found, e);

	explicit_bzero(secret, sizeof(secret));
	if (rc == -1 || found)
		return rc;
	for (size_t i = 0; i < snapshot_suppress_count(conf) && rc == 0; i++) {
		const struct suppress_list *l = snapshot_suppress_at(conf, i);

		if (!l->published || l->norm.hash != SUPPRESS_PLAIN)
			continue;
		buf_clear(&path);
		buf_printf(&path, "%s/%s", dir, l->store);
		if (access(buf_cstr(&path), F_OK) == 0)
			rc = err_set(e,
			    "%s/secret is gone, and %s was made with it: put "
			    "it back, or move the list away",
			    dir, buf_cstr(&path));
	}
	buf_fini(&path);
	return rc;
}

static int
open_store(struct suppress_keeper *k, const struct snapshot *conf,
    struct err *e)
{
	k->dir = mem_strdup(snapshot_global(conf)->suppression_dir);
	if (mkdir(k->dir, 0700) == -1 && errno != EEXIST)
		return err_sys(e, "%s", k->dir);
	if (suppress_secret_get(k->dir, k->secret, e) == -1)
		return -1;
	return suppress_store_open(k->dir, &k->store, e);
}

int
suppress_keeper_check(const struct snapshot *conf, struct err *e)
{
	const char *dir = snapshot_global(conf)->suppression_dir;

	if (!has_published(conf) || check_secret(dir, conf, e) == 0)
		return 0;
	return err_where(e, "suppression-dir");
}

int
suppress_keeper_new(struct snapshot *conf, struct suppress_keeper **k_r,
    struct err *e)
{
	struct suppress_keeper *k;

	*k_r = NULL;
	if (!has_published(conf))
		return 0;
	k = mem_new(struct suppress_keeper);
	TAILQ_INIT(&k->waiting);
	TAILQ_INIT(&k->holds);
	k->worker = worker_new("suppress-db", e);
	if (k->worker == NULL || open_store(k, conf, e) == -1) {
		(void)err_where(e, "suppression-dir");
		suppress_keeper_free(&k);
		return -1;
	}
	k->timer = event_new(worker_base(k->worker), -1, 0, on_timer, k);
	CHECK(k->timer != NULL);
	open_lists(k, conf);
	set_timer(k, 0);
	if (worker_start(k->worker, e) == -1) {
		suppress_keeper_free(&k);
		return -1;
	}
	*k_r = k;
	return 0;
}

const char *
suppress_keeper_dir(const struct suppress_keeper *k)
{
	return k->dir;
}

struct slice
suppress_keeper_secret(const struct suppress_keeper *k)
{
	return (struct slice){ (const char *)k->secret, sizeof(k->secret) };
}

void
suppress_keeper_stop(struct suppress_keeper *k)
{
	struct err e;

	worker_stop(k->worker);
	worker_join(k->worker);
	end_waiting(k, INT64_MAX);
	while (!TAILQ_EMPTY(&k->holds)) {
		struct suppress_hold *h = TAILQ_FIRST(&k->holds);

		TAILQ_REMOVE(&k->holds, h, link);
		h->drop(h);
	}
	if (k->store != NULL && suppress_store_close(&k->store, &e) == -1)
		log_note(LOG_L_ERROR, "suppress", "%s", e.text);
}

void
suppress_keeper_free(struct suppress_keeper **kp)
{
	struct suppress_keeper *k = *kp;

	*kp = NULL;
	if (k == NULL)
		return;
	if (k->store != NULL)
		(void)suppress_store_close(&k->store, &(struct err){ "" });
	if (k->timer != NULL)
		event_free(k->timer);
	worker_free(&k->worker);
	free(k->dir);
	explicit_bzero(k->secret, sizeof(k->secret));
	free(k);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list is a cell that counted sets share: what it is (its index, or why it
 * cannot be asked) is replaced by the thread that follows it; the sets by who
 * sets them.  So a reload exchanges sets, and cells that stay go on.
 */
#include "queue/suppress_watch.h"

#include <errno.h>
#include <event2/event.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/current.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/ref.h"
#include "lib/worker.h"
#include "queue/suppress_index.h"
#include "queue/suppress_secret.h"

/* A rename within the tick of a time stamp seen before shows no new one. */
#define SETTLE_US (1 * US_PER_S)
#define BROKEN_US (5 * US_PER_S)
#define LOOK_US (250 * US_PER_MS)

/* What a list is at the moment; immutable, counted. */
struct state {
	struct ref ref;
	struct suppress_view *view; /* NULL: empty, or broken */
	char *error;                /* NULL: it can be asked */
};

struct cell {
	struct ref ref;
	char *name, *path;
	uint64_t id;
	uint32_t digest_len;
	struct suppress_index *index; /* who follows it; NULL: not open */
	bool was_there;
	struct current *state;
};

/* The key of PLAIN lists, once there is one. */
struct secret {
	struct ref ref;
	bool found;
	unsigned char key[SUPPRESS_SECRET_LEN];
	char *error; /* why it cannot be read; NULL: it can, or is not there */
};

struct set {
	struct ref ref;
	uint64_t *ids; /* of the cells, beside each other for find() */
	struct cell **cells;
	size_t count, wanted; /* those behind are of the set before */
};

struct suppress_views {
	struct set *set;
	struct secret *secret;
};

struct suppress_watch {
	char *dir;
	struct worker *thread;
	struct event *timer;
	struct current *set, *secret;
	/* of the thread that follows: */
	struct timespec changed; /* the folder, when it was looked at last */
	int64_t settled_us, broken_us;
};

/* ---- states -------------------------------------------------------------- */

static struct state *
state_new(struct suppress_view *view_take, const char *error)
{
	struct state *st = mem_new(struct state);

	ref_init(&st->ref);
	st->view = view_take;
	st->error = error == NULL ? NULL : mem_strdup(error);
	return st;
}

static void *
state_ref(void *obj)
{
	struct state *st = obj;

	ref_get(&st->ref);
	return st;
}

static void
state_unref(void *obj)
{
	struct state *st = obj;

	if (!ref_put(&st->ref))
		return;
	suppress_view_unref(&st->view);
	free(st->error);
	free(st);
}

/* ---- one list ------------------------------------------------------------ */

static struct cell *
cell_new(const char *dir, const struct suppress_watched *l)
{
	struct cell *c = mem_new(struct cell);
	size_t cap = strlen(dir) + strlen(l->file) + 2;

	ref_init(&c->ref);
	c->name = mem_strdup(l->file);
	c->path = mem_alloc(cap);
	(void)STR_JOIN(c->path, cap, dir, "/", l->file, NULL);
	c->id = l->id;
	c->digest_len = l->digest_len;
	c->state = current_new_take(state_new(NULL, NULL), state_ref,
	    state_unref);
	return c;
}

static void
cell_unref(struct cell **cp)
{
	struct cell *c = *cp;

	*cp = NULL;
	if (c == NULL || !ref_put(&c->ref))
		return;
	current_free(&c->state);
	suppress_index_free(&c->index);
	free(c->name);
	free(c->path);
	free(c);
}

static void
tell(const struct cell *c, const char *error)
{
	struct log_line l;

	log_begin(&l, error == NULL ? LOG_L_INFO : LOG_L_ERROR, NULL,
	    "suppress-list");
	log_str(&l, "list", c->name);
	log_str(&l, "state", error == NULL ? "well" : "broken");
	if (error != NULL)
		log_str(&l, "error", error);
	log_end(&l);
}

/* What has the same error again is told once; of a list of before, never. */
static void
cell_broken(struct cell *c, const char *error, bool quiet)
{
	struct state *st = current_get(c->state);
	bool again = st->error != NULL && strcmp(st->error, error) == 0;

	state_unref(st);
	if (again)
		return;
	if (!quiet)
		tell(c, error);
	current_set_take(c->state, state_new(NULL, error));
}

static void
cell_well(struct cell *c, bool changed)
{
	struct state *st = current_get(c->state);
	bool mended = st->error != NULL;
	bool known = st->view != NULL;

	state_unref(st);
	if (mended)
		tell(c, NULL);
	if (mended || changed || !known)
		current_set_take(c->state,
		    state_new(suppress_index_get(c->index), NULL));
}

static bool
is_absent(const char *path)
{
	struct stat st;

	return stat(path, &st) == -1 && errno == ENOENT;
}

/* By the thread that follows; by who makes the cell, before others have it. */
static void
cell_look(struct cell *c, bool quiet)
{
	bool changed = true;
	struct err e;

	if (!c->was_there && is_absent(c->path))
		return;
	c->was_there = true;
	if (c->index != NULL) {
		if (suppress_index_follow(c->index, &changed, &e) == -1)
			cell_broken(c, e.text, quiet);
		else
			cell_well(c, changed);
	} else if (suppress_index_open(c->path, c->id, c->digest_len, &c->index,
		       &e) == -1) {
		cell_broken(c, e.text, quiet);
	} else {
		cell_well(c, true);
	}
}

static bool
cell_is_broken(const struct cell *c)
{
	struct state *st = current_get(c->state);
	bool broken = st->error != NULL;

	state_unref(st);
	return broken;
}

/* ---- the secret ---------------------------------------------------------- */

static struct secret *
secret_new(const char *dir)
{
	struct secret *s = mem_new(struct secret);
	struct err e;

	ref_init(&s->ref);
	if (suppress_secret_read(dir, s->key, &s->found, &e) == -1) {
		s->found = false;
		s->error = mem_strdup(e.text);
	}
	return s;
}

static void *
secret_ref(void *obj)
{
	struct secret *s = obj;

	ref_get(&s->ref);
	return s;
}

static void
secret_unref(void *obj)
{
	struct secret *s = obj;

	if (!ref_put(&s->ref))
		return;
	OPENSSL_cleanse(s->key, sizeof(s->key));
	free(s->error);
	free(s);
}

/* Is there one now, or another reason why not? */
static void
secret_look(struct suppress_watch *w)
{
	struct secret *held = current_get(w->secret), *now;
	bool changed;

	if (held->found) {
		secret_unref(held);
		return;
	}
	now = secret_new(w->dir);
	changed = now->found || (now->error == NULL) != (held->error == NULL);
	secret_unref(held);
	if (changed && now->error != NULL)
		log_note(LOG_L_ERROR, "suppress-list", "%s", now->error);
	if (changed)
		current_set_take(w->secret, now);
	else
		secret_unref(now);
}

/* ---- sets of lists ------------------------------------------------------- */

static void *
set_ref(void *obj)
{
	struct set *set = obj;

	ref_get(&set->ref);
	return set;
}

static void
set_unref(void *obj)
{
	struct set *set = obj;

	if (!ref_put(&set->ref))
		return;
	for (size_t i = 0; i < set->count; i++)
		cell_unref(&set->cells[i]);
	free(set->cells);
	free(set->ids);
	free(set);
}

static struct set *
set_new(size_t cap)
{
	struct set *set = mem_new(struct set);

	ref_init(&set->ref);
	set->cells = mem_array(cap + 1, sizeof(struct cell *));
	set->ids = mem_array(cap + 1, sizeof(uint64_t));
	return set;
}

/* NULL: it is not there. */
static struct cell *
find(const struct set *set, uint64_t id)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->ids[i] == id)
			return set->cells[i];
	return NULL;
}

static void
add_take(struct set *set, struct cell *c)
{
	set->ids[set->count] = c->id;
	set->cells[set->count++] = c;
}

static void
add_held(struct set *set, struct cell *c)
{
	ref_get(&c->ref);
	add_take(set, c);
}

void
suppress_watch_set(struct suppress_watch *w,
    const struct suppress_watched *lists, size_t count)
{
	struct set *before = current_get(w->set);
	struct set *set = set_new(count + before->wanted);

	for (size_t i = 0; i < count; i++) {
		struct cell *c = find(before, lists[i].id);

		if (c != NULL) {
			add_held(set, c);
			continue;
		}
		c = cell_new(w->dir, &lists[i]);
		cell_look(c, false);
		add_take(set, c);
	}
	set->wanted = set->count;
	for (size_t i = 0; i < before->wanted; i++)
		if (find(set, before->cells[i]->id) == NULL)
			add_held(set, before->cells[i]);
	set_unref(before);
	current_set_take(w->set, set);
}

/* ---- the thread ---------------------------------------------------------- */

/* Has the folder changed since, or only just? */
static bool
is_due(struct suppress_watch *w, const struct set *set, int64_t now_us)
{
	struct stat st;

	if (stat(w->dir, &st) == -1)
		st.st_mtim = (struct timespec){ 0, 0 };
	if (st.st_mtim.tv_sec != w->changed.tv_sec ||
	    st.st_mtim.tv_nsec != w->changed.tv_nsec) {
		w->changed = st.st_mtim;
		w->settled_us = now_us + SETTLE_US;
	}
	if (now_us <= w->settled_us)
		return true;
	if (now_us < w->broken_us)
		return false;
	w->broken_us = now_us + BROKEN_US;
	for (size_t i = 0; i < set->count; i++)
		if (cell_is_broken(set->cells[i]))
			return true;
	return false;
}

static void
on_time(evutil_socket_t fd, short what, void *arg)
{
	struct suppress_watch *w = arg;
	struct set *set = current_get(w->set);

	(void)fd;
	(void)what;
	if (set->count > 0 && is_due(w, set, clock_us())) {
		secret_look(w);
		for (size_t i = 0; i < set->count; i++)
			cell_look(set->cells[i], i >= set->wanted);
	}
	set_unref(set);
}

static int
start(struct suppress_watch *w, struct err *e)
{
	const struct timeval look = { LOOK_US / US_PER_S, LOOK_US % US_PER_S };

	w->thread = worker_new("suppress", e);
	if (w->thread == NULL)
		return -1;
	w->timer = event_new(worker_base(w->thread), -1, EV_PERSIST, on_time,
	    w);
	CHECK(w->timer != NULL && event_add(w->timer, &look) == 0);
	return worker_start(w->thread, e);
}

int
suppress_watch_new(const char *dir, struct suppress_watch **w_r, struct err *e)
{
	struct suppress_watch *w = mem_new(struct suppress_watch);
	struct secret *secret = secret_new(dir);

	*w_r = NULL;
	if (secret->error != NULL)
		log_note(LOG_L_ERROR, "suppress-list", "%s", secret->error);
	w->dir = mem_strdup(dir);
	w->set = current_new_take(set_new(0), set_ref, set_unref);
	w->secret = current_new_take(secret, secret_ref, secret_unref);
	if (start(w, e) == -1) {
		suppress_watch_free(&w);
		return -1;
	}
	*w_r = w;
	return 0;
}

void
suppress_watch_free(struct suppress_watch **wp)
{
	struct suppress_watch *w = *wp;

	*wp = NULL;
	if (w == NULL)
		return;
	if (w->thread != NULL) {
		worker_stop(w->thread);
		worker_join(w->thread);
	}
	if (w->timer != NULL)
		event_free(w->timer);
	worker_free(&w->thread);
	current_free(&w->set);
	current_free(&w->secret);
	free(w->dir);
	free(w);
}

/* ---- those who ask ------------------------------------------------------- */

struct suppress_views *
suppress_watch_get(struct suppress_watch *w)
{
	struct suppress_views *v = mem_new(struct suppress_views);

	v->set = current_get(w->set);
	v->secret = current_get(w->secret);
	return v;
}

void
suppress_views_unref(struct suppress_views **vp)
{
	struct suppress_views *v = *vp;

	*vp = NULL;
	if (v == NULL)
		return;
	set_unref(v->set);
	secret_unref(v->secret);
	free(v);
}

struct slice
suppress_views_secret(const struct suppress_views *v)
{
	return (struct slice){ (const char *)v->secret->key,
		v->secret->found ? sizeof(v->secret->key) : 0 };
}

static int
ask(const struct suppress_views *v, const struct state *st, const void *digest,
    struct err *e)
{
	if (st->error != NULL)
		return err_set(e, "%s", st->error);
	if (st->view == NULL)
		return 0;
	if (digest == NULL)
		return err_set(e, "%s",
		    v->secret->error == NULL ? "there is no secret to ask by" :
					       v->secret->error);
	return suppress_view_has(st->view, digest) ? 1 : 0;
}

int
suppress_views_has(const struct suppress_views *v, uint64_t id,
    const void *digest, struct err *e)
{
	struct cell *c = find(v->set, id);
	struct state *st;
	int rc;

	if (c == NULL)
		return err_set(e, "the list is not followed");
	st = current_get(c->state);
	rc = ask(v, st, digest, e);
	state_unref(st);
	return rc;
}

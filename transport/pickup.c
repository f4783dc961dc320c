/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life of a file: taken, waiting, handed in, then removed or in BADDIR; or
 * waiting for another try.
 *
 * Of one that waits nothing is in memory: what was decided of it is beside it
 * (transport/pickup_state.c).  Where that cannot be written it stays in memory,
 * which has its bound, and is tried again.
 */
#include "transport/pickup_priv.h"

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "lib/worker.h"

enum {
	BYTES_MAX = 128 << 20, /* of files in memory, above the first */
	TICK_US = 500000,
	RETRY_S = 10, /* first, and then twice as long each time, up to */
	RETRY_LONGEST_S = 300,
	OPEN_S = 1 /* after a connection that was lost */
};

/* ---- a file in memory ---------------------------------------------------- */

static void
unload(struct pickup *p, struct pickup_item *item)
{
	if (item->rg == NULL)
		return;
	p->bytes -= item->bytes.len;
	pickup_file_fini(&item->file);
	buf_fini(&item->bytes);
	region_free(&item->rg);
	item->fates = NULL;
	item->why = NULL;
	item->put_off = NULL;
}

static void
item_free(struct pickup *p, struct pickup_item **ip)
{
	struct pickup_item *item = *ip;

	*ip = NULL;
	unload(p, item);
	free(item);
}

static int64_t
delay_us(unsigned tries)
{
	int64_t s = tries < 6 ? (int64_t)RETRY_S << tries : RETRY_LONGEST_S;

	return (s < RETRY_LONGEST_S ? s : RETRY_LONGEST_S) * US_PER_S;
}

/* One that is in memory goes in front of those that want to be. */
static void
wait_for_talk(struct pickup *p, struct pickup_item *item)
{
	if (item->rg != NULL) {
		TAILQ_INSERT_HEAD(&p->waiting, item, link);
		p->loaded_count++;
	} else {
		TAILQ_INSERT_TAIL(&p->waiting, item, link);
	}
	p->waiting_count++;
}

/* ours: who runs us has to act. */
static void
try_later(struct pickup *p, struct pickup_item *item, const char *why,
    bool ours)
{
	struct err e;

	if (item->unsaved && pickup_state_write(&p->folders, item, &e) == -1) {
		pickup_log_waits(item, e.text, true);
	} else {
		pickup_log_waits(item, why, ours);
		unload(p, item);
	}
	item->due_us = clock_us() + delay_us(item->tries++);
	TAILQ_INSERT_TAIL(&p->later, item, link);
	p->later_count++;
}

static void
end_reject(struct pickup *p, struct pickup_item *item, const char *why, int rc,
    const struct err *e)
{
	if (rc == -1) {
		try_later(p, item, e->text, true);
		return;
	}
	pickup_log_bad(item, why);
	item_free(p, &item);
}

static void
reject(struct pickup *p, struct pickup_item *item, const char *why)
{
	struct err e;
	int rc = pickup_reject(&p->folders, item, why, &e);

	end_reject(p, item, why, rc, &e);
}

/* Who of its recipients has it nobody can tell from it. */
static void
reject_unread(struct pickup *p, struct pickup_item *item, const char *why)
{
	struct err e;
	int rc = pickup_reject_unread(&p->folders, item, why, &e);

	end_reject(p, item, why, rc, &e);
}

/* Its bytes are there, or what became of it is said. */
static bool
read_item(struct pickup *p, struct pickup_item *item)
{
	struct err e;
	int rc = pickup_read(&p->folders, item, &e);

	item->rg = region_new();
	p->bytes += item->bytes.len;
	if (rc == 0 &&
	    pickup_file_read((struct slice){ item->bytes.p, item->bytes.len },
		p->un_dot, item->rg, &item->file, &e) == -1)
		rc = PICKUP_NEVER;
	if (rc == 0)
		return true;
	if (rc == PICKUP_ABSENT) { /* somebody has taken it away */
		pickup_log_trouble(p, item->name, e.text);
		item_free(p, &item);
	} else if (rc == PICKUP_NEVER) {
		reject_unread(p, item, e.text);
	} else {
		try_later(p, item, e.text, true);
	}
	return false;
}

/* False: it is gone, or waits. */
static bool
load(struct pickup *p, struct pickup_item *item)
{
	struct err e;
	int rc;

	if (item->rg != NULL)
		return true;
	if (!read_item(p, item))
		return false;
	item->fates = region_array(item->rg, item->file.rcpt_count,
	    sizeof(*item->fates));
	item->why = region_array(item->rg, item->file.rcpt_count,
	    sizeof(*item->why));
	rc = pickup_state_read(&p->folders, item, &e);
	if (rc == PICKUP_NEVER)
		reject_unread(p, item, e.text);
	else if (rc != 0)
		try_later(p, item, e.text, true);
	return rc == 0;
}

/* ---- the end of a file --------------------------------------------------- */

static bool
is_open(const struct pickup_item *item)
{
	for (size_t i = 0; i < item->file.rcpt_count; i++)
		if (item->fates[i] == PICKUP_OPEN)
			return true;
	return false;
}

static bool
is_taken(const struct pickup_item *item)
{
	for (size_t i = 0; i < item->file.rcpt_count; i++)
		if (item->fates[i] == PICKUP_TAKEN)
			return true;
	return false;
}

static void
finish(struct pickup *p, struct pickup_item *item)
{
	struct err e;

	if (!is_taken(item)) {
		reject(p, item,
		    region_printf(item->rg, "<%s>: %s", item->file.rcpts[0],
			item->why[0]));
		return;
	}
	if (pickup_remove(&p->folders, item, &e) == -1) {
		try_later(p, item, e.text, true);
		return;
	}
	pickup_log_done(item);
	item_free(p, &item);
}

/* ---- connections --------------------------------------------------------- */

/* A session's end on its way to a worker. */
struct guest {
	struct post post;
	struct worker_env *env;
	struct ingress_door *door;
	int fd;
};

static void
on_guest(struct post *post)
{
	struct guest *g = post_owner(post, struct guest, post);

	ingress_start(g->env, g->fd, g->door);
	ingress_door_unref(&g->door);
	free(g);
}

static struct pickup_talk *
open_talk(struct pickup *p)
{
	struct pickup_talk *t;
	struct guest *g;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		pair) == -1) {
		p->open_us = clock_us() + OPEN_S * US_PER_S;
		return NULL;
	}
	t = pickup_talk_new(p, pair[0]);
	LIST_INSERT_HEAD(&p->talks, t, link);
	p->talk_count++;
	g = mem_new(struct guest);
	g->post.fn = on_guest;
	g->env = p->envs[p->turn++ % p->env_count];
	g->door = ingress_door_ref(p->door);
	g->fd = pair[1];
	worker_post(g->env->worker, &g->post);
	return t;
}

static struct pickup_talk *
idle_talk(struct pickup *p)
{
	struct pickup_talk *t;

	LIST_FOREACH(t, &p->talks, link)
	if (t->state == TALK_IDLE && t->item == NULL && !t->stale)
		return t;
	return NULL;
}

static bool
may_load(const struct pickup *p)
{
	return p->bytes < BYTES_MAX || p->loaded_count > 0;
}

/* Of what was taken nothing begins before that is durable. */
static bool
is_synced(struct pickup *p)
{
	struct err e;

	if (!p->unsynced)
		return true;
	if (clock_us() < p->sync_us)
		return false;
	if (pickup_sync(&p->folders, &e) == -1) {
		if (!p->sync_told)
			pickup_log_trouble(p, NULL, e.text);
		p->sync_told = true;
		p->sync_us = clock_us() + RETRY_S * US_PER_S;
		return false;
	}
	p->unsynced = p->sync_told = false;
	return true;
}

/* Gives what waits to those who have nothing; more of them, if needed. */
static void
pump(struct pickup *p)
{
	struct pickup_talk *t;
	size_t coming = 0;

	if (p->waiting_count == 0 || !is_synced(p))
		return;
	while (
	    p->waiting_count > 0 && may_load(p) && (t = idle_talk(p)) != NULL) {
		struct pickup_item *item = TAILQ_FIRST(&p->waiting);

		TAILQ_REMOVE(&p->waiting, item, link);
		p->waiting_count--;
		p->loaded_count -= item->rg != NULL;
		if (!load(p, item))
			continue;
		if (is_open(item))
			pickup_talk_begin(t, item);
		else /* all that was left to do did not succeed */
			finish(p, item);
	}
	LIST_FOREACH(t, &p->talks, link)
	coming += t->state < TALK_IDLE && !t->stale;
	while (p->waiting_count > coming && may_load(p) &&
	    p->talk_count < PICKUP_TALKS_MAX && clock_us() >= p->open_us &&
	    open_talk(p) != NULL)
		coming++;
}

/* ---- turns --------------------------------------------------- */

static const char *
waits_for(const struct pickup_item *item)
{
	return item->put_off != NULL ? item->put_off :
				       "the connection to the intake was lost";
}

void
pickup_talk_over(struct pickup_talk *t)
{
	struct pickup *p = t->by;
	struct pickup_item *item = t->item;

	t->item = NULL;
	if (item != NULL && t->changed)
		item->tries = 0;
	if (item != NULL && !is_open(item)) {
		finish(p, item);
	} else if (item != NULL && t->changed && t->stale) {
		wait_for_talk(p, item);
	} else if (item != NULL && t->changed) {
		pickup_talk_begin(t, item); /* those that are left */
		return;
	} else if (item != NULL) {
		try_later(p, item, waits_for(item), false);
	}
	pump(p);
}

static void
talk_close(struct pickup_talk *t)
{
	LIST_REMOVE(t, link);
	t->by->talk_count--;
	pickup_talk_free(&t);
}

void
pickup_talk_lost(struct pickup_talk *t)
{
	struct pickup *p = t->by;
	struct pickup_item *item = t->item;

	t->item = NULL;
	talk_close(t); /* what it had to send is the item's */
	p->open_us = clock_us() + OPEN_S * US_PER_S;
	if (item != NULL)
		try_later(p, item, waits_for(item), false);
}

/* Those of an earlier configuration; all, if nothing waits. */
static void
close_idle(struct pickup *p)
{
	struct pickup_talk *t = LIST_FIRST(&p->talks), *next;

	for (; t != NULL; t = next) {
		next = LIST_NEXT(t, link);
		if (t->state == TALK_IDLE && t->item == NULL &&
		    (t->stale || p->waiting_count == 0))
			talk_close(t);
	}
}

/* ---- events -------------------------------------------------------------- */

/* Files that were renamed into the folder, or written and closed there. */
static void
on_watch(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	pickup_watched(arg);
	pump(arg);
}

/* Those that have waited long enough. */
static void
try_again(struct pickup *p, int64_t now_us)
{
	struct pickup_item *item = TAILQ_FIRST(&p->later), *next;

	for (; item != NULL; item = next) {
		next = TAILQ_NEXT(item, link);
		if (item->due_us > now_us)
			continue;
		TAILQ_REMOVE(&p->later, item, link);
		p->later_count--;
		wait_for_talk(p, item);
	}
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct pickup *p = arg;
	int64_t now_us = clock_us();

	(void)fd;
	(void)what;
	try_again(p, now_us);
	if ((p->look && p->waiting_count < PICKUP_WAITING_MAX / 2) ||
	    now_us >= p->look_us)
		pickup_look(p);
	close_idle(p);
	pump(p);
}

/* ---- all of it ----------------------------------------------------------- */

static int
watch(struct pickup *p, struct err *e)
{
	static const struct timeval each = { .tv_usec = TICK_US };
	struct event_base *base = worker_base(p->worker);

	p->watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (p->watch_fd == -1 ||
	    inotify_add_watch(p->watch_fd, p->folders.dir,
		IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR) == -1)
		return err_sys(e, "pickup: inotify: %s", p->folders.dir);
	p->watch = event_new(base, p->watch_fd, EV_READ | EV_PERSIST, on_watch,
	    p);
	p->tick = event_new(base, -1, EV_PERSIST, on_tick, p);
	CHECK(p->watch != NULL && p->tick != NULL);
	CHECK(event_add(p->watch, NULL) == 0 && event_add(p->tick, &each) == 0);
	return 0;
}

int
pickup_new(const struct snapshot *conf, struct worker_env *const *envs,
    size_t env_count, struct pickup **p_r, struct err *e)
{
	const struct pickup_dirs *dirs = snapshot_pickup(conf);
	struct ingress_counts *counts;
	struct pickup *p;

	*p_r = NULL;
	if (dirs->dir == NULL)
		return 0;
	*p_r = p = mem_new(struct pickup);
	p->rg = region_new();
	p->watch_fd = -1;
	p->folders = (struct pickup_folders){ .dir = region_strdup(p->rg,
						  dirs->dir),
		.bad_dir = region_strdup(p->rg, dirs->bad_dir),
		.fd = -1,
		.taken_fd = -1,
		.bad_fd = -1 };
	p->un_dot = snapshot_global(conf)->pickup_un_dot;
	p->stuck = stuck_names_new();
	TAILQ_INIT(&p->waiting);
	TAILQ_INIT(&p->later);
	LIST_INIT(&p->talks);
	p->env_count = env_count;
	p->envs = mem_dup(envs, env_count * sizeof(struct worker_env *));
	counts = ingress_counts_new();
	p->door = ingress_door_new(INGRESS_LMTP, "pickup", counts);
	p->door->pickup = true;
	ingress_counts_unref(&counts);
	p->worker = worker_new("pickup", e);
	if (p->worker == NULL || pickup_folders_open(&p->folders, e) == -1 ||
	    watch(p, e) == -1)
		return -1;
	if (pickup_look_taken(p, e) == -1)
		return -1;
	p->runs = worker_start(p->worker, e) == 0;
	return p->runs ? 0 : -1;
}

/* A session keeps the configuration that it began with. */
struct news {
	struct post post;
	struct pickup *pickup;
};

static void
on_news(struct post *post)
{
	struct news *n = post_owner(post, struct news, post);
	struct pickup *p = n->pickup;
	struct pickup_talk *t;

	LIST_FOREACH(t, &p->talks, link)
	t->stale = true;
	free(n);
	close_idle(p);
	pump(p);
}

void
pickup_reload(struct pickup *p)
{
	struct news *n;

	if (p == NULL || !p->runs)
		return;
	n = mem_new(struct news);
	n->post.fn = on_news;
	n->pickup = p;
	worker_post(p->worker, &n->post);
}

/* What was decided of it is known at the next start. */
static void
leave(struct pickup *p, struct pickup_item *item)
{
	struct err e;

	if (item->unsaved && pickup_state_write(&p->folders, item, &e) == -1)
		pickup_log_trouble(p, item->name, e.text);
	item_free(p, &item);
}

static void
save_all(struct pickup *p, const struct pickup_items *list)
{
	struct pickup_item *item;
	struct err e;

	TAILQ_FOREACH(item, list, link)
	if (item->unsaved && pickup_state_write(&p->folders, item, &e) == -1)
		pickup_log_trouble(p, item->name, e.text);
}

void
pickup_stop(struct pickup *p)
{
	if (p == NULL || !p->runs)
		return;
	p->runs = false;
	worker_stop(p->worker);
	worker_join(p->worker);
	while (!LIST_EMPTY(&p->talks)) {
		struct pickup_talk *t = LIST_FIRST(&p->talks);
		struct pickup_item *item = t->item;

		t->item = NULL;
		talk_close(t);
		if (item != NULL)
			leave(p, item);
	}
	/* Whoever stops may be killed before the end. */
	save_all(p, &p->waiting);
	save_all(p, &p->later);
}

static void
items_free(struct pickup *p, struct pickup_items *list)
{
	struct pickup_item *item;

	while ((item = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, item, link);
		item_free(p, &item);
	}
}

void
pickup_free(struct pickup **pp)
{
	struct pickup *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	CHECK(LIST_EMPTY(&p->talks));
	items_free(p, &p->waiting);
	items_free(p, &p->later);
	if (p->watch != NULL)
		event_free(p->watch);
	if (p->tick != NULL)
		event_free(p->tick);
	if (p->watch_fd != -1)
		(void)close(p->watch_fd);
	pickup_folders_close(&p->folders);
	if (p->worker != NULL)
		worker_free(&p->worker);
	ingress_door_unref(&p->door);
	stuck_names_free(&p->stuck);
	region_free(&p->rg);
	free(p->envs);
	free(p);
}

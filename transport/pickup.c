/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life of a file: taken, waiting, handed in, then removed or in BADDIR; or
 * waiting for another try.
 *
 * inotify tells of files as they come; the folder is looked at every few
 * seconds as well, since the kernel drops events, and some file systems have
 * none.  What waits is bounded: others stay where they are until there is
 * room.
 */
#include "transport/pickup_priv.h"

#include <dirent.h>
#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/worker.h"

enum {
	WAITING_MAX = 1000,    /* taken, and not begun */
	BYTES_MAX = 128 << 20, /* of files in memory, above the first */
	TICK_US = 500000,
	LOOK_S = 5,
	RETRY_S = 10,
	OPEN_S = 1 /* after a connection that was lost */
};

/* ---- log ----------------------------------------------------------------- */

static void
log_trouble(const struct pickup *p, const char *name, const char *why)
{
	struct log_line l;

	log_begin(&l, LOG_L_ERROR, NULL, "pickup");
	log_str(&l, "dir", p->folders.dir);
	if (name != NULL)
		log_str(&l, "file", name);
	log_str(&l, "text", why);
	log_end(&l);
}

static void
log_bad(const struct pickup_item *item, const char *why)
{
	struct log_line l;

	log_begin(&l, LOG_L_WARN, NULL, "pickup-bad");
	log_str(&l, "file", item->name);
	log_str(&l, "why", why);
	log_end(&l);
}

/* How many ended so, and what was said to the last of those refused. */
static void
log_done(const struct pickup_item *item)
{
	size_t taken = 0, refused = 0;
	const char *why = "";
	struct log_line l;

	for (size_t i = 0; i < item->file.rcpt_count; i++) {
		taken += item->fates[i] == PICKUP_TAKEN;
		if (item->fates[i] != PICKUP_REFUSED)
			continue;
		refused++;
		why = item->why[i];
	}
	log_begin(&l, refused == 0 ? LOG_L_INFO : LOG_L_WARN, NULL,
	    "picked-up");
	log_str(&l, "file", item->name);
	log_int(&l, "rcpts", (int64_t)taken);
	if (refused > 0) {
		log_int(&l, "refused", (int64_t)refused);
		log_str(&l, "why", why);
	}
	log_end(&l);
}

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
}

static void
item_free(struct pickup *p, struct pickup_item **ip)
{
	struct pickup_item *item = *ip;

	*ip = NULL;
	unload(p, item);
	free(item);
}

static void
try_later(struct pickup *p, struct pickup_item *item)
{
	unload(p, item);
	item->due_us = clock_us() + RETRY_S * US_PER_S;
	TAILQ_INSERT_TAIL(&p->later, item, link);
}

static void
reject(struct pickup *p, struct pickup_item *item, const char *why)
{
	struct err e;

	if (pickup_reject(&p->folders, item, why, &e) == -1) {
		log_trouble(p, item->name, e.text);
		try_later(p, item);
		return;
	}
	log_bad(item, why);
	item_free(p, &item);
}

/* False: it is gone, or waits. */
static bool
load(struct pickup *p, struct pickup_item *item)
{
	struct err e;
	int rc = pickup_read(&p->folders, item, &e);

	item->rg = region_new();
	p->bytes += item->bytes.len;
	if (rc == -1) {
		log_trouble(p, item->name, e.text);
		try_later(p, item);
		return false;
	}
	if (rc == 1 ||
	    pickup_file_read((struct slice){ item->bytes.p, item->bytes.len },
		p->un_dot, item->rg, &item->file, &e) == -1) {
		reject(p, item, e.text);
		return false;
	}
	item->fates = region_array(item->rg, item->file.rcpt_count,
	    sizeof(*item->fates));
	item->why = region_array(item->rg, item->file.rcpt_count,
	    sizeof(*item->why));
	return true;
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
	if (t->state == TALK_IDLE && t->item == NULL)
		return t;
	return NULL;
}

static bool
may_load(const struct pickup *p)
{
	return p->bytes < BYTES_MAX;
}

/* Gives what waits to those who have nothing; more of them, if needed. */
static void
pump(struct pickup *p)
{
	struct pickup_talk *t;
	size_t coming = 0;

	while (
	    p->waiting_count > 0 && may_load(p) && (t = idle_talk(p)) != NULL) {
		struct pickup_item *item = TAILQ_FIRST(&p->waiting);

		TAILQ_REMOVE(&p->waiting, item, link);
		p->waiting_count--;
		if (load(p, item))
			pickup_talk_begin(t, item);
	}
	LIST_FOREACH(t, &p->talks, link)
	coming += t->state < TALK_IDLE;
	while (p->waiting_count > coming && may_load(p) &&
	    p->talk_count < PICKUP_TALKS_MAX && clock_us() >= p->open_us &&
	    open_talk(p) != NULL)
		coming++;
}

/* ---- the end of a turn --------------------------------------------------- */

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
		log_trouble(p, item->name, e.text);
		try_later(p, item);
		return;
	}
	log_done(item);
	item_free(p, &item);
}

void
pickup_talk_over(struct pickup_talk *t)
{
	struct pickup *p = t->by;
	struct pickup_item *item = t->item;

	t->item = NULL;
	if (item != NULL && !is_open(item)) {
		finish(p, item);
	} else if (item != NULL && t->changed) {
		pickup_talk_begin(t, item); /* those that are left */
		return;
	} else if (item != NULL) {
		try_later(p, item);
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
		try_later(p, item);
}

static void
close_idle(struct pickup *p)
{
	struct pickup_talk *t = LIST_FIRST(&p->talks), *next;

	for (; t != NULL; t = next) {
		next = LIST_NEXT(t, link);
		if (t->state == TALK_IDLE && t->item == NULL)
			talk_close(t);
	}
}

/* ---- taking files -------------------------------------------------------- */

static void
enqueue(struct pickup *p, struct pickup_item *item)
{
	TAILQ_INSERT_TAIL(&p->waiting, item, link);
	p->waiting_count++;
}

/* Of what was taken nothing begins before that is durable. */
static void
enqueue_all(struct pickup *p, struct pickup_items *got)
{
	struct pickup_item *item;
	struct err e;
	bool safe;

	if (TAILQ_EMPTY(got))
		return;
	safe = pickup_sync(&p->folders, &e) == 0;
	if (!safe)
		log_trouble(p, NULL, e.text);
	while ((item = TAILQ_FIRST(got)) != NULL) {
		TAILQ_REMOVE(got, item, link);
		if (safe)
			enqueue(p, item);
		else
			try_later(p, item);
	}
}

/* False: there is no room for it. */
static bool
take(struct pickup *p, const char *name, bool settled, size_t *count,
    struct pickup_items *got)
{
	struct pickup_item *item;

	if (p->waiting_count + *count >= WAITING_MAX) {
		p->look = true;
		return false;
	}
	switch (pickup_take(&p->folders, name, settled, &item)) {
	case PICKUP_LEFT:
		break;
	case PICKUP_YOUNG:
		p->look = true;
		break;
	case PICKUP_GOT:
		TAILQ_INSERT_TAIL(got, item, link);
		++*count;
		break;
	}
	return true;
}

/* What is in a folder, as long as fn wants to hear of it. */
static bool
each_name(const struct pickup *p, int folder,
    bool (*fn)(void *ctx, const char *name), void *ctx)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (d == NULL) {
		if (fd != -1)
			(void)close(fd);
		log_trouble(p, NULL, "it cannot be read");
		return false;
	}
	/* glibc's readdir() shares nothing between two streams. */
	/* cppcheck-suppress readdirCalled */
	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while ((entry = readdir(d)) != NULL && fn(ctx, entry->d_name))
		;
	(void)closedir(d);
	return true;
}

/* A look at the folder: what it has come to. */
struct looked {
	struct pickup *p;
	struct pickup_items got;
	size_t count;
};

static bool
take_settled(void *ctx, const char *name)
{
	struct looked *l = ctx;

	return take(l->p, name, true, &l->count, &l->got);
}

static void
look(struct pickup *p)
{
	struct looked l = { .p = p };

	TAILQ_INIT(&l.got);
	p->look = false;
	p->look_us = clock_us() + LOOK_S * US_PER_S;
	(void)each_name(p, p->folders.fd, take_settled, &l);
	enqueue_all(p, &l.got);
}

/* Files that were renamed into the folder, or written and closed there. */
static void
on_watch(evutil_socket_t fd, short what, void *arg)
{
	struct pickup *p = arg;
	struct pickup_items got = TAILQ_HEAD_INITIALIZER(got);
	_Alignas(struct inotify_event) char events[4096];
	size_t count = 0;
	ssize_t n;

	(void)what;
	while ((n = read(fd, events, sizeof(events))) > 0) {
		const struct inotify_event *ev;

		for (char *at = events; at < events + n;
		     at += sizeof(*ev) + ev->len) {
			ev = (const void *)at;
			if ((ev->mask & IN_Q_OVERFLOW) != 0)
				p->look = true;
			else if (ev->len > 0)
				(void)take(p, ev->name, false, &count, &got);
		}
	}
	enqueue_all(p, &got);
	pump(p);
}

/* Those of an earlier process; 24 hours long the store knows what it has. */
static bool
add_taken(void *ctx, const char *name)
{
	struct pickup_item *item = pickup_item_of(name);

	if (item != NULL)
		enqueue(ctx, item);
	return true;
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct pickup *p = arg;
	struct pickup_item *item;
	int64_t now_us = clock_us();

	(void)fd;
	(void)what;
	while (
	    (item = TAILQ_FIRST(&p->later)) != NULL && item->due_us <= now_us) {
		TAILQ_REMOVE(&p->later, item, link);
		enqueue(p, item);
	}
	if ((p->look && p->waiting_count < WAITING_MAX / 2) ||
	    now_us >= p->look_us)
		look(p);
	if (p->waiting_count == 0)
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
	if (!each_name(p, p->folders.taken_fd, add_taken, p))
		return err_set(e, "pickup: %s cannot be read", p->folders.dir);
	p->runs = worker_start(p->worker, e) == 0;
	return p->runs ? 0 : -1;
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
			item_free(p, &item);
	}
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
	region_free(&p->rg);
	free(p->envs);
	free(p);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "milter/milter_loops.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/acceptor.h"
#include "lib/check.h"
#include "lib/mem.h"
#include "lib/net.h"
#include "milter/milter_link.h"

/* Threads at most; more processors than that are for others. */
#define LOOPS_MAX 64

/* Who says something, or has a message under way, is waited for so long. */
#define PATIENCE_S 5

struct loop {
	struct milter_loops *all;
	struct milter_place place;
	struct post begin_stop, end_all;
	struct post emptied; /* to main */
	bool told;           /* main has that */
};

struct milter_loops {
	struct worker *main;
	size_t count;
	struct worker **workers;
	struct loop *v;

	/* The first one's: */
	struct acceptor *acceptor;
	size_t next;
	struct post stop;

	/* Main's, while it stops: */
	size_t left; /* loops that have sessions */
	struct event *patience;
	void (*fn)(void *ctx);
	void *ctx;
};

/* A socket on its way to its thread. */
struct arrival {
	struct post post;
	struct milter_place *place;
	int fd;
};

/* ---- who comes ----------------------------------------------------------- */

static void
arrival_free(struct arrival **ap)
{
	free(*ap);
	*ap = NULL;
}

static void
on_arrival(struct post *p)
{
	struct arrival *a = post_owner(p, struct arrival, post);

	milter_link_start(a->place, a->fd);
	arrival_free(&a);
}

static void
hand_over(void *ctx, int fd)
{
	struct milter_loops *l = ctx;
	struct milter_place *place = &l->v[l->next].place;
	struct arrival *a;

	l->next = (l->next + 1) % l->count;
	if (worker_is_self(place->worker)) {
		milter_link_start(place, fd);
		return;
	}
	a = mem_new(struct arrival);
	a->post.fn = on_arrival;
	a->place = place;
	a->fd = fd;
	worker_post(place->worker, &a->post);
}

/* ---- the end ------------------------------------------------------------- */

/* On main. */
static void
on_emptied(struct post *p)
{
	struct milter_loops *l = post_owner(p, struct loop, emptied)->all;

	if (--l->left == 0)
		l->fn(l->ctx);
}

static void
on_gone(void *ctx)
{
	struct loop *loop = ctx;

	if (!loop->place.stopping || loop->place.count > 0 || loop->told)
		return;
	loop->told = true;
	worker_post(loop->all->main, &loop->emptied);
}

static void
on_begin_stop(struct post *p)
{
	struct loop *loop = post_owner(p, struct loop, begin_stop);

	milter_links_stop(&loop->place);
	on_gone(loop);
}

static void
on_end_all(struct post *p)
{
	milter_links_end(&post_owner(p, struct loop, end_all)->place);
}

/* On the first one: what it has let in is on its way before this. */
static void
on_stop(struct post *p)
{
	struct milter_loops *l = post_owner(p, struct milter_loops, stop);

	acceptor_free(&l->acceptor);
	for (size_t i = 0; i < l->count; i++)
		worker_post(l->workers[i], &l->v[i].begin_stop);
}

static void
on_impatient(evutil_socket_t fd, short what, void *arg)
{
	struct milter_loops *l = arg;

	(void)fd;
	(void)what;
	for (size_t i = 0; i < l->count; i++)
		worker_post(l->workers[i], &l->v[i].end_all);
}

void
milter_loops_stop(struct milter_loops *l, void (*fn)(void *ctx), void *ctx)
{
	static const struct timeval tv = { .tv_sec = PATIENCE_S };

	CHECK(l->fn == NULL);
	l->fn = fn;
	l->ctx = ctx;
	l->left = l->count;
	CHECK(event_add(l->patience, &tv) == 0);
	worker_post(l->workers[0], &l->stop);
}

/* ---- life ---------------------------------------------------------------- */

static size_t
processors(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	if (n < 1)
		return 1;
	return n > LOOPS_MAX ? LOOPS_MAX : (size_t)n;
}

static int
make_loop(struct milter_loops *l, struct milter_env *env, struct err *e)
{
	struct loop *loop = &l->v[l->count];
	struct worker *w;
	char name[32];

	(void)snprintf(name, sizeof(name), "filter-%zu", l->count);
	w = worker_new(name, e);
	if (w == NULL)
		return -1;
	l->workers[l->count++] = w;
	loop->all = l;
	loop->place = (struct milter_place){ .env = env,
		.worker = w,
		.idle_us = MILTER_IDLE_US,
		.stop_idle_us = MILTER_STOP_IDLE_US,
		.gone = on_gone,
		.ctx = loop };
	LIST_INIT(&loop->place.links);
	loop->begin_stop.fn = on_begin_stop;
	loop->end_all.fn = on_end_all;
	loop->emptied.fn = on_emptied;
	return 0;
}

struct milter_loops *
milter_loops_new(struct worker *main, struct milter_env *env, struct err *e)
{
	struct milter_loops *l = mem_new(struct milter_loops);
	size_t n = processors();

	l->main = main;
	l->stop.fn = on_stop;
	l->workers = mem_array(n, sizeof(struct worker *));
	l->v = mem_array(n, sizeof(*l->v));
	l->patience = evtimer_new(worker_base(main), on_impatient, l);
	CHECK(l->patience != NULL);
	while (l->count < n && make_loop(l, env, e) == 0)
		;
	if (l->count < n)
		milter_loops_free(&l);
	return l;
}

struct worker *const *
milter_loops_workers(const struct milter_loops *l, size_t *n_r)
{
	*n_r = l->count;
	return l->workers;
}

int
milter_loops_start(struct milter_loops *l, const char *where, struct err *e)
{
	const struct acceptor_options opt = { .name = where,
		.fn = hand_over,
		.ctx = l };
	struct net_addr own;
	int fd = net_listen_any(where, e);

	if (fd == -1)
		return err_where(e, "milter-listener");
	net_local_addr(fd, &own);
	l->v[0].place.env->unix_socket = own.family == 0;
	l->acceptor = acceptor_new(worker_base(l->workers[0]), fd, &opt);
	for (size_t i = 0; i < l->count; i++)
		if (worker_start(l->workers[i], e) == -1)
			return -1;
	return 0;
}

void
milter_loops_join(struct milter_loops *l)
{
	for (size_t i = 0; i < l->count; i++) {
		worker_stop(l->workers[i]);
		worker_join(l->workers[i]);
	}
}

void
milter_loops_free(struct milter_loops **lp)
{
	struct milter_loops *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	acceptor_free(&l->acceptor);
	event_free(l->patience);
	for (size_t i = 0; i < l->count; i++)
		worker_free(&l->workers[i]);
	free(l->v);
	free(l->workers);
	free(l);
}

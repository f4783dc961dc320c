/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/worker.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/mem.h"

enum {
	/* Who gathers posts for another wakes it after so many at the latest. */
	GATHER_POSTS = 32,
	/* And so many others at the most: a few for each post. */
	GATHER_FOR = 16
};

/* Posts for another worker, which is to be woken. */
struct gathered {
	struct worker *to;
	unsigned posts;
};

/* The worker whose thread this is. */
static _Thread_local struct worker *here;

struct deferred {
	STAILQ_ENTRY(deferred) link;
	worker_fn *fn;
	void *arg;
};

struct worker {
	char name[16]; /* what the kernel keeps of a thread's name */
	pthread_t thread;
	pthread_t self; /* set by the thread that runs it */
	bool started;
	_Atomic bool running, stopping;

	struct event_base *base;
	struct event *wake;
	int wake_fd;

	pthread_mutex_t lock;   /* guards: inbox, woken */
	struct post_list inbox; /* what others have sent */
	bool woken;             /* a wake-up is under way */

	/* The worker's own: */
	STAILQ_HEAD(, deferred) deferred;
	struct event *deferred_ev;
	struct event *pass_end;
	worker_fn *round_fn;
	void *round_arg;
	struct gathered gathered[GATHER_FOR];
	unsigned gathered_count;
	bool gathers;
};

static void
run_posts(struct worker *w)
{
	struct post_list mine = STAILQ_HEAD_INITIALIZER(mine);
	struct post *p;

	(void)pthread_mutex_lock(&w->lock);
	STAILQ_CONCAT(&mine, &w->inbox);
	w->woken = false;
	(void)pthread_mutex_unlock(&w->lock);

	while ((p = STAILQ_FIRST(&mine)) != NULL) {
		STAILQ_REMOVE_HEAD(&mine, link);
		p->fn(p); /* owns p: it may be gone */
	}
	if (w->round_fn != NULL)
		w->round_fn(w->round_arg);
}

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	run_posts(w);
	if (atomic_load(&w->stopping))
		(void)event_base_loopbreak(w->base);
}

/* Runs from the loop, so nothing else is on the stack. */
static void
deferred_free(struct deferred **dp)
{
	free(*dp);
	*dp = NULL;
}

static void
on_deferred(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;
	struct deferred *d;

	(void)fd;
	(void)what;
	while ((d = STAILQ_FIRST(&w->deferred)) != NULL) {
		STAILQ_REMOVE_HEAD(&w->deferred, link);
		d->fn(d->arg);
		deferred_free(&d);
	}
}

static void
wake(struct worker *w)
{
	uint64_t one = 1;

	CHECK(write(w->wake_fd, &one, sizeof(one)) == (ssize_t)sizeof(one));
}

/* Unless somebody has, or it found what was posted by itself. */
static void
wake_if_needed(struct worker *to)
{
	bool wanted;

	(void)pthread_mutex_lock(&to->lock);
	wanted = !to->woken && !STAILQ_EMPTY(&to->inbox);
	to->woken = to->woken || wanted;
	(void)pthread_mutex_unlock(&to->lock);
	if (wanted)
		wake(to);
}

static void
wake_gathered(struct worker *w)
{
	for (unsigned i = 0; i < w->gathered_count; i++)
		wake_if_needed(w->gathered[i].to);
	w->gathered_count = 0;
}

static void
on_pass_end(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	wake_gathered(arg);
}

static void
wake_later(struct worker *w, struct worker *to)
{
	unsigned i = 0;

	while (i < w->gathered_count && w->gathered[i].to != to)
		i++;
	if (i == GATHER_FOR) {
		wake_gathered(w);
		i = 0;
	}
	if (i == w->gathered_count)
		w->gathered[w->gathered_count++] = (struct gathered){ to, 0 };
	if (w->gathered_count == 1) /* behind the events that are ready */
		event_active(w->pass_end, EV_TIMEOUT, 0);
	w->gathered[i].posts++;
	if (w->gathered[i].posts % GATHER_POSTS == 0)
		wake_if_needed(to);
}

struct worker *
worker_new(const char *name, struct err *e)
{
	struct worker *w = mem_new(struct worker);

	STAILQ_INIT(&w->inbox);
	STAILQ_INIT(&w->deferred);
	CHECK(pthread_mutex_init(&w->lock, NULL) == 0);
	(void)strncpy(w->name, name, sizeof(w->name) - 1);
	w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (w->wake_fd == -1) {
		(void)err_sys(e, "eventfd");
		worker_free(&w);
		return NULL;
	}
	w->base = event_base_new();
	CHECK(w->base != NULL);
	/* Each write is an edge: nobody has to read what they add up to. */
	CHECK((event_base_get_features(w->base) & EV_FEATURE_ET) != 0);
	w->wake = event_new(w->base, w->wake_fd, EV_READ | EV_PERSIST | EV_ET,
	    on_wake, w);
	w->deferred_ev = event_new(w->base, -1, 0, on_deferred, w);
	w->pass_end = event_new(w->base, -1, 0, on_pass_end, w);
	CHECK(w->wake != NULL && w->deferred_ev != NULL && w->pass_end != NULL);
	CHECK(event_add(w->wake, NULL) == 0);
	return w;
}

void
worker_free(struct worker **wp)
{
	struct worker *w = *wp;

	*wp = NULL;
	if (w == NULL)
		return;
	CHECK(!w->started && !atomic_load(&w->running));
	if (w->base != NULL) {
		on_deferred(-1, 0, w); /* what was to be freed at the end */
		event_free(w->wake);
		event_free(w->deferred_ev);
		event_free(w->pass_end);
		event_base_free(w->base);
	}
	if (w->wake_fd >= 0)
		(void)close(w->wake_fd);
	(void)pthread_mutex_destroy(&w->lock);
	free(w);
}

void
worker_run(struct worker *w)
{
	CHECK(!atomic_load(&w->running));
	w->self = pthread_self();
	here = w;
	atomic_store(&w->running, true);
	(void)event_base_dispatch(w->base);
	/* Posts sent before the stop still run. */
	run_posts(w);
	wake_gathered(w);
	atomic_store(&w->running, false);
	here = NULL;
}

static void *
thread_main(void *arg)
{
	struct worker *w = arg;

	(void)pthread_setname_np(pthread_self(), w->name);
	worker_run(w);
	return NULL;
}

/* Signals are for the first thread, but those that tell of our own faults. */
static int
create_thread(struct worker *w)
{
	static const int faults[] = { SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV,
		SIGSYS, SIGTRAP };
	sigset_t mine, all;
	int code;

	(void)sigfillset(&all);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		(void)sigdelset(&all, faults[i]);
	CHECK(pthread_sigmask(SIG_BLOCK, &all, &mine) == 0);
	code = pthread_create(&w->thread, NULL, thread_main, w);
	CHECK(pthread_sigmask(SIG_SETMASK, &mine, NULL) == 0);
	return code;
}

int
worker_start(struct worker *w, struct err *e)
{
	int code;

	CHECK(!w->started);
	w->started = true;
	code = create_thread(w);
	if (code != 0) {
		w->started = false;
		errno = code;
		return err_sys(e, "starting thread %s", w->name);
	}
	return 0;
}

void
worker_on_round(struct worker *w, worker_fn *fn, void *arg)
{
	w->round_fn = fn;
	w->round_arg = arg;
}

void
worker_gather(struct worker *w)
{
	CHECK(!atomic_load(&w->running));
	w->gathers = true;
}

void
worker_wake_others(void)
{
	if (here != NULL)
		wake_gathered(here);
}

void
worker_stop(struct worker *w)
{
	atomic_store(&w->stopping, true);
	wake(w);
}

void
worker_join(struct worker *w)
{
	if (!w->started)
		return;
	CHECK(pthread_join(w->thread, NULL) == 0);
	w->started = false;
}

struct event_base *
worker_base(struct worker *w)
{
	return w->base;
}

bool
worker_is_self(const struct worker *w)
{
	return atomic_load(&w->running) &&
	    pthread_equal(w->self, pthread_self());
}

void
worker_post_list(struct worker *w, struct post_list *l)
{
	bool late = here != NULL && here->gathers && here != w, first;

	if (STAILQ_EMPTY(l))
		return;
	(void)pthread_mutex_lock(&w->lock);
	STAILQ_CONCAT(&w->inbox, l);
	first = !late && !w->woken;
	w->woken = w->woken || first;
	(void)pthread_mutex_unlock(&w->lock);
	if (late)
		wake_later(here, w);
	if (first)
		wake(w);
}

void
worker_post(struct worker *w, struct post *p)
{
	struct post_list one = STAILQ_HEAD_INITIALIZER(one);

	CHECK(p->fn != NULL);
	STAILQ_INSERT_TAIL(&one, p, link);
	worker_post_list(w, &one);
}

void
worker_defer(struct worker *w, worker_fn *fn, void *arg)
{
	struct deferred *d = mem_new(struct deferred);

	d->fn = fn;
	d->arg = arg;
	STAILQ_INSERT_TAIL(&w->deferred, d, link);
	event_active(w->deferred_ev, EV_TIMEOUT, 0);
}

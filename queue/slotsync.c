/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/slotsync.h"

#include <event2/event.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "lib/worker.h"
#include "queue/inflight_priv.h"
#include "queue/store_priv.h"

struct slotsync {
	struct inflight *inflight;
	struct worker *worker;
	struct event *timer;
	struct post dirty; /* under way at most once: see inflight_on_dirty() */
	bool running;
	_Atomic uint64_t count;
};

static void
sync_now(struct slotsync *y)
{
	bool synced;
	struct err e;

	if (inflight_sync(y->inflight, &synced, &e) == -1)
		store_die("flush", &e);
	if (synced)
		atomic_fetch_add_explicit(&y->count, 1, memory_order_relaxed);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	sync_now(arg);
}

/* Those that are filled until then come along. */
static void
on_dirty(struct post *p)
{
	const struct timeval soon = { .tv_usec = SLOTSYNC_MS * 1000L };
	struct slotsync *y = post_owner(p, struct slotsync, dirty);

	CHECK(event_add(y->timer, &soon) == 0);
}

static void
tell(void *arg) /* on the worker that filled a slot */
{
	struct slotsync *y = arg;

	worker_post(y->worker, &y->dirty);
}

int
slotsync_new(struct inflight *f, struct slotsync **y_r, struct err *e)
{
	struct slotsync *y = mem_new(struct slotsync);

	*y_r = NULL;
	y->inflight = f;
	y->dirty.fn = on_dirty;
	y->worker = worker_new("slots", e);
	if (y->worker == NULL)
		goto out;
	y->timer = event_new(worker_base(y->worker), -1, 0, on_timer, y);
	CHECK(y->timer != NULL);
	inflight_on_dirty(f, tell, y);
	if (worker_start(y->worker, e) == -1)
		goto out;
	y->running = true;
	*y_r = y; /* moved */
	return 0;
out:
	slotsync_free(&y);
	return -1;
}

void
slotsync_free(struct slotsync **yp)
{
	struct slotsync *y = *yp;

	*yp = NULL;
	if (y == NULL)
		return;
	if (y->running) {
		worker_stop(y->worker);
		worker_join(y->worker);
		sync_now(y);
	}
	inflight_on_dirty(y->inflight, NULL, NULL);
	if (y->timer != NULL)
		event_free(y->timer);
	worker_free(&y->worker);
	free(y);
}

uint64_t
slotsync_count(const struct slotsync *y)
{
	return atomic_load_explicit(&y->count, memory_order_relaxed);
}

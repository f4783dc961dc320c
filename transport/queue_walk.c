/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/queue_walk.h"

#include "lib/clock.h"

#define SLICE_US (2 * US_PER_MS)
#define LOOK_EVERY 32 /* queues, between two looks at the clock */

static enum queue_walk_next
visit_next(struct queue_walk *w, int64_t now_us)
{
	struct sched_queue *q;

	if (w->again)
		return w->visit(w, w->at.queue, now_us);
	q = sched_walk_next(&w->at);
	if (q == NULL)
		return WALK_END;
	w->queues++;
	if (!queue_pattern_fits(w->wanted, q))
		return WALK_ON;
	w->matching++;
	return w->visit(w, q, now_us);
}

static void
on_slice(struct dispatch_ask *ask, struct sched *s, int64_t now_us)
{
	struct queue_walk *w = post_owner(ask, struct queue_walk, ask);
	int64_t until_us = clock_us() + SLICE_US;

	if (!w->begun)
		sched_walk_begin(&w->at, s);
	w->begun = true;
	w->sched = s;
	for (unsigned i = 1;; i++) {
		enum queue_walk_next next = visit_next(w, now_us);

		w->again = next == WALK_AGAIN || next == WALK_WAIT;
		if (next == WALK_WAIT)
			return; /* it may be going on already */
		if (next == WALK_END)
			break;
		if ((i % LOOK_EVERY == 0 || w->again) &&
		    clock_us() >= until_us) {
			queue_walk_go(w);
			return;
		}
	}
	sched_walk_end(&w->at);
	w->begun = w->again = false;
	w->done(w);
}

void
queue_walk_go(struct queue_walk *w)
{
	w->ask.fn = on_slice;
	dispatch_ask(w->dispatch, &w->ask);
}

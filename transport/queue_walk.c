/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/queue_walk.h"

#include <stdlib.h>

#include "lib/clock.h"
#include "lib/mem.h"

#define SLICE_US (2 * US_PER_MS)
#define LOOK_EVERY 32 /* queues, between two looks at the clock */

/*
 * Was another queue of its group visited before?  Names of groups stay as long
 * as the scheduler, and there are few.
 */
static bool
is_known(struct queue_walk *w, const struct sched_queue *q)
{
	const char *group = sched_queue_group(q);

	if (group[0] == '\0')
		return false;
	for (size_t i = 0; i < w->groups_n; i++)
		if (w->groups[i] == group)
			return true;
	w->groups = mem_realloc(w->groups,
	    (w->groups_n + 1) * sizeof(w->groups[0]));
	w->groups[w->groups_n++] = group;
	return false;
}

static bool
is_wanted(struct queue_walk *w, const struct sched_queue *q)
{
	if (!w->by_standing)
		return queue_pattern_fits(w->wanted, q);
	return (queue_pattern_fits(w->wanted, q) ||
		   queue_pattern_fits_group(w->wanted, q)) &&
	    !is_known(w, q);
}

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
	if (!is_wanted(w, q))
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
	w->missed = w->of_all && !dispatch_is_loaded(w->dispatch);
	w->sched = s;
	for (unsigned i = 1;; i++) {
		enum queue_walk_next next = w->missed ? WALK_END :
							visit_next(w, now_us);

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
	free(w->groups);
	w->groups = NULL;
	w->groups_n = 0;
	w->done(w);
}

void
queue_walk_go(struct queue_walk *w)
{
	w->ask.fn = on_slice;
	if (w->of_all)
		dispatch_ask_loaded(w->dispatch, &w->ask);
	else
		dispatch_ask(w->dispatch, &w->ask);
}

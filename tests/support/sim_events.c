/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to happen in the sim: a heap of events, by time, and by the order in
 * which they were posted.  The heap owns an event until it is taken.
 */
#include "tests/support/sim_priv.h"

#include <stdlib.h>

#include "lib/mem.h"

static bool
event_before(const void *a, const void *b)
{
	const struct sim_event *x = a, *y = b;

	if (x->at_us != y->at_us)
		return x->at_us < y->at_us;
	return x->seq < y->seq;
}

static void
event_moved(void *item, uint32_t index)
{
	(void)item;
	(void)index;
}

static const struct heap_ops event_ops = { event_before, event_moved };

void
sim_post(struct sim_conn *c, enum sim_event_kind kind, int64_t after_us)
{
	static uint64_t seq;
	struct sim_event *ev = mem_new(struct sim_event);

	ev->at_us = c->sim->now_us + after_us;
	ev->seq = ++seq;
	ev->kind = kind;
	ev->conn = c;
	heap_push(&c->sim->events, &event_ops, ev);
}

int64_t
sim_event_next(const struct sim *sim)
{
	const struct sim_event *ev = heap_top(&sim->events);

	return ev == NULL ? INT64_MAX : ev->at_us;
}

struct sim_event *
sim_event_take(struct sim *sim, int64_t now_us)
{
	struct sim_event *ev = heap_top(&sim->events);

	if (ev == NULL || ev->at_us > now_us)
		return NULL;
	heap_remove(&sim->events, &event_ops, 0);
	return ev;
}

void
sim_events_drop(struct sim *sim, const struct sim_conn *c)
{
	for (uint32_t i = sim->events.n; i-- > 0;) {
		struct sim_event *ev = sim->events.v[i];

		if (c != NULL && ev->conn != c)
			continue;
		heap_remove(&sim->events, &event_ops, i);
		free(ev);
		i = sim->events.n; /* others have moved */
	}
}

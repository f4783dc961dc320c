/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop - runs a worker's events on the test's own thread until something has
 * happened, for ten seconds at most; header only.
 */

#ifndef TESTS_UNIT_LOOP_H
#define TESTS_UNIT_LOOP_H

#include <event2/event.h>
#include <stdbool.h>

#include "lib/clock.h"
#include "lib/worker.h"

#define LOOP_PATIENCE_US (10 * US_PER_S)

/* Posts, timers and descriptors; false: it has not happened. */
static inline bool
loop_until(struct worker *w, bool (*happened)(const void *), const void *ctx)
{
	static const struct timeval look = { .tv_usec = 5000 };
	struct event_base *base = worker_base(w);
	int64_t end_us = clock_us() + LOOP_PATIENCE_US;

	while (!happened(ctx)) {
		if (clock_us() > end_us)
			return false;
		/* So that what shows outside of the loop is seen as well. */
		(void)event_base_loopexit(base, &look);
		(void)event_base_loop(base, EVLOOP_ONCE);
	}
	return true;
}

/* For happened: a bool that some callback sets. */
static inline bool
loop_flag(const void *flag)
{
	return *(const bool *)flag;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/window.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"

#define RING_MIN 4
#define GUARD_PART 200 /* of the period */

static int64_t
guard(int64_t period_us)
{
	int64_t g = period_us / GUARD_PART;

	return g > US_PER_S ? US_PER_S : g;
}

static struct window_entry *
entry(const struct window *w, uint32_t i)
{
	return &w->ring[(w->head + i) & (w->cap - 1)];
}

static void
ring_free(struct window_entry **ringp)
{
	free(*ringp);
	*ringp = NULL;
}

void
window_set(struct window *w, uint64_t max, int64_t period_us)
{
	CHECK(max > 0 && period_us > 0);
	w->max = max;
	w->period_us = period_us;
	w->length_us = period_us + guard(period_us);
	w->part_us = max > WINDOW_EXACT ? period_us / WINDOW_PARTS : 0;
}

void
window_init(struct window *w, uint64_t max, int64_t period_us)
{
	*w = (struct window){ 0 };
	window_set(w, max, period_us);
}

void
window_fini(struct window *w)
{
	ring_free(&w->ring);
	*w = (struct window){ 0 };
}

int64_t
window_span(const struct window *w)
{
	return w->length_us + w->part_us;
}

/*
 * Lets go of what has left the window.  What will happen later than a window
 * from now tells of a clock that stepped back: it counts from now.
 */
static void
forget(struct window *w, int64_t now_us)
{
	if (w->used > 0 && entry(w, w->used - 1)->at_us - w->length_us > now_us)
		for (uint32_t i = 0; i < w->used; i++)
			if (entry(w, i)->at_us > now_us)
				entry(w, i)->at_us = now_us;
	while (w->used > 0 && entry(w, 0)->at_us + w->length_us <= now_us) {
		w->count -= entry(w, 0)->count;
		w->head = (w->head + 1) & (w->cap - 1);
		w->used--;
	}
	if (w->used == 0 && w->cap > RING_MIN) {
		ring_free(&w->ring);
		w->cap = w->head = 0;
	}
}

uint64_t
window_room(struct window *w, int64_t now_us)
{
	uint64_t taken;

	forget(w, now_us);
	taken = w->count + w->pending;
	return taken < w->max ? w->max - taken : 0;
}

int64_t
window_next(struct window *w, uint64_t n, int64_t now_us)
{
	uint64_t surplus;

	CHECK(n > 0);
	if (n > w->max)
		n = w->max; /* all there is */
	if (window_room(w, now_us) >= n)
		return now_us;
	if (w->ring == NULL)
		return INT64_MAX; /* what counts is pending, all of it */
	/* They may go when so many have left. */
	surplus = w->count + w->pending - (w->max - n);
	for (uint32_t i = 0; i < w->used; i++) {
		if (entry(w, i)->count >= surplus)
			return entry(w, i)->at_us + w->length_us;
		surplus -= entry(w, i)->count;
	}
	return INT64_MAX;
}

int64_t
window_end(const struct window *w)
{
	return w->used == 0 ? 0 : entry(w, w->used - 1)->at_us + w->length_us;
}

const struct window_entry *
window_at(const struct window *w, uint32_t i)
{
	CHECK(i < w->used);
	return entry(w, i);
}

void
window_take(struct window *w, uint64_t n)
{
	w->pending += n;
}

void
window_return(struct window *w, uint64_t n)
{
	CHECK(w->pending >= n);
	w->pending -= n;
}

static void
grow(struct window *w)
{
	uint32_t cap = w->cap == 0 ? RING_MIN : w->cap * 2;
	struct window_entry *ring = mem_array(cap, sizeof(*ring));

	for (uint32_t i = 0; i < w->used; i++)
		ring[i] = *entry(w, i);
	ring_free(&w->ring);
	w->ring = ring;
	w->head = 0;
	w->cap = cap;
}

void
window_add(struct window *w, uint64_t n, int64_t when_us)
{
	struct window_entry *last;

	if (n == 0)
		return;
	w->count += n;
	/* Kept in order: one told late counts as late as the one before. */
	last = w->used > 0 ? entry(w, w->used - 1) : NULL;
	if (last != NULL &&
	    (last->at_us >= when_us || when_us - w->first_us < w->part_us)) {
		last->count += n;
		if (last->at_us < when_us)
			last->at_us = when_us;
		return;
	}
	if (w->used == w->cap)
		grow(w);
	w->used++;
	last = entry(w, w->used - 1);
	last->at_us = w->first_us = when_us;
	last->count = n;
}

void
window_settle(struct window *w, uint64_t n, int64_t when_us)
{
	window_return(w, n);
	window_add(w, n, when_us);
}

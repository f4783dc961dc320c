/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/timer.h"

#include <stddef.h>

static bool
before(const void *a, const void *b)
{
	return ((const struct timer *)a)->at_us <
	    ((const struct timer *)b)->at_us;
}

static void
moved(void *item, uint32_t index)
{
	((struct timer *)item)->index = index;
}

static const struct heap_ops ops = { before, moved };

void
timer_init(struct timer *t, enum timer_kind kind)
{
	t->at_us = INT64_MAX;
	t->index = HEAP_NONE;
	t->kind = kind;
}

void
timer_set(struct heap *timers, struct timer *t, int64_t at_us)
{
	if (t->at_us == at_us)
		return;
	t->at_us = at_us;
	if (at_us == INT64_MAX)
		heap_remove(timers, &ops, t->index);
	else if (t->index == HEAP_NONE)
		heap_push(timers, &ops, t);
	else
		heap_fix(timers, &ops, t->index);
}

struct timer *
timer_pop(struct heap *timers, int64_t now_us)
{
	struct timer *t = heap_top(timers);

	if (t == NULL || t->at_us > now_us)
		return NULL;
	timer_set(timers, t, INT64_MAX);
	return t;
}

int64_t
timer_next(const struct heap *timers)
{
	const struct timer *t = heap_top(timers);

	return t == NULL ? INT64_MAX : t->at_us;
}

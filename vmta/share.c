/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/share.h"

#include <stddef.h>

#include "lib/check.h"

#define PASS_UNIT (1 << 20) /* of cost 1 at weight 1 */
#define DEBT_MAX 10000      /* cost; a flow owes no more */

static bool
before(const void *a, const void *b)
{
	const struct share_flow *x = a, *y = b;

	if (x->pass != y->pass)
		return x->pass - y->pass < 0;
	return x->order < y->order;
}

static void
moved(void *item, uint32_t index)
{
	((struct share_flow *)item)->index = index;
}

static const struct heap_ops by_pass = { before, moved };

void
share_flow_init(struct share_flow *f, uint16_t weight)
{
	*f = (struct share_flow){ .index = HEAP_NONE, .weight = weight };
}

void
share_fini(struct share *s)
{
	heap_fini(&s->flows);
}

static int64_t
pass_of(uint32_t cost, uint16_t weight)
{
	CHECK(weight > 0 && weight <= SHARE_WEIGHT_MAX);
	return (int64_t)cost * PASS_UNIT / weight;
}

/* Its pass has changed, or it is not in yet. */
static void
place(struct share *s, struct share_flow *f)
{
	f->order = ++s->order;
	if (f->index == HEAP_NONE)
		heap_push(&s->flows, &by_pass, f);
	else
		heap_fix(&s->flows, &by_pass, f->index);
}

/* Where one that comes anew begins, unless it owes more. */
static void
begin(const struct share *s, struct share_flow *f)
{
	int64_t at = s->now + pass_of(1, f->weight);

	if (f->index == HEAP_NONE || f->pass - at < 0)
		f->pass = at;
}

static void
settle(struct share *s)
{
	const struct share_flow *f = heap_top(&s->flows);

	if (f != NULL && f->waits && f->pass - s->now > 0)
		s->now = f->pass;
}

void
share_enter(struct share *s, struct share_flow *f)
{
	if (f->waits)
		return;
	begin(s, f);
	f->waits = true;
	place(s, f);
	settle(s);
}

void
share_enter_first(struct share *s, struct share_flow *f)
{
	share_enter_ranked(s, f, s->now - 1);
}

void
share_enter_ranked(struct share *s, struct share_flow *f, int64_t rank)
{
	if (f->waits)
		return;
	f->pass = rank;
	f->waits = true;
	place(s, f);
}

void
share_leave(struct share_flow *f)
{
	f->waits = false;
}

void
share_drop(struct share *s, struct share_flow *f)
{
	f->waits = false;
	if (f->index == HEAP_NONE)
		return;
	heap_remove(&s->flows, &by_pass, f->index);
	f->index = HEAP_NONE;
}

void
share_charge(struct share *s, struct share_flow *f, uint32_t cost)
{
	int64_t most = s->now + pass_of(DEBT_MAX, f->weight);

	if (f->index == HEAP_NONE)
		begin(s, f);
	f->pass += pass_of(cost, f->weight);
	if (f->pass - most > 0)
		f->pass = most;
	place(s, f);
	settle(s);
}

uint32_t
share_debt(const struct share *s, const struct share_flow *f)
{
	int64_t ahead = f->pass - s->now;

	if (f->index == HEAP_NONE || ahead <= 0)
		return 0;
	return (uint32_t)(ahead * f->weight / PASS_UNIT);
}

struct share_flow *
share_done(struct share *s)
{
	struct share_flow *f = heap_top(&s->flows);

	settle(s);
	return f == NULL || f->waits ? NULL : f;
}

struct share_flow *
share_first(const struct share *s)
{
	return heap_top(&s->flows);
}

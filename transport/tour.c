/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/tour.h"

#include "lib/check.h"

void
tour_begin(struct tour *t, const struct sched_place *at, size_t count,
    uint32_t most, bool one_call)
{
	*t = (struct tour){ .count = count,
		.most = most,
		.one_call = one_call,
		.refused = true };
	if (at == NULL)
		return;
	CHECK(at->next == 0 || at->next < count);
	t->next = at->next;
	/* Of a place from before a reload it may be fewer. */
	t->tried = at->tried < most - 1 ? at->tried : most - 1;
	t->refused = t->tried == 0 || at->refused;
	t->skipped = t->untried = at->stays && at->next > 0;
}

bool
tour_is_last(const struct tour *t)
{
	return t->next >= t->count || t->tried >= t->most;
}

enum tour_step
tour_next(const struct tour *t)
{
	if (tour_is_last(t))
		return TOUR_END;
	return t->one_call && t->called ? TOUR_LEAVE : TOUR_CALL;
}

void
tour_call(struct tour *t)
{
	CHECK(tour_next(t) == TOUR_CALL);
	t->next++;
	t->tried++;
}

void
tour_called(struct tour *t)
{
	t->called = true;
}

void
tour_again(struct tour *t)
{
	CHECK(t->next > 0 && t->tried > 0);
	t->next--;
	t->tried--;
}

void
tour_pass(struct tour *t)
{
	CHECK(t->next < t->count);
	t->full = true;
	t->next++;
}

/* A 554 is about our address, and no word of the host's mail (RFC 5321, 3.1). */
void
tour_failed(struct tour *t, const struct outcome *why)
{
	t->refused = t->refused && why->kind == OUTCOME_REPLY &&
	    why->phase == PHASE_GREETING && why->code >= 500 &&
	    why->code != 554;
}

void
tour_skip(struct tour *t)
{
	t->refused = false;
	t->skipped = t->untried = true;
}

void
tour_given(struct tour *t)
{
	t->untried = false;
}

bool
tour_all_refused(const struct tour *t)
{
	return t->refused && !t->full && tour_is_last(t);
}

bool
tour_is_owed(const struct tour *t)
{
	return t->untried && t->next > 0;
}

void
tour_rest(const struct tour *t, struct sched_place *at)
{
	at->next = (uint32_t)t->next;
	at->tried = t->tried;
	at->refused = t->refused;
	at->stays = t->skipped;
}

void
tour_here(const struct tour *t, struct sched_place *at)
{
	struct tour before = *t;

	tour_again(&before);
	tour_rest(&before, at);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/limit.h"

#include "lib/check.h"

/* ---- so many at once ----------------------------------------------------- */

void
slots_set(struct slots *l, uint32_t max)
{
	l->max = max == 0 ? UINT32_MAX : max;
}

void
slots_take(struct slots *l)
{
	CHECK(l->used < l->max);
	l->used++;
}

void
slots_return(struct slots *l)
{
	CHECK(l->used > 0);
	l->used--;
}

uint32_t
slots_max(const struct slots *l)
{
	return ramp_is_on(l->ramp) ? ramp_part(l->ramp, l->max) : l->max;
}

uint32_t
slots_room(const struct slots *l)
{
	uint32_t max = slots_max(l);

	return l->used < max ? max - l->used : 0;
}

int64_t
slots_next(const struct slots *l)
{
	return ramp_is_on(l->ramp) && l->used < l->max ? ramp_next(l->ramp) :
							 INT64_MAX;
}

/* ---- so many in a period ------------------------------------------------- */

static void
set(struct rate_limit *l, uint64_t max, int64_t period_us, int64_t now_us)
{
	l->limited = max > 0;
	if (!l->limited)
		return; /* what is pending is still settled in the window */
	if (l->was_limited) {
		window_set(&l->window, max, period_us);
		pacer_set(&l->pacer, max, window_span(&l->window), now_us);
		return;
	}
	l->was_limited = true;
	window_init(&l->window, max, period_us);
	pacer_init(&l->pacer, max, window_span(&l->window), now_us);
}

void
rate_limit_set(struct rate_limit *l, const struct rate *rate, int64_t now_us)
{
	set(l, rate->count, rate->period_us, now_us);
}

void
rate_limit_set_data(struct rate_limit *l, const struct data_rate *rate,
    int64_t now_us)
{
	set(l, rate->bytes, rate->period_us, now_us);
}

bool
rate_limit_lease(struct rate_limit *l, struct lease_list *list, void *of,
    unsigned kind, int64_t now_us)
{
	bool recorded;

	if (l->limited && l->window.period_us > LEASE_PERIOD_US) {
		if (l->lease != NULL)
			return false;
		l->lease = lease_new(list, of, kind);
		lease_begin(l->lease, &l->window);
		return false;
	}
	if (l->lease == NULL ||
	    (!l->limited && !rate_limit_is_unused(l, now_us)))
		return false;
	recorded = l->lease->recorded;
	lease_free(&l->lease);
	return recorded;
}

void
rate_limit_restore(struct rate_limit *l, const struct lease_record *rec,
    int64_t elapsed_us, int64_t start_us)
{
	lease_restore(&l->window, rec, elapsed_us, start_us);
	if (l->lease != NULL)
		l->lease->recorded = true;
}

void
rate_limit_restore_full(struct rate_limit *l, int64_t start_us)
{
	window_add(&l->window, l->window.max, start_us);
	/* Also when it may be more meanwhile: what was spent may have been. */
	rate_limit_close(l, start_us);
}

void
rate_limit_close(struct rate_limit *l, int64_t start_us)
{
	int64_t until_us = start_us + l->window.length_us;

	if (l->closed_us < until_us)
		l->closed_us = until_us;
}

void
rate_limit_fini(struct rate_limit *l)
{
	if (l->lease != NULL)
		lease_free(&l->lease);
	window_fini(&l->window);
	*l = (struct rate_limit){ 0 };
}

uint64_t
rate_limit_room(struct rate_limit *l, uint64_t wish, int64_t now_us)
{
	uint64_t room;

	if (!l->limited)
		return wish;
	if (pacer_next(&l->pacer, now_us) > now_us || l->closed_us > now_us)
		return 0;
	room = window_room(&l->window, now_us);
	if (room > wish)
		room = wish;
	if (room == 0 || l->lease == NULL)
		return room;
	/* A lease for more would be more than a crash may cost. */
	if (room > lease_worth(&l->window))
		room = lease_worth(&l->window);
	if (lease_next(l->lease, &l->window, room, now_us) > now_us)
		room = lease_room(l->lease, l->window.pending);
	return room;
}

int64_t
rate_limit_next_for(struct rate_limit *l, uint64_t n, int64_t now_us)
{
	int64_t paced, free;

	if (!l->limited)
		return now_us;
	paced = pacer_next(&l->pacer, now_us);
	free = window_next(&l->window, n, now_us);
	if (paced > free)
		free = paced;
	if (l->closed_us > free)
		free = l->closed_us;
	if (free > now_us || l->lease == NULL)
		return free;
	return lease_next(l->lease, &l->window, n, now_us);
}

int64_t
rate_limit_next(struct rate_limit *l, int64_t now_us)
{
	return rate_limit_next_for(l, 1, now_us);
}

bool
rate_limit_leaves(struct rate_limit *l, uint64_t n, uint64_t need,
    int64_t at_us, int64_t now_us)
{
	if (!l->limited)
		return true;
	if (pacer_after(&l->pacer, n, n, now_us) > at_us)
		return false;
	if (at_us - now_us > l->window.length_us)
		return true; /* these will have left it */
	return n + need <= l->window.max &&
	    window_next(&l->window, n + need, now_us) <= at_us;
}

int64_t
rate_limit_nth(struct rate_limit *l, uint64_t others, uint64_t n,
    int64_t now_us)
{
	int64_t at = rate_limit_next_for(l, n, now_us), paced, free;
	uint64_t full;

	if (!l->limited || others == 0)
		return at;
	paced = pacer_after(&l->pacer, others, n, now_us);
	full = (others + n - 1) / l->window.max;
	free = window_next(&l->window, (others + n - 1) % l->window.max + 1,
	    now_us);
	if (paced == INT64_MAX || free == INT64_MAX ||
	    full > (uint64_t)(INT64_MAX / 4 / l->window.length_us))
		return paced;
	/* What goes now is in the way of what goes a whole window later. */
	free += (int64_t)full * l->window.length_us;
	return paced > free ? paced : free;
}

int64_t
rate_limit_end(const struct rate_limit *l)
{
	int64_t end = l->was_limited ? window_end(&l->window) : 0;

	if (l->limited && l->pacer.next_us > end)
		end = l->pacer.next_us;
	return end;
}

void
rate_limit_follow(struct rate_limit *l, const struct rate_limit *other,
    int64_t now_us)
{
	const struct window *w = &other->window;
	int64_t since_us = INT64_MIN;

	if (!other->was_limited)
		return;
	if (l->window.used > 0)
		since_us = window_at(&l->window, l->window.used - 1)->at_us;
	for (uint32_t i = 0; i < w->used; i++)
		if (window_at(w, i)->at_us > since_us)
			window_add(&l->window, window_at(w, i)->count,
			    window_at(w, i)->at_us);
	if (w->pending > l->window.pending)
		window_add(&l->window, w->pending - l->window.pending, now_us);
	if (l->lease != NULL)
		lease_begin(l->lease, &l->window);
}

bool
rate_limit_is_unused(const struct rate_limit *l, int64_t now_us)
{
	return !l->was_limited ||
	    (l->window.pending == 0 && rate_limit_end(l) <= now_us);
}

bool
rate_limit_take(struct rate_limit *l, uint64_t n, int64_t now_us)
{
	if (!l->limited)
		return false;
	CHECK(window_next(&l->window, n, now_us) <= now_us);
	CHECK(l->lease == NULL || lease_room(l->lease, l->window.pending) >= n);
	CHECK(pacer_take(&l->pacer, n, now_us));
	window_take(&l->window, n);
	if (l->lease != NULL)
		lease_taken(l->lease, &l->window, now_us);
	return true;
}

void
rate_limit_slow(struct rate_limit *l, uint64_t n, uint32_t percent)
{
	pacer_slow(&l->pacer, n, percent);
}

void
rate_limit_return(struct rate_limit *l, uint64_t n)
{
	window_return(&l->window, n);
	pacer_return(&l->pacer, n);
}

void
rate_limit_settle(struct rate_limit *l, uint64_t n, int64_t when_us)
{
	window_settle(&l->window, n, when_us);
	if (l->lease != NULL)
		lease_settled(l->lease, n);
}

uint32_t
rate_limit_conns(const struct rate_limit *l, int64_t busy_us, double by)
{
	double conns;

	if (!l->limited)
		return UINT32_MAX;
	conns = 1.5 * (double)l->window.max / (double)l->window.length_us *
	    (double)busy_us / by;
	return conns >= 1e6 ? 1000000 : (uint32_t)conns + 1;
}

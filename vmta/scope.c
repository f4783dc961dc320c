/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/scope.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"

/* A rate that blocks for longer than this is not waited for when opening. */
#define LEAD_MAX_US (5 * US_PER_S)

void
scope_init(struct scope *c, enum scope_kind kind)
{
	*c = (struct scope){ .kind = kind };
	slots_set(&c->conns, 0);
}

static void
forget(struct rate_limit **lp)
{
	struct rate_limit *l = *lp;

	*lp = NULL;
	rate_limit_fini(l);
	free(l);
}

void
scope_forget_rates(struct scope *c)
{
	for (int i = 0; i < LIMIT_RATES; i++)
		if (c->rates[i] != NULL)
			forget(&c->rates[i]);
}

void
scope_fini(struct scope *c)
{
	CHECK(c->conns.used == 0);
	scope_forget_rates(c);
}

/*
 * One with a lease stays: what is kept of it has to be forgotten first
 * (rate_limit_lease()).
 */
static void
drop_unused(struct rate_limit **lp, int64_t now_us)
{
	struct rate_limit *l = *lp;

	if (!l->limited && l->lease == NULL && rate_limit_is_unused(l, now_us))
		forget(lp);
}

void
scope_set_rate(struct scope *c, enum limit_kind kind, const struct rate *rate,
    int64_t now_us)
{
	struct rate_limit **lp = &c->rates[kind];

	if (*lp == NULL && rate->count == 0)
		return;
	if (*lp == NULL)
		*lp = mem_new(struct rate_limit);
	rate_limit_set(*lp, rate, now_us);
	drop_unused(lp, now_us);
}

void
scope_set_data(struct scope *c, const struct data_rate *rate, int64_t now_us)
{
	struct rate_limit **lp = &c->rates[LIMIT_DATA];

	if (*lp == NULL && rate->bytes == 0)
		return;
	if (*lp == NULL)
		*lp = mem_new(struct rate_limit);
	rate_limit_set_data(*lp, rate, now_us);
	drop_unused(lp, now_us);
}

void
scope_follow(struct scope *c, const struct scope *other, enum limit_kind kind,
    int64_t now_us)
{
	if (c->rates[kind] != NULL && other->rates[kind] != NULL)
		rate_limit_follow(c->rates[kind], other->rates[kind], now_us);
}

int64_t
scope_next(const struct scope *c, enum limit_kind kind, uint64_t n,
    int64_t now_us)
{
	if (c->rates[kind] == NULL)
		return now_us;
	return rate_limit_next_for(c->rates[kind], n == 0 ? 1 : n, now_us);
}

int64_t
scope_nth(const struct scope *c, enum limit_kind kind, uint64_t others,
    uint64_t n, int64_t now_us)
{
	if (c->rates[kind] == NULL)
		return now_us;
	return rate_limit_nth(c->rates[kind], others, n == 0 ? 1 : n, now_us);
}

uint64_t
scope_room(const struct scope *c, enum limit_kind kind, uint64_t wish,
    int64_t now_us)
{
	if (c->rates[kind] == NULL)
		return wish;
	return rate_limit_room(c->rates[kind], wish, now_us);
}

bool
scope_leaves(const struct scope *c, enum limit_kind kind, uint64_t n,
    uint64_t need, int64_t at_us, int64_t now_us)
{
	return c->rates[kind] == NULL ||
	    rate_limit_leaves(c->rates[kind], n == 0 ? 1 : n,
		need == 0 ? 1 : need, at_us, now_us);
}

int64_t
scope_lead(int64_t next_us, uint32_t setup_us, int64_t now_us)
{
	int64_t lead = setup_us < LEAD_MAX_US ? setup_us : LEAD_MAX_US;

	if (next_us - now_us <= lead)
		return now_us;
	return next_us == INT64_MAX ? next_us : next_us - lead;
}

uint32_t
scope_useful(const struct scope *c, int64_t busy_us, double rcpts,
    uint64_t bytes)
{
	uint32_t n = UINT32_MAX, data;

	if (scope_has(c, LIMIT_MSG))
		n = rate_limit_conns(c->rates[LIMIT_MSG], busy_us, rcpts);
	if (!scope_has(c, LIMIT_DATA))
		return n;
	data = rate_limit_conns(c->rates[LIMIT_DATA], busy_us,
	    bytes == 0 ? 1.0 : (double)bytes);
	return data < n ? data : n;
}

bool
scope_take(struct scope *c, enum limit_kind kind, uint64_t n, int64_t now_us)
{
	struct rate_limit *l = c->rates[kind];

	if (l == NULL || !rate_limit_take(l, n, now_us))
		return false;
	if (ramp_is_on(c->conns.ramp))
		rate_limit_slow(l, n, c->conns.ramp->percent);
	return true;
}

void
scope_settle(struct scope *c, enum limit_kind kind, uint64_t n, int64_t when_us)
{
	CHECK(c->rates[kind] != NULL); /* what is pending is kept */
	rate_limit_settle(c->rates[kind], n, when_us);
}

void
scope_return(struct scope *c, enum limit_kind kind, uint64_t n)
{
	CHECK(c->rates[kind] != NULL);
	rate_limit_return(c->rates[kind], n);
}

int64_t
scope_end(const struct scope *c)
{
	int64_t end = 0;

	for (int i = 0; i < LIMIT_RATES; i++) {
		int64_t t = c->rates[i] == NULL ? 0 :
						  rate_limit_end(c->rates[i]);

		end = t > end ? t : end;
	}
	return end;
}

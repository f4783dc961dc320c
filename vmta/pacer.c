/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/pacer.h"

#include "lib/check.h"
#include "lib/clock.h"

/* Bytes of a day times microseconds of a day need more than 64 bits. */
__extension__ typedef unsigned __int128 wide;

static int64_t
interval(const struct pacer *p)
{
	return (int64_t)((uint64_t)p->period_us / p->count);
}

static double
interval_exact(const struct pacer *p)
{
	return (double)p->period_us / (double)p->count;
}

static void
set(struct pacer *p, uint64_t count, int64_t period_us)
{
	CHECK(count > 0 && period_us > 0);
	p->count = count;
	p->rest = 0;
	p->period_us = period_us;
	p->slack_us = period_us / 20;
	if (p->slack_us > US_PER_S)
		p->slack_us = US_PER_S;
	if (p->slack_us < interval(p))
		p->slack_us = interval(p);
}

void
pacer_init(struct pacer *p, uint64_t count, int64_t period_us, int64_t now_us)
{
	set(p, count, period_us);
	p->next_us = now_us;
}

void
pacer_set(struct pacer *p, uint64_t count, int64_t period_us, int64_t now_us)
{
	double debt;

	if (p->count == count && p->period_us == period_us)
		return;
	debt = (double)(p->next_us - now_us) / interval_exact(p);
	set(p, count, period_us);
	if (debt > (double)count)
		debt = (double)count;
	if (debt > 0)
		p->next_us = now_us + (int64_t)(debt * interval_exact(p));
}

/* What goes at once may be as late as the one before it took. */
static int64_t
slack_for(const struct pacer *p, uint64_t n)
{
	int64_t most = p->period_us / 20;
	wide own = (wide)n * (uint64_t)p->period_us / p->count;

	if (own < (wide)most)
		most = (int64_t)own;
	return most > p->slack_us ? most : p->slack_us;
}

bool
pacer_take(struct pacer *p, uint64_t n, int64_t now_us)
{
	wide total;
	int64_t slack;

	CHECK(n > 0);
	if (pacer_next(p, now_us) > now_us)
		return false;
	if (n > p->count)
		n = p->count;
	slack = slack_for(p, n);
	if (p->next_us < now_us - slack) {
		p->next_us = now_us - slack;
		p->rest = 0;
	}
	total = (wide)n * (uint64_t)p->period_us + p->rest;
	p->next_us += (int64_t)(total / p->count);
	p->rest = (uint64_t)(total % p->count);
	return true;
}

void
pacer_slow(struct pacer *p, uint64_t n, uint32_t percent)
{
	CHECK(percent > 0 && percent <= 100);
	if (n > p->count)
		n = p->count;
	p->next_us += (int64_t)((wide)n * (uint64_t)p->period_us *
	    (100 - percent) / percent / p->count);
}

void
pacer_return(struct pacer *p, uint64_t n)
{
	if (n > p->count)
		n = p->count;
	p->next_us -= (int64_t)((wide)n * (uint64_t)p->period_us / p->count);
}

int64_t
pacer_next(struct pacer *p, int64_t now_us)
{
	/* Nothing is paid for longer ahead: the clock stepped back. */
	if (p->next_us - p->period_us > now_us)
		p->next_us = now_us + p->period_us;
	return p->next_us > now_us ? p->next_us : now_us;
}

int64_t
pacer_after(const struct pacer *p, uint64_t n, uint64_t each, int64_t now_us)
{
	wide takes = (wide)n * (uint64_t)p->period_us / p->count;
	int64_t at = now_us - slack_for(p, each);

	if (p->next_us > at)
		at = p->next_us;
	if (takes > (wide)(INT64_MAX / 4))
		return INT64_MAX;
	at += (int64_t)takes;
	return at > now_us ? at : now_us;
}

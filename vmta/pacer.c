/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/pacer.h"

#include "lib/check.h"
#include "lib/clock.h"

static int64_t
interval(const struct pacer *p)
{
	return p->period_us / p->count;
}

void
pacer_set(struct pacer *p, uint32_t count, int64_t period_us)
{
	CHECK(count > 0 && period_us > 0 && period_us <= PACER_PERIOD_MAX);
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
pacer_init(struct pacer *p, uint32_t count, int64_t period_us, int64_t now_us)
{
	pacer_set(p, count, period_us);
	p->next_us = now_us;
}

bool
pacer_take(struct pacer *p, uint32_t n, int64_t now_us)
{
	int64_t total;

	CHECK(n > 0 && n <= PACER_TAKE_MAX);
	if (p->next_us > now_us)
		return false;
	if (p->next_us < now_us - p->slack_us) {
		p->next_us = now_us - p->slack_us;
		p->rest = 0;
	}
	total = (int64_t)n * p->period_us + p->rest;
	p->next_us += total / p->count;
	p->rest = (uint32_t)(total % p->count);
	return true;
}

void
pacer_return(struct pacer *p, uint32_t n)
{
	CHECK(n <= PACER_TAKE_MAX);
	p->next_us -= (int64_t)n * p->period_us / p->count;
}

int64_t
pacer_next(const struct pacer *p, int64_t now_us)
{
	return p->next_us > now_us ? p->next_us : now_us;
}

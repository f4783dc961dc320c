/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/scope.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/mem.h"

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
	if (!(*lp)->limited && rate_limit_is_unused(*lp, now_us))
		forget(lp);
}

int64_t
scope_next(const struct scope *c, enum limit_kind kind, int64_t now_us)
{
	if (c->rates[kind] == NULL)
		return now_us;
	return rate_limit_next(c->rates[kind], now_us);
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
scope_take(struct scope *c, enum limit_kind kind, uint64_t n, int64_t now_us)
{
	return c->rates[kind] != NULL &&
	    rate_limit_take(c->rates[kind], n, now_us);
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

/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/backoff.h"

#include "lib/check.h"

/* Bytes of a day times microseconds of a day need more than 64 bits. */
__extension__ typedef unsigned __int128 wide;

/* ---- the mode ------------------------------------------------------------ */

bool
backoff_enter(struct backoff *b, int64_t until_us, int64_t now_us)
{
	if (b->mode == MODE_BACKOFF) {
		if (until_us > b->until_us)
			b->until_us = until_us;
		return false;
	}
	*b = (struct backoff){ MODE_BACKOFF, now_us, until_us };
	return true;
}

bool
backoff_leave(struct backoff *b, int64_t return_us, int64_t now_us)
{
	CHECK(return_us >= 0);
	if (b->mode == MODE_NORMAL || (b->mode == MODE_RETURN && return_us > 0))
		return false;
	*b = (struct backoff){ MODE_NORMAL, 0, 0 };
	/* One of `never` would be a backoff without an end. */
	if (return_us > 0 && return_us < INT64_MAX - now_us)
		*b = (struct backoff){ MODE_RETURN, now_us,
			now_us + return_us };
	return true;
}

bool
backoff_run(struct backoff *b, int64_t return_us, int64_t now_us)
{
	enum queue_mode before = b->mode;

	if (b->mode == MODE_BACKOFF && b->until_us <= now_us)
		(void)backoff_leave(b, return_us, b->until_us);
	if (b->mode == MODE_RETURN && b->until_us <= now_us)
		(void)backoff_leave(b, 0, now_us);
	return b->mode != before;
}

uint32_t
backoff_share(const struct backoff *b, int64_t now_us)
{
	int64_t age = now_us - b->since_us;

	switch (b->mode) {
	case MODE_NORMAL:
		return BACKOFF_STEPS;
	case MODE_BACKOFF:
		return 0;
	case MODE_RETURN:
		break;
	}
	if (now_us >= b->until_us)
		return BACKOFF_STEPS;
	if (age <= 0)
		return 0;
	return (uint32_t)((wide)age * BACKOFF_STEPS /
	    (wide)(b->until_us - b->since_us));
}

int64_t
backoff_next(const struct backoff *b, int64_t now_us)
{
	uint32_t share = backoff_share(b, now_us) + 1;
	wide length;

	if (b->mode == MODE_NORMAL)
		return INT64_MAX;
	if (b->mode == MODE_BACKOFF || share > BACKOFF_STEPS)
		return b->until_us;
	/* The first instant at which backoff_share() says one more. */
	length = (wide)(b->until_us - b->since_us);
	return b->since_us +
	    (int64_t)((length * share + BACKOFF_STEPS - 1) / BACKOFF_STEPS);
}

/* ---- its limits ---------------------------------------------------------- */

uint32_t
backoff_count(uint32_t low, uint32_t high, uint32_t share)
{
	CHECK(share <= BACKOFF_STEPS);
	if (share == BACKOFF_STEPS || low == 0)
		return high;
	if (high == 0)
		return low;
	if (low >= high)
		return high;
	return low + (uint32_t)((uint64_t)(high - low) * share / BACKOFF_STEPS);
}

/*
 * In the normal limit's period, so that it holds there too; and if that makes
 * none of it, or less than in backoff, it is backoff's still.
 */
struct data_rate
backoff_data(const struct data_rate *low, const struct data_rate *high,
    uint32_t share)
{
	wide a, b, n;

	CHECK(share <= BACKOFF_STEPS);
	if (share == BACKOFF_STEPS || low->bytes == 0)
		return *high;
	if (high->bytes == 0)
		return *low;
	CHECK(low->period_us > 0 && high->period_us > 0);
	a = (wide)low->bytes * (uint64_t)high->period_us;
	b = (wide)high->bytes * (uint64_t)low->period_us;
	if (a >= b)
		return *high;
	n = (a + (b - a) * share / BACKOFF_STEPS) / (uint64_t)low->period_us;
	if (share == 0 || n * (uint64_t)low->period_us < a)
		return *low;
	return (struct data_rate){ (uint64_t)n, high->period_us };
}

struct rate
backoff_rate(const struct rate *low, const struct rate *high, uint32_t share)
{
	struct data_rate l = { low->count, low->period_us },
			 h = { high->count, high->period_us },
			 r = backoff_data(&l, &h, share);

	return (struct rate){ (uint32_t)r.bytes, r.period_us };
}

void
backoff_datas(const struct data_rate *low, const struct data_rate *high,
    uint32_t share, struct data_rate *own_r, struct data_rate *also_r)
{
	struct data_rate r = backoff_data(low, high, share);

	*own_r = r;
	*also_r = (struct data_rate){ 0, high->period_us };
	if (share == BACKOFF_STEPS || low->bytes == 0 || high->bytes == 0)
		return;
	if (share == 0 && low->period_us != high->period_us)
		r = *low; /* also one that is evenly above the normal one */
	if (r.period_us == high->period_us)
		return;
	*own_r = *high;
	*also_r = r;
}

void
backoff_rates(const struct rate *low, const struct rate *high, uint32_t share,
    struct rate *own_r, struct rate *also_r)
{
	struct data_rate l = { low->count, low->period_us },
			 h = { high->count, high->period_us }, own, also;

	backoff_datas(&l, &h, share, &own, &also);
	*own_r = (struct rate){ (uint32_t)own.bytes, own.period_us };
	*also_r = (struct rate){ (uint32_t)also.bytes, also.period_us };
}

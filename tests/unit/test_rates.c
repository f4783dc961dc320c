/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rate as the receiver sees it: in no window more than was allowed, and
 * nearly all of it used, for rates of every kind; and the same for bytes.
 * What is judged are the times of arrival (tests/unit/arrivals.h).
 */
#include "lib/clock.h"
#include "tests/tap.h"
#include "tests/unit/arrivals.h"
#include "vmta/limit.h"

#define S US_PER_S
#define M (60 * S)
#define H (3600 * S)
#define D (86400 * S)

/* ---- recipients ---------------------------------------------------------- */

/* As fast as the limit lets, up to `most` at once; written `lag` later. */
static void
send(const struct rate *rate, uint64_t most, int64_t lag_us, int64_t until_us)
{
	struct rate_limit l = { 0 };
	int64_t now = 1, wire;

	rate_limit_set(&l, rate, now);
	seen_count = 0;
	while ((now = rate_limit_next(&l, now)) < until_us) {
		uint64_t room = rate_limit_room(&l, UINT64_MAX, now), n;

		n = 1 + rnd(most < room ? most : room);
		rate_limit_take(&l, n, now);
		now += lag_us > 0 ? (int64_t)rnd((uint64_t)lag_us) : 0;
		rate_limit_settle(&l, n, now);
		/* The way takes longer for some, by less than the guard. */
		wire = rate->period_us / 200 - 1;
		wire = wire > S ? S : wire;
		arrive(now + (int64_t)rnd((uint64_t)wire), n);
	}
	rate_limit_fini(&l);
}

static void
test_rates(void)
{
	static const struct {
		const char *label;
		struct rate rate;
		uint64_t most; /* recipients of a transaction */
		int64_t lag_us;
		unsigned periods;
		double least; /* of the rate */
	} cases[] = {
		{ "1/20m", { 1, 20 * M }, 1, 0, 40, 0.994 },
		{ "500/d", { 500, D }, 1, 0, 20, 0.994 },
		{ "500/d, transactions", { 500, D }, 100, S, 20, 0.994 },
		{ "3/7s", { 3, 7 * S }, 2, 0, 100, 0.994 },
		{ "1/s", { 1, S }, 1, 0, 100, 0.994 },
		{ "20/s", { 20, S }, 5, 0, 100, 0.994 },
		{ "20/m", { 20, M }, 1, 0, 50, 0.994 },
		{ "500/s", { 500, S }, 1, 0, 60, 0.994 },
		{ "500/s, late", { 500, S }, 1, 2000, 60, 0.99 },
		{ "500/s, transactions", { 500, S }, 50, 2000, 60, 0.99 },
		{ "1023/s", { 1023, S }, 1, 0, 60, 0.994 },
		{ "1024/s", { 1024, S }, 1, 0, 60, 0.994 },
		{ "1025/s", { 1025, S }, 1, 0, 60, 0.993 },
		{ "10000/s", { 10000, S }, 1, 0, 60, 0.993 },
		{ "10000/s, transactions", { 10000, S }, 100, 500, 60, 0.992 },
		{ "5000/h", { 5000, H }, 20, S / 10, 20, 0.993 },
		{ "100000/h", { 100000, H }, 50, S / 10, 10, 0.993 },
		{ "1000000/d", { 1000000, D }, 100, S, 3, 0.993 },
		{ "1/10w", { 1, 70 * D }, 1, 0, 20, 0.994 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct rate *r = &cases[i].rate;
		double took, reached;
		uint64_t most;

		send(r, cases[i].most, cases[i].lag_us,
		    cases[i].periods * r->period_us);
		most = busiest(r->period_us, UINT64_MAX);
		took = (double)(seen[seen_count - 1].at_us - seen[0].at_us);
		reached = (double)(total() - seen[0].n) / took *
		    (double)r->period_us / (double)r->count;
		ok(most <= r->count && reached >= cases[i].least,
		    "%s: at most %llu in any window, %.2f %% used",
		    cases[i].label, (unsigned long long)most, 100 * reached);
	}
}

/* What the issue asks for: 500/s over a minute. */
static void
test_minute(void)
{
	static const struct rate rate = { 500, S };

	send(&rate, 1, 1000, M);
	ok(total() >= 495 * 60 && total() <= 500 * 60,
	    "500/s: %llu in the first minute", (unsigned long long)total());
}

/* ---- bytes --------------------------------------------------------------- */

/* Messages of `least` to `most` bytes, some of which never leave. */
static void
send_data(const struct data_rate *rate, uint64_t least, uint64_t most,
    int64_t until_us)
{
	struct rate_limit l = { 0 };
	int64_t now = 1;

	rate_limit_set_data(&l, rate, now);
	seen_count = 0;
	while (now < until_us) {
		uint64_t n = least + rnd(most - least + 1);

		now = rate_limit_next_for(&l, n, now);
		rate_limit_take(&l, n, now);
		if (rnd(10) == 0) {
			rate_limit_return(&l, n);
			continue;
		}
		now += rate->period_us / 10000;
		rate_limit_settle(&l, n, now);
		arrive(now, n);
	}
	rate_limit_fini(&l);
}

static void
test_data(void)
{
	static const struct {
		const char *label;
		struct data_rate rate;
		uint64_t least, most;
		double used;
	} cases[] = {
		{ "1M/s", { 1 << 20, S }, 1000, 50000, 0.97 },
		{ "100M/h", { 100 << 20, H }, 1000, 3 << 20, 0.97 },
		{ "1k/20m", { 1024, 20 * M }, 10, 20, 0.97 },
		{ "a day of petabytes", { UINT64_C(1) << 50, D }, 1, UINT32_MAX,
		    0 },
		{ "4M/m", { 4 << 20, M }, 1 << 20, 1 << 20, 0.97 },
		{ "larger than allowed", { 1 << 20, M }, 1, 3 << 20, 0.97 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct data_rate *r = &cases[i].rate;
		int64_t until = cases[i].used > 0 ? 50 * r->period_us : 100 * S;
		double used;
		uint64_t most;

		send_data(r, cases[i].least, cases[i].most, until);
		most = busiest(r->period_us, r->bytes);
		used = (double)total() / (double)r->bytes /
		    ((double)until / (double)r->period_us);
		ok(most <= r->bytes && used >= cases[i].used,
		    "%s: at most %llu bytes in any window, %.2f %% used",
		    cases[i].label, (unsigned long long)most, 100 * used);
	}
}

static void
test_alone(void)
{
	struct rate_limit l = { 0 };
	struct data_rate rate = { 1000, 100 * S };

	rate_limit_set_data(&l, &rate, 0);
	rate_limit_take(&l, 100, 0);
	is_int(rate_limit_next_for(&l, 5000, 50 * S), INT64_MAX,
	    "more than all waits for what is on its way");
	rate_limit_settle(&l, 100, 0);
	is_int(rate_limit_next_for(&l, 5000, 50 * S), 100 * S + S / 2,
	    "and until the window is empty");
	ok(rate_limit_take(&l, 5000, 101 * S), "then it goes");
	rate_limit_settle(&l, 5000, 101 * S);
	is_int(rate_limit_next_for(&l, 1, 102 * S), 201 * S + S / 2,
	    "and nothing else until it has left");
	rate_limit_return(&l, 0);
	is_int(rate_limit_room(&l, UINT64_MAX, 102 * S), 0, "no room");
	rate_limit_fini(&l);
}

/* ---- the clock ----------------------------------------------------------- */

static void
test_clock_back(void)
{
	struct rate_limit l = { 0 };
	struct rate rate = { 10, 100 * S };
	int64_t next;

	rate_limit_set(&l, &rate, D);
	rate_limit_take(&l, 10, D);
	rate_limit_settle(&l, 10, D);
	next = rate_limit_next(&l, D - H);
	is_int(next, D - H + 100 * S + S / 2,
	    "an hour back: all counts as of now, and no longer");
	ok(rate_limit_room(&l, UINT64_MAX, next) == 10,
	    "then the window is empty");
	rate_limit_fini(&l);
}

int
main(void)
{
	test_rates();
	test_minute();
	test_data();
	test_alone();
	test_clock_back();
	free(seen);
	return done_testing();
}

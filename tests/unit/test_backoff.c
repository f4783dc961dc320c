/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mode of a queue: into backoff and out of it, at its time and over a stop;
 * and limits on the way back that rise, never above the normal ones.
 */
#include "vmta/backoff.h"

#include "lib/clock.h"
#include "tests/tap.h"
#include "tests/unit/arrivals.h"

#define S US_PER_S
#define H (3600 * S)
#define NOW (1000 * H)

static void
test_enter(void)
{
	struct backoff b = { .mode = MODE_NORMAL };

	ok(backoff_share(&b, NOW) == BACKOFF_STEPS &&
		backoff_next(&b, NOW) == INT64_MAX && !backoff_run(&b, 0, NOW),
	    "zeroed it is normal, and stays so");
	ok(backoff_enter(&b, NOW + H, NOW) && b.since_us == NOW,
	    "it was not in backoff");
	ok(!backoff_enter(&b, NOW + 2 * H, NOW + 1) && b.since_us == NOW &&
		b.until_us == NOW + 2 * H,
	    "again: it is, since then, and until the later end");
	ok(!backoff_enter(&b, NOW + H, NOW + 2) && b.until_us == NOW + 2 * H,
	    "an earlier end changes nothing");
	ok(!backoff_run(&b, 0, NOW + 2 * H - 1) &&
		backoff_share(&b, NOW + 2 * H - 1) == 0 &&
		backoff_next(&b, NOW + H) == NOW + 2 * H,
	    "it lasts until then, by backoff's limits");
	ok(backoff_run(&b, 0, NOW + 2 * H) && b.mode == MODE_NORMAL,
	    "then it is normal");
	(void)backoff_enter(&b, BACKOFF_NEVER, NOW);
	ok(!backoff_enter(&b, NOW + H, NOW) &&
		!backoff_run(&b, 0, NOW + 9000 * H) &&
		backoff_next(&b, NOW + 9000 * H) == INT64_MAX,
	    "one without an end does not end by itself, nor get one");
	ok(backoff_leave(&b, 0, NOW) && b.mode == MODE_NORMAL &&
		!backoff_leave(&b, 0, NOW) && !backoff_leave(&b, H, NOW),
	    "who says so ends it; what is normal has nothing to leave");
}

static void
test_return(void)
{
	struct backoff b = { .mode = MODE_NORMAL };

	(void)backoff_enter(&b, NOW + H, NOW);
	ok(backoff_run(&b, 16 * S, NOW + H) && b.mode == MODE_RETURN &&
		backoff_share(&b, NOW + H) == 0,
	    "a return begins with backoff's limits");
	ok(backoff_enter(&b, NOW + 3 * H, NOW + 2 * H) &&
		b.mode == MODE_BACKOFF && b.since_us == NOW + 2 * H,
	    "who comes into backoff on the way back was not in it");
	ok(backoff_leave(&b, 16 * S, NOW) && !backoff_leave(&b, 32 * S, NOW) &&
		b.until_us == NOW + 16 * S,
	    "a return that has begun goes on as it is");
	ok(backoff_leave(&b, 0, NOW + S) && b.mode == MODE_NORMAL,
	    "and ends when it is to be normal at once");
	(void)backoff_enter(&b, BACKOFF_NEVER, NOW);
	ok(backoff_leave(&b, INTERVAL_NEVER, NOW) && b.mode == MODE_NORMAL,
	    "there is no return without an end");
}

/* Nobody looked: the process was down. */
static void
test_late(void)
{
	struct backoff b = { .mode = MODE_NORMAL };

	(void)backoff_enter(&b, NOW + H, NOW);
	ok(backoff_run(&b, 16 * S, NOW + H + 4 * S) && b.mode == MODE_RETURN &&
		backoff_share(&b, NOW + H + 4 * S) == 4,
	    "a return seen late is as far as if it had been seen");
	b.mode = MODE_NORMAL;
	(void)backoff_enter(&b, NOW + H, NOW);
	ok(backoff_run(&b, 16 * S, NOW + 2 * H) && b.mode == MODE_NORMAL,
	    "one that would be over is over");
	(void)backoff_enter(&b, NOW + H, NOW);
	(void)backoff_leave(&b, 16 * S, NOW);
	ok(backoff_share(&b, NOW - H) == 0 &&
		backoff_next(&b, NOW - H) == NOW + S,
	    "a clock that stepped back: backoff's limits");
}

/* Every step of every return is one more, at the time that was said. */
static void
test_steps(void)
{
	static const int64_t lengths[] = { 1, 15, 16, 17, 1000003, 1800 * S,
		8760 * H };
	bool right = true;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct backoff b = { MODE_BACKOFF, NOW, BACKOFF_NEVER };
		int64_t now = NOW;
		uint32_t share = 0, steps = 0;

		(void)backoff_leave(&b, lengths[i], now);
		while (b.mode == MODE_RETURN && right) {
			int64_t next = backoff_next(&b, now);

			right = next > now && ++steps <= BACKOFF_STEPS &&
			    backoff_share(&b, next - 1) == share &&
			    backoff_share(&b, next) > share;
			now = next;
			share = backoff_share(&b, now);
			(void)backoff_run(&b, 0, now);
		}
		right = right && now == NOW + lengths[i] &&
		    share == BACKOFF_STEPS;
	}
	ok(right, "a return rises at each of its times, up to its end");
}

/* ---- limits -------------------------------------------------------------- */

static void
test_counts(void)
{
	static const struct {
		const char *label;
		uint32_t low, high, share, want;
	} cases[] = {
		{ "in backoff", 1, 20, 0, 1 },
		{ "half way", 4, 20, 8, 12 },
		{ "nearly there", 1, 2, 15, 1 },
		{ "there", 1, 20, 16, 20 },
		{ "backoff's is above the normal one", 20, 5, 0, 5 },
		{ "the same", 5, 5, 3, 5 },
		{ "no limit in backoff", 0, 5, 0, 5 },
		{ "no limit normally", 5, 0, 15, 5 },
		{ "no limit normally, there", 5, 0, 16, 0 },
		{ "no limit at all", 0, 0, 0, 0 },
		{ "large ones", 1, UINT32_MAX, 8, UINT32_C(2147483648) },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		is_int(
		    backoff_count(cases[i].low, cases[i].high, cases[i].share),
		    cases[i].want, cases[i].label);
}

static void
test_rates(void)
{
	static const struct {
		const char *label;
		struct rate low, high;
		uint32_t share;
		struct rate want;
	} cases[] = {
		{ "10/h of 100/m, in backoff", { 10, H }, { 100, 60 * S }, 0,
		    { 10, H } },
		{ "half way: 50/m", { 10, H }, { 100, 60 * S }, 8,
		    { 50, 60 * S } },
		{ "1/d to 5/h: a step makes none of an hour", { 1, 24 * H },
		    { 5, H }, 1, { 1, 24 * H } },
		{ "two steps still less than one", { 1, 24 * H }, { 5, H }, 3,
		    { 1, 24 * H } },
		{ "then one an hour", { 1, 24 * H }, { 5, H }, 4, { 1, H } },
		{ "90/h to 2/m: one a minute would be less than in backoff",
		    { 90, H }, { 2, 60 * S }, 1, { 90, H } },
		{ "200/h is above 1/m: no effect", { 200, H }, { 1, 60 * S }, 0,
		    { 1, 60 * S } },
		{ "none in backoff", { 0, 0 }, { 1, H }, 0, { 1, H } },
		{ "none normally", { 1, H }, { 0, 0 }, 15, { 1, H } },
		{ "none normally, there", { 1, H }, { 0, 0 }, 16, { 0, 0 } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rate r = backoff_rate(&cases[i].low, &cases[i].high,
		    cases[i].share);

		ok(r.count == cases[i].want.count &&
			r.period_us == cases[i].want.period_us,
		    "%s (%u in %" PRId64 " s)", cases[i].label, r.count,
		    r.period_us / S);
	}
}

static double
evenly(const struct data_rate *r)
{
	return (double)r->bytes / (double)r->period_us;
}

static struct data_rate
some_rate(void)
{
	static const int64_t periods[] = { S, 60 * S, 1200 * S, H, 24 * H };

	return (struct data_rate){ 1 + rnd(1U << rnd(31)) * rnd(1U << 20),
		periods[rnd(5)] };
}

/* Whatever the two are, a return rises from the one to the other. */
static void
test_any_rates(void)
{
	bool rises = true, holds = true;

	for (int i = 0; i < 20000; i++) {
		struct data_rate low = some_rate(), high = some_rate();
		double last = 0, least = evenly(&low), most = evenly(&high);

		least = least < most ? least : most;
		for (uint32_t share = 0; share <= BACKOFF_STEPS; share++) {
			struct data_rate r = backoff_data(&low, &high, share);

			rises = rises && evenly(&r) >= last;
			holds = holds && r.bytes > 0 &&
			    evenly(&r) >= least * (1 - 1e-12) &&
			    evenly(&r) <= most * (1 + 1e-12) &&
			    (r.period_us != high.period_us ||
				r.bytes <= high.bytes);
			last = evenly(&r);
		}
		holds = holds && last >= most;
	}
	ok(rises, "of 20,000 pairs of rates none ever falls on the way");
	ok(holds, "each stays between that of backoff and the normal one");
}

int
main(void)
{
	test_enter();
	test_return();
	test_late();
	test_steps();
	test_counts();
	test_rates();
	test_any_rates();
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Which number of a warm-up a day has: verdicts, closed days, gaps, bytes. */
#include "vmta/warmup.h"

#include "tests/tap.h"

enum { START = 20000 };

static struct rate numbers[] = { { 100, 1 }, { 200, 1 }, { 400, 1 } };
static const struct conf_rates list = { 3, numbers };
static const struct warmup_plan plan = { START, &list, 100, 3, 50 };

/* ---- verdicts ------------------------------------------------------------ */

static const struct {
	const char *label;
	uint32_t step;
	struct warm_seen seen;
	enum warm_verdict verdict;
	uint32_t next; /* step */
} days[] = {
	{ "a good day", 0, { 100, 0, 100, 0 }, WARM_UP, 1 },
	{ "half of the number is enough", 1, { 100, 0, 100, 0 }, WARM_UP, 2 },
	{ "less is not", 1, { 99, 0, 99, 0 }, WARM_FEW, 1 },
	{ "half of a small number is evidence", 0, { 50, 0, 50, 0 }, WARM_UP,
	    1 },
	{ "nothing is none", 0, { 0, 0, 0, 0 }, WARM_NO_EVIDENCE, 0 },
	{ "49 are none, however bad", 1, { 49, 49, 0, 9 }, WARM_NO_EVIDENCE,
	    1 },
	{ "50 are enough to go back", 1, { 50, 11, 39, 0 }, WARM_BACK, 0 },
	{ "the bound itself is good", 1, { 200, 20, 180, 0 }, WARM_UP, 2 },
	{ "over it: the same again", 1, { 200, 21, 179, 0 }, WARM_HOLD, 1 },
	{ "twice the bound: the same", 1, { 200, 40, 160, 0 }, WARM_HOLD, 1 },
	{ "over that: back", 1, { 200, 41, 159, 0 }, WARM_BACK, 0 },
	{ "no further back than the first", 0, { 100, 99, 1, 0 }, WARM_BACK,
	    0 },
	{ "complaints: at the bound", 2, { 1000, 0, 1000, 3 }, WARM_UP, 3 },
	{ "over it", 2, { 1000, 0, 1000, 4 }, WARM_HOLD, 2 },
	{ "over twice of it", 2, { 1000, 0, 1000, 7 }, WARM_BACK, 1 },
	{ "warm is not judged", 3, { 1000, 900, 100, 50 }, WARM_NONE, 3 },
};

static void
test_verdicts(void)
{
	for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
		struct warm w = { .day = START, .step = days[i].step };

		(void)warmup_count(&w, &plan, &days[i].seen);
		ok(warmup_new_day(&w, &plan, START + 1) &&
			w.verdict == days[i].verdict &&
			w.step == days[i].next && w.attempted == 0 && !w.closed,
		    "%s: %s, step %u", days[i].label,
		    warmup_verdict_name(w.verdict), w.step);
	}
}

/* ---- days ---------------------------------------------------------------- */

static void
good_day(struct warm *w, uint32_t today)
{
	const struct warm_seen all = { 400, 0, 400, 0 };

	(void)warmup_new_day(w, &plan, today);
	(void)warmup_count(w, &plan, &all);
}

static void
test_way(void)
{
	struct warm w = { .day = 0 };

	ok(warmup_new_day(&w, &plan, START - 1) && warmup_quota(&w, &plan) == 0,
	    "before its start it has nothing");
	ok(warmup_new_day(&w, &plan, START) && w.step == 0 &&
		warmup_quota(&w, &plan) == 100,
	    "then the first number");
	ok(!warmup_new_day(&w, &plan, START) &&
		!warmup_new_day(&w, &plan, START - 1) && w.day == START,
	    "a day begins once, and none that has been");
	for (uint32_t d = 0; d < 3; d++)
		good_day(&w, START + d);
	ok(warmup_quota(&w, &plan) == 400 && !warmup_is_warm(&w, &plan),
	    "the last number holds until its day is over");
	ok(warmup_new_day(&w, &plan, START + 3) && warmup_is_warm(&w, &plan) &&
		warmup_quota(&w, &plan) == WARMUP_NO_LIMIT,
	    "behind it is no limit");
}

static void
test_gap(void)
{
	struct warm w = { .day = 0 };

	good_day(&w, START);
	(void)warmup_new_day(&w, &plan, START + 30);
	ok(w.step == 1, "30 days later it goes on");
	good_day(&w, START + 30);
	(void)warmup_new_day(&w, &plan, START + 61);
	ok(w.verdict == WARM_ANEW && w.step == 0, "31 days later it is anew");
	(void)warmup_new_day(&w, &plan, START + 62);
	ok(w.verdict == WARM_NO_EVIDENCE, "which is said once");
	w = (struct warm){ .day = START, .last_day = START, .step = 3 };
	(void)warmup_new_day(&w, &plan, START + 31);
	ok(w.verdict == WARM_ANEW && warmup_quota(&w, &plan) == 100,
	    "also for one that was warm");
}

static void
test_closed(void)
{
	struct warm w = { .day = 0 };

	(void)warmup_new_day(&w, &plan, START);
	ok(!warmup_count(&w, &plan, &(struct warm_seen){ 49, 49, 0, 0 }) &&
		warmup_quota(&w, &plan) == 100,
	    "49 attempts close no day");
	ok(warmup_count(&w, &plan, &(struct warm_seen){ 1, 0, 1, 0 }) &&
		warmup_quota(&w, &plan) == 0,
	    "the 50th does");
	ok(!warmup_count(&w, &plan, &(struct warm_seen){ 1, 1, 0, 0 }),
	    "which is said once");
	ok(warmup_new_day(&w, &plan, START + 1) && w.verdict == WARM_BACK &&
		warmup_quota(&w, &plan) == 100,
	    "at midnight it is judged, and open");
	w.step = 3;
	ok(!warmup_count(&w, &plan, &(struct warm_seen){ 900, 900, 0, 0 }),
	    "who is warm is never closed");
}

static void
test_plan_shrinks(void)
{
	const struct conf_rates one = { 1, numbers };
	const struct warmup_plan less = { START, &one, 100, 3, 50 };
	struct warm w = { .day = START, .step = 2 };

	ok(warmup_is_warm(&w, &less) &&
		warmup_quota(&w, &less) == WARMUP_NO_LIMIT,
	    "a plan that became shorter has been gone through");
}

static void
test_much(void)
{
	const struct warm_seen all = { UINT32_MAX, UINT32_MAX, 0, 0 };
	struct warm w = { .day = START, .step = 1 };

	(void)warmup_count(&w, &plan, &all);
	(void)warmup_count(&w, &plan, &all);
	ok(w.attempted == UINT32_MAX && w.closed, "counts do not wrap");
}

/* ---- as bytes ------------------------------------------------------------ */

static void
test_bytes(void)
{
	const struct warm was = { START, START - 1, 2, 7, 6, 5, 4, true,
		WARM_HOLD };
	struct buf out = { 0 };
	struct warm w;
	struct err e;
	bool refused = true;

	warmup_pack(&was, &out);
	ok(warmup_unpack((struct slice){ out.p, out.len }, &w, &e) == 0 &&
		w.day == START && w.last_day == START - 1 && w.step == 2 &&
		w.attempted == 7 && w.deferred == 6 && w.delivered == 5 &&
		w.complaints == 4 && w.closed && w.verdict == WARM_HOLD,
	    "what is kept comes back");
	for (size_t n = 0; n < out.len; n++)
		refused = refused &&
		    warmup_unpack((struct slice){ out.p, n }, &w, &e) == -1 &&
		    w.day == 0;
	ok(refused, "what was cut off is refused");
	out.p[out.len - 1] = 99;
	ok(warmup_unpack((struct slice){ out.p, out.len }, &w, &e) == -1,
	    "a verdict that there is not: %s", e.text);
	buf_fini(&out);
}

int
main(void)
{
	test_verdicts();
	test_way();
	test_gap();
	test_closed();
	test_plan_shrinks();
	test_much();
	test_bytes();
	return done_testing();
}

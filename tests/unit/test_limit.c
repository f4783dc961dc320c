/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pacer spreads, a window never lets more than N into a period, and a limit
 * is the later of the two.
 */
#include "vmta/limit.h"

#include <stdlib.h>

#include "lib/clock.h"
#include "tests/tap.h"
#include "vmta/retry.h"

#define S US_PER_S

/* Others go before, one each, as soon as they may: when is it our turn? */
static void
test_nth(void)
{
	enum { OTHERS = 40 };
	static const struct {
		const char *label;
		struct rate rate;
		int64_t slack_us;
		bool idle; /* so far */
	} cases[] = {
		{ "3 in 10 s", { 3, 10 * S }, 4 * S, false },
		{ "1 in 4 s", { 1, 4 * S }, 4 * S + S / 10, false },
		{ "100 a second", { 100, S }, S / 10, false },
		{ "500 an hour", { 500, 3600 * S }, 8 * S, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rate_limit l = { 0 };
		int64_t told[OTHERS], now = S;
		int early = 0, late = 0;

		rate_limit_set(&l, &cases[i].rate, now);
		if (!cases[i].idle) {
			(void)rate_limit_take(&l, 1, now);
			rate_limit_settle(&l, 1, now);
		}
		now += cases[i].idle ? 3600 * S : 0;
		for (uint64_t k = 0; k < OTHERS; k++)
			told[k] = rate_limit_nth(&l, k, 1, now);
		is_int(told[0], rate_limit_next(&l, now), "nobody before");
		for (int k = 0; k < OTHERS; k++) {
			now = rate_limit_next(&l, now);
			early += now < told[k];
			late += now > told[k] + cases[i].slack_us;
			(void)rate_limit_take(&l, 1, now);
			rate_limit_settle(&l, 1, now);
		}
		is_int(early, 0, cases[i].label);
		is_int(late, 0, "and not much later than that");
		rate_limit_fini(&l);
	}
}

static void
test_pacer(void)
{
	static const struct {
		const char *label;
		uint32_t count;
		int64_t period_us;
		uint32_t events; /* in ten periods, from a fresh start */
	} cases[] = {
		{ "one in 20 minutes", 1, 1200 * S, 10 },
		{ "seven a second is exact", 7, S, 70 },
		{ "500 a day", 500, 86400 * S, 5000 },
		{ "a million a second", 1000000, S, 10000000 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pacer p;
		int64_t now = 0;
		uint32_t n = 0;

		pacer_init(&p, cases[i].count, cases[i].period_us, 0);
		while ((now = pacer_next(&p, now)) < 10 * cases[i].period_us) {
			if (!pacer_take(&p, 1, now))
				break;
			n++;
		}
		is_int(n, cases[i].events, cases[i].label);
	}
}

/* Each message of 250 bytes comes half its time late: none of it is lost. */
static void
test_pacer_late(void)
{
	struct pacer p;
	int64_t now = 0, late = 36 * S;
	int n = 0;

	pacer_init(&p, 300000, 86400 * S, 0);
	while ((now = pacer_next(&p, now)) < 86400 * S) {
		now += late;
		n += pacer_take(&p, 250, now) ? 250 : 0;
		late = 36 * S - late;
	}
	(void)ok(n >= 299000, "bytes that come late catch up");
	pacer_init(&p, 300000, 86400 * S, 0);
	(void)pacer_take(&p, 250, 0);
	for (n = 0; pacer_take(&p, 15000, 86400 * S);)
		n++;
	is_int(n, 2, "a twentieth of a day at once as well");
	pacer_init(&p, 300000, 86400 * S, 0);
	for (n = 0; pacer_take(&p, 30000, 86400 * S);)
		n++;
	is_int(n, 1, "though not by more than a twentieth of the period");
}

static void
test_pacer_burst(void)
{
	struct pacer p;
	int n = 0;

	pacer_init(&p, 20, S, 0);
	while (pacer_take(&p, 1, 3600 * S))
		n++;
	is_int(n, 2, "after an idle hour 20/s lets two go at once");
	pacer_init(&p, 1000, S, 0);
	for (n = 0; pacer_take(&p, 1, 3600 * S);)
		n++;
	is_int(n, 51, "and 1000/s a twentieth of a second's worth");
	pacer_init(&p, 20, S, 0);
	(void)pacer_take(&p, 20, 0);
	is_int(pacer_next(&p, 0), S, "twenty at once use up a second");
	pacer_return(&p, 10);
	is_int(pacer_next(&p, 0), S / 2, "ten given back: half of it");
	pacer_set(&p, 2, S, 0);
	is_int(pacer_next(&p, 0), S, "ten events ahead at 2/s: a period");
	pacer_set(&p, 1000, S, 0);
	is_int(pacer_next(&p, 0), S / 500, "raised: two are paid quickly");
}

static void
test_window(void)
{
	struct window w;

	window_init(&w, 3, 100 * S);
	window_take(&w, 3);
	is_int(window_room(&w, 0), 0, "pending ones count");
	is_int(window_next(&w, 1, 0), INT64_MAX, "nobody knows until when");
	is_int(window_room(&w, 1000 * S), 0, "however long they take");
	window_settle(&w, 1, 1000 * S);
	window_settle(&w, 1, 1010 * S);
	window_return(&w, 1);
	is_int(window_room(&w, 1010 * S), 1, "one came back");
	window_take(&w, 1);
	window_settle(&w, 1, 1005 * S); /* told late */
	is_int(window_next(&w, 1, 1010 * S), 1100 * S + S / 2,
	    "the first leaves after the period and the guard of 0.5 %");
	is_int(window_room(&w, 1100 * S + S / 2), 1, "then one may go");
	is_int(window_room(&w, 1110 * S), 1, "the late one counts later");
	is_int(window_room(&w, 1111 * S), 3, "empty");
	is_int(window_end(&w), 0, "nothing is remembered");
	window_fini(&w);
}

static void
test_window_lowered(void)
{
	struct window w;

	window_init(&w, 10, S);
	for (int i = 0; i < 10; i++) {
		window_take(&w, 1);
		window_settle(&w, 1, i * (S / 10));
	}
	window_set(&w, 4, S);
	is_int(window_room(&w, S), 0, "lowered: what was counted counts");
	is_int(window_next(&w, 1, S), 6 * (S / 10) + S + S / 200,
	    "one may go when only three are left");
	window_fini(&w);
}

/* 5000/h as fast as the window lets them, and an oracle of time stamps. */
static void
test_window_parts(void)
{
	enum { N = 5000, TOTAL = 15000 };
	int64_t *at = calloc(TOTAL, sizeof(int64_t)), now = 12345;
	struct window w;
	bool never = true;

	window_init(&w, N, 3600 * S);
	for (int i = 0; i < TOTAL; i++) {
		now = window_next(&w, 1, now);
		window_take(&w, 1);
		window_settle(&w, 1, now);
		at[i] = now;
		if (i >= N && at[i] - at[i - N] < 3600 * S)
			never = false;
		now += 700000;
	}
	ok(never,
	    "entries of neighbours never let more than 5000 into an hour");
	ok(at[TOTAL - 1] < 3 * INT64_C(3625) * S,
	    "and use nearly all of the rate");
	ok(w.cap <= 1024, "in memory that does not depend on N");
	window_fini(&w);
	free(at);
}

static void
test_rate_limit(void)
{
	struct rate_limit l = { 0 };
	struct rate twenty = { 20, S }, none = { 0, 0 }, two = { 2, S };

	ok(rate_limit_room(&l, UINT64_MAX, 0) == UINT64_MAX,
	    "zeroed is unlimited");
	ok(!rate_limit_take(&l, 5, 0), "and takes no tokens");
	rate_limit_set(&l, &twenty, 0);
	is_int(rate_limit_room(&l, UINT64_MAX, 0), 20,
	    "a transaction may take all");
	ok(rate_limit_take(&l, 20, 0), "tokens are taken");
	rate_limit_set(&l, &none, 0);
	is_int(rate_limit_next(&l, 0), 0, "unlimited after a reload");
	rate_limit_settle(&l, 20, S / 2);
	rate_limit_set(&l, &two, S);
	is_int(rate_limit_next(&l, S), S / 2 + S + S / 200,
	    "limited again: what was sent before counts");
	is_int(rate_limit_conns(&l, S, 1.0), 3, "two seconds' worth and half");
	is_int(rate_limit_conns(&l, S, 10.0), 1, "ten in each: one");
	rate_limit_fini(&l);
}

static void
test_retry(void)
{
	int64_t v[] = { 10 * S, 60 * S };
	struct conf_intervals list = { 2, v };
	int64_t for_ever[] = { INTERVAL_NEVER };
	struct conf_intervals never = { 1, for_ever }, empty = { 0, NULL };
	struct retry r = { 0 };

	is_int(retry_failed(&r, &list, S), 11 * S, "the first interval");
	is_int(retry_failed(&r, &list, 2 * S), 11 * S,
	    "failing while waiting is the same failure");
	is_int(retry_failed(&r, &list, 11 * S), 71 * S, "the second");
	is_int(retry_failed(&r, &list, 80 * S), 140 * S, "the last repeats");
	retry_worked(&r);
	is_int(retry_failed(&r, &list, 200 * S), 210 * S, "worked: the first");
	is_int(retry_failed(&r, &empty, 300 * S), 900 * S, "none: 10 minutes");
	is_int(retry_failed(&r, &never, 1000 * S), INT64_MAX, "never");
}

int
main(void)
{
	test_nth();
	test_pacer();
	test_pacer_late();
	test_pacer_burst();
	test_window();
	test_window_lowered();
	test_window_parts();
	test_rate_limit();
	test_retry();
	return done_testing();
}

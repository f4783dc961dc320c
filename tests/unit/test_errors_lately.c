/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attempts and errors of the last hour: a span has all that happened in it and
 * at most a minute more, whenever it is asked, whatever the clock does.
 */
#include "vmta/errors_lately.h"

#include "tests/tap.h"
#include "tests/unit/arrivals.h"

#define S US_PER_S
#define M ERRORS_MINUTE_US
#define H (60 * M)
#define NOW (500000 * H)

static void
test_thresholds(void)
{
	struct errors_share share = { 30, 100, 10 * M };
	struct errors_lately e = { .minute = 0 };

	ok(!errors_lately_any(&e, NOW), "zeroed there is nothing");
	errors_lately_add(&e, 70, 0, NOW);
	errors_lately_add(&e, 29, 29, NOW + M);
	ok(!errors_lately_too_often(&e, &share, NOW + M), "29 of 99");
	share.attempts = 99;
	share.percent = 29;
	ok(errors_lately_too_often(&e, &share, NOW + M),
	    "they are 29 per cent of 99 at least");
	share.attempts = 100;
	ok(!errors_lately_too_often(&e, &share, NOW + M),
	    "but too few to tell when it takes 100");
	share.percent = 30;
	errors_lately_add(&e, 2, 1, NOW + M);
	ok(!errors_lately_too_often(&e, &share, NOW + M),
	    "30 of 101 are less than 30 per cent");
	errors_lately_add(&e, 1, 1, NOW + M);
	ok(errors_lately_too_often(&e, &share, NOW + M), "31 of 102 are not");
	ok(!errors_lately_too_often(&e, &share, NOW + 12 * M),
	    "a while later nobody knows");
	ok(!errors_lately_too_many(&e, 31, NOW + M) &&
		errors_lately_too_many(&e, 30, NOW + M) &&
		!errors_lately_too_many(&e, 0, NOW + M),
	    "31 in an hour: 31 are allowed, 30 are not, 0 is no threshold");
	share.percent = 0;
	ok(!errors_lately_too_often(&e, &share, NOW + M), "no share, either");
	errors_lately_clear(&e);
	ok(!errors_lately_any(&e, NOW + M), "cleared it counts anew");
	share = (struct errors_share){ 100, 0, M };
	errors_lately_add(&e, 3, 3, NOW + M);
	ok(errors_lately_too_often(&e, &share, NOW + M),
	    "all of any number: a hundred per cent");
}

static void
test_many(void)
{
	struct errors_lately e = { .minute = 0 };
	struct errors_share half = { 50, 1, H };

	for (int i = 0; i < 5; i++)
		errors_lately_add(&e, UINT32_MAX - 1, 10, NOW + i * M);
	ok(errors_lately_sum(&e, H, NOW + 5 * M).attempts == UINT32_MAX &&
		errors_lately_sum(&e, H, NOW + 5 * M).errors == 50 &&
		!errors_lately_too_often(&e, &half, NOW + 5 * M),
	    "more than can be counted stays the largest number");
}

/* ---- against a list of all that happened --------------------------------- */

struct event {
	int64_t at_us;
	uint32_t attempts, errors;
};

enum { EVENTS = 4000 };

static struct event events[EVENTS];
static size_t event_count;

/* What happened later than that. */
static struct errors_count
listed(int64_t after_us)
{
	struct errors_count c = { 0, 0 };

	for (size_t i = 0; i < event_count; i++)
		if (events[i].at_us > after_us) {
			c.attempts += events[i].attempts;
			c.errors += events[i].errors;
		}
	return c;
}

static bool
at_most(struct errors_count a, struct errors_count b)
{
	return a.attempts <= b.attempts && a.errors <= b.errors;
}

static void
note(struct errors_lately *e, int64_t now_us)
{
	struct event *ev = &events[event_count++];

	*ev = (struct event){ now_us, (uint32_t)rnd(50), 0 };
	ev->errors = (uint32_t)rnd(ev->attempts + 1);
	errors_lately_add(e, ev->attempts, ev->errors, now_us);
}

/* Pauses of any length: within a minute, an hour, a day. */
static int64_t
some_time(void)
{
	static const int64_t most[] = { S, M, 10 * M, H, 24 * H };
	uint64_t i = rnd(1000);

	return (int64_t)rnd((uint64_t)most[i < 500 ? 0 :
		i < 900                            ? 1 :
		i < 980                            ? 2 :
						     i / 998 + 3]);
}

static void
test_list(void)
{
	struct errors_lately e = { .minute = 0 };
	bool all = true, no_more = true, by_minute = true, any = true;
	int64_t now = NOW;

	while (event_count < EVENTS) {
		int64_t span = 1 + (int64_t)rnd((uint64_t)H);
		struct errors_count got;

		now += some_time();
		if (rnd(4) > 0)
			note(&e, now);
		got = errors_lately_sum(&e, span, now);
		all = all && at_most(listed(now - span), got);
		no_more = no_more && at_most(got, listed(now - span - 2 * M));
		got = errors_lately_sum(&e, 60 * M, now);
		by_minute = by_minute &&
		    got.attempts == listed((now / M - 60) * M - 1).attempts;
		any = any && errors_lately_any(&e, now) == (got.attempts > 0) &&
		    (got.attempts == 0 || errors_lately_end(&e) > now);
	}
	ok(all, "of 4,000 events none is missing in any span");
	ok(no_more, "and none is in it that is older than a minute more");
	ok(by_minute, "an hour is 60 whole minutes and the one that runs");
	ok(any, "there is something as long as there is something to count");
}

static void
test_end(void)
{
	struct errors_lately e = { .minute = 0 };

	ok(errors_lately_end(&e) == 0, "nothing has no end");
	errors_lately_add(&e, 1, 0, NOW + M);
	(void)errors_lately_any(&e, NOW + 40 * M);
	ok(errors_lately_end(&e) == NOW + 62 * M,
	    "it is an hour after the minute, however often one looks");
	ok(errors_lately_any(&e, NOW + 62 * M - 1) &&
		!errors_lately_any(&e, NOW + 62 * M),
	    "and then it is so");
}

/* ---- a clock that steps -------------------------------------------------- */

static void
test_steps_back(void)
{
	struct errors_lately e = { .minute = 0 };

	errors_lately_add(&e, 8, 4, NOW);
	ok(errors_lately_sum(&e, M, NOW - 10 * M).errors == 4,
	    "ten minutes back: what was counted counts on");
	errors_lately_add(&e, 1, 1, NOW - 10 * M);
	ok(errors_lately_sum(&e, M, NOW).errors == 5,
	    "and what comes is of the newest minute");
	ok(errors_lately_any(&e, NOW - 8000 * H) &&
		errors_lately_any(&e, NOW - 8000 * H + H) &&
		!errors_lately_any(&e, NOW - 8000 * H + H + 2 * M),
	    "a year back: it counts for one hour more");
	errors_lately_add(&e, 8, 4, NOW);
	ok(errors_lately_any(&e, NOW) && !errors_lately_any(&e, NOW + 9000 * H),
	    "a step forwards is time that has passed");
}

/* Whatever it does: nothing is lost within an hour, nothing stays for two. */
static void
test_random_steps(void)
{
	bool kept = true, left = true;

	for (int round = 0; round < 300; round++) {
		struct errors_lately e = { .minute = 0 };
		int64_t off = 0, true_now = NOW, first = NOW;
		uint32_t sum = 0;

		for (int i = 0; i < 40; i++) {
			true_now += (int64_t)rnd((uint64_t)M);
			if (rnd(4) == 0)
				off -= (int64_t)rnd((uint64_t)(3 * H));
			errors_lately_add(&e, 1, 0, true_now + off);
			sum++;
			kept = kept &&
			    (true_now - first > H ||
				errors_lately_sum(&e, H, true_now + off)
					.attempts == sum);
		}
		left = left &&
		    !errors_lately_any(&e, true_now + off + 2 * H + 2 * M);
	}
	ok(kept, "whatever steps back the clock makes, all of an hour counts");
	ok(left, "and it is over two hours later");
}

int
main(void)
{
	test_thresholds();
	test_many();
	test_list();
	test_end();
	test_steps_back();
	test_random_steps();
	return done_testing();
}

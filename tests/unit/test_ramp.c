/* SPDX-License-Identifier: Apache-2.0 */
/* A cold start: from a tenth to all, evenly, and when to look again. */
#include "lib/clock.h"
#include "tests/tap.h"
#include "vmta/limit.h"
#include "vmta/ramp.h"

#define START (100 * US_PER_S)
#define LENGTH (90 * US_PER_S)

static void
test_rise(void)
{
	struct ramp r = { .start_us = START };
	int64_t last = START;

	ramp_set(&r, LENGTH, START);
	ok(r.percent == RAMP_FROM && ramp_is_on(&r), "it begins with a tenth");
	for (uint32_t i = 1; i <= 90; i++) {
		int64_t at = ramp_next(&r);

		if (at != START + (int64_t)i * US_PER_S)
			break;
		ramp_run(&r, at - 1);
		if (r.percent != RAMP_FROM + i - 1)
			break;
		ramp_run(&r, at);
		if (r.percent != RAMP_FROM + i)
			break;
		last = at;
	}
	ok(last == START + LENGTH, "a hundredth more at each of its times");
	ok(!ramp_is_on(&r) && ramp_next(&r) == INT64_MAX, "then it is over");
	ramp_run(&r, START - 1);
	ok(r.percent == RAMP_FROM, "a clock that stepped back: a tenth");
}

static void
test_odd_lengths(void)
{
	static const int64_t lengths[] = { 1, 7, 89, 91, 1000003,
		86400 * US_PER_S };
	bool progress = true;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct ramp r = { .start_us = START };
		int64_t now = START;

		ramp_set(&r, lengths[i], now);
		while (ramp_is_on(&r) && progress) {
			progress = ramp_next(&r) > now;
			now = ramp_next(&r);
			ramp_run(&r, now);
		}
		progress = progress && now <= START + lengths[i];
	}
	ok(progress, "each step is later than the one before, none is late");
}

static void
test_reload(void)
{
	struct ramp r = { .start_us = START };

	ramp_set(&r, 0, START);
	ok(!ramp_is_on(&r), "without startup-ramp all is allowed at once");
	ramp_set(&r, LENGTH, START + 45 * US_PER_S);
	ok(r.percent == 55, "a reload counts from the same start");
	ramp_set(&r, 0, START + 45 * US_PER_S);
	ok(!ramp_is_on(&r), "and one without ends it");
}

static void
test_slots(void)
{
	struct ramp r = { .start_us = START };
	struct slots l = { .ramp = &r };

	ramp_set(&r, LENGTH, START);
	ok(ramp_part(&r, 20) == 2 && ramp_part(&r, 1) == 1 &&
		ramp_part(&r, UINT32_MAX) == UINT32_MAX,
	    "a tenth of 20 is 2, of one still one, of no limit none");
	slots_set(&l, 20);
	slots_take(&l);
	slots_take(&l);
	ok(slots_room(&l) == 0 && slots_next(&l) == ramp_next(&r),
	    "two of 20 are taken: room comes with the next step");
	ramp_run(&r, START + 5 * US_PER_S);
	ok(slots_room(&l) == 1, "at 15 per cent there is a third");
	ramp_run(&r, START + LENGTH);
	ok(slots_room(&l) == 18 && slots_next(&l) == INT64_MAX,
	    "in the end all");
}

int
main(void)
{
	test_rise();
	test_odd_lengths();
	test_reload();
	test_slots();
	return done_testing();
}

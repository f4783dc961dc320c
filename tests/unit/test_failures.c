/* SPDX-License-Identifier: Apache-2.0 */
/*
 * So many failures in a period that begins with the first of them; each has
 * his own, and a crowd of names does not fill the memory.
 */
#include "lib/failures.h"

#include <stdio.h>

#include "lib/clock.h"
#include "tests/tap.h"

static const struct rate three = { 3, 60 * US_PER_S };
static const struct rate unlimited = { 0, 0 };

static void
fail(struct failures *f, const char *who, int64_t at_s)
{
	failures_add(f, who, three.period_us, at_s * US_PER_S);
}

static void
test_period(void)
{
	struct failures *f = failures_new();

	ok(failures_allows(f, "a", &three, 0), "nobody is known");
	fail(f, "a", 0);
	fail(f, "a", 30);
	ok(failures_allows(f, "a", &three, 59 * US_PER_S), "two of three");
	fail(f, "a", 59);
	ok(!failures_allows(f, "a", &three, 59 * US_PER_S), "the third");
	ok(failures_allows(f, "b", &three, 59 * US_PER_S), "not another's");
	ok(failures_allows(f, "a", &unlimited, 59 * US_PER_S), "no limit");
	ok(!failures_allows(f, "a", &three, 60 * US_PER_S - 1),
	    "until its period is over");
	ok(failures_allows(f, "a", &three, 60 * US_PER_S), "and not longer");
	fail(f, "a", 61);
	ok(failures_allows(f, "a", &three, 61 * US_PER_S), "a new period");
	failures_free(&f);
}

static void
test_crowd(void)
{
	struct failures *f = failures_new();
	char name[32];

	for (int i = 0; i < 3; i++)
		fail(f, "first", 0);
	for (int i = 0; i < 3; i++)
		fail(f, "second", 1);
	for (int i = 0; i < FAILURES_MAX - 1; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		fail(f, name, 2);
	}
	ok(failures_allows(f, "first", &three, 3 * US_PER_S),
	    "the oldest is forgotten");
	ok(!failures_allows(f, "second", &three, 3 * US_PER_S),
	    "the next one is not");
	failures_free(&f);
}

int
main(void)
{
	test_period();
	test_crowd();
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* When a source address that was lost is tried again, and by whom it is back. */
#include "lib/check.h"
#include "lib/clock.h"
#include "lib/str.h"
#include "tests/tap.h"
#include "vmta/lost.h"

#define S US_PER_S

static struct net_addr
addr(const char *text)
{
	struct net_addr a;
	struct err e;

	CHECK(net_addr_parse(slice_of(text), &a, &e) == 0);
	return a;
}

static void
test_waits(void)
{
	static const int64_t waits[] = { 10, 20, 40, 60, 60 };
	struct net_addr a = addr("192.0.2.1");
	struct lost l = { 0 };
	int64_t now = 1000 * S;

	is_int(lost_until(&l, &a), 0, "it is not lost");
	ok(lost_failed(&l, &a, 1, now), "it is lost: news");
	is_int(lost_until(&l, &a) - now, 5 * S, "tried after 5 s");
	ok(!lost_failed(&l, &a, 2, now + S), "by another, too: none");
	is_int(lost_until(&l, &a) - now, 5 * S, "and not held against it");
	for (uint64_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		now = lost_until(&l, &a);
		lost_try(&l, &a, 10 + i, now);
		ok(lost_until(&l, &a) > now, "one tries it at a time");
		ok(!lost_failed(&l, &a, 10 + i, now), "it still is: no news");
		is_int(lost_until(&l, &a) - now, waits[i] * S,
		    "and waits longer");
	}
	lost_fini(&l);
}

static void
test_back(void)
{
	struct net_addr a = addr("192.0.2.1");
	struct lost l = { 0 };

	(void)lost_failed(&l, &a, 1, S);
	ok(!lost_worked(&l, &a, 2), "one that began before says nothing");
	lost_try(&l, &a, 3, 6 * S);
	ok(lost_is_tried_by(&l, &a, 3) && !lost_is_tried_by(&l, &a, 2),
	    "who tries it is known");
	ok(lost_worked(&l, &a, 3), "it is back: news");
	is_int(lost_until(&l, &a), 0, "not lost any more");
	ok(!lost_worked(&l, &a, 3), "that is said once");
	ok(lost_failed(&l, &a, 4, 9 * S), "lost again: news again");
	is_int(lost_until(&l, &a), 14 * S, "from the first wait");
	lost_fini(&l);
}

static void
test_many(void)
{
	struct net_addr six = addr("2001:db8::1"), a = addr("10.0.0.0");
	struct lost l = { 0 };
	int found = 0;

	(void)lost_failed(&l, &six, 1, S);
	for (unsigned i = 0; i < 200; i++) {
		a.a[3] = (uint8_t)(i * 77);
		(void)lost_failed(&l, &a, 1, i * S);
	}
	for (unsigned i = 0; i < 200; i++) {
		a.a[3] = (uint8_t)(i * 77);
		found += lost_until(&l, &a) == (i + 5) * S;
	}
	is_int(found, 200, "each has its own time");
	is_int(lost_until(&l, &six), 6 * S, "and the other family");
	a.a[3] = 77;
	(void)lost_failed(&l, &six, 1, S);
	a.a[2] = 1;
	(void)lost_failed(&l, &a, 1, 10000 * S);
	is_int((long)l.n, 1, "what nobody tried for an hour is forgotten");
	lost_fini(&l);
}

int
main(void)
{
	test_waits();
	test_back();
	test_many();
	return done_testing();
}

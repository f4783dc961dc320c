/* SPDX-License-Identifier: Apache-2.0 */
/* Which source addresses are lost, among many of both families. */
#include "lib/check.h"
#include "lib/str.h"
#include "tests/tap.h"
#include "vmta/lost.h"

static struct net_addr
addr(const char *text)
{
	struct net_addr a;
	struct err e;

	CHECK(net_addr_parse(slice_of(text), &a, &e) == 0);
	return a;
}

static void
test_one(void)
{
	struct net_addr a = addr("192.0.2.1"), six = addr("c000:201::");
	struct lost l = { 0 };

	ok(!lost_has(&l, &a) && !lost_remove(&l, &a), "none is lost");
	ok(lost_add(&l, &a), "one is: news");
	ok(!lost_add(&l, &a), "that is said once");
	ok(lost_has(&l, &a), "it is lost");
	ok(!lost_has(&l, &six), "not that of the other family");
	ok(lost_remove(&l, &a) && !lost_has(&l, &a), "it is back: news");
	ok(!lost_remove(&l, &a), "that is said once");
	ok(lost_add(&l, &a), "lost again: news again");
	lost_fini(&l);
}

static void
test_many(void)
{
	struct net_addr six = addr("2001:db8::1"), a = addr("10.0.0.0");
	struct lost l = { 0 };
	int found = 0, gone = 0;

	(void)lost_add(&l, &six);
	for (unsigned i = 0; i < 200; i++) {
		a.a[3] = (uint8_t)(i * 77);
		(void)lost_add(&l, &a);
	}
	for (unsigned i = 0; i < 256; i++) {
		a.a[3] = (uint8_t)(i * 77);
		found += lost_has(&l, &a) == (i < 200);
	}
	is_int(found, 256, "each is known");
	for (unsigned i = 0; i < 200; i += 2) {
		a.a[3] = (uint8_t)(i * 77);
		gone += lost_remove(&l, &a);
	}
	is_int(gone, 100, "half of them are back");
	for (unsigned i = found = 0; i < 200; i++) {
		a.a[3] = (uint8_t)(i * 77);
		found += lost_has(&l, &a) == (i % 2 == 1);
	}
	is_int(found, 200, "the others are not");
	ok(lost_has(&l, &six) && l.n == 101, "nor is that of IPv6");
	lost_fini(&l);
}

int
main(void)
{
	test_one();
	test_many();
	return done_testing();
}

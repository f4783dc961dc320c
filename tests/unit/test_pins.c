/* SPDX-License-Identifier: Apache-2.0 */
/* Pins of a queue: one for each address, as long as some group has it. */
#include "lib/check.h"
#include "lib/str.h"
#include "tests/tap.h"
#include "vmta/pins.h"

static struct net_addr
addr(unsigned i)
{
	return (struct net_addr){ .family = AF_INET,
		.a = { 10, 0, (uint8_t)(i >> 8), (uint8_t)i } };
}

static void
test_shared(void)
{
	struct net_addr a = addr(1), b = addr(2);
	struct pins *p = NULL;
	uint16_t one, two;

	one = pins_take(&p, &a, 100);
	two = pins_take(&p, &b, 200);
	ok(one > 0 && two > 0 && one != two, "each address has its own");
	is_int(pins_take(&p, &a, 300), one, "which its groups share");
	is_int((long)pins_at(p, one)->until_us, 300, "until the latest");
	is_int(pins_take(&p, &a, 150), one, "again");
	is_int((long)pins_at(p, one)->until_us, 300, "not an earlier one");
	for (int i = 0; i < 3; i++)
		pins_drop(&p, one);
	is_int(pins_take(&p, &a, 50), one, "a free one is used again");
	is_int((long)pins_at(p, one)->until_us, 50, "and begins anew");
	ok(net_addr_eq(&pins_at(p, two)->addr, &b), "the other one stays");
	pins_drop(&p, one);
	pins_drop(&p, two);
	ok(p == NULL, "without any nothing is left");
}

static void
test_many(void)
{
	struct pins *p = NULL;
	unsigned taken = 0, wrong = 0;

	for (unsigned i = 0; i < 2000; i++) {
		struct net_addr a = addr(i);

		taken += pins_take(&p, &a, i) > 0;
	}
	is_int(taken, 1024, "no more than that");
	for (uint16_t i = 1; i <= 1024; i++) {
		struct net_addr a = addr(i - 1U);

		wrong += !net_addr_eq(&pins_at(p, i)->addr, &a);
	}
	is_int(wrong, 0, "each keeps its number");
	for (uint16_t i = 1; i <= 1024; i++)
		pins_drop(&p, i);
	ok(p == NULL, "all are gone");
}

int
main(void)
{
	test_shared();
	test_many();
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cause of back-pressure comes on at its limit and goes off some way below
 * it, each by itself; what is told of it are the numbers that were compared.
 */
#include "tests/tap.h"
#include "vmta/pressure.h"

#define M UINT64_C(1000000)

static const struct {
	const char *label;
	struct pressure_limits limits;
	struct pressure_facts facts;
	const char *on; /* of "mps": memory, places, space */
} steps[] = {
	{ "nothing is used", { 100, 50 }, { 0, 0, 1 * M, 100 * M, false }, "" },
	{ "one place is left", { 100, 50 }, { 99, 0, 1 * M, 100 * M, false },
	    "" },
	{ "one is left, two are wanted", { 100, 50 },
	    { 99, 2, 1 * M, 100 * M, false }, "p" },
	{ "all are taken", { 100, 50 }, { 100, 0, 1 * M, 100 * M, false },
	    "p" },
	{ "still above the way back", { 100, 50 },
	    { 95, 0, 1 * M, 100 * M, false }, "p" },
	{ "below it", { 100, 50 }, { 94, 0, 1 * M, 100 * M, false }, "" },
	{ "on its way up it is well", { 100, 50 },
	    { 99, 0, 1 * M, 100 * M, false }, "" },
	{ "below, but many are wanted", { 100, 50 },
	    { 60, 41, 1 * M, 100 * M, false }, "p" },
	{ "a reload allows more", { 200, 50 },
	    { 60, 41, 1 * M, 100 * M, false }, "" },
	{ "or has no limit", { 0, 50 },
	    { 4000000000, 4000000000, 1 * M, 100 * M, false }, "" },
	{ "a limit of one place", { 1, 50 }, { 1, 0, 1 * M, 100 * M, false },
	    "p" },
	{ "and it is free", { 1, 50 }, { 0, 1, 1 * M, 100 * M, false }, "" },
	{ "memory up to the limit", { 0, 50 }, { 0, 0, 50 * M, 100 * M, false },
	    "m" },
	{ "a little less", { 0, 50 }, { 0, 0, 48 * M, 100 * M, false }, "m" },
	{ "enough less", { 0, 50 }, { 0, 0, 47 * M, 100 * M, false }, "" },
	{ "memory that is not known", { 0, 50 }, { 0, 0, 0, 0, false }, "" },
	{ "the disk", { 0, 50 }, { 0, 0, 0, 0, true }, "s" },
	{ "all at once", { 5, 1 }, { 5, 0, 2 * M, 100 * M, true }, "mps" },
	{ "the disk has room again", { 5, 1 }, { 5, 0, 2 * M, 100 * M, false },
	    "mp" },
};

static unsigned
bits_of(const char *on)
{
	static const char letters[] = "mps";
	unsigned bits = 0;

	for (; *on != '\0'; on++)
		bits |= 1U << (strchr(letters, *on) - letters);
	return bits;
}

static unsigned
bits_on(const struct pressure *p)
{
	unsigned bits = 0;

	for (unsigned i = 0; i < PRESSURE_CAUSES; i++)
		if (pressure_is_on(p, (enum pressure_cause)i))
			bits |= 1U << i;
	return bits;
}

static void
test_steps(void)
{
	struct pressure p = { .since_us = { 0 } };
	unsigned before = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		unsigned want = bits_of(steps[i].on);
		unsigned changed = pressure_look(&p, &steps[i].limits,
		    &steps[i].facts, (int64_t)i + 1);

		is_int(bits_on(&p), want, steps[i].label);
		is_int(changed, before ^ want, "and only that has changed");
		before = want;
	}
}

static void
test_told(void)
{
	const struct pressure_limits limits = { 10, 25 };
	const struct pressure_facts facts = { 12, 0, 30 * M, 100 * M, true };
	struct pressure p = { .since_us = { 0 } };
	uint64_t used, max;

	(void)pressure_look(&p, &limits, &facts, 7);
	(void)pressure_look(&p, &limits, &facts, 9);
	is_int(p.since_us[PRESSURE_SPACE], 7, "since when");
	is_int(pressure_first(&p), PRESSURE_MEMORY, "the first cause");
	is_str(pressure_directive(PRESSURE_MEMORY), "max-memory-usage-percent",
	    "its directive");
	pressure_numbers(&p, PRESSURE_MEMORY, &used, &max);
	ok(used == 30 * M && max == 25 * M, "its numbers");
	pressure_numbers(&p, PRESSURE_PLACES, &used, &max);
	ok(used == 12 && max == 10, "those of places");
	pressure_numbers(&p, PRESSURE_SPACE, &used, &max);
	ok(used == 0 && max == 0, "of the disk the store keeps them");
}

int
main(void)
{
	test_steps();
	test_told();
	return done_testing();
}

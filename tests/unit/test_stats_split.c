/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each value has a sum of its own; of too many, the small ones go to others
 * and the large ones stay, and no record is lost.
 */
#include "admin/stats_split.h"

#include "tests/tap.h"

enum { LARGE = 3, SMALL = 2 * STATS_VALUES_MAX, EVERY = 20 };

static void
add(struct stats_split *sp, const char *name, unsigned i)
{
	const struct stats_row r = { .type = ACCT_D,
		.logged_s = 1000 + i,
		.rcpt = SLICE_LIT("a@example.net") };
	char value[32];

	(void)snprintf(value, sizeof(value), "%s%u", name, i);
	stats_split_add(sp, slice_of(value), &r);
}

/* Records of the sum of a value; 0: it has none of its own. */
static int64_t
records(struct stats_split *sp, const char *name, unsigned i)
{
	uint32_t count = sp->values.count, row;
	char value[32];

	(void)snprintf(value, sizeof(value), "%s%u", name, i);
	row = stats_table_row(&sp->values, slice_of(value));
	return row >= count ? 0 : (int64_t)sp->sums[row]->records;
}

static int64_t
total(const struct stats_split *sp)
{
	int64_t n = (int64_t)sp->others.records;

	for (uint32_t i = 0; i < sp->values.count; i++)
		n += (int64_t)sp->sums[i]->records;
	return n;
}

static void
test_few(struct stats_room *room)
{
	struct stats_split sp;

	stats_split_init(&sp, false, room);
	for (unsigned i = 0; i < 100; i++)
		for (unsigned k = 0; k <= i; k++)
			add(&sp, "job", i);
	is_int(records(&sp, "job", 41), 42, "a sum for each value");
	stats_split_trim(&sp, 100);
	is_int(sp.values.count, 100, "as many as are allowed all stay");
	stats_split_trim(&sp, 20);
	is_int(sp.values.count, 20, "the largest stay");
	is_int(records(&sp, "job", 80), 81, "the last of them");
	is_int((int64_t)sp.others.records, 80 * 81 / 2, "others has the rest");
	is_int((int64_t)sp.forgotten, 80, "and says of how many");
	stats_split_fini(&sp);
}

static void
test_many(struct stats_room *room)
{
	struct stats_split sp;
	uint32_t most = 0;

	stats_split_init(&sp, true, room);
	for (unsigned i = 0; i < SMALL; i++) {
		add(&sp, "small", i);
		if (i % EVERY == 0)
			for (unsigned k = 0; k < LARGE; k++)
				add(&sp, "large", k);
		most = sp.values.count > most ? sp.values.count : most;
	}
	is_int(most, STATS_VALUES_MAX, "never more values than this");
	is_int(total(&sp), SMALL + SMALL / EVERY * LARGE, "no record is lost");
	stats_split_trim(&sp, LARGE);
	for (unsigned k = 0; k < LARGE; k++)
		is_int(records(&sp, "large", k), SMALL / EVERY,
		    "a large one is complete");
	stats_split_fini(&sp);
}

int
main(void)
{
	struct stats_room room = { SIZE_MAX };

	test_few(&room);
	test_many(&room);
	ok(room.bytes == SIZE_MAX, "all room is given back");
	return done_testing();
}

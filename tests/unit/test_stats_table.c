/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters are found by text, however many there are; what finds no room is
 * counted all the same.
 */
#include "admin/stats_table.h"

#include "admin/stats_order.h"
#include "tests/tap.h"

/* So many that the hashes of some of them are the same. */
enum { MANY = 400000, WIDTH = 2, ROOM = 100000 };

static struct slice
key_of(unsigned i, char text[16])
{
	(void)snprintf(text, 16, "key%u", i);
	return slice_of(text);
}

static void
count(struct stats_table *t, struct slice key, uint64_t n)
{
	stats_table_at(t, stats_table_row(t, key))[0] += n;
}

static uint64_t
total(const struct stats_table *t)
{
	uint64_t n = t->others[0];

	for (uint32_t i = 0; i < t->count; i++)
		n += stats_table_get(t, i)[0];
	return n;
}

/* Key i has come i % 7 + 1 times. */
static void
fill(struct stats_table *t)
{
	char text[16];

	for (unsigned round = 0; round < 7; round++)
		for (unsigned i = 0; i < MANY; i++)
			if (round <= i % 7)
				count(t, key_of(i, text), 1);
}

static void
test_many(void)
{
	struct stats_room room = { SIZE_MAX };
	struct stats_table t;
	unsigned wrong = 0;
	char text[16];

	stats_table_init(&t, WIDTH, &room);
	fill(&t);
	is_int(t.count, MANY, "a row for each key");
	for (unsigned i = 0; i < MANY; i++) {
		uint32_t row = stats_table_row(&t, key_of(i, text));
		const uint64_t *c = stats_table_get(&t, row);

		wrong += c[0] != i % 7 + 1 || c[1] != 0 || row != i;
	}
	is_int(wrong, 0, "with what was counted");
	stats_table_fini(&t);
	ok(room.bytes == SIZE_MAX, "all room is given back");
}

static void
test_keys(void)
{
	static const char longer[STATS_KEY_MAX + 9] = { [STATS_KEY_MAX] = 'x' };
	struct stats_room room = { SIZE_MAX };
	struct stats_table t;
	uint32_t empty, nul, cut;

	stats_table_init(&t, 1, &room);
	empty = stats_table_row(&t, (struct slice){ NULL, 0 });
	nul = stats_table_row(&t, (struct slice){ "\0", 1 });
	cut = stats_table_row(&t, (struct slice){ longer, sizeof(longer) });
	ok(empty != nul && nul != cut, "no text, a zero and many differ");
	is_int(stats_table_row(&t, SLICE_LIT("")), empty, "no text is found");
	is_int(stats_table_row(&t, (struct slice){ longer, STATS_KEY_MAX }),
	    cut, "what is too long is cut");
	is_int((int64_t)stats_table_key(&t, cut).len, STATS_KEY_MAX,
	    "and says so");
	stats_table_fini(&t);
}

static void
test_full(void)
{
	struct stats_room room = { ROOM };
	struct stats_table t, from;
	uint64_t all;

	stats_table_init(&t, WIDTH, &room);
	fill(&t);
	ok(t.count > ROOM / 100 && t.count < ROOM / 40,
	    "as many rows as there is room for");
	all = total(&t);
	is_int((int64_t)all, MANY / 7 * 28 + 21, "nothing is lost");
	ok(t.others[0] > 0, "others has the rest");
	stats_table_init(&from, WIDTH, &room);
	fill(&from);
	is_int(from.count, 0, "no room for another table");
	stats_table_merge(&t, &from);
	is_int((int64_t)total(&t), (int64_t)(2 * all),
	    "nothing is lost when they are put together");
	stats_table_fini(&from);
	stats_table_fini(&t);
	is_int((int64_t)room.bytes, ROOM, "all room is given back");
}

static uint64_t
weight(const uint64_t *counters)
{
	return counters[0];
}

static void
join(const struct stats_order *o, struct buf *out)
{
	buf_clear(out);
	for (size_t i = 0; i < o->count; i++) {
		struct slice key = stats_item_key(&o->items[i]);

		buf_printf(out, "%s%.*s", i > 0 ? " " : "", (int)key.len,
		    key.p);
	}
}

static void
test_order(void)
{
	static const struct {
		const char *key;
		uint64_t n;
	} rows[] = { { "c", 1 }, { "b", 7 }, { "aa", 1 }, { "a", 1 } };
	struct stats_room room = { SIZE_MAX };
	struct buf got = { 0 };
	struct stats_order o;
	struct stats_table t;

	stats_table_init(&t, 1, &room);
	stats_order_init(&o, &t, weight);
	is_int((int64_t)o.count, 0, "an empty table has an order");
	stats_order_fini(&o);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		count(&t, slice_of(rows[i].key), rows[i].n);
	stats_order_init(&o, &t, weight);
	join(&o, &got);
	is_str(buf_cstr(&got), "b a aa c", "the heaviest first, then by key");
	stats_order_fini(&o);
	stats_order_init(&o, &t, NULL);
	join(&o, &got);
	is_str(buf_cstr(&got), "a aa b c", "by key");
	stats_order_fini(&o);
	stats_table_fini(&t);
	buf_fini(&got);
}

int
main(void)
{
	test_many();
	test_keys();
	test_full();
	test_order();
	return done_testing();
}

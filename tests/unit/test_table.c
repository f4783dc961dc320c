/* SPDX-License-Identifier: Apache-2.0 */
/* A table finds what is in it, and only that, also when hashes are equal. */
#include "tests/tap.h"
#include "vmta/table.h"

enum { COUNT = 20000 };

struct item {
	struct table_link link; /* first */
	uint64_t key;
};

static uint64_t
hash(const struct table_link *l)
{
	return table_hash_u64(((const struct item *)(const void *)l)->key);
}

static uint64_t
same_hash(const struct table_link *l)
{
	(void)l;
	return 42;
}

static bool
is(const struct table_link *l, const void *key)
{
	return ((const struct item *)(const void *)l)->key ==
	    *(const uint64_t *)key;
}

static struct item items[COUNT];

static bool
has(const struct table *t, uint64_t i)
{
	return table_find(t, table_hash_u64(i), &i) == &items[i].link;
}

static void
test_growth(void)
{
	static const struct table_ops ops = { hash, is };
	struct table t;
	bool good = true;

	table_init(&t, &ops);
	ok(table_any(&t) == NULL, "a new table is empty");
	for (uint64_t i = 0; i < COUNT; i++) {
		items[i].key = i;
		table_add(&t, &items[i].link);
	}
	for (uint64_t i = 0; i < COUNT; i++)
		good = good && has(&t, i);
	ok(good, "all are found after it has grown");
	for (uint64_t i = 0; i < COUNT; i += 2)
		table_remove(&t, &items[i].link);
	for (uint64_t i = 0; i < COUNT; i++)
		good = good && has(&t, i) == (i % 2 == 1);
	ok(good, "those taken out are not found, the others are");
	for (struct table_link *l; (l = table_any(&t)) != NULL;)
		table_remove(&t, l);
	is_int((int64_t)t.n, 0, "any of them, until none is left");
	table_fini(&t);
}

static void
test_same_hash(void)
{
	static const struct table_ops ops = { same_hash, is };
	struct table t;
	uint64_t key = 1;

	table_init(&t, &ops);
	for (uint64_t i = 0; i < 3; i++) {
		items[i].key = i;
		table_add(&t, &items[i].link);
	}
	ok(table_find(&t, 42, &key) == &items[1].link, "the key decides");
	table_remove(&t, &items[1].link);
	ok(table_find(&t, 42, &key) == NULL, "it is gone");
	key = 0;
	ok(table_find(&t, 42, &key) == &items[0].link, "those beside it stay");
	table_remove(&t, &items[0].link);
	table_remove(&t, &items[2].link);
	table_fini(&t);
}

int
main(void)
{
	test_growth();
	test_same_hash();
	ok(table_hash_bytes("a", 1) != table_hash_bytes("a", 2),
	    "the length counts");
	return done_testing();
}

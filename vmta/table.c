/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/table.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/mem.h"

#define TABLE_MIN 64
#define TABLE_LOAD 2 /* items by bucket before it grows */

uint64_t
table_hash_u64(uint64_t v)
{
	v ^= v >> 33;
	v *= UINT64_C(0xff51afd7ed558ccd);
	v ^= v >> 33;
	v *= UINT64_C(0xc4ceb9fe1a85ec53);
	return v ^ v >> 33;
}

/* FNV-1a, mixed: the low bits choose the bucket. */
uint64_t
table_hash_bytes(const void *p, size_t len)
{
	const unsigned char *s = p;
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		h = (h ^ s[i]) * UINT64_C(0x100000001b3);
	return table_hash_u64(h);
}

void
table_init(struct table *t, const struct table_ops *ops)
{
	t->ops = ops;
	t->n = 0;
	t->cap = TABLE_MIN;
	t->buckets = mem_array(t->cap, sizeof(struct table_link *));
}

void
table_fini(struct table *t)
{
	CHECK(t->n == 0);
	free(t->buckets);
	t->buckets = NULL;
	t->cap = 0;
}

static struct table_link **
bucket(const struct table *t, uint64_t hash)
{
	return &t->buckets[hash & (t->cap - 1)];
}

static void
grow(struct table *t)
{
	struct table_link **old = t->buckets;
	size_t old_cap = t->cap;

	t->cap *= 2;
	t->buckets = mem_array(t->cap, sizeof(struct table_link *));
	for (size_t i = 0; i < old_cap; i++) {
		while (old[i] != NULL) {
			struct table_link *item = old[i];
			struct table_link **b = bucket(t, t->ops->hash(item));

			old[i] = item->next;
			item->next = *b;
			*b = item;
		}
	}
	free(old);
}

struct table_link *
table_find(const struct table *t, uint64_t hash, const void *key)
{
	struct table_link *item = *bucket(t, hash);

	while (item != NULL && !t->ops->is(item, key))
		item = item->next;
	return item;
}

void
table_add(struct table *t, struct table_link *item)
{
	struct table_link **b;

	if (t->n >= t->cap * TABLE_LOAD)
		grow(t);
	b = bucket(t, t->ops->hash(item));
	item->next = *b;
	*b = item;
	t->n++;
}

void
table_remove(struct table *t, struct table_link *item)
{
	struct table_link **b = bucket(t, t->ops->hash(item));

	while (*b != item) {
		CHECK(*b != NULL);
		b = &(*b)->next;
	}
	*b = item->next;
	item->next = NULL;
	t->n--;
}

struct table_link *
table_any(const struct table *t)
{
	for (size_t i = 0; t->n > 0 && i < t->cap; i++)
		if (t->buckets[i] != NULL)
			return t->buckets[i];
	return NULL;
}

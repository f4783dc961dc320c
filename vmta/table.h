/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table - a hash table of items that carry their own link: 8 bytes by item
 * and 4 to 8 for the buckets, since a million messages are in one.
 *
 * The table owns the buckets, never the items: it knows neither the size of
 * one nor whether a key is in it twice.  One thread.
 */

#ifndef VMTA_TABLE_H
#define VMTA_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_link {
	struct table_link *next;
};

struct table_ops {
	uint64_t (*hash)(const struct table_link *item);
	bool (*is)(const struct table_link *item, const void *key);
};

struct table {
	const struct table_ops *ops;
	struct table_link **buckets;
	size_t n, cap; /* cap: a power of two */
};

void table_init(struct table *t, const struct table_ops *ops);
void table_fini(struct table *t); /* CHECKs that it is empty */

/* hash is that of the key: what ops->hash() says for its item. */
struct table_link *table_find(const struct table *t, uint64_t hash,
    const void *key);
void table_add(struct table *t, struct table_link *item);
void table_remove(struct table *t, struct table_link *item);
struct table_link *table_any(const struct table *t); /* NULL: empty */

uint64_t table_hash_bytes(const void *p, size_t len);
uint64_t table_hash_u64(uint64_t v);

#endif

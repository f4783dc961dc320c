/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash with chains by number.  Entries lie in chunks that never move, so
 * growing costs no copy of them and leaves no hole of half the size.
 */
#include "queue/catalog.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/mem.h"

enum { CHUNK = 4096, FIRST_BUCKETS = 1024 };

#define NONE UINT32_MAX

struct catalog {
	struct catalog_entry **chunks;
	uint32_t chunk_count;
	uint32_t free; /* list by next */
	uint32_t *buckets;
	uint32_t bucket_count; /* a power of two */
	unsigned shift;
	size_t count;
};

_Static_assert(sizeof(struct catalog_entry) <= 24, "paid for every message");

static struct catalog_entry *
entry_at(const struct catalog *c, uint32_t i)
{
	return &c->chunks[i / CHUNK][i % CHUNK];
}

/* Ids follow each other: the multiplication spreads them (Fibonacci). */
static uint32_t *
bucket_of(const struct catalog *c, uint64_t id)
{
	uint64_t h = id * UINT64_C(0x9e3779b97f4a7c15);

	return &c->buckets[h >> c->shift];
}

static void
set_buckets(struct catalog *c, uint32_t count, unsigned shift)
{
	c->buckets = mem_alloc(count * sizeof(*c->buckets));
	c->bucket_count = count;
	c->shift = shift;
	for (uint32_t i = 0; i < count; i++)
		c->buckets[i] = NONE;
}

struct catalog *
catalog_new(void)
{
	struct catalog *c = mem_new(struct catalog);

	c->free = NONE;
	set_buckets(c, FIRST_BUCKETS, 64 - 10);
	return c;
}

void
catalog_free(struct catalog **cp)
{
	struct catalog *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	for (uint32_t i = 0; i < c->chunk_count; i++)
		free(c->chunks[i]);
	free(c->chunks);
	free(c->buckets);
	free(c);
}

static void
buckets_free(uint32_t *buckets)
{
	free(buckets);
}

static void
rehash(struct catalog *c)
{
	uint32_t *old = c->buckets;
	uint32_t old_count = c->bucket_count;

	CHECK(old_count <= UINT32_MAX / 2);
	set_buckets(c, old_count * 2, c->shift - 1);
	for (uint32_t b = 0; b < old_count; b++) {
		uint32_t i = old[b], next;

		for (; i != NONE; i = next) {
			struct catalog_entry *n = entry_at(c, i);
			uint32_t *to = bucket_of(c, n->id);

			next = n->next;
			n->next = *to;
			*to = i;
		}
	}
	buckets_free(old);
}

static void
add_chunk(struct catalog *c)
{
	uint32_t first = c->chunk_count * CHUNK;

	c->chunks = mem_realloc(c->chunks,
	    (c->chunk_count + 1) * sizeof(struct catalog_entry *));
	c->chunks[c->chunk_count++] = mem_array(CHUNK,
	    sizeof(struct catalog_entry));
	for (uint32_t i = CHUNK; i-- > 0;) {
		entry_at(c, first + i)->next = c->free;
		c->free = first + i;
	}
}

struct catalog_entry *
catalog_add(struct catalog *c, uint64_t id)
{
	struct catalog_entry *n;
	uint32_t i, *bucket;

	CHECK(catalog_find(c, id) == NULL);
	if (c->free == NONE)
		add_chunk(c);
	if (c->count >= c->bucket_count)
		rehash(c);
	i = c->free;
	n = entry_at(c, i);
	c->free = n->next;
	bucket = bucket_of(c, id);
	*n = (struct catalog_entry){ .id = id, .next = *bucket };
	*bucket = i;
	c->count++;
	return n;
}

struct catalog_entry *
catalog_find(const struct catalog *c, uint64_t id)
{
	uint32_t i = *bucket_of(c, id);

	while (i != NONE) {
		struct catalog_entry *n = entry_at(c, i);

		if (n->id == id)
			return n;
		i = n->next;
	}
	return NULL;
}

void
catalog_drop(struct catalog *c, uint64_t id)
{
	uint32_t *link = bucket_of(c, id);

	while (*link != NONE) {
		struct catalog_entry *n = entry_at(c, *link);
		uint32_t i = *link;

		if (n->id == id) {
			*link = n->next;
			n->next = c->free;
			c->free = i;
			c->count--;
			return;
		}
		link = &n->next;
	}
	CHECK_NEVER("an entry that is there");
}

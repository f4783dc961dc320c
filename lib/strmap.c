/* SPDX-License-Identifier: Apache-2.0 */
/* Entries in a row, and an open-addressed table of where they are. */
#include "lib/strmap.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"

#define SLOTS_FIRST 16 /* a power of two, as all its successors */

struct entry {
	const char *key;
	void *value;
	uint64_t hash;
};

struct strmap {
	struct entry *entries;
	size_t count, cap;
	uint32_t *slots; /* number of the entry + 1; 0: free */
	size_t slot_count;
};

/* FNV-1a: keys come from our own configuration, so no secret is needed. */
static uint64_t
hash_of(const char *key)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *key != '\0'; key++)
		h = (h ^ (unsigned char)*key) * UINT64_C(0x100000001b3);
	return h ^ h >> 32;
}

/* The slot of the key, or the free one where it belongs. */
static uint32_t *
find_slot(const struct strmap *m, const char *key, uint64_t hash)
{
	size_t mask = m->slot_count - 1;

	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		uint32_t n = m->slots[i];

		if (n == 0 ||
		    (m->entries[n - 1].hash == hash &&
			strcmp(m->entries[n - 1].key, key) == 0))
			return &m->slots[i];
	}
}

/* At most half of the slots are in use, so that searches stay short. */
static void
grow_slots(struct strmap *m)
{
	size_t len;

	m->slot_count *= 2;
	len = m->slot_count * sizeof(m->slots[0]);
	m->slots = mem_realloc(m->slots, len);
	memset(m->slots, 0, len);
	for (size_t i = 0; i < m->count; i++)
		*find_slot(m, m->entries[i].key,
		    m->entries[i].hash) = (uint32_t)(i + 1);
}

struct strmap *
strmap_new(void)
{
	struct strmap *m = mem_new(struct strmap);

	m->slot_count = SLOTS_FIRST;
	m->slots = mem_array(m->slot_count, sizeof(m->slots[0]));
	return m;
}

void
strmap_free(struct strmap **mp)
{
	struct strmap *m = *mp;

	*mp = NULL;
	if (m == NULL)
		return;
	free(m->entries);
	free(m->slots);
	free(m);
}

void
strmap_put(struct strmap *m, const char *key, void *value)
{
	uint64_t hash = hash_of(key);
	uint32_t *slot = find_slot(m, key, hash);

	CHECK(value != NULL && m->count < UINT32_MAX / 4);
	if (*slot != 0) {
		m->entries[*slot - 1].value = value;
		return;
	}
	if (m->count == m->cap) {
		m->cap = m->cap == 0 ? SLOTS_FIRST / 2 : m->cap * 2;
		m->entries = mem_realloc(m->entries,
		    m->cap * sizeof(m->entries[0]));
	}
	m->entries[m->count++] = (struct entry){ key, value, hash };
	*slot = (uint32_t)m->count;
	if (m->count * 2 > m->slot_count)
		grow_slots(m);
}

void *
strmap_get(const struct strmap *m, const char *key)
{
	uint32_t n = *find_slot(m, key, hash_of(key));

	return n == 0 ? NULL : m->entries[n - 1].value;
}

size_t
strmap_count(const struct strmap *m)
{
	return m->count;
}

void *
strmap_at(const struct strmap *m, size_t i)
{
	CHECK(i < m->count);
	return m->entries[i].value;
}

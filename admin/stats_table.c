/* SPDX-License-Identifier: Apache-2.0 */
/* Rows in order of arrival, and an open-addressed table of where they are. */
#include "admin/stats_table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"

enum { ROWS_FIRST = 4 }; /* many tables have few rows: a report by value */

/* Eight bytes at a time; the product's halves mix all bits. */
static uint64_t
mix(uint64_t a)
{
	unsigned __int128 m = (unsigned __int128)a *
	    UINT64_C(0x9e3779b97f4a7c15);

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static uint32_t
hash_of(struct slice key)
{
	uint64_t h = mix(key.len + 1), word;

	while (key.len >= sizeof(word)) {
		memcpy(&word, key.p, sizeof(word));
		h = mix(h ^ word);
		key.p += sizeof(word);
		key.len -= sizeof(word);
	}
	word = 0;
	if (key.len > 0)
		memcpy(&word, key.p, key.len);
	h = mix(h ^ word);
	return (uint32_t)(h ^ h >> 32);
}

void
stats_table_init(struct stats_table *t, uint32_t width, struct stats_room *room)
{
	CHECK(width <= STATS_WIDTH_MAX);
	*t = (struct stats_table){ .room = room, .width = width };
}

void
stats_table_fini(struct stats_table *t)
{
	t->room->bytes += t->taken;
	free(t->slots);
	free(t->keys);
	free(t->counters);
	buf_fini(&t->text);
	stats_table_init(t, t->width, t->room);
}

/* The slot of the key, or the free one where it belongs. */
static struct stats_slot *
find_slot(const struct stats_table *t, struct slice key, uint32_t hash)
{
	size_t mask = t->slot_count - 1;

	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		struct stats_slot *s = &t->slots[i];
		const struct stats_key *k;

		if (s->row == 0)
			return s;
		if (s->hash != hash)
			continue;
		k = &t->keys[s->row - 1];
		/* An empty one may be the first: then there is no text. */
		if (k->len == key.len &&
		    (key.len == 0 ||
			memcmp(t->text.p + k->at, key.p, key.len) == 0))
			return s;
	}
}

/* Twice the slots of the rows: searches stay short. */
static void
grow(struct stats_table *t)
{
	struct stats_slot *old = t->slots;
	size_t count = t->slot_count, mask;

	t->cap = t->cap == 0 ? ROWS_FIRST : t->cap * 2;
	t->keys = mem_realloc(t->keys, t->cap * sizeof(t->keys[0]));
	t->counters = mem_realloc(t->counters,
	    (size_t)t->cap * t->width * sizeof(t->counters[0]) + 1);
	t->slot_count = (size_t)t->cap * 2;
	t->slots = mem_array(t->slot_count, sizeof(t->slots[0]));
	mask = t->slot_count - 1;
	for (size_t i = 0; i < count; i++) {
		size_t to = old[i].hash & mask;

		if (old[i].row == 0)
			continue;
		while (t->slots[to].row != 0)
			to = (to + 1) & mask;
		t->slots[to] = old[i];
	}
	free(old);
}

/* Takes what a row needs out of the room. */
static bool
take_room(struct stats_table *t, size_t key_len)
{
	size_t need = key_len + sizeof(t->keys[0]) + 2 * sizeof(t->slots[0]) +
	    t->width * sizeof(t->counters[0]);

	if (t->count == STATS_KEYS_MAX || t->room->bytes < need)
		return false;
	t->room->bytes -= need;
	t->taken += need;
	return true;
}

static uint32_t
add_row(struct stats_table *t, struct slice key)
{
	uint32_t row = t->count++;

	t->keys[row] = (struct stats_key){ (uint32_t)t->text.len,
		(uint32_t)key.len };
	buf_add(&t->text, key.p, key.len);
	memset(stats_table_at(t, row), 0, t->width * sizeof(t->counters[0]));
	return row;
}

uint32_t
stats_table_row(struct stats_table *t, struct slice key)
{
	struct stats_slot *s;
	uint32_t hash;

	if (key.len > STATS_KEY_MAX)
		key.len = STATS_KEY_MAX;
	hash = hash_of(key);
	if (t->slot_count > 0) {
		s = find_slot(t, key, hash);
		if (s->row != 0)
			return s->row - 1;
	}
	if (!take_room(t, key.len))
		return STATS_OTHERS;
	if (t->count == t->cap)
		grow(t);
	s = find_slot(t, key, hash);
	*s = (struct stats_slot){ hash, add_row(t, key) + 1 };
	return s->row - 1;
}

uint64_t *
stats_table_at(struct stats_table *t, uint32_t row)
{
	if (row == STATS_OTHERS)
		return t->others;
	CHECK(row < t->count);
	return t->counters + (size_t)row * t->width;
}

const uint64_t *
stats_table_get(const struct stats_table *t, uint32_t row)
{
	if (row == STATS_OTHERS)
		return t->others;
	CHECK(row < t->count);
	return t->counters + (size_t)row * t->width;
}

struct slice
stats_table_key(const struct stats_table *t, uint32_t row)
{
	CHECK(row < t->count);
	return (struct slice){ t->text.p + t->keys[row].at, t->keys[row].len };
}

static void
add_counters(struct stats_table *t, uint32_t row, const uint64_t *from)
{
	uint64_t *to = stats_table_at(t, row);

	for (uint32_t i = 0; i < t->width; i++)
		to[i] += from[i];
}

void
stats_table_merge(struct stats_table *t, const struct stats_table *from)
{
	CHECK(t->width == from->width);
	for (uint32_t i = 0; i < from->count; i++)
		add_counters(t, stats_table_row(t, stats_table_key(from, i)),
		    stats_table_get(from, i));
	add_counters(t, STATS_OTHERS, from->others);
}

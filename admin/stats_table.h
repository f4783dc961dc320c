/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats_table - counters by text: a row of so many numbers for each key.
 *
 * Made for tens of millions of additions: a key is a slice, found by hash and
 * copied once, when it is new.  Bounded: a table has at most STATS_KEYS_MAX
 * keys, and all tables of one stats_room together so many bytes; what finds
 * no place is counted in one row more, STATS_OTHERS, so that sums stay right.
 * Rows keep their numbers; counters move when a row is added.  One thread.
 */

#ifndef ADMIN_STATS_TABLE_H
#define ADMIN_STATS_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/str.h"

enum {
	STATS_KEYS_MAX = 1 << 20,
	STATS_KEY_MAX = 512, /* bytes; what is longer is cut */
	STATS_WIDTH_MAX = 16
};

#define STATS_OTHERS UINT32_MAX

/* How much memory tables may still take; shared by any number of them. */
struct stats_room {
	size_t bytes;
};

struct stats_key {
	uint32_t at, len;
};

struct stats_slot {
	uint32_t hash, row; /* number of the row + 1; 0: free */
};

struct stats_table {
	struct stats_room *room;
	uint32_t width, count, cap;
	size_t slot_count;
	struct stats_slot *slots;
	struct stats_key *keys;
	uint64_t *counters;
	struct buf text; /* of all keys */
	size_t taken;    /* of the room */
	uint64_t others[STATS_WIDTH_MAX];
};

void stats_table_init(struct stats_table *t, uint32_t width,
    struct stats_room *room);
void stats_table_fini(struct stats_table *t); /* gives the room back */

/* The row of a key, with zeros if it is new; STATS_OTHERS: no place for it. */
uint32_t stats_table_row(struct stats_table *t, struct slice key);

/* The counters of a row, until the next one is added. */
uint64_t *stats_table_at(struct stats_table *t, uint32_t row);
const uint64_t *stats_table_get(const struct stats_table *t, uint32_t row);
struct slice stats_table_key(const struct stats_table *t, uint32_t row);

/* Adds the counters of another table of the same width. */
void stats_table_merge(struct stats_table *t, const struct stats_table *from);

#endif

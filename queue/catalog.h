/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog - the messages of the store in memory: how many recipients are left
 * and in which segment it is.
 *
 * What settling needs to know without reading the database: 24 bytes and one
 * bucket of 4 for each message.  Made anew by the load after a start.  Store
 * thread only.
 */

#ifndef QUEUE_CATALOG_H
#define QUEUE_CATALOG_H

#include <stddef.h>
#include <stdint.h>

struct catalog;

struct catalog_entry {
	uint64_t id;
	uint32_t segment;
	uint32_t size;      /* of its record there */
	uint32_t left : 29; /* recipients without a terminal outcome */
	uint32_t has_states : 1;
	uint32_t moving : 1; /* compacted, the move not yet acknowledged */
	uint32_t unused : 1;
	uint32_t next; /* catalog.c's own */
};

struct catalog *catalog_new(void);
void catalog_free(struct catalog **cp);

/* Zeroed but for the id, which must be new; valid until catalog_drop(). */
struct catalog_entry *catalog_add(struct catalog *c, uint64_t id);
struct catalog_entry *catalog_find(const struct catalog *c, uint64_t id);
void catalog_drop(struct catalog *c, uint64_t id);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppress_columns - what is known of each entry of a base, in the order of its
 * digests, in a file beside it that only the owner of the list reads.
 *
 *	head     48 bytes: 8 "MRSUPPC\n", be32 version, 4 zero bytes, be64 list,
 *	         be64 generation, be64 rows; at 40 be32 crc32c of the rows, be32
 *	         crc32c of the head before that
 *	row      be32 origin, be32 created, be32 expires (0: never), in seconds
 *	         since 1970
 *
 * Reading is pure, any thread, and the bytes are borrowed.  A writer belongs to
 * one thread, which it blocks.  Its file counts only once the base of its
 * generation is published, so it is made by its own name.
 */

#ifndef QUEUE_SUPPRESS_COLUMNS_H
#define QUEUE_SUPPRESS_COLUMNS_H

#include <stdint.h>

#include "lib/err.h"
#include "lib/str.h"

enum { COLUMNS_VERSION = 1, COLUMNS_HEAD = 48, COLUMNS_ROW = 12 };

struct suppress_column {
	uint32_t origin; /* queue/suppress_origins.h */
	uint32_t created_s, expires_s;
};

struct suppress_columns {
	uint64_t list, generation, count;
	const unsigned char *rows;
};

/* Reads all of it: length and checksums are right, or it fails. */
int suppress_columns_read(struct slice bytes, struct suppress_columns *c_r,
    struct err *e);

struct suppress_column suppress_columns_at(const struct suppress_columns *c,
    uint64_t place);

struct columns_write;

int columns_write_new(const char *path, uint64_t list, uint64_t generation,
    struct columns_write **w_r, struct err *e);
/* Without columns_write_end() nothing is left of it. */
void columns_write_free(struct columns_write **wp);
int columns_write_add(struct columns_write *w,
    const struct suppress_column *row, struct err *e);
int columns_write_end(struct columns_write *w, struct err *e); /* syncs */

#endif

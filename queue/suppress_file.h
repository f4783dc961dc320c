/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppress_file - the bytes of a published suppression list: a base with all
 * of its digests, or a delta with what changed since the base it names.
 *
 *	head      128 bytes, of which not all are used
 *	fan       be32 x (2^bits + 1): the first digest whose leading bits are
 *	          at least that; the last one is their number
 *	listed    digests, ascending, none twice
 *	removed   the same; of a delta only
 *
 *	head: 8 "MRSUPPR\n", be32 version, be32 length of a digest, be64 list,
 *	be64 generation, be64 base (0: it is one), be64 listed, be64 removed,
 *	be32 bits; at 116 be32 crc32c of the fan, of the digests, of the head
 *	before that.
 *
 * A look-up costs a miss of the cache in the fan and one or two in the digests.
 * Digests that are not spread evenly make it a binary search, no worse.
 * Pure; any thread; the bytes are borrowed.
 */

#ifndef QUEUE_SUPPRESS_FILE_H
#define QUEUE_SUPPRESS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/str.h"

enum {
	SUPPRESS_VERSION = 1,
	SUPPRESS_HEAD = 128,
	SUPPRESS_LEN_MIN = 8, /* bytes of a digest */
	SUPPRESS_LEN_MAX = 64,
	SUPPRESS_BITS_MAX = 24
};

struct suppress_head {
	uint64_t list, generation, base;
	uint64_t listed, removed; /* numbers of digests, each below 2^32 */
	uint32_t digest_len, bits;
	uint32_t fan_crc, digest_crc;
};

struct suppress_file {
	struct suppress_head head;
	const unsigned char *fan, *listed, *removed;
};

/* For so many digests: eight or fewer in each step of the fan. */
uint32_t suppress_file_bits(uint64_t count);

/* The step of the fan to which a digest belongs. */
uint32_t suppress_file_step(const struct suppress_head *h, const void *digest);

static inline size_t
suppress_file_fan_len(uint32_t bits)
{
	return 4 * (((size_t)1 << bits) + 1);
}

/*
 * The name of what goes with the base of that generation at path, as
 * "PATH.delta.7": whoever sees another base there does not look at it.
 */
char *suppress_file_beside(const char *path, const char *kind, uint64_t base);

void suppress_file_head(const struct suppress_head *h,
    unsigned char out[SUPPRESS_HEAD]);

/* Of bytes that may be cut off behind the head. */
int suppress_file_head_read(struct slice bytes, struct suppress_head *h_r,
    struct err *e);

/* Reads all of it: lengths, checksums and the fan are right, or it fails. */
int suppress_file_read(struct slice bytes, struct suppress_file *f_r,
    struct err *e);

#define SUPPRESS_NOWHERE SIZE_MAX

/* Which of the listed it is, from 0; SUPPRESS_NOWHERE: none. */
size_t suppress_file_place(const struct suppress_file *f, const void *digest);

bool suppress_file_lists(const struct suppress_file *f, const void *digest);
bool suppress_file_removes(const struct suppress_file *f, const void *digest);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppress_base - a published base as its owner has it: the digests that
 * readers see, the columns of each, and when they expire.
 *
 *	PATH              suppress_file.h; its generation is N
 *	PATH.columns.N    suppress_columns.h, in the same order
 *	PATH.expiry.N     suppress_file.h of 8 bytes: be32 seconds since 1970,
 *	                  be32 place of an entry in the base
 *
 * Opened, all of it is read once and right, and each file is as long as the
 * others say.  Belongs to one thread; counted, as walks may outlive it.
 */

#ifndef QUEUE_SUPPRESS_BASE_H
#define QUEUE_SUPPRESS_BASE_H

#include <stdint.h>

#include "lib/err.h"
#include "lib/str.h"
#include "queue/suppress_columns.h"
#include "queue/suppress_file.h"

enum { EXPIRY_LEN = 8 };

struct suppress_base {
	unsigned users;
	struct slice maps[3];
	struct suppress_file file, expiry;
	struct suppress_columns columns;
};

int suppress_base_open(const char *path, uint64_t id, uint32_t digest_len,
    struct suppress_base **b_r, struct err *e);
struct suppress_base *suppress_base_ref(struct suppress_base *b);
void suppress_base_unref(struct suppress_base **bp);

/* Only its head is read.  0: there is no file. */
int suppress_base_peek(const char *path, struct suppress_head *h_r,
    struct err *e);

/* The first place in the expiry file that is later than that. */
size_t suppress_base_expiry(const struct suppress_base *b, int64_t now_s);

/* Has passed over all of it: gives the memory back that maps it. */
void suppress_base_rest(const struct suppress_base *b);

#endif

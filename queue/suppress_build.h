/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppress_build - a base or delta of a suppression list from digests in any
 * order, in bounded memory (suppress_sort.h).  One given twice counts once.
 *
 * Readers see nothing before
 * suppress_build_publish(), and then all of it (suppress_write.h).  Belongs to
 * one thread, which it blocks: not that of the store.
 */

#ifndef QUEUE_SUPPRESS_BUILD_H
#define QUEUE_SUPPRESS_BUILD_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

struct suppress_build;

/* How many are merged, of how many were added. */
typedef void suppress_progress_fn(void *ctx, uint64_t done, uint64_t all);

struct suppress_build_conf {
	uint64_t list, generation; /* a generation is never given twice */
	uint32_t digest_len;
	size_t memory; /* bytes for one run; at least one digest */
	suppress_progress_fn *on_progress; /* may be NULL */
	void *ctx;
};

int suppress_build_new(const char *path, const struct suppress_build_conf *conf,
    struct suppress_build **b_r, struct err *e);
void suppress_build_free(struct suppress_build **bp);

int suppress_build_add(struct suppress_build *b, const void *digest,
    struct err *e);

/* Once; after that it can only be freed. */
int suppress_build_publish(struct suppress_build *b, struct err *e);

/* Digests one behind the other, in any order. */
struct suppress_digests {
	const void *p;
	size_t count;
};

/*
 * What changed since the base of that generation, all of it each time.  One
 * that is in both is listed.  path is the base's; the delta is beside it.
 */
int suppress_build_delta(const char *path,
    const struct suppress_build_conf *conf, uint64_t base,
    struct suppress_digests listed, struct suppress_digests removed,
    struct err *e);

#endif

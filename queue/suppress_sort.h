/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppress_sort - records of one length in the order of their bytes, in bounded
 * memory: runs are sorted in memory and merged from a file without a name.
 *
 * The sort of a run takes as much memory again as it was given.  Belongs to one
 * thread at a time, which it blocks: at most for a run.
 */

#ifndef QUEUE_SUPPRESS_SORT_H
#define QUEUE_SUPPRESS_SORT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

struct suppress_sort;

/* path: the file has its name, with ".runs" behind it, for a moment only.
 * memory: bytes for one run; at least one record. */
struct suppress_sort *suppress_sort_new(const char *path, uint32_t record_len,
    size_t memory);
void suppress_sort_free(struct suppress_sort **sp);

int suppress_sort_add(struct suppress_sort *s, const void *record,
    struct err *e);
uint64_t suppress_sort_count(const struct suppress_sort *s);

/* No more are added.  Once. */
int suppress_sort_end(struct suppress_sort *s, struct err *e);

/*
 * The next record, valid until the next call; *record_r is NULL behind the
 * last.  Records that are alike come one behind the other.
 */
int suppress_sort_next(struct suppress_sort *s, const unsigned char **record_r,
    struct err *e);

/* The same order for what is in memory. */
void suppress_sort_array(void *records, size_t count, uint32_t record_len);

#endif

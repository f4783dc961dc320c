/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppress_write - publishes one file of suppress_file.h from sorted digests.
 *
 * It is made as PATH.new, synced and renamed, and the folder is synced: a crash
 * at any moment leaves the file of before or the whole new one, and readers see
 * nothing else.  One writer per path at a time, which its caller sees to.
 * Belongs to one thread, which it blocks.
 */

#ifndef QUEUE_SUPPRESS_WRITE_H
#define QUEUE_SUPPRESS_WRITE_H

#include "lib/err.h"
#include "queue/suppress_file.h"

struct suppress_write;

/* head->listed is what is expected at most; bits and checksums are ours. */
int suppress_write_new(const char *path, const struct suppress_head *head,
    struct suppress_write **w_r, struct err *e);

/* Without publish nothing is left of it. */
void suppress_write_free(struct suppress_write **wp);

/* Ascending; one like the last is dropped.  The removed come behind. */
int suppress_write_listed(struct suppress_write *w, const void *digest,
    struct err *e);
int suppress_write_removed(struct suppress_write *w, const void *digest,
    struct err *e);

/* On -1 readers see the old file, or the new one if only its folder failed. */
int suppress_write_publish(struct suppress_write *w, struct err *e);

/* The folder of a path: what was renamed in it stays so. */
int suppress_write_sync_folder(const char *path, struct err *e);

/* All of it, at that place of a file. */
int suppress_write_at(int fd, const void *p, size_t len, uint64_t at);

/*
 * The same for pieces of a file that is written from its beginning to its end:
 * the disk begins with each at once, so that the sync at the end is short.
 */
enum { SUPPRESS_PIECE = 1 << 20 };
int suppress_write_piece(int fd, const void *p, size_t len, uint64_t at);

#endif

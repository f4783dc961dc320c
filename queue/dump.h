/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dump - a whole spool as one stream, and a spool made from it.
 *
 * The stream (queue/dump_stream.h) depends on no database engine.  What is
 * loaded is the spool that was dumped: the same ids, attempts and times, the
 * same ledger, the accounting records that were not yet written.  Only the
 * places of messages in segments are new.  One thread.
 */

#ifndef QUEUE_DUMP_H
#define QUEUE_DUMP_H

#include <stdint.h>
#include <stdio.h>

#include "lib/err.h"
#include "queue/offline.h"

struct dump_sums {
	uint64_t messages, recipients; /* queued */
	uint64_t bytes;                /* of envelopes and bodies */
};

typedef void dump_progress_fn(void *ctx, uint64_t messages);

/*
 * -1: nothing of the file is of use; also when a message is damaged, which is
 * named.  The spool is open.
 */
int dump(struct offline *sp, FILE *f, dump_progress_fn *fn, void *ctx,
    struct dump_sums *sums_r, struct err *e);

/*
 * Makes the spool dir, which does not exist or is an empty folder; dir NULL:
 * only reads the stream.  -1: there is nothing at dir that was not there before;
 * or all is there, and only its name could not be synced.
 */
int dump_load(const char *dir, FILE *f, dump_progress_fn *fn, void *ctx,
    struct dump_sums *sums_r, struct err *e);

#endif

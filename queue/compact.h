/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compact - copies what is live out of a segment that is mostly dead.
 *
 * The checkpoint thread reads the old file; the store thread says what is
 * live and commits the copies in its batches; the two send one object to and
 * fro, so it always has one owner:
 *
 *	checkpoint          store
 *	tick ------------->  choose a segment, hold it
 *	list its heads <---
 *	      ------------>  which of these are live?
 *	read some records <
 *	      ------------>  append, commit, flush, tell the owner
 *	(until all are through)
 *	      ------------>  let go
 *
 * The old file stays until every move is acknowledged: sessions may hold its
 * number.  A message that does not pass its checksums is not moved, and its
 * segment then never goes.
 */

#ifndef QUEUE_COMPACT_H
#define QUEUE_COMPACT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/worker.h"
#include "queue/catalog.h"
#include "queue/store.h"

struct compact;

struct compact *compact_new(struct store *s, struct worker *checkpoint);
void compact_free(struct compact **cp); /* both threads have ended */

void compact_tick(struct compact *c); /* checkpoint thread */

/* ---- store thread -------------------------------------------------------- */

/* For the batch: appends the records, commits the rows, after the flush tells
 * of the moves. */
void compact_append(struct compact *c);
void compact_commit(struct compact *c);
void compact_answer(struct compact *c);

/* A move was acknowledged, or its message has ended. */
void compact_moved_done(struct compact *c, uint64_t id, uint32_t old_segment);
void compact_forget(struct compact *c, struct catalog_entry *entry);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outbox - blobs of records on their way to the sinks.
 *
 * A blob is put in the transaction whose outcomes or messages its records are
 * about, with the ledger as it is after that, and stays until the sinks have
 * it: outbox_done().  After a start those not done come
 * again, in order, before any new one: until that replay has caught up, new
 * blobs are left to it.
 *
 * No more than OUTBOX_WINDOW bytes are with the sinks' thread at a time: what
 * is above is left to the replay, which goes on when that thread has taken
 * some.  So a slow disk of theirs costs no memory.  outbox_rewind() makes them
 * come again from a place, or leaves out those before one.  Store thread only.
 */

#ifndef QUEUE_OUTBOX_H
#define QUEUE_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/str.h"
#include "queue/env.h"
#include "queue/store.h"

/* A blob may go beyond it. */
#define OUTBOX_WINDOW ((size_t)16 << 20)

/*
 * So many rows go in a transaction: the log gets what is deleted, and after a
 * sink has given up there may be gigabytes of it.
 */
enum { OUTBOX_TRIM = 64 };

typedef void outbox_fn(void *ctx, uint64_t seq,
    const struct store_ledger *after, const void *p, size_t len);

/* Committed, and to be sent when the log was flushed. */
struct outbox_ready {
	uint64_t seq;
	struct store_ledger after;
	struct buf row;
};

struct outbox {
	struct env *env;
	outbox_fn *fn; /* set by the store before the replay; may be NULL */
	void *ctx;

	struct buf blob; /* being made: room for head and ledger, the records */
	struct outbox_ready *ready;
	size_t ready_count, ready_cap; /* buffers stay up to cap */
	uint64_t trimmed;              /* rows below this are gone */
	uint64_t done;                 /* rows up to this may go */
	bool live;                     /* the replay has caught up */
	uint64_t replayed;             /* the replay has called fn up to here */
	size_t away; /* bytes with the sinks' thread, not yet taken */
};

/* next: the sequence of the blob to come; fn may be NULL. */
int outbox_init(struct outbox *o, struct env *v, uint64_t next, struct err *e);
void outbox_fini(struct outbox *o);

/*
 * Collects; then puts what was collected, if any, within a transaction that
 * makes the ledger what after says.
 */
void outbox_begin(struct outbox *o);
void outbox_add(struct outbox *o, const void *records, size_t len);
void outbox_fill_id(struct outbox *o, size_t back,
    uint64_t id); /* be64, so many bytes before the end */
bool outbox_is_empty(const struct outbox *o);
enum env_result outbox_put(struct outbox *o, uint64_t seq,
    const struct store_ledger *after, struct err *e);

/* That transaction is committed: another blob may be begun. */
void outbox_committed(struct outbox *o, uint64_t seq,
    const struct store_ledger *after);

/* After the flush: calls fn for each blob of this batch. */
void outbox_send(struct outbox *o);

/*
 * The next few blobs of the replay; false: it has caught up with next, or
 * waits for outbox_taken().
 */
bool outbox_replay(struct outbox *o, uint64_t next);

/* So many bytes left the memory of the sinks' thread; true: replay. */
bool outbox_taken(struct outbox *o, size_t bytes);

/* What comes next is the blob of seq, or the one behind it; then replay. */
void outbox_rewind(struct outbox *o, uint64_t seq);

void outbox_done(struct outbox *o, uint64_t seq);
bool outbox_wants_trim(const struct outbox *o);
/* Some of those that are done, within a transaction; then it is committed. */
enum env_result outbox_trim(struct outbox *o, uint64_t *upto_r, struct err *e);
void outbox_trimmed(struct outbox *o, uint64_t upto);

#endif

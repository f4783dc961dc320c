/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outbox - blobs of records on their way to the sinks.
 *
 * A blob is put in the transaction whose outcomes or messages its records are
 * about, with the ledger as it is after that, and stays until the sinks have
 * it: outbox_done().  After a start those not done come
 * again, in order, before any new one: until that replay has caught up, new
 * blobs are left to it.  Store thread only.
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

/* The next few blobs of the replay; false: it has caught up with next. */
bool outbox_replay(struct outbox *o, uint64_t next);

void outbox_done(struct outbox *o, uint64_t seq);
bool outbox_wants_trim(const struct outbox *o);
enum env_result outbox_trim(struct outbox *o, uint64_t *upto_r,
    struct err *e);                                   /* within a transaction */
void outbox_trimmed(struct outbox *o, uint64_t upto); /* it is committed */

#endif

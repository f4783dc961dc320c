/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outbox - blobs of terminal records on their way to the sinks.
 *
 * A blob is put in the transaction that removes its recipients and stays
 * until the sinks have it: outbox_done().  After a start those not done come
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

typedef void outbox_fn(void *ctx, uint64_t seq, const void *p, size_t len);

struct outbox {
	struct env *env;
	outbox_fn *fn; /* set by the store before the replay; may be NULL */
	void *ctx;

	struct buf blob;  /* of this batch: a record's head, then the records */
	uint64_t trimmed; /* rows below this are gone */
	uint64_t done;    /* rows up to this may go */
	bool live;        /* the replay has caught up */
	uint64_t replayed; /* the replay has called fn up to here */
};

/* next: the sequence of the blob to come; fn may be NULL. */
int outbox_init(struct outbox *o, struct env *v, uint64_t next, struct err *e);
void outbox_fini(struct outbox *o);

/* Collects; then puts what was collected, if any, within a transaction. */
void outbox_begin(struct outbox *o);
void outbox_add(struct outbox *o, const void *records, size_t len);
bool outbox_is_empty(const struct outbox *o);
enum env_result outbox_put(struct outbox *o, uint64_t seq, struct err *e);

/* After the flush: calls fn for the blob of this batch. */
void outbox_send(struct outbox *o, uint64_t seq);

/* The next few blobs of the replay; false: it has caught up with next. */
bool outbox_replay(struct outbox *o, uint64_t next);

void outbox_done(struct outbox *o, uint64_t seq);
bool outbox_wants_trim(const struct outbox *o);
enum env_result outbox_trim(struct outbox *o, uint64_t *upto_r,
    struct err *e);                                   /* within a transaction */
void outbox_trimmed(struct outbox *o, uint64_t upto); /* it is committed */

#endif

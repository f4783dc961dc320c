/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper - takes what the scheduler says of its queues to the store (values by
 * name, vmta/sched_keep.h), each behind a stamp of when it was made, and back
 * that it is durable.
 *
 * What was put in one round is answered together, in the order in which it was
 * put.  An operator's order that changed queues waits for the round it is in.
 * Scheduler's thread, but for keeper_stamp().
 */

#ifndef TRANSPORT_KEEPER_H
#define TRANSPORT_KEEPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "lib/err.h"
#include "lib/str.h"
#include "lib/worker.h"
#include "mail/lease_record.h"
#include "queue/store.h"

struct keeper;

/* kept false: the disk is full, and what was there before still stands. */
typedef void keeper_fn(void *ctx, uint64_t ticket, bool kept);

/* fn is called on w's thread. */
struct keeper *keeper_new(struct worker *w, struct store *s, keeper_fn *fn,
    void *ctx);
/* After stop and join of w; all were answered. */
void keeper_free(struct keeper **kp);

/*
 * Copies both; no bytes: the name is forgotten.  The ticket comes back with the
 * answer; there is none to 0.
 */
void keeper_put(struct keeper *k, struct slice name, struct slice bytes,
    uint64_t ticket);

/*
 * Called when all that was put in this round, and before, was answered; kept:
 * all of this round was.  Embedded in who waits, and his again then.
 */
struct keeper_wait {
	STAILQ_ENTRY(keeper_wait) link; /* the keeper's */
	void (*fn)(struct keeper_wait *w, bool kept);
};
void keeper_wait(struct keeper *k, struct keeper_wait *w);

/* Once in a round: what was put goes to the store. */
void keeper_flush(struct keeper *k);

/* The last flush of a clean stop: what is put later is dropped. */
void keeper_end(struct keeper *k);

/* ---- a value and its stamp ----------------------------------------------- */

/* Appends the stamp of then, as it stands before the bytes; any thread. */
void keeper_stamp(struct buf *out, const struct lease_stamp *then);
/* -1: there is none. */
int keeper_unstamp(struct slice value, struct lease_stamp *then_r,
    struct slice *bytes_r, struct err *e);

#endif

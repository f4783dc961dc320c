/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit - the batch: all that was posted in one round of the store thread.
 *
 * Bodies are appended and synced; outcomes, then states and leases, then
 * messages, then moves are committed without sync; the log is flushed once;
 * then all are answered in the order they came.
 */

#ifndef QUEUE_COMMIT_H
#define QUEUE_COMMIT_H

#include "queue/store.h"

struct commit;
struct compact;

struct commit *commit_new(struct store *s); /* its worker is there */
void commit_free(struct commit **cp);

/* On the store thread; answered by the end of its round. */
void commit_add_accept(struct store *s, struct store_accept *a);
void commit_add_settle(struct store *s, struct store_settle *o);
void commit_add_state(struct store *s, struct store_state *st);
void commit_add_leases(struct store *s, struct store_leases *l);
void commit_add_move(struct store *s, struct compact *c);

/*
 * When space is short: gives back the tail if nothing in it is live.  Between
 * batches.
 */
void commit_roll(struct store *s);

/* For worker_on_round(): the batch begins, or waits for company (gather.h). */
void commit_round(void *store);

/* It begins now.  Also when the store thread has ended. */
void commit_now(struct store *s);

#endif

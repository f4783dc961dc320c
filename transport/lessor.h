/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lessor - takes what the scheduler says of its limits to the store, and back
 * that it is durable.
 *
 * All records of one round go as one batch, and are answered in the order in
 * which they were given.  It puts the stamp on them.  Scheduler's thread.
 */

#ifndef TRANSPORT_LESSOR_H
#define TRANSPORT_LESSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/str.h"
#include "lib/worker.h"
#include "mail/lease_record.h"
#include "queue/store.h"

struct lessor;

/* kept false: the disk is full, and what was there before still stands. */
typedef void lessor_fn(void *ctx, uint64_t ticket, bool kept);

/* fn is called on w's thread. */
struct lessor *lessor_new(struct worker *w, struct store *s, lessor_fn *fn,
    void *ctx);
/* After stop and join of w; all were answered. */
void lessor_free(struct lessor **lp);

/* Of this instant; any thread. */
void lessor_stamp(struct lease_stamp *now_r);

/*
 * Copies both; rec NULL: the limit is forgotten.  The ticket comes back with
 * the answer; there is none to 0.
 */
void lessor_put(struct lessor *l, struct slice key,
    const struct lease_record *rec, uint64_t ticket);

/* Once in a round: what was put goes to the store. */
void lessor_flush(struct lessor *l);

/* The last flush of a clean stop: what is put later is dropped. */
void lessor_end(struct lessor *l);

#endif

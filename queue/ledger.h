/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger - the one row that is written with every batch: what was accepted
 * and how it ended, the ids given out, the outbox's next sequence, the tail.
 *
 * Work is done on a copy, which replaces the store's ledger when the
 * transaction that wrote it is committed.  Store thread only.
 */

#ifndef QUEUE_LEDGER_H
#define QUEUE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "queue/env.h"
#include "queue/record.h"
#include "queue/store.h"

/*
 * Ids grow by one from the wall clock's microseconds at the first start, so
 * they are not repeated when a spool is made anew; the limit is written ahead
 * by this many, so an id of an unfinished batch is never given out again.
 */
#define LEDGER_ID_LEASE (UINT64_C(1) << 20)

struct ledger {
	struct record_ledger row;
	uint64_t next_id;
};

/* Counts this start.  What is read of a new spool is zero. */
enum env_result ledger_load(struct env *v, int64_t wall_us, struct ledger *l,
    struct err *e);

/* Within a transaction. */
enum env_result ledger_save(struct env *v, const struct ledger *l,
    struct err *e);

uint64_t ledger_take_id(struct ledger *l);
/* A recipient has ended; unrecorded: no record says so. */
void ledger_count(struct ledger *l, enum store_verdict verdict,
    bool unrecorded);

/* Recipients that were never queued. */
void ledger_refused(struct ledger *l, const struct store_refused *r);

/* Those that have not ended. */
uint64_t ledger_queued(const struct ledger *l);

#endif

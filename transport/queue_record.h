/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_record - the accounting record (tq) of a queue that begins to wait, on
 * its way into the store.
 *
 * Made on the scheduler's thread; it frees itself when it is durable.
 */

#ifndef TRANSPORT_QUEUE_RECORD_H
#define TRANSPORT_QUEUE_RECORD_H

#include "mail/outcome.h"
#include "queue/store.h"
#include "vmta/sched.h"

/* Nothing, where no acct-file of conf or not this queue wants it. */
void queue_record(struct store *store, const struct snapshot *conf,
    const struct sched_queue *q, const struct outcome *why);

#endif

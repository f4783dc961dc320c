/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recover - brings a spool back to what was committed, before the threads
 * run:
 *
 *	the environment's own recovery (a full disk costs the reserve)
 *	the ledger; the tail segment cut to what it says
 *	in-flight slots against the tables: doubts, made durable
 *	the slots cleared, the reserve made
 *
 * Each step may be repeated: a crash during recovery does no harm.
 */

#ifndef QUEUE_RECOVER_H
#define QUEUE_RECOVER_H

#include "lib/err.h"
#include "queue/store.h"

/* Fills env, segments, inflight, ledger, outbox, handover of s, whose lock is
 * taken and whose reserve is open. */
int recover(struct store *s, const struct store_options *opt, struct err *e);

#endif

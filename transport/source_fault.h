/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source_fault - a connection that never got to work for its source's sake:
 * the scheduler is told, and the log when a source is lost or back.
 *
 * What the queue does is not said here (transport/disposition.h).  Scheduler's
 * thread.
 */

#ifndef TRANSPORT_SOURCE_FAULT_H
#define TRANSPORT_SOURCE_FAULT_H

#include "mail/outcome.h"
#include "vmta/sched.h"

/* True: the queue goes on with another one at once, and has not failed. */
bool source_fault(struct sched *s, struct sched_conn *c,
    const struct outcome *o, int64_t now_us);

/* The scheduler's owner's `source`. */
void source_log(void *ctx, const struct net_addr *a, bool lost);

#endif

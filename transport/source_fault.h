/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source_fault - a connection that never got to work for its source's sake:
 * the scheduler is told.
 *
 * What the queue does is not said here (transport/disposition.h).  Scheduler's
 * thread.
 */

#ifndef TRANSPORT_SOURCE_FAULT_H
#define TRANSPORT_SOURCE_FAULT_H

#include "mail/outcome.h"
#include "vmta/sched.h"

/*
 * True: the queue has not failed: it goes on with another one at once, or waits
 * until one is back.
 */
bool source_fault(struct sched *s, struct sched_conn *c,
    const struct outcome *o);

#endif

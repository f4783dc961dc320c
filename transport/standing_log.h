/* SPDX-License-Identifier: Apache-2.0 */
/*
 * standing_log - what became of how queues stand (vmta/sched_standing.h), in the
 * log: a line for each change of a mode, and when all sources of a queue are
 * disabled; for each source where log-disabled-ips asks for it.
 *
 * Any thread; the event is borrowed.
 */

#ifndef TRANSPORT_STANDING_LOG_H
#define TRANSPORT_STANDING_LOG_H

#include "vmta/sched_standing.h"

/* As the scheduler's owner's `event`. */
void standing_log(void *ctx, const struct sched_event *e);

#endif

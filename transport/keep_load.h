/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keep_load - how queues stood with the other side when the process before
 * ended (vmta/sched_keep.h), from the spool to the scheduler: before any
 * message, since posts keep their order.
 */

#ifndef TRANSPORT_KEEP_LOAD_H
#define TRANSPORT_KEEP_LOAD_H

#include "lib/str.h"

struct dispatch;

/*
 * A value that the store kept, whoever's it is; store thread.  One of a queue
 * that nobody can read is logged and forgotten: its queue is as if it had never
 * failed.
 */
void keep_load_one(struct dispatch *d, struct slice name, struct slice value);

#endif

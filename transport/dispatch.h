/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dispatch - the scheduler's thread: joins vmta/sched, the workers' sessions,
 * disposition and the store.
 *
 * The functions marked (any) may be called from any thread and post.
 */

#ifndef TRANSPORT_DISPATCH_H
#define TRANSPORT_DISPATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/worker.h"
#include "mail/message.h"
#include "queue/store.h"
#include "vmta/snapshot.h"

struct dispatch;
struct worker_env;

/*
 * A message that was just committed is to be delivered.  Takes the reference
 * of m; known[] (by recipient, may be NULL) marks those that are not new.
 */
void dispatch_accepted(struct dispatch *d, struct message *m, const bool *known,
    uint32_t rcpt_count); /* (any) */

#endif

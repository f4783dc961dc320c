/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state - values by name that belong to no message and outlive the process:
 * what the operator has paused, how queues stand with the other side.
 *
 * The store knows neither names nor values.  They are small, and at most some
 * for each queue: all are handed out at the start of a load, behind what limits
 * had spent (queue/leases.h) and before any message.  Written in the
 * group commit like everything else.  Store thread.
 */

#ifndef QUEUE_STATE_H
#define QUEUE_STATE_H

#include <stddef.h>

#include "queue/store.h"

/* One transaction; each gets its answer.  A full disk costs the reserve. */
void state_commit(struct store *s, struct store_state **list, size_t count);

/* Calls owner.state for each. */
void state_load(struct store *s);

#endif

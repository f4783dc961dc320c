/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orders - what the operator orders beyond pauses of queues (transport/steer.h):
 * jobs are paused and resumed, queues set to a mode, their sources taken and
 * given back.
 *
 * An order is in effect when the scheduler has it, and answered when it is on
 * stable storage.  Paused jobs are one value of the store (vmta/pause.h), put
 * there again with each order; modes and sources are kept by queue
 * (transport/keeper.h).
 */

#ifndef TRANSPORT_ORDERS_H
#define TRANSPORT_ORDERS_H

#include "lib/str.h"

struct dispatch;

/*
 * A value that the store kept over a restart, whoever's it is (any thread).  To
 * be called before the first message is dispatched.
 */
void orders_restore(struct dispatch *d, struct slice name, struct slice value);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * steer - what the operator orders for whole queues: pause, resume, schedule.
 *
 * A pause is in effect when the scheduler has it, and answered when it is on
 * stable storage: all orders together are one value of the store
 * (vmta/pause.h), put there again with each.
 */

#ifndef TRANSPORT_STEER_H
#define TRANSPORT_STEER_H

#include "lib/str.h"

struct dispatch;

/*
 * A value that the store kept over a restart (any thread).  To be called
 * before the first message is dispatched.
 */
void steer_restore(struct dispatch *d, struct slice name, struct slice value);

#endif

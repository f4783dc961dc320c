/* SPDX-License-Identifier: Apache-2.0 */
/*
 * receive_merge - a mail merge that is complete: a message for each recipient,
 * or for neighbours whose text and envelope are the same, each of them treated,
 * signed and packed as if it had come alone; all of them durable in one
 * transaction of the store, or none; one reply.
 *
 * What takes long is done in turns of some milliseconds, between which the
 * worker serves its other sessions.  A client that goes away before the store
 * has it takes the merge with it: nothing was promised.
 *
 * On the session's worker.
 */

#ifndef TRANSPORT_RECEIVE_MERGE_H
#define TRANSPORT_RECEIVE_MERGE_H

#include "transport/ingress_priv.h"

/* The last part is there. */
enum ingress_state receive_merge(struct ingress_session *s);

/* The session is closed, and waits for nobody else. */
void receive_merge_forget(struct ingress_session *s);

#endif

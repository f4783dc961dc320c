/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep - outcomes decided on the scheduler's thread (expiry, a route that is
 * gone), gathered and handed to the store in one piece.
 *
 * Owned by the dispatcher; one thread.
 */

#ifndef TRANSPORT_SWEEP_H
#define TRANSPORT_SWEEP_H

#include <stdint.h>

#include "mail/message.h"
#include "mail/outcome.h"
#include "queue/store.h"
#include "transport/disposition.h"
#include "vmta/sched.h"

struct sweep;

struct sweep *sweep_new(struct store *store);
void sweep_free(struct sweep **sp);

/* A recipient that has left the scheduler. */
struct sweep_rcpt {
	const struct sched_queue *queue;
	const struct message *msg;
	uint32_t n;
	uint16_t attempts;
};

/* Takes in how it ended; writes its log line too. */
void sweep_add(struct sweep *s, const struct sweep_rcpt *rcpt,
    const struct outcome *o, const struct disposition *what);

/* To the store, if there is something. */
void sweep_flush(struct sweep *s);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep - recipients that end without a session: expired, on a route that is
 * gone, deleted by the operator.
 *
 * The dispatcher, which owns it, only notes who ends and how; a worker reads
 * the envelopes, makes the records and settles (transport/settlement.h).
 * Senders of mail that is late, and stays, are told the same way.  Several pieces may be under way at once, in any order: a recipient that is
 * noted here has left the scheduler, so nothing else happens to it.
 */

#ifndef TRANSPORT_SWEEP_H
#define TRANSPORT_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/message.h"
#include "mail/outcome.h"
#include "transport/disposition.h"
#include "vmta/sched.h"

struct sweep;
struct worker;
struct worker_env;

/* home: the dispatcher's own worker. */
struct sweep *sweep_new(struct worker *home, struct worker_env *const *envs,
    size_t env_count);
void sweep_free(struct sweep **sp); /* idle, or after stop and join */

/* A recipient that has left the scheduler. */
struct sweep_rcpt {
	const struct sched_queue *queue;
	struct message *msg;
	uint32_t n;
	uint16_t attempts;
	bool unrecorded;   /* wanted without an accounting record */
	bool tell_deleted; /* deleted: the sender is told of it all the same */
};

/* Notes how it ended: failed, expired or deleted.  Everything is copied. */
void sweep_add(struct sweep *s, const struct sweep_rcpt *rcpt,
    const struct outcome *o, const struct disposition *what);

/* It is late, and stays queued: its sender may be told; likewise. */
void sweep_delayed(struct sweep *s, const struct sweep_rcpt *rcpt,
    const struct outcome *o);

/* To a worker, if there is something; returns the number of the last piece. */
uint64_t sweep_flush(struct sweep *s);

/*
 * Is every piece up to this one with the store?  Until then its message may
 * be read from where its body was when the recipient was noted.  The home
 * worker has a round when that changes.
 */
bool sweep_is_through(const struct sweep *s, uint64_t number);

#endif

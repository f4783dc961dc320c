/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery - one grant on its way: the transaction made of it, its body, its
 * in-flight slot, and in the end the outcomes, told to the store and to the
 * dispatcher.
 *
 * Belongs to a worker.  After delivery_finish() it waits for the store's
 * flush, clears its slot and frees itself.
 */

#ifndef TRANSPORT_DELIVERY_H
#define TRANSPORT_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/outcome.h"
#include "transport/effects.h"
#include "transport/smtp_session.h"
#include "transport/worker_env.h"
#include "vmta/sched.h"

struct delivery;

/* What outcomes are recorded under; outlives the delivery's transaction. */
struct delivery_route {
	const char *queue; /* "example.net/vmta1" */
	const char *domain, *vmta;
	const struct snapshot *snapshot;
	const struct queue_conf *conf;
	const struct reply_rules *rules; /* for replies; or NULL */
	uint64_t session;
	uint16_t port;    /* of the other side */
	uint32_t use;     /* how-manieth message of its connection */
	int64_t setup_us; /* what that took */
	bool last_host;   /* skip-mx finds no other */
};

/*
 * Takes the grant.  When its envelope or body cannot be read the error is
 * the outcome: finish it with delivery_fail().
 */
struct delivery *delivery_new(struct worker_env *env, struct grant *g,
    const struct delivery_route *route);

/* NULL: it cannot be sent; outcome_r says why. */
const struct smtp_transaction *delivery_transaction(const struct delivery *d,
    struct outcome *outcome_r);

bool delivery_is_timed(const struct delivery *d);
struct grant *delivery_grant(const struct delivery *d);

/* How many of the grant the transaction has: others are in suppression lists. */
uint32_t delivery_count(const struct delivery *d);

/* The final dot is about to be written for these of its recipients. */
bool delivery_dot(struct delivery *d, const uint32_t *accepted, size_t count);

/*
 * One outcome for each recipient of the transaction.  Posts them to the store, and
 * results to the dispatcher for `link`; sum_r is what they say of the
 * connection.  Afterwards d is no longer the caller's.
 */
void delivery_finish(struct delivery **dp, void *link,
    const struct outcome *outcomes, const bool *written,
    struct effects_sum *sum_r);

/* The same outcome for all but those in lists; nothing was written. */
void delivery_fail(struct delivery **dp, void *link, const struct outcome *o);

#endif

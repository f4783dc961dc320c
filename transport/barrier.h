/* SPDX-License-Identifier: Apache-2.0 */
/*
 * barrier - tells when everything that the delivery workers were given before
 * is durable, outcomes above all.
 *
 * A post goes through each worker and on to the store behind what that worker
 * had to do; done() is called on the store's thread.  Embedded in its owner,
 * who does not touch it until then.  Any thread begins it.
 */

#ifndef TRANSPORT_BARRIER_H
#define TRANSPORT_BARRIER_H

#include <stddef.h>

#include "queue/store.h"
#include "transport/worker_env.h"

struct barrier;
struct barrier_leg;
typedef void barrier_fn(struct barrier *b);

struct barrier {
	barrier_fn *done;
	struct barrier_leg *legs; /* one for each worker */
	size_t left;              /* the store's to count */
};

void barrier_begin(struct barrier *b, struct worker_env *const *envs,
    size_t count, barrier_fn *done);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * milter_senders - may this client send as that sender, and so much: judged by
 * vmta/, counted over all threads, told in the log.
 *
 * Any thread; the replies are in the region.
 */

#ifndef MILTER_MILTER_SENDERS_H
#define MILTER_MILTER_SENDERS_H

#include <stdbool.h>

#include "milter/milter_env.h"
#include "vmta/policy.h"
#include "vmta/rate_in.h"

/* Once, before there are threads. */
void milter_senders_init(struct milter_env *env);
void milter_senders_fini(struct milter_env *env);

/* Who asks: what a policy_in has of him, and how the log calls him. */
struct milter_sender {
	struct milter_env *env;
	struct policy_in in;
	bool submitted; /* by a program of the host */
	const char *queue_id;
};

/* The reply to one who may not; counted and logged. */
const char *milter_sender_denied(const struct milter_sender *who,
    enum sender_fault fault, struct region *rg);

/* NULL: so many may come in, and are counted; else the reply. */
const char *milter_sender_take(const struct milter_sender *who,
    const uint32_t n[RATE_IN_WHATS], struct region *rg);

#endif

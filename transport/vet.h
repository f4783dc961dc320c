/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vet - what DNS says of a client that has named a sender: check-iprev-inbound and
 * check-spf-inbound of its <source>, one behind the other, each for VET_DNS_US at
 * most.  Who is refused by the first is not asked about for the second.
 *
 * Worker thread; the session that wants it goes on when fn is called.
 */

#ifndef TRANSPORT_VET_H
#define TRANSPORT_VET_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/mem.h"
#include "lib/net.h"
#include "mail/auth_results.h"
#include "transport/worker_env.h"

/* RFC 7208 section 4.6.4: at least 20 seconds. */
#define VET_DNS_US INT64_C(20000000)

struct vet;

/* Good within fn. */
struct vet_verdict {
	const char *refusal;         /* the reply; NULL: none */
	struct auth_results results; /* of RFC 8601 */
};

/* All of it stays until the end. */
struct vet_in {
	const struct worker_env *env;
	const struct source_conf *conf; /* copied */
	bool iprev, spf;                /* one of them at least */
	struct net_addr client;
	const char *helo, *sender, *receiver;
	/* Once, never from vet_new(); the struct vet is gone then. */
	void (*fn)(void *arg, const struct vet_verdict *verdict);
	void *arg;
};

struct vet *vet_new(const struct vet_in *in);
void vet_cancel(struct vet **vp); /* fn will not be called */

#endif

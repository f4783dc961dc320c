/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mx - where mail for a domain goes: the list of addresses to try, in order.
 *
 * RFC 5321 section 5.1: MX by preference, equal ones shuffled, without MX the
 * domain's own address; RFC 7505: null MX.  smtp-hosts and lookup-mx: as in
 * PowerMTA.  An MX list that names ourselves (host-name, or one of the
 * addresses that we send from or listen on) is cut there: our own preference
 * and all worse ones go; nothing left is a loop.  IPv4 and IPv6 by what the
 * source address can reach.  Worker thread; no blocking.
 */

#ifndef TRANSPORT_MX_H
#define TRANSPORT_MX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/net.h"
#include "mail/outcome.h"
#include "transport/worker_env.h"

struct mx_target {
	const char *host; /* name for TLS and records; the literal as text */
	/* What the configuration or the mail names: smtp-hosts, else the domain. */
	const char *nexthop;
	struct net_addr addr;
	uint16_t port;
};

struct mx_route {
	bool ok;
	struct outcome why; /* when not ok: kind, phase RESOLVE, text */
	size_t count;
	/*
	 * In the order to try.  More than mx-connection-attempts where limits
	 * of hosts are set: one that is passed over for them was not tried.
	 */
	struct mx_target *targets;
};

/* Where it is to be called from. */
struct mx_from {
	struct net_addr addr; /* its family decides; family 0: any */
	bool both_families;   /* there are sources of the other family */
};

struct mx_lookup;

/* Called once, on the same worker, never from inside mx_lookup_new(). */
typedef void mx_fn(void *arg, const struct mx_route *route);

/*
 * A domain without an address of that family: OUTCOME_NO_FAMILY if it has one
 * of the other, and there are sources for that; else it has none.
 * The route lives until the lookup is freed.
 */
struct mx_lookup *mx_lookup_new(struct worker_env *env, const char *domain,
    const struct queue_conf *conf, const struct mx_from *from, mx_fn *fn,
    void *arg);
/*
 * By this number equal hosts are shuffled.  Given to another lookup, just after
 * it was made, what DNS says of both is in the same order, however it is turned.
 */
uint64_t mx_lookup_shuffle(const struct mx_lookup *l);
void mx_lookup_set_shuffle(struct mx_lookup *l, uint64_t shuffle);
void mx_lookup_free(struct mx_lookup **lp); /* also cancels */

#endif

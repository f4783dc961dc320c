/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mx_route - the decisions of MX routing, on what the resolver has said.
 *
 * Pure but for the seed that mx_hosts_order() is given: no questions are
 * asked here.  mx.c collects hosts, has them ordered and cut, asks for their
 * addresses, has them cut again, and takes the targets.  Memory belongs to
 * the region of the lookup.
 */

#ifndef TRANSPORT_MX_ROUTE_H
#define TRANSPORT_MX_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dns.h"
#include "lib/mem.h"
#include "transport/mx.h"

#define MX_ADDRS_PER_HOST 5

/* One host of the route, before and after its addresses are known. */
struct mx_host {
	uint32_t order; /* preference in smtp-hosts, then that of the MX */
	size_t list;    /* which MX list it comes from, if it is from one */
	bool from_dns;  /* not written by the operator: may be ourselves */
	uint16_t port;
	const char *name;
	struct net_addr literal;     /* family 0: name has to be asked */
	struct dns_answer *a, *aaaa; /* owned by the lookup; NULL: not asked */
	uint32_t shuffle;            /* for mx_hosts_order() */
};

/* Who we are, for the detection of loops. */
struct mx_self {
	const char *name;
	bool (
	    *owns)(const void *ctx, const struct net_addr *addr, uint16_t port);
	const void *ctx;
};

/* By order; hosts of the same order in a random one.  *random is not 0. */
void mx_hosts_order(struct mx_host *hosts, size_t count, uint64_t *random);

/*
 * Takes ourselves and all that is not better out of the list that names us, by
 * name and by the addresses that are known.  Returns what is left; host_r
 * is the name under which we were found, or NULL.
 */
size_t mx_hosts_cut(struct mx_host *hosts, size_t count,
    const struct mx_self *self, const char **host_r);

/*
 * The addresses to try, at most max.  Each host's addresses are shuffled, and
 * IPv4 and IPv6 take turns, so that one broken family does not use up all
 * attempts.
 */
size_t mx_hosts_targets(const struct mx_host *hosts, size_t count,
    struct mx_target *out, size_t max, uint64_t *random);

/* Puts the first one of this host (of this address: host is "") before all. */
void mx_targets_prefer(struct mx_target *all, size_t count, const char *host,
    const struct net_addr *addr);

/* The first failure that may pass by itself, or NULL. */
const struct dns_answer *mx_hosts_temp(const struct mx_host *hosts,
    size_t count);

#endif

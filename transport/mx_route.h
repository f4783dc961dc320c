/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mx_route - the decisions of MX routing, on what the resolver has said.
 *
 * Pure: no questions are asked here, and chance is a number that is given:
 * with the same one, equal hosts and addresses have the same order, however
 * the answers were turned and whatever else is in them.  mx.c collects hosts, has them ordered and cut, asks for their
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
#include "vmta/sched.h"

#define MX_ADDRS_PER_HOST 5

/* One host of the route, before and after its addresses are known. */
struct mx_host {
	uint32_t order; /* preference in smtp-hosts, then that of the MX */
	size_t list;    /* which MX list it comes from, if it is from one */
	bool from_dns;  /* not written by the operator: may be ourselves */
	uint16_t port;
	const char *name;
	const char *nexthop;         /* of struct mx_target */
	struct net_addr literal;     /* family 0: name has to be asked */
	struct dns_answer *a, *aaaa; /* owned by the lookup; NULL: not asked */
	uint64_t shuffle;            /* for mx_hosts_order() */
};

/* Who we are, for the detection of loops. */
struct mx_self {
	const char *name;
	bool (
	    *owns)(const void *ctx, const struct net_addr *addr, uint16_t port);
	const void *ctx;
};

/* By order; hosts of the same order in that of the seed. */
void mx_hosts_order(struct mx_host *hosts, size_t count, uint64_t seed);

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
    struct mx_target *out, size_t max, uint64_t seed);

/*
 * Puts the first one of this host (of this address: host is "") before all;
 * false: there is none.
 */
bool mx_targets_prefer(struct mx_target *all, size_t count, const char *host,
    const struct net_addr *addr);

/*
 * A place is about this target.  And where does a connection begin that has
 * been left one (all zero: none)?  There, if that is the target in that place
 * of its route, in the order of who left it: `first` has stood first.  Else
 * anew, with TLS.  One that is awaited (host is not NULL; else as in
 * mx_targets_prefer()) puts that first, and begins there.
 */
void mx_place_set(struct sched_place *at, const struct mx_target *t);
void mx_place_take(struct sched_place *at, struct mx_target *all, size_t count,
    const char *host, const struct net_addr *addr);

/* The first failure that may pass by itself, or NULL. */
const struct dns_answer *mx_hosts_temp(const struct mx_host *hosts,
    size_t count);

#endif

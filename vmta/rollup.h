/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rollup - the place of a domain: the queue that its mail is in, the group of
 * queues that this one shares limits with, and its provider.
 *
 * queue-to says in which queue a domain's mail is; what holds for that queue is
 * asked of its own name.  In this order, the first that says something counts:
 *
 *	<mx-rollup-list> the rollup NAME.rollup, the first in the file whose rows
 *			fit: each host that they name is one of the domain's
 *			(with rollup-by-ip: by its name, or one of its
 *			addresses is one of theirs), or all of the domain's
 *			fit their patterns
 *	<provider>	the one that names the domain, else the one whose `mx`
 *			fits all hosts; its `rollup` is the group, unless rows
 *			gave one
 *
 * disable-mx-rollup leaves a domain in its own queue, with the provider that
 * names it and in no group.  So it is where there are no MX hosts: the queue of
 * notifications, a queue NAME.rollup, an address literal.  A domain with
 * smtp-hosts of its own is in the group of the provider that names it, since
 * that was said of it, and in none by hosts.
 *
 * Rollups are groups: each domain keeps a queue of its own, and its own hosts
 * unless smtp-hosts of the group name some, so that mail never goes to another
 * customer's, nor to hosts that its domain has left.  The queue of a group's
 * own name, where queue-to sends mail, is in that group.
 *
 * Pure; what it gives belongs to the snapshot, or is `domain`.  Any thread.
 */

#ifndef VMTA_ROLLUP_H
#define VMTA_ROLLUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/net.h"
#include "vmta/snapshot.h"

/* What DNS says of a domain: hosts of the best preference only. */
struct mx_facts {
	bool ok; /* false: nothing is known */
	size_t n;
	const char *const *hosts;
	const struct net_addr *addrs; /* of all of them */
	size_t addr_n;
	/* Of rollup_listed(): those at one of these addresses, in lower case. */
	size_t same_n;
	const char *const *same;
	size_t unsure_n; /* those that nobody can tell of now */
	const char *const *unsure;
	bool has_v4, has_v6;
	int64_t ttl_us;
};

struct place {
	const char *group;               /* NULL: the queue is in none */
	const struct provider *provider; /* NULL: none */
};

/* Does it end in ".rollup"? */
bool rollup_is_name(const char *name);

/*
 * The queue that mail for the domain goes into, by queue-to: a domain's, once;
 * the name itself where nothing is said.
 */
const char *rollup_queue_to(const struct snapshot *s, const char *domain,
    const char *vmta);

/* Is it the name of rows or of a provider's group? */
bool rollup_is_known(const struct snapshot *s, const char *name);

/* Would facts change the place?  Cheap where nothing asks for MX hosts. */
bool rollup_needs_mx(const struct snapshot *s, const char *domain,
    const char *vmta);

/*
 * Hosts whose addresses count: of rows with rollup-by-ip that have no wildcard,
 * each once, in lower case.
 */
const struct conf_strs *rollup_listed(const struct snapshot *s);

/*
 * The hosts of the queue NAME.rollup that its rows name: its route, unless
 * smtp-hosts is set for it.  NULL: it is no such queue, or has patterns only,
 * which need smtp-hosts.
 */
const struct conf_strs *rollup_hosts(const struct snapshot *s,
    const char *queue);

/* Has the configuration anything that is more than providers by domain? */
bool rollup_is_used(const struct snapshot *s);

/*
 * The settings of a queue in a group: those of <domain GROUP>, and on top what
 * a <domain> of its very name says; the queue of the group's own name has the
 * hosts of its rows for a route, unless smtp-hosts is set.  Limits of the
 * former are the group's, so only those of the latter are its own.  Modes,
 * disabled sources and thresholds are the group's, and so are their settings;
 * none has limits of backoff.
 *
 * About TLS a pattern counts like a name, unless it fits the group, too, and
 * what is said of the domain counts before what any level says of the group; if
 * both together are a contradiction, what holds for the domain alone does.
 * smtp-hosts of the group count unless the domain's very name has others: then,
 * and where the group has none, the hosts, with their port, are those of the
 * domain alone.  The user to sign in as goes with the hosts, and where there is
 * one TLS is no weaker than his side has it (tls_policy_tighten()).  Where that
 * contradicts what the domain asks, hosts, user and TLS are those of the domain
 * alone.
 */
void rollup_member_conf(const struct snapshot *s, const char *domain,
    const char *group, const char *vmta, struct queue_conf *out);

/* f may be NULL, as if nothing were known. */
void rollup_place(const struct snapshot *s, const char *domain,
    const char *vmta, const struct mx_facts *f, struct place *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings - what holds for one queue or one client, merged from general to
 * specific.
 *
 * Queue: built-in; then global <domain>, the pool's and the VMTA's, each by
 * specificity (domain_map.h).  Client: built-in; <source> by address,
 * shortest prefix first; the named one.  A merge copies only what was set; it
 * costs a few hash look-ups and no memory.  The queue of notifications,
 * {dsn}, is asked for by its exact name only.  Any thread.
 */

#ifndef VMTA_SETTINGS_H
#define VMTA_SETTINGS_H

#include "vmta/domain_map.h"
#include "vmta/snapshot.h"

void settings_queue(const struct snapshot *s, const char *domain,
    const char *vmta, struct queue_conf *out);
/* The levels that a queue's settings are merged from, as struct layer. */
void settings_layers(const struct snapshot *s, const char *domain,
    const char *vmta, domain_map_fn *fn, void *ctx);
/* Of these the ones that name the domain itself. */
void settings_exact_layers(const struct snapshot *s, const char *domain,
    const char *vmta, domain_map_fn *fn, void *ctx);
/*
 * Of a domain in a group: of each directive, whatever their levels, what the
 * last block about the domain says that has it; but what the group has
 * (of_group, its settings_queue()) if there is none, or if all such blocks are
 * about the group as well.  If only the last one is, the stricter of both; that
 * is for what tls_policy_tighten() knows, so nothing else is to be looked at.
 */
void settings_member(const struct snapshot *s, const char *domain,
    const char *group, const char *vmta, const struct queue_conf *of_group,
    struct queue_conf *out);
struct source_entry;
typedef void settings_source_fn(void *ctx, const struct source_entry *e);

/* Those that hold for the client, from general to specific, the name last. */
void settings_sources(const struct snapshot *s, const struct net_addr *client,
    const char *name, settings_source_fn *fn, void *ctx);
/* Of a client: mapped (::ffff:192.0.2.1) as IPv4, none as 127.0.0.1. */
struct net_addr settings_plain_address(const struct net_addr *client);
void settings_source(const struct snapshot *s, const struct net_addr *client,
    const char *name, struct source_conf *out);

#endif

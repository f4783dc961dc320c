/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mx_facts - asks DNS which MX hosts a domain has, and which addresses these,
 * for the scheduler: by them it knows with whom a queue shares limits
 * (vmta/rollup.h).
 *
 * A worker asks, through the cache that couriers use (lib/dns.h); the answer
 * comes back on the home thread, and only there is anything of this touched.
 * How many are out at once is the scheduler's (200).  This is no route: hosts
 * of worse preference, smtp-hosts and loops are mx.h's.
 */

#ifndef TRANSPORT_MX_FACTS_H
#define TRANSPORT_MX_FACTS_H

#include <stddef.h>

#include "vmta/rollup.h"

struct mx_facts_asker;
struct worker;
struct worker_env;

/* On the home thread; what is told is borrowed.  Not ok: DNS did not say. */
typedef void mx_facts_fn(void *ctx, const char *domain,
    const struct mx_facts *f);

struct mx_facts_asker *mx_facts_new(struct worker *home,
    struct worker_env *const *envs, size_t env_count, mx_facts_fn *fn,
    void *ctx);
/* After stop and join of all: who waits is told nothing any more. */
void mx_facts_free(struct mx_facts_asker **ap);

/*
 * fn will be called, never from in here: with those of the listed hosts, which
 * are copied, that are at an address of the domain's.
 */
void mx_facts_ask(struct mx_facts_asker *a, const char *domain,
    const struct conf_strs *listed);

#endif

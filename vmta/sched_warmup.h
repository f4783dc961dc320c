/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_warmup - new source addresses (vmta/warmup.h) in effect: from each, so
 * many recipients a local day at each provider are tried, and no more.
 *
 * A source that has none left at a provider is passed over there until midnight:
 * queues go on from others of their virtual MTA, and mail that was given to a
 * pool by its other members.  Recipients count when they are granted, those that
 * come back untried do not.
 *
 * The local day is told: before any mail, and when it changes.  Until the first
 * time no such source sends anything.  What was used outlives the process
 * (vmta/daycount.h), by names of sched_keep.h: "warmup:ADDRESS/PROVIDER" and
 * "quota:ADDRESS/PROVIDER".
 */

#ifndef VMTA_SCHED_WARMUP_H
#define VMTA_SCHED_WARMUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/net.h"
#include "vmta/warmup.h"

struct sched;

/* ends_us: on the engine clock. */
void sched_set_day(struct sched *s, uint32_t day, int64_t ends_us,
    int64_t now_us);

struct sched_warmup_info {
	const char *name; /* of the <warmup> */
	struct net_addr source;
	const char *provider; /* "": domains without one */
	const struct warmup_plan *plan;
	struct warm warm;
	uint32_t quota; /* of the day, or WARMUP_NO_LIMIT */
	uint64_t used;
};

/* Those that had mail, in the order in which they had it first. */
size_t sched_warmup_count(const struct sched *s);
/* False: it is not configured any more. */
bool sched_warmup_at(const struct sched *s, size_t i,
    struct sched_warmup_info *out);

/* So many complaints came in about it.  False: it is not being warmed up. */
bool sched_warmup_complaints(struct sched *s, const struct net_addr *source,
    const char *provider, uint32_t n);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_cold - cold-virtual-mta in effect: of the messages that a virtual MTA or
 * a pool is given for a queue, the first of each local day go by another
 * virtual MTA, whose addresses are new; max-cold-virtual-mta-msg says how many.
 *
 * A message counts when it comes, once for each queue (or group of queues that
 * share limits), and all its recipients there go the same way; one whose recipients
 * are sent one by one counts for each, as that many go out.  What a process
 * before has left unsent goes by the virtual MTA that it was given to: that can
 * make the new one slower, and never faster.
 *
 * What was counted outlives the process (vmta/daycount.h), by names of
 * sched_keep.h: "cold:FROM/COLD/QUEUE".  Until the count of a message is
 * durable its queue starts nothing, some milliseconds, so that a crash cannot
 * make one of them go uncounted.  The days of the list are those since the first
 * message; after COLD_GAP_DAYS without any it begins anew.  Scheduler thread.
 */

#ifndef VMTA_SCHED_COLD_H
#define VMTA_SCHED_COLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sched;

enum { COLD_GAP_DAYS = 30 };

/* Strings are borrowed, for the call. */
struct sched_cold_info {
	const char *name;   /* FROM/COLD/QUEUE, in lower case */
	uint32_t number;    /* of the day in the list, 1 is the first */
	uint64_t used, max; /* of today; of a day nobody knows all is used */
};
typedef void sched_cold_fn(void *ctx, const struct sched_cold_info *info);

/* Those that were asked today, at most limit of them; how many there are. */
size_t sched_cold_each(struct sched *s, size_t limit, sched_cold_fn *fn,
    void *ctx);

#endif

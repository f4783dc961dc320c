/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source_watch - source addresses that the host does not have: each is looked
 * for each second until it is there.
 *
 * What that means for queues is the scheduler's (sched_source_lost()).  The main
 * thread's; source_watch_add() may be called from any.
 */

#ifndef TRANSPORT_SOURCE_WATCH_H
#define TRANSPORT_SOURCE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/clock.h"
#include "lib/net.h"
#include "lib/worker.h"

struct conf_errors;
struct dispatch;
struct snapshot;
struct source_watch;

#define SOURCE_WATCH_LOOK_US US_PER_S

struct source_watch_owner {
	int64_t look_us; /* from one look to the next */
	bool (*is_here)(void *ctx, const struct net_addr *a);
	/* It is not looked for any more. */
	void (*back)(void *ctx, const struct net_addr *a);
};

struct source_watch *source_watch_new(struct worker *main,
    const struct source_watch_owner *owner, void *ctx);
void source_watch_free(struct source_watch **wp); /* when nobody adds more */

void source_watch_add(struct source_watch *w, const struct net_addr *a);

/* The scheduler's owner's `source`, for the log as well; ctx: the dispatcher. */
void source_told(void *ctx, const struct net_addr *a, bool lost);
/* Queues may go out from there again; for the owner. */
void source_is_back(struct dispatch *d, const struct net_addr *a);

/* ---- at a start and at a reload ------------------------------------------ */

/*
 * Complains about addresses that are not on this host, with their lines.  -1:
 * there are errors, and they count.  At a start they do not after an end that
 * was not clean: a crash while an address was lost must not become an outage.
 */
int source_check(const struct snapshot *conf, bool starts,
    struct conf_errors *errs);

/* Those that are not there are lost from the beginning. */
void source_tell(const struct snapshot *conf, struct dispatch *d);

#endif

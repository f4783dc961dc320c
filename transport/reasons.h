/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reasons - why something waits, kept: what vmta/sched_why.h tells on the
 * scheduler's thread, copied, and then made into an answer with the lines of
 * the configuration.
 *
 * Collected by one thread, then moved to another.  Bounded: a queue has as
 * many reasons as it has limits, and one in a few hundred sources is cut.
 */

#ifndef TRANSPORT_REASONS_H
#define TRANSPORT_REASONS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "vmta/sched_why.h"
#include "vmta/snapshot.h"

enum { REASONS_MAX = 256 };

struct reasons {
	struct why *v; /* strings are owned */
	size_t n, cap;
	bool cut;
};

/* A why_fn; ctx is a struct reasons. */
void reasons_add(void *ctx, const struct why *w);
void reasons_fini(struct reasons *r);

/* Does it keep mail waiting, or only tell how things are? */
bool why_holds(const struct why *w);

/* Does any of them keep all of so many recipients waiting? */
bool reasons_hold(const struct reasons *r, uint64_t rcpts);

/* Does one of them hold, that is of this scope? */
bool reasons_hold_by(const struct reasons *r, enum scope_kind scope,
    const char *name);

/*
 * An array of objects.  domain and vmta: of the queue whose they are; NULL
 * where there is none.
 */
json_t *reasons_json(const struct reasons *r, const struct snapshot *conf,
    const char *domain, const char *vmta);

#endif

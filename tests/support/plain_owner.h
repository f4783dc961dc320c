/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plain_owner - an owner of a scheduler for whom everything works: each
 * connection is ready a while after it was opened, each grant is delivered a
 * while after it was made.  For tests and benches that look at the scheduler
 * alone; what servers do is tests/support/sim.h.
 *
 * One thread; it owns the scheduler.  Times are microseconds of a clock that
 * the caller turns: it sets now_us and calls plain_owner_answer().  Nothing
 * fails; more than PLAIN_MAX of a kind under way at once is a CHECK.
 */

#ifndef TESTS_SUPPORT_PLAIN_OWNER_H
#define TESTS_SUPPORT_PLAIN_OWNER_H

#include <stdbool.h>
#include <stdint.h>

#include "vmta/sched.h"

enum { PLAIN_MAX = 1 << 12, PLAIN_GRANT_MAX = 8 };

/* What takes the same time for all comes in the order in which it began. */
struct plain_ring {
	void **v; /* PLAIN_MAX */
	int64_t *at_us;
	unsigned head, n;
};

typedef void plain_grant_fn(void *ctx, const struct sched_conn *c);

struct plain_owner {
	struct sched *sched;
	int64_t now_us;
	int64_t setup_us, send_us; /* of a connection, of a message */
	struct plain_ring opening, sending, closing;
	uint64_t last_id, grants;
	plain_grant_fn *on_grant; /* or NULL */
	void *ctx;
};

void plain_owner_init(struct plain_owner *o, const struct snapshot *conf,
    int64_t now_us);
void plain_owner_fini(struct plain_owner *o);

/* A message of one recipient, queued now. */
void plain_owner_submit(struct plain_owner *o, const char *domain,
    const char *vmta, const char *job);
/* Lets happen what is due; false: that was nothing. */
bool plain_owner_answer(struct plain_owner *o);
uint32_t plain_owner_conns(const struct plain_owner *o);

#endif

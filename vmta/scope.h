/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scope - what a limit is written for: a queue, a virtual MTA, a provider ...
 * Everything that counts is one of these.
 *
 * It answers for itself alone: so many connections, and so many connections
 * opened, recipients tried and bytes sent in a period.  Who waits for whom
 * when it says no is sched's (vmta/sched_shared.c).
 *
 * A rate that is not limited takes no memory and no time; one that was lifted
 * keeps what it counts until that has left its window.  Scheduler thread only;
 * embedded.
 */

#ifndef VMTA_SCOPE_H
#define VMTA_SCOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "vmta/limit.h"

enum scope_kind {
	SCOPE_QUEUE,
	SCOPE_SOURCE, /* a local address within a queue */
	SCOPE_ROLLUP, /* a group of queues of one virtual MTA */
	SCOPE_VMTA,
	SCOPE_POOL,
	SCOPE_PROVIDER,
	SCOPE_PROCESS,
	SCOPE_JOB,
	SCOPE_USER,
	SCOPE_MX,            /* a host of the other side, for a local address */
	SCOPE_REMOTE,        /* an address of the other side */
	SCOPE_BACKOFF,       /* a queue, for other periods than SCOPE_QUEUE's */
	SCOPE_ROLLUP_BACKOFF /* likewise of SCOPE_ROLLUP */
};

/* Those of rates first: they are the indices of scope.rates. */
enum limit_kind {
	LIMIT_CONNECT, /* connections opened */
	LIMIT_MSG,     /* recipients tried */
	LIMIT_DATA,    /* bytes of messages */
	LIMIT_CONNS    /* connections at once */
};
enum { LIMIT_RATES = LIMIT_DATA + 1 };

struct sched_queue;

struct scope {
	struct sched_queue *claimed; /* by (vmta/sched_claim.c), or NULL */
	struct slots conns;
	struct rate_limit
	    *rates[LIMIT_RATES]; /* NULL: no limit, none of late */
	enum scope_kind kind;
};

/* Without limits. */
void scope_init(struct scope *c, enum scope_kind kind);
void scope_fini(struct scope *c);

/* The rates' numbers from now on; what was counted goes on counting. */
void scope_set_rate(struct scope *c, enum limit_kind kind,
    const struct rate *rate, int64_t now_us);
void scope_set_data(struct scope *c, const struct data_rate *rate,
    int64_t now_us);

/*
 * A rate that was not limited a moment ago counts what the same one of another
 * scope has counted, of the same events (rate_limit_follow()).
 */
void scope_follow(struct scope *c, const struct scope *other,
    enum limit_kind kind, int64_t now_us);

/* Without any rate, and without memory of what they counted. */
void scope_forget_rates(struct scope *c);

/* Has it a rate of this kind that is limited? */
static inline bool
scope_has(const struct scope *c, enum limit_kind kind)
{
	return c->rates[kind] != NULL && c->rates[kind]->limited;
}

/* Has it any rate, also one that was lifted and counts still? */
static inline bool
scope_counts(const struct scope *c)
{
	return c->rates[LIMIT_CONNECT] != NULL || c->rates[LIMIT_MSG] != NULL ||
	    c->rates[LIMIT_DATA] != NULL;
}

/*
 * When n may go together, how many may, and their accounts: as those of
 * rate_limit (vmta/limit.h).
 */
int64_t scope_next(const struct scope *c, enum limit_kind kind, uint64_t n,
    int64_t now_us);
int64_t scope_nth(const struct scope *c, enum limit_kind kind, uint64_t others,
    uint64_t n, int64_t now_us);
uint64_t scope_room(const struct scope *c, enum limit_kind kind, uint64_t wish,
    int64_t now_us);
/* Does it leave enough for `need` at at_us when n go now? */
bool scope_leaves(const struct scope *c, enum limit_kind kind, uint64_t n,
    uint64_t need, int64_t at_us, int64_t now_us);
bool scope_take(struct scope *c, enum limit_kind kind, uint64_t n,
    int64_t now_us);
void scope_settle(struct scope *c, enum limit_kind kind, uint64_t n,
    int64_t when_us);
void scope_return(struct scope *c, enum limit_kind kind, uint64_t n);

/*
 * When to open a connection for what may go at next_us, if it takes so long
 * until it is ready: now_us when the time has come.
 */
int64_t scope_lead(int64_t next_us, uint32_t setup_us, int64_t now_us);

/* How many connections its rates can use; `bytes` are of a message. */
uint32_t scope_useful(const struct scope *c, int64_t busy_us, double rcpts,
    uint64_t bytes);

/* When all its rates will have forgotten all, or 0. */
int64_t scope_end(const struct scope *c);

#endif

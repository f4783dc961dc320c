/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_why - why something waits: all reasons that hold now, as data.
 *
 * The hot path stops at the first no; this goes through the same tables
 * (vmta/sched_check.h) to their end.  Nothing changes by asking.
 *
 * `until_us` is a promise: after it the thing moves within a second, or there
 * is another reason.  INT64_MAX: nobody knows, or no time alone will end it,
 * but what why_ends() says (an operator, a connection that ends, another's
 * turn).  Of a limit that others share time is told to who is next there and
 * waits for nothing else; even so one that has its turn elsewhere in the same
 * moment may go before.  To the others `not_before_us` is told, an estimate:
 * if each before it takes one, and none gives one back.
 *
 * Strings are borrowed: of the scheduler and its configuration, valid during
 * the callback.  Scheduler thread only.
 */

#ifndef VMTA_SCHED_WHY_H
#define VMTA_SCHED_WHY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/net.h"
#include "vmta/sched.h"
#include "vmta/scope.h"

/*
 * WHY(NAME, "word in JSON", "what it means", "what ends it")
 */
enum why_kind {
#define WHY(name, word, meaning, ends) WHY_##name,
#include "vmta/why.def"
#undef WHY
};

struct why {
	enum why_kind kind;
	/* WHY_LIMIT, WHY_TURN: what it is a limit of. */
	enum scope_kind scope;
	const char *name; /* of the scope: a domain, a virtual MTA ... or "" */
	enum limit_kind limit;
	uint64_t used,
	    max;           /* so many of so many: connections, recipients ... */
	int64_t period_us; /* of a rate; 0: at once */
	const char *directive; /* that sets it, or "" */

	int64_t until_us;
	int64_t not_before_us; /* while that is INT64_MAX; 0: nobody knows */
	/* The place-th of so many that wait there, or later; 0: it does not. */
	uint64_t place, waiting;
	uint64_t rcpts;   /* recipients that it holds up; 0: all that wait */
	const char *text; /* last reply or error, or "" */
};

const char *why_word(enum why_kind kind);    /* "limit", "paused" ... */
const char *why_meaning(enum why_kind kind); /* a sentence */
/* When it ends, if no time is told: "an operator resumes it"; or "". */
const char *why_ends(const struct why *w);
const char *why_scope_word(enum scope_kind kind);
const char *why_limit_word(enum limit_kind kind);

typedef void why_fn(void *ctx, const struct why *w);

/* So many reasons of jobs and users are told of a queue, and no more. */
enum { WHY_ASIDES = 300 };

/* A queue: why none of its recipients is being sent, or no more of them. */
void sched_why_queue(struct sched *s, struct sched_queue *q, int64_t now_us,
    why_fn *fn, void *ctx);

/*
 * A recipient, as told by sched_walk_rcpts(): its own reasons (it waits for
 * its time, its job or user is over a limit, others are before it), and those
 * of its queue.
 */
void sched_why_rcpt(struct sched *s, struct sched_queue *q,
    const struct sched_rcpt_info *info, int64_t now_us, why_fn *fn, void *ctx);

/*
 * A scope by its name: each of its limits as it stands, WHY_LIMIT when it is
 * reached, WHY_ROOM when it is not.  False: the scheduler knows none of that
 * name (it has had no mail).  SCOPE_PROCESS goes by ""; others than that, virtual
 * MTAs, pools, providers, jobs and users have no one name.
 */
bool sched_why_scope(struct sched *s, enum scope_kind kind, const char *name,
    int64_t now_us, why_fn *fn, void *ctx);

/*
 * Of a local address: its limits in this queue.  False: it has none there.  An
 * address has limits in each queue by itself, and queues are many: who wants
 * to know all of them walks (vmta/sched_walk.h).
 */
bool sched_why_source(struct sched_queue *q, const struct net_addr *addr,
    int64_t now_us, why_fn *fn, void *ctx);

#endif

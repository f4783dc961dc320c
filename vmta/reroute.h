/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reroute - by which virtual MTA mail of one goes, when the configuration, a
 * queue in backoff, or a lack of sources sends it elsewhere.
 *
 * From each virtual MTA at most one way leads on, the first of these:
 *
 *	always    reroute-to-virtual-mta
 *	backoff   backoff-reroute-to-virtual-mta, while the queue is in backoff
 *	overflow  pool-overflow: it has no source to be used, and the mail was
 *	          given to a pool, not to it
 *
 * The ways are followed to their end.  A pool is a choice of one member, by
 * weight and turn, among those not passed yet that can take mail best: backoff
 * asks for one that is not in backoff and has a source, overflow for one with a
 * source, and when there is none the mail stays where that way begins; always
 * takes any.  A pool that the virtual MTA itself is in is where its mail is
 * already, as far as `always` is concerned: a rule for all need not except it.
 *
 * A chain that comes back to where it was, or has more than REROUTE_STEPS ways,
 * is a loop: then the mail stays where it began.  So where mail has been moved
 * to it stays until something changes, and it never goes to and fro.
 *
 * Pure: it asks for all it has to know, and answers with names that it was
 * given.  At most REROUTE_STEPS times the members of a pool.
 */

#ifndef VMTA_REROUTE_H
#define VMTA_REROUTE_H

#include <stdbool.h>
#include <stdint.h>

enum { REROUTE_STEPS = 16 };

/* How well a queue takes mail now. */
enum reroute_fit {
	REROUTE_NO_SOURCE, /* none that may be used */
	REROUTE_SLOW,      /* in backoff */
	REROUTE_GOOD
};

enum reroute_way {
	REROUTE_STAYS,
	REROUTE_ALWAYS,
	REROUTE_BACKOFF,
	REROUTE_OVERFLOW,
	REROUTE_COLD /* of new mail (vmta/sched_cold.h); never an answer here */
};

struct reroute_member {
	const char *vmta;
	uint32_t weight; /* not 0 */
};

/*
 * About the queues of one domain, by virtual MTA.  Names are compared without
 * regard to case; those returned live as long as the answer is used.
 */
struct reroute_ask {
	/* The virtual MTA or pool that its mail goes to; NULL or "": none. */
	const char *(*always)(void *ctx, const char *vmta);
	const char *(*backoff)(void *ctx, const char *vmta); /* in backoff */
	/* The pool whose members take its overflow; NULL or "": none. */
	const char *(*overflow)(void *ctx, const char *vmta);
	enum reroute_fit (*fit)(void *ctx, const char *vmta);
	/* How many members; -1: this is no pool. */
	int (*pool_size)(void *ctx, const char *name);
	struct reroute_member (*member)(void *ctx, const char *pool, int i);
	void *ctx;
	uint64_t turn; /* another one with each question */
};

struct reroute {
	const char *vmta;
	enum reroute_way way; /* the first one of the chain */
	bool by_pool;         /* it was given to a pool there */
	bool looped;
};

/*
 * Where new mail of this virtual MTA belongs: by the ways of `always` alone.
 * by_pool: it was given to a pool, which chose this one.
 */
struct reroute reroute_always(const struct reroute_ask *a, const char *vmta,
    bool by_pool);
/* Where mail that belongs there goes now: by all ways. */
struct reroute reroute_now(const struct reroute_ask *a, const char *vmta,
    bool by_pool);

#endif

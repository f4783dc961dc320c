/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tour - how one connection goes along the addresses of its route: which is the
 * next, when it ends, and what it leaves to the next connection of its queue
 * (struct sched_place).
 *
 * It knows no address and does no I/O: couriers and the tests' scripted servers
 * have one each, so that both go the same way.  Embedded; its owner's thread.
 *
 *	          +--- tour_pass() --+   +- tour_skip(), or it was in vain -+
 *	          v                 |   v                                 |
 *	begin -> tour_next() == TOUR_CALL: tour_call() -> ready: tour_given() +
 *	                 | == TOUR_LEAVE, TOUR_END
 *	                 '-> it ends
 *
 * A host that is left by skip-mx has cost what the limits count.  If the next
 * one gets nothing before the dispatcher closes the connection, that would be
 * so each time, and mail that may go rarely would never get there: then all
 * connections of the queue go on there for as long as the place is known.
 */

#ifndef TRANSPORT_TOUR_H
#define TRANSPORT_TOUR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/outcome.h"
#include "vmta/sched.h"

struct tour {
	size_t count;   /* addresses */
	uint32_t most;  /* of them to be called: mx-connection-attempts */
	bool one_call;  /* each is a connection of its own to the limits */
	size_t next;    /* the one behind where it is */
	uint32_t tried; /* addresses that were called, in vain or not */
	bool called;    /* in this connection */
	bool full;      /* some address was passed over */
	bool refused;   /* each one called greeted with 5xx, not 554 */
	bool skipped;   /* some host was left by skip-mx ... */
	bool untried;   /* ... and nothing was given to this one yet */
};

enum tour_step {
	TOUR_CALL,  /* the address `next` */
	TOUR_LEAVE, /* that is for another connection: tour_rest() */
	TOUR_END    /* none is left */
};

/* From that place, which is of this route; NULL, or all zero: from its start. */
void tour_begin(struct tour *t, const struct sched_place *at, size_t count,
    uint32_t most, bool one_call);
enum tour_step tour_next(const struct tour *t);
/* It goes to the address; tour_called(): so that it counts as a connection. */
void tour_call(struct tour *t);
void tour_called(struct tour *t);
/* The same address once more, in another manner. */
void tour_again(struct tour *t);
/* It has all that it may have. */
void tour_pass(struct tour *t);
/* It was in vain, for that. */
void tour_failed(struct tour *t, const struct outcome *why);
/* skip-mx: the host is left, which was worked with. */
void tour_skip(struct tour *t);
/* The one where it is has been given mail. */
void tour_given(struct tour *t);

/* Where it is, no other address comes behind. */
bool tour_is_last(const struct tour *t);
/* Is it the last, and have those before it refused all mail? */
bool tour_all_refused(const struct tour *t);
/* Does it leave tour_here() when it ends, ready and not failed? */
bool tour_is_owed(const struct tour *t);

/* Where another connection goes on: at the next address, or at this one. */
void tour_rest(const struct tour *t, struct sched_place *at);
void tour_here(const struct tour *t, struct sched_place *at);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pause - which queues the operator has paused.
 *
 * A list of orders, each for a pattern DOMAIN/VMTA with wildcards: of those
 * that fit a queue the last one decides.  So a pattern holds for queues that
 * come later as well; and who pauses all and then resumes one virtual MTA has
 * just that one running.  An order that a later one covers is dropped, and so
 * is a resume with nothing before it.
 *
 * A queue keeps what it knows in a struct pause_seen: asking again costs
 * nothing until there are new orders, and then only those.  Pure; no time, no
 * I/O.  Scheduler thread only.
 */

#ifndef VMTA_PAUSE_H
#define VMTA_PAUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/str.h"

enum { PAUSE_ORDERS_MAX = 4096 };

struct pause_order {
	uint64_t seq; /* rising */
	bool paused;  /* or resumed */
	char *domain, *vmta;
};

struct pause_list {                 /* zeroed: nothing is paused */
	struct pause_order *orders; /* oldest first */
	size_t count, cap;
	uint64_t seq;   /* of the last order there was */
	uint64_t floor; /* who has seen less starts from nothing */
};

struct pause_seen {        /* zeroed: nothing seen yet */
	uint64_t seq : 63; /* there are as many of these as queues */
	uint64_t paused : 1;
};

void pause_fini(struct pause_list *l);

/* -1: there are PAUSE_ORDERS_MAX already; nothing is changed. */
int pause_give(struct pause_list *l, const char *domain, const char *vmta,
    bool paused, struct err *e);

/* Is the queue paused?  seen is its own, and brought up to date. */
bool pause_holds(const struct pause_list *l, struct pause_seen *seen,
    const char *domain, const char *vmta);

/* Has nothing been ordered since it was asked?  Then seen->paused holds. */
static inline bool
pause_is_known(const struct pause_list *l, const struct pause_seen *known)
{
	return known->seq == l->seq;
}

/* As text, an order a line; unpacking adds to what is there. */
void pause_pack(const struct pause_list *l, struct buf *out);
int pause_unpack(struct pause_list *l, struct slice text, struct err *e);

#endif

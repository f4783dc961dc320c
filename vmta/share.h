/* SPDX-License-Identifier: Apache-2.0 */
/*
 * share - flows that compete for one thing get it by their weights: whose
 * turn it is, and who owes.
 *
 * Shares are those of a deficit round robin (Shreedhar and Varghese): what was
 * used is charged when it is known, and who used more waits until the others
 * have had as much for their weight.  It is kept as a heap by what each has
 * had, divided by its weight (`pass`), not as a ring: with weights from 1 to
 * 1000 a ring would go round a thousand times to find one that is not in debt.
 *
 * `now` is how far the first one is that waits; it never goes back.  Who comes
 * anew begins a unit behind it: it gains nothing by having been away, and ever
 * new ones do not pass one in debt for ever.  One that does not wait any more
 * ("absent") stays for its debt until `now` has reached it.
 *
 * All is O(log flows).  It owns the array of the heap, never the flows.  One
 * thread.
 */

#ifndef VMTA_SHARE_H
#define VMTA_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "vmta/heap.h"

#define SHARE_WEIGHT_MAX 1000
#define SHARE_WEIGHT 100 /* of one that says nothing */

struct share_flow {      /* embedded; by share_flow_init() */
	int64_t pass;    /* differences count: it may wrap */
	uint64_t order;  /* between equals: who got there first */
	uint32_t index;  /* HEAP_NONE: in no share */
	uint16_t weight; /* 1 to SHARE_WEIGHT_MAX; may change at any time */
	bool waits;
};

struct share { /* zeroed: empty */
	struct heap flows;
	int64_t now;
	uint64_t order;
};

void share_flow_init(struct share_flow *f, uint16_t weight);
void share_fini(struct share *s); /* CHECKs that it is empty */

/* Somebody waits in it from now on. */
void share_enter(struct share *s, struct share_flow *f);
/* The same before all others: its turn had come, and it could not use it. */
void share_enter_first(struct share *s, struct share_flow *f);
/* The same where ranks alone count, the lowest first: nothing is charged. */
void share_enter_ranked(struct share *s, struct share_flow *f, int64_t rank);
/* Nobody waits in it any more: it stays, for its debt. */
void share_leave(struct share_flow *f);
/* It goes, and its debt with it; also if it is not in. */
void share_drop(struct share *s, struct share_flow *f);

/* It used so much, waiting or not; one that was not in is absent in there. */
void share_charge(struct share *s, struct share_flow *f, uint32_t cost);

/* How much more it has had than the first one that waits; or 0. */
uint32_t share_debt(const struct share *s, const struct share_flow *f);

/*
 * One that is absent and owes nothing any more, to be dropped; NULL: there is
 * none, and share_first() may be asked.
 */
struct share_flow *share_done(struct share *s);
/* Whose turn it is; NULL: it is empty. */
struct share_flow *share_first(const struct share *s);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fair - deficit round robin (Shreedhar and Varghese): flows that compete for
 * one thing get it in turn, and a flow that used more than others in its turn
 * pays by missing later ones.
 *
 * What a turn will cost is not known when it is given (a connection carries
 * one recipient or a thousand), so the cost is charged afterwards and the
 * deficit may be below zero, down to eight quanta.  A flow that leaves starts
 * anew with one quantum.  One thread; the ring owns nothing.
 */

#ifndef VMTA_FAIR_H
#define VMTA_FAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct fair_flow { /* embedded; zeroed: not in the ring */
	TAILQ_ENTRY(fair_flow) link;
	int64_t deficit;
	bool joined;
};

struct fair {
	TAILQ_HEAD(, fair_flow) ring;
	uint32_t quantum;
};

void fair_init(struct fair *f, uint32_t quantum);
void fair_join(struct fair *f, struct fair_flow *flow);  /* at the end */
void fair_leave(struct fair *f, struct fair_flow *flow); /* also if not in */

/* Whose turn it is, or NULL; it goes to the end. */
struct fair_flow *fair_next(struct fair *f);
/* Who waits longest, or NULL; nothing changes. */
struct fair_flow *fair_first(const struct fair *f);
void fair_charge(const struct fair *f, struct fair_flow *flow, uint32_t cost);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * line - who waits at a limit that is shared, and whose turn it is.
 *
 * Higher priority first.  Within one, virtual MTAs share by their weights;
 * within a virtual MTA origins (who handed the mail in) share by theirs; and
 * within an origin who came first is first.  Whoever frees the limit serves
 * the first, as far as there is room, so nobody ever looks through all.
 *
 * Shares are those of vmta/share.h: what was used is charged, and who had more
 * waits until the others have had as much.
 *
 * All is O(1) or O(log flows).  Who waits pays a struct waiter and a line a
 * struct line; what else there is (about 100 bytes by flow) goes with the last
 * who waits, and debts with it: where nobody waits nothing has to be shared.
 * Debts of a flow that left while others wait are kept until they are paid.
 * One flow alone is a plain list.  Scheduler thread only.
 */

#ifndef VMTA_LINE_H
#define VMTA_LINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "vmta/share.h"

struct line_node;
struct line_tree;

struct waiter { /* embedded in what waits; zeroed: does not wait */
	TAILQ_ENTRY(waiter) link;
	struct line_node *flow; /* NULL: waits nowhere */
};

struct line {                   /* zeroed: nobody waits */
	struct line_tree *tree; /* NULL: there is one flow or none */
	struct line_node *last; /* the flow used last; NULL: there is none */
	uint32_t n;             /* who wait */
};

/* For whom one waits. */
struct line_key {
	const void *vmta; /* only compared */
	uint32_t origin;
	uint8_t priority;
	uint16_t vmta_weight, origin_weight; /* as share_flow.weight */
};

void line_init(struct line *l);
/* At the end of its flow; who is in this line stays where it is. */
void line_join(struct line *l, struct waiter *w, const struct line_key *k);
void line_rejoin(struct waiter *w); /* goes to the end of its flow */
/* To the end of this one, for whom it waits now. */
void line_rejoin_as(struct waiter *w, const struct line_key *k);
void line_leave(struct waiter *w); /* also when not in one */
struct waiter *line_first(struct line *l);

/* The line that it is in, or NULL. */
struct line *line_of(const struct waiter *w);

/*
 * These used so much (recipients, connections) of what the line is for, after
 * waiting or not.  Costs nothing while nobody waits.
 */
void line_charge(struct line *l, const struct line_key *k, uint32_t cost);

/*
 * How much more these have had than who is first, if that is another flow of
 * the same priority; else 0.
 */
uint32_t line_debt(struct line *l, const struct line_key *k);

/*
 * How many are before it, at least: those of higher priority, those of its own
 * flow that came earlier (it counts so many of them and no more), and one if it
 * is another flow's turn.  It waits.
 */
#define LINE_LOOK 32
uint32_t line_before(const struct waiter *w);

#endif

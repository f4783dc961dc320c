/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_choice - which source of its virtual MTA a connection goes out from.
 *
 * Part of vmta/sched_priv.h; what suits a queue is said in sched_choice.c.
 */

#ifndef VMTA_SCHED_CHOICE_H
#define VMTA_SCHED_CHOICE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/net.h"

struct sched;
struct sched_conn;
struct sched_queue;

/* Of its queue: the source, and the place where that goes on. */
void choice_take(struct sched_conn *c, int64_t now_us);
/* How well it suits the queue: of all, those of the lowest number are used. */
enum choice_grade {
	CHOICE_SUITS,
	CHOICE_SECOND, /* by address-family, or its route is of the other one */
	CHOICE_LOST,   /* this and the next two: not now */
	CHOICE_WARMUP, /* it is new there, and has had its day */
	CHOICE_OFF,
	CHOICE_OTHER_FAMILY, /* which the domain has no address of */
	CHOICE_FORBIDDEN     /* by address-family: never */
};
enum choice_grade choice_grade(struct sched *s, const struct sched_queue *q,
    const struct net_addr *a, int64_t now_us);
/* One of it is not used, even if there is no better one. */
static inline bool
choice_is_no(enum choice_grade g)
{
	return g == CHOICE_LOST || g == CHOICE_WARMUP || g == CHOICE_OFF ||
	    g == CHOICE_FORBIDDEN;
}

/* Of all of them the best. */
enum choice_grade choice_best(struct sched *s, const struct sched_queue *q,
    int64_t now_us);
/* Mail to our own host MTA, which is called from any address. */
bool choice_is_to_host(const struct sched_queue *q);
/* Has the host the source of the connection no more? */
bool choice_is_gone(const struct sched_conn *c);
/* Is there none that it may use now? */
bool choice_is_stuck(struct sched *s, const struct sched_queue *q,
    int64_t now_us);
/* Its queue goes on nowhere any more. */
void choice_forget_place(struct sched_queue *q);

#endif

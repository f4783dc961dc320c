/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_standing_priv - how queues and groups of them stand, from the inside.
 *
 * A part of sched_priv.h, which includes it: for vmta/sched*.c only.  Scheduler
 * thread.
 */

#ifndef VMTA_SCHED_STANDING_PRIV_H
#define VMTA_SCHED_STANDING_PRIV_H

#include "vmta/sched_priv.h"

struct sched_standing {
	struct standing st;
	struct sched_queue *queue;
	struct sched_named *group; /* whose queue has its name; NULL: it has */
	struct scope also; /* limits of backoff that hold beside the queue's */
	bool was_both;     /* it was in use: connections may know it */
	struct timer timer;
};

/*
 * sched_standing.c: queues of a group have one standing, and else each its own.
 * NULL: it is plain.
 */
static inline struct sched_standing *
standing_of(const struct sched_queue *q)
{
	const struct sched_named *group = q->lane->group;

	return group == NULL ? q->standing : group->standing;
}

/* By whose settings it changes. */
static inline const struct queue_conf *
standing_conf(const struct sched_queue *q)
{
	const struct sched_named *group = q->lane->group;

	return group == NULL ? &q->conf->conf : &group->conf->conf;
}

/* sched_choice.h: is there anything that keeps a source from being used? */
static inline bool
choice_may_be_no(const struct sched *s, const struct sched_queue *q)
{
	return s->lost.n > 0 || s->warmups.any || standing_of(q) != NULL ||
	    q->conf->family.only;
}

/* ---- sched_standing.c ---------------------------------------------------- */

/* Made if there is none; the queue is as the configuration is now. */
struct sched_standing *standing_get(struct sched *s, struct sched_queue *q,
    int64_t now_us);
/* The one that goes by the name of the queue, or NULL. */
struct sched_standing *standing_named(const struct sched_queue *q);
/* The queue goes. */
void standing_forget(struct sched *s, const struct sched_queue *q);
/*
 * The queue is in another group than before, or in none (NULL, also a new
 * queue).
 */
struct standing_move {
	struct sched_named *from;
	bool unplaced; /* where it belongs was not known there */
};
void standing_moved(struct sched *s, struct sched_queue *q,
    const struct standing_move *move, int64_t now_us);
/* After each change, and when connections went: it goes, or its timer is set. */
void standing_settle(struct sched *s, struct sched_standing *st,
    int64_t now_us);
void standing_timer(struct sched *s, struct sched_standing *st, int64_t now_us);
/* What an earlier process has left of it; from is plain then. */
void standing_put(struct sched *s, struct sched_queue *q, struct standing *from,
    int64_t now_us);
/* Of a queue that has one: */
bool standing_is_off(const struct sched_queue *q, const struct net_addr *a,
    int64_t now_us);
bool standing_all_off(const struct sched *s, const struct sched_queue *q,
    int64_t now_us, int64_t *back_us);
int64_t standing_after(int64_t interval_us, int64_t now_us); /* or NEVER */

/* ---- sched_mode.c -------------------------------------------------------- */

/* The limits of the mode; of a group in both its scopes. */
uint32_t standing_max_conns(const struct sched_queue *q, int64_t now_us);
void standing_set_rates(struct sched *s, struct sched_queue *q, int64_t now_us);
void standing_limit_group(struct sched *s, struct sched_named *group,
    int64_t now_us);

#endif

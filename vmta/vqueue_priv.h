/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vqueue_priv - the inside of a queue, for vmta/vqueue*.c only.
 *
 *	vqueue.c	coming, being granted, leaving, going through
 *	vqueue_expiry.c	too old, or not to go now
 *	vqueue_move.c	from one queue to another
 *	vqueue_wanted.c	what an operator chooses
 *
 * Sums of the queue and of its backlog change together, here.
 */

#ifndef VMTA_VQUEUE_PRIV_H
#define VMTA_VQUEUE_PRIV_H

#include "lib/check.h"
#include "vmta/handed.h"
#include "vmta/vqueue.h"

extern const struct heap_ops vqueue_by_due;

/* ---- messages kept for the first attempt --------------------------------- */

static inline void
msg_release(struct group *g)
{
	struct entry *e = g->entry;

	if (!g->warm)
		return;
	g->warm = false;
	LIST_REMOVE(g, link);
	CHECK(e->warm > 0);
	e->warm--;
	backlog_cool(e);
}

static inline void
msg_keep(struct sched_queue *q, struct group *g)
{
	if (g->warm || g->entry->msg == NULL)
		return;
	g->warm = true;
	g->entry->warm++;
	LIST_INSERT_HEAD(&q->warm, g, link);
}

/* ---- groups -------------------------------------------------------------- */

/* An empty one. */
static inline struct group *
group_new(struct sched_queue *q, struct backlog *b, struct entry *e,
    uint8_t priority)
{
	struct group *g = slab_get(b->groups);

	g->entry = e;
	g->index = HEAP_NONE;
	g->priority = priority;
	q->bytes += e->loc.body_len;
	b->sums.bytes += e->loc.body_len;
	return g;
}

/* It is of the queue; the group does not wait its turn, or goes. */
static inline void
drop_pin(struct sched_queue *q, struct group *g)
{
	if (g->pin != 0)
		pins_drop(&q->pins, g->pin);
	g->pin = 0;
}

static inline void
group_free(struct sched_queue *q, struct backlog *b, struct group *g)
{
	CHECK(g->last == NULL && g->index == HEAP_NONE && g->active == 0);
	msg_release(g);
	drop_pin(q, g);
	if (g->handed)
		handed_forget(&b->handed, g);
	if (q->last_added == g)
		q->last_added = NULL;
	q->bytes -= g->entry->loc.body_len;
	q->turns.backlog->sums.bytes -= g->entry->loc.body_len;
	slab_put(b->groups, g);
}

/* So many of a group that waits have come to wait, or do not any more. */
static inline void
count_ready(struct sched_queue *q, const struct group *g, uint32_t n)
{
	if (turns_add(&q->turns, g, n))
		q->aside += n;
	else
		q->ready += n;
	q->turns.backlog->sums.ready += n;
}

static inline void
uncount_ready(struct sched_queue *q, const struct group *g, uint32_t n)
{
	if (turns_subtract(&q->turns, g, n)) {
		CHECK(q->aside >= n);
		q->aside -= n;
	} else {
		CHECK(q->ready >= n);
		q->ready -= n;
	}
	q->turns.backlog->sums.ready -= n;
}

static inline void
leave_turns(struct sched_queue *q, struct group *g)
{
	if (!turns_leave(&q->turns, g))
		q->ready_groups--;
}

/* A recipient joins those of its group that wait their turn. */
void vqueue_join_ready(struct sched_queue *q, struct rcpt *r, bool front);
/* One of those of the group that wait their turn. */
struct rcpt *vqueue_leave_ready(struct sched_queue *q, struct group *g);
/* All of them, with fn. */
void vqueue_group_gone(struct sched_queue *q, struct backlog *b,
    struct group *g, vqueue_gone_fn *fn, void *ctx);
/* One that is in no list any more. */
void vqueue_rcpt_gone(struct sched_queue *q, struct backlog *b, struct rcpt *r,
    vqueue_gone_fn *fn, void *ctx);

/* One of the group has come to wait its turn. */
static inline void
note_close(struct sched_queue *q, const struct group *g, int64_t now_us)
{
	if (g->entry->spans != 0)
		vqueue_close_at(q,
		    backlog_closes(q->turns.backlog, g->entry, now_us));
}

static inline void
join_deferred(struct sched_queue *q, struct rcpt *r, int64_t due_us)
{
	r->due_us = due_us;
	q->on_hold += due_us == SCHED_ON_HOLD;
	heap_push(&q->deferred, &vqueue_by_due, r);
}

static inline void
leave_deferred(struct sched_queue *q, const struct rcpt *r)
{
	q->on_hold -= r->due_us == SCHED_ON_HOLD;
	heap_remove(&q->deferred, &vqueue_by_due, r->index);
}

/* ---- going through ------------------------------------------------------- */

/* The next group of those that wait their turn; NULL: then come the others. */
struct group *vqueue_step_ready(const struct sched_queue *q,
    struct vqueue_cursor *c);
/* The next one of those that wait for their time, as turns_step(); or NULL. */
struct rcpt *vqueue_step_deferred(const struct sched_queue *q,
    struct vqueue_cursor *c);
/* Those that wait their turn; false as soon as one was the last for now. */
bool vqueue_tell_group(const struct group *g, vqueue_each_fn *fn, void *ctx);

#endif

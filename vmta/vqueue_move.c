/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/vqueue_move.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "vmta/vqueue_priv.h"

/* A power of two above what a slice can fill. */
enum { SLOTS = 2048 };
_Static_assert(SLOTS >= 2 * VQUEUE_MOVE_MAX, "a free one is near");

/* Where the rest of a group goes; of this slice if it has its stamp. */
struct slot {
	const struct group *of;
	struct group *there; /* which those that wait for their time join */
	struct vqueue_way way;
	uint64_t stamp;
};

struct vqueue_mover {
	uint64_t stamp;
	struct slot slots[SLOTS];
};

struct vqueue_mover *
vqueue_mover_new(void)
{
	return mem_new(struct vqueue_mover);
}

void
vqueue_mover_free(struct vqueue_mover **mp)
{
	struct vqueue_mover *m = *mp;

	*mp = NULL;
	free(m);
}

static struct slot *
slot_of(struct vqueue_mover *m, const struct group *g,
    const struct vqueue_moving *how)
{
	uint64_t h = table_hash_u64((uint64_t)(uintptr_t)g);
	struct slot *s = &m->slots[h % SLOTS];

	while (s->stamp == m->stamp && s->of != g) {
		h++;
		s = &m->slots[h % SLOTS];
	}
	if (s->stamp != m->stamp)
		*s = (struct slot){ .of = g,
			.way = how->way(how->ctx, g),
			.stamp = m->stamp };
	return s;
}

/* The group in the other queue that has taken some of it, or NULL. */
static struct group *
find_there(struct slot *s, const struct group *g)
{
	struct group *last = s->way.to->last_added;

	/* Each of those handed goes by the settings it came with. */
	if (s->there == NULL && !g->handed && last != NULL && !last->handed &&
	    last->entry == g->entry && !g->entry->one_by_one &&
	    last->priority == g->priority && last->by_pool == s->way.by_pool)
		s->there = last; /* of the slice before */
	return s->there;
}

static void
note_handed(struct backlog *b, const struct group *g, const struct group *there)
{
	const struct handed_from from = handed_find(&b->handed, g);

	handed_note(&b->handed, there, &from);
}

static struct group *
group_there(struct slot *s, const struct group *g)
{
	struct sched_queue *to = s->way.to;

	if (find_there(s, g) == NULL) {
		s->there = group_new(to, to->turns.backlog, g->entry,
		    g->priority);
		s->there->by_pool = s->way.by_pool;
		s->there->handed = g->handed;
		s->there->refused = g->refused;
		if (g->handed)
			note_handed(to->turns.backlog, g, s->there);
		to->last_added = s->there;
	}
	if (g->ageless)
		s->there->ageless = true;
	return s->there;
}

/* ---- those that wait their turn ------------------------------------------ */

struct chain {
	struct rcpt *first, *last;
	uint32_t n;
};

/* The first ones of a group leave it, at most so many. */
static struct chain
detach(struct sched_queue *q, struct group *g, uint32_t max)
{
	struct chain c = { g->last->next, g->last->next, 1 };

	while (c.n < max && c.last != g->last) {
		c.last = c.last->next;
		c.n++;
	}
	uncount_ready(q, g, c.n);
	if (c.last == g->last) {
		g->last = NULL;
		leave_turns(q, g);
	} else {
		g->last->next = c.last->next;
	}
	g->active -= c.n;
	return c;
}

/* They join those that wait their turn there, behind them. */
static void
attach(struct sched_queue *to, struct group *g, struct chain c)
{
	if (g->last == NULL) {
		c.last->next = c.first;
		g->last = c.last;
		if (!turns_join(&to->turns, g))
			to->ready_groups++;
	} else {
		c.last->next = g->last->next;
		g->last->next = c.first;
		g->last = c.last;
	}
	g->active += c.n;
	count_ready(to, g, c.n);
}

/* The group itself: nothing of it is left behind. */
static void
carry(struct sched_queue *q, const struct vqueue_way *way, struct group *g)
{
	struct sched_queue *to = way->to;
	uint32_t bytes = g->entry->loc.body_len;

	drop_pin(q, g); /* the sources there are others */
	if (q->last_added == g)
		q->last_added = NULL;
	q->bytes -= bytes;
	to->bytes += bytes;
	g->by_pool = way->by_pool;
	g->round = 0; /* was that queue's */
	if (!g->warm)
		return;
	LIST_REMOVE(g, link);
	LIST_INSERT_HEAD(&to->warm, g, link);
}

/* A group that has lost some: is any left, and does it keep the message? */
static void
left_behind(struct sched_queue *q, struct group *g)
{
	if (g->rcpts == 0)
		group_free(q, q->turns.backlog, g);
	else if (g->active == 0)
		msg_release(g);
}

/* Some of it: the others are granted, or wait for their time. */
static struct group *
split(struct sched_queue *q, struct slot *s, struct group *g, struct chain c)
{
	struct group *there = group_there(s, g);
	struct rcpt *r = c.first;

	for (uint32_t i = 0; i < c.n; i++, r = r->next)
		r->group = there;
	there->rcpts += c.n;
	g->rcpts -= c.n;
	msg_keep(s->way.to, there);
	left_behind(q, g);
	return there;
}

static uint32_t
move_ready(struct sched_queue *q, struct slot *s, struct group *g, uint32_t max)
{
	struct sched_queue *to = s->way.to;
	struct chain c = detach(q, g, max);

	if (g->rcpts == c.n && find_there(s, g) == NULL)
		carry(q, &s->way, g);
	else
		g = split(q, s, g, c);
	attach(to, g, c);
	q->rcpts -= c.n;
	to->rcpts += c.n;
	return c.n;
}

/* ---- those that wait for their time -------------------------------------- */

static void
move_deferred(struct sched_queue *q, struct slot *s, struct rcpt *r)
{
	struct sched_queue *to = s->way.to;
	struct group *g = r->group, *there = group_there(s, g);
	int64_t due_us = r->due_us;

	leave_deferred(q, r);
	r->group = there;
	there->rcpts++;
	g->rcpts--;
	q->rcpts--;
	to->rcpts++;
	join_deferred(to, r, due_us);
	left_behind(q, g);
}

/* ---- a slice ------------------------------------------------------------- */

/* Each look finds another one in its place, which was not seen. */
bool
vqueue_move(struct vqueue_mover *m, struct sched_queue *q,
    struct vqueue_cursor *c, const struct vqueue_moving *how, uint32_t *left)
{
	struct group *g;
	struct rcpt *r;
	struct slot *s;
	uint32_t n;

	CHECK(*left <= VQUEUE_MOVE_MAX);
	m->stamp++;
	while (*left > 0 && (g = vqueue_step_ready(q, c)) != NULL) {
		s = slot_of(m, g, how);
		n = 1;
		if (s->way.to != NULL) {
			n = move_ready(q, s, g, *left);
			c->turns.index++;
			how->moved(how->ctx, &s->way, n);
		}
		*left -= n;
	}
	while (*left > 0 && (r = vqueue_step_deferred(q, c)) != NULL) {
		s = slot_of(m, r->group, how);
		if (s->way.to != NULL) {
			move_deferred(q, s, r);
			c->index++;
			how->moved(how->ctx, &s->way, 1);
		}
		--*left;
	}
	return *left > 0;
}

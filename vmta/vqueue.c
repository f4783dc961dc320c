/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/vqueue.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "mail/envelope.h"
#include "vmta/sched_delay.h"
#include "vmta/vqueue_priv.h"

/* Rounds are told apart over so many, as far as a group has bits. */
enum { ROUNDS = 31 };

/* ---- heaps --------------------------------------------------------------- */

static bool
rcpt_before(const void *a, const void *b)
{
	return ((const struct rcpt *)a)->due_us <
	    ((const struct rcpt *)b)->due_us;
}

static void
rcpt_moved(void *item, uint32_t index)
{
	((struct rcpt *)item)->index = index;
}

const struct heap_ops vqueue_by_due = { rcpt_before, rcpt_moved };

void
vqueue_cool(struct sched_queue *q)
{
	while (!LIST_EMPTY(&q->warm))
		msg_release(LIST_FIRST(&q->warm));
}

void
vqueue_cool_added(struct sched_queue *q)
{
	if (q->last_added != NULL)
		msg_release(q->last_added);
}

/* ---- groups -------------------------------------------------------------- */

static struct group *
group_for(struct sched_queue *q, struct backlog *b, struct entry *e,
    const struct sched_rcpt_in *in)
{
	struct group *g = q->last_added;

	if (g != NULL && g->entry == e && !e->one_by_one &&
	    g->priority == in->priority && g->by_pool == in->by_pool)
		return g;
	g = group_new(q, b, e, in->priority);
	g->by_pool = in->by_pool;
	q->last_added = g;
	return g;
}

static void
join_turns(struct sched_queue *q, struct group *g)
{
	if (!turns_join(&q->turns, g))
		q->ready_groups++;
}

/* Those that wait keep waiting, elsewhere. */
static void
set_pin(struct sched_queue *q, struct group *g, uint16_t pin)
{
	const struct rcpt *r = g->last;
	uint32_t n = 0;

	if (r != NULL) {
		do {
			r = r->next;
			n++;
		} while (r != g->last);
		uncount_ready(q, g, n);
		leave_turns(q, g);
	}
	g->pin = pin;
	if (n > 0) {
		join_turns(q, g);
		count_ready(q, g, n);
	}
}

void
vqueue_join_ready(struct sched_queue *q, struct rcpt *r, bool front)
{
	struct group *g = r->group;

	if (g->last == NULL) {
		r->next = r;
		g->last = r;
		join_turns(q, g);
	} else {
		r->next = g->last->next;
		g->last->next = r;
		if (!front)
			g->last = r;
	}
	count_ready(q, g, 1);
}

struct rcpt *
vqueue_leave_ready(struct sched_queue *q, struct group *g)
{
	struct rcpt *r = g->last->next;

	uncount_ready(q, g, 1);
	if (r != g->last) {
		g->last->next = r->next;
		return r;
	}
	g->last = NULL;
	leave_turns(q, g);
	return r;
}

/* The recipient is in no list any more; frees what hangs on it. */
static void
rcpt_free(struct sched_queue *q, struct backlog *b, struct rcpt *r)
{
	struct group *g = r->group;
	struct entry *e = g->entry;

	CHECK(q->rcpts > 0 && g->rcpts > 0 && e->rcpts > 0);
	q->rcpts--;
	q->turns.backlog->sums.rcpts--;
	q->turns.backlog->sums.handed -= g->handed;
	q->turns.backlog->sums.refused -= g->refused;
	g->rcpts--;
	e->rcpts--;
	slab_put(b->rcpts, r);
	if (g->rcpts == 0)
		group_free(q, b, g);
	else if (g->active == 0)
		msg_release(g);
	backlog_release(b, &e);
}

void
vqueue_rcpt_gone(struct sched_queue *q, struct backlog *b, struct rcpt *r,
    vqueue_gone_fn *fn, void *ctx)
{
	struct message *m = backlog_message(r->group->entry);
	uint32_t n = r->n;
	uint16_t attempts = r->attempts;

	rcpt_free(q, b, r);
	if (fn != NULL)
		fn(ctx, q, m, n, attempts);
	message_unref(&m);
}

/* ---- public -------------------------------------------------------------- */

void
vqueue_init(struct sched_queue *q, struct backlog *b)
{
	turns_init(&q->turns, b);
	scope_init(&q->scope, SCOPE_QUEUE);
	LIST_INIT(&q->warm);
	TAILQ_INIT(&q->all_conns);
	TAILQ_INIT(&q->idle_conns);
	timer_init(&q->timer, TIMER_QUEUE);
	q->turns.close_s = UINT32_MAX;
}

void
vqueue_fini(struct sched_queue *q)
{
	CHECK(q->rcpts == 0 && TAILQ_EMPTY(&q->all_conns));
	CHECK(line_of(&q->open_wait) == NULL && line_of(&q->give_wait) == NULL);
	CHECK(!q->is_dirty && q->timer.index == HEAP_NONE && q->pins == NULL);
	turns_fini(&q->turns);
	heap_fini(&q->deferred);
	scope_fini(&q->scope);
	free(q->last_error);
}

static uint16_t
attempts_of(uint16_t n)
{
	return n < RCPT_ATTEMPTS_MAX ? n : RCPT_ATTEMPTS_MAX;
}

bool
vqueue_add(struct sched_queue *q, struct backlog *b, struct entry *e,
    const struct sched_rcpt_in *in, int64_t now_us)
{
	struct group *g = group_for(q, b, e, in);
	struct rcpt *r = slab_get(b->rcpts);
	int64_t opens = backlog_opens(b, e,
	    in->due_us > now_us ? in->due_us : now_us);

	r->group = g;
	CHECK(in->n < ENVELOPE_RCPT_MAX);
	r->n = in->n & 0x1ffff;
	r->index = HEAP_NONE;
	r->attempts = attempts_of(in->attempts) & 0xfff;
	delay_begin(q, r, now_us);
	q->rcpts++;
	q->turns.backlog->sums.rcpts++;
	g->rcpts++;
	e->rcpts++;
	/* What may have to leave at once passes vqueue_collect(). */
	if (opens > now_us || in->attempts > 0) {
		join_deferred(q, r,
		    e->spans == 0 || opens == INT64_MAX ? in->due_us : opens);
		return false;
	}
	g->active++;
	msg_keep(q, g);
	note_close(q, g, now_us);
	vqueue_join_ready(q, r, false);
	return true;
}

void
vqueue_collect(struct sched_queue *q, struct backlog *b, int64_t now_us,
    int64_t born_us, const struct vqueue_ends *ends)
{
	struct rcpt *r;

	while ((r = heap_top(&q->deferred)) != NULL && r->due_us <= now_us) {
		const struct entry *e = r->group->entry;
		int64_t opens = backlog_opens(b, e, now_us);

		leave_deferred(q, r);
		if (opens == INT64_MAX) {
			vqueue_rcpt_gone(q, b, r, ends->missed, ends->ctx);
		} else if (opens > now_us) {
			join_deferred(q, r, opens);
		} else if (e->spans == 0 && !r->group->handed &&
		    !r->group->ageless && r->attempts > 0 &&
		    e->queued_us <= born_us) {
			vqueue_rcpt_gone(q, b, r, ends->expired, ends->ctx);
		} else {
			r->group->active++;
			note_close(q, r->group, now_us);
			vqueue_join_ready(q, r, false);
		}
	}
}

int64_t
vqueue_next_due(const struct sched_queue *q)
{
	const struct rcpt *r = heap_top(&q->deferred);

	return r == NULL ? INT64_MAX : r->due_us;
}

void
vqueue_group_gone(struct sched_queue *q, struct backlog *b, struct group *g,
    vqueue_gone_fn *fn, void *ctx)
{
	bool last;

	do {
		struct rcpt *r = vqueue_leave_ready(q, g);

		last = g->last == NULL;
		g->active--;
		vqueue_rcpt_gone(q, b, r, fn, ctx);
	} while (!last);
}

void
vqueue_take_old(struct sched_queue *q, struct backlog *b, int64_t born_us,
    vqueue_gone_fn *fn, void *ctx)
{
	for (uint8_t i = 0; i < q->turns.class_count; i++) {
		struct group *g;

		while ((g = turns_oldest(&q->turns, i)) != NULL &&
		    g->entry->queued_us <= born_us)
			vqueue_group_gone(q, b, g, fn, ctx);
	}
}

int64_t
vqueue_oldest(const struct sched_queue *q)
{
	int64_t oldest = INT64_MAX;

	for (uint8_t i = 0; i < q->turns.class_count; i++) {
		const struct group *g = turns_oldest(&q->turns, i);

		if (g != NULL && g->entry->queued_us < oldest)
			oldest = g->entry->queued_us;
	}
	return oldest;
}

void
vqueue_clear(struct sched_queue *q, struct backlog *b, bool on_hold,
    vqueue_gone_fn *fn, void *ctx)
{
	struct rcpt *r;

	vqueue_take_old(q, b, INT64_MAX, fn, ctx);
	while ((r = heap_top(&q->deferred)) != NULL &&
	    (on_hold || r->due_us != SCHED_ON_HOLD)) {
		leave_deferred(q, r);
		vqueue_rcpt_gone(q, b, r, fn, ctx);
	}
}

struct group *
vqueue_first(struct sched_queue *q)
{
	return turns_first(&q->turns);
}

struct waiter *
vqueue_set_aside(struct sched_queue *q, const struct group *g)
{
	struct turns_sum sum;
	struct waiter *w = turns_set_aside(&q->turns, g, &sum);

	CHECK(q->ready >= sum.rcpts && q->ready_groups >= sum.groups);
	q->ready -= sum.rcpts;
	q->aside += sum.rcpts;
	q->ready_groups -= sum.groups;
	return w;
}

static struct sched_queue *
of_turns(struct turns *t)
{
	return (void *)((char *)t - offsetof(struct sched_queue, turns));
}

uint32_t
vqueue_aside_origin(const struct waiter *w)
{
	return turns_aside_origin(w);
}

struct waiter *
vqueue_aside_of(const struct sched_queue *q, uint32_t origin)
{
	return turns_aside_of(&q->turns, origin);
}

bool
vqueue_has(const struct sched_queue *q, uint32_t origin)
{
	return turns_have(&q->turns, origin);
}

struct sched_queue *
vqueue_aside_queue(struct waiter *w)
{
	return of_turns(turns_aside(w));
}

struct sched_queue *
vqueue_bring_back(struct waiter *w, bool first)
{
	struct turns_sum sum;
	struct sched_queue *q = of_turns(turns_bring_back(w, first, &sum));

	q->ready += sum.rcpts;
	q->aside -= sum.rcpts;
	q->ready_groups += sum.groups;
	return q;
}

uint32_t
vqueue_take(struct sched_queue *q, struct group *g, struct rcpt **out,
    uint32_t max)
{
	uint32_t n = 0;

	while (n < max && g->last != NULL) {
		out[n] = vqueue_leave_ready(q, g);
		out[n]->next = NULL;
		n++;
	}
	turns_charge(&q->turns, g, n);
	q->granted += n;
	q->turns.backlog->sums.granted += n;
	return n;
}

void
vqueue_pin(struct sched_queue *q, struct group *g, const struct net_addr *a,
    int64_t until_us)
{
	uint16_t old = g->pin, pin = pins_take(&q->pins, a, until_us);

	if (pin != old)
		set_pin(q, g, pin);
	if (old != 0)
		pins_drop(&q->pins, old);
}

void
vqueue_unpin(struct sched_queue *q, struct group *g)
{
	uint16_t old = g->pin;

	set_pin(q, g, 0);
	pins_drop(&q->pins, old);
}

struct group *
vqueue_pinned(const struct sched_queue *q, uint16_t pin)
{
	return turns_pinned(&q->turns, pin);
}

void
vqueue_skip(struct sched_queue *q, struct group *g)
{
	if (g->round == 0)
		g->round = (uint8_t)(q->round + 1U) & ROUNDS;
}

void
vqueue_end_round(struct sched_queue *q)
{
	q->round = (uint8_t)((q->round + 1) % ROUNDS);
}

bool
vqueue_had_round(const struct sched_queue *q, const struct group *g)
{
	return g->round != 0 && g->round != q->round + 1;
}

void
vqueue_untake(struct sched_queue *q, struct rcpt *r, int64_t now_us)
{
	CHECK(q->granted > 0);
	q->granted--;
	q->turns.backlog->sums.granted--;
	note_close(q, r->group, now_us);
	vqueue_join_ready(q, r, true);
}

void
vqueue_defer(struct sched_queue *q, struct rcpt *r, int64_t due_us)
{
	struct group *g = r->group;
	int64_t opens = backlog_opens(q->turns.backlog, g->entry, due_us);

	CHECK(q->granted > 0 && g->active > 0);
	g->round = 0;
	q->granted--;
	q->turns.backlog->sums.granted--;
	g->active--;
	if (g->active == 0) {
		msg_release(g);
		g->ageless = false; /* all that were to be tried have been */
	}
	/* When all is over, it leaves at its time. */
	join_deferred(q, r, opens == INT64_MAX ? due_us : opens);
}

void
vqueue_refused(struct sched_queue *q, struct group *g)
{
	if (!g->handed || g->refused)
		return;
	g->refused = 1;
	q->turns.backlog->sums.refused += g->rcpts;
}

void
vqueue_drop(struct sched_queue *q, struct backlog *b, struct rcpt *r)
{
	CHECK(q->granted > 0 && r->group->active > 0);
	q->granted--;
	q->turns.backlog->sums.granted--;
	r->group->active--;
	rcpt_free(q, b, r);
}

/* ---- going through what waits -------------------------------------------- */

void
vqueue_cursor_init(struct vqueue_cursor *c)
{
	*c = (struct vqueue_cursor){ .index = UINT32_MAX };
	turns_cursor_init(&c->turns);
}

struct rcpt *
vqueue_step_deferred(const struct sched_queue *q, struct vqueue_cursor *c)
{
	if (c->index > q->deferred.n)
		c->index = q->deferred.n;
	if (c->index == 0) {
		c->done = true;
		return NULL;
	}
	c->index--;
	return q->deferred.v[c->index];
}

struct group *
vqueue_step_ready(const struct sched_queue *q, struct vqueue_cursor *c)
{
	struct group *g = NULL;

	if (!c->in_deferred)
		g = turns_step(&q->turns, &c->turns);
	if (g == NULL)
		c->in_deferred = true;
	return g;
}

bool
vqueue_tell_group(const struct group *g, vqueue_each_fn *fn, void *ctx)
{
	const struct rcpt *r = g->last;
	bool more = true;

	do {
		r = r->next;
		more = fn(ctx, r, false) && more;
	} while (r != g->last);
	return more;
}

bool
vqueue_walk(struct sched_queue *q, struct vqueue_cursor *c, vqueue_each_fn *fn,
    void *ctx)
{
	const struct group *g;
	const struct rcpt *r;

	while ((g = vqueue_step_ready(q, c)) != NULL)
		if (!vqueue_tell_group(g, fn, ctx))
			return false;
	while ((r = vqueue_step_deferred(q, c)) != NULL)
		if (!fn(ctx, r, true))
			return false;
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/vqueue.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "mail/envelope.h"

/* ---- heaps --------------------------------------------------------------- */

static bool
group_before(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	if (x->entry->queued_us != y->entry->queued_us)
		return x->entry->queued_us < y->entry->queued_us;
	return x->entry->id < y->entry->id;
}

static void
group_moved(void *item, uint32_t index)
{
	((struct group *)item)->index = index;
}

static const struct heap_ops by_age = { group_before, group_moved };

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

static const struct heap_ops by_due = { rcpt_before, rcpt_moved };

/* The class of a priority; made if there is none. */
static struct ready_class *
class_of(struct sched_queue *q, uint8_t priority)
{
	struct ready_class *c;
	uint8_t i = 0;

	while (i < q->class_count && q->classes[i].priority > priority)
		i++;
	if (i < q->class_count && q->classes[i].priority == priority)
		return &q->classes[i];
	CHECK(q->class_count < UINT8_MAX);
	q->classes = mem_realloc(q->classes,
	    (q->class_count + 1U) * sizeof(*q->classes));
	c = &q->classes[i];
	memmove(c + 1, c, (size_t)(q->class_count - i) * sizeof(*c));
	*c = (struct ready_class){ .priority = priority };
	q->class_count++;
	return c;
}

/* ---- messages kept for the first attempt --------------------------------- */

static void
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

static void
msg_keep(struct sched_queue *q, struct group *g)
{
	if (g->warm || g->entry->msg == NULL)
		return;
	g->warm = true;
	g->entry->warm++;
	LIST_INSERT_HEAD(&q->warm, g, link);
}

void
vqueue_cool(struct sched_queue *q)
{
	while (!LIST_EMPTY(&q->warm))
		msg_release(LIST_FIRST(&q->warm));
}

/* ---- groups -------------------------------------------------------------- */

static struct group *
group_for(struct sched_queue *q, struct backlog *b, struct entry *e,
    const struct sched_rcpt_in *in)
{
	struct group *g = q->last_added;

	if (g != NULL && g->entry == e && g->priority == in->priority)
		return g;
	g = slab_get(b->groups);
	g->entry = e;
	g->index = HEAP_NONE;
	g->priority = in->priority;
	q->last_added = g;
	q->bytes += e->loc.body_len;
	q->sums->bytes += e->loc.body_len;
	return g;
}

static void
group_free(struct sched_queue *q, struct backlog *b, struct group *g)
{
	CHECK(g->last == NULL && g->index == HEAP_NONE && g->active == 0);
	msg_release(g);
	if (q->last_added == g)
		q->last_added = NULL;
	q->bytes -= g->entry->loc.body_len;
	q->sums->bytes -= g->entry->loc.body_len;
	slab_put(b->groups, g);
}

/* A recipient joins those of its group that wait their turn. */
static void
join_ready(struct sched_queue *q, struct rcpt *r, bool front)
{
	struct group *g = r->group;

	if (g->last == NULL) {
		r->next = r;
		g->last = r;
		heap_push(&class_of(q, g->priority)->groups, &by_age, g);
		q->ready_groups++;
	} else {
		r->next = g->last->next;
		g->last->next = r;
		if (!front)
			g->last = r;
	}
	q->ready++;
	q->sums->ready++;
}

static struct rcpt *
leave_ready(struct sched_queue *q, struct group *g)
{
	struct rcpt *r = g->last->next;

	CHECK(q->ready > 0);
	q->ready--;
	q->sums->ready--;
	if (r != g->last) {
		g->last->next = r->next;
		return r;
	}
	g->last = NULL;
	heap_remove(&class_of(q, g->priority)->groups, &by_age, g->index);
	q->ready_groups--;
	return r;
}

static void
join_deferred(struct sched_queue *q, struct rcpt *r, int64_t due_us)
{
	r->due_us = due_us;
	heap_push(&q->deferred, &by_due, r);
}

/* The recipient is in no list any more; frees what hangs on it. */
static void
rcpt_free(struct sched_queue *q, struct backlog *b, struct rcpt *r)
{
	struct group *g = r->group;
	struct entry *e = g->entry;

	CHECK(q->rcpts > 0 && g->rcpts > 0 && e->rcpts > 0);
	q->rcpts--;
	q->sums->rcpts--;
	g->rcpts--;
	e->rcpts--;
	slab_put(b->rcpts, r);
	if (g->rcpts == 0)
		group_free(q, b, g);
	else if (g->active == 0)
		msg_release(g);
	backlog_release(b, &e);
}

static void
rcpt_gone(struct sched_queue *q, struct backlog *b, struct rcpt *r,
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
	q->sums = &b->sums;
	scope_init(&q->scope, SCOPE_QUEUE);
	LIST_INIT(&q->warm);
	TAILQ_INIT(&q->all_conns);
	TAILQ_INIT(&q->idle_conns);
	timer_init(&q->timer, TIMER_QUEUE);
}

void
vqueue_fini(struct sched_queue *q)
{
	CHECK(q->rcpts == 0 && TAILQ_EMPTY(&q->all_conns));
	CHECK(line_of(&q->open_wait) == NULL && line_of(&q->give_wait) == NULL);
	CHECK(!q->is_dirty && q->timer.index == HEAP_NONE);
	for (uint8_t i = 0; i < q->class_count; i++)
		heap_fini(&q->classes[i].groups);
	free(q->classes);
	heap_fini(&q->deferred);
	scope_fini(&q->scope);
	free(q->last_error);
}

static uint16_t
attempts_of(uint16_t n)
{
	return n < RCPT_ATTEMPTS_MAX ? n : RCPT_ATTEMPTS_MAX;
}

void
vqueue_add(struct sched_queue *q, struct backlog *b, struct entry *e,
    const struct sched_rcpt_in *in, int64_t now_us)
{
	struct group *g = group_for(q, b, e, in);
	struct rcpt *r = slab_get(b->rcpts);

	r->group = g;
	CHECK(in->n < ENVELOPE_RCPT_MAX);
	r->n = in->n & 0x1ffff;
	r->index = HEAP_NONE;
	r->attempts = attempts_of(in->attempts) & 0x7fff;
	q->rcpts++;
	q->sums->rcpts++;
	g->rcpts++;
	e->rcpts++;
	/* One tried before passes vqueue_collect(), which knows its age. */
	if (in->due_us > now_us || in->attempts > 0) {
		join_deferred(q, r, in->due_us);
		return;
	}
	g->active++;
	msg_keep(q, g);
	join_ready(q, r, false);
}

void
vqueue_collect(struct sched_queue *q, struct backlog *b, int64_t now_us,
    int64_t born_us, vqueue_gone_fn *fn, void *ctx)
{
	struct rcpt *r;

	while ((r = heap_top(&q->deferred)) != NULL && r->due_us <= now_us) {
		heap_remove(&q->deferred, &by_due, r->index);
		if (r->attempts > 0 && r->group->entry->queued_us <= born_us) {
			rcpt_gone(q, b, r, fn, ctx);
			continue;
		}
		r->group->active++;
		join_ready(q, r, false);
	}
}

uint32_t
vqueue_free_deferred(struct sched_queue *q, uint32_t max)
{
	uint32_t n = 0;

	/* From the end of the heap: nothing has to find a new place. */
	while (n < max && q->deferred.n > 0) {
		struct rcpt *r = q->deferred.v[q->deferred.n - 1];

		heap_remove(&q->deferred, &by_due, r->index);
		r->group->active++;
		join_ready(q, r, false);
		n++;
	}
	return n;
}

int64_t
vqueue_next_due(const struct sched_queue *q)
{
	const struct rcpt *r = heap_top(&q->deferred);

	return r == NULL ? INT64_MAX : r->due_us;
}

/* All of a group that wait their turn. */
static void
group_gone(struct sched_queue *q, struct backlog *b, struct group *g,
    vqueue_gone_fn *fn, void *ctx)
{
	bool last;

	do {
		struct rcpt *r = leave_ready(q, g);

		last = g->last == NULL;
		g->active--;
		rcpt_gone(q, b, r, fn, ctx);
	} while (!last);
}

void
vqueue_expire(struct sched_queue *q, struct backlog *b, int64_t born_us,
    vqueue_gone_fn *fn, void *ctx)
{
	for (uint8_t i = 0; i < q->class_count; i++) {
		struct group *g;

		while ((g = heap_top(&q->classes[i].groups)) != NULL &&
		    g->entry->queued_us <= born_us)
			group_gone(q, b, g, fn, ctx);
	}
}

int64_t
vqueue_oldest(const struct sched_queue *q)
{
	int64_t oldest = INT64_MAX;

	for (uint8_t i = 0; i < q->class_count; i++) {
		const struct group *g = heap_top(&q->classes[i].groups);

		if (g != NULL && g->entry->queued_us < oldest)
			oldest = g->entry->queued_us;
	}
	return oldest;
}

void
vqueue_clear(struct sched_queue *q, struct backlog *b, vqueue_gone_fn *fn,
    void *ctx)
{
	struct rcpt *r;

	vqueue_expire(q, b, INT64_MAX, fn, ctx);
	while ((r = heap_top(&q->deferred)) != NULL) {
		heap_remove(&q->deferred, &by_due, r->index);
		rcpt_gone(q, b, r, fn, ctx);
	}
}

struct group *
vqueue_first(const struct sched_queue *q)
{
	for (uint8_t i = 0; i < q->class_count; i++)
		if (q->classes[i].groups.n > 0)
			return heap_top(&q->classes[i].groups);
	return NULL;
}

uint32_t
vqueue_take(struct sched_queue *q, struct group *g, struct rcpt **out,
    uint32_t max)
{
	uint32_t n = 0;

	while (n < max && g->last != NULL) {
		out[n] = leave_ready(q, g);
		out[n]->next = NULL;
		n++;
	}
	q->granted += n;
	q->sums->granted += n;
	return n;
}

void
vqueue_untake(struct sched_queue *q, struct rcpt *r)
{
	CHECK(q->granted > 0);
	q->granted--;
	q->sums->granted--;
	join_ready(q, r, true);
}

void
vqueue_defer(struct sched_queue *q, struct rcpt *r, int64_t due_us)
{
	struct group *g = r->group;

	CHECK(q->granted > 0 && g->active > 0);
	q->granted--;
	q->sums->granted--;
	g->active--;
	if (g->active == 0)
		msg_release(g);
	join_deferred(q, r, due_us);
}

void
vqueue_drop(struct sched_queue *q, struct backlog *b, struct rcpt *r)
{
	CHECK(q->granted > 0 && r->group->active > 0);
	q->granted--;
	q->sums->granted--;
	r->group->active--;
	rcpt_free(q, b, r);
}

/* ---- going through what waits -------------------------------------------- */

/*
 * From the end of each heap to its top: what leaves meanwhile is replaced by
 * the last, which was seen, and what comes lands at the end as a rule.
 */

void
vqueue_cursor_init(struct vqueue_cursor *c)
{
	*c = (struct vqueue_cursor){ .below = UINT8_MAX + 1,
		.index = UINT32_MAX };
}

/* The highest priority that was not gone through; NULL: there is none. */
static struct ready_class *
class_below(const struct sched_queue *q, unsigned below)
{
	for (uint8_t i = 0; i < q->class_count; i++)
		if (q->classes[i].priority < below)
			return &q->classes[i];
	return NULL;
}

/* The heap at the cursor; NULL: all is done. */
static struct heap *
heap_at(struct sched_queue *q, struct vqueue_cursor *c)
{
	struct ready_class *rc = class_below(q, c->below);

	if (c->in_deferred)
		return &q->deferred;
	if (rc != NULL) {
		c->priority = rc->priority;
		return &rc->groups;
	}
	c->in_deferred = true;
	return &q->deferred;
}

/* One step down; false: the heap is done, and the cursor at the next. */
static bool
step(struct vqueue_cursor *c, const struct heap *h)
{
	if (c->index > h->n)
		c->index = h->n;
	if (c->index > 0) {
		c->index--;
		return true;
	}
	c->index = UINT32_MAX;
	if (c->in_deferred)
		c->done = true;
	else
		c->below = c->priority;
	return false;
}

static bool
tell_group(const struct group *g, vqueue_each_fn *fn, void *ctx)
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
	while (!c->done) {
		const struct heap *h = heap_at(q, c);
		bool more;

		if (!step(c, h))
			continue;
		more = c->in_deferred ? fn(ctx, h->v[c->index], true) :
					tell_group(h->v[c->index], fn, ctx);
		if (!more)
			return false;
	}
	return true;
}

/*
 * Unlinks those of a group that are wanted; the result is a chain by next.
 * The group itself stays until they are freed.
 */
static struct rcpt *
unlink_wanted(struct group *g, vqueue_each_fn *wants, void *ctx)
{
	struct rcpt *end = g->last, *prev = g->last, *taken = NULL, *r;

	do {
		r = prev->next;
		if (!wants(ctx, r, false)) {
			prev = r;
			continue;
		}
		prev->next = r->next;
		if (r == g->last)
			g->last = prev == r ? NULL : prev;
		r->next = taken;
		taken = r;
	} while (r != end);
	return taken;
}

/* True: the group has left the heap, and another one has its place. */
static bool
take_of_group(struct sched_queue *q, struct backlog *b, struct group *g,
    const struct vqueue_take *take)
{
	struct rcpt *r = unlink_wanted(g, take->wants, take->ctx);
	bool empty = g->last == NULL;

	if (empty) {
		heap_remove(&class_of(q, g->priority)->groups, &by_age,
		    g->index);
		q->ready_groups--;
	}
	while (r != NULL) {
		struct rcpt *next = r->next;

		q->ready--;
		q->sums->ready--;
		g->active--;
		rcpt_gone(q, b, r, take->gone, take->ctx);
		r = next;
	}
	return empty;
}

static bool
take_deferred(struct sched_queue *q, struct backlog *b, struct rcpt *r,
    const struct vqueue_take *take)
{
	if (!take->wants(take->ctx, r, true))
		return false;
	heap_remove(&q->deferred, &by_due, r->index);
	rcpt_gone(q, b, r, take->gone, take->ctx);
	return true;
}

bool
vqueue_take_wanted(struct sched_queue *q, struct backlog *b,
    struct vqueue_cursor *c, const struct vqueue_take *take, uint32_t max)
{
	while (!c->done) {
		struct heap *h = heap_at(q, c);
		bool gone;

		if (!step(c, h))
			continue;
		gone = c->in_deferred ?
		    take_deferred(q, b, h->v[c->index], take) :
		    take_of_group(q, b, h->v[c->index], take);
		if (gone)
			c->index++; /* who came into its place was not seen */
		if (max-- <= 1)
			return false;
	}
	return true;
}

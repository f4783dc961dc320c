/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/turns.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "vmta/share.h"

/* One origin of several. */
struct turns_flow {
	struct table_link link; /* of backlog.flows */
	struct turns *turns;
	struct heap groups;      /* oldest first */
	struct share_flow share; /* waits: takes turns */
	struct waiter aside_wait;
	uint64_t rcpts;
	uint32_t origin;
	uint32_t slot;   /* of turns_flows.v */
	uint32_t by_age; /* in turns_flows.by_age; HEAP_NONE: has no group */
	uint8_t priority;
	bool aside;
	bool pinned; /* always aside, and in no line */
};

struct turns_flows {
	struct share share;
	struct heap by_age; /* those that have groups, by the oldest */
	struct turns_flow **v;
	uint32_t n, cap;
	uint32_t groups; /* of all */
};

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

static const struct heap_ops oldest_first = { group_before, group_moved };

static bool
flow_before(const void *a, const void *b)
{
	const struct turns_flow *x = a, *y = b;
	const struct group *old = heap_top(&x->groups);
	const struct group *other = heap_top(&y->groups);

	CHECK(old != NULL && other != NULL); /* who has none is not in it */
	return group_before(old, other);
}

static void
flow_moved(void *item, uint32_t index)
{
	((struct turns_flow *)item)->by_age = index;
}

static const struct heap_ops flows_by_age = { flow_before, flow_moved };

/* ---- flows --------------------------------------------------------------- */

struct flow_key {
	const struct turns *turns;
	uint32_t origin;
	uint8_t priority;
};

static uint64_t
key_hash(const struct flow_key *k)
{
	return table_hash_u64((uint64_t)(uintptr_t)k->turns * 31 +
	    ((uint64_t)k->origin << 8 | k->priority));
}

static const struct turns_flow *
of_link(const struct table_link *l)
{
	return (
	    const void *)((const char *)l - offsetof(struct turns_flow, link));
}

static uint64_t
flow_hash(const struct table_link *l)
{
	const struct turns_flow *f = of_link(l);
	struct flow_key k = { f->turns, f->origin, f->priority };

	return key_hash(&k);
}

static bool
flow_is(const struct table_link *l, const void *key)
{
	const struct turns_flow *f = of_link(l);
	const struct flow_key *k = key;

	return f->turns == k->turns && f->origin == k->origin &&
	    f->priority == k->priority;
}

const struct table_ops turns_flow_ops = { flow_hash, flow_is };

static struct turns_flow *
flow_find(const struct turns *t, uint8_t priority, uint32_t origin)
{
	struct flow_key k = { t, origin, priority };
	struct table_link *l;

	l = table_find(&t->backlog->flows, key_hash(&k), &k);
	if (l == NULL)
		return NULL;
	return (void *)((char *)l - offsetof(struct turns_flow, link));
}

/* Whose flow a group is in; no origin has such a number as a pin. */
static uint32_t
flow_number(const struct group *g)
{
	return g->pin == 0 ? g->entry->origin : UINT32_MAX - g->pin;
}

static uint16_t
weight_of(const struct turns *t, uint32_t origin)
{
	return origins_at(&t->backlog->origins, origin)->weight;
}

static struct turns_flow *
flow_new(struct turns *t, const struct turns_class *c, uint32_t origin,
    bool pinned)
{
	struct turns_flows *all = c->flows;
	struct turns_flow *f = mem_new(struct turns_flow);

	f->turns = t;
	f->origin = origin;
	f->priority = c->priority;
	f->by_age = HEAP_NONE;
	f->pinned = f->aside = pinned;
	share_flow_init(&f->share,
	    pinned ? SHARE_WEIGHT : weight_of(t, origin));
	if (all->n == all->cap) {
		all->cap = all->cap == 0 ? 2 : all->cap * 2;
		all->v = mem_realloc(all->v,
		    all->cap * sizeof(struct turns_flow *));
	}
	f->slot = all->n;
	all->v[all->n++] = f;
	table_add(&t->backlog->flows, &f->link);
	return f;
}

static void
flow_free(struct turns_flows *all, struct turns_flow **fp)
{
	struct turns_flow *f = *fp;

	*fp = NULL;
	CHECK(f->by_age == HEAP_NONE && f->aside_wait.flow == NULL);
	share_drop(&all->share, &f->share);
	heap_fini(&f->groups);
	all->n--;
	all->v[f->slot] = all->v[all->n];
	all->v[f->slot]->slot = f->slot;
	table_remove(&f->turns->backlog->flows, &f->link);
	free(f);
}

/* Nobody waits: the next origin is alone again. */
static void
flows_free(struct turns_class *c)
{
	struct turns_flows *all = c->flows;

	CHECK(all->groups == 0);
	c->several = false;
	c->groups = (struct heap){ 0 };
	while (all->n > 0) {
		struct turns_flow *f = all->v[all->n - 1];

		flow_free(all, &f);
	}
	share_fini(&all->share);
	heap_fini(&all->by_age);
	free(all->v);
	free(all);
}

static uint32_t
count(const struct group *g)
{
	const struct rcpt *r = g->last;
	uint32_t n = 0;

	do {
		r = r->next;
		n++;
	} while (r != g->last);
	return n;
}

/* A second origin comes, or the only one is set aside, or something is pinned. */
static void
spread(struct turns *t, struct turns_class *c)
{
	struct heap groups = c->groups; /* moved */
	struct turns_flow *f;

	CHECK(!c->several);
	c->flows = mem_new(struct turns_flows);
	c->several = true;
	if (groups.n == 0) {
		heap_fini(&groups);
		return;
	}
	f = flow_new(t, c, c->origin, false);
	f->groups = groups;
	for (uint32_t i = 0; i < groups.n; i++)
		f->rcpts += count(groups.v[i]);
	c->flows->groups = groups.n;
	heap_push(&c->flows->by_age, &flows_by_age, f);
	share_enter(&c->flows->share, &f->share);
}

/* ---- classes ------------------------------------------------------------- */

/* The class of a priority; made if there is none. */
static struct turns_class *
class_of(struct turns *t, uint8_t priority)
{
	struct turns_class *c;
	uint8_t i = 0;

	while (i < t->class_count && t->classes[i].priority > priority)
		i++;
	if (i < t->class_count && t->classes[i].priority == priority)
		return &t->classes[i];
	CHECK(t->class_count < UINT8_MAX);
	t->classes = mem_realloc(t->classes,
	    (t->class_count + 1U) * sizeof(*t->classes));
	c = &t->classes[i];
	memmove(c + 1, c, (size_t)(t->class_count - i) * sizeof(*c));
	*c = (struct turns_class){ .priority = priority };
	t->class_count++;
	return c;
}

/* The highest priority below, or NULL. */
static const struct turns_class *
class_below(const struct turns *t, unsigned below)
{
	for (uint8_t i = 0; i < t->class_count; i++)
		if (t->classes[i].priority < below)
			return &t->classes[i];
	return NULL;
}

void
turns_init(struct turns *t, struct backlog *b)
{
	*t = (struct turns){ .backlog = b };
}

void
turns_fini(struct turns *t)
{
	for (uint8_t i = 0; i < t->class_count; i++) {
		CHECK(!t->classes[i].several);
		heap_fini(&t->classes[i].groups);
	}
	free(t->classes);
	*t = (struct turns){ 0 };
}

/* ---- coming and going ---------------------------------------------------- */

bool
turns_join(struct turns *t, struct group *g)
{
	struct turns_class *c = class_of(t, g->priority);
	uint32_t origin = flow_number(g);
	struct turns_flow *f;

	if (!c->several) {
		if (c->groups.n == 0)
			c->origin = origin;
		if (c->origin == origin && g->pin == 0) {
			heap_push(&c->groups, &oldest_first, g);
			return false;
		}
		spread(t, c);
	}
	f = flow_find(t, c->priority, origin);
	if (f == NULL)
		f = flow_new(t, c, origin, g->pin != 0);
	heap_push(&f->groups, &oldest_first, g);
	c->flows->groups++;
	if (f->by_age == HEAP_NONE)
		heap_push(&c->flows->by_age, &flows_by_age, f);
	else if (heap_top(&f->groups) == g)
		heap_fix(&c->flows->by_age, &flows_by_age, f->by_age);
	if (!f->aside)
		share_enter(&c->flows->share, &f->share);
	return f->aside;
}

bool
turns_leave(struct turns *t, struct group *g)
{
	struct turns_class *c = class_of(t, g->priority);
	struct turns_flows *all = c->flows;
	struct turns_flow *f;
	bool aside;

	if (!c->several) {
		heap_remove(&c->groups, &oldest_first, g->index);
		return false;
	}
	f = flow_find(t, c->priority, flow_number(g));
	CHECK(f != NULL);
	aside = f->aside;
	all->groups--;
	if (f->groups.n > 1) {
		heap_remove(&f->groups, &oldest_first, g->index);
		heap_fix(&all->by_age, &flows_by_age, f->by_age);
		return aside;
	}
	heap_remove(&all->by_age, &flows_by_age, f->by_age);
	heap_remove(&f->groups, &oldest_first, g->index);
	line_leave(&f->aside_wait);
	f->aside = false;
	share_leave(&f->share); /* what it took last is not charged yet */
	if (all->groups == 0)
		flows_free(c);
	else if (f->share.index == HEAP_NONE)
		flow_free(all, &f);
	return aside;
}

/* Of what waits already: its flow, or NULL if it is the only origin. */
static struct turns_flow *
flow_of(const struct turns *t, const struct turns_class *c,
    const struct group *g)
{
	return c->flows == NULL ? NULL :
				  flow_find(t, c->priority, flow_number(g));
}

bool
turns_add(struct turns *t, const struct group *g, uint32_t rcpts)
{
	struct turns_flow *f = flow_of(t, class_of(t, g->priority), g);

	if (f == NULL)
		return false;
	f->rcpts += rcpts;
	return f->aside;
}

bool
turns_subtract(struct turns *t, const struct group *g, uint32_t rcpts)
{
	struct turns_flow *f = flow_of(t, class_of(t, g->priority), g);

	if (f == NULL)
		return false;
	CHECK(f->rcpts >= rcpts);
	f->rcpts -= rcpts;
	return f->aside;
}

/* ---- turns --------------------------------------------------------------- */

static struct turns_flow *
of_share(struct share_flow *s)
{
	return (void *)((char *)s - offsetof(struct turns_flow, share));
}

static const struct turns_flow *
of_aside(const struct waiter *w)
{
	return (const void *)((const char *)w -
	    offsetof(struct turns_flow, aside_wait));
}

static struct group *
first_of(struct turns_flows *all)
{
	struct share_flow *s;

	while ((s = share_done(&all->share)) != NULL) {
		struct turns_flow *f = of_share(s);

		share_drop(&all->share, s);
		if (f->groups.n == 0)
			flow_free(all, &f);
	}
	s = share_first(&all->share);
	return s == NULL ? NULL : heap_top(&of_share(s)->groups);
}

struct group *
turns_first(struct turns *t)
{
	for (uint8_t i = 0; i < t->class_count; i++) {
		struct turns_class *c = &t->classes[i];
		struct group *g = c->several ? first_of(c->flows) :
					       heap_top(&c->groups);

		if (g != NULL)
			return g;
	}
	return NULL;
}

void
turns_charge(struct turns *t, const struct group *g, uint32_t rcpts)
{
	struct turns_class *c = class_of(t, g->priority);
	struct turns_flow *f = flow_of(t, c, g);

	/* What is pinned goes when its source can, not by turns. */
	if (f == NULL || f->pinned)
		return;
	f->share.weight = weight_of(t, f->origin);
	share_charge(&c->flows->share, &f->share, rcpts);
}

struct group *
turns_oldest(const struct turns *t, uint8_t nth)
{
	const struct turns_class *c = &t->classes[nth];
	const struct turns_flow *f;

	if (!c->several)
		return heap_top(&c->groups);
	f = heap_top(&c->flows->by_age);
	return f == NULL ? NULL : heap_top(&f->groups);
}

static struct turns_sum
sum_of(const struct turns_flow *f)
{
	return (struct turns_sum){ f->groups.n, f->rcpts, f->origin };
}

struct waiter *
turns_set_aside(struct turns *t, const struct group *g, struct turns_sum *sum_r)
{
	struct turns_class *c = class_of(t, g->priority);
	struct turns_flow *f;

	if (!c->several)
		spread(t, c);
	f = flow_of(t, c, g);
	CHECK(f != NULL && !f->aside);
	f->aside = true;
	share_leave(&f->share);
	*sum_r = sum_of(f);
	return &f->aside_wait;
}

struct turns *
turns_aside(struct waiter *w)
{
	return of_aside(w)->turns;
}

uint32_t
turns_aside_origin(const struct waiter *w)
{
	return of_aside(w)->origin;
}

uint8_t
turns_aside_priority(const struct waiter *w)
{
	return of_aside(w)->priority;
}

struct group *
turns_aside_oldest(const struct waiter *w)
{
	return heap_top(&of_aside(w)->groups);
}

struct waiter *
turns_aside_of(const struct turns *t, uint32_t origin)
{
	for (uint8_t i = 0; i < t->class_count; i++) {
		const struct turns_class *c = &t->classes[i];
		struct turns_flow *f = !c->several ?
		    NULL :
		    flow_find(t, c->priority, origin);

		if (f != NULL && f->aside)
			return &f->aside_wait;
	}
	return NULL;
}

struct group *
turns_pinned(const struct turns *t, uint16_t pin)
{
	for (uint8_t i = 0; i < t->class_count; i++) {
		const struct turns_class *c = &t->classes[i];
		const struct turns_flow *f = !c->several ?
		    NULL :
		    flow_find(t, c->priority, UINT32_MAX - pin);

		if (f != NULL && f->groups.n > 0)
			return heap_top(&f->groups);
	}
	return NULL;
}

uint64_t
turns_pinned_rcpts(const struct turns *t, uint16_t pin)
{
	uint64_t n = 0;

	for (uint8_t i = 0; i < t->class_count; i++) {
		const struct turns_class *c = &t->classes[i];
		const struct turns_flow *f = !c->several ?
		    NULL :
		    flow_find(t, c->priority, UINT32_MAX - pin);

		n += f == NULL ? 0 : f->rcpts;
	}
	return n;
}

bool
turns_have(const struct turns *t, uint32_t origin)
{
	for (uint8_t i = 0; i < t->class_count; i++) {
		const struct turns_class *c = &t->classes[i];
		const struct turns_flow *f;

		if (!c->several && c->origin == origin && c->groups.n > 0)
			return true;
		f = !c->several ? NULL : flow_find(t, c->priority, origin);
		if (f != NULL && f->groups.n > 0)
			return true;
	}
	return false;
}

struct turns *
turns_bring_back(struct waiter *w, bool first, struct turns_sum *sum_r)
{
	struct turns_flow *f = (void *)((char *)w -
	    offsetof(struct turns_flow, aside_wait));
	struct turns_class *c = class_of(f->turns, f->priority);

	CHECK(f->aside);
	line_leave(w);
	f->aside = false;
	if (first)
		share_enter_first(&c->flows->share, &f->share);
	else
		share_enter(&c->flows->share, &f->share);
	*sum_r = sum_of(f);
	return f->turns;
}

struct old_aside {
	int64_t born_us;
	turns_aside_fn *fn;
	void *ctx;
};

static enum heap_look
look_old(void *ctx, const void *item)
{
	const struct old_aside *o = ctx;
	const struct turns_flow *f = item;
	const struct group *oldest = heap_top(&f->groups);
	struct turns_sum sum = sum_of(f);

	CHECK(oldest != NULL); /* a flow without mail is in no heap */
	if (oldest->entry->queued_us > o->born_us)
		return HEAP_PAST;
	if (!f->aside || f->pinned || o->fn(o->ctx, &f->aside_wait, &sum))
		return HEAP_ON;
	return HEAP_STOP;
}

void
turns_each_aside(const struct turns *t, int64_t born_us, turns_aside_fn *fn,
    void *ctx)
{
	struct old_aside old = { born_us, fn, ctx };

	for (uint8_t i = 0; i < t->class_count; i++)
		if (t->classes[i].several &&
		    heap_look(&t->classes[i].flows->by_age, look_old, &old))
			return;
}

void
turns_own_aside(const struct turns *t, uint32_t origin, turns_aside_fn *fn,
    void *ctx)
{
	for (uint8_t i = 0; i < t->class_count; i++) {
		const struct turns_class *c = &t->classes[i];
		const struct turns_flow *f = !c->several ?
		    NULL :
		    flow_find(t, c->priority, origin);
		struct turns_sum sum;

		if (f == NULL || !f->aside)
			continue;
		sum = sum_of(f);
		if (!fn(ctx, &f->aside_wait, &sum))
			return;
	}
}

/* ---- going through what waits -------------------------------------------- */

void
turns_cursor_init(struct turns_cursor *c)
{
	*c = (struct turns_cursor){ .below = UINT8_MAX + 1,
		.slot = UINT32_MAX,
		.index = UINT32_MAX };
}

/*
 * The heap at the cursor.  A flow that has gone was replaced by the last, so
 * the cursor begins with what is there now from the end.
 */
static const struct heap *
heap_at(const struct turns_class *rc, struct turns_cursor *c)
{
	const struct turns_flows *all = rc->several ? rc->flows : NULL;
	uint32_t last = all == NULL ? 0 : all->n - 1, origin;

	if (c->slot > last) {
		c->slot = last;
		c->index = UINT32_MAX;
	}
	origin = all == NULL ? rc->origin : all->v[c->slot]->origin;
	if (c->origin != origin) {
		c->origin = origin;
		c->index = UINT32_MAX;
	}
	return all == NULL ? &rc->groups : &all->v[c->slot]->groups;
}

struct group *
turns_step(const struct turns *t, struct turns_cursor *c)
{
	const struct turns_class *rc;

	while ((rc = class_below(t, c->below)) != NULL) {
		const struct heap *h = heap_at(rc, c);

		if (c->index > h->n)
			c->index = h->n;
		if (c->index > 0) {
			c->index--;
			return h->v[c->index];
		}
		c->index = UINT32_MAX;
		if (c->slot > 0) {
			c->slot--;
		} else {
			c->slot = UINT32_MAX;
			c->below = rc->priority;
		}
	}
	return NULL;
}

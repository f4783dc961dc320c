/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree of four levels:
 *
 *	root -> priority -> virtual MTA -> origin -> a list of who wait
 *
 * Each node has a heap of those below by `pass`.  Of a priority that is its
 * rank; of the others what it has had, divided by its weight.  `now` of their
 * parent is where the first one that waits has got to; it never goes back.
 *
 * A node without anybody who waits ("absent") stays for its debt, until `now`
 * has reached its pass.
 */
#include "vmta/line.h"

#include <stddef.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "vmta/heap.h"
#include "vmta/table.h"

#define PASS_UNIT (1 << 20) /* of cost 1 at weight 1 */
#define DEBT_MAX 10000      /* cost; a flow owes no more */

enum level { ROOT, PRIORITY, VMTA, ORIGIN };

TAILQ_HEAD(waiter_list, waiter);

struct line_node {
	struct table_link link; /* of tree.nodes, unless it is the root */
	struct line *line;
	struct line_node *parent; /* NULL: the root, or a flow alone */
	union {
		struct heap below;       /* of nodes */
		struct waiter_list list; /* of an origin */
	};
	struct line_key flow; /* of an origin */
	uint64_t key;         /* among those of its parent */
	int64_t pass;         /* differences count: it may wrap */
	int64_t now;          /* of those below */
	uint64_t order;       /* between equals: who got there first */
	uint32_t index;       /* in the heap of its parent */
	uint32_t n;           /* who wait below */
	uint16_t weight;
	uint8_t level;
};

struct line_tree {
	struct line_node root;
	struct table nodes;
	uint64_t order;
};

/* ---- nodes --------------------------------------------------------------- */

struct node_key {
	const struct line_node *parent;
	uint64_t key;
};

static uint64_t
key_hash(const struct node_key *k)
{
	return table_hash_u64((uint64_t)(uintptr_t)k->parent * 31 + k->key);
}

static const struct line_node *
of_link(const struct table_link *l)
{
	return (
	    const void *)((const char *)l - offsetof(struct line_node, link));
}

static uint64_t
node_hash(const struct table_link *l)
{
	const struct line_node *n = of_link(l);
	struct node_key k = { n->parent, n->key };

	return key_hash(&k);
}

static bool
node_is(const struct table_link *l, const void *key)
{
	const struct line_node *n = of_link(l);
	const struct node_key *k = key;

	return n->parent == k->parent && n->key == k->key;
}

static const struct table_ops node_ops = { node_hash, node_is };

static bool
node_before(const void *a, const void *b)
{
	const struct line_node *x = a, *y = b;

	if (x->pass != y->pass)
		return x->pass - y->pass < 0;
	return x->order < y->order;
}

static void
node_moved(void *item, uint32_t index)
{
	((struct line_node *)item)->index = index;
}

static const struct heap_ops by_pass = { node_before, node_moved };

static struct line_node *
node_new(struct line *l, enum level level, uint64_t key)
{
	struct line_node *n = mem_new(struct line_node);

	n->line = l;
	n->level = (uint8_t)level;
	n->key = key;
	n->index = HEAP_NONE;
	if (level == ORIGIN)
		TAILQ_INIT(&n->list);
	return n;
}

static void
node_free(struct line_node **np)
{
	struct line_node *n = *np;
	struct line *l = n->line;

	*np = NULL;
	CHECK(n->n == 0 && (n->level == ORIGIN || n->below.n == 0));
	if (n->parent != NULL) {
		heap_remove(&n->parent->below, &by_pass, n->index);
		table_remove(&l->tree->nodes, &n->link);
	}
	if (l->last == n)
		l->last = NULL;
	if (n->level != ORIGIN)
		heap_fini(&n->below);
	free(n);
}

/* All below, from the ends of the heaps: nothing has to find a new place. */
static void
free_below(struct line_node *top)
{
	struct line_node *at = top;

	for (;;) {
		if (at->level != ORIGIN && at->below.n > 0) {
			at = at->below.v[at->below.n - 1];
		} else if (at == top) {
			break;
		} else {
			struct line_node *up = at->parent;

			node_free(&at);
			at = up;
		}
	}
}

/* ---- turns --------------------------------------------------------------- */

static int64_t
pass_of(uint32_t cost, uint16_t weight)
{
	CHECK(weight > 0 && weight <= LINE_WEIGHT_MAX);
	return (int64_t)cost * PASS_UNIT / weight;
}

/* Anew, or after having been absent: not before the others. */
static void
enter(struct line_tree *t, struct line_node *n)
{
	int64_t at;

	if (n->level == PRIORITY) {
		n->pass = UINT8_MAX - (int64_t)n->key;
	} else {
		at = n->parent->now + pass_of(1, n->weight);
		if (n->index == HEAP_NONE || n->pass - at < 0)
			n->pass = at;
	}
	n->order = ++t->order;
	if (n->index == HEAP_NONE)
		heap_push(&n->parent->below, &by_pass, n);
	else
		heap_fix(&n->parent->below, &by_pass, n->index);
}

/* The first one below n is one that waits, and `now` is where it is. */
static void
settle(struct line_node *n)
{
	struct line_node *first;

	while ((first = heap_top(&n->below)) != NULL && first->n == 0) {
		free_below(first);
		node_free(&first);
	}
	if (first != NULL && first->pass - n->now > 0)
		n->now = first->pass;
}

/* ---- flows --------------------------------------------------------------- */

static bool
same_flow(const struct line_key *a, const struct line_key *b)
{
	return a->vmta == b->vmta && a->origin == b->origin &&
	    a->priority == b->priority;
}

static uint64_t
key_at(const struct line_key *k, enum level level)
{
	switch (level) {
	case PRIORITY:
		return k->priority;
	case VMTA:
		return (uint64_t)(uintptr_t)k->vmta;
	case ORIGIN:
		return k->origin;
	case ROOT:
		break;
	}
	CHECK_NEVER("a level with a key");
	return 0;
}

static uint16_t
weight_at(const struct line_key *k, enum level level)
{
	return level == VMTA ? k->vmta_weight : k->origin_weight;
}

static struct line_node *
find(const struct line_node *parent, uint64_t key)
{
	struct node_key k = { parent, key };
	struct table_link *l;

	l = table_find(&parent->line->tree->nodes, key_hash(&k), &k);
	if (l == NULL)
		return NULL;
	return (void *)((char *)l - offsetof(struct line_node, link));
}

static void
hang(struct line_node *n, struct line_node *parent)
{
	n->parent = parent;
	table_add(&n->line->tree->nodes, &n->link);
}

/* Finds or makes it; a new one is in no heap until it enters. */
static struct line_node *
child(struct line_node *parent, const struct line_key *k)
{
	enum level level = parent->level + 1U;
	struct line_node *n = find(parent, key_at(k, level));

	if (n == NULL) {
		n = node_new(parent->line, level, key_at(k, level));
		hang(n, parent);
	}
	n->weight = weight_at(k, level);
	if (level == ORIGIN)
		n->flow = *k;
	return n;
}

/* A second flow: the first one, so far alone, gets its place in a tree. */
static void
grow(struct line *l)
{
	struct line_node *flow = l->last, *up;
	struct line_tree *t = mem_new(struct line_tree);

	l->tree = t;
	t->root.line = l;
	t->root.level = ROOT;
	table_init(&t->nodes, &node_ops);
	up = child(&t->root, &flow->flow);
	up = child(up, &flow->flow);
	hang(flow, up);
	for (struct line_node *n = flow; n != NULL; n = n->parent) {
		n->n = flow->n;
		if (n->parent == NULL)
			break;
		enter(t, n);
		settle(n->parent);
	}
}

static struct line_node *
flow_of(struct line *l, const struct line_key *k)
{
	struct line_node *n;

	if (l->n == 0) {
		l->last = node_new(l, ORIGIN, k->origin);
		l->last->flow = *k;
		l->last->weight = k->origin_weight;
		return l->last;
	}
	if (l->tree == NULL) {
		if (same_flow(&l->last->flow, k)) {
			l->last->flow = *k; /* the weights, if it grows */
			l->last->weight = k->origin_weight;
			return l->last;
		}
		grow(l);
	}
	n = &l->tree->root;
	while (n->level != ORIGIN)
		n = child(n, k);
	l->last = n;
	return n;
}

static void
free_all(struct line *l)
{
	struct line_tree *t = l->tree;

	if (t == NULL) {
		node_free(&l->last);
		return;
	}
	free_below(&t->root);
	heap_fini(&t->root.below);
	table_fini(&t->nodes);
	l->tree = NULL;
	free(t);
}

/* ---- public -------------------------------------------------------------- */

void
line_init(struct line *l)
{
	*l = (struct line){ 0 };
}

void
line_join(struct line *l, struct waiter *w, const struct line_key *k)
{
	struct line_node *flow;

	if (w->flow != NULL) {
		CHECK(w->flow->line == l);
		return;
	}
	CHECK(k->vmta_weight > 0 && k->vmta_weight <= LINE_WEIGHT_MAX);
	CHECK(k->origin_weight > 0 && k->origin_weight <= LINE_WEIGHT_MAX);
	flow = flow_of(l, k);
	TAILQ_INSERT_TAIL(&flow->list, w, link);
	w->flow = flow;
	l->n++;
	for (struct line_node *n = flow; n != NULL; n = n->parent) {
		n->n++;
		if (n->n > 1 || n->parent == NULL)
			continue;
		enter(l->tree, n);
		settle(n->parent);
	}
}

void
line_rejoin(struct waiter *w)
{
	CHECK(w->flow != NULL);
	TAILQ_REMOVE(&w->flow->list, w, link);
	TAILQ_INSERT_TAIL(&w->flow->list, w, link);
}

/*
 * From a flow up: who has nobody left stays only for a debt.  Whether it is in
 * debt shows when the next one is asked for: its last turn may be charged yet.
 */
static void
forget_up(struct line_node *flow)
{
	struct line_node *up;

	for (struct line_node *n = flow; n->parent != NULL; n = up) {
		up = n->parent;
		if (n->n > 0)
			continue;
		free_below(n);
		if (n->level == PRIORITY)
			node_free(&n);
	}
}

void
line_leave(struct waiter *w)
{
	struct line_node *flow = w->flow;
	struct line *l;

	if (flow == NULL)
		return;
	l = flow->line;
	TAILQ_REMOVE(&flow->list, w, link);
	w->flow = NULL;
	CHECK(l->n > 0);
	l->n--;
	for (struct line_node *n = flow; n != NULL; n = n->parent)
		n->n--;
	if (l->n == 0)
		free_all(l);
	else if (l->tree != NULL)
		forget_up(flow);
}

struct waiter *
line_first(struct line *l)
{
	struct line_node *n;

	if (l->n == 0)
		return NULL;
	if (l->tree == NULL)
		return TAILQ_FIRST(&l->last->list);
	n = &l->tree->root;
	while (n->level != ORIGIN) {
		settle(n);
		n = heap_top(&n->below);
	}
	return TAILQ_FIRST(&n->list);
}

struct line *
line_of(const struct waiter *w)
{
	return w->flow == NULL ? NULL : w->flow->line;
}

static void
charge(struct line_node *n, uint32_t cost)
{
	struct line_node *up = n->parent;
	int64_t most = up->now + pass_of(DEBT_MAX, n->weight);

	if (n->index == HEAP_NONE)
		enter(n->line->tree, n);
	n->pass += pass_of(cost, n->weight);
	if (n->pass - most > 0)
		n->pass = most;
	n->order = ++n->line->tree->order;
	heap_fix(&up->below, &by_pass, n->index);
}

void
line_charge(struct line *l, const struct line_key *k, uint32_t cost)
{
	struct line_node *n;

	if (l->n == 0)
		return;
	if (l->tree == NULL) {
		if (same_flow(&l->last->flow, k) ||
		    l->last->flow.priority != k->priority)
			return; /* no other waits at its side */
		grow(l);
	}
	n = find(&l->tree->root, k->priority);
	/* Where nobody waits below, a debt would be to nobody. */
	while (n != NULL && n->level != ORIGIN && n->n > 0) {
		n = child(n, k);
		charge(n, cost);
		if (n->n == 0)
			break; /* settling may free it */
		settle(n->parent);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree of four levels:
 *
 *	root -> priority -> virtual MTA -> origin -> a list of who wait
 *
 * Of a priority its rank counts; the others have shares (vmta/share.h).
 */
#include "vmta/line.h"

#include <stddef.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "vmta/table.h"

enum level { ROOT, PRIORITY, VMTA, ORIGIN };

TAILQ_HEAD(waiter_list, waiter);

struct line_node {
	struct table_link link; /* of tree.nodes, unless it is the root */
	struct line *line;
	struct line_node *parent; /* NULL: the root, or a flow alone */
	struct share_flow share;  /* in parent->below; waits: somebody does */
	union {
		struct share below;      /* of nodes */
		struct waiter_list list; /* of an origin */
	};
	struct line_key flow; /* of an origin */
	uint64_t key;         /* among those of its parent */
	uint32_t n;           /* who wait below */
	uint8_t level;
};

struct line_tree {
	struct line_node root;
	struct table nodes;
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

static struct line_node *
node_new(struct line *l, enum level level, uint64_t key)
{
	struct line_node *n = mem_new(struct line_node);

	n->line = l;
	n->level = (uint8_t)level;
	n->key = key;
	share_flow_init(&n->share, 1);
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
	CHECK(n->n == 0);
	if (n->parent != NULL) {
		share_drop(&n->parent->below, &n->share);
		table_remove(&l->tree->nodes, &n->link);
	}
	if (l->last == n)
		l->last = NULL;
	if (n->level != ORIGIN)
		share_fini(&n->below);
	free(n);
}

static struct line_node *
of_share(struct share_flow *f)
{
	return (void *)((char *)f - offsetof(struct line_node, share));
}

static void
free_below(struct line_node *top)
{
	struct line_node *at = top;

	for (;;) {
		if (at->level != ORIGIN && share_first(&at->below) != NULL) {
			at = of_share(share_first(&at->below));
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

/* Somebody waits below n from now on. */
static void
enter(struct line_node *n)
{
	if (n->level == PRIORITY)
		share_enter_ranked(&n->parent->below, &n->share,
		    UINT8_MAX - (int64_t)n->key);
	else
		share_enter(&n->parent->below, &n->share);
}

/* The first one below n is one that waits. */
static void
settle(struct line_node *n)
{
	struct share_flow *f;

	while ((f = share_done(&n->below)) != NULL) {
		struct line_node *done = of_share(f);

		free_below(done);
		node_free(&done);
	}
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
	return level == VMTA ? k->vmta_weight :
	    level == ORIGIN  ? k->origin_weight :
			       1;
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
	n->share.weight = weight_at(k, level);
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
		if (n->parent != NULL)
			enter(n);
	}
}

static struct line_node *
flow_of(struct line *l, const struct line_key *k)
{
	struct line_node *n;

	if (l->n == 0) {
		l->last = node_new(l, ORIGIN, k->origin);
		l->last->flow = *k;
		l->last->share.weight = k->origin_weight;
		return l->last;
	}
	if (l->tree == NULL) {
		if (same_flow(&l->last->flow, k)) {
			l->last->flow = *k; /* the weights, if it grows */
			l->last->share.weight = k->origin_weight;
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
	share_fini(&t->root.below);
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
	CHECK(k->vmta_weight > 0 && k->vmta_weight <= SHARE_WEIGHT_MAX);
	CHECK(k->origin_weight > 0 && k->origin_weight <= SHARE_WEIGHT_MAX);
	flow = flow_of(l, k);
	TAILQ_INSERT_TAIL(&flow->list, w, link);
	w->flow = flow;
	l->n++;
	for (struct line_node *n = flow; n != NULL; n = n->parent) {
		if (n->n == 0 && n->parent != NULL)
			enter(n);
		n->n++;
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
		share_leave(&n->share);
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

void
line_rejoin_as(struct waiter *w, const struct line_key *k)
{
	struct line *l = line_of(w);

	CHECK(l != NULL);
	if (same_flow(&w->flow->flow, k)) {
		line_rejoin(w);
		return;
	}
	line_leave(w);
	line_join(l, w, k);
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
		n = of_share(share_first(&n->below));
	}
	return TAILQ_FIRST(&n->list);
}

struct line *
line_of(const struct waiter *w)
{
	return w->flow == NULL ? NULL : w->flow->line;
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
		share_charge(&n->parent->below, &n->share, cost);
	}
}

/* Those of higher priority than the flow. */
static uint32_t
above(const struct line_node *flow)
{
	const struct heap *all;
	uint32_t n = 0;

	if (flow->line->tree == NULL)
		return 0;
	all = &flow->line->tree->root.below.flows;
	for (uint32_t i = 0; i < all->n; i++) {
		const struct line_node *p = of_share(all->v[i]);

		n += p->key > flow->flow.priority ? p->n : 0;
	}
	return n;
}

uint32_t
line_before(const struct waiter *w)
{
	struct line_node *flow = w->flow;
	const struct waiter *first, *at = w;
	uint32_t n, look = 0;

	n = above(flow);
	first = line_first(flow->line);
	CHECK(first != NULL); /* itself, if nobody else */
	if (first->flow != flow &&
	    first->flow->flow.priority == flow->flow.priority)
		n++;
	while (look < LINE_LOOK &&
	    (at = TAILQ_PREV(at, waiter_list, link)) != NULL)
		look++;
	return n + look;
}

uint32_t
line_debt(struct line *l, const struct line_key *k)
{
	struct line_node *n, *up;

	if (l->n == 0 || l->tree == NULL)
		return 0;
	for (up = &l->tree->root; up->level != ORIGIN; up = n) {
		settle(up);
		n = find(up, key_at(k, up->level + 1U));
		if (n == NULL)
			return 0;
		if (share_first(&up->below) != &n->share)
			return n->level == PRIORITY ?
			    0 :
			    share_debt(&up->below, &n->share);
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The round: member i of weight w has its turn k (from 0) between k/w and
 * (k+1)/w of a round.  Each turn of the round goes to the one, of those whose
 * time has come, whose time is over first.  That all are in time is a theorem
 * (Baruah et al., "Proportionate progress", 1996).  The smooth round robin
 * of web servers was considered; it looks at all members for each turn.
 */
#include "vmta/pool.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/count.h"
#include "vmta/heap.h"

struct member {
	uint32_t index; /* in the heap */
	uint32_t at;    /* in the pool */
	uint32_t weight;
	uint32_t had;        /* turns */
	uint64_t due;        /* the turn before which it must have its next */
	struct member *more; /* whose time comes with the same turn */
};

static bool
is_before(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	return x->due != y->due ? x->due < y->due : x->at < y->at;
}

static void
on_moved(void *item, uint32_t index)
{
	struct member *m = item;

	m->index = index;
}

static const struct heap_ops ops = { is_before, on_moved };

static uint32_t
common_divisor(uint32_t a, uint32_t b)
{
	while (b != 0) {
		uint32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/*
 * Puts it into the list of the turn from which on it may have its next one,
 * which is not before `now`.
 */
static void
let_wait(struct member *m, uint64_t turns, uint64_t now, struct member **from)
{
	uint64_t first = m->had * turns / m->weight;

	if (m->had == m->weight)
		return;
	if (first < now)
		first = now;
	m->due = ((m->had + 1) * turns + m->weight - 1) / m->weight;
	m->more = from[first];
	from[first] = m;
}

static void
fill(struct member *list, size_t n, struct pool_round *round)
{
	struct member **from = mem_array(round->n, sizeof(struct member *));
	struct heap ready = { 0 };

	for (size_t i = 0; i < n; i++)
		let_wait(&list[i], round->n, 0, from);
	for (size_t t = 0; t < round->n; t++) {
		struct member *m;

		while ((m = from[t]) != NULL) {
			from[t] = m->more;
			heap_push(&ready, &ops, m);
		}
		m = heap_top(&ready);
		CHECK(m != NULL && m->due > t);
		heap_remove(&ready, &ops, m->index);
		round->v[t] = (uint16_t)m->at;
		m->had++;
		let_wait(m, round->n, t + 1, from);
	}
	heap_fini(&ready);
	free(from);
}

int
pool_round_make(const struct conf_members *members, struct region *rg,
    struct pool_round *out, struct err *e)
{
	struct member *list;
	uint32_t common = 0;
	uint64_t turns = 0;

	*out = (struct pool_round){ 0 };
	if (members->n > POOL_MEMBERS_MAX)
		return err_set(e, "more than %d members", POOL_MEMBERS_MAX);
	for (size_t i = 0; i < members->n; i++)
		common = common_divisor(members->v[i].weight, common);
	for (size_t i = 0; i < members->n; i++)
		turns += members->v[i].weight / common;
	if (turns > POOL_ROUND_MAX)
		return err_set(e,
		    "the weights make a round of %llu turns, of which %d are "
		    "the most; rounder ones make fewer",
		    (unsigned long long)turns, POOL_ROUND_MAX);
	if (turns == 0)
		return 0;
	list = mem_array(members->n, sizeof(*list));
	for (size_t i = 0; i < members->n; i++) {
		list[i].at = (uint32_t)i;
		list[i].weight = members->v[i].weight / common;
	}
	out->n = turns;
	out->v = region_array(rg, turns, sizeof(*out->v));
	fill(list, members->n, out);
	free(list);
	return 0;
}

const struct vmta *
pool_pick(const struct pool *pool, uint64_t turn)
{
	if (pool->round.n == 0)
		return NULL;
	return pool->vmtas[pool->round.v[turn % pool->round.n]];
}

void
pool_go_on(const struct snapshot *before, const struct snapshot *now)
{
	for (size_t i = 0; i < snapshot_pool_count(now); i++) {
		const struct pool *pool = snapshot_pool_at(now, i);
		const struct pool *old = snapshot_pool(before, pool->name);

		if (old != NULL)
			count_add(pool->turns, count_read(old->turns));
	}
}

const struct vmta *
pool_next(const struct pool *pool)
{
	return pool_pick(pool, count_next(pool->turns) - 1);
}

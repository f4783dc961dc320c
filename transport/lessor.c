/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/lessor.h"

#include <stdlib.h>

#include "lib/boot.h"
#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"

struct batch {
	struct store_leases leases; /* and the post of the way back */
	struct lessor *lessor;
	struct region *rg; /* of keys and records */
	struct store_lease *items;
	uint64_t *tickets; /* by item */
	size_t count, cap;
};

struct lessor {
	struct worker *worker;
	struct store *store;
	lessor_fn *fn;
	void *ctx;
	struct batch *next; /* being filled, or NULL */
	size_t out;         /* batches that the store has */
	bool ended;
};

struct lessor *
lessor_new(struct worker *w, struct store *s, lessor_fn *fn, void *ctx)
{
	struct lessor *l = mem_new(struct lessor);

	l->worker = w;
	l->store = s;
	l->fn = fn;
	l->ctx = ctx;
	return l;
}

static void
batch_free(struct batch **bp)
{
	struct batch *b = *bp;

	*bp = NULL;
	if (b == NULL)
		return;
	region_free(&b->rg);
	free(b->items);
	free(b->tickets);
	free(b);
}

void
lessor_free(struct lessor **lp)
{
	struct lessor *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	CHECK(l->out == 0);
	batch_free(&l->next);
	free(l);
}

static struct batch *
batch_new(struct lessor *l)
{
	struct batch *b = mem_new(struct batch);

	b->lessor = l;
	b->rg = region_new();
	return b;
}

void
lessor_stamp(struct lease_stamp *now_r)
{
	now_r->wall_us = clock_wall_us();
	now_r->boot_us = clock_boot_us();
	/* Without one nothing is known to be of this boot. */
	(void)boot_id(now_r->boot_id);
}

/*
 * Its ages are those of a moment ago, when the round began: so they count as
 * that much later, which is the safe side.
 */
static const struct lease_record *
stamped(struct region *rg, const struct lease_record *rec)
{
	struct lease_record *copy = region_dup(rg, rec, sizeof(*rec));

	lessor_stamp(&copy->stamp);
	return copy;
}

static struct store_lease *
add_item(struct batch *b, uint64_t ticket)
{
	if (b->count == b->cap) {
		b->cap = b->cap == 0 ? 8 : 2 * b->cap;
		b->items = mem_realloc(b->items, b->cap * sizeof(*b->items));
		b->tickets = mem_realloc(b->tickets,
		    b->cap * sizeof(*b->tickets));
	}
	b->tickets[b->count] = ticket;
	return &b->items[b->count++];
}

void
lessor_put(struct lessor *l, struct slice key, const struct lease_record *rec,
    uint64_t ticket)
{
	struct store_lease *it;

	if (l->ended)
		return;
	if (l->next == NULL)
		l->next = batch_new(l);
	it = add_item(l->next, ticket);
	it->key.p = region_dup(l->next->rg, key.p, key.len);
	it->key.len = key.len;
	it->rec = rec == NULL ? NULL : stamped(l->next->rg, rec);
}

static void
on_home(struct post *p)
{
	struct batch *b = post_owner(p, struct batch, leases.post);
	struct lessor *l = b->lessor;

	CHECK(l->out > 0);
	l->out--;
	for (size_t i = 0; i < b->count; i++)
		if (b->tickets[i] != 0)
			l->fn(l->ctx, b->tickets[i], b->leases.kept);
	batch_free(&b);
}

static void
on_durable(struct store_leases *leases) /* store thread */
{
	struct batch *b = post_owner(leases, struct batch, leases);

	leases->post.fn = on_home;
	worker_post(b->lessor->worker, &leases->post);
}

void
lessor_flush(struct lessor *l)
{
	struct batch *b = l->next;

	if (b == NULL)
		return;
	l->next = NULL;
	l->out++;
	b->leases.done = on_durable;
	b->leases.count = b->count;
	b->leases.items = b->items;
	store_put_leases(l->store, &b->leases);
}

void
lessor_end(struct lessor *l)
{
	lessor_flush(l);
	l->ended = true;
}

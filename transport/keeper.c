/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/keeper.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "mail/packed.h"
#include "transport/lessor.h"

struct value {
	struct store_state state;
	struct batch *batch;
	uint64_t ticket;
};

STAILQ_HEAD(waits, keeper_wait);

struct batch {
	TAILQ_ENTRY(batch) out;
	struct post home;
	struct keeper *keeper;
	struct region *rg; /* of names and values */
	struct value **values;
	size_t count, cap;
	struct waits waits;
};

struct keeper {
	struct worker *worker;
	struct store *store;
	keeper_fn *fn;
	void *ctx;
	struct batch *next;          /* being filled, or NULL */
	TAILQ_HEAD(outs, batch) out; /* the store has them, oldest first */
	bool ended;
};

struct keeper *
keeper_new(struct worker *w, struct store *s, keeper_fn *fn, void *ctx)
{
	struct keeper *k = mem_new(struct keeper);

	k->worker = w;
	k->store = s;
	k->fn = fn;
	k->ctx = ctx;
	TAILQ_INIT(&k->out);
	return k;
}

static void
batch_free(struct batch **bp)
{
	struct batch *b = *bp;

	*bp = NULL;
	if (b == NULL)
		return;
	region_free(&b->rg);
	free(b->values);
	free(b);
}

void
keeper_free(struct keeper **kp)
{
	struct keeper *k = *kp;

	*kp = NULL;
	if (k == NULL)
		return;
	CHECK(TAILQ_EMPTY(&k->out));
	batch_free(&k->next);
	free(k);
}

static struct batch *
batch_of_round(struct keeper *k)
{
	if (k->next != NULL)
		return k->next;
	k->next = mem_new(struct batch);
	k->next->keeper = k;
	k->next->rg = region_new();
	STAILQ_INIT(&k->next->waits);
	return k->next;
}

static struct value *
add_value(struct batch *b)
{
	struct value *v = region_new_obj(b->rg, struct value);

	if (b->count == b->cap) {
		b->cap = b->cap == 0 ? 8 : 2 * b->cap;
		b->values = mem_realloc(b->values,
		    b->cap * sizeof(struct value *));
	}
	b->values[b->count] = v;
	b->count++;
	v->batch = b;
	return v;
}

void
keeper_put(struct keeper *k, struct slice name, struct slice bytes,
    uint64_t ticket)
{
	struct buf value = { 0 };
	struct lease_stamp now;
	struct region *rg;
	struct value *v;

	if (k->ended)
		return;
	rg = batch_of_round(k)->rg;
	v = add_value(k->next);
	v->ticket = ticket;
	v->state.name = region_strndup(rg, name.p, name.len);
	if (bytes.len == 0)
		return;
	lessor_stamp(&now);
	keeper_stamp(&value, &now);
	buf_add(&value, bytes.p, bytes.len);
	v->state.value = region_dup(rg, value.p, value.len);
	v->state.len = value.len;
	buf_fini(&value);
}

static void
answer_waits(struct waits *waits, bool kept)
{
	struct keeper_wait *w;

	while ((w = STAILQ_FIRST(waits)) != NULL) {
		STAILQ_REMOVE_HEAD(waits, link);
		w->fn(w, kept);
	}
}

static void
on_home(struct post *p)
{
	struct batch *b = post_owner(p, struct batch, home);
	struct keeper *k = b->keeper;
	bool all = true;

	TAILQ_REMOVE(&k->out, b, out);
	for (size_t i = 0; i < b->count; i++) {
		const struct value *v = b->values[i];

		all = all && v->state.kept;
		if (v->ticket != 0)
			k->fn(k->ctx, v->ticket, v->state.kept);
	}
	answer_waits(&b->waits, all);
	batch_free(&b);
}

static void
on_durable(struct store_state *st) /* store thread */
{
	struct batch *b = post_owner(st, struct value, state)->batch;

	/* They are answered in order. */
	if (st != &b->values[b->count - 1]->state)
		return;
	b->home.fn = on_home;
	worker_post(b->keeper->worker, &b->home);
}

/* Who waits for a round in which nothing was put waits for the one before. */
static void
flush_waits(struct keeper *k)
{
	struct batch *b = k->next, *last = TAILQ_LAST(&k->out, outs);

	k->next = NULL;
	if (last != NULL)
		STAILQ_CONCAT(&last->waits, &b->waits);
	else
		answer_waits(&b->waits, !k->ended);
	batch_free(&b);
}

void
keeper_flush(struct keeper *k)
{
	struct batch *b = k->next;

	if (b == NULL)
		return;
	if (b->count == 0) {
		flush_waits(k);
		return;
	}
	k->next = NULL;
	TAILQ_INSERT_TAIL(&k->out, b, out);
	for (size_t i = 0; i < b->count; i++)
		b->values[i]->state.done = on_durable;
	for (size_t i = 0, n = b->count; i < n; i++)
		store_put_state(k->store, &b->values[i]->state);
}

void
keeper_wait(struct keeper *k, struct keeper_wait *w)
{
	struct batch *b = batch_of_round(k);

	STAILQ_INSERT_TAIL(&b->waits, w, link);
}

void
keeper_end(struct keeper *k)
{
	keeper_flush(k);
	k->ended = true;
}

/* ---- a value and its stamp ----------------------------------------------- */

void
keeper_stamp(struct buf *out, const struct lease_stamp *then)
{
	packed_add_u64(out, (uint64_t)then->wall_us);
	packed_add_u64(out, (uint64_t)then->boot_us);
	buf_add(out, then->boot_id, sizeof(then->boot_id));
}

/* lease_elapsed() must be able to compute with it. */
static bool
is_time(int64_t us)
{
	return us >= 0 && us <= INT64_MAX / 4;
}

int
keeper_unstamp(struct slice value, struct lease_stamp *then_r,
    struct slice *bytes_r, struct err *e)
{
	struct packed in = { value.p, value.len, false };

	then_r->wall_us = (int64_t)packed_u64(&in);
	then_r->boot_us = (int64_t)packed_u64(&in);
	if (in.bad || in.left < sizeof(then_r->boot_id) ||
	    !is_time(then_r->wall_us) || !is_time(then_r->boot_us))
		return err_set(e, "its stamp is damaged");
	memcpy(then_r->boot_id, in.p, sizeof(then_r->boot_id));
	*bytes_r = (struct slice){ in.p + sizeof(then_r->boot_id),
		in.left - sizeof(then_r->boot_id) };
	return 0;
}

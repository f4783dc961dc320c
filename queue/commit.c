/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/commit.h"

#include <stdlib.h>

#include "lib/mem.h"
#include "queue/compact.h"
#include "queue/intake.h"
#include "queue/settle.h"
#include "queue/state.h"
#include "queue/store_priv.h"

/* What was posted, in the order it came; one of the three is set. */
struct item {
	struct store_accept *accept;
	struct store_settle *settle;
	struct store_state *state;
};

struct commit {
	struct item *items;
	size_t count, cap;
	struct store_accept **accepts;
	size_t accept_count, accept_cap;
	struct store_settle **settles;
	size_t settle_count, settle_cap;
	struct store_state **states;
	size_t state_count, state_cap;
	struct compact *move; /* at most one is under way */
};

struct commit *
commit_new(void)
{
	return mem_new(struct commit);
}

void
commit_free(struct commit **cp)
{
	struct commit *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	free(c->items);
	free(c->accepts);
	free(c->settles);
	free(c->states);
	free(c);
}

/* ---- collecting ---------------------------------------------------------- */

/* Room for one more of size bytes. */
static void *
grown(void *list, size_t count, size_t *cap, size_t size)
{
	if (count < *cap)
		return list;
	*cap = *cap == 0 ? 64 : *cap * 2;
	return mem_realloc(list, *cap * size);
}

static void
add_item(struct commit *c, struct item item)
{
	c->items = grown(c->items, c->count, &c->cap, sizeof(struct item));
	c->items[c->count++] = item;
}

void
commit_add_accept(struct store *s, struct store_accept *a)
{
	struct commit *c = s->commit;

	add_item(c, (struct item){ .accept = a });
	c->accepts = grown(c->accepts, c->accept_count, &c->accept_cap,
	    sizeof(struct store_accept *));
	c->accepts[c->accept_count++] = a;
}

void
commit_add_settle(struct store *s, struct store_settle *o)
{
	struct commit *c = s->commit;

	add_item(c, (struct item){ .settle = o });
	c->settles = grown(c->settles, c->settle_count, &c->settle_cap,
	    sizeof(struct store_settle *));
	c->settles[c->settle_count++] = o;
}

void
commit_add_state(struct store *s, struct store_state *st)
{
	struct commit *c = s->commit;

	add_item(c, (struct item){ .state = st });
	c->states = grown(c->states, c->state_count, &c->state_cap,
	    sizeof(struct store_state *));
	c->states[c->state_count++] = st;
}

void
commit_add_move(struct store *s, struct compact *c)
{
	s->commit->move = c;
}

/* ---- the batch ----------------------------------------------------------- */

static void
make_durable(struct store *s)
{
	enum env_result r;
	struct err e;

	r = env_flush(s->env, &e);
	if (r == ENV_NO_SPACE && store_use_reserve(s))
		r = env_flush(s->env, &e);
	if (r != ENV_OK)
		store_die("flush", &e);
	s->syncs++;
}

/* The old tail goes only when the ledger durably names the new one. */
void
commit_roll(struct store *s)
{
	struct ledger next;
	enum env_result r;
	struct err e;

	if (!s->loaded || !segments_roll(s->segments))
		return;
	next = s->ledger;
	next.row.tail = segments_tail(s->segments, &next.row.tail_len);
	env_begin(s->env);
	r = ledger_save(s->env, &next, &e);
	if (r == ENV_OK)
		r = env_commit(s->env, &e);
	if (r == ENV_OK) {
		s->ledger = next;
		make_durable(s);
		segments_sweep(s->segments);
		return;
	}
	env_rollback(s->env);
	if (r != ENV_NO_SPACE)
		store_die("commit", &e);
}

static void
answer(struct commit *c)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct item *it = &c->items[i];

		if (it->accept != NULL)
			it->accept->done(it->accept);
		else if (it->settle != NULL)
			it->settle->done(it->settle);
		else
			it->state->done(it->state);
	}
	c->count = c->accept_count = c->settle_count = c->state_count = 0;
	c->move = NULL;
}

void
commit_round(void *store)
{
	struct store *s = store;
	struct commit *c = s->commit;
	struct compact *move = c->move;
	uint64_t seq;
	bool blob;
	struct err e;

	if (c->count == 0 && move == NULL) {
		/* Nobody waits for a trim: a later flush takes it along. */
		settle_commit(s, NULL, 0, &blob, &seq);
		return;
	}
	settle_append(s, c->settles, c->settle_count);
	if (c->accept_count > 0)
		intake_append(s, c->accepts, c->accept_count);
	if (move != NULL)
		compact_append(move);
	/* Before any row that points to them. */
	if (segments_sync(s->segments, &e) == -1)
		store_die("flush", &e);
	settle_commit(s, c->settles, c->settle_count, &blob, &seq);
	state_commit(s, c->states, c->state_count);
	intake_commit(s, c->accepts, c->accept_count);
	if (move != NULL)
		compact_commit(move);
	make_durable(s);
	s->batches++;
	if (blob)
		outbox_send(&s->outbox, seq);
	answer(c);
	if (move != NULL)
		compact_answer(move);
	if (s->loaded)
		segments_sweep(s->segments);
}

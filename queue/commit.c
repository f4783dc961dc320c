/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/commit.h"

#include <event2/event.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "queue/compact.h"
#include "queue/gather.h"
#include "queue/intake.h"
#include "queue/leases.h"
#include "queue/settle.h"
#include "queue/state.h"
#include "queue/store_priv.h"

/* What was posted, in the order it came; one of the four is set. */
struct item {
	struct store_accept *accept;
	struct store_settle *settle;
	struct store_state *state;
	struct store_leases *leases;
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
	struct store_leases **leases;
	size_t lease_count, lease_cap;
	struct compact *move; /* at most one is under way */
	struct gather gather;
	struct event *timer; /* for a batch that waits for company */
};

static void
on_timer(evutil_socket_t fd, short what, void *store)
{
	(void)fd;
	(void)what;
	commit_now(store);
}

struct commit *
commit_new(struct store *s)
{
	struct commit *c = mem_new(struct commit);

	c->timer = event_new(worker_base(s->worker), -1, 0, on_timer, s);
	CHECK(c->timer != NULL);
	return c;
}

void
commit_free(struct commit **cp)
{
	struct commit *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	event_free(c->timer);
	free(c->items);
	free(c->accepts);
	free(c->settles);
	free(c->states);
	free(c->leases);
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

	gather_came(&c->gather, a->came_us);
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
commit_add_leases(struct store *s, struct store_leases *l)
{
	struct commit *c = s->commit;

	add_item(c, (struct item){ .leases = l });
	c->leases = grown(c->leases, c->lease_count, &c->lease_cap,
	    sizeof(struct store_leases *));
	c->leases[c->lease_count++] = l;
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
		else if (it->state != NULL)
			it->state->done(it->state);
		else
			it->leases->done(it->leases);
	}
	c->count = c->accept_count = c->settle_count = c->state_count = 0;
	c->lease_count = 0;
	c->move = NULL;
}

static bool
waits(struct commit *c)
{
	int64_t us = gather_wait(&c->gather, c->accept_count, clock_us());
	struct timeval tv = { .tv_usec = (suseconds_t)us };

	if (us == 0)
		return false;
	CHECK(us < US_PER_S);
	if (!event_pending(c->timer, EV_TIMEOUT, NULL))
		CHECK(event_add(c->timer, &tv) == 0);
	return true;
}

static int64_t
sync_bodies(struct store *s)
{
	int64_t begin = clock_us();
	struct err e;

	if (segments_sync(s->segments, &e) == -1)
		store_die("flush", &e);
	return clock_us() - begin;
}

static int64_t
sync_log(struct store *s)
{
	int64_t begin = clock_us();

	make_durable(s);
	return clock_us() - begin;
}

/* What of the outbox this batch did not take along goes by slices. */
static void
trim_later(struct store *s)
{
	if (outbox_wants_trim(&s->outbox))
		store_kick(s);
}

void
commit_round(void *store)
{
	struct store *s = store;
	struct commit *c = s->commit;

	/* Compaction and orders of the operator are too rare to wait. */
	if (c->move != NULL || c->state_count > 0 || c->count == 0 || !waits(c))
		commit_now(s);
}

void
commit_now(struct store *s)
{
	struct commit *c = s->commit;
	struct compact *move = c->move;
	size_t messages = c->accept_count;
	int64_t syncs_us;

	(void)event_del(c->timer);
	if (c->count == 0 && move == NULL) {
		/* Nobody waits for a trim: a later flush takes it along. */
		settle_commit(s, NULL, 0);
		trim_later(s);
		return;
	}
	settle_append(s, c->settles, c->settle_count);
	if (c->accept_count > 0)
		intake_append(s, c->accepts, c->accept_count);
	if (move != NULL)
		compact_append(move);
	/* Before any row that points to them. */
	syncs_us = sync_bodies(s);
	settle_commit(s, c->settles, c->settle_count);
	state_commit(s, c->states, c->state_count);
	leases_commit(s, c->leases, c->lease_count);
	intake_commit(s, c->accepts, c->accept_count);
	if (move != NULL)
		compact_commit(move);
	syncs_us += sync_log(s);
	s->batches++;
	outbox_send(&s->outbox);
	trim_later(s);
	answer(c);
	worker_wake_others();
	gather_answered(&c->gather, messages, syncs_us, clock_us());
	if (move != NULL)
		compact_answer(move);
	if (s->loaded)
		segments_sweep(s->segments);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lanes: queues that are the same for all shared scopes (of one virtual MTA,
 * one group, one provider, one queue-priority) wait as one.
 *
 * What says no to one of them says no to all, so a lane moves as a whole from
 * the line of one scope to that of another: what an event costs does not grow
 * with the queues that wait.  Within a lane origins take turns.
 *
 * A lane with queues that want a connection waits in the line of the scope
 * that blocks it, or, when none does, in that of the process.  One in there
 * that a scope has let through (`from`) counts there as passing until it has
 * opened a connection, or moved on.
 */
#include "vmta/sched_priv.h"

#include <stdlib.h>

#include "lib/mem.h"

#define LEAD_TURNS 3 /* in vain */

/* ---- lanes --------------------------------------------------------------- */

struct lane_key {
	const struct sched_vmta *vmta;
	const struct sched_named *group, *provider;
	uint8_t priority;
};

static uint64_t
key_hash(const struct lane_key *k)
{
	uint64_t h = (uint64_t)(uintptr_t)k->vmta;

	h = h * 31 + (uint64_t)(uintptr_t)k->group;
	h = h * 31 + (uint64_t)(uintptr_t)k->provider;
	return table_hash_u64(h * 31 + k->priority);
}

static uint64_t
hash(const struct table_link *link)
{
	const struct lane *l = (const void *)((const char *)link -
	    offsetof(struct lane, link));
	struct lane_key k = { l->vmta, l->group, l->provider, l->priority };

	return key_hash(&k);
}

static bool
is(const struct table_link *link, const void *key)
{
	const struct lane *l = (const void *)((const char *)link -
	    offsetof(struct lane, link));
	const struct lane_key *k = key;

	return l->vmta == k->vmta && l->group == k->group &&
	    l->provider == k->provider && l->priority == k->priority;
}

static const struct table_ops ops = { hash, is };

void
lane_table_init(struct sched *s)
{
	table_init(&s->lanes, &ops);
}

static void
set_path(struct lane *l)
{
	l->path[LEVEL_BACKOFF] = l->group == NULL ? NULL :
						    &l->group->backoff->shared;
	l->path[LEVEL_ROLLUP] = l->group == NULL ? NULL : &l->group->shared;
	l->path[LEVEL_VMTA] = &l->vmta->shared;
	l->path[LEVEL_POOL] = l->vmta->pool == NULL ? NULL :
						      &l->vmta->pool->shared;
	l->path[LEVEL_PROVIDER] = l->provider == NULL ? NULL :
							&l->provider->shared;
	l->path[LEVEL_PROCESS] = &l->sched->process;
}

static struct lane *
lane_new(struct sched *s, struct sched_queue *q, const struct placed *at)
{
	struct lane *l = mem_new(struct lane);

	l->sched = s;
	l->vmta = q->vmta;
	l->group = at->group;
	l->provider = at->provider;
	l->priority = (uint8_t)q->conf->conf.queue_priority;
	set_path(l);
	line_init(&l->open);
	line_init(&l->give);
	table_add(&s->lanes, &l->link);
	return l;
}

void
lane_enter(struct sched *s, struct sched_queue *q, const struct placed *at)
{
	struct lane_key k = { q->vmta, at->group, at->provider,
		(uint8_t)q->conf->conf.queue_priority };
	struct table_link *link = table_find(&s->lanes, key_hash(&k), &k);
	struct lane *l = link == NULL ? lane_new(s, q, at) :
					OF(lane, link, link);

	if (q->lane == l)
		return;
	if (q->lane != NULL)
		lane_leave(s, q);
	q->lane = l;
	l->queues++;
}

void
lane_leave(struct sched *s, struct sched_queue *q)
{
	struct lane *l = q->lane;

	claim_drop(q);
	lane_wants_no_open(q);
	lane_wants_no_token(q);
	q->lane = NULL;
	l->queues--;
	if (l->queues > 0)
		return;
	CHECK(l->open_at == NULL && l->give_at == NULL && l->from == NULL);
	table_remove(&s->lanes, &l->link);
	free(l);
}

/* ---- keys of lines ------------------------------------------------------- */

/* Of a lane in the lines of scopes. */
static struct line_key
key_of(const struct lane *l)
{
	return (struct line_key){ .vmta = l->vmta,
		.priority = l->priority,
		.vmta_weight = (uint16_t)l->vmta->conf->fair_share,
		.origin_weight = SHARE_WEIGHT };
}

/* Of mail in the lines of its lane: there origins take turns. */
static struct line_key
key_of_origin(const struct lane *l, uint32_t origin)
{
	struct line_key k = key_of(l);

	k.origin = origin;
	k.origin_weight = sched_origin(l->sched, origin)->weight;
	return k;
}

struct line_key
lane_key(const struct lane *l, uint32_t origin)
{
	return key_of_origin(l, origin);
}

uint32_t
lane_origin(struct sched_queue *q)
{
	const struct group *g = vqueue_first(q);

	return g == NULL ? 0 : g->entry->origin;
}

struct line_key
lane_key_of(struct sched_queue *q)
{
	return key_of_origin(q->lane, lane_origin(q));
}

struct sched_queue *
lane_opener(struct lane *l)
{
	if (l->passes != NULL)
		return l->passes;
	if (l->leads != NULL)
		return l->leads;
	return OF(sched_queue, open_wait, line_first(&l->open));
}

struct sched_queue *
lane_giver(struct lane *l)
{
	return OF(sched_queue, give_wait, line_first(&l->give));
}

static void
charge(struct line *waits, const struct line_key *k, uint32_t cost)
{
	if (waits->n > 0)
		line_charge(waits, k, cost);
}

void
lane_charge(struct lane *l, uint32_t origin, uint32_t cost)
{
	struct line_key k;

	if (l->open.n > 0 || l->give.n > 0) {
		k = key_of_origin(l, origin);
		charge(&l->open, &k, cost);
		charge(&l->give, &k, cost);
	}
	k = key_of(l);
	for (int i = 0; i < LEVELS; i++) {
		if (l->path[i] == NULL)
			continue;
		charge(&l->path[i]->open, &k, cost);
		charge(&l->path[i]->give, &k, cost);
	}
}

uint32_t
lane_debt(const struct sched_queue *q, uint32_t origin, struct shared *h)
{
	struct lane *l = q->lane;
	struct line_key k = key_of(l);

	if (shared_opener(h) == NULL || shared_opener(h)->lane != l)
		return line_debt(&h->open, &k);
	k.origin = origin; /* its mail may all have gone */
	return line_debt(&l->open, &k);
}

bool
lane_same(struct sched_queue *q, struct sched_queue *other, uint32_t origin)
{
	return q->lane == other->lane && lane_origin(other) == origin;
}

/*
 * The turns of a lane go to its queues, one each.  But where none gets all that
 * it needs in that way, they are those of one until that has a connection: of
 * those that had turns in vain, the one whose claim is the oldest.
 */
void
lane_may_lead(struct sched_queue *q)
{
	struct lane *l = q->lane;

	if (line_of(&q->open_wait) == NULL || q->claim == NULL ||
	    q->claim->turns < LEAD_TURNS || !TAILQ_EMPTY(&q->all_conns))
		return;
	if (l->leads == NULL || l->leads->claim == NULL ||
	    l->leads->claim->number > q->claim->number)
		l->leads = q;
}

/* ---- waiting for a connection -------------------------------------------- */

/*
 * Has who is first there so much better a right that a connection of ours
 * would have to yield as soon as it is ready (conn_must_yield())?  Nobody else
 * would get there if one that comes from another line were opened again and
 * again.
 */
static bool
is_behind(const struct sched_queue *q, struct shared *h)
{
	const struct sched_queue *first = shared_opener(h);
	struct line_key k = key_of(q->lane);

	if (first == NULL || first->lane == q->lane ||
	    claim_of_lane(&h->scope, q->lane))
		return false;
	if (first->lane->priority != q->lane->priority)
		return first->lane->priority > q->lane->priority;
	if (h->scope.claimed == first)
		return true;
	return line_debt(&h->open, &k) > TURN_DEBT;
}

/*
 * All its room is that of lanes that it has let through, or that claim it: who
 * claims it goes before those.
 */
static bool
is_promised(const struct sched_queue *q, struct shared *h, uint32_t room,
    int64_t now_us)
{
	uint32_t claimed;

	if (q->lane->from == h || claim_of_lane(&h->scope, q->lane))
		return false;
	claimed = backfill_conn_at(h, q, now_us) > 0 ? 1 : 0;
	return h->passing + claimed >= room;
}

/*
 * From line to line nobody goes for ever: who was first in one owes nothing
 * there until it has opened a connection, and who has moved on keeps no room.
 */
struct shared *
lane_blocked(struct sched_queue *q, int64_t now_us)
{
	for (int i = 0; i < LEVEL_PROCESS; i++) {
		struct shared *h = q->lane->path[i];
		uint32_t room = h == NULL ? UINT32_MAX :
					    shared_room(h, q, now_us);

		if (h != NULL &&
		    (room == 0 || is_promised(q, h, room, now_us) ||
			is_behind(q, h)))
			return h;
	}
	return NULL;
}

static void
open_join(struct lane *l, struct shared *at)
{
	struct line_key k = key_of(l);

	CHECK(l->open_at == NULL && l->from == NULL);
	l->open_at = at;
	at->open_n += l->open.n;
	line_join(&at->open, &l->open_wait, &k);
}

/* Leaves the line that it waits in; returns who had let it through. */
static struct shared *
open_quit(struct lane *l)
{
	struct shared *at = l->open_at, *from = l->from;

	CHECK(at->open_n >= l->open.n);
	line_leave(&l->open_wait);
	at->open_n -= l->open.n;
	l->open_at = l->from = NULL;
	l->passes = NULL;
	if (from != NULL) {
		CHECK(from->passing > 0);
		from->passing--;
	}
	return from;
}

/* Who joined the line of a scope with room waits for its turn there. */
static void
wait_open(struct shared *at, int64_t now_us)
{
	if (shared_room(at, shared_opener(at), now_us) > at->passing)
		shared_changed(at);
	else
		shared_wait(at, now_us);
}

void
lane_move_open(struct sched_queue *q, struct shared *to, int64_t now_us)
{
	struct lane *l = q->lane;
	struct shared *from = open_quit(l);

	lane_may_lead(q);
	open_join(l, to);
	claim_wait(q, &to->scope, WANT_CONN, lane_origin(q), now_us);
	wait_open(to, now_us);
	if (from != NULL && from != to)
		shared_changed(from); /* the next one may use it */
}

void
lane_let_through(struct sched_queue *q, int64_t now_us)
{
	struct lane *l = q->lane;
	struct shared *from = l->open_at;

	CHECK(l->from == NULL && from != &l->sched->process);
	claim_turn(q, &from->scope, WANT_CONN, lane_origin(q), now_us);
	(void)open_quit(l);
	open_join(l, &l->sched->process);
	l->from = from;
	l->passes = q;
	from->passing++;
}

void
lane_opened(struct lane *l)
{
	struct shared *from = l->from;

	/* Other lanes of its virtual MTA wait as well. */
	if (line_of(&l->open_wait) != NULL)
		line_rejoin(&l->open_wait);
	l->leads = NULL;
	if (from == NULL)
		return;
	CHECK(from->passing > 0);
	from->passing--;
	l->from = NULL;
	l->passes = NULL;
	shared_changed(from);
}

/* For its next mail: that of its last turn has a connection. */
void
lane_wants_more(struct sched_queue *q)
{
	struct line_key k = lane_key_of(q);

	if (q->lane->leads == q)
		q->lane->leads = NULL;
	line_rejoin_as(&q->open_wait, &k);
}

void
lane_wants_open(struct sched_queue *q, int64_t now_us)
{
	struct lane *l = q->lane;
	struct line_key k;
	struct shared *at;

	if (line_of(&q->open_wait) != NULL)
		return;
	claim_joins(q, now_us);
	k = key_of_origin(l, lane_origin(q));
	if (l->open_at != NULL)
		l->open_at->open_n++;
	line_join(&l->open, &q->open_wait, &k);
	if (l->open_at == NULL) {
		at = lane_blocked(q, now_us);
		open_join(l, at == NULL ? &l->sched->process : at);
		if (at != NULL)
			wait_open(at, now_us);
	}
	if (l->open_at->level < LEVEL_PROCESS)
		payers_go_on(q, now_us);
	claim_wait(q, &l->open_at->scope, WANT_CONN, k.origin, now_us);
	lane_may_lead(q);
}

void
lane_wants_no_open(struct sched_queue *q)
{
	struct lane *l = q->lane;
	struct shared *from;

	if (line_of(&q->open_wait) == NULL)
		return;
	if (l->open.n == 1) {
		from = open_quit(l);
		if (from != NULL)
			shared_changed(from);
	} else {
		l->open_at->open_n--;
		if (l->passes == q)
			l->passes = NULL;
	}
	if (l->leads == q)
		l->leads = NULL;
	line_leave(&q->open_wait);
}

/* ---- waiting for a token ------------------------------------------------- */

static void
give_join(struct lane *l, struct shared *at)
{
	struct line_key k = key_of(l);

	CHECK(l->give_at == NULL);
	l->give_at = at;
	at->give_n += l->give.n;
	line_join(&at->give, &l->give_wait, &k);
}

static void
give_quit(struct lane *l)
{
	CHECK(l->give_at->give_n >= l->give.n);
	line_leave(&l->give_wait);
	l->give_at->give_n -= l->give.n;
	l->give_at = NULL;
}

void
lane_wants_token(struct sched_queue *q, struct shared *at, int64_t now_us)
{
	struct lane *l = q->lane;

	if (line_of(&q->give_wait) == NULL) {
		struct line_key k = key_of_origin(l, lane_origin(q));

		claim_joins(q, now_us);
		if (l->give_at != NULL)
			l->give_at->give_n++;
		line_join(&l->give, &q->give_wait, &k);
	}
	/* Where it waits so far it could go: all of the lane wait at `at`. */
	if (l->give_at != NULL && l->give_at != at &&
	    shared_token_at(l->give_at, q, now_us) <= now_us) {
		shared_changed(l->give_at);
		give_quit(l);
	}
	if (l->give_at == NULL)
		give_join(l, at);
	claim_wait(q, &l->give_at->scope, WANT_TOKEN, lane_origin(q), now_us);
	shared_wait(l->give_at, now_us);
}

static void
give_leave(struct sched_queue *q)
{
	struct lane *l = q->lane;

	if (l->give.n == 1)
		give_quit(l);
	else
		l->give_at->give_n--;
	line_leave(&q->give_wait);
}

void
lane_wants_no_token(struct sched_queue *q)
{
	if (line_of(&q->give_wait) != NULL)
		give_leave(q);
}

void
lane_takes_turn(struct sched_queue *q, int64_t now_us)
{
	struct lane *l = q->lane;

	claim_turn(q, &l->give_at->scope, WANT_TOKEN, lane_origin(q), now_us);
	give_leave(q);
	/* Other lanes of its virtual MTA wait as well. */
	if (l->give_at != NULL)
		line_rejoin(&l->give_wait);
}

/* ---- a reload ------------------------------------------------------------ */

/* Who waits at a scope that is not on the way any more would wait for ever. */
static void
lane_configure(struct lane *l, int64_t now_us)
{
	struct shared *from, *at;

	for (int i = 0; i < LEVEL_PROCESS; i++)
		if (l->path[i] != NULL)
			claim_lose(&l->path[i]->scope);
	set_path(l);
	if (l->open_at != NULL) {
		from = open_quit(l);
		if (from != NULL)
			shared_changed(from);
		at = lane_blocked(lane_opener(l), now_us);
		open_join(l, at == NULL ? &l->sched->process : at);
		shared_changed(l->open_at);
	}
	if (l->give_at != NULL) {
		give_quit(l);
		give_join(l, l->path[LEVEL_VMTA]);
		shared_changed(l->give_at);
	}
}

void
lanes_configure(struct sched *s, int64_t now_us)
{
	for (size_t i = 0; i < s->lanes.cap; i++)
		for (struct table_link *l = s->lanes.buckets[i]; l != NULL;
		     l = l->next)
			lane_configure(OF(lane, link, l), now_us);
}

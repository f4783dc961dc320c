/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections: how many a queue wants, who may open one, who must give one
 * back.
 *
 *	            sched_ready                grant
 *	OPENING ----------------> IDLE <---------------> BUSY
 *	    |                      | |    sched_ready      |
 *	    |          conn_close  v '------------.        |
 *	    |                   CLOSING           |        |
 *	    '----------------------+----- sched_closed ----'
 *
 * A slot is held from OPENING until sched_closed().
 */
#include "vmta/sched_priv.h"

#include <stdlib.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "vmta/source.h"

/* Mail waits this long behind busy connections before one more is opened. */
#define PATIENCE_US US_PER_S
/* A rate that blocks for longer than this is not waited for when opening. */
#define LEAD_MAX_US (5 * US_PER_S)
/* What a connection may carry while others wait for its slot. */
#define TURN_RCPTS 50
#define TURN_US (10 * US_PER_S)
/* One that waits for a rate is not taken from its queue before this. */
#define RECLAIM_US US_PER_S
/* One more than a server wants is tried after this, then twice as long ... */
#define CROWD_WAIT_US US_PER_S
#define CROWD_DOUBLE_MAX 6 /* ... so many times: 64 s */
/* After a connection that ended by itself and had carried nothing. */
#define USELESS_WAIT_US US_PER_S

static uint32_t
active(const struct conn_count *n)
{
	return n->in[CONN_OPENING] + n->in[CONN_IDLE] + n->in[CONN_BUSY];
}

/* At least so many transactions are waiting. */
static uint64_t
transactions(const struct sched_queue *q)
{
	uint32_t max = q->conf->conf.max_rcpt_per_msg;
	uint64_t full;

	full = max == 0 ? 0 : (q->ready + max - 1) / max;
	return full > q->ready_groups ? full : q->ready_groups;
}

/* When opening a connection makes sense for the queue's own rate. */
static int64_t
open_at(struct sched_queue *q, int64_t now_us)
{
	int64_t next = rate_limit_next(&q->rate, now_us);
	int64_t lead = q->setup_us;

	if (lead > LEAD_MAX_US)
		lead = LEAD_MAX_US;
	if (next - now_us <= lead)
		return now_us;
	return next == INT64_MAX ? next : next - lead;
}

/* Room in the number of connections that the queue's rate can use. */
static uint64_t
rate_room(const struct sched_queue *q, uint64_t tx)
{
	uint32_t per = q->conf->conf.max_msg_per_conn;
	int64_t busy = q->busy_us;
	uint32_t used = active(&q->conns), useful;

	if (!q->rate.limited)
		return UINT32_MAX;
	if (per > 0)
		busy += q->setup_us / per;
	useful = rate_limit_conns(&q->rate, busy,
	    (double)q->ready / (double)tx);
	return used < useful ? useful - used : 0;
}

/*
 * Room beside the connections that a server has taken so far.  As long as none
 * is known to work, those being set up have to tell first.
 */
static uint64_t
crowd_room(const struct sched_queue *q, int64_t now_us)
{
	uint64_t used = active(&q->conns), most = q->crowd;

	if (q->refusals == 0)
		return UINT32_MAX;
	if (used == q->conns.in[CONN_OPENING] && used > 0)
		return 0;
	if (q->more_us <= now_us)
		most++;
	return used < most ? most - used : 0;
}

static int64_t
not_before(const struct sched_queue *q, int64_t now_us)
{
	int64_t t = q->open_after_us;

	if (retry_waits(&q->retry, now_us) && q->retry.until_us > t)
		t = q->retry.until_us;
	return t;
}

/*
 * One for each transaction that waits, less those that are being set up or
 * idle, less one for each busy one, which can take it next; only mail that
 * waits for long behind busy ones gets one more.
 */
uint32_t
conns_wanted(struct sched *s, struct sched_queue *q, int64_t now_us,
    int64_t *again_us)
{
	uint64_t tx = transactions(q), want, room;
	uint32_t have = q->conns.in[CONN_OPENING] + q->conns.in[CONN_IDLE];
	uint32_t busy = q->conns.in[CONN_BUSY];

	*again_us = INT64_MAX;
	if (s->held || tx == 0 || sched_is_paused(s, q))
		return 0;
	if (not_before(q, now_us) > now_us) {
		*again_us = not_before(q, now_us);
		return 0;
	}
	if (tx <= have)
		return 0;
	if (open_at(q, now_us) > now_us) {
		*again_us = open_at(q, now_us);
		return 0;
	}
	want = tx - have;
	if (q->conf->conf.max_msg_per_conn == 1)
		busy = 0; /* they end after what they carry */
	if (want > busy) {
		want -= busy;
	} else if (have > 0) {
		return 0;
	} else if (now_us - q->progress_us < PATIENCE_US) {
		*again_us = q->progress_us + PATIENCE_US;
		return 0;
	} else {
		want = 1;
	}
	room = crowd_room(q, now_us);
	if (room == 0 && q->more_us > now_us)
		*again_us = q->more_us;
	want = want < room ? want : room;
	room = rate_room(q, tx);
	want = want < room ? want : room;
	room = remote_queue_room(q);
	want = want < room ? want : room;
	room = slots_room(&q->slots);
	return (uint32_t)(want < room ? want : room);
}

/* ---- states -------------------------------------------------------------- */

static void
count(struct sched *s, struct sched_conn *c, int by)
{
	struct sched_queue *q = c->queue;

	q->conns.in[c->state] += (uint32_t)by;
	q->vmta->conns.in[c->state] += (uint32_t)by;
	s->conns.in[c->state] += (uint32_t)by;
}

static void
leave_idle(struct sched *s, struct sched_conn *c)
{
	TAILQ_REMOVE(&c->queue->idle_conns, c, idle_queue);
	TAILQ_REMOVE(&c->queue->vmta->idle, c, idle_vmta);
	TAILQ_REMOVE(&s->idle, c, idle_all);
	timer_set(&s->timers, &c->timer, INT64_MAX);
}

void
conn_set_state(struct sched *s, struct sched_conn *c, enum conn_state state)
{
	CHECK(state != c->state && c->state != CONN_CLOSING);
	if (c->state == CONN_IDLE)
		leave_idle(s, c);
	vmta_fresh_remove(c->queue->vmta, c);
	count(s, c, -1);
	c->state = state;
	count(s, c, 1);
	if (state == CONN_CLOSING)
		remote_closing(&c->remote);
	if (state == CONN_IDLE) {
		TAILQ_INSERT_HEAD(&c->queue->idle_conns, c, idle_queue);
		TAILQ_INSERT_TAIL(&c->queue->vmta->idle, c, idle_vmta);
		TAILQ_INSERT_TAIL(&s->idle, c, idle_all);
	}
}

void
conn_close(struct sched *s, struct sched_conn *c)
{
	CHECK(c->grant == NULL);
	conn_set_state(s, c, CONN_CLOSING);
	SCHED_TELL(s, close, c);
}

void
conn_take_back(struct sched *s, struct sched_conn *c)
{
	CHECK(c->state == CONN_IDLE);
	conn_close(s, c);
	sched_dirty(s, c->queue);
}

static bool
surplus(const struct slots *l, const struct conn_count *n)
{
	return l->used - n->in[CONN_CLOSING] > l->max;
}

bool
conn_must_close(const struct sched *s, const struct sched_conn *c)
{
	const struct sched_queue *q = c->queue;
	uint32_t max = q->conf->conf.max_msg_per_conn;

	return (max > 0 && c->messages >= max) ||
	    remote_is_surplus(&c->remote) || surplus(&q->slots, &q->conns) ||
	    surplus(&q->vmta->slots, &q->vmta->conns) ||
	    surplus(&s->slots, &s->conns);
}

/*
 * Another queue of the virtual MTA that waits for a slot, or NULL.  If our
 * own is before it, it goes to the end: it has connections already.
 */
static const struct sched_queue *
other_waiting(struct sched_vmta *v, struct sched_queue *own)
{
	struct waiter *w = line_first(&v->open_line);

	if (w != NULL && w == &own->open_wait) {
		line_rejoin(w);
		w = line_first(&v->open_line);
	}
	if (w == NULL || w == &own->open_wait)
		return NULL;
	return OF(sched_queue, open_wait, w);
}

/*
 * Who has two connections more than the one that waits gives one up, and so
 * does a connection that had its turn.
 */
bool
conn_must_yield(struct sched *s, struct sched_conn *c, int64_t now_us)
{
	const struct sched_queue *other;
	struct sched_queue *q = c->queue;
	struct sched_vmta *v = q->vmta;
	const struct fair_flow *first = fair_first(&s->ring);
	bool had_turn;

	had_turn = c->turn_rcpts >= TURN_RCPTS ||
	    now_us - c->ready_us >= TURN_US;
	other = remote_yields_to(c);
	if (other != NULL &&
	    (had_turn || active(&q->conns) > active(&other->conns) + 1))
		return true;
	if (slots_room(&s->slots) == 0 && first != NULL &&
	    s->waiting > s->conns.in[CONN_CLOSING]) {
		const struct sched_vmta *w =
		    (const void *)((const char *)first -
			offsetof(struct sched_vmta, flow));

		if (w != v)
			return had_turn ||
			    active(&v->conns) > active(&w->conns) + 1;
	} else if (v->open_line.n <= v->conns.in[CONN_CLOSING] ||
	    !vmta_is_full(v, now_us)) {
		return false;
	}
	other = other_waiting(v, q);
	return other != NULL &&
	    (had_turn || active(&q->conns) > active(&other->conns) + 1);
}

/* ---- opening ------------------------------------------------------------- */

static void
conn_open(struct sched *s, struct sched_queue *q, int64_t now_us)
{
	struct sched_vmta *v = q->vmta;
	struct sched_conn *c = mem_new(struct sched_conn);

	slots_take(&q->slots);
	slots_take(&v->slots);
	slots_take(&s->slots);
	c->sched = s;
	c->queue = q;
	c->id = ++s->last_conn_id;
	c->conf = qconf_ref(q->conf);
	c->snapshot = snapshot_ref(s->conf);
	c->source = source_pick(v->conf, snapshot_global(s->conf),
	    v->source_turn);
	v->source_turn++;
	c->opened_us = now_us;
	timer_init(&c->timer, TIMER_CONN);
	c->state = CONN_OPENING;
	count(s, c, 1);
	TAILQ_INSERT_TAIL(&q->all_conns, c, of_queue);
	vmta_fresh_add(v, c);
	remote_conn_opened(s, c);
	q->progress_us = now_us;
	fair_charge(&s->ring, &v->flow, 1);
	SCHED_TELL(s, open, c);
}

/* The virtual MTA's turn: its first queue that still wants one gets it. */
static void
open_one(struct sched *s, struct sched_vmta *v, int64_t now_us)
{
	struct sched_queue *q = OF(sched_queue, open_wait,
	    line_first(&v->open_line));
	int64_t again;
	uint32_t want;

	sched_refresh(s, q, now_us);
	want = conns_wanted(s, q, now_us, &again);
	if (want > 0)
		conn_open(s, q, now_us);
	if (want > 1) {
		line_rejoin(&q->open_wait);
	} else {
		vmta_wants_no_open(q);
		sched_dirty(s, q); /* it may want one later: its timer */
	}
	vmta_offer(v, now_us);
}

int64_t
conn_reclaim_at(const struct sched_conn *c)
{
	if (c == NULL)
		return INT64_MAX;
	return c->queue->ready == 0 ? c->idle_us : c->idle_us + RECLAIM_US;
}

void
conns_open(struct sched *s, int64_t now_us)
{
	struct fair_flow *f;

	while (slots_room(&s->slots) > 0 && (f = fair_next(&s->ring)) != NULL)
		open_one(s, OF(sched_vmta, flow, f), now_us);
	s->reclaim_us = INT64_MAX;
	while (s->waiting > s->conns.in[CONN_CLOSING]) {
		s->reclaim_us = conn_reclaim_at(TAILQ_FIRST(&s->idle));
		if (s->reclaim_us > now_us)
			break;
		conn_take_back(s, TAILQ_FIRST(&s->idle));
	}
}

bool
sched_conn_has_peers(const struct sched_conn *c)
{
	return active(&c->queue->conns) > (c->state != CONN_CLOSING);
}

void
sched_conn_refused(struct sched *s, struct sched_conn *c, const char *why,
    int64_t now_us)
{
	struct sched_queue *q = c->queue;
	uint32_t times = q->refusals;

	CHECK(!s->in_callback && sched_conn_has_peers(c));
	sched_keep_error(q, why);
	q->crowd = active(&q->conns) - (c->state != CONN_CLOSING);
	sched_dirty(s, q);
	/* Several at once are one refusal. */
	if (times > 0 && q->more_us > now_us)
		return;
	if (times < CROWD_DOUBLE_MAX)
		q->refusals++;
	else
		times = CROWD_DOUBLE_MAX;
	q->more_us = now_us + (CROWD_WAIT_US << times);
}

void
conn_welcome(struct sched_queue *q)
{
	if (q->conns.in[CONN_IDLE] + q->conns.in[CONN_BUSY] > q->crowd)
		q->refusals = 0;
}

static void
conn_free(struct sched_conn **cp)
{
	struct sched_conn *c = *cp;

	*cp = NULL;
	CHECK(c->grant == NULL && c->timer.index == HEAP_NONE && !c->is_fresh);
	qconf_unref(&c->conf);
	snapshot_unref(&c->snapshot);
	free(c);
}

void
sched_closed(struct sched *s, struct sched_conn **cp, int64_t now_us)
{
	struct sched_conn *c = *cp;
	struct sched_queue *q = c->queue;

	*cp = NULL;
	CHECK(c->sched == s && c->grant == NULL && !s->in_callback);
	if (c->state == CONN_IDLE)
		leave_idle(s, c);
	if (c->state != CONN_CLOSING && !c->useful && !c->remote.refused)
		q->open_after_us = now_us + USELESS_WAIT_US;
	vmta_fresh_remove(q->vmta, c);
	count(s, c, -1);
	TAILQ_REMOVE(&q->all_conns, c, of_queue);
	slots_return(&q->slots);
	slots_return(&q->vmta->slots);
	slots_return(&s->slots);
	remote_conn_closed(s, c);
	conn_free(&c);
	sched_dirty(s, q);
	vmta_offer(q->vmta, now_us);
}

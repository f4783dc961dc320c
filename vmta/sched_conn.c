/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections: how many a queue wants, who may open one, who must give one
 * back.
 *
 *	            sched_ready             grant
 *	OPENING ----------------> IDLE ----------------> BUSY
 *	   |                      |  ^                   |  |
 *	   | conn_close           |  '-------------------'  |
 *	   |                      |        sched_ready      |
 *	   '-----> CLOSING <------'                         |
 *	              ^                                     |
 *	              '-------------------------------------'
 *	                  conn_close: between two hosts
 *
 * A slot is held from OPENING until sched_closed(), which may come in any state.
 */
#include "vmta/sched_priv.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "vmta/sched_pin.h"
#include "vmta/tls_policy.h"

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

/* Room in the number of connections that the queue's rate can use. */
static uint64_t
rate_room(const struct sched_queue *q, uint64_t tx, uint64_t bytes)
{
	uint32_t per = q->conf->conf.max_msg_per_conn;
	int64_t busy = q->busy_us;
	uint32_t used = active(&q->conns), useful;
	double by = tx == 0 ? 1 : (double)q->ready / (double)tx;

	if (!scope_has(&q->scope, LIMIT_MSG) &&
	    !scope_has(&q->scope, LIMIT_DATA) && q->standing == NULL)
		return UINT32_MAX;
	if (per > 0) {
		busy += q->setup_us / per;
		used -= used > 0; /* one more while that carries its last */
	}
	/* A rate splits messages: what grants were is less than what waits. */
	if (q->by16 > 0 && (double)q->by16 / 16 < by)
		by = (double)q->by16 / 16;
	useful = scope_useful(&q->scope, busy, by, bytes);
	if (q->standing != NULL) {
		uint32_t also = scope_useful(&q->standing->also, busy, by,
		    bytes);

		useful = also < useful ? also : useful;
	}
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

/*
 * One for each transaction that waits, less those that are being set up or
 * idle, less one for each busy one, which can take it next; only mail that
 * waits for long behind busy ones gets one more.
 */
static uint64_t
demand(const struct sched_queue *q, int64_t now_us, int64_t *again_us)
{
	uint64_t tx = transactions(q), want;
	uint32_t have = q->conns.in[CONN_OPENING] + q->conns.in[CONN_IDLE] -
	    q->parked;
	uint32_t busy = q->conns.in[CONN_BUSY];

	if (tx <= have)
		return 0;
	want = tx - have;
	if (q->conf->conf.max_msg_per_conn == 1)
		busy = 0; /* they end after what they carry */
	if (want > busy)
		return want - busy;
	if (have > 0)
		return 0;
	if (now_us - q->progress_us < PATIENCE_US) {
		*again_us = q->progress_us + PATIENCE_US;
		return 0;
	}
	return 1;
}

uint32_t
conns_wanted(struct sched *s, struct sched_queue *q, int64_t now_us,
    int64_t *again_us)
{
	uint64_t want, room;
	struct check_no no;
	struct asked a;

	*again_us = INT64_MAX;
	want = demand(q, now_us, again_us);
	if (want == 0 && pins_wait(q) && pin_source(s, q, now_us) != SIZE_MAX)
		want = 1; /* those that there are will not do */
	if (want == 0)
		return 0;
	ask_own(&a, s, q, now_us);
	/* First: a busy queue has them all, and no time will change that. */
	room = rate_room(q, transactions(q), a.bytes);
	if (room == 0)
		return 0;
	want = want < room ? want : room;
	if (own_says_no(&a, &no)) {
		*again_us = no.until_us;
		return 0;
	}
	room = crowd_room(q, now_us);
	if (room == 0 && q->more_us > now_us)
		*again_us = q->more_us;
	want = want < room ? want : room;
	room = remote_queue_room(q);
	want = want < room ? want : room;
	room = slots_room(&q->scope.conns);
	return (uint32_t)(want < room ? want : room);
}

/* ---- states -------------------------------------------------------------- */

static void
count(struct sched_conn *c, int by)
{
	c->queue->conns.in[c->state] += (uint32_t)by;
	for (int i = 0; i < LEVELS; i++)
		if (c->in[i].shared != NULL)
			c->in[i].shared->conns.in[c->state] += (uint32_t)by;
}

static void
join_idle(struct sched_conn *c)
{
	TAILQ_INSERT_HEAD(&c->queue->idle_conns, c, idle_queue);
	for (int i = 0; i < LEVELS; i++)
		if (c->in[i].shared != NULL)
			TAILQ_INSERT_TAIL(&c->in[i].shared->idle, &c->in[i],
			    idle);
}

static void
leave_idle(struct sched *s, struct sched_conn *c)
{
	if (c->parked)
		source_unpark(c);
	TAILQ_REMOVE(&c->queue->idle_conns, c, idle_queue);
	for (int i = 0; i < LEVELS; i++)
		if (c->in[i].shared != NULL)
			TAILQ_REMOVE(&c->in[i].shared->idle, &c->in[i], idle);
	timer_set(&s->timers, &c->timer, INT64_MAX);
}

/* It counts as using the rates of the scopes it is in; the process has none. */
static void
join_fresh(struct sched_conn *c)
{
	for (int i = 0; i < LEVEL_PROCESS; i++) {
		struct shared *h = c->in[i].shared;

		if (h == NULL)
			continue;
		c->in[i].is_fresh = true;
		TAILQ_INSERT_TAIL(&h->fresh, &c->in[i], fresh);
		h->fresh_n++;
	}
}

static void
leave_fresh(struct sched_conn *c)
{
	for (int i = 0; i < LEVEL_PROCESS; i++) {
		struct shared *h = c->in[i].shared;

		if (!c->in[i].is_fresh)
			continue;
		c->in[i].is_fresh = false;
		TAILQ_REMOVE(&h->fresh, &c->in[i], fresh);
		h->fresh_n--;
	}
}

void
conn_set_state(struct sched *s, struct sched_conn *c, enum conn_state state)
{
	CHECK(state != c->state && c->state != CONN_CLOSING);
	if (c->state == CONN_IDLE)
		leave_idle(s, c);
	if (c->state == CONN_OPENING)
		leave_fresh(c);
	count(c, -1);
	c->state = state;
	count(c, 1);
	if (state == CONN_IDLE)
		join_idle(c);
	if (state == CONN_CLOSING)
		remote_closing(&c->remote);
	if (state == CONN_CLOSING && c->from != NULL)
		c->from->closing++;
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
surplus(const struct scope *c, uint32_t closing)
{
	return c->conns.used - closing > c->conns.max;
}

void
shared_shed(struct shared *h)
{
	struct sched_conn *c;

	while (surplus(&h->scope, h->conns.in[CONN_CLOSING]) &&
	    (c = shared_idle(h)) != NULL)
		conn_take_back(c->sched, c);
}

/* A reload gave its queue another user, or another password. */
static bool
is_somebody_else(const struct sched_conn *c)
{
	const struct queue_conf *was = &c->conf->conf;
	const struct queue_conf *is = &c->queue->conf->conf;

	return was != is &&
	    (strcmp(was->auth_username, is->auth_username) != 0 ||
		strcmp(was->auth_password, is->auth_password) != 0);
}

/* A reload gave its queue other rules about TLS, or maybe other authorities. */
static bool
has_old_tls(const struct sched_conn *c)
{
	return c->conf != c->queue->conf &&
	    !tls_policy_holds(&c->conf->conf, &c->queue->conf->conf);
}

/* It has not signed in yet where it is going. */
static bool
is_on_its_way(const struct sched_conn *c)
{
	return c->state == CONN_OPENING || (c->state == CONN_BUSY && c->anew);
}

bool
conn_tells_old(const struct sched_conn *c)
{
	const struct queue_conf *was = &c->conf->conf;
	const struct queue_conf *is = &c->queue->conf->conf;

	return is_on_its_way(c) && was->auth_username[0] != '\0' &&
	    (is_somebody_else(c) ||
		was->unencrypted_plain_auth != is->unencrypted_plain_auth ||
		has_old_tls(c));
}

bool
conn_must_close(const struct sched_conn *c, int64_t now_us)
{
	const struct sched_queue *q = c->queue;
	uint32_t max = q->conf->conf.max_msg_per_conn;

	if ((max > 0 && c->messages >= max) || choice_is_gone(c) ||
	    remote_is_surplus(&c->remote) || is_somebody_else(c) ||
	    has_old_tls(c) || surplus(&q->scope, q->conns.in[CONN_CLOSING]) ||
	    (c->from != NULL && surplus(&c->from->scope, c->from->closing)))
		return true;
	if (standing_of(q) != NULL &&
	    standing_is_off(q, &c->source->addr, now_us))
		return true;
	for (int i = 0; i < LEVELS; i++) {
		const struct shared *h = c->in[i].shared;

		/* A reload gave its queue another pool or provider. */
		if (h != q->lane->path[i])
			return true;
		if (h != NULL && surplus(&h->scope, h->conns.in[CONN_CLOSING]))
			return true;
	}
	return false;
}

/*
 * The queue that waits for a slot there and is first, or NULL.  If our own is
 * before it, it goes to the end: it has connections already.
 */
static struct sched_queue *
first_waiting(struct shared *h, struct sched_queue *own)
{
	struct sched_queue *q = shared_opener(h);

	if (q == NULL || q != own)
		return q;
	lane_wants_more(own);
	q = shared_opener(h);
	if (q != own)
		return q;
	line_rejoin(&own->lane->open_wait); /* there are others, perhaps */
	q = shared_opener(h);
	return q == own ? NULL : q;
}

/*
 * Do others wait there for a slot, more than get one already?  An idle
 * connection of q counts as using rates, whatever it waits for.
 */
static bool
is_wanted(struct shared *h, const struct sched_queue *q, int64_t now_us)
{
	uint32_t uses = line_of(&q->give_wait) == NULL ? 1 : 0;

	if (h->open_n <= h->conns.in[CONN_CLOSING])
		return false;
	return h->level == LEVEL_PROCESS ? slots_room(&h->scope.conns) == 0 :
					   shared_is_full(h, uses, now_us);
}

/*
 * Between origins and between virtual MTAs it is their shares that count: who
 * has had more by a short turn than the one that waits gives up a connection;
 * the next one when the other's can be ready, or all would go at once.
 */
static bool
owes(struct sched_queue *q, uint32_t origin, struct shared *h, int64_t now_us)
{
	const struct sched_queue *by = h->scope.claimed;

	if (h->yield_us > now_us || by == q)
		return false;
	if (lane_debt(q, origin, h) <= TURN_DEBT &&
	    (by == NULL || shared_opener(h) != by))
		return false;
	h->yield_us = now_us + h->setup_us;
	return true;
}

/*
 * A connection that had its turn is given up for others, and so is one of a
 * queue that has two more than the one that waits, for mail of the same origin.
 */
bool
conn_must_yield(struct sched_conn *c, int64_t now_us)
{
	struct sched_queue *q = c->queue, *other;
	enum priority_order order;
	bool had_turn;

	had_turn = c->turn_rcpts >= TURN_RCPTS ||
	    now_us - c->ready_us >= TURN_US;
	other = remote_yields_to(c);
	if (other != NULL &&
	    (had_turn || active(&q->conns) > active(&other->conns) + 1))
		return true;
	for (int i = LEVELS - 1; i >= 0; i--) {
		struct shared *h = c->in[i].shared;

		if (h == NULL || !is_wanted(h, q, now_us))
			continue;
		other = first_waiting(h, q);
		if (other == NULL)
			continue;
		order = priority_order(c, other->lane);
		if (order == PRIORITY_BELOW)
			return true;
		if (order == PRIORITY_ABOVE)
			continue;
		/* One that was just opened has cost others their turn. */
		if (had_turn ||
		    (c->messages > 0 && owes(q, c->origin, h, now_us)))
			return true;
		if (lane_same(q, other, c->origin) &&
		    active(&q->conns) > active(&other->conns) + 1)
			return true;
	}
	return false;
}

/* ---- opening ------------------------------------------------------------- */

static void
conn_open(struct sched *s, struct sched_queue *q, int64_t now_us)
{
	struct sched_conn *c = mem_new(struct sched_conn);

	slots_take(&q->scope.conns);
	for (int i = 0; i < LEVELS; i++) {
		c->in[i].shared = q->lane->path[i];
		if (c->in[i].shared != NULL)
			slots_take(&c->in[i].shared->scope.conns);
	}
	c->sched = s;
	c->queue = q;
	c->id = ++s->last_conn_id;
	c->conf = qconf_ref(q->conf);
	c->snapshot = snapshot_ref(s->conf);
	c->from = source_take(q);
	choice_take(c, now_us);
	connect_take(c, now_us);
	c->opened_us = q->opened_us = now_us;
	timer_init(&c->timer, TIMER_CONN);
	c->state = CONN_OPENING;
	count(c, 1);
	TAILQ_INSERT_TAIL(&s->conns, c, of_sched);
	TAILQ_INSERT_TAIL(&q->all_conns, c, of_queue);
	join_fresh(c);
	remote_conn_opened(s, c);
	q->progress_us = now_us;
	c->origin = lane_origin(q);
	lane_charge(q->lane, c->origin, 1);
	SCHED_TELL(s, open, c);
}

/* Its turn, if it still wants one. */
static void
open_one(struct sched *s, struct sched_queue *q, int64_t now_us)
{
	int64_t again;
	uint32_t want;

	sched_refresh(s, q, now_us);
	sched_set_rates(s, q, now_us);
	want = conns_wanted(s, q, now_us, &again);
	if (want == 0 || line_of(&q->open_wait) == NULL) {
		lane_wants_no_open(q);
		sched_dirty(s, q); /* it may want one later: its timer */
		return;
	}
	lane_opened(q->lane);
	conn_open(s, q, now_us);
	if (want > 1) {
		lane_wants_more(q);
	} else {
		lane_wants_no_open(q);
		sched_dirty(s, q);
	}
}

/* Until when the last slot is left to one that waits elsewhere, or 0. */
static int64_t
is_claimed(struct sched *s, const struct sched_queue *q, int64_t now_us)
{
	return slots_room(&s->process.scope.conns) > 1 ?
	    0 :
	    backfill_conn_at(&s->process, q, now_us);
}

/*
 * In the order of the process's line, as far as limits go.  Returns when to
 * look again, since a slot is claimed; or INT64_MAX.
 */
static int64_t
open_all(struct sched *s, int64_t now_us)
{
	struct sched_queue *q;

	while (slots_room(&s->process.scope.conns) > 0 &&
	    (q = shared_opener(&s->process)) != NULL) {
		struct shared *no;
		int64_t until;

		if (claim_turn_aside(q, &s->process.scope, now_us))
			continue;
		no = lane_blocked(q, now_us);
		until = is_claimed(s, q, now_us);
		if (no == NULL && until > 0)
			return until;
		if (no == NULL) {
			open_one(s, q, now_us);
			continue;
		}
		claim_turn(q, &s->process.scope, WANT_CONN, lane_origin(q),
		    now_us);
		lane_move_open(q, no, now_us);
	}
	return INT64_MAX;
}

/* Of the one that is idle for longest there. */
int64_t
shared_reclaim_at(struct shared *h)
{
	const struct sched_conn *c = shared_idle(h);
	const struct sched_queue *first = shared_opener(h);

	if (c != NULL && first != NULL &&
	    priority_order(c, first->lane) == PRIORITY_BELOW)
		return c->idle_us;
	return conn_reclaim_at(c);
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
	struct shared *p = &s->process;
	int64_t again_us;

	again_us = open_all(s, now_us);
	priority_cut(p);
	s->reclaim_us = INT64_MAX;
	while (p->open_n > p->conns.in[CONN_CLOSING]) {
		s->reclaim_us = shared_reclaim_at(p);
		if (s->reclaim_us > now_us)
			break;
		conn_take_back(s, shared_idle(p));
	}
	if (p->open_n > 0 && slots_next(&p->scope.conns) < s->reclaim_us)
		s->reclaim_us = slots_next(&p->scope.conns);
	if (again_us < s->reclaim_us)
		s->reclaim_us = again_us;
}

bool
sched_conn_has_peers(const struct sched_conn *c)
{
	return active(&c->queue->conns) > (c->state != CONN_CLOSING);
}

bool
sched_conn_is_spare(const struct sched_conn *c)
{
	return (c->state == CONN_IDLE || c->state == CONN_CLOSING) &&
	    c->queue->ready == 0;
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
	CHECK(c->grant == NULL && c->timer.index == HEAP_NONE);
	qconf_unref(&c->conf);
	snapshot_unref(&c->snapshot);
	free(c->place);
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
	if (c->state != CONN_CLOSING && !c->useful && !c->remote.refused &&
	    !c->goes_on && !c->uncalled &&
	    !(standing_of(q) != NULL &&
		standing_is_off(q, &c->source->addr, now_us)))
		q->open_after_us = now_us + USELESS_WAIT_US;
	if (c->state == CONN_OPENING)
		leave_fresh(c);
	count(c, -1);
	TAILQ_REMOVE(&s->conns, c, of_sched);
	TAILQ_REMOVE(&q->all_conns, c, of_queue);
	slots_return(&q->scope.conns);
	connect_end(s, c, !c->remote.refused && !c->uncalled, now_us);
	source_return(s, c);
	for (int i = 0; i < LEVELS; i++) {
		struct shared *h = c->in[i].shared;

		if (h == NULL)
			continue;
		slots_return(&h->scope.conns);
		shared_changed(h);
	}
	remote_conn_closed(s, c);
	conn_free(&c);
	sched_dirty(s, q);
}

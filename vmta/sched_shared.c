/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scope that queues share: a group, a virtual MTA, a pool, a provider, the
 * process.
 * Who waits there for a connection or for a token, and when it can serve.
 *
 * It lets so many lanes through to the line of the process as it has room for
 * connections; one that finds another scope in its way goes to wait there,
 * and the next one is let through (lane_move_open()).
 */
#include "vmta/sched_priv.h"

#include "lib/clock.h"

#define SETUP_START_US 300000u
#define BUSY_START_US 100000u
#define STALE_MIN_US (500 * US_PER_MS)
#define BYTES_START 10000u

static const enum scope_kind kinds[LEVELS] = {
	[LEVEL_BACKOFF] = SCOPE_ROLLUP_BACKOFF,
	[LEVEL_ROLLUP] = SCOPE_ROLLUP,
	[LEVEL_VMTA] = SCOPE_VMTA,
	[LEVEL_POOL] = SCOPE_POOL,
	[LEVEL_PROVIDER] = SCOPE_PROVIDER,
	[LEVEL_PROCESS] = SCOPE_PROCESS
};

void
shared_init(struct shared *h, struct sched *s, enum level level)
{
	*h = (struct shared){ .sched = s, .level = level };
	scope_init(&h->scope, kinds[level]);
	h->scope.conns.ramp = &s->ramp;
	line_init(&h->open);
	line_init(&h->give);
	TAILQ_INIT(&h->idle);
	TAILQ_INIT(&h->fresh);
	h->setup_us = SETUP_START_US;
	h->busy_us = BUSY_START_US;
	h->bytes = BYTES_START;
	timer_init(&h->timer, TIMER_SHARED);
}

void
shared_fini(struct shared *h)
{
	CHECK(h->open.n == 0 && h->give.n == 0 && h->passing == 0);
	timer_set(&h->sched->timers, &h->timer, INT64_MAX);
	heap_fini(&h->cut);
	scope_fini(&h->scope);
}

struct sched_conn *
in_conn(struct conn_in *in)
{
	struct conn_in *first = in - in->shared->level;

	return (void *)((char *)first - offsetof(struct sched_conn, in));
}

struct sched_conn *
shared_idle(const struct shared *h)
{
	struct conn_in *in = TAILQ_FIRST(&h->idle);

	return in == NULL ? NULL : in_conn(in);
}

/* ---- room ---------------------------------------------------------------- */

static int64_t
stale_at(const struct shared *h, struct conn_in *in)
{
	int64_t t = 2 * (int64_t)h->setup_us;

	return in_conn(in)->opened_us + (t < STALE_MIN_US ? STALE_MIN_US : t);
}

/*
 * Connections to servers that do not answer must not keep the rate of the
 * whole scope unused: after twice the usual time they do not count as using
 * it any more.  Nor does an idle one, unless it is this rate that its queue
 * waits for: it may have nothing to send, or wait for its queue's rate.
 */
static uint32_t
using_rates(struct shared *h, int64_t now_us)
{
	struct conn_in *in;

	while ((in = TAILQ_FIRST(&h->fresh)) != NULL &&
	    stale_at(h, in) <= now_us) {
		in->is_fresh = false;
		TAILQ_REMOVE(&h->fresh, in, fresh);
		h->fresh_n--;
	}
	return h->fresh_n + h->conns.in[CONN_BUSY] + h->give_n;
}

/* Room in the number of connections that its rates can use. */
static uint32_t
rate_room(struct shared *h, int64_t now_us)
{
	uint32_t useful, used;

	if (!shared_has_rates(h))
		return UINT32_MAX;
	useful = scope_useful(&h->scope, (int64_t)h->setup_us + h->busy_us, 1.0,
	    h->bytes);
	used = using_rates(h, now_us);
	return used < useful ? useful - used : 0;
}

int64_t
shared_next(struct shared *h, uint64_t bytes, int64_t now_us)
{
	int64_t msg = scope_next(&h->scope, LIMIT_MSG, 1, now_us);
	int64_t data = scope_next(&h->scope, LIMIT_DATA, bytes, now_us);

	return msg > data ? msg : data;
}

uint64_t
shared_bytes(const struct shared *h, struct sched_queue *q)
{
	return scope_has(&h->scope, LIMIT_DATA) ? queue_bytes(q) : 0;
}

int64_t
shared_token_at(struct shared *h, struct sched_queue *q, int64_t now_us)
{
	int64_t msg = backfill_token_at(&h->scope, q, LIMIT_MSG, 1, now_us);
	int64_t data = backfill_token_at(&h->scope, q, LIMIT_DATA,
	    shared_bytes(h, q), now_us);

	return msg > data ? msg : data;
}

/* A connection opened now is ready when the next event is due. */
int64_t
shared_open_at(struct shared *h, struct sched_queue *q, int64_t now_us)
{
	int64_t next = scope_lead(shared_next(h, h->bytes, now_us), h->setup_us,
	    now_us);
	int64_t connect = backfill_token_at(&h->scope, q, LIMIT_CONNECT, 1,
	    now_us);

	return connect > next ? connect : next;
}

bool
shared_is_full(struct shared *h, uint32_t but, int64_t now_us)
{
	return slots_room(&h->scope.conns) == 0 || rate_room(h, now_us) <= but;
}

/*
 * That its rates can use no more keeps nobody away who claims it: those that
 * use them wait for it.
 */
uint32_t
shared_room(struct shared *h, struct sched_queue *q, int64_t now_us)
{
	uint32_t slots = slots_room(&h->scope.conns), useful;

	if (slots == 0 || shared_open_at(h, q, now_us) > now_us)
		return 0;
	useful = rate_room(h, now_us);
	if (useful == 0 && claim_of_lane(&h->scope, q->lane))
		useful = 1;
	return slots < useful ? slots : useful;
}

bool
shared_says_no(struct shared *h, enum limit_kind kind, int64_t now_us,
    int64_t *until_us)
{
	uint64_t n = kind == LIMIT_DATA ? h->bytes : 1;

	*until_us = slots_next(&h->scope.conns);
	if (kind == LIMIT_CONNS)
		return slots_room(&h->scope.conns) == 0;
	*until_us = scope_next(&h->scope, kind, n, now_us);
	if (kind == LIMIT_CONNECT)
		return *until_us > now_us;
	*until_us = scope_lead(*until_us, h->setup_us, now_us);
	if (*until_us > now_us)
		return true;
	*until_us = INT64_MAX;
	return scope_has(&h->scope, kind) && rate_room(h, now_us) == 0;
}

/* ---- turns --------------------------------------------------------------- */

struct sched_queue *
shared_opener(struct shared *h)
{
	struct waiter *w = line_first(&h->open);
	struct sched_queue *q, *by;

	if (w == NULL)
		return NULL;
	q = lane_opener(OF(lane, open_wait, w));
	if (q->lane->passes == q)
		return q; /* for it the lane was let through */
	by = claim_first(&h->scope, q);
	return by != NULL && by->lane->open_at == h &&
		line_of(&by->open_wait) != NULL &&
		claim_of_lane(&h->scope, by->lane) ?
	    by :
	    q;
}

struct sched_queue *
shared_giver(struct shared *h)
{
	struct waiter *w = line_first(&h->give);
	struct sched_queue *q, *by;

	if (w == NULL)
		return NULL;
	q = lane_giver(OF(lane, give_wait, w));
	by = claim_first(&h->scope, q);
	return by != NULL && by->lane->give_at == h &&
		line_of(&by->give_wait) != NULL ?
	    by :
	    q;
}

/* ---- time ---------------------------------------------------------------- */

/*
 * When to take back an idle connection because others wait for its slot.
 * When only a rate says that there are enough, all stay: those that wait for
 * it would be opened again and never get there, and no other counts.
 */
static int64_t
reclaim_at(struct shared *h)
{
	if (h->open_n <= h->conns.in[CONN_CLOSING] ||
	    slots_room(&h->scope.conns) > 0)
		return INT64_MAX;
	return shared_reclaim_at(h);
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

void
shared_changed(struct shared *h)
{
	if (h->open.n > 0 || h->give.n > 0)
		timer_set(&h->sched->timers, &h->timer, 0);
}

void
shared_wait(struct shared *h, int64_t now_us)
{
	struct conn_in *fresh;
	int64_t at = INT64_MAX;

	(void)using_rates(h, now_us); /* those that are stale have gone */
	fresh = TAILQ_FIRST(&h->fresh);
	if (h->give.n > 0)
		at = shared_token_at(h, shared_giver(h), now_us);
	if (h->open.n > 0) {
		struct sched_queue *q = shared_opener(h);
		int64_t t = shared_open_at(h, q, now_us), until;

		if (t > now_us) {
			at = earlier(at, t);
		} else {
			at = earlier(at, reclaim_at(h));
			until = backfill_conn_at(h, q, now_us);
			if (until > 0)
				at = earlier(at, until);
			if (slots_room(&h->scope.conns) == 0)
				at = earlier(at, slots_next(&h->scope.conns));
			if (shared_has_rates(h) && fresh != NULL)
				at = earlier(at, stale_at(h, fresh));
		}
	}
	if (priority_must_cut(h))
		at = now_us;
	timer_set(&h->sched->timers, &h->timer, at);
}

/* ---- serving ------------------------------------------------------------- */

static void
let_through(struct shared *h, int64_t now_us)
{
	struct sched_queue *q;

	while ((q = shared_opener(h)) != NULL) {
		uint32_t room = shared_room(h, q, now_us);

		if (h->passing >= room ||
		    (h->passing + 1 >= room &&
			backfill_conn_at(h, q, now_us) > 0))
			break;
		if (!claim_turn_aside(q, &h->scope, now_us))
			lane_let_through(q, now_us);
	}
}

static void
give(struct shared *h, int64_t now_us)
{
	/* At most once each: who needs more joins at the end. */
	for (uint32_t n = h->give_n; n > 0 && h->give.n > 0; n--) {
		struct sched_queue *q = shared_giver(h);

		if (shared_token_at(h, q, now_us) > now_us)
			break;
		lane_takes_turn(q, now_us);
		sched_serve(h->sched, q, now_us);
	}
}

void
shared_run(struct shared *h, int64_t now_us)
{
	/* What waits in the line of the process is served by conns_open(). */
	if (h->level == LEVEL_PROCESS)
		return;
	while (shared_is_full(h, 0, now_us) && reclaim_at(h) <= now_us)
		conn_take_back(h->sched, shared_idle(h));
	priority_cut(h);
	give(h, now_us);
	let_through(h, now_us);
	shared_wait(h, now_us);
}

/* ---- any scope ----------------------------------------------------------- */

void
scope_changed(struct sched *s, struct scope *c)
{
	switch (c->kind) {
	case SCOPE_QUEUE:
		sched_dirty(s, OF(sched_queue, scope, c));
		return;
	case SCOPE_SOURCE:
		source_changed(s, OF(queue_source, scope, c));
		sched_dirty(s, OF(queue_source, scope, c)->queue);
		return;
	case SCOPE_ROLLUP_BACKOFF:
	case SCOPE_ROLLUP:
	case SCOPE_VMTA:
	case SCOPE_POOL:
	case SCOPE_PROVIDER:
	case SCOPE_PROCESS:
		shared_changed(OF(shared, scope, c));
		return;
	case SCOPE_JOB:
	case SCOPE_USER:
		payer_changed(c);
		return;
	case SCOPE_BACKOFF:
		sched_dirty(s, OF(sched_standing, also, c)->queue);
		return;
	case SCOPE_MX:
	case SCOPE_REMOTE:
		break;
	}
	CHECK_NEVER("a scope that a queue's mail counts in");
}

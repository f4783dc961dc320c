/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at one queue: what is due, what its idle connections can take, for
 * which limit it waits; and the end of grants.
 */
#include "vmta/sched_priv.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "vmta/handed.h"
#include "vmta/sched_delay.h"
#include "vmta/sched_pin.h"

/* A connection waits for a rate for so long; then it is closed. */
#define KEEP_US (5 * US_PER_S)
/* A queue that waits so long waits on after a crash. */
#define KEPT_WAIT_US (60 * US_PER_S)
#define ERROR_TEXT 200
#define GRANT_MAX 10000 /* recipients */

static int64_t
keep_us(const struct sched_queue *q)
{
	int64_t idle = q->conf->conf.idle_timeout_us;

	return idle > KEEP_US ? idle : KEEP_US;
}

/* ---- granting ------------------------------------------------------------ */

_Static_assert(offsetof(struct grant, rcpts) % _Alignof(struct rcpt *) == 0 &&
	sizeof(struct grant_rcpt) % _Alignof(struct rcpt *) == 0,
    "pointers may stand behind them");

/* Its queue may go before the grant does. */
static void
note_origin(struct grant *pub, const struct backlog *b, const struct group *g)
{
	struct handed_from from;

	if (!g->handed)
		return;
	from = handed_find(&b->handed, g);
	pub->of_domain = mem_strdup(from.domain);
	pub->of_vmta = mem_strdup(from.vmta);
}

static struct grant_rec *
grant_new(struct sched_conn *c, struct group *g, uint32_t max)
{
	struct entry *e = g->entry;
	struct grant_rec *r;
	size_t size;

	if (max > g->rcpts)
		max = g->rcpts;
	size = sizeof(*r) +
	    max * (sizeof(struct grant_rcpt) + sizeof(struct rcpt *));
	r = mem_zalloc(size);
	r->rcpts = (void *)(r->pub.rcpts + max); /* of one allocation */
	r->pub.conn = c;
	r->pub.msg = backlog_message(e);
	r->reading = e->msg == NULL;
	r->pub.had_round = vqueue_had_round(c->queue, g);
	note_origin(&r->pub, &c->sched->backlog, g);
	if (r->reading)
		e->reading++;
	r->pub.count = vqueue_take(c->queue, g, r->rcpts, max);
	for (uint32_t i = 0; i < r->pub.count; i++) {
		r->pub.rcpts[i].n = r->rcpts[i]->n;
		r->pub.rcpts[i].attempts = r->rcpts[i]->attempts;
	}
	CHECK(r->pub.count > 0);
	return r;
}

/* MSG and DATA of the queue, its backoff, the source and the shared scopes. */
#define TAKEN_MAX ((size_t)2 * (3 + LEVELS))

/* Where number i is, in the list as it is long enough for it. */
static struct taken *
taken_at(struct grant_rec *r, uint8_t i)
{
	return r->taken == NULL ? &r->few[i] : &r->taken[i];
}

static void
take(struct grant_rec *r, struct scope *c, enum limit_kind kind,
    const struct asked *a)
{
	uint32_t n = kind == LIMIT_DATA ? a->bytes : r->pub.count;

	if (c->rates[kind] == NULL || n == 0 ||
	    !scope_take(c, kind, n, a->now_us))
		return;
	CHECK(r->taken_n < TAKEN_MAX);
	if (r->taken_n == TAKEN_FEW) {
		r->taken = mem_array(TAKEN_MAX, sizeof(*r->taken));
		memcpy(r->taken, r->few, sizeof(r->few));
	}
	taken_at(r, r->taken_n)[0] = (struct taken){ c, kind, n };
	r->taken_n++;
}

static void
take_all(struct grant_rec *r, struct sched_conn *c, const struct asked *a)
{
	for (int i = AT_QUEUE; i < CHECK_ATS; i++) {
		if (a->at[i] == NULL)
			continue;
		take(r, a->at[i], LIMIT_MSG, a);
		take(r, a->at[i], LIMIT_DATA, a);
	}
	if (c->from != NULL) /* the next one there */
		source_changed(c->sched, c->from);
	for (int i = 0; i < LEVEL_PROCESS; i++) {
		struct shared *h = c->in[i].shared;

		if (h != NULL)
			h->bytes =
			    (uint32_t)((3 * (uint64_t)h->bytes + a->bytes) / 4);
	}
}

static void
charge_all(const struct asked *a, uint32_t origin, uint32_t n)
{
	lane_charge(a->q->lane, origin, n);
	for (int i = AT_JOB; i <= AT_USER; i++)
		if (a->at[i] != NULL)
			payer_charge(a->at[i], origin, a->q->lane, n);
}

/* Would so many take what another one claims there? */
static bool
is_claimed(const struct asked *a, struct scope *at, uint64_t n)
{
	return at->claimed != NULL &&
	    backfill_token_at(at, a->q, LIMIT_MSG, n, a->now_us) > a->now_us;
}

/* How many recipients of g may go now, of so many that its source may try. */
static uint32_t
tokens(const struct asked *a, const struct group *g, uint64_t most)
{
	uint64_t n = a->q->conf->conf.max_rcpt_per_msg;

	if (n == 0 || n > GRANT_MAX)
		n = GRANT_MAX;
	if (n > g->rcpts)
		n = g->rcpts;
	for (int i = AT_QUEUE; i < CHECK_ATS; i++)
		if (a->at[i] != NULL)
			n = scope_room(a->at[i], LIMIT_MSG, n, a->now_us);
	if (most < n)
		n = most;
	for (int i = AT_SHARED; i < CHECK_ATS; i++)
		while (n > 1 && a->at[i] != NULL && is_claimed(a, a->at[i], n))
			n /= 2;
	return (uint32_t)n;
}

static void
grant(struct sched *s, struct sched_conn *c, struct group *g,
    const struct asked *a, uint64_t most)
{
	struct sched_queue *q = c->queue;
	uint32_t origin = g->entry->origin;
	struct grant_rec *r;

	(void)sched_origin(s, origin);
	r = grant_new(c, g, tokens(a, g, most));
	warmup_granted(c, r->pub.count);
	r->granted_us = a->now_us;
	take_all(r, c, a);
	r->pub.timed = r->taken_n > 0;
	charge_all(a, origin, r->pub.count);
	q->progress_us = a->now_us;
	claim_served(q, origin);
	c->grant = r;
	c->origin = origin;
	c->messages++;
	c->turn_rcpts += r->pub.count;
	q->by16 = q->by16 == 0 ? 16 * r->pub.count :
				 (7 * q->by16 + 16 * r->pub.count) / 8;
	conn_set_state(s, c, CONN_BUSY);
	priority_busy(c);
	SCHED_TELL(s, grant, c, &r->pub);
}

/*
 * The first shared scope on its way where others wait for a token, and its own
 * turn has not come yet.
 */
static struct shared *
others_wait(const struct sched_conn *c)
{
	for (int i = 0; i < LEVEL_PROCESS; i++) {
		struct shared *h = c->in[i].shared;

		if (h != NULL && h->give_n > 0 &&
		    !claim_had(c->queue, &h->scope, WANT_TOKEN))
			return h;
	}
	return NULL;
}

/* A wait for a rate until then; when it is long, without connections. */
static void
keep_for(struct sched *s, struct sched_queue *q, int64_t until_us,
    int64_t now_us)
{
	struct sched_conn *c;

	/* INT64_MAX: as soon as a RCPT on its way is written. */
	if (until_us == INT64_MAX || until_us - now_us <= keep_us(q))
		return;
	while ((c = TAILQ_FIRST(&q->idle_conns)) != NULL)
		conn_close(s, c);
	lane_wants_no_token(q);
}

/* No connection of the queue has anything to do now. */
static void
rest(struct sched *s, struct sched_queue *q, int64_t now_us)
{
	struct sched_conn *c;
	bool keep;

	if (!claim_keeps_place(q))
		lane_wants_no_token(q);
	else if (line_of(&q->give_wait) == NULL)
		claim_aside(q, now_us);
	keep = !retry_waits(&q->retry, now_us) && !sched_is_paused(s, q) &&
	    (q->ready > 0 || q->aside > 0 || q->conf->conf.idle_timeout_us > 0);
	if (!keep)
		sources_unpark(q);
	while (!keep && (c = TAILQ_FIRST(&q->idle_conns)) != NULL)
		conn_close(s, c);
}

/* A rate says no to it; returns when to look at the queue again. */
static int64_t
refuse(struct sched *s, struct sched_conn *c, const struct check_no *no,
    int64_t now_us)
{
	struct sched_queue *q = c->queue;

	switch (no->check->at) {
	case AT_SOURCE:
		if (no->until_us < INT64_MAX &&
		    no->until_us - now_us > keep_us(q))
			conn_close(s, c);
		else
			source_park(s, c, no->until_us);
		return INT64_MAX;
	case AT_QUEUE:
	case AT_BACKOFF:
		lane_wants_no_token(q);
		keep_for(s, q, no->until_us, now_us);
		return no->until_us;
	case AT_NONE:
		rest(s, q, now_us);
		return INT64_MAX;
	case AT_ROLLUP_BACKOFF:
	case AT_ROLLUP:
	case AT_VMTA:
	case AT_POOL:
	case AT_PROVIDER:
	case AT_PROCESS:
		break;
	case AT_JOB:
	case AT_USER:
		CHECK_NEVER("mail that was not set aside");
	}
	lane_wants_token(q, OF(shared, scope, no->scope), now_us);
	payers_go_on(q, now_us);
	keep_for(s, q, no->until_us, now_us);
	return INT64_MAX;
}

/* One that waited for its token uses it before it yields. */
static bool
must_go(struct sched_conn *c, int64_t now_us)
{
	return c->cut || conn_must_close(c, now_us) ||
	    (c->idle_us == now_us && conn_must_yield(c, now_us));
}

/* No mail is pinned to it, and what is pinned may not go over it. */
static bool
is_kept_out(struct sched_queue *q, struct sched_conn *c, const struct group *g,
    int64_t now_us)
{
	return g == NULL && pins_wait(q) && pin_is_kept_out(c, now_us);
}

/*
 * Gives idle connections what may go now.  Returns when our own rate lets the
 * next one go.
 */
static int64_t
give(struct sched *s, struct sched_queue *q, int64_t now_us)
{
	struct sched_conn *c;
	struct check_no no;
	struct group *g;
	struct shared *at;
	struct asked a;
	uint64_t most;
	int64_t until;

	while ((c = pin_idle(q, now_us)) != NULL) {
		if (must_go(c, now_us)) {
			conn_close(s, c);
			continue;
		}
		most = warmup_room(c, now_us, &until);
		if (most == 0) {
			/* The source has had its day, or is asked for. */
			if (until - now_us <= keep_us(q))
				return until;
			conn_close(s, c);
			continue;
		}
		g = q->pins == NULL ? NULL : pin_group(c, now_us);
		if (is_kept_out(q, c, g, now_us)) {
			conn_close(s, c);
			continue;
		}
		if (g == NULL)
			g = origins_sift(s, q, 0, now_us);
		if (g == NULL) {
			rest(s, q, now_us);
			return INT64_MAX;
		}
		if (expiry_closes(s, q, g, now_us))
			continue;
		ask_give(&a, c, g, now_us);
		if (give_says_no(&a, &no)) {
			int64_t again = refuse(s, c, &no, now_us);

			if (no.check->at == AT_SOURCE)
				continue;
			return again;
		}
		at = others_wait(c);
		if (at != NULL) {
			lane_wants_token(q, at, now_us);
			payers_go_on(q, now_us);
			return INT64_MAX;
		}
		grant(s, c, g, &a, most);
	}
	lane_wants_no_token(q);
	return INT64_MAX;
}

/* at: if it has mail or connections; else it is forgotten after a while. */
static int64_t
next_look(struct sched_queue *q, int64_t at, int64_t now_us)
{
	if (q->rcpts > 0 || !TAILQ_EMPTY(&q->all_conns)) {
		q->idle_us = 0;
		return at;
	}
	if (q->idle_us == 0)
		q->idle_us = now_us;
	return sched_forget_at(q);
}

void
sched_serve(struct sched *s, struct sched_queue *q, int64_t now_us)
{
	int64_t at, t, aged, asks = INT64_MAX;
	int64_t job_aged = INT64_MAX, pinned = INT64_MAX;

	if (q->is_dirty) { /* this is the look that was asked for */
		TAILQ_REMOVE(&s->dirty, q, dirty);
		q->is_dirty = false;
	}
	sched_refresh(s, q, now_us);
	if (q->is_reloaded)
		conns_shed(s, q, now_us);
	aged = expiry_serve(s, q, now_us);
	if (q->by_mx)
		asks = place_settle(s, q, now_us);
	if (s->job_pauses.count > 0)
		job_aged = jobs_serve(s, q, now_us);
	connect_settle_place(s, q, now_us);
	if (q->pins != NULL)
		pinned = pins_settle(s, q, now_us);
	if (q->ready > 0 || pins_wait(q))
		sched_set_rates(s, q, now_us);
	at = give(s, q, now_us);
	if (s->has_payers)
		(void)origins_sift(s, q, q->setup_us, now_us);
	if (conns_wanted(s, q, now_us, &t) > 0)
		lane_wants_open(q, now_us);
	else if (!claim_keeps_place(q))
		lane_wants_no_open(q);
	claim_settle(q, now_us);
	at = t < at ? t : at;
	t = vqueue_next_due(q);
	at = t < at ? t : at;
	at = aged < at ? aged : at;
	at = job_aged < at ? job_aged : at;
	at = pinned < at ? pinned : at;
	at = asks < at ? asks : at;
	at = next_look(q, at, now_us);
	sched_drop_rates(s, q, now_us);
	timer_set(&s->timers, &q->timer, at);
	if (q->standing != NULL)
		standing_settle(s, q->standing, now_us);
}

void
sched_ready(struct sched *s, struct sched_conn *c, int64_t now_us)
{
	struct sched_queue *q = c->queue;
	int64_t keep;

	CHECK(c->sched == s && c->grant == NULL && !s->in_callback);
	if (c->state == CONN_CLOSING)
		return; /* the two crossed */
	CHECK(c->state == CONN_OPENING || c->state == CONN_BUSY);
	conn_is_ready(s, c, now_us);
	conn_set_state(s, c, CONN_IDLE);
	conn_welcome(q);
	c->idle_us = now_us;
	sched_serve(s, q, now_us);
	if (c->state != CONN_IDLE)
		return;
	for (int i = 0; i < LEVEL_PROCESS; i++) /* it may have to go */
		if (c->in[i].shared != NULL)
			shared_changed(c->in[i].shared);
	keep = q->ready + q->aside > 0 ? keep_us(q) :
					 q->conf->conf.idle_timeout_us;
	keep = keep > INT64_MAX - now_us ? INT64_MAX : now_us + keep;
	if (remote_yields_to(c) != NULL && conn_reclaim_at(c) < keep)
		keep = conn_reclaim_at(c);
	timer_set(&s->timers, &c->timer, keep);
}

/* ---- the end of a grant -------------------------------------------------- */

/*
 * So many recipients were written then, and the tokens of the others come back;
 * bytes count when they are taken.
 */
static void
settle_written(struct grant_rec *r, uint32_t n, int64_t when_us)
{
	for (uint8_t i = 0; i < r->taken_n; i++) {
		struct scope *scope = taken_at(r, i)->scope;

		if (taken_at(r, i)->kind != LIMIT_MSG)
			continue;
		scope_settle(scope, LIMIT_MSG, n, when_us);
		scope_return(scope, LIMIT_MSG, r->pub.count - n);
	}
}

static void
tell_changed(struct sched *s, struct grant_rec *r)
{
	for (uint8_t i = 0; i < r->taken_n; i++)
		scope_changed(s, taken_at(r, i)->scope);
}

/*
 * A job or a user goes when its window has forgotten what was written, however
 * long the server takes to reply.
 */
static void
forget_payers(struct grant_rec *r)
{
	uint8_t n = 0;

	for (uint8_t i = 0; i < r->taken_n; i++) {
		struct taken t = *taken_at(r, i);

		if (t.scope->kind != SCOPE_JOB && t.scope->kind != SCOPE_USER)
			*taken_at(r, n++) = t;
	}
	r->taken_n = n;
}

void
sched_written(struct sched *s, struct grant *g, uint32_t n, int64_t when_us)
{
	struct sched_conn *c = g->conn;
	struct grant_rec *r = OF(grant_rec, pub, g);

	CHECK(c->sched == s && c->grant == r && !s->in_callback);
	CHECK(n <= g->count);
	if (r->settled)
		return;
	r->settled = true;
	settle_written(r, n, when_us);
	tell_changed(s, r);
	forget_payers(r);
}

/* From now, when sched_written() was not said. */
static void
settle_rcpts(struct grant_rec *r, const struct sched_result *results,
    int64_t now_us)
{
	uint32_t written = 0;

	if (r->settled)
		return;
	r->settled = true;
	for (uint32_t i = 0; i < r->pub.count; i++)
		written += results[i].written;
	settle_written(r, written, now_us);
}

/* The message was sent if any recipient's server took it. */
static void
settle_bytes(struct grant_rec *r, const struct sched_result *results,
    int64_t now_us)
{
	bool delivered = false;

	for (uint32_t i = 0; i < r->pub.count; i++)
		delivered = delivered || results[i].delivered;
	for (uint8_t i = 0; i < r->taken_n; i++) {
		struct taken *t = taken_at(r, i);

		if (t->kind != LIMIT_DATA)
			continue;
		if (delivered)
			scope_settle(t->scope, LIMIT_DATA, t->n, now_us);
		else
			scope_return(t->scope, LIMIT_DATA, t->n);
	}
}

static void
grant_free(struct grant_rec **rp)
{
	struct grant_rec *r = *rp;

	*rp = NULL;
	message_unref(&r->pub.msg);
	free(r->pub.of_domain);
	free(r->pub.of_vmta);
	free(r->taken);
	free(r);
}

static bool
apply(struct sched *s, struct sched_conn *c, struct rcpt *rcpt,
    const struct sched_result *result, int64_t now_us)
{
	struct sched_queue *q = c->queue;

	switch (result->fate) {
	case FATE_DONE:
		vqueue_drop(q, &s->backlog, rcpt);
		return true;
	case FATE_RETRY:
		if (rcpt->attempts < RCPT_ATTEMPTS_MAX)
			rcpt->attempts++;
		delay_deferred(s, q, rcpt, now_us);
		vqueue_defer(q, rcpt, result->due_us);
		if (result->refused)
			vqueue_refused(q, rcpt->group);
		if (result->pin_until_us > 0)
			pin_keep(c, rcpt->group, result->pin_until_us);
		return true;
	case FATE_UNUSED:
		if (result->skipped)
			vqueue_skip(q, rcpt->group);
		vqueue_untake(q, rcpt, now_us);
		return false;
	}
	CHECK_NEVER("a fate");
	return false;
}

void
sched_results(struct sched *s, struct grant **gp,
    const struct sched_result *results, int64_t now_us)
{
	struct grant_rec *r = OF(grant_rec, pub, *gp);
	struct sched_conn *c = (*gp)->conn;
	struct sched_queue *q = c->queue;
	struct entry *e = r->rcpts[0]->group->entry;

	*gp = NULL;
	CHECK(c->sched == s && c->grant == r && !s->in_callback);
	CHECK(c->state == CONN_BUSY);
	priority_done(c);
	settle_rcpts(r, results, now_us);
	settle_bytes(r, results, now_us);
	if (r->reading) {
		CHECK(e->reading > 0);
		e->reading--;
	}
	/* Backwards: what goes back to the front is in order again. */
	for (uint32_t i = r->pub.count; i-- > 0;)
		if (apply(s, c, r->rcpts[i], &results[i], now_us))
			c->useful = true;
		else
			warmup_untried(c, 1);
	sched_average(&q->busy_us, now_us - r->granted_us);
	for (int i = 0; i < LEVEL_PROCESS; i++)
		if (c->in[i].shared != NULL)
			sched_average(&c->in[i].shared->busy_us,
			    now_us - r->granted_us);
	sched_dirty(s, q);
	sched_move_back(s, q, results, r->pub.count);
	tell_changed(s, r);
	grant_free(&r);
	c->grant = NULL;
}

/* ---- the queue as a whole ------------------------------------------------ */

void
sched_keep_error(struct sched_queue *q, const char *why)
{
	size_t len = strnlen(why, ERROR_TEXT);

	q->last_error = mem_realloc(q->last_error, len + 1);
	memcpy(q->last_error, why, len);
	q->last_error[len] = '\0';
}

int64_t
sched_queue_failed(struct sched *s, struct sched_queue *q, enum retry_kind kind,
    const char *why, int64_t now_us, bool tried)
{
	bool waited = retry_waits(&q->retry, now_us);
	bool again = kind == RETRY_DNS && !waited && q->retry.unresolved;
	int64_t until;

	CHECK(!s->in_callback);
	sched_keep_error(q, why);
	q->refusals = 0;
	vqueue_end_round(q);
	choice_forget_place(q);
	sched_refresh(s, q, now_us);
	until = retry_failed_for(&q->retry, &q->conf->conf, sched_queue_mode(q),
	    kind, now_us);
	if (!waited)
		sched_keep_dirty(s, q, until - now_us >= KEPT_WAIT_US);
	expiry_failed(s, q, tried || again, now_us);
	delay_queue_failed(s, q, now_us);
	vqueue_cool(q);
	sched_dirty(s, q);
	return until;
}

void
sched_queue_worked(struct sched *s, struct sched_queue *q)
{
	CHECK(!s->in_callback);
	if (q->retry.position > 0)
		sched_keep_dirty(s, q, false);
	retry_worked(&q->retry);
}

void
sched_queue_take_all(struct sched *s, struct sched_queue *q, sched_taken_fn *fn,
    void *ctx, int64_t now_us)
{
	CHECK(!s->in_callback);
	s->in_callback = true;
	vqueue_clear(q, &s->backlog, false, fn, ctx);
	s->in_callback = false;
	sched_dirty(s, q);
	(void)now_us;
}

void
sched_queue_take_old(struct sched *s, struct sched_queue *q, int64_t born_us,
    sched_taken_fn *fn, void *ctx, int64_t now_us)
{
	CHECK(!s->in_callback);
	s->in_callback = true;
	vqueue_take_old(q, &s->backlog, born_us, fn, ctx);
	s->in_callback = false;
	sched_dirty(s, q);
	(void)now_us;
}

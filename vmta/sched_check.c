/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/sched_check.h"

#include "vmta/sched_priv.h"

/* ---- the queue's own ----------------------------------------------------- */

static bool
held(const struct asked *a, const struct check *c, struct check_no *no)
{
	(void)c;
	(void)no;
	return a->s->held;
}

static bool
paused(const struct asked *a, const struct check *c, struct check_no *no)
{
	(void)c;
	(void)no;
	return sched_is_paused(a->s, a->q);
}

/* Who its limits are shared with is not known yet. */
static bool
resolves(const struct asked *a, const struct check *c, struct check_no *no)
{
	(void)c;
	(void)no;
	return a->q->unplaced;
}

/* A crash could send one that nobody has counted. */
static bool
counts(const struct asked *a, const struct check *c, struct check_no *no)
{
	(void)c;
	(void)no;
	return a->q->cold_waits;
}

static bool
retries(const struct asked *a, const struct check *c, struct check_no *no)
{
	(void)c;
	no->until_us = a->q->retry.until_us;
	return retry_waits(&a->q->retry, a->now_us);
}

static bool
sources_off(const struct asked *a, const struct check *c, struct check_no *no)
{
	(void)c;
	if (standing_of(a->q) == NULL)
		return false;
	/* Some may be of no use for other reasons. */
	return standing_all_off(a->s, a->q, a->now_us, &no->until_us) ||
	    choice_best(a->s, a->q, a->now_us) == CHOICE_OFF;
}

static bool
warming_up(const struct asked *a, const struct check *c, struct check_no *no)
{
	(void)c;
	if (!a->s->warmups.any ||
	    choice_best(a->s, a->q, a->now_us) != CHOICE_WARMUP)
		return false;
	no->until_us = warmup_back(a->s, a->q, a->now_us);
	return true;
}

static bool
was_useless(const struct asked *a, const struct check *c, struct check_no *no)
{
	(void)c;
	no->until_us = a->q->open_after_us;
	return no->until_us > a->now_us;
}

static bool
ramps_up(const struct asked *a, const struct check *c, struct check_no *no)
{
	int64_t rampup = a->q->conf->conf.rampup_us;

	(void)c;
	/* One that has not called yet counts as now, whenever now is. */
	no->until_us = a->q->calling > 0 ? a->now_us + rampup :
					   a->q->opened_us + rampup;
	return rampup > 0 && a->q->opened_us > 0 && no->until_us > a->now_us;
}

static bool
lost_sources(const struct asked *a, const struct check *c, struct check_no *no)
{
	(void)c;
	(void)no;
	return choice_may_be_no(a->s, a->q) &&
	    choice_best(a->s, a->q, a->now_us) == CHOICE_LOST;
}

static bool
no_family(const struct asked *a, const struct check *c, struct check_no *no)
{
	(void)c;
	(void)no;
	return choice_may_be_no(a->s, a->q) &&
	    choice_best(a->s, a->q, a->now_us) == CHOICE_FORBIDDEN;
}

/* ---- limits -------------------------------------------------------------- */

static bool
no_slot(const struct asked *a, const struct check *c, struct check_no *no)
{
	no->until_us = slots_next(&a->at[c->at]->conns);
	return slots_room(&a->at[c->at]->conns) == 0;
}

/* A rate that has to have room now: of connections, or of what is given. */
static bool
no_token(const struct asked *a, const struct check *c, struct check_no *no)
{
	no->until_us = scope_next(a->at[c->at], c->kind,
	    c->kind == LIMIT_DATA ? a->bytes : 1, a->now_us);
	return no->until_us > a->now_us;
}

/* The same of the queue's own, which other mail of it may be about to need. */
static bool
no_own_token(const struct asked *a, const struct check *c, struct check_no *no)
{
	if (no_token(a, c, no))
		return true;
	no->until_us = backfill_own_at(a->q, a->now_us);
	return no->until_us > 0;
}

/* The same of a scope that others share, some of whom may be before it. */
static bool
no_shared_token(const struct asked *a, const struct check *c,
    struct check_no *no)
{
	no->until_us = backfill_token_at(a->at[c->at], a->q, c->kind,
	    c->kind == LIMIT_DATA ? a->bytes : 1, a->now_us);
	return no->until_us > a->now_us;
}

/* A rate that has to have room when a connection opened now is ready. */
static bool
no_token_soon(const struct asked *a, const struct check *c, struct check_no *no)
{
	no->until_us = scope_lead(scope_next(a->at[c->at], c->kind,
				      c->kind == LIMIT_DATA ? a->bytes : 1,
				      a->now_us),
	    a->q->setup_us, a->now_us);
	return no->until_us > a->now_us;
}

static bool
no_source(const struct asked *a, const struct check *c, struct check_no *no)
{
	(void)c;
	if (a->q->sources == NULL)
		return false;
	no->until_us = sources_next(a->s, a->q, a->bytes, a->now_us);
	return no->until_us > a->now_us;
}

/* Connections were refused there, and no slot is kept for the next one. */
static bool
is_full(const struct sched_queue *q, enum remote_kind kind)
{
	const struct remote_scope *s;

	if (q->remote == NULL)
		return false;
	s = remote_queue_waits(q);
	return remote_queue_room(q) == 0 && s != NULL && s->kind == kind;
}

static bool
full_mx(const struct asked *a, const struct check *c, struct check_no *no)
{
	(void)c;
	(void)no;
	return is_full(a->q, REMOTE_MX);
}

static bool
full_address(const struct asked *a, const struct check *c, struct check_no *no)
{
	(void)c;
	(void)no;
	return is_full(a->q, REMOTE_IP);
}

static bool
shared_no(const struct asked *a, const struct check *c, struct check_no *no)
{
	return shared_says_no(OF(shared, scope, a->at[c->at]), c->kind,
	    a->now_us, &no->until_us);
}

/* ---- tables -------------------------------------------------------------- */

const struct check checks_open[CHECKS_OPEN] = {
	{ "room on the spool's disk", AT_NONE, 0, held, WHY_HELD },
	{ "paused", AT_NONE, 0, paused, WHY_PAUSED },
	{ "retry-after", AT_NONE, 0, retries, WHY_RETRY },
	{ "its MX hosts", AT_NONE, 0, resolves, WHY_RESOLVING },
	{ "a count on the disk", AT_NONE, 0, counts, WHY_COUNTING },
	{ "sources that are disabled", AT_NONE, 0, sources_off,
	    WHY_SOURCES_OFF },
	{ "warm-up", AT_NONE, 0, warming_up, WHY_WARMUP },
	{ "a source address", AT_NONE, 0, lost_sources, WHY_ALL_LOST },
	{ "address-family", AT_NONE, 0, no_family, WHY_NO_FAMILY },
	{ "max-msg-rate", AT_QUEUE, LIMIT_MSG, no_token_soon, WHY_LIMIT },
	{ "max-data-volume-rate", AT_QUEUE, LIMIT_DATA, no_token_soon,
	    WHY_LIMIT },
	{ "max-connect-rate", AT_QUEUE, LIMIT_CONNECT, no_token, WHY_LIMIT },
	{ "backoff-max-msg-rate", AT_BACKOFF, LIMIT_MSG, no_token_soon,
	    WHY_LIMIT },
	{ "backoff-max-data-volume-rate", AT_BACKOFF, LIMIT_DATA, no_token_soon,
	    WHY_LIMIT },
	{ "backoff-max-connect-rate", AT_BACKOFF, LIMIT_CONNECT, no_token,
	    WHY_LIMIT },
	{ "smtp-out-rampup-interval", AT_NONE, 0, ramps_up, WHY_RAMPUP },
	{ "a connection that did nothing", AT_NONE, 0, was_useless,
	    WHY_FRUITLESS },
	{ "max-smtp-out", AT_QUEUE, LIMIT_CONNS, no_slot, WHY_LIMIT },
	{ "source-ip-max-*", AT_NONE, 0, no_source, WHY_LIMIT },
	{ "mx-connection-limit", AT_NONE, LIMIT_CONNS, full_mx, WHY_LIMIT },
	{ "ip-connection-limit", AT_NONE, LIMIT_CONNS, full_address,
	    WHY_LIMIT },
	{ "backoff-max-msg-rate of the rollup", AT_ROLLUP_BACKOFF, LIMIT_MSG,
	    shared_no, WHY_LIMIT },
	{ "backoff-max-data-volume-rate of the rollup", AT_ROLLUP_BACKOFF,
	    LIMIT_DATA, shared_no, WHY_LIMIT },
	{ "backoff-max-connect-rate of the rollup", AT_ROLLUP_BACKOFF,
	    LIMIT_CONNECT, shared_no, WHY_LIMIT },
	{ "max-msg-rate of the rollup", AT_ROLLUP, LIMIT_MSG, shared_no,
	    WHY_LIMIT },
	{ "max-data-volume-rate of the rollup", AT_ROLLUP, LIMIT_DATA,
	    shared_no, WHY_LIMIT },
	{ "max-connect-rate of the rollup", AT_ROLLUP, LIMIT_CONNECT, shared_no,
	    WHY_LIMIT },
	{ "max-smtp-out of the rollup", AT_ROLLUP, LIMIT_CONNS, shared_no,
	    WHY_LIMIT },
	{ "max-smtp-msg-rate", AT_VMTA, LIMIT_MSG, shared_no, WHY_LIMIT },
	{ "max-smtp-data-volume-rate", AT_VMTA, LIMIT_DATA, shared_no,
	    WHY_LIMIT },
	{ "max-smtp-out of the virtual MTA", AT_VMTA, LIMIT_CONNS, shared_no,
	    WHY_LIMIT },
	{ "max-smtp-msg-rate of the pool", AT_POOL, LIMIT_MSG, shared_no,
	    WHY_LIMIT },
	{ "max-smtp-data-volume-rate of the pool", AT_POOL, LIMIT_DATA,
	    shared_no, WHY_LIMIT },
	{ "max-smtp-out of the pool", AT_POOL, LIMIT_CONNS, shared_no,
	    WHY_LIMIT },
	{ "max-msg-rate of the provider", AT_PROVIDER, LIMIT_MSG, shared_no,
	    WHY_LIMIT },
	{ "max-data-volume-rate of the provider", AT_PROVIDER, LIMIT_DATA,
	    shared_no, WHY_LIMIT },
	{ "max-connect-rate of the provider", AT_PROVIDER, LIMIT_CONNECT,
	    shared_no, WHY_LIMIT },
	{ "max-smtp-out of the provider", AT_PROVIDER, LIMIT_CONNS, shared_no,
	    WHY_LIMIT },
	{ "total-max-smtp-out", AT_PROCESS, LIMIT_CONNS, shared_no, WHY_LIMIT },
};

const struct check checks_give[CHECKS_GIVE] = {
	{ "room on the spool's disk", AT_NONE, 0, held, WHY_HELD },
	{ "paused", AT_NONE, 0, paused, WHY_PAUSED },
	{ "retry-after", AT_NONE, 0, retries, WHY_RETRY },
	{ "its MX hosts", AT_NONE, 0, resolves, WHY_RESOLVING },
	{ "a count on the disk", AT_NONE, 0, counts, WHY_COUNTING },
	{ "max-msg-rate", AT_QUEUE, LIMIT_MSG, no_own_token, WHY_LIMIT },
	{ "max-data-volume-rate", AT_QUEUE, LIMIT_DATA, no_token, WHY_LIMIT },
	{ "backoff-max-msg-rate", AT_BACKOFF, LIMIT_MSG, no_token, WHY_LIMIT },
	{ "backoff-max-data-volume-rate", AT_BACKOFF, LIMIT_DATA, no_token,
	    WHY_LIMIT },
	{ "source-ip-max-msg-rate", AT_SOURCE, LIMIT_MSG, no_token, WHY_LIMIT },
	{ "source-ip-max-data-volume-rate", AT_SOURCE, LIMIT_DATA, no_token,
	    WHY_LIMIT },
	{ "backoff-max-msg-rate of the rollup", AT_ROLLUP_BACKOFF, LIMIT_MSG,
	    no_shared_token, WHY_LIMIT },
	{ "backoff-max-data-volume-rate of the rollup", AT_ROLLUP_BACKOFF,
	    LIMIT_DATA, no_shared_token, WHY_LIMIT },
	{ "max-msg-rate of the rollup", AT_ROLLUP, LIMIT_MSG, no_shared_token,
	    WHY_LIMIT },
	{ "max-data-volume-rate of the rollup", AT_ROLLUP, LIMIT_DATA,
	    no_shared_token, WHY_LIMIT },
	{ "max-smtp-msg-rate", AT_VMTA, LIMIT_MSG, no_shared_token, WHY_LIMIT },
	{ "max-smtp-data-volume-rate", AT_VMTA, LIMIT_DATA, no_shared_token,
	    WHY_LIMIT },
	{ "max-smtp-msg-rate of the pool", AT_POOL, LIMIT_MSG, no_shared_token,
	    WHY_LIMIT },
	{ "max-smtp-data-volume-rate of the pool", AT_POOL, LIMIT_DATA,
	    no_shared_token, WHY_LIMIT },
	{ "max-msg-rate of the provider", AT_PROVIDER, LIMIT_MSG,
	    no_shared_token, WHY_LIMIT },
	{ "max-data-volume-rate of the provider", AT_PROVIDER, LIMIT_DATA,
	    no_shared_token, WHY_LIMIT },
	{ "max-msg-rate of the job", AT_JOB, LIMIT_MSG, no_token, WHY_LIMIT },
	{ "max-msg-rate of the user", AT_USER, LIMIT_MSG, no_token, WHY_LIMIT },
};

/* ---- asking -------------------------------------------------------------- */

uint32_t
queue_bytes(struct sched_queue *q)
{
	const struct group *g = vqueue_first(q);

	return g == NULL ? 0 : entry_bytes(g->entry);
}

static struct scope *
backoff_scope(const struct sched_queue *q)
{
	return q->standing == NULL ? NULL : &q->standing->also;
}

void
ask_own(struct asked *a, struct sched *s, struct sched_queue *q, int64_t now_us)
{
	*a = (struct asked){ .s = s,
		.q = q,
		.now_us = now_us,
		.at[AT_QUEUE] = &q->scope,
		.at[AT_BACKOFF] = backoff_scope(q) };

	if (q->scope.rates[LIMIT_DATA] != NULL || q->sources != NULL ||
	    q->standing != NULL)
		a->bytes = queue_bytes(q);
}

void
ask_open(struct asked *a, struct sched *s, struct sched_queue *q,
    int64_t now_us)
{
	ask_own(a, s, q, now_us);
	for (int i = 0; i < LEVELS; i++)
		if (q->lane->path[i] != NULL)
			a->at[AT_SHARED + i] = &q->lane->path[i]->scope;
}

void
ask_give(struct asked *a, struct sched_conn *c, const struct group *g,
    int64_t now_us)
{
	struct scope *payers[ORIGIN_PAYERS];

	*a = (struct asked){ .s = c->sched,
		.q = c->queue,
		.now_us = now_us,
		.bytes = entry_bytes(g->entry),
		.at[AT_QUEUE] = &c->queue->scope,
		.at[AT_BACKOFF] = backoff_scope(c->queue),
		.at[AT_SOURCE] = c->from == NULL ? NULL : &c->from->scope };
	for (int i = 0; i < LEVEL_PROCESS; i++) {
		struct shared *h = c->in[i].shared;

		if (h != NULL && shared_has_rates(h))
			a->at[AT_SHARED + i] = &h->scope;
	}
	if (!c->sched->has_payers)
		return;
	origin_payers(c->sched, g->entry->origin, now_us, payers);
	a->at[AT_JOB] = payers[0];
	a->at[AT_USER] = payers[1];
}

enum { OWN_HALF = CHECKS_OPEN_OWN / 2, GIVE_HALF = CHECKS_GIVE / 2 };

/* Inline: of rows that are known here only those that are there cost time. */
static inline __attribute__((always_inline)) bool
first_no(const struct check *rows, size_t n, const struct asked *a,
    struct check_no *no)
{
#pragma GCC unroll 20
	for (size_t i = 0; i < n; i++) {
		const struct check *c = &rows[i];
		const struct scope *at = a->at[c->at]; /* of AT_NONE: NULL */

		/* Most scopes have no rate of most kinds: they are not asked. */
		if (c->at != AT_NONE &&
		    (at == NULL ||
			(c->kind != LIMIT_CONNS && at->rates[c->kind] == NULL)))
			continue;
		no->until_us = INT64_MAX;
		if (!c->says_no(a, c, no))
			continue;
		no->check = c;
		no->scope = a->at[c->at];
		return true;
	}
	return false;
}

bool
checks_say_no(const struct check *rows, size_t n, const struct asked *a,
    struct check_no *no)
{
	return first_no(rows, n, a, no);
}

bool
own_says_no(const struct asked *a, struct check_no *no)
{
	/* In two: a loop over more rows is not unrolled. */
	return first_no(checks_open, OWN_HALF, a, no) ||
	    first_no(checks_open + OWN_HALF, CHECKS_OPEN_OWN - OWN_HALF, a, no);
}

bool
give_says_no(const struct asked *a, struct check_no *no)
{
	return first_no(checks_give, GIVE_HALF, a, no) ||
	    first_no(checks_give + GIVE_HALF, CHECKS_GIVE - GIVE_HALF, a, no);
}

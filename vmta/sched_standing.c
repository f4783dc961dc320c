/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of standings is the queues themselves: each has a pointer to its
 * own, NULL while there is nothing to say.
 *
 * Limits of backoff are set into the queue's own scope, so that what counts
 * goes on counting; one for another period than the normal limit beside it,
 * into `also` (backoff_rates()).  A timer lets happen what time alone does:
 * backoff ends, limits rise by a sixteenth, a source is back, errors are
 * forgotten; at last the standing goes.
 */
#include "vmta/sched_standing.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/conf_shares.h"
#include "lib/mem.h"
#include "vmta/sched_priv.h"
#include "vmta/source.h"

#define REASON_MAX 320 /* what a standing keeps, and its row */

/* ---- one comes and goes -------------------------------------------------- */

struct sched_standing *
standing_get(struct sched_queue *q)
{
	struct sched_standing *st = q->standing;

	if (st != NULL)
		return st;
	st = q->standing = mem_new(struct sched_standing);
	st->queue = q;
	scope_init(&st->also, SCOPE_BACKOFF);
	st->also.conns.ramp = q->scope.conns.ramp;
	timer_init(&st->timer, TIMER_STANDING);
	return st;
}

void
standing_drop(struct sched *s, struct sched_queue *q)
{
	struct sched_standing *st = q->standing;

	q->standing = NULL;
	if (st == NULL)
		return;
	timer_set(&s->timers, &st->timer, INT64_MAX);
	standing_fini(&st->st);
	scope_fini(&st->also);
	free(st);
}

static bool
also_is_unused(const struct sched_standing *st)
{
	for (int i = 0; i < LIMIT_RATES; i++)
		if (st->also.rates[i] != NULL)
			return false;
	return true;
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* What was lifted, or is not needed, goes when it has forgotten all. */
static void
forget_also(struct sched *s, struct sched_standing *st, int64_t now_us)
{
	const struct sched_queue *q = st->queue;

	if (!TAILQ_EMPTY(&q->all_conns) || scope_end(&st->also) > now_us ||
	    (q->has_rates && st->st.backoff.mode != MODE_NORMAL))
		return;
	leases_forget(s, &st->also);
	scope_forget_rates(&st->also);
}

void
standing_settle(struct sched *s, struct sched_queue *q, int64_t now_us)
{
	struct sched_standing *st = q->standing;
	int64_t next;

	forget_also(s, st, now_us);
	/* Grants and connections under way may know the scope. */
	if (standing_is_plain(&st->st) && also_is_unused(st) &&
	    (!st->was_both || TAILQ_EMPTY(&q->all_conns))) {
		standing_drop(s, q);
		sched_dirty(s, q); /* it may be forgotten now */
		return;
	}
	next = standing_next(&st->st, now_us);
	if (TAILQ_EMPTY(&q->all_conns) && scope_end(&st->also) > now_us)
		next = earlier(next, scope_end(&st->also));
	timer_set(&s->timers, &st->timer, next);
}

/* ---- limits of the mode -------------------------------------------------- */

uint32_t
standing_max_conns(const struct sched_queue *q, int64_t now_us)
{
	const struct queue_conf *c = &q->conf->conf;

	if (q->standing == NULL)
		return c->max_conns;
	return backoff_count(
	    conf_count_share(&c->backoff_max_conns, c->max_conns), c->max_conns,
	    backoff_share(&q->standing->st.backoff, now_us));
}

/* One rate of the two scopes; one that begins to hold knows what was. */
static void
set_rate(struct sched_standing *st, enum limit_kind kind,
    const struct conf_rate_share *low, const struct rate *high, int64_t now_us)
{
	struct scope *own = &st->queue->scope, *also = &st->also;
	bool held = scope_has(also, kind);
	struct rate r = conf_rate_share(low, high), first, second;

	backoff_rates(&r, high, backoff_share(&st->st.backoff, now_us), &first,
	    &second);
	scope_set_rate(own, kind, &first, now_us);
	scope_set_rate(also, kind, &second, now_us);
	st->begins[kind] = !held && scope_has(also, kind);
}

static void
set_data(struct sched_standing *st, const struct conf_data_share *low,
    const struct data_rate *high, int64_t now_us)
{
	struct scope *own = &st->queue->scope, *also = &st->also;
	bool held = scope_has(also, LIMIT_DATA);
	struct data_rate r = conf_data_share(low, high), first, second;

	backoff_datas(&r, high, backoff_share(&st->st.backoff, now_us), &first,
	    &second);
	scope_set_data(own, &first, now_us);
	scope_set_data(also, &second, now_us);
	st->begins[LIMIT_DATA] = !held && scope_has(also, LIMIT_DATA);
}

void
standing_set_rates(struct sched *s, struct sched_queue *q, int64_t now_us)
{
	const struct queue_conf *c = &q->conf->conf;
	struct sched_standing *st = q->standing;

	set_rate(st, LIMIT_CONNECT, &c->backoff_connect_rate, &c->connect_rate,
	    now_us);
	set_rate(st, LIMIT_MSG, &c->backoff_msg_rate, &c->msg_rate, now_us);
	set_data(st, &c->backoff_data_rate, &c->data_rate, now_us);
	leases_enter(s, &q->scope, now_us);
	leases_enter(s, &st->also, now_us);
	for (unsigned kind = 0; kind < LIMIT_RATES; kind++)
		if (st->begins[kind])
			scope_follow(&st->also, &q->scope,
			    (enum limit_kind)kind, now_us);
	st->was_both = st->was_both || !also_is_unused(st);
}

/* The limits of the mode and its share, as they are now. */
static void
apply(struct sched *s, struct sched_queue *q, int64_t now_us)
{
	slots_set(&q->scope.conns, standing_max_conns(q, now_us));
	if (q->has_rates)
		standing_set_rates(s, q, now_us);
	sources_unpark(q); /* one too many closes */
	sched_dirty(s, q);
}

/* ---- telling ------------------------------------------------------------- */

static void
tell(struct sched *s, const struct sched_queue *q, struct sched_event *e)
{
	if (s->owner->event == NULL)
		return;
	e->domain = q->domain->name;
	e->vmta = q->vmta->name;
	e->conf = &q->conf->conf;
	SCHED_TELL(s, event, e);
}

/* The mode is another one. */
static void
tell_mode(struct sched *s, const struct sched_queue *q,
    const struct sched_reason *why)
{
	static const enum sched_event_kind kinds[] = {
		[MODE_NORMAL] = SCHED_NORMAL,
		[MODE_BACKOFF] = SCHED_BACKOFF,
		[MODE_RETURN] = SCHED_RETURN
	};
	const struct backoff *b = &q->standing->st.backoff;
	struct sched_event e = { .kind = kinds[b->mode],
		.until_us = b->until_us,
		.why = why };

	tell(s, q, &e);
}

/* As a standing keeps it: with the row that says so. */
static const char *
reason_text(const struct sched_reason *why, char text[REASON_MAX])
{
	if (why->file == NULL)
		(void)snprintf(text, REASON_MAX, "%s", why->text);
	else
		(void)snprintf(text, REASON_MAX, "%s (%s:%u)", why->text,
		    why->file, why->line);
	return text;
}

/* ---- the mode ------------------------------------------------------------ */

/* In backoff and else the waits are of two lists, each from its first. */
static void
changed_mode(struct sched *s, struct sched_queue *q, enum queue_mode before,
    const struct sched_reason *why, int64_t now_us)
{
	if (before == MODE_BACKOFF || sched_queue_mode(q) == MODE_BACKOFF)
		retry_worked(&q->retry);
	sched_keep_dirty(s, q, true);
	apply(s, q, now_us);
	sched_move_look_domain(s, q);
	tell_mode(s, q, why);
}

void
sched_queue_backoff(struct sched *s, struct sched_queue *q, int64_t until_us,
    const struct sched_reason *why, int64_t now_us)
{
	enum queue_mode before = sched_queue_mode(q);
	char text[REASON_MAX];

	CHECK(!s->in_callback);
	sched_refresh(s, q, now_us);
	if (standing_enter(&standing_get(q)->st, until_us,
		reason_text(why, text), now_us))
		changed_mode(s, q, before, why, now_us);
	else
		sched_keep_dirty(s, q, false); /* its end, perhaps */
	standing_settle(s, q, now_us);
}

void
sched_queue_normal(struct sched *s, struct sched_queue *q,
    const struct sched_reason *why, int64_t now_us)
{
	CHECK(!s->in_callback);
	if (sched_queue_mode(q) != MODE_BACKOFF)
		return;
	sched_refresh(s, q, now_us);
	(void)standing_leave(&q->standing->st, q->conf->conf.backoff_return_us,
	    now_us);
	changed_mode(s, q, MODE_BACKOFF, why, now_us);
	standing_settle(s, q, now_us);
}

/* ---- sources ------------------------------------------------------------- */

static void
sources_looked_at(struct sched *s, struct sched_queue *q)
{
	if (q->sources != NULL)
		q->sources->until_us = 0;
	sources_unpark(q);
	sched_move_look_domain(s, q);
	sched_dirty(s, q);
}

bool
standing_all_off(const struct sched *s, const struct sched_queue *q,
    int64_t now_us, int64_t *back_us)
{
	const struct global_conf *global = snapshot_global(s->conf);
	const struct vmta *vmta = q->vmta->conf;
	size_t n = source_count(vmta, global);

	*back_us = INT64_MAX;
	for (size_t i = 0; i < n; i++) {
		const struct standing_source *off;

		off = standing_source_is_off(&q->standing->st,
		    &source_pick(vmta, global, i)->addr, now_us);
		if (off == NULL)
			return false;
		*back_us = earlier(*back_us, off->until_us);
	}
	return true;
}

bool
standing_is_off(const struct sched_queue *q, const struct net_addr *a,
    int64_t now_us)
{
	return standing_source_is_off(&q->standing->st, a, now_us) != NULL;
}

/* The last one went off. */
static void
all_off(struct sched *s, struct sched_queue *q, int64_t back_us,
    const struct sched_reason *why, int64_t now_us)
{
	static const struct sched_reason none_left = {
		.text = "all sources are disabled"
	};
	struct sched_event e = { .kind = SCHED_ALL_OFF,
		.until_us = back_us,
		.why = why };

	tell(s, q, &e);
	if (q->conf->conf.backoff_all_sources)
		sched_queue_backoff(s, q,
		    standing_after(q->conf->conf.normal_after_us, now_us),
		    &none_left, now_us);
}

bool
sched_queue_source_off(struct sched *s, struct sched_queue *q,
    const struct net_addr *a, int64_t until_us, const struct sched_reason *why,
    int64_t now_us)
{
	struct sched_event e = { .kind = SCHED_SOURCE_OFF,
		.source = a,
		.until_us = until_us,
		.why = why };
	struct sched_standing *st;
	char text[REASON_MAX];
	int64_t back_us;
	bool were_off, was_on;

	CHECK(!s->in_callback);
	if (a->family == 0 || choice_is_to_host(q))
		return false;
	sched_refresh(s, q, now_us);
	st = standing_get(q);
	were_off = standing_all_off(s, q, now_us, &back_us);
	was_on = standing_source_off(&st->st, a, until_us,
	    reason_text(why, text), now_us);
	sched_keep_dirty(s, q, was_on);
	if (was_on) {
		sources_looked_at(s, q);
		tell(s, q, &e);
		if (!were_off && standing_all_off(s, q, now_us, &back_us))
			all_off(s, q, back_us, why, now_us);
	}
	standing_settle(s, q, now_us);
	return was_on;
}

bool
sched_queue_source_on(struct sched *s, struct sched_queue *q,
    const struct net_addr *a, int64_t now_us)
{
	struct sched_event e = { .kind = SCHED_SOURCE_ON, .source = a };

	CHECK(!s->in_callback);
	if (q->standing == NULL || !standing_source_on(&q->standing->st, a))
		return false;
	sched_keep_dirty(s, q, true);
	sources_looked_at(s, q);
	tell(s, q, &e);
	standing_settle(s, q, now_us);
	return true;
}

/* ---- time ---------------------------------------------------------------- */

void
standing_timer(struct sched *s, struct sched_standing *st, int64_t now_us)
{
	struct sched_queue *q = st->queue;
	enum queue_mode before = sched_queue_mode(q);
	struct net_addr addr;

	sched_refresh(s, q, now_us);
	while (standing_source_back(&st->st, now_us, &addr)) {
		struct sched_event e = { .kind = SCHED_SOURCE_ON,
			.source = &addr };

		sched_keep_dirty(s, q, true);
		sources_looked_at(s, q);
		tell(s, q, &e);
	}
	if (standing_run(&st->st, q->conf->conf.backoff_return_us, now_us))
		changed_mode(s, q, before, NULL, now_us);
	else if (before == MODE_RETURN)
		apply(s, q, now_us);
	standing_settle(s, q, now_us);
}

void
standing_put(struct sched *s, struct sched_queue *q, struct standing *from,
    int64_t now_us)
{
	struct sched_standing *st;

	if (standing_is_plain(from))
		return;
	st = standing_get(q);
	standing_fini(&st->st);
	st->st = *from;
	*from = (struct standing){ .why = NULL };
	apply(s, q, now_us);
	standing_timer(s, st, now_us); /* what has ended meanwhile */
}

int64_t
standing_after(int64_t interval_us, int64_t now_us)
{
	return interval_us > INT64_MAX - now_us ? INT64_MAX :
						  now_us + interval_us;
}

/* ---- facts --------------------------------------------------------------- */

enum queue_mode
sched_queue_mode(const struct sched_queue *q)
{
	return q->standing == NULL ? MODE_NORMAL : q->standing->st.backoff.mode;
}

void
sched_queue_standing(const struct sched_queue *q, int64_t now_us,
    struct sched_standing_info *out)
{
	const struct sched_standing *st = q->standing;

	*out = (struct sched_standing_info){ .mode = MODE_NORMAL, .why = "" };
	if (st == NULL)
		return;
	out->mode = st->st.backoff.mode;
	out->since_us = st->st.backoff.since_us;
	out->until_us = st->st.backoff.until_us;
	if (st->st.why != NULL)
		out->why = st->st.why;
	out->sources_off = standing_sources_off(&st->st, now_us);
	out->all_off = standing_all_off(q->vmta->shared.sched, q, now_us,
	    &out->back_us);
}

bool
sched_queue_source_at(const struct sched_queue *q, uint32_t i, int64_t now_us,
    struct sched_source_info *out)
{
	const struct sched_standing *st = q->standing;

	for (uint32_t k = 0; st != NULL && k < st->st.count; k++) {
		const struct standing_source *src = &st->st.sources[k];

		if (standing_source_is_off(&st->st, &src->addr, now_us) == NULL)
			continue;
		if (i-- > 0)
			continue;
		*out = (struct sched_source_info){ src->addr, src->until_us,
			src->why };
		return true;
	}
	return false;
}

bool
sched_queue_has_source(const struct sched *s, const struct sched_queue *q,
    const struct net_addr *a)
{
	const struct global_conf *global = snapshot_global(s->conf);
	const struct vmta *vmta = q->vmta->conf;
	size_t n = source_count(vmta, global);

	if (choice_is_to_host(q))
		return false;
	for (size_t i = 0; i < n; i++)
		if (net_addr_eq(&source_pick(vmta, global, i)->addr, a))
			return true;
	return false;
}

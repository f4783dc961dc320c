/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/sched_why.h"

#include <stddef.h>
#include <string.h>

#include "lib/net.h"
#include "mail/envelope.h"
#include "vmta/sched_check.h"
#include "vmta/sched_priv.h"
#include "vmta/sched_why_priv.h"

/* Does it stop mail whose time has not come, too? */
static bool
why_stops_all(enum why_kind kind)
{
	return kind == WHY_HELD || kind == WHY_PAUSED || kind == WHY_RETRY ||
	    kind == WHY_SOURCES_OFF;
}

/* ---- telling ------------------------------------------------------------- */

static void
tell(const struct asking *a, enum why_kind kind, const char *directive,
    int64_t until_us, const char *text)
{
	const struct why w = { .kind = kind,
		.name = "",
		.directive = directive,
		.until_us = until_us,
		.text = text == NULL ? "" : text };

	a->fn(a->ctx, &w);
}

const char *
why_name_of(const struct sched_queue *q, enum check_at at)
{
	switch (at) {
	case AT_QUEUE:
	case AT_BACKOFF:
		return q->domain->name;
	case AT_ROLLUP_BACKOFF:
	case AT_ROLLUP:
		return sched_queue_group(q);
	case AT_VMTA:
		return envelope_vmta_shown(q->vmta->name);
	case AT_POOL:
		return q->vmta->pool == NULL ? "" : q->vmta->pool->name;
	case AT_PROVIDER:
		return sched_queue_provider(q);
	case AT_NONE:
	case AT_SOURCE:
	case AT_PROCESS:
	case AT_JOB:
	case AT_USER:
		break;
	}
	return "";
}

/* ---- the tables of checks ------------------------------------------------ */

/*
 * Each of its addresses that is at a limit; they are of this queue alone, so
 * time is promised.
 */
static void
tell_sources(const struct asking *a)
{
	const struct queue_sources *all = a->asked.q->sources;
	char text[NET_ADDR_TEXT];
	struct why w;

	for (size_t i = 0; i < all->n; i++) {
		struct scope *c = all->v[i] == NULL ? NULL : &all->v[i]->scope;

		for (int k = 0; c != NULL && k <= LIMIT_CONNS; k++) {
			if (!why_describe(c, (enum limit_kind)k, a->asked.bytes,
				a->asked.now_us, &w) ||
			    w.kind != WHY_LIMIT)
				continue;
			w.name = net_addr_text(&all->v[i]->addr, text);
			a->fn(a->ctx, &w);
		}
	}
}

/* Where its connections go: it waits in the line there, unless it is first. */
static void
tell_remote(const struct asking *a)
{
	const struct remote_scope *at = remote_queue_waits(a->asked.q);
	enum scope_kind kind = at->kind == REMOTE_MX ? SCOPE_MX : SCOPE_REMOTE;
	char text[NET_ADDR_TEXT];
	const struct why w = { .kind = WHY_LIMIT,
		.scope = kind,
		.name = at->kind == REMOTE_MX ? at->host :
						net_addr_text(&at->addr, text),
		.limit = LIMIT_CONNS,
		.used = at->conns.used,
		.max = at->conns.max,
		.waiting = at->line.n,
		.directive = why_directive(kind, LIMIT_CONNS),
		.until_us = INT64_MAX,
		.text = "" };

	a->fn(a->ctx, &w);
}

/* Each source that is off, with its reason and its end. */
static void
tell_sources_off(const struct asking *a)
{
	struct sched_source_info info;
	char text[NET_ADDR_TEXT];

	for (uint32_t i = 0;
	     sched_queue_source_at(a->asked.q, i, a->asked.now_us, &info);
	     i++) {
		const struct why w = { .kind = WHY_SOURCES_OFF,
			.scope = SCOPE_SOURCE,
			.name = net_addr_text(&info.addr, text),
			.directive = "",
			.until_us = info.until_us,
			.text = info.why };

		a->fn(a->ctx, &w);
	}
}

/* Is it a limit of the queue or its group that is lower than normally? */
static bool
is_of_backoff(const struct sched_queue *q, const struct scope *c,
    enum limit_kind kind)
{
	const struct queue_conf *conf = c->kind == SCOPE_QUEUE ?
	    &q->conf->conf :
	    standing_conf(q);
	const struct window *w;

	if (c->kind == SCOPE_BACKOFF || c->kind == SCOPE_ROLLUP_BACKOFF)
		return true;
	if (sched_queue_mode(q) == MODE_NORMAL ||
	    (c->kind != SCOPE_QUEUE && c->kind != SCOPE_ROLLUP))
		return false;
	if (kind == LIMIT_CONNS)
		return c->conns.max != conf->max_conns;
	w = &c->rates[kind]->window;
	if (kind == LIMIT_DATA)
		return w->max != conf->data_rate.bytes;
	return w->max !=
	    (kind == LIMIT_MSG ? conf->msg_rate : conf->connect_rate).count;
}

/* Once, beside the first limit that is backoff's: why it is in backoff. */
static void
tell_backoff(struct asking *a)
{
	struct sched_standing_info info;
	struct why w = { .kind = WHY_BACKOFF, .directive = "" };

	if (a->told[AT_NONE] & 1U << WHY_BACKOFF)
		return;
	a->told[AT_NONE] |= 1U << WHY_BACKOFF;
	sched_queue_standing(a->asked.q, a->asked.now_us, &info);
	w.name = sched_queue_group(a->asked.q);
	w.until_us = info.until_us == 0 ? INT64_MAX : info.until_us;
	w.text = info.why;
	a->fn(a->ctx, &w);
}

/* Of a scope: as it stands now, once, whichever table asked. */
static void
tell_limit(struct asking *a, const struct check_no *no)
{
	const struct check *c = no->check;
	const struct sched_queue *q = a->asked.q;
	struct why w;

	if (a->told[c->at] & 1U << c->kind)
		return;
	/* What its rate can use is open, which is no limit that is reached. */
	if (!why_describe(no->scope, c->kind, a->asked.bytes, a->asked.now_us,
		&w) ||
	    w.kind != WHY_LIMIT)
		return;
	a->told[c->at] |= 1U << c->kind;
	w.name = why_name_of(q, c->at);
	if (c->at >= AT_SHARED)
		why_set_end(a, OF(shared, scope, no->scope), &w);
	if (is_of_backoff(q, no->scope, c->kind)) {
		w.directive = why_directive(SCOPE_BACKOFF, c->kind);
		tell_backoff(a);
	}
	a->fn(a->ctx, &w);
}

/* Do others wait there, who may be given an idle connection of the queue? */
static bool
is_contended(const struct sched_queue *q, const struct shared *h)
{
	bool own = line_of(&q->open_wait) != NULL && q->lane->open_at == h;

	return h->open_n > (own ? 1U : 0U);
}

/* When the last no of a table ends. */
static int64_t
last_no(const struct asked *a, const struct check *rows, size_t n)
{
	const struct check *end = rows + n;
	struct check_no no;
	int64_t last = 0;

	for (; rows < end && checks_say_no(rows, (size_t)(end - rows), a, &no);
	     rows = no.check + 1)
		if (no.until_us > last)
			last = no.until_us;
	return last;
}

/* Likewise for mail, over a connection that the queue has and may lose. */
static int64_t
go_at(const struct asked *a)
{
	for (int i = 0; i < LEVELS; i++) {
		struct shared *h = a->q->lane->path[i];

		if (h != NULL && slots_room(&h->scope.conns) == 0 &&
		    is_contended(a->q, h))
			return INT64_MAX;
	}
	return last_no(a, checks_give, CHECKS_GIVE);
}

static const char *
directive_of(enum why_kind kind)
{
	return kind == WHY_RETRY  ? "retry-after" :
	    kind == WHY_NO_FAMILY ? "address-family" :
	    kind == WHY_HELD      ? "spool-min-free-space" :
	    kind == WHY_RAMPUP    ? "smtp-out-rampup-interval" :
				    "";
}

static void
tell_no(struct asking *a, const struct check_no *no)
{
	const struct check *c = no->check;
	const char *text = NULL;
	char addrs[WHY_ADDRS_TEXT];

	if (c->why == WHY_LIMIT && no->scope != NULL) {
		tell_limit(a, no);
		return;
	}
	if (c->why == WHY_LIMIT && c->kind == LIMIT_CONNS) {
		tell_remote(a);
		return;
	}
	if (a->told[AT_NONE] & 1U << c->why)
		return;
	a->told[AT_NONE] |= 1U << c->why;
	if (c->why == WHY_LIMIT) {
		tell_sources(a);
		return;
	}
	if (c->why == WHY_SOURCES_OFF) {
		tell_sources_off(a);
		return;
	}
	if (c->why == WHY_RETRY || c->why == WHY_FRUITLESS)
		text = a->asked.q->last_error;
	if (c->why == WHY_ALL_LOST &&
	    why_addrs(&a->asked, CHOICE_LOST, addrs) > 0)
		text = addrs;
	tell(a, c->why, directive_of(c->why), no->until_us, text);
}

/* With nothing to send only what stops all mail of the queue counts. */
static void
go_through(struct asking *a, const struct check *rows, size_t n)
{
	const struct check *end = rows + n;
	struct check_no no;

	while (rows < end &&
	    checks_say_no(rows, (size_t)(end - rows), &a->asked, &no)) {
		if (a->asked.q->ready > 0 || why_stops_all(no.check->why))
			tell_no(a, &no);
		rows = no.check + 1;
	}
}

/* ---- what is no limit ---------------------------------------------------- */

static void
set_scheduled(struct why *w)
{
	w->kind = WHY_SCHEDULED;
	w->directive = "process-x-schedule";
}

static void
tell_on_hold(const struct asking *a)
{
	const struct why w = { .kind = WHY_ON_HOLD,
		.name = "",
		.directive = "",
		.until_us = INT64_MAX,
		.rcpts = a->rcpt == NULL ?
		    a->asked.q->on_hold :
		    (uint64_t)(a->rcpt->due_us == SCHED_ON_HOLD),
		.text = "" };

	if (w.rcpts > 0)
		a->fn(a->ctx, &w);
}

static void
tell_deferred(const struct asking *a)
{
	const struct sched_queue *q = a->asked.q;
	struct why w = { .kind = WHY_DEFERRED,
		.name = "",
		.directive = "retry-recipients-after",
		.until_us = vqueue_next_due(q),
		.rcpts = q->deferred.n - q->on_hold,
		.text = "" };

	if (a->rcpt != NULL) {
		if (a->rcpt->due_us == SCHED_ON_HOLD)
			return;
		w.until_us = a->rcpt->due_us;
		w.rcpts = w.until_us > a->asked.now_us;
		if (backlog_opens(q->turns.backlog, a->rcpt->entry,
			a->asked.now_us) > a->asked.now_us)
			set_scheduled(&w);
	}
	if (w.rcpts > 0)
		a->fn(a->ctx, &w);
}

/* Of a recipient: is it the turn of another message in its queue? */
static void
tell_behind(const struct asking *a)
{
	struct sched_queue *q = a->asked.q;
	const struct group *g = vqueue_first(q);
	struct why w = { .kind = WHY_TURN,
		.scope = SCOPE_QUEUE,
		.name = q->domain->name,
		.limit = LIMIT_CONNS,
		.waiting = q->ready,
		.directive = "",
		.until_us = INT64_MAX,
		.text = "" };

	if (a->rcpt != NULL && a->rcpt->due_us <= a->asked.now_us &&
	    g != NULL && g->entry != a->rcpt->entry)
		a->fn(a->ctx, &w);
}

static void
tell_connections(const struct asking *a)
{
	const struct sched_queue *q = a->asked.q;

	if (q->refusals > 0 && q->more_us > a->asked.now_us)
		tell(a, WHY_CROWD, "", q->more_us, q->last_error);
	if (q->conns.in[CONN_OPENING] > 0)
		tell(a, WHY_OPENING, "", INT64_MAX, "");
	if (q->conns.in[CONN_BUSY] > 0)
		tell(a, WHY_BUSY, "", INT64_MAX, "");
}

static void
tell_all(struct asking *a)
{
	const struct sched_queue *q = a->asked.q;

	a->open_us = last_no(&a->asked, checks_open, CHECKS_OPEN);
	a->go_us = go_at(&a->asked);
	tell_on_hold(a);
	tell_deferred(a);
	tell_behind(a);
	go_through(a, checks_give, CHECKS_GIVE);
	go_through(a, checks_open, CHECKS_OPEN);
	if (a->rcpt != NULL)
		why_tell_payers(a);
	else
		why_tell_aside(a);
	why_tell_pins(a);
	if (q->ready == 0)
		return;
	why_tell_sources(a);
	if (q->parked > 0 && !(a->told[AT_NONE] & 1U << WHY_LIMIT))
		tell_sources(a);
	why_tell_lines(a);
	tell_connections(a);
}

/* ---- public -------------------------------------------------------------- */

void
sched_why_queue(struct sched *s, struct sched_queue *q, int64_t now_us,
    why_fn *fn, void *ctx)
{
	struct asking a = { .fn = fn, .ctx = ctx };

	CHECK(!s->in_callback);
	if (q->rcpts == 0)
		return;
	ask_open(&a.asked, s, q, now_us);
	if (q->granted > 0)
		tell(&a, WHY_SENDING, "", INT64_MAX, "");
	if (q->rcpts > q->granted)
		tell_all(&a);
}

void
sched_why_rcpt(struct sched *s, struct sched_queue *q,
    const struct sched_rcpt_info *info, int64_t now_us, why_fn *fn, void *ctx)
{
	struct asking a = { .fn = fn, .ctx = ctx, .rcpt = info };

	CHECK(!s->in_callback);
	ask_open(&a.asked, s, q, now_us);
	if (info->granted)
		tell(&a, WHY_SENDING, "", INT64_MAX, "");
	else
		tell_all(&a);
}

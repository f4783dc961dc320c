/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/sched_why.h"

#include <stddef.h>
#include <string.h>

#include "lib/net.h"
#include "mail/envelope.h"
#include "vmta/sched_check.h"
#include "vmta/sched_priv.h"

struct asking {
	/* Sources, jobs and users are NULL there: each is told apart. */
	struct asked asked;
	const struct sched_rcpt_info *rcpt; /* NULL: of the queue */
	why_fn *fn;
	void *ctx;
	/* 1 << kind: that limit of that scope; AT_NONE: 1 << enum why_kind. */
	uint16_t told[CHECK_ATS];
	/* When the last of what says no now will not, and mail may go on. */
	int64_t open_us, go_us;
};

/* ---- words --------------------------------------------------------------- */

static const struct {
	const char *word, *meaning;
} kinds[] = {
#define WHY(name, word, meaning) [WHY_##name] = { word, meaning },
#include "vmta/why.def"
#undef WHY
};

const char *
why_word(enum why_kind kind)
{
	return kinds[kind].word;
}

const char *
why_meaning(enum why_kind kind)
{
	return kinds[kind].meaning;
}

/* Does it stop mail whose time has not come, too? */
static bool
why_stops_all(enum why_kind kind)
{
	return kind == WHY_HELD || kind == WHY_PAUSED || kind == WHY_RETRY;
}

/* What a scope is called, and which directives limit it, by enum limit_kind. */
static const struct {
	const char *word, *directives[LIMIT_CONNS + 1];
} scopes[] = {
	[SCOPE_QUEUE] = { "queue",
	    { "max-connect-rate", "max-msg-rate", "max-data-volume-rate",
		"max-smtp-out" } },
	[SCOPE_SOURCE] = { "source address",
	    { "source-ip-max-connect-rate", "source-ip-max-msg-rate",
		"source-ip-max-data-volume-rate", "source-ip-max-smtp-out" } },
	[SCOPE_VMTA] = { "virtual MTA",
	    { "", "max-smtp-msg-rate", "max-smtp-data-volume-rate",
		"max-smtp-out" } },
	[SCOPE_POOL] = { "pool",
	    { "", "max-smtp-msg-rate", "max-smtp-data-volume-rate",
		"max-smtp-out" } },
	[SCOPE_PROVIDER] = { "provider",
	    { "max-connect-rate", "max-msg-rate", "max-data-volume-rate",
		"max-smtp-out" } },
	[SCOPE_PROCESS] = { "process", { "", "", "", "total-max-smtp-out" } },
	[SCOPE_JOB] = { "job", { "", "max-msg-rate", "", "" } },
	[SCOPE_USER] = { "user", { "", "max-msg-rate", "", "" } },
	[SCOPE_MX] = { "MX host", { "", "", "", "mx-connection-limit" } },
	[SCOPE_REMOTE] = { "remote address",
	    { "", "", "", "ip-connection-limit" } },
};

const char *
why_scope_word(enum scope_kind kind)
{
	return scopes[kind].word;
}

const char *
why_limit_word(enum limit_kind kind)
{
	static const char *const words[] = { [LIMIT_CONNECT] = "connects",
		[LIMIT_MSG] = "messages",
		[LIMIT_DATA] = "data",
		[LIMIT_CONNS] = "connections" };

	return words[kind];
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

/* Fills in a limit as it stands; false: there is none. */
static bool
describe(struct scope *c, enum limit_kind kind, uint64_t n, int64_t now_us,
    struct why *w)
{
	const struct window *win;

	*w = (struct why){ .kind = WHY_ROOM,
		.scope = c->kind,
		.name = "",
		.limit = kind,
		.directive = scopes[c->kind].directives[kind],
		.until_us = INT64_MAX,
		.text = "" };
	if (kind == LIMIT_CONNS) {
		w->used = c->conns.used;
		w->max = slots_max(&c->conns);
		w->until_us = slots_next(&c->conns);
		if (slots_room(&c->conns) == 0)
			w->kind = WHY_LIMIT;
		return c->conns.max != UINT32_MAX;
	}
	if (!scope_has(c, kind))
		return false;
	w->until_us = scope_next(c, kind, kind == LIMIT_DATA ? n : 1, now_us);
	if (w->until_us > now_us)
		w->kind = WHY_LIMIT;
	win = &c->rates[kind]->window;
	w->used = win->count + win->pending;
	w->max = win->max;
	w->period_us = win->period_us;
	return true;
}

static const char *
name_of(const struct sched_queue *q, enum check_at at)
{
	switch (at) {
	case AT_QUEUE:
		return q->domain->name;
	case AT_VMTA:
		return envelope_vmta_shown(q->vmta->name);
	case AT_POOL:
		return q->vmta->pool == NULL ? "" : q->vmta->pool->name;
	case AT_PROVIDER:
		return q->lane->provider == NULL ? "" : q->lane->provider->name;
	case AT_NONE:
	case AT_SOURCE:
	case AT_PROCESS:
	case AT_JOB:
	case AT_USER:
		break;
	}
	return "";
}

/* ---- lines --------------------------------------------------------------- */

static bool
is_first_to_open(const struct sched_queue *q)
{
	return line_of(&q->open_wait) != NULL &&
	    shared_opener(q->lane->open_at) == q;
}

static bool
is_first_to_go(const struct sched_queue *q)
{
	return line_of(&q->give_wait) != NULL &&
	    shared_giver(q->lane->give_at) == q;
}

/* Are there other rates on its way that are not its own alone? */
static bool
has_other_rate(const struct sched_queue *q, const struct shared *h,
    enum limit_kind kind)
{
	for (int i = 0; i < LEVELS; i++) {
		const struct shared *at = q->lane->path[i];

		for (int k = 0; at != NULL && k < LIMIT_RATES; k++)
			if (scope_has(&at->scope, (enum limit_kind)k) &&
			    (at != h || k != (int)kind))
				return true;
	}
	return false;
}

/*
 * Is the queue sure to have what h gives next?  Who waits there to open a
 * connection is not sure of mail: one that is connected goes before it.  Nor
 * is one that may find, when its time comes, that others have used up what
 * another scope has.
 */
static bool
is_next_at(const struct sched_queue *q, const struct shared *h,
    enum limit_kind kind)
{
	const struct lane *l = q->lane;

	if (has_other_rate(q, h, kind))
		return false;
	return kind == LIMIT_CONNECT ? l->open_at == h && is_first_to_open(q) :
				       l->give_at == h && is_first_to_go(q);
}

static void
tell_turn(const struct asking *a, enum level level, enum limit_kind limit,
    uint32_t n)
{
	const struct sched_queue *q = a->asked.q;
	enum check_at at = AT_VMTA + (enum check_at)level;
	enum scope_kind kind = a->asked.at[at]->kind;
	const struct why w = { .kind = WHY_TURN,
		.scope = kind,
		.name = name_of(q, at),
		.limit = limit,
		.used = n,
		.directive = scopes[kind].directives[limit],
		.until_us = INT64_MAX,
		.text = "" };

	a->fn(a->ctx, &w);
}

/* Waits in a line, and others are before it, or the limit is not reached. */
static void
tell_lines(const struct asking *a)
{
	const struct sched_queue *q = a->asked.q;
	const struct lane *l = q->lane;
	const struct shared *h;

	if (line_of(&q->give_wait) != NULL) {
		h = l->give_at;
		if (!is_first_to_go(q) || a->told[AT_VMTA + h->level] == 0)
			tell_turn(a, h->level, LIMIT_MSG, h->give_n);
	}
	if (line_of(&q->open_wait) != NULL) {
		h = l->open_at;
		if (!is_first_to_open(q) || a->told[AT_VMTA + h->level] == 0)
			tell_turn(a, h->level, LIMIT_CONNS, h->open_n);
	}
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
			if (!describe(c, (enum limit_kind)k, a->asked.bytes,
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
		.directive = scopes[kind].directives[LIMIT_CONNS],
		.until_us = INT64_MAX,
		.text = "" };

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
	if (!describe(no->scope, c->kind, a->asked.bytes, a->asked.now_us,
		&w) ||
	    w.kind != WHY_LIMIT)
		return;
	a->told[c->at] |= (uint16_t)(1U << c->kind);
	w.name = name_of(q, c->at);
	/* What others can take is promised to who is next and can use it. */
	if (c->at >= AT_VMTA &&
	    (w.until_us < (c->kind == LIMIT_CONNECT ? a->open_us : a->go_us) ||
		!is_next_at(q, OF(shared, scope, no->scope), c->kind)))
		w.until_us = INT64_MAX;
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
	return kind == WHY_RETRY ? "retry-after" :
	    kind == WHY_HELD     ? "spool-min-free-space" :
	    kind == WHY_RAMPUP   ? "smtp-out-rampup-interval" :
				   "";
}

static void
tell_no(struct asking *a, const struct check_no *no)
{
	const struct check *c = no->check;
	const char *text = NULL;

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
	a->told[AT_NONE] |= (uint16_t)(1U << c->why);
	if (c->why == WHY_LIMIT) {
		tell_sources(a);
		return;
	}
	if (c->why == WHY_RETRY || c->why == WHY_FRUITLESS)
		text = a->asked.q->last_error;
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
tell_deferred(const struct asking *a)
{
	const struct sched_queue *q = a->asked.q;
	struct why w = { .kind = WHY_DEFERRED,
		.name = "",
		.directive = "retry-recipients-after",
		.until_us = vqueue_next_due(q),
		.rcpts = q->deferred.n,
		.text = "" };

	if (a->rcpt != NULL) {
		w.until_us = a->rcpt->due_us;
		w.rcpts = w.until_us > a->asked.now_us;
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
		.used = q->ready,
		.directive = "",
		.until_us = INT64_MAX,
		.text = "" };

	if (a->rcpt != NULL && a->rcpt->due_us <= a->asked.now_us &&
	    g != NULL && g->entry != a->rcpt->entry)
		a->fn(a->ctx, &w);
}

/* Mail that is set aside, because its job or its user is at a limit. */
static void
on_aside(void *ctx, const struct waiter *wait, const struct turns_sum *sum)
{
	const struct asking *a = ctx;
	struct scope *c = payer_waited_for(wait);
	struct why w;

	(void)describe(c, LIMIT_MSG, 1, a->asked.now_us, &w);
	w.kind = WHY_LIMIT; /* or the turn of others who wait for it, too */
	w.name = payer_name(c);
	w.until_us = INT64_MAX;
	w.rcpts = sum->rcpts;
	a->fn(a->ctx, &w);
}

/* Of a recipient: what its own job and user say. */
static void
tell_payers(const struct asking *a)
{
	struct scope *by[ORIGIN_PAYERS];
	struct why w;

	origin_payers(a->asked.s, a->rcpt->entry->origin, a->asked.now_us, by);
	for (int i = 0; i < ORIGIN_PAYERS; i++) {
		if (by[i] == NULL ||
		    !describe(by[i], LIMIT_MSG, 1, a->asked.now_us, &w) ||
		    w.kind != WHY_LIMIT)
			continue;
		w.name = payer_name(by[i]);
		w.until_us = INT64_MAX;
		a->fn(a->ctx, &w);
	}
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
	tell_deferred(a);
	tell_behind(a);
	go_through(a, checks_give, CHECKS_GIVE);
	go_through(a, checks_open, CHECKS_OPEN);
	if (a->rcpt != NULL)
		tell_payers(a);
	else if (q->aside > 0)
		turns_each_aside(&q->turns, on_aside, a);
	if (q->ready == 0)
		return;
	if (q->parked > 0 && !(a->told[AT_NONE] & 1U << WHY_LIMIT))
		tell_sources(a);
	tell_lines(a);
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

struct scope_asking {
	int64_t now_us;
	why_fn *fn;
	void *ctx;
};

static void
tell_scope(const struct scope_asking *a, struct scope *c, const char *name)
{
	struct why w;

	for (int k = 0; k <= LIMIT_CONNS; k++) {
		if (!describe(c, (enum limit_kind)k, 1, a->now_us, &w))
			continue;
		w.name = name;
		if (w.kind == WHY_ROOM)
			w.until_us = a->now_us;
		a->fn(a->ctx, &w);
	}
}

static bool
tell_named(const struct scope_asking *a, const struct table *all,
    const char *name)
{
	struct sched_named *n = named_find(all, name);

	if (n != NULL)
		tell_scope(a, &n->shared.scope, n->name);
	return n != NULL;
}

/* The queues of the address; each has limits of its own. */
static bool
tell_address(const struct scope_asking *a, struct sched *s, const char *name)
{
	struct sched_queue *q;
	struct net_addr addr;
	bool known = false;
	struct err e;

	if (net_addr_parse(slice_of(name), &addr, &e) == -1)
		return false;
	TAILQ_FOREACH(q, &s->all, all)
	for (size_t i = 0; q->sources != NULL && i < q->sources->n; i++) {
		if (!net_addr_eq(&q->sources->v[i]->addr, &addr))
			continue;
		known = true;
		tell_scope(a, &q->sources->v[i]->scope, q->domain->name);
		break;
	}
	return known;
}

bool
sched_why_scope(struct sched *s, enum scope_kind kind, const char *name,
    int64_t now_us, why_fn *fn, void *ctx)
{
	const struct scope_asking a = { now_us, fn, ctx };
	struct sched_vmta *v;
	struct scope *c;

	switch (kind) {
	case SCOPE_PROCESS:
		tell_scope(&a, &s->process.scope, "");
		return true;
	case SCOPE_VMTA:
		v = vmta_find(s, name);
		if (v != NULL)
			tell_scope(&a, &v->shared.scope,
			    envelope_vmta_shown(v->name));
		return v != NULL;
	case SCOPE_POOL:
		return tell_named(&a, &s->pools, name);
	case SCOPE_PROVIDER:
		return tell_named(&a, &s->providers, name);
	case SCOPE_SOURCE:
		return tell_address(&a, s, name);
	case SCOPE_JOB:
	case SCOPE_USER:
		c = payer_find(s, kind, name);
		if (c != NULL)
			tell_scope(&a, c, name);
		return c != NULL;
	case SCOPE_QUEUE:
	case SCOPE_MX:
	case SCOPE_REMOTE:
		break;
	}
	return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where others wait as well: its place in the line, and when it may have what
 * it waits for.
 *
 * Only who is next and can use what comes is promised a time.  To the others
 * the earliest is told: as if all before them took one each, and no more.
 */
#include "vmta/sched_priv.h"
#include "vmta/sched_why_priv.h"

/* ---- lines --------------------------------------------------------------- */

static bool
is_first_to_open(const struct sched_queue *q)
{
	const struct lane *l = q->lane;

	return line_of(&q->open_wait) != NULL && shared_opener(l->open_at) == q;
}

static bool
is_first_to_go(const struct sched_queue *q)
{
	const struct lane *l = q->lane;

	return line_of(&q->give_wait) != NULL && shared_giver(l->give_at) == q;
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

/* Mail that has its job's token may find others before it elsewhere. */
static bool
has_other_limit(const struct sched_queue *q)
{
	for (int i = 0; i < LEVEL_PROCESS; i++)
		if (q->lane->path[i] != NULL &&
		    q->lane->path[i]->scope.conns.max < UINT32_MAX)
			return true;
	return has_other_rate(q, NULL, LIMIT_MSG);
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

	if (has_other_rate(q, h, kind) ||
	    (h->scope.claimed != NULL && h->scope.claimed != q))
		return false;
	return kind == LIMIT_CONNECT ? l->open_at == h && is_first_to_open(q) :
				       l->give_at == h && is_first_to_go(q);
}

/* When so many more may have gone there, and then this; 0: it says nothing. */
static int64_t
not_before(const struct asking *a, struct shared *h, enum limit_kind kind,
    uint64_t before)
{
	int64_t at;

	if (!scope_has(&h->scope, kind))
		return 0;
	at = kind == LIMIT_DATA ?
	    scope_nth(&h->scope, kind, before * h->bytes, a->asked.bytes,
		a->asked.now_us) :
	    scope_nth(&h->scope, kind, before, 1, a->asked.now_us);
	return at == INT64_MAX || at <= a->asked.now_us ? 0 : at;
}

/*
 * Lanes before its own have a queue each, at least, and so have those that
 * wait before it in there.
 */
static void
set_place(const struct sched_queue *q, const struct shared *h, bool gives,
    struct why *w)
{
	const struct lane *l = q->lane;
	uint64_t before = gives ?
	    line_before(&l->give_wait) + line_before(&q->give_wait) :
	    line_before(&l->open_wait) + line_before(&q->open_wait);

	w->waiting = gives ? h->give_n : h->open_n;
	w->place = before < w->waiting ? before + 1 : w->waiting;
}

/* Does it count what is sent, so that who is connected goes first? */
static bool
is_of_mail(enum limit_kind kind)
{
	return kind == LIMIT_MSG || kind == LIMIT_DATA;
}

void
why_set_end(const struct asking *a, struct shared *h, struct why *w)
{
	const struct sched_queue *q = a->asked.q;
	int64_t last = w->limit == LIMIT_CONNECT ? a->open_us : a->go_us;
	bool gives = line_of(&q->give_wait) != NULL && q->lane->give_at == h;
	bool opens = line_of(&q->open_wait) != NULL && q->lane->open_at == h;

	if (gives && is_of_mail(w->limit))
		set_place(q, h, true, w);
	else if (opens)
		set_place(q, h, false, w);
	if (opens && !gives && is_of_mail(w->limit)) {
		w->place += h->give_n; /* they have their connections */
		w->waiting += h->give_n;
	}
	if (w->until_us >= last && is_next_at(q, h, w->limit))
		return;
	if (w->limit != LIMIT_CONNS)
		w->not_before_us = not_before(a, h, w->limit,
		    w->place == 0 ? 0 : w->place - 1);
	else if (w->until_us != INT64_MAX)
		w->not_before_us = w->until_us;
	w->until_us = INT64_MAX;
}

static void
tell_turn(const struct asking *a, struct shared *h, bool gives)
{
	const struct sched_queue *q = a->asked.q;
	enum scope_kind kind = h->scope.kind;
	bool by_data = gives && !scope_has(&h->scope, LIMIT_MSG);
	enum limit_kind limit = by_data ? LIMIT_DATA :
	    gives                       ? LIMIT_MSG :
					  LIMIT_CONNS;
	struct why w = { .kind = WHY_TURN,
		.scope = kind,
		.name = why_name_of(q, AT_SHARED + (enum check_at)h->level),
		.limit = limit,
		.directive = why_directive(kind, limit),
		.until_us = INT64_MAX,
		.text = "" };
	int64_t data;

	/* There are as many connections as its rates can use. */
	if (!gives && h->scope.conns.max == UINT32_MAX)
		w.directive = "";
	set_place(q, h, gives, &w);
	w.not_before_us = not_before(a, h, gives ? LIMIT_MSG : LIMIT_CONNECT,
	    w.place - 1);
	data = gives ? not_before(a, h, LIMIT_DATA, w.place - 1) : 0;
	if (data > w.not_before_us)
		w.not_before_us = data;
	a->fn(a->ctx, &w);
}

/* Waits in a line, and others are before it, or the limit is not reached. */
void
why_tell_lines(const struct asking *a)
{
	const struct sched_queue *q = a->asked.q;
	const struct lane *l = q->lane;
	struct shared *h;

	if (line_of(&q->give_wait) != NULL) {
		h = l->give_at;
		if (!is_first_to_go(q) || a->told[AT_SHARED + h->level] == 0)
			tell_turn(a, h, true);
	}
	if (line_of(&q->open_wait) != NULL) {
		h = l->open_at;
		if (!is_first_to_open(q) || a->told[AT_SHARED + h->level] == 0)
			tell_turn(a, h, false);
	}
}

/* ---- mail that is set aside ---------------------------------------------- */

static void
tell_paused(const struct asking *a, const struct scope *c, uint64_t rcpts)
{
	const struct why w = { .kind = WHY_JOB_PAUSED,
		.scope = SCOPE_JOB,
		.name = payer_name(c),
		.directive = "",
		.until_us = INT64_MAX,
		.rcpts = rcpts,
		.text = "" };

	a->fn(a->ctx, &w);
}

/*
 * Its job or its user is at a limit, or it is the turn of others who wait for
 * that, too.  What waits is the mail of an origin; alone: nothing else is
 * meant by this reason.
 */
static void
tell_aside(const struct asking *a, const struct waiter *wait, bool alone,
    uint64_t rcpts)
{
	struct scope *c = payer_waited_for(wait);
	struct why w;

	if (payer_is_paused(c)) {
		tell_paused(a, c, rcpts);
		return;
	}
	(void)why_describe(c, LIMIT_MSG, 1, a->asked.now_us, &w);
	w.kind = WHY_LIMIT;
	w.name = payer_name(c);
	w.rcpts = rcpts;
	w.place = line_before(wait) + 1;
	w.waiting = line_of(wait)->n;
	if (!alone || !payer_brings_next(wait) ||
	    TAILQ_EMPTY(&a->asked.q->idle_conns) ||
	    has_other_limit(a->asked.q) || w.until_us <= a->asked.now_us) {
		w.not_before_us = scope_nth(c, LIMIT_MSG, w.place - 1, 1,
		    a->asked.now_us);
		if (w.not_before_us == INT64_MAX ||
		    w.not_before_us <= a->asked.now_us)
			w.not_before_us = 0;
		w.until_us = INT64_MAX;
	}
	a->fn(a->ctx, &w);
}

/* A queue may hold mail of any number of jobs. */
struct asides_asking {
	const struct asking *asking;
	unsigned left;
};

static bool
on_aside(void *ctx, const struct waiter *wait, const struct turns_sum *sum)
{
	struct asides_asking *p = ctx;

	tell_aside(p->asking, wait, sum->rcpts == p->asking->asked.q->aside,
	    sum->rcpts);
	return --p->left > 0;
}

void
why_tell_aside(const struct asking *a)
{
	struct asides_asking p = { a, WHY_ASIDES };

	if (a->asked.q->aside > 0)
		turns_each_aside(&a->asked.q->turns, INT64_MAX, on_aside, &p);
}

/* Of a recipient: the mail of its origin. */
struct payers_asking {
	const struct asking *asking;
	const struct scope *told;
};

static bool
on_own_aside(void *ctx, const struct waiter *wait, const struct turns_sum *sum)
{
	struct payers_asking *p = ctx;

	p->told = payer_waited_for(wait);
	tell_aside(p->asking, wait, sum->groups == 1, 0);
	return false; /* in one priority as a rule */
}

void
why_tell_payers(const struct asking *a)
{
	struct payers_asking p = { a, NULL };
	struct scope *by[ORIGIN_PAYERS];
	struct why w;

	if (a->rcpt->due_us <= a->asked.now_us)
		turns_own_aside(&a->asked.q->turns, a->rcpt->entry->origin,
		    on_own_aside, &p);
	origin_payers(a->asked.s, a->rcpt->entry->origin, a->asked.now_us, by);
	for (int i = 0; i < ORIGIN_PAYERS; i++) {
		if (by[i] != NULL && by[i] != p.told && payer_is_paused(by[i]))
			tell_paused(a, by[i], 0);
		if (by[i] == NULL || by[i] == p.told ||
		    !why_describe(by[i], LIMIT_MSG, 1, a->asked.now_us, &w) ||
		    w.kind != WHY_LIMIT)
			continue;
		w.name = payer_name(by[i]);
		if (w.until_us != INT64_MAX)
			w.not_before_us = w.until_us;
		w.until_us = INT64_MAX;
		a->fn(a->ctx, &w);
	}
}

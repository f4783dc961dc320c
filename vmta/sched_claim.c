/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims: a queue that needs room at several scopes at once gets there.
 *
 * A queue waits in the line of one scope, gets its turn there, finds another
 * scope in its way and goes to wait there; meanwhile the first one serves
 * others.  So all there is is used, but where two scopes never have room at
 * the same moment the queue goes from line to line for ever.
 *
 * So each turn that could not be used is remembered until the queue is served.
 * One that is sent to a scope where it has had its turn claims that one, and
 * each other where it had: it is the first there, and all of them leave it
 * what it needs at the time when the last of them has room (sched_backfill.c).
 *
 * Of two that claim the same scope the one whose first turn was before has it;
 * so the oldest of all has all of its own, and is served next.  A higher
 * queue-priority heeds no claims of a lower one, and who waited in a line
 * before the claimant did goes first there: claims that follow one another
 * would keep it from its turn for ever.
 *
 * Jobs and users are such scopes, too: a claim is of an origin in a queue, and
 * of one origin there after the other.  Beside these the queue's own limits
 * count as one: other mail of the queue uses them.  Mail that its claim brings
 * back has the next turn in its queue, and what it claims is left to it until
 * then; or the queue's next one is, if its payer's token comes soon.
 */
#include "vmta/sched_priv.h"

#include <stdlib.h>

#include "lib/clock.h"
#include "lib/mem.h"

/* Turns for tokens of a job or a user; they have no others. */
enum { PAYER_BITS = 1 << SCOPE_JOB | 1 << SCOPE_USER };

static uint32_t
bit(const struct scope *c, enum want want)
{
	return 1U << ((unsigned)c->kind + (want == WANT_CONN ? 16U : 0U));
}

bool
claim_had_payer(const struct sched_queue *q)
{
	return (q->claim->had & (uint32_t)PAYER_BITS) != 0;
}

/* Who waits there looks again. */
static void
changed(struct scope *c)
{
	if (scope_is_payer(c))
		payer_changed(c);
	else
		shared_changed(OF(shared, scope, c));
}

/* ---- seniority ----------------------------------------------------------- */

void
claim_joins(struct sched_queue *q, int64_t now_us)
{
	if (q->waits_us <= q->progress_us)
		q->waits_us = now_us;
}

/* Since when it waits; INT64_MAX: it does not. */
static int64_t
waits_since(const struct sched_queue *q)
{
	if (q->claim != NULL)
		return q->claim->since_us;
	return q->waits_us > q->progress_us ? q->waits_us : INT64_MAX;
}

bool
claim_is_later(const struct sched_queue *by, const struct sched_queue *q)
{
	return by->lane->priority <= q->lane->priority &&
	    waits_since(q) < by->claim->since_us;
}

/* ---- turns --------------------------------------------------------------- */

/*
 * Mail of another origin had a turn: one origin after the other, in the order
 * of their numbers and round again, so that none is passed over for ever.
 */
static void
stand_by(struct claim *c, uint32_t origin, uint32_t had)
{
	if (c->next != c->origin && c->next - c->origin <= origin - c->origin)
		return;
	c->next = origin;
	c->next_had = had;
}

void
claim_turn(struct sched_queue *q, const struct scope *at, enum want want,
    uint32_t origin, int64_t now_us)
{
	struct sched *s = q->vmta->shared.sched;
	struct claim *c = q->claim;

	if (c == NULL) {
		c = q->claim = mem_new(struct claim);
		c->number = ++s->last_claim;
		c->since_us = q->waits_us > q->progress_us ? q->waits_us :
							     now_us;
		c->origin = c->next = origin;
	}
	if (scope_is_payer(at) && claim_had_payer(q) && c->origin != origin) {
		stand_by(c, origin, bit(at, want));
		return;
	}
	if (scope_is_payer(at) && c->origin != origin)
		c->origin = c->next = origin;
	c->had |= bit(at, want);
	c->turns++;
	c->due_us = now_us;
}

bool
claim_had(const struct sched_queue *q, const struct scope *at, enum want want)
{
	return q->claim != NULL && (q->claim->had & bit(at, want)) != 0;
}

/* Claims it, unless another one does that had its turn before. */
static bool
take(struct sched_queue *q, struct scope *at)
{
	const struct sched_queue *by = at->claimed;

	if (by != NULL && (by == q || by->claim->number <= q->claim->number))
		return by == q;
	if (by != NULL)
		claim_lose(at);
	at->claimed = q;
	changed(at);
	return true;
}

static void
take_payer(struct sched_queue *q, int i, enum scope_kind kind)
{
	struct scope *at;

	if ((q->claim->had & 1U << kind) == 0 ||
	    !vqueue_has(q, q->claim->origin))
		return;
	at = origin_payer(q->vmta->shared.sched, q->claim->origin, kind);
	if (at != NULL && take(q, at))
		q->claim->payers[i] = at;
}

void
claim_wait(struct sched_queue *q, const struct scope *at, enum want want,
    uint32_t origin, int64_t now_us)
{
	if (!claim_had(q, at, want) ||
	    (scope_is_payer(at) && origin != q->claim->origin))
		return;
	q->claim->due_us = now_us;
	for (int i = 0; i < LEVELS; i++) {
		struct shared *h = q->lane->path[i];

		if (h != NULL &&
		    (claim_had(q, &h->scope, WANT_TOKEN) ||
			claim_had(q, &h->scope, WANT_CONN)))
			(void)take(q, &h->scope);
	}
	take_payer(q, 0, SCOPE_JOB);
	take_payer(q, 1, SCOPE_USER);
	claim_hope(q, now_us);
}

/*
 * What waits in the line of its job or user, of the mail that it is for; NULL
 * also when it has other mail that could go.
 */
struct waiter *
claim_aside_of(const struct sched_queue *q)
{
	return q->claim == NULL || !claim_had_payer(q) || q->ready > 0 ?
	    NULL :
	    vqueue_aside_of(q, q->claim->origin);
}

bool
claim_keeps_place(const struct sched_queue *q)
{
	return claim_aside_of(q) != NULL;
}

void
claim_aside(struct sched_queue *q, int64_t now_us)
{
	const struct waiter *aside = claim_aside_of(q);

	if (aside != NULL)
		claim_wait(q, payer_waited_for(aside), WANT_TOKEN,
		    q->claim->origin, now_us);
}

bool
claim_turn_aside(struct sched_queue *q, const struct scope *at, int64_t now_us)
{
	if (claim_aside_of(q) == NULL)
		return false;
	claim_turn(q, at, WANT_CONN, q->claim->origin, now_us);
	lane_wants_no_open(q);
	claim_aside(q, now_us);
	return true;
}

void
claim_lose(struct scope *at)
{
	struct sched_queue *by = at->claimed;

	if (by == NULL)
		return;
	at->claimed = NULL;
	for (int i = 0; i < ORIGIN_PAYERS; i++)
		if (by->claim->payers[i] == at)
			by->claim->payers[i] = NULL;
	changed(at);
}

/* Others that wait there, with or without a connection. */
static uint32_t
others(const struct shared *h, const struct sched_queue *q)
{
	bool open = line_of(&q->open_wait) != NULL && q->lane->open_at == h;
	bool give = line_of(&q->give_wait) != NULL && q->lane->give_at == h;

	return h->open_n - open + h->give_n - give;
}

/* Its claims that are of its jobs and users excepted. */
static void
drop_shared(struct sched_queue *q, bool all)
{
	for (int i = 0; i < LEVELS; i++) {
		struct shared *h = q->lane->path[i];

		if (h == NULL || (!all && others(h, q) == 0))
			continue;
		q->claim->had &= ~(
		    bit(&h->scope, WANT_TOKEN) | bit(&h->scope, WANT_CONN));
		if (h->scope.claimed == q)
			claim_lose(&h->scope);
	}
}

static void
lose_all(struct sched_queue *q)
{
	drop_shared(q, true);
	for (int i = 0; i < ORIGIN_PAYERS; i++)
		if (q->claim->payers[i] != NULL)
			claim_lose(q->claim->payers[i]);
}

void
claim_drop(struct sched_queue *q)
{
	if (q->claim == NULL)
		return;
	lose_all(q);
	free(q->claim);
	q->claim = NULL;
}

/* It is over; the next one is of mail that had its turn meanwhile. */
static void
pass_on(struct sched_queue *q)
{
	struct claim *c = q->claim;

	if (c->next == c->origin || !vqueue_has(q, c->next)) {
		claim_drop(q);
		return;
	}
	lose_all(q);
	c->number = ++q->vmta->shared.sched->last_claim;
	c->since_us = q->progress_us;
	c->turns = 0;
	c->origin = c->next;
	c->had = c->next_had;
}

/*
 * What mail of another origin has used is no turn any more, where others wait
 * for one.
 */
void
claim_served(struct sched_queue *q, uint32_t origin)
{
	const struct claim *c = q->claim;

	if (c == NULL)
		return;
	if (claim_had_payer(q) && c->origin != origin &&
	    vqueue_has(q, c->origin))
		drop_shared(q, false);
	else
		pass_on(q);
}

/*
 * Has mail of its claim got its payer's turn, and waits now for a connection
 * or a limit of the queue's own?  Not if other mail is before it there.
 */
static bool
waits_for_own(struct sched_queue *q)
{
	return claim_had_payer(q) && q->ready > 0 &&
	    lane_origin(q) == q->claim->origin;
}

void
claim_settle(struct sched_queue *q, int64_t now_us)
{
	if (q->claim == NULL)
		return;
	if (claim_had_payer(q) && !vqueue_has(q, q->claim->origin)) {
		claim_drop(q);
		return;
	}
	claim_hope(q, now_us);
	lane_may_lead(q);
	if (line_of(&q->give_wait) != NULL || line_of(&q->open_wait) != NULL ||
	    q->conns.in[CONN_OPENING] > 0)
		return;
	if (waits_for_own(q))
		q->claim->had |= bit(&q->scope, WANT_TOKEN);
	else if (!claim_had_payer(q) &&
	    (q->ready == 0 || claim_own_due(q, now_us) < 0))
		claim_drop(q);
}

struct sched_queue *
claim_first(const struct scope *c, const struct sched_queue *in_line)
{
	struct sched_queue *by = c->claimed;

	return by == NULL || by->lane->priority < in_line->lane->priority ||
		claim_is_later(by, in_line) ?
	    NULL :
	    by;
}

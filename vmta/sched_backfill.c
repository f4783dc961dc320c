/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What others may have of a scope that is claimed (why: vmta/sched_claim.c).
 *
 * It is due when all that it needs has room at once: its scopes, its own limits
 * and connections, and the payers of its mail.  Until then a scope that it
 * claims serves others as far as it will have enough at that time, as a
 * backfilling scheduler does.  What nobody knows the time of is left to
 * it for a while.
 */
#include "vmta/sched_priv.h"

#include "lib/clock.h"

/* Left to who waits for what no time is known of. */
#define UNKNOWN_US (10 * US_PER_S)

/* Who claims it, if q has to heed that; or NULL. */
static struct sched_queue *
heeded(const struct scope *c, const struct sched_queue *q)
{
	struct sched_queue *by = c->claimed;

	if (by == NULL || by == q || by->lane->priority < q->lane->priority ||
	    claim_is_later(by, q))
		return NULL;
	/* It would have it, had it been free when it was sent there. */
	if (q->claim != NULL && q->claim->number < by->claim->number &&
	    (claim_had(q, c, WANT_TOKEN) || claim_had(q, c, WANT_CONN)))
		return NULL;
	return by;
}

/* Where it waits for a token, its mail set aside or in line; or NULL. */
static struct scope *
waits_for_token(const struct sched_queue *q)
{
	const struct waiter *aside = claim_aside_of(q);

	if (aside != NULL)
		return payer_waited_for(aside);
	return line_of(&q->give_wait) == NULL ? NULL : &q->lane->give_at->scope;
}

static bool
needs_conn(const struct sched_queue *q)
{
	return q->conns.in[CONN_OPENING] + q->conns.in[CONN_IDLE] == 0;
}

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Who may use it at any moment has it for a while, or for this one. */
static int64_t
claimed_until(const struct sched_queue *q, int64_t now_us)
{
	int64_t until = q->claim->due_us + UNKNOWN_US;

	return until > now_us ? until : now_us + US_PER_MS;
}

/* A time that nobody knows is now, for a while. */
static int64_t
known(const struct sched_queue *q, int64_t at_us, int64_t now_us)
{
	if (at_us > now_us && at_us < INT64_MAX)
		return at_us;
	return q->claim->due_us + UNKNOWN_US > now_us ? now_us : -1;
}

/* When its payers allow it. */
static int64_t
payers_due(const struct sched_queue *q, int64_t now_us)
{
	int64_t at = now_us;

	for (int kind = SCOPE_JOB; kind <= SCOPE_USER && claim_had_payer(q);
	     kind++) {
		struct scope *c = origin_payer(q->vmta->shared.sched,
		    q->claim->origin, (enum scope_kind)kind);

		if (c != NULL)
			at = later(at, scope_next(c, LIMIT_MSG, 1, now_us));
	}
	return at;
}

/* When the scopes that it shares do. */
static int64_t
shared_due(struct sched_queue *q, int64_t now_us)
{
	bool opens = needs_conn(q);
	int64_t at = now_us;

	for (int i = 0; i < LEVEL_PROCESS; i++) {
		struct shared *h = q->lane->path[i];

		if (h == NULL)
			continue;
		at = later(at, shared_next(h, shared_bytes(h, q), now_us));
		if (!opens)
			continue;
		at = later(at, scope_next(&h->scope, LIMIT_CONNECT, 1, now_us));
	}
	return at;
}

/* When the queue's own rates have what is given next. */
static int64_t
own_rates_due(struct sched_queue *q, int64_t now_us)
{
	int64_t at = later(scope_next(&q->scope, LIMIT_MSG, 1, now_us),
	    scope_next(&q->scope, LIMIT_DATA, queue_bytes(q), now_us));
	const struct scope *also;

	if (q->standing == NULL)
		return at;
	also = &q->standing->also;
	at = later(at, scope_next(also, LIMIT_MSG, 1, now_us));
	return later(at, scope_next(also, LIMIT_DATA, queue_bytes(q), now_us));
}

static bool
waits_for_lease(const struct check_no *no)
{
	return no->scope != NULL && no->check->kind <= LIMIT_DATA &&
	    no->scope->rates[no->check->kind] != NULL &&
	    no->scope->rates[no->check->kind]->lease != NULL;
}

/*
 * When its own connections and limits do; INT64_MAX: as soon as a lease of its
 * rate is durable; -1: not before something happens.
 */
int64_t
claim_own_due(struct sched_queue *q, int64_t now_us)
{
	int64_t busy = -1;
	struct check_no no;
	struct asked a;

	if (!TAILQ_EMPTY(&q->idle_conns))
		return own_rates_due(q, now_us);
	if (q->conns.in[CONN_OPENING] > 0)
		return q->progress_us + q->setup_us;
	if (q->conns.in[CONN_BUSY] > 0)
		busy = q->progress_us + q->busy_us;
	ask_own(&a, q->vmta->shared.sched, q, now_us);
	if (!own_says_no(&a, &no))
		return busy > 0 ? busy : now_us;
	if (no.check->why == WHY_HELD || no.check->why == WHY_PAUSED ||
	    no.check->why == WHY_RETRY || no.check->why == WHY_SOURCES_OFF)
		return -1;
	if (no.until_us == INT64_MAX && !waits_for_lease(&no))
		return busy;
	return no.until_us;
}

/*
 * When all that q needs has room for it, as far as is known; -1: nothing has
 * to be left to it.  What nobody knows is now, for a while.
 */
static int64_t
due(struct sched_queue *q, int64_t now_us)
{
	struct scope *c = waits_for_token(q);
	int64_t at;

	if (claim_had_payer(q) && !vqueue_has(q, q->claim->origin))
		return -1; /* that mail has gone, and its origin, perhaps */
	if (c != NULL && c->claimed != q)
		return -1; /* others are before it there */
	if (c == NULL && line_of(&q->open_wait) != NULL &&
	    q->lane->open_at->level < LEVEL_PROCESS &&
	    q->lane->open_at->scope.claimed != q)
		return -1;
	at = claim_own_due(q, now_us);
	if (at < 0)
		return -1;
	at = later(at, shared_due(q, now_us));
	at = later(at, payers_due(q, now_us));
	if (at > now_us && at < INT64_MAX && needs_conn(q))
		at += q->setup_us;
	return known(q, at, now_us);
}

void
claim_hope(struct sched_queue *q, int64_t now_us)
{
	int64_t at = due(q, now_us);

	if (at > q->claim->due_us)
		q->claim->due_us = at;
}

/*
 * The payer for which mail of its claim is set aside while other mail of the
 * queue has its turn, if that is not more important; or NULL.
 */
static const struct scope *
claimed_beside(struct sched_queue *q)
{
	const struct group *g = vqueue_first(q);
	const struct waiter *w;
	const struct scope *c;

	if (g == NULL || q->claim == NULL || !claim_had_payer(q) ||
	    q->claim->origin == g->entry->origin)
		return NULL;
	w = vqueue_aside_of(q, q->claim->origin);
	if (w == NULL || turns_aside_priority(w) < g->priority)
		return NULL;
	c = payer_waited_for(w);
	return c->claimed == q ? c : NULL;
}

/* When the one that claims it, or other mail of q itself, can use it; or -1. */
static int64_t
claimed_for(const struct scope *c, struct sched_queue *q, int64_t now_us,
    struct sched_queue **by_r)
{
	const struct scope *payer;

	*by_r = NULL;
	if (c->claimed == NULL)
		return -1;
	*by_r = heeded(c, q);
	if (*by_r != NULL)
		return due(*by_r, now_us);
	payer = c->claimed == q && !scope_is_payer(c) ? claimed_beside(q) :
							NULL;
	if (payer == NULL)
		return -1;
	*by_r = q;
	return known(q, scope_next(payer, LIMIT_MSG, 1, now_us), now_us);
}

static bool
claims(struct scope *c, struct sched_queue *q, enum limit_kind kind, uint64_t n,
    int64_t now_us, int64_t *until_us)
{
	struct sched_queue *by;
	uint64_t need;
	int64_t at = claimed_for(c, q, now_us, &by);

	*until_us = INT64_MAX;
	if (by == NULL || (kind == LIMIT_CONNECT && !needs_conn(by)))
		return false;
	if (by != q && waits_for_token(by) == c)
		return true; /* it is the first; as soon as it has gone */
	if (at < 0)
		return false;
	need = kind == LIMIT_DATA ? queue_bytes(by) : 1;
	if (scope_leaves(c, kind, n, need, at, now_us))
		return false;
	*until_us = at > now_us ? at : claimed_until(by, now_us);
	return true;
}

/*
 * Is the payer's token so near that less is lost when the queue's next one
 * waits for it than when it waits for the one after that?
 */
static bool
is_sooner(const struct scope *own, int64_t at_us, int64_t now_us)
{
	int64_t next = scope_nth(own, LIMIT_MSG, 1, 1, now_us);

	return at_us - now_us < next - at_us;
}

int64_t
backfill_own_at(struct sched_queue *q, int64_t now_us)
{
	const struct scope *c = claimed_beside(q);
	int64_t at;

	if (c == NULL || !claim_had(q, &q->scope, WANT_TOKEN))
		return 0;
	at = scope_next(c, LIMIT_MSG, 1, now_us);
	return at > now_us && at < INT64_MAX &&
		is_sooner(&q->scope, at, now_us) ?
	    at :
	    0;
}

int64_t
backfill_token_at(struct scope *c, struct sched_queue *q, enum limit_kind kind,
    uint64_t n, int64_t now_us)
{
	int64_t next = scope_next(c, kind, n, now_us), until;

	if (next > now_us || c->claimed == NULL)
		return next;
	return claims(c, q, kind, n, now_us, &until) ? until : now_us;
}

/* Would a message over one more connection leave enough for `by`? */
static bool
leaves(const struct shared *h, struct sched_queue *by, int64_t at_us,
    int64_t now_us)
{
	const struct scope *c = &h->scope;

	return scope_leaves(c, LIMIT_CONNECT, 1, 1, at_us, now_us) &&
	    scope_leaves(c, LIMIT_MSG, 1, 1, at_us, now_us) &&
	    scope_leaves(c, LIMIT_DATA, h->bytes, queue_bytes(by), at_us,
		now_us);
}

int64_t
backfill_conn_at(struct shared *h, const struct sched_queue *q, int64_t now_us)
{
	struct sched_queue *by = heeded(&h->scope, q);
	int64_t at;

	if (by == NULL || by->lane == q->lane || !needs_conn(by) ||
	    by->lane->open_at == h || by->lane->from == h)
		return 0;
	at = due(by, now_us);
	if (at < 0)
		return 0;
	if (waits_for_token(by) == NULL && line_of(&by->open_wait) != NULL)
		at -= by->setup_us; /* it is opened before it is due */
	/* One that is opened meanwhile will have gone by then. */
	if (at - now_us > (int64_t)h->setup_us + h->busy_us &&
	    leaves(h, by, at, now_us))
		return 0;
	return at > now_us ? at : claimed_until(by, now_us);
}

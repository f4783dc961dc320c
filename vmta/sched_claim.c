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
 * each other where it had: it is the first there, and all of them keep for it
 * what it needs at the time when the last of them, its own limits and its payers
 * will have room.  Until then they serve others as far as that leaves enough,
 * as a backfilling scheduler does.
 *
 * Of two that claim the same scope the one whose first turn was before has it;
 * so the oldest of all has all of its own, and is served next.  A higher
 * queue-priority heeds no claims of a lower one.
 *
 * Jobs and users are such scopes, too: a claim is of an origin in a queue, and
 * of one origin there after the other.  Beside these the queue's own limits
 * count as one: other mail of the queue uses them.  Mail that its claim brings
 * back has the next turn in its queue, and what it claims is kept until then;
 * or the queue's next one is kept for it, if its payer's token comes soon.
 */
#include "vmta/sched_priv.h"

#include <stdlib.h>

#include "lib/clock.h"
#include "lib/mem.h"

/* Kept for who waits for what no time is known of. */
#define KEEP_US (10 * US_PER_S)

/* Turns for tokens of a job or a user; they have no others. */
enum { PAYER_BITS = 1 << SCOPE_JOB | 1 << SCOPE_USER };

static uint32_t
bit(const struct scope *c, enum want want)
{
	return 1U << ((unsigned)c->kind + (want == WANT_CONN ? 16U : 0U));
}

static bool
is_payer(const struct scope *c)
{
	return c->kind == SCOPE_JOB || c->kind == SCOPE_USER;
}

/* Is it of the mail of one origin alone? */
static bool
had_payer(const struct claim *c)
{
	return (c->had & (uint32_t)PAYER_BITS) != 0;
}

/* Who waits there looks again. */
static void
changed(struct scope *c)
{
	if (is_payer(c))
		payer_changed(c);
	else
		shared_changed(OF(shared, scope, c));
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
		c->origin = c->next = origin;
	}
	if (is_payer(at) && had_payer(c) && c->origin != origin) {
		stand_by(c, origin, bit(at, want));
		return;
	}
	if (is_payer(at) && c->origin != origin)
		c->origin = c->next = origin;
	c->had |= bit(at, want);
	c->moved_us = now_us;
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

	if ((q->claim->had & 1U << kind) == 0)
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
	    (is_payer(at) && origin != q->claim->origin))
		return;
	q->claim->moved_us = now_us;
	for (int i = 0; i < LEVELS; i++) {
		struct shared *h = q->lane->path[i];

		if (h != NULL &&
		    (claim_had(q, &h->scope, WANT_TOKEN) ||
			claim_had(q, &h->scope, WANT_CONN)))
			(void)take(q, &h->scope);
	}
	take_payer(q, 0, SCOPE_JOB);
	take_payer(q, 1, SCOPE_USER);
}

/*
 * What waits in the line of its job or user, of the mail that it is for; NULL
 * also when it has other mail that could go.
 */
static struct waiter *
aside_of(const struct sched_queue *q)
{
	return q->claim == NULL || !had_payer(q->claim) || q->ready > 0 ?
	    NULL :
	    vqueue_aside_of(q, q->claim->origin);
}

bool
claim_keeps_place(const struct sched_queue *q)
{
	return aside_of(q) != NULL;
}

void
claim_aside(struct sched_queue *q, int64_t now_us)
{
	const struct waiter *aside = aside_of(q);

	if (aside != NULL)
		claim_wait(q, payer_waited_for(aside), WANT_TOKEN,
		    q->claim->origin, now_us);
}

bool
claim_turn_aside(struct sched_queue *q, const struct scope *at, int64_t now_us)
{
	if (aside_of(q) == NULL)
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
	if (had_payer(c) && c->origin != origin && vqueue_has(q, c->origin))
		drop_shared(q, false);
	else
		pass_on(q);
}

/* ---- what is kept -------------------------------------------------------- */

/* Who claims it, if q has to heed that; or NULL. */
static struct sched_queue *
heeded(const struct scope *c, const struct sched_queue *q)
{
	struct sched_queue *by = c->claimed;

	if (by == NULL || by == q || by->lane->priority < q->lane->priority)
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
	const struct waiter *aside = aside_of(q);

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
kept_until(const struct sched_queue *q, int64_t now_us)
{
	int64_t until = q->claim->moved_us + KEEP_US;

	return until > now_us ? until : now_us + US_PER_MS;
}

/* When its payers allow it. */
static int64_t
payers_due(const struct sched_queue *q, int64_t now_us)
{
	int64_t at = now_us;

	for (int kind = SCOPE_JOB; kind <= SCOPE_USER && had_payer(q->claim);
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

/*
 * When its own connections and limits do; -1: not before something happens.
 */
static int64_t
own_due(struct sched_queue *q, int64_t now_us)
{
	int64_t busy = -1;
	struct check_no no;
	struct asked a;

	if (!TAILQ_EMPTY(&q->idle_conns))
		return later(scope_next(&q->scope, LIMIT_MSG, 1, now_us),
		    scope_next(&q->scope, LIMIT_DATA, queue_bytes(q), now_us));
	if (q->conns.in[CONN_OPENING] > 0)
		return q->progress_us + q->setup_us;
	if (q->conns.in[CONN_BUSY] > 0)
		busy = q->progress_us + q->busy_us;
	ask_own(&a, q->vmta->shared.sched, q, now_us);
	if (!own_says_no(&a, &no))
		return busy > 0 ? busy : now_us;
	if (no.check->why == WHY_HELD || no.check->why == WHY_PAUSED ||
	    no.check->why == WHY_RETRY)
		return -1;
	if (no.until_us == INT64_MAX)
		return busy;
	return no.until_us;
}

/*
 * When all that q needs has room for it, as far as is known; -1: nothing has
 * to be kept.  What nobody knows is now, for a while.
 */
static int64_t
due(struct sched_queue *q, int64_t now_us)
{
	struct scope *c = waits_for_token(q);
	int64_t at;

	if (c != NULL && c->claimed != q)
		return -1; /* others are before it there */
	if (c == NULL && line_of(&q->open_wait) != NULL &&
	    q->lane->open_at->level < LEVEL_PROCESS &&
	    q->lane->open_at->scope.claimed != q)
		return -1;
	at = own_due(q, now_us);
	if (at < 0)
		return -1;
	at = later(at, shared_due(q, now_us));
	at = later(at, payers_due(q, now_us));
	if (at > now_us && at < INT64_MAX) {
		if (needs_conn(q))
			at += q->setup_us;
		q->claim->moved_us = at;
		return at;
	}
	return q->claim->moved_us + KEEP_US > now_us ? now_us : -1;
}

/*
 * Has mail of its claim got its payer's turn, and waits now for a connection
 * or a limit of the queue's own?  Not if other mail is before it there.
 */
static bool
waits_for_own(struct sched_queue *q)
{
	return had_payer(q->claim) && q->ready > 0 &&
	    lane_origin(q) == q->claim->origin;
}

void
claim_settle(struct sched_queue *q, int64_t now_us)
{
	if (q->claim == NULL || line_of(&q->give_wait) != NULL ||
	    line_of(&q->open_wait) != NULL || q->conns.in[CONN_OPENING] > 0)
		return;
	if (waits_for_own(q))
		q->claim->had |= bit(&q->scope, WANT_TOKEN);
	else if (had_payer(q->claim) ? !vqueue_has(q, q->claim->origin) :
				       q->ready == 0 || own_due(q, now_us) < 0)
		claim_drop(q);
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

	if (g == NULL || q->claim == NULL || !had_payer(q->claim) ||
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
kept_for(const struct scope *c, struct sched_queue *q, int64_t now_us,
    struct sched_queue **by_r)
{
	const struct scope *payer;
	int64_t at;

	*by_r = NULL;
	if (c->claimed == NULL)
		return -1;
	*by_r = heeded(c, q);
	if (*by_r != NULL)
		return due(*by_r, now_us);
	payer = c->claimed == q && !is_payer(c) ? claimed_beside(q) : NULL;
	if (payer == NULL)
		return -1;
	*by_r = q;
	at = scope_next(payer, LIMIT_MSG, 1, now_us);
	return at < INT64_MAX ? at : now_us;
}

static bool
keeps(struct scope *c, struct sched_queue *q, enum limit_kind kind, uint64_t n,
    int64_t now_us, int64_t *until_us)
{
	struct sched_queue *by;
	uint64_t need;
	int64_t at = kept_for(c, q, now_us, &by);

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
	*until_us = at > now_us ? at : kept_until(by, now_us);
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
claim_keeps_own(struct sched_queue *q, int64_t now_us)
{
	const struct scope *c = claimed_beside(q);
	int64_t at;

	if (c == NULL || (q->claim->had & bit(&q->scope, WANT_TOKEN)) == 0)
		return 0;
	at = scope_next(c, LIMIT_MSG, 1, now_us);
	return at > now_us && at < INT64_MAX &&
		is_sooner(&q->scope, at, now_us) ?
	    at :
	    0;
}

int64_t
claim_token_at(struct scope *c, struct sched_queue *q, enum limit_kind kind,
    uint64_t n, int64_t now_us)
{
	int64_t next = scope_next(c, kind, n, now_us), until;

	if (next > now_us || c->claimed == NULL)
		return next;
	return keeps(c, q, kind, n, now_us, &until) ? until : now_us;
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
claim_keeps_conn(struct shared *h, const struct sched_queue *q, int64_t now_us)
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
	return at > now_us ? at : kept_until(by, now_us);
}

struct sched_queue *
claim_first(const struct scope *c, const struct sched_queue *in_line)
{
	struct sched_queue *by = c->claimed;

	return by == NULL || by->lane->priority < in_line->lane->priority ?
	    NULL :
	    by;
}

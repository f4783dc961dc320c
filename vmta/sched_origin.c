/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who handed the mail in, job and user: what the configuration says of them,
 * and their limits.
 *
 * There may be as many jobs as messages, so each is looked up when it is used
 * first after a reload, not by the reload; and what counts for one (a payer)
 * goes as soon as it counts nothing any more.
 *
 * Mail whose payer has no token is set aside in its queue (vmta/vqueue.h) and
 * waits in the payer's line, and the others of the queue go on.  For each
 * token one of these is brought back.  It may need a connection first, or may
 * not get one: so a payer brings back as many as can use its rate, and after a
 * while in which none came for the token, one more.
 */
#include "vmta/sched_priv.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/mem.h"

#define AWAKE_US (60 * US_PER_S) /* for a connection, at most */
#define LIFTED_SLICE 100 /* brought back at once when there is no limit */

/* A job or a user with a rate, or a job that is paused. */
struct payer {
	struct table_link link;
	struct sched *sched;
	struct scope scope;
	struct line line; /* mail set aside */
	uint32_t awake;   /* brought back, and not served yet */
	uint32_t late;    /* likewise: others were since, and it may come yet */
	int64_t woken_us; /* the last of them */
	struct timer timer;
	struct pause_seen pause;
	char name[];
};

/* ---- payers -------------------------------------------------------------- */

struct payer_key {
	enum scope_kind kind;
	const char *name;
};

static uint64_t
key_hash(const struct payer_key *k)
{
	return table_hash_bytes(k->name, strlen(k->name)) + k->kind;
}

static uint64_t
hash(const struct table_link *link)
{
	const struct payer *p = (const void *)((const char *)link -
	    offsetof(struct payer, link));
	struct payer_key k = { p->scope.kind, p->name };

	return key_hash(&k);
}

static bool
is(const struct table_link *link, const void *key)
{
	const struct payer *p = (const void *)((const char *)link -
	    offsetof(struct payer, link));
	const struct payer_key *k = key;

	return p->scope.kind == k->kind && strcmp(p->name, k->name) == 0;
}

static const struct table_ops ops = { hash, is };

void
payers_init(struct sched *s)
{
	table_init(&s->payers, &ops);
}

static const struct rate *
rate_of(const struct sched *s, enum scope_kind kind, const char *name)
{
	static const struct rate none;
	const struct job_conf *job;
	const struct user_conf *user;

	if (kind == SCOPE_JOB) {
		job = snapshot_job(s->conf, name);
		return job == NULL ? &none : &job->msg_rate;
	}
	user = snapshot_user(s->conf, name);
	return user == NULL ? &none : &user->msg_rate;
}

static void
payer_configure(struct payer *p, int64_t now_us)
{
	struct sched *s = p->sched;

	claim_lose(&p->scope);

	scope_set_rate(&p->scope, LIMIT_MSG, rate_of(s, p->scope.kind, p->name),
	    now_us);
	leases_enter(s, &p->scope, now_us);
	timer_set(&s->timers, &p->timer, 0);
}

static struct payer *
payer_get(struct sched *s, enum scope_kind kind, const char *name,
    int64_t now_us)
{
	struct payer_key k = { kind, name };
	struct table_link *link = table_find(&s->payers, key_hash(&k), &k);
	size_t len = strlen(name) + 1;
	struct payer *p;

	if (link != NULL)
		return OF(payer, link, link);
	p = mem_zalloc(sizeof(*p) + len);
	p->sched = s;
	memcpy(p->name, name, len);
	scope_init(&p->scope, kind);
	p->scope.conns.ramp = &s->ramp;
	line_init(&p->line);
	timer_init(&p->timer, TIMER_PAYER);
	table_add(&s->payers, &p->link);
	payer_configure(p, now_us);
	return p;
}

static void
payer_free(struct payer **pp)
{
	struct payer *p = *pp;
	struct sched *s = p->sched;

	*pp = NULL;
	CHECK(p->line.n == 0);
	timer_set(&s->timers, &p->timer, INT64_MAX);
	table_remove(&s->payers, &p->link);
	scope_fini(&p->scope);
	free(p);
}

void
payers_free_all(struct sched *s)
{
	struct table_link *link;

	while ((link = table_any(&s->payers)) != NULL) {
		struct payer *p = OF(payer, link, link);

		payer_free(&p);
	}
	table_fini(&s->payers);
}

void
payers_configure(struct sched *s, int64_t now_us)
{
	for (size_t i = 0; i < s->payers.cap; i++)
		for (struct table_link *l = s->payers.buckets[i]; l != NULL;
		     l = l->next)
			payer_configure(OF(payer, link, l), now_us);
}

const char *
payer_name(const struct scope *c)
{
	return ((const struct payer *)(const void *)((const char *)c -
		    offsetof(struct payer, scope)))
	    ->name;
}

struct scope *
payer_find(const struct sched *s, enum scope_kind kind, const char *name)
{
	struct payer_key k = { kind, name };
	struct table_link *link = table_find(&s->payers, key_hash(&k), &k);

	return link == NULL ? NULL : &OF(payer, link, link)->scope;
}

bool
payer_is_paused(struct scope *c)
{
	struct payer *p = OF(payer, scope, c);

	return c->kind == SCOPE_JOB &&
	    job_is_paused_by_name(p->sched, &p->pause, p->name);
}

void
payers_paused(struct sched *s)
{
	for (size_t i = 0; i < s->payers.cap; i++)
		for (struct table_link *l = s->payers.buckets[i]; l != NULL;
		     l = l->next) {
			struct payer *p = OF(payer, link, l);

			if (payer_is_paused(&p->scope))
				claim_lose(&p->scope);
			timer_set(&s->timers, &p->timer, 0);
		}
}

struct scope *
payer_waited_for(const struct waiter *w)
{
	return &OF(payer, line, line_of(w))->scope;
}

/* ---- origins ------------------------------------------------------------- */

struct origin *
sched_origin(const struct sched *s, uint32_t number)
{
	struct origin *o = origins_at(&s->backlog.origins, number);
	const struct job_conf *job;
	const char *user;

	if (o->generation == s->generation)
		return o;
	o->generation = s->generation;
	job = snapshot_job(s->conf,
	    names_text(&s->backlog.origins.jobs, o->job));
	user = names_text(&s->backlog.origins.users, o->user);
	o->weight = job == NULL ? SHARE_WEIGHT : (uint16_t)job->fair_share;
	o->job_pays = job != NULL && job->msg_rate.count > 0;
	o->user_pays = user[0] != '\0' &&
	    rate_of(s, SCOPE_USER, user)->count > 0;
	return o;
}

void
origin_payers(struct sched *s, uint32_t number, int64_t now_us,
    struct scope *out[ORIGIN_PAYERS])
{
	const struct origin *o = sched_origin(s, number);

	out[0] = out[1] = NULL;
	if (o->job_pays || job_is_paused(s, number))
		out[0] = &payer_get(s, SCOPE_JOB,
		    names_text(&s->backlog.origins.jobs, o->job), now_us)
			      ->scope;
	if (o->user_pays)
		out[1] = &payer_get(s, SCOPE_USER,
		    names_text(&s->backlog.origins.users, o->user), now_us)
			      ->scope;
}

struct scope *
origin_payer(const struct sched *s, uint32_t number, enum scope_kind kind)
{
	const struct origins *all = &s->backlog.origins;
	const struct origin *o = origins_at(&s->backlog.origins, number);

	return payer_find(s, kind,
	    kind == SCOPE_JOB ? names_text(&all->jobs, o->job) :
				names_text(&all->users, o->user));
}

struct scope *
origin_blocked(struct sched_queue *q, uint32_t number, int64_t soon_us,
    int64_t now_us)
{
	struct sched *s = q->vmta->shared.sched;
	struct scope *by[ORIGIN_PAYERS];

	origin_payers(s, number, now_us, by);
	for (int i = 0; i < ORIGIN_PAYERS; i++)
		if (by[i] != NULL &&
		    (payer_is_paused(by[i]) ||
			backfill_token_at(by[i], q, LIMIT_MSG, 1, now_us) >
			    now_us + soon_us))
			return by[i];
	return NULL;
}

/* ---- setting aside, bringing back ---------------------------------------- */

/* How long one that was brought back may take until it is served. */
static int64_t
patience(const struct sched_queue *q)
{
	const struct shared *h = &q->vmta->shared;

	return (int64_t)h->setup_us + h->busy_us;
}

/* For how many at once there is use. */
static uint32_t
useful(const struct payer *p, const struct sched_queue *q)
{
	return scope_useful(&p->scope, patience(q), 1.0, 0);
}

/* Whose claim it is, if that waits there. */
static struct waiter *
claimant(const struct payer *p)
{
	struct sched_queue *q = p->scope.claimed;
	struct waiter *w = q == NULL ? NULL :
				       vqueue_aside_of(q, q->claim->origin);

	return w != NULL && line_of(w) == &p->line ? w : NULL;
}

static struct waiter *
first_waiter(struct payer *p)
{
	struct waiter *w = claimant(p);

	return w != NULL ? w : line_first(&p->line);
}

bool
payer_brings_next(const struct waiter *w)
{
	struct payer *p = OF(payer, line, line_of(w));

	return p->awake == 0 && first_waiter(p) == w &&
	    ((p->scope.claimed == NULL && p->late == 0) || claimant(p) == w);
}

static struct sched_queue *
first(struct payer *p)
{
	return vqueue_aside_queue(first_waiter(p));
}

/* When the first one is brought back: one that is sure of it, early enough. */
static int64_t
wake_at(struct payer *p, int64_t now_us)
{
	struct sched_queue *q = first(p);
	int64_t at = backfill_token_at(&p->scope, q, LIMIT_MSG, 1, now_us);

	if (payer_is_paused(&p->scope))
		return INT64_MAX;
	return !TAILQ_EMPTY(&q->idle_conns) ?
	    at :
	    scope_lead(at, q->setup_us, now_us);
}

/* Its timer: the next token, the next one to bring back, or its end. */
static void
payer_wait(struct payer *p, int64_t now_us)
{
	int64_t at = scope_end(&p->scope);

	if (p->line.n > 0) {
		at = wake_at(p, now_us);
		if (at <= now_us && claimant(p) == NULL &&
		    p->awake >= useful(p, first(p)))
			at = p->woken_us + patience(first(p));
	} else if (at <= now_us) {
		/* Pending ones call again. */
		at = p->awake > 0 ? p->woken_us + AWAKE_US : INT64_MAX;
	}
	timer_set(&p->sched->timers, &p->timer, at);
}

void
payer_changed(struct scope *c)
{
	struct payer *p = OF(payer, scope, c);

	timer_set(&p->sched->timers, &p->timer, 0);
}

/* One that was brought back is served, or set aside again. */
static void
came(struct payer *p)
{
	if (p->awake > 0)
		p->awake--;
	else if (p->late > 0)
		p->late--;
}

/* Another one has brought it back, and this one says no. */
static void
pass_on(struct sched *s, uint32_t origin, const struct scope *no,
    int64_t now_us)
{
	struct scope *by[ORIGIN_PAYERS];

	origin_payers(s, origin, now_us, by);
	for (int i = 0; i < ORIGIN_PAYERS; i++) {
		struct payer *p;

		if (by[i] == NULL || by[i] == no)
			continue;
		p = OF(payer, scope, by[i]);
		if (p->awake == 0)
			continue;
		p->awake--;
		p->late++;
		payer_changed(by[i]);
	}
}

void
payers_go_on(struct sched_queue *q, int64_t now_us)
{
	struct sched *s = q->vmta->shared.sched;

	if (s->has_payers && q->ready > 0)
		pass_on(s, lane_origin(q), NULL, now_us);
}

struct group *
origins_sift(struct sched *s, struct sched_queue *q, int64_t soon_us,
    int64_t now_us)
{
	struct group *g;

	while ((g = vqueue_first(q)) != NULL && s->has_payers) {
		uint32_t origin = g->entry->origin;
		struct scope *c = origin_blocked(q, origin, soon_us, now_us);
		struct line_key k;
		struct payer *p;

		if (c == NULL)
			break;
		pass_on(s, origin, c, now_us);
		p = OF(payer, scope, c);
		k = lane_key(q->lane, origin);
		line_join(&p->line, vqueue_set_aside(q, g), &k);
		if (payer_is_paused(c))
			vqueue_cool(q); /* nobody will send it soon */
		else
			claim_wait(q, c, WANT_TOKEN, origin, now_us);
		came(p);
		payer_wait(p, now_us);
	}
	return g;
}

/* True: it has a connection that can go for the token at once. */
static bool
bring_back(struct payer *p, int64_t now_us)
{
	struct waiter *w = first_waiter(p);
	struct sched_queue *q = vqueue_aside_queue(w);
	bool first = claimant(p) == w;

	claim_turn(q, &p->scope, WANT_TOKEN, vqueue_aside_origin(w), now_us);
	line_leave(w);
	p->awake++;
	p->woken_us = now_us;
	(void)vqueue_bring_back(w, first);
	sched_dirty(p->sched, q);
	return !TAILQ_EMPTY(&q->idle_conns);
}

void
payer_charge(struct scope *c, uint32_t origin, struct lane *l, uint32_t n)
{
	struct payer *p = OF(payer, scope, c);
	struct line_key k = lane_key(l, origin);

	came(p);
	if (p->line.n > 0)
		line_charge(&p->line, &k, n);
}

void
payer_run(struct timer *t, int64_t now_us)
{
	struct payer *p = OF(payer, timer, t);
	const struct rate_limit *r = p->scope.rates[LIMIT_MSG];

	for (int n = 0; n < LIFTED_SLICE && p->line.n > 0; n++) {
		if (wake_at(p, now_us) > now_us)
			break;
		if (claimant(p) == NULL && p->awake >= useful(p, first(p))) {
			if (now_us - p->woken_us < patience(first(p)))
				break;
			p->late += p->awake; /* none of them came */
			p->awake = 0;
		}
		if (bring_back(p, now_us) && r != NULL && r->limited) {
			/* A second one would find nothing and lose its turn. */
			timer_set(&p->sched->timers, &p->timer, now_us + 1);
			return;
		}
	}
	if (p->line.n == 0 && now_us - p->woken_us >= AWAKE_US)
		p->awake = p->late = 0; /* that mail has gone */
	/* With it goes its lease: not while mail is on its way to a token. */
	if (p->line.n == 0 && p->awake == 0 && p->scope.claimed == NULL &&
	    (r == NULL || rate_limit_is_unused(r, now_us))) {
		leases_forget(p->sched, &p->scope);
		payer_free(&p);
		return;
	}
	payer_wait(p, now_us);
}

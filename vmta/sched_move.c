/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mail goes by another virtual MTA than the one that was chosen for it: where
 * to is vmta/reroute.h, when and how is here.
 *
 * What is stored never changes: after a start it is decided anew.  New mail
 * enters the queue that it belongs to now.  When the answer may have become
 * another one (a reload, a mode, a source that goes or comes, recipients that
 * come back from a grant) the queue is looked at, and if some of its mail
 * belongs elsewhere it is gone through, in slices of VQUEUE_MOVE_MAX recipients
 * a sched_run(), and each message is asked for.  What cannot go now is looked
 * at again when a queue of its domain changes.  Nothing moves back by itself:
 * where it is it may stay.
 */
#include "vmta/sched_priv.h"

#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "mail/envelope.h"
#include "vmta/sched_standing.h"
#include "vmta/source.h"
#include "vmta/vqueue_move.h"

/* Of one walk: what went to one virtual MTA, to be told. */
struct gone {
	const struct sched_vmta *to;
	enum reroute_way way;
	uint64_t rcpts;
};

/* A queue that is looked at, and gone through if it must. */
struct move {
	struct table_link link;
	TAILQ_ENTRY(move) entry;
	struct sched_queue *queue;
	struct vqueue_cursor cursor;
	bool begun;
	bool again; /* something has changed since it began */
	size_t n;
	struct gone *gone;
};

static uint64_t
hash_of(const struct sched_queue *q)
{
	return table_hash_u64((uint64_t)(uintptr_t)q);
}

static const struct move *
of_move(const struct table_link *l)
{
	return (const void *)((const char *)l - offsetof(struct move, link));
}

static uint64_t
move_hash(const struct table_link *l)
{
	return hash_of(of_move(l)->queue);
}

static bool
move_is(const struct table_link *l, const void *key)
{
	return of_move(l)->queue == key;
}

static const struct table_ops move_ops = { move_hash, move_is };

/* ---- where mail goes ----------------------------------------------------- */

struct asking {
	struct sched *s;
	const char *domain;
	int64_t now_us;
};

/* The name as the configuration spells it, or as it is. */
static const char *
name_of(const struct sched *s, const char *name)
{
	const struct vmta *v;

	if (name[0] == '\0' || snapshot_pool(s->conf, name) != NULL)
		return name;
	v = snapshot_vmta(s->conf, name);
	return v == NULL ? name : v->name;
}

/* The queue that this virtual MTA has for the domain, or NULL. */
static struct sched_queue *
queue_there(const struct asking *a, const char *vmta)
{
	const struct domain_obj *d = domain_obj_find(&a->s->domains, a->domain);
	const struct sched_vmta *v = vmta_find(a->s, vmta);

	return d == NULL || v == NULL ? NULL : queue_find(a->s, d, v);
}

/* The settings of the queue, whether it is there or not; then qconf_unref(). */
static struct qconf *
conf_there(const struct asking *a, const char *vmta)
{
	const struct sched_queue *q = queue_there(a, vmta);
	const char *group;

	if (q != NULL && q->generation == a->s->generation)
		return qconf_ref(q->conf);
	group = place_group(a->s, a->domain, vmta);
	if (snapshot_vmta(a->s->conf, vmta) == NULL)
		vmta = "";
	if (group == NULL)
		return qconf_get(&a->s->confs, a->s->conf, a->domain, vmta);
	return qconf_get_member(&a->s->confs, a->s->conf,
	    &(struct qconf_member){ a->domain, group, vmta });
}

/* How the queue stands, or its group, where it is not there yet; or NULL. */
static const struct sched_standing *
standing_there(const struct asking *a, const char *vmta)
{
	const struct sched_queue *q = queue_there(a, vmta);
	const struct sched_named *n;
	const char *group;

	if (q != NULL)
		return standing_of(q);
	group = place_group(a->s, a->domain, vmta);
	n = group == NULL ? NULL : group_find(a->s, group, vmta);
	return n == NULL ? NULL : n->standing;
}

/* Names are valid as long as the configuration is in force. */
static const char *
ask_always(void *ctx, const char *vmta)
{
	const struct asking *a = ctx;
	struct qconf *c = conf_there(a, vmta);
	const char *to = c->conf.reroute;

	qconf_unref(&c);
	if (to[0] == '\0' && strcmp(a->domain, SNAPSHOT_DSN_DOMAIN) != 0)
		to = snapshot_global(a->s->conf)->reroute;
	return name_of(a->s, to);
}

static bool
is_in_backoff(const struct asking *a, const char *vmta)
{
	const struct sched_standing *st = standing_there(a, vmta);

	return st != NULL && st->st.backoff.mode == MODE_BACKOFF;
}

static const char *
ask_backoff(void *ctx, const char *vmta)
{
	const struct asking *a = ctx;
	struct qconf *c;
	const char *to;

	if (!is_in_backoff(a, vmta))
		return NULL;
	c = conf_there(a, vmta);
	to = c->conf.backoff_reroute;
	qconf_unref(&c);
	return name_of(a->s, to);
}

static const char *
ask_overflow(void *ctx, const char *vmta)
{
	const struct asking *a = ctx;
	const struct pool *p = snapshot_overflow_pool(a->s->conf, vmta);

	return p == NULL ? NULL : p->name;
}

/* May it be used by the queue, which may not be there and stands so? */
static bool
is_usable(const struct asking *a, const struct sched_standing *st,
    const char *vmta, const struct net_addr *addr)
{
	if (st != NULL &&
	    standing_source_is_off(&st->st, addr, a->now_us) != NULL)
		return false;
	if (a->s->warmups.any && warmup_is_over(a->s, a->domain, vmta, addr))
		return false;
	return !lost_has(&a->s->lost, addr);
}

/* May any of its addresses be used? */
static bool
has_source(const struct asking *a, const char *vmta)
{
	const struct global_conf *global = snapshot_global(a->s->conf);
	const struct vmta *v = snapshot_vmta(a->s->conf, vmta);
	const struct sched_standing *st = standing_there(a, vmta);
	size_t n;

	if (a->s->lost.n == 0 && st == NULL && !a->s->warmups.any)
		return true;
	if (v == NULL) /* it goes on under {default} */
		v = snapshot_vmta(a->s->conf, "");
	n = source_count(v, global);
	for (size_t i = 0; i < n; i++)
		if (is_usable(a, st, vmta, &source_pick(v, global, i)->addr))
			return true;
	return false;
}

static enum reroute_fit
ask_fit(void *ctx, const char *vmta)
{
	if (!has_source(ctx, vmta))
		return REROUTE_NO_SOURCE;
	return is_in_backoff(ctx, vmta) ? REROUTE_SLOW : REROUTE_GOOD;
}

static int
ask_pool_size(void *ctx, const char *name)
{
	const struct asking *a = ctx;
	const struct pool *p = snapshot_pool(a->s->conf, name);

	return p == NULL ? -1 : (int)p->members.n;
}

static struct reroute_member
ask_member(void *ctx, const char *pool, int i)
{
	const struct asking *a = ctx;
	const struct pool *p = snapshot_pool(a->s->conf, pool);

	return (
	    struct reroute_member){ p->vmtas[i]->name, p->members.v[i].weight };
}

static struct reroute_ask
questions(struct asking *a, uint64_t turn)
{
	return (struct reroute_ask){ .always = ask_always,
		.backoff = ask_backoff,
		.overflow = ask_overflow,
		.fit = ask_fit,
		.pool_size = ask_pool_size,
		.member = ask_member,
		.ctx = a,
		.turn = turn };
}

static struct reroute
ask(struct sched *s, const char *domain, const char *vmta, bool by_pool,
    int64_t now_us)
{
	struct asking a = { s, domain, now_us };
	const struct reroute_ask q = questions(&a, ++s->moves.turn);

	return reroute_now(&q, envelope_vmta_shown(vmta), by_pool);
}

struct reroute
sched_move_belongs(struct sched *s, const char *domain, const char *vmta,
    bool by_pool, int64_t now_us)
{
	struct asking a = { s, domain, now_us };
	const struct reroute_ask q = questions(&a, s->moves.turn + 1);

	return reroute_always(&q, vmta, by_pool);
}

bool
sched_move_takes(struct sched *s, const char *domain, const char *vmta,
    int64_t now_us)
{
	struct asking a = { s, domain, now_us };
	const struct reroute_ask q = questions(&a, 0);
	struct reroute r = reroute_now(&q, vmta, false);

	return r.way == REROUTE_STAYS && !r.looped &&
	    ask_fit(&a, vmta) != REROUTE_NO_SOURCE;
}

/* ---- telling -------------------------------------------------------------- */

static void
tell_moved(struct sched *s, const struct sched_queue *q, const struct gone *g)
{
	const struct sched_event e = { .kind = SCHED_MOVED,
		.domain = q->domain->name,
		.vmta = q->vmta->name,
		.to = g->to->name,
		.way = g->way,
		.rcpts = g->rcpts,
		.conf = &q->conf->conf };

	if (s->owner->event != NULL)
		SCHED_TELL(s, event, &e);
}

/* Once, until it does not go round any more. */
static void
tell_loop(struct sched *s, const struct sched_queue *q, bool looped)
{
	const struct sched_event e = { .kind = SCHED_LOOP,
		.domain = q->domain->name,
		.vmta = q->vmta->name,
		.conf = &q->conf->conf };

	if (move_note_loop(s, q, looped) && s->owner->event != NULL)
		SCHED_TELL(s, event, &e);
}

/* ---- new mail ------------------------------------------------------------ */

/* Why mail that a pool gave might leave its queue, if nothing else says so. */
static bool
may_overflow(const struct sched *s, const struct sched_queue *q)
{
	return s->lost.n > 0 || standing_of(q) != NULL || s->warmups.any;
}

struct sched_queue *
sched_move_enter(struct sched *s, uint64_t id, const struct sched_rcpt_in **inp,
    struct sched_rcpt_in *other, int64_t now_us)
{
	const struct sched_rcpt_in *in = *inp;
	const char *domain = place_queue(s, in);
	struct sched_queue *q = cold_take(s, id, in, domain, now_us);
	struct reroute r;

	if (q != NULL) {
		move_note_add(s, q,
		    &(struct move_from){ vmta_get(s, in->vmta, now_us),
			REROUTE_COLD, 1 });
		*other = *in;
		other->by_pool = false;
		*inp = other;
		return q;
	}
	if (!s->moves.ways) {
		q = sched_queue_get(s, domain, in->vmta, now_us);
		if (!may_overflow(s, q))
			return q;
	}
	r = ask(s, domain, in->vmta, in->by_pool, now_us);
	if (r.way == REROUTE_STAYS) {
		q = sched_queue_get(s, domain, in->vmta, now_us);
		tell_loop(s, q, r.looped);
		return q;
	}
	q = sched_queue_get(s, domain, r.vmta, now_us);
	move_note_add(s, q,
	    &(struct move_from){ vmta_get(s, in->vmta, now_us), r.way, 1 });
	*other = *in;
	other->by_pool = r.by_pool;
	*inp = other;
	return q;
}

/* ---- mail that is there -------------------------------------------------- */

struct moving {
	struct sched *sched;
	struct move *move;
	struct sched_queue *queue;
	enum reroute_way way; /* of the last answer that was one */
	int64_t now_us;
};

static struct vqueue_way
way_of(void *ctx, const struct group *g)
{
	struct moving *t = ctx;
	struct sched_queue *q = t->queue;
	struct reroute r = ask(t->sched, q->domain->name, q->vmta->name,
	    g->by_pool, t->now_us);

	if (r.way == REROUTE_STAYS)
		return (struct vqueue_way){ NULL, false };
	t->way = r.way;
	return (struct vqueue_way){ sched_queue_get(t->sched, q->domain->name,
					r.vmta, t->now_us),
		r.by_pool };
}

static void
count_gone(struct move *m, const struct sched_vmta *to, enum reroute_way way,
    uint32_t rcpts)
{
	size_t i = 0;

	while (i < m->n && (m->gone[i].to != to || m->gone[i].way != way))
		i++;
	if (i == m->n) {
		m->n++;
		m->gone = mem_realloc(m->gone, m->n * sizeof(*m->gone));
		m->gone[i] = (struct gone){ to, way, 0 };
	}
	m->gone[i].rcpts += rcpts;
}

static void
on_moved(void *ctx, const struct vqueue_way *way, uint32_t rcpts)
{
	struct moving *t = ctx;
	struct sched_queue *to = way->to;

	move_note_add(t->sched, to,
	    &(struct move_from){ t->queue->vmta, t->way, rcpts });
	count_gone(t->move, to->vmta, t->way, rcpts);
	vqueue_close_at(to, vqueue_closes_at(t->queue));
	if (retry_waits(&to->retry, t->now_us) || sched_is_paused(t->sched, to))
		vqueue_cool(to);
	sched_dirty(t->sched, to);
}

static struct move *
move_find(const struct sched *s, const struct sched_queue *q)
{
	struct table_link *l = s->moves.queues.n == 0 ?
	    NULL :
	    table_find(&s->moves.queues, hash_of(q), q);

	return l == NULL ? NULL : OF(move, link, l);
}

static void
move_free(struct sched *s, struct move **mp)
{
	struct move *m = *mp;

	*mp = NULL;
	table_remove(&s->moves.queues, &m->link);
	TAILQ_REMOVE(&s->moves.list, m, entry);
	free(m->gone);
	free(m);
}

/* Does any mail of the queue belong elsewhere? */
static bool
leaves(struct sched *s, const struct sched_queue *q, int64_t now_us)
{
	bool away = false, looped = false;

	if (q->rcpts == q->granted)
		return false;
	for (int by_pool = 0; by_pool < 2 && !away; by_pool++) {
		struct reroute r = ask(s, q->domain->name, q->vmta->name,
		    by_pool == 1, now_us);

		away = r.way != REROUTE_STAYS;
		looped = looped || r.looped;
	}
	tell_loop(s, q, looped && !away);
	return away;
}

void
sched_move_look(struct sched *s, struct sched_queue *q)
{
	struct move *m = move_find(s, q);

	if (m != NULL) {
		m->again = true;
		return;
	}
	if (q->rcpts == 0)
		return;
	m = mem_new(struct move);
	m->queue = q;
	table_add(&s->moves.queues, &m->link);
	TAILQ_INSERT_TAIL(&s->moves.list, m, entry);
}

void
sched_move_look_domain(struct sched *s, struct sched_queue *q)
{
	if (sched_move_is_none(&s->moves))
		return;
	for (size_t i = 0; i < s->vmtas.cap; i++) {
		struct table_link *l = s->vmtas.buckets[i];

		for (; l != NULL; l = l->next) {
			struct sched_queue *its = queue_find(s, q->domain,
			    OF(sched_vmta, link, l));

			if (its != NULL)
				sched_move_look(s, its);
		}
	}
}

void
sched_move_look_all(struct sched *s)
{
	if (!sched_move_is_none(&s->moves))
		sched_look_all(s);
}

void
sched_move_back(struct sched *s, struct sched_queue *q,
    const struct sched_result *results, uint32_t n)
{
	bool back = false;

	if (sched_move_is_none(&s->moves))
		return;
	for (uint32_t i = 0; i < n && !back; i++)
		back = results[i].fate != FATE_DONE;
	if (back)
		sched_move_look(s, q);
}

static void
tell_gone(struct sched *s, struct move *m)
{
	for (size_t i = 0; i < m->n; i++)
		tell_moved(s, m->queue, &m->gone[i]);
	free(m->gone);
	m->gone = NULL;
	m->n = 0;
}

/* Its queue has been gone through: others have their turn before it has again. */
static void
end_walk(struct sched *s, struct move *m)
{
	tell_gone(s, m);
	if (!m->again) {
		move_free(s, &m);
		return;
	}
	TAILQ_REMOVE(&s->moves.list, m, entry);
	TAILQ_INSERT_TAIL(&s->moves.list, m, entry);
}

/* True: it is through. */
static bool
run_one(struct sched *s, struct move *m, uint32_t *left, int64_t now_us)
{
	struct moving t = { .sched = s,
		.move = m,
		.queue = m->queue,
		.now_us = now_us };
	const struct vqueue_moving how = { way_of, on_moved, &t };

	if (!m->begun) {
		m->again = false;
		if (!leaves(s, m->queue, now_us))
			return true;
		m->begun = true;
		vqueue_cursor_init(&m->cursor);
	}
	sched_dirty(s, m->queue);
	if (!vqueue_move(s->moves.mover, m->queue, &m->cursor, &how, left))
		return false;
	m->begun = false;
	return true;
}

void
sched_move_run(struct sched *s, int64_t now_us)
{
	uint32_t left = VQUEUE_MOVE_MAX;
	struct move *m;

	if (TAILQ_EMPTY(&s->moves.list))
		return;
	if (s->moves.mover == NULL)
		s->moves.mover = vqueue_mover_new();
	while (left > 0 && (m = TAILQ_FIRST(&s->moves.list)) != NULL) {
		left--; /* to look costs something, too */
		if (run_one(s, m, &left, now_us))
			end_walk(s, m);
	}
	if (TAILQ_EMPTY(&s->moves.list))
		vqueue_mover_free(&s->moves.mover);
}

/* ---- coming and going ---------------------------------------------------- */

void
sched_move_init(struct sched *s)
{
	table_init(&s->moves.queues, &move_ops);
	move_notes_init(s);
	TAILQ_INIT(&s->moves.list);
}

void
sched_move_fini(struct sched *s)
{
	vqueue_mover_free(&s->moves.mover);
	table_fini(&s->moves.queues);
	table_fini(&s->moves.notes);
}

void
sched_move_configure(struct sched *s)
{
	s->moves.ways = snapshot_has_reroutes(s->conf);
	s->moves.pools = snapshot_has_overflow(s->conf);
}

void
sched_move_forget(struct sched *s, const struct sched_queue *q)
{
	struct move *m = move_find(s, q);

	if (m != NULL)
		move_free(s, &m);
	move_note_forget(s, q);
}

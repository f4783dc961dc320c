/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/sched.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/envelope.h"
#include "vmta/sched_pin.h"
#include "vmta/sched_priv.h"

#define FORGET_US (60 * US_PER_S) /* an idle queue stays at least so long */
#define SLICE 256                 /* queues refreshed in one sched_run() */
#define STEPS_MAX 100000          /* of one sched_run(): a bug above ... */
#define STEPS_QUEUES 10000        /* ... as often as there are so many queues */
#define AVERAGE_MAX_US (60 * US_PER_S)

/* ---- queues -------------------------------------------------------------- */

struct queue_key {
	const struct domain_obj *domain;
	const struct sched_vmta *vmta;
};

static uint64_t
key_hash(const struct queue_key *k)
{
	return table_hash_u64(
	    (uint64_t)(uintptr_t)k->domain * 31 + (uint64_t)(uintptr_t)k->vmta);
}

static uint64_t
queue_hash(const struct table_link *l)
{
	const struct sched_queue *q = (const void *)((const char *)l -
	    offsetof(struct sched_queue, link));
	struct queue_key k = { q->domain, q->vmta };

	return key_hash(&k);
}

static bool
queue_is(const struct table_link *l, const void *key)
{
	const struct sched_queue *q = (const void *)((const char *)l -
	    offsetof(struct sched_queue, link));
	const struct queue_key *k = key;

	return q->domain == k->domain && q->vmta == k->vmta;
}

static const struct table_ops queue_ops = { queue_hash, queue_is };

struct sched_queue *
queue_find(const struct sched *s, const struct domain_obj *d,
    const struct sched_vmta *v)
{
	struct queue_key k = { d, v };
	struct table_link *l = table_find(&s->queues, key_hash(&k), &k);

	return l == NULL ? NULL : OF(sched_queue, link, l);
}

struct sched_queue *
sched_queue_get(struct sched *s, const char *domain, const char *vmta,
    int64_t now_us)
{
	struct domain_obj *d = domain_obj_get(&s->domains, domain);
	struct sched_vmta *v = vmta_get(s, vmta, now_us);
	struct sched_queue *q = queue_find(s, d, v);

	if (q != NULL) {
		place_put_domain(s, &d);
		return q;
	}
	q = mem_new(struct sched_queue);
	vqueue_init(q, &s->backlog);
	q->scope.conns.ramp = &s->ramp;
	q->domain = d;
	q->vmta = v;
	q->setup_us = q->vmta->shared.setup_us;
	q->busy_us = q->vmta->shared.busy_us;
	/* Nobody knows when a process before us opened one. */
	q->opened_us = s->leases.used ? s->leases.start_us : 0;
	table_add(&s->queues, &q->link);
	TAILQ_INSERT_TAIL(&s->all, q, all);
	s->stale_n += s->stale != NULL; /* or one behind it would be missed */
	sched_refresh(s, q, now_us);
	return q;
}

/* Round and round: who is told that all changed goes on from where it is. */
static void
next_stale(struct sched *s)
{
	s->stale = TAILQ_NEXT(s->stale, all);
	if (s->stale == NULL)
		s->stale = TAILQ_FIRST(&s->all);
}

void
sched_look_all(struct sched *s)
{
	if (s->stale == NULL)
		s->stale = TAILQ_FIRST(&s->all);
	s->stale_n = s->queues.n;
}

static void
queue_free(struct sched *s, struct sched_queue **qp)
{
	struct sched_queue *q = *qp;

	*qp = NULL;
	standing_forget(s, q);
	lane_leave(s, q);
	remote_forget(s, q);
	sources_drop(s, q);
	timer_set(&s->timers, &q->timer, INT64_MAX);
	if (q->is_dirty)
		TAILQ_REMOVE(&s->dirty, q, dirty);
	q->is_dirty = false;
	if (s->stale == q)
		next_stale(s);
	if (s->stale == q)
		s->stale = NULL; /* the last one */
	walks_forget(s, q);
	sched_move_forget(s, q);
	TAILQ_REMOVE(&s->all, q, all);
	table_remove(&s->queues, &q->link);
	vqueue_fini(q);
	qconf_unref(&q->conf);
	place_put_domain(s, &q->domain);
	free(q->place);
	free(q);
}

void
sched_dirty(struct sched *s, struct sched_queue *q)
{
	if (q->is_dirty)
		return;
	q->is_dirty = true;
	TAILQ_INSERT_TAIL(&s->dirty, q, dirty);
}

/* In a group the settings are the group's, but for what is said of it alone. */
static struct qconf *
conf_of(struct sched *s, const struct sched_queue *q,
    const struct sched_named *group)
{
	const char *vmta = vmta_conf_name(s, q->vmta);
	char name[GROUP_NAME_MAX];

	if (group == NULL)
		return qconf_get(&s->confs, s->conf, q->domain->name, vmta);
	group_domain(group, name);
	return qconf_get_member(&s->confs, s->conf,
	    &(struct qconf_member){ q->domain->name, name, vmta });
}

static void
refresh(struct sched *s, struct sched_queue *q, int64_t now_us)
{
	struct standing_move move;
	struct placed at;

	q->generation = s->generation;
	move.from = q->lane == NULL ? NULL : q->lane->group;
	move.unplaced = q->unplaced;
	place_refresh(s, q);
	place_find(s, q, now_us, &at);
	qconf_unref(&q->conf);
	q->conf = conf_of(s, q, at.group);
	lane_enter(s, q, &at);
	standing_moved(s, q, &move, now_us);
	slots_set(&q->scope.conns, standing_max_conns(q, now_us));
	q->has_rates = false;
	/* Or what counts would leave in the period of before. */
	if (scope_end(&q->scope) > now_us || q->standing != NULL)
		sched_set_rates(s, q, now_us);
	conns_configure(q);
	sources_configure(s, q, now_us);
	q->is_reloaded = true;
}

/* Mostly there is nothing to do, at each decision. */
void
sched_refresh(struct sched *s, struct sched_queue *q, int64_t now_us)
{
	if (q->generation != s->generation)
		refresh(s, q, now_us);
}

void
sched_set_rates(struct sched *s, struct sched_queue *q, int64_t now_us)
{
	if (q->has_rates)
		return;
	q->has_rates = true;
	if (q->standing != NULL) {
		standing_set_rates(s, q, now_us);
		return;
	}
	scope_set_rate(&q->scope, LIMIT_CONNECT, &q->conf->conf.connect_rate,
	    now_us);
	scope_set_rate(&q->scope, LIMIT_MSG, &q->conf->conf.msg_rate, now_us);
	scope_set_data(&q->scope, &q->conf->conf.data_rate, now_us);
	leases_enter(s, &q->scope, now_us);
}

void
sched_drop_rates(struct sched *s, struct sched_queue *q, int64_t now_us)
{
	if (q->ready > 0 || pins_wait(q) || !TAILQ_EMPTY(&q->all_conns) ||
	    !q->has_rates || scope_end(&q->scope) > now_us)
		return;
	q->has_rates = false;
	leases_forget(s, &q->scope);
	scope_forget_rates(&q->scope);
}

int64_t
sched_forget_at(const struct sched_queue *q)
{
	int64_t at = q->idle_us + FORGET_US;
	int64_t end = scope_end(&q->scope);

	if (q->standing != NULL || standing_named(q) != NULL || q->cold_waits)
		return INT64_MAX; /* it is looked at when that goes */
	at = end > at ? end : at;
	end = sources_end(q);
	at = end > at ? end : at;
	if (q->conf->conf.rampup_us > 0 && q->opened_us > 0) {
		end = q->opened_us + q->conf->conf.rampup_us;
		at = end > at ? end : at;
	}
	/* The position of a queue that failed is kept as long again. */
	end = q->retry.position > 0 && q->retry.until_us < INT64_MAX - at ?
	    q->retry.until_us + FORGET_US :
	    0;
	return end > at ? end : at;
}

void
sched_average(uint32_t *avg, int64_t sample_us)
{
	if (sample_us > AVERAGE_MAX_US)
		sample_us = AVERAGE_MAX_US;
	if (sample_us < 0)
		sample_us = 0;
	*avg = (uint32_t)((3 * (int64_t)*avg + sample_us) / 4);
}

/* ---- new, free, reload --------------------------------------------------- */

struct sched *
sched_new(const struct snapshot *conf, const struct sched_owner *owner,
    void *ctx, int64_t now_us)
{
	struct sched *s = mem_new(struct sched);

	s->owner = owner;
	s->ctx = ctx;
	s->ramp.start_us = now_us;
	s->reclaim_us = INT64_MAX;
	s->steps_max = STEPS_MAX;
	backlog_init(&s->backlog);
	domain_set_init(&s->domains);
	qconf_set_init(&s->confs);
	table_init(&s->queues, &queue_ops);
	leases_init(s);
	domain_places_init(s);
	keeps_init(s);
	warmups_init(s);
	colds_init(s);
	vmta_table_init(s);
	TAILQ_INIT(&s->all);
	TAILQ_INIT(&s->dirty);
	TAILQ_INIT(&s->conns);
	TAILQ_INIT(&s->walks);
	lane_table_init(s);
	payers_init(s);
	shared_init(&s->process, s, LEVEL_PROCESS);
	remote_init(s);
	sched_move_init(s);
	sched_reload(s, conf, now_us);
	return s;
}

void
sched_free(struct sched **sp)
{
	struct sched *s = *sp;
	struct table_link *l;

	*sp = NULL;
	if (s == NULL)
		return;
	CHECK(s->process.scope.conns.used == 0 && !s->in_callback);
	TAILQ_INIT(&s->walks); /* who walked has gone */
	keeps_fini(s);
	warmups_fini(s);
	colds_fini(s);
	while (!TAILQ_EMPTY(&s->all)) {
		struct sched_queue *q = TAILQ_FIRST(&s->all);

		vqueue_clear(q, &s->backlog, true, NULL, NULL);
		queue_free(s, &q);
	}
	while ((l = table_any(&s->vmtas)) != NULL) {
		struct sched_vmta *v = OF(sched_vmta, link, l);

		vmta_free(s, &v);
	}
	domain_places_fini(s);
	payers_free_all(s);
	named_free_all(s);
	shared_fini(&s->process);
	table_fini(&s->lanes);
	leases_fini(s);
	table_fini(&s->vmtas);
	table_fini(&s->queues);
	qconf_set_fini(&s->confs);
	domain_set_fini(&s->domains);
	remotes_fini(&s->remotes);
	lost_fini(&s->lost);
	sched_move_fini(s);
	backlog_fini(&s->backlog);
	heap_fini(&s->timers);
	pause_fini(&s->pauses);
	pause_fini(&s->job_pauses);
	snapshot_unref(&s->conf);
	free(s);
}

void
sched_reload(struct sched *s, const struct snapshot *conf, int64_t now_us)
{
	struct snapshot *old = s->conf;

	CHECK(!s->in_callback);
	s->conf = snapshot_ref(conf);
	s->generation++;
	qconf_set_forget(&s->confs);
	ramp_set(&s->ramp, snapshot_global(s->conf)->startup_ramp_us, now_us);
	slots_set(&s->process.scope.conns,
	    snapshot_global(s->conf)->max_conns_out);
	for (size_t i = 0; i < s->vmtas.cap; i++) {
		struct table_link *l = s->vmtas.buckets[i];

		for (; l != NULL; l = l->next)
			vmta_configure(s, OF(sched_vmta, link, l), now_us);
	}
	domain_places_configure(s, old);
	remotes_set(&s->remotes, s->conf);
	named_configure_all(s, now_us);
	lanes_configure(s, now_us);
	sched_move_configure(s);
	jobs_configure(s);
	warmups_configure(s);
	s->colds.any = snapshot_has_colds(s->conf);
	payers_configure(s, now_us);
	conns_recount(s, now_us);
	sched_look_all(s);
	snapshot_unref(&old);
}

void
sched_set_wall(struct sched *s, int64_t ahead_us)
{
	/* A clock that is set to before the start of the machine. */
	s->backlog.wall_us = ahead_us < 0 ? 0 : ahead_us;
}

void
sched_hold(struct sched *s, bool hold, int64_t now_us)
{
	CHECK(!s->in_callback);
	if (s->held == hold)
		return;
	s->held = hold;
	if (!hold)
		sched_look_all(s);
	(void)now_us;
}

/* ---- orders of the operator ---------------------------------------------- */

bool
sched_is_paused(const struct sched *s, struct sched_queue *q)
{
	if (pause_is_known(&s->pauses, &q->pause))
		return q->pause.paused; /* the names cost more than this */
	return pause_holds(&s->pauses, &q->pause, q->domain->name,
	    envelope_vmta_shown(q->vmta->name));
}

int
sched_pause(struct sched *s, const struct sched_pause *what, struct err *e)
{
	CHECK(!s->in_callback);
	if (pause_give(&s->pauses, what->domain, what->vmta, what->paused, e) ==
	    -1)
		return -1;
	sched_look_all(s);
	return 0;
}

void
sched_pauses(const struct sched *s, struct buf *out)
{
	pause_pack(&s->pauses, out);
}

int
sched_restore_pauses(struct sched *s, struct slice text, struct err *e)
{
	CHECK(!s->in_callback);
	sched_look_all(s);
	return pause_unpack(&s->pauses, text, e);
}

bool
sched_queue_schedule(struct sched *s, struct sched_queue *q, int64_t now_us)
{
	CHECK(!s->in_callback);
	if (!retry_waits(&q->retry, now_us))
		return false;
	retry_now(&q->retry, now_us);
	sched_keep_dirty(s, q, true);
	sched_dirty(s, q);
	return true;
}

/* ---- mail ---------------------------------------------------------------- */

void
sched_add(struct sched *s, struct message *m, const struct sched_rcpt_in *rcpts,
    size_t count, int64_t now_us)
{
	struct entry *e;

	CHECK(!s->in_callback && count > 0);
	e = backlog_entry(&s->backlog, m, rcpts[0].queued_us, rcpts[0].job,
	    rcpts[0].user);
	backlog_set_spans(&s->backlog, e, rcpts[0].spans);
	e->room = rcpts[0].room < ENTRY_ROOM_MAX ? rcpts[0].room :
						   ENTRY_ROOM_MAX;
	e->one_by_one = rcpts[0].one_by_one;
	(void)sched_origin(s, e->origin);
	for (size_t i = 0; i < count; i++) {
		const struct sched_rcpt_in *in = &rcpts[i];
		struct sched_rcpt_in other;
		struct sched_queue *q;
		bool ready;

		if (s->moves.ways || (in->by_pool && s->moves.pools) ||
		    s->colds.any)
			q = sched_move_enter(s, m->id, &in, &other, now_us);
		else
			q = sched_queue_get(s, place_queue(s, in), in->vmta,
			    now_us);
		ready = vqueue_add(q, &s->backlog, e, in, now_us);
		if (ready && retry_waits(&q->retry, now_us) &&
		    q->conf->conf.retry_new_mail && !in->is_left) {
			retry_now(&q->retry, now_us);
			sched_keep_dirty(s, q, false);
		}
		if (retry_waits(&q->retry, now_us) || sched_is_paused(s, q))
			vqueue_cool(q);
		else if (s->job_pauses.count > 0 && job_is_paused(s, e->origin))
			vqueue_cool_added(q);
		sched_dirty(s, q);
	}
	backlog_cool(e); /* if nobody will send it soon */
}

/* ---- running ------------------------------------------------------------- */

/* One more of those that a sched_run() has: false, there is none. */
static bool
step(const struct sched *s, uint32_t *steps)
{
	uint64_t most = (uint64_t)s->steps_max *
	    (1 + s->queues.n / STEPS_QUEUES);

	if (*steps >= most)
		return false;
	++*steps;
	return true;
}

static void
fire(struct sched *s, int64_t now_us)
{
	struct timer *t;

	while (
	    step(s, &s->fired) && (t = timer_pop(&s->timers, now_us)) != NULL) {
		switch (t->kind) {
		case TIMER_QUEUE:
			sched_dirty(s, OF(sched_queue, timer, t));
			break;
		case TIMER_SHARED:
			shared_run(OF(shared, timer, t), now_us);
			break;
		case TIMER_CONN:
			conn_take_back(s, OF(sched_conn, timer, t));
			break;
		case TIMER_PAYER:
			payer_run(t, now_us);
			break;
		case TIMER_SOURCE:
			source_run(s, OF(queue_source, timer, t));
			break;
		case TIMER_LEASES:
			leases_expire(s, now_us);
			break;
		case TIMER_STANDING:
			standing_timer(s, OF(sched_standing, timer, t), now_us);
			break;
		case TIMER_KEEPS:
			keeps_run(s, now_us);
			break;
		case TIMER_WARMUPS:
			warmups_run(s);
			break;
		case TIMER_COLDS:
			break; /* colds_ask() does it */
		}
	}
}

static void
serve_dirty(struct sched *s, int64_t now_us)
{
	struct sched_queue *q;

	while ((q = TAILQ_FIRST(&s->dirty)) != NULL && step(s, &s->served)) {
		TAILQ_REMOVE(&s->dirty, q, dirty);
		q->is_dirty = false;
		if (q->idle_us > 0 && q->rcpts == 0 &&
		    TAILQ_EMPTY(&q->all_conns) &&
		    sched_forget_at(q) <= now_us) {
			leases_forget(s, &q->scope);
			sources_forget_leases(s, q);
			keep_forget(s, q);
			queue_free(s, &q);
		} else {
			sched_serve(s, q, now_us);
		}
	}
}

/*
 * After what concerns all (a reload, a source that is back) each queue is
 * looked at once, some at a time.
 */
static void
refresh_slice(struct sched *s)
{
	for (int i = 0; i < SLICE && s->stale != NULL; i++) {
		sources_changed(s->stale);
		sources_unpark(s->stale); /* one too many closes */
		sched_dirty(s, s->stale);
		if (!sched_move_is_none(&s->moves))
			sched_move_look(s, s->stale);
		next_stale(s);
		if (--s->stale_n == 0)
			s->stale = NULL;
	}
}

uint64_t
sched_stuck(const struct sched *s)
{
	return s->stuck;
}

int64_t
sched_run(struct sched *s, int64_t now_us)
{
	int64_t next;
	bool more;

	CHECK(!s->in_callback);
	s->fired = s->served = 0;
	s->backlog.ran_us = now_us;
	ramp_run(&s->ramp, now_us);
	refresh_slice(s);
	sched_move_run(s, now_us);
	colds_settle(s, now_us);
	do {
		fire(s, now_us);
		serve_dirty(s, now_us);
		conns_open(s, now_us);
		remotes_settle(&s->remotes);
		more = !TAILQ_EMPTY(&s->dirty) ||
		    timer_next(&s->timers) <= now_us;
	} while (more && step(s, &s->fired) && step(s, &s->served));
	leases_ask(s, now_us);
	domain_places_ask(s);
	keeps_ask(s, now_us);
	warmups_ask(s, now_us);
	colds_ask(s, now_us);
	if (more) {
		s->stuck++;
		return now_us + US_PER_MS;
	}
	if (s->stale != NULL || !TAILQ_EMPTY(&s->moves.list))
		return now_us;
	next = timer_next(&s->timers);
	return s->reclaim_us < next ? s->reclaim_us : next;
}

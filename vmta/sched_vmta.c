/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual MTA in the scheduler: its limits, the queues that wait for a
 * connection slot of it and those that wait for its message rate.
 *
 * It is never freed before the scheduler: names come from the configuration
 * and the spool, so they are few, and its windows must outlive its queues.
 */
#include "vmta/sched_priv.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/envelope.h"

#define SETUP_START_US 300000u
#define BUSY_START_US 100000u
#define STALE_MIN_US (500 * US_PER_MS)
#define LEAD_MAX_US (5 * US_PER_S)

static uint64_t
hash(const struct table_link *l)
{
	const struct sched_vmta *v = (const void *)((const char *)l -
	    offsetof(struct sched_vmta, link));

	return table_hash_bytes(v->name, strlen(v->name));
}

static bool
is(const struct table_link *l, const void *key)
{
	const struct sched_vmta *v = (const void *)((const char *)l -
	    offsetof(struct sched_vmta, link));

	return strcmp(v->name, key) == 0;
}

static const struct table_ops ops = { hash, is };

void
vmta_table_init(struct sched *s)
{
	table_init(&s->vmtas, &ops);
}

void
vmta_configure(struct sched_vmta *v, int64_t now_us)
{
	v->conf = snapshot_vmta(v->sched->conf, v->name);
	if (v->conf == NULL) /* gone: its mail goes on under {default} */
		v->conf = snapshot_vmta(v->sched->conf, "");
	CHECK(v->conf != NULL);
	slots_set(&v->slots, v->conf->max_conns);
	rate_limit_set(&v->rate, &v->conf->msg_rate, now_us);
}

static struct sched_vmta *
find(const struct sched *s, const char *name)
{
	struct table_link *l;

	if (strcmp(name, VMTA_DEFAULT) == 0)
		name = "";
	l = table_find(&s->vmtas, table_hash_bytes(name, strlen(name)), name);
	return l == NULL ? NULL : OF(sched_vmta, link, l);
}

struct sched_vmta *
vmta_get(struct sched *s, const char *name, int64_t now_us)
{
	struct sched_vmta *v = find(s, name);
	size_t len = strlen(name) + 1;

	if (v != NULL)
		return v;
	v = mem_zalloc(sizeof(*v) + len);
	if (strcmp(name, VMTA_DEFAULT) != 0)
		memcpy(v->name, name, len);
	v->sched = s;
	line_init(&v->open_line);
	line_init(&v->rate_line);
	TAILQ_INIT(&v->idle);
	TAILQ_INIT(&v->fresh);
	timer_init(&v->timer, TIMER_VMTA);
	v->setup_us = SETUP_START_US;
	v->busy_us = BUSY_START_US;
	vmta_configure(v, now_us);
	table_add(&s->vmtas, &v->link);
	return v;
}

void
vmta_free(struct sched_vmta **vp)
{
	struct sched_vmta *v = *vp;

	*vp = NULL;
	CHECK(v->slots.used == 0 && v->open_line.n == 0 && v->rate_line.n == 0);
	timer_set(&v->sched->timers, &v->timer, INT64_MAX);
	rate_limit_fini(&v->rate);
	table_remove(&v->sched->vmtas, &v->link);
	free(v);
}

/* ---- connections that count ---------------------------------------------- */

void
vmta_fresh_add(struct sched_vmta *v, struct sched_conn *c)
{
	c->is_fresh = true;
	TAILQ_INSERT_TAIL(&v->fresh, c, fresh);
	v->fresh_count++;
}

void
vmta_fresh_remove(struct sched_vmta *v, struct sched_conn *c)
{
	if (!c->is_fresh)
		return;
	c->is_fresh = false;
	TAILQ_REMOVE(&v->fresh, c, fresh);
	v->fresh_count--;
}

static int64_t
stale_after(const struct sched_vmta *v)
{
	int64_t t = 2 * (int64_t)v->setup_us;

	return t < STALE_MIN_US ? STALE_MIN_US : t;
}

/*
 * Connections to servers that do not answer must not keep the rate of the
 * whole virtual MTA unused: after twice the usual time they do not count as
 * using it any more.  Nor does an idle one, unless it is this rate that its
 * queue waits for: it may have nothing to send, or wait for its queue's rate.
 */
static uint32_t
using_rate(struct sched_vmta *v, int64_t now_us)
{
	struct sched_conn *c;

	while ((c = TAILQ_FIRST(&v->fresh)) != NULL &&
	    c->opened_us + stale_after(v) <= now_us)
		vmta_fresh_remove(v, c);
	return v->fresh_count + v->conns.in[CONN_BUSY] + v->rate_line.n;
}

/* Room in the number of connections that the rate can use. */
static uint32_t
rate_room(struct sched_vmta *v, int64_t now_us)
{
	uint32_t useful, used;

	if (!v->rate.limited)
		return UINT32_MAX;
	useful = rate_limit_conns(&v->rate, (int64_t)v->setup_us + v->busy_us,
	    1.0);
	used = using_rate(v, now_us);
	return used < useful ? useful - used : 0;
}

/* A connection opened now is ready when the next event is due. */
static int64_t
open_at(struct sched_vmta *v, int64_t now_us)
{
	int64_t next = rate_limit_next(&v->rate, now_us);
	int64_t lead = v->setup_us;

	if (lead > LEAD_MAX_US)
		lead = LEAD_MAX_US;
	return next - now_us <= lead ? now_us :
	    next == INT64_MAX        ? next :
				       next - lead;
}

bool
vmta_is_full(struct sched_vmta *v, int64_t now_us)
{
	return slots_room(&v->slots) == 0 || rate_room(v, now_us) == 0;
}

/* How many connections it may open now. */
static uint32_t
room(struct sched_vmta *v, int64_t now_us)
{
	uint32_t slots, useful;

	if (open_at(v, now_us) > now_us)
		return 0;
	slots = slots_room(&v->slots);
	useful = rate_room(v, now_us);
	return slots < useful ? slots : useful;
}

/* ---- lines and turns ----------------------------------------------------- */

static void
ring_join(struct sched_vmta *v)
{
	if (v->flow.joined)
		return;
	fair_join(&v->sched->ring, &v->flow);
	v->sched->waiting += v->open_line.n;
}

static void
ring_leave(struct sched_vmta *v)
{
	if (!v->flow.joined)
		return;
	fair_leave(&v->sched->ring, &v->flow);
	CHECK(v->sched->waiting >= v->open_line.n);
	v->sched->waiting -= v->open_line.n;
}

/*
 * When to take back an idle connection because others wait for its slot.
 * When only the rate says that there are enough, all stay: those that wait for
 * it would be opened again and never get there, and no other counts.
 */
static int64_t
reclaim_at(struct sched_vmta *v)
{
	const struct sched_conn *c = TAILQ_FIRST(&v->idle);

	if (v->open_line.n <= v->conns.in[CONN_CLOSING] || c == NULL)
		return INT64_MAX;
	if (slots_room(&v->slots) > 0)
		return INT64_MAX;
	return conn_reclaim_at(c);
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void
set_timer(struct sched_vmta *v, int64_t now_us)
{
	const struct sched_conn *c = TAILQ_FIRST(&v->fresh);
	int64_t at = INT64_MAX;

	if (v->rate_line.n > 0)
		at = rate_limit_next(&v->rate, now_us);
	if (v->open_line.n > 0 && !v->flow.joined) {
		int64_t t = open_at(v, now_us);

		if (t > now_us) {
			at = earlier(at, t);
		} else {
			at = earlier(at, reclaim_at(v));
			if (v->rate.limited && c != NULL)
				at = earlier(at, c->opened_us + stale_after(v));
		}
	}
	timer_set(&v->sched->timers, &v->timer, at);
}

void
vmta_offer(struct sched_vmta *v, int64_t now_us)
{
	if (v->open_line.n > 0 && room(v, now_us) > 0)
		ring_join(v);
	else
		ring_leave(v);
	set_timer(v, now_us);
}

/* Of one virtual MTA: who comes first is first. */
void
vmta_queue_up(struct line *l, struct waiter *w, const struct sched_vmta *v)
{
	const struct line_key k = { .vmta = v,
		.vmta_weight = 1,
		.origin_weight = 1 };

	line_join(l, w, &k);
}

void
vmta_wants_open(struct sched_queue *q, int64_t now_us)
{
	struct sched_vmta *v = q->vmta;

	if (q->open_wait.flow != NULL)
		return;
	vmta_queue_up(&v->open_line, &q->open_wait, v);
	if (v->flow.joined)
		v->sched->waiting++;
	else
		vmta_offer(v, now_us);
}

void
vmta_wants_no_open(struct sched_queue *q)
{
	struct sched_vmta *v = q->vmta;

	if (q->open_wait.flow == NULL)
		return;
	if (v->flow.joined)
		v->sched->waiting--;
	line_leave(&q->open_wait);
	if (v->open_line.n == 0)
		ring_leave(v);
}

void
vmta_run(struct sched_vmta *v, int64_t now_us)
{
	struct waiter *w;

	while (!v->flow.joined && vmta_is_full(v, now_us) &&
	    reclaim_at(v) <= now_us)
		conn_take_back(v->sched, TAILQ_FIRST(&v->idle));
	/* At most once each: who needs more joins at the end. */
	for (uint32_t n = v->rate_line.n; n > 0; n--) {
		w = line_first(&v->rate_line);
		if (w == NULL || rate_limit_next(&v->rate, now_us) > now_us)
			break;
		line_leave(w);
		sched_serve(v->sched, OF(sched_queue, rate_wait, w), now_us,
		    true);
	}
	vmta_offer(v, now_us);
}

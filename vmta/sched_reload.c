/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections after a reload: they count in the scopes that are on their way
 * from now on.
 *
 * Queues are looked at in slices, since there may be a hundred thousand.  A
 * connection that has another pool, group or provider now cannot wait for that: one
 * more might be opened there before it is counted.
 */
#include "vmta/sched_priv.h"

static void
leave_in(struct sched_conn *c, struct conn_in *in)
{
	struct shared *h = in->shared;

	if (h == NULL)
		return;
	priority_leave(c, in);
	if (c->state == CONN_IDLE)
		TAILQ_REMOVE(&h->idle, in, idle);
	if (in->is_fresh) {
		TAILQ_REMOVE(&h->fresh, in, fresh);
		h->fresh_n--;
	}
	in->is_fresh = false;
	h->conns.in[c->state]--;
	slots_return(&h->scope.conns);
	shared_changed(h);
}

/* As the last that came there, and even if it is one too many. */
static void
join_in(struct sched_conn *c, struct conn_in *in, struct shared *h)
{
	in->shared = h;
	if (h == NULL)
		return;
	h->scope.conns.used++;
	h->conns.in[c->state]++;
	if (c->state == CONN_OPENING) {
		in->is_fresh = true;
		TAILQ_INSERT_TAIL(&h->fresh, in, fresh);
		h->fresh_n++;
	}
	if (c->state == CONN_IDLE)
		TAILQ_INSERT_TAIL(&h->idle, in, idle);
	priority_join(c, in);
	shared_changed(h);
}

void
conns_configure(struct sched_queue *q)
{
	struct sched_conn *c;

	TAILQ_FOREACH(c, &q->all_conns, of_queue)
	for (int i = 0; i < LEVEL_PROCESS; i++)
		if (c->in[i].shared != q->lane->path[i]) {
			leave_in(c, &c->in[i]);
			join_in(c, &c->in[i], q->lane->path[i]);
		}
}

void
conns_shed(struct sched *s, struct sched_queue *q, int64_t now_us)
{
	struct sched_conn *c;

	q->is_reloaded = false;
	TAILQ_FOREACH(c, &q->all_conns, of_queue)
	if ((c->state == CONN_IDLE && conn_must_close(c, now_us)) ||
	    conn_tells_old(c))
		conn_close(s, c);
}

/* Is it in another pool, group or provider than the configuration says? */
static bool
is_elsewhere(struct sched *s, const struct sched_conn *c, int64_t now_us)
{
	struct sched_named *pool = c->queue->vmta->pool;
	struct placed at;

	place_find(s, c->queue, now_us, &at);
	return c->in[LEVEL_POOL].shared !=
	    (pool == NULL ? NULL : &pool->shared) ||
	    c->in[LEVEL_ROLLUP].shared !=
	    (at.group == NULL ? NULL : &at.group->shared) ||
	    c->in[LEVEL_PROVIDER].shared !=
	    (at.provider == NULL ? NULL : &at.provider->shared);
}

void
conns_recount(struct sched *s, int64_t now_us)
{
	struct sched_conn *c;

	TAILQ_FOREACH(c, &s->conns, of_sched)
	if (is_elsewhere(s, c, now_us)) {
		sched_refresh(s, c->queue, now_us);
		sched_dirty(s, c->queue);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/sched_walk.h"

#include "vmta/sched_priv.h"

void
sched_walk_begin(struct sched_walk *w, struct sched *s)
{
	*w = (struct sched_walk){ .sched = s, .next = TAILQ_FIRST(&s->all) };
	TAILQ_INSERT_TAIL(&s->walks, w, link);
}

void
sched_walk_end(struct sched_walk *w)
{
	TAILQ_REMOVE(&w->sched->walks, w, link);
	w->queue = w->next = NULL;
}

void
walks_forget(struct sched *s, const struct sched_queue *q)
{
	struct sched_walk *w;

	TAILQ_FOREACH(w, &s->walks, link)
	{
		if (w->queue == q)
			w->queue = NULL;
		if (w->next == q)
			w->next = TAILQ_NEXT(q, all);
	}
}

struct sched_queue *
sched_walk_next(struct sched_walk *w)
{
	w->queue = w->next;
	if (w->queue == NULL)
		return NULL;
	w->next = TAILQ_NEXT(w->queue, all);
	/* One that was passed may come into the place of one that was freed. */
	w->left = 2 * (uint64_t)w->queue->deferred.n;
	w->granted_told = false;
	vqueue_cursor_init(&w->inside);
	vqueue_cursor_init(&w->freeing);
	return w->queue;
}

bool
sched_walk_free_deferred(struct sched_walk *w, uint32_t max)
{
	struct sched_queue *q = w->queue;
	uint32_t n = w->left < max ? (uint32_t)w->left : max;

	if (q == NULL || n == 0)
		return false;
	n = vqueue_free_deferred(q, &w->freeing, n);
	w->left = n == 0 ? 0 : w->left - n;
	sched_dirty(w->sched, q);
	return w->left > 0;
}

/* ---- recipients ---------------------------------------------------------- */

struct telling {
	const struct origins *origins;
	const struct sched_queue *queue;
	sched_rcpt_fn *fn;
	void *ctx;
};

static bool
tell(const struct telling *t, const struct rcpt *r, int64_t due_us,
    bool granted)
{
	const struct entry *e = r->group->entry;
	struct sched_rcpt_info info = {
		.entry = e,
		.id = e->id,
		.size = e->loc.body_len,
		.rcpts = e->rcpts,
		.job = origins_job(t->origins, e->origin),
		.user = origins_user(t->origins, e->origin),
		.queued_us = e->queued_us,
		.n = r->n,
		.attempts = r->attempts,
		.due_us = due_us,
		.granted = granted,
		.pin = granted || due_us > 0 ? 0 : r->group->pin,
		.domain = t->queue->domain->name,
		.vmta = t->queue->vmta->name,
	};

	return t->fn(t->ctx, &info);
}

static bool
on_waiting(void *ctx, const struct rcpt *r, bool deferred)
{
	return tell(ctx, r, deferred ? r->due_us : 0, false);
}

/* All at once: they are no more than the connections may carry. */
static bool
tell_granted(const struct telling *t)
{
	const struct sched_conn *c;
	bool more = true;

	TAILQ_FOREACH(c, &t->queue->all_conns, of_queue)
	{
		if (c->grant == NULL)
			continue;
		for (uint32_t i = 0; i < c->grant->pub.count; i++)
			more = tell(t, c->grant->rcpts[i], 0, true) && more;
	}
	return more;
}

bool
sched_walk_rcpts(struct sched_walk *w, sched_rcpt_fn *fn, void *ctx)
{
	struct telling t = { &w->sched->backlog.origins, w->queue, fn, ctx };

	if (w->queue == NULL)
		return true;
	if (!w->granted_told) {
		w->granted_told = true;
		if (!tell_granted(&t))
			return false;
	}
	return vqueue_walk(w->queue, &w->inside, on_waiting, &t);
}

void
sched_walk_granted(struct sched_walk *w, sched_rcpt_fn *fn, void *ctx)
{
	struct telling t = { &w->sched->backlog.origins, w->queue, fn, ctx };

	if (w->queue == NULL || w->granted_told)
		return;
	w->granted_told = true;
	(void)tell_granted(&t);
}

bool
sched_walk_free(struct sched_walk *w, sched_rcpt_fn *wants, void *ctx,
    uint32_t max)
{
	struct telling t = { &w->sched->backlog.origins, w->queue, wants, ctx };
	bool all;

	if (w->queue == NULL)
		return true;
	all = vqueue_free_wanted(w->queue, &w->inside, on_waiting, &t, max);
	sched_dirty(w->sched, w->queue);
	return all;
}

bool
sched_walk_hold(struct sched_walk *w, sched_rcpt_fn *wants, void *ctx,
    uint32_t max)
{
	struct telling t = { &w->sched->backlog.origins, w->queue, wants, ctx };
	bool all;

	if (w->queue == NULL)
		return true;
	all = vqueue_hold_wanted(w->queue, &w->inside, on_waiting, &t, max);
	sched_dirty(w->sched, w->queue);
	return all;
}

bool
sched_walk_is_to_host(const struct sched_walk *w)
{
	return w->queue != NULL && choice_is_to_host(w->queue);
}

bool
sched_walk_may_hand(const struct sched_walk *w,
    const struct sched_rcpt_info *info)
{
	struct sched *s = w->sched;
	int64_t ran_us = s->backlog.ran_us;

	return w->queue != NULL && !choice_is_to_host(w->queue) &&
	    !sched_is_paused(s, w->queue) && !info->granted &&
	    info->due_us != SCHED_ON_HOLD &&
	    !sched_job_is_paused(s, info->job) &&
	    backlog_opens(&s->backlog, info->entry, ran_us) <= ran_us;
}

struct handing {
	struct telling tell;
	struct sched_walk *walk;
	sched_rcpt_fn *wants;
	void *ctx;
};

static bool
wants_handed(void *ctx, const struct sched_rcpt_info *info)
{
	const struct handing *h = ctx;

	return sched_walk_may_hand(h->walk, info) && h->wants(h->ctx, info);
}

bool
sched_walk_hand(struct sched_walk *w, sched_rcpt_fn *wants, void *ctx,
    uint32_t max, int64_t now_us)
{
	struct sched *s = w->sched;
	struct handing h = { .walk = w, .wants = wants, .ctx = ctx };
	struct vqueue_hand how = { .wants = on_waiting, .ctx = &h.tell };
	bool all;

	if (w->queue == NULL || choice_is_to_host(w->queue))
		return true;
	h.tell = (struct telling){ &s->backlog.origins, w->queue, wants_handed,
		&h };
	how.from = (struct handed_from){ w->queue->domain->name,
		w->queue->vmta->name };
	how.to = sched_queue_get(s, SNAPSHOT_DSN_DOMAIN, "", now_us);
	all = vqueue_hand_wanted(w->queue, &w->inside, &how, max);
	sched_dirty(s, w->queue);
	sched_dirty(s, how.to);
	return all;
}

struct taking {
	struct telling tell;
	const struct sched_take *take;
};

static bool
on_look(void *ctx, const struct rcpt *r, bool deferred)
{
	const struct taking *t = ctx;

	return tell(&t->tell, r, deferred ? r->due_us : 0, false);
}

static void
on_gone(void *ctx, struct sched_queue *q, struct message *m, uint32_t n,
    uint16_t attempts)
{
	const struct taking *t = ctx;

	t->take->taken(t->take->ctx, q, m, n, attempts);
}

bool
sched_walk_take(struct sched_walk *w, const struct sched_take *take,
    uint32_t max)
{
	struct sched *s = w->sched;
	struct taking t = {
		{ &s->backlog.origins, w->queue, take->wants, take->ctx }, take
	};
	const struct vqueue_take inner = { on_look, on_gone, &t };
	bool all;

	CHECK(!s->in_callback);
	if (w->queue == NULL)
		return true;
	s->in_callback = true;
	all = vqueue_take_wanted(w->queue, &s->backlog, &w->inside, &inner,
	    max);
	s->in_callback = false;
	sched_dirty(s, w->queue);
	return all;
}

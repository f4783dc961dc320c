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
	w->left = w->queue->deferred.n;
	return w->queue;
}

bool
sched_walk_free_deferred(struct sched_walk *w, uint32_t max)
{
	struct sched_queue *q = w->queue;
	uint32_t n = w->left < max ? (uint32_t)w->left : max;

	if (q == NULL || n == 0)
		return false;
	n = vqueue_free_deferred(q, n);
	w->left = n == 0 ? 0 : w->left - n;
	sched_dirty(w->sched, q);
	return w->left > 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue-priority between connections: who is more important gets a slot from
 * who is less.
 *
 * As a rule the other one ends its transaction first: conn_must_yield() asks
 * priority_order() there.  Those that may be interrupted in the middle of one
 * are kept by priority while they are busy, in each scope they are in, so that
 * the least important is at hand; no more are cut off than queues wait.
 */
#include "vmta/sched_priv.h"

enum priority_order
priority_order(const struct sched_conn *c, const struct lane *other)
{
	if (other->priority == c->queue->lane->priority)
		return PRIORITY_SAME;
	if (other->priority < c->queue->lane->priority)
		return PRIORITY_ABOVE;
	return c->queue->conf->conf.interruption ? PRIORITY_BELOW :
						   PRIORITY_ABOVE;
}

/* ---- those that may be cut off ------------------------------------------- */

static bool
before(const void *a, const void *b)
{
	const struct conn_in *x = a, *y = b;

	return x->priority < y->priority;
}

static void
moved(void *item, uint32_t index)
{
	((struct conn_in *)item)->cut_index = index;
}

static const struct heap_ops ops = { before, moved };

void
priority_busy(struct sched_conn *c)
{
	const struct queue_conf *conf = &c->queue->conf->conf;

	if (!conf->interruption || !conf->interruption_in_transfer)
		return;
	c->cuttable = true;
	for (int i = 0; i < LEVELS; i++) {
		if (c->in[i].shared == NULL)
			continue;
		c->in[i].priority = c->queue->lane->priority;
		heap_push(&c->in[i].shared->cut, &ops, &c->in[i]);
	}
}

static void
leave(struct sched_conn *c)
{
	c->cuttable = false;
	for (int i = 0; i < LEVELS; i++)
		if (c->in[i].shared != NULL)
			heap_remove(&c->in[i].shared->cut, &ops,
			    c->in[i].cut_index);
}

void
priority_done(struct sched_conn *c)
{
	if (c->cuttable)
		leave(c);
	if (!c->cut)
		return;
	for (int i = 0; i < LEVELS; i++)
		if (c->in[i].shared != NULL)
			c->in[i].shared->cutting--;
}

void
priority_leave(struct sched_conn *c, struct conn_in *in)
{
	if (c->cuttable)
		heap_remove(&in->shared->cut, &ops, in->cut_index);
	if (c->cut && c->grant != NULL)
		in->shared->cutting--;
}

void
priority_join(struct sched_conn *c, struct conn_in *in)
{
	in->priority = c->in[LEVEL_PROCESS].priority; /* as at its grant */
	if (c->cuttable)
		heap_push(&in->shared->cut, &ops, in);
	if (c->cut && c->grant != NULL)
		in->shared->cutting++;
}

static void
cut(struct sched *s, struct sched_conn *c)
{
	leave(c);
	c->cut = true;
	for (int i = 0; i < LEVELS; i++)
		if (c->in[i].shared != NULL)
			c->in[i].shared->cutting++;
	SCHED_TELL(s, interrupt, c);
}

/* The connection that has to go for who waits there, or NULL. */
static struct sched_conn *
in_the_way(struct shared *h)
{
	const struct conn_in *least = heap_top(&h->cut);
	const struct sched_queue *first = shared_opener(h);

	if (least == NULL || first == NULL ||
	    least->priority >= first->lane->priority ||
	    slots_room(&h->scope.conns) > 0 ||
	    h->cutting + h->conns.in[CONN_CLOSING] >= h->open_n)
		return NULL;
	return in_conn(heap_top(&h->cut));
}

bool
priority_must_cut(struct shared *h)
{
	return h->cut.n > 0 && in_the_way(h) != NULL;
}

void
priority_cut(struct shared *h)
{
	struct sched_conn *c;

	while ((c = in_the_way(h)) != NULL)
		cut(h->sched, c);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits of MX hosts and remote addresses in the scheduler: queues are
 * those who wait there, and connections those who ask (vmta/remote.h).
 *
 * A queue has none of this before the first of its connections asks.
 */
#include "vmta/sched_priv.h"

#include <stdlib.h>

#include "lib/mem.h"

struct queue_remote {
	struct remote_who who;
	struct sched_queue *queue;
	uint32_t conns; /* that know of it */
};

static void
woken(void *ctx, struct remote_who *who)
{
	sched_dirty(ctx, OF(queue_remote, who, who)->queue);
}

void
remote_init(struct sched *s)
{
	remotes_init(&s->remotes, woken, s);
}

static void
attach(struct sched_conn *c)
{
	struct sched_queue *q = c->queue;

	if (c->remote.who != NULL)
		return;
	if (q->remote == NULL) {
		q->remote = mem_new(struct queue_remote);
		remote_who_init(&q->remote->who);
		q->remote->queue = q;
	}
	q->remote->conns++;
	c->remote.who = &q->remote->who;
}

/*
 * Somebody waits there now: one connection that is idle there goes, as those
 * do that have the slot of a virtual MTA for which another queue waits.
 */
static void
take_back_one(struct sched *s, const struct remote_scope *at)
{
	struct remote_slot *slot;

	TAILQ_FOREACH(slot, &at->slots, link)
	{
		struct sched_conn *c = OF(sched_conn, remote, slot->conn);
		int64_t when = conn_reclaim_at(c);

		if (c->state != CONN_IDLE ||
		    (c->timer.index != HEAP_NONE && c->timer.at_us <= when))
			continue;
		timer_set(&s->timers, &c->timer, when);
		return;
	}
}

bool
sched_address(struct sched *s, struct sched_conn *c, const char *host,
    const struct net_addr *peer)
{
	const struct remote_to to = { host, c->source->addr, *peer };
	struct line_key key = lane_key_of(c->queue);

	CHECK(c->sched == s && !s->in_callback);
	if (c->state == CONN_CLOSING)
		return false; /* the two crossed: it will not go anywhere */
	CHECK(c->state == CONN_OPENING || c->anew);
	attach(c);
	if (remote_ask(&s->remotes, &c->remote, &to, &key))
		return true;
	take_back_one(s, c->remote.full);
	c->remote.full = NULL;
	return false;
}

bool
sched_conn_awaited(const struct sched_conn *c, const char **host_r,
    struct net_addr *addr_r)
{
	const struct remote_scope *at = remote_kept(&c->remote);

	if (at == NULL)
		return false;
	*host_r = at->host;
	*addr_r = at->addr;
	return true;
}

void
sched_located(struct sched *s, struct sched_conn *c, const char *host,
    const struct net_addr *peer)
{
	const struct remote_to to = { host, c->source->addr, *peer };

	CHECK(c->sched == s && !s->in_callback);
	remote_note(&s->remotes, &c->remote, &to);
	sched_dirty(s, c->queue); /* there may be one too many */
}

uint32_t
remote_queue_room(const struct sched_queue *q)
{
	return q->remote == NULL ? UINT32_MAX : remote_room(&q->remote->who);
}

const struct remote_scope *
remote_queue_waits(const struct sched_queue *q)
{
	return q->remote == NULL ? NULL : remote_waits_at(&q->remote->who);
}

struct sched_queue *
remote_yields_to(struct sched_conn *c)
{
	const struct remote_who *who = remote_other(&c->remote);

	if (who == NULL)
		return NULL;
	return ((const struct queue_remote *)(const void *)((const char *)who -
		    offsetof(struct queue_remote, who)))
	    ->queue;
}

void
remote_conn_opened(struct sched *s, struct sched_conn *c)
{
	if (c->queue->remote == NULL || c->queue->remote->who.kept == 0)
		return;
	attach(c);
	remote_opened(&s->remotes, &c->remote);
}

void
remote_conn_closed(struct sched *s, struct sched_conn *c)
{
	struct queue_remote *qr = c->queue->remote;

	remote_closed(&s->remotes, &c->remote);
	if (c->remote.who == NULL)
		return;
	c->remote.who = NULL;
	CHECK(qr->conns > 0);
	qr->conns--;
	if (qr->conns == 0 && qr->who.n == 0)
		remote_forget(s, c->queue);
}

void
remote_forget(struct sched *s, struct sched_queue *q)
{
	struct queue_remote *qr = q->remote;

	if (qr == NULL)
		return;
	CHECK(qr->conns == 0);
	q->remote = NULL;
	remote_who_fini(&s->remotes, &qr->who);
	free(qr);
}

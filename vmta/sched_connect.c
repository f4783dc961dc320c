/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection calls: what that counts in, and where the next one goes on when
 * nobody was there.
 */
#include "vmta/sched_priv.h"

#include "lib/clock.h"
#include "lib/mem.h"

/* While mail goes out another way. */
#define PLACE_AGE_US (600 * US_PER_S)

void
connect_take(struct sched_conn *c, int64_t now_us)
{
	struct shared *backoff = c->in[LEVEL_BACKOFF].shared;
	struct shared *group = c->in[LEVEL_ROLLUP].shared;
	struct shared *provider = c->in[LEVEL_PROVIDER].shared;
	struct sched_queue *q = c->queue;
	bool paced = q->conf->conf.rampup_us > 0;
	struct scope *of[CONNECT_SCOPES] = { &q->scope,
		q->standing == NULL ? NULL : &q->standing->also,
		c->from == NULL ? NULL : &c->from->scope,
		backoff == NULL ? NULL : &backoff->scope,
		group == NULL ? NULL : &group->scope,
		provider == NULL ? NULL : &provider->scope };

	for (int i = 0; i < CONNECT_SCOPES; i++)
		if (of[i] != NULL &&
		    scope_take(of[i], LIMIT_CONNECT, 1, now_us))
			c->connect[i] = of[i];
	c->is_calling = paced;
	q->calling += paced;
}

void
connect_end(struct sched *s, struct sched_conn *c, bool called, int64_t when_us)
{
	struct sched_queue *q = c->queue;

	if (c->is_calling) {
		c->is_calling = false;
		q->calling--;
		if (called && when_us > q->opened_us)
			q->opened_us = when_us;
		sched_dirty(s, q);
	}
	for (int i = 0; i < CONNECT_SCOPES; i++) {
		if (c->connect[i] == NULL)
			continue;
		if (called)
			scope_settle(c->connect[i], LIMIT_CONNECT, 1, when_us);
		else
			scope_return(c->connect[i], LIMIT_CONNECT, 1);
		scope_changed(s, c->connect[i]);
		c->connect[i] = NULL;
	}
}

bool
sched_conn_is_timed(const struct sched_conn *c)
{
	for (int i = 0; i < CONNECT_SCOPES; i++)
		if (c->connect[i] != NULL)
			return true;
	return c->is_calling;
}

void
sched_connecting(struct sched *s, struct sched_conn *c, int64_t when_us)
{
	CHECK(c->sched == s && !s->in_callback);
	connect_end(s, c, true, when_us);
}

/* Of several the one that is furthest: what is before it was in vain, too. */
void
sched_goes_on(struct sched *s, struct sched_conn *c,
    const struct sched_place *at)
{
	struct sched_queue *q = c->queue;
	uint8_t family = c->source->addr.family;

	CHECK(c->sched == s && c->grant == NULL && !s->in_callback);
	c->goes_on = true;
	if (q->place == NULL)
		q->place = mem_new(struct sched_place);
	else if (q->place->family != family)
		return; /* its addresses are others */
	if (at->next >= q->place->next) {
		int64_t since_us = at->next == q->place->next ?
		    q->place->since_us :
		    0;

		*q->place = *at;
		q->place->since_us = since_us;
	}
	q->place->family = family;
}

void
connect_settle_place(struct sched *s, struct sched_queue *q, int64_t now_us)
{
	struct sched_place *at = q->place;

	if (at == NULL)
		return;
	if (at->since_us == 0)
		at->since_us = now_us;
	if (retry_waits(&q->retry, now_us) || q->ready + q->aside == 0 ||
	    sched_is_paused(s, q) ||
	    (q->progress_us > at->since_us &&
		now_us - at->since_us > PLACE_AGE_US))
		choice_forget_place(q);
}

static void
is_set_up(struct sched *s, struct sched_conn *c, int64_t now_us)
{
	connect_end(s, c, true, now_us);
	const struct sched_place *left = c->queue->place;

	/* What was in vain works again; what was skipped has worked before. */
	if (c->place == NULL && left != NULL && !left->stays)
		choice_forget_place(c->queue);
	sched_average(&c->queue->setup_us, now_us - c->opened_us);
	for (int i = 0; i < LEVEL_PROCESS; i++)
		if (c->in[i].shared != NULL)
			sched_average(&c->in[i].shared->setup_us,
			    now_us - c->opened_us);
}

void
conn_is_ready(struct sched *s, struct sched_conn *c, int64_t now_us)
{
	if (c->state == CONN_OPENING)
		is_set_up(s, c, now_us);
	else if (!c->anew)
		return;
	remote_connected(&s->remotes, &c->remote);
	c->ready_us = now_us;
	c->anew = false;
}

/*
 * With max-msg-per-connection 1 it would end as soon as it is ready there, and
 * the next one would begin at the server that was left, on and on.
 */
void
sched_conn_anew(struct sched *s, struct sched_conn *c)
{
	CHECK(c->sched == s && c->grant == NULL && !s->in_callback);
	c->anew = true;
	c->messages = 0;
	c->turn_rcpts = 0;
	if (conn_tells_old(c)) /* a reload while it carried its last mail */
		conn_close(s, c);
}

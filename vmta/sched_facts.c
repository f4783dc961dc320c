/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What others ask about: connections, queues, recipients, sums.  Nothing
 * here is on the way of a message.
 */
#include <string.h>

#include "vmta/sched_priv.h"

bool
sched_message_moved(struct sched *s, uint64_t id, const struct message_loc *loc)
{
	struct entry *e = backlog_find(&s->backlog, id);

	CHECK(!s->in_callback);
	if (e == NULL)
		return true;
	CHECK(e->loc.body_len == loc->body_len);
	e->loc = *loc;
	return e->reading == 0;
}

struct sched_queue *
sched_conn_queue(const struct sched_conn *c)
{
	return c->queue;
}

const struct sched_place *
sched_conn_place(const struct sched_conn *c)
{
	return c->place;
}

const struct conf_source *
sched_conn_source(const struct sched_conn *c)
{
	return c->source;
}

const struct snapshot *
sched_conn_conf(const struct sched_conn *c)
{
	return c->snapshot;
}

uint64_t
sched_conn_id(const struct sched_conn *c)
{
	return c->id;
}

void
sched_conn_set_user(struct sched_conn *c, void *user)
{
	c->user = user;
}

void *
sched_conn_user(const struct sched_conn *c)
{
	return c->user;
}

const char *
sched_queue_domain(const struct sched_queue *q)
{
	return q->domain->name;
}

const char *
sched_queue_vmta(const struct sched_queue *q)
{
	return q->vmta->name;
}

const char *
sched_queue_group(const struct sched_queue *q)
{
	return q->lane->group == NULL ? "" : q->lane->group->name;
}

const char *
sched_queue_provider(const struct sched_queue *q)
{
	return q->lane->provider == NULL ? "" : q->lane->provider->name;
}

bool
sched_queue_waits(const struct sched_queue *q, int64_t now_us)
{
	return retry_waits(&q->retry, now_us);
}

const char *
sched_queue_last_error(const struct sched_queue *q)
{
	return q->last_error == NULL ? "" : q->last_error;
}

const struct queue_conf *
sched_queue_conf(const struct sched_queue *q)
{
	return &q->conf->conf;
}

/* The first limit that keeps the mail of a queue waiting, or "". */
static const char *
waits_for(struct sched *s, struct sched_queue *q, int64_t now_us)
{
	struct check_no no;
	struct asked a;

	if (q->rcpts > 0 && sched_is_paused(s, q))
		return "paused";
	if (q->on_hold > 0 && q->on_hold == q->rcpts)
		return "hold";
	if (q->ready == 0)
		return q->aside == 0 ? "" : job_waits_for(q);
	ask_open(&a, s, q, now_us);
	if (checks_say_no(checks_give, CHECKS_GIVE, &a, &no))
		return no.check->name;
	if (q->conns.in[CONN_OPENING] > 0)
		return ""; /* soon */
	if (checks_say_no(checks_open, CHECKS_OPEN, &a, &no))
		return no.check->name;
	return "";
}

static uint32_t
conns_of(const struct conn_count *n)
{
	return n->in[CONN_OPENING] + n->in[CONN_IDLE] + n->in[CONN_BUSY] +
	    n->in[CONN_CLOSING];
}

void
sched_queue_info(struct sched *s, struct sched_queue *q, int64_t now_us,
    struct sched_queue_info *out)
{
	const struct move_from *from;
	size_t n = sched_move_from(s, q, &from);

	*out = (struct sched_queue_info){
		.domain = q->domain->name,
		.vmta = q->vmta->name,
		.rcpts = q->rcpts,
		.deferred = q->deferred.n - q->on_hold,
		.conns = conns_of(&q->conns),
		.kbytes = (q->bytes + 1023) / 1024,
		.retry_us = retry_waits(&q->retry, now_us) ? q->retry.until_us :
							     0,
		.last_error = sched_queue_last_error(q),
		.waits_for = waits_for(s, q, now_us),
		.group = sched_queue_group(q),
		.provider = sched_queue_provider(q),
		.paused = sched_is_paused(s, q),
		.mode = sched_queue_mode(q),
		.moved_from = n == 0 ? NULL : from->vmta->name,
		.moved = n == 0 ? 0 : from->rcpts,
	};
}

bool
sched_has_message(const struct sched *s, uint64_t id)
{
	return backlog_find(&s->backlog, id) != NULL;
}

struct message *
sched_rcpt_message(const struct sched_rcpt_info *info)
{
	return backlog_message(info->entry);
}

void
sched_totals(const struct sched *s, struct sched_totals *out)
{
	const struct backlog_sums *sums = &s->backlog.sums;

	*out = (struct sched_totals){ .queues = s->queues.n,
		.rcpts = sums->rcpts,
		.deferred = sums->rcpts - sums->ready - sums->granted,
		.granted = sums->granted,
		.handed = sums->handed,
		.refused = sums->refused,
		.kbytes = (sums->bytes + 1023) / 1024,
		.conns = s->process.scope.conns.used };
}

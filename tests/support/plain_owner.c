/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/plain_owner.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "mail/message.h"

static void
ring_init(struct plain_ring *r)
{
	*r = (struct plain_ring){ 0 };
	r->v = mem_array(PLAIN_MAX, sizeof(*r->v));
	r->at_us = mem_array(PLAIN_MAX, sizeof(*r->at_us));
}

static void
ring_fini(struct plain_ring *r)
{
	free(r->v);
	free(r->at_us);
}

static void
put(struct plain_ring *r, void *p, int64_t at_us)
{
	unsigned at = (r->head + r->n) % PLAIN_MAX;

	CHECK(r->n < PLAIN_MAX);
	r->v[at] = p;
	r->at_us[at] = at_us;
	r->n++;
}

/* The first, if it is due; else NULL. */
static void *
take(struct plain_ring *r, int64_t now_us)
{
	void *p = r->v[r->head];

	if (r->n == 0 || r->at_us[r->head] > now_us)
		return NULL;
	r->head = (r->head + 1) % PLAIN_MAX;
	r->n--;
	return p;
}

/* ---- what the scheduler asks for ----------------------------------------- */

static void
on_open(void *ctx, struct sched_conn *c)
{
	struct plain_owner *o = ctx;

	put(&o->opening, c, o->now_us + o->setup_us);
}

static void
on_grant(void *ctx, struct sched_conn *c, struct grant *g)
{
	struct plain_owner *o = ctx;

	o->grants++;
	put(&o->sending, g, o->now_us + o->send_us);
	if (o->on_grant != NULL)
		o->on_grant(o->ctx, c);
}

static void
on_close(void *ctx, struct sched_conn *c)
{
	struct plain_owner *o = ctx;

	put(&o->closing, c, o->now_us);
}

static void
on_expired(void *ctx, struct sched_queue *q, struct message *m, uint32_t n,
    uint16_t attempts)
{
	(void)ctx;
	(void)q;
	(void)m;
	(void)n;
	(void)attempts;
}

static const struct sched_owner owner = {
	.open = on_open,
	.grant = on_grant,
	.close = on_close,
	.expired = on_expired,
};

/* ---- public -------------------------------------------------------------- */

void
plain_owner_init(struct plain_owner *o, const struct snapshot *conf,
    int64_t now_us)
{
	*o = (struct plain_owner){ .now_us = now_us };
	ring_init(&o->opening);
	ring_init(&o->sending);
	ring_init(&o->closing);
	o->sched = sched_new(conf, &owner, o, now_us);
}

void
plain_owner_fini(struct plain_owner *o)
{
	sched_free(&o->sched);
	ring_fini(&o->opening);
	ring_fini(&o->sending);
	ring_fini(&o->closing);
}

void
plain_owner_submit(struct plain_owner *o, const char *domain, const char *vmta,
    const char *job)
{
	struct message *m = message_new("", 0);
	struct sched_rcpt_in in = { .domain = domain,
		.vmta = vmta,
		.job = job,
		.queued_us = o->now_us };

	m->id = ++o->last_id;
	sched_add(o->sched, m, &in, 1, o->now_us);
	message_unref(&m);
}

bool
plain_owner_answer(struct plain_owner *o)
{
	struct sched_result done[PLAIN_GRANT_MAX];
	int64_t now = o->now_us;
	struct sched_conn *c;
	struct grant *g;
	bool any = false;

	for (int i = 0; i < PLAIN_GRANT_MAX; i++)
		done[i] = (struct sched_result){ .written = true };
	for (; (g = take(&o->sending, now)) != NULL; any = true) {
		c = g->conn;
		if (g->timed)
			sched_written(o->sched, g, g->count, now);
		CHECK(g->count <= PLAIN_GRANT_MAX);
		sched_results(o->sched, &g, done, now);
		sched_ready(o->sched, c, now);
	}
	for (; (c = take(&o->opening, now)) != NULL; any = true)
		sched_ready(o->sched, c, now);
	for (; (c = take(&o->closing, now)) != NULL; any = true)
		sched_closed(o->sched, &c, now);
	return any;
}

uint32_t
plain_owner_conns(const struct plain_owner *o)
{
	struct sched_totals t;

	sched_totals(o->sched, &t);
	return t.conns;
}

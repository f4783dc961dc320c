/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the dispatcher that couriers report to: ready, written, what came
 * of a grant, and their end.
 */
#include <stdlib.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/outcome.h"
#include "transport/courier.h"
#include "transport/dispatch_priv.h"
#include "transport/disposition.h"
#include "transport/queue_record.h"
#include "transport/replies.h"
#include "transport/sweep.h"
#include "vmta/sched.h"

struct report {
	struct post post;
	struct link *link;
	struct dispatch *dispatch;
	struct dispatch_result result;
	struct outcome *why;
	bool fails;
	uint32_t written;
	int64_t when_us;
};

static struct report *
report_new(struct dispatch *d, void *link, void (*fn)(struct post *))
{
	struct report *r = mem_new(struct report);

	r->post.fn = fn;
	r->dispatch = d;
	r->link = link;
	return r;
}

static void
on_ready(struct post *p)
{
	struct report *r = post_owner(p, struct report, post);

	CHECK(!r->link->granted && !r->link->gone);
	if (r->dispatch->draining)
		courier_close(r->link->courier);
	else
		sched_ready(r->dispatch->sched, r->link->conn, clock_us());
	free(r);
}

void
dispatch_ready(struct dispatch *d, void *link)
{
	worker_post(d->worker, &report_new(d, link, on_ready)->post);
}

static void
on_written(struct post *p)
{
	struct report *r = post_owner(p, struct report, post);

	sched_written(r->dispatch->sched, r->result.grant, r->written,
	    r->when_us);
	free(r);
}

void
dispatch_written(struct dispatch *d, struct grant *g, uint32_t n,
    int64_t when_us)
{
	struct report *r = report_new(d, NULL, on_written);

	r->result.grant = g;
	r->written = n;
	r->when_us = when_us;
	worker_post(d->worker, &r->post);
}

/* ---- what concerns a queue ----------------------------------------------- */

static void
on_failed(void *ctx, const struct effects_failed *how, struct sched_queue *q,
    struct message *m, uint32_t n, uint16_t attempts)
{
	const struct dispatch *d = ctx;

	sweep_add(d->sweep,
	    &(struct sweep_rcpt){ q, m, n, attempts, false, false }, how->why,
	    how->what);
}

static void
on_waits(void *ctx, struct sched_queue *q, const struct outcome *why)
{
	const struct dispatch *d = ctx;

	queue_record(d->store, d->conf, q, why);
}

const struct effects_owner dispatch_effects = {
	.failed = on_failed,
	.waits = on_waits,
};

static void
on_judged(struct post *p)
{
	struct report *r = post_owner(p, struct report, post);
	struct link *l = r->link;

	if (effects_apply(&r->dispatch->effects, l->conn, &r->result.effects,
		clock_us()))
		l->source_off = true;
	effects_fini(&r->result.effects);
	free(r);
}

void
dispatch_judged(struct dispatch *d, void *link,
    const struct effects_list *effects)
{
	struct report *r = report_new(d, link, on_judged);

	r->result.effects = *effects;
	worker_post(d->worker, &r->post);
}

/* ---- the end ------------------------------------------------------------- */

static void
link_end(struct link *l)
{
	struct dispatch *d = l->dispatch;
	const struct effects_end end = { l->why, l->fails, l->counted,
		l->source_off };
	int64_t now_us = clock_us();

	if (l->why != NULL)
		effects_conn_failed(&d->effects, l->conn, &end, now_us);
	sched_closed(d->sched, &l->conn, now_us);
	outcome_free(&l->why);
	LIST_REMOVE(l, entry);
	courier_release(l->courier);
	free(l);
}

/* Before the grant goes. */
static void
keep_said(const struct report *r)
{
	struct replies *replies = r->dispatch->replies;
	const struct sched_queue *q = sched_conn_queue(r->link->conn);
	const struct dispatch_result *res = &r->result;
	const struct grant *g = res->grant;

	for (uint32_t i = 0; i < g->count; i++) {
		const struct grant_rcpt *rcpt = &g->rcpts[i];
		const struct replied to = { g->msg->id, rcpt->n,
			sched_queue_domain(q), sched_queue_vmta(q) };

		if (res->said != NULL && res->said[i] != NULL)
			replies_keep(replies, &to, res->said[i]);
		else if (res->results[i].fate == FATE_DONE &&
		    rcpt->attempts > 0)
			replies_forget(replies, to.id, to.n);
	}
	free(res->said);
}

static void
on_results(struct post *p)
{
	struct report *r = post_owner(p, struct report, post);
	struct dispatch_result *res = &r->result;
	struct dispatch *d = r->dispatch;
	struct link *l = r->link;
	int64_t now_us = clock_us();

	CHECK(l->granted && res->grant->conn == l->conn);
	l->granted = false;
	if (res->worked)
		sched_queue_worked(d->sched, sched_conn_queue(l->conn));
	keep_said(r);
	sched_results(d->sched, &res->grant, res->results, now_us);
	if (res->skipped)
		sched_conn_anew(d->sched, l->conn);
	if (effects_apply(&d->effects, l->conn, &res->effects, now_us))
		l->source_off = true;
	sched_conn_tally(d->sched, l->conn, &res->tally, now_us);
	l->counted = effects_is_counted(l->counted, &res->tally, res->skipped);
	effects_fini(&res->effects);
	free(res->results);
	free(r);
	if (l->gone)
		link_end(l);
}

void
dispatch_results(struct dispatch *d, void *link,
    const struct dispatch_result *result)
{
	struct report *r = report_new(d, link, on_results);

	r->result = *result;
	worker_post(d->worker, &r->post);
}

static void
on_closed(struct post *p)
{
	struct report *r = post_owner(p, struct report, post);
	struct link *l = r->link;

	l->why = r->why;
	l->fails = r->fails;
	free(r);
	if (l->granted)
		l->gone = true; /* its grant is on the way back */
	else
		link_end(l);
}

void
dispatch_closed(struct dispatch *d, void *link, struct outcome *why, bool fails)
{
	struct report *r = report_new(d, link, on_closed);

	r->why = why;
	r->fails = fails;
	worker_post(d->worker, &r->post);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/dispatch.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "mail/outcome.h"
#include "mail/waybill.h"
#include "transport/arrival.h"
#include "transport/courier.h"
#include "transport/dispatch_priv.h"
#include "transport/disposition.h"
#include "transport/mx_facts.h"
#include "transport/replies.h"
#include "transport/sweep.h"
#include "transport/worker_env.h"
#include "vmta/sched.h"

/* ---- the scheduler's owner ----------------------------------------------- */

static void
on_open(void *ctx, struct sched_conn *c)
{
	struct dispatch *d = ctx;
	struct sched_queue *q = sched_conn_queue(c);
	struct link *l = mem_new(struct link);
	struct courier_params p = { .env = d->envs[d->turn++ % d->env_count],
		.tls = d->tls,
		.link = l,
		.id = sched_conn_id(c),
		.conf = sched_conn_conf(c),
		.queue_conf = sched_queue_conf(q),
		.domain = sched_queue_domain(q),
		.vmta = sched_queue_vmta(q),
		.source = sched_conn_source(c),
		.both_families = sched_conn_has_both_families(c),
		.timed = sched_conn_is_timed(c),
		.place = sched_conn_place(c) };

	(void)sched_conn_awaited(c, &p.awaited_host, &p.awaited_addr);
	l->dispatch = d;
	l->conn = c;
	sched_conn_set_user(c, l);
	LIST_INSERT_HEAD(&d->links, l, entry);
	l->courier = courier_open(&p);
}

static void
on_grant(void *ctx, struct sched_conn *c, struct grant *g)
{
	struct link *l = sched_conn_user(c);

	(void)ctx;
	CHECK(!l->granted && !l->gone);
	l->granted = true;
	courier_grant(l->courier, g);
}

static void
on_close(void *ctx, struct sched_conn *c)
{
	struct link *l = sched_conn_user(c);

	(void)ctx;
	courier_close(l->courier);
}

static void
on_interrupt(void *ctx, struct sched_conn *c)
{
	struct link *l = sched_conn_user(c);

	(void)ctx;
	courier_interrupt(l->courier);
}

/* By the clock; within: the times or the time that it had. */
static void
end_late(struct dispatch *d, const struct sweep_rcpt *rcpt, const char *within)
{
	const struct sched_queue *q = rcpt->queue;
	const char *last = sched_queue_last_error(q);
	char text[1200];
	const struct outcome o = { .kind = OUTCOME_TIMEOUT,
		.phase = PHASE_RESOLVE,
		.text = text,
		.mx = "",
		.esmtp = "",
		.tls = "",
		.wall_us = clock_wall_us() };
	struct disposition what = disposition_expired(&o);

	(void)snprintf(text, sizeof(text),
	    "not delivered within %s, in %u attempts%s%s", within,
	    rcpt->attempts, last[0] == '\0' ? "" : "; last error: ", last);
	sweep_add(d->sweep, rcpt, &o, &what);
}

static void
on_expired(void *ctx, struct sched_queue *q, struct message *m, uint32_t n,
    uint16_t attempts)
{
	end_late(ctx, &(struct sweep_rcpt){ q, m, n, attempts, false, false },
	    "bounce-after");
}

static void
on_missed(void *ctx, struct sched_queue *q, struct message *m, uint32_t n,
    uint16_t attempts)
{
	end_late(ctx, &(struct sweep_rcpt){ q, m, n, attempts, false, false },
	    "the times of its X-Schedule");
}

void
dispatch_end(struct dispatch *d, const struct sweep_rcpt *rcpt,
    const struct outcome *o, const struct disposition *what)
{
	CHECK(worker_is_self(d->worker));
	sweep_add(d->sweep, rcpt, o, what);
}

bool
dispatch_is_draining(const struct dispatch *d)
{
	CHECK(worker_is_self(d->worker));
	return d->draining;
}

void
dispatch_end_flush(struct dispatch *d)
{
	CHECK(worker_is_self(d->worker));
	(void)sweep_flush(d->sweep);
}

static const struct sched_owner sched_owner = {
	.open = on_open,
	.grant = on_grant,
	.close = on_close,
	.expired = on_expired,
	.missed = on_missed,
	.interrupt = on_interrupt,
	.lease = dispatch_on_lease,
	.keep = dispatch_on_keep,
	.source = dispatch_on_source,
	.warmup = dispatch_on_warmup,
	.event = dispatch_on_event,
	.delayed = dispatch_on_delayed,
	.resolve = dispatch_resolve,
};

/* ---- rounds -------------------------------------------------------------- */

static void
check_drained(struct dispatch *d, uint64_t last_piece)
{
	worker_fn *fn = d->drained;

	if (fn == NULL || !LIST_EMPTY(&d->links) ||
	    !sweep_is_through(d->sweep, last_piece))
		return;
	d->drained = NULL;
	dispatch_keep_end(d, clock_us());
	fn(d->drained_arg);
}

/* Once, twice, four times and so on. */
static void
tell_stuck(struct dispatch *d)
{
	uint64_t n = sched_stuck(d->sched);

	if (n <= d->stuck)
		return;
	d->stuck = 2 * n - 1;
	log_note(LOG_L_ERROR, "scheduler",
	    "a round came to no end, %" PRIu64
	    " so far; the next one goes on: please report this with your configuration",
	    n);
}

/* After each round of posts and at each timer: let the scheduler act. */
static void
run(void *arg)
{
	struct dispatch *d = arg;
	int64_t now_us = clock_us(), next_us;
	uint64_t last_piece;
	struct timeval tv;

	sched_set_wall(d->sched, clock_wall_us() - now_us);
	next_us = sched_run(d->sched, now_us);
	last_piece = sweep_flush(d->sweep);

	tell_stuck(d);
	dispatch_keep_flush(d);
	moves_settle(&d->moves, last_piece);
	check_drained(d, last_piece);
	if (next_us == INT64_MAX) {
		(void)event_del(d->timer);
		return;
	}
	next_us = next_us > now_us ? next_us - now_us : 1;
	tv.tv_sec = (time_t)(next_us / US_PER_S);
	tv.tv_usec = (suseconds_t)(next_us % US_PER_S);
	CHECK(event_add(d->timer, &tv) == 0);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	run(arg);
}

struct dispatch *
dispatch_new(struct worker *w, const struct dispatch_options *opt)
{
	struct dispatch *d = mem_new(struct dispatch);

	CHECK(opt->env_count > 0);
	d->worker = w;
	d->store = opt->store;
	d->envs = opt->envs;
	d->env_count = opt->env_count;
	d->tls = opt->tls;
	d->watch = opt->watch;
	d->conf = snapshot_ref(opt->conf);
	dispatch_keep_init(d);
	d->mx_facts = dispatch_facts(d);
	dispatch_alerts_init(d);
	LIST_INIT(&d->links);
	STAILQ_INIT(&d->asks);
	readers_init(&d->readers, w);
	d->replies = replies_new();
	d->sched = sched_new(opt->conf, &sched_owner, d, clock_us());
	sched_set_wall(d->sched, clock_wall_us() - clock_us());
	d->sweep = sweep_new(w, d->envs, d->env_count);
	moves_init(&d->moves,
	    &(struct moves_of){ d->store, d->sched, d->sweep, &d->readers });
	d->effects = (struct effects_to){ d->sched, &dispatch_effects, d,
		&d->told };
	d->rg = region_new();
	d->timer = event_new(worker_base(w), -1, 0, on_timer, d);
	CHECK(d->timer != NULL);
	dispatch_day_init(d);
	worker_on_round(w, run, d);
	return d;
}

void
dispatch_free(struct dispatch **dp)
{
	struct dispatch *d = *dp;

	*dp = NULL;
	if (d == NULL)
		return;
	CHECK(LIST_EMPTY(&d->links));
	moves_fini(&d->moves);
	readers_fini(&d->readers);
	replies_free(&d->replies);
	effects_told_fini(&d->told);
	mx_facts_free(&d->mx_facts);
	event_free(d->timer);
	dispatch_day_fini(d);
	region_free(&d->rg);
	sweep_free(&d->sweep);
	sched_free(&d->sched);
	dispatch_keep_fini(d);
	dispatch_alerts_fini(d);
	snapshot_unref(&d->conf);
	free(d);
}

/* ---- mail that arrives --------------------------------------------------- */

struct arrival {
	struct post post;
	struct dispatch *dispatch;
	struct message *msg;
	struct slice waybill; /* its bytes lie behind known[] */
	bool known[];
};

static void
on_arrival(struct post *p)
{
	struct arrival *a = post_owner(p, struct arrival, post);
	struct dispatch *d = a->dispatch;

	arrival_accepted(d->sched, a->msg, a->waybill, a->known, d->rg);
	message_unref(&a->msg);
	free(a);
}

void
dispatch_accepted(struct dispatch *d, struct message *m, struct slice waybill,
    const bool *known)
{
	uint32_t count = waybill_rcpt_count(waybill.p, waybill.len);
	struct arrival *a = mem_zalloc(sizeof(*a) + count + waybill.len);
	char *bytes = (char *)(a->known + count);

	a->post.fn = on_arrival;
	a->dispatch = d;
	a->msg = m;
	memcpy(a->known, known, count);
	memcpy(bytes, waybill.p, waybill.len);
	a->waybill = (struct slice){ bytes, waybill.len };
	worker_post(d->worker, &a->post);
}

struct found {
	struct post post;
	struct dispatch *dispatch;
	struct store_arrivals *arrivals;
};

static void
on_found(struct post *p)
{
	struct found *f = post_owner(p, struct found, post);
	struct dispatch *d = f->dispatch;

	arrival_recovered(d->sched, f->arrivals, d->rg);
	store_arrivals_done(&f->arrivals);
	free(f);
}

void
dispatch_recovered(struct dispatch *d, struct store_arrivals *arrivals)
{
	struct found *f = mem_new(struct found);

	f->post.fn = on_found;
	f->dispatch = d;
	f->arrivals = arrivals;
	worker_post(d->worker, &f->post);
}

/* ---- orders from elsewhere ----------------------------------------------- */

struct order {
	struct post post;
	struct dispatch *dispatch;
	struct snapshot *conf;
	enum store_space space;
	struct moved moved;
	worker_fn *fn;
	void *arg;
};

static struct order *
order_new(struct dispatch *d, void (*fn)(struct post *))
{
	struct order *o = mem_new(struct order);

	o->post.fn = fn;
	o->dispatch = d;
	return o;
}

static void
on_loaded(struct post *p)
{
	struct order *o = post_owner(p, struct order, post);

	o->dispatch->loaded = true;
	dispatch_asks_go(o->dispatch);
	free(o);
}

void
dispatch_loaded(struct dispatch *d)
{
	worker_post(d->worker, &order_new(d, on_loaded)->post);
}

static void
on_space(struct post *p)
{
	struct order *o = post_owner(p, struct order, post);
	struct dispatch *d = o->dispatch;

	d->full = o->space == STORE_SPACE_FULL;
	sched_hold(d->sched, d->full || d->draining, clock_us());
	free(o);
}

void
dispatch_space(struct dispatch *d, enum store_space space)
{
	struct order *o = order_new(d, on_space);

	o->space = space;
	worker_post(d->worker, &o->post);
}

static void
on_moved(struct post *p)
{
	struct order *o = post_owner(p, struct order, post);

	moves_add(&o->dispatch->moves, &o->moved);
	free(o);
}

void
dispatch_moved(struct dispatch *d, uint64_t id, uint32_t old_segment,
    const struct message_loc *loc)
{
	struct order *o = order_new(d, on_moved);

	o->moved = (struct moved){ id, old_segment, *loc };
	worker_post(d->worker, &o->post);
}

static void
on_reload(struct post *p)
{
	struct order *o = post_owner(p, struct order, post);

	sched_reload(o->dispatch->sched, o->conf, clock_us());
	dispatch_locate_all(o->dispatch, o->conf);
	snapshot_unref(&o->dispatch->conf);
	o->dispatch->conf = o->conf;
	free(o);
}

void
dispatch_reload(struct dispatch *d, const struct snapshot *s)
{
	struct order *o = order_new(d, on_reload);

	o->conf = snapshot_ref(s);
	worker_post(d->worker, &o->post);
}

static void
on_drain(struct post *p)
{
	struct order *o = post_owner(p, struct order, post);
	struct dispatch *d = o->dispatch;
	struct link *l;

	d->draining = true;
	d->drained = o->fn;
	d->drained_arg = o->arg;
	free(o);
	sched_hold(d->sched, true, clock_us());
	dispatch_asks_go(d);
	LIST_FOREACH(l, &d->links, entry)
	courier_close(l->courier);
}

void
dispatch_drain(struct dispatch *d, worker_fn *done, void *arg)
{
	struct order *o = order_new(d, on_drain);

	o->fn = done;
	o->arg = arg;
	worker_post(d->worker, &o->post);
}

static void
on_hurry(struct post *p)
{
	struct order *o = post_owner(p, struct order, post);
	struct link *l;

	LIST_FOREACH(l, &o->dispatch->links, entry)
	courier_hurry(l->courier);
	free(o);
}

void
dispatch_hurry(struct dispatch *d)
{
	worker_post(d->worker, &order_new(d, on_hurry)->post);
}

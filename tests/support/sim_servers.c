/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sim's scripted servers: the owner of the scheduler, whose connections
 * are answered as the line for their domain says.
 *
 * What a reply means is judged by transport/disposition.c, as in the daemon.
 */
#include "tests/support/sim_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/message.h"
#include "transport/disposition.h"
#include "transport/effects.h"
#include "vmta/sched_standing.h"
#include "vmta/sched_warmup.h"

#define CLOSE_US (20 * US_PER_MS)

/* ---- lines for domains --------------------------------------------------- */

static struct sim_server *
find_server(struct sim *sim, const char *domain)
{
	for (size_t i = 0; i < sim->server_count; i++)
		if (strcmp(sim->servers[i].domain, domain) == 0)
			return &sim->servers[i];
	return NULL;
}

struct sim_server *
sim_server(struct sim *sim, const char *domain)
{
	static const struct sim_server usual = {
		.greeting_us = 100 * US_PER_MS,
		.write_us = 1 * US_PER_MS,
		.reply_us = 50 * US_PER_MS,
		.greeting = 220,
		.reply = 250,
	};
	struct sim_server *all = find_server(sim, "*"), *s;

	s = find_server(sim, domain);
	if (s != NULL)
		return s;
	CHECK(sim->server_count < SIM_SERVERS);
	s = &sim->servers[sim->server_count];
	sim->server_count++;
	*s = all != NULL ? *all : usual;
	(void)snprintf(s->domain, SIM_NAME, "%s", domain);
	return s;
}

static void
on_event(void *ctx, const struct sched_event *e)
{
	struct sim *sim = ctx;

	sim->told_moved += e->kind == SCHED_MOVED;
	sim->told_loops += e->kind == SCHED_LOOP;
}

/* ---- what the scheduler asks for ----------------------------------------- */

/* What is said to this connection, to be filled in. */
static struct outcome
said_to(const struct sim_conn *c)
{
	return (struct outcome){ .source = sched_conn_source(c->sched)->addr,
		.mx = c->at == NULL ? "" : c->at->name,
		.esmtp = "",
		.tls = "" };
}

static void
connect_to(struct sim_conn *c)
{
	uint32_t welcome = c->server->welcome;

	if (sim_has_lost(c->sim, &sched_conn_source(c->sched)->addr)) {
		sim_post(c, EV_UNBOUND, 0);
		return;
	}
	sim_post(c, EV_CONNECTING, 0);
	c->greeting = said_to(c);
	if (welcome > 0 && c->count->open > welcome)
		sim_script_busy(&c->greeting);
	else
		sim_script_say(c->server, SIM_GREETING, &c->greeting);
	sim_post(c,
	    c->greeting.kind == OUTCOME_DELIVERED ? EV_READY : EV_REFUSED,
	    c->server->greeting_us);
}

/* Hosts are always in the same order; without any there is one address. */
static void
begin_tour(struct sim_conn *c)
{
	const struct queue_conf *conf = sched_queue_conf(
	    sched_conn_queue(c->sched));
	size_t hosts = c->server->host_count;

	tour_begin(&c->tour, sched_conn_place(c->sched), hosts > 0 ? hosts : 1,
	    conf->mx_attempts, sched_conn_is_timed(c->sched));
}

static void
on_open(void *ctx, struct sched_conn *sc)
{
	struct sim *sim = ctx;
	struct sched_queue *q = sched_conn_queue(sc);
	struct sim_conn *c = mem_new(struct sim_conn);

	c->sim = sim;
	c->sched = sc;
	c->server = sim_server(sim, sched_queue_domain(q));
	c->count = sim_count(sim, sched_queue_domain(q), sched_queue_vmta(q));
	sched_conn_set_user(sc, c);
	TAILQ_INSERT_TAIL(&sim->conns, c, link);
	sim_saw_open(c);
	begin_tour(c);
	if (c->server->host_count > 0) {
		sim_post(c, EV_ASK, 0);
		return;
	}
	tour_call(&c->tour);
	connect_to(c);
}

bool
sim_is_suppressed(const struct sim_conn *c, uint32_t i)
{
	unsigned every = c->server->suppress_every;

	return every > 0 &&
	    (c->grant->msg->id + c->grant->rcpts[i].n) % every == 0;
}

uint32_t
sim_wanted(const struct sim_conn *c)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->grant->count; i++)
		n += !sim_is_suppressed(c, i);
	return n;
}

static void
on_grant(void *ctx, struct sched_conn *sc, struct grant *g)
{
	struct sim *sim = ctx;
	struct sim_conn *c = sched_conn_user(sc);

	CHECK(c->grant == NULL && g->conn == sc && g->count > 0);
	c->grant = g;
	c->granted_us = sim->now_us;
	tour_given(&c->tour);
	c->written_us = 0;
	sim->grants++;
	if (sim_wanted(c) == 0) { /* nothing is sent */
		sim_post(c, EV_REPLY, 0);
		return;
	}
	c->breaks = c->server->drop_every > 0 &&
	    sim->grants % c->server->drop_every == 0;
	if (c->breaks && sim_random(sim, 2) == 0) {
		sim_post(c, EV_REPLY,
		    c->server->write_us); /* before any RCPT */
		return;
	}
	sim_post(c, EV_WRITTEN, c->server->write_us);
}

static void
on_close(void *ctx, struct sched_conn *sc)
{
	(void)ctx;
	sim_post(sched_conn_user(sc), EV_CLOSED, CLOSE_US);
}

static void
ended(struct sim *sim, const struct message *m)
{
	CHECK(sim->ended[m->id] > 0);
	sim->ended[m->id]--;
}

static void
on_expired(void *ctx, struct sched_queue *q, struct message *m, uint32_t n,
    uint16_t attempts)
{
	struct sim *sim = ctx;

	(void)n;
	(void)attempts;
	ended(sim, m);
	sim_count(sim, sched_queue_domain(q), sched_queue_vmta(q))->expired++;
}

static void
on_lease(void *ctx, struct slice key, const struct lease_record *rec,
    uint64_t ticket)
{
	struct sim *sim = ctx;

	sim_disk_put(&sim->disk, key, rec, ticket, sim->now_us);
}

static void
on_keep(void *ctx, struct slice name, struct slice bytes, uint64_t ticket)
{
	struct sim *sim = ctx;

	sim_disk_keep(&sim->disk, name, bytes, ticket, sim->now_us);
}

/* Who does not have the message yet is not tried any more. */
static void
on_interrupt(void *ctx, struct sched_conn *sc)
{
	struct sim_conn *c = sched_conn_user(sc);

	sim_events_drop(ctx, c);
	sim_post(c, EV_INTERRUPTED, 0);
}

static void
on_resolve(void *ctx, const char *domain, const struct conf_strs *listed)
{
	struct sim *sim = ctx;

	sim_mx_ask(&sim->mx, domain, listed, sim->now_us);
}

static const struct sched_owner owner = {
	.open = on_open,
	.grant = on_grant,
	.close = on_close,
	.interrupt = on_interrupt,
	.expired = on_expired,
	.lease = on_lease,
	.keep = on_keep,
	.source = sim_on_source,
	.event = on_event,
	.resolve = on_resolve,
};

void
sim_start(struct sim *sim)
{
	lost_fini(&sim->watched);
	sim->watch_us = INT64_MAX;
	sim->sched = sched_new(sim->conf, &owner, sim, sim->now_us);
	sim_disk_load(&sim->disk, sim->sched, sim->now_us);
	if (sim->day > 0)
		sched_set_day(sim->sched, sim->day, sim->day_ends_us,
		    sim->now_us);
	sim->next_run_us = sim->now_us;
}

/* ---- what the servers do ------------------------------------------------- */

/* For a recipient that was tried so often before. */
static struct judgement
judge(const struct sim_conn *c, const struct outcome *o, uint16_t attempts)
{
	const struct queue_conf *conf = sched_queue_conf(
	    sched_conn_queue(c->sched));
	const struct judging by = { .conf = conf,
		.rules = snapshot_replies(sched_conn_conf(c->sched),
		    conf->pattern_list),
		.attempts = attempts,
		.spans = c->grant == NULL ?
		    NULL :
		    c->sim->mail[c->grant->msg->id].spans,
		.wall_us = c->sim->now_us, /* the same clock there */
		.all_refused = tour_all_refused(&c->tour),
		.no_skip = c->grant != NULL &&
		    (tour_is_last(&c->tour) || c->grant->had_round) };
	struct judgement j;

	disposition_judge(o, &by, &j);
	return j;
}

static void
set_result(struct sim *sim, struct sim_conn *c, const struct judgement *j,
    const struct message *m, struct sched_result *out)
{
	const struct disposition *what = &j->rcpt;

	out->fate = FATE_DONE;
	switch (what->what) {
	case DISPOSE_RETRY:
		out->fate = FATE_RETRY;
		out->due_us = sim->now_us + what->retry_after_us;
		if (j->keep_source)
			out->pin_until_us = out->due_us + what->retry_after_us;
		return;
	case DISPOSE_UNUSED:
		out->fate = FATE_UNUSED;
		out->skipped = j->effects.skip_mx;
		return;
	case DISPOSE_DELIVERED:
		out->delivered = true;
		c->count->delivered++;
		break;
	case DISPOSE_FAIL:
		c->count->failed++;
		break;
	case DISPOSE_EXPIRE:
		c->count->expired++;
		break;
	case DISPOSE_SUPPRESS:
		c->count->suppressed++;
		break;
	case DISPOSE_DELETE:
		CHECK_NEVER("an operator in a scenario");
	}
	ended(sim, m);
}

static void
on_failed(void *ctx, const struct effects_failed *how, struct sched_queue *q,
    struct message *m, uint32_t n, uint16_t attempts)
{
	struct sim *sim = ctx;

	(void)how;
	(void)n;
	(void)attempts;
	sim_count(sim, sched_queue_domain(q), sched_queue_vmta(q))->failed++;
	ended(sim, m);
}

static const struct effects_owner effects = { .failed = on_failed };

/* As transport/dispatch_report.c does with what couriers tell. */
static void
apply(struct sim *sim, struct sim_conn *c, struct effects_list *list)
{
	const struct effects_to to = { sim->sched, &effects, sim, NULL };

	if (effects_apply(&to, c->sched, list, sim->now_us))
		c->source_off = true;
	effects_fini(list);
}

/* The same for what comes without a transaction. */
static struct effects
reply_judged(struct sim *sim, struct sim_conn *c, const struct outcome *o)
{
	const struct judgement j = judge(c, o, 0);
	struct effects_sum sum = { 0 };

	effects_add(&sum, o, &j);
	apply(sim, c, &sum.list);
	return j.effects;
}

/* As transport/courier_end.c does when a connection never got to work. */
static void
queue_failed(struct sim *sim, struct sim_conn *c, const struct outcome *o)
{
	const struct effects_to to = { sim->sched, &effects, sim, NULL };
	const struct judgement j = judge(c, o, 0);
	const struct effects_end end = { o, disposition_fails_all(o, &j),
		c->counted, c->source_off };

	effects_conn_failed(&to, c->sched, &end, sim->now_us);
}

static void
on_written(struct sim *sim, struct sim_conn *c)
{
	c->written_us = sim->now_us;
	sim_saw_rcpts(c);
	sim_post(c, EV_TOLD, c->server->told_us);
	sim_post(c, EV_REPLY, c->server->reply_us + c->server->told_us);
}

void
sim_conn_closed(struct sim *sim, struct sim_conn *c)
{
	sim_saw_close(c);
	sim_events_drop(sim, c);
	TAILQ_REMOVE(&sim->conns, c, link);
	sched_closed(sim->sched, &c->sched, sim->now_us);
	free(c);
}

/* The next connection goes on there; hosts are known by their number alone. */
static void
leave_place(struct sim *sim, struct sim_conn *c,
    void (*where)(const struct tour *t, struct sched_place *at))
{
	struct sched_place at = { .shuffle = 1 };

	where(&c->tour, &at);
	sched_goes_on(sim->sched, c->sched, &at);
}

/* It ends the connection: no other recipient has a reply of its own. */
static bool
is_last_word(const struct outcome *o)
{
	return disposition_conn(o) == CONN_BROKE;
}

/* As transport/delivery.c: the server does not hear of them. */
static void
suppress(struct sim_conn *c, struct outcome *said, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (!sim_is_suppressed(c, i))
			continue;
		said[i] = said_to(c);
		said[i].kind = OUTCOME_SUPPRESSED;
		said[i].phase = PHASE_RCPT;
		said[i].ours = true;
		said[i].text = "in a suppression list";
	}
}

/* What each of n recipients hears in one transaction. */
static void
transaction(struct sim_conn *c, struct outcome *said, uint32_t n)
{
	struct outcome mail = said_to(c), dot = mail;
	bool any = false;

	sim_script_say(c->server, SIM_MAIL, &mail);
	for (uint32_t i = 0; i < n; i++) {
		if (sim_is_suppressed(c, i))
			continue;
		said[i] = mail;
		if (mail.kind != OUTCOME_DELIVERED)
			continue;
		sim_script_say(c->server, SIM_RCPT, &said[i]);
		any = any || said[i].kind == OUTCOME_DELIVERED;
		for (uint32_t k = 0; is_last_word(&said[i]) && k < n; k++)
			said[k] = said[i];
		if (is_last_word(&said[i]))
			return;
	}
	if (any)
		sim_script_say(c->server, SIM_DOT, &dot);
	for (uint32_t i = 0; any && i < n; i++)
		if (said[i].kind == OUTCOME_DELIVERED)
			said[i] = dot;
}

/* The same for a connection that is lost meanwhile. */
static void
no_transaction(struct sim_conn *c, struct outcome *said, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		said[i] = said_to(c);
		said[i].kind = c->written_us > 0 ? OUTCOME_LOST :
						   OUTCOME_UNSENT;
		said[i].phase = PHASE_BODY;
		said[i].text = "connection lost";
	}
}

/* What became of the grant says something of its connection, too. */
static void
note_work(struct sim *sim, struct sim_conn *c, struct effects_sum *sum)
{
	struct sched_queue *q = sched_conn_queue(c->sched);

	c->worked = c->worked || sum->worked;
	if (sum->worked)
		sched_queue_worked(sim->sched, q);
	apply(sim, c, &sum->list);
	sched_conn_tally(sim->sched, c->sched, &sum->tally, sim->now_us);
	c->counted = effects_is_counted(c->counted, &sum->tally,
	    sum->skipped != NULL);
	if (sum->skipped != NULL)
		c->worked = false;
	else if (sum->broke != NULL && !c->worked)
		queue_failed(sim, c, sum->broke);
	c->breaks = c->breaks || sum->broke != NULL;
}

/* As transport/courier.c does before it calls an address, or when none is left. */
static void
on_ask(struct sim *sim, struct sim_conn *c)
{
	enum tour_step step;

	while ((step = tour_next(&c->tour)) == TOUR_CALL) {
		const struct sim_host *h = &c->server->hosts[c->tour.next];
		struct net_addr addr;
		struct err e;

		CHECK(net_addr_parse(slice_of(h->addr), &addr, &e) == 0);
		if (!sched_address(sim->sched, c->sched, h->name, &addr)) {
			tour_pass(&c->tour);
			continue;
		}
		tour_call(&c->tour);
		tour_called(&c->tour);
		c->at = h;
		sim_saw_address(c);
		connect_to(c);
		return;
	}
	if (step == TOUR_LEAVE)
		leave_place(sim, c, tour_rest);
	else if (!c->tour.full)
		queue_failed(sim, c, &c->failed);
	sim_conn_closed(sim, c);
}

static void
next_host(struct sim *sim, struct sim_conn *c, const struct outcome *why)
{
	c->failed = *why;
	c->ready = false;
	c->breaks = false;
	sim_saw_no_address(c);
	on_ask(sim, c);
}

/* skip-mx. */
static void
leave_host(struct sim *sim, struct sim_conn *c, const struct outcome *o)
{
	tour_skip(&c->tour);
	sched_conn_anew(sim->sched, c->sched);
	next_host(sim, c, o);
}

static void
on_reply(struct sim *sim, struct sim_conn *c)
{
	uint32_t n = c->grant->count;
	struct sched_result *results = mem_array(n, sizeof(*results));
	struct outcome *said = mem_array(n, sizeof(*said));
	struct effects_sum sum = { 0 };
	struct outcome skipped;
	bool taken = false;

	if (c->breaks)
		no_transaction(c, said, n);
	else if (sim_wanted(c) > 0)
		transaction(c, said, n);
	suppress(c, said, n);
	for (uint32_t i = 0; i < n; i++) {
		results[i].written = c->written_us > 0 &&
		    !sim_is_suppressed(c, i);
		const struct judgement j = judge(c, &said[i],
		    c->grant->rcpts[i].attempts);

		set_result(sim, c, &j, c->grant->msg, &results[i]);
		effects_add(&sum, &said[i], &j);
		taken = taken || said[i].kind == OUTCOME_DELIVERED;
	}
	if (taken)
		sim_saw_delivery(c);
	sched_results(sim->sched, &c->grant, results, sim->now_us);
	note_work(sim, c, &sum);
	if (sum.skipped != NULL)
		skipped = *sum.skipped;
	free(results);
	free(said);
	if (sum.skipped != NULL)
		leave_host(sim, c, &skipped);
	else if (c->breaks)
		sim_conn_closed(sim, c);
	else
		sched_ready(sim->sched, c->sched, sim->now_us);
}

static void
on_refused(struct sim *sim, struct sim_conn *c)
{
	const struct effects asks = reply_judged(sim, c, &c->greeting);

	if (!tour_is_last(&c->tour) &&
	    disposition_tries_next(&c->greeting, &asks)) {
		tour_failed(&c->tour, &c->greeting);
		next_host(sim, c, &c->greeting);
		return;
	}
	queue_failed(sim, c, &c->greeting);
	sim_conn_closed(sim, c);
}

static void
on_ready(struct sim *sim, struct sim_conn *c)
{
	c->ready = true;
	if (c->server->hangs_up_us > 0)
		sim_post(c, EV_IDLE_END, c->server->hangs_up_us);
	sched_ready(sim->sched, c->sched, sim->now_us);
}

/* As transport/courier_end.c: the server hangs up between two transactions. */
static void
on_idle_end(struct sim *sim, struct sim_conn *c)
{
	const struct outcome o = { .kind = OUTCOME_LOST,
		.phase = PHASE_MAIL,
		.text = "connection lost while idle" };

	if (c->grant != NULL)
		return;
	if (!c->worked)
		queue_failed(sim, c, &o);
	sim_conn_closed(sim, c);
}

/* The scheduler does not want it any more: as transport/courier_end.c. */
static void
on_closed(struct sim *sim, struct sim_conn *c)
{
	if (c->ready && tour_is_owed(&c->tour))
		leave_place(sim, c, tour_here);
	sim_conn_closed(sim, c);
}

/* The host does not have the source address any more. */
static void
on_unbound(struct sim *sim, struct sim_conn *c)
{
	const struct outcome o = { .kind = OUTCOME_BIND,
		.phase = PHASE_CONNECT,
		.text = "source address: Cannot assign requested address" };

	queue_failed(sim, c, &o);
	sim_conn_closed(sim, c);
}

static void
on_interrupted(struct sim *sim, struct sim_conn *c)
{
	sim_grant_unused(sim, c, c->written_us > 0);
	sim_conn_closed(sim, c);
}

void
sim_handle(struct sim *sim, const struct sim_event *ev)
{
	struct sim_conn *c = ev->conn;

	switch (ev->kind) {
	case EV_ASK:
		on_ask(sim, c);
		break;
	case EV_CONNECTING:
		sched_connecting(sim->sched, c->sched, sim->now_us);
		break;
	case EV_READY:
		on_ready(sim, c);
		break;
	case EV_IDLE_END:
		on_idle_end(sim, c);
		break;
	case EV_UNBOUND:
		on_unbound(sim, c);
		break;
	case EV_REFUSED:
		on_refused(sim, c);
		break;
	case EV_WRITTEN:
		on_written(sim, c);
		break;
	case EV_TOLD:
		sched_written(sim->sched, c->grant, sim_wanted(c),
		    c->written_us);
		break;
	case EV_REPLY:
		on_reply(sim, c);
		break;
	case EV_INTERRUPTED:
		on_interrupted(sim, c);
		break;
	case EV_CLOSED:
		on_closed(sim, c);
		break;
	}
}

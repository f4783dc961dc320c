/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/message.h"
#include "transport/disposition.h"
#include "vmta/sched_walk.h"

#define START_US (INT64_C(1000000) * US_PER_S) /* so that ages are positive */
#define CLOSE_US (20 * US_PER_MS)
#define EVENTS_MAX UINT64_C(20000000) /* no endless loops */

enum event_kind {
	EV_ASK,
	EV_CONNECTING,
	EV_READY,
	EV_REFUSED,
	EV_WRITTEN,
	EV_TOLD,
	EV_REPLY,
	EV_INTERRUPTED,
	EV_CLOSED
};

struct event {
	int64_t at_us;
	uint64_t seq; /* those of one time keep their order */
	enum event_kind kind;
	struct sim_conn *conn;
};

struct sim_conn {
	TAILQ_ENTRY(sim_conn) link;
	struct sim *sim;
	struct sched_conn *sched;
	struct sim_server *server;
	struct sim_count *count;
	size_t asked;              /* of the server's hosts */
	const struct sim_host *at; /* or NULL */
	struct grant *grant;
	int64_t granted_us;
	int64_t written_us; /* 0: not yet */
	bool breaks;        /* this grant ends with the connection */
	bool worked;        /* at least one transaction did */
};

/* ---- events -------------------------------------------------------------- */

static bool
event_before(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->at_us != y->at_us)
		return x->at_us < y->at_us;
	return x->seq < y->seq;
}

static void
event_moved(void *item, uint32_t index)
{
	(void)item;
	(void)index;
}

static const struct heap_ops event_ops = { event_before, event_moved };

static void
post(struct sim_conn *c, enum event_kind kind, int64_t after_us)
{
	static uint64_t seq;
	struct event *ev = mem_new(struct event);

	ev->at_us = c->sim->now_us + after_us;
	ev->seq = ++seq;
	ev->kind = kind;
	ev->conn = c;
	heap_push(&c->sim->events, &event_ops, ev);
}

uint64_t
sim_random(struct sim *sim, uint64_t below)
{
	uint64_t x = sim->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	sim->random = x;
	return below == 0 ? 0 : x % below;
}

/* Tells the watcher; what is of a message if there is a grant. */
static void
tell(struct sim_conn *c, enum sim_seen_what what, uint64_t n)
{
	struct sim *sim = c->sim;
	struct sim_seen seen = { .what = what,
		.at_us = sim->now_us - sim->disk.stepped_us,
		.since_us = sim->now_us - sim->disk.stepped_us,
		.domain = c->count->domain,
		.vmta = c->count->vmta,
		.source = &sched_conn_source(c->sched)->addr,
		.n = n };

	if (sim->watch == NULL)
		return;
	if (what == SIM_RCPTS || what == SIM_DELIVERED) {
		const struct sim_mail *m = &sim->mail[c->grant->msg->id];

		seen.job = m->job;
		seen.user = m->user;
		seen.since_us = c->granted_us - sim->disk.stepped_us;
	}
	sim->watch(sim->watcher, &seen);
}

/* ---- what the scheduler asks for ----------------------------------------- */

static void
more_open(struct sim_open *o)
{
	o->now++;
	if (o->now > o->most)
		o->most = o->now;
}

static void
connect_to(struct sim_conn *c)
{
	post(c, EV_CONNECTING, 0);
	if (c->server->greeting == 220 &&
	    (c->server->welcome == 0 || c->count->open <= c->server->welcome))
		post(c, EV_READY, c->server->greeting_us);
	else
		post(c, EV_REFUSED, c->server->greeting_us);
}

static void
on_open(void *ctx, struct sched_conn *sc)
{
	struct sim *sim = ctx;
	struct sched_queue *q = sched_conn_queue(sc);
	struct sim_conn *c = mem_new(struct sim_conn);
	struct sim_count *n = sim_count(sim, sched_queue_domain(q),
	    sched_queue_vmta(q));

	c->sim = sim;
	c->sched = sc;
	c->server = sim_server(sim, sched_queue_domain(q));
	c->count = n;
	sched_conn_set_user(sc, c);
	TAILQ_INSERT_TAIL(&sim->conns, c, link);
	tell(c, SIM_OPENED, 1);
	n->opened++;
	n->open++;
	if (n->open > n->most_open)
		n->most_open = n->open;
	more_open(sim_open(sim, NULL));
	more_open(sim_open(sim, n->vmta));
	if (c->server->host_count > 0)
		post(c, EV_ASK, 0);
	else
		connect_to(c);
}

static void
on_grant(void *ctx, struct sched_conn *sc, struct grant *g)
{
	struct sim *sim = ctx;
	struct sim_conn *c = sched_conn_user(sc);

	CHECK(c->grant == NULL && g->conn == sc && g->count > 0);
	c->grant = g;
	c->granted_us = sim->now_us;
	c->written_us = 0;
	sim->grants++;
	c->breaks = c->server->drop_every > 0 &&
	    sim->grants % c->server->drop_every == 0;
	if (c->breaks && sim_random(sim, 2) == 0) {
		post(c, EV_REPLY, c->server->write_us); /* before any RCPT */
		return;
	}
	post(c, EV_WRITTEN, c->server->write_us);
}

static void
on_close(void *ctx, struct sched_conn *sc)
{
	(void)ctx;
	post(sched_conn_user(sc), EV_CLOSED, CLOSE_US);
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

/* Who does not have the message yet is not tried any more. */
static void
on_interrupt(void *ctx, struct sched_conn *sc)
{
	struct sim *sim = ctx;
	struct sim_conn *c = sched_conn_user(sc);

	for (uint32_t i = sim->events.n; i-- > 0;) {
		struct event *ev = sim->events.v[i];

		if (ev->conn != c)
			continue;
		heap_remove(&sim->events, &event_ops, i);
		free(ev);
		i = sim->events.n;
	}
	post(c, EV_INTERRUPTED, 0);
}

static const struct sched_owner owner = {
	.open = on_open,
	.grant = on_grant,
	.close = on_close,
	.interrupt = on_interrupt,
	.expired = on_expired,
	.lease = on_lease,
};

/* ---- what the servers do ------------------------------------------------- */

static struct outcome
outcome_of(int code, enum outcome_phase phase, const char *text)
{
	return (struct outcome){ .kind = code == 0 ? OUTCOME_TIMEOUT :
		    code < 400                     ? OUTCOME_DELIVERED :
						     OUTCOME_REPLY,
		.phase = phase,
		.code = code,
		.text = text };
}

static void
judge(struct sim *sim, struct sim_conn *c, const struct outcome *o,
    const struct message *m, struct sched_result *out)
{
	struct disposition what = disposition_rcpt(o,
	    sched_queue_conf(sched_conn_queue(c->sched)), 0);

	out->fate = FATE_DONE;
	switch (what.what) {
	case DISPOSE_RETRY:
		out->fate = FATE_RETRY;
		out->due_us = sim->now_us + what.retry_after_us;
		return;
	case DISPOSE_UNUSED:
		out->fate = FATE_UNUSED;
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
	case DISPOSE_DELETE:
		CHECK_NEVER("an operator in a scenario");
	}
	ended(sim, m);
}

static void
on_taken(void *ctx, struct sched_queue *q, struct message *m, uint32_t n,
    uint16_t attempts)
{
	struct sim_conn *c = ctx;

	(void)q;
	(void)n;
	(void)attempts;
	c->count->failed++;
	ended(c->sim, m);
}

/* As transport/dispatch.c does when a connection never got to work. */
static void
queue_failed(struct sim *sim, struct sim_conn *c, const struct outcome *o)
{
	struct sched_queue *q = sched_conn_queue(c->sched);

	switch (disposition_queue(o, sched_conn_has_peers(c->sched))) {
	case QUEUE_IS_FINE:
		break;
	case QUEUE_GOES_ON:
		sched_conn_refused(sim->sched, c->sched, o->text, sim->now_us);
		break;
	case QUEUE_WAITS:
		(void)sched_queue_failed(sim->sched, q, o->text, sim->now_us);
		break;
	case QUEUE_FAILS:
		sched_queue_take_all(sim->sched, q, on_taken, c, sim->now_us);
		break;
	}
}

static void
on_written(struct sim *sim, struct sim_conn *c)
{
	c->written_us = sim->now_us;
	tell(c, SIM_RCPTS, c->grant->count);
	for (uint32_t i = 0; i < c->grant->count; i++) {
		struct sim_rcpt *r;

		if (sim->rcpt_count == sim->rcpt_cap) {
			sim->rcpt_cap = sim->rcpt_cap * 2 + 64;
			sim->rcpts = mem_realloc(sim->rcpts,
			    sim->rcpt_cap * sizeof(*r));
		}
		r = &sim->rcpts[sim->rcpt_count];
		sim->rcpt_count++;
		r->at_us = sim->now_us;
		r->domain = c->count->domain;
		r->vmta = c->count->vmta;
		r->source = sched_conn_source(c->sched)->addr;
		r->message = c->grant->msg->id;
		r->n = c->grant->rcpts[i].n;
		r->conn = sched_conn_id(c->sched);
	}
	c->count->attempts += c->grant->count;
	post(c, EV_TOLD, c->server->told_us);
	post(c, EV_REPLY, c->server->reply_us + c->server->told_us);
}

static void
closed(struct sim *sim, struct sim_conn *c)
{
	tell(c, SIM_CLOSED, 1);
	TAILQ_REMOVE(&sim->conns, c, link);
	c->count->open--;
	sim_open(sim, NULL)->now--;
	sim_open(sim, c->count->vmta)->now--;
	if (c->at != NULL)
		sim_open(sim, c->at->addr)->now--;
	sched_closed(sim->sched, &c->sched, sim->now_us);
	free(c);
}

static void
on_reply(struct sim *sim, struct sim_conn *c)
{
	struct sched_queue *q = sched_conn_queue(c->sched);
	uint32_t n = c->grant->count;
	struct sched_result *results = mem_array(n, sizeof(*results));
	struct outcome o = outcome_of(c->server->reply, PHASE_RCPT, "a reply");

	if (c->breaks)
		o = (struct outcome){ .kind = c->written_us > 0 ?
			    OUTCOME_LOST :
			    OUTCOME_UNSENT,
			.phase = PHASE_BODY,
			.text = "connection lost" };
	for (uint32_t i = 0; i < n; i++) {
		results[i].written = c->written_us > 0;
		judge(sim, c, &o, c->grant->msg, &results[i]);
	}
	if (o.kind == OUTCOME_DELIVERED)
		tell(c, SIM_DELIVERED, sim->mail[c->grant->msg->id].size);
	sched_results(sim->sched, &c->grant, results, sim->now_us);
	free(results);
	switch (disposition_conn(&o)) {
	case CONN_WORKED:
		c->worked = true;
		sched_queue_worked(sim->sched, q);
		break;
	case CONN_BROKE:
		if (!c->worked)
			queue_failed(sim, c, &o);
		c->breaks = true;
		break;
	case CONN_UNTRIED:
		break;
	}
	if (c->breaks)
		closed(sim, c);
	else
		sched_ready(sim->sched, c->sched, sim->now_us);
}

static void
on_refused(struct sim *sim, struct sim_conn *c)
{
	int code = c->server->greeting == 220 ? 421 : c->server->greeting;
	char why[32];
	struct outcome o = outcome_of(code, PHASE_GREETING, why);

	(void)snprintf(why, sizeof(why), "%d 4.7.0 try later", code);
	if (code == 0)
		o.text = "timeout";
	queue_failed(sim, c, &o);
	closed(sim, c);
}

/* As transport/courier.c does before it calls an address. */
static void
on_ask(struct sim *sim, struct sim_conn *c)
{
	while (c->asked < c->server->host_count) {
		const struct sim_host *h = &c->server->hosts[c->asked];
		struct net_addr addr;
		struct err e;

		c->asked++;
		CHECK(net_addr_parse(slice_of(h->addr), &addr, &e) == 0);
		if (!sched_address(sim->sched, c->sched, h->name, &addr))
			continue;
		c->at = h;
		more_open(sim_open(sim, h->addr));
		connect_to(c);
		return;
	}
	closed(sim, c);
}

static void
on_interrupted(struct sim *sim, struct sim_conn *c)
{
	struct sched_result *results = mem_array(c->grant->count,
	    sizeof(*results));

	for (uint32_t i = 0; i < c->grant->count; i++) {
		results[i].fate = FATE_UNUSED;
		results[i].written = c->written_us > 0;
	}
	sched_results(sim->sched, &c->grant, results, sim->now_us);
	free(results);
	closed(sim, c);
}

static void
handle(struct sim *sim, struct event *ev)
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
		sched_ready(sim->sched, c->sched, sim->now_us);
		break;
	case EV_REFUSED:
		on_refused(sim, c);
		break;
	case EV_WRITTEN:
		on_written(sim, c);
		break;
	case EV_TOLD:
		sched_written(sim->sched, c->grant, c->written_us, sim->now_us);
		break;
	case EV_REPLY:
		on_reply(sim, c);
		break;
	case EV_INTERRUPTED:
		on_interrupted(sim, c);
		break;
	case EV_CLOSED:
		closed(sim, c);
		break;
	}
}

/* ---- public -------------------------------------------------------------- */

void
sim_init(struct sim *sim, struct snapshot *conf, uint64_t seed)
{
	*sim = (struct sim){ .now_us = START_US, .conf = conf };
	sim->random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	TAILQ_INIT(&sim->conns);
	sim->counts = mem_array(SIM_COUNTS, sizeof(struct sim_count));
	sim_disk_init(&sim->disk);
	sim->sched = sched_new(conf, &owner, sim, sim->now_us);
	sim_disk_load(&sim->disk, sim->sched, sim->now_us);
	sim->next_run_us = sim->now_us;
}

void
sim_fini(struct sim *sim)
{
	sched_hold(sim->sched, true, sim->now_us);
	for (int i = 0; i < 1000 && sim_sum(sim, NULL, NULL).open > 0; i++)
		sim_run(sim, 3600 * US_PER_S);
	CHECK(sim_sum(sim, NULL, NULL).open == 0 && sim->events.n == 0);
	sched_free(&sim->sched);
	sim_disk_fini(&sim->disk);
	snapshot_unref(&sim->conf);
	heap_fini(&sim->events);
	free(sim->rcpts);
	free(sim->counts);
	free(sim->ended);
	free(sim->mail);
}

void
sim_reload(struct sim *sim, struct snapshot *conf)
{
	sched_reload(sim->sched, conf, sim->now_us);
	snapshot_unref(&sim->conf);
	sim->conf = conf;
	sim->next_run_us = sim->now_us;
}

/* ---- a restart ----------------------------------------------------------- */

struct kept { /* a recipient that outlives the scheduler */
	struct message *msg;
	struct sched_rcpt_in in;
};

struct kept_list {
	struct sim *sim;
	size_t n, cap;
	struct kept *v;
};

static bool
keep(void *ctx, const struct sched_rcpt_info *info)
{
	struct kept_list *l = ctx;
	const struct sim_count *names = sim_count(l->sim, info->domain,
	    info->vmta);
	const struct sim_mail *mail = &l->sim->mail[info->id];

	CHECK(!info->granted);
	if (l->n == l->cap) {
		l->cap = l->cap * 2 + 64;
		l->v = mem_realloc(l->v, l->cap * sizeof(*l->v));
	}
	l->v[l->n] = (struct kept){ sched_rcpt_message(info),
		{ .n = info->n,
		    .domain = names->domain,
		    .vmta = names->vmta,
		    .priority = mail->priority,
		    .attempts = info->attempts,
		    .due_us = info->due_us,
		    .queued_us = info->queued_us,
		    .job = mail->job,
		    .user = mail->user } };
	l->n++;
	return true;
}

static int
by_message(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;

	if (x->msg->id != y->msg->id)
		return x->msg->id < y->msg->id ? -1 : 1;
	return x->in.n < y->in.n ? -1 : x->in.n > y->in.n;
}

static void
keep_all(struct kept_list *l)
{
	struct sched_walk walk;

	sched_walk_begin(&walk, l->sim->sched);
	while (sched_walk_next(&walk) != NULL)
		while (!sched_walk_rcpts(&walk, keep, l))
			;
	sched_walk_end(&walk);
	if (l->n > 0)
		qsort(l->v, l->n, sizeof(*l->v), by_message);
}

static void
give_back(struct kept_list *l)
{
	struct sched_rcpt_in *in = mem_array(UINT8_MAX, sizeof(*in));
	struct sim *sim = l->sim;

	for (size_t i = 0, n; i < l->n; i += n) {
		for (n = 0;
		     i + n < l->n && l->v[i + n].msg->id == l->v[i].msg->id;
		     n++) {
			CHECK(n < UINT8_MAX);
			in[n] = l->v[i + n].in;
		}
		sched_add(sim->sched, l->v[i].msg, in, n, sim->now_us);
	}
	for (size_t i = 0; i < l->n; i++)
		message_unref(&l->v[i].msg);
	free(l->v);
	free(in);
}

static bool
some_grant(const struct sim *sim)
{
	const struct sim_conn *c;

	TAILQ_FOREACH(c, &sim->conns, link)
	if (c->grant != NULL)
		return true;
	return false;
}

/* Everything that is on its way is lost. */
static void
cut(struct sim *sim)
{
	struct sim_conn *c;
	struct event *ev;

	while ((ev = heap_top(&sim->events)) != NULL) {
		heap_remove(&sim->events, &event_ops, 0);
		free(ev);
	}
	while ((c = TAILQ_FIRST(&sim->conns)) != NULL) {
		if (c->grant != NULL) {
			struct sched_result *results = mem_array(
			    c->grant->count, sizeof(*results));

			for (uint32_t i = 0; i < c->grant->count; i++)
				results[i].fate = FATE_UNUSED;
			sched_results(sim->sched, &c->grant, results,
			    sim->now_us);
			free(results);
		}
		closed(sim, c);
	}
}

void
sim_step_clock(struct sim *sim, int64_t by_us, bool boots)
{
	sim->step_us += by_us;
	sim->disk.boots = (unsigned char)(sim->disk.boots + boots);
}

void
sim_restart(struct sim *sim, bool crash)
{
	struct kept_list list = { .sim = sim };

	sched_hold(sim->sched, true, sim->now_us);
	for (int i = 0; !crash && i < 36000 && some_grant(sim); i++)
		sim_run(sim, US_PER_S / 10);
	if (crash)
		sim_disk_cut(&sim->disk, sim_random(sim, 4));
	cut(sim);
	keep_all(&list);
	if (!crash)
		sched_leases_end(sim->sched, sim->now_us);
	/* What a crashed one would still have said it never did. */
	sim_disk_cut(&sim->disk, crash ? 0 : SIZE_MAX);
	sched_free(&sim->sched);
	sim->now_us += sim->step_us;
	sim->disk.stepped_us += sim->step_us;
	sim->step_us = 0;
	sim->sched = sched_new(sim->conf, &owner, sim, sim->now_us);
	sim_disk_load(&sim->disk, sim->sched, sim->now_us);
	sim->next_run_us = sim->now_us;
	give_back(&list);
}

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

static struct message *
make_message(struct sim *sim, const struct sim_submit *what)
{
	struct message *m = message_new("", 0);

	m->id = ++sim->last_message;
	m->loc.body_len = what->size == 0 ? 1000 : what->size;
	if (m->id >= sim->state_cap) {
		size_t cap = sim->state_cap * 2 + 1024;

		sim->ended = mem_realloc(sim->ended, cap);
		sim->mail = mem_realloc(sim->mail, cap * sizeof(*sim->mail));
		memset(sim->ended + sim->state_cap, 0, cap - sim->state_cap);
		sim->state_cap = cap;
	}
	sim->mail[m->id] = (struct sim_mail){ what->job, what->user,
		m->loc.body_len, what->priority };
	m->body = body_new(8);
	return m;
}

void
sim_submit(struct sim *sim, const struct sim_submit *what)
{
	struct sched_rcpt_in *in = mem_array(UINT8_MAX, sizeof(*in));

	CHECK(what->rcpts > 0 && what->rcpts <= UINT8_MAX);
	for (uint32_t k = 0; k < what->messages; k++) {
		struct message *m = make_message(sim, what);

		for (uint32_t i = 0; i < what->rcpts; i++) {
			in[i].n = i;
			in[i].domain = what->domain;
			in[i].vmta = what->vmta;
			in[i].priority = what->priority;
			in[i].queued_us = sim->now_us - what->age_us;
			in[i].job = what->job;
			in[i].user = what->user;
		}
		sim->ended[m->id] = (uint8_t)what->rcpts;
		sched_add(sim->sched, m, in, what->rcpts, sim->now_us);
		message_unref(&m);
	}
	free(in);
	sim_count(sim, what->domain, what->vmta)->submitted +=
	    (uint64_t)what->messages * what->rcpts;
	sim->next_run_us = sim->now_us;
}

void
sim_run(struct sim *sim, int64_t for_us)
{
	int64_t end = sim->now_us + for_us;

	for (;;) {
		struct event *ev = heap_top(&sim->events);
		int64_t t = sim->next_run_us;

		if (ev != NULL && ev->at_us < t)
			t = ev->at_us;
		if (sim_disk_next(&sim->disk) < t)
			t = sim_disk_next(&sim->disk);
		if (t > end)
			break;
		CHECK(t >= sim->now_us && sim->events_done < EVENTS_MAX);
		sim->now_us = t;
		while (
		    (ev = heap_top(&sim->events)) != NULL && ev->at_us <= t) {
			heap_remove(&sim->events, &event_ops, 0);
			handle(sim, ev);
			free(ev);
			sim->events_done++;
		}
		while (sim_disk_next(&sim->disk) <= t)
			sim_disk_commit(&sim->disk, sim->sched, t);
		sim->next_run_us = sched_run(sim->sched, t);
		sim->events_done++;
	}
	sim->now_us = end;
}

struct sim_count *
sim_count(struct sim *sim, const char *domain, const char *vmta)
{
	struct sim_count *n;

	for (size_t i = 0; i < sim->count_count; i++) {
		n = &sim->counts[i];
		if (strcmp(n->domain, domain) == 0 &&
		    strcmp(n->vmta, vmta) == 0)
			return n;
	}
	CHECK(sim->count_count < SIM_COUNTS);
	n = &sim->counts[sim->count_count];
	sim->count_count++;
	(void)snprintf(n->domain, SIM_NAME, "%s", domain);
	(void)snprintf(n->vmta, SIM_NAME, "%s", vmta);
	return n;
}

struct sim_open *
sim_open(struct sim *sim, const char *vmta)
{
	if (sim->open_count == 0)
		sim->open_count = 1;
	if (vmta == NULL)
		return &sim->opens[0];
	for (size_t i = 1; i < sim->open_count; i++)
		if (strcmp(sim->opens[i].vmta, vmta) == 0)
			return &sim->opens[i];
	CHECK(sim->open_count < SIM_OPENS);
	sim->open_count++;
	(void)snprintf(sim->opens[sim->open_count - 1].vmta, SIM_NAME, "%s",
	    vmta);
	return &sim->opens[sim->open_count - 1];
}

void
sim_forget_most(struct sim *sim)
{
	for (size_t i = 0; i < sim->open_count; i++)
		sim->opens[i].most = sim->opens[i].now;
	for (size_t i = 0; i < sim->count_count; i++)
		sim->counts[i].most_open = sim->counts[i].open;
}

static bool
fits(const char *domain, const char *vmta, const char *d, const char *v)
{
	return (domain == NULL || strcmp(domain, d) == 0) &&
	    (vmta == NULL || strcmp(vmta, v) == 0);
}

struct sim_count
sim_sum(const struct sim *sim, const char *domain, const char *vmta)
{
	struct sim_count sum = { 0 };

	for (size_t i = 0; i < sim->count_count; i++) {
		const struct sim_count *n = &sim->counts[i];

		if (!fits(domain, vmta, n->domain, n->vmta))
			continue;
		sum.submitted += n->submitted;
		sum.delivered += n->delivered;
		sum.failed += n->failed;
		sum.expired += n->expired;
		sum.attempts += n->attempts;
		sum.open += n->open;
		sum.opened += n->opened;
		sum.most_open += n->most_open;
	}
	return sum;
}

uint64_t
sim_most_in(const struct sim *sim, const char *domain, const char *vmta,
    int64_t from_us, int64_t window_us)
{
	uint64_t in = 0, most = 0;
	size_t first = 0;

	while (first < sim->rcpt_count && sim->rcpts[first].at_us < from_us)
		first++;
	for (size_t i = first; i < sim->rcpt_count; i++) {
		const struct sim_rcpt *r = &sim->rcpts[i];

		if (!fits(domain, vmta, r->domain, r->vmta))
			continue;
		in++;
		for (; sim->rcpts[first].at_us <= r->at_us - window_us; first++)
			if (fits(domain, vmta, sim->rcpts[first].domain,
				sim->rcpts[first].vmta))
				in--;
		if (in > most)
			most = in;
	}
	return most;
}

uint64_t
sim_rcpts_in(const struct sim *sim, const char *domain, const char *vmta,
    int64_t from_us, int64_t to_us)
{
	uint64_t n = 0;

	for (size_t i = 0; i < sim->rcpt_count; i++) {
		const struct sim_rcpt *r = &sim->rcpts[i];

		n += r->at_us >= from_us && r->at_us < to_us &&
		    fits(domain, vmta, r->domain, r->vmta);
	}
	return n;
}

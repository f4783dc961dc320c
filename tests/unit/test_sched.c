/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler's promises that a scenario does not show: grants of several
 * recipients, bodies, places that move, taking all, memory by recipient.
 */
#include "vmta/sched.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "tests/support/fake_conf.h"
#include "tests/support/plain_owner.h"
#include "tests/tap.h"
#include "vmta/sched_priv.h"
#include "vmta/sched_walk.h"

#define S US_PER_S

enum { OPENED = 1024 };

struct world {
	struct sched *sched;
	struct sched_conn *opened[OPENED];
	struct grant *granted[16];
	size_t opened_n, ready_n, granted_n, closed_n, expired_n;
};

static void
on_open(void *ctx, struct sched_conn *c)
{
	struct world *w = ctx;

	w->opened[w->opened_n++ % OPENED] = c;
}

static void
on_grant(void *ctx, struct sched_conn *c, struct grant *g)
{
	struct world *w = ctx;

	(void)c;
	w->granted[w->granted_n++ % 16] = g;
}

static void
on_close(void *ctx, struct sched_conn *c)
{
	struct world *w = ctx;

	(void)c;
	w->closed_n++;
}

static void
on_expired(void *ctx, struct sched_queue *q, struct message *m, uint32_t n,
    uint16_t attempts)
{
	struct world *w = ctx;

	(void)q;
	(void)m;
	(void)n;
	(void)attempts;
	w->expired_n++;
}

static const struct sched_owner owner = {
	.open = on_open,
	.grant = on_grant,
	.close = on_close,
	.expired = on_expired,
};

static void
world_init(struct world *w, const char *domain_line)
{
	struct snapshot *conf = fake_conf_new();
	struct err e;

	*w = (struct world){ 0 };
	ok(fake_conf_line(conf, domain_line, &e) == 0, "%s", domain_line);
	w->sched = sched_new(conf, &owner, w, S);
	snapshot_unref(&conf);
}

static struct message *
add(struct world *w, uint64_t id, uint32_t rcpts, int64_t now)
{
	struct message *m = message_new("", 0);
	struct sched_rcpt_in in[32] = { 0 };

	m->id = id;
	m->body = body_new(10);
	for (uint32_t i = 0; i < rcpts; i++) {
		in[i].n = i;
		in[i].domain = i % 2 == 0 ? "a.example" : "b.example";
		in[i].vmta = "";
		in[i].queued_us = now;
	}
	sched_add(w->sched, m, in, rcpts, now);
	return m;
}

static void
add_to_nth(struct world *w, uint64_t nth, uint64_t id)
{
	struct message *m = message_new("", 0);
	char domain[32];
	struct sched_rcpt_in in = { .domain = domain,
		.vmta = "",
		.queued_us = S };

	(void)snprintf(domain, sizeof(domain), "q%" PRIu64 ".example", nth);
	m->id = id;
	m->body = body_new(10);
	sched_add(w->sched, m, &in, 1, S);
	message_unref(&m);
}

static void
end(struct world *w, size_t i, const struct sched_result *results, int64_t now)
{
	struct sched_conn *c = w->granted[i]->conn;

	sched_results(w->sched, &w->granted[i], results, now);
	sched_closed(w->sched, &c, now);
}

static struct sched_totals
totals(const struct world *w)
{
	struct sched_totals t;

	sched_totals(w->sched, &t);
	return t;
}

static int
holders(struct message *m)
{
	return (int)atomic_load(&m->refs.count);
}

static void
test_grants(void)
{
	struct world w;
	struct message *m;
	struct sched_result retry[4] = { 0 };
	struct message_loc loc = { .segment = 7, .offset = 99 };

	world_init(&w, "domain * { max-rcpt-per-message 3 }");
	m = add(&w, 1, 9, S); /* five to a.example, four to b.example */
	(void)sched_run(w.sched, S);
	is_int((int64_t)w.opened_n, 4,
	    "two transactions each: two connections");
	for (size_t i = 0; i < 4; i++)
		sched_ready(w.sched, w.opened[i], S);
	is_int(w.granted[0]->count, 3, "the recipients of a message together");
	is_int(w.granted[0]->rcpts[1].n, 2, "in their order");
	ok(w.granted[0]->msg == m, "with the message from memory");
	ok(sched_message_moved(w.sched, 1, &loc), "which nobody reads yet");
	is_int((int64_t)totals(&w).granted, 9, "all are granted");
	for (size_t i = 0; i < 3; i++) {
		retry[i].fate = FATE_RETRY;
		retry[i].due_us = 10 * S;
		retry[i].written = true;
	}
	for (size_t i = 0; i < 4; i++) {
		ok(holders(m) > 1, "it stays: %d are tried", (int)i);
		end(&w, i, retry, 2 * S);
	}
	is_int(holders(m), 1, "all were tried once: it goes");
	is_int((int64_t)totals(&w).deferred, 9, "all wait for their time");
	is_int(sched_run(w.sched, 3 * S), 10 * S, "which the scheduler knows");
	(void)sched_run(w.sched, 10 * S);
	sched_ready(w.sched, w.opened[4], 11 * S);
	ok(w.granted[4]->msg->body == NULL && w.granted[4]->msg->id == 1 &&
		w.granted[4]->msg->loc.segment == 7,
	    "the second time it is read from where it is");
	is_int(w.granted[4]->rcpts[0].attempts, 1, "one attempt before");
	ok(!sched_message_moved(w.sched, 1, &loc), "so the place is in use");
	retry[0].fate = FATE_UNUSED;
	retry[1].fate = retry[2].fate = FATE_DONE;
	end(&w, 4, retry, 12 * S);
	is_int((int64_t)totals(&w).rcpts, 7, "two have left");
	for (size_t i = 5; i < w.opened_n; i++)
		sched_closed(w.sched, &w.opened[i], 12 * S);
	sched_free(&w.sched);
	is_int((int64_t)m->refs.count, 1, "and nobody holds the message");
	message_unref(&m);
}

static void
on_taken(void *ctx, struct sched_queue *q, struct message *m, uint32_t n,
    uint16_t attempts)
{
	(void)q;
	(void)m;
	(void)n;
	(void)attempts;
	++*(int *)ctx;
}

static void
test_take_all(void)
{
	struct world w;
	struct message *m;
	struct sched_queue *q;
	struct sched_result done = { .fate = FATE_DONE };
	int taken = 0;

	world_init(&w, "domain * { max-rcpt-per-message 1 ; max-smtp-out 1 }");
	m = add(&w, 1, 6, S);
	message_unref(&m);
	(void)sched_run(w.sched, S);
	sched_ready(w.sched, w.opened[0], S);
	q = sched_conn_queue(w.opened[0]);
	sched_queue_take_all(w.sched, q, on_taken, &taken, S);
	is_int(taken, 2, "all but the one that is granted");
	end(&w, 0, &done, S);
	(void)sched_run(w.sched, S);
	sched_ready(w.sched, w.opened[1], S);
	(void)sched_queue_failed(w.sched, sched_conn_queue(w.opened[1]),
	    RETRY_QUEUE, "x", S, false);
	end(&w, 1, &done, S);
	is_int((int64_t)totals(&w).rcpts, 2, "the other queue has its own");
	sched_free(&w.sched);
}

static void
test_hold(void)
{
	struct world w;
	struct message *m;

	world_init(&w, "domain * { bounce-after 1h }");
	m = add(&w, 1, 2, S);
	sched_hold(w.sched, true, S);
	(void)sched_run(w.sched, S);
	is_int((int64_t)w.opened_n, 0, "held: nothing is opened");
	sched_hold(w.sched, false, 2 * S);
	(void)sched_run(w.sched, 2 * S);
	is_int((int64_t)w.opened_n, 2, "let go: it is");
	sched_hold(w.sched, true, 2 * S);
	sched_ready(w.sched, w.opened[0], 3 * S);
	is_int((int64_t)w.granted_n, 0, "held again: no grant");
	sched_hold(w.sched, false, 4 * S);
	(void)sched_run(w.sched, 4 * S);
	is_int((int64_t)w.granted_n, 1, "let go: it is given what waited");
	sched_closed(w.sched, &w.opened[1], 5 * S);
	end(&w, 0, &(struct sched_result){ .fate = FATE_DONE }, 5 * S);
	sched_free(&w.sched);
	message_unref(&m);
}

/*
 * A reload brings a connect rate, and more queues wait than are looked at in
 * one go: none opens a connection by what was written before.
 */
static void
test_reload_connect_rate(void)
{
	enum { QUEUES = 300, MAIL = 3 };
	struct world w;
	struct snapshot *conf = fake_conf_new();
	struct err e;

	world_init(&w, "total-max-smtp-out 1");
	for (uint64_t i = 0; i < QUEUES; i++)
		for (uint64_t k = 0; k < MAIL; k++)
			add_to_nth(&w, i, i * MAIL + k + 1);
	(void)sched_run(w.sched, S);
	is_int((int64_t)w.opened_n, 1, "one connection in all");
	ok(fake_conf_line(conf, "domain * { max-connect-rate 1/m }", &e) == 0,
	    "a connect rate");
	sched_reload(w.sched, conf, 2 * S);
	snapshot_unref(&conf);
	for (int i = 0; i < 10; i++)
		(void)sched_run(w.sched, 2 * S);
	is_int((int64_t)w.opened_n, QUEUES + 1, "one more of each queue");
	for (size_t i = 0; i < w.opened_n && i < OPENED; i++)
		sched_closed(w.sched, &w.opened[i], 3 * S);
	sched_free(&w.sched);
}

static size_t
memory(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

/* Memory that mallinfo2() sees, for a hundred thousand of each. */
static void
test_memory(void)
{
	enum { COUNT = 100000 };
	struct message **m = mem_array(COUNT, sizeof(*m));
	struct sched_rcpt_in in = { .vmta = "", .due_us = 1000 * S };
	size_t before, after;
	struct world w;
	char domain[32];

	for (size_t i = 0; i < COUNT; i++) {
		m[i] = message_new("", 0);
		m[i]->id = i + 1;
	}
	world_init(&w, "domain * { max-msg-rate 100/h }");
	before = memory();
	for (int i = 0; i < COUNT; i++) {
		in.domain = "a.example";
		sched_add(w.sched, m[i], &in, 1, S);
	}
	after = memory();
	ok(after - before < 160 * (size_t)COUNT,
	    "a deferred recipient takes less than 160 bytes (%zu)",
	    (after - before) / COUNT);
	before = after;
	for (int i = 0; i < COUNT; i++) {
		(void)snprintf(domain, sizeof(domain), "d%d.example", i);
		in.domain = domain;
		sched_add(w.sched, m[i], &in, 1, S);
	}
	after = memory();
	ok(after - before < (512 + 128 + 56) * (size_t)COUNT,
	    "a queue and one recipient less than 512 + 184 (%zu)",
	    (after - before) / COUNT);
	sched_free(&w.sched);
	for (size_t i = 0; i < COUNT; i++)
		message_unref(&m[i]);
	free(m);
	(void)printf("# queue %zu, entry %zu, group %zu, rcpt %zu\n",
	    sizeof(struct sched_queue), sizeof(struct entry),
	    sizeof(struct group), sizeof(struct rcpt));
}

/* A round that comes to no end goes on later, and all of it is done. */
static void
test_stuck(void)
{
	struct snapshot *conf = fake_conf_new();
	struct plain_owner o;
	char domain[32];
	int64_t next = S;

	plain_owner_init(&o, conf, S);
	snapshot_unref(&conf);
	for (int i = 0; i < 40; i++) {
		(void)snprintf(domain, sizeof(domain), "d%d.example", i);
		plain_owner_submit(&o, domain, "", NULL);
	}
	o.sched->steps_max = 7;
	next = sched_run(o.sched, o.now_us);
	is_int(next, S + US_PER_MS, "a round without an end goes on soon");
	is_int((int64_t)sched_stuck(o.sched), 1, "and says so");
	for (int i = 0; i < 1000 && o.grants < 40; i++) {
		o.now_us += US_PER_MS;
		(void)plain_owner_answer(&o);
		(void)sched_run(o.sched, o.now_us);
	}
	is_int((int64_t)o.grants, 40, "until all of it is done");
	o.sched->steps_max = 1000;
	next = sched_run(o.sched, o.now_us);
	ok(next > o.now_us + US_PER_MS && sched_stuck(o.sched) > 1,
	    "then it has an end again");
	for (int i = 0; i < 100 && plain_owner_conns(&o) > 0; i++) {
		o.now_us += S;
		(void)sched_run(o.sched, o.now_us);
		(void)plain_owner_answer(&o);
	}
	plain_owner_fini(&o);
}

static bool
wants_any(void *ctx, const struct sched_rcpt_info *info)
{
	(void)ctx;
	(void)info;
	return true;
}

static void
hand_all(struct world *w)
{
	struct sched_walk walk;

	sched_walk_begin(&walk, w->sched);
	while (sched_walk_next(&walk) != NULL)
		(void)sched_walk_hand(&walk, wants_any, NULL, 100, S);
	sched_walk_end(&walk);
}

/* What the host refuses for good keeps no other mail back. */
static void
test_refused(void)
{
	struct sched_result no[9] = { 0 };
	struct sched_queue *q;
	struct message *m;
	struct world w;

	world_init(&w, "domain * { max-smtp-out 10 }");
	m = add(&w, 1, 9, S);
	hand_all(&w);
	is_int((int64_t)totals(&w).handed, 9, "all are for the host");
	is_int((int64_t)totals(&w).refused, 0, "none was refused");
	(void)sched_run(w.sched, S);
	q = sched_conn_queue(w.opened[0]);
	sched_ready(w.sched, w.opened[0], S);
	for (size_t i = 0; i < 9; i++)
		no[i] = (struct sched_result){ .fate = FATE_RETRY,
			.due_us = 10 * S,
			.written = true };
	no[0].refused = true;
	is_int(w.granted[0]->count, 5, "those of one queue together");
	end(&w, 0, no, 2 * S);
	is_int((int64_t)totals(&w).refused, 5, "refused: all of that message");
	is_int((int64_t)totals(&w).handed, 9, "which are to go there still");
	sched_queue_take_all(w.sched, q, NULL, NULL, 20 * S);
	is_int((int64_t)(totals(&w).refused + totals(&w).handed), 0,
	    "until they are gone");
	message_unref(&m);
	for (size_t i = 1; i < w.opened_n; i++)
		sched_closed(w.sched, &w.opened[i], 20 * S);
	sched_free(&w.sched);
}

static void
add_for(struct world *w, const char *vmta, struct message *m, uint32_t n)
{
	struct sched_rcpt_in in = { .domain = "a.example",
		.vmta = vmta,
		.n = n,
		.queued_us = S };

	sched_add(w->sched, m, &in, 1, S);
}

static void
ready_all(struct world *w, int64_t now)
{
	for (; w->ready_n < w->opened_n; w->ready_n++)
		sched_ready(w->sched, w->opened[w->ready_n], now);
}

/* However the host's queue is rerouted: as it would have gone out. */
static void
test_handed_moves(void)
{
	struct message *m = message_new("", 0);
	struct snapshot *conf = fake_conf_new(), *next;
	const struct sched_result later = { .fate = FATE_RETRY,
		.due_us = 10 * S,
		.written = true };
	struct sched_totals t;
	struct world w = { 0 };
	struct err e = { "" };

	ok(fake_conf_vmta(conf, "v1", "max-smtp-out", "9", &e) == 0 &&
		fake_conf_vmta(conf, "v2", "max-smtp-out", "9", &e) == 0 &&
		fake_conf_vmta(conf, "w", "max-smtp-out", "9", &e) == 0,
	    "three virtual MTAs%s", e.text);
	next = fake_conf_copy(conf);
	ok(fake_conf_domain(next, SNAPSHOT_DSN_DOMAIN, "reroute-to-virtual-mta",
	       "w", &e) == 0,
	    "by one of which the host's queue will go%s", e.text);
	w.sched = sched_new(conf, &owner, &w, S);
	m->id = 1;
	m->body = body_new(10);
	add_for(&w, "v1", m, 0);
	add_for(&w, "v2", m, 1);
	hand_all(&w);
	(void)sched_run(w.sched, S);
	ready_all(&w, S);
	sched_reload(w.sched, next, S);
	snapshot_unref(&conf);
	snapshot_unref(&next);
	for (size_t i = 0; i < 2; i++)
		end(&w, i, &later, 2 * S);
	(void)sched_run(w.sched, 2 * S);
	(void)sched_run(w.sched, 10 * S);
	ready_all(&w, 10 * S);
	t = totals(&w);
	is_int((int64_t)t.handed, 2, "both go there");
	ok(w.granted_n == 4 && w.granted[2]->count == 1 &&
		strcmp(w.granted[2]->of_vmta, w.granted[3]->of_vmta) != 0,
	    "each by the settings it came with");
	is_str(sched_queue_vmta(sched_conn_queue(w.granted[2]->conn)), "w",
	    "by the other virtual MTA");
	for (size_t i = 2; i < w.granted_n; i++)
		end(&w, i, (struct sched_result[2]){ { 0 } }, 10 * S);
	sched_free(&w.sched);
	message_unref(&m);
}

/* A server may end what has nothing to do, also when we are just closing it. */
static void
test_spare(void)
{
	struct sched_result done = { .fate = FATE_DONE, .written = true };
	struct sched_conn *c;
	struct message *m;
	struct world w;

	world_init(&w, "domain * { connection-idle-timeout 5s }");
	m = add(&w, 1, 1, S);
	(void)sched_run(w.sched, S);
	c = w.opened[0];
	ok(!sched_conn_is_spare(c), "it is needed");
	sched_ready(w.sched, c, S);
	sched_results(w.sched, &w.granted[0], &done, 2 * S);
	sched_ready(w.sched, c, 2 * S);
	ok(sched_conn_is_spare(c), "it is idle");
	(void)sched_run(w.sched, 3600 * S);
	ok(w.closed_n == 1 && sched_conn_is_spare(c), "it is being closed");
	sched_closed(w.sched, &c, 3600 * S);
	message_unref(&m);
	sched_free(&w.sched);
}

int
main(void)
{
	test_grants();
	test_take_all();
	test_hold();
	test_reload_connect_rate();
	test_memory();
	test_stuck();
	is_int(fake_conf_alive(), 0, "no configuration is left");
	test_refused();
	test_handed_moves();
	test_spare();
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection that has called one address in vain ends, and the next one of
 * its queue goes on where it left off: when the limits of connections let it,
 * not before, and not later either.
 */
#include <stdlib.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "tests/support/fake_conf.h"
#include "tests/tap.h"
#include "vmta/sched.h"

#define S US_PER_S
#define STEP_US (10 * US_PER_MS)

enum { OPEN_MAX = 8 };

struct world {
	struct sched *sched;
	int64_t now;
	uint64_t last_id;
	struct sched_conn *conns[OPEN_MAX]; /* as they were opened */
	unsigned n;
	struct grant *grant;
};

static void
on_open(void *ctx, struct sched_conn *c)
{
	struct world *w = ctx;

	CHECK(w->n < OPEN_MAX);
	w->conns[w->n++] = c;
}

static void
on_grant(void *ctx, struct sched_conn *c, struct grant *g)
{
	struct world *w = ctx;

	(void)c;
	w->grant = g;
}

static void
begin(struct world *w, const char *line)
{
	static const struct sched_owner owner = { .open = on_open,
		.grant = on_grant };
	struct snapshot *conf = fake_conf_new();
	struct err e;

	CHECK(fake_conf_line(conf, line, &e) == 0);
	*w = (struct world){ .now = 1000 * S };
	w->sched = sched_new(conf, &owner, w, w->now);
	snapshot_unref(&conf);
}

static void
mail(struct world *w, unsigned count)
{
	const struct sched_rcpt_in in = { .domain = "a.example",
		.vmta = "",
		.queued_us = w->now };

	for (unsigned i = 0; i < count; i++) {
		struct message *m = message_at(++w->last_id,
		    &(struct message_loc){ 0 });

		sched_add(w->sched, m, &in, 1, w->now);
		message_unref(&m);
	}
}

static void
run_until(struct world *w, int64_t at_us)
{
	for (; w->now <= at_us; w->now += STEP_US)
		(void)sched_run(w->sched, w->now);
}

/* The first one has called, in vain; next 0: and no address is left. */
static void
end_first(struct world *w, uint32_t next)
{
	const struct sched_place at = { .shuffle = 7,
		.next = next,
		.tried = next,
		.no_tls = next == 3 };

	sched_connecting(w->sched, w->conns[0], w->now);
	if (next > 0)
		sched_goes_on(w->sched, w->conns[0], &at);
	sched_closed(w->sched, &w->conns[0], w->now);
	w->n--;
	for (unsigned i = 0; i < w->n; i++)
		w->conns[i] = w->conns[i + 1];
}

static void
end(struct world *w)
{
	while (w->n > 0)
		end_first(w, 0);
	sched_free(&w->sched);
}

static void
test_rate(void)
{
	const struct sched_place *at;
	struct world w;
	int64_t start;

	begin(&w, "domain * { max-connect-rate 1/10s }");
	start = w.now;
	mail(&w, 1);
	run_until(&w, start);
	is_int(w.n, 1, "a connection");
	ok(sched_conn_place(w.conns[0]) == NULL, "begins anew");
	end_first(&w, 1);
	run_until(&w, start + 10 * S);
	is_int(w.n, 0, "the next one waits for the limit");
	run_until(&w, start + 10 * S + S / 5);
	is_int(w.n, 1, "and no longer");
	at = sched_conn_place(w.conns[0]);
	ok(at != NULL && at->shuffle == 7 && at->next == 1 && at->tried == 1 &&
		!at->no_tls,
	    "it goes on there");
	end_first(&w, 3);
	run_until(&w, start + 21 * S);
	at = sched_conn_place(w.conns[0]);
	ok(at != NULL && at->next == 3 && at->no_tls, "and so does the third");
	end_first(&w, 0);
	run_until(&w, start + 32 * S);
	ok(w.n == 1 && sched_conn_place(w.conns[0]) == NULL,
	    "after the last address it begins anew");
	end(&w);
}

static void
test_no_wait(void)
{
	struct world w;

	begin(&w, "domain * { max-connect-rate 50/s }");
	mail(&w, 1);
	run_until(&w, w.now);
	end_first(&w, 1);
	run_until(&w, w.now + S / 10);
	is_int(w.n, 1, "one that goes on is not useless: nothing waits for it");
	end_first(&w, 0);
	run_until(&w, w.now + S / 10);
	is_int(w.n, 0, "one that has come to its end is");
	end(&w);
}

static void
test_several(void)
{
	static const struct sched_result unused = { .fate = FATE_UNUSED };
	const struct sched_place *at;
	struct world w;

	begin(&w, "domain * { max-connect-rate 50/s; max-smtp-out 3 }");
	mail(&w, 3);
	run_until(&w, w.now + S / 10);
	is_int(w.n, 3, "three connections");
	end_first(&w, 2);
	end_first(&w, 1);
	run_until(&w, w.now + S / 10);
	is_int(w.n, 3, "two again");
	at = sched_conn_place(w.conns[1]);
	ok(at != NULL && at->next == 2, "the first goes on at the furthest");
	ok(sched_conn_place(w.conns[2]) == NULL, "the other begins anew");
	end_first(&w, 2);
	sched_ready(w.sched, w.conns[1], w.now);
	end_first(&w, 0);
	sched_results(w.sched, &w.grant, &unused, w.now);
	run_until(&w, w.now + 2 * S);
	ok(w.n == 3 && sched_conn_place(w.conns[1]) == NULL,
	    "when one that began anew works so does the next one");
	end_first(&w, 2); /* a place that nobody takes */
	end(&w);
}

/* A connection is about to leave a place, and the next one is an hour away. */
static void
begin_hour(struct world *w)
{
	begin(w, "domain * { max-connect-rate 1/h; retry-after 1m }");
	mail(w, 1);
	run_until(w, w->now);
	is_int(w->n, 1, "a connection");
}

static void
fail_queue(struct world *w)
{
	(void)sched_queue_failed(w->sched, sched_conn_queue(w->conns[0]),
	    RETRY_QUEUE, "x", w->now, false);
}

/* And that is the end of what it has. */
static void
next_begins(struct world *w, bool anew, const char *label)
{
	run_until(w, w->now + 3700 * S);
	is_int(w->n, 1, "the next one comes");
	ok((sched_conn_place(w->conns[0]) == NULL) == anew, "%s: it %s", label,
	    anew ? "begins anew" : "goes on");
	end(w);
}

static void
test_waits(void)
{
	struct world w;

	begin_hour(&w);
	end_first(&w, 1);
	next_begins(&w, false, "after an hour of waiting for the limit");
}

static void
test_failed(void)
{
	const struct sched_place at = { .shuffle = 7, .next = 1 };
	struct world w;

	begin_hour(&w);
	sched_connecting(w.sched, w.conns[0], w.now);
	sched_goes_on(w.sched, w.conns[0], &at);
	fail_queue(&w);
	end_first(&w, 0);
	next_begins(&w, true, "the queue failed");
	begin_hour(&w);
	fail_queue(&w);
	end_first(&w, 1);
	next_begins(&w, true, "the queue had failed already");
}

static void
test_no_mail(void)
{
	struct sched_queue *q;
	struct world w;

	begin_hour(&w);
	q = sched_conn_queue(w.conns[0]);
	end_first(&w, 1);
	sched_queue_take_all(w.sched, q, NULL, NULL, w.now);
	run_until(&w, w.now + S);
	mail(&w, 1);
	next_begins(&w, true, "there was no mail any more");
}

/* What a host that is skipped has cost must not be paid there each time. */
static void
test_stays(void)
{
	const struct sched_place at = { .shuffle = 7,
		.next = 1,
		.tried = 1,
		.stays = true };
	const struct sched_result done = { .fate = FATE_DONE };
	struct world w;

	begin(&w, "domain * { max-smtp-out 3 }");
	mail(&w, 9);
	run_until(&w, w.now);
	is_int(w.n, 3, "three connections");
	sched_goes_on(w.sched, w.conns[0], &at);
	end_first(&w, 0);
	sched_ready(w.sched, w.conns[0], w.now);
	sched_results(w.sched, &w.grant, &done, w.now);
	for (int i = 0; i < 2; i++) {
		run_until(&w, w.now + 2 * S);
		is_int(w.n, 3, "another one");
		ok(sched_conn_place(w.conns[2]) != NULL &&
			sched_conn_place(w.conns[2])->next == 1,
		    "goes on there, though the first host works");
		end_first(&w, 0);
	}
	end(&w);
}

static void
test_paused(void)
{
	struct sched_pause what = { "a.example", "*", true };
	struct world w;
	struct err e;

	begin_hour(&w);
	end_first(&w, 1);
	CHECK(sched_pause(w.sched, &what, &e) == 0);
	run_until(&w, w.now + S);
	what.paused = false;
	CHECK(sched_pause(w.sched, &what, &e) == 0);
	next_begins(&w, true, "the queue was paused");
}

/* Mail goes out over a connection; another one leaves a place. */
static void
test_flows(void)
{
	static const struct sched_result done = { .fate = FATE_DONE };
	struct world w;

	begin(&w, "domain * { max-connect-rate 2/h; max-smtp-out 2 }");
	mail(&w, 20);
	run_until(&w, w.now + 1900 * S);
	is_int(w.n, 2, "two connections");
	sched_ready(w.sched, w.conns[1], w.now);
	end_first(&w, 1);
	for (int i = 0; i < 12 && w.n == 1; i++) {
		run_until(&w, w.now + 60 * S);
		sched_results(w.sched, &w.grant, &done, w.now);
		sched_ready(w.sched, w.conns[0], w.now);
	}
	is_int(w.n, 1, "a message each minute, over one");
	run_until(&w, w.now + 3600 * S);
	ok(w.n == 2 && sched_conn_place(w.conns[1]) == NULL,
	    "when the next one comes it begins anew");
	sched_results(w.sched, &w.grant, &done, w.now);
	end(&w);
}

int
main(void)
{
	test_rate();
	test_no_wait();
	test_several();
	test_waits();
	test_failed();
	test_no_mail();
	test_stays();
	test_paused();
	test_flows();
	return done_testing();
}

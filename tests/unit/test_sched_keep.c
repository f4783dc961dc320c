/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the scheduler asks to keep of a queue that failed, when, and what it
 * makes of what an earlier process has left.
 */
#include "vmta/sched_keep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "tests/support/fake_conf.h"
#include "tests/tap.h"
#include "vmta/sched.h"

#define S US_PER_S
#define H (3600 * S)
#define START (1000 * 24 * H)

enum { MANY = 1200, CONNS = 2 * MANY };

struct world {
	struct sched *sched;
	int64_t now;
	struct sched_conn **conns; /* CONNS, in the order of opening */
	unsigned opened;
	/* asked */
	unsigned asked, forgotten;
	char name[SCHED_KEEP_NAME_MAX + 1]; /* last */
	struct buf bytes;
	uint64_t ticket;
};

static void
on_open(void *ctx, struct sched_conn *c)
{
	struct world *w = ctx;

	if (w->opened == CONNS)
		abort();
	w->conns[w->opened] = c;
	w->opened++;
}

static void
on_close(void *ctx, struct sched_conn *c)
{
	(void)ctx;
	(void)c;
}

static void
on_keep(void *ctx, struct slice name, struct slice bytes, uint64_t ticket)
{
	struct world *w = ctx;

	(void)snprintf(w->name, sizeof(w->name), "%.*s", (int)name.len, name.p);
	buf_clear(&w->bytes);
	if (bytes.len > 0)
		buf_add(&w->bytes, bytes.p, bytes.len);
	w->ticket = ticket;
	w->asked += bytes.len > 0;
	w->forgotten += bytes.len == 0;
}

static const struct sched_owner owner = { .open = on_open,
	.close = on_close,
	.keep = on_keep };

static void
begin(struct world *w, const char *line, int64_t now)
{
	struct snapshot *conf = fake_conf_new();
	struct err e;

	*w = (struct world){ .now = now };
	w->conns = mem_array(CONNS, sizeof(struct sched_conn *));
	ok(fake_conf_line(conf, line, &e) == 0, "%s", line);
	w->sched = sched_new(conf, &owner, w, w->now);
	snapshot_unref(&conf);
}

static void
end(struct world *w)
{
	for (unsigned i = 0; i < w->opened; i++)
		if (w->conns[i] != NULL)
			sched_closed(w->sched, &w->conns[i], w->now);
	sched_free(&w->sched);
	free(w->conns);
	buf_fini(&w->bytes);
}

static void
mail(struct world *w, const char *domain, const char *vmta)
{
	static uint64_t id;
	struct sched_rcpt_in in = { .domain = domain,
		.vmta = vmta,
		.queued_us = w->now };
	struct message *m = message_at(++id, &(struct message_loc){ 0 });

	sched_add(w->sched, m, &in, 1, w->now);
	message_unref(&m);
}

static int64_t
run(struct world *w, int64_t at_us)
{
	w->now = at_us;
	return sched_run(w->sched, at_us);
}

/* Up to then, as the daemon does: at each time it asks for. */
static void
run_until(struct world *w, int64_t at_us)
{
	for (;;) {
		int64_t next = run(w, w->now);

		if (next > at_us)
			break;
		w->now = next > w->now ? next : w->now + 1;
	}
	(void)run(w, at_us);
}

/* The connection opened last has failed, and with it its queue. */
static void
fail(struct world *w)
{
	struct sched_conn **c = &w->conns[w->opened - 1];

	(void)sched_queue_failed(w->sched, sched_conn_queue(*c), RETRY_QUEUE,
	    "421 try later", w->now, false);
	sched_closed(w->sched, c, w->now);
}

/* A message for the domain, whose server refuses. */
static void
mail_fails(struct world *w, const char *domain)
{
	mail(w, domain, "");
	(void)run(w, w->now);
	fail(w);
	(void)run(w, w->now);
}

/* ---- asking -------------------------------------------------------------- */

static void
test_long_wait(void)
{
	struct world w;

	begin(&w, "domain * { retry-after 1h, 2h }", START);
	mail_fails(&w, "example.net");
	ok(w.asked == 1 && w.ticket > 0, "a wait of an hour is kept at once");
	is_str(w.name, "queue:example.net/{default}", "by the queue's name");
	sched_kept(w.sched, w.ticket, true);
	run_until(&w, START + H - 1);
	is_int(w.asked, 1, "and once is enough");
	run_until(&w, START + H);
	is_int(w.opened, 2, "it is tried again");
	fail(&w);
	(void)run(&w, w.now);
	is_int(w.asked, 2, "the next wait is another");
	is_int(w.forgotten, 0, "nothing was forgotten");
	end(&w);
}

static void
test_short_wait(void)
{
	struct world w;

	begin(&w, "domain * { retry-after 10s }", START);
	mail_fails(&w, "example.net");
	is_int(w.asked, 0, "a wait of ten seconds can wait");
	run_until(&w, START + 10 * S);
	fail(&w);
	run_until(&w, START + 60 * S - 1);
	is_int(w.asked, 0, "for a minute");
	run_until(&w, START + 60 * S);
	is_int(w.asked, 1, "it failed twice, and is kept once");
	sched_kept(w.sched, w.ticket, true);
	fail(&w);
	run_until(&w, START + 110 * S);
	is_int(w.asked, 1, "nor is the next one sooner");
	sched_keep_end(w.sched, w.now);
	is_int(w.asked, 2, "but at the end what was put off is kept");
	end(&w);
}

static void
test_worked(void)
{
	struct world w;
	struct sched_queue *q;

	begin(&w, "domain * { retry-after 1h }", START);
	mail_fails(&w, "example.net");
	sched_kept(w.sched, w.ticket, true);
	run_until(&w, START + H);
	q = sched_conn_queue(w.conns[1]);
	sched_queue_worked(w.sched, q);
	sched_queue_worked(w.sched, q);
	run_until(&w, START + H + 61 * S);
	ok(w.forgotten == 1 && w.ticket > 0, "it works: that is kept as well");
	sched_kept(w.sched, w.ticket, true);
	sched_queue_worked(w.sched, q);
	run_until(&w, START + 2 * H);
	ok(w.asked == 1 && w.forgotten == 1, "and once");
	end(&w);
}

static void
test_disk_full(void)
{
	struct world w;
	uint64_t first;

	begin(&w, "domain * { retry-after 1h }", START);
	mail_fails(&w, "example.net");
	first = w.ticket;
	sched_kept(w.sched, first, false);
	run_until(&w, START + 60 * S - 1);
	is_int(w.asked, 1, "the disk is full: it is left alone for a minute");
	run_until(&w, START + 60 * S);
	ok(w.asked == 2 && w.ticket > first, "then asked again");
	sched_kept(w.sched, first, false);
	run_until(&w, START + 180 * S);
	is_int(w.asked, 2, "an answer to what was asked before is none");
	end(&w);
}

static void
take(void *ctx, struct sched_queue *q, struct message *m, uint32_t n,
    uint16_t attempts)
{
	(void)ctx;
	(void)q;
	(void)m;
	(void)n;
	(void)attempts;
}

static void
test_queue_goes(void)
{
	struct world w;
	struct sched_queue *q;

	begin(&w, "domain * { retry-after 1h }", START);
	mail(&w, "example.net", "");
	(void)run(&w, w.now);
	q = sched_conn_queue(w.conns[0]);
	fail(&w);
	(void)run(&w, w.now);
	sched_kept(w.sched, w.ticket, true);
	sched_queue_take_all(w.sched, q, take, NULL, w.now);
	run_until(&w, START + H);
	is_int(w.forgotten, 0, "an empty queue waits on");
	run_until(&w, START + 3 * H);
	ok(w.forgotten == 1 && w.ticket == 0,
	    "when it goes, nothing of it is kept");
	end(&w);
}

static void
test_order(void)
{
	struct world w;
	struct sched_queue *q;

	begin(&w, "domain * { retry-after 1h }", START);
	mail(&w, "example.net", "");
	(void)run(&w, w.now);
	q = sched_conn_queue(w.conns[0]);
	fail(&w);
	(void)run(&w, w.now);
	ok(sched_queue_schedule(w.sched, q, w.now + S), "tried at once");
	(void)run(&w, w.now + S);
	is_int(w.asked, 2, "an order is kept at once");
	end(&w);
}

static void
test_long_name(void)
{
	struct world w;
	char domain[SCHED_KEEP_NAME_MAX];

	begin(&w, "domain * { retry-after 1h }", START);
	memset(domain, 'd', sizeof(domain));
	domain[sizeof(domain) - strlen("queue:/{default}")] = '\0';
	mail_fails(&w, domain);
	ok(w.asked == 1 && strlen(w.name) == SCHED_KEEP_NAME_MAX,
	    "the longest name");
	domain[strlen(domain)] = 'd';
	domain[sizeof(domain) - strlen("queue:/{default}") + 1] = '\0';
	mail_fails(&w, domain);
	ok(w.asked == 1 && w.opened == 2, "one that is longer is not kept");
	end(&w);
}

/* So many that were put off together are not asked for all at once. */
static void
test_pieces(void)
{
	struct world world, *w = &world;
	unsigned most = 0;

	begin(w, "domain * { retry-after 59s }", START);
	for (int i = 0; i < MANY; i++) {
		char domain[32];

		(void)snprintf(domain, sizeof(domain), "d%d.example", i);
		mail_fails(w, domain);
	}
	ok(w->opened == MANY && w->asked == 0, "%d queues fail", MANY);
	while (w->asked < MANY && w->now < START + 61 * S) {
		unsigned before = w->asked;
		int64_t next = run(w, w->now);

		most = w->asked - before > most ? w->asked - before : most;
		while (w->opened > MANY) /* the wait is over */
			sched_closed(w->sched, &w->conns[--w->opened], w->now);
		w->now = next > w->now ? next : w->now + 1;
	}
	ok(w->asked == MANY && most <= 500, "kept in pieces of %u", most);
	end(w);
}

/* ---- what an earlier process has left ------------------------------------ */

/* The bytes that were asked for last, under a name. */
static int
restore_as(struct world *w, const char *name, const struct buf *bytes,
    int64_t elapsed_us)
{
	const struct sched_was_kept was = { slice_of(name),
		{ bytes->p, bytes->len }, elapsed_us };
	struct err e;

	return sched_restore_kept(w->sched, &was, w->now, &e);
}

static int
restore(struct world *w, const struct world *from, int64_t elapsed_us)
{
	return restore_as(w, from->name, &from->bytes, elapsed_us);
}

static void
test_restored(void)
{
	struct world old, w;

	begin(&old, "domain * { retry-after 1h, 2h }", START);
	mail_fails(&old, "example.net");
	begin(&w, "domain * { retry-after 1h, 2h }", 5 * START);
	is_int(restore(&w, &old, 20 * 60 * S), 0, "twenty minutes later");
	run_until(&w, w.now + 10 * 60 * S);
	mail(&w, "example.net", "");
	mail(&w, "example.net", "other");
	run_until(&w, 5 * START + 40 * 60 * S - 1);
	is_int(w.opened, 1, "another queue does not wait");
	run_until(&w, 5 * START + 40 * 60 * S);
	is_int(w.opened, 2, "the one that failed waits as long as before");
	fail(&w);
	(void)run(&w, w.now);
	run_until(&w, w.now + 2 * H - 1);
	is_int(w.opened, 2, "then as long as the list says");
	end(&w);
	begin(&w, "domain * { retry-after 1h, 2h }", 5 * START);
	is_int(restore(&w, &old, 7 * H), 0, "seven hours later");
	mail(&w, "example.net", "");
	(void)run(&w, w.now);
	is_int(w.opened, 1, "it waits no more");
	end(&w);
	end(&old);
}

/* What was said before it was read holds. */
static void
test_restored_late(void)
{
	struct world old, w;

	begin(&old, "domain * { retry-after 1h }", START);
	mail_fails(&old, "example.net");
	begin(&w, "domain * { retry-after 10s }", START);
	mail_fails(&w, "example.net");
	is_int(restore(&w, &old, 0), 0, "what was kept comes late");
	run_until(&w, START + 10 * S);
	is_int(w.opened, 2, "the queue waits as it does since");
	end(&w);
	end(&old);
}

/* A queue that nobody asks for again is forgotten when its wait is over. */
static void
test_restored_unused(void)
{
	struct world old, w;

	begin(&old, "domain * { retry-after 1h }", START);
	mail_fails(&old, "example.net");
	begin(&w, "domain * { retry-after 1h }", START);
	is_int(restore(&w, &old, 0), 0, "restored");
	run_until(&w, START + H);
	is_int(w.forgotten, 0, "kept while it waits");
	run_until(&w, START + 2 * H);
	ok(w.forgotten == 1 && w.asked == 0, "then forgotten");
	is_str(w.name, old.name, "by its name");
	end(&w);
	end(&old);
}

static void
test_damaged(void)
{
	static const char *const names[] = { "", "queue:", "queue:a.example",
		"queue:/{default}", "queue:a.example/", "pauses" };
	struct world old, w;

	begin(&old, "domain * { retry-after 1h }", START);
	mail_fails(&old, "example.net");
	begin(&w, "domain * { retry-after 1h }", START);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ok(restore_as(&w, names[i], &old.bytes, 0) == -1,
		    "no name: \"%s\"", names[i]);
	while (old.bytes.len > 0) {
		old.bytes.len--;
		if (restore(&w, &old, 0) == 0)
			break;
	}
	is_int((int64_t)old.bytes.len, 0, "cut short anywhere");
	mail(&w, "example.net", "");
	(void)run(&w, w.now);
	is_int(w.opened, 1, "the queue has never failed");
	end(&w);
	end(&old);
}

int
main(void)
{
	test_long_wait();
	test_short_wait();
	test_worked();
	test_disk_full();
	test_queue_goes();
	test_order();
	test_long_name();
	test_pieces();
	test_restored();
	test_restored_late();
	test_restored_unused();
	test_damaged();
	return done_testing();
}

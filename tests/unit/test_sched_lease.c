/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the scheduler asks to keep of its limits, when it waits for the answer,
 * and what it makes of what an earlier process has left.
 */
#include "vmta/sched_lease.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "tests/support/fake_conf.h"
#include "tests/tap.h"
#include "vmta/lease.h"
#include "vmta/sched.h"

#define S US_PER_S
#define H (3600 * S)
#define DAY (86400 * S)
#define START (1000 * DAY)

struct world {
	struct sched *sched;
	int64_t now;
	struct sched_conn *conn; /* opened last */
	struct grant *grant;
	const char *domain; /* of the mail */
	unsigned opened;
	/* asked last */
	char key[100];
	struct lease_record rec;
	uint64_t ticket;
	unsigned asked, forgotten, bad_tickets;
};

/* Of the names asked with: not one may be longer than a key. */
static size_t longest;

static void
on_open(void *ctx, struct sched_conn *c)
{
	struct world *w = ctx;

	w->conn = c;
	w->opened++;
}

static void
on_grant(void *ctx, struct sched_conn *c, struct grant *g)
{
	struct world *w = ctx;

	(void)c;
	w->grant = g;
}

static void
on_close(void *ctx, struct sched_conn *c)
{
	(void)ctx;
	(void)c;
}

static void
on_lease(void *ctx, struct slice key, const struct lease_record *rec,
    uint64_t ticket)
{
	struct world *w = ctx;

	if (key.len > longest)
		longest = key.len;
	(void)snprintf(w->key, sizeof(w->key), "%.*s", (int)key.len, key.p);
	if (rec == NULL) {
		w->forgotten++;
		w->bad_tickets += ticket != 0;
		return;
	}
	w->asked++;
	w->rec = *rec;
	w->ticket = ticket;
}

static const struct sched_owner owner = { .open = on_open,
	.grant = on_grant,
	.close = on_close,
	.lease = on_lease };

static void
begin(struct world *w, const char *line)
{
	struct snapshot *conf = fake_conf_new();
	struct err e;

	*w = (struct world){ .now = START, .domain = "example.net" };
	ok(fake_conf_line(conf, line, &e) == 0, "%s", line);
	w->sched = sched_new(conf, &owner, w, w->now);
	snapshot_unref(&conf);
}

static void
end(struct world *w)
{
	if (w->conn != NULL)
		sched_closed(w->sched, &w->conn, w->now);
	sched_free(&w->sched);
}

static void
mail(struct world *w, uint32_t rcpts)
{
	static uint64_t id;
	struct sched_rcpt_in in[20] = { { 0 } };
	struct message *m = message_at(++id, &(struct message_loc){ 0 });

	for (uint32_t i = 0; i < rcpts; i++)
		in[i] = (struct sched_rcpt_in){ .n = i,
			.domain = w->domain,
			.vmta = "",
			.queued_us = w->now };
	sched_add(w->sched, m, in, rcpts, w->now);
	message_unref(&m);
}

static int64_t
run(struct world *w, int64_t at_us)
{
	w->now = at_us;
	return sched_run(w->sched, at_us);
}

/* What is granted is delivered; returns how many that are. */
static uint32_t
finish(struct world *w)
{
	struct sched_result results[20];
	uint32_t count;

	if (w->grant == NULL)
		return 0;
	count = w->grant->count;
	for (uint32_t i = 0; i < w->grant->count; i++)
		results[i] = (struct sched_result){ .fate = FATE_DONE,
			.written = true };
	sched_results(w->sched, &w->grant, results, w->now);
	return count;
}

static uint32_t
deliver(struct world *w)
{
	sched_ready(w->sched, w->conn, w->now);
	return finish(w);
}

/* The scheduler starts; one message of so many recipients is queued. */
static void
begin_queued(struct world *w, const char *line, bool used, uint32_t rcpts)
{
	begin(w, line);
	sched_restored(w->sched, used, false, w->now);
	mail(w, rcpts);
}

/* ... on a spool that nobody has used before. */
static void
begin_new(struct world *w, const char *line, uint32_t rcpts)
{
	begin_queued(w, line, false, rcpts);
}

/* ... where limits may have been used up, and nothing of it was kept. */
static void
begin_used(struct world *w, const char *line, uint32_t rcpts)
{
	begin_queued(w, line, true, rcpts);
}

/* The lease that was asked for last is durable. */
static void
lease(struct world *w)
{
	sched_leased(w->sched, w->ticket, true, w->now);
	(void)run(w, w->now);
}

static void
reload(struct world *w, const char *line, const char *label)
{
	struct snapshot *conf = fake_conf_new();
	struct err e;

	ok(fake_conf_line(conf, line, &e) == 0, "%s", label);
	sched_reload(w->sched, conf, w->now);
	snapshot_unref(&conf);
}

/* ---- asking -------------------------------------------------------------- */

static void
test_asks(void)
{
	struct world w;

	begin_used(&w, "domain * { max-msg-rate 500/d }", 1);
	(void)run(&w, START + S);
	is_str(w.key, "queue msg example.net/{default}", "its name");
	is_int(w.rec.lease, 31, "a sixteenth is asked for");
	is_int(w.opened, 0, "nothing is opened before it is durable");
	(void)run(&w, START + 2 * S);
	is_int(w.asked, 1, "one question");
	sched_leased(w.sched, w.ticket, false, w.now);
	ok(run(&w, START + 2 * S) <= START + 3 * S, "the disk is full");
	(void)run(&w, START + 3 * S - 1);
	ok(w.asked == 1 && w.opened == 1,
	    "it is left alone for a second, and a connection opened ahead");
	w.now = START + 3 * S;
	is_int(deliver(&w), 0, "which gets nothing yet");
	(void)run(&w, w.now);
	is_int(w.asked, 2, "another question");
	lease(&w);
	is_int(finish(&w), 1, "and it goes");
	(void)run(&w, w.now);
	is_int(w.asked, 2, "what is left of the lease is enough");
	sched_leases_end(w.sched, w.now + 5 * S);
	ok(w.asked == 3 && w.rec.lease == 0 && w.rec.count == 1 &&
		w.rec.entries[0].age_us == 5 * S && w.rec.entries[0].count == 1,
	    "at the end what was spent is kept, without a lease");
	end(&w);
}

static void
test_many_at_once(void)
{
	struct world w;

	begin_new(&w, "domain * { max-msg-rate 40/m }", 10);
	(void)run(&w, w.now);
	lease(&w);
	is_int(deliver(&w), 2, "of ten at once so many go as a lease has");
	(void)run(&w, w.now);
	is_int(w.asked, 2, "the others need another one");
	is_int(w.rec.lease, 2, "which is no larger");
	sched_leased(w.sched, w.ticket, true, w.now);
	(void)run(&w, w.now + 10 * S);
	is_int(deliver(&w), 2, "and go as that allows");
	end(&w);
}

/* ---- what an earlier process has left ------------------------------------ */

static void
test_left(void)
{
	static const char key[] = "queue msg example.net/{default}";
	struct lease_record rec = { .max = 500,
		.period_us = DAY,
		.lease = 31,
		.count = 1,
		.entries = { { H, 499 } } };
	struct world w;

	begin(&w, "domain * { max-msg-rate 500/d }");
	sched_restore_lease(w.sched, slice_of(key), &rec, H);
	sched_restored(w.sched, true, false, w.now);
	mail(&w, 1);
	(void)run(&w, w.now);
	ok(w.opened == 0 && w.asked == 0, "all of it was spent");
	(void)run(&w, START + DAY - 2 * H + 2 * S);
	is_int(w.asked, 1, "so long as the day lasts");
	ok(w.rec.count == 1 && w.rec.entries[0].count == 31,
	    "the lease of then counts from the restart");
	end(&w);
}

static void
test_left_over(void)
{
	struct lease_record rec = { .max = 500,
		.period_us = DAY,
		.count = 1,
		.entries = { { H, 5 } } };
	struct world w;
	int64_t next;

	begin(&w, "domain * { max-msg-rate unlimited }");
	sched_restore_lease(w.sched, slice_of("queue msg gone/x"), &rec, H);
	sched_restored(w.sched, true, false, w.now);
	next = run(&w, w.now);
	is_int(next, START + LEASE_LEFT_US - 2 * H + S,
	    "who has gone is waited for");
	is_int(w.forgotten, 0, "while it counts");
	(void)run(&w, next);
	is_int(w.forgotten, 1, "and then forgotten");
	is_str(w.key, "queue msg gone/x", "by its name");
	sched_leases_end(w.sched, w.now);
	is_int(w.asked, 0, "nothing else was ever kept");
	end(&w);
}

/* It had a short period, and had no mail when it got a longer one. */
static void
test_longer_since(void)
{
	struct lease_record rec = { .max = 743,
		.period_us = 60 * S,
		.count = 1,
		.entries = { { 5 * S, 35 } } };
	struct world w;

	begin(&w, "domain * { max-msg-rate 743/60s }");
	sched_restore_lease(w.sched,
	    slice_of("queue msg example.net/{default}"), &rec, S);
	sched_restored(w.sched, true, false, w.now);
	(void)run(&w, START + 30 * S);
	reload(&w, "domain * { max-msg-rate 1/20m }", "a longer period");
	(void)run(&w, START + 600 * S);
	mail(&w, 1);
	(void)run(&w, START + 1190 * S);
	is_int(w.opened + w.asked, 0, "all that was spent in it counts");
	(void)run(&w, START + 1201 * S);
	is_int(w.asked, 1, "until it has left");
	end(&w);
}

static void
test_short_period(void)
{
	struct world w;

	begin_used(&w, "domain * { max-msg-rate 20/5s }", 1);
	(void)run(&w, START + 4 * S);
	is_int(w.opened, 0, "a used spool: five seconds count as full");
	(void)run(&w, START + 5 * S + S / 40);
	is_int(w.opened, 1, "then it goes on");
	is_int(w.asked, 0, "without a lease");
	end(&w);
	begin_new(&w, "domain * { max-msg-rate 20/5s }", 1);
	(void)run(&w, START);
	is_int(w.opened, 1, "a new spool has sent nothing");
	end(&w);
}

/* Rates that a reload raises or changes while nobody knows what was spent. */
static void
test_changed_soon(void)
{
	struct world w;

	begin_used(&w, "domain * { max-msg-rate 1/10s }", 1);
	(void)run(&w, START + S);
	reload(&w, "domain * { max-msg-rate 50/10s }",
	    "raised in the first ten seconds");
	(void)run(&w, START + 9 * S);
	is_int(w.opened, 0, "that it may be more now tells nothing of then");
	(void)run(&w, START + 11 * S);
	is_int(w.opened, 1, "ten seconds later it is known");
	end(&w);
}

/* One that was long at the first look may have been short before the crash. */
static void
test_short_soon(void)
{
	struct world w;

	begin_used(&w, "domain * { max-msg-rate 120/m }", 1);
	(void)run(&w, START);
	is_int(w.asked, 1, "a long one without a record: nothing was spent");
	w.now = START + 3 * S;
	reload(&w, "domain * { max-msg-rate 1/4s }",
	    "a short one in its first four seconds");
	lease(&w);
	(void)run(&w, START + 3 * S + S / 2);
	is_int(w.opened, 0, "what it spent before the start is not known");
	(void)run(&w, START + 4 * S + S / 40);
	is_int(w.opened, 1, "four seconds later nothing of it counts");
	end(&w);
}

/* The wait between connections, while the first looks for its host. */
static void
test_rampup(void)
{
	struct sched_conn *first;
	struct world w;

	begin(&w, "domain * { smtp-out-rampup-interval 1s }");
	sched_restored(w.sched, true, false, w.now);
	for (int i = 0; i < 5; i++)
		mail(&w, 1);
	(void)run(&w, START + S - 1);
	is_int(w.opened, 0, "a used spool: who knows when the last one was");
	(void)run(&w, START + S);
	is_int(w.opened, 1, "an interval later it is known");
	first = w.conn;
	ok(sched_conn_is_timed(first), "when it calls is to be told");
	(void)run(&w, START + 3 * S);
	is_int(w.opened, 1, "the next waits while it has not called");
	w.now = START + 3 * S + S / 2;
	sched_connecting(w.sched, first, w.now);
	(void)run(&w, START + 4 * S + S / 2 - 1);
	is_int(w.opened, 1, "and an interval from then");
	(void)run(&w, START + 4 * S + S / 2);
	is_int(w.opened, 2, "not longer");
	sched_closed(w.sched, &first, w.now);
	end(&w);
}

static void
test_damaged(void)
{
	struct world w;

	begin(&w, "domain * { max-msg-rate 500/d }");
	sched_restored(w.sched, true, true, w.now);
	mail(&w, 1);
	(void)run(&w, START + DAY - S);
	is_int(w.asked, 0, "nobody can read what was spent: all of it");
	(void)run(&w, START + DAY + S);
	is_int(w.asked, 1, "a day later nothing counts");
	end(&w);
}

/* ---- limits that change -------------------------------------------------- */

static void
test_lifted(void)
{
	struct world w;

	begin_new(&w, "domain * { max-msg-rate 500/d }", 1);
	(void)run(&w, w.now);
	lease(&w);
	(void)deliver(&w);
	reload(&w, "domain * { max-msg-rate 10/s }",
	    "a short period from now on");
	mail(&w, 1);
	(void)run(&w, w.now);
	is_int(w.forgotten, 1, "what was kept is forgotten");
	sched_leases_end(w.sched, w.now);
	is_int(w.asked, 1, "and not kept again");
	end(&w);
}

/* A long period begins with what the short one has counted. */
static void
test_lengthened(bool ends_at_once)
{
	struct world w;

	begin_new(&w, "virtual-mta {default} { max-smtp-msg-rate 5/5s }", 5);
	(void)run(&w, w.now);
	is_int(deliver(&w), 5, "all of five seconds is used up");
	is_int(w.asked, 0, "and nothing kept");
	reload(&w, "virtual-mta {default} { max-smtp-msg-rate 5/h }",
	    "it is an hour's now");
	if (ends_at_once)
		sched_leases_end(w.sched, w.now);
	else
		(void)run(&w, w.now);
	ok(w.asked == 1 && w.rec.count == 1 && w.rec.entries[0].count == 5,
	    "what was used is kept, though nothing can go");
	if (!ends_at_once) {
		(void)run(&w, w.now + 60 * S);
		is_int(w.asked, 1, "once");
	}
	end(&w);
}

/* Likewise when no limit is left at all, and what was spent is over. */
static void
test_lifted_unused(void)
{
	struct world w;

	begin_new(&w, "virtual-mta {default} { max-smtp-msg-rate 1000/h }", 1);
	(void)run(&w, w.now);
	is_int(w.asked, 1, "a lease is kept, and nothing spent");
	reload(&w, "virtual-mta {default} { max-smtp-out 9 }",
	    "no rate from now on");
	(void)run(&w, w.now);
	is_int(w.forgotten, 1, "what was kept is forgotten");
	end(&w);
}

/* What was spent is kept: the limit may be set again, also after a crash. */
static void
test_lifted_counts(const char *limit, const char *none)
{
	struct world w;

	begin_new(&w, limit, 1);
	(void)run(&w, w.now);
	lease(&w);
	(void)deliver(&w);
	reload(&w, none, "lifted");
	(void)run(&w, w.now);
	is_int(w.forgotten, 0, "what counts is kept");
	reload(&w, limit, "set again");
	mail(&w, 1);
	(void)run(&w, w.now + 60 * S);
	is_int(w.asked, 1, "the lease goes on");
	is_int(deliver(&w), 1, "and something goes within it");
	reload(&w, none, "lifted again");
	(void)run(&w, w.now);
	sched_leases_end(w.sched, w.now + S);
	ok(w.asked == 2 && w.rec.lease == 0 && w.rec.count == 2,
	    "both are kept at the end");
	(void)run(&w, w.now + 2 * H);
	reload(&w, none, "much later");
	(void)run(&w, w.now);
	is_int(w.forgotten, 1, "until they count no more");
	end(&w);
}

static void
test_long_name(void)
{
	char domain[LEASE_KEY_MAX + 100];
	struct world w;

	memset(domain, 'd', sizeof(domain));
	domain[sizeof(domain) - 1] = '\0';
	begin(&w, "domain * { max-msg-rate 100/h }");
	w.domain = domain;
	sched_restored(w.sched, false, false, w.now);
	mail(&w, 1);
	(void)run(&w, w.now);
	ok(w.asked == 1 && longest == LEASE_KEY_MAX,
	    "a name that is too long is cut (%zu)", longest);
	end(&w);
}

/* The end comes when nothing counts any more. */
static void
test_end_when_idle(void)
{
	struct world w;

	begin_new(&w, "virtual-mta {default} { max-smtp-msg-rate 100/h }", 1);
	(void)run(&w, w.now);
	is_str(w.key, "vmta msg {default}", "a virtual MTA's name");
	lease(&w);
	(void)deliver(&w);
	(void)run(&w, START + 2 * H);
	is_int(w.forgotten, 0, "a virtual MTA stays");
	sched_leases_end(w.sched, w.now);
	ok(w.asked == 1 && w.forgotten == 1 && w.bad_tickets == 0,
	    "at the end there is nothing to be kept, nor to be answered");
	end(&w);
}

static void
test_idle(void)
{
	struct world w;

	begin_new(&w, "domain * { max-msg-rate 100/h }", 1);
	(void)run(&w, w.now);
	lease(&w);
	(void)deliver(&w);
	sched_closed(w.sched, &w.conn, w.now);
	for (int64_t next = w.now; next < START + 2 * H;)
		next = run(&w, next > w.now ? next : w.now);
	is_int(w.forgotten, 1, "a queue that is idle is forgotten");
	ok(w.now >= START + H && w.now < START + H + 60 * S,
	    "when nothing counts any more");
	end(&w);
}

int
main(void)
{
	test_asks();
	test_many_at_once();
	test_left();
	test_left_over();
	test_longer_since();
	test_short_period();
	test_changed_soon();
	test_short_soon();
	test_rampup();
	test_damaged();
	test_lengthened(false);
	test_lengthened(true);
	test_lifted();
	test_lifted_unused();
	test_lifted_counts("virtual-mta {default} { max-smtp-msg-rate 100/h }",
	    "virtual-mta {default} { max-smtp-out 9 }");
	test_lifted_counts("domain * { source-ip-max-msg-rate 0/0 100/h }",
	    "domain * { max-smtp-out 9 }");
	test_long_name();
	test_end_when_idle();
	test_idle();
	is_int(fake_conf_alive(), 0, "no configuration is left");
	return done_testing();
}

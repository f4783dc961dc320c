/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mail for a new virtual MTA starts when its count is durable, and not before;
 * what is kept of counts, and what becomes of it.  Numbers of days are in
 * tests/scenario/cold-*.scn.
 */
#include "vmta/sched_cold.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "tests/conf_file.h"
#include "vmta/daycount.h"
#include "vmta/sched.h"
#include "vmta/sched_keep.h"
#include "vmta/sched_priv.h"
#include "vmta/sched_walk.h"
#include "vmta/sched_warmup.h"
#include "vmta/sched_why.h"

#define S US_PER_S
#define DAY_US (86400 * S)
#define DAY 20000
#define START (DAY * (int64_t)DAY_US)

enum { CONNS = 64 };

static const char config[] =
    "postmaster p@x.example\n"
    "<virtual-mta warm>\n"
    " smtp-source-host 127.0.0.2 warm.example\n"
    " cold-virtual-mta fresh\n"
    "</virtual-mta>\n"
    "<virtual-mta fresh>\n smtp-source-host 127.0.0.3 fresh.example\n"
    "</virtual-mta>\n"
    "<domain *>\n max-cold-virtual-mta-msg 3/d,5/d\n</domain>\n"
    "<domain none.example>\n max-cold-virtual-mta-msg 0/d\n</domain>\n";

struct world {
	struct sched *sched;
	int64_t now;
	struct sched_conn *conns[CONNS];
	unsigned opened, fresh; /* so many of the new virtual MTA */
	unsigned asked, forgotten;
	char name[SCHED_KEEP_NAME_MAX + 1]; /* last */
	struct buf bytes;
	uint64_t ticket, next_id;
};

static void
on_open(void *ctx, struct sched_conn *c)
{
	struct world *w = ctx;

	if (w->opened == CONNS)
		abort();
	w->conns[w->opened++] = c;
	w->fresh += strcmp(sched_queue_vmta(sched_conn_queue(c)), "fresh") == 0;
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
begin(struct world *w)
{
	struct conf_errors errs = { 0 };
	struct snapshot *conf = snapshot_load(conf_file_path("main"), &errs);

	if (conf == NULL)
		(void)conf_file_said(&errs, "no error");
	*w = (struct world){ .now = START };
	w->sched = sched_new(conf, &owner, w, w->now);
	sched_set_day(w->sched, DAY, START + DAY_US, w->now);
	snapshot_unref(&conf);
	conf_errors_fini(&errs);
}

static void
end(struct world *w)
{
	for (unsigned i = 0; i < w->opened; i++)
		if (w->conns[i] != NULL)
			sched_closed(w->sched, &w->conns[i], w->now);
	sched_free(&w->sched);
	buf_fini(&w->bytes);
}

static void
run(struct world *w, int64_t after_us)
{
	int64_t until = w->now + after_us, next;

	while ((next = sched_run(w->sched, w->now)) <= until)
		w->now = next > w->now ? next : w->now + 1;
	w->now = until;
	(void)sched_run(w->sched, w->now);
}

static void
set_day(struct world *w, uint32_t day)
{
	w->now = day * (int64_t)DAY_US;
	sched_set_day(w->sched, day, w->now + DAY_US, w->now);
}

static void
mail(struct world *w, const char *domain)
{
	const struct sched_rcpt_in in = { .domain = domain,
		.vmta = "warm",
		.queued_us = w->now };
	struct message *m = message_at(++w->next_id,
	    &(struct message_loc){ 0 });

	sched_add(w->sched, m, &in, 1, w->now);
	message_unref(&m);
}

static void
answer(struct world *w, bool kept)
{
	sched_kept(w->sched, w->ticket, kept);
	run(w, 0);
}

/* ---- facts --------------------------------------------------------------- */

static void
on_cold(void *ctx, const struct sched_cold_info *info)
{
	buf_printf(ctx, "%s %u %llu/%llu\n", info->name, info->number,
	    (unsigned long long)info->used, (unsigned long long)info->max);
}

static void
is_told(struct world *w, const char *want, const char *label)
{
	struct buf text = { 0 };

	(void)sched_cold_each(w->sched, 10, on_cold, &text);
	is_str(buf_cstr(&text), want, label);
	buf_fini(&text);
}

static void
on_why(void *ctx, const struct why *y)
{
	bool *counting = ctx;

	*counting = *counting || y->kind == WHY_COUNTING;
}

static bool
some_queue_counts(struct world *w)
{
	struct sched_walk walk;
	struct sched_queue *q;
	bool counting = false;

	sched_walk_begin(&walk, w->sched);
	while ((q = sched_walk_next(&walk)) != NULL)
		sched_why_queue(w->sched, q, w->now, on_why, &counting);
	sched_walk_end(&walk);
	return counting;
}

/* ---- waiting for the disk ------------------------------------------------ */

static void
test_waits(void)
{
	struct world w;

	begin(&w);
	mail(&w, "A.example");
	run(&w, S);
	is_int(w.asked, 1, "the first message of a queue is counted");
	is_str(w.name, "cold:warm/fresh/a.example", "by all three names");
	is_int(w.opened, 0, "and waits for the disk");
	ok(some_queue_counts(&w), "which why says");
	is_told(&w, "warm/fresh/a.example 1 1/3\n", "it is told");
	answer(&w, true);
	is_int(w.fresh, 1, "then it goes by the new virtual MTA");
	ok(!some_queue_counts(&w), "and waits no more");
	mail(&w, "a.example");
	mail(&w, "a.example");
	mail(&w, "a.example");
	run(&w, S);
	is_int(w.opened - w.fresh, 1, "what is too many waits for nothing");
	is_int(w.asked, 2, "two were counted with one record");
	mail(&w, "none.example");
	run(&w, S);
	is_int(w.asked, 2, "of 0/d nothing is counted");
	end(&w);
}

static void
test_refused(void)
{
	struct world w;

	begin(&w);
	mail(&w, "a.example");
	run(&w, 0);
	answer(&w, false);
	run(&w, S / 2);
	is_int(w.asked, 1, "a full disk is left alone");
	is_int(w.opened, 0, "and nothing goes");
	run(&w, S);
	is_int(w.asked, 2, "for a second");
	answer(&w, true);
	is_int(w.fresh, 1, "then it goes");
	end(&w);
}

static void
gone(void *ctx, struct sched_queue *q, struct message *m, uint32_t n,
    uint16_t attempts)
{
	(void)q;
	(void)m;
	(void)n;
	(void)attempts;
	++*(unsigned *)ctx;
}

/* Its mail is deleted, and time goes by. */
static void
test_deleted(void)
{
	struct sched_totals t;
	struct sched_walk walk;
	struct sched_queue *q;
	unsigned left = 0;
	struct world w;

	begin(&w);
	mail(&w, "a.example");
	run(&w, 0);
	sched_walk_begin(&walk, w.sched);
	while ((q = sched_walk_next(&walk)) != NULL)
		sched_queue_take_all(w.sched, q, gone, &left, w.now);
	sched_walk_end(&walk);
	run(&w, 7200 * S);
	sched_totals(w.sched, &t);
	ok(left == 1 && t.queues == 1, "a queue that waits for the disk stays");
	answer(&w, true);
	run(&w, 7200 * S);
	sched_totals(w.sched, &t);
	is_int((long long)t.queues, 0, "until that has answered");
	end(&w);
}

/* ---- what is kept -------------------------------------------------------- */

static int
restore(struct world *w, const char *name, struct slice bytes)
{
	const struct sched_was_kept was = { slice_of(name), bytes, 0 };
	struct err e;

	return sched_restore_kept(w->sched, &was, w->now, &e);
}

/* How many of so many messages go by the new one. */
static unsigned
go_there(struct world *w, unsigned n)
{
	unsigned queued = 0, before = w->asked;
	struct sched_queue_info info;
	struct sched_walk walk;
	struct sched_queue *q;

	for (unsigned i = 0; i < n; i++)
		mail(w, "a.example");
	run(w, 0);
	if (w->asked > before)
		answer(w, true);
	sched_walk_begin(&walk, w->sched);
	while ((q = sched_walk_next(&walk)) != NULL) {
		sched_queue_info(w->sched, q, w->now, &info);
		if (strcmp(info.vmta, "fresh") == 0)
			queued += (unsigned)info.rcpts;
	}
	sched_walk_end(&walk);
	return queued;
}

static void
test_end(void)
{
	struct world w, next;
	struct slice kept;

	begin(&w);
	is_int(go_there(&w, 2), 2, "two go");
	sched_keep_end(w.sched, w.now);
	kept = (struct slice){ w.bytes.p, w.bytes.len };
	begin(&next);
	is_int(restore(&next, w.name, kept), 0, "the next process is told");
	is_int(go_there(&next, 10), 1, "after a clean end one is left");
	end(&next);
	begin(&next);
	set_day(&next, DAY + 1);
	(void)restore(&next, w.name, kept);
	is_int(go_there(&next, 10), 5, "the day after is the second one");
	end(&next);
	begin(&next);
	set_day(&next, DAY + 1 + COLD_GAP_DAYS);
	(void)restore(&next, w.name, kept);
	is_int(go_there(&next, 10), 3, "after a month it is the first again");
	end(&next);
	end(&w);
}

static void
test_forgotten(void)
{
	struct world w;

	begin(&w);
	(void)go_there(&w, 1);
	set_day(&w, DAY + COLD_GAP_DAYS);
	is_int(w.forgotten, 0, "a month later it is known still");
	is_told(&w, "", "and has nothing of that day");
	set_day(&w, DAY + 1 + COLD_GAP_DAYS);
	is_int(w.forgotten, 1, "then it is forgotten");
	is_str(w.name, "cold:warm/fresh/a.example", "by its name");
	end(&w);
}

/* With a sender for each recipient as many messages go out. */
static void
test_one_by_one(void)
{
	struct sched_rcpt_in in[10];
	struct message *m = message_at(1, &(struct message_loc){ 0 });
	struct world w;

	for (int alone = 0; alone < 2; alone++) {
		begin(&w);
		for (uint32_t i = 0; i < 10; i++)
			in[i] = (struct sched_rcpt_in){ .domain = "a.example",
				.vmta = "warm",
				.n = i,
				.queued_us = w.now,
				.one_by_one = alone == 1 };
		sched_add(w.sched, m, in, 10, w.now);
		is_told(&w,
		    alone == 1 ? "warm/fresh/a.example 1 3/3\n" :
				 "warm/fresh/a.example 1 1/3\n",
		    "counts of a message with ten recipients");
		end(&w);
	}
	message_unref(&m);
}

/* Or domains that never had any would be known for ever. */
static void
test_not_taken(void)
{
	struct net_addr a;
	struct world w;
	struct err e;

	begin(&w);
	if (net_addr_parse(slice_of("127.0.0.3"), &a, &e) == -1)
		abort();
	sched_source_lost(w.sched, &a, true);
	mail(&w, "a.example");
	mail(&w, "b.example");
	is_int((int)w.sched->colds.counts.n, 0,
	    "what a virtual MTA cannot take has no count");
	end(&w);
}

static void
test_damaged(void)
{
	static const char name[] = "cold:warm/fresh/a.example";
	struct world w;

	begin(&w);
	ok(sched_keep_is_name(slice_of(name)), "a name of what is kept");
	ok(!sched_keep_is_name(slice_of("cold:")), "and none");
	is_int(restore(&w, name, slice_of("?")), -1, "damage is an error");
	is_int(go_there(&w, 10), 0, "after it none goes that day");
	set_day(&w, DAY + 1);
	is_int(go_there(&w, 10), 3, "the next is the first one");
	end(&w);
}

/* Without a disk nothing is waited for. */
static void
test_no_disk(void)
{
	static const struct sched_owner plain = { .open = on_open,
		.close = on_close };
	struct conf_errors errs = { 0 };
	struct world w = { .now = START };
	struct snapshot *conf = snapshot_load(conf_file_path("main"), &errs);

	w.sched = sched_new(conf, &plain, &w, w.now);
	mail(&w, "a.example");
	run(&w, 0);
	is_int(w.fresh, 0, "nobody goes there before the day is known");
	sched_set_day(w.sched, DAY, START + DAY_US, w.now);
	is_int(go_there(&w, 10), 3, "then at once");
	ok(w.fresh > 0, "over connections of its own");
	sched_keep_end(w.sched, w.now);
	end(&w);
	snapshot_unref(&conf);
	conf_errors_fini(&errs);
}

int
main(void)
{
	conf_file_begin();
	conf_file_put("main", config);
	test_waits();
	test_refused();
	test_deleted();
	test_end();
	test_forgotten();
	test_one_by_one();
	test_not_taken();
	test_damaged();
	test_no_disk();
	conf_file_end();
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_spool - fills a spool that mailraced will find at its start, as fast
 * as the store takes it.
 *
 *	bench_spool DIR MESSAGES [NAME=VALUE...]
 *
 *	domains=1   recipients' domains: d0.bench.example and so on
 *	vmtas=0     virtual MTAs: v0 and so on; 0 is {default}
 *	body=5120   bytes of a body
 *	due=0       deferred: due again after so many seconds; 0 is not tried
 *	spread=0    and up to so many seconds later, evenly
 *
 * Message i goes to domain i % domains and virtual MTA (i / domains) % vmtas.
 * The store's outbox stays empty: nothing was delivered.  Prints one JSON
 * object.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/waybill.h"
#include "queue/store.h"

enum { UNDER_WAY = 4096, LINE = 70 };

struct job {
	struct store_accept accept;
	struct store_settle settle;
	struct store_settled item;
	struct buf bill;
};

static struct {
	const char *name;
	unsigned long value;
} settings[] = { { "domains", 1 }, { "vmtas", 0 }, { "body", 5120 },
	{ "due", 0 }, { "spread", 0 } };

static struct store *store;
static struct worker *driver;
static struct body *body;
static unsigned long want, started, finished;

static unsigned long
setting(const char *name)
{
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (strcmp(settings[i].name, name) == 0)
			return settings[i].value;
	CHECK_NEVER("a setting");
}

static bool
set(const char *text)
{
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		size_t len = strlen(settings[i].name);

		if (strncmp(text, settings[i].name, len) != 0 ||
		    text[len] != '=')
			continue;
		settings[i].value = strtoul(text + len + 1, NULL, 10);
		return true;
	}
	return false;
}

/* ---- one message --------------------------------------------------------- */

/* Its waybill goes to bill. */
static struct message *
make_message(unsigned long i, struct buf *bill)
{
	unsigned long domain = i % setting("domains");
	char name[60], addr[100], vmta[32] = "";
	struct env_rcpt rcpt = { .addr = addr,
		.domain = name,
		.vmta = vmta,
		.pool = "",
		.orcpt = "",
		.priority = 50 };
	struct envelope env = envelope_blank;
	struct buf packed = { 0 };
	struct message *m;

	env.arrival_us = clock_wall_us();
	env.sender = "bulk@sender.example";
	env.job = "bench";
	env.src_mta = "bench (127.0.0.1)";
	env.rcpt_count = 1;
	env.rcpts = &rcpt;
	(void)snprintf(name, sizeof(name), "d%lu.bench.example", domain);
	(void)snprintf(addr, sizeof(addr), "user%lu@%s", i, name);
	if (setting("vmtas") > 0)
		(void)snprintf(vmta, sizeof(vmta), "v%lu",
		    i / setting("domains") % setting("vmtas"));
	envelope_pack(&env, &packed);
	buf_clear(bill);
	waybill_pack(&env, bill);
	m = message_new(packed.p, (uint32_t)packed.len);
	m->body = body_ref(body);
	buf_fini(&packed);
	return m;
}

static void accept_done(struct store_accept *a);

static void
start(struct job *j)
{
	memset(&j->accept, 0, sizeof(j->accept));
	j->accept.done = accept_done;
	j->accept.msg = make_message(started++, &j->bill);
	j->accept.waybill = (struct slice){ j->bill.p, j->bill.len };
	j->accept.rcpt_count = 1;
	store_accept(store, &j->accept);
}

/* ---- on the driver's thread ---------------------------------------------- */

static void
next(struct job *j)
{
	message_unref(&j->accept.msg);
	finished++;
	if (started < want)
		start(j);
	else if (finished == want)
		worker_stop(driver);
}

static void
on_settled(struct post *p)
{
	next(post_owner(p, struct job, settle.post));
}

static void
on_accepted(struct post *p)
{
	struct job *j = post_owner(p, struct job, accept.post);
	unsigned long spread = setting("spread");

	if (j->accept.answer != STORE_TAKEN) {
		(void)fprintf(stderr, "%s\n", j->accept.err.text);
		exit(1);
	}
	if (setting("due") == 0) {
		next(j);
		return;
	}
	j->item = (struct store_settled){ .id = j->accept.msg->id,
		.verdict = VERDICT_RETRY,
		.attempts = 1,
		.due_wall_us = clock_wall_us() +
		    (int64_t)(setting("due") * US_PER_S) +
		    (spread == 0 ?
			    0 :
			    (int64_t)(finished * 7919 % spread) * US_PER_S) };
	j->settle.count = 1;
	j->settle.items = &j->item;
	store_settle(store, &j->settle);
}

/* ---- on the store's thread ----------------------------------------------- */

static void
settle_done(struct store_settle *o)
{
	o->post.fn = on_settled;
	worker_post(driver, &o->post);
}

static void
accept_done(struct store_accept *a)
{
	a->post.fn = on_accepted;
	worker_post(driver, &a->post);
}

static void
on_recovered(void *ctx, struct store_arrivals *a)
{
	(void)ctx;
	store_arrivals_done(&a);
}

static void
on_loaded(void *ctx, size_t doubts)
{
	(void)ctx;
	(void)doubts;
	worker_stop(driver);
}

/* ---- the program --------------------------------------------------------- */

static struct body *
make_body(uint32_t len)
{
	static const char head[] = "From: bulk@sender.example\r\n"
				   "Subject: bench\r\n\r\n";
	struct body *b;

	if (len < sizeof(head) + 2)
		len = sizeof(head) + 2;
	b = body_new(len);
	memset(b->bytes, 'x', len);
	for (uint32_t at = sizeof(head) - 1 + LINE; at + 2 < len; at += LINE)
		memcpy(b->bytes + at, "\r\n", 2);
	memcpy(b->bytes, head, sizeof(head) - 1);
	memcpy(b->bytes + len - 2, "\r\n", 2);
	return b;
}

static void
fill(void)
{
	size_t count = want < UNDER_WAY ? want : UNDER_WAY;
	struct job *jobs = mem_array(count, sizeof(*jobs));
	int64_t begin = clock_us();

	for (size_t i = 0; i < count; i++)
		jobs[i].settle.done = settle_done;
	for (size_t i = 0; i < count; i++)
		start(&jobs[i]);
	worker_run(driver);
	(void)printf("{\"messages\": %lu, \"seconds\": %.3f}\n", finished,
	    (double)(clock_us() - begin) / US_PER_S);
	for (size_t i = 0; i < count; i++)
		buf_fini(&jobs[i].bill);
	free(jobs);
}

int
main(int argc, char **argv)
{
	const struct store_owner owner = { .recovered = on_recovered,
		.loaded = on_loaded };
	struct store_options opt = { .workers = 1, .sessions = 1 };
	struct worker *loading;
	struct err e;

	if (argc < 3)
		return 2;
	want = strtoul(argv[2], NULL, 10);
	for (int i = 3; i < argc; i++)
		if (!set(argv[i]))
			return 2;
	opt.dir = argv[1];
	body = make_body((uint32_t)setting("body"));
	driver = worker_new("driver", &e);
	if (store_open(&opt, &owner, NULL, &store, &e) == -1) {
		(void)fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	store_load(store);
	worker_run(driver);
	loading = driver; /* the store's thread may be about to wake it yet */
	driver = worker_new("driver", &e);
	fill();
	store_close(&store);
	body_unref(&body);
	worker_free(&loading);
	worker_free(&driver);
	return 0;
}

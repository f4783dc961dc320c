/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_chain - records from the store to the accounting files: messages are
 * accepted and settled as fast as the store answers, a receipt and a d record
 * each, and the writer follows with the acct-files of a configuration.
 *
 *	bench_chain CONFIG SECONDS [under way]
 *
 * The spool is the configuration's.  Prints one JSON object: records, seconds
 * until the last of them is durable in its file, and how far the files were
 * behind when the last message was settled.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/acct_record.h"
#include "mail/envelope.h"
#include "queue/store.h"
#include "tests/support/cpu_time.h"
#include "transport/acct.h"
#include "vmta/snapshot.h"

enum {
	BODY = 512,
	SEQUENCES = 1 << 20,
	WINDOW_S = 5, /* much longer than from sync to sync */
	WINDOWS_MAX = 200,
	WAIT_S = 60,
	RECORDS_EACH = 2
};

struct job {
	struct store_accept accept;
	struct store_settle settle;
	struct store_settled item;
	struct store_receipts receipts;
	struct buf receipt, record;
	uint32_t receipt_end;
	bool known;
};

static struct store *store;
static struct acct *files;
static struct worker *driver, *writer;
static struct body *body;
static struct buf env, bill;
static int64_t stop_us, sampled_us;
static unsigned long started, settled;

/* Records in the outbox up to and with a sequence number, modulo SEQUENCES. */
static unsigned long handed_at[SEQUENCES];
static _Atomic unsigned long handed, durable;
static uint64_t next;                      /* sequence number */
static unsigned long windows[WINDOWS_MAX]; /* durable in each */
static size_t window_count;

static void start_job(struct job *j);

static void
die(const char *text)
{
	(void)fprintf(stderr, "bench_chain: %s\n", text);
	exit(1);
}

/* ---- records ------------------------------------------------------------- */

/* Both as those of real mail. */
static void
pack_receipt(unsigned long n, struct buf *out)
{
	char rcpt[64];
	struct acct_record r = { .type = ACCT_R,
		.logged_us = clock_wall_us(),
		.orig = "newsletter-bounces@sender.example",
		.rcpt = rcpt,
		.src_type = "smtp",
		.src_mta = "mail.sender.example (192.0.2.1)",
		.rcv_source_ip = "192.0.2.1",
		.vmta = "vmta-one",
		.job_id = "autumn-campaign" };

	(void)snprintf(rcpt, sizeof(rcpt), "someone%lu@d%lu.example.net", n,
	    n % 1000);
	buf_clear(out);
	acct_record_pack(&r, out);
}

static void
pack_delivery(unsigned long n, uint64_t id, struct buf *out)
{
	char rcpt[64], queue[64], mta[64];
	struct acct_record r = { .type = ACCT_D,
		.id = id,
		.logged_us = clock_wall_us(),
		.orig = "newsletter-bounces@sender.example",
		.rcpt = rcpt,
		.dsn_action = "relayed",
		.dsn_status = { { 2, 0, 0 } },
		.dsn_diag = "smtp;250 2.0.0 Ok: queued as 4dNq1Yz2Kk9z1",
		.dsn_mta = mta,
		.src_type = "smtp",
		.src_mta = "mail.sender.example (192.0.2.1)",
		.dlv_type = "smtp",
		.dlv_source_ip = "198.51.100.7",
		.dlv_destination_ip = "203.0.113.25",
		.dlv_esmtp = "PIPELINING,SIZE,8BITMIME,ENHANCEDSTATUSCODES",
		.dlv_size = 5120,
		.vmta = "vmta-one",
		.job_id = "autumn-campaign",
		.queue = queue };

	r.queued_us = r.logged_us - 1500000;
	(void)snprintf(rcpt, sizeof(rcpt), "someone%lu@d%lu.example.net", n,
	    n % 1000);
	(void)snprintf(queue, sizeof(queue), "d%lu.example.net/vmta-one",
	    n % 1000);
	(void)snprintf(mta, sizeof(mta), "mx.d%lu.example.net (203.0.113.25)",
	    n % 1000);
	buf_clear(out);
	acct_record_pack(&r, out);
}

/* ---- what becomes durable ------------------------------------------------ */

/* What the writer says, as transport.c hands it on. */
static void
on_done(void *ctx, uint64_t seq)
{
	(void)ctx;
	atomic_store(&durable, handed_at[seq % SEQUENCES]);
	store_outbox_done(store, seq);
}

static void
on_taken(void *ctx, size_t bytes)
{
	(void)ctx;
	store_outbox_taken(store, bytes);
}

static void
on_rewind(void *ctx, uint64_t seq)
{
	(void)ctx;
	store_outbox_rewind(store, seq);
}

static void
on_rewound(void *ctx, uint64_t seq)
{
	(void)ctx;
	acct_rewound(files, seq);
}

static unsigned long
count_records(const unsigned char *p, size_t len)
{
	unsigned long n = 0;

	while (len >= 4) {
		size_t rest = 4 +
		    ((size_t)p[0] << 24 | (size_t)p[1] << 16 |
			(size_t)p[2] << 8 | p[3]);

		CHECK(rest <= len);
		p += rest;
		len -= rest;
		n++;
	}
	return n;
}

/* Store thread.  A blob that comes again was counted the first time. */
static void
on_outbox(void *ctx, uint64_t seq, const struct store_ledger *after,
    const void *p, size_t len)
{
	(void)ctx;
	if (seq >= next) {
		next = seq + 1;
		handed_at[seq % SEQUENCES] = atomic_load(&handed) +
		    count_records(p, len);
		atomic_store(&handed, handed_at[seq % SEQUENCES]);
	}
	acct_blob(files, seq, after, p, len);
}

static void
sample(int64_t now_us)
{
	static unsigned long before;
	unsigned long now = atomic_load(&durable);

	if (now_us - sampled_us < (int64_t)WINDOW_S * US_PER_S ||
	    window_count == WINDOWS_MAX)
		return;
	windows[window_count++] = now - before;
	before = now;
	sampled_us += (int64_t)WINDOW_S * US_PER_S;
}

/* ---- on the driver ------------------------------------------------------- */

static void
on_settled(struct post *p)
{
	struct job *j = post_owner(p, struct job, settle.post);
	int64_t now_us = clock_us();

	message_unref(&j->accept.msg);
	settled++;
	sample(now_us);
	if (now_us < stop_us)
		start_job(j);
	else if (settled == started)
		worker_stop(driver);
}

static void
on_accepted(struct post *p)
{
	struct job *j = post_owner(p, struct job, accept.post);

	if (j->accept.answer != STORE_TAKEN)
		die(j->accept.err.text);
	pack_delivery(settled, j->accept.msg->id, &j->record);
	j->item = (struct store_settled){ .id = j->accept.msg->id,
		.verdict = VERDICT_DELIVERED,
		.attempts = 1 };
	j->settle.items = &j->item;
	j->settle.count = 1;
	j->settle.records = j->record.p;
	j->settle.records_len = j->record.len;
	store_settle(store, &j->settle);
}

/* Store thread. */
static void
accept_done(struct store_accept *a)
{
	a->post.fn = on_accepted;
	worker_post(driver, &a->post);
}

static void
settle_done(struct store_settle *o)
{
	o->post.fn = on_settled;
	worker_post(driver, &o->post);
}

static void
start_job(struct job *j)
{
	struct store_accept *a = &j->accept;

	memset(a, 0, sizeof(*a));
	a->done = accept_done;
	a->msg = message_new(env.p, (uint32_t)env.len);
	a->msg->body = body_ref(body);
	a->waybill = (struct slice){ bill.p, bill.len };
	a->rcpt_count = 1;
	a->known = &j->known;
	pack_receipt(started, &j->receipt);
	j->receipt_end = (uint32_t)j->receipt.len;
	j->receipts = (struct store_receipts){ j->receipt.p, &j->receipt_end,
		ACCT_RECORD_ID_AT };
	a->receipts = &j->receipts;
	started++;
	store_accept(store, a);
}

/* ---- begin and end ------------------------------------------------------- */

static void
make_message(void)
{
	struct env_rcpt rcpt = { .addr = "someone@example.net",
		.domain = "example.net",
		.vmta = "vmta-one",
		.pool = "",
		.orcpt = "",
		.priority = 50 };
	struct envelope ev = { .arrival_us = clock_wall_us(),
		.sender = "newsletter-bounces@sender.example",
		.envid = "",
		.job = "autumn-campaign",
		.auth_user = "",
		.host_id = "",
		.src_mta = "mail.sender.example (192.0.2.1)",
		.rcpt_count = 1,
		.rcpts = &rcpt };

	envelope_pack(&ev, &env);
	waybill_pack(&ev, &bill);
	body = body_new(BODY);
	memset(body->bytes, 'x', BODY);
}

static void
on_loaded(void *ctx, size_t doubts)
{
	(void)ctx;
	(void)doubts;
	worker_stop(driver);
}

static void
on_recovered(void *ctx, struct store_arrivals *arrivals)
{
	(void)ctx;
	store_arrivals_done(&arrivals);
}

static void
run_driver(void)
{
	struct err e;

	worker_run(driver);
	worker_free(&driver);
	driver = worker_new("driver", &e);
}

static struct snapshot *
begin(const char *config)
{
	struct conf_errors errs = { 0 };
	struct snapshot *conf = snapshot_load(config, &errs);
	const struct store_owner owner = { .outbox = on_outbox,
		.rewound = on_rewound,
		.recovered = on_recovered,
		.loaded = on_loaded };
	static const struct acct_owner acct_owner = { .taken = on_taken,
		.done = on_done,
		.rewind = on_rewind };
	struct acct_options acct = { .conf = conf, .owner = &acct_owner };
	struct store_options opt = { .workers = 1, .sessions = 10 };
	struct err e;

	if (conf == NULL)
		die("the configuration cannot be read");
	opt.dir = acct.spool_dir = snapshot_global(conf)->spool;
	driver = worker_new("driver", &e);
	writer = worker_new("writer", &e);
	if (store_open(&opt, &owner, NULL, &store, &e) == -1 ||
	    acct_new(writer, &acct, &files, &e) == -1 ||
	    worker_start(writer, &e) == -1)
		die(e.text);
	store_load(store);
	run_driver();
	return conf;
}

/* Until all records are durable. */
static void
wait_for_files(unsigned long records)
{
	int64_t end_us = clock_us() + (int64_t)WAIT_S * US_PER_S;

	while (atomic_load(&durable) < records) {
		if (clock_us() > end_us)
			die("the files are not complete after a minute");
		(void)usleep(1000);
	}
}

/* Records a second in the slowest window. */
static unsigned long
least_rate(void)
{
	unsigned long least = windows[0];

	for (size_t i = 0; i < window_count; i++)
		if (windows[i] < least)
			least = windows[i];
	return least / WINDOW_S;
}

int
main(int argc, char **argv)
{
	unsigned long under_way = argc > 3 ? strtoul(argv[3], NULL, 10) : 1000;
	struct snapshot *conf;
	struct job *jobs;
	unsigned long records, behind;
	int64_t begin_us;
	double s, cpu;

	if (argc < 3)
		return 2;
	conf = begin(argv[1]);
	make_message();
	jobs = mem_array(under_way, sizeof(*jobs));
	begin_us = sampled_us = clock_us();
	cpu = cpu_time_s();
	stop_us = begin_us + (int64_t)strtoul(argv[2], NULL, 10) * US_PER_S;
	for (size_t i = 0; i < under_way; i++) {
		jobs[i].settle.done = settle_done;
		start_job(&jobs[i]);
	}
	run_driver();
	records = RECORDS_EACH * settled;
	behind = records - atomic_load(&durable);
	wait_for_files(records);
	s = (double)(clock_us() - begin_us) / 1e6;
	(void)printf("{\"records\": %lu, \"seconds\": %.3f, "
		     "\"records_s\": %.0f, \"least_s\": %lu, "
		     "\"behind\": %lu, \"cpu_us\": %.2f}\n",
	    records, s, (double)records / s, least_rate(), behind,
	    (cpu_time_s() - cpu) * 1e6 / (double)records);
	worker_stop(writer);
	worker_join(writer);
	store_close(&store);
	acct_free(&files);
	snapshot_unref(&conf);
	return 0;
}

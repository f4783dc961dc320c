/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_store - what the store costs: messages are accepted and settled as
 * fast as it answers, with a given number of them under way; each has an
 * in-flight slot between the two.
 *
 *	bench_store DIR [messages [under way [body bytes [recipients]]]]
 *
 * Prints one JSON object: messages a second, CPU by message, batches, syncs and
 * how long those took.  With "load" as a second word it defers so many
 * messages, opens the spool again and prints how long the load takes.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/envelope.h"
#include "queue/inflight.h"
#include "queue/store.h"
#include "tests/support/cpu_time.h"

enum { SYNCS_MAX = 1 << 20 };

struct job {
	struct store_accept accept;
	struct store_settle settle;
	struct store_settled *items;
	struct body *body;
	uint64_t *rcpt_keys;
	bool *known;
	uint32_t *numbers;
	uint32_t slot;
};

static struct store *store;
static struct worker *driver;
static struct inflight_part *part;
static struct buf env, bill;
static uint32_t rcpt_count = 1;
static unsigned long want, started, finished, no_space;
static bool retry;
static size_t recovered_rcpts;
static int64_t opened_us, first_us, loaded_us;
static char records[200]; /* about one line of accounting */

/* Of each fdatasync in the process, in microseconds. */
static uint32_t sync_us[SYNCS_MAX];
static _Atomic size_t sync_count;

static void start_job(struct job *j);

/*
 * In the place of libc's, for Berkeley DB as well: what the disk takes while
 * the store is at work is not what it takes when nothing else goes on.
 */
int
fdatasync(int fd)
{
	int64_t begin = clock_us();
	int rc = (int)syscall(SYS_fdatasync, fd);
	size_t i = atomic_fetch_add(&sync_count, 1);

	if (i < SYNCS_MAX)
		sync_us[i] = (uint32_t)(clock_us() - begin);
	return rc;
}

/* ---- on the driver ------------------------------------------------------- */

static void
on_finished(struct post *p)
{
	struct job *j = post_owner(p, struct job, settle.post);

	if (!retry)
		inflight_clear(part, j->slot);
	message_unref(&j->accept.msg);
	finished++;
	if (started < want)
		start_job(j);
	else if (finished == want)
		worker_stop(driver);
}

static void
on_accepted(struct post *p)
{
	struct job *j = post_owner(p, struct job, accept.post);

	if (j->accept.answer != STORE_TAKEN) {
		no_space++;
		(void)fprintf(stderr, "%s\n", j->accept.err.text);
		exit(1);
	}
	for (uint32_t n = 0; n < rcpt_count; n++)
		j->items[n] = (struct store_settled){
			.id = j->accept.msg->id,
			.n = n,
			.verdict = retry ? VERDICT_RETRY : VERDICT_DELIVERED,
			.attempts = 1,
			.due_wall_us = (int64_t)(j->accept.msg->id * 7919 %
			    1000003),
		};
	if (!retry) {
		j->slot = inflight_fill(part, j->accept.msg->id, 1,
		    clock_wall_us(), j->numbers, rcpt_count);
		CHECK(j->slot != INFLIGHT_NONE);
	}
	j->settle.items = j->items;
	j->settle.count = rcpt_count;
	j->settle.records = records;
	j->settle.records_len = retry ? 0 : sizeof(records);
	store_settle(store, &j->settle);
}

/* ---- on the store thread ------------------------------------------------- */

static void
accept_done(struct store_accept *a)
{
	a->post.fn = on_accepted;
	worker_post(driver, &a->post);
}

static void
settle_done(struct store_settle *o)
{
	o->post.fn = on_finished;
	worker_post(driver, &o->post);
}

static void
on_outbox(void *ctx, uint64_t seq, const struct store_ledger *after,
    const void *p, size_t len)
{
	(void)ctx;
	(void)after;
	(void)p;
	store_outbox_taken(store, len);
	store_outbox_done(store, seq);
}

static void
on_recovered(void *ctx, struct store_arrivals *arrivals)
{
	const struct store_arrival *a;

	(void)ctx;
	if (first_us == 0)
		first_us = clock_us();
	STAILQ_FOREACH(a, &arrivals->list, link)
	recovered_rcpts += a->count;
	store_arrivals_done(&arrivals);
}

static void
on_loaded(void *ctx, size_t doubts)
{
	(void)ctx;
	(void)doubts;
	loaded_us = clock_us();
	worker_stop(driver);
}

/* ---- on the driver ------------------------------------------------------- */

static void
start_job(struct job *j)
{
	struct store_accept *a = &j->accept;
	uint64_t key = started + (uint64_t)opened_us * 1000;

	memset(a, 0, sizeof(*a));
	a->done = accept_done;
	a->msg = message_new(env.p, (uint32_t)env.len);
	a->msg->body = body_ref(j->body);
	a->waybill = (struct slice){ bill.p, bill.len };
	a->rcpt_count = rcpt_count;
	a->has_key = true;
	key *= UINT64_C(0x9e3779b97f4a7c15); /* as a hash would be spread */
	memcpy(a->key, &key, sizeof(key));
	a->rcpt_keys = j->rcpt_keys;
	a->known = j->known;
	started++;
	store_accept(store, a);
}

static void
make_envelope(void)
{
	struct env_rcpt *rcpts = mem_array(rcpt_count, sizeof(*rcpts));
	struct envelope ev = { .arrival_us = clock_wall_us(),
		.sender = "newsletter-bounces@sender.example",
		.envid = "",
		.job = "autumn-campaign",
		.auth_user = "shop",
		.host_id = "4Qx1Yz2Kk9z1",
		.src_mta = "mail.sender.example (192.0.2.1)",
		.rcpt_count = rcpt_count,
		.rcpts = rcpts };

	for (uint32_t i = 0; i < rcpt_count; i++)
		rcpts[i] = (struct env_rcpt){ .addr = "someone@example.net",
			.domain = "example.net",
			.vmta = "vmta-one",
			.pool = "",
			.orcpt = "rfc822;someone@example.net",
			.priority = 50 };
	envelope_pack(&ev, &env);
	waybill_pack(&ev, &bill);
	free(rcpts);
}

static struct job *
make_jobs(size_t count, uint32_t body_len)
{
	struct job *jobs = mem_array(count, sizeof(*jobs));

	for (size_t i = 0; i < count; i++) {
		jobs[i].body = body_new(body_len);
		memset(jobs[i].body->bytes, 'x', body_len);
		jobs[i].items = mem_array(rcpt_count,
		    sizeof(struct store_settled));
		jobs[i].rcpt_keys = mem_array(rcpt_count, sizeof(uint64_t));
		jobs[i].known = mem_array(rcpt_count, sizeof(bool));
		jobs[i].numbers = mem_array(rcpt_count, sizeof(uint32_t));
		for (uint32_t n = 0; n < rcpt_count; n++)
			jobs[i].numbers[n] = n;
		jobs[i].settle.done = settle_done;
	}
	return jobs;
}

static void
open_store(const char *dir)
{
	const struct store_options opt = { .dir = dir,
		.workers = 1,
		.sessions = 1000 };
	const struct store_owner owner = { .outbox = on_outbox,
		.recovered = on_recovered,
		.loaded = on_loaded };
	struct err e;

	opened_us = clock_us();
	if (store_open(&opt, &owner, NULL, &store, &e) == -1) {
		(void)fprintf(stderr, "%s\n", e.text);
		exit(1);
	}
}

static struct store_audit_ask asked = { 0 };

static void
on_audit(struct store_audit_ask *ask)
{
	(void)ask;
	worker_stop(driver);
}

static void
run_driver(void)
{
	struct err e;

	worker_run(driver);
	worker_free(&driver);
	driver = worker_new("driver", &e);
}

static void
measure_load(const char *dir)
{
	store_close(&store);
	open_store(dir);
	store_load(store);
	run_driver();
	(void)printf("{\"load\": %zu, \"first_s\": %.3f, "
		     "\"all_s\": %.3f}\n",
	    recovered_rcpts, (double)(first_us - opened_us) / 1e6,
	    (double)(loaded_us - opened_us) / 1e6);
}

static int
by_size(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* What came before is not of interest. */
static void
forget_syncs(void)
{
	atomic_store(&sync_count, 0);
}

static void
print_result(double s, double cpu)
{
	size_t n = atomic_load(&sync_count);

	if (n > SYNCS_MAX)
		n = SYNCS_MAX;
	qsort(sync_us, n, sizeof(sync_us[0]), by_size);
	(void)printf("{\"messages\": %lu, \"recipients\": %u, "
		     "\"seconds\": %.3f, \"messages_s\": %.0f, "
		     "\"cpu_us\": %.2f, \"batches\": %llu, "
		     "\"syncs\": %zu, \"sync_median_us\": %u, "
		     "\"sync_99_us\": %u}\n",
	    finished, rcpt_count, s, (double)finished / s,
	    cpu * 1e6 / (double)finished,
	    (unsigned long long)asked.audit.batches, n,
	    n == 0 ? 0 : sync_us[n / 2], n == 0 ? 0 : sync_us[n * 99 / 100]);
}

static unsigned long
number(int argc, char **argv, int i, unsigned long otherwise)
{
	return i < argc ? strtoul(argv[i], NULL, 10) : otherwise;
}

int
main(int argc, char **argv)
{
	size_t under_way;
	struct job *jobs;
	int64_t begin;
	double cpu, s;
	struct err e;

	if (argc < 2)
		return 2;
	if (argc > 2 && strcmp(argv[2], "load") == 0) {
		retry = true;
		argv++;
		argc--;
	}
	want = number(argc, argv, 2, 100000);
	under_way = number(argc, argv, 3, 1000);
	if (under_way > want)
		under_way = want;
	rcpt_count = (uint32_t)number(argc, argv, 5, 1);
	make_envelope();
	jobs = make_jobs(under_way, (uint32_t)number(argc, argv, 4, 5120));
	driver = worker_new("driver", &e);
	open_store(argv[retry ? 0 : 1]);
	part = inflight_part(store_inflight(store), 0);
	if (!retry) {
		store_load(store);
		run_driver();
	}
	forget_syncs();
	begin = clock_us();
	cpu = cpu_time_s();
	for (size_t i = 0; i < under_way; i++)
		start_job(&jobs[i]);
	run_driver();
	s = (double)(clock_us() - begin) / 1e6;
	cpu = cpu_time_s() - cpu;
	asked.done = on_audit;
	store_audit(store, &asked);
	run_driver();
	print_result(s, cpu);
	if (retry)
		measure_load(argv[0]);
	store_close(&store);
	return 0;
}

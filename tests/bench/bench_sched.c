/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_sched - decisions a second that the scheduler makes, with few and
 * with many queues: the cost must not grow with their number.
 *
 *	bench_sched QUEUES MAX-MSG-RATE [MESSAGES]
 *
 * A decision is a grant with all that belongs to it: a connection is opened,
 * becomes ready, is granted, settles, is closed.  Adding the mail is counted
 * apart.  Seconds are those of the processor, so that other work on the machine
 * does not count.  Prints one JSON object.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "tests/support/fake_conf.h"
#include "vmta/sched.h"

enum { VMTAS = 10 };

struct bench {
	struct sched *sched;
	struct sched_conn **opened, **closing;
	struct grant **granted;
	size_t open_count, close_count, grant_count;
	uint64_t grants, conns; /* made; open */
};

static void
on_open(void *ctx, struct sched_conn *c)
{
	struct bench *b = ctx;

	b->opened[b->open_count++] = c;
	b->conns++;
}

static void
on_grant(void *ctx, struct sched_conn *c, struct grant *g)
{
	struct bench *b = ctx;

	(void)c;
	b->granted[b->grant_count++] = g;
	b->grants++;
}

static void
on_close(void *ctx, struct sched_conn *c)
{
	struct bench *b = ctx;

	b->closing[b->close_count++] = c;
}

static void
on_expired(void *ctx, struct sched_queue *q, struct message *m, uint32_t n,
    uint16_t attempts)
{
	(void)ctx;
	(void)q;
	(void)m;
	(void)n;
	(void)attempts;
}

static const struct sched_owner owner = {
	.open = on_open,
	.grant = on_grant,
	.close = on_close,
	.expired = on_expired,
};

static void
submit(struct bench *b, unsigned queues, uint64_t messages, int64_t now)
{
	for (uint64_t i = 0; i < messages; i++) {
		struct message *m = message_new("", 0);
		struct sched_rcpt_in in = { .queued_us = now };
		char domain[32], vmta[16];

		(void)snprintf(domain, sizeof(domain), "d%u.example",
		    (unsigned)(i % queues) / VMTAS);
		(void)snprintf(vmta, sizeof(vmta), "v%u",
		    (unsigned)(i % queues) % VMTAS);
		in.domain = domain;
		in.vmta = vmta;
		m->id = i + 1;
		sched_add(b->sched, m, &in, 1, now);
		message_unref(&m);
	}
}

/* Everything that was asked for happens at once. */
static void
answer(struct bench *b, int64_t now)
{
	static const struct sched_result done = { .written = true };

	while (b->grant_count > 0) {
		struct grant *g = b->granted[--b->grant_count];
		struct sched_conn *c = g->conn;

		if (g->timed)
			sched_written(b->sched, g, now, now);
		sched_results(b->sched, &g, &done, now);
		sched_ready(b->sched, c, now);
	}
	while (b->open_count > 0)
		sched_ready(b->sched, b->opened[--b->open_count], now);
	while (b->close_count > 0) {
		sched_closed(b->sched, &b->closing[--b->close_count], now);
		b->conns--;
	}
}

/* Until `grants` are made, or no connection is open; returns the time then. */
static int64_t
go(struct bench *b, uint64_t grants, int64_t now)
{
	while (b->grants < grants || (grants == 0 && b->conns > 0)) {
		int64_t next = sched_run(b->sched, now);

		if (b->open_count + b->grant_count + b->close_count > 0)
			answer(b, now);
		else if (next > now && next < INT64_MAX)
			now = next;
		now++;
	}
	return now;
}

static double
cpu_s(void)
{
	struct rusage u;

	CHECK(getrusage(RUSAGE_SELF, &u) == 0);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	    (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void
run(unsigned queues, const char *rate, uint64_t messages)
{
	struct bench b = { 0 };
	struct snapshot *conf = fake_conf_new();
	int64_t now = US_PER_S;
	double start, added, done;
	struct err e;

	if (fake_conf_domain(conf, "*", "max-msg-rate", rate, &e) == -1) {
		(void)fprintf(stderr, "%s\n", e.text);
		exit(2);
	}
	b.opened = mem_array(2000, sizeof(struct sched_conn *));
	b.closing = mem_array(2000, sizeof(struct sched_conn *));
	b.granted = mem_array(2000, sizeof(struct grant *));
	b.sched = sched_new(conf, &owner, &b, now);
	start = cpu_s();
	submit(&b, queues, messages, now);
	added = cpu_s();
	now = go(&b, messages, now);
	done = cpu_s();
	(void)printf("{\"queues\": %u, \"rate\": \"%s\", \"messages\": %llu, "
		     "\"decisions_s\": %.0f, \"added_s\": %.0f}\n",
	    queues, rate, (unsigned long long)messages,
	    (double)messages / (done - added),
	    (double)messages / (added - start));
	(void)go(&b, 0, now);
	sched_free(&b.sched);
	snapshot_unref(&conf);
	free(b.opened);
	free(b.closing);
	free(b.granted);
}

int
main(int argc, char **argv)
{
	unsigned long queues, messages = 400000;

	if (argc < 3)
		return 2;
	queues = strtoul(argv[1], NULL, 10);
	if (argc > 3)
		messages = strtoul(argv[3], NULL, 10);
	if (queues == 0 || messages == 0)
		return 2;
	run((unsigned)queues, argv[2], messages);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * However many queues are ready: who sends little waits at most twice as long
 * as alone (the slowest of a hundred), and a decision costs at most twice as
 * much as with a hundred queues.
 *
 *	test_sched_many [QUEUES]
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "tests/support/fake_conf.h"
#include "tests/tap.h"
#include "vmta/sched.h"

enum { QUEUES = 20000, EACH = 3, RING = 1 << 12, SMALL = 300, CONNS = 500 };

#define SETUP_US (100 * US_PER_MS) /* of a connection */
#define SEND_US (20 * US_PER_MS)   /* of a message */
#define EVERY_US (20 * US_PER_MS)  /* the small one sends one */

/* What takes the same time for all comes in the order in which it began. */
struct ring {
	void *v[RING];
	int64_t at_us[RING];
	unsigned head, n;
};

struct world {
	struct sched *sched;
	struct ring opening, sending;
	struct sched_conn *closing[RING];
	unsigned close_count;
	int64_t now_us;
	uint64_t grants, last_id;
	int64_t asked_us[SMALL], waits_us[SMALL]; /* of the small one */
	int small, served;
};

static void
put(struct ring *r, void *p, int64_t at_us)
{
	unsigned at = (r->head + r->n) % RING;

	CHECK(r->n < RING);
	r->v[at] = p;
	r->at_us[at] = at_us;
	r->n++;
}

static void *
take(struct ring *r, int64_t now_us)
{
	void *p = r->v[r->head];

	if (r->n == 0 || r->at_us[r->head] > now_us)
		return NULL;
	r->head = (r->head + 1) % RING;
	r->n--;
	return p;
}

static void
on_open(void *ctx, struct sched_conn *c)
{
	struct world *w = ctx;

	put(&w->opening, c, w->now_us + SETUP_US);
}

static void
on_grant(void *ctx, struct sched_conn *c, struct grant *g)
{
	struct world *w = ctx;
	unsigned i;

	w->grants++;
	put(&w->sending, g, w->now_us + SEND_US);
	if (sscanf(sched_queue_domain(sched_conn_queue(c)), "small%u.", &i) !=
	    1)
		return;
	w->waits_us[i] = w->now_us - w->asked_us[i];
	w->served++;
}

static void
on_close(void *ctx, struct sched_conn *c)
{
	struct world *w = ctx;

	CHECK(w->close_count < RING);
	w->closing[w->close_count++] = c;
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
submit(struct world *w, const char *domain, const char *vmta, const char *job)
{
	struct message *m = message_new("", 0);
	struct sched_rcpt_in in = { .domain = domain,
		.vmta = vmta,
		.job = job,
		.queued_us = w->now_us };

	m->id = ++w->last_id;
	sched_add(w->sched, m, &in, 1, w->now_us);
	message_unref(&m);
}

static void
answer(struct world *w)
{
	static const struct sched_result done = { .written = true };
	struct sched_conn *c;
	struct grant *g;

	while ((g = take(&w->sending, w->now_us)) != NULL) {
		c = g->conn;
		if (g->timed)
			sched_written(w->sched, g, w->now_us, w->now_us);
		sched_results(w->sched, &g, &done, w->now_us);
		sched_ready(w->sched, c, w->now_us);
	}
	while ((c = take(&w->opening, w->now_us)) != NULL)
		sched_ready(w->sched, c, w->now_us);
	while (w->close_count > 0)
		sched_closed(w->sched, &w->closing[--w->close_count],
		    w->now_us);
}

static uint32_t
conns(const struct world *w)
{
	struct sched_totals t;

	sched_totals(w->sched, &t);
	return t.conns;
}

/* In steps of a millisecond, until the small one is done, or nothing is. */
static void
go(struct world *w, const char *vmta)
{
	int64_t next_us = w->now_us + US_PER_S;

	while (vmta != NULL ? w->served < SMALL : conns(w) > 0) {
		if (vmta != NULL && w->small < SMALL && w->now_us >= next_us) {
			char domain[32];

			(void)snprintf(domain, sizeof(domain),
			    "small%d.example", w->small);
			w->asked_us[w->small++] = w->now_us;
			submit(w, domain, vmta, "small");
			next_us += EVERY_US;
		}
		answer(w);
		(void)sched_run(w->sched, w->now_us);
		w->now_us += US_PER_MS;
	}
}

static double
cpu_s(void)
{
	struct rusage u;

	CHECK(getrusage(RUSAGE_SELF, &u) == 0);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	    (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int
ascending(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

struct outcome {
	int64_t p99_us;
	double decision_us; /* of the processor */
};

/* So many queues of a large one, and the small one beside them. */
static struct outcome
play(unsigned queues, unsigned each, const char *small_vmta)
{
	struct world *w = mem_new(struct world);
	struct snapshot *conf = fake_conf_new();
	char most[16], domain[32];
	struct outcome o;
	struct err e;
	double start;

	(void)snprintf(most, sizeof(most), "%d", CONNS);
	CHECK(fake_conf_global(conf, "total-max-smtp-out", most, &e) == 0);
	CHECK(fake_conf_vmta(conf, "a", "max-smtp-out", "0", &e) == 0);
	CHECK(fake_conf_vmta(conf, "b", "max-smtp-out", "0", &e) == 0);
	w->now_us = US_PER_S;
	w->sched = sched_new(conf, &owner, w, w->now_us);
	for (unsigned i = 0; i < queues * each; i++) {
		(void)snprintf(domain, sizeof(domain), "d%u.example",
		    i % queues);
		submit(w, domain, "a", "large");
	}
	start = cpu_s();
	go(w, small_vmta);
	sched_hold(w->sched, true, w->now_us);
	go(w, NULL);
	o.decision_us = (cpu_s() - start) * 1e6 / (double)w->grants;
	qsort(w->waits_us, SMALL, sizeof(int64_t), ascending);
	o.p99_us = w->waits_us[SMALL * 99 / 100];
	sched_free(&w->sched);
	snapshot_unref(&conf);
	free(w);
	return o;
}

int
main(int argc, char **argv)
{
	unsigned queues = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) :
				     QUEUES;
	struct outcome alone = play(1, 1, "b"), other, same, few;

	other = play(queues, EACH, "b");
	ok(other.p99_us <= 2 * alone.p99_us,
	    "a virtual MTA beside %u queues: p99 %d us, %d us alone", queues,
	    (int)other.p99_us, (int)alone.p99_us);
	same = play(queues, EACH, "a");
	ok(same.p99_us <= 2 * alone.p99_us,
	    "a job within a virtual MTA: p99 %d us", (int)same.p99_us);
	few = play(100, queues * EACH / 100, "b");
	ok(other.decision_us <= 2 * few.decision_us + 1,
	    "a decision takes %.2f us, %.2f us with 100 queues",
	    other.decision_us, few.decision_us);
	is_int(fake_conf_alive(), 0, "no configuration is left");
	return done_testing();
}

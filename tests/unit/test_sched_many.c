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

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "tests/support/cpu_time.h"
#include "tests/support/fake_conf.h"
#include "tests/support/plain_owner.h"
#include "tests/tap.h"
#include "vmta/sched.h"

enum { QUEUES = 20000, EACH = 3, SMALL = 300, CONNS = 500 };

#define SETUP_US (100 * US_PER_MS) /* of a connection */
#define SEND_US (20 * US_PER_MS)   /* of a message */
#define EVERY_US (20 * US_PER_MS)  /* the small one sends one */

struct world {
	struct plain_owner owner;
	int64_t asked_us[SMALL], waits_us[SMALL]; /* of the small one */
	int small, served;
};

static void
on_grant(void *ctx, const struct sched_conn *c)
{
	struct world *w = ctx;
	unsigned i;

	if (sscanf(sched_queue_domain(sched_conn_queue(c)), "small%u.", &i) !=
	    1)
		return;
	w->waits_us[i] = w->owner.now_us - w->asked_us[i];
	w->served++;
}

/* In steps of a millisecond, until the small one is done, or nothing is. */
static void
go(struct world *w, const char *vmta)
{
	struct plain_owner *o = &w->owner;
	int64_t next_us = o->now_us + US_PER_S;

	while (vmta != NULL ? w->served < SMALL : plain_owner_conns(o) > 0) {
		if (vmta != NULL && w->small < SMALL && o->now_us >= next_us) {
			char domain[32];

			(void)snprintf(domain, sizeof(domain),
			    "small%d.example", w->small);
			w->asked_us[w->small++] = o->now_us;
			plain_owner_submit(o, domain, vmta, "small");
			next_us += EVERY_US;
		}
		(void)plain_owner_answer(o);
		(void)sched_run(o->sched, o->now_us);
		o->now_us += US_PER_MS;
	}
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
	plain_owner_init(&w->owner, conf, US_PER_S);
	w->owner.setup_us = SETUP_US;
	w->owner.send_us = SEND_US;
	w->owner.on_grant = on_grant;
	w->owner.ctx = w;
	for (unsigned i = 0; i < queues * each; i++) {
		(void)snprintf(domain, sizeof(domain), "d%u.example",
		    i % queues);
		plain_owner_submit(&w->owner, domain, "a", "large");
	}
	start = cpu_time_s();
	go(w, small_vmta);
	sched_hold(w->owner.sched, true, w->owner.now_us);
	go(w, NULL);
	o.decision_us = (cpu_time_s() - start) * 1e6 / (double)w->owner.grants;
	qsort(w->waits_us, SMALL, sizeof(int64_t), ascending);
	o.p99_us = w->waits_us[SMALL * 99 / 100];
	plain_owner_fini(&w->owner);
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

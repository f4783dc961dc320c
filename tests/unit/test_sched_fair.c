/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has little to send does not wait for those who have much: jobs and
 * virtual MTAs share what limits them all by their weights, however many
 * queues each has.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "tests/support/fake_conf.h"
#include "tests/support/sim.h"
#include "tests/tap.h"

enum { LARGE_QUEUES = 1000, SMALL_QUEUES = 5, DOMAIN_CAP = 32 };

/* ---- a world ------------------------------------------------------------- */

struct world {
	struct sim *sim;
	struct snapshot *conf; /* until the sim has it */
	int domains;           /* so far */
};

static struct world
world_new(const char *const *lines)
{
	struct world w = { mem_new(struct sim), fake_conf_new(), 0 };
	struct err e;

	for (; *lines != NULL; lines++)
		if (fake_conf_line(w.conf, *lines, &e) == -1)
			(void)ok(false, "%s", e.text);
	sim_init(w.sim, w.conf, 1);
	sim_server(w.sim, "*")->reply_us = 20 * US_PER_MS;
	return w;
}

static void
world_free(struct world *w)
{
	sim_fini(w->sim);
	free(w->sim);
}

/* To new domains, `each` to each. */
static void
submit(struct world *w, const char *vmta, const char *job, int queues,
    uint32_t each)
{
	for (int i = 0; i < queues; i++) {
		char domain[DOMAIN_CAP];

		w->domains++;
		(void)snprintf(domain, sizeof(domain), "%s%d.example", job,
		    w->domains);
		sim_submit(w->sim,
		    &(struct sim_submit){ .domain = domain,
			.vmta = vmta,
			.messages = each,
			.rcpts = 1,
			.priority = 50,
			.job = job });
	}
}

/* Recipients of a job since then. */
static uint64_t
sent(const struct world *w, const char *job, int64_t since_us)
{
	uint64_t n = 0;

	for (size_t i = w->sim->rcpt_count; i-- > 0;) {
		const struct sim_rcpt *r = &w->sim->rcpts[i];

		if (r->at_us < since_us)
			break;
		n += strcmp(w->sim->mail[r->message].job, job) == 0;
	}
	return n;
}

/* ---- shares -------------------------------------------------------------- */

/* A job with a thousand queues against one with a few, in one virtual MTA. */
static void
test_jobs(const char *const *conf, double share, const char *label)
{
	struct world w = world_new(conf);
	uint64_t large, small;
	int64_t since;

	submit(&w, "v", "large", LARGE_QUEUES, 20);
	sim_run(w.sim, 10 * US_PER_S);
	submit(&w, "v", "small", SMALL_QUEUES, 1000);
	sim_run(w.sim, 10 * US_PER_S);
	since = w.sim->now_us;
	sim_run(w.sim, 20 * US_PER_S);
	large = sent(&w, "large", since);
	small = sent(&w, "small", since);
	ok((double)small > share * 0.8 * (double)(large + small) &&
		(double)small < share * 1.2 * (double)(large + small),
	    "%s: %d and %d", label, (int)large, (int)small);
	world_free(&w);
}

/* Two virtual MTAs, a thousand queues and a few, and a limit of the process. */
static void
test_vmtas(void)
{
	static const char *const conf[] = { "total-max-smtp-out 20",
		"virtual-mta a { fair-share 100 }",
		"virtual-mta b { fair-share 100 }", NULL };
	struct world w = world_new(conf);
	uint64_t large, small;
	int64_t since;

	submit(&w, "a", "large", LARGE_QUEUES, 100);
	sim_run(w.sim, 10 * US_PER_S);
	submit(&w, "b", "small", SMALL_QUEUES, 10000);
	sim_run(w.sim, 10 * US_PER_S);
	since = w.sim->now_us;
	sim_run(w.sim, 20 * US_PER_S);
	large = sent(&w, "large", since);
	small = sent(&w, "small", since);
	/* Queues of the large one are short, so it pays for connections. */
	ok(small * 10 > (large + small) * 4,
	    "a virtual MTA has its share: %d "
	    "and %d",
	    (int)large, (int)small);
	world_free(&w);
}

/* One message to a new domain, now and then: how long it takes. */
static int64_t
wait_of_one(bool others)
{
	static const char *const conf[] = {
		"virtual-mta v { max-smtp-out 20; max-smtp-msg-rate 200/s }",
		NULL
	};
	struct world w = world_new(conf);
	int64_t sum = 0;

	if (others)
		submit(&w, "v", "large", LARGE_QUEUES, 100);
	sim_run(w.sim, 10 * US_PER_S);
	for (int i = 0; i < 20; i++) {
		int64_t since = w.sim->now_us;

		submit(&w, "v", "small", 1, 1);
		for (int k = 0; k < 1000 && sent(&w, "small", since) == 0; k++)
			sim_run(w.sim, 10 * US_PER_MS);
		sum += w.sim->now_us - since;
		sim_run(w.sim, US_PER_S);
	}
	world_free(&w);
	return sum / 20;
}

int
main(void)
{
	static const char *const rate[] = {
		"virtual-mta v { max-smtp-msg-rate 200/s }", NULL
	};
	static const char *const weights[] = {
		"virtual-mta v { max-smtp-msg-rate 200/s }",
		"job small { fair-share 300 }", NULL
	};
	static const char *const slots[] = {
		"virtual-mta v { max-smtp-out 10 }", NULL
	};
	int64_t alone, among;

	test_jobs(rate, 0.5, "half of a rate");
	test_jobs(weights, 0.75, "three quarters with three times the weight");
	test_jobs(slots, 0.5, "half of the connections");
	test_vmtas();
	alone = wait_of_one(false);
	among = wait_of_one(true);
	ok(among <= 2 * alone, "one message waits %d us, %d us alone",
	    (int)among, (int)alone);
	is_int(fake_conf_alive(), 0, "no configuration is left");
	return done_testing();
}

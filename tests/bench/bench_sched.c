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

#include "lib/clock.h"
#include "tests/support/cpu_time.h"
#include "tests/support/fake_conf.h"
#include "tests/support/plain_owner.h"
#include "vmta/sched.h"

enum { VMTAS = 10 };

static void
submit(struct plain_owner *o, unsigned queues, uint64_t messages)
{
	for (uint64_t i = 0; i < messages; i++) {
		char domain[32], vmta[16];

		(void)snprintf(domain, sizeof(domain), "d%u.example",
		    (unsigned)(i % queues) / VMTAS);
		(void)snprintf(vmta, sizeof(vmta), "v%u",
		    (unsigned)(i % queues) % VMTAS);
		plain_owner_submit(o, domain, vmta, NULL);
	}
}

/*
 * Until `grants` are made, or no connection is open.  Everything that was asked
 * for happens at once.
 */
static void
go(struct plain_owner *o, uint64_t grants)
{
	while (
	    o->grants < grants || (grants == 0 && plain_owner_conns(o) > 0)) {
		int64_t next = sched_run(o->sched, o->now_us);

		if (!plain_owner_answer(o) && next > o->now_us &&
		    next < INT64_MAX)
			o->now_us = next;
		o->now_us++;
	}
}

static void
run(unsigned queues, const char *rate, uint64_t messages)
{
	struct plain_owner o;
	struct snapshot *conf = fake_conf_new();
	double start, added, done;
	struct err e;

	if (fake_conf_domain(conf, "*", "max-msg-rate", rate, &e) == -1) {
		(void)fprintf(stderr, "%s\n", e.text);
		exit(2);
	}
	plain_owner_init(&o, conf, US_PER_S);
	start = cpu_time_s();
	submit(&o, queues, messages);
	added = cpu_time_s();
	go(&o, messages);
	done = cpu_time_s();
	(void)printf("{\"queues\": %u, \"rate\": \"%s\", \"messages\": %llu, "
		     "\"decisions_s\": %.0f, \"added_s\": %.0f}\n",
	    queues, rate, (unsigned long long)messages,
	    (double)messages / (done - added),
	    (double)messages / (added - start));
	go(&o, 0);
	plain_owner_fini(&o);
	snapshot_unref(&conf);
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

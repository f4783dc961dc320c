/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a round of the scheduler says of its limits is answered on its thread,
 * in order, and then it is in the spool.
 */
#include "transport/lessor.h"

#include "lib/worker.h"
#include "tests/tap.h"
#include "tests/unit/spool.h"

enum { END = 1000 };

static struct worker *scheduler;
static struct lessor *lessor;
static char answers[400]; /* the scheduler's, until spool_wait() */
static unsigned rounds, tickets;

static void
on_answer(void *ctx, uint64_t ticket, bool kept)
{
	size_t len = strlen(answers);

	(void)ctx;
	if (!worker_is_self(scheduler))
		abort();
	(void)snprintf(answers + len, sizeof(answers) - len, "%u%s ",
	    (unsigned)ticket, kept ? "" : "?");
	if (ticket == END)
		spool_wake('E');
}

/* Nobody asks about "n05". */
static uint64_t
ticket_for(const char *name)
{
	tickets++;
	if (strcmp(name, "n05") == 0)
		return 0;
	return strcmp(name, "end") == 0 || strcmp(name, "last") == 0 ? END :
								       tickets;
}

static void
say(const char *name, int lease)
{
	const struct lease_record rec = { .max = 100,
		.period_us = 60 * US_PER_S,
		.lease = (uint64_t)lease };
	char *copy = mem_strdup(name);

	lessor_put(lessor, slice_of(copy), lease == -1 ? NULL : &rec,
	    ticket_for(name));
	memset(copy, 'x', strlen(copy)); /* it is the lessor's no more */
	free(copy);
}

static void
first_round(void)
{
	for (int i = 0; i < 20; i++) {
		char name[8];

		(void)snprintf(name, sizeof(name), "n%02d", i);
		say(name, i);
	}
	say("n07", 70);
	say("n08", -1);
	say("end", 0);
}

static void
next_rounds(void)
{
	if (rounds < 20) {
		char name[8];

		(void)snprintf(name, sizeof(name), "n%02u", rounds);
		say(name, -1);
	} else if (rounds == 20) {
		say("end", 1);
	}
}

static void
on_round(void *arg)
{
	(void)arg;
	lessor_flush(lessor);
}

static void
on_first(struct post *p)
{
	(void)p;
	first_round();
}

static void on_next(struct post *p);

static void
on_last(struct post *p)
{
	(void)p;
	say("last", 1);
	lessor_end(lessor);
	say("late", 1); /* nobody has it any more */
}

static void
on_next(struct post *p)
{
	next_rounds();
	if (rounds++ < 20)
		worker_post(scheduler, p);
}

static void
restart(void)
{
	struct err e;

	spool_open();
	(void)spool_load();
	answers[0] = '\0';
	tickets = 0;
	scheduler = worker_new("scheduler", &e);
	lessor = lessor_new(scheduler, spool.store, on_answer, NULL);
	worker_on_round(scheduler, on_round, NULL);
	ok(worker_start(scheduler, &e) == 0, "a scheduler");
}

static void
stop(void)
{
	worker_stop(scheduler);
	worker_join(scheduler);
	store_close(&spool.store);
	lessor_free(&lessor);
	worker_free(&scheduler);
}

int
main(void)
{
	struct post first = { .fn = on_first }, next = { .fn = on_next };
	struct post last = { .fn = on_last };

	(void)tmpdir_make();
	restart();
	worker_post(scheduler, &first);
	ok(spool_wait('E'), "a round is answered");
	is_str(answers,
	    "1 2 3 4 5 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 1000 ",
	    "each in its turn");
	stop();
	restart();
	is_str(spool.leases,
	    "end=0+0; n00=0+0; n01=1+0; n02=2+0; n03=3+0; n04=4+0; n05=5+0; "
	    "n06=6+0; n07=70+0; n09=9+0; n10=10+0; n11=11+0; n12=12+0; "
	    "n13=13+0; n14=14+0; n15=15+0; n16=16+0; n17=17+0; n18=18+0; "
	    "n19=19+0; ",
	    "and in the spool, the last of each");
	worker_post(scheduler, &next);
	ok(spool_wait('E'), "many rounds");
	is_str(answers,
	    "1 2 3 4 5 7 8 9 10 11 12 13 14 15 16 17 18 19 20 1000 ",
	    "each in its turn");
	stop();
	restart();
	is_str(spool.leases, "end=1+0; ", "and forgotten");
	worker_post(scheduler, &last);
	ok(spool_wait('E'), "the last round");
	stop();
	restart();
	is_str(spool.leases, "end=1+0; last=1+0; ", "the last is the last");
	stop();
	tmpdir_remove();
	return done_testing();
}

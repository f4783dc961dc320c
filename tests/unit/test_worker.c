/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Posts arrive in order on the worker, many by one wake-up; and one that
 * gathers posts for another wakes it once for those of a pass, unless they are
 * many.
 */
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "lib/worker.h"
#include "tests/tap.h"

enum { COUNT = 10000 };

struct item {
	struct post post;
	int n;
};

static struct worker *sender, *receiver;
static int next, out_of_order, rounds, deferred;
static bool on_self = true;

static void
on_item(struct post *p)
{
	struct item *it = post_owner(p, struct item, post);

	if (it->n != next)
		out_of_order++;
	next = it->n + 1;
	on_self = on_self && worker_is_self(receiver);
	if (next == COUNT)
		worker_stop(receiver);
	free(it);
}

static void
on_round(void *arg)
{
	(void)arg;
	rounds++;
}

static void
on_deferred(void *arg)
{
	deferred += *(int *)arg;
}

static void
send_all(struct post *p)
{
	for (int i = 0; i < COUNT; i++) {
		struct item *it = mem_new(struct item);

		it->post.fn = on_item;
		it->n = i;
		worker_post(receiver, &it->post);
	}
	worker_stop(sender);
	(void)p;
}

/* ---- gathering ----------------------------------------------------------- */

enum { FEW = 20, MUCH = 100, WAIT_US = 10 * US_PER_S };

static _Atomic int came;
static int to_send, came_meanwhile;

static void
on_count(struct post *p)
{
	struct item *it = post_owner(p, struct item, post);

	if (atomic_fetch_add(&came, 1) + 1 == to_send)
		worker_stop(receiver);
	free(it);
}

/* One pass; much is posted until the receiver has been seen at work. */
static void
send_some(struct post *p)
{
	int64_t end_us = clock_us() + WAIT_US;

	for (int i = 0; i < to_send; i++) {
		struct item *it = mem_new(struct item);

		it->post.fn = on_count;
		worker_post(receiver, &it->post);
		(void)sched_yield();
	}
	while (
	    to_send == MUCH && atomic_load(&came) == 0 && clock_us() < end_us)
		(void)sched_yield();
	came_meanwhile = atomic_load(&came);
	worker_stop(sender);
	(void)p;
}

static void
gather(int n)
{
	static struct post start = { .fn = send_some };
	struct err e;

	rounds = 0;
	to_send = n;
	atomic_store(&came, 0);
	sender = worker_new("sender", &e);
	receiver = worker_new("receiver", &e);
	worker_gather(sender);
	worker_on_round(receiver, on_round, NULL);
	ok(worker_start(receiver, &e) == 0 && worker_start(sender, &e) == 0,
	    "a receiver, and a sender that gathers");
	worker_post(sender, &start);
	worker_join(sender);
	worker_join(receiver);
	worker_free(&sender);
	worker_free(&receiver);
}

static void
gathering(void)
{
	gather(FEW);
	is_int(atomic_load(&came), FEW, "all that was gathered arrived");
	is_int(came_meanwhile, 0, "not before the pass was over");
	is_int(rounds, 2, "in one round, and one at the end");
	gather(MUCH);
	is_int(atomic_load(&came), MUCH, "all of much arrived");
	ok(came_meanwhile > 0, "it does not wait for the end of a long pass");
}

/* ---- to many ------------------------------------------------------------- */

enum { MANY = 40 }; /* more than one wakes at once */

static struct worker *many[MANY];
static _Atomic int reached;
static int reached_meanwhile;

static void
on_reached(struct post *p)
{
	struct item *it = post_owner(p, struct item, post);

	(void)atomic_fetch_add(&reached, 1);
	worker_stop(many[it->n]);
	free(it);
}

/* To each of them, and then something that takes long. */
static void
send_each(struct post *p)
{
	int64_t end_us = clock_us() + WAIT_US;

	for (int i = 0; i < MANY; i++) {
		struct item *it = mem_new(struct item);

		it->post.fn = on_reached;
		it->n = i;
		worker_post(many[i], &it->post);
	}
	worker_wake_others();
	while (atomic_load(&reached) < MANY && clock_us() < end_us)
		(void)sched_yield();
	reached_meanwhile = atomic_load(&reached);
	worker_stop(sender);
	(void)p;
}

static void
to_many(void)
{
	static struct post start = { .fn = send_each };
	struct err e;
	int started = 0;

	sender = worker_new("sender", &e);
	worker_gather(sender);
	for (int i = 0; i < MANY; i++) {
		many[i] = worker_new("many", &e);
		started += worker_start(many[i], &e) == 0;
	}
	is_int(started, MANY, "many receivers");
	ok(worker_start(sender, &e) == 0, "and one that gathers for them");
	worker_post(sender, &start);
	worker_join(sender);
	for (int i = 0; i < MANY; i++) {
		worker_join(many[i]);
		worker_free(&many[i]);
	}
	worker_free(&sender);
	is_int(reached_meanwhile, MANY, "all are woken before what takes long");
}

int
main(void)
{
	static struct post start = { .fn = send_all };
	static int one = 1;
	struct err e;

	sender = worker_new("sender", &e);
	receiver = worker_new("receiver", &e);
	worker_on_round(receiver, on_round, NULL);
	worker_defer(receiver, on_deferred, &one);
	ok(worker_start(receiver, &e) == 0, "a thread starts");
	ok(worker_start(sender, &e) == 0, "another one starts");
	worker_post(sender, &start);
	worker_join(sender);
	worker_join(receiver);
	is_int(next, COUNT, "all posts arrived");
	is_int(out_of_order, 0, "in order");
	ok(on_self, "on the receiver's thread");
	ok(rounds > 0 && rounds <= COUNT, "in %d rounds", rounds);
	is_int(deferred, 1, "deferred work was done");
	worker_free(&sender);
	worker_free(&receiver);
	gathering();
	to_many();
	return done_testing();
}

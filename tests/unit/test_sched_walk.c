/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk meets every queue and every recipient that stays, whatever happens
 * between two slices, and takes out what is wanted and nothing else; or puts it
 * on hold, whence nothing but a release brings it back.
 */
#include "vmta/sched_walk.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "tests/support/fake_conf.h"
#include "tests/support/plain_owner.h"
#include "tests/tap.h"

#define S US_PER_S
#define OLD (100 * 24 * 3600 * S) /* too old for any queue */

enum { MESSAGES = 400, RCPTS = 3 };

struct world {
	struct plain_owner owner; /* has nothing to do: all queues are paused */
	struct sched *sched;      /* the owner's */
	uint64_t next_id;
	unsigned met[2 * MESSAGES + 1][RCPTS]; /* by message */
	unsigned told, taken, slice;
	bool younger;     /* what comes is younger than all that waits */
	uint32_t modulus; /* ids that are wanted: multiples */
};

/* One of every third waits for its time; ages and due times are mixed. */
static void
add(struct world *w, const char *domain, uint8_t priority)
{
	struct message_loc loc = { .segment = 1, .env_len = 10 };
	struct sched_rcpt_in in[RCPTS] = { { 0 } };
	uint64_t id = ++w->next_id;
	struct message *m = message_at(id, &loc);

	for (uint32_t i = 0; i < RCPTS; i++) {
		in[i].n = i;
		in[i].domain = domain;
		in[i].vmta = "";
		in[i].priority = priority;
		in[i].queued_us = w->younger ? S + 1000 :
					       S + (int64_t)(id * 7919 % 1000);
		in[i].job = id % 2 == 0 ? "even" : "odd";
		if (id % 3 == 0) {
			in[i].attempts = 1;
			in[i].due_us = 3600 * S +
			    (w->younger ? S : (int64_t)(id * 104729 % 997));
		}
	}
	sched_add(w->sched, m, in, RCPTS, S);
	message_unref(&m);
}

static void
world_init(struct world *w)
{
	struct snapshot *conf = fake_conf_new();
	struct sched_pause all = { "*", "*", true };
	struct err e;

	*w = (struct world){ .modulus = 1 };
	plain_owner_init(&w->owner, conf, S);
	w->sched = w->owner.sched;
	snapshot_unref(&conf);
	(void)sched_pause(w->sched, &all, &e);
	for (int i = 0; i < MESSAGES; i++)
		add(w, i % 4 == 3 ? "b.example" : "a.example",
		    (uint8_t)(i % 2 == 0 ? 50 : 10));
	(void)sched_run(w->sched, S);
}

static bool
on_rcpt(void *ctx, const struct sched_rcpt_info *info)
{
	struct world *w = ctx;

	w->told++;
	w->met[info->id][info->n]++;
	return w->told % w->slice != 0;
}

static bool
is_wanted(void *ctx, const struct sched_rcpt_info *info)
{
	const struct world *w = ctx;

	return info->id % w->modulus == 0 && info->n != 1;
}

static void
on_taken(void *ctx, struct sched_queue *q, struct message *m, uint32_t n,
    uint16_t attempts)
{
	struct world *w = ctx;

	(void)q;
	w->taken++;
	if (m->id % w->modulus != 0 || n == 1 || attempts != (m->id % 3 == 0))
		w->taken += 1000000;
}

static unsigned
missed(const struct world *w, uint64_t below)
{
	unsigned n = 0;

	for (uint64_t id = 1; id <= below; id++)
		for (uint32_t i = 0; i < RCPTS; i++)
			n += w->met[id][i] == 0;
	return n;
}

static void
test_tell(unsigned slice, bool busy)
{
	struct world w;
	struct sched_walk walk;
	unsigned slices = 0;

	world_init(&w);
	w.slice = slice;
	w.younger = true;
	sched_walk_begin(&walk, w.sched);
	while (sched_walk_next(&walk) != NULL)
		while (!sched_walk_rcpts(&walk, on_rcpt, &w)) {
			slices++;
			if (busy && w.next_id < 2 * MESSAGES)
				add(&w, "a.example", 50);
		}
	sched_walk_end(&walk);
	is_int(missed(&w, MESSAGES), 0, "nothing that stays is missed");
	if (!busy)
		is_int(w.told, MESSAGES * RCPTS, "nor told twice");
	ok(slices >= w.told / slice / 4, "%u slices of %u", slices, slice);
	plain_owner_fini(&w.owner);
}

static uint64_t
queued(const struct world *w)
{
	struct sched_totals t;

	sched_totals(w->sched, &t);
	return t.rcpts;
}

/* Takes by slices, and mail comes in between. */
static void
test_take(uint32_t modulus, uint32_t max)
{
	struct world w;
	struct sched_walk walk;
	struct sched_take take = { is_wanted, on_taken, &w };
	unsigned wanted = 0, rounds = 0, before;

	world_init(&w);
	w.modulus = modulus;
	do {
		before = w.taken;
		sched_walk_begin(&walk, w.sched);
		while (sched_walk_next(&walk) != NULL)
			while (!sched_walk_take(&walk, &take, max))
				if (w.next_id < MESSAGES + 50)
					add(&w, "a.example", 50);
		sched_walk_end(&walk);
		rounds++;
	} while (w.taken != before);
	for (uint64_t id = 1; id <= w.next_id; id++)
		wanted += id % modulus == 0 ? RCPTS - 1 : 0;
	is_int(w.taken, wanted, "just what is wanted is taken");
	is_int((int64_t)queued(&w), (int64_t)(w.next_id * RCPTS - wanted),
	    "the others stay");
	ok(rounds <= 4, "in %u rounds", rounds);
	(void)sched_run(w.sched, 2 * S);
	plain_owner_fini(&w.owner);
}

static bool
wants_hold(void *ctx, const struct sched_rcpt_info *info)
{
	struct world *w = ctx;

	w->taken += is_wanted(w, info);
	if (info->due_us == SCHED_ON_HOLD || info->granted)
		w->taken += 1000000;
	return is_wanted(w, info);
}

static bool
wants_release(void *ctx, const struct sched_rcpt_info *info)
{
	struct world *w = ctx;

	w->taken += info->due_us == SCHED_ON_HOLD;
	return info->due_us == SCHED_ON_HOLD;
}

/* On hold or deferred, in all queues; those that wait for their time alone. */
static uint64_t
deferred(const struct world *w, uint64_t *timed_r)
{
	struct sched_queue_info info;
	struct sched_totals t;
	struct sched_queue *q;
	struct sched_walk walk;

	*timed_r = 0;
	sched_walk_begin(&walk, w->sched);
	while ((q = sched_walk_next(&walk)) != NULL) {
		sched_queue_info(w->sched, q, S, &info);
		*timed_r += info.deferred;
	}
	sched_walk_end(&walk);
	sched_totals(w->sched, &t);
	return t.deferred;
}

typedef bool change_fn(struct sched_walk *w, sched_rcpt_fn *fn, void *ctx,
    uint32_t max);

static void
change(struct world *w, change_fn *fn, sched_rcpt_fn *wants, uint32_t max)
{
	struct sched_walk walk;

	w->taken = 0;
	sched_walk_begin(&walk, w->sched);
	while (sched_walk_next(&walk) != NULL)
		while (!fn(&walk, wants, w, max))
			;
	sched_walk_end(&walk);
}

/* Every third message waits for its time: two of three of them as well. */
static void
test_hold(uint32_t max)
{
	struct sched_queue *q;
	struct sched_walk walk;
	uint64_t timed = 0;
	struct world w;

	world_init(&w);
	w.modulus = 2;
	change(&w, sched_walk_hold, wants_hold, max);
	is_int(w.taken, MESSAGES / 2 * 2, "just what is wanted is held, once");
	is_int((int64_t)deferred(&w, &timed), 200 * 2 + 67 * 3 + 66,
	    "with those that wait for their time");
	is_int((int64_t)timed, 67 * 3 + 66, "who are told apart");
	sched_walk_begin(&walk, w.sched);
	while ((q = sched_walk_next(&walk)) != NULL) {
		while (sched_walk_free_deferred(&walk, max))
			;
		sched_queue_take_all(w.sched, q, NULL, NULL, S);
	}
	sched_walk_end(&walk);
	is_int((int64_t)sched_run(w.sched, INT64_MAX / 4), INT64_MAX,
	    "no time ends it");
	is_int((int64_t)queued(&w), 200 * 2, "nor the end of its queue");
	is_int((int64_t)deferred(&w, &timed), 200 * 2, "they are on hold");
	is_int((int64_t)timed, 0, "all of them");
	change(&w, sched_walk_free, wants_release, max);
	is_int(w.taken, 200 * 2, "all are released");
	is_int((int64_t)deferred(&w, &timed), 0, "and wait their turn");
	plain_owner_fini(&w.owner);
}

static uint64_t
size_of(const struct world *w, const char *domain, uint64_t *deferred_r)
{
	struct sched_queue_info info = { .rcpts = 0 };
	struct sched_queue *q;
	struct sched_walk walk;

	sched_walk_begin(&walk, w->sched);
	while ((q = sched_walk_next(&walk)) != NULL &&
	    strcmp(sched_queue_domain(q), domain) != 0)
		;
	if (q != NULL)
		sched_queue_info(w->sched, q, S, &info);
	sched_walk_end(&walk);
	*deferred_r = info.deferred;
	return info.rcpts;
}

/* Until its queue is resumed: then it is tried, or its servers cannot be. */
static void
test_release_old(void)
{
	const int64_t at = OLD + 300 * S;
	struct sched_queue *q;
	struct sched_walk walk;
	uint64_t timed;
	struct world w;

	world_init(&w);
	w.modulus = 4;
	change(&w, sched_walk_hold, wants_hold, 100);
	(void)sched_run(w.sched, OLD);
	is_int((int64_t)queued(&w), 100 * 2, "what is on hold is left");
	change(&w, sched_walk_free, wants_release, 100);
	for (int64_t t = OLD; t < at; t += 30 * S)
		(void)sched_run(w.sched, t);
	is_int((int64_t)size_of(&w, "b.example", &timed), 100 * 2,
	    "released, it waits for its pause to end");
	change(&w, sched_walk_hold, wants_hold, 100);
	change(&w, sched_walk_free, wants_release, 100);
	sched_walk_begin(&walk, w.sched);
	while ((q = sched_walk_next(&walk)) != NULL)
		(void)sched_queue_failed(w.sched, q, RETRY_QUEUE, "down", at,
		    true);
	sched_walk_end(&walk);
	is_int((int64_t)queued(&w), 0, "its queue fails, and it is too old");
	plain_owner_fini(&w.owner);
}

static bool
wants_hand(void *ctx, const struct sched_rcpt_info *info)
{
	struct world *w = ctx;

	w->taken += is_wanted(w, info);
	w->taken += strcmp(info->domain, "b.example") == 0 ? 0 : 1000000;
	return is_wanted(w, info);
}

/* Messages 4, 8 ... 400 are b.example's, whose queue alone is not paused. */
static void
test_hand(uint32_t max)
{
	struct sched_pause queue = { "b.example", "*", false };
	struct sched_queue *q;
	struct sched_walk walk;
	uint64_t timed, held = 20 * 2, handed = 100 * 2 - held;
	struct sched_totals totals;
	struct world w;
	struct err e;

	world_init(&w);
	w.modulus = 5;
	change(&w, sched_walk_hold, wants_hold, max);
	(void)sched_pause(w.sched, &queue, &e);
	w.modulus = 1;
	w.taken = 0;
	sched_walk_begin(&walk, w.sched);
	while (sched_walk_next(&walk) != NULL)
		while (!sched_walk_hand(&walk, wants_hand, &w, max, S))
			;
	sched_walk_end(&walk);
	is_int(w.taken, (int64_t)handed, "just those that may go, once");
	is_int((int64_t)size_of(&w, SNAPSHOT_DSN_DOMAIN, &timed),
	    (int64_t)handed, "they wait for the host");
	is_int((int64_t)timed, 0, "none for its time");
	sched_totals(w.sched, &totals);
	is_int((int64_t)totals.handed, (int64_t)handed, "and are counted");
	is_int((int64_t)size_of(&w, "b.example", &timed),
	    (int64_t)(300 - handed), "the others stay");
	is_int((int64_t)queued(&w), MESSAGES * RCPTS, "nothing is lost");
	queue.paused = true;
	(void)sched_pause(w.sched, &queue, &e);
	/* A minute later they come back from out of the way. */
	for (int64_t at = OLD; at < OLD + 300 * S; at += 30 * S)
		(void)sched_run(w.sched, at);
	is_int((int64_t)size_of(&w, "a.example", &timed), 60 * 2,
	    "what is too old has left, but for what is on hold");
	is_int((int64_t)size_of(&w, SNAPSHOT_DSN_DOMAIN, &timed),
	    (int64_t)handed, "and what waits for the host");
	sched_walk_begin(&walk, w.sched);
	while ((q = sched_walk_next(&walk)) != NULL)
		sched_queue_take_all(w.sched, q, NULL, NULL, OLD);
	sched_walk_end(&walk);
	sched_totals(w.sched, &totals);
	is_int((int64_t)totals.handed, 0, "until it is gone");
	plain_owner_fini(&w.owner);
}

/* Queues go and come while a walk stands at them. */
static void
test_queues(void)
{
	struct world w;
	struct sched_walk walk;
	struct sched_take all = { is_wanted, on_taken, &w };
	struct sched_queue *q;
	unsigned n = 0;

	world_init(&w);
	w.modulus = 1;
	w.slice = 1;
	sched_walk_begin(&walk, w.sched);
	q = sched_walk_next(&walk);
	is_str(sched_queue_domain(q), "a.example", "the first");
	ok(!sched_walk_rcpts(&walk, on_rcpt, &w), "a slice of it");
	sched_queue_take_all(w.sched, q, NULL, NULL, 2 * S);
	(void)sched_run(w.sched, 2 * S);
	(void)sched_run(w.sched, 3600 * S); /* it is forgotten */
	ok(sched_walk_rcpts(&walk, on_rcpt, &w), "it has gone, and its rest");
	ok(sched_walk_take(&walk, &all, 10) &&
		!sched_walk_free_deferred(&walk, 10),
	    "nothing to take or to free");
	add(&w, "c.example", 50);
	while ((q = sched_walk_next(&walk)) != NULL)
		n++;
	is_int(n, 2, "the second, and one that came meanwhile");
	sched_walk_end(&walk);
	plain_owner_fini(&w.owner);
}

int
main(void)
{
	test_tell(1000000, false);
	test_tell(1, false);
	test_tell(7, true);
	test_take(1, 10);
	test_take(2, 1);
	test_take(3, 1000000);
	test_take(7, 3);
	test_hold(1);
	test_hold(7);
	test_hold(1000000);
	test_hand(1);
	test_hand(1000000);
	test_release_old();
	test_queues();
	return done_testing();
}

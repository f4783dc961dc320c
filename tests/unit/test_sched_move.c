/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mail that changes its queue keeps its order, its times and its attempts, and
 * nothing of it is lost or there twice, whatever else happens meanwhile; no
 * round moves more than a thousand recipients.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "tests/support/fake_conf.h"
#include "tests/support/plain_owner.h"
#include "tests/tap.h"
#include "vmta/sched_priv.h"
#include "vmta/vqueue_move.h"

#define S US_PER_S

enum { MESSAGES = 3000, RCPTS = 3, VMTAS = 3, SEEN = 20000 };

static const char *const vmtas[VMTAS] = { "x", "y", "z" };

struct world {
	struct plain_owner owner;
	struct sched *sched; /* the owner's */
	uint64_t next_id;
	unsigned random;
	unsigned wrong;           /* not as it was submitted */
	bool one_job;             /* all mail is of one, or they take turns */
	bool some_verp;           /* every third message goes out one by one */
	unsigned alone, together; /* grants of those; of several recipients */
	unsigned met[MESSAGES + 1][RCPTS];
	unsigned at[VMTAS];   /* recipients there */
	uint64_t order[SEEN]; /* messages as they were granted */
	size_t granted;
};

static struct world w;
static const char *rcpts_max = "1";

static void
must(int rc)
{
	CHECK(rc == 0);
}

static unsigned
some(unsigned below)
{
	w.random = w.random * 1103515245U + 12345U;
	return (w.random >> 8) % below;
}

/* A pool of all; reroute: all mail of a.example goes there, or NULL. */
static struct snapshot *
conf_of(const char *reroute)
{
	struct snapshot *c = fake_conf_new();
	char line[100];
	struct err e;

	for (int i = 0; i < VMTAS; i++) {
		(void)snprintf(line, sizeof(line),
		    "virtual-mta %s { smtp-source-host 127.0.0.%d h.example }",
		    vmtas[i], i + 2);
		must(fake_conf_line(c, line, &e));
		(void)snprintf(line, sizeof(line),
		    "virtual-mta-pool p { virtual-mta %s }", vmtas[i]);
		must(fake_conf_line(c, line, &e));
	}
	must(fake_conf_domain(c, "*", "max-rcpt-per-message", rcpts_max, &e));
	if (reroute != NULL)
		must(fake_conf_domain(c, "a.example", "reroute-to-virtual-mta",
		    reroute, &e));
	return c;
}

static void
reload(const char *reroute)
{
	struct snapshot *c = conf_of(reroute);

	sched_reload(w.sched, c, w.owner.now_us);
	snapshot_unref(&c);
}

static void
pause_all(bool paused)
{
	const struct sched_pause all = { "*", "*", paused };
	struct err e;

	must(sched_pause(w.sched, &all, &e));
}

static bool
is_one_by_one(uint64_t id)
{
	return w.some_verp && id % 3 == 0;
}

static void
on_grant(void *ctx, const struct sched_conn *c)
{
	const struct grant *g = &c->grant->pub;

	(void)ctx;
	CHECK(w.granted < SEEN);
	w.order[w.granted++] = g->msg->id;
	w.alone += is_one_by_one(g->msg->id);
	w.together += g->count > 1;
}

static void
world_init(const char *reroute)
{
	struct snapshot *c = conf_of(reroute);

	memset(&w, 0, sizeof(w));
	w.random = 7;
	plain_owner_init(&w.owner, c, S);
	w.owner.on_grant = on_grant;
	w.sched = w.owner.sched;
	snapshot_unref(&c);
	pause_all(true);
}

/* What is submitted under a number: the same whenever it is asked. */
static struct sched_rcpt_in
rcpt_of(uint64_t id, uint32_t n)
{
	struct sched_rcpt_in in = { .n = n,
		.domain = "a.example",
		.vmta = "x",
		.priority = id % 5 == 0 ? 90 : 50,
		.queued_us = S / 2 + (int64_t)(id * 7919 % 1000),
		.job = id % 2 == 0 && !w.one_job ? "even" : "odd",
		.by_pool = id % 7 == 0,
		.one_by_one = is_one_by_one(id) };

	if ((id + n) % 3 == 0) {
		in.attempts = (uint16_t)(1 + id % 4);
		in.due_us = 3600 * S + (int64_t)(id * 104729 % 997) * S;
	} else if (in.one_by_one && id % 2 == 0) {
		in.due_us = 3000 * S + (int64_t)id * S; /* side by side */
	}
	return in;
}

static void
submit(unsigned messages)
{
	for (unsigned i = 0; i < messages; i++) {
		struct message_loc loc = { .segment = 1,
			.env_len = 10,
			.body_len = 2048 };
		struct sched_rcpt_in in[RCPTS];
		struct message *m = message_at(++w.next_id, &loc);

		CHECK(w.next_id <= MESSAGES);
		for (uint32_t n = 0; n < RCPTS; n++)
			in[n] = rcpt_of(w.next_id, n);
		sched_add(w.sched, m, in, RCPTS, w.owner.now_us);
		message_unref(&m);
	}
}

static int
index_of(const char *vmta)
{
	for (int i = 0; i < VMTAS; i++)
		if (strcmp(vmtas[i], vmta) == 0)
			return i;
	CHECK_NEVER("another virtual MTA");
	return 0;
}

static bool
on_rcpt(void *ctx, const struct sched_rcpt_info *info)
{
	struct sched_rcpt_in in = rcpt_of(info->id, info->n);

	(void)ctx;
	w.met[info->id][info->n]++;
	w.at[index_of(info->vmta)]++;
	if (info->attempts != in.attempts ||
	    (!info->granted && info->due_us != in.due_us) ||
	    info->queued_us != in.queued_us || strcmp(info->job, in.job) != 0 ||
	    strcmp(info->domain, "a.example") != 0)
		w.wrong++;
	return true;
}

/* Goes through all; do the sums of queues and of the backlog say the same? */
static bool
look(void)
{
	struct backlog_sums sums = { 0 };
	struct sched_walk walk;
	struct sched_queue *q;

	memset(w.met, 0, sizeof(w.met));
	memset(w.at, 0, sizeof(w.at));
	sched_walk_begin(&walk, w.sched);
	while ((q = sched_walk_next(&walk)) != NULL) {
		while (!sched_walk_rcpts(&walk, on_rcpt, NULL))
			;
		sums.rcpts += q->rcpts;
		sums.ready += q->ready + q->aside;
		sums.granted += q->granted;
		sums.bytes += q->bytes;
		w.wrong += q->rcpts !=
		    q->ready + q->aside + q->granted + q->deferred.n;
	}
	sched_walk_end(&walk);
	return memcmp(&sums, &w.sched->backlog.sums, sizeof(sums)) == 0;
}

/* Of those that have not left: how many are not there just once? */
static unsigned
not_once(void)
{
	unsigned n = 0;

	for (uint64_t id = 1; id <= w.next_id; id++)
		for (uint32_t i = 0; i < RCPTS; i++)
			n += w.met[id][i] != 1;
	return n;
}

/* Until nothing moves any more; returns the rounds that took. */
static unsigned
settle(void)
{
	unsigned rounds = 0;

	while (sched_run(w.sched, w.owner.now_us) <= w.owner.now_us &&
	    rounds < 1000)
		rounds++;
	return rounds;
}

/* Lets what is being sent end. */
static void
drain(void)
{
	pause_all(true);
	for (int i = 0; i < 1000; i++) {
		w.owner.now_us += US_PER_MS;
		(void)plain_owner_answer(&w.owner);
		(void)sched_run(w.sched, w.owner.now_us);
	}
}

/* ---- all of it ------------------------------------------------------------ */

static void
test_all(void)
{
	const struct move_from *from;
	struct sched_queue *q;
	unsigned most = 0, before = 0;

	world_init(NULL);
	submit(MESSAGES);
	(void)settle();
	reload("y");
	for (int i = 0; i < 100; i++) {
		(void)sched_run(w.sched, w.owner.now_us);
		(void)look();
		if (w.at[1] - before > most)
			most = w.at[1] - before;
		before = w.at[1];
	}
	ok(most <= VQUEUE_MOVE_MAX, "at most a thousand in a round (%u)", most);
	is_int(w.at[1], MESSAGES * RCPTS, "in the end all of it has moved");
	ok(look(), "sums are true");
	is_int(not_once(), 0, "each recipient is there once");
	is_int(w.wrong, 0, "with its time, its attempts, its age and its job");
	q = sched_queue_get(w.sched, "a.example", "y", S);
	is_int((int64_t)sched_move_from(w.sched, q, &from), 1,
	    "the queue knows whose mail came");
	is_str(from->vmta->name, "x", "namely whose");
	is_int((int64_t)from->rcpts, MESSAGES * RCPTS, "how much of it");
	ok(from->way == REROUTE_ALWAYS, "and why");
	ok(q->bytes / 2048 <= 2 * MESSAGES,
	    "a message counts at most for what waits its turn and for what "
	    "waits for its time");
	plain_owner_fini(&w.owner);
}

/* Order: as if it had been submitted there. */
static void
test_order(void)
{
	static uint64_t wanted[SEEN];
	size_t count = 0;

	for (int moved = 0; moved < 2; moved++) {
		world_init(moved == 1 ? NULL : "y");
		w.one_job = true;
		submit(500);
		if (moved == 1) {
			(void)settle();
			reload("y");
		}
		(void)settle();
		pause_all(false);
		for (int i = 0; i < 100000 && w.owner.grants < 1000; i++) {
			w.owner.now_us += US_PER_MS;
			(void)plain_owner_answer(&w.owner);
			(void)sched_run(w.sched, w.owner.now_us);
		}
		if (moved == 0) {
			count = w.granted;
			memcpy(wanted, w.order, sizeof(wanted));
		}
		drain();
		if (moved == 1) {
			is_int((int64_t)w.granted, (int64_t)count,
			    "as many grants");
			ok(memcmp(wanted, w.order, sizeof(wanted)) == 0,
			    "in the order in which they would have been");
		}
		plain_owner_fini(&w.owner);
	}
	ok(count > 300, "which were some (%zu)", count);
}

/* A recipient that goes alone does so in the other queue, too. */
static void
test_one_by_one(void)
{
	rcpts_max = "3";
	world_init(NULL);
	w.some_verp = true;
	submit(900);
	(void)settle();
	reload("y");
	(void)settle();
	is_int((int64_t)sched_queue_get(w.sched, "a.example", "y", S)->rcpts,
	    900 * RCPTS, "all of it has moved");
	pause_all(false);
	w.owner.now_us = 5000 * S; /* all are due */
	for (int i = 0; i < 100000 && w.owner.grants < 1500; i++) {
		w.owner.now_us += US_PER_MS;
		(void)plain_owner_answer(&w.owner);
		(void)sched_run(w.sched, w.owner.now_us);
	}
	drain();
	is_int(w.alone, 300 * RCPTS, "a grant for each recipient of those");
	ok(w.together >= 600, "of others several go together (%u)", w.together);
	plain_owner_fini(&w.owner);
	rcpts_max = "1";
}

/* ---- what a pool gave ----------------------------------------------------- */

static unsigned
by_pool(void)
{
	unsigned n = 0;

	for (uint64_t id = 1; id <= w.next_id; id++)
		n += rcpt_of(id, 0).by_pool ? RCPTS : 0;
	return n;
}

static void
lose(int vmta, bool lost)
{
	struct net_addr a;
	struct err e;
	char text[20];

	(void)snprintf(text, sizeof(text), "127.0.0.%d", vmta + 2);
	must(net_addr_parse(slice_of(text), &a, &e));
	sched_source_lost(w.sched, &a, lost);
}

static void
test_overflow(void)
{
	unsigned mine;

	world_init(NULL);
	submit(1000);
	(void)settle();
	lose(0, true);
	(void)settle();
	ok(look(), "sums are true");
	is_int(w.at[0], 1000 * RCPTS - by_pool(),
	    "what was given to the virtual MTA itself stays");
	ok(w.at[1] > by_pool() / 3 && w.at[2] > by_pool() / 3,
	    "what the pool gave goes by both of the others (%u, %u)", w.at[1],
	    w.at[2]);
	submit(700);
	ok(look(), "sums are true");
	is_int(w.at[0], 1700 * RCPTS - by_pool(), "likewise what comes");
	mine = w.at[0];
	lose(0, false);
	(void)settle();
	submit(70);
	ok(look(), "sums are true");
	is_int(w.at[0], mine + 70 * RCPTS,
	    "when the source is back new mail stays, and nothing moves back");
	for (int i = 0; i < VMTAS; i++)
		lose(i, true);
	(void)settle();
	submit(70);
	(void)look();
	is_int(w.at[0], mine + 140 * RCPTS, "without any source nothing moves");
	is_int(not_once(), 0, "each recipient is there once");
	is_int(w.wrong, 0, "as it was");
	plain_owner_fini(&w.owner);
}

/* Of the pool; its queue. */
static struct sched_queue *
submit_to(const char *domain)
{
	struct message *m = message_at(MESSAGES + 1,
	    &(struct message_loc){ 0 });
	const struct sched_rcpt_in in = { .domain = domain,
		.vmta = "x",
		.by_pool = true };

	sched_add(w.sched, m, &in, 1, w.owner.now_us);
	message_unref(&m);
	return sched_queue_get(w.sched, domain, "x", w.owner.now_us);
}

/* What changes while a queue is gone through is not in the way of others. */
static void
test_again(void)
{
	struct sched_queue *a, *b;

	world_init(NULL);
	submit(1500);
	(void)settle();
	a = sched_queue_get(w.sched, "a.example", "x", w.owner.now_us);
	b = submit_to("b.example");
	lose(0, true);
	for (int i = 0; i < 30; i++) {
		(void)sched_run(w.sched, w.owner.now_us);
		sched_move_look(w.sched, a);
	}
	ok(a->rcpts > 0, "some stay, and may always be looked at again");
	is_int((int)b->rcpts, 0, "the other queue's have gone meanwhile");
	plain_owner_fini(&w.owner);
}

/* ---- beside everything else ----------------------------------------------- */

static bool
wants_some(void *ctx, const struct sched_rcpt_info *info)
{
	(void)ctx;
	return info->id % 11 == 3;
}

static void
on_taken(void *ctx, struct sched_queue *q, struct message *m, uint32_t n,
    uint16_t attempts)
{
	unsigned *taken = ctx;

	(void)q;
	(void)n;
	(void)attempts;
	*taken += m->id % 11 == 3 ? 1 : 100000;
}

/* Walks, orders, deliveries and moves in any order. */
static void
test_random(void)
{
	const struct sched_take take = { wants_some, on_taken, NULL };
	struct sched_take counted = take;
	struct sched_totals totals;
	struct sched_walk walk;
	unsigned taken = 0, untrue = 0;
	uint64_t delivered = 0;

	world_init(NULL);
	counted.ctx = &taken;
	sched_walk_begin(&walk, w.sched);
	for (int i = 0; i < 3000; i++) {
		switch (some(8)) {
		case 0:
			submit(w.next_id + 9 < MESSAGES ? some(9) : 0);
			break;
		case 1:
			if (some(8) == 0)
				reload(
				    some(4) == 0 ? NULL : vmtas[some(VMTAS)]);
			break;
		case 2:
			lose((int)some(VMTAS), some(2) == 0);
			break;
		case 3:
			pause_all(some(3) > 0);
			break;
		case 4:
			if (sched_walk_take(&walk, &counted, 5))
				(void)sched_walk_next(&walk);
			break;
		case 5:
			if (walk.queue == NULL && walk.next == NULL) {
				sched_walk_end(&walk);
				sched_walk_begin(&walk, w.sched);
			}
			(void)sched_walk_free_deferred(&walk, 2);
			break;
		default:
			w.owner.now_us += 10 * US_PER_MS;
			(void)plain_owner_answer(&w.owner);
			break;
		}
		(void)sched_run(w.sched, w.owner.now_us);
		untrue += !look();
	}
	sched_walk_end(&walk);
	drain();
	(void)look();
	sched_totals(w.sched, &totals);
	for (uint64_t id = 1; id <= w.next_id; id++)
		for (uint32_t n = 0; n < RCPTS; n++)
			delivered += w.met[id][n] == 0;
	is_int((int64_t)untrue, 0, "sums are true after each step");
	is_int((int64_t)(totals.rcpts + delivered), (int64_t)w.next_id * RCPTS,
	    "each recipient is there, or has left");
	ok(taken > 100 && taken < 100000, "deleted were those wanted (%u)",
	    taken);
	ok(delivered - taken > 500, "and some were delivered (%d)",
	    (int)(delivered - taken));
	plain_owner_fini(&w.owner);
}

int
main(void)
{
	test_all();
	test_order();
	test_one_by_one();
	test_overflow();
	test_again();
	test_random();
	is_int(fake_conf_alive(), 0, "no configuration is left");
	return done_testing();
}

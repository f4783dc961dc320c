/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where others wait as well, each is told what it can rely on: who is next
 * when it goes, the others their place and when they go at the earliest, and
 * every reason names a time or what ends it.  So it is at a scope that queues
 * share, and with a job's or a user's limit, of a queue and of a recipient.
 */
#include "vmta/sched_why.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "tests/support/fake_conf.h"
#include "tests/support/sim.h"
#include "tests/tap.h"
#include "vmta/sched_walk.h"

enum { DOMAINS = 3, FOUND = 32 };

static const char *const domains[DOMAINS] = { "a.example", "b.example",
	"c.example" };

/* Reasons of one kind of scope, of all queues or recipients. */
struct found {
	enum scope_kind scope;
	const char *domain; /* of the queue that is being asked */
	unsigned endless;   /* of any kind: neither a time nor words */
	size_t n;
	struct {
		const char *domain;
		struct why why;
	} v[FOUND];
};

static void
on_why(void *ctx, const struct why *w)
{
	struct found *f = ctx;

	f->endless += w->kind != WHY_ROOM && w->until_us == INT64_MAX &&
	    why_ends(w)[0] == '\0';
	if ((w->kind != WHY_LIMIT && w->kind != WHY_TURN) ||
	    w->scope != f->scope)
		return;
	CHECK(f->n < FOUND);
	f->v[f->n].domain = f->domain;
	f->v[f->n++].why = *w;
}

struct telling {
	struct sim *sim;
	struct sched_queue *queue;
	struct found *found;
};

struct count_asked {
	unsigned n;
};

static void
count_aside(void *ctx, const struct why *w)
{
	struct count_asked *c = ctx;

	c->n += w->kind == WHY_LIMIT && w->scope == SCOPE_JOB;
}

static bool
on_rcpt(void *ctx, const struct sched_rcpt_info *info)
{
	struct telling *t = ctx;

	sched_why_rcpt(t->sim->sched, t->queue, info, t->sim->now_us, on_why,
	    t->found);
	return true;
}

/* What is told of all queues (or of their recipients) with such a scope. */
static void
ask(struct sim *sim, enum scope_kind scope, bool rcpts, struct found *f)
{
	struct sched_walk walk;
	struct sched_queue *q;

	*f = (struct found){ .scope = scope };
	sched_walk_begin(&walk, sim->sched);
	while ((q = sched_walk_next(&walk)) != NULL) {
		struct telling t = { sim, q, f };

		f->domain = sched_queue_domain(q);
		if (rcpts)
			CHECK(sched_walk_rcpts(&walk, on_rcpt, &t));
		else
			sched_why_queue(sim->sched, q, sim->now_us, on_why, f);
	}
	sched_walk_end(&walk);
}

static struct sim *
begin(const char *const *lines)
{
	struct sim *sim = mem_new(struct sim);
	struct snapshot *conf = fake_conf_new();
	struct err e;

	for (; *lines != NULL; lines++)
		CHECK(fake_conf_line(conf, *lines, &e) == 0);
	sim_init(sim, conf, 1);
	for (int i = 0; i < DOMAINS; i++) {
		struct sim_server *s = sim_server(sim, domains[i]);

		s->greeting_us = 50 * US_PER_MS;
		s->reply_us = 20 * US_PER_MS;
	}
	return sim;
}

static void
end(struct sim **sp)
{
	struct sim *sim = *sp;

	*sp = NULL;
	sim_fini(sim);
	free(sim);
}

static uint64_t
attempts(struct sim *sim, const char *domain, const char *vmta)
{
	return sim_count(sim, domain, vmta)->attempts;
}

/* ---- what was told comes true -------------------------------------------- */

/* One is promised a time; it goes then, and no other before it may. */
static void
check_told(struct sim *sim, const struct found *f, const char *vmta)
{
	int64_t asked_us = sim->now_us;
	unsigned promised = 0, kept = 0, early = 0, unplaced = 0;

	for (size_t i = 0; i < f->n; i++) {
		const struct why *w = &f->v[i].why;
		uint64_t before = attempts(sim, f->v[i].domain, vmta);
		int64_t at = w->until_us == INT64_MAX ? w->not_before_us :
							w->until_us;

		if (w->until_us != INT64_MAX)
			promised++;
		else
			unplaced += w->place < 2 || w->place > w->waiting ||
			    w->not_before_us <= asked_us;
		if (at > sim->now_us)
			sim_run(sim, at - sim->now_us - 1);
		early += attempts(sim, f->v[i].domain, vmta) != before;
		if (w->until_us == INT64_MAX)
			continue;
		sim_run(sim, US_PER_S);
		kept += attempts(sim, f->v[i].domain, vmta) > before;
	}
	is_int(promised, 1, "one is promised a time");
	is_int(kept, 1, "and goes then");
	is_int(early, 0, "none goes before its time");
	is_int(unplaced, 0, "the others know their place, and the earliest");
	is_int(f->endless, 0, "every reason has a time, or words");
}

static int
by_time(const void *a, const void *b)
{
	const struct why *x = a, *y = b;
	int64_t tx = x->until_us == INT64_MAX ? x->not_before_us : x->until_us;
	int64_t ty = y->until_us == INT64_MAX ? y->not_before_us : y->until_us;

	return tx < ty ? -1 : tx > ty;
}

/* The times of those who wait: one token's distance apart, at least. */
static void
check_spread(const struct found *f, int64_t distance_us)
{
	struct why sorted[FOUND];
	unsigned close = 0;

	for (size_t i = 0; i < f->n; i++)
		sorted[i] = f->v[i].why;
	qsort(sorted, f->n, sizeof(sorted[0]), by_time);
	for (size_t i = 1; i < f->n; i++)
		close += sorted[i].not_before_us <
			sorted[i - 1].not_before_us + distance_us &&
		    sorted[i - 1].until_us == INT64_MAX;
	is_int(close, 0, "a token each");
}

/* Who is told of a limit may be told of its turn as well. */
static void
keep_limits(struct found *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].why.kind == WHY_LIMIT)
			f->v[n++] = f->v[i];
	f->n = n;
}

static void
test_shared(void)
{
	static const char *const lines[] = {
		"virtual-mta v1 { max-smtp-msg-rate 1/10s }",
		"domain * { connection-idle-timeout 1h }", NULL
	};
	struct sim *sim = begin(lines);
	struct found f;

	for (int i = 0; i < DOMAINS; i++)
		sim_submit(sim,
		    &(struct sim_submit){ .domain = domains[i],
			.vmta = "v1",
			.messages = 20,
			.rcpts = 1 });
	sim_run(sim, 65 * US_PER_S);
	ask(sim, SCOPE_VMTA, false, &f);
	keep_limits(&f);
	is_int((int64_t)f.n, DOMAINS, "each queue for its rate");
	check_spread(&f, 9 * US_PER_S);
	check_told(sim, &f, "v1");
	end(&sim);
}

static void
test_payer(enum scope_kind scope, const char *line, const char *job,
    const char *user)
{
	const char *const lines[] = { line,
		"domain * { connection-idle-timeout 1h }", NULL };
	struct sim *sim = begin(lines);
	struct found f;

	for (int i = 0; i < DOMAINS; i++) {
		sim_submit(sim,
		    &(struct sim_submit){ .domain = domains[i],
			.vmta = "",
			.messages = 20,
			.rcpts = 1,
			.job = job,
			.user = user });
	}
	sim_run(sim, 65 * US_PER_S);
	ask(sim, scope, false, &f);
	is_int((int64_t)f.n, DOMAINS, why_scope_word(scope));
	check_spread(&f, 9 * US_PER_S);
	check_told(sim, &f, "");
	end(&sim);
}

/* A recipient whose message is all that its job has in the queue. */
static void
test_rcpt(void)
{
	static const char *const lines[] = { "job news { max-msg-rate 1/10s }",
		"domain * { connection-idle-timeout 1h }", NULL };
	struct sim *sim = begin(lines);
	struct found f;

	for (int i = 0; i < 2; i++) {
		sim_submit(sim,
		    &(struct sim_submit){ .domain = domains[0],
			.vmta = "",
			.messages = 1,
			.rcpts = 1,
			.job = "news" });
		sim_run(sim, US_PER_S);
	}
	ask(sim, SCOPE_JOB, true, &f);
	is_int((int64_t)f.n, 1, "one waits for its job");
	check_told(sim, &f, "");
	for (int i = 0; i < 3; i++)
		sim_submit(sim,
		    &(struct sim_submit){ .domain = domains[0],
			.vmta = "",
			.messages = 1,
			.rcpts = 1,
			.job = "news" });
	sim_run(sim, US_PER_S);
	ask(sim, SCOPE_JOB, true, &f);
	is_int((int64_t)f.n, 3, "three do");
	for (size_t i = 0; i < f.n; i++)
		ok(f.v[i].why.until_us == INT64_MAX &&
			f.v[i].why.not_before_us > sim->now_us,
		    "which of them goes next is not promised");
	end(&sim);
}

/* Mail of very many jobs in one queue does not keep the scheduler busy. */
static void
test_many_jobs(void)
{
	enum { JOBS = WHY_ASIDES + 50 };
	static const char *const lines[] = { "job * { max-msg-rate 1/h }",
		"domain * { connection-idle-timeout 1h }", NULL };
	static char names[JOBS][16];
	struct sim *sim = begin(lines);
	struct sched_walk walk;
	struct count_asked all = { 0 };

	for (int i = 0; i < 2 * JOBS; i++) {
		(void)snprintf(names[i % JOBS], sizeof(names[0]), "job%d",
		    i % JOBS);
		sim_submit(sim,
		    &(struct sim_submit){ .domain = domains[0],
			.vmta = "",
			.messages = 1,
			.rcpts = 1,
			.job = names[i % JOBS] });
	}
	sim_run(sim, 120 * US_PER_S);
	sched_walk_begin(&walk, sim->sched);
	sched_why_queue(sim->sched, sched_walk_next(&walk), sim->now_us,
	    count_aside, &all);
	sched_walk_end(&walk);
	is_int(all.n, WHY_ASIDES, "so many jobs are told of a queue");
	end(&sim);
}

/* ---- an address of ours -------------------------------------------------- */

static void
test_source(void)
{
	static const char *const lines[] = {
		"virtual-mta v1 { smtp-source-host 127.0.0.2 a.example }",
		"domain a.example { source-ip-max-msg-rate 127/8 1/20s }", NULL
	};
	struct sim *sim = begin(lines);
	struct net_addr ours, other;
	struct sched_walk walk;
	struct sched_queue *q;
	struct found f = { .scope = SCOPE_SOURCE };
	unsigned known = 0, wrong = 0;
	struct err e;

	CHECK(net_addr_parse(slice_of("127.0.0.2"), &ours, &e) == 0);
	CHECK(net_addr_parse(slice_of("127.0.0.3"), &other, &e) == 0);
	for (int i = 0; i < DOMAINS; i++)
		sim_submit(sim,
		    &(struct sim_submit){ .domain = domains[i],
			.vmta = "v1",
			.messages = 3,
			.rcpts = 1 });
	sim_run(sim, 5 * US_PER_S);
	sched_walk_begin(&walk, sim->sched);
	while ((q = sched_walk_next(&walk)) != NULL) {
		f.domain = sched_queue_domain(q);
		known += sched_why_source(q, &ours, sim->now_us, on_why, &f);
		wrong += sched_why_source(q, &other, sim->now_us, on_why, &f);
	}
	sched_walk_end(&walk);
	is_int(known, 1, "one queue has limits of the address");
	is_int(wrong, 0, "and none of another address");
	is_int((int64_t)f.n, 1, "it is reached");
	ok(f.n == 1 && f.v[0].why.used == 1 && f.v[0].why.max == 1 &&
		f.v[0].why.until_us > sim->now_us,
	    "with its numbers and its end");
	ok(!sched_why_scope(sim->sched, SCOPE_SOURCE, "127.0.0.2", sim->now_us,
	       on_why, &f),
	    "no door looks at all queues in one go");
	end(&sim);
}

int
main(void)
{
	test_shared();
	test_payer(SCOPE_JOB, "job news { max-msg-rate 1/10s }", "news", NULL);
	test_payer(SCOPE_USER, "smtp-user anna { max-msg-rate 1/10s }", NULL,
	    "anna");
	test_rcpt();
	test_many_jobs();
	test_source();
	is_int(fake_conf_alive(), 0, "no configuration is left");
	return done_testing();
}

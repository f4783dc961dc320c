/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sim starts anew: one scheduler ends, or is cut off, what it had queued
 * goes to the next, and the clock may have been set meanwhile.
 */
#include "tests/support/sim_priv.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/message.h"
#include "vmta/sched_keep.h"
#include "vmta/sched_walk.h"

struct kept { /* a recipient that outlives the scheduler */
	struct message *msg;
	struct sched_rcpt_in in;
};

struct kept_list {
	struct sim *sim;
	size_t n, cap;
	struct kept *v;
};

static bool
keep(void *ctx, const struct sched_rcpt_info *info)
{
	struct kept_list *l = ctx;
	const struct sim_mail *mail = &l->sim->mail[info->id];
	const struct sim_count *names = sim_count(l->sim, info->domain,
	    mail->vmta);

	CHECK(!info->granted);
	if (l->n == l->cap) {
		l->cap = l->cap * 2 + 64;
		l->v = mem_realloc(l->v, l->cap * sizeof(*l->v));
	}
	l->v[l->n] = (struct kept){ sched_rcpt_message(info),
		{ .n = info->n,
		    .domain = names->domain,
		    .vmta = names->vmta,
		    .priority = mail->priority,
		    .by_pool = mail->by_pool,
		    .is_left = true,
		    .attempts = info->attempts,
		    .due_us = info->due_us,
		    .queued_us = info->queued_us,
		    .job = mail->job,
		    .user = mail->user,
		    .spans = mail->spans } };
	l->n++;
	return true;
}

static int
by_message(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;

	if (x->msg->id != y->msg->id)
		return x->msg->id < y->msg->id ? -1 : 1;
	return x->in.n < y->in.n ? -1 : x->in.n > y->in.n;
}

static void
keep_all(struct kept_list *l)
{
	struct sched_walk walk;

	sched_walk_begin(&walk, l->sim->sched);
	while (sched_walk_next(&walk) != NULL)
		while (!sched_walk_rcpts(&walk, keep, l))
			;
	sched_walk_end(&walk);
	if (l->n > 0)
		qsort(l->v, l->n, sizeof(*l->v), by_message);
}

static void
give_back(struct kept_list *l)
{
	struct sched_rcpt_in *in = mem_array(UINT8_MAX, sizeof(*in));
	struct sim *sim = l->sim;

	for (size_t i = 0, n; i < l->n; i += n) {
		for (n = 0;
		     i + n < l->n && l->v[i + n].msg->id == l->v[i].msg->id;
		     n++) {
			CHECK(n < UINT8_MAX);
			in[n] = l->v[i + n].in;
		}
		sched_add(sim->sched, l->v[i].msg, in, n, sim->now_us);
	}
	for (size_t i = 0; i < l->n; i++)
		message_unref(&l->v[i].msg);
	free(l->v);
	free(in);
}

static bool
some_grant(const struct sim *sim)
{
	const struct sim_conn *c;

	TAILQ_FOREACH(c, &sim->conns, link)
	if (c->grant != NULL)
		return true;
	return false;
}

void
sim_grant_unused(struct sim *sim, struct sim_conn *c, bool written)
{
	uint32_t n = c->grant->count;
	struct sched_result *results = mem_array(n, sizeof(*results));

	for (uint32_t i = 0; i < n; i++) {
		results[i].fate = FATE_UNUSED;
		results[i].written = written;
	}
	sched_results(sim->sched, &c->grant, results, sim->now_us);
	free(results);
}

/* Everything that is on its way is lost. */
static void
cut(struct sim *sim)
{
	struct sim_conn *c;

	sim_events_drop(sim, NULL);
	while ((c = TAILQ_FIRST(&sim->conns)) != NULL) {
		if (c->grant != NULL)
			sim_grant_unused(sim, c, false);
		sim_conn_closed(sim, c);
	}
}

void
sim_step_clock(struct sim *sim, int64_t by_us, bool boots)
{
	sim->step_us += by_us;
	sim->disk.boots = (unsigned char)(sim->disk.boots + boots);
}

void
sim_restart(struct sim *sim, bool crash)
{
	struct kept_list list = { .sim = sim };

	sched_hold(sim->sched, true, sim->now_us);
	for (int i = 0; !crash && i < 36000 && some_grant(sim); i++)
		sim_run(sim, US_PER_S / 10);
	if (crash)
		sim_disk_cut(&sim->disk, sim_random(sim, 4));
	cut(sim);
	keep_all(&list);
	if (!crash) {
		sched_leases_end(sim->sched, sim->now_us);
		sched_keep_end(sim->sched, sim->now_us);
	}
	/* What a crashed one would still have said it never did. */
	sim_disk_cut(&sim->disk, crash ? 0 : SIZE_MAX);
	sched_free(&sim->sched);
	sim_mx_forget(&sim->mx);
	sim->now_us += sim->step_us;
	sim->disk.stepped_us += sim->step_us;
	sim->step_us = 0;
	sim_start(sim);
	give_back(&list);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/orders.h"

#include <string.h>

#include "lib/day.h"
#include "vmta/sched_standing.h"
#include "vmta/sched_walk.h"
#include "vmta/sched_warmup.h"

static const struct sched_reason order = { .text = "an order" };

/* pause or resume, also `job ID`; the names are patterns. */
static void
pause_queues(struct play *p, struct words *w, bool paused)
{
	struct target t;
	struct sched_pause what;
	struct err e;

	words_target(w, &t);
	if (strcmp(t.text, "job") == 0) {
		if (sched_pause_job(p->sim->sched, words_next(w), paused, &e) ==
		    -1)
			play_complain(p, "%s", e.text);
		return;
	}
	what = (struct sched_pause){ t.text, t.vmta == NULL ? "*" : t.vmta,
		paused };
	if (sched_pause(p->sim->sched, &what, &e) == -1)
		play_complain(p, "%s", e.text);
}

static void
play_pause(struct play *p, struct words *w)
{
	pause_queues(p, w, true);
}

static void
play_resume(struct play *p, struct words *w)
{
	pause_queues(p, w, false);
}

/* ---- queues that are there ----------------------------------------------- */

typedef void queue_fn(struct play *p, struct sched_queue *q,
    struct sched_walk *walk, const void *arg);

/* All of them that the next word names. */
static void
each_queue(struct play *p, struct words *w, queue_fn *fn, const void *arg)
{
	struct sched_walk walk;
	struct sched_queue *q;
	struct target t;
	unsigned found = 0;

	words_target(w, &t);
	sched_walk_begin(&walk, p->sim->sched);
	while ((q = sched_walk_next(&walk)) != NULL) {
		if ((t.domain != NULL &&
			strcmp(t.domain, sched_queue_domain(q)) != 0) ||
		    (t.vmta != NULL &&
			strcmp(t.vmta, sched_queue_vmta(q)) != 0))
			continue;
		found++;
		fn(p, q, &walk, arg);
	}
	sched_walk_end(&walk);
	if (found == 0)
		play_complain(p, "there is no such queue");
}

static void
schedule(struct play *p, struct sched_queue *q, struct sched_walk *walk,
    const void *arg)
{
	const bool *rcpts = arg;

	(void)sched_queue_schedule(p->sim->sched, q, p->sim->now_us);
	while (*rcpts && sched_walk_free_deferred(walk, 3))
		;
}

static void
play_schedule(struct play *p, struct words *w)
{
	bool rcpts = w->at + 1 < w->n &&
	    strcmp(w->v[w->at + 1], "recipients") == 0;

	each_queue(p, w, schedule, &rcpts);
}

static void
set_mode(struct play *p, struct sched_queue *q, struct sched_walk *walk,
    const void *arg)
{
	const bool *backoff = arg;

	(void)walk;
	if (*backoff)
		sched_queue_backoff(p->sim->sched, q, BACKOFF_NEVER, &order,
		    p->sim->now_us);
	else
		sched_queue_normal(p->sim->sched, q, &order, p->sim->now_us);
}

static void
play_mode(struct play *p, struct words *w)
{
	bool backoff = strcmp(words_next(w), "backoff") == 0;

	each_queue(p, w, set_mode, &backoff);
}

/* ---- source addresses ---------------------------------------------------- */

struct source_order {
	bool off;
	struct net_addr addr;
};

static bool
read_address(struct play *p, struct words *w, struct net_addr *out)
{
	struct err e;

	if (net_addr_parse(slice_of(words_next(w)), out, &e) == 0)
		return true;
	play_complain(p, "%s", e.text);
	return false;
}

static void
set_source(struct play *p, struct sched_queue *q, struct sched_walk *walk,
    const void *arg)
{
	const struct source_order *s = arg;

	(void)walk;
	if (s->off)
		(void)sched_queue_source_off(p->sim->sched, q, &s->addr,
		    STANDING_NEVER, &order, p->sim->now_us);
	else
		(void)sched_queue_source_on(p->sim->sched, q, &s->addr,
		    p->sim->now_us);
}

static void
play_source(struct play *p, struct words *w)
{
	struct source_order s = { .off = strcmp(words_next(w), "off") == 0 };

	if (read_address(p, w, &s.addr))
		each_queue(p, w, set_source, &s);
}

static void
play_lose(struct play *p, struct words *w)
{
	struct net_addr a;

	if (read_address(p, w, &a))
		sim_lose(p->sim, &a);
}

static void
play_find(struct play *p, struct words *w)
{
	struct net_addr a;

	if (read_address(p, w, &a))
		sim_find(p->sim, &a);
}

/* A local day of the calendar begins. */
static void
play_day(struct play *p, struct words *w)
{
	const char *text = words_next(w);
	uint32_t day;
	struct err e;

	if (day_parse(slice_of(text), &day, &e) == -1)
		play_complain(p, "%s", e.text);
	else
		sim_set_day(p->sim, day);
}

static void
play_complaints(struct play *p, struct words *w)
{
	uint64_t n = play_number(p, words_next(w));
	struct net_addr a;

	if (read_address(p, w, &a) &&
	    !sched_warmup_complaints(p->sim->sched, &a, words_next(w),
		(uint32_t)n))
		play_complain(p, "nothing is being warmed up there");
}

/* ---- the table ----------------------------------------------------------- */

bool
play_order(struct play *p, const char *verb, struct words *w)
{
	static const struct {
		const char *verb;
		void (*play)(struct play *p, struct words *w);
	} orders[] = {
		{ "complaints", play_complaints },
		{ "day", play_day },
		{ "find", play_find },
		{ "lose", play_lose },
		{ "mode", play_mode },
		{ "pause", play_pause },
		{ "resume", play_resume },
		{ "schedule", play_schedule },
		{ "source", play_source },
	};

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		if (strcmp(orders[i].verb, verb) != 0)
			continue;
		orders[i].play(p, w);
		p->sim->next_run_us = p->sim->now_us;
		return true;
	}
	return false;
}

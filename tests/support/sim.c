/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/sim.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/envelope.h"
#include "mail/message.h"
#include "tests/support/sim_priv.h"
#include "vmta/sched_warmup.h"

#define START_US (INT64_C(1000000) * US_PER_S) /* so that ages are positive */
#define DAY_US (INT64_C(86400) * US_PER_S)
#define EVENTS_MAX UINT64_C(20000000) /* no endless loops */

uint64_t
sim_random(struct sim *sim, uint64_t below)
{
	uint64_t x = sim->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	sim->random = x;
	return below == 0 ? 0 : x % below;
}

void
sim_init(struct sim *sim, struct snapshot *conf, uint64_t seed)
{
	*sim = (struct sim){ .now_us = START_US, .conf = conf };
	sim->random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	TAILQ_INIT(&sim->conns);
	sim->counts = mem_array(SIM_COUNTS, sizeof(struct sim_count));
	sim->rg = region_new();
	sim_disk_init(&sim->disk);
	sim_start(sim);
}

void
sim_fini(struct sim *sim)
{
	sched_hold(sim->sched, true, sim->now_us);
	for (int i = 0; i < 1000 && sim_sum(sim, NULL, NULL).open > 0; i++)
		sim_run(sim, 3600 * US_PER_S);
	CHECK(sim_sum(sim, NULL, NULL).open == 0 && sim->events.n == 0);
	sched_free(&sim->sched);
	sim_disk_fini(&sim->disk);
	sim_mx_fini(&sim->mx);
	snapshot_unref(&sim->conf);
	heap_fini(&sim->events);
	lost_fini(&sim->watched);
	free(sim->rcpts);
	free(sim->counts);
	free(sim->ended);
	free(sim->mail);
	region_free(&sim->rg);
}

void
sim_reload(struct sim *sim, struct snapshot *conf)
{
	sched_reload(sim->sched, conf, sim->now_us);
	snapshot_unref(&sim->conf);
	sim->conf = conf;
	sim->next_run_us = sim->now_us;
}

/* ---- mail ---------------------------------------------------------------- */

static struct message *
make_message(struct sim *sim, const struct sim_submit *what)
{
	struct message *m = message_new("", 0);

	m->id = ++sim->last_message;
	m->loc.body_len = what->size == 0 ? 1000 : what->size;
	if (m->id >= sim->state_cap) {
		size_t cap = sim->state_cap * 2 + 1024;

		sim->ended = mem_realloc(sim->ended, cap);
		sim->mail = mem_realloc(sim->mail, cap * sizeof(*sim->mail));
		memset(sim->ended + sim->state_cap, 0, cap - sim->state_cap);
		sim->state_cap = cap;
	}
	sim->mail[m->id] = (struct sim_mail){ .job = what->job,
		.user = what->user,
		.size = m->loc.body_len,
		.priority = what->priority };
	m->body = body_new(8);
	return m;
}

/* Whom a pool chooses, as at intake; counted as submitted there. */
static void
choose_vmta(struct sim *sim, const struct sim_submit *what,
    struct sim_mail *mail)
{
	const struct pool *pool = snapshot_pool(sim->conf, what->vmta);
	const char *vmta = what->vmta;
	struct sim_count *n;

	mail->by_pool = pool != NULL;
	if (pool != NULL)
		vmta = pool->vmtas[sim->pool_turn++ % pool->members.n]->name;
	n = sim_count(sim, what->domain,
	    strcmp(vmta, VMTA_DEFAULT) == 0 ? "" : vmta);
	n->submitted += what->rcpts;
	mail->vmta = n->vmta; /* lives as long as the sim */
}

void
sim_submit(struct sim *sim, const struct sim_submit *what)
{
	struct sched_rcpt_in *in = mem_array(UINT8_MAX, sizeof(*in));

	CHECK(what->rcpts > 0 && what->rcpts <= UINT8_MAX);
	for (uint32_t k = 0; k < what->messages; k++) {
		struct message *m = make_message(sim, what);
		struct sim_mail *mail = &sim->mail[m->id];

		choose_vmta(sim, what, mail);
		for (uint32_t i = 0; i < what->rcpts; i++) {
			in[i].n = i;
			in[i].domain = what->domain;
			in[i].vmta = mail->vmta;
			in[i].by_pool = mail->by_pool;
			in[i].priority = what->priority;
			in[i].queued_us = sim->now_us - what->age_us;
			in[i].job = what->job;
			in[i].user = what->user;
			in[i].room = what->room;
			in[i].one_by_one = what->one_by_one;
		}
		sim->ended[m->id] = (uint8_t)what->rcpts;
		sched_add(sim->sched, m, in, what->rcpts, sim->now_us);
		message_unref(&m);
	}
	free(in);
	sim->next_run_us = sim->now_us;
}

/* ---- the wheel ----------------------------------------------------------- */

void
sim_set_day(struct sim *sim, uint32_t day)
{
	sim->day = day;
	sim->day_ends_us = sim->now_us + DAY_US;
	sched_set_day(sim->sched, day, sim->day_ends_us, sim->now_us);
	sim->next_run_us = sim->now_us;
}

void
sim_run(struct sim *sim, int64_t for_us)
{
	int64_t end = sim->now_us + for_us;

	for (;;) {
		struct sim_event *ev;
		int64_t t = sim->next_run_us;

		if (sim_event_next(sim) < t)
			t = sim_event_next(sim);
		if (sim_disk_next(&sim->disk) < t)
			t = sim_disk_next(&sim->disk);
		if (sim->watch_us < t)
			t = sim->watch_us;
		if (sim_mx_next(&sim->mx) < t)
			t = sim_mx_next(&sim->mx);
		if (t > end)
			break;
		CHECK(t >= sim->now_us && sim->events_done < EVENTS_MAX);
		sim->now_us = t;
		while ((ev = sim_event_take(sim, t)) != NULL) {
			sim_handle(sim, ev);
			free(ev);
			sim->events_done++;
		}
		sim_watch(sim);
		while (sim_disk_next(&sim->disk) <= t)
			sim_disk_commit(&sim->disk, sim->sched, t);
		while (sim_mx_next(&sim->mx) <= t)
			sim_mx_answer(&sim->mx, sim->sched, t);
		sim->next_run_us = sched_run(sim->sched, t);
		CHECK(sched_stuck(sim->sched) == 0);
		sim->events_done++;
	}
	sim->now_us = end;
}

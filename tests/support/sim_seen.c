/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What receivers see of the sim: counts by queue, connections at once, a
 * record of every RCPT, and what a watcher is told; and the look-ups in them,
 * which know nothing of limits.
 */
#include "tests/support/sim_priv.h"

#include <stdio.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "mail/message.h"

/* ---- what is counted ----------------------------------------------------- */

struct sim_count *
sim_count(struct sim *sim, const char *domain, const char *vmta)
{
	struct sim_count *n;

	for (size_t i = 0; i < sim->count_count; i++) {
		n = &sim->counts[i];
		if (strcmp(n->domain, domain) == 0 &&
		    strcmp(n->vmta, vmta) == 0)
			return n;
	}
	CHECK(sim->count_count < SIM_COUNTS);
	n = &sim->counts[sim->count_count];
	sim->count_count++;
	(void)snprintf(n->domain, SIM_NAME, "%s", domain);
	(void)snprintf(n->vmta, SIM_NAME, "%s", vmta);
	return n;
}

struct sim_open *
sim_open(struct sim *sim, const char *vmta)
{
	if (sim->open_count == 0)
		sim->open_count = 1;
	if (vmta == NULL)
		return &sim->opens[0];
	for (size_t i = 1; i < sim->open_count; i++)
		if (strcmp(sim->opens[i].vmta, vmta) == 0)
			return &sim->opens[i];
	CHECK(sim->open_count < SIM_OPENS);
	sim->open_count++;
	(void)snprintf(sim->opens[sim->open_count - 1].vmta, SIM_NAME, "%s",
	    vmta);
	return &sim->opens[sim->open_count - 1];
}

void
sim_forget_most(struct sim *sim)
{
	for (size_t i = 0; i < sim->open_count; i++)
		sim->opens[i].most = sim->opens[i].now;
	for (size_t i = 0; i < sim->count_count; i++)
		sim->counts[i].most_open = sim->counts[i].open;
}

/* ---- what is seen -------------------------------------------------------- */

/* Tells the watcher; what is of a message if there is a grant. */
static void
tell(struct sim_conn *c, enum sim_seen_what what, uint64_t n)
{
	const struct sim *sim = c->sim;
	struct sim_seen seen = { .what = what,
		.at_us = sim->now_us - sim->disk.stepped_us,
		.since_us = sim->now_us - sim->disk.stepped_us,
		.domain = c->count->domain,
		.vmta = c->count->vmta,
		.source = &sched_conn_source(c->sched)->addr,
		.n = n };

	if (sim->watch == NULL)
		return;
	if (what == SIM_RCPTS || what == SIM_DELIVERED) {
		const struct sim_mail *m = &sim->mail[c->grant->msg->id];

		seen.job = m->job;
		seen.user = m->user;
		seen.since_us = c->granted_us - sim->disk.stepped_us;
	}
	sim->watch(sim->watcher, &seen);
}

static void
more_open(struct sim_open *o)
{
	o->now++;
	if (o->now > o->most)
		o->most = o->now;
}

/* One RCPT. */
static void
record(const struct sim_conn *c, uint32_t n)
{
	struct sim *sim = c->sim;
	struct sim_rcpt *r;

	if (sim->rcpt_count == sim->rcpt_cap) {
		sim->rcpt_cap = sim->rcpt_cap * 2 + 64;
		sim->rcpts = mem_realloc(sim->rcpts,
		    sim->rcpt_cap * sizeof(*r));
	}
	r = &sim->rcpts[sim->rcpt_count];
	sim->rcpt_count++;
	r->at_us = sim->now_us;
	r->domain = c->count->domain;
	r->vmta = c->count->vmta;
	r->source = sched_conn_source(c->sched)->addr;
	r->host = c->at == NULL ? "" : c->at->name;
	r->message = c->grant->msg->id;
	r->n = n;
	r->conn = sched_conn_id(c->sched);
}

void
sim_saw_open(struct sim_conn *c)
{
	struct sim_count *n = c->count;

	tell(c, SIM_OPENED, 1);
	n->opened++;
	n->open++;
	if (n->open > n->most_open)
		n->most_open = n->open;
	more_open(sim_open(c->sim, NULL));
	more_open(sim_open(c->sim, n->vmta));
}

void
sim_saw_address(struct sim_conn *c)
{
	more_open(sim_open(c->sim, c->at->addr));
}

void
sim_saw_no_address(struct sim_conn *c)
{
	if (c->at != NULL)
		sim_open(c->sim, c->at->addr)->now--;
	c->at = NULL;
}

void
sim_saw_rcpts(struct sim_conn *c)
{
	uint32_t wanted = sim_wanted(c);

	tell(c, SIM_RCPTS, wanted);
	for (uint32_t i = 0; i < c->grant->count; i++)
		if (!sim_is_suppressed(c, i))
			record(c, c->grant->rcpts[i].n);
	c->count->attempts += wanted;
}

void
sim_saw_delivery(struct sim_conn *c)
{
	tell(c, SIM_DELIVERED, c->sim->mail[c->grant->msg->id].size);
}

void
sim_saw_close(struct sim_conn *c)
{
	tell(c, SIM_CLOSED, 1);
	c->count->open--;
	sim_open(c->sim, NULL)->now--;
	sim_open(c->sim, c->count->vmta)->now--;
	sim_saw_no_address(c);
}

/* ---- asking -------------------------------------------------------------- */

static bool
fits(const char *domain, const char *vmta, const char *d, const char *v)
{
	return (domain == NULL || strcmp(domain, d) == 0) &&
	    (vmta == NULL || strcmp(vmta, v) == 0);
}

struct sim_count
sim_sum(const struct sim *sim, const char *domain, const char *vmta)
{
	struct sim_count sum = { 0 };

	for (size_t i = 0; i < sim->count_count; i++) {
		const struct sim_count *n = &sim->counts[i];

		if (!fits(domain, vmta, n->domain, n->vmta))
			continue;
		sum.submitted += n->submitted;
		sum.delivered += n->delivered;
		sum.failed += n->failed;
		sum.suppressed += n->suppressed;
		sum.expired += n->expired;
		sum.attempts += n->attempts;
		sum.open += n->open;
		sum.opened += n->opened;
		sum.most_open += n->most_open;
	}
	return sum;
}

uint64_t
sim_most_in(const struct sim *sim, const char *domain, const char *vmta,
    int64_t from_us, int64_t window_us)
{
	uint64_t in = 0, most = 0;
	size_t first = 0;

	while (first < sim->rcpt_count && sim->rcpts[first].at_us < from_us)
		first++;
	for (size_t i = first; i < sim->rcpt_count; i++) {
		const struct sim_rcpt *r = &sim->rcpts[i];

		if (!fits(domain, vmta, r->domain, r->vmta))
			continue;
		in++;
		for (; sim->rcpts[first].at_us <= r->at_us - window_us; first++)
			if (fits(domain, vmta, sim->rcpts[first].domain,
				sim->rcpts[first].vmta))
				in--;
		if (in > most)
			most = in;
	}
	return most;
}

uint64_t
sim_rcpts_in(const struct sim *sim, const char *domain, const char *vmta,
    int64_t from_us, int64_t to_us)
{
	uint64_t n = 0;

	for (size_t i = 0; i < sim->rcpt_count; i++) {
		const struct sim_rcpt *r = &sim->rcpts[i];

		n += r->at_us >= from_us && r->at_us < to_us &&
		    fits(domain, vmta, r->domain, r->vmta);
	}
	return n;
}

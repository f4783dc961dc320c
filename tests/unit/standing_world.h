/* SPDX-License-Identifier: Apache-2.0 */
/*
 * standing_world - one queue, a.example/v1, whose mail is taken as soon as it
 * is sent, for tests of how it stands: what was sent is in arrivals.h, what the
 * scheduler said of it in events.
 *
 * The test owns it, between begin() and finish(); it turns the clock with
 * pass().  While it holds, grants are not ended.
 */

#ifndef TESTS_UNIT_STANDING_WORLD_H
#define TESTS_UNIT_STANDING_WORLD_H

#include <stdio.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "mail/message.h"
#include "tests/support/fake_conf.h"
#include "tests/unit/arrivals.h"
#include "vmta/sched.h"
#include "vmta/sched_priv.h"
#include "vmta/sched_standing.h"

#define S US_PER_S
#define MIN (60 * S)
#define H (3600 * S)
#define NOW (1000 * H)
#define STEP_US (100 * US_PER_MS)

enum { CONNS = 64, EVENTS = 64 };

/* An owner for whom each connection is ready at once, each grant done. */
struct world {
	struct sched *sched;
	int64_t now;
	uint64_t last_id;
	struct sched_conn *opened[CONNS], *closing[CONNS];
	struct grant *grants[CONNS];
	unsigned opened_n, closing_n, grants_n;
	bool holds;       /* grants are not ended */
	uint32_t from[3]; /* grants by the last digit of the source */
	struct sched_queue *q;
	struct sched_conn *last; /* that was granted */
	enum sched_event_kind events[EVENTS];
	int64_t until[EVENTS];
	char why[160];
	unsigned events_n;
};

static inline void
on_open(void *ctx, struct sched_conn *c)
{
	struct world *w = ctx;

	CHECK(w->opened_n < CONNS);
	w->opened[w->opened_n++] = c;
	w->q = sched_conn_queue(c);
}

static inline void
on_grant(void *ctx, struct sched_conn *c, struct grant *g)
{
	struct world *w = ctx;
	uint8_t last = sched_conn_source(c)->addr.a[3];

	CHECK(w->grants_n < CONNS);
	w->grants[w->grants_n++] = g;
	w->last = c;
	w->from[last < 3 ? last : 0]++;
	arrive(w->now, g->count);
}

static inline void
on_close(void *ctx, struct sched_conn *c)
{
	struct world *w = ctx;

	CHECK(w->closing_n < CONNS);
	w->closing[w->closing_n++] = c;
}

static inline void
on_event(void *ctx, const struct sched_event *e)
{
	struct world *w = ctx;

	CHECK(w->events_n < EVENTS && strcmp(e->domain, "a.example") == 0);
	w->events[w->events_n] = e->kind;
	w->until[w->events_n++] = e->until_us;
	(void)snprintf(w->why, sizeof(w->why), "%s",
	    e->why == NULL ? "time" : e->why->text);
}

static inline void
on_expired(void *ctx, struct sched_queue *q, struct message *m, uint32_t n,
    uint16_t attempts)
{
	(void)ctx;
	(void)q;
	(void)m;
	(void)n;
	(void)attempts;
}

static inline struct snapshot *
conf_of(const char *const *lines)
{
	struct snapshot *conf = fake_conf_new();
	struct err e;

	for (; *lines != NULL; lines++)
		if (fake_conf_line(conf, *lines, &e) == -1) {
			(void)printf("# %s\n", e.text);
			CHECK_NEVER("a line of the test");
		}
	return conf;
}

static inline void
begin(struct world *w, const char *const *lines)
{
	static const struct sched_owner owner = { .open = on_open,
		.grant = on_grant,
		.close = on_close,
		.expired = on_expired,
		.event = on_event };
	struct snapshot *conf = conf_of(lines);

	seen_count = 0;
	*w = (struct world){ .now = NOW };
	w->sched = sched_new(conf, &owner, w, w->now);
	snapshot_unref(&conf);
}

#define BEGIN(w, ...) begin(w, (const char *const[]){ __VA_ARGS__, NULL })

/* Each of so many recipients. */
static inline void
mail(struct world *w, unsigned count, uint32_t rcpts)
{
	struct sched_rcpt_in in[64];

	CHECK(rcpts <= 64);
	for (unsigned i = 0; i < count; i++) {
		struct message *m = message_at(++w->last_id,
		    &(struct message_loc){ 0 });

		for (uint32_t n = 0; n < rcpts; n++)
			in[n] = (struct sched_rcpt_in){ .n = n,
				.domain = "a.example",
				.vmta = "v1",
				.queued_us = w->now };
		sched_add(w->sched, m, in, rcpts, w->now);
		message_unref(&m);
	}
}

static inline void
end_grants(struct world *w)
{
	struct sched_result done[64];
	struct grant *now[CONNS];
	unsigned n = w->grants_n;

	for (int i = 0; i < 64; i++)
		done[i] = (struct sched_result){ .written = true,
			.delivered = true };
	memcpy(now, w->grants, sizeof(now));
	w->grants_n = 0; /* each may be granted again */
	for (unsigned i = 0; i < n; i++) {
		struct grant *g = now[i];
		struct sched_conn *c = g->conn;

		sched_results(w->sched, &g, done, w->now);
		sched_ready(w->sched, c, w->now);
	}
}

static inline void
answer(struct world *w)
{
	while (w->opened_n > 0)
		sched_ready(w->sched, w->opened[--w->opened_n], w->now);
	if (!w->holds)
		end_grants(w);
	while (w->closing_n > 0)
		sched_closed(w->sched, &w->closing[--w->closing_n], w->now);
}

static inline void
pass(struct world *w, int64_t for_us)
{
	int64_t end = w->now + for_us;

	for (; w->now < end; w->now += STEP_US) {
		(void)sched_run(w->sched, w->now);
		answer(w);
	}
	(void)sched_run(w->sched, w->now);
}

static inline void
finish(struct world *w)
{
	sched_hold(w->sched, true, w->now);
	w->holds = false;
	for (int i = 0; i < 1000 && !TAILQ_EMPTY(&w->sched->conns); i++)
		pass(w, S);
	sched_free(&w->sched);
}

static inline uint32_t
conns(const struct world *w)
{
	struct sched_totals t;

	sched_totals(w->sched, &t);
	return t.conns;
}

static inline struct net_addr
address(uint8_t last)
{
	return (struct net_addr){ .family = AF_INET, .a = { 192, 0, 2, last } };
}

static const struct sched_reason order = { .text = "an order" };
static const struct sched_reason row = { "421 slow down", "config", 7 };

#define TWO_SOURCES \
	"virtual-mta v1 { smtp-source-host 192.0.2.1 a ; " \
	"smtp-source-host 192.0.2.2 b }"

#endif

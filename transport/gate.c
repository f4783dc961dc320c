/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/gate.h"

#include <event2/event.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/count.h"
#include "lib/flag.h"
#include "lib/log.h"

/*
 * While somebody waits, room is looked for so often: what ends a recipient or
 * frees space need not know that anybody waits.
 */
#define LOOK_WAITING_US 20000
#define LOOK_US US_PER_S

TAILQ_HEAD(line, gate_ticket);

struct gate {
	struct worker *main;
	struct gauge *places;
	struct pressure_limits limits;
	int64_t patience_us;
	int (*memory)(struct memory_use *m, struct err *e);
	struct event *timer;

	struct flag held;     /* nobody passes by himself; any thread */
	struct count refused; /* any thread */
	struct count ids;     /* likewise */

	struct line lines[GATE_STAGES];
	uint32_t waiting;
	size_t bytes;
	bool space_short;
	struct memory_use use;
	int64_t use_at_us; /* 0: never looked */
	bool memory_blind; /* it cannot be read: said once */
	int64_t closed_us; /* since then; 0: it is open */
	struct pressure pressure;
	uint64_t delayed;
};

/* ---- what it looks at ---------------------------------------------------- */

static uint32_t
wanted(const struct gate *g)
{
	const struct gate_ticket *t = TAILQ_FIRST(&g->lines[GATE_DATA]);

	if (t != NULL)
		return t->rcpts;
	return TAILQ_EMPTY(&g->lines[GATE_MAIL]) ? 0 : 1;
}

/*
 * Memory that was freed is not always given back: without a trim, what was
 * used once would shut the gate for good.
 */
static void
look_at_memory(struct gate *g, int64_t now_us)
{
	struct err e;

	if (g->use_at_us != 0 && now_us - g->use_at_us < LOOK_US)
		return;
	g->use_at_us = now_us;
	if (pressure_is_on(&g->pressure, PRESSURE_MEMORY))
		memory_trim();
	if (g->memory(&g->use, &e) == -1) {
		g->use = (struct memory_use){ 0 };
		if (!g->memory_blind)
			log_note(LOG_L_WARN, "back-pressure", "%s", e.text);
		g->memory_blind = true;
	}
}

static void
log_change(const struct gate *g, enum pressure_cause cause)
{
	bool on = pressure_is_on(&g->pressure, cause);
	uint64_t used, max;
	struct log_line l;

	pressure_numbers(&g->pressure, cause, &used, &max);
	log_begin(&l, on ? LOG_L_WARN : LOG_L_INFO, NULL, "back-pressure");
	log_str(&l, "state", on ? "on" : "off");
	log_str(&l, "limit", pressure_directive(cause));
	if (max > 0) {
		log_int(&l, "used", (int64_t)used);
		log_int(&l, "max", (int64_t)max);
	}
	log_int(&l, "waiting", g->waiting);
	log_end(&l);
}

/* Nobody passes by himself while a cause is on, or somebody waits. */
static void
set_held(struct gate *g)
{
	if (g->closed_us != 0 || g->waiting > 0 ||
	    pressure_first(&g->pressure) != PRESSURE_CAUSES)
		flag_raise(&g->held);
	else
		flag_lower(&g->held);
}

static void
look(struct gate *g, int64_t now_us)
{
	struct pressure_facts facts = { .wanted = wanted(g),
		.rcpts = gauge_inside(g->places),
		.space_short = g->space_short };
	unsigned changed;

	look_at_memory(g, now_us);
	facts.memory = g->use.used;
	facts.memory_all = g->use.all;
	changed = pressure_look(&g->pressure, &g->limits, &facts, now_us);
	for (unsigned i = 0; i < PRESSURE_CAUSES; i++)
		if ((changed & (1U << i)) != 0)
			log_change(g, (enum pressure_cause)i);
	set_held(g);
}

/* ---- the lines ----------------------------------------------------------- */

static void
on_answer(struct post *p)
{
	struct gate_ticket *t = post_owner(p, struct gate_ticket, post);

	t->done(t);
}

static void
tell(struct gate *g, struct gate_ticket *t, bool passed)
{
	t->passed = passed;
	if (!passed)
		count_add(&g->refused, 1);
	t->post.fn = on_answer;
	worker_post(t->worker, &t->post);
}

static void
answer(struct gate *g, struct gate_ticket *t, bool passed)
{
	TAILQ_REMOVE(&g->lines[t->stage], t, link);
	g->waiting--;
	g->bytes -= t->bytes;
	tell(g, t, passed);
}

/* More than can ever be there: a reload has lowered the limit. */
static bool
is_too_many(const struct gate *g, const struct gate_ticket *t)
{
	return g->limits.rcpts != 0 && t->rcpts > g->limits.rcpts;
}

static void
send_away(struct gate *g, int64_t now_us)
{
	for (unsigned i = 0; i < GATE_STAGES; i++) {
		struct gate_ticket *t, *next;

		for (t = TAILQ_FIRST(&g->lines[i]); t != NULL; t = next) {
			next = TAILQ_NEXT(t, link);
			if (t->until_us <= now_us || is_too_many(g, t))
				answer(g, t, false);
		}
	}
}

static uint32_t
max_places(const struct gate *g)
{
	return g->limits.rcpts == 0 ? UINT32_MAX : g->limits.rcpts;
}

/* Memory is no matter here: with a place the message leaves it. */
static void
serve_data(struct gate *g)
{
	struct gate_ticket *t;

	while (!g->space_short &&
	    (t = TAILQ_FIRST(&g->lines[GATE_DATA])) != NULL &&
	    gauge_take(g->places, t->rcpts, max_places(g)))
		answer(g, t, true);
}

/* Not more at once than there are places: each will want one at least. */
static void
serve_mail(struct gate *g)
{
	uint32_t inside = gauge_inside(g->places), max = max_places(g);
	struct gate_ticket *t;

	if (g->space_short || !TAILQ_EMPTY(&g->lines[GATE_DATA]) ||
	    pressure_is_on(&g->pressure, PRESSURE_MEMORY))
		return;
	while (
	    inside < max && (t = TAILQ_FIRST(&g->lines[GATE_MAIL])) != NULL) {
		inside++;
		answer(g, t, true);
	}
}

static void
arm(struct gate *g)
{
	struct timeval tv = { .tv_sec = 1 };

	if (g->waiting > 0)
		tv = (struct timeval){ .tv_usec = LOOK_WAITING_US };
	CHECK(event_add(g->timer, &tv) == 0);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct gate *g = arg;
	int64_t now_us = clock_us();

	(void)fd;
	(void)what;
	look(g, now_us);
	serve_data(g);
	serve_mail(g);
	send_away(g, now_us);
	set_held(g);
	arm(g);
}

/* ---- coming and going ---------------------------------------------------- */

static bool
is_full(const struct gate *g, const struct gate_ticket *t)
{
	return g->waiting >= GATE_LINE ||
	    (g->bytes > 0 && g->bytes + t->bytes > GATE_BYTES);
}

/* Who waits is first looked at by the timer, so that nobody goes in circles. */
static void
on_wait(struct post *p)
{
	struct gate_ticket *t = post_owner(p, struct gate_ticket, post);
	struct gate *g = t->gate;
	int64_t now_us = clock_us();

	if (t->until_us == 0)
		t->until_us = now_us + g->patience_us;
	if (t->until_us <= now_us || is_full(g, t) ||
	    (g->closed_us != 0 && t->stage == GATE_MAIL)) {
		tell(g, t, false);
		return;
	}
	TAILQ_INSERT_TAIL(&g->lines[t->stage], t, link);
	g->bytes += t->bytes;
	g->delayed++;
	flag_raise(&g->held);
	if (g->waiting++ == 0)
		arm(g);
}

void
gate_wait(struct gate *g, struct gate_ticket *t)
{
	CHECK(t->worker != NULL && t->done != NULL && t->stage < GATE_STAGES);
	t->gate = g;
	t->passed = false;
	t->id = count_next(&g->ids);
	t->post.fn = on_wait;
	worker_post(g->main, &t->post);
}

/*
 * By its number: the ticket may be answered, and be another's, by then.
 */
struct cancel {
	struct post post;
	struct gate *gate;
	uint64_t id;
};

static void
on_cancel(struct post *p)
{
	struct cancel *c = post_owner(p, struct cancel, post);
	struct gate *g = c->gate;
	bool found = false;

	for (unsigned i = 0; i < GATE_STAGES && !found; i++) {
		struct gate_ticket *t = TAILQ_FIRST(&g->lines[i]);

		while (t != NULL && t->id != c->id)
			t = TAILQ_NEXT(t, link);
		found = t != NULL;
		if (found)
			answer(g, t, false);
	}
	free(c);
}

void
gate_cancel(struct gate *g, const struct gate_ticket *t)
{
	struct cancel *c = mem_new(struct cancel);

	c->post.fn = on_cancel;
	c->gate = g;
	c->id = t->id;
	worker_post(g->main, &c->post);
}

bool
gate_pass(struct gate *g, enum gate_stage stage, uint32_t rcpts, uint32_t max)
{
	if (flag_is_up(&g->held))
		return false;
	if (stage == GATE_MAIL)
		return max == 0 || gauge_inside(g->places) < max;
	return gauge_take(g->places, rcpts, max == 0 ? UINT32_MAX : max);
}

void
gate_give_back(struct gate *g, uint32_t rcpts)
{
	gauge_give(g->places, rcpts);
}

void
gate_refused(struct gate *g)
{
	count_add(&g->refused, 1);
}

/* ---- what it is told ----------------------------------------------------- */

struct news {
	struct post post;
	struct gate *gate;
	enum store_space space;
};

static void
on_space(struct post *p)
{
	struct news *n = post_owner(p, struct news, post);

	n->gate->space_short = n->space != STORE_SPACE_OK;
	on_timer(-1, 0, n->gate);
	free(n);
}

void
gate_space(struct gate *g, enum store_space space)
{
	struct news *n = mem_new(struct news);

	/* At once, whatever main does. */
	if (space != STORE_SPACE_OK)
		flag_raise(&g->held);
	n->post.fn = on_space;
	n->gate = g;
	n->space = space;
	worker_post(g->main, &n->post);
}

void
gate_close(struct gate *g)
{
	struct gate_ticket *t;

	if (g->closed_us == 0)
		g->closed_us = clock_us();
	while ((t = TAILQ_FIRST(&g->lines[GATE_MAIL])) != NULL)
		answer(g, t, false);
	set_held(g);
}

void
gate_open(struct gate *g)
{
	g->closed_us = 0;
	on_timer(-1, 0, g);
}

void
gate_reload(struct gate *g, const struct global_conf *conf)
{
	g->limits.rcpts = conf->spool_max_rcpts;
	g->limits.memory_percent = conf->max_memory_percent;
	g->use_at_us = 0;
	on_timer(-1, 0, g);
}

void
gate_facts(struct gate *g, struct gate_facts *out)
{
	look(g, clock_us());
	*out = (struct gate_facts){ .pressure = &g->pressure,
		.closed_us = g->closed_us,
		.waiting = g->waiting,
		.delayed = g->delayed,
		.refused = count_read(&g->refused) };
}

/* ---- life ---------------------------------------------------------------- */

struct gate *
gate_new(const struct gate_options *opt)
{
	struct gate *g = mem_new(struct gate);

	g->main = opt->main;
	g->places = gauge_ref(opt->places);
	g->patience_us = opt->patience_us != 0 ?
	    opt->patience_us :
	    (int64_t)GATE_PATIENCE_S * US_PER_S;
	g->memory = opt->memory != NULL ? opt->memory : memory_read;
	for (unsigned i = 0; i < GATE_STAGES; i++)
		TAILQ_INIT(&g->lines[i]);
	g->timer = event_new(worker_base(g->main), -1, 0, on_timer, g);
	CHECK(g->timer != NULL);
	gate_reload(g, opt->conf);
	return g;
}

void
gate_free(struct gate **gp)
{
	struct gate *g = *gp;

	*gp = NULL;
	if (g == NULL)
		return;
	CHECK(g->waiting == 0);
	event_free(g->timer);
	gauge_unref(&g->places);
	free(g);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/judge.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"

enum { BUCKETS = 1024, STORIES = 3, STORY_EVENTS = 16 };

static const char *const scope_names[JUDGE_SCOPES] = { "process", "provider",
	"pool", "virtual MTA", "rollup", "queue", "source", "job", "user" };

/* What a kind counts, and how. */
static const struct {
	const char *name;
	enum judge_what counts;
	bool at_once;
} kinds[JUDGE_KINDS] = {
	[JUDGE_CONNS] = { "connections at once", JUDGE_OPENED, true },
	[JUDGE_CONNECTS] = { "connections opened", JUDGE_OPENED, false },
	[JUDGE_RAMPUP] = { "connections after the last", JUDGE_OPENED, false },
	[JUDGE_MSGS] = { "recipients", JUDGE_RCPT, false },
	[JUDGE_BYTES] = { "bytes", JUDGE_DELIVERED, false },
};

/* What counts over so long a period at most does not outlive the process. */
#define NOT_KEPT_US (10 * US_PER_S)

/* A limit as it was written at some time. */
struct term {
	int64_t from_us;
	int64_t known_us; /* it knows nothing from before */
	uint64_t max;     /* 0: none */
	int64_t period_us;
};

struct seen {
	int64_t at_us;
	uint64_t n;
	uint64_t total; /* with this one, from the beginning */
};

/* All that one limit has been and has seen. */
struct meter {
	struct meter *next; /* in its bucket, then in the judge's list */
	struct meter *all;
	enum judge_scope scope;
	enum judge_kind kind;
	char *name;
	size_t term_count, term_cap;
	struct term *terms;
	size_t seen_count, seen_cap;
	struct seen *seen;
	uint64_t open;
	/* Since judge_mark(): */
	uint64_t marked_total;
	double open_us; /* connections times time */
	int64_t changed_us;
};

struct judge {
	char *title;
	int64_t late_us;
	struct meter *buckets[BUCKETS];
	struct meter *all;
	int64_t marked_us;
	unsigned violations;
	uint64_t events, judged;
	int64_t restarted_us;
};

/* ---- meters -------------------------------------------------------------- */

static unsigned
bucket_of(enum judge_scope scope, enum judge_kind kind, const char *name)
{
	uint32_t h = 2166136261U ^ ((uint32_t)scope * 31 + (uint32_t)kind);

	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * 16777619U;
	return (h ^ h >> 15) % BUCKETS;
}

static struct meter *
find(const struct judge *j, enum judge_scope scope, enum judge_kind kind,
    const char *name)
{
	struct meter *m = j->buckets[bucket_of(scope, kind, name)];

	while (m != NULL &&
	    (m->scope != scope || m->kind != kind ||
		strcmp(m->name, name) != 0))
		m = m->next;
	return m;
}

static struct meter *
meter_get(struct judge *j, enum judge_scope scope, enum judge_kind kind,
    const char *name)
{
	struct meter *m = find(j, scope, kind, name);
	unsigned b = bucket_of(scope, kind, name);

	if (m != NULL)
		return m;
	m = mem_new(struct meter);
	m->scope = scope;
	m->kind = kind;
	m->name = mem_strdup(name);
	m->next = j->buckets[b];
	j->buckets[b] = m;
	m->all = j->all;
	j->all = m;
	return m;
}

static void
meter_free(struct meter **mp)
{
	struct meter *m = *mp;

	*mp = NULL;
	free(m->name);
	free(m->terms);
	free(m->seen);
	free(m);
}

/* The term in effect at a time; NULL: none had been written. */
static const struct term *
term_at(const struct meter *m, int64_t at_us)
{
	for (size_t i = m->term_count; i > 0; i--)
		if (m->terms[i - 1].from_us <= at_us)
			return &m->terms[i - 1];
	return NULL;
}

/* How much was seen up to and including a time. */
static uint64_t
total_until(const struct meter *m, int64_t at_us)
{
	size_t low = 0, high = m->seen_count;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (m->seen[mid].at_us <= at_us)
			low = mid + 1;
		else
			high = mid;
	}
	return low == 0 ? 0 : m->seen[low - 1].total;
}

/* In (at - period, at], as far as the term can know. */
static uint64_t
in_window(const struct meter *m, const struct term *t, int64_t at_us)
{
	int64_t from = at_us - t->period_us;

	if (t->known_us - 1 > from)
		from = t->known_us - 1;
	return total_until(m, at_us) - total_until(m, from);
}

static void
note(struct meter *m, int64_t at_us, uint64_t n)
{
	struct seen *s;

	if (m->seen_count == m->seen_cap) {
		m->seen_cap = m->seen_cap * 2 + 16;
		m->seen = mem_realloc(m->seen, m->seen_cap * sizeof(*s));
	}
	s = &m->seen[m->seen_count];
	CHECK(m->seen_count == 0 || s[-1].at_us <= at_us);
	s->at_us = at_us;
	s->n = n;
	s->total = n + (m->seen_count == 0 ? 0 : s[-1].total);
	m->seen_count++;
}

/* ---- a story ------------------------------------------------------------- */

static void
say_term(const struct term *t, int64_t now_us)
{
	if (t->max == 0)
		(void)printf("no limit");
	else if (t->period_us == 0)
		(void)printf("%" PRIu64 " at once", t->max);
	else
		(void)printf("%" PRIu64 " in %.6g s", t->max,
		    (double)t->period_us / 1e6);
	(void)printf(", written %.6f s ago",
	    (double)(now_us - t->from_us) / 1e6);
	if (t->period_us > 0 && now_us - t->known_us < t->period_us)
		(void)printf(", knows the last %.6f s",
		    (double)(now_us - t->known_us) / 1e6);
	(void)printf("\n");
}

static void
violation(struct judge *j, const struct meter *m, uint64_t n, int64_t now_us)
{
	size_t from = m->seen_count > STORY_EVENTS ?
	    m->seen_count - STORY_EVENTS :
	    0;

	j->violations++;
	if (j->violations > STORIES)
		return;
	(void)printf("# %s: at %.6f s %s %s: %" PRIu64 " %s\n", j->title,
	    (double)now_us / 1e6, scope_names[m->scope], m->name, n,
	    kinds[m->kind].name);
	for (size_t i = m->term_count; i > 0 && i + 3 > m->term_count; i--) {
		(void)printf("#   the limit: ");
		say_term(&m->terms[i - 1], now_us);
	}
	for (size_t i = from; i < m->seen_count; i++)
		(void)printf("#   %.6f s before: %" PRIu64 "\n",
		    (double)(now_us - m->seen[i].at_us) / 1e6, m->seen[i].n);
}

/* ---- judging ------------------------------------------------------------- */

/* May so much be in the window?  What is alone there may be larger. */
static bool
allows(const struct meter *m, const struct term *t, int64_t at_us, uint64_t n)
{
	uint64_t in;

	if (t->max == 0)
		return true;
	in = in_window(m, t, at_us);
	return in <= t->max || (m->kind == JUDGE_BYTES && in == n);
}

/*
 * Any limit that was in effect since it was begun may have allowed it, also one
 * that ended in that very microsecond.
 */
static bool
was_allowed(const struct meter *m, const struct judge_event *e)
{
	const struct term *first = term_at(m, e->since_us - 1);
	size_t i = first == NULL ? 0 : (size_t)(first - m->terms);

	if (first == NULL || m->term_count == 0)
		return true; /* begun before anything was written */
	for (; i < m->term_count && m->terms[i].from_us <= e->at_us; i++)
		if (allows(m, &m->terms[i], e->at_us, e->n))
			return true;
	return false;
}

static void
count_open(struct meter *m, const struct judge_event *e)
{
	m->open_us += (double)m->open * (double)(e->at_us - m->changed_us);
	m->changed_us = e->at_us;
	if (e->what == JUDGE_OPENED) {
		m->open++;
		return;
	}
	CHECK(m->open > 0);
	m->open--;
}

static void
judge_one(struct judge *j, struct meter *m, const struct judge_event *e)
{
	const struct term *t = term_at(m, e->at_us);

	j->judged += t != NULL && t->max > 0 && e->what != JUDGE_CLOSED;
	if (kinds[m->kind].at_once) {
		count_open(m, e);
		if (e->what == JUDGE_OPENED && t != NULL && t->max > 0 &&
		    m->open > t->max)
			violation(j, m, m->open, e->at_us);
		return;
	}
	note(m, e->at_us, e->n);
	if (!was_allowed(m, e))
		violation(j, m, in_window(m, t, e->at_us), e->at_us);
}

void
judge_event(struct judge *j, const struct judge_event *e)
{
	CHECK(e->n > 0 && e->since_us <= e->at_us);
	j->events++;
	for (int s = 0; s < JUDGE_SCOPES; s++)
		for (int k = 0; k < JUDGE_KINDS; k++) {
			bool mine = kinds[k].counts == e->what ||
			    (kinds[k].at_once && e->what == JUDGE_CLOSED);

			if (e->of[s] != NULL && mine)
				judge_one(j,
				    meter_get(j, (enum judge_scope)s,
					(enum judge_kind)k, e->of[s]),
				    e);
		}
}

void
judge_settled(struct judge *j, int64_t now_us, int64_t grace_us)
{
	for (struct meter *m = j->all; m != NULL; m = m->all) {
		const struct term *t = term_at(m, now_us);

		if (!kinds[m->kind].at_once || t == NULL || t->max == 0 ||
		    m->open <= t->max || t->from_us + grace_us > now_us)
			continue;
		violation(j, m, m->open, now_us);
	}
}

void
judge_restarted(struct judge *j, int64_t at_us)
{
	j->restarted_us = at_us;
}

/* Since when it knows all, when it follows another one. */
static int64_t
known_after(const struct judge *j, const struct term *old,
    const struct judge_limit *l, int64_t at_us)
{
	int64_t known = old->known_us;

	if (l->period_us > old->period_us && at_us - old->period_us > known)
		known = at_us - old->period_us;
	if (l->period_us > NOT_KEPT_US && old->period_us <= NOT_KEPT_US &&
	    j->restarted_us > known)
		known = j->restarted_us;
	return known;
}

void
judge_limit(struct judge *j, const struct judge_limit *l, int64_t at_us)
{
	struct meter *m = meter_get(j, l->scope, l->kind, l->name);
	const struct term *old = term_at(m, at_us);
	struct term t = { at_us, at_us + j->late_us, l->max, l->period_us };

	if (old != NULL && old->max == l->max && old->period_us == l->period_us)
		return;
	if (old == NULL && l->max == 0)
		return;
	if (j->events == 0)
		t.known_us = at_us;
	if (old != NULL && old->max > 0)
		t.known_us = known_after(j, old, l, at_us);
	if (m->term_count == m->term_cap) {
		m->term_cap = m->term_cap * 2 + 4;
		m->terms = mem_realloc(m->terms, m->term_cap * sizeof(t));
	}
	m->terms[m->term_count] = t;
	m->term_count++;
}

/* ---- was there more to be had? ------------------------------------------- */

void
judge_mark(struct judge *j, int64_t now_us)
{
	j->marked_us = now_us;
	for (struct meter *m = j->all; m != NULL; m = m->all) {
		m->marked_total = total_until(m, now_us);
		m->open_us = 0;
		m->changed_us = now_us;
	}
}

static double
share(const struct judge *j, const struct meter *m, const struct term *t,
    const struct judge_unit *unit, int64_t now_us)
{
	double got, whole, over = (double)(now_us - j->marked_us);
	double most = (double)t->max, one = 0;
	int64_t late_us = 0;

	/* A time that suits all of them may be late for each, by a turn. */
	if (unit->several)
		one = m->kind == JUDGE_BYTES ? (double)unit->bytes : 1;
	if (kinds[m->kind].at_once) {
		got = m->open_us +
		    (double)m->open * (double)(now_us - m->changed_us);
		return got / (over * most) * (most + one) / most;
	}
	got = (double)(total_until(m, now_us) - m->marked_total);
	if (m->kind == JUDGE_BYTES) {
		got += (double)unit->bytes;
		late_us = unit->bytes_late_us;
		/* With less room than for a message nothing goes. */
		most -= (double)unit->bytes - 1;
	} else if (m->kind == JUDGE_MSGS) {
		got += (double)unit->rcpts;
		late_us = unit->rcpt_late_us;
	} else {
		got += 1;
	}
	whole = most * over / (double)(t->period_us + late_us);
	return got / whole * (most + one) / most;
}

double
judge_share(const struct judge *j, const char *const *of,
    struct judge_unit *unit, int64_t now_us, char why[160])
{
	double best = -1;

	unit->next_r = -1;
	(void)snprintf(why, 160, "no limit");
	for (int s = 0; s < JUDGE_SCOPES; s++)
		for (int k = 0; k < JUDGE_KINDS; k++) {
			const struct meter *m = of[s] == NULL ?
			    NULL :
			    find(j, (enum judge_scope)s, (enum judge_kind)k,
				of[s]);
			const struct term *t = m == NULL ? NULL :
							   term_at(m, now_us);
			double got;

			if (t == NULL || t->max == 0)
				continue;
			got = share(j, m, t, unit, now_us);
			if (got > unit->next_r)
				unit->next_r = got < best ? got : best;
			if (got <= best)
				continue;
			best = got;
			(void)snprintf(why, 160, "%s of %s %s", kinds[k].name,
			    scope_names[s], of[s]);
		}
	return best;
}

/* ---- the rest ------------------------------------------------------------ */

struct judge *
judge_new(const char *title, int64_t late_us)
{
	struct judge *j = mem_new(struct judge);

	j->title = mem_strdup(title);
	j->late_us = late_us;
	return j;
}

void
judge_free(struct judge **jp)
{
	struct judge *j = *jp;

	*jp = NULL;
	if (j == NULL)
		return;
	while (j->all != NULL) {
		struct meter *m = j->all;

		j->all = m->all;
		meter_free(&m);
	}
	free(j->title);
	free(j);
}

unsigned
judge_violations(const struct judge *j)
{
	return j->violations;
}

uint64_t
judge_judged(const struct judge *j)
{
	return j->judged;
}

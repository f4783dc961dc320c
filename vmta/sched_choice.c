/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which source of its virtual MTA a connection goes out from: each in turn, of
 * those that suit the queue.
 *
 * A source of a family that the domain has no address of does not, once that
 * is known; it is learnt from the first connection that says so, and forgotten
 * after some, since a domain may get addresses.  Nor does one that could not be
 * bound (vmta/lost.h), but for the connection that tries it.  When no source
 * suits, any will do that is not off (vmta/sched_standing.h): what comes of it
 * says what is wrong.  And a connection
 * that goes on in the midst of a route does so from the family of that route.
 */
#include "vmta/sched_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "vmta/source.h"

/* Connections that a domain's family is known for; finding out costs one. */
#define FAMILY_CONNS 250

/* ---- taking one ---------------------------------------------------------- */

static bool
is_lost(const struct sched *s, const struct net_addr *a, int64_t now_us)
{
	return s->lost.n > 0 && lost_until(&s->lost, a) > now_us;
}

enum choice_grade
choice_grade(const struct sched *s, const struct sched_queue *q,
    const struct net_addr *a, int64_t now_us)
{
	if (q->standing != NULL && standing_is_off(q, a, now_us))
		return CHOICE_OFF;
	if (q->family != 0 && a->family != 0 && a->family != q->family)
		return CHOICE_OTHER_FAMILY;
	if (q->place != NULL && a->family != q->place->family)
		return CHOICE_OTHER_FAMILY;
	return is_lost(s, a, now_us) ? CHOICE_LOST : CHOICE_SUITS;
}

static const struct conf_source *
source_at(const struct sched *s, const struct sched_queue *q, size_t i)
{
	return source_pick(q->vmta->conf, snapshot_global(s->conf),
	    q->vmta->source_turn + i);
}

/* Of those that suit best the one whose turn is next. */
struct best {
	enum choice_grade grade;
	size_t far; /* from the one whose turn it is */
};

static struct best
find_best(const struct sched *s, const struct sched_queue *q, int64_t now_us)
{
	size_t n = source_count(q->vmta->conf, snapshot_global(s->conf));
	const struct net_addr *a = &source_at(s, q, 0)->addr;
	struct best best = { choice_grade(s, q, a, now_us), 0 };

	for (size_t i = 1; i < n && best.grade > CHOICE_SUITS; i++) {
		enum choice_grade grade;

		a = &source_at(s, q, i)->addr;
		grade = choice_grade(s, q, a, now_us);
		if (grade < best.grade)
			best = (struct best){ grade, i };
	}
	return best;
}

void
choice_forget_place(struct sched_queue *q)
{
	if (q->place == NULL)
		return;
	free(q->place);
	q->place = NULL;
	if (q->sources != NULL) /* there are more to choose from */
		q->sources->until_us = 0;
}

/* In the route of a source of another family it would mean another address. */
static struct sched_place *
take_place(struct sched_queue *q, const struct conf_source *from)
{
	struct sched_place *place = q->place;

	if (place != NULL && place->family != from->addr.family) {
		choice_forget_place(q);
		return NULL;
	}
	q->place = NULL;
	return place;
}

void
choice_take(struct sched_conn *c, int64_t now_us)
{
	struct sched *s = c->sched;
	struct sched_queue *q = c->queue;
	size_t far = find_best(s, q, now_us).far;

	c->source = source_at(s, q, far);
	q->vmta->source_turn += far + 1;
	c->place = take_place(q, c->source);
	if (q->family_conns > 0 && --q->family_conns == 0)
		q->family = 0;
	/* The host MTA is called from any address. */
	if (s->lost.n > 0 &&
	    strcmp(sched_queue_domain(q), SNAPSHOT_DSN_DOMAIN) != 0)
		lost_try(&s->lost, &c->source->addr, c->id, now_us);
}

/* ---- families ------------------------------------------------------------ */

bool
sched_conn_has_both_families(const struct sched_conn *c)
{
	const struct global_conf *global = snapshot_global(c->snapshot);
	const struct vmta *vmta = c->queue->vmta->conf;
	size_t n = source_count(vmta, global);
	bool four = false, six = false;

	for (size_t i = 0; i < n && !(four && six); i++) {
		uint8_t family = source_pick(vmta, global, i)->addr.family;

		four = four || family == AF_INET;
		six = six || family == AF_INET6;
	}
	return four && six;
}

void
sched_conn_no_family(struct sched *s, struct sched_conn *c)
{
	struct sched_queue *q = c->queue;
	uint8_t family = c->source->addr.family;

	CHECK(c->sched == s && !s->in_callback && family != 0);
	/* Answers that contradict each other: not again at once. */
	c->uncalled = q->family != family;
	q->family = family == AF_INET ? AF_INET6 : AF_INET;
	q->family_conns = FAMILY_CONNS;
	if (q->sources != NULL)
		q->sources->until_us = 0;
	sched_dirty(s, q);
}

/* ---- sources that are lost ----------------------------------------------- */

static void
tell(struct sched *s, const struct net_addr *a, bool lost)
{
	sched_move_look_all(s);
	if (s->owner->source != NULL)
		SCHED_TELL(s, source, a, lost);
}

bool
choice_is_timed(const struct sched_conn *c)
{
	const struct sched *s = c->sched;

	return s->lost.n > 0 &&
	    lost_is_tried_by(&s->lost, &c->source->addr, c->id);
}

void
choice_worked(struct sched_conn *c)
{
	struct sched *s = c->sched;

	if (s->lost.n > 0 && lost_worked(&s->lost, &c->source->addr, c->id))
		tell(s, &c->source->addr, false);
}

bool
sched_conn_source_lost(struct sched *s, struct sched_conn *c, const char *why,
    int64_t now_us)
{
	struct sched_queue *q = c->queue;
	const struct net_addr *a = &c->source->addr;

	CHECK(c->sched == s && !s->in_callback && a->family != 0);
	if (lost_failed(&s->lost, a, c->id, now_us))
		tell(s, a, true);
	if (q->sources != NULL)
		q->sources->until_us = 0;
	if (find_best(s, q, now_us).grade != CHOICE_SUITS)
		return false;
	sched_keep_error(q, why);
	c->uncalled = true;
	return true;
}

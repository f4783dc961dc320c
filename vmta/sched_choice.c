/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which source of its virtual MTA a connection goes out from: each in turn, of
 * those that suit the queue.
 *
 * A source of a family that the domain has no address of does not, once that
 * is known; it is learnt from the first connection that says so, and forgotten
 * after a while, since a domain may get addresses.  Nor does one that could not
 * be bound (vmta/lost.h), but for the connection that tries it.  When no source
 * suits, any will do: what comes of it says what is wrong.  And a connection that goes on
 * in the midst of a route does so from the family of that route.
 */
#include "vmta/sched_priv.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "lib/clock.h"
#include "vmta/source.h"

/* About the time for which a zone lets us remember that it lacks something. */
#define FAMILIES_KNOWN_US (600 * US_PER_S)

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
	if (q->families_us > now_us && a->family != 0 &&
	    a->family != q->families)
		return CHOICE_OTHER_FAMILY;
	if (q->place != NULL && a->family != q->place_family)
		return CHOICE_OTHER_FAMILY;
	return is_lost(s, a, now_us) ? CHOICE_LOST : CHOICE_SUITS;
}

static const struct conf_source *
source_at(const struct sched *s, const struct sched_queue *q, size_t i)
{
	return source_pick(q->vmta->conf, snapshot_global(s->conf),
	    q->vmta->source_turn + i);
}

/* Of those that suit best the one whose turn is next: how far it is. */
static size_t
find_best(const struct sched *s, const struct sched_queue *q, int64_t now_us,
    enum choice_grade *best)
{
	size_t n = source_count(q->vmta->conf, snapshot_global(s->conf));
	size_t first = 0;

	*best = choice_grade(s, q, &source_at(s, q, 0)->addr, now_us);
	for (size_t i = 1; i<n && * best> CHOICE_SUITS; i++) {
		const struct net_addr *a = &source_at(s, q, i)->addr;
		enum choice_grade g = choice_grade(s, q, a, now_us);

		if (g >= *best)
			continue;
		*best = g;
		first = i;
	}
	return first;
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

	if (q->place_family != from->addr.family) {
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
	enum choice_grade best;
	size_t far = find_best(s, q, now_us, &best);

	c->source = source_at(s, q, far);
	q->vmta->source_turn += far + 1;
	c->place = take_place(q, c->source);
	if (s->lost.n > 0)
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
sched_conn_no_family(struct sched *s, struct sched_conn *c, int64_t now_us)
{
	struct sched_queue *q = c->queue;
	uint8_t family = c->source->addr.family;
	bool known = q->families_us > now_us;

	CHECK(c->sched == s && !s->in_callback && family != 0);
	/* Answers that contradict each other: not again at once. */
	c->uncalled = !known || q->families != family;
	q->families = family == AF_INET ? AF_INET6 : AF_INET;
	q->families_us = now_us + FAMILIES_KNOWN_US;
	if (q->sources != NULL)
		q->sources->until_us = 0;
}

/* ---- sources that are lost ----------------------------------------------- */

static void
tell(struct sched *s, const struct net_addr *a, bool lost)
{
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
	enum choice_grade best;

	CHECK(c->sched == s && !s->in_callback && a->family != 0);
	if (lost_failed(&s->lost, a, c->id, now_us))
		tell(s, a, true);
	if (q->sources != NULL)
		q->sources->until_us = 0;
	(void)find_best(s, q, now_us, &best);
	if (best != CHOICE_SUITS)
		return false;
	sched_keep_error(q, why);
	c->uncalled = true;
	return true;
}

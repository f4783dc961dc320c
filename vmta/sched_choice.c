/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which source of its virtual MTA a connection goes out from: each in turn, of
 * those that suit the queue best.
 *
 * A source of a family that the domain has no address of does not suit, once
 * that is known; it is learnt from the first connection that says so, and
 * forgotten after some, since a domain may get addresses.  address-family
 * excludes one family or puts it behind the other; an address that the host
 * does not have (vmta/lost.h), or that is off (vmta/sched_standing.h), is not
 * used.  When no source is left for such a reason the queue waits.  When the
 * domain has addresses for none of them, any will do: what comes of it says
 * what is wrong.  A connection that goes on in the midst of a route does so from
 * the family of that route, if it can.
 */
#include "vmta/sched_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "vmta/sched_pin.h"
#include "vmta/source.h"

/* Connections that a domain's family is known for; finding out costs one. */
#define FAMILY_CONNS 250

/* ---- taking one ---------------------------------------------------------- */

enum choice_grade
choice_grade(struct sched *s, const struct sched_queue *q,
    const struct net_addr *a, int64_t now_us)
{
	const struct family_wish wish = q->conf->family;

	if (wish.only && a->family != 0 && a->family != wish.family)
		return CHOICE_FORBIDDEN;
	if (q->family != 0 && a->family != 0 && a->family != q->family)
		return CHOICE_OTHER_FAMILY;
	if (standing_of(q) != NULL && standing_is_off(q, a, now_us))
		return CHOICE_OFF;
	if (s->warmups.any && warmup_until(s, q, a, now_us) > now_us)
		return CHOICE_WARMUP;
	if (s->lost.n > 0 && lost_has(&s->lost, a))
		return CHOICE_LOST;
	if ((wish.family != 0 && a->family != wish.family) ||
	    (q->place != NULL && a->family != q->place->family))
		return CHOICE_SECOND;
	return CHOICE_SUITS;
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
find_best(struct sched *s, const struct sched_queue *q, int64_t now_us)
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

bool
choice_is_to_host(const struct sched_queue *q)
{
	return strcmp(q->domain->name, SNAPSHOT_DSN_DOMAIN) == 0;
}

enum choice_grade
choice_best(struct sched *s, const struct sched_queue *q, int64_t now_us)
{
	if (!choice_may_be_no(s, q))
		return CHOICE_SUITS;
	return choice_is_to_host(q) ? CHOICE_SUITS :
				      find_best(s, q, now_us).grade;
}

bool
choice_is_stuck(struct sched *s, const struct sched_queue *q, int64_t now_us)
{
	return choice_is_no(choice_best(s, q, now_us));
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
	if (place != NULL && place->stays)
		return mem_dup(place, sizeof(*place));
	q->place = NULL;
	return place;
}

/* How far the one is from the one whose turn it is. */
static size_t
far_off(const struct sched_conn *c, int64_t now_us)
{
	struct sched *s = c->sched;
	const struct sched_queue *q = c->queue;
	size_t n, at;

	if (c->from != NULL)
		return 0; /* source_take() has given it the turn */
	at = pins_wait(q) ? pin_source(s, q, now_us) : SIZE_MAX;
	if (at == SIZE_MAX)
		return find_best(s, q, now_us).far;
	n = source_count(q->vmta->conf, snapshot_global(s->conf));
	return (at + n - q->vmta->source_turn % n) % n;
}

void
choice_take(struct sched_conn *c, int64_t now_us)
{
	struct sched *s = c->sched;
	struct sched_queue *q = c->queue;
	size_t far = far_off(c, now_us);

	c->source = source_at(s, q, far);
	q->vmta->source_turn += far + 1;
	c->place = take_place(q, c->source);
	warmup_opened(c);
	if (q->family_conns > 0 && --q->family_conns == 0)
		q->family = 0;
}

/* ---- families ------------------------------------------------------------ */

/* Has the virtual MTA a source of that family which the queue may use? */
static bool
has_family(const struct sched_conn *c, uint8_t family)
{
	const struct global_conf *global = snapshot_global(c->snapshot);
	const struct vmta *vmta = c->queue->vmta->conf;
	size_t n = source_count(vmta, global);

	if (!family_allowed(&c->conf->conf, family))
		return false;
	for (size_t i = 0; i < n; i++)
		if (source_pick(vmta, global, i)->addr.family == family)
			return true;
	return false;
}

bool
sched_conn_has_both_families(const struct sched_conn *c)
{
	return has_family(c, AF_INET) && has_family(c, AF_INET6);
}

static uint8_t
other_family(uint8_t family)
{
	return family == AF_INET ? AF_INET6 : AF_INET;
}

/* The next connections of the queue go out from the other one. */
static void
leave_family(struct sched *s, struct sched_conn *c)
{
	struct sched_queue *q = c->queue;

	q->family = other_family(c->source->addr.family);
	q->family_conns = FAMILY_CONNS;
	sources_changed(q);
	sched_dirty(s, q);
}

void
sched_conn_no_family(struct sched *s, struct sched_conn *c)
{
	uint8_t family = c->source->addr.family;

	CHECK(c->sched == s && !s->in_callback && family != 0);
	/* Answers that contradict each other: not again at once. */
	c->uncalled = c->queue->family != family;
	leave_family(s, c);
}

bool
sched_conn_unreached(struct sched *s, struct sched_conn *c, const char *why)
{
	const struct family_wish wish = c->conf->family;
	uint8_t family = c->source->addr.family;

	CHECK(c->sched == s && !s->in_callback);
	/* One that came here from the other in this way fails. */
	if (family == 0 || wish.family != family || wish.only ||
	    c->queue->family == family || !has_family(c, other_family(family)))
		return false;
	sched_keep_error(c->queue, why);
	choice_forget_place(c->queue);
	leave_family(s, c);
	c->goes_on = true;
	return true;
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
choice_is_gone(const struct sched_conn *c)
{
	const struct sched *s = c->sched;

	return s->lost.n > 0 && lost_has(&s->lost, &c->source->addr) &&
	    !choice_is_to_host(c->queue);
}

void
sched_source_lost(struct sched *s, const struct net_addr *a, bool lost)
{
	CHECK(!s->in_callback && a->family != 0);
	if (lost ? lost_add(&s->lost, a) : lost_remove(&s->lost, a)) {
		tell(s, a, lost);
		sched_look_all(s);
	}
}

void
sched_conn_source_lost(struct sched *s, struct sched_conn *c, const char *why)
{
	CHECK(c->sched == s);
	sched_source_lost(s, &c->source->addr, true);
	sources_changed(c->queue);
	sched_keep_error(c->queue, why);
	c->uncalled = true;
}

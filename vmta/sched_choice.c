/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which source of its virtual MTA a connection goes out from: each in turn, of
 * those that suit the queue.
 *
 * A source of a family that the domain has no address of does not, once that
 * is known; it is learnt from the first connection that says so, and forgotten
 * after some, since a domain may get addresses.  When no source suits, any
 * will do: what comes of it says what is wrong.  And a connection that goes on
 * in the midst of a route does so from the family of that route.
 */
#include "vmta/sched_priv.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "vmta/source.h"

/* Connections that a domain's family is known for; finding out costs one. */
#define FAMILY_CONNS 250

enum grade { SUITS, OTHER_FAMILY };

unsigned
choice_grade(const struct sched_queue *q, const struct net_addr *a)
{
	if (q->family != 0 && a->family != 0 && a->family != q->family)
		return OTHER_FAMILY;
	if (q->place != NULL && a->family != q->place->family)
		return OTHER_FAMILY;
	return SUITS;
}

static const struct conf_source *
source_at(struct sched *s, const struct sched_queue *q, size_t i)
{
	return source_pick(q->vmta->conf, snapshot_global(s->conf),
	    q->vmta->source_turn + i);
}

const struct conf_source *
choice_take(struct sched *s, struct sched_queue *q)
{
	size_t n = source_count(q->vmta->conf, snapshot_global(s->conf));
	unsigned best = choice_grade(q, &source_at(s, q, 0)->addr);
	const struct conf_source *chosen;
	size_t first = 0;

	for (size_t i = 1; i < n && best > SUITS; i++) {
		unsigned g = choice_grade(q, &source_at(s, q, i)->addr);

		if (g >= best)
			continue;
		best = g;
		first = i;
	}
	chosen = source_at(s, q, first);
	q->vmta->source_turn += first + 1;
	if (q->family_conns > 0 && --q->family_conns == 0)
		q->family = 0;
	return chosen;
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

struct sched_place *
choice_place(struct sched_queue *q, const struct conf_source *from)
{
	struct sched_place *place = q->place;

	if (place != NULL && place->family != from->addr.family) {
		choice_forget_place(q);
		return NULL;
	}
	q->place = NULL;
	return place;
}

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

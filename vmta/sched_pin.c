/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mail whose server has named the time of the next attempt goes from the source
 * that it knows (vmta/pins.h).
 *
 * What is due and pinned is passed over by connections from elsewhere.  One from
 * its source takes it before other mail; where there is none, the next that the
 * queue opens is from there, and one that is in its way ends between two
 * messages.  It is unpinned when its time is over and when the source is lost,
 * off, or gone from the virtual MTA: better from elsewhere than not at all.
 */
#include "vmta/sched_pin.h"

#include <string.h>

#include "vmta/source.h"

void
pin_keep(struct sched_conn *c, struct group *g, int64_t until_us)
{
	struct sched_queue *q = c->queue;
	const struct global_conf *global = snapshot_global(c->snapshot);

	if (c->source->addr.family != 0 &&
	    source_count(q->vmta->conf, global) > 1 &&
	    strcmp(q->domain->name, SNAPSHOT_DSN_DOMAIN) != 0)
		vqueue_pin(q, g, &c->source->addr, until_us);
}

/* The place of the address among the sources of the virtual MTA, if it may be
 * used now; else SIZE_MAX. */
static size_t
usable_at(struct sched *s, const struct sched_queue *q,
    const struct net_addr *a, int64_t now_us)
{
	const struct global_conf *global = snapshot_global(s->conf);
	size_t n = source_count(q->vmta->conf, global);

	if (choice_grade(s, q, a, now_us) > CHOICE_SECOND)
		return SIZE_MAX;
	for (size_t i = 0; i < n; i++)
		if (net_addr_eq(&source_pick(q->vmta->conf, global, i)->addr,
			a))
			return i;
	return SIZE_MAX;
}

/* Unpins all that waits with it. */
static void
give_up(struct sched_queue *q, uint16_t pin)
{
	struct group *g;

	while (q->pins != NULL && (g = vqueue_pinned(q, pin)) != NULL)
		vqueue_unpin(q, g);
}

int64_t
pins_settle(struct sched *s, struct sched_queue *q, int64_t now_us)
{
	int64_t next = INT64_MAX;

	for (uint16_t i = 1; q->pins != NULL && i <= q->pins->cap; i++) {
		const struct pin *p = pins_at(q->pins, i);

		if (p->groups == 0 || vqueue_pinned(q, i) == NULL)
			continue;
		sources_changed(q);
		if (p->until_us <= now_us ||
		    usable_at(s, q, &p->addr, now_us) == SIZE_MAX)
			give_up(q, i);
		else if (p->until_us < next)
			next = p->until_us;
	}
	return next;
}

struct group *
pin_group(const struct sched_conn *c, int64_t now_us)
{
	struct sched_queue *q = c->queue;
	struct group *g;

	for (uint16_t i = 1; i <= q->pins->cap; i++) {
		const struct pin *p = pins_at(q->pins, i);

		if (p->groups == 0 || !net_addr_eq(&p->addr, &c->source->addr))
			continue;
		g = vqueue_pinned(q, i);
		/* Without a token of its job or user it waits until it has. */
		return g == NULL ||
			origin_blocked(q, g->entry->origin, 0, now_us) != NULL ?
		    NULL :
		    g;
	}
	return NULL;
}

struct sched_conn *
pin_idle(const struct sched_queue *q, int64_t now_us)
{
	struct sched_conn *c;

	if (!pins_wait(q))
		return TAILQ_FIRST(&q->idle_conns);
	TAILQ_FOREACH(c, &q->idle_conns, idle_queue)
	if (pin_group(c, now_us) != NULL)
		return c;
	return TAILQ_FIRST(&q->idle_conns);
}

static bool
has_conn_from(const struct sched_queue *q, const struct net_addr *a)
{
	const struct sched_conn *c;

	TAILQ_FOREACH(c, &q->all_conns, of_queue)
	if (c->state != CONN_CLOSING && net_addr_eq(&c->source->addr, a))
		return true;
	return false;
}

size_t
pin_source(struct sched *s, const struct sched_queue *q, int64_t now_us)
{
	for (uint16_t i = 1; i <= q->pins->cap; i++) {
		const struct pin *p = pins_at(q->pins, i);

		if (p->groups > 0 && vqueue_pinned(q, i) != NULL &&
		    !has_conn_from(q, &p->addr))
			return usable_at(s, q, &p->addr, now_us);
	}
	return SIZE_MAX;
}

bool
pin_is_kept_out(const struct sched_conn *c, int64_t now_us)
{
	const struct sched_queue *q = c->queue;

	return slots_room(&q->scope.conns) == 0 &&
	    q->conns.in[CONN_CLOSING] == 0 &&
	    pin_source(c->sched, q, now_us) != SIZE_MAX;
}

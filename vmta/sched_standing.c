/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of standings is the queues themselves: each has a pointer to its
 * own, NULL while there is nothing to say.  Those of a group have one together,
 * which the group points to, so that a provider that slows one of two thousand
 * domains down slows all of them; waits after a failure, and what a server
 * takes, stay with each, since a customer's host that is down says nothing of
 * the others.  It goes by the name of the group, "NAME.rollup/VMTA": there is a
 * queue of that name as long as there is a standing, where it is kept, shown
 * and ordered as that of any other queue.
 *
 * A queue that comes into a group takes the standing there, and leaves it
 * behind when it goes.  What was said of it while nobody knew where it belongs
 * (an order, or what an earlier process has left) is said of the group when
 * that is known: of two the stricter holds.
 *
 * A timer lets happen what time alone does: backoff ends, limits rise by a
 * sixteenth, a source is back, errors are forgotten; at last the standing goes.
 */
#include "vmta/sched_standing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "vmta/sched_priv.h"
#include "vmta/source.h"

#define REASON_MAX 320 /* what a standing keeps, and its row */

/* ---- one comes and goes -------------------------------------------------- */

static struct sched_standing *
standing_new(struct sched_queue *q, struct sched_named *group)
{
	struct sched_standing *st = mem_new(struct sched_standing);

	st->queue = q;
	st->group = group;
	scope_init(&st->also, SCOPE_BACKOFF);
	st->also.conns.ramp = q->scope.conns.ramp;
	timer_init(&st->timer, TIMER_STANDING);
	return st;
}

/* The queue by whose name that of the group goes. */
static struct sched_queue *
head_of(struct sched *s, struct sched_named *group, int64_t now_us)
{
	char domain[GROUP_NAME_MAX];
	struct sched_queue *q;

	group_domain(group, domain);
	q = sched_queue_get(s, domain, group_vmta(group), now_us);
	sched_refresh(s, q, now_us);
	CHECK(q->lane->group == group);
	return q;
}

struct sched_standing *
standing_get(struct sched *s, struct sched_queue *q, int64_t now_us)
{
	struct sched_named *group = q->lane->group;
	struct sched_queue *head;

	if (group == NULL) {
		if (q->standing == NULL)
			q->standing = standing_new(q, NULL);
		return q->standing;
	}
	if (group->standing != NULL)
		return group->standing;
	head = head_of(s, group, now_us);
	if (group->standing == NULL) /* it brought none */
		group->standing = standing_new(head, group);
	return group->standing;
}

/* Has it the name of its group? */
static bool
is_head(const struct sched_queue *q)
{
	char domain[GROUP_NAME_MAX];

	group_domain(q->lane->group, domain);
	return strcmp(domain, q->domain->name) == 0;
}

struct sched_standing *
standing_named(const struct sched_queue *q)
{
	struct sched_standing *st = standing_of(q);

	return st != NULL && st->queue == q ? st : NULL;
}

static void
drop(struct sched *s, struct sched_standing **stp)
{
	struct sched_standing *st = *stp;

	*stp = NULL;
	timer_set(&s->timers, &st->timer, INT64_MAX);
	standing_fini(&st->st);
	scope_fini(&st->also);
	free(st);
}

void
standing_forget(struct sched *s, const struct sched_queue *q)
{
	struct sched_standing *st = standing_named(q);

	if (st != NULL && st->group != NULL)
		drop(s, &st->group->standing);
	if (q->standing != NULL) {
		st = q->standing;
		drop(s, &st->queue->standing);
	}
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* What was lifted, or is not needed, goes when it has forgotten all. */
static void
forget_also(struct sched *s, struct sched_standing *st, int64_t now_us)
{
	const struct sched_queue *q = st->queue;

	if (!TAILQ_EMPTY(&q->all_conns) || scope_end(&st->also) > now_us ||
	    (q->has_rates && st->st.backoff.mode != MODE_NORMAL))
		return;
	leases_forget(s, &st->also);
	scope_forget_rates(&st->also);
}

void
standing_settle(struct sched *s, struct sched_standing *st, int64_t now_us)
{
	struct sched_queue *q = st->queue;
	int64_t next;

	forget_also(s, st, now_us);
	/* Grants and connections under way may know the scope. */
	if (standing_is_plain(&st->st) && !scope_counts(&st->also) &&
	    (!st->was_both || TAILQ_EMPTY(&q->all_conns))) {
		drop(s,
		    st->group != NULL ? &st->group->standing : &q->standing);
		sched_dirty(s, q); /* it may be forgotten now */
		return;
	}
	next = standing_next(&st->st, now_us);
	if (TAILQ_EMPTY(&q->all_conns) && scope_end(&st->also) > now_us)
		next = earlier(next, scope_end(&st->also));
	timer_set(&s->timers, &st->timer, next);
}

/* ---- in effect ----------------------------------------------------------- */

/* The limits of the mode and its share, as they are now. */
static void
apply(struct sched *s, struct sched_standing *st, int64_t now_us)
{
	struct sched_queue *q = st->queue;

	if (st->group != NULL) {
		standing_limit_group(s, st->group, now_us);
		return;
	}
	slots_set(&q->scope.conns, standing_max_conns(q, now_us));
	if (q->has_rates)
		standing_set_rates(s, q, now_us);
	sources_unpark(q); /* one too many closes */
	sched_dirty(s, q);
}

/*
 * Its sources are others: its queues are looked at, and where mail of theirs
 * belongs.  Those of a group in slices: there may be a hundred thousand; no
 * connection goes on meanwhile with a source that is off.
 */
static void
look(struct sched *s, const struct sched_standing *st)
{
	struct sched_queue *q = st->queue;

	if (st->group != NULL) {
		sched_look_all(s);
		return;
	}
	sources_changed(q);
	sources_unpark(q);
	sched_move_look_domain(s, q);
	sched_dirty(s, q);
}

/* ---- telling ------------------------------------------------------------- */

static void
tell(struct sched *s, const struct sched_queue *q, struct sched_event *e)
{
	if (s->owner->event == NULL)
		return;
	e->domain = q->domain->name;
	e->vmta = q->vmta->name;
	e->conf = standing_conf(q);
	SCHED_TELL(s, event, e);
}

/* The mode is another one. */
static void
tell_mode(struct sched *s, const struct sched_standing *st,
    const struct sched_reason *why)
{
	static const enum sched_event_kind kinds[] = {
		[MODE_NORMAL] = SCHED_NORMAL,
		[MODE_BACKOFF] = SCHED_BACKOFF,
		[MODE_RETURN] = SCHED_RETURN
	};
	const struct backoff *b = &st->st.backoff;
	struct sched_event e = { .kind = kinds[b->mode],
		.until_us = b->until_us,
		.why = why };

	tell(s, st->queue, &e);
}

/* As a standing keeps it: with the row that says so. */
static const char *
reason_text(const struct sched_reason *why, char text[REASON_MAX])
{
	if (why->file == NULL)
		(void)snprintf(text, REASON_MAX, "%s", why->text);
	else
		(void)snprintf(text, REASON_MAX, "%s (%s:%u)", why->text,
		    why->file, why->line);
	return text;
}

/* ---- the mode ------------------------------------------------------------ */

/*
 * Who waits at a group's limits is served as they are now, so its queues are
 * looked at only where their mail may belong elsewhere: a mode may change with
 * each reply.
 */
static void
changed_mode(struct sched *s, struct sched_standing *st,
    const struct sched_reason *why, int64_t now_us)
{
	sched_keep_dirty(s, st->queue, true);
	apply(s, st, now_us);
	if (st->group != NULL) {
		shared_shed(&st->group->shared);
		sched_move_look_all(s);
	} else {
		look(s, st);
	}
	tell_mode(s, st, why);
}

void
sched_queue_backoff(struct sched *s, struct sched_queue *q, int64_t until_us,
    const struct sched_reason *why, int64_t now_us)
{
	struct sched_standing *st;
	char text[REASON_MAX];

	CHECK(!s->in_callback);
	sched_refresh(s, q, now_us);
	st = standing_get(s, q, now_us);
	if (standing_enter(&st->st, until_us, reason_text(why, text), now_us))
		changed_mode(s, st, why, now_us);
	else
		sched_keep_dirty(s, st->queue, false); /* its end, perhaps */
	standing_settle(s, st, now_us);
}

void
sched_queue_normal(struct sched *s, struct sched_queue *q,
    const struct sched_reason *why, int64_t now_us)
{
	struct sched_standing *st;

	CHECK(!s->in_callback);
	sched_refresh(s, q, now_us);
	if (sched_queue_mode(q) != MODE_BACKOFF)
		return;
	st = standing_of(q);
	(void)standing_leave(&st->st, standing_conf(q)->backoff_return_us,
	    now_us);
	changed_mode(s, st, why, now_us);
	standing_settle(s, st, now_us);
}

/* ---- sources ------------------------------------------------------------- */

bool
standing_all_off(const struct sched *s, const struct sched_queue *q,
    int64_t now_us, int64_t *back_us)
{
	const struct global_conf *global = snapshot_global(s->conf);
	const struct vmta *vmta = q->vmta->conf;
	size_t n = source_count(vmta, global);

	*back_us = INT64_MAX;
	for (size_t i = 0; i < n; i++) {
		const struct standing_source *off;

		off = standing_source_is_off(&standing_of(q)->st,
		    &source_pick(vmta, global, i)->addr, now_us);
		if (off == NULL)
			return false;
		*back_us = earlier(*back_us, off->until_us);
	}
	return true;
}

bool
standing_is_off(const struct sched_queue *q, const struct net_addr *a,
    int64_t now_us)
{
	return standing_source_is_off(&standing_of(q)->st, a, now_us) != NULL;
}

/* The last one went off. */
static void
all_off(struct sched *s, struct sched_queue *q, int64_t back_us,
    const struct sched_reason *why, int64_t now_us)
{
	static const struct sched_reason none_left = {
		.text = "all sources are disabled"
	};
	const struct queue_conf *c = standing_conf(q);
	struct sched_event e = { .kind = SCHED_ALL_OFF,
		.until_us = back_us,
		.why = why };

	tell(s, q, &e);
	if (c->backoff_all_sources)
		sched_queue_backoff(s, q,
		    standing_after(c->normal_after_us, now_us), &none_left,
		    now_us);
}

bool
sched_queue_source_off(struct sched *s, struct sched_queue *q,
    const struct net_addr *a, int64_t until_us, const struct sched_reason *why,
    int64_t now_us)
{
	struct sched_event e = { .kind = SCHED_SOURCE_OFF,
		.source = a,
		.until_us = until_us,
		.why = why };
	struct sched_standing *st;
	char text[REASON_MAX];
	int64_t back_us;
	bool were_off, was_on;

	CHECK(!s->in_callback);
	if (a->family == 0 || choice_is_to_host(q))
		return false;
	sched_refresh(s, q, now_us);
	st = standing_get(s, q, now_us);
	q = st->queue;
	were_off = standing_all_off(s, q, now_us, &back_us);
	was_on = standing_source_off(&st->st, a, until_us,
	    reason_text(why, text), now_us);
	sched_keep_dirty(s, q, was_on);
	if (was_on) {
		look(s, st);
		tell(s, q, &e);
		if (!were_off && standing_all_off(s, q, now_us, &back_us))
			all_off(s, q, back_us, why, now_us);
	}
	standing_settle(s, st, now_us);
	return was_on;
}

bool
sched_queue_source_on(struct sched *s, struct sched_queue *q,
    const struct net_addr *a, int64_t now_us)
{
	struct sched_event e = { .kind = SCHED_SOURCE_ON, .source = a };
	struct sched_standing *st;

	CHECK(!s->in_callback);
	sched_refresh(s, q, now_us);
	st = standing_of(q);
	if (st == NULL || !standing_source_on(&st->st, a))
		return false;
	sched_keep_dirty(s, st->queue, true);
	look(s, st);
	tell(s, st->queue, &e);
	standing_settle(s, st, now_us);
	return true;
}

/* ---- time ---------------------------------------------------------------- */

void
standing_timer(struct sched *s, struct sched_standing *st, int64_t now_us)
{
	struct sched_queue *q = st->queue;
	enum queue_mode before;
	struct net_addr addr;

	sched_refresh(s, q, now_us);
	if (q->lane->group != NULL && q->standing != NULL)
		standing_settle(s, q->standing, now_us); /* what is left */
	st = standing_named(q); /* its group may be another now */
	if (st == NULL)
		return;
	before = st->st.backoff.mode;
	while (standing_source_back(&st->st, now_us, &addr)) {
		struct sched_event e = { .kind = SCHED_SOURCE_ON,
			.source = &addr };

		sched_keep_dirty(s, q, true);
		look(s, st);
		tell(s, q, &e);
	}
	if (standing_run(&st->st, standing_conf(q)->backoff_return_us, now_us))
		changed_mode(s, st, NULL, now_us);
	else if (before == MODE_RETURN)
		apply(s, st, now_us);
	standing_settle(s, st, now_us);
}

void
standing_put(struct sched *s, struct sched_queue *q, struct standing *from,
    int64_t now_us)
{
	struct sched_standing *st;

	if (standing_is_plain(from))
		return;
	st = standing_get(s, q, now_us);
	(void)standing_join(&st->st, from, now_us);
	apply(s, st, now_us);
	standing_timer(s, st, now_us); /* what has ended meanwhile */
}

/* ---- from group to group ------------------------------------------------- */

/* It goes on as that of the queue whose name it has. */
static void
leave_group(struct sched *s, struct sched_queue *q, struct sched_named *from,
    int64_t now_us)
{
	struct sched_standing *st = from->standing;

	if (q->standing != NULL) { /* what is left of one */
		(void)standing_join(&q->standing->st, &st->st, now_us);
		drop(s, &from->standing);
	} else {
		q->standing = st;
		st->group = NULL;
		from->standing = NULL;
	}
	standing_settle(s, q->standing, now_us);
}

/* What was said of the queue is said of its group. */
static void
hand_over(struct sched *s, struct sched_queue *q, struct standing *own,
    int64_t now_us)
{
	struct sched_standing *to = standing_get(s, q, now_us);
	bool changed = standing_join(&to->st, own, now_us);
	const struct sched_reason why = { .text = to->st.why };

	if (changed) {
		changed_mode(s, to, to->st.why == NULL ? NULL : &why, now_us);
	} else {
		sched_keep_dirty(s, to->queue, true);
		look(s, to);
	}
	standing_settle(s, to, now_us);
}

/* It stands as its group does now, of which it says nothing. */
static void
give_up(struct sched *s, const struct sched_queue *q,
    const struct standing *own)
{
	const struct sched_named *group = q->lane->group;
	char domain[GROUP_NAME_MAX], text[REASON_MAX];
	const struct sched_reason why = { .text = text };
	struct sched_event e = { .domain = q->domain->name,
		.vmta = q->vmta->name,
		.why = &why,
		.conf = &q->conf->conf };

	if (s->owner->event == NULL)
		return;
	group_domain(group, domain);
	(void)snprintf(text, sizeof(text), "it is in %s now", domain);
	if (own->backoff.mode != MODE_NORMAL) {
		e.kind = SCHED_NORMAL;
		SCHED_TELL(s, event, &e);
	}
	e.kind = SCHED_SOURCE_ON;
	for (uint32_t i = 0; i < own->count; i++) {
		e.source = &own->sources[i].addr;
		if (own->sources[i].until_us != 0)
			SCHED_TELL(s, event, &e);
	}
}

/* Grants and connections under way may know the scope of its own. */
static void
enter_group(struct sched *s, struct sched_queue *q, bool says, int64_t now_us)
{
	struct sched_standing *own = q->standing;

	if (!standing_is_plain(&own->st)) {
		sched_keep_dirty(s, q, true);
		if (says)
			hand_over(s, q, &own->st, now_us);
		else
			give_up(s, q, &own->st);
		standing_fini(&own->st);
	}
	standing_settle(s, own, now_us);
}

void
standing_moved(struct sched *s, struct sched_queue *q,
    const struct standing_move *move, int64_t now_us)
{
	struct sched_named *from = move->from, *to = q->lane->group;

	if (from == to)
		return;
	if (from != NULL && from->standing != NULL &&
	    from->standing->queue == q)
		leave_group(s, q, from, now_us);
	if (to != NULL && q->standing != NULL)
		enter_group(s, q, move->unplaced || is_head(q), now_us);
	if (!sched_move_is_none(&s->moves))
		sched_move_look(s, q);
}

int64_t
standing_after(int64_t interval_us, int64_t now_us)
{
	return interval_us > INT64_MAX - now_us ? INT64_MAX :
						  now_us + interval_us;
}

/* ---- facts --------------------------------------------------------------- */

const struct queue_conf *
sched_queue_standing_conf(const struct sched_queue *q)
{
	return standing_conf(q);
}

enum queue_mode
sched_queue_mode(const struct sched_queue *q)
{
	const struct sched_standing *st = standing_of(q);

	return st == NULL ? MODE_NORMAL : st->st.backoff.mode;
}

void
sched_queue_standing(const struct sched_queue *q, int64_t now_us,
    struct sched_standing_info *out)
{
	const struct sched_standing *st = standing_of(q);

	*out = (struct sched_standing_info){ .mode = MODE_NORMAL, .why = "" };
	if (st == NULL)
		return;
	out->mode = st->st.backoff.mode;
	out->since_us = st->st.backoff.since_us;
	out->until_us = st->st.backoff.until_us;
	if (st->st.why != NULL)
		out->why = st->st.why;
	out->sources_off = standing_sources_off(&st->st, now_us);
	out->all_off = standing_all_off(q->vmta->shared.sched, q, now_us,
	    &out->back_us);
}

bool
sched_queue_source_at(const struct sched_queue *q, uint32_t i, int64_t now_us,
    struct sched_source_info *out)
{
	const struct sched_standing *st = standing_of(q);

	for (uint32_t k = 0; st != NULL && k < st->st.count; k++) {
		const struct standing_source *src = &st->st.sources[k];

		if (standing_source_is_off(&st->st, &src->addr, now_us) == NULL)
			continue;
		if (i-- > 0)
			continue;
		*out = (struct sched_source_info){ src->addr, src->until_us,
			src->why };
		return true;
	}
	return false;
}

bool
sched_queue_has_source(const struct sched *s, const struct sched_queue *q,
    const struct net_addr *a)
{
	const struct global_conf *global = snapshot_global(s->conf);
	const struct vmta *vmta = q->vmta->conf;
	size_t n = source_count(vmta, global);

	if (choice_is_to_host(q))
		return false;
	for (size_t i = 0; i < n; i++)
		if (net_addr_eq(&source_pick(vmta, global, i)->addr, a))
			return true;
	return false;
}

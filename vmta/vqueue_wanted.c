/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operator chooses of a queue: it is freed, held, or leaves.
 *
 * Whoever is on hold waits for a time that does not come (SCHED_ON_HOLD): the
 * clock neither sends nor ends him, and he keeps his place when a queue is
 * cleared or mail is moved.
 */
#include "vmta/vqueue_priv.h"

/* ---- freed --------------------------------------------------------------- */

/*
 * False: it may not be sent now, whoever wants it; one on hold waits for its
 * time then, or leaves when that is over.
 */
static bool
free_deferred(struct sched_queue *q, struct rcpt *r)
{
	const struct backlog *b = q->turns.backlog;
	int64_t opens = backlog_opens(b, r->group->entry, b->ran_us);

	if (opens > b->ran_us && r->due_us != SCHED_ON_HOLD)
		return false;
	if (r->due_us == SCHED_ON_HOLD)
		r->group->ageless = true; /* it is to be tried once */
	leave_deferred(q, r);
	if (opens > b->ran_us) {
		join_deferred(q, r, opens == INT64_MAX ? 0 : opens);
		return true;
	}
	r->group->active++;
	note_close(q, r->group, b->ran_us);
	vqueue_join_ready(q, r, false);
	return true;
}

uint32_t
vqueue_free_deferred(struct sched_queue *q, struct vqueue_cursor *c,
    uint32_t max)
{
	uint32_t n = 0;
	struct rcpt *r;

	c->in_deferred = true;
	/* Who comes into the place of one that was freed was not seen. */
	while (n < max && (r = vqueue_step_deferred(q, c)) != NULL) {
		n++;
		if (r->due_us != SCHED_ON_HOLD && free_deferred(q, r))
			c->index++;
	}
	return n;
}

bool
vqueue_free_wanted(struct sched_queue *q, struct vqueue_cursor *c,
    vqueue_each_fn *fn, void *ctx, uint32_t max)
{
	const struct group *g;
	struct rcpt *r;

	while ((g = vqueue_step_ready(q, c)) != NULL) {
		(void)vqueue_tell_group(g, fn, ctx);
		if (max-- <= 1)
			return false;
	}
	while ((r = vqueue_step_deferred(q, c)) != NULL) {
		if (fn(ctx, r, true) && free_deferred(q, r))
			c->index++; /* who comes into its place was not seen */
		if (max-- <= 1)
			return false;
	}
	return true;
}

/*
 * Unlinks those of a group that are wanted; the result is a chain by next.
 * The group itself stays until they are freed, and waits no longer when none
 * is left to wait.
 */
static struct rcpt *
unlink_wanted(struct sched_queue *q, struct group *g, vqueue_each_fn *wants,
    void *ctx)
{
	struct rcpt *end = g->last, *prev = g->last, *taken = NULL, *r;
	uint32_t n = 0;

	do {
		r = prev->next;
		if (!wants(ctx, r, false)) {
			prev = r;
			continue;
		}
		prev->next = r->next;
		if (r == g->last)
			g->last = prev == r ? NULL : prev;
		r->next = taken;
		taken = r;
		n++;
	} while (r != end);
	if (n > 0)
		uncount_ready(q, g, n);
	if (g->last == NULL)
		leave_turns(q, g);
	return taken;
}

/* ---- on hold ------------------------------------------------------------- */

static bool
hold_of_group(struct sched_queue *q, struct group *g, vqueue_each_fn *fn,
    void *ctx)
{
	struct rcpt *r = unlink_wanted(q, g, fn, ctx);
	bool empty = g->last == NULL;

	while (r != NULL) {
		struct rcpt *next = r->next;

		g->active--;
		join_deferred(q, r, SCHED_ON_HOLD);
		r = next;
	}
	if (g->active == 0)
		msg_release(g);
	return empty;
}

bool
vqueue_hold_wanted(struct sched_queue *q, struct vqueue_cursor *c,
    vqueue_each_fn *fn, void *ctx, uint32_t max)
{
	struct group *g;
	struct rcpt *r;

	while ((g = vqueue_step_ready(q, c)) != NULL) {
		if (hold_of_group(q, g, fn, ctx))
			c->turns.index++;
		if (max-- <= 1)
			return false;
	}
	while ((r = vqueue_step_deferred(q, c)) != NULL) {
		if (r->due_us != SCHED_ON_HOLD && fn(ctx, r, true)) {
			leave_deferred(q, r);
			join_deferred(q, r, SCHED_ON_HOLD);
			c->index++;
		}
		if (max-- <= 1)
			return false;
	}
	return true;
}

/* ---- into another queue -------------------------------------------------- */

/*
 * It is in no list any more, and one of the active of its group, which stays.
 * What of a message comes from one queue goes out together (the caller forgets
 * last_added in between): it may have to be signed in the same way.
 */
static void
hand_rcpt(struct sched_queue *q, const struct vqueue_hand *how, struct rcpt *r)
{
	struct backlog *b = q->turns.backlog;
	struct sched_queue *to = how->to;
	struct group *g = r->group, *there = to->last_added;

	if (there == NULL || there->entry != g->entry ||
	    there->priority != g->priority || g->entry->one_by_one) {
		there = group_new(to, b, g->entry, g->priority);
		there->handed = true; /* the age it may have is not to's */
		handed_note(&b->handed, there, &how->from);
		to->last_added = there;
	}
	r->group = there;
	b->sums.handed++;
	there->rcpts++;
	there->active++;
	g->rcpts--;
	g->active--;
	q->rcpts--;
	to->rcpts++;
	msg_keep(to, there);
	note_close(to, there, b->ran_us);
	vqueue_join_ready(to, r, false);
	if (g->rcpts == 0)
		group_free(q, b, g);
	else if (g->active == 0)
		msg_release(g);
}

static bool
hand_group(struct sched_queue *q, struct group *g,
    const struct vqueue_hand *how)
{
	struct rcpt *r = unlink_wanted(q, g, how->wants, how->ctx);
	bool empty = g->last == NULL;

	while (r != NULL) {
		struct rcpt *next = r->next;

		hand_rcpt(q, how, r);
		r = next;
	}
	return empty;
}

bool
vqueue_hand_wanted(struct sched_queue *q, struct vqueue_cursor *c,
    const struct vqueue_hand *how, uint32_t max)
{
	struct group *g;
	struct rcpt *r;

	CHECK(q != how->to);
	how->to->last_added = NULL;
	while ((g = vqueue_step_ready(q, c)) != NULL) {
		if (hand_group(q, g, how))
			c->turns.index++;
		if (max-- <= 1)
			return false;
	}
	while ((r = vqueue_step_deferred(q, c)) != NULL) {
		if (r->due_us != SCHED_ON_HOLD &&
		    how->wants(how->ctx, r, true)) {
			leave_deferred(q, r);
			r->group->active++;
			hand_rcpt(q, how, r);
			c->index++;
		}
		if (max-- <= 1)
			return false;
	}
	return true;
}

/* ---- leaving ------------------------------------------------------------- */

/* True: the group has left the heap, and another one has its place. */
static bool
take_of_group(struct sched_queue *q, struct backlog *b, struct group *g,
    const struct vqueue_take *take)
{
	struct rcpt *r = unlink_wanted(q, g, take->wants, take->ctx);
	bool empty = g->last == NULL;

	while (r != NULL) {
		struct rcpt *next = r->next;

		g->active--;
		vqueue_rcpt_gone(q, b, r, take->gone, take->ctx);
		r = next;
	}
	return empty;
}

static bool
take_deferred(struct sched_queue *q, struct backlog *b, struct rcpt *r,
    const struct vqueue_take *take)
{
	if (!take->wants(take->ctx, r, true))
		return false;
	leave_deferred(q, r);
	vqueue_rcpt_gone(q, b, r, take->gone, take->ctx);
	return true;
}

bool
vqueue_take_wanted(struct sched_queue *q, struct backlog *b,
    struct vqueue_cursor *c, const struct vqueue_take *take, uint32_t max)
{
	struct group *g;
	struct rcpt *r;

	/* Who comes into the place of one that has gone was not seen. */
	while ((g = vqueue_step_ready(q, c)) != NULL) {
		if (take_of_group(q, b, g, take))
			c->turns.index++;
		if (max-- <= 1)
			return false;
	}
	while ((r = vqueue_step_deferred(q, c)) != NULL) {
		if (take_deferred(q, b, r, take))
			c->index++;
		if (max-- <= 1)
			return false;
	}
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of those that wait their turn: who is too old, and who may not be sent at this
 * time.
 */
#include "lib/clock.h"
#include "vmta/vqueue_priv.h"

/* Whoever is old, and stays, is out of the way for so long. */
#define AWAY_US (60 * US_PER_S)
/* So often all of a queue are looked at, and so many leave at once. */
#define LOOK_US US_PER_S
enum { CLOSE_MAX = 20000 };

/* They wait for that time instead. */
static void
put_off(struct sched_queue *q, struct group *g, int64_t due_us)
{
	bool last;

	do {
		struct rcpt *r = vqueue_leave_ready(q, g);

		last = g->last == NULL;
		g->active--;
		join_deferred(q, r, due_us);
	} while (!last);
	if (g->active == 0)
		msg_release(g);
}

static void
expire_group(struct sched_queue *q, struct backlog *b, struct group *g,
    int64_t now_us, const struct vqueue_ends *ends)
{
	int64_t closes = backlog_closes(b, g->entry, now_us);

	if (g->entry->spans == 0 && !g->handed && (!g->ageless || ends->tried))
		vqueue_group_gone(q, b, g, ends->expired, ends->ctx);
	else
		put_off(q, g,
		    closes < now_us + AWAY_US ? closes : now_us + AWAY_US);
}

void
vqueue_expire(struct sched_queue *q, struct backlog *b, int64_t now_us,
    int64_t born_us, const struct vqueue_ends *ends)
{
	for (uint8_t i = 0; i < q->turns.class_count; i++) {
		struct group *g;

		while ((g = turns_oldest(&q->turns, i)) != NULL &&
		    g->entry->queued_us <= born_us)
			expire_group(q, b, g, now_us, ends);
	}
}

void
vqueue_expire_aside(struct sched_queue *q, struct backlog *b,
    const struct waiter *w, int64_t now_us, const struct vqueue_ends *ends)
{
	expire_group(q, b, turns_aside_oldest(w), now_us, ends);
}

int64_t
vqueue_closes_at(const struct sched_queue *q)
{
	return q->turns.close_s == UINT32_MAX ? INT64_MAX :
						q->turns.close_s * US_PER_S;
}

void
vqueue_close_at(struct sched_queue *q, int64_t at_us)
{
	int64_t s = at_us / US_PER_S + (at_us % US_PER_S > 0);

	if (s < q->turns.close_s)
		q->turns.close_s = s < 0 ? 0 : (uint32_t)s;
}

bool
vqueue_close(struct sched_queue *q, struct backlog *b, struct group *g,
    int64_t now_us, const struct vqueue_ends *ends)
{
	int64_t opens = backlog_opens(b, g->entry, now_us);

	if (opens <= now_us)
		return false;
	if (opens == INT64_MAX)
		vqueue_group_gone(q, b, g, ends->missed, ends->ctx);
	else
		put_off(q, g, opens);
	return true;
}

void
vqueue_close_all(struct sched_queue *q, struct backlog *b, int64_t now_us,
    const struct vqueue_ends *ends)
{
	int64_t next = INT64_MAX, at;
	struct turns_cursor c;
	struct group *g;
	int left = CLOSE_MAX;

	if (vqueue_closes_at(q) > now_us)
		return;
	turns_cursor_init(&c);
	while (left > 0 && (g = turns_step(&q->turns, &c)) != NULL) {
		if (vqueue_close(q, b, g, now_us, ends)) {
			c.index++; /* another one has its place */
			left--;
			continue;
		}
		at = backlog_closes(b, g->entry, now_us);
		next = at < next ? at : next;
	}
	if (left == 0 || next < now_us + LOOK_US)
		next = now_us + LOOK_US;
	q->turns.close_s = UINT32_MAX;
	vqueue_close_at(q, next);
}

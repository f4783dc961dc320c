/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mail that leaves by the clock alone: too old, or past the times in which it
 * was to be sent; and mail that has such times and waits for the next.
 *
 * While it waits for them it is deferred, small like all that is (backlog.h).
 * What waits its turn when its time ends is looked for once a second, or where
 * its turn comes before that; so nothing goes at another time, whatever limits,
 * failures and orders there are.
 */
#include "vmta/sched_priv.h"

static void
expired(void *ctx, struct sched_queue *q, struct message *m, uint32_t n,
    uint16_t attempts)
{
	struct sched *s = ctx;

	SCHED_TELL(s, expired, q, m, n, attempts);
}

static void
missed(void *ctx, struct sched_queue *q, struct message *m, uint32_t n,
    uint16_t attempts)
{
	struct sched *s = ctx;

	if (s->owner->missed == NULL)
		SCHED_TELL(s, expired, q, m, n, attempts);
	else
		SCHED_TELL(s, missed, q, m, n, attempts);
}

struct vqueue_ends
expiry_ends(struct sched *s)
{
	return (struct vqueue_ends){ expired, missed, s, false };
}

/* Mail accepted at this time or before is too old. */
int64_t
expiry_born(const struct sched_queue *q, int64_t now_us)
{
	int64_t age = q->conf->conf.bounce_after_us;

	return age > now_us ? INT64_MIN : now_us - age;
}

/*
 * What waits its turn in a paused queue, or for a source, would wait for ever:
 * what is too old leaves.  Returns when the next one will be.
 */
static int64_t
expire_stuck(struct sched *s, struct sched_queue *q, int64_t now_us)
{
	const struct vqueue_ends ends = expiry_ends(s);
	int64_t age = q->conf->conf.bounce_after_us, oldest;

	if (!sched_is_paused(s, q) &&
	    !(choice_may_be_no(s, q) && choice_is_stuck(s, q, now_us)))
		return INT64_MAX;
	vqueue_cool(q);
	vqueue_expire(q, &s->backlog, now_us, expiry_born(q, now_us), &ends);
	oldest = vqueue_oldest(q);
	return oldest > INT64_MAX - age ? INT64_MAX : oldest + age;
}

int64_t
expiry_serve(struct sched *s, struct sched_queue *q, int64_t now_us)
{
	const struct vqueue_ends ends = expiry_ends(s);
	int64_t aged, closes;

	vqueue_collect(q, &s->backlog, now_us, expiry_born(q, now_us), &ends);
	vqueue_close_all(q, &s->backlog, now_us, &ends);
	aged = expire_stuck(s, q, now_us);
	closes = vqueue_closes_at(q);
	return closes < aged ? closes : aged;
}

bool
expiry_closes(struct sched *s, struct sched_queue *q, struct group *g,
    int64_t now_us)
{
	const struct vqueue_ends ends = expiry_ends(s);

	return g->entry->spans != 0 &&
	    vqueue_close(q, &s->backlog, g, now_us, &ends);
}

void
expiry_failed(struct sched *s, struct sched_queue *q, bool tried,
    int64_t now_us)
{
	struct vqueue_ends ends = expiry_ends(s);

	ends.tried = tried;
	vqueue_expire(q, &s->backlog, now_us, expiry_born(q, now_us), &ends);
}

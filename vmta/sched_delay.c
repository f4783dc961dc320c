/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/sched_delay.h"

#include "vmta/sched_priv.h"

#define TOLD_MASK 7u

/* How often it should have been told by now; 0: not yet. */
static uint64_t
multiples(const struct sched_queue *q, const struct rcpt *r, int64_t now_us)
{
	int64_t every_us = q->conf->conf.delay_notify_us;
	int64_t age_us = now_us -
	    backlog_since(q->turns.backlog, r->group->entry);

	if (every_us == INTERVAL_NEVER || age_us < every_us)
		return 0;
	return (uint64_t)(age_us / every_us);
}

void
delay_begin(const struct sched_queue *q, struct rcpt *r, int64_t now_us)
{
	r->told = q->conf == NULL ? 0 : multiples(q, r, now_us) & TOLD_MASK;
}

void
delay_deferred(struct sched *s, struct sched_queue *q, struct rcpt *r,
    int64_t now_us)
{
	uint64_t n = multiples(q, r, now_us);
	struct message *m;

	if (n == 0 || (n & TOLD_MASK) == r->told)
		return;
	r->told = n & TOLD_MASK;
	if (s->owner->delayed == NULL)
		return;
	m = backlog_message(r->group->entry);
	SCHED_TELL(s, delayed, q, m, r->n, r->attempts);
	message_unref(&m);
}

void
delay_queue_failed(struct sched *s, struct sched_queue *q, int64_t now_us)
{
	int64_t every_us = q->conf->conf.delay_notify_us;
	struct turns_cursor c;
	struct group *g;
	int left = DELAY_WALK_MAX;

	if (every_us == INTERVAL_NEVER || vqueue_oldest(q) > now_us - every_us)
		return;
	turns_cursor_init(&c);
	while (left > 0 && (g = turns_step(&q->turns, &c)) != NULL) {
		struct rcpt *r = g->last;

		if (r == NULL)
			continue;
		do {
			r = r->next;
			delay_deferred(s, q, r, now_us);
			left--;
		} while (r != g->last && left > 0);
	}
}

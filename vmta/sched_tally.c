/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thresholds: what came of attempts, counted for the queue, or for all of its
 * group, and for the source there, and what is done when it was too bad.
 *
 * The source is asked first: one that is not wanted goes off while the queue
 * has another, and with it what the queue has counted, which is about that
 * source in the main.  Who acts on a threshold clears what was counted, or the
 * next error would do the same again.
 *
 * Nothing is counted where no threshold is set.
 */
#include <stdio.h>

#include "lib/net.h"
#include "vmta/sched_priv.h"
#include "vmta/source.h"

enum { TEXT = 120 };

/* Is it over one of the thresholds?  text then says which. */
static bool
is_over(const struct queue_conf *c, struct errors_lately *e, char *text,
    int64_t now_us)
{
	const struct errors_share share = { c->error_rate.percent,
		c->error_rate.attempts, c->error_rate.span_us };

	if (errors_lately_too_many(e, c->max_errors_per_hour, now_us)) {
		(void)snprintf(text, TEXT,
		    "more than %u errors in an hour (max-errors-per-hour)",
		    c->max_errors_per_hour);
		return true;
	}
	if (errors_lately_too_often(e, &share, now_us)) {
		(void)snprintf(text, TEXT,
		    "%u %% of attempts failed (backoff-upon-error-rate)",
		    share.percent);
		return true;
	}
	return false;
}

/* Is there one that would be used in its place? */
static bool
has_another(struct sched *s, const struct sched_queue *q,
    const struct net_addr *but, int64_t now_us)
{
	const struct global_conf *global = snapshot_global(s->conf);
	size_t n = source_count(q->vmta->conf, global);

	for (size_t i = 0; i < n; i++) {
		const struct net_addr *a =
		    &source_pick(q->vmta->conf, global, i)->addr;

		if (!net_addr_eq(a, but) &&
		    choice_grade(s, q, a, now_us) == CHOICE_SUITS)
			return true;
	}
	return false;
}

/* True: the source went off for it. */
static bool
count_source(struct sched *s, struct sched_conn *c, const struct sched_tally *t,
    int64_t now_us)
{
	struct sched_queue *q = c->queue;
	const struct net_addr a = c->source->addr;
	struct standing *st = &standing_get(s, q, now_us)->st;
	const struct queue_conf *conf = standing_conf(q);
	struct errors_lately *e;
	char text[TEXT];
	const struct sched_reason why = { .text = text };

	if (a.family == 0 || choice_is_to_host(q))
		return false;
	e = standing_source_errors(st, &a);
	errors_lately_add(e, t->attempts, t->errors, now_us);
	if (!is_over(conf, e, text, now_us) || !has_another(s, q, &a, now_us))
		return false;
	errors_lately_clear(e);
	errors_lately_clear(standing_errors(st));
	(void)sched_queue_source_off(s, q, &a,
	    standing_after(conf->reenable_after_us, now_us), &why, now_us);
	return true;
}

static void
count_queue(struct sched *s, struct sched_queue *q, const struct sched_tally *t,
    int64_t now_us)
{
	struct errors_lately *e = standing_errors(
	    &standing_get(s, q, now_us)->st);
	const struct queue_conf *conf = standing_conf(q);
	char text[TEXT];
	const struct sched_reason why = { .text = text };

	errors_lately_add(e, t->attempts, t->errors, now_us);
	if (!is_over(conf, e, text, now_us))
		return;
	errors_lately_clear(e);
	sched_queue_backoff(s, q, standing_after(conf->normal_after_us, now_us),
	    &why, now_us);
}

void
sched_conn_tally(struct sched *s, struct sched_conn *c,
    const struct sched_tally *t, int64_t now_us)
{
	static const struct sched_reason delivered = { .text = "a delivery" };
	struct sched_queue *q = c->queue;
	struct sched_standing *st;
	const struct queue_conf *conf;

	CHECK(c->sched == s && !s->in_callback && t->errors <= t->attempts);
	sched_refresh(s, q, now_us); /* or that of before would go meanwhile */
	conf = standing_conf(q);
	warmup_seen(c, t);
	if (t->delivered > 0 && conf->normal_after_delivery)
		sched_queue_normal(s, q, &delivered, now_us);
	if (t->attempts == 0 ||
	    (conf->max_errors_per_hour == 0 && conf->error_rate.percent == 0))
		return;
	if (!count_source(s, c, t, now_us))
		count_queue(s, q, t, now_us);
	st = standing_of(q);
	sched_keep_dirty(s, st->queue, false);
	standing_settle(s, st, now_us);
}

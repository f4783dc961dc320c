/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs that an operator has paused.
 *
 * Their mail is set aside in its queues and waits for its job, as that of a job
 * without a token does (vmta/sched_origin.c); so others of the queue go on, and
 * one that is resumed comes back by the same way.  Orders are those of queues
 * (vmta/pause.h), with the job as their second half.
 */
#include "vmta/sched_priv.h"

#include "lib/clock.h"

/* What is old and may go all the same is looked for again. */
#define LOOK_US (60 * US_PER_S)

/* ---- which --------------------------------------------------------------- */

/* Mail without a job is of none. */
static bool
holds(const struct sched *s, struct pause_seen *seen, const char *job)
{
	if (s->job_pauses.count == 0 || job[0] == '\0')
		return false;
	if (pause_is_known(&s->job_pauses, seen))
		return seen->paused;
	return pause_holds(&s->job_pauses, seen, "*", job);
}

bool
job_is_paused(const struct sched *s, uint32_t origin)
{
	const struct origins *all = &s->backlog.origins;

	return s->job_pauses.count > 0 &&
	    holds(s, &origins_at(all, origin)->pause, origins_job(all, origin));
}

bool
job_is_paused_by_name(const struct sched *s, struct pause_seen *seen,
    const char *job)
{
	return holds(s, seen, job);
}

bool
sched_job_is_paused(const struct sched *s, const char *job)
{
	struct pause_seen seen = { 0 };

	return holds(s, &seen, job);
}

/* ---- orders -------------------------------------------------------------- */

static void
changed(struct sched *s)
{
	jobs_configure(s);
	payers_paused(s);
	sched_look_all(s);
}

void
jobs_configure(struct sched *s)
{
	s->has_payers = snapshot_has_payers(s->conf) || s->job_pauses.count > 0;
}

int
sched_pause_job(struct sched *s, const char *job, bool paused, struct err *e)
{
	CHECK(!s->in_callback);
	if (pause_give(&s->job_pauses, "*", job, paused, e) == -1)
		return -1;
	changed(s);
	return 0;
}

void
sched_job_pauses(const struct sched *s, struct buf *out)
{
	pause_pack(&s->job_pauses, out);
}

int
sched_restore_job_pauses(struct sched *s, struct slice text, struct err *e)
{
	int rc;

	CHECK(!s->in_callback);
	rc = pause_unpack(&s->job_pauses, text, e);
	changed(s);
	return rc;
}

/* ---- facts ---------------------------------------------------------------- */

static bool
is_rate(void *ctx, const struct waiter *w, const struct turns_sum *sum)
{
	const char **what = ctx;
	bool paused = payer_is_paused(payer_waited_for(w));

	(void)sum;
	*what = paused ? "paused job" : "max-msg-rate of a job or user";
	return paused;
}

const char *
job_waits_for(const struct sched_queue *q)
{
	const char *what = "source address that knows it"; /* pinned */

	turns_each_aside(&q->turns, INT64_MAX, is_rate, &what);
	return what;
}

/* ---- what waits ---------------------------------------------------------- */

struct looking {
	const struct sched *sched;
	const struct waiter
	    *found; /* of a paused job, with mail that is too old */
};

static bool
on_aside(void *ctx, const struct waiter *w, const struct turns_sum *sum)
{
	struct looking *l = ctx;

	if (!job_is_paused(l->sched, sum->origin))
		return true;
	l->found = w;
	return false;
}

/* The mail of paused jobs that is too old leaves. */
static void
expire(struct sched *s, struct sched_queue *q, int64_t born_us, int64_t now_us)
{
	const struct vqueue_ends ends = expiry_ends(s);
	struct looking l = { .sched = s };

	do {
		l.found = NULL;
		turns_each_aside(&q->turns, born_us, on_aside, &l);
		if (l.found != NULL)
			vqueue_expire_aside(q, &s->backlog, l.found, now_us,
			    &ends);
	} while (l.found != NULL);
}

int64_t
jobs_serve(struct sched *s, struct sched_queue *q, int64_t now_us)
{
	int64_t age = q->conf->conf.bounce_after_us, oldest;
	int64_t born_us = expiry_born(q, now_us);

	if (q->claim != NULL && job_is_paused(s, q->claim->origin))
		claim_drop(q);
	if (q->aside == 0) /* it may be set aside in this very look */
		return q->ready > 0 ? now_us + LOOK_US : INT64_MAX;
	oldest = vqueue_oldest(q);
	if (oldest <= born_us) {
		expire(s, q, born_us, now_us);
		oldest = vqueue_oldest(q);
	}
	if (oldest > INT64_MAX - age)
		return INT64_MAX;
	return oldest + age > now_us ? oldest + age : now_us + LOOK_US;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delete: recipients that are not being sent leave the queue, for good.
 *
 *	find    (only if envelopes have to be read) candidates are looked at on
 *		a worker; those that are meant are noted by number
 *	take    a walk takes out what was noted, or what the scheduler itself
 *		knows to be meant; each ends like any other recipient, on a
 *		worker (dispatch_end), with verdict deleted
 *	settle  what was taken is durable; then the next round, until one finds
 *		nothing: mail moves in the queue while it is gone through
 *
 * Never more than a batch of taken recipients is on its way to the store.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "mail/outcome.h"
#include "transport/barrier.h"
#include "transport/candidates.h"
#include "transport/control_priv.h"
#include "transport/disposition.h"
#include "transport/sweep.h"

enum {
	NOTED_MAX = 100000, /* in one round */
	BATCH_MAX = 10000,
	LOOK_AT = 200, /* recipients between two looks at the clock */
	ROUNDS_MAX = 1000
};

struct noted {
	uint64_t id;
	uint32_t n;
};

struct purge {
	struct candidates candidates;
	struct queue_walk walk;
	struct barrier barrier;
	struct select select;
	struct post home; /* on main: the next round, or the answer */
	struct control *control;
	struct ctl_request *request;
	bool dry_run, unrecorded, tell_deleted;
	uint64_t max;
	struct noted *noted;
	size_t noted_count, noted_cap;
	unsigned round;
	uint64_t sending;  /* of this round, left alone */
	uint64_t deleted;  /* or, in a dry run, that would be */
	uint64_t at_start; /* deleted, when this round began */
	uint64_t batch;    /* deleted, not yet known to be durable */
	int64_t now_us;
	bool stopped; /* before its end: the process is going to */
	bool walked;  /* the take of this round is over */
};

static void
purge_free(struct purge *p)
{
	candidates_fini(&p->candidates);
	select_fini(&p->select);
	free(p->noted);
	free(p);
}

static bool
reads_envelopes(const struct purge *p)
{
	return select_wants_envelope(&p->select);
}

/* ---- settle -------------------------------------------------------------- */

/* On the store's thread. */
static void
on_durable(struct barrier *b)
{
	struct purge *p = post_owner(b, struct purge, barrier);

	if (p->walked)
		worker_post(p->control->opt.main, &p->home);
	else
		queue_walk_go(&p->walk);
}

static void
settle(struct purge *p)
{
	p->batch = 0;
	dispatch_end_flush(p->control->opt.dispatch);
	barrier_begin(&p->barrier, p->control->opt.envs,
	    p->control->opt.env_count, on_durable);
}

/* ---- take (scheduler) ---------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
	const struct noted *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return (x->n > y->n) - (x->n < y->n);
}

static bool
is_noted(const struct purge *p, const struct sched_rcpt_info *info)
{
	const struct noted key = { info->id, info->n };

	return bsearch(&key, p->noted, p->noted_count, sizeof(key), compare) !=
	    NULL;
}

static bool
wants(void *ctx, const struct sched_rcpt_info *info)
{
	const struct purge *p = ctx;

	return p->deleted < p->max &&
	    select_fits(&p->select, info, p->now_us) &&
	    (!reads_envelopes(p) || is_noted(p, info));
}

static void
on_taken(void *ctx, struct sched_queue *q, struct message *m, uint32_t n,
    uint16_t attempts)
{
	struct purge *p = ctx;
	const struct sweep_rcpt rcpt = { .queue = q,
		.msg = m,
		.n = n,
		.attempts = attempts,
		.unrecorded = p->unrecorded,
		.tell_deleted = p->tell_deleted };
	const struct outcome o = { .kind = OUTCOME_UNSENT,
		.phase = PHASE_RESOLVE,
		.text = "deleted by the operator",
		.mx = "",
		.esmtp = "",
		.tls = "",
		.wall_us = clock_wall_us() };
	const struct disposition what = disposition_deleted();

	dispatch_end(p->control->opt.dispatch, &rcpt, &o, &what);
	p->deleted++;
	p->batch++;
}

static bool
count_sending(void *ctx, const struct sched_rcpt_info *info)
{
	struct purge *p = ctx;

	p->sending += select_fits(&p->select, info, p->now_us);
	return true;
}

/* Of a dry run. */
static bool
count_one(void *ctx, const struct sched_rcpt_info *info)
{
	struct purge *p = ctx;

	p->deleted += wants(p, info);
	return ++p->batch % LOOK_AT != 0;
}

static enum queue_walk_next
visit(struct queue_walk *w, struct sched_queue *q, int64_t now_us)
{
	struct purge *p = post_owner(w, struct purge, walk);
	const struct sched_take take = { wants, on_taken, p };
	bool all;

	p->now_us = now_us;
	p->stopped = dispatch_is_draining(p->control->opt.dispatch);
	if (p->stopped)
		return WALK_END;
	if (q != NULL && !w->again && !reads_envelopes(p))
		sched_walk_granted(&w->at, count_sending, p);
	if (p->dry_run)
		return sched_walk_rcpts(&w->at, count_one, p) ? WALK_ON :
								WALK_AGAIN;
	all = sched_walk_take(&w->at, &take, LOOK_AT);
	if (p->batch >= BATCH_MAX) {
		settle(p);
		return WALK_WAIT;
	}
	return all ? WALK_ON : WALK_AGAIN;
}

static void
on_walked(struct queue_walk *w)
{
	struct purge *p = post_owner(w, struct purge, walk);

	p->walked = true;
	p->stopped = p->stopped || w->missed;
	settle(p);
}

static void
take(struct purge *p)
{
	p->walked = false;
	p->walk = (struct queue_walk){ .dispatch = p->control->opt.dispatch,
		.wanted = &p->select.queue,
		.visit = visit,
		.done = on_walked,
		.of_all = true };
	queue_walk_go(&p->walk);
}

/* ---- find (worker) ------------------------------------------------------- */

static void
look(struct candidates *c, const struct candidate *r,
    const struct envelope *env, const struct err *error)
{
	struct purge *p = post_owner(c, struct purge, candidates);

	(void)env;
	(void)error;
	if (r->granted) {
		p->sending++;
	} else if (p->dry_run) {
		p->deleted += p->deleted < p->max;
	} else {
		if (p->noted_count == p->noted_cap) {
			p->noted_cap = p->noted_cap * 2 + 256;
			p->noted = mem_realloc(p->noted,
			    p->noted_cap * sizeof(p->noted[0]));
		}
		p->noted[p->noted_count++] = (struct noted){ r->msg->id, r->n };
	}
}

static void
on_chunk(struct candidates *c)
{
	struct purge *p = post_owner(c, struct purge, candidates);

	p->stopped = p->stopped || c->walk.missed;
	if (!c->ended && p->noted_count >= NOTED_MAX) {
		candidates_stop(c);
	} else if (!c->ended) {
		candidates_go(c);
	} else if (p->noted_count == 0) {
		worker_post(p->control->opt.main, &p->home);
	} else {
		qsort(p->noted, p->noted_count, sizeof(p->noted[0]), compare);
		take(p);
	}
}

static void
find(struct purge *p)
{
	candidates_fini(&p->candidates);
	p->candidates = (struct candidates){
		.dispatch = p->control->opt.dispatch,
		.env = p->control->opt.envs[0],
		.select = &p->select,
		.look = look,
		.chunk = on_chunk,
	};
	candidates_go(&p->candidates);
}

/* ---- rounds (main) ------------------------------------------------------- */

static void
answer(struct purge *p)
{
	if (!p->dry_run)
		log_note(LOG_L_INFO, "delete",
		    "%llu recipients of %s/%s were deleted",
		    (unsigned long long)p->deleted, p->select.queue.domain,
		    p->select.queue.vmta);
	if (p->stopped)
		ctl_fail(p->request,
		    "mailraced is being stopped; deleted so far: %llu",
		    (unsigned long long)p->deleted);
	else
		ctl_done(p->request,
		    json_pack("{s:I,s:I,s:b}", "deleted",
			(json_int_t)p->deleted, "sending",
			(json_int_t)p->sending, "dry_run", (int)p->dry_run));
	purge_free(p);
}

static void
on_round(struct post *post)
{
	struct purge *p = post_owner(post, struct purge, home);

	if (p->round > 0 &&
	    (p->stopped || p->dry_run || p->deleted == p->at_start ||
		p->deleted >= p->max || p->round >= ROUNDS_MAX)) {
		answer(p);
		return;
	}
	p->round++;
	p->at_start = p->deleted;
	p->sending = p->noted_count = 0;
	if (reads_envelopes(p))
		find(p);
	else
		take(p);
}

static int
parse(struct purge *p, const json_t *args, struct err *e)
{
	if (select_parse(args, &p->select, e) == -1)
		return -1;
	if (!p->select.is_bounded)
		return err_set(e, "delete needs --queue, --jobId or --id");
	p->dry_run = json_is_true(json_object_get(args, "dry-run"));
	p->unrecorded = json_is_true(json_object_get(args, "no-accounting"));
	p->tell_deleted = json_is_true(json_object_get(args, "dsn"));
	p->max = control_maxitems(args, 0);
	if (p->max == 0)
		p->max = UINT64_MAX;
	return 0;
}

void
control_delete(struct control *c, struct ctl_request *r, const json_t *args)
{
	struct purge *p = mem_new(struct purge);
	struct err e;

	p->control = c;
	p->request = r;
	p->home.fn = on_round;
	if (parse(p, args, &e) == -1) {
		ctl_fail(r, "%s", e.text);
		purge_free(p);
		return;
	}
	on_round(&p->home);
}

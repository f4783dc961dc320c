/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/candidates.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "mail/message.h"
#include "transport/envelope_read.h"

#define CHUNK 256
/* Of the worker: envelopes may be large, and mail waits there to be sent. */
#define SLICE_US (2 * US_PER_MS)
/* So many that do not fit are passed on the scheduler's thread at a time. */
#define LOOK_AT 4096

/* ---- on the worker ------------------------------------------------------- */

/* For a chunk: recipients of a message mostly come one behind the other. */
struct candidates_reading {
	struct region *rg;
	uint64_t id; /* whose envelope this is; 0: nobody's yet */
	bool readable;
	struct envelope env;
	struct err err;
};

static void
read_envelope(struct candidates *c, const struct candidate *r,
    struct candidates_reading *at)
{
	if (at->id == r->msg->id)
		return;
	region_reset(at->rg);
	at->id = r->msg->id;
	at->readable = envelope_read(c->env, r->msg, at->rg, &at->env,
			   &at->err) == 0;
}

static void
look_at(struct candidates *c, const struct candidate *r)
{
	struct candidates_reading *at = c->at;
	const struct err none = { "no such recipient" };

	read_envelope(c, r, at);
	if (at->readable && r->n < at->env.rcpt_count) {
		if (select_fits_envelope(c->select, &at->env, r->n, at->rg))
			c->look(c, r, &at->env, &none);
	} else if (!select_wants_envelope(c->select)) {
		c->look(c, r, &envelope_blank, at->readable ? &none : &at->err);
	}
}

static void
on_chunk(struct post *p)
{
	struct candidates *c = post_owner(p, struct candidates, post);
	int64_t until_us = clock_us() + SLICE_US;

	if (c->at == NULL) {
		c->at = mem_new(struct candidates_reading);
		c->at->rg = region_new();
	}
	while (c->next < c->count && clock_us() < until_us) {
		struct candidate *r = &c->list[c->next++];

		look_at(c, r);
		message_unref(&r->msg);
		if (r->said != NULL)
			said_unref(&r->said);
	}
	if (c->next < c->count) {
		worker_post(c->env->worker, &c->post);
		return;
	}
	region_free(&c->at->rg);
	free(c->at);
	c->at = NULL;
	c->count = c->next = 0;
	dispatch_reader_done(&c->reader);
	c->chunk(c); /* it may be gone */
}

/* ---- on the scheduler's thread ------------------------------------------- */

static void
to_worker(struct candidates *c)
{
	if (c->count > 0)
		c->reader = dispatch_reader_new(c->dispatch);
	c->post.fn = on_chunk;
	worker_post(c->env->worker, &c->post);
}

/*
 * What said shares is of this thread, and the worker's when the chunk is:
 * nothing is counted on both.
 */
static void
look_at_queue(struct candidates *c, struct sched_queue *q)
{
	struct sched_queue_info info;

	c->job = NULL;
	if (!c->wants_state || q == NULL)
		return;
	sched_queue_info(c->walk.sched, q, c->now_us, &info);
	c->queue_waits = info.retry_us != 0;
	c->queue_paused = info.paused;
	if (info.last_error[0] != '\0')
		c->queue_error = said_plain(info.last_error);
}

static bool
is_paused(struct candidates *c, const char *job)
{
	if (c->job != job) {
		c->job = job;
		c->job_paused = sched_job_is_paused(c->walk.sched, job);
	}
	return c->queue_paused || c->job_paused;
}

static void
set_state(struct candidates *c, const struct sched_rcpt_info *info,
    struct candidate *r)
{
	const struct said *own = replies_find(dispatch_replies(c->dispatch),
	    info->id, info->n);

	if (info->granted)
		r->state = CANDIDATE_ACTIVE;
	else if (info->due_us == SCHED_ON_HOLD || is_paused(c, info->job))
		r->state = CANDIDATE_HOLD;
	else if (info->due_us != 0 || c->queue_waits)
		r->state = CANDIDATE_DEFERRED;
	if (own != NULL) {
		r->said = said_copy(own);
	} else if (c->queue_error != NULL) {
		r->said = said_ref(c->queue_error);
		r->said_of_queue = true;
	}
}

static bool
on_rcpt(void *ctx, const struct sched_rcpt_info *info)
{
	struct candidates *c = ctx;

	if (!select_fits(c->select, info, c->now_us))
		return ++c->passed % LOOK_AT != 0;
	c->counted++;
	if (c->to_host && !info->granted &&
	    !sched_walk_may_hand(&c->walk.at, info))
		return ++c->passed % LOOK_AT != 0;
	if (c->counting)
		return c->counted % CHUNK != 0;
	if (c->count == c->cap) {
		c->cap = c->cap * 2 + CHUNK;
		c->list = mem_realloc(c->list, c->cap * sizeof(c->list[0]));
	}
	c->list[c->count++] = (struct candidate){
		.msg = sched_rcpt_message(info),
		.vmta = info->vmta,
		.due_us = info->due_us,
		.n = info->n,
		.size = info->size,
		.rcpts = info->rcpts,
		.attempts = info->attempts,
		.granted = info->granted,
	};
	if (c->wants_state)
		set_state(c, info, &c->list[c->count - 1]);
	return c->count < CHUNK;
}

static enum queue_walk_next
visit(struct queue_walk *w, struct sched_queue *q, int64_t now_us)
{
	struct candidates *c = post_owner(w, struct candidates, walk);
	bool all;

	if (c->stopping ||
	    (c->select->id != 0 && !sched_has_message(w->sched, c->select->id)))
		return WALK_END;
	if (c->to_host && sched_walk_is_to_host(&w->at))
		return WALK_ON;
	c->now_us = now_us;
	look_at_queue(c, q);
	all = sched_walk_rcpts(&w->at, on_rcpt, c);
	if (c->queue_error != NULL)
		said_unref(&c->queue_error);
	if (c->count >= CHUNK) {
		to_worker(c);
		return WALK_WAIT;
	}
	return all ? WALK_ON : WALK_AGAIN;
}

static void
on_walked(struct queue_walk *w)
{
	struct candidates *c = post_owner(w, struct candidates, walk);

	c->ended = true;
	c->known = c->select->id != 0 &&
	    sched_has_message(w->sched, c->select->id);
	to_worker(c);
}

/* ---- public -------------------------------------------------------------- */

const char *
candidate_state_name(enum candidate_state state)
{
	switch (state) {
	case CANDIDATE_ACTIVE:
		return "active";
	case CANDIDATE_DEFERRED:
		return "deferred";
	case CANDIDATE_HOLD:
		return "hold";
	}
	CHECK_NEVER("a state of a recipient");
}

void
candidates_go(struct candidates *c)
{
	CHECK(!c->ended);
	c->walk.dispatch = c->dispatch;
	c->walk.wanted = &c->select->queue;
	c->walk.visit = visit;
	c->walk.of_all = true;
	c->walk.done = on_walked;
	queue_walk_go(&c->walk);
}

void
candidates_stop(struct candidates *c)
{
	c->stopping = true;
	candidates_go(c);
}

void
candidates_count(struct candidates *c)
{
	c->counting = true;
	candidates_go(c);
}

void
candidates_fini(struct candidates *c)
{
	CHECK(c->count == 0 && c->reader == NULL);
	free(c->list);
	c->list = NULL;
}

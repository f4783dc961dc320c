/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/candidates.h"

#include <stdlib.h>

#include "lib/check.h"
#include "mail/message.h"
#include "transport/envelope_read.h"

/* Work for a few milliseconds on the worker. */
#define CHUNK 256

/* ---- on the worker ------------------------------------------------------- */

static void
look_at(struct candidates *c, const struct candidate *r, struct region *rg)
{
	struct err e = { "no such recipient" };
	struct envelope env;
	bool readable = envelope_read(c->env, r->msg, rg, &env, &e) == 0 &&
	    r->n < env.rcpt_count;

	if (!readable)
		env.rcpt_count = 0;
	if (!readable && select_wants_envelope(c->select))
		return;
	if (!readable || select_fits_envelope(c->select, &env, r->n, rg))
		c->look(c, r, &env, &e);
}

static void
on_chunk(struct post *p)
{
	struct candidates *c = post_owner(p, struct candidates, post);
	struct region *rg = region_new();

	for (size_t i = 0; i < c->count; i++) {
		look_at(c, &c->list[i], rg);
		message_unref(&c->list[i].msg);
		region_reset(rg);
	}
	region_free(&rg);
	c->count = 0;
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

static bool
on_rcpt(void *ctx, const struct sched_rcpt_info *info)
{
	struct candidates *c = ctx;

	if (!select_fits(c->select, info, c->now_us))
		return true;
	c->counted++;
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
		.attempts = info->attempts,
		.granted = info->granted,
	};
	return c->count < CHUNK;
}

static enum queue_walk_next
visit(struct queue_walk *w, struct sched_queue *q, int64_t now_us)
{
	struct candidates *c = post_owner(w, struct candidates, walk);
	bool all;

	(void)q; /* the walk stands at it, or knows that it has gone */
	if (c->stopping)
		return WALK_END;
	c->now_us = now_us;
	all = sched_walk_rcpts(&w->at, on_rcpt, c);
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
	to_worker(c);
}

/* ---- public -------------------------------------------------------------- */

void
candidates_go(struct candidates *c)
{
	CHECK(!c->ended);
	c->walk.dispatch = c->dispatch;
	c->walk.wanted = &c->select->queue;
	c->walk.visit = visit;
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

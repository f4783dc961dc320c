/* SPDX-License-Identifier: Apache-2.0 */
/*
 * why: what keeps a queue, a message, or the mail of a virtual MTA, pool,
 * provider, job, user or address waiting; all reasons.
 *
 * The scheduler's thread goes through the queues in slices
 * (transport/queue_walk.h) and keeps the rows that are wanted, no more of
 * queues than are shown; of messages a worker then reads who they are for;
 * main makes the answer, with the lines of the configuration.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/conf_known.h"
#include "lib/mem.h"
#include "mail/envelope.h"
#include "transport/control_priv.h"
#include "transport/envelope_read.h"
#include "transport/queue_walk.h"
#include "transport/reasons.h"
#include "transport/replies.h"
#include "transport/why_row.h"
#include "transport/why_target.h"
#include "vmta/heap.h"

enum { MAXITEMS = 10, MAXITEMS_MAX = 1000, RCPTS_SLICE = 500 };

struct why_ask {
	struct queue_walk walk;
	struct post post;
	struct control *control;
	struct ctl_request *request;
	struct snapshot *conf;
	struct why_target target;
	struct dispatch_reader *reader;
	size_t max;

	bool known;             /* the scheduler knows the scope */
	bool asked;             /* it was asked */
	struct reasons own;     /* of the scope: its limits */
	struct heap best;       /* rows, the first to be left out on top */
	uint64_t queues, rcpts; /* that belong to it */
	uint64_t held;          /* queues of them, held by it */
	uint64_t in_queue;      /* recipients of the job or user, so far */
	char *near;             /* something of nearly that name */
	const char *last_job;   /* that near was compared with; borrowed */
	struct queue_pattern all;

	struct why_row **shown;
	size_t count, next;
};

/* ---- rows ---------------------------------------------------------------- */

/* Would a row of so many recipients be shown? */
static bool
is_wanted(const struct why_ask *w, uint64_t rcpts)
{
	const struct why_row *least = heap_top(&w->best);

	return w->best.n < w->max || (least != NULL && rcpts > least->rcpts);
}

/* Of a queue, whose reasons are there. */
static void
set_said(const struct why_ask *w, struct why_row *r,
    const struct sched_queue_info *q)
{
	why_row_set_said(r,
	    replies_last(dispatch_replies(w->walk.dispatch), q->domain,
		q->vmta));
}

/* Takes the row. */
static void
offer(struct why_ask *w, struct why_row *r)
{
	heap_push(&w->best, &why_row_least_first, r);
	if (w->best.n > w->max) {
		r = heap_top(&w->best);
		heap_remove(&w->best, &why_row_least_first, r->index);
		why_row_free(&r);
	}
}

/* ---- on the scheduler's thread ------------------------------------------- */

static enum scope_kind
scope_of(const struct why_target *t)
{
	switch (t->of) {
	case OF_VMTA:
		return SCOPE_VMTA;
	case OF_POOL:
		return SCOPE_POOL;
	case OF_PROVIDER:
		return SCOPE_PROVIDER;
	case OF_JOB:
		return SCOPE_JOB;
	case OF_USER:
		return SCOPE_USER;
	case OF_QUEUE:
	case OF_MESSAGE:
	case OF_IP:
		break;
	}
	return SCOPE_SOURCE;
}

/* Its own limits; those of an address each queue has (ask_source()). */
static void
ask_scope(struct why_ask *w, int64_t now_us)
{
	const struct why_target *t = &w->target;

	w->asked = true;
	if (t->of == OF_QUEUE || t->of == OF_MESSAGE || t->of == OF_IP)
		return;
	w->known = sched_why_scope(w->walk.sched, scope_of(t), t->name, now_us,
	    reasons_add, &w->own);
}

/* Of many queues, those that are reached come first. */
static void
add_source(void *ctx, const struct why *why)
{
	struct reasons *own = ctx;

	if (why_holds(why) || own->n < REASONS_MAX / 2)
		reasons_add(own, why);
	else
		own->cut = true;
}

static void
ask_source(struct why_ask *w, struct sched_queue *q, int64_t now_us)
{
	if (w->target.of == OF_IP &&
	    sched_why_source(q, &w->target.addr, now_us, add_source, &w->own))
		w->known = true;
}

static bool
is_in_pool(const struct why_ask *w, const char *vmta)
{
	const struct pool *p = snapshot_pool_of(w->conf, vmta);

	return p != NULL && str_eq_nocase(p->name, w->target.name);
}

/* Does the queue belong to what was asked for?  Of an address all may. */
static bool
belongs(const struct why_ask *w, const struct sched_queue *q)
{
	const char *vmta = sched_queue_vmta(q);

	switch (w->target.of) {
	case OF_VMTA:
		return str_eq_nocase(envelope_vmta_shown(vmta), w->target.name);
	case OF_POOL:
		return is_in_pool(w, vmta);
	case OF_PROVIDER:
		return str_eq_nocase(sched_queue_provider(q), w->target.name);
	case OF_QUEUE:
		return queue_pattern_fits(&w->target.queue, q);
	case OF_IP:
		return true;
	case OF_MESSAGE:
	case OF_JOB:
	case OF_USER:
		break;
	}
	return false;
}

static bool
is_held(const struct why_ask *w, const struct reasons *r)
{
	if (w->target.of == OF_IP)
		return reasons_hold_by(r, SCOPE_SOURCE, w->target.name) ||
		    reasons_hold_by(r, SCOPE_REMOTE, w->target.name);
	return reasons_hold_by(r, scope_of(&w->target), w->target.name);
}

/* What was asked for is not there: this is, and its name is like it. */
static void
look_near(struct why_ask *w, const char *name)
{
	const char *wanted = w->target.of == OF_QUEUE ? w->target.queue.domain :
							w->target.name;
	const char *const both[] = { name, w->near };

	if (conf_nearest(wanted, both, w->near == NULL ? 1 : 2) != name)
		return;
	free(w->near);
	w->near = mem_strdup(name);
}

static void
visit_queue(struct why_ask *w, struct sched_queue *q, int64_t now_us)
{
	struct sched_queue_info info;
	struct reasons reasons = { 0 };
	struct why_row *r;
	bool held;

	if (w->target.of == OF_QUEUE && !belongs(w, q))
		look_near(w, sched_queue_domain(q));
	if (!belongs(w, q))
		return;
	ask_source(w, q, now_us);
	sched_queue_info(w->walk.sched, q, now_us, &info);
	if (w->target.of != OF_QUEUE || is_wanted(w, info.rcpts))
		sched_why_queue(w->walk.sched, q, now_us, reasons_add,
		    &reasons);
	held = is_held(w, &reasons);
	w->held += held ? 1 : 0;
	if (w->target.of != OF_IP || held) {
		w->queues++;
		w->rcpts += info.rcpts;
	}
	if ((w->target.of == OF_QUEUE || held) && is_wanted(w, info.rcpts)) {
		r = why_row_of_queue(&info);
		r->reasons = reasons;
		set_said(w, r, &info);
		offer(w, r);
	} else {
		reasons_fini(&reasons);
	}
}

/* ---- recipients ---------------------------------------------------------- */

struct looking {
	struct why_ask *ask;
	struct sched_queue *queue;
	int64_t now_us;
	unsigned seen;
};

static void
keep_rcpt(struct looking *l, const struct sched_rcpt_info *info)
{
	struct why_ask *w = l->ask;
	struct sched_queue_info queue;
	struct why_row *r;

	w->rcpts++;
	sched_queue_info(w->walk.sched, l->queue, l->now_us, &queue);
	r = why_row_of_rcpt(info, &queue);
	sched_why_rcpt(w->walk.sched, l->queue, info, l->now_us, reasons_add,
	    &r->reasons);
	why_row_set_said(r,
	    replies_find(dispatch_replies(w->walk.dispatch), info->id,
		info->n));
	offer(w, r);
}

static void
count_job(struct why_ask *w, const char *job)
{
	if (strcmp(job, w->target.name) == 0)
		w->in_queue++;
	else if (job != w->last_job) /* mostly the same as the one before */
		look_near(w, job);
	w->last_job = job;
}

static bool
on_rcpt(void *ctx, const struct sched_rcpt_info *info)
{
	struct looking *l = ctx;
	const struct why_target *t = &l->ask->target;

	if (t->of == OF_MESSAGE && info->id == t->id)
		keep_rcpt(l, info);
	else if (t->of == OF_USER && strcmp(info->user, t->name) == 0)
		l->ask->in_queue++;
	else if (t->of == OF_JOB)
		count_job(l->ask, info->job);
	return ++l->seen % RCPTS_SLICE != 0;
}

/* All recipients of a queue were seen. */
static void
end_queue(struct why_ask *w, struct sched_queue *q, int64_t now_us)
{
	uint64_t rcpts = w->in_queue;
	struct sched_queue_info info;
	struct why_row *r;

	w->in_queue = 0;
	if (rcpts == 0 || q == NULL)
		return;
	w->queues++;
	w->rcpts += rcpts;
	if (!is_wanted(w, rcpts))
		return;
	sched_queue_info(w->walk.sched, q, now_us, &info);
	r = why_row_of_queue(&info);
	r->rcpts = rcpts;
	sched_why_queue(w->walk.sched, q, now_us, reasons_add, &r->reasons);
	w->held += is_held(w, &r->reasons) ? 1 : 0;
	set_said(w, r, &info);
	offer(w, r);
}

static enum queue_walk_next
visit_rcpts(struct why_ask *w, struct sched_queue *q, int64_t now_us)
{
	struct looking l = { .ask = w, .queue = q, .now_us = now_us };

	if (q == NULL) { /* it has gone */
		w->in_queue = 0;
		return WALK_ON;
	}
	if (!sched_walk_rcpts(&w->walk.at, on_rcpt, &l))
		return WALK_AGAIN;
	end_queue(w, q, now_us);
	return WALK_ON;
}

static enum queue_walk_next
visit(struct queue_walk *walk, struct sched_queue *q, int64_t now_us)
{
	struct why_ask *w = post_owner(walk, struct why_ask, walk);

	if (!w->asked)
		ask_scope(w, now_us);
	switch (w->target.of) {
	case OF_MESSAGE:
		if (!sched_has_message(walk->sched, w->target.id))
			return WALK_END;
		return visit_rcpts(w, q, now_us);
	case OF_JOB:
	case OF_USER:
		return visit_rcpts(w, q, now_us);
	case OF_QUEUE:
	case OF_IP:
	case OF_VMTA:
	case OF_POOL:
	case OF_PROVIDER:
		visit_queue(w, q, now_us);
		break;
	}
	return WALK_ON;
}

/* ---- answering (main) ---------------------------------------------------- */

static void
why_free(struct why_ask *w)
{
	while (w->next < w->count)
		why_row_free(&w->shown[w->next++]);
	free(w->shown);
	reasons_fini(&w->own);
	why_target_fini(&w->target);
	queue_pattern_fini(&w->all);
	snapshot_unref(&w->conf);
	free(w->near);
	free(w);
}

/* Virtual MTAs that send from an address. */
static json_t *
users_of(const struct why_ask *w)
{
	json_t *list = json_array();

	for (size_t i = 0; i < snapshot_vmta_count(w->conf); i++) {
		const struct vmta *v = snapshot_vmta_at(w->conf, i);

		for (size_t k = 0; k < v->sources.n; k++)
			if (net_addr_eq(&v->sources.v[k].addr,
				&w->target.addr)) {
				(void)json_array_append_new(list,
				    ctl_string(v->name));
				break;
			}
	}
	return list;
}

/* Of an address of theirs the limits are known by who waits for them. */
static bool
is_free(const struct why_ask *w)
{
	return !reasons_hold(&w->own, 0) &&
	    (w->target.of != OF_IP || w->held == 0);
}

static json_t *
sum_json(const struct why_ask *w)
{
	json_t *out = json_pack("{s:s,s:s,s:o,s:b,s:o,s:I,s:I,s:I,s:I}", "of",
	    why_of_word(w->target.of), "of_words", why_of_words(w->target.of),
	    "name", ctl_string(w->target.name), "go", (int)is_free(w), "limits",
	    reasons_json(&w->own, w->conf, NULL, NULL), "queues",
	    (json_int_t)w->queues, "recipients", (json_int_t)w->rcpts, "held",
	    (json_int_t)w->held, "shown", (json_int_t)w->count);

	CHECK(out != NULL);
	if (w->target.of == OF_IP)
		(void)json_object_update_new(out,
		    json_pack("{s:o,s:b}", "vmtas", users_of(w), "limits_cut",
			(int)w->own.cut));
	return out;
}

static bool
send_row(void *ctx, struct ctl_request *r)
{
	struct why_ask *w = ctx;

	if (!ctl_is_gone(r) && w->next < w->count) {
		json_t *item = why_row_json(w->shown[w->next], w->conf);

		why_row_free(&w->shown[w->next++]);
		ctl_item(r, item);
		return true;
	}
	ctl_done(r, sum_json(w));
	why_free(w);
	return false;
}

/* Is it nowhere, neither in the queue nor in the configuration? */
static bool
is_nowhere(const struct why_ask *w)
{
	json_t *users;
	bool used;

	switch (w->target.of) {
	case OF_QUEUE:
		return w->queues == 0;
	case OF_MESSAGE:
		return w->rcpts == 0;
	case OF_JOB:
		return w->rcpts == 0 && !w->known;
	case OF_IP:
		users = users_of(w);
		used = json_array_size(users) > 0;
		json_decref(users);
		return w->queues == 0 && !w->known && !used;
	case OF_VMTA:
	case OF_POOL:
	case OF_PROVIDER:
	case OF_USER:
		break;
	}
	return false;
}

static void
fail(const struct why_ask *w)
{
	const char *name = w->target.name;
	const char *near = why_target_nearest(w->conf, name, w->near);

	if (w->target.of == OF_MESSAGE)
		ctl_fail(w->request,
		    "message %s is not queued: it has ended, or never was; "
		    "`mailrace find' looks in the accounting files",
		    name);
	else if (w->target.of == OF_IP)
		ctl_fail(w->request,
		    "no virtual MTA sends from %s, and nothing waits for it",
		    name);
	else
		ctl_fail(w->request, "nothing is queued for %s %s%s%s",
		    why_of_words(w->target.of), name,
		    near == NULL ? "" : "; the nearest name is ",
		    near == NULL ? "" : near);
}

static void
on_home(struct post *p)
{
	struct why_ask *w = post_owner(p, struct why_ask, post);

	if (is_nowhere(w)) {
		fail(w);
		why_free(w);
		return;
	}
	ctl_stream(w->request, send_row, w);
}

/* ---- who a recipient is (worker) ----------------------------------------- */

static void
go_home(struct why_ask *w)
{
	w->post.fn = on_home;
	worker_post(w->control->opt.main, &w->post);
}

static void
read_one(struct why_ask *w, struct why_row *r, struct region *rg)
{
	struct envelope env;
	struct err e;

	if (envelope_read(w->control->opt.envs[0], r->msg, rg, &env, &e) == 0 &&
	    r->n < env.rcpt_count)
		why_row_set_rcpt(r, &env.rcpts[r->n]);
	message_unref(&r->msg);
	region_reset(rg);
}

static void
on_read(struct post *p)
{
	struct why_ask *w = post_owner(p, struct why_ask, post);
	struct region *rg = region_new();

	for (size_t i = 0; i < w->count; i++)
		read_one(w, w->shown[i], rg);
	region_free(&rg);
	dispatch_reader_done(&w->reader);
	go_home(w);
}

/* ---- the end of the walk (scheduler) ------------------------------------- */

/* The heap gives the least first. */
static void
sort_shown(struct why_ask *w)
{
	struct why_row *least;

	w->count = w->best.n;
	w->shown = mem_array(w->count + 1, sizeof(struct why_row *));
	for (size_t i = w->count; (least = heap_top(&w->best)) != NULL;) {
		heap_remove(&w->best, &why_row_least_first, 0);
		w->shown[--i] = least;
	}
	heap_fini(&w->best);
}

static void
on_walked(struct queue_walk *walk)
{
	struct why_ask *w = post_owner(walk, struct why_ask, walk);

	if (!w->asked)
		ask_scope(w, clock_us());
	sort_shown(w);
	if (w->target.of != OF_MESSAGE || w->count == 0) {
		go_home(w);
		return;
	}
	w->reader = dispatch_reader_new(w->control->opt.dispatch);
	w->post.fn = on_read;
	worker_post(w->control->opt.envs[0]->worker, &w->post);
}

/* ---- asking -------------------------------------------------------------- */

void
control_why(struct control *c, struct ctl_request *r, const json_t *args)
{
	struct why_ask *w = mem_new(struct why_ask);
	struct err e;

	w->control = c;
	w->request = r;
	w->conf = snapshot_ref(c->opt.snapshot(c->opt.ctx));
	w->max = control_maxitems(args, MAXITEMS);
	if (w->max > MAXITEMS_MAX)
		w->max = MAXITEMS_MAX;
	if (why_target_parse(control_text(args, "of"), w->conf, &w->target,
		&e) == -1 ||
	    queue_pattern_parse(NULL, &w->all, &e) == -1) {
		ctl_fail(r, "%s", e.text);
		why_free(w);
		return;
	}
	w->walk.dispatch = c->opt.dispatch;
	w->walk.wanted = &w->all;
	w->walk.visit = visit;
	w->walk.done = on_walked;
	queue_walk_go(&w->walk);
}

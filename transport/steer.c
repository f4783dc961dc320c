/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/steer.h"

#include <stdlib.h>

#include "lib/log.h"
#include "lib/mem.h"
#include "transport/control_priv.h"
#include "transport/queue_walk.h"
#include "transport/select.h"

/* The name of the value in the store. */
#define PAUSES "pauses"
/* Recipients freed in a row. */
#define FREE_PIECE 500

/* ---- pause, resume ------------------------------------------------------- */

struct pausing {
	struct dispatch_ask ask;
	struct store_state state;
	struct post home;
	struct control *control;
	struct ctl_request *request;
	struct queue_pattern queue;
	bool paused;
	struct buf value; /* the store's until it is kept */
	struct err err;
	bool refused;
};

static void
pausing_free(struct pausing *p)
{
	queue_pattern_fini(&p->queue);
	buf_fini(&p->value);
	free(p);
}

static void
on_pause_home(struct post *post)
{
	struct pausing *p = post_owner(post, struct pausing, home);

	if (p->refused)
		ctl_fail(p->request, "%s", p->err.text);
	else if (!p->state.kept)
		ctl_fail(p->request,
		    "the disk is full: it is so until the next start only");
	else
		ctl_done(p->request,
		    json_pack("{s:s++,s:b}", "queue", p->queue.domain, "/",
			p->queue.vmta, "paused", (int)p->paused));
	pausing_free(p);
}

static void
go_home(struct pausing *p)
{
	p->home.fn = on_pause_home;
	worker_post(p->control->opt.main, &p->home);
}

static void
on_kept(struct store_state *st)
{
	go_home(post_owner(st, struct pausing, state));
}

static void
on_ask_pause(struct dispatch_ask *ask, struct sched *s, int64_t now_us)
{
	struct pausing *p = post_owner(ask, struct pausing, ask);
	const struct sched_pause what = { p->queue.domain, p->queue.vmta,
		p->paused };

	(void)now_us;
	p->refused = sched_pause(s, &what, &p->err) == -1;
	if (p->refused) {
		go_home(p);
		return;
	}
	log_note(LOG_L_INFO, "pause", "%s/%s is %s", what.domain, what.vmta,
	    what.paused ? "paused" : "resumed");
	sched_pauses(s, &p->value);
	p->state = (struct store_state){ .done = on_kept,
		.name = PAUSES,
		.value = p->value.p,
		.len = p->value.len };
	/* From here, so that the store gets the last order last. */
	store_put_state(p->control->opt.store, &p->state);
}

static void
pause_or_resume(struct control *c, struct ctl_request *r, const json_t *args,
    bool paused)
{
	const char *queue = control_text(args, "queue");
	struct pausing *p = mem_new(struct pausing);

	p->control = c;
	p->request = r;
	p->paused = paused;
	/* All queues have to be asked for: "*". */
	if (queue_pattern_parse(queue == NULL ? "" : queue, &p->queue,
		&p->err) == -1) {
		ctl_fail(r, "%s", p->err.text);
		pausing_free(p);
		return;
	}
	p->ask.fn = on_ask_pause;
	dispatch_ask(c->opt.dispatch, &p->ask);
}

void
control_pause(struct control *c, struct ctl_request *r, const json_t *args)
{
	pause_or_resume(c, r, args, true);
}

void
control_resume(struct control *c, struct ctl_request *r, const json_t *args)
{
	pause_or_resume(c, r, args, false);
}

/* ---- after a start ------------------------------------------------------- */

struct restoring {
	struct dispatch_ask ask;
	struct buf value;
};

static void
restoring_free(struct restoring *r)
{
	buf_fini(&r->value);
	free(r);
}

static void
on_restore(struct dispatch_ask *ask, struct sched *s, int64_t now_us)
{
	struct restoring *r = post_owner(ask, struct restoring, ask);
	struct err e;

	(void)now_us;
	if (sched_restore_pauses(s, (struct slice){ r->value.p, r->value.len },
		&e) == -1)
		log_note(LOG_L_ERROR, "pause", "%s", e.text);
	restoring_free(r);
}

void
steer_restore(struct dispatch *d, struct slice name, struct slice value)
{
	struct restoring *r;

	if (!slice_eq(name, PAUSES))
		return;
	r = mem_new(struct restoring);
	buf_add(&r->value, value.p, value.len);
	r->ask.fn = on_restore;
	dispatch_ask(d, &r->ask);
}

/* ---- schedule ------------------------------------------------------------ */

struct scheduling {
	struct queue_walk walk;
	struct post home;
	struct control *control;
	struct ctl_request *request;
	struct queue_pattern queue;
	bool rcpts, dry_run;
	uint64_t id; /* of the only message that is meant, or 0 */
	bool met;    /* some recipient of it, in this queue */
	bool known;  /* it is queued */
	uint64_t scheduled;
};

static void
scheduling_free(struct scheduling *g)
{
	queue_pattern_fini(&g->queue);
	free(g);
}

static void
on_scheduled_home(struct post *post)
{
	struct scheduling *g = post_owner(post, struct scheduling, home);
	char id[MESSAGE_ID_TEXT];

	if (g->walk.missed)
		ctl_fail(g->request, CONTROL_UNREAD);
	else if (g->id != 0 && !g->known)
		ctl_fail(g->request, CONTROL_NO_MESSAGE,
		    message_id_text(g->id, id));
	else
		ctl_done(g->request,
		    json_pack("{s:I,s:I,s:b}", "scheduled",
			(json_int_t)g->scheduled, "matching",
			(json_int_t)g->walk.matching, "dry_run",
			(int)g->dry_run));
	scheduling_free(g);
}

static void
on_scheduled(struct queue_walk *w)
{
	struct scheduling *g = post_owner(w, struct scheduling, walk);

	g->home.fn = on_scheduled_home;
	worker_post(g->control->opt.main, &g->home);
}

static bool
would_schedule(struct scheduling *g, struct sched_queue *q, int64_t now_us)
{
	struct sched_queue_info info;

	sched_queue_info(g->walk.sched, q, now_us, &info);
	return info.retry_us != 0 || (g->rcpts && info.deferred > 0);
}

/* True: it waits for its time no longer. */
static bool
is_meant(void *ctx, const struct sched_rcpt_info *info)
{
	struct scheduling *g = ctx;

	g->met = g->met || info->id == g->id;
	return info->id == g->id && info->due_us != SCHED_ON_HOLD &&
	    !g->dry_run;
}

/* Of one message: queues where it waits, and its recipients there. */
static enum queue_walk_next
schedule_message(struct scheduling *g, struct sched_queue *q, int64_t now_us)
{
	bool all;

	if (q == NULL || !sched_has_message(g->walk.sched, g->id))
		return q == NULL ? WALK_ON : WALK_END;
	g->known = true;
	if (!g->walk.again)
		g->met = false;
	all = sched_walk_free(&g->walk.at, is_meant, g, FREE_PIECE);
	if (!all)
		return WALK_AGAIN;
	g->scheduled += g->met;
	if (g->met && !g->dry_run)
		(void)sched_queue_schedule(g->walk.sched, q, now_us);
	return WALK_ON;
}

static enum queue_walk_next
schedule_one(struct queue_walk *w, struct sched_queue *q, int64_t now_us)
{
	struct scheduling *g = post_owner(w, struct scheduling, walk);

	if (g->id != 0)
		return schedule_message(g, q, now_us);
	if (q != NULL && !w->again) { /* its first visit */
		if (!would_schedule(g, q, now_us))
			return WALK_ON;
		g->scheduled++;
		if (g->dry_run)
			return WALK_ON;
		(void)sched_queue_schedule(w->sched, q, now_us);
	}
	if (g->rcpts && sched_walk_free_deferred(&w->at, FREE_PIECE))
		return WALK_AGAIN;
	return WALK_ON;
}

void
control_schedule(struct control *c, struct ctl_request *r, const json_t *args)
{
	struct scheduling *g = mem_new(struct scheduling);
	struct err e;

	g->control = c;
	g->request = r;
	g->rcpts = json_is_true(json_object_get(args, "retry-recipients"));
	g->dry_run = json_is_true(json_object_get(args, "dry-run"));
	if (select_parse_id(args, &g->id, &e) == -1 ||
	    queue_pattern_parse(control_text(args, "queue"), &g->queue, &e) ==
		-1) {
		ctl_fail(r, "%s", e.text);
		scheduling_free(g);
		return;
	}
	g->walk.dispatch = c->opt.dispatch;
	g->walk.wanted = &g->queue;
	g->walk.visit = schedule_one;
	g->walk.of_all = true;
	g->walk.done = on_scheduled;
	queue_walk_go(&g->walk);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of transport/orders.h: jobs are paused and resumed.
 */
#include <stdlib.h>

#include "lib/log.h"
#include "lib/mem.h"
#include "transport/control_priv.h"
#include "transport/dispatch.h"
#include "transport/orders.h"
#include "transport/queue_pattern.h"
#include "vmta/sched.h"

/* The name of the value in the store. */
#define JOB_PAUSES "job-pauses"

struct pausing {
	struct dispatch_ask ask;
	struct store_state state;
	struct post home;
	struct control *control;
	struct ctl_request *request;
	char *job; /* a pattern */
	bool paused;
	struct buf value; /* the store's until it is kept */
	struct err err;
	bool refused;
};

static void
pausing_free(struct pausing *p)
{
	buf_fini(&p->value);
	free(p->job);
	free(p);
}

static void
on_home(struct post *post)
{
	struct pausing *p = post_owner(post, struct pausing, home);

	if (p->refused)
		ctl_fail(p->request, "%s", p->err.text);
	else if (!p->state.kept)
		ctl_fail(p->request,
		    "the disk is full: it is so until the next start only");
	else
		ctl_done(p->request,
		    json_pack("{s:o,s:b}", "job", ctl_string(p->job), "paused",
			(int)p->paused));
	pausing_free(p);
}

static void
go_home(struct pausing *p)
{
	p->home.fn = on_home;
	worker_post(p->control->opt.main, &p->home);
}

static void
on_kept(struct store_state *st) /* store thread */
{
	go_home(post_owner(st, struct pausing, state));
}

static void
on_ask(struct dispatch_ask *ask, struct sched *s, int64_t now_us)
{
	struct pausing *p = post_owner(ask, struct pausing, ask);

	(void)now_us;
	p->refused = sched_pause_job(s, p->job, p->paused, &p->err) == -1;
	if (p->refused) {
		go_home(p);
		return;
	}
	log_note(LOG_L_INFO, "pause", "job %s is %s", p->job,
	    p->paused ? "paused" : "resumed");
	sched_job_pauses(s, &p->value);
	p->state = (struct store_state){ .done = on_kept,
		.name = JOB_PAUSES,
		.value = p->value.p,
		.len = p->value.len };
	/* From here, so that the store gets the last order last. */
	store_put_state(p->control->opt.store, &p->state);
}

static void
pause_or_resume(struct control *c, struct ctl_request *r, const json_t *args,
    bool paused)
{
	const char *job = control_text(args, "job");
	struct pausing *p;

	if (job == NULL || !queue_pattern_is_word(job)) {
		ctl_fail(r, "a job is a name, where * stands for anything");
		return;
	}
	p = mem_new(struct pausing);
	p->control = c;
	p->request = r;
	p->paused = paused;
	p->job = mem_strdup(job);
	p->ask.fn = on_ask;
	dispatch_ask(c->opt.dispatch, &p->ask);
}

void
control_pause_job(struct control *c, struct ctl_request *r, const json_t *args)
{
	pause_or_resume(c, r, args, true);
}

void
control_resume_job(struct control *c, struct ctl_request *r, const json_t *args)
{
	pause_or_resume(c, r, args, false);
}

/* ---- after a start ------------------------------------------------------- */

struct restoring {
	struct dispatch_ask ask;
	struct buf value;
};

static void
on_restore(struct dispatch_ask *ask, struct sched *s, int64_t now_us)
{
	struct restoring *r = post_owner(ask, struct restoring, ask);
	struct err e;

	(void)now_us;
	if (sched_restore_job_pauses(s,
		(struct slice){ r->value.p, r->value.len }, &e) == -1)
		log_note(LOG_L_ERROR, "pause", "%s", e.text);
	buf_fini(&r->value);
	free(r);
}

void
orders_restore(struct dispatch *d, struct slice name, struct slice value)
{
	struct restoring *r;

	if (!slice_eq(name, JOB_PAUSES))
		return;
	r = mem_new(struct restoring);
	buf_add(&r->value, value.p, value.len);
	r->ask.fn = on_restore;
	dispatch_ask(d, &r->ask);
}

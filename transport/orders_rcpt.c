/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders for recipients that are not being sent: delete, hold, release, requeue,
 * and back to the host MTA with them.
 *
 *	find    (only if envelopes have to be read) candidates are looked at on
 *		a worker; those that are meant are noted by number
 *	change  a walk does it to what was noted, or what the scheduler itself
 *		knows to be meant.  Who is deleted ends like any other recipient,
 *		on a worker (dispatch_end).  That the others are on hold, or not
 *		any more, goes to the store from here, before anything can be
 *		granted: so no outcome of theirs is before it
 *	settle  what was changed is durable; then the next round, until one
 *		changes nothing: mail moves in the queue while it is gone through
 *
 * Never more than a batch of changed recipients is on its way to the store.
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
#include "transport/gate.h"
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

enum deed {
	DEED_DELETE,
	DEED_HOLD,
	DEED_RELEASE,
	DEED_REQUEUE,
	DEED_HAND_BACK
};

/* Indexed by enum deed. */
static const struct {
	const char *command;
	const char *key; /* of the answer: how many */
	bool once;       /* a second round would find the same again */
} deeds[] = {
	[DEED_DELETE] = { "delete", "deleted", false },
	[DEED_HOLD] = { "hold", "held", false },
	[DEED_RELEASE] = { "release", "released", false },
	[DEED_REQUEUE] = { "requeue", "requeued", true },
	[DEED_HAND_BACK] = { "hand back", "handed", false },
};

/* That recipients are on hold, or not any more, on its way to the store. */
struct holding {
	struct store_settle settle;
	struct buf items; /* struct store_settled */
};

struct order {
	struct candidates candidates;
	struct queue_walk walk;
	struct barrier barrier;
	struct select select;
	enum deed deed;
	struct holding *holding; /* of this slice; or NULL */
	struct post home;        /* on main: the next round, or the answer */
	struct control *control;
	struct ctl_request *request;
	bool dry_run, unrecorded, tell_deleted;
	uint64_t max;
	struct noted *noted;
	size_t noted_count, noted_cap;
	unsigned round;
	uint64_t sending;  /* of this round, left alone */
	uint64_t changed;  /* or, in a dry run, that would be */
	uint64_t at_start; /* changed, when this round began */
	uint64_t batch;    /* changed, not yet known to be durable */
	int64_t now_us;
	bool stopped; /* before its end: the process is going to */
	bool walked;  /* the changes of this round are over */
	bool known;   /* the message that was named is queued */
	bool met;     /* DEED_REQUEUE: somebody in this queue */
};

static void
order_free(struct order *o)
{
	candidates_fini(&o->candidates);
	select_fini(&o->select);
	free(o->noted);
	free(o);
}

static bool
reads_envelopes(const struct order *o)
{
	return select_wants_envelope(&o->select);
}

/* ---- settle -------------------------------------------------------------- */

/* On the store's thread. */
static void
on_durable(struct barrier *b)
{
	struct order *o = post_owner(b, struct order, barrier);

	if (o->walked)
		worker_post(o->control->opt.main, &o->home);
	else
		queue_walk_go(&o->walk);
}

static void
settle(struct order *o)
{
	o->batch = 0;
	dispatch_end_flush(o->control->opt.dispatch);
	barrier_begin(&o->barrier, o->control->opt.envs,
	    o->control->opt.env_count, on_durable);
}

/* ---- change (scheduler) -------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
	const struct noted *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return (x->n > y->n) - (x->n < y->n);
}

static bool
is_noted(const struct order *o, const struct sched_rcpt_info *info)
{
	const struct noted key = { info->id, info->n };

	return bsearch(&key, o->noted, o->noted_count, sizeof(key), compare) !=
	    NULL;
}

/* Would it be another one then?  All that waits is tried at once. */
static bool
would_change(const struct order *o, bool on_hold)
{
	return o->deed == DEED_HOLD || o->deed == DEED_HAND_BACK ? !on_hold :
	    o->deed == DEED_RELEASE                              ? on_hold :
								   true;
}

static bool
wants(void *ctx, const struct sched_rcpt_info *info)
{
	const struct order *o = ctx;

	return o->changed < o->max &&
	    would_change(o, info->due_us == SCHED_ON_HOLD) &&
	    select_fits(&o->select, info, o->now_us) &&
	    (!reads_envelopes(o) || is_noted(o, info));
}

static void
on_taken(void *ctx, struct sched_queue *q, struct message *m, uint32_t n,
    uint16_t attempts)
{
	struct order *o = ctx;
	const struct sweep_rcpt rcpt = { .queue = q,
		.msg = m,
		.n = n,
		.attempts = attempts,
		.unrecorded = o->unrecorded,
		.tell_deleted = o->tell_deleted };
	const struct outcome why = { .kind = OUTCOME_UNSENT,
		.phase = PHASE_RESOLVE,
		.text = "deleted by the operator",
		.mx = "",
		.esmtp = "",
		.tls = "",
		.wall_us = clock_wall_us() };
	const struct disposition what = disposition_deleted();

	dispatch_end(o->control->opt.dispatch, &rcpt, &why, &what);
}

/* On the store's thread. */
static void
on_held(struct store_settle *s)
{
	struct holding *h = post_owner(s, struct holding, settle);

	buf_fini(&h->items);
	free(h);
}

static void
post_holding(struct order *o)
{
	struct holding *h = o->holding;

	o->holding = NULL;
	if (h == NULL)
		return;
	h->settle.items = (void *)h->items.p;
	h->settle.count = h->items.len / sizeof(struct store_settled);
	h->settle.done = on_held;
	store_settle(o->control->opt.store, &h->settle);
}

/* Whoever was not tried does not expire at the next start: he is tried then. */
static void
note_holding(struct order *o, const struct sched_rcpt_info *info)
{
	const struct store_settled item = { .id = info->id,
		.n = info->n,
		.verdict = VERDICT_RETRY,
		.attempts = o->deed == DEED_HOLD ? info->attempts : 0,
		.due_wall_us = o->deed == DEED_HOLD ? STORE_ON_HOLD :
						      clock_wall_us() };

	if (o->holding == NULL)
		o->holding = mem_new(struct holding);
	buf_add(&o->holding->items, &item, sizeof(item));
}

/* Whoever is wanted counts at once: there may be more of his message. */
static bool
wants_counted(void *ctx, const struct sched_rcpt_info *info)
{
	struct order *o = ctx;

	if (!wants(o, info))
		return false;
	o->changed++;
	o->batch++;
	return true;
}

/* Who is wanted is on hold, or is not any more, when this returns. */
static bool
wants_now(void *ctx, const struct sched_rcpt_info *info)
{
	struct order *o = ctx;

	if (!wants_counted(o, info))
		return false;
	o->met = true;
	if (o->deed == DEED_HOLD || info->due_us == SCHED_ON_HOLD)
		note_holding(o, info);
	return true;
}

static bool
count_sending(void *ctx, const struct sched_rcpt_info *info)
{
	struct order *o = ctx;

	o->sending += select_fits(&o->select, info, o->now_us);
	return true;
}

/* Of a dry run. */
static bool
count_one(void *ctx, const struct sched_rcpt_info *info)
{
	struct order *o = ctx;

	o->changed += wants(o, info) &&
	    (o->deed != DEED_HAND_BACK ||
		sched_walk_may_hand(&o->walk.at, info));
	return ++o->batch % LOOK_AT != 0;
}

/* True: that were all of this queue. */
static bool
change_some(struct order *o, struct sched_walk *at)
{
	const struct sched_take take = { wants_counted, on_taken, o };

	switch (o->deed) {
	case DEED_DELETE:
		return sched_walk_take(at, &take, LOOK_AT);
	case DEED_HOLD:
		return sched_walk_hold(at, wants_now, o, LOOK_AT);
	case DEED_RELEASE:
	case DEED_REQUEUE:
		return sched_walk_free(at, wants_now, o, LOOK_AT);
	case DEED_HAND_BACK:
		return sched_walk_hand(at, wants_now, o, LOOK_AT, o->now_us);
	}
	CHECK_NEVER("an order");
}

static enum queue_walk_next
visit(struct queue_walk *w, struct sched_queue *q, int64_t now_us)
{
	struct order *o = post_owner(w, struct order, walk);
	bool all;

	o->now_us = now_us;
	o->stopped = dispatch_is_draining(o->control->opt.dispatch);
	if (o->stopped)
		return WALK_END;
	o->known = o->known || sched_has_message(w->sched, o->select.id);
	if (o->deed == DEED_HAND_BACK && sched_walk_is_to_host(&w->at))
		return WALK_ON;
	/* Who is being sent is on no hold, or not any more. */
	if (q != NULL && !w->again && !reads_envelopes(o) &&
	    o->deed != DEED_RELEASE)
		sched_walk_granted(&w->at, count_sending, o);
	if (o->dry_run)
		return sched_walk_rcpts(&w->at, count_one, o) ? WALK_ON :
								WALK_AGAIN;
	if (!w->again)
		o->met = false;
	all = change_some(o, &w->at);
	post_holding(o);
	if (all && o->met && q != NULL && o->deed == DEED_REQUEUE)
		(void)sched_queue_schedule(w->sched, q, now_us);
	if (o->batch >= BATCH_MAX) {
		settle(o);
		return WALK_WAIT;
	}
	return all ? WALK_ON : WALK_AGAIN;
}

static void
on_walked(struct queue_walk *w)
{
	struct order *o = post_owner(w, struct order, walk);

	o->walked = true;
	o->stopped = o->stopped || w->missed;
	o->known = o->known || sched_has_message(w->sched, o->select.id);
	settle(o);
}

static void
change(struct order *o)
{
	o->walked = false;
	o->walk = (struct queue_walk){ .dispatch = o->control->opt.dispatch,
		.wanted = &o->select.queue,
		.visit = visit,
		.done = on_walked,
		.of_all = true };
	queue_walk_go(&o->walk);
}

/* ---- find (worker) ------------------------------------------------------- */

static void
look(struct candidates *c, const struct candidate *r,
    const struct envelope *env, const struct err *error)
{
	struct order *o = post_owner(c, struct order, candidates);

	(void)env;
	(void)error;
	if (r->granted) {
		o->sending++;
	} else if (!would_change(o, r->due_us == SCHED_ON_HOLD)) {
		return;
	} else if (o->dry_run) {
		o->changed += o->changed < o->max;
	} else {
		if (o->noted_count == o->noted_cap) {
			o->noted_cap = o->noted_cap * 2 + 256;
			o->noted = mem_realloc(o->noted,
			    o->noted_cap * sizeof(o->noted[0]));
		}
		o->noted[o->noted_count++] = (struct noted){ r->msg->id, r->n };
	}
}

static void
on_chunk(struct candidates *c)
{
	struct order *o = post_owner(c, struct order, candidates);

	o->stopped = o->stopped || c->walk.missed;
	o->known = o->known || c->known || c->counted > 0;
	if (!c->ended && o->noted_count >= NOTED_MAX && !deeds[o->deed].once) {
		candidates_stop(c);
	} else if (!c->ended) {
		candidates_go(c);
	} else if (o->noted_count == 0) {
		worker_post(o->control->opt.main, &o->home);
	} else {
		qsort(o->noted, o->noted_count, sizeof(o->noted[0]), compare);
		change(o);
	}
}

static void
find(struct order *o)
{
	candidates_fini(&o->candidates);
	o->candidates = (struct candidates){
		.dispatch = o->control->opt.dispatch,
		.env = o->control->opt.envs[0],
		.select = &o->select,
		.look = look,
		.chunk = on_chunk,
		.to_host = o->deed == DEED_HAND_BACK,
	};
	candidates_go(&o->candidates);
}

/* ---- rounds (main) ------------------------------------------------------- */

static void
log_order(const struct order *o)
{
	unsigned long long n = o->changed;
	const char *domain = o->select.queue.domain;
	const char *vmta = o->select.queue.vmta;

	if (o->dry_run)
		return;
	if (o->deed == DEED_DELETE)
		log_note(LOG_L_INFO, "delete",
		    "%llu recipients of %s/%s were deleted", n, domain, vmta);
	else
		log_note(LOG_L_INFO, "hold", "%llu recipients of %s/%s were %s",
		    n, domain, vmta, deeds[o->deed].key);
}

/* Of one that goes back the drain asks until it has gone. */
static bool
is_unknown(const struct order *o)
{
	return o->select.id != 0 && !o->known &&
	    (o->deed != DEED_HAND_BACK || o->dry_run);
}

static void
answer(struct order *o)
{
	const char *key = deeds[o->deed].key;
	char id[MESSAGE_ID_TEXT];

	log_order(o);
	if (o->stopped)
		ctl_fail(o->request,
		    "mailraced is being stopped; %s so far: %llu", key,
		    (unsigned long long)o->changed);
	else if (is_unknown(o))
		ctl_fail(o->request, CONTROL_NO_MESSAGE,
		    message_id_text(o->select.id, id));
	else
		ctl_done(o->request,
		    json_pack("{s:I,s:I,s:b}", key, (json_int_t)o->changed,
			"sending", (json_int_t)o->sending, "dry_run",
			(int)o->dry_run));
	order_free(o);
}

static void
on_round(struct post *post)
{
	struct order *o = post_owner(post, struct order, home);
	unsigned max = deeds[o->deed].once ? 1 : ROUNDS_MAX;

	if (o->round > 0 &&
	    (o->stopped || o->dry_run || o->changed == o->at_start ||
		o->changed >= o->max || o->round >= max)) {
		answer(o);
		return;
	}
	o->round++;
	o->at_start = o->changed;
	o->sending = o->noted_count = 0;
	if (reads_envelopes(o))
		find(o);
	else
		change(o);
}

static int
parse(struct order *o, const json_t *args, struct err *e)
{
	if (select_parse(args, &o->select, e) == -1)
		return -1;
	if (!o->select.is_bounded && o->deed != DEED_HAND_BACK)
		return err_set(e, "%s needs --queue, --jobId or --id",
		    deeds[o->deed].command);
	o->dry_run = json_is_true(json_object_get(args, "dry-run"));
	o->unrecorded = json_is_true(json_object_get(args, "no-accounting"));
	o->tell_deleted = json_is_true(json_object_get(args, "dsn"));
	o->max = control_maxitems(args, 0);
	if (o->max == 0)
		o->max = UINT64_MAX;
	return 0;
}

static void
begin(struct control *c, struct ctl_request *r, const json_t *args,
    enum deed deed)
{
	struct order *o = mem_new(struct order);
	struct err e;

	o->control = c;
	o->request = r;
	o->deed = deed;
	o->home.fn = on_round;
	if (parse(o, args, &e) == -1) {
		ctl_fail(r, "%s", e.text);
		order_free(o);
		return;
	}
	on_round(&o->home);
}

void
control_delete(struct control *c, struct ctl_request *r, const json_t *args)
{
	begin(c, r, args, DEED_DELETE);
}

void
control_hold(struct control *c, struct ctl_request *r, const json_t *args)
{
	begin(c, r, args, DEED_HOLD);
}

void
control_release(struct control *c, struct ctl_request *r, const json_t *args)
{
	begin(c, r, args, DEED_RELEASE);
}

void
control_requeue(struct control *c, struct ctl_request *r, const json_t *args)
{
	begin(c, r, args, DEED_REQUEUE);
}

/* Its answers must not come back here, and new mail would go there for ever. */
void
control_hand_back(struct control *c, struct ctl_request *r, const json_t *args)
{
	const struct snapshot *conf = c->opt.snapshot(c->opt.ctx);
	struct gate_facts gate;

	gate_facts(c->opt.gate, &gate);
	if (snapshot_global(conf)->dsn_hosts.n == 0)
		ctl_fail(r, "dsn-host is not set: nobody would take it");
	else if (gate.closed_us == 0 &&
	    !json_is_true(json_object_get(args, "dry-run")))
		ctl_fail(r, "mail is taken still: first mailrace drain");
	else
		begin(c, r, args, DEED_HAND_BACK);
}

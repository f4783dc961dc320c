/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of transport/orders.h: the mode of queues, and sources that they may not use.
 *
 * A walk over the queues of a pattern, then a wait until what it changed is
 * kept.  Queues of a group have both together, and the name of the group means
 * all of them.  Those to come are not meant: what holds for them is configuration.
 */
#include "transport/orders.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "lib/net.h"
#include "transport/control_priv.h"
#include "transport/keeper.h"
#include "transport/queue_walk.h"
#include "vmta/sched_standing.h"

enum what { SET_NORMAL, SET_BACKOFF, SOURCE_OFF, SOURCE_ON };

struct order {
	struct queue_walk walk;
	struct keeper_wait wait;
	struct post home;
	struct control *control;
	struct ctl_request *request;
	struct queue_pattern queue;
	enum what what;
	struct net_addr source;
	int64_t off_us; /* for so long; 0: as the queue's settings say */
	bool dry_run;
	uint64_t changed;
	uint64_t having; /* queues that have the source */
	bool kept;
};

static const struct sched_reason by_operator = {
	.text = "an operator's order"
};

static void
order_free(struct order *o)
{
	queue_pattern_fini(&o->queue);
	free(o);
}

/* ---- a queue (scheduler) ------------------------------------------------- */

static int64_t
after(int64_t interval_us, int64_t now_us)
{
	return interval_us > INT64_MAX - now_us ? INT64_MAX :
						  now_us + interval_us;
}

static bool
is_off(const struct sched_queue *q, const struct net_addr *a, int64_t now_us)
{
	struct sched_source_info info;

	for (uint32_t i = 0; sched_queue_source_at(q, i, now_us, &info); i++)
		if (net_addr_eq(&info.addr, a))
			return true;
	return false;
}

/* Would the order change anything there? */
static bool
would_change(struct order *o, const struct sched_queue *q, int64_t now_us)
{
	bool has = o->what >= SOURCE_OFF &&
	    sched_queue_has_source(o->walk.sched, q, &o->source);

	o->having += has;
	switch (o->what) {
	case SET_NORMAL:
		return sched_queue_mode(q) == MODE_BACKOFF;
	case SET_BACKOFF:
		return sched_queue_mode(q) != MODE_BACKOFF;
	case SOURCE_OFF:
		return has && !is_off(q, &o->source, now_us);
	case SOURCE_ON: /* also one that the configuration has no more */
		return is_off(q, &o->source, now_us);
	}
	CHECK_NEVER("an order");
}

static void
change(const struct order *o, struct sched_queue *q, int64_t now_us)
{
	const struct queue_conf *conf = sched_queue_standing_conf(q);
	struct sched *s = o->walk.sched;

	switch (o->what) {
	case SET_NORMAL:
		sched_queue_normal(s, q, &by_operator, now_us);
		return;
	case SET_BACKOFF:
		sched_queue_backoff(s, q, after(conf->normal_after_us, now_us),
		    &by_operator, now_us);
		return;
	case SOURCE_OFF:
		(void)sched_queue_source_off(s, q, &o->source,
		    after(o->off_us > 0 ? o->off_us : conf->reenable_after_us,
			now_us),
		    &by_operator, now_us);
		return;
	case SOURCE_ON:
		(void)sched_queue_source_on(s, q, &o->source, now_us);
		return;
	}
	CHECK_NEVER("an order");
}

static enum queue_walk_next
visit(struct queue_walk *w, struct sched_queue *q, int64_t now_us)
{
	struct order *o = post_owner(w, struct order, walk);

	if (!would_change(o, q, now_us))
		return WALK_ON;
	o->changed++;
	if (!o->dry_run)
		change(o, q, now_us);
	return WALK_ON;
}

/* ---- the answer ---------------------------------------------------------- */

static void
on_home(struct post *post)
{
	struct order *o = post_owner(post, struct order, home);
	char source[NET_ADDR_TEXT];

	if (o->what == SOURCE_OFF && o->having == 0)
		ctl_fail(o->request, "no matching queue sends from %s",
		    net_addr_text(&o->source, source));
	else if (!o->kept)
		ctl_fail(o->request,
		    "the disk is full: it is so until the next start only");
	else
		ctl_done(o->request,
		    json_pack("{s:I,s:I,s:b}", "changed",
			(json_int_t)o->changed, "matching",
			(json_int_t)o->walk.matching, "dry_run",
			(int)o->dry_run));
	order_free(o);
}

static void
on_kept(struct keeper_wait *w, bool kept)
{
	struct order *o = post_owner(w, struct order, wait);

	o->kept = kept;
	o->home.fn = on_home;
	worker_post(o->control->opt.main, &o->home);
}

static void
on_walked(struct queue_walk *w)
{
	struct order *o = post_owner(w, struct order, walk);

	if (o->dry_run) {
		on_kept(&o->wait, true);
		return;
	}
	/* Also if all was so already: that may be on its way to the disk. */
	o->wait.fn = on_kept;
	dispatch_when_kept(o->control->opt.dispatch, &o->wait);
}

/* ---- asking (main) ------------------------------------------------------- */

/* All queues have to be asked for: "*". */
static int
read_queue(const json_t *args, struct queue_pattern *p_r, struct err *e)
{
	const char *queue = control_text(args, "queue");

	return queue_pattern_parse(queue == NULL ? "" : queue, p_r, e);
}

static void
begin(struct control *c, struct ctl_request *r, const json_t *args,
    const struct order *what)
{
	struct order *o = mem_new(struct order);
	struct err e;

	*o = *what;
	o->control = c;
	o->request = r;
	o->dry_run = json_is_true(json_object_get(args, "dry-run"));
	if (read_queue(args, &o->queue, &e) == -1) {
		ctl_fail(r, "%s", e.text);
		order_free(o);
		return;
	}
	o->walk.dispatch = c->opt.dispatch;
	o->walk.wanted = &o->queue;
	o->walk.by_standing = true;
	o->walk.visit = visit;
	o->walk.done = on_walked;
	queue_walk_go(&o->walk);
}

void
control_set_queue(struct control *c, struct ctl_request *r, const json_t *args)
{
	const char *mode = control_text(args, "mode");
	struct order o = { .what = SET_NORMAL };

	if (mode != NULL && strcmp(mode, "backoff") == 0)
		o.what = SET_BACKOFF;
	else if (mode == NULL || strcmp(mode, "normal") != 0) {
		ctl_fail(r, "a mode is normal or backoff");
		return;
	}
	begin(c, r, args, &o);
}

static int
read_source(const json_t *args, struct order *o, struct err *e)
{
	const char *source = control_text(args, "source");
	json_int_t off_s = json_integer_value(
	    json_object_get(args, "reenable-after"));

	if (source == NULL)
		return err_set(e, "a source is an IP address of ours");
	if (net_addr_parse(slice_of(source), &o->source, e) == -1)
		return -1;
	if (off_s < 0 || off_s > INT64_MAX / US_PER_S / 4)
		return err_set(e, "it comes back after a time");
	o->off_us = off_s * US_PER_S;
	return 0;
}

static void
source_order(struct control *c, struct ctl_request *r, const json_t *args,
    enum what what)
{
	struct order o = { .what = what };
	struct err e;

	if (read_source(args, &o, &e) == -1)
		ctl_fail(r, "%s", e.text);
	else
		begin(c, r, args, &o);
}

void
control_disable_source(struct control *c, struct ctl_request *r,
    const json_t *args)
{
	source_order(c, r, args, SOURCE_OFF);
}

void
control_enable_source(struct control *c, struct ctl_request *r,
    const json_t *args)
{
	source_order(c, r, args, SOURCE_ON);
}

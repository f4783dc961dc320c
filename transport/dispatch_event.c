/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of dispatch_priv.h: what happens to queues and sources as the log has it,
 * and as the operator is told by mail (transport/alert.h) where the
 * configuration names somebody; and senders whose mail is late.
 */
#include <event2/event.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "mail/envelope.h"
#include "transport/alert.h"
#include "transport/alert_mail.h"
#include "transport/dispatch_priv.h"
#include "transport/replies.h"
#include "transport/source_watch.h"
#include "transport/sweep.h"
#include "vmta/sched_standing.h"
#include "vmta/snapshot.h"

struct dispatch_alerts {
	struct dispatch *dispatch;
	struct alert *alert;
	struct event *timer;
	struct region *rg; /* of one event */
	uint64_t sent;
};

/* ---- a mail on its way into the store ------------------------------------- */

struct letter_in_store {
	struct store_accept accept;
	struct dispatch *dispatch;
	struct buf waybill;
	bool known[];
};

static void
on_kept(struct post *p)
{
	struct store_accept *a = post_owner(p, struct store_accept, post);
	struct letter_in_store *l = post_owner(a, struct letter_in_store,
	    accept);
	char id[MESSAGE_ID_TEXT];
	struct log_line line;

	if (a->answer == STORE_TAKEN) {
		log_begin(&line, LOG_L_INFO, message_id_text(a->msg->id, id),
		    "alert");
		log_int(&line, "rcpts", a->rcpt_count);
		log_end(&line);
		dispatch_accepted(l->dispatch, message_ref(a->msg), a->waybill,
		    a->known);
	} else {
		log_note(LOG_L_ERROR, "alert",
		    "the operator is not told: no room in the spool");
	}
	message_unref(&a->msg);
	buf_fini(&l->waybill);
	free(l);
}

/* On the store thread: must only post on. */
static void
on_stored(struct store_accept *a)
{
	struct letter_in_store *l = post_owner(a, struct letter_in_store,
	    accept);

	a->post.fn = on_kept;
	worker_post(l->dispatch->worker, &a->post);
}

/* alert.h's: not while the process is being stopped, which brings no news. */
static void
send_mail(void *ctx, const struct alert_of *of, uint64_t more)
{
	struct dispatch_alerts *al = ctx;
	struct dispatch *d = al->dispatch;
	const struct global_conf *g = snapshot_global(d->conf);
	const struct alert_mail mail = { .host = g->host_name,
		.of = of,
		.more = more,
		.now_us = clock_wall_us(),
		.number = ++al->sent };
	struct letter_in_store *l;

	if (d->draining || g->dsn_hosts.n == 0)
		return;
	l = mem_zalloc(sizeof(*l) + of->to->n);
	l->dispatch = d;
	l->accept.msg = alert_mail_make(&mail, al->rg, &l->waybill);
	l->accept.waybill = (struct slice){ l->waybill.p, l->waybill.len };
	l->accept.rcpt_count = (uint32_t)of->to->n;
	l->accept.known = l->known;
	l->accept.done = on_stored;
	store_accept(d->store, &l->accept);
}

/* ---- events ---------------------------------------------------------------- */

static void
set_timer(struct dispatch_alerts *al, int64_t now_us)
{
	int64_t next_us = alert_run(al->alert, now_us);
	struct timeval tv;

	(void)event_del(al->timer);
	if (next_us == INT64_MAX)
		return;
	next_us = next_us > now_us ? next_us - now_us : 1;
	tv.tv_sec = (time_t)(next_us / US_PER_S);
	tv.tv_usec = (suseconds_t)(next_us % US_PER_S);
	CHECK(event_add(al->timer, &tv) == 0);
}

static void
on_alert_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct dispatch_alerts *al = arg;

	set_timer(al, clock_us());
	region_reset(al->rg);
}

static void
say(struct dispatch *d, const struct alert_of *of)
{
	int64_t now_us = clock_us();

	alert_say(d->alerts->alert, of, now_us);
	set_timer(d->alerts, now_us);
}

/* "until Sat, 21 Nov 2026 22:00:00 +0000", or "". */
static const char *
until_text(const struct sched_event *e, struct region *rg)
{
	char date[64];

	if (e->until_us == 0)
		return "";
	if (e->until_us == STANDING_NEVER)
		return "until it is told otherwise";
	(void)clock_rfc5322(date, sizeof(date),
	    clock_wall_us() + e->until_us - clock_us());
	return region_printf(rg, "until %s", date);
}

/* "550 5.7.1 go away (/etc/mailrace/config:12)" */
static const char *
why_text(const struct sched_event *e, struct region *rg)
{
	if (e->why == NULL)
		return "";
	if (e->why->file == NULL)
		return e->why->text;
	return region_printf(rg, "%s (%s:%u)", e->why->text, e->why->file,
	    e->why->line);
}

static const struct {
	const char *state; /* in the log */
	const char *about; /* which events are about the same thing */
	const char *words; /* what happened to the queue, before its name */
	const char *more;  /* and behind it */
	bool of_source;
} kinds[] = {
	[SCHED_BACKOFF] = { "backoff", "mode", "Queue ", " is in backoff mode",
	    false },
	[SCHED_RETURN] = { "return", "mode", "Queue ",
	    " leaves backoff mode: its limits rise", false },
	[SCHED_NORMAL] = { "normal", "mode", "Queue ", " is in normal mode",
	    false },
	[SCHED_SOURCE_OFF] = { "off", "source", " is disabled for queue ", "",
	    true },
	[SCHED_SOURCE_ON] = { "on", "source", " is used again for queue ", "",
	    true },
	/* PowerMTA's words. */
	[SCHED_ALL_OFF] = { "all-off", "sources", "All SMTP sources for queue ",
	    " are now disabled.", false },
};

static bool
is_of_mode(const struct sched_event *e)
{
	return e->kind == SCHED_BACKOFF || e->kind == SCHED_RETURN ||
	    e->kind == SCHED_NORMAL;
}

static void
log_event(const struct sched_event *e, const char *queue, const char *why)
{
	enum log_level level = e->kind == SCHED_BACKOFF ||
		e->kind == SCHED_ALL_OFF ?
	    LOG_L_WARN :
	    LOG_L_INFO;
	char addr[NET_ADDR_TEXT];
	struct log_line l;

	if (kinds[e->kind].of_source && !e->conf->log_disabled_ips)
		return;
	log_begin(&l, level, NULL, is_of_mode(e) ? "mode" : "source");
	log_str(&l, "queue", queue);
	log_str(&l, "state", kinds[e->kind].state);
	if (e->source != NULL)
		log_str(&l, "address", net_addr_text(e->source, addr));
	if (e->until_us != 0 && e->until_us != STANDING_NEVER)
		log_int(&l, "for-s", (e->until_us - clock_us()) / US_PER_S);
	if (why[0] != '\0')
		log_str(&l, "why", why);
	log_end(&l);
}

/* Nobody is written to: it is what the configuration says. */
static void
log_moved(const struct sched_event *e, const char *queue)
{
	static const char *const ways[] = { [REROUTE_STAYS] = "",
		[REROUTE_ALWAYS] = "reroute-to-virtual-mta",
		[REROUTE_BACKOFF] = "backoff-reroute-to-virtual-mta",
		[REROUTE_OVERFLOW] = "pool-overflow",
		[REROUTE_COLD] = "cold-virtual-mta" };
	bool loop = e->kind == SCHED_LOOP;
	struct log_line l;

	log_begin(&l, loop ? LOG_L_WARN : LOG_L_INFO, NULL, "moved");
	log_str(&l, "queue", queue);
	if (loop) {
		log_str(&l, "why", "it would come back, and stays");
	} else {
		log_str(&l, "to", envelope_vmta_shown(e->to));
		log_int(&l, "rcpts", (int64_t)e->rcpts);
		log_str(&l, "why", ways[e->way]);
	}
	log_end(&l);
}

void
dispatch_on_event(void *ctx, const struct sched_event *e)
{
	struct dispatch *d = ctx;
	struct region *rg = d->alerts->rg;
	const char *why = why_text(e, rg), *until = until_text(e, rg);
	const char *queue = REGION_JOIN(rg, e->domain, "/",
	    envelope_vmta_shown(e->vmta));
	bool is_move = e->kind == SCHED_MOVED || e->kind == SCHED_LOOP;
	char addr[NET_ADDR_TEXT] = "";
	struct alert_of of = { .to = is_of_mode(e) ?
		    &e->conf->backoff_notify :
		    &e->conf->disabled_source_notify };

	if (is_move) {
		log_moved(e, queue);
		region_reset(rg);
		return;
	}
	log_event(e, queue, why);
	if (kinds[e->kind].of_source)
		(void)net_addr_text(e->source, addr);
	of.about = REGION_JOIN(rg, kinds[e->kind].about, addr, " ", queue);
	of.subject = REGION_JOIN(rg, addr[0] == '\0' ? "" : "SMTP source ",
	    addr, kinds[e->kind].words, queue, kinds[e->kind].more);
	of.text = REGION_JOIN(rg, until,
	    until[0] != '\0' && why[0] != '\0' ? ": " : "", why);
	say(d, &of);
	region_reset(rg);
}

/* ---- a source address that the host has lost -------------------------------- */

/* Stands for any domain: <domain *> is about it. */
#define ANY_DOMAIN "any.invalid"

static bool
has_source(const struct vmta *v, const struct net_addr *a)
{
	for (size_t i = 0; i < v->sources.n; i++)
		if (net_addr_eq(&v->sources.v[i].addr, a))
			return true;
	return false;
}

struct told {
	const char *const *to; /* alike settings are one list */
	struct told *before;
};

static bool
is_told(const struct told *list, const struct conf_strs *to)
{
	for (; list != NULL; list = list->before)
		if (list->to == to->v)
			return true;
	return false;
}

/* Whom <domain *> names, of each virtual MTA that has it; alike ones once. */
void
dispatch_on_source(void *ctx, const struct net_addr *a, bool lost)
{
	struct dispatch *d = ctx;
	struct region *rg = d->alerts->rg;
	struct told *told = NULL, *one;
	char addr[NET_ADDR_TEXT];
	struct alert_of of = { .text = lost ?
		    "The host has no such address.  Others are used meanwhile." :
		    "" };

	source_told(ctx, a, lost);
	(void)net_addr_text(a, addr);
	of.about = REGION_JOIN(rg, "lost ", addr);
	of.subject = REGION_JOIN(rg, "Source address ", addr,
	    lost ? " is lost" : " is back");
	for (size_t i = 0; i < snapshot_vmta_count(d->conf); i++) {
		const struct vmta *v = snapshot_vmta_at(d->conf, i);
		struct queue_conf q;

		if (!has_source(v, a))
			continue;
		snapshot_queue_conf(d->conf, ANY_DOMAIN, v->name, &q);
		of.to = &q.disabled_source_notify;
		if (of.to->n == 0 || is_told(told, of.to))
			continue;
		one = region_new_obj(rg, struct told);
		one->to = of.to->v;
		one->before = told;
		told = one;
		say(d, &of);
	}
	region_reset(rg);
}

/* ---- mail that is late --------------------------------------------------------- */

/* With what was said to it last, or to its queue. */
void
dispatch_on_delayed(void *ctx, struct sched_queue *q, struct message *m,
    uint32_t n, uint16_t attempts)
{
	struct dispatch *d = ctx;
	const struct said *said = replies_find(d->replies, m->id, n);
	struct outcome o = { .kind = OUTCOME_LOST,
		.phase = PHASE_CONNECT,
		.text = sched_queue_last_error(q),
		.mx = "",
		.esmtp = "",
		.tls = "",
		.wall_us = clock_wall_us() };

	if (d->draining)
		return;
	if (said != NULL) {
		o.kind = said->code == 0 ? OUTCOME_LOST : OUTCOME_REPLY;
		o.code = said->code;
		o.text = said->text;
		o.mx = said->host;
		o.peer = said->peer;
		o.wall_us = said->wall_us;
	}
	sweep_delayed(d->sweep,
	    &(struct sweep_rcpt){ q, m, n, attempts, false, false }, &o);
}

/* ---- life ------------------------------------------------------------------ */

void
dispatch_alerts_init(struct dispatch *d)
{
	struct dispatch_alerts *al = mem_new(struct dispatch_alerts);

	d->alerts = al;
	al->dispatch = d;
	al->rg = region_new();
	al->alert = alert_new(send_mail, al);
	al->timer = event_new(worker_base(d->worker), -1, 0, on_alert_timer,
	    al);
	CHECK(al->timer != NULL);
}

void
dispatch_alerts_fini(struct dispatch *d)
{
	struct dispatch_alerts *al = d->alerts;

	d->alerts = NULL;
	event_free(al->timer);
	alert_free(&al->alert);
	region_free(&al->rg);
	free(al);
}

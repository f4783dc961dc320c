/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/control_priv.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/ctl_proto.h"
#include "lib/dns.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "transport/acct.h"
#include "transport/dispatch.h"
#include "transport/dummy_smtp.h"
#include "transport/gate.h"
#include "transport/ingress_senders.h"
#include "transport/suppressing.h"
#include "vmta/sched.h"

/*
 * One request under way: what the scheduler and the store have said so far.
 * It visits their threads in turn and ends on main.
 */
struct errand {
	struct dispatch_ask ask;
	struct store_audit_ask audit;
	struct post home;
	struct control *control;
	struct ctl_request *request;

	struct sched_totals totals;
};

static struct errand *
errand_new(struct control *c, struct ctl_request *r)
{
	struct errand *e = mem_new(struct errand);

	e->control = c;
	e->request = r;
	return e;
}

static void
errand_free(struct errand *e)
{
	store_audit_fini(&e->audit.audit);
	free(e);
}

static void
on_audit_done(struct store_audit_ask *ask)
{
	/* On the store's thread. */
	worker_post(post_owner(ask, struct errand, audit)->control->opt.main,
	    &post_owner(ask, struct errand, audit)->home);
}

/* Its counters. */
static void
ask_store(struct errand *e, void (*then)(struct post *))
{
	e->home.fn = then;
	e->audit.brief = true;
	e->audit.done = on_audit_done;
	store_audit(e->control->opt.store, &e->audit);
}

/* ---- show status: counters only, it may be asked each second ------------- */

static json_t *
acct_sums(const struct acct *a)
{
	struct acct_totals t;

	acct_totals(a, &t);
	return json_pack("{s:I,s:I}", "waiting_bytes",
	    (json_int_t)t.waiting_bytes, "dropped", (json_int_t)t.dropped);
}

static json_t *
causes(const struct gate_facts *f)
{
	const struct pressure *p = f->pressure;
	json_t *list = json_array();

	if (f->closed_us != 0)
		(void)json_array_append_new(list,
		    json_pack("{s:s,s:o}", "limit", "drain", "since",
			control_when(f->closed_us)));

	for (unsigned i = 0; i < PRESSURE_CAUSES; i++) {
		enum pressure_cause cause = (enum pressure_cause)i;
		uint64_t used, max;
		json_t *c;

		if (!pressure_is_on(p, cause))
			continue;
		pressure_numbers(p, cause, &used, &max);
		c = json_pack("{s:s,s:o}", "limit", pressure_directive(cause),
		    "since", control_when(p->since_us[i]));
		if (max > 0)
			(void)json_object_update_new(c,
			    json_pack("{s:I,s:I}", "used", (json_int_t)used,
				"max", (json_int_t)max));
		(void)json_array_append_new(list, c);
	}
	return list;
}

static json_t *
intake(struct gate *g, struct sender_counts *senders)
{
	struct gate_facts f;
	uint64_t used, max, rcpts, rcpts_max;

	gate_facts(g, &f);
	pressure_numbers(f.pressure, PRESSURE_MEMORY, &used, &max);
	pressure_numbers(f.pressure, PRESSURE_PLACES, &rcpts, &rcpts_max);
	return json_pack("{s:b,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}",
	    "open",
	    (int)(f.closed_us == 0 &&
		pressure_first(f.pressure) == PRESSURE_CAUSES),
	    "held_by", causes(&f), "places", (json_int_t)rcpts, "places_max",
	    (json_int_t)rcpts_max, "memory", (json_int_t)used, "memory_max",
	    (json_int_t)max, "waiting", (json_int_t)f.waiting, "delayed",
	    (json_int_t)f.delayed, "refused", (json_int_t)f.refused, "denied",
	    (json_int_t)count_read(&senders->denied), "limited",
	    (json_int_t)count_read(&senders->limited));
}

static json_t *
suppressed(struct suppressing *sp)
{
	return json_pack("{s:I,s:I,s:I}", "refused",
	    (json_int_t)count_read(&sp->refused), "ended",
	    (json_int_t)count_read(&sp->ended), "denied",
	    (json_int_t)count_read(&sp->denied));
}

/* Of mail that is none. */
static void
add_dummy(const struct control *c, json_t *out)
{
	struct dummy_smtp_sums s;

	if (dummy_smtp_sums(c->opt.dummy(c->opt.ctx), &s))
		(void)json_object_set_new(out, "dummy_smtp",
		    json_pack("{s:I,s:I,s:I,s:I,s:I}", "clients",
			(json_int_t)s.clients, "connections",
			(json_int_t)s.connections, "messages",
			(json_int_t)s.messages, "recipients",
			(json_int_t)s.rcpts, "bytes", (json_int_t)s.bytes));
}

static void
on_status(struct post *p)
{
	struct errand *e = post_owner(p, struct errand, home);
	const struct store_audit *a = &e->audit.audit;
	const struct sched_totals *t = &e->totals;
	json_t *out = control_ledger_json(&a->ledger);
	struct dns_stats dns;

	dns_stats(e->control->opt.dns, &dns);
	(void)json_object_set_new(out, "version", json_string(PACKAGE_VERSION));
	(void)json_object_set_new(out, "pid", json_integer(getpid()));
	(void)json_object_set_new(out, "uptime_s",
	    json_integer((clock_us() - e->control->started_us) / US_PER_S));
	(void)json_object_set_new(out, "queue",
	    json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "queues",
		(json_int_t)t->queues, "recipients", (json_int_t)t->rcpts,
		"deferred", (json_int_t)t->deferred, "granted",
		(json_int_t)t->granted, "handed", (json_int_t)t->handed,
		"refused", (json_int_t)t->refused, "kbytes",
		(json_int_t)t->kbytes));
	(void)json_object_set_new(out, "connections_out",
	    json_integer(t->conns));
	(void)json_object_set_new(out, "dns",
	    json_pack("{s:I,s:I,s:I,s:I}", "asked", (json_int_t)dns.asked,
		"sent", (json_int_t)dns.sent, "hits", (json_int_t)dns.hits,
		"cached", (json_int_t)dns.cached));
	(void)json_object_set_new(out, "store",
	    json_pack("{s:I,s:I,s:I,s:I,s:I}", "batches",
		(json_int_t)a->batches, "syncs", (json_int_t)a->syncs,
		"audited", (json_int_t)a->audited, "segment_bytes",
		(json_int_t)a->segment_bytes, "live_bytes",
		(json_int_t)a->live_bytes));
	(void)json_object_set_new(out, "accounting",
	    acct_sums(e->control->opt.acct));
	(void)json_object_set_new(out, "intake",
	    intake(e->control->opt.gate, e->control->opt.sender_counts));
	(void)json_object_set_new(out, "suppression",
	    suppressed(e->control->opt.suppressing));
	add_dummy(e->control, out);
	ctl_done(e->request, out);
	errand_free(e);
}

static void
on_status_totals(struct dispatch_ask *ask, struct sched *s, int64_t now_us)
{
	struct errand *e = post_owner(ask, struct errand, ask);

	(void)now_us;
	sched_totals(s, &e->totals);
	ask_store(e, on_status);
}

static void
cmd_status(struct control *c, struct ctl_request *r, const json_t *args)
{
	struct errand *e = errand_new(c, r);

	(void)args;
	e->ask.fn = on_status_totals;
	dispatch_ask(c->opt.dispatch, &e->ask);
}

/* ---- drain: no more mail comes in ---------------------------------------- */

static void
cmd_drain(struct control *c, struct ctl_request *r, const json_t *args)
{
	const bool open = json_is_true(json_object_get(args, "undo"));

	if (open)
		gate_open(c->opt.gate);
	else
		gate_close(c->opt.gate);
	log_note(LOG_L_INFO, "drain", "%s",
	    open ? "mail is taken again" : "no more mail is taken");
	ctl_done(r, NULL);
}

/* ---- reload -------------------------------------------------------------- */

static void
cmd_reload(struct control *c, struct ctl_request *r, const json_t *args)
{
	struct conf_errors errs = { 0 };
	int rc = c->opt.reload(c->opt.ctx, &errs);

	(void)args;
	for (size_t i = 0; i < errs.n; i++)
		ctl_item(r,
		    json_pack("{s:o,s:b}", "text", ctl_string(errs.v[i].text),
			"warning", (int)errs.v[i].warning));
	if (rc == 0)
		ctl_done(r, NULL);
	else
		ctl_fail(r, "the configuration is wrong; the old one stays");
	conf_errors_fini(&errs);
}

/* ---- the table ----------------------------------------------------------- */

static const struct {
	const char *words;
	void (*fn)(struct control *, struct ctl_request *, const json_t *);
} commands[] = {
#define C(words, fn, doc) { words, fn },
#include "transport/control.def"
#undef C
};

static void
on_command(void *ctx, struct ctl_request *r, const char *command,
    const json_t *args)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].words, command) == 0) {
			commands[i].fn(ctx, r, args);
			return;
		}
	ctl_fail(r, "unknown command \"%s\"", command);
}

int
control_new(const struct control_options *opt, struct control **c_r,
    struct err *e)
{
	struct control *c = mem_new(struct control);
	const struct ctl_server_options server = {
		.path = opt->conf->control_socket,
		.group = opt->conf->control_group,
		.fn = on_command,
		.ctx = c,
	};

	*c_r = NULL;
	c->opt = *opt;
	c->opt.conf = NULL; /* a reload replaces it */
	c->started_us = clock_us();
	if (ctl_server_new(opt->main, &server, &c->server, e) == -1) {
		free(c);
		return -1;
	}
	*c_r = c;
	return 0;
}

void
control_stop(struct control *c)
{
	suppress_imports_stop(c);
}

void
control_join(struct control *c)
{
	suppress_imports_join(c);
}

void
control_drain(struct control *c)
{
	ctl_server_drain(c->server);
}

bool
control_is_drained(const struct control *c)
{
	return ctl_server_is_drained(c->server);
}

void
control_free(struct control **cp)
{
	struct control *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	c->stopping = true;
	ctl_server_free(&c->server);
	suppress_imports_free(c);
	free(c);
}

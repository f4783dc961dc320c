/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit: the store counts the ledger against the queue, the writer compares
 * its files with the ledger as it was with the last blob that they have.
 */
#include <jansson.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "transport/acct.h"
#include "transport/control_priv.h"

/* One request: it visits the store, then the writer, and ends on main. */
struct audit {
	struct store_audit_ask store;
	struct acct_ask acct;
	struct post home;
	struct control *control;
	struct ctl_request *request;
	int64_t since_us; /* of doubts that are named */
};

static void
audit_free(struct audit *a)
{
	store_audit_fini(&a->store.audit);
	region_free(&a->acct.rg);
	free(a);
}

/* ---- as JSON ------------------------------------------------------------- */

json_t *
control_ledger_json(const struct store_ledger *l)
{
	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I}", "accepted",
	    (json_int_t)l->accepted, "delivered", (json_int_t)l->delivered,
	    "failed", (json_int_t)l->failed, "expired", (json_int_t)l->expired,
	    "suppressed", (json_int_t)l->suppressed, "deleted",
	    (json_int_t)l->deleted);
}

static json_t *
acct_json(const struct acct_facts *f)
{
	json_t *out = control_acct_facts(f);

	(void)json_object_set_new(out, "agrees",
	    f->complete ? json_boolean(f->agrees) : json_null());
	return out;
}

static json_t *
doubt_json(const struct store_doubt *d)
{
	char id[MESSAGE_ID_TEXT], session[MESSAGE_ID_TEXT], when[40];

	(void)clock_iso(when, sizeof(when), d->wall_us);
	return json_pack("{s:s,s:i,s:s,s:s,s:s,s:s}", "id",
	    message_id_text(d->id, id), "recipient", (int)d->n, "to", d->to,
	    "queue", d->queue, "session", message_id_text(d->session, session),
	    "time", when);
}

/* ---- the answer ---------------------------------------------------------- */

static bool
balances(const struct store_audit *a)
{
	return a->ledger.accepted == store_ledger_ended(&a->ledger) + a->queued;
}

/* The doubts go out one by one; returns how many. */
static json_int_t
send_doubts(const struct audit *a)
{
	const struct store_audit *s = &a->store.audit;
	json_int_t n = 0;

	for (size_t i = 0; i < s->doubt_count; i++) {
		if (s->doubts[i].wall_us < a->since_us)
			continue;
		ctl_item(a->request, doubt_json(&s->doubts[i]));
		n++;
	}
	return n;
}

static void
on_home(struct post *p)
{
	struct audit *a = post_owner(p, struct audit, home);
	const struct store_audit *s = &a->store.audit;
	json_t *out = control_ledger_json(&s->ledger);
	json_t *files = json_array();

	for (size_t i = 0; i < a->acct.count; i++)
		(void)json_array_append_new(files, acct_json(&a->acct.list[i]));
	(void)json_object_set_new(out, "queued",
	    json_integer((json_int_t)s->queued));
	(void)json_object_set_new(out, "in_doubt",
	    json_integer(send_doubts(a)));
	(void)json_object_set_new(out, "unrecorded",
	    json_pack("{s:I,s:I}", "d", (json_int_t)s->ledger.unrecorded_d, "b",
		(json_int_t)s->ledger.unrecorded_b));
	(void)json_object_set_new(out, "balances", json_boolean(balances(s)));
	(void)json_object_set_new(out, "accounting", files);
	ctl_done(a->request, out);
	audit_free(a);
}

/* ---- the way ------------------------------------------------------------- */

/* On the writer's thread: must only post on. */
static void
on_acct(struct acct_ask *ask)
{
	struct audit *a = post_owner(ask, struct audit, acct);

	worker_post(a->control->opt.main, &a->home);
}

/* On the store's: likewise. */
static void
on_store(struct store_audit_ask *ask)
{
	struct audit *a = post_owner(ask, struct audit, store);

	acct_ask(a->control->opt.acct, &a->acct);
}

static bool
is_time(const json_t *since)
{
	const json_int_t most = INT64_MAX / US_PER_S;

	return json_is_integer(since) && json_integer_value(since) >= -most &&
	    json_integer_value(since) <= most;
}

void
control_audit(struct control *c, struct ctl_request *r, const json_t *args)
{
	const json_t *since = json_object_get(args, "since");
	struct audit *a;

	if (since != NULL && !is_time(since)) {
		ctl_fail(r, "--since takes seconds since 1970");
		return;
	}
	a = mem_new(struct audit);
	a->control = c;
	a->request = r;
	a->since_us = since == NULL ? INT64_MIN :
				      json_integer_value(since) * US_PER_S;
	a->home.fn = on_home;
	a->store.done = on_store;
	/* What it has taken in is to be in the files when they are compared. */
	a->acct.commit = true;
	a->acct.done = on_acct;
	store_audit(c->opt.store, &a->store);
}

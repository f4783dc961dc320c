/* SPDX-License-Identifier: Apache-2.0 */
/* Of transport/refusals.h: what is kept of those who are never queued. */
#include "transport/refusals.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "mail/acct_record.h"
#include "mail/header.h"
#include "mail/line_fold.h"
#include "mail/mark.h"
#include "mail/xtext.h"
#include "transport/dispatch.h"
#include "transport/host_lines.h"
#include "transport/ingress_merge.h"
#include "transport/ingress_priv.h"
#include "transport/ingress_senders.h"
#include "transport/notice.h"
#include "transport/record.h"
#include "transport/suppressing.h"

struct refusals {
	struct store_settle settle;
	struct post back; /* to the session, where nothing else goes */
	struct ingress_session *s;
	struct worker *worker;
	struct store_refused refused; /* and what hangs on it: */
	struct buf records;
	uint32_t *ends;
	bool bounces;    /* the whole message: it is to be answered */
	uint32_t places; /* of the gate, until the store has counted its own */
	struct notice *notices;
	struct store_mail *mails; /* of these */
	size_t notice_count;
	struct buf lines; /* transport/host_lines.h */
	struct host_lines_told logged;
	const char *host_id; /* the session's */
};

/* ---- what is kept of it -------------------------------------------------- */

static bool
is_unrecorded(const struct ingress_session *s, const struct env_rcpt *rcpt)
{
	struct queue_conf queue;

	snapshot_queue_conf(s->conf, rcpt->domain, rcpt->vmta, &queue);
	return acct_is_disabled(&queue, ACCT_B);
}

/* One of them on the way into records; they are numbered behind the queued. */
struct packing {
	struct ingress_session *s;
	struct envelope env;
	uint32_t first, count;
	struct refusals *r;
};

/* As of a message of the host MTA's queue, or as what a client was told. */
static void
add_line(struct packing *p, const struct record_of *of, bool taken)
{
	static const struct host_lines_way none;
	struct ingress_session *s = p->s;
	struct refusals *r = p->r;
	struct log_client client;

	if (host_lines_wanted(s->env) == NULL)
		return;
	if (taken || !receive_log_client(s, p->env.host_id, &client)) {
		host_lines_attempt(s->env, &r->logged, of, &none, 1, &r->lines);
		return;
	}
	host_lines_refused(s->env, &client,
	    &(struct log_refused){ s->tx.sender, p->env.rcpts[of->n].addr,
		"550 5.7.1", of->outcome->text },
	    &r->lines);
}

/* all: what the first message has, by its own variables or without. */
static const char *
own_value(const struct ingress_merge *m, const struct merge_vars *vars,
    const char *name, const char *all, const char *without)
{
	const char *own = merge_get(vars, name);

	if (own != NULL)
		return own;
	return m->count > 0 && merge_get(&m->vars[0], name) != NULL ? without :
								      all;
}

/*
 * In a mail merge each has what was defined for him; vars NULL: it is none.  But
 * a sender who may not be used sends nothing, nor is he in a record.
 */
static void
set_own(struct packing *p, const struct envelope *all,
    const struct merge_vars *vars)
{
	const struct ingress_tx *tx = &p->s->tx;
	const char *envid;

	if (vars == NULL)
		return;
	envid = merge_get(vars, "*envid");
	p->env.sender = own_value(tx->merge, vars, "*from", all->sender,
	    tx->sender);
	if (merge_get(vars, "*from") != NULL &&
	    ingress_from_may(p->s, p->env.sender) != NULL)
		p->env.sender = tx->sender;
	p->env.job = own_value(tx->merge, vars, "*jobid", all->job, "");
	p->env.envid = envid == NULL ?
	    tx->envid :
	    xtext_encode(envid, ENVID_MAX, p->s->tx_rg);
}

/* Where nobody knew yet by whom it would go, the record names no queue. */
static void
pack_refused(struct packing *p, const struct ingress_refused *refused)
{
	const struct suppressing_said said = { .state = SUPPRESS_LISTED,
		.text = refused->text };
	const struct outcome o = suppressing_outcome(&said);
	const struct disposition d = disposition_suppressed();
	struct record_of of = { .rg = p->s->tx_rg,
		.env = &p->env,
		.n = p->first + p->count,
		.queue = "",
		.vmta = "",
		.outcome = &o,
		.disposition = &d };
	struct env_rcpt *rcpt = &p->env.rcpts[of.n];

	*rcpt = (struct env_rcpt){ .addr = refused->rcpt.addr,
		.domain = refused->rcpt.domain,
		.vmta = refused->vmta == NULL ? "" : refused->vmta,
		.pool = refused->pool,
		.orcpt = refused->rcpt.orcpt,
		.notify = refused->rcpt.notify };
	if (refused->vmta != NULL) {
		of.vmta = envelope_vmta_shown(refused->vmta);
		of.queue = REGION_JOIN(p->s->tx_rg, rcpt->domain, "/", of.vmta);
	}
	if (is_unrecorded(p->s, rcpt))
		p->r->refused.unrecorded++;
	else
		record_pack(&of, &p->r->records);
	add_line(p, &of, false);
	p->r->ends[p->count++] = (uint32_t)p->r->records.len;
}

static struct outcome
bad_address(void)
{
	return (struct outcome){ .kind = OUTCOME_BAD_ADDRESS,
		.phase = PHASE_RCPT,
		.ours = true,
		.text = "bad recipient address syntax",
		.mx = "",
		.esmtp = "",
		.tls = "",
		.wall_us = clock_wall_us() };
}

static struct env_rcpt
unparsed_rcpt(const struct ingress_rcpt *rcpt)
{
	return (struct env_rcpt){ .addr = rcpt->addr,
		.domain = rcpt->domain,
		.vmta = "",
		.pool = "",
		.orcpt = rcpt->orcpt,
		.notify = rcpt->notify };
}

/* Without a domain there is no queue, so nothing says that it has no record. */
static void
pack_unparsed(struct packing *p, const struct ingress_rcpt *rcpt)
{
	const struct outcome o = bad_address();
	const struct disposition d = disposition_bad_address();
	const struct record_of of = { .rg = p->s->tx_rg,
		.env = &p->env,
		.n = p->first + p->count,
		.queue = "",
		.vmta = "",
		.outcome = &o,
		.disposition = &d };

	p->env.rcpts[of.n] = unparsed_rcpt(rcpt);
	record_pack(&of, &p->r->records);
	add_line(p, &of, true);
	p->r->ends[p->count++] = (uint32_t)p->r->records.len;
	p->r->refused.failed++;
}

/* False: nobody wants to be told. */
static bool
tell_sender(struct ingress_session *s, const struct envelope *all,
    const struct refusals_told *told, struct notice *out)
{
	struct envelope env = *all;
	struct env_rcpt *rcpts = region_array(told->rg, told->count,
	    sizeof(*rcpts));
	struct notice_rcpt *about = region_array(told->rg, told->count,
	    sizeof(*about));
	const struct notice_of of = { .rg = told->rg,
		.conf = s->conf,
		.env = &env,
		.body = told->body };
	const struct outcome o = bad_address();
	size_t n = 0;

	env.rcpts = rcpts;
	env.rcpt_count = (uint32_t)told->count;
	for (size_t i = 0; i < told->count; i++) {
		rcpts[i] = unparsed_rcpt(&told->rcpts[i]);
		about[n] = (struct notice_rcpt){ .n = (uint32_t)i,
			.outcome = &o,
			.disposition = disposition_bad_address() };
		n += notice_wanted(&env, &about[n], false);
	}
	return n > 0 && snapshot_global(s->conf)->dsn_hosts.n > 0 &&
	    notice_make(&of, DSN_FAILED, about, n, out);
}

void
refusals_take_notices(struct refusals *r, struct notice *notices, size_t count)
{
	r->notices = notices;
	r->notice_count = count;
	r->mails = mem_array(count, sizeof(*r->mails));
	for (size_t i = 0; i < count; i++)
		r->mails[i] = (struct store_mail){ .msg = notices[i].msg,
			.waybill = { notices[i].waybill.p,
			    notices[i].waybill.len },
			.rcpt_count = 1 };
}

/* One for all of them; in a mail merge there is one for each text. */
static void
make_notice(struct packing *p, const struct body *body)
{
	const struct ingress_tx *tx = &p->s->tx;
	const struct refusals_told told = { .rg = p->s->tx_rg,
		.body = body,
		.rcpts = tx->unparsed,
		.count = tx->unparsed_count };
	struct notice notice;

	if (tx->unparsed_count > 0 && tx->merge == NULL &&
	    tell_sender(p->s, &p->env, &told, &notice))
		refusals_take_notices(p->r, mem_dup(&notice, sizeof(notice)),
		    1);
}

struct refusals *
refusals_pack(struct ingress_session *s, const struct envelope *env,
    const struct body *body)
{
	size_t count = s->tx.refused_count + s->tx.unparsed_count;
	const struct ingress_merge *m = s->tx.merge;
	struct packing p = { .s = s, .env = *env, .first = env->rcpt_count };
	struct refusals *r;

	if (count == 0)
		return NULL;
	p.r = r = mem_new(struct refusals);
	r->host_id = env->host_id;
	r->ends = mem_array(count, sizeof(*r->ends));
	p.env.rcpt_count += (uint32_t)count;
	p.env.rcpts = region_array(s->tx_rg, p.env.rcpt_count,
	    sizeof(*p.env.rcpts));
	for (size_t i = 0; i < s->tx.refused_count; i++) {
		set_own(&p, env, m == NULL ? NULL : &m->refused.v[i]);
		pack_refused(&p, &s->tx.refused[i]);
	}
	for (size_t i = 0; i < s->tx.unparsed_count; i++) {
		set_own(&p, env, m == NULL ? NULL : &m->unparsed.v[i]);
		pack_unparsed(&p, &s->tx.unparsed[i]);
	}
	make_notice(&p, body);
	r->refused.count = p.count;
	r->refused.p = r->records.p;
	r->refused.ends = r->ends;
	r->refused.id_at = ACCT_RECORD_ID_AT;
	return r;
}

void
refusals_join(struct refusals *r, struct store_accept *a)
{
	a->refused = &r->refused;
	a->mails = r->mails;
	a->mail_count = r->notice_count;
}

static void
log_notice(const struct message *m, uint64_t id)
{
	char text[MESSAGE_ID_TEXT];
	struct log_line l;

	log_begin(&l, LOG_L_INFO, message_id_text(m->id, text), "notice");
	if (id != 0)
		log_str(&l, "about", message_id_text(id, text));
	log_str(&l, "action", dsn_action_word(DSN_FAILED));
	log_end(&l);
}

static void
tell_notice(struct refusals *r, struct worker_env *env, uint64_t id,
    const struct message *m)
{
	const struct host_lines_sink sink = { env->host_log, env->conf };

	if (host_lines_wanted(env) == NULL)
		log_notice(m, id);
	else
		host_lines_notice(&sink,
		    &(struct host_lines_notice){ .about = id,
			.id = m->id,
			.host_id = r->host_id,
			.size = m->loc.body_len,
			.action = DSN_FAILED },
		    &r->lines);
}

void
refusals_tell(struct refusals *r, struct worker_env *env, uint64_t id)
{
	static const bool known[] = { false };
	const struct host_lines_sink sink = { env->host_log, env->conf };

	for (size_t i = 0; i < r->notice_count; i++)
		tell_notice(r, env, id, r->mails[i].msg);
	host_lines_put(&sink, host_lines_wanted(env), &r->lines);
	for (size_t i = 0; i < r->notice_count; i++)
		dispatch_accepted(env->dispatch, message_ref(r->mails[i].msg),
		    r->mails[i].waybill, known);
}

void
refusals_free(struct refusals **rp)
{
	struct refusals *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->notice_count; i++)
		notice_fini(&r->notices[i]);
	free(r->notices);
	free(r->mails);
	buf_fini(&r->records);
	buf_fini(&r->lines);
	free(r->ends);
	free(r);
}

/* ---- alone --------------------------------------------------------------- */

/* On the worker again. */
static void
on_back(struct post *p)
{
	struct refusals *r = post_owner(p, struct refusals, back);
	struct ingress_session *s = r->s;
	bool bounces = r->bounces;

	s->refusals = NULL;
	gate_give_back(s->env->gate, r->places);
	refusals_tell(r, s->env, 0);
	refusals_free(&r);
	if (!bounces) {
		ingress_resume(s);
		return;
	}
	if (s->state != INGRESS_CLOSED)
		receive_reply(s,
		    s->tx.merge != NULL ? "250 2.6.0 message received" :
					  "250 2.6.0 taken");
	ingress_not_idle(s);
	ingress_committed(s);
}

/* On the store thread: must only post on. */
static void
on_settled(struct store_settle *settle)
{
	struct refusals *r = post_owner(settle, struct refusals, settle);

	worker_post(r->worker, &r->back);
}

/* text: of a message of which nobody is queued there is one. */
static struct envelope
own_envelope(struct ingress_session *s, bool text)
{
	struct envelope env = envelope_blank;

	env.arrival_us = clock_wall_us();
	env.sender = s->tx.sender;
	env.envid = s->tx.envid;
	env.src_mta = receive_peer_name(s);
	env.ret = s->tx.ret;
	if (s->tx.job != NULL)
		env.job = s->tx.job;
	if (s->tx.user != NULL)
		env.auth_user = s->tx.user;
	else if (text && ingress_user(s) != NULL)
		env.auth_user = ingress_user(s);
	if (s->xforward.ident != NULL)
		env.host_id = s->xforward.ident;
	if (text)
		env.flags = (uint8_t)((s->tx.utf8 ? ENVELOPE_UTF8 : 0) |
		    receive_notice_flags(s));
	return env;
}

/* It is the session's, and goes to the store. */
static void
settle(struct ingress_session *s, struct refusals *r, bool bounces)
{
	CHECK(r != NULL); /* there are some */
	s->tx.refused_count = 0;
	if (s->tx.merge != NULL)
		s->tx.merge->refused.n = 0;
	r->s = s;
	r->worker = s->env->worker;
	r->back.fn = on_back;
	r->bounces = bounces;
	r->settle.refused = &r->refused;
	r->settle.mails = r->mails;
	r->settle.mail_count = r->notice_count;
	r->settle.done = on_settled;
	s->refusals = r;
	store_settle(s->env->store, &r->settle);
}

bool
refusals_settle(struct ingress_session *s)
{
	struct envelope env;

	s->tx.unparsed_count = 0; /* no message, no bounce */
	if (s->tx.merge != NULL)
		s->tx.merge->unparsed.n = 0;
	if (s->tx.refused_count == 0)
		return false;
	env = own_envelope(s, false);
	settle(s, refusals_pack(s, &env, NULL), false);
	return true;
}

/* Without what never goes out. */
static struct slice
without_ours(struct slice text, struct region *rg)
{
	char *out = region_alloc(rg, text.len + 1);
	const char *from = text.p, *end = text.p + text.len;
	struct header_list fields;
	size_t body, n = 0;

	header_parse(text.p, text.len, rg, &fields, &body);
	for (size_t i = 0; i < fields.n; i++) {
		const struct header *h = &fields.v[i];

		if (!mark_is_field(h->name))
			continue;
		memcpy(out + n, from, (size_t)(h->whole.p - from));
		n += (size_t)(h->whole.p - from);
		from = h->whole.p + h->whole.len;
		from += end - from < 2 ? end - from : 2; /* its CRLF */
	}
	memcpy(out + n, from, (size_t)(end - from));
	return (struct slice){ out, n + (size_t)(end - from) };
}

struct body *
refusals_body(struct slice given, struct region *rg)
{
	/* As any text that goes out, were it to go back only. */
	struct slice text = line_fold_text(without_ours(given, rg), 0, rg);
	struct body *body = body_new((uint32_t)text.len);

	if (text.len > 0)
		memcpy(body->bytes, text.p, text.len);
	return body;
}

void
refusals_bounce(struct ingress_session *s)
{
	const struct slice text = { s->tx.text.p == NULL ? "" : s->tx.text.p,
		s->tx.text.len };
	struct body *body = refusals_body(text, s->tx_rg);
	struct envelope env = own_envelope(s, true);

	settle(s, refusals_pack(s, &env, body), true);
	body_unref(&body);
}

bool
refusals_notice(struct ingress_session *s, const struct refusals_told *told,
    struct notice *out)
{
	struct envelope env = own_envelope(s, true);

	env.sender = told->sender;
	env.envid = told->envid;
	return tell_sender(s, &env, told, out);
}

void
refusals_bounce_merge(struct ingress_session *s, struct notice *notices,
    size_t count)
{
	struct envelope env = own_envelope(s, true);
	struct refusals *r = refusals_pack(s, &env, NULL);

	CHECK(r != NULL);
	refusals_take_notices(r, notices, count);
	r->places = (uint32_t)count;
	settle(s, r, true);
}

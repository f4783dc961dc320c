/* SPDX-License-Identifier: Apache-2.0 */
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
#include "transport/dispatch.h"
#include "transport/host_lines.h"
#include "transport/ingress_priv.h"
#include "transport/notice.h"
#include "transport/record.h"
#include "transport/suppressing.h"
#include "vmta/assign.h"
#include "vmta/suppress.h"

struct refusals {
	struct store_settle settle;
	struct post back; /* to the session, where nothing else goes */
	struct ingress_session *s;
	struct worker *worker;
	struct store_refused refused; /* and what hangs on it: */
	struct buf records;
	uint32_t *ends;
	bool bounces;         /* the whole message: it is to be answered */
	struct notice notice; /* msg NULL: nobody is told */
	struct store_mail mail;
	struct buf lines; /* transport/host_lines.h */
	struct host_lines_told logged;
	const char *host_id; /* the session's */
};

/* ---- who is refused ------------------------------------------------------ */

static void
log_suppressed(const struct ingress_session *s, const struct ingress_rcpt *rcpt,
    const struct suppressing_said *said)
{
	char client[NET_ADDR_TEXT];
	struct log_line l;

	log_begin(&l, LOG_L_INFO, NULL, "suppressed");
	if (s->xforward.ident != NULL)
		log_str(&l, "host-id", s->xforward.ident);
	log_str(&l, "client", net_addr_text(&s->peer.addr, client));
	log_fmt(&l, "from", "<%s>", s->tx.sender);
	log_fmt(&l, "to", "<%s>", rcpt->addr);
	log_str(&l, "list", said->list);
	log_end(&l);
}

/* The reply to one that is not clear; who is listed is noted. */
static const char *
refuse(struct ingress_session *s, const struct ingress_rcpt *rcpt,
    const struct letter_way *way, const struct suppressing_said *said)
{
	struct ingress_tx *tx = &s->tx;

	if (said->state != SUPPRESS_LISTED)
		return REGION_JOIN(s->tx_rg, "451 4.3.0 ", said->text);
	tx->refused = region_grow(s->tx_rg, tx->refused, tx->refused_count,
	    sizeof(*tx->refused));
	tx->refused[tx->refused_count++] = (struct ingress_refused){
		.rcpt = *rcpt,
		.text = said->text,
		.vmta = way == NULL ? NULL : way->vmta,
		.pool = way == NULL ? "" : way->pool,
	};
	suppressing_refused(s->env->suppressing);
	if (log_wants(LOG_L_INFO))
		log_suppressed(s, rcpt, said);
	return REGION_JOIN(s->tx_rg, "550 5.7.1 ", said->text);
}

static const struct suppress_set *
lists_at_rcpt(struct ingress_session *s)
{
	struct suppress_set *lists = region_new_obj(s->tx_rg,
	    struct suppress_set);
	struct source_conf source;

	receive_source(s, NULL, &source);
	suppress_set_of(s->conf, &(struct suppress_scope){ .source = &source },
	    lists);
	return lists;
}

const char *
refusals_rcpt(struct ingress_session *s, const struct smtp_cmd *c)
{
	struct suppressing_said said;
	struct ingress_rcpt rcpt;

	if (s->tx.lists == NULL)
		s->tx.lists = lists_at_rcpt(s);
	if (suppressing_ask(s->env->suppressing, s->conf, s->tx.lists,
		c->addr.text, s->cmd_rg, &said) == SUPPRESS_CLEAR)
		return NULL;
	rcpt = (struct ingress_rcpt){
		.addr = region_strdup(s->tx_rg, c->addr.text),
		.domain = region_strdup(s->tx_rg, c->addr.domain),
		.orcpt = region_strdup(s->tx_rg, c->orcpt),
		.notify = c->notify,
	};
	said.text = region_strdup(s->tx_rg, said.text);
	return refuse(s, &rcpt, NULL, &said);
}

/* ---- the end of data ----------------------------------------------------- */

/* By recipient; NULL: all are clear. */
static struct suppressing_said *
ask_all(struct ingress_session *s, const struct letter *l)
{
	struct suppressing_said *said = region_array(s->tx_rg, s->tx.rcpt_count,
	    sizeof(*said));
	const struct letter_way *way = NULL;
	struct suppress_set lists;
	struct source_conf source;
	bool any = false;

	receive_source(s, l->auth_user, &source);
	for (size_t i = 0; i < s->tx.rcpt_count; i++) {
		if (strcmp(s->tx.rcpts[i].domain, SNAPSHOT_DSN_DOMAIN) == 0)
			continue; /* to the host itself: clear */
		if (l->ways[i] != way) {
			way = l->ways[i];
			suppress_set_of(s->conf,
			    &(struct suppress_scope){ .source = &source,
				.vmta = way->vmta,
				.pool = way->pool,
				.job = l->job },
			    &lists);
		}
		if (suppressing_ask(s->env->suppressing, s->conf, &lists,
			s->tx.rcpts[i].addr, s->tx_rg,
			&said[i]) != SUPPRESS_CLEAR)
			any = true;
	}
	return any ? said : NULL;
}

static bool
are_all_listed(const struct ingress_session *s,
    const struct suppressing_said *said)
{
	for (size_t i = 0; i < s->tx.named; i++)
		if (said[i].state != SUPPRESS_LISTED)
			return false;
	return true;
}

/*
 * Who is clear moves up.  Nobody has named those behind tx->named: of whom no
 * list can tell may stay there, and wait before his delivery.
 */
static void
keep_clear(struct ingress_session *s, struct letter *l,
    const struct suppressing_said *said)
{
	struct ingress_tx *tx = &s->tx;
	uint8_t *signatures = region_array(s->tx_rg, tx->rcpt_count, 1);
	size_t kept = 0, named = 0;

	tx->told = region_array(s->tx_rg, tx->named, sizeof(char *));
	tx->told_count = tx->named;
	for (size_t i = 0; i < tx->rcpt_count; i++) {
		bool has_reply = i < tx->named;

		if (said[i].state == SUPPRESS_LISTED ||
		    (has_reply && said[i].state == SUPPRESS_UNSURE)) {
			const char *reply = refuse(s, &tx->rcpts[i], l->ways[i],
			    &said[i]);

			if (has_reply)
				tx->told[i] = reply;
			continue;
		}
		tx->rcpts[kept] = tx->rcpts[i];
		l->ways[kept] = l->ways[i];
		if (l->signing != NULL)
			signatures[kept] = l->signatures[i];
		kept++;
		named += has_reply;
	}
	tx->rcpt_count = kept;
	tx->named = named;
	l->signatures = signatures;
}

const char *
refusals_at_end(struct ingress_session *s, struct letter *l)
{
	const struct suppressing_said *said;

	if (snapshot_suppress_count(s->conf) == 0)
		return NULL;
	said = ask_all(s, l);
	if (said == NULL ||
	    (s->door->protocol == INGRESS_SMTP && !are_all_listed(s, said)))
		return NULL;
	keep_clear(s, l, said);
	s->tx.job = l->job;
	s->tx.user = l->auth_user;
	return s->tx.named == 0 ? s->tx.told[0] : NULL;
}

const char *
refusals_lists(struct ingress_session *s, const struct letter *l)
{
	struct source_conf source;
	const char *all = "";

	if (snapshot_suppress_count(s->conf) == 0)
		return "";
	receive_source(s, l->auth_user, &source);
	for (size_t i = 0; i < source.suppression_lists.n; i++)
		all = REGION_JOIN(s->tx_rg, all, i == 0 ? "" : ",",
		    source.suppression_lists.v[i]);
	return all;
}

/* ---- who cannot be read -------------------------------------------------- */

static void
log_unparsed(const struct ingress_session *s, const char *addr)
{
	char client[NET_ADDR_TEXT];
	struct log_line l;

	log_begin(&l, LOG_L_INFO, NULL, "bad-recipient");
	log_str(&l, "client", net_addr_text(&s->peer.addr, client));
	log_fmt(&l, "from", "<%s>", s->tx.sender);
	log_fmt(&l, "to", "<%s>", addr);
	log_end(&l);
}

void
refusals_unparsed(struct ingress_session *s, const struct smtp_cmd *c,
    const char *addr)
{
	struct ingress_tx *tx = &s->tx;

	tx->unparsed = region_grow(s->tx_rg, tx->unparsed, tx->unparsed_count,
	    sizeof(*tx->unparsed));
	tx->unparsed[tx->unparsed_count++] = (struct ingress_rcpt){
		.addr = region_strdup(s->tx_rg, addr),
		.domain = "",
		.orcpt = region_strdup(s->tx_rg, c->orcpt),
		.notify = c->notify,
	};
	if (log_wants(LOG_L_INFO))
		log_unparsed(s, addr);
}

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

/* Without a domain there is no queue, so nothing says that it has no record. */
static void
pack_unparsed(struct packing *p, const struct ingress_rcpt *rcpt,
    struct notice_rcpt *told)
{
	const struct record_of of = { .rg = p->s->tx_rg,
		.env = &p->env,
		.n = p->first + p->count,
		.queue = "",
		.vmta = "",
		.outcome = told->outcome,
		.disposition = &told->disposition };

	told->n = of.n;
	p->env.rcpts[of.n] = (struct env_rcpt){ .addr = rcpt->addr,
		.domain = rcpt->domain,
		.vmta = "",
		.pool = "",
		.orcpt = rcpt->orcpt,
		.notify = rcpt->notify };
	record_pack(&of, &p->r->records);
	add_line(p, &of, true);
	p->r->ends[p->count++] = (uint32_t)p->r->records.len;
	p->r->refused.failed++;
}

static void
make_notice(struct packing *p, const struct body *body,
    const struct notice_rcpt *told, size_t count)
{
	const struct notice_of about = { .rg = p->s->tx_rg,
		.conf = p->s->conf,
		.env = &p->env,
		.body = body };
	struct refusals *r = p->r;

	if (count == 0 || snapshot_global(p->s->conf)->dsn_hosts.n == 0 ||
	    !notice_make(&about, DSN_FAILED, told, count, &r->notice))
		return;
	r->mail = (struct store_mail){ .msg = r->notice.msg,
		.waybill = { r->notice.waybill.p, r->notice.waybill.len },
		.rcpt_count = 1 };
}

static void
pack_all_unparsed(struct packing *p, const struct body *body)
{
	const struct ingress_tx *tx = &p->s->tx;
	struct notice_rcpt *told = region_array(p->s->tx_rg, tx->unparsed_count,
	    sizeof(*told));
	const struct outcome o = { .kind = OUTCOME_BAD_ADDRESS,
		.phase = PHASE_RCPT,
		.ours = true,
		.text = "bad recipient address syntax",
		.mx = "",
		.esmtp = "",
		.tls = "",
		.wall_us = clock_wall_us() };
	size_t n = 0;

	for (size_t i = 0; i < tx->unparsed_count; i++) {
		told[n] = (struct notice_rcpt){ .outcome = &o,
			.disposition = disposition_bad_address() };
		pack_unparsed(p, &tx->unparsed[i], &told[n]);
		n += notice_wanted(&p->env, &told[n], false);
	}
	make_notice(p, body, told, n);
}

struct refusals *
refusals_pack(struct ingress_session *s, const struct envelope *env,
    const struct body *body)
{
	size_t count = s->tx.refused_count + s->tx.unparsed_count;
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
	for (size_t i = 0; i < s->tx.refused_count; i++)
		pack_refused(&p, &s->tx.refused[i]);
	if (s->tx.unparsed_count > 0)
		pack_all_unparsed(&p, body);
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
	a->mails = &r->mail;
	a->mail_count = r->mail.msg != NULL;
}

static void
log_notice(const struct refusals *r, uint64_t id)
{
	char text[MESSAGE_ID_TEXT];
	struct log_line l;

	log_begin(&l, LOG_L_INFO, message_id_text(r->mail.msg->id, text),
	    "notice");
	if (id != 0)
		log_str(&l, "about", message_id_text(id, text));
	log_str(&l, "action", dsn_action_word(DSN_FAILED));
	log_end(&l);
}

void
refusals_tell(struct refusals *r, struct worker_env *env, uint64_t id)
{
	static const bool known[] = { false };
	const struct host_lines_sink sink = { env->host_log, env->conf };
	const struct message *m = r->mail.msg;

	if (m != NULL && host_lines_wanted(env) == NULL)
		log_notice(r, id);
	else if (m != NULL)
		host_lines_notice(&sink,
		    &(struct host_lines_notice){ .about = id,
			.id = m->id,
			.host_id = r->host_id,
			.size = m->loc.body_len,
			.action = DSN_FAILED },
		    &r->lines);
	host_lines_put(&sink, host_lines_wanted(env), &r->lines);
	if (m == NULL)
		return;
	dispatch_accepted(env->dispatch, message_ref(r->mail.msg),
	    r->mail.waybill, known);
}

void
refusals_free(struct refusals **rp)
{
	struct refusals *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	notice_fini(&r->notice);
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
	refusals_tell(r, s->env, 0);
	refusals_free(&r);
	if (!bounces) {
		ingress_resume(s);
		return;
	}
	if (s->state != INGRESS_CLOSED)
		receive_reply(s, "250 2.6.0 taken");
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

/* body: of a message of which nobody is queued; NULL: there is none. */
static void
settle(struct ingress_session *s, const struct body *body)
{
	struct envelope env = envelope_blank;
	struct refusals *r;

	env.arrival_us = clock_wall_us();
	env.sender = s->tx.sender;
	env.envid = s->tx.envid;
	env.src_mta = receive_peer_name(s);
	env.ret = s->tx.ret;
	if (s->tx.job != NULL)
		env.job = s->tx.job;
	if (s->tx.user != NULL)
		env.auth_user = s->tx.user;
	else if (body != NULL && ingress_user(s) != NULL)
		env.auth_user = ingress_user(s);
	if (s->xforward.ident != NULL)
		env.host_id = s->xforward.ident;
	if (body != NULL)
		env.flags = (uint8_t)((s->tx.utf8 ? ENVELOPE_UTF8 : 0) |
		    receive_notice_flags(s));
	r = refusals_pack(s, &env, body);
	CHECK(r != NULL); /* there are some */
	s->tx.refused_count = 0;
	r->s = s;
	r->worker = s->env->worker;
	r->back.fn = on_back;
	r->bounces = body != NULL;
	r->settle.refused = &r->refused;
	r->settle.mails = &r->mail;
	r->settle.mail_count = r->mail.msg != NULL;
	r->settle.done = on_settled;
	s->refusals = r;
	store_settle(s->env->store, &r->settle);
}

bool
refusals_settle(struct ingress_session *s)
{
	s->tx.unparsed_count = 0; /* no message, no bounce */
	if (s->tx.refused_count == 0)
		return false;
	settle(s, NULL);
	return true;
}

/* Without what never goes out; transport/letter.c does so for others. */
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

		if (!mark_is_field(h->name) &&
		    !slice_eq_nocase(h->name, AUTH_HEADER))
			continue;
		memcpy(out + n, from, (size_t)(h->whole.p - from));
		n += (size_t)(h->whole.p - from);
		from = h->whole.p + h->whole.len;
		from += end - from < 2 ? end - from : 2; /* its CRLF */
	}
	memcpy(out + n, from, (size_t)(end - from));
	return (struct slice){ out, n + (size_t)(end - from) };
}

void
refusals_bounce(struct ingress_session *s)
{
	const struct slice given = { s->tx.text.p == NULL ? "" : s->tx.text.p,
		s->tx.text.len };
	/* As any text that goes out, were it to go back only. */
	struct slice text = line_fold_text(without_ours(given, s->tx_rg), 0,
	    s->tx_rg);
	struct body *body = body_new((uint32_t)text.len);

	if (text.len > 0)
		memcpy(body->bytes, text.p, text.len);
	settle(s, body);
	body_unref(&body);
}

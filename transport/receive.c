/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the end of data to the reply: the text is treated (transport/letter.c),
 * where ARC needs keys after a wait for DNS, and packed, the store makes it durable, the receipt comes back to this
 * worker by a post, and only then the client is answered and the message goes
 * to the scheduler.  A client that is gone by then changes nothing about
 * that: it will hand the message over again, and the key says that we know it.
 */
#include <event2/bufferevent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "mail/acct_record.h"
#include "mail/envelope.h"
#include "mail/handover_key.h"
#include "mail/header.h"
#include "mail/waybill.h"
#include "transport/dispatch.h"
#include "transport/host_lines.h"
#include "transport/ingress_priv.h"
#include "transport/ingress_senders.h"
#include "transport/keys_ask.h"
#include "transport/letter.h"
#include "transport/record.h"
#include "transport/refusals.h"
#include "transport/trace.h"
#include "vmta/assign.h"

static const char no_room[] = "452 4.3.1 no room in the queue";

struct receipt {
	struct store_accept accept;
	struct ingress_session *s;
	struct worker *worker;
	void (*back)(struct post *p); /* there, when the store has answered */
	struct buf waybill;           /* accept's, and so are: */
	struct store_receipts receipts;
	struct buf records;
	uint32_t *ends;
	struct refusals *refusals; /* that go in with it, or NULL */

	/* For the log; strings are the session's or its snapshot's. */
	const char *message_id; /* of a submission, for lines; or "" */
	const struct letter_way **ways;
	const char *job, *host_id, *user, *unknown_vmta, *dkim_note, *from_note;
	const char *sender; /* of its envelope */
	struct sealing_note seal_note;
	uint32_t size;
	bool marked;
};

static void
receipt_free(struct receipt **rp)
{
	struct receipt *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	message_unref(&r->accept.msg);
	buf_fini(&r->waybill);
	buf_fini(&r->records);
	free(r->ends);
	refusals_free(&r->refusals);
	free(r->accept.rcpt_keys);
	free(r->accept.known);
	free(r);
}

/* ---- replies ------------------------------------------------------------- */

static void
reply_answer(struct ingress_session *s, const struct store_accept *a)
{
	switch (a->answer) {
	case STORE_TAKEN:
		receive_reply_queued(s, a->msg->id);
		break;
	case STORE_NO_SPACE:
		receive_reply(s, no_room);
		break;
	case STORE_BAD:
		receive_reply(s, "554 5.3.0 message cannot be queued");
		break;
	}
}

/* ---- log ----------------------------------------------------------------- */

/* That of the first recipient, and how many there are with others. */
static void
log_ways(struct log_line *l, const struct receipt *r)
{
	size_t others = 0;

	log_str(l, "vmta", envelope_vmta_shown(r->ways[0]->vmta));
	for (size_t i = 1; i < r->s->tx.rcpt_count; i++)
		others += r->ways[i]->vmta != r->ways[0]->vmta;
	if (others > 0)
		log_int(l, "other-vmta", (int64_t)others);
}

/* A line is 4 KB of stack, which is zeroed: who calls asks if one is wanted. */
static void
log_accepted(const struct receipt *r, uint32_t known)
{
	const struct ingress_session *s = r->s;
	uint64_t id = r->accept.msg->id;
	char text[MESSAGE_ID_TEXT];
	struct log_line l;

	if (id != 0)
		log_begin(&l, LOG_L_INFO, message_id_text(id, text),
		    "accepted");
	else
		log_begin(&l, LOG_L_INFO, NULL, "repeated");
	if (r->host_id[0] != '\0')
		log_str(&l, "host-id", r->host_id);
	log_str(&l, "from", s->tx.sender);
	if (strcmp(r->sender, s->tx.sender) != 0)
		log_fmt(&l, "rewritten", "<%s>", r->sender);
	log_int(&l, "rcpts", (int64_t)s->tx.rcpt_count);
	if (known > 0)
		log_int(&l, "known", known);
	log_int(&l, "size", r->size);
	log_ways(&l, r);
	log_str(&l, "job", r->job);
	log_str(&l, "policy", r->marked ? "milter" : "ingress");
	if (r->user[0] != '\0')
		log_str(&l, "user", r->user);
	if (r->unknown_vmta[0] != '\0')
		log_str(&l, "unknown-vmta", r->unknown_vmta);
	if (r->dkim_note != NULL)
		log_str(&l, "dkim-note", r->dkim_note);
	if (r->from_note != NULL)
		log_str(&l, "from-note", r->from_note);
	sealing_note_log(&r->seal_note, &l);
	log_end(&l);
}

static void
log_refused(const struct ingress_session *s, const char *why,
    const char *trouble)
{
	struct log_line l;

	log_begin(&l, trouble == NULL ? LOG_L_INFO : LOG_L_ERROR, NULL,
	    "refused");
	if (s->xforward.ident != NULL)
		log_str(&l, "host-id", s->xforward.ident);
	log_str(&l, "from", s->tx.sender);
	log_int(&l, "rcpts", (int64_t)s->tx.rcpt_count);
	log_str(&l, "reply", why);
	if (trouble != NULL)
		log_str(&l, "trouble", trouble);
	log_end(&l);
}

/* As the host MTA would tell it. */
static void
put_lines(struct receipt *r, uint32_t known)
{
	struct ingress_session *s = r->s;
	const struct worker_env *env = s->env;
	struct envelope head = envelope_blank;
	const struct log_mail m = { .id = r->accept.msg->id,
		.env = &head,
		.size = r->size };
	struct log_client client;
	bool ours;
	struct buf lines = { 0 };

	if (m.id == 0)
		return; /* repeated: there were lines of it */
	head.sender = r->sender;
	head.host_id = r->host_id;
	head.auth_user = r->user;
	head.rcpt_count = (uint32_t)s->tx.rcpt_count - known;
	ours = receive_log_client(s, r->host_id, &client);
	client.message_id = r->message_id;
	host_lines_came(env, &m, ours ? &client : NULL, &lines);
	host_lines_put(&(struct host_lines_sink){ env->host_log, env->conf },
	    host_lines_wanted(env), &lines);
	buf_fini(&lines);
}

/* ---- the receipt --------------------------------------------------------- */

static uint32_t
count_known(const struct store_accept *a)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < a->rcpt_count; i++)
		n += a->known[i];
	return n;
}

/* On the store thread: must only post on. */
static void
on_stored(struct store_accept *a)
{
	struct receipt *r = post_owner(a, struct receipt, accept);

	a->post.fn = r->back;
	worker_post(r->worker, &a->post);
}

/* The places are taken. */
static void
to_store(struct ingress_session *s)
{
	struct store_accept *a = &s->receipt->accept;

	a->done = on_stored;
	a->places = a->rcpt_count;
	store_accept(s->env->store, a);
}

/* There is room, or there was none for too long. */
static void
on_room(struct gate_ticket *t)
{
	struct ingress_session *s = ingress_of_ticket(t);
	bool there = s->state != INGRESS_CLOSED;

	if (there && t->passed) {
		ingress_held(s, INGRESS_COMMIT);
		to_store(s);
		return;
	}
	if (t->passed)
		gate_give_back(s->env->gate, t->rcpts);
	receipt_free(&s->receipt);
	if (there) {
		log_refused(s, no_room, NULL);
		receive_reply(s, no_room);
	}
	ingress_committed(s);
}

/* The store was told of room that was not there: as if nothing had been. */
static bool
waits_again(struct ingress_session *s)
{
	if (s->state == INGRESS_CLOSED ||
	    !ingress_wait(s, GATE_DATA, s->receipt->size, on_room))
		return false;
	ingress_held(s, INGRESS_WAIT);
	return true;
}

/* On the worker again. */
static void
on_receipt(struct post *p)
{
	struct store_accept *a = post_owner(p, struct store_accept, post);
	struct receipt *r = post_owner(a, struct receipt, accept);
	struct ingress_session *s = r->s;
	uint32_t known = count_known(a);

	if (a->answer == STORE_NO_SPACE && waits_again(s))
		return;
	s->receipt = NULL;
	if (s->state != INGRESS_CLOSED)
		reply_answer(s, a);
	if (a->answer == STORE_TAKEN) {
		s->tx.refused_count = 0; /* they are in, too */
		ingress_not_idle(s);
		if (host_lines_wanted(s->env) != NULL)
			put_lines(r, known);
		else if (log_wants(LOG_L_INFO))
			log_accepted(r, known);
		if (r->refusals != NULL && a->msg->id != 0)
			refusals_tell(r->refusals, s->env, a->msg->id);
		if (known < a->rcpt_count)
			dispatch_accepted(s->env->dispatch, message_ref(a->msg),
			    a->waybill, a->known);
	} else {
		log_refused(s,
		    a->answer == STORE_BAD ? a->err.text : "no space", NULL);
	}
	receipt_free(&r);
	ingress_committed(s);
}

/* ---- to the store -------------------------------------------------------- */

static const char *
or_empty(const char *s)
{
	return s == NULL ? "" : s;
}

static const char *
trace_name(struct ingress_session *s)
{
	const struct trace_client c = { s->helo, s->peer.name, &s->peer.addr,
		s->tx.utf8 };

	return trace_client_text(&c, s->tx_rg);
}

/* To which the client itself connected; behind a host MTA nobody knows. */
static struct net_addr
policy_local(const struct ingress_session *s)
{
	struct net_addr local = s->peer.local;

	if (s->peer.told)
		return local;
	if (s->door->protocol == INGRESS_SMTP && s->xforward.ident == NULL &&
	    ingress_named_client(s).family == 0)
		net_local_addr(bufferevent_getfd(s->bev), &local);
	return local;
}

static struct letter_work *
begin_letter(struct ingress_session *s, const struct source_conf *conf)
{
	const struct ingress_tx *tx = &s->tx;
	const char **rcpts = region_array(s->tx_rg, tx->rcpt_count,
	    sizeof(*rcpts));
	const char **domains = region_array(s->tx_rg, tx->rcpt_count,
	    sizeof(*domains));
	struct letter_in *in = region_new_obj(s->tx_rg, struct letter_in);
	/* Mail of no client at all: the null sender is the host's own. */
	bool own = s->local && s->door->protocol == INGRESS_LMTP &&
	    ingress_named_client(s).family == 0 && tx->sender[0] == '\0';

	*in = (struct letter_in){
		.env = s->env,
		.conf = s->conf,
		.client = ingress_policy_client(s),
		.local = policy_local(s),
		.source = s->listener_source,
		.auth_user = ingress_user(s),
		.sender = tx->sender,
		.rcpts = rcpts,
		.domains = domains,
		.rcpt_count = tx->rcpt_count,
		.named_count = tx->named,
		.hops_max = conf->max_hops,
		.text = { tx->text.p == NULL ? "" : tx->text.p, tx->text.len },
		.queue_id = or_empty(s->xforward.ident),
		.from_host = s->local && s->door->protocol == INGRESS_LMTP,
		.host_notice = own,
		.relayed = receive_is_relayed(s),
		.submission = s->door->protocol == INGRESS_SMTP &&
		    or_empty(s->xforward.ident)[0] == '\0',
		.host = s->host,
		.from = trace_name(s),
		.with = receive_protocol(s),
		.now_us = clock_wall_us(),
	};
	for (size_t i = 0; i < tx->rcpt_count; i++) {
		rcpts[i] = tx->rcpts[i].addr;
		domains[i] = tx->rcpts[i].domain;
	}
	return letter_begin(in, s->tx_rg);
}

static int
letter_flags(const struct ingress_session *s, const struct letter *l)
{
	bool verp = (s->tx.verp || l->verp) && l->sender[0] != '\0';

	return (l->has_8bit ? ENVELOPE_8BIT : 0) |
	    (s->tx.utf8 ? ENVELOPE_UTF8 : 0) |
	    (l->notice ? ENVELOPE_NOTICE : 0) | (verp ? ENVELOPE_VERP : 0);
}

static struct envelope
make_envelope(struct ingress_session *s, const char *peer,
    const struct letter *l)
{
	const struct ingress_tx *tx = &s->tx;
	struct envelope env = {
		.arrival_us = clock_wall_us(),
		.sender = l->sender,
		.envid = tx->envid[0] != '\0' ? tx->envid : l->envid,
		.job = l->job,
		.auth_user = l->auth_user,
		.host_id = l->queue_id,
		.src_mta = peer,
		.lists = refusals_lists(s, l),
		.spans = l->spans,
		.signing = l->signing,
		.headers = l->headers,
		.header_count = l->header_count,
		.ret = tx->ret,
		.flags = (uint8_t)(letter_flags(s, l) |
		    receive_notice_flags(s)),
		.rcpt_count = (uint32_t)tx->rcpt_count,
	};

	env.rcpts = region_array(s->tx_rg, tx->rcpt_count, sizeof(*env.rcpts));
	for (size_t i = 0; i < tx->rcpt_count; i++) {
		const struct ingress_rcpt *r = &tx->rcpts[i];

		env.rcpts[i] = (struct env_rcpt){ .addr = r->addr,
			.domain = r->domain,
			.vmta = l->ways[i]->vmta,
			.pool = l->ways[i]->pool,
			.orcpt = r->orcpt,
			.notify = r->notify,
			.priority = l->priority,
			.signatures = l->signing == NULL ? 0 :
							   l->signatures[i] };
	}
	return env;
}

/* Its waybill goes to bill. */
static struct message *
make_message(const struct envelope *env, const struct letter *l,
    struct buf *bill)
{
	struct buf packed = { 0 };
	struct message *m;

	envelope_pack(env, &packed);
	waybill_pack(env, bill);
	m = message_new(packed.p, (uint32_t)packed.len);
	m->body = l->body; /* moved */
	buf_fini(&packed);
	return m;
}

/* ---- receipts ------------------------------------------------------------ */

/* Neighbours mostly have the same queue. */
static bool
is_disabled(const struct snapshot *conf, const struct env_rcpt *rcpt,
    const struct env_rcpt *before, bool was)
{
	struct queue_conf queue;

	if (before != NULL && strcmp(before->domain, rcpt->domain) == 0 &&
	    strcmp(before->vmta, rcpt->vmta) == 0)
		return was;
	snapshot_queue_conf(conf, rcpt->domain, rcpt->vmta, &queue);
	return acct_is_disabled(&queue, ACCT_R);
}

/* A record for each recipient, where an accounting file takes them. */
static void
make_receipts(const struct ingress_session *s, const struct envelope *env,
    struct receipt *r)
{
	struct record_receipt of = { .rg = s->tx_rg,
		.env = env,
		.source = receive_client_addr(s) };
	bool disabled = false;

	if ((snapshot_acct_wants(s->conf)->types & ACCT_BIT(ACCT_R)) == 0)
		return;
	net_local_addr(bufferevent_getfd(s->bev), &of.destination);
	r->ends = mem_array(env->rcpt_count, sizeof(*r->ends));
	for (of.n = 0; of.n < env->rcpt_count; of.n++) {
		const struct env_rcpt *rcpt = &env->rcpts[of.n];

		disabled = is_disabled(s->conf, rcpt,
		    of.n == 0 ? NULL : rcpt - 1, disabled);
		if (!disabled)
			record_receipt_pack(&of, &r->records);
		r->ends[of.n] = (uint32_t)r->records.len;
	}
	r->receipts.p = r->records.p;
	r->receipts.ends = r->ends;
	r->receipts.id_at = ACCT_RECORD_ID_AT;
	r->accept.receipts = &r->receipts;
}

/* Only a queue id of the host MTA tells one hand-over from another. */
static void
set_key(struct ingress_session *s, const struct letter *l,
    struct store_accept *a)
{
	const struct ingress_tx *tx = &s->tx;
	char peer[NET_ADDR_TEXT];

	if (l->queue_id[0] == '\0')
		return;
	a->has_key = true;
	handover_key(s->door->name, net_addr_text(&s->peer.addr, peer),
	    l->queue_id, l->header, a->key);
	a->rcpt_keys = mem_array(tx->rcpt_count, sizeof(*a->rcpt_keys));
	for (size_t i = 0; i < tx->rcpt_count; i++)
		a->rcpt_keys[i] = handover_rcpt_key(tx->rcpts[i].addr,
		    tx->rcpts[i].orcpt, tx->rcpts[i].notify);
}

static enum ingress_state
refuse(struct ingress_session *s, const char *why, const char *trouble)
{
	log_refused(s, why, trouble);
	receive_reply(s, why);
	return ingress_tx_end(s);
}

/* The receipt is the session's, and goes in when there is room for it. */
static enum ingress_state
send_in(struct ingress_session *s)
{
	s->ticket.until_us = 0;
	switch (ingress_room(s, GATE_DATA, s->receipt->size, on_room)) {
	case ROOM_NOW:
		to_store(s);
		return INGRESS_COMMIT;
	case ROOM_LATER:
		return INGRESS_WAIT;
	case ROOM_NONE:
		break;
	}
	receipt_free(&s->receipt);
	return refuse(s, no_room, NULL);
}

/* For lines of the host MTA's style. */
static const char *
message_id_of(struct ingress_session *s, const struct letter *l)
{
	struct header_list fields;
	size_t text, at;

	if (host_lines_wanted(s->env) == NULL || l->queue_id[0] != '\0')
		return "";
	header_parse(l->body->bytes, l->body->len, s->tx_rg, &fields, &text);
	at = header_find(&fields, "Message-ID", 0);
	return at == fields.n ? "" : header_value(&fields.v[at], s->tx_rg);
}

/* All is known: to the store, or refused. */
static enum ingress_state
finish(struct ingress_session *s, struct letter_work *w)
{
	const char *peer = receive_peer_name(s), *why;
	struct envelope env;
	struct receipt *r;
	struct letter l;

	why = letter_end(w, &l);
	letter_free(&w);
	if (l.fault != SENDER_FINE)
		ingress_sender_denied(s, s->tx.sender,
		    or_empty(ingress_user(s)), l.fault);
	if (why == NULL && !l.marked)
		why = ingress_message_may(s);
	if (why != NULL) {
		body_unref(&l.body);
		return refuse(s, why, l.trouble);
	}
	why = refusals_at_end(s, &l);
	if (why != NULL) {
		body_unref(&l.body);
		return refuse(s, why, NULL);
	}

	r = mem_new(struct receipt);
	r->s = s;
	r->worker = s->env->worker;
	r->size = l.body->len;
	r->marked = l.marked;
	r->ways = l.ways;
	r->job = l.job;
	r->host_id = l.queue_id;
	r->message_id = message_id_of(s, &l);
	r->user = l.auth_user;
	r->unknown_vmta = l.unknown_vmta;
	r->dkim_note = l.dkim_note;
	r->from_note = l.from_note;
	r->sender = l.sender;
	r->seal_note = l.seal_note;
	r->back = on_receipt;
	r->accept.rcpt_count = (uint32_t)s->tx.rcpt_count;
	r->accept.known = mem_array(s->tx.rcpt_count, sizeof(bool));
	env = make_envelope(s, peer, &l);
	r->accept.msg = make_message(&env, &l, &r->waybill);
	r->accept.waybill = (struct slice){ r->waybill.p, r->waybill.len };
	make_receipts(s, &env, r);
	r->refusals = refusals_pack(s, &env, r->accept.msg->body);
	if (r->refusals != NULL)
		refusals_join(r->refusals, &r->accept);
	set_key(s, &l, &r->accept);
	buf_clear(&s->tx.text); /* l.header pointed into it */
	s->receipt = r;
	return send_in(s);
}

/* ---- keys ---------------------------------------------------------------- */

void
receive_forget(struct ingress_session *s)
{
	keys_ask_cancel(&s->keys);
	letter_free(&s->letter);
}

static void
on_keys(void *arg)
{
	struct ingress_session *s = arg;
	struct letter_work *w = s->letter;
	enum ingress_state next;

	s->keys = NULL;
	s->letter = NULL;
	next = finish(s, w);
	if (next == INGRESS_COMMAND)
		ingress_committed(s);
	else
		ingress_held(s, next);
}

/* There are recipients, and of none can the address be read. */
static enum ingress_state
bounce(struct ingress_session *s)
{
	const char *why = ingress_message_may(s);

	if (why == NULL &&
	    !gate_pass(s->env->gate, GATE_MAIL, 0,
		snapshot_global(s->env->conf)->spool_max_rcpts)) {
		gate_refused(s->env->gate);
		why = no_room;
	}
	if (why != NULL)
		return refuse(s, why, NULL);
	refusals_bounce(s);
	return INGRESS_COMMIT;
}

/* ---- all together -------------------------------------------------------- */

enum ingress_state
receive_message(struct ingress_session *s)
{
	struct dkim_answers *wants;
	struct source_conf conf;
	struct letter_work *w;
	const char *why;

	s->tx.named = s->tx.rcpt_count;
	if (s->tx.dot.bare)
		return refuse(s, "550 5.6.0 bare CR or LF in message", NULL);
	if (s->tx.too_big)
		return refuse(s, "552 5.3.4 message too big", NULL);
	why = ingress_host_sign_in(s);
	if (why != NULL)
		return refuse(s, why, NULL);
	if (s->tx.named == 0)
		return bounce(s);
	receive_source(s, NULL, &conf);
	ingress_add_bcc(s, &conf.bcc);
	w = begin_letter(s, &conf);
	wants = letter_wants(w);
	if (wants == NULL)
		return finish(s, w);
	s->letter = w;
	s->keys = keys_ask_new(s->env, wants, on_keys, s);
	return INGRESS_KEYS;
}

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
#include "transport/receive_make.h"
#include "transport/receive_merge.h"
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
	struct made made;             /* accept's */
	struct refusals *refusals;    /* that go in with it, or NULL */

	/* For the log; strings are the session's or its snapshot's. */
	const char *message_id; /* of a submission, for lines; or "" */
	const struct letter_way **ways;
	const char *job, *host_id, *user, *unknown_vmta, *dkim_note, *from_note;
	const char *sender; /* of its envelope */
	struct sealing_note seal_note;
	bool marked;
};

static void
receipt_free(struct receipt **rp)
{
	struct receipt *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	made_fini(&r->made);
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
	log_int(&l, "size", r->made.size);
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

void
receive_log_refused(const struct ingress_session *s, const char *why,
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
	const struct ingress_session *s = r->s;
	struct envelope head = envelope_blank;
	const struct log_mail m = { .id = r->accept.msg->id,
		.env = &head,
		.size = r->made.size };

	if (m.id == 0)
		return; /* repeated: there were lines of it */
	head.sender = r->sender;
	head.host_id = r->host_id;
	head.auth_user = r->user;
	head.rcpt_count = (uint32_t)s->tx.rcpt_count - known;
	receive_put_lines(r->s, &m, r->message_id);
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
		receive_log_refused(s, no_room, NULL);
		receive_reply(s, no_room);
	}
	ingress_committed(s);
}

/* The store was told of room that was not there: as if nothing had been. */
static bool
waits_again(struct ingress_session *s)
{
	if (s->state == INGRESS_CLOSED ||
	    !ingress_wait(s, GATE_DATA, s->receipt->made.size, on_room))
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
		receive_log_refused(s,
		    a->answer == STORE_BAD ? a->err.text : "no space", NULL);
	}
	receipt_free(&r);
	ingress_committed(s);
}

/* ---- to the store -------------------------------------------------------- */

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

enum ingress_state
receive_refuse(struct ingress_session *s, const char *why, const char *trouble)
{
	receive_log_refused(s, why, trouble);
	receive_reply(s, why);
	return ingress_tx_end(s);
}

/* The receipt is the session's, and goes in when there is room for it. */
static enum ingress_state
send_in(struct ingress_session *s)
{
	s->ticket.until_us = 0;
	switch (ingress_room(s, GATE_DATA, s->receipt->made.size, on_room)) {
	case ROOM_NOW:
		to_store(s);
		return INGRESS_COMMIT;
	case ROOM_LATER:
		return INGRESS_WAIT;
	case ROOM_NONE:
		break;
	}
	receipt_free(&s->receipt);
	return receive_refuse(s, no_room, NULL);
}

/* All is known: to the store, or refused. */
static enum ingress_state
finish(struct ingress_session *s, struct letter_work *w)
{
	const char *why;
	struct envelope env;
	struct receipt *r;
	struct letter l;

	why = letter_end(w, &l);
	letter_free(&w);
	if (l.trace_verdicts)
		receive_log_verdicts(s, &l.verdicts);
	if (l.fault != SENDER_FINE)
		ingress_sender_denied(s, s->tx.sender,
		    ingress_user(s) == NULL ? "" : ingress_user(s), l.fault);
	if (why == NULL && !l.marked)
		why = ingress_message_may(s);
	if (why != NULL) {
		body_unref(&l.body);
		return receive_refuse(s, why, l.trouble);
	}
	why = refusals_at_end(s, &l);
	if (why != NULL) {
		body_unref(&l.body);
		return receive_refuse(s, why, NULL);
	}

	r = mem_new(struct receipt);
	r->s = s;
	r->worker = s->env->worker;
	r->marked = l.marked;
	r->ways = l.ways;
	r->job = l.job;
	r->host_id = l.queue_id;
	r->message_id = receive_message_id(s, l.queue_id, l.body);
	r->user = l.auth_user;
	r->unknown_vmta = l.unknown_vmta;
	r->dkim_note = l.dkim_note;
	r->from_note = l.from_note;
	r->sender = l.sender;
	r->seal_note = l.seal_note;
	r->back = on_receipt;
	r->accept.known = mem_array(s->tx.rcpt_count, sizeof(bool));
	env = receive_envelope(s, &l);
	receive_make(s, &env, &l, &r->made);
	r->accept.rcpt_count = r->made.rcpt_count;
	r->accept.msg = r->made.msg;
	r->accept.waybill = (struct slice){ r->made.waybill.p,
		r->made.waybill.len };
	r->accept.receipts = made_receipts(&r->made);
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
	receive_merge_forget(s);
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
	const char *why = ingress_bounce_may(s);

	if (why == NULL &&
	    !gate_pass(s->env->gate, GATE_MAIL, 0,
		snapshot_global(s->env->conf)->spool_max_rcpts)) {
		gate_refused(s->env->gate);
		why = no_room;
	}
	if (why != NULL)
		return receive_refuse(s, why, NULL);
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
	const char *why, *trouble;

	s->tx.named = s->tx.rcpt_count;
	if (s->tx.dot.bare)
		return receive_refuse(s, "550 5.6.0 bare CR or LF in message",
		    NULL);
	if (s->tx.too_big)
		return receive_refuse(s, "552 5.3.4 message too big", NULL);
	why = ingress_host_sign_in(s, &trouble);
	if (why != NULL)
		return receive_refuse(s, why, trouble);
	receive_source(s, NULL, &conf);
	why = ingress_host_excess(s, &conf);
	if (why != NULL)
		return receive_refuse(s, why, NULL);
	if (s->tx.named == 0)
		return bounce(s);
	/* RCPT knew of the client alone, not of whom it names. */
	if (s->tx.rcpt_count + conf.bcc.n > ENVELOPE_RCPT_MAX)
		return receive_refuse(s, "452 4.5.3 too many recipients", NULL);
	ingress_add_bcc(s, &conf.bcc);
	w = receive_begin_letter(s, &conf);
	wants = letter_wants(w);
	if (wants == NULL)
		return finish(s, w);
	s->letter = w;
	receive_ask_keys(s, wants, on_keys, s);
	return INGRESS_KEYS;
}

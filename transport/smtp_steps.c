/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an SMTP session does in each of its states.  No function here writes
 * ->state: each returns the state to be in next.
 *
 *	CONNECT > GREETING > EHLO [> HELO] > READY
 *	EHLO > STARTTLS > HANDSHAKE > EHLO          once, before READY
 *	EHLO > AUTH > READY                         smtp_auth.c
 *	READY > MAIL > RCPT > DATA > BODY > DOT > READY
 *	MAIL, RCPT, DATA > RSET > READY             failed midway
 *	DATA > EMPTY > RSET                         354, and nobody was accepted
 *	RSET, READY, GREETING, EHLO, HELO, AUTH > QUIT > CLOSED
 *	all > CLOSED
 *
 * MAIL, RCPT and DATA say which reply is awaited; with pipelining the commands
 * themselves are further on (smtp_pipe.c).
 */
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/tls.h"
#include "mail/envelope.h"
#include "transport/smtp_session_priv.h"
#include "vmta/tls_policy.h"

/* How long a server may take to end a reply that came unasked. */
#define UNASKED_US (5 * US_PER_S)

/* ---- the ways to end ----------------------------------------------------- */

static void
set_why(struct smtp_session *s, const struct outcome *o)
{
	CHECK(!s->has_why);
	s->has_why = true;
	s->why = *o;
}

enum smtp_state
smtp_end_for(struct smtp_session *s, const struct outcome *why,
    enum smtp_state next)
{
	set_why(s, why);
	return next;
}

/*
 * The final dot is with the kernel: the server may have taken the message
 * whatever we see of it.
 */
bool
smtp_is_in_doubt(const struct smtp_session *s)
{
	return s->trans.t != NULL && s->body.dot_queued && smtp_waiting(s) == 0;
}

/*
 * After a failed STARTTLS the connection is of no more use: nobody knows what
 * the other side believes.  Where TLS is required, or nobody may sign in without,
 * that is the end; elsewhere the owner may try again in clear.
 */
static enum smtp_state
tls_failed(struct smtp_session *s, const char *what, const struct smtp_reply *r)
{
	struct outcome o = r == NULL ? smtp_outcome(s, OUTCOME_LOST, PHASE_TLS,
					   region_strdup(s->rg, what)) :
				       smtp_outcome_reply(s, r, s->rg);

	if (o.code != 421) /* which has no time for us, with TLS or without */
		o.kind = tls_is_needed(s->conf) ? OUTCOME_NO_TLS : OUTCOME_LOST;
	smtp_log_tls(s, o.text);
	set_why(s, &o);
	return SMTP_CLOSED;
}

enum smtp_state
smtp_fail(struct smtp_session *s, enum outcome_kind kind, const char *what)
{
	const struct smtp_step *step = &smtp_steps[s->state];
	bool in_doubt = smtp_is_in_doubt(s);
	struct outcome o;

	if (s->state == SMTP_QUIT || s->state == SMTP_CLOSED)
		return SMTP_CLOSED;
	if (s->state == SMTP_STARTTLS || s->state == SMTP_HANDSHAKE)
		return tls_failed(s, what, NULL);
	o = smtp_outcome(s, kind, in_doubt ? PHASE_DOT : step->phase,
	    region_strdup(s->rg, what));
	o.in_doubt = in_doubt;
	if (s->trans.t != NULL) {
		smtp_trans_verdict(s, &o);
		smtp_trans_finish(s);
	} else {
		set_why(s, &o);
	}
	return SMTP_CLOSED;
}

/* The server answered what nobody may answer here, or without being asked. */
static enum smtp_state
out_of_step(struct smtp_session *s, const struct smtp_reply *r)
{
	char text[REPLY_TEXT_MAX + 1], what[REPLY_TEXT_MAX + 100];

	(void)smtp_reply_text(r, text, sizeof(text));
	(void)snprintf(what, sizeof(what), "unexpected reply while %s: %s",
	    smtp_steps[s->state].doing, text);
	return smtp_fail(s, OUTCOME_LOST, what);
}

/* Recipients that the server has not heard of. */
static void
leave_unsent(struct smtp_session *s, const struct outcome *unsent)
{
	struct smtp_trans *tr = &s->trans;

	for (size_t i = 0; i < tr->t->count; i++)
		if (!tr->written[i] && tr->fates[i] == RCPT_OPEN)
			smtp_trans_refuse(s, i, unsent);
}

enum smtp_state
smtp_drop(struct smtp_session *s)
{
	static const char text[] = "connection closed by this side";
	struct smtp_trans *tr = &s->trans;
	bool in_doubt = smtp_is_in_doubt(s);
	struct outcome o, unsent;

	if (tr->t == NULL)
		return SMTP_CLOSED;
	unsent = smtp_outcome(s, OUTCOME_UNSENT, PHASE_MAIL, text);
	leave_unsent(s, &unsent);
	o = smtp_outcome(s, in_doubt ? OUTCOME_LOST : OUTCOME_LOCAL_TEMP,
	    in_doubt ? PHASE_DOT : smtp_steps[s->state].phase, text);
	o.in_doubt = in_doubt;
	/* Whoever said MAIL refused is believed; else nobody was tried. */
	if (s->interrupted && !in_doubt)
		o = unsent;
	smtp_trans_verdict(s, &o);
	smtp_trans_finish(s);
	return SMTP_CLOSED;
}

static bool
is_refusal(const struct smtp_reply *r)
{
	return r->code >= 400;
}

/* Refused before there was a transaction, or between two. */
static enum smtp_state
refused(struct smtp_session *s, const struct smtp_reply *r)
{
	struct outcome o;

	if (!is_refusal(r))
		return out_of_step(s, r);
	o = smtp_outcome_reply(s, r, s->rg);
	set_why(s, &o);
	/* RFC 5321 section 3.8: after 421 the server closes. */
	return r->code == 421 ? SMTP_CLOSED : SMTP_QUIT;
}

/* Refused: the transaction, for all that are not refused by themselves. */
static enum smtp_state
trans_refused(struct smtp_session *s, const struct smtp_reply *r,
    enum smtp_state next)
{
	struct outcome o = smtp_outcome_reply(s, r, s->trans.rg);

	smtp_trans_verdict(s, &o);
	smtp_trans_finish(s);
	return r->code == 421 ? SMTP_CLOSED : next;
}

/* ---- up to READY --------------------------------------------------------- */

enum smtp_state
smtp_connected(struct smtp_session *s)
{
	char text[128];
	struct err why;

	if (s->state == SMTP_CONNECT) {
		smtp_listen(s);
		return SMTP_GREETING;
	}
	CHECK(s->state == SMTP_HANDSHAKE);
	s->tls_done = true;
	if (!smtp_tls_judge(s, &why))
		return smtp_fail(s, OUTCOME_LOST, why.text);
	s->tls_text = region_strdup(s->rg,
	    tls_describe(s->bev, text, sizeof(text)));
	smtp_log_tls(s, NULL);
	return SMTP_EHLO;
}

static void
command(struct smtp_session *s, const char *verb, const char *arg)
{
	buf_str(&s->out, verb);
	buf_str(&s->out, arg);
	buf_str(&s->out, "\r\n");
	(void)smtp_flush(s);
}

/*
 * What a server says before it is asked must not be taken for the answer to
 * what is asked next.
 */
static bool
is_out_of_turn(const struct smtp_session *s)
{
	return smtp_has_heard(s);
}

static enum smtp_state
say(struct smtp_session *s, const char *verb, const char *arg)
{
	if (is_out_of_turn(s))
		return smtp_fail(s, OUTCOME_LOST,
		    "the server said more than it was asked");
	command(s, verb, arg);
	return s->state;
}

static enum smtp_state
on_greeting(struct smtp_session *s, const struct smtp_reply *r)
{
	s->pix = smtp_reply_is_masked(r);
	return r->code / 100 == 2 ? SMTP_EHLO : refused(s, r);
}

static enum smtp_state
enter_ehlo(struct smtp_session *s)
{
	/* What was announced in clear is forgotten, RFC 3207 section 4.2. */
	s->ehlo = (struct ehlo){ 0 };
	return say(s, "EHLO ", s->helo);
}

static enum smtp_state
enter_helo(struct smtp_session *s)
{
	return say(s, "HELO ", s->helo);
}

static enum smtp_state
without_tls(struct smtp_session *s)
{
	struct outcome o = smtp_outcome(s, OUTCOME_NO_TLS, PHASE_TLS,
	    s->tls == NULL ? "STARTTLS is required, and not possible here" :
			     "STARTTLS is required, and not offered");

	set_why(s, &o);
	return SMTP_QUIT;
}

/* EHLO or HELO was accepted: is there more to do before mail? */
static enum smtp_state
after_hello(struct smtp_session *s)
{
	bool required = s->conf->require_starttls;
	bool wanted = required || (s->conf->use_starttls && !s->no_tls);

	if (s->tls_done)
		return smtp_sign_in(s);
	if (wanted && s->tls != NULL && (s->ehlo.flags & EHLO_STARTTLS) != 0)
		return SMTP_STARTTLS;
	return required ? without_tls(s) : smtp_sign_in(s);
}

static enum smtp_state
on_ehlo(struct smtp_session *s, const struct smtp_reply *r)
{
	if (r->code / 100 == 5)
		return SMTP_HELO;
	if (r->code / 100 != 2)
		return refused(s, r);
	ehlo_parse(r, &s->ehlo);
	return after_hello(s);
}

static enum smtp_state
on_helo(struct smtp_session *s, const struct smtp_reply *r)
{
	return r->code / 100 == 2 ? after_hello(s) : refused(s, r);
}

static enum smtp_state
enter_starttls(struct smtp_session *s)
{
	return say(s, "STARTTLS", "");
}

static enum smtp_state
on_starttls(struct smtp_session *s, const struct smtp_reply *r)
{
	if (r->code != 220)
		return is_refusal(r) ? tls_failed(s, NULL, r) :
				       out_of_step(s, r);
	/*
	 * Whoever sits in the middle could put replies here that we would take
	 * for the server's, under TLS (CVE-2011-0411).
	 */
	if (smtp_has_heard(s))
		return tls_failed(s,
		    "data between the reply to STARTTLS and the handshake",
		    NULL);
	return SMTP_HANDSHAKE;
}

static enum smtp_state
enter_handshake(struct smtp_session *s)
{
	struct bufferevent *tls;
	int fd = bufferevent_getfd(s->bev);
	struct err e;

	reader_stop(&s->in);
	/* The socket changes hands: the plain one must not close it. */
	CHECK(bufferevent_setfd(s->bev, -1) == 0);
	bufferevent_free(s->bev);
	s->bev = NULL;
	tls = tls_client_start(s->tls, worker_base(s->worker), fd, s->host, &e);
	if (tls == NULL) {
		(void)close(fd);
		return tls_failed(s, e.text, NULL);
	}
	smtp_watch(s, tls);
	if (smtp_tls_prepare(s, tls, &e) == -1)
		return tls_failed(s, e.text, NULL);
	CHECK(bufferevent_enable(tls, EV_READ | EV_WRITE) == 0);
	return SMTP_HANDSHAKE;
}

/* ---- between transactions ------------------------------------------------ */

enum smtp_state
smtp_idle(struct smtp_session *s)
{
	if (is_out_of_turn(s)) {
		/* Most likely 421: let it be heard; on_idle() ends it. */
		smtp_arm(s, UNASKED_US);
		return SMTP_READY;
	}
	if (s->next == NULL && !s->want_quit && !s->told_ready) {
		s->told_ready = true;
		s->owner->ready(s->ctx);
	}
	if (s->want_drop)
		return SMTP_READY; /* comes to it in a moment */
	if (s->next != NULL)
		return SMTP_MAIL;
	return s->want_quit ? SMTP_QUIT : SMTP_READY;
}

static enum smtp_state
enter_ready(struct smtp_session *s)
{
	s->told_ready = false;
	if (!s->later)
		return smtp_idle(s);
	/*
	 * The last one was refused without a word to the server.  An owner
	 * with many such would go round and round on the stack.
	 */
	s->later = false;
	smtp_kick(s);
	return SMTP_READY;
}

static enum smtp_state
on_idle(struct smtp_session *s, const struct smtp_reply *r)
{
	struct outcome o;

	if (r->code != 421)
		return out_of_step(s, r);
	o = smtp_outcome_reply(s, r, s->rg);
	set_why(s, &o);
	return SMTP_CLOSED;
}

/* ---- the envelope -------------------------------------------------------- */

/* Is there a reason not even to begin?  Then o_r is for all recipients. */
static bool
cannot_send(struct smtp_session *s, struct outcome *o_r)
{
	const struct smtp_transaction *t = s->trans.t;
	const struct ehlo *can = &s->ehlo;

	if (!smtp_address_is_safe(t->sender)) {
		*o_r = smtp_outcome_local(s, PHASE_MAIL, 553,
		    (const uint8_t[3]){ 5, 1, 7 },
		    "553 5.1.7 sender with a control byte or a bracket");
		return true;
	}
	if ((t->flags & ENVELOPE_UTF8) != 0 &&
	    (can->flags & EHLO_SMTPUTF8) == 0) {
		*o_r = smtp_outcome(s, OUTCOME_NO_UTF8, PHASE_MAIL,
		    "SMTPUTF8 is needed, and not offered");
		return true;
	}
	if (can->size_max != 0 && smtp_transaction_size(t) > can->size_max) {
		*o_r = smtp_outcome(s, OUTCOME_TOO_BIG, PHASE_MAIL,
		    region_printf(s->trans.rg,
			"message size %u exceeds the limit of %s",
			smtp_transaction_size(t), s->host));
		return true;
	}
	return false;
}

/* Tells once that the last RCPT is with the kernel. */
static void
tell_written(struct smtp_session *s)
{
	struct smtp_trans *tr = &s->trans;

	if (tr->told_written || s->pipe.cursor <= tr->t->count ||
	    tr->mail_refused)
		return;
	tr->told_written = true;
	s->owner->written(s->ctx);
}

/* Sends what may be sent now; the state is by what is to be answered next. */
static enum smtp_state
next_command(struct smtp_session *s)
{
	static const enum smtp_state by_kind[] = {
		[SMTP_CMD_MAIL] = SMTP_MAIL,
		[SMTP_CMD_RCPT] = SMTP_RCPT,
		[SMTP_CMD_DATA] = SMTP_DATA,
	};
	struct smtp_pipe *p = &s->pipe;

	if (p->count == 0 && is_out_of_turn(s))
		return smtp_fail(s, OUTCOME_LOST,
		    "the server said more than it was asked");
	smtp_pipe_fill(s);
	if (s->out.len > 0 && smtp_flush(s))
		tell_written(s);
	if (p->count > 0)
		return by_kind[p->ring[p->head].kind];
	/* MAIL refused, or all recipients: there is nothing to send. */
	smtp_trans_finish(s);
	return SMTP_RSET;
}

static enum smtp_state
enter_mail(struct smtp_session *s)
{
	struct outcome o;

	/* Of require-starttls, smtp-tls-ca-file and auth-username. */
	CHECK(s->tls_done || !s->conf->require_starttls);
	CHECK(!s->tls_done || s->tls_verified || s->policy.trust == NULL);
	CHECK(smtp_may_send(s));
	smtp_trans_begin(s);
	if (cannot_send(s, &o)) {
		smtp_trans_verdict(s, &o);
		smtp_trans_finish(s);
		s->later = true;
		return SMTP_READY;
	}
	return next_command(s);
}

static enum smtp_state
on_mail(struct smtp_session *s, const struct smtp_reply *r)
{
	struct outcome o;

	CHECK(smtp_pipe_pop(&s->pipe).kind == SMTP_CMD_MAIL);
	if (r->code == 421)
		return trans_refused(s, r, SMTP_CLOSED);
	if (r->code / 100 == 2) {
		s->trans.mail_ok = true;
	} else if (is_refusal(r)) {
		/* What follows in the pipe is answered because of this. */
		s->trans.mail_refused = true;
		o = smtp_outcome_reply(s, r, s->trans.rg);
		smtp_trans_verdict(s, &o);
	} else {
		return out_of_step(s, r);
	}
	return next_command(s);
}

/*
 * Servers turn against a client that names many recipients they do not have.
 * One that has named as many as it may ends when its transaction does.
 */
static void
count_error(struct smtp_session *s)
{
	uint32_t max = s->conf->max_errors_per_conn;

	s->errors++;
	if (max > 0 && s->errors >= max)
		s->want_quit = true;
}

static enum smtp_state
on_rcpt(struct smtp_session *s, const struct smtp_reply *r)
{
	struct smtp_cmd cmd = smtp_pipe_pop(&s->pipe);
	struct outcome o;

	CHECK(cmd.kind == SMTP_CMD_RCPT);
	if (r->code == 421)
		return trans_refused(s, r, SMTP_CLOSED);
	if (r->code / 100 == 3)
		return out_of_step(s, r);
	if (!s->trans.mail_ok)
		return next_command(s);
	/* One refused recipient is not a failed message. */
	if (is_refusal(r)) {
		o = smtp_outcome_reply(s, r, s->trans.rg);
		smtp_trans_refuse(s, cmd.rcpt, &o);
		count_error(s);
	} else {
		smtp_trans_accept(s, cmd.rcpt);
	}
	return next_command(s);
}

static enum smtp_state
on_data(struct smtp_session *s, const struct smtp_reply *r)
{
	CHECK(smtp_pipe_pop(&s->pipe).kind == SMTP_CMD_DATA);
	CHECK(s->pipe.count == 0);
	if (is_refusal(r))
		return trans_refused(s, r, SMTP_RSET);
	if (r->code / 100 != 3)
		return out_of_step(s, r);
	return s->trans.accepted_count > 0 ? SMTP_BODY : SMTP_EMPTY;
}

/* ---- the message --------------------------------------------------------- */

static enum smtp_state
send_body(struct smtp_session *s)
{
	struct outcome o;

	switch (smtp_body_go(s)) {
	case SMTP_BODY_WAIT:
		return SMTP_BODY;
	case SMTP_BODY_SENT:
		return SMTP_DOT;
	case SMTP_BODY_STOP:
		break;
	}
	if (s->interrupted)
		return smtp_drop(s);
	o = smtp_outcome(s, OUTCOME_LOCAL_TEMP, PHASE_BODY,
	    "the message was withdrawn before its end");
	smtp_trans_verdict(s, &o);
	smtp_trans_finish(s);
	return SMTP_CLOSED;
}

static enum smtp_state
enter_body(struct smtp_session *s)
{
	return send_body(s);
}

static enum smtp_state
on_dot(struct smtp_session *s, const struct smtp_reply *r)
{
	struct outcome o;

	if (is_refusal(r))
		return trans_refused(s, r, SMTP_READY);
	if (r->code / 100 != 2)
		return out_of_step(s, r);
	o = smtp_outcome_reply(s, r, s->trans.rg);
	o.kind = OUTCOME_DELIVERED;
	smtp_trans_verdict(s, &o);
	smtp_trans_finish(s);
	return SMTP_READY;
}

static enum smtp_state
on_body(struct smtp_session *s, const struct smtp_reply *r)
{
	if (smtp_is_in_doubt(s)) /* sent, and not yet told so */
		return on_dot(s, r);
	/* Refused before its end: there is no way back into step. */
	if (is_refusal(r))
		return trans_refused(s, r, SMTP_CLOSED);
	return out_of_step(s, r);
}

/*
 * The server wants a message for nobody, RFC 2920 section 3.1.  An empty one
 * is refused by all that are in step.
 */
static enum smtp_state
enter_empty(struct smtp_session *s)
{
	return say(s, ".", "");
}

static enum smtp_state
on_empty(struct smtp_session *s, const struct smtp_reply *r)
{
	smtp_trans_finish(s);
	if (r->code == 421)
		return SMTP_CLOSED;
	return is_refusal(r) ? SMTP_RSET : SMTP_QUIT;
}

enum smtp_state
smtp_drained(struct smtp_session *s)
{
	if (s->trans.t != NULL && smtp_waiting(s) == 0 &&
	    s->state >= SMTP_MAIL && s->state <= SMTP_DATA)
		tell_written(s);
	return s->state == SMTP_BODY ? send_body(s) : s->state;
}

/* ---- the end ------------------------------------------------------------- */

static enum smtp_state
enter_rset(struct smtp_session *s)
{
	return s->want_quit && s->next == NULL ? SMTP_QUIT : say(s, "RSET", "");
}

static enum smtp_state
on_rset(struct smtp_session *s, const struct smtp_reply *r)
{
	return r->code / 100 == 2 ? SMTP_READY : refused(s, r);
}

static enum smtp_state
enter_quit(struct smtp_session *s)
{
	command(s, "QUIT", "");
	return SMTP_QUIT;
}

static enum smtp_state
on_quit(struct smtp_session *s, const struct smtp_reply *r)
{
	(void)s;
	(void)r;
	return SMTP_CLOSED;
}

static enum smtp_state
enter_closed(struct smtp_session *s)
{
	static const char text[] = "the connection has ended";
	struct outcome o;

	smtp_shut(s);
	/* Given to us in the meantime, and not begun. */
	while (s->next != NULL) {
		smtp_trans_begin(s);
		o = smtp_outcome(s, OUTCOME_UNSENT, PHASE_MAIL, text);
		smtp_trans_verdict(s, &o);
		smtp_trans_finish(s);
	}
	smtp_retire(s);
	s->owner->closed(s->ctx, s->has_why ? &s->why : NULL);
	return SMTP_CLOSED;
}

const struct smtp_step smtp_steps[SMTP_STATE_COUNT] = {
#define S(name_, seconds_, phase_, doing_, enter_, reply_) \
	[SMTP_##name_] = { #name_, doing_, seconds_, PHASE_##phase_, enter_, \
		reply_ },
#include "transport/smtp_states.def"
#undef S
};

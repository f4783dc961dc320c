/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/receive_merge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "mail/envelope.h"
#include "transport/dispatch.h"
#include "transport/host_lines.h"
#include "transport/ingress_merge.h"
#include "transport/ingress_senders.h"
#include "transport/merge_groups.h"
#include "transport/receive_make.h"
#include "transport/refusals.h"
#include "vmta/policy.h"

enum { TURN_US = 5000 };

static const char no_room[] = "452 4.3.1 no room in the queue";

/* One message that is ready; strings are the session's tx region's. */
struct merge_mail {
	struct made made;
	const char *message_id, *unknown_vmta;
	const char *dkim_note, *from_note; /* or NULL */
};

struct merge_run {
	struct post turn;
	struct ingress_session *s;
	struct source_conf source;
	struct merge_groups groups, unparsed;
	struct notice *notices; /* of the latter */
	size_t notice_count;
	struct merge_mail *mails;
	size_t mail_count, mail_cap;
	uint64_t bytes; /* of their texts, and of all of the notices */

	/* While one is made the session's tx and its region are these: */
	struct region *rg;
	struct ingress_rcpt *rcpts;
	size_t rcpt_cap;
	struct letter_work *letter; /* waits for keys */
	bool inside;
	struct ingress_tx outer; /* and this is what they were */
	struct region *outer_rg;

	/* The store's in the end: */
	struct store_accept accept;
	struct worker *worker;
	struct store_mail *others; /* all but the first, and notifications */
	struct refusals *refusals;
	bool *known; /* nobody is */
	size_t rcpt_total;
};

/* ---- one message: its place ---------------------------------------------- */

static void
leave(struct merge_run *run)
{
	struct ingress_session *s = run->s;

	if (!run->inside)
		return;
	run->inside = false;
	run->rcpts = s->tx.rcpts;
	run->rcpt_cap = s->tx.rcpt_cap;
	s->tx = run->outer;
	s->tx_rg = run->outer_rg;
}

static void
run_free(struct merge_run **rp)
{
	struct merge_run *run = *rp;

	*rp = NULL;
	CHECK(!run->inside && run->letter == NULL);
	for (size_t i = 0; i < run->mail_count; i++)
		made_fini(&run->mails[i].made);
	free(run->mails);
	free(run->others);
	free(run->known);
	free(run->rcpts);
	refusals_free(&run->refusals);
	for (size_t i = 0; i < run->notice_count; i++)
		notice_fini(&run->notices[i]);
	free(run->notices);
	merge_groups_fini(&run->groups);
	merge_groups_fini(&run->unparsed);
	region_free(&run->rg);
	free(run);
}

/* The session's transaction is now that of count recipients from the first. */
static void
enter(struct merge_run *run, size_t first, size_t count)
{
	struct ingress_session *s = run->s;
	struct ingress_tx *tx = &s->tx;

	region_reset(run->rg);
	run->inside = true;
	run->outer = *tx;
	run->outer_rg = s->tx_rg;
	s->tx_rg = run->rg;
	*tx = (struct ingress_tx){ .open = true,
		.utf8 = run->outer.utf8,
		.verp = run->outer.verp,
		.ret = run->outer.ret,
		.results = run->outer.results,
		.verify = run->outer.verify,
		.sender = merge_groups_sender(&run->groups, first),
		.envid = merge_groups_envid(&run->groups, first),
		.given = merge_groups_given(&run->groups, first),
		.rcpts = run->rcpts,
		.rcpt_cap = run->rcpt_cap,
		.text = run->groups.now.text };
	if (count > tx->rcpt_cap) {
		tx->rcpts = mem_realloc(tx->rcpts, count * sizeof(*tx->rcpts));
		tx->rcpt_cap = count;
	}
	memcpy(tx->rcpts, run->outer.rcpts + first, count * sizeof(*tx->rcpts));
	tx->rcpt_count = tx->named = count;
	ingress_add_bcc(s, &run->source.bcc);
}

/* ---- one message, treated ------------------------------------------------ */

static const char *
kept(const struct merge_run *run, const char *text)
{
	return text == NULL ? NULL : region_strdup(run->outer_rg, text);
}

static void
keep_mail(struct merge_run *run, struct letter *l)
{
	struct ingress_session *s = run->s;
	struct envelope env = receive_envelope(s, l);
	struct merge_mail *mail;

	if (run->mail_count == run->mail_cap) {
		run->mail_cap = run->mail_cap == 0 ? 16 : 2 * run->mail_cap;
		run->mails = mem_realloc(run->mails,
		    run->mail_cap * sizeof(*run->mails));
	}
	mail = &run->mails[run->mail_count++];
	*mail = (struct merge_mail){
		.message_id = kept(run,
		    receive_message_id(s, l->queue_id, l->body)),
		.unknown_vmta = kept(run, l->unknown_vmta),
		.dkim_note = kept(run, l->dkim_note),
		.from_note = kept(run, l->from_note),
	};
	receive_make(s, &env, l, &mail->made);
	run->rcpt_total += mail->made.rcpt_count;
	run->bytes += mail->made.size;
}

/* NULL, or the reply, which is the session's; trouble_r: ours, or NULL. */
static const char *
end_mail(struct merge_run *run, struct letter_work *w, const char **trouble_r)
{
	struct ingress_session *s = run->s;
	struct letter l;
	const char *why = letter_end(w, &l);

	letter_free(&w);
	if (l.trace_verdicts)
		receive_log_verdicts(s, &l.verdicts);
	if (l.fault != SENDER_FINE)
		ingress_sender_denied(s, s->tx.sender,
		    ingress_user(s) == NULL ? "" : ingress_user(s), l.fault);
	if (why == NULL) {
		keep_mail(run, &l);
	} else {
		body_unref(&l.body);
		why = kept(run, why);
		*trouble_r = kept(run, l.trouble);
	}
	leave(run);
	return why;
}

/* ---- the end ------------------------------------------------------------- */

static void
end_run(struct ingress_session *s)
{
	run_free(&s->merge_run);
	ingress_committed(s);
}

static void
refuse(struct merge_run *run, const char *why, const char *trouble)
{
	struct ingress_session *s = run->s;
	enum ingress_state next;

	/* The reply may be of the tx region, which is still there. */
	run_free(&s->merge_run);
	next = receive_refuse(s, why, trouble);
	if (next == INGRESS_COMMAND)
		ingress_committed(s);
	else
		ingress_held(s, next);
}

static void
log_mail(struct merge_run *run, const struct merge_mail *mail,
    const struct envelope *env)
{
	char text[MESSAGE_ID_TEXT];
	struct log_line l;

	log_begin(&l, LOG_L_INFO, message_id_text(mail->made.msg->id, text),
	    "accepted");
	log_str(&l, "from", env->sender);
	log_int(&l, "rcpts", env->rcpt_count);
	log_int(&l, "merged", (int64_t)run->mail_count);
	log_int(&l, "size", mail->made.size);
	log_str(&l, "vmta", envelope_vmta_shown(env->rcpts[0].vmta));
	log_str(&l, "job", env->job);
	log_str(&l, "policy", "ingress");
	if (env->auth_user[0] != '\0')
		log_str(&l, "user", env->auth_user);
	if (mail->unknown_vmta[0] != '\0')
		log_str(&l, "unknown-vmta", mail->unknown_vmta);
	if (mail->dkim_note != NULL)
		log_str(&l, "dkim-note", mail->dkim_note);
	if (mail->from_note != NULL)
		log_str(&l, "from-note", mail->from_note);
	log_end(&l);
}

static struct envelope
read_envelope(struct merge_run *run, const struct merge_mail *mail)
{
	const struct message *m = mail->made.msg;
	struct envelope env;
	struct err e;

	region_reset(run->rg);
	CHECK(envelope_unpack(m->env, m->env_len, run->rg, &env, &e) == 0);
	return env;
}

static void
tell(struct merge_run *run, const struct merge_mail *mail)
{
	struct ingress_session *s = run->s;
	struct envelope env;

	if (host_lines_wanted(s->env) == NULL && !log_wants(LOG_L_INFO))
		return;
	env = read_envelope(run, mail);
	if (host_lines_wanted(s->env) != NULL)
		receive_put_lines(s,
		    &(struct log_mail){ .id = mail->made.msg->id,
			.env = &env,
			.size = mail->made.size },
		    mail->message_id);
	else
		log_mail(run, mail, &env);
}

/* ---- the store ----------------------------------------------------------- */

static const char *
reply_to(const struct store_accept *a)
{
	switch (a->answer) {
	case STORE_TAKEN:
		break;
	case STORE_NO_SPACE:
		return no_room;
	case STORE_BAD:
		return "554 5.3.0 message cannot be queued";
	}
	return "250 2.6.0 message received";
}

/* On the worker again. */
static void
on_receipt(struct post *p)
{
	struct store_accept *a = post_owner(p, struct store_accept, post);
	struct merge_run *run = post_owner(a, struct merge_run, accept);
	struct ingress_session *s = run->s;

	if (s->state != INGRESS_CLOSED)
		receive_reply(s, reply_to(a));
	for (size_t i = 0; a->answer == STORE_TAKEN && i < run->mail_count;
	     i++) {
		const struct made *m = &run->mails[i].made;

		tell(run, &run->mails[i]);
		dispatch_accepted(s->env->dispatch, message_ref(m->msg),
		    (struct slice){ m->waybill.p, m->waybill.len }, run->known);
	}
	if (a->answer == STORE_TAKEN) {
		s->tx.refused_count = 0; /* they are in, too */
		ingress_not_idle(s);
		if (run->refusals != NULL)
			refusals_tell(run->refusals, s->env, a->msg->id);
	} else {
		receive_log_refused(s,
		    a->answer == STORE_BAD ? a->err.text : "no space", NULL);
	}
	end_run(s);
}

/* On the store thread: must only post on. */
static void
on_stored(struct store_accept *a)
{
	struct merge_run *run = post_owner(a, struct merge_run, accept);

	a->post.fn = on_receipt;
	worker_post(run->worker, &a->post);
}

/* Who is told of a failure is queued as any recipient is. */
static uint32_t
places_of(const struct merge_run *run)
{
	return (uint32_t)(run->rcpt_total + run->notice_count);
}

/* The first message has all others with it. */
static void
make_accept(struct merge_run *run)
{
	struct ingress_session *s = run->s;
	struct store_accept *a = &run->accept;
	struct envelope env = read_envelope(run, &run->mails[0]);
	const struct made *first = &run->mails[0].made;
	size_t n = 0;

	*a = (struct store_accept){ .done = on_stored,
		.msg = first->msg,
		.waybill = { first->waybill.p, first->waybill.len },
		.rcpt_count = first->rcpt_count,
		.receipts = made_receipts(first),
		.places = places_of(run) };
	run->known = mem_array(run->rcpt_total, sizeof(bool));
	a->known = run->known;
	run->refusals = refusals_pack(s, &env, first->msg->body);
	if (run->refusals != NULL) {
		refusals_take_notices(run->refusals, run->notices,
		    run->notice_count);
		run->notices = NULL;
		run->notice_count = 0;
		refusals_join(run->refusals, a);
	}
	run->others = mem_array(run->mail_count + a->mail_count,
	    sizeof(*run->others));
	for (; n < a->mail_count; n++)
		run->others[n] = a->mails[n];
	for (size_t i = 1; i < run->mail_count; i++) {
		const struct made *m = &run->mails[i].made;

		run->others[n++] = (struct store_mail){ .msg = m->msg,
			.waybill = { m->waybill.p, m->waybill.len },
			.rcpt_count = m->rcpt_count,
			.receipts = made_receipts(m) };
	}
	a->mails = run->others;
	a->mail_count = n;
}

/* There are recipients, and of none can the address be read. */
static void
bounce(struct merge_run *run)
{
	struct ingress_session *s = run->s;
	struct notice *notices = run->notices;
	size_t count = run->notice_count;

	s->tx.copies = count;
	if (ingress_room(s, GATE_DATA, 0, NULL) != ROOM_NOW) {
		refuse(run, no_room, NULL);
		return;
	}
	run->notices = NULL;
	run->notice_count = 0;
	run_free(&s->merge_run);
	refusals_bounce_merge(s, notices, count);
	ingress_held(s, INGRESS_COMMIT);
}

static void
hand_over(struct merge_run *run)
{
	struct ingress_session *s = run->s;

	if (run->mail_count == 0) {
		bounce(run);
		return;
	}
	s->tx.copies = places_of(run) - s->tx.rcpt_count;
	make_accept(run);
	s->ticket.until_us = 0;
	/* Who merges is no host MTA: nobody waits for room. */
	if (ingress_room(s, GATE_DATA, 0, NULL) != ROOM_NOW) {
		refuse(run, no_room, NULL);
		return;
	}
	ingress_held(s, INGRESS_COMMIT);
	store_accept(s->env->store, &run->accept);
}

/* ---- turns --------------------------------------------------------------- */

static void on_turn(struct post *p);

static void
go_on(struct merge_run *run)
{
	run->turn.fn = on_turn;
	worker_post(run->worker, &run->turn);
}

static void
on_keys(void *arg)
{
	struct merge_run *run = arg;
	struct letter_work *w = run->letter;
	const char *trouble = NULL, *why;

	run->s->keys = NULL;
	run->letter = NULL;
	why = end_mail(run, w, &trouble);
	if (why != NULL)
		refuse(run, why, trouble);
	else
		go_on(run);
}

/* Makes one message; NULL: done, or waits for keys. */
static const char *
make_mail(struct merge_run *run, int64_t until_us, const char **trouble_r)
{
	struct ingress_session *s = run->s;
	struct dkim_answers *wants;
	struct letter_work *w;
	size_t count;
	const char *why;

	why = merge_groups_next(&run->groups, until_us, &count);
	if (why != NULL)
		return why;
	if (run->bytes + run->groups.now.text.len > INGRESS_SIZE_MAX)
		return MERGE_TOO_LARGE;
	enter(run, run->groups.next - count, count);
	w = receive_begin_letter(s, &run->source);
	wants = letter_wants(w);
	if (wants == NULL)
		return end_mail(run, w, trouble_r);
	run->letter = w;
	receive_ask_keys(s, wants, on_keys, run);
	return NULL;
}

/* Whoever sends to some whose addresses cannot be read is told; NULL, or why. */
static const char *
make_notice(struct merge_run *run, int64_t until_us)
{
	struct merge_groups *g = &run->unparsed;
	struct refusals_told told = { .rg = run->rg };
	struct notice notice;
	struct body *body;
	const char *why = merge_groups_next(g, until_us, &told.count);
	size_t first = g->next - told.count;

	if (why != NULL)
		return why;
	told.sender = merge_groups_sender(g, first);
	why = ingress_from_may(run->s, told.sender);
	if (why != NULL)
		return why;
	if (run->bytes + g->now.text.len > INGRESS_SIZE_MAX)
		return MERGE_TOO_LARGE;
	body = refusals_body(
	    (struct slice){ g->now.text.p == NULL ? "" : g->now.text.p,
		g->now.text.len },
	    run->rg);
	told.body = body;
	told.rcpts = g->rcpts + first;
	told.envid = merge_groups_envid(g, first);
	if (refusals_notice(run->s, &told, &notice)) {
		run->notices = mem_realloc(run->notices,
		    (run->notice_count + 1) * sizeof(*run->notices));
		run->notices[run->notice_count++] = notice;
		run->bytes += notice.msg->body->len + notice.msg->env_len +
		    notice.waybill.len;
	}
	body_unref(&body);
	return NULL;
}

static void
on_turn(struct post *p)
{
	struct merge_run *run = post_owner(p, struct merge_run, turn);
	struct ingress_session *s = run->s;
	int64_t until_us = clock_us() + TURN_US;
	const char *trouble = NULL, *why = NULL;

	if (s->state == INGRESS_CLOSED) {
		end_run(s);
		return;
	}
	while (why == NULL && merge_groups_left(&run->groups) &&
	    clock_us() < until_us) {
		why = make_mail(run, until_us, &trouble);
		if (run->letter != NULL)
			return;
	}
	while (why == NULL && !merge_groups_left(&run->groups) &&
	    merge_groups_left(&run->unparsed) && clock_us() < until_us)
		why = make_notice(run, until_us);
	if (why != NULL)
		refuse(run, why, trouble);
	else if (merge_groups_left(&run->groups) ||
	    merge_groups_left(&run->unparsed))
		go_on(run);
	else
		hand_over(run);
}

void
receive_merge_forget(struct ingress_session *s)
{
	struct merge_run *run = s->merge_run;

	if (run == NULL || run->letter == NULL)
		return;
	letter_free(&run->letter);
	leave(run);
	run_free(&s->merge_run);
}

enum ingress_state
receive_merge(struct ingress_session *s)
{
	const char *why = ingress_message_may(s);
	struct merge_run *run;

	if (why != NULL)
		return receive_refuse(s, why, NULL);
	run = mem_new(struct merge_run);
	run->s = s;
	run->worker = s->env->worker;
	run->rg = region_new();
	receive_source(s, NULL, &run->source);
	merge_groups_init(&run->groups, s, run->rg);
	merge_groups_init_unparsed(&run->unparsed, s, run->rg);
	s->merge_run = run;
	go_on(run);
	return INGRESS_MERGE;
}

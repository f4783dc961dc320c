/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a message: what policy decides of it, and the changes that follow.
 * Where ARC needs keys, DNS is asked in between.
 */
#include <string.h>

#include "lib/check.h"
#include "lib/log.h"
#include "mail/arc_seal.h"
#include "mail/canon.h"
#include "mail/dkim_answers.h"
#include "mail/envelope.h"
#include "mail/mark.h"
#include "milter/milter_edit.h"
#include "milter/milter_msg_priv.h"
#include "vmta/assign.h"
#include "vmta/sealing_run.h"

/* Will the transport get it, and believe our mark? */
static bool
goes_by_transport(const struct milter_msg *m)
{
	return m->conf->mark_key != NULL && m->queue_id[0] != '\0' &&
	    (m->rcpt_count > 0 || m->others == 0);
}

static void
decide(struct milter_msg *m)
{
	struct slice end = line_fold_end(&m->fold);
	struct policy_in in;

	canon_body_add(m->body, end.p, end.len);
	canon_body_finish(m->body);
	milter_msg_begin_arc(m); /* there may be no body */
	milter_msg_policy_in(m, &in);
	in.can_sign_later = goes_by_transport(m);
	in.sealed = sealing_run_seals(m->arc);
	policy_run(&in, m->rg, &m->out);
}

/* Nobody would take the mark off mail that never reaches the transport. */
static const char *
make_mark(const struct milter_msg *m)
{
	const struct policy_out *out = &m->out;
	struct mark mark = {
		.vmta = out->vmta,
		.dflt = out->dflt,
		.job = out->job,
		.user = m->auth_user,
		.later = out->sign_later ? out->later_text : NULL,
		.spans = out->spans,
		.sender = out->sender,
		.queue_id = m->queue_id,
		.priority = out->priority,
	};

	if (!goes_by_transport(m))
		return NULL;
	memcpy(mark.body_hash, canon_body_hash(m->body, CANON_SIMPLE),
	    sizeof(mark.body_hash));
	return mark_make(m->conf->mark_key, &mark, m->rg);
}

/* What is in the way of the changes that are wanted, or NULL. */
static const char *
apply(const struct milter_msg *m)
{
	const char *mark = make_mark(m);
	const struct policy_out *out = &m->out;
	struct milter_edit ed = {
		.talk = m->talk,
		.rg = m->rg,
		/* The transport reads it, and takes it away. */
		.leave = mark != NULL ? ENVID_HEADER : NULL,
	};

	if (strcmp(out->sender, m->sender) != 0) {
		if ((m->talk->actions & MILTER_CHANGES_SENDER) == 0)
			return "cannot change the envelope sender";
		milter_edit_sender(&ed, out->sender);
	}
	milter_edit_remove(&ed, &m->headers, out->remove);
	/* Each goes above those before it: the first of the list comes last. */
	for (size_t i = out->add_count; i-- > 0;)
		milter_edit_insert(&ed, out->add[i].name, out->add[i].value);
	if (mark != NULL)
		milter_edit_insert(&ed, MARK_HEADER, mark);
	return NULL;
}

static const char *
shown_id(const struct milter_msg *m)
{
	return m->queue_id[0] == '\0' ? NULL : m->queue_id;
}

static uint64_t
signatures(const struct milter_msg *m, const struct sealing_note *note)
{
	return m->out.add_count - (note->sealed ? ARC_PARTS : 0);
}

static void
log_message(const struct milter_msg *m, const struct sealing_note *note,
    const char *trouble)
{
	const struct policy_out *out = &m->out;
	struct log_line l;
	char client[NET_ADDR_TEXT];

	log_begin(&l, trouble != NULL ? LOG_L_ERROR : LOG_L_INFO, shown_id(m),
	    "milter");
	log_str(&l, "vmta", envelope_vmta_shown(out->vmta));
	if (out->job[0] != '\0')
		log_str(&l, "job", out->job);
	log_fmt(&l, "from", "<%s>", m->sender);
	if (strcmp(out->sender, m->sender) != 0)
		log_fmt(&l, "rewritten", "<%s>", out->sender);
	log_int(&l, "nrcpt", (int64_t)(m->rcpt_count + m->others));
	log_int(&l, "signatures", (int64_t)signatures(m, note));
	sealing_note_log(note, &l);
	if (out->sign_later)
		log_str(&l, "dkim", "later");
	log_str(&l, "client",
	    m->submitted ? "local" : net_addr_text(&m->client, client));
	if (m->auth_user[0] != '\0')
		log_str(&l, "user", m->auth_user);
	if (out->unknown_vmta[0] != '\0')
		log_str(&l, "unknown-vmta", out->unknown_vmta);
	if (out->dkim_note != NULL)
		log_str(&l, "dkim-note", out->dkim_note);
	if (out->from_note != NULL)
		log_str(&l, "from-note", out->from_note);
	if (trouble != NULL)
		log_str(&l, "trouble", trouble);
	log_end(&l);
}

static enum milter_answer
tempfail(struct milter_msg *m)
{
	count_add(&m->env->tempfailed, 1);
	return milter_msg_refuse(m,
	    "451 4.3.0 message cannot be prepared for delivery now, try again "
	    "later");
}

static enum milter_answer
refuse(struct milter_msg *m, const char *reply)
{
	struct log_line l;

	log_begin(&l, LOG_L_WARN, shown_id(m), "milter");
	log_fmt(&l, "from", "<%s>", m->sender);
	log_str(&l, "reply", reply);
	log_end(&l);
	return milter_msg_refuse(m, reply);
}

/* Policy has decided, and ARC is done or was not wanted. */
static enum milter_answer
finish(struct milter_msg *m, const struct sealing_note *note)
{
	const char *trouble = m->out.trouble;

	if (trouble == NULL)
		trouble = apply(m);
	log_message(m, note, trouble);
	if (trouble != NULL)
		return tempfail(m);
	count_add(&m->env->signatures, signatures(m, note));
	count_add(&m->env->seals, note->sealed ? 1 : 0);
	return MILTER_CONTINUE;
}

enum milter_answer
milter_msg_end(struct milter_msg *m)
{
	static const struct sealing_note none = { 0 };

	CHECK(m->conf != NULL);
	if (m->late != NULL)
		return milter_msg_refuse(m, m->late);
	count_add(&m->env->messages, 1);
	/* Absent at MAIL and at the first RCPT. */
	m->queue_id = region_strdup(m->rg, milter_macro(&m->talk->macros, "i"));
	if (m->header_len > HEADERS_MAX)
		return refuse(m, "552 5.3.4 header fields too large");
	decide(m);
	if (m->out.fault != SENDER_FINE)
		return milter_msg_deny(m, m->out.fault);
	if (m->out.refused != NULL)
		return refuse(m, REGION_JOIN(m->rg, "550 ", m->out.refused));
	if (m->arc == NULL)
		return finish(m, &none);
	m->answers = dkim_answers_new();
	sealing_run_names(m->arc, m->answers);
	if (dkim_answers_count(m->answers) > 0)
		return MILTER_LATER;
	return milter_msg_answered(m);
}

struct dkim_answers *
milter_msg_wanted(struct milter_msg *m)
{
	return m->answers;
}

enum milter_answer
milter_msg_answered(struct milter_msg *m)
{
	struct sealing_note note;

	sealing_run_end(m->arc,
	    &(struct sealing_run_end){ .answers = m->answers,
		.headers = &m->headers,
		.body = m->body },
	    &m->out, &note);
	return finish(m, &note);
}

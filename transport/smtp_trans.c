/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The running transaction of an SMTP session: who was accepted, who refused
 * and by which reply, and what all others share in the end.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "transport/smtp_session_priv.h"

struct outcome
smtp_outcome(const struct smtp_session *s, enum outcome_kind kind,
    enum outcome_phase phase, const char *text)
{
	return (struct outcome){
		.kind = kind,
		.phase = phase,
		.text = text,
		.mx = s->host,
		.peer = s->peer,
		.source = s->source,
		.esmtp = s->ehlo.keywords,
		.tls = s->tls_text,
		.trusted = s->tls_verified,
		.knows_dsn = (s->ehlo.flags & EHLO_DSN) != 0,
		.pix = s->pix,
		.wall_us = clock_wall_us(),
	};
}

struct outcome
smtp_outcome_reply(const struct smtp_session *s, const struct smtp_reply *r,
    struct region *rg)
{
	char text[REPLY_TEXT_MAX + 1];
	size_t len = smtp_reply_text(r, text, sizeof(text));
	struct outcome o = smtp_outcome(s, OUTCOME_REPLY,
	    smtp_steps[s->state].phase, region_strndup(rg, text, len));

	o.code = r->code;
	memcpy(o.dsn, r->dsn, sizeof(o.dsn));
	return o;
}

struct outcome
smtp_outcome_local(const struct smtp_session *s, enum outcome_phase phase,
    int code, const uint8_t dsn[3], const char *text)
{
	struct outcome o = smtp_outcome(s, OUTCOME_REPLY, phase, text);

	o.code = code;
	o.ours = true;
	memcpy(o.dsn, dsn, sizeof(o.dsn));
	return o;
}

bool
smtp_address_is_safe(const char *addr)
{
	bool quoted = false;

	for (; *addr != '\0'; addr++) {
		unsigned char c = (unsigned char)*addr;

		if (c < ' ' || c == 0x7f)
			return false;
		if (c == '\\' && quoted && (unsigned char)addr[1] >= ' ')
			addr++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '<' || c == '>' || c == ' '))
			return false;
	}
	return !quoted;
}

uint32_t
smtp_transaction_size(const struct smtp_transaction *t)
{
	return (uint32_t)t->prefix.len + t->body->len - (uint32_t)t->skip;
}

static void
grow(struct smtp_trans *tr, size_t count)
{
	if (count <= tr->cap)
		return;
	tr->outcomes = mem_realloc(tr->outcomes, count * sizeof(*tr->outcomes));
	tr->fates = mem_realloc(tr->fates, count * sizeof(*tr->fates));
	tr->written = mem_realloc(tr->written, count * sizeof(*tr->written));
	tr->accepted = mem_realloc(tr->accepted, count * sizeof(*tr->accepted));
	tr->cap = count;
}

void
smtp_trans_begin(struct smtp_session *s)
{
	struct smtp_trans *tr = &s->trans;

	CHECK(tr->t == NULL && s->next != NULL && s->next->count > 0);
	CHECK(s->next->count < SIZE_MAX / sizeof(*tr->outcomes));
	tr->t = s->next;
	s->next = NULL;
	region_reset(tr->rg);
	grow(tr, tr->t->count);
	memset(tr->written, 0, tr->t->count * sizeof(*tr->written));
	for (size_t i = 0; i < tr->t->count; i++)
		tr->fates[i] = RCPT_OPEN;
	tr->accepted_count = 0;
	tr->refused_count = 0;
	tr->mail_ok = false;
	tr->mail_refused = false;
	tr->told_written = false;
	tr->has_verdict = false;
	smtp_pipe_reset(&s->pipe);
	smtp_body_start(s);
}

void
smtp_trans_accept(struct smtp_session *s, size_t i)
{
	struct smtp_trans *tr = &s->trans;

	CHECK(tr->t != NULL && tr->fates[i] == RCPT_OPEN);
	tr->fates[i] = RCPT_ACCEPTED;
	tr->accepted[tr->accepted_count++] = (uint32_t)i;
}

void
smtp_trans_refuse(struct smtp_session *s, size_t i, const struct outcome *o)
{
	struct smtp_trans *tr = &s->trans;

	CHECK(tr->t != NULL && tr->fates[i] == RCPT_OPEN);
	tr->fates[i] = RCPT_REFUSED;
	tr->outcomes[i] = *o;
	tr->refused_count++;
}

void
smtp_trans_verdict(struct smtp_session *s, const struct outcome *o)
{
	CHECK(s->trans.t != NULL);
	if (s->trans.has_verdict)
		return;
	s->trans.has_verdict = true;
	s->trans.verdict = *o;
	s->trans.verdict.size = (uint32_t)s->body.pos;
}

void
smtp_trans_finish(struct smtp_session *s)
{
	struct smtp_trans *tr = &s->trans;
	size_t count = tr->t->count;

	CHECK(tr->has_verdict || tr->refused_count == count);
	smtp_body_end(s);
	for (size_t i = 0; i < count; i++)
		if (tr->fates[i] != RCPT_REFUSED)
			tr->outcomes[i] = tr->verdict;
	tr->t = NULL; /* before the call: it may bring the next */
	s->owner->result(s->ctx, tr->outcomes, tr->written, count);
}

void
smtp_trans_fini(struct smtp_trans *tr)
{
	CHECK(tr->t == NULL);
	region_free(&tr->rg);
	free(tr->outcomes);
	free(tr->fates);
	free(tr->written);
	free(tr->accepted);
}

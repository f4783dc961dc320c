/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/smtp_pipe.h"

#include <string.h>

#include "lib/check.h"
#include "mail/envelope.h"
#include "transport/smtp_session_priv.h"

void
smtp_pipe_reset(struct smtp_pipe *p)
{
	p->head = 0;
	p->count = 0;
	p->rcpts = 0;
	p->bytes = 0;
	p->cursor = 0;
}

struct smtp_cmd
smtp_pipe_pop(struct smtp_pipe *p)
{
	struct smtp_cmd cmd = p->ring[p->head];

	CHECK(p->count > 0 && p->bytes >= cmd.len);
	p->head = (p->head + 1) % SMTP_PIPE_CMDS;
	p->count--;
	p->rcpts -= cmd.kind == SMTP_CMD_RCPT;
	p->bytes -= cmd.len;
	return cmd;
}

static void
push(struct smtp_pipe *p, enum smtp_cmd_kind kind, uint32_t rcpt, size_t len)
{
	CHECK(p->count < SMTP_PIPE_CMDS);
	p->ring[(p->head + p->count) % SMTP_PIPE_CMDS] =
	    (struct smtp_cmd){ kind, rcpt, (uint32_t)len };
	p->count++;
	p->rcpts += kind == SMTP_CMD_RCPT;
	p->bytes += len;
}

/* ---- the text of commands ------------------------------------------------ */

static bool
is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F');
}

/*
 * xtext, RFC 3461 section 4.  What came in as xtext is kept as it came, so a
 * "+" that is already the start of "+2B" is not encoded again.
 */
static void
add_xtext(struct buf *out, const char *s)
{
	static const char hex[] = "0123456789ABCDEF";

	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;
		bool plain = c > ' ' && c < 0x7f && c != '=' && c != '+';

		if (c == '+' && is_hex(s[1]) && is_hex(s[2]))
			plain = true;
		if (plain) {
			buf_byte(out, *s);
			continue;
		}
		buf_byte(out, '+');
		buf_byte(out, hex[c >> 4]);
		buf_byte(out, hex[c & 15]);
	}
}

static void
add_mail(struct smtp_session *s)
{
	const struct smtp_transaction *t = s->trans.t;
	unsigned can = s->ehlo.flags;
	struct buf *out = &s->out;

	buf_str(out, "MAIL FROM:<");
	buf_str(out, t->sender);
	buf_byte(out, '>');
	if ((can & EHLO_SIZE) != 0)
		buf_printf(out, " SIZE=%u", smtp_transaction_size(t));
	/* Not offered: sent as it is; to convert it would break signatures. */
	if ((t->flags & ENVELOPE_8BIT) != 0 && (can & EHLO_8BITMIME) != 0)
		buf_str(out, " BODY=8BITMIME");
	if ((t->flags & ENVELOPE_UTF8) != 0)
		buf_str(out, " SMTPUTF8");
	if ((can & EHLO_DSN) != 0) {
		if (t->ret != RET_NONE)
			buf_str(out,
			    t->ret == RET_FULL ? " RET=FULL" : " RET=HDRS");
		if (t->envid[0] != '\0') {
			buf_str(out, " ENVID=");
			add_xtext(out, t->envid);
		}
	}
	buf_str(out, "\r\n");
}

static void
add_notify(struct buf *out, uint8_t notify)
{
	static const struct {
		uint8_t bit;
		const char *word;
	} words[] = {
		{ NOTIFY_SUCCESS, "SUCCESS" },
		{ NOTIFY_FAILURE, "FAILURE" },
		{ NOTIFY_DELAY, "DELAY" },
	};
	const char *before = " NOTIFY=";

	if ((notify & NOTIFY_NEVER) != 0) {
		buf_str(out, " NOTIFY=NEVER");
		return;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if ((notify & words[i].bit) == 0)
			continue;
		buf_str(out, before);
		buf_str(out, words[i].word);
		before = ",";
	}
}

static void
add_rcpt(struct smtp_session *s, const struct smtp_rcpt *rcpt)
{
	struct buf *out = &s->out;

	buf_str(out, "RCPT TO:<");
	buf_str(out, rcpt->addr);
	buf_byte(out, '>');
	if ((s->ehlo.flags & EHLO_DSN) != 0) {
		add_notify(out, rcpt->notify);
		if (rcpt->orcpt[0] != '\0') {
			/* The address type and its ";" are not encoded. */
			buf_str(out, " ORCPT=");
			add_xtext(out, rcpt->orcpt);
		}
	}
	buf_str(out, "\r\n");
}

/* ---- what goes out when -------------------------------------------------- */

/* Pipelined, beside what is under way already? */
static bool
has_room(const struct smtp_session *s)
{
	const struct smtp_pipe *p = &s->pipe;

	if (p->count == 0)
		return true;
	return (s->ehlo.flags & EHLO_PIPELINING) != 0 &&
	    p->count < SMTP_PIPE_CMDS && p->bytes < SMTP_PIPE_BYTES;
}

static void
send_rcpt(struct smtp_session *s, size_t i)
{
	const struct smtp_rcpt *rcpt = &s->trans.t->rcpts[i];
	size_t before = s->out.len;

	if (!smtp_address_is_safe(rcpt->addr)) {
		struct outcome o = smtp_outcome_local(s, PHASE_RCPT, 553,
		    (const uint8_t[3]){ 5, 1, 3 },
		    "553 5.1.3 address with a control byte or a bracket");

		smtp_trans_refuse(s, i, &o);
		return;
	}
	add_rcpt(s, rcpt);
	push(&s->pipe, SMTP_CMD_RCPT, (uint32_t)i, s->out.len - before);
	s->trans.written[i] = true;
}

/*
 * No more recipients are asked for at once than may still be refused, so that
 * the number of errors is kept whatever the answers are.
 */
static bool
may_ask(const struct smtp_session *s)
{
	uint32_t max = s->conf->max_errors_per_conn;

	return max == 0 || s->errors + s->pipe.rcpts < max;
}

/* The connection has had all its errors: the others go over another one. */
static void
leave_rest(struct smtp_session *s)
{
	struct smtp_trans *tr = &s->trans;
	struct outcome o = smtp_outcome(s, OUTCOME_UNSENT, PHASE_MAIL,
	    "max-errors-per-connection is reached");

	for (size_t i = s->pipe.cursor - 1; i < tr->t->count; i++)
		smtp_trans_refuse(s, i, &o);
	s->pipe.cursor = tr->t->count + 1;
	/* Not all were: what was written is told with the outcomes. */
	tr->told_written = true;
}

void
smtp_pipe_fill(struct smtp_session *s)
{
	struct smtp_pipe *p = &s->pipe;
	struct smtp_trans *tr = &s->trans;
	size_t count = tr->t->count;

	/* Half empty before it is filled: many commands in one write. */
	if (p->count > SMTP_PIPE_CMDS / 2 || p->bytes > SMTP_PIPE_BYTES / 2)
		return;
	while (p->cursor <= count + 1 && has_room(s) && !tr->mail_refused) {
		size_t before = s->out.len;

		if (p->cursor == 0) {
			add_mail(s);
			push(p, SMTP_CMD_MAIL, 0, s->out.len - before);
		} else if (p->cursor <= count && may_ask(s)) {
			send_rcpt(s, p->cursor - 1);
		} else if (p->cursor <= count) {
			if (p->rcpts > 0)
				return; /* their answers decide */
			leave_rest(s);
			continue;
		} else {
			/* Nobody to send it to: no DATA. */
			if (tr->refused_count == count)
				return;
			buf_str(&s->out, "DATA\r\n");
			push(p, SMTP_CMD_DATA, 0, s->out.len - before);
		}
		p->cursor++;
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/alert_mail.h"

#include <inttypes.h>
#include <string.h>

#include "lib/clock.h"
#include "mail/dsn_text.h"
#include "mail/envelope.h"
#include "mail/waybill.h"
#include "vmta/snapshot.h"

enum {
	ADDR_SHOWN = 250,
	SUBJECT_SHOWN = 700,
	TEXT_SHOWN = 1200,
	DATE_TEXT = 64,
	PRIORITY = 50,
	QUIET_MIN = (int)(ALERT_QUIET_US / (60 * US_PER_S))
};

static void
write_head(const struct alert_mail *m, struct region *rg, struct buf *out)
{
	const struct conf_strs *to = m->of->to;
	char date[DATE_TEXT];

	(void)clock_rfc5322(date, sizeof(date), m->now_us);
	buf_printf(out,
	    "Date: %s\r\nFrom: Mailrace <MAILER-DAEMON@%s>\r\nTo:", date,
	    m->host);
	for (size_t i = 0; i < to->n; i++)
		buf_printf(out, "%s<%s>", i == 0 ? " " : ",\r\n\t",
		    dsn_text_safe(to->v[i], ADDR_SHOWN, true, rg));
	buf_str(out, "\r\nSubject: ");
	dsn_text_wrap(out,
	    dsn_text_safe(m->of->subject, SUBJECT_SHOWN, false, rg),
	    sizeof("Subject: ") - 1, "\t");
	buf_printf(out,
	    "\r\nMessage-ID: <%" PRIx64 ".%" PRIx64 ".alert@%s>\r\n",
	    (uint64_t)m->now_us, m->number, m->host);
	/* RFC 3834: so that nobody's holiday answers it. */
	buf_str(out,
	    "Auto-Submitted: auto-generated\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: 8bit\r\n\r\n");
}

static void
add_line(struct buf *out, const char *text, struct region *rg)
{
	dsn_text_wrap(out, dsn_text_safe(text, TEXT_SHOWN, true, rg), 0, "");
	buf_str(out, "\r\n");
}

static void
write_text(const struct alert_mail *m, struct region *rg, struct buf *out)
{
	char date[DATE_TEXT];

	(void)clock_rfc5322(date, sizeof(date), m->now_us);
	buf_printf(out, "This is Mailrace at %s, %s.\r\n\r\n", m->host, date);
	if (m->more > 0)
		add_line(out,
		    region_printf(rg,
			"It came %" PRIu64 " more time%s in the last %d "
			"minutes.  This is the last of it:",
			m->more, m->more == 1 ? "" : "s", QUIET_MIN),
		    rg);
	add_line(out, m->of->subject, rg);
	if (m->of->text[0] != '\0')
		add_line(out, m->of->text, rg);
	buf_printf(out,
	    "\r\nMore of the same within %d minutes comes as a number.\r\n",
	    QUIET_MIN);
}

/* What it needs on its way. */
static uint8_t
flags_of(const struct alert_of *of, const struct buf *text)
{
	uint8_t flags = 0;

	if (!dsn_text_is_ascii((struct slice){ text->p, text->len }))
		flags |= ENVELOPE_8BIT;
	for (size_t i = 0; i < of->to->n; i++)
		if (!dsn_text_is_ascii(slice_of(of->to->v[i])))
			flags |= ENVELOPE_UTF8;
	return flags;
}

static struct env_rcpt *
recipients(const struct conf_strs *to, struct region *rg)
{
	struct env_rcpt *list = region_array(rg, to->n, sizeof(*list));

	for (size_t i = 0; i < to->n; i++)
		list[i] = (struct env_rcpt){ .addr = to->v[i],
			.domain = SNAPSHOT_DSN_DOMAIN,
			.vmta = "",
			.pool = "",
			.orcpt = "",
			.notify = NOTIFY_NEVER,
			.priority = PRIORITY };
	return list;
}

struct message *
alert_mail_make(const struct alert_mail *m, struct region *rg, struct buf *bill)
{
	struct envelope env = envelope_blank;
	struct buf text = { 0 }, packed = { 0 };
	struct message *msg;

	write_head(m, rg, &text);
	write_text(m, rg, &text);
	env.arrival_us = m->now_us;
	env.flags = flags_of(m->of, &text);
	env.rcpt_count = (uint32_t)m->of->to->n;
	env.rcpts = recipients(m->of->to, rg);
	envelope_pack(&env, &packed);
	waybill_pack(&env, bill);
	msg = message_new(packed.p, (uint32_t)packed.len);
	msg->body = body_new((uint32_t)text.len);
	memcpy(msg->body->bytes, text.p, text.len);
	buf_fini(&packed);
	buf_fini(&text);
	return msg;
}

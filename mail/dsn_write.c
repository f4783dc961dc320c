/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/dsn_write.h"

#include <string.h>
#include <strings.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "mail/dsn_text.h"
#include "mail/envelope.h"
#include "mail/xtext.h"

enum {
	DATE_TEXT = 64,
	NAME_MAX_SHOWN = 255,
	WHY_MAX_SHOWN = 510,
	ADDR_MAX_SHOWN = 600,
	DIAG_MAX_SHOWN = 2000,
	TYPE_MAX = 64 /* of an address type; "rfc822", "utf-8", "x400" */
};

/* The notification while it is written. */
struct writer {
	const struct dsn *d;
	struct region *rg;
	struct buf *out;
	struct slice back; /* what of the original is given back */
	bool full;         /* that is all of it */
	bool utf8;         /* RFC 6533: parts with UTF-8 in them */
};

static const struct {
	const char *word, *subject, *one, *many;
} forms[] = {
	[DSN_FAILED] = { "failed", "Failure",
	    "Your message could not be delivered to the recipient named "
	    "below, and it will not be tried again.",
	    "Your message could not be delivered to the recipients named "
	    "below, and it will not be tried again." },
	[DSN_RELAYED] = { "relayed", "Relay",
	    "Your message was handed on to a mail server that does not "
	    "confirm delivery. This is the last you will hear of it unless "
	    "it fails there.",
	    "For the recipients named below your message was handed on to "
	    "mail servers that do not confirm delivery. This is the last you "
	    "will hear of it unless it fails there." },
	[DSN_DELAYED] = { "delayed", "Delay",
	    "Your message has not been delivered yet to the recipient named "
	    "below. It is still being tried; you need not send it again.",
	    "Your message has not been delivered yet to the recipients named "
	    "below. It is still being tried; you need not send it again." },
};

/* ---- what of the original ------------------------------------------------ */

/* Up to the empty line. */
static struct slice
header_of(struct slice text)
{
	const char *end = text.len == 0 ?
	    NULL :
	    memmem(text.p, text.len, "\r\n\r\n", 4);

	if (text.len >= 2 && memcmp(text.p, "\r\n", 2) == 0)
		text.len = 0;
	else if (end != NULL)
		text.len = (size_t)(end - text.p) + 2;
	if (text.len <= DSN_HEADER_MAX)
		return text;
	text.len = DSN_HEADER_MAX;
	while (text.len > 0 && text.p[text.len - 1] != '\n')
		text.len--;
	return text;
}

static void
choose(struct writer *w)
{
	const struct dsn *d = w->d;
	bool plain = dsn_text_is_ascii(slice_of(d->to));

	w->full = d->full && d->action == DSN_FAILED && d->text.len > 0 &&
	    d->text.len <= DSN_FULL_MAX;
	w->back = w->full ? d->text : header_of(d->text);
	for (size_t i = 0; i < d->rcpt_count; i++)
		plain = plain && dsn_text_is_ascii(slice_of(d->rcpts[i].addr));
	w->utf8 = !plain || (d->utf8 && !dsn_text_is_ascii(w->back));
}

static bool
needs_8bit(const struct writer *w)
{
	return w->utf8 || !dsn_text_is_ascii(w->back);
}

/* ---- pieces -------------------------------------------------------------- */

static const char *
safe(const struct writer *w, const char *s, size_t max)
{
	return dsn_text_safe(s, max, w->utf8, w->rg);
}

static void
add_date(const struct writer *w, const char *field, int64_t wall_us)
{
	char date[DATE_TEXT];

	(void)clock_rfc5322(date, sizeof(date), wall_us);
	buf_printf(w->out, "%s: %s\r\n", field, date);
}

/* A field whose body is wrapped. */
static void
add_field(const struct writer *w, const char *name, const char *body)
{
	buf_printf(w->out, "%s: ", name);
	dsn_text_wrap(w->out, body, strlen(name) + 2, " ");
	buf_str(w->out, "\r\n");
}

/* A paragraph for people. */
static void
add_words(const struct writer *w, const char *text, const char *indent)
{
	buf_str(w->out, indent);
	dsn_text_wrap(w->out, text, strlen(indent), indent);
	buf_str(w->out, "\r\n");
}

static void
begin_part(const struct writer *w, const char *type, bool eight)
{
	buf_printf(w->out, "\r\n--%s\r\nContent-Type: %s\r\n", w->d->boundary,
	    type);
	if (eight)
		buf_str(w->out, "Content-Transfer-Encoding: 8bit\r\n");
	buf_str(w->out, "\r\n");
}

/* ---- the parts ----------------------------------------------------------- */

static void
write_head(const struct writer *w)
{
	const struct dsn *d = w->d;

	add_date(w, "Date", d->now_us);
	buf_printf(w->out, "From: Mail Delivery System <MAILER-DAEMON@%s>\r\n",
	    d->host);
	buf_printf(w->out, "To: <%s>\r\n", safe(w, d->to, ADDR_MAX_SHOWN));
	buf_printf(w->out, "Subject: Delivery Status Notification (%s)\r\n",
	    forms[d->action].subject);
	buf_printf(w->out, "Message-ID: <%s>\r\n", d->message_id);
	buf_str(w->out,
	    "Auto-Submitted: auto-replied\r\n"
	    "MIME-Version: 1.0\r\n");
	buf_printf(w->out,
	    "Content-Type: multipart/report; report-type=%s;\r\n"
	    "\tboundary=\"%s\"\r\n",
	    w->utf8 ? "global-delivery-status" : "delivery-status",
	    d->boundary);
	if (needs_8bit(w))
		buf_str(w->out, "Content-Transfer-Encoding: 8bit\r\n");
	buf_str(w->out, "\r\nThis is a report in several parts (MIME).\r\n");
}

static void
write_rcpt_words(const struct writer *w, const struct dsn_rcpt *r)
{
	buf_printf(w->out, "\r\n<%s>\r\n", safe(w, r->addr, ADDR_MAX_SHOWN));
	add_words(w,
	    region_printf(w->rg, "%s%s", safe(w, r->why, WHY_MAX_SHOWN),
		r->diag[0] == '\0' ? "." : ":"),
	    "    ");
	if (r->diag[0] != '\0')
		add_words(w, safe(w, r->diag, DIAG_MAX_SHOWN), "    ");
}

static void
write_words(const struct writer *w)
{
	const struct dsn *d = w->d;
	char date[DATE_TEXT];

	begin_part(w,
	    w->utf8 ? "text/plain; charset=utf-8" :
		      "text/plain; charset=us-ascii",
	    w->utf8);
	buf_printf(w->out, "This is the mail system at %s.\r\n\r\n", d->host);
	add_words(w,
	    d->rcpt_count == 1 ? forms[d->action].one : forms[d->action].many,
	    "");
	for (size_t i = 0; i < d->rcpt_count; i++)
		write_rcpt_words(w, &d->rcpts[i]);
	(void)clock_rfc5322(date, sizeof(date), d->arrival_us);
	buf_printf(w->out, "\r\nThe message came in on %s", date);
	if (d->id[0] != '\0')
		buf_printf(w->out, "\r\nand is known here as %s", d->id);
	if (d->host_id[0] != '\0')
		buf_printf(w->out, ", before that as %s",
		    safe(w, d->host_id, NAME_MAX_SHOWN));
	buf_printf(w->out, ".\r\n%s",
	    w->back.len == 0 ? "" :
		w->full      ? "It is enclosed.\r\n" :
			       "Its header is enclosed.\r\n");
}

/* The name in "name (ip)", if it looks like one. */
static const char *
name_of_mta(const struct writer *w)
{
	const char *from = w->d->from_mta;
	size_t len = strcspn(from, " ");

	if (len == 0 || len > NAME_MAX_SHOWN ||
	    strspn(from,
		"abcdefghijklmnopqrstuvwxyz0123456789-.[]:_"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ") < len)
		return NULL;
	return region_strndup(w->rg, from, len);
}

static void
write_message_fields(const struct writer *w)
{
	const struct dsn *d = w->d;
	const char *envid = xtext_decode(slice_of(d->envid), w->rg);
	const char *from = name_of_mta(w);

	if (d->envid[0] != '\0')
		add_field(w, "Original-Envelope-Id",
		    safe(w, envid == NULL ? d->envid : envid, NAME_MAX_SHOWN));
	buf_printf(w->out, "Reporting-MTA: dns; %s\r\n", d->host);
	if (from != NULL)
		buf_printf(w->out, "Received-From-MTA: dns; %s\r\n", from);
	add_date(w, "Arrival-Date", d->arrival_us);
	if (d->id[0] != '\0')
		buf_printf(w->out, "X-Mailrace-Queue-ID: %s\r\n", d->id);
	if (d->host_id[0] != '\0')
		add_field(w, "X-Mailrace-Host-Queue-ID",
		    safe(w, d->host_id, NAME_MAX_SHOWN));
}

/* RFC 3461 section 4.2: address type, ";", the address as xtext. */
static void
write_original_rcpt(const struct writer *w, const char *orcpt)
{
	size_t type = strcspn(orcpt, ";");
	const char *addr;

	if (type == 0 || type > TYPE_MAX || orcpt[type] == '\0' ||
	    strspn(orcpt,
		"abcdefghijklmnopqrstuvwxyz0123456789-"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ") < type)
		return;
	addr = xtext_decode(slice_of(orcpt + type + 1), w->rg);
	if (addr == NULL)
		addr = orcpt + type + 1;
	addr = safe(w, addr, ADDR_MAX_SHOWN);
	if (addr[strspn(addr, " ")] == '\0')
		return;
	/* Postfix says rfc822 of every address. */
	if (type == 6 && strncasecmp(orcpt, "rfc822", 6) == 0 &&
	    !dsn_text_is_ascii(slice_of(addr))) {
		orcpt = "utf-8";
		type = 5;
	}
	buf_printf(w->out, "Original-Recipient: %.*s; %s\r\n", (int)type, orcpt,
	    addr);
}

static void
write_rcpt_fields(const struct writer *w, const struct dsn_rcpt *r)
{
	const struct dsn *d = w->d;
	bool ascii = dsn_text_is_ascii(slice_of(r->addr));

	buf_str(w->out, "\r\n");
	write_original_rcpt(w, r->orcpt);
	buf_printf(w->out, "Final-Recipient: %s; %s\r\n",
	    ascii ? "rfc822" : "utf-8", safe(w, r->addr, ADDR_MAX_SHOWN));
	buf_printf(w->out, "Action: %s\r\nStatus: %u.%u.%u\r\n",
	    forms[d->action].word, r->status[0], r->status[1], r->status[2]);
	if (r->mta[0] != '\0')
		add_field(w, "Remote-MTA",
		    region_printf(w->rg, "dns; %s",
			safe(w, r->mta, NAME_MAX_SHOWN)));
	if (r->diag[0] != '\0')
		add_field(w, "Diagnostic-Code",
		    region_printf(w->rg, "%s; %s",
			r->smtp ? "smtp" : "x-mailrace",
			safe(w, r->diag, DIAG_MAX_SHOWN)));
	if (r->tried_us != 0)
		add_date(w, "Last-Attempt-Date", r->tried_us);
	if (d->action == DSN_DELAYED && d->retry_until_us != 0)
		add_date(w, "Will-Retry-Until", d->retry_until_us);
}

static void
write_status(const struct writer *w)
{
	begin_part(w,
	    w->utf8 ? "message/global-delivery-status" :
		      "message/delivery-status",
	    w->utf8);
	write_message_fields(w);
	for (size_t i = 0; i < w->d->rcpt_count; i++)
		write_rcpt_fields(w, &w->d->rcpts[i]);
}

static void
write_original(const struct writer *w)
{
	static const char *const types[2][2] = {
		{ "text/rfc822-headers", "message/rfc822" },
		{ "message/global-headers", "message/global" },
	};

	if (w->back.len == 0)
		return;
	begin_part(w, types[w->utf8][w->full], !dsn_text_is_ascii(w->back));
	buf_add(w->out, w->back.p, w->back.len);
	if (w->back.p[w->back.len - 1] != '\n')
		buf_str(w->out, "\r\n");
}

const char *
dsn_action_word(enum dsn_action action)
{
	return forms[action].word;
}

uint8_t
dsn_write(const struct dsn *d, struct region *rg, struct buf *out)
{
	struct writer w = { .d = d, .rg = rg, .out = out };

	CHECK(d->rcpt_count > 0 && d->boundary[0] != '\0');
	choose(&w);
	write_head(&w);
	write_words(&w);
	write_status(&w);
	write_original(&w);
	buf_printf(out, "\r\n--%s--\r\n", d->boundary);
	return (uint8_t)((needs_8bit(&w) ? ENVELOPE_8BIT : 0) |
	    (w.utf8 ? ENVELOPE_UTF8 : 0));
}

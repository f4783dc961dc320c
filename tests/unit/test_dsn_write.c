/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A notification, byte for byte; which parts it has, by what was asked for;
 * and that nothing in it that others wrote can end a field, begin a part or
 * make a line too long.
 */
#include <string.h>

#include "lib/clock.h"
#include "mail/dsn_text.h"
#include "mail/dsn_write.h"
#include "mail/envelope.h"
#include "tests/tap.h"

#define NOON (INT64_C(1795262401) * US_PER_S)
#define BOUNDARY "=_b0undary"

static const struct dsn_rcpt refused = { .addr = "b@example.net",
	.orcpt = "",
	.status = { 5, 1, 1 },
	.why = "The server mx1.example.net [192.0.2.7] refused the recipient",
	.smtp = true,
	.diag = "550 5.1.1 <b@example.net>: Recipient address rejected: User "
		"unknown in virtual mailbox table",
	.mta = "mx1.example.net",
	.tried_us = NOON + US_PER_S };
static const struct dsn_rcpt expired = { .addr = "c@example.org",
	.orcpt = "rfc822;list+2Bc@alias.example",
	.status = { 5, 4, 7 },
	.why = "It could not be delivered in time",
	.diag = "",
	.mta = "" };

#define ORIGINAL \
	"Received: from x\r\n\tby y\r\nSubject: hello\r\n\r\nBody of it.\r\n"

static struct dsn
sample(const struct dsn_rcpt *rcpts, size_t count)
{
	return (struct dsn){ .action = DSN_FAILED,
		.host = "mta.example.com",
		.to = "a@sender.example",
		.boundary = BOUNDARY,
		.message_id = "1.2@mta.example.com",
		.now_us = NOON + 2 * US_PER_S,
		.arrival_us = NOON,
		.envid = "",
		.from_mta = "",
		.id = "0006A1B2C3D4E5F6",
		.host_id = "",
		.text = SLICE_LIT(ORIGINAL),
		.rcpt_count = count,
		.rcpts = rcpts };
}

/* The text, until the next call. */
static const char *
written(const struct dsn *d, uint8_t *flags_r)
{
	static struct buf out;
	struct region *rg = region_new();
	uint8_t flags;

	buf_clear(&out);
	flags = dsn_write(d, rg, &out);
	if (flags_r != NULL)
		*flags_r = flags;
	region_free(&rg);
	return buf_cstr(&out);
}

static size_t
count_of(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, what)) != NULL;
	     p += strlen(what))
		n++;
	return n;
}

/* ---- byte for byte ------------------------------------------------------- */

static const char golden[] =
    "Date: Sat, 21 Nov 2026 12:00:03 +0000\r\n"
    "From: Mail Delivery System <MAILER-DAEMON@mta.example.com>\r\n"
    "To: <a@sender.example>\r\n"
    "Subject: Delivery Status Notification (Failure)\r\n"
    "Message-ID: <1.2@mta.example.com>\r\n"
    "Auto-Submitted: auto-replied\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: multipart/report; report-type=delivery-status;\r\n"
    "\tboundary=\"=_b0undary\"\r\n"
    "\r\n"
    "This is a report in several parts (MIME).\r\n"
    "\r\n"
    "--=_b0undary\r\n"
    "Content-Type: text/plain; charset=us-ascii\r\n"
    "\r\n"
    "This is the mail system at mta.example.com.\r\n"
    "\r\n"
    "Your message could not be delivered to the recipients named below, and it\r\n"
    "will not be tried again.\r\n"
    "\r\n"
    "<b@example.net>\r\n"
    "    The server mx1.example.net [192.0.2.7] refused the recipient:\r\n"
    "    550 5.1.1 <b@example.net>: Recipient address rejected: User unknown in\r\n"
    "    virtual mailbox table\r\n"
    "\r\n"
    "<c@example.org>\r\n"
    "    It could not be delivered in time.\r\n"
    "\r\n"
    "The message came in on Sat, 21 Nov 2026 12:00:01 +0000\r\n"
    "and is known here as 0006A1B2C3D4E5F6, before that as 4XyZ.\r\n"
    "Its header is enclosed.\r\n"
    "\r\n"
    "--=_b0undary\r\n"
    "Content-Type: message/delivery-status\r\n"
    "\r\n"
    "Original-Envelope-Id: QQ+314\r\n"
    "Reporting-MTA: dns; mta.example.com\r\n"
    "Received-From-MTA: dns; host.example\r\n"
    "Arrival-Date: Sat, 21 Nov 2026 12:00:01 +0000\r\n"
    "X-Mailrace-Queue-ID: 0006A1B2C3D4E5F6\r\n"
    "X-Mailrace-Host-Queue-ID: 4XyZ\r\n"
    "\r\n"
    "Final-Recipient: rfc822; b@example.net\r\n"
    "Action: failed\r\n"
    "Status: 5.1.1\r\n"
    "Remote-MTA: dns; mx1.example.net\r\n"
    "Diagnostic-Code: smtp; 550 5.1.1 <b@example.net>: Recipient address\r\n"
    " rejected: User unknown in virtual mailbox table\r\n"
    "Last-Attempt-Date: Sat, 21 Nov 2026 12:00:02 +0000\r\n"
    "\r\n"
    "Original-Recipient: rfc822; list+c@alias.example\r\n"
    "Final-Recipient: rfc822; c@example.org\r\n"
    "Action: failed\r\n"
    "Status: 5.4.7\r\n"
    "\r\n"
    "--=_b0undary\r\n"
    "Content-Type: text/rfc822-headers\r\n"
    "\r\n"
    "Received: from x\r\n"
    "\tby y\r\n"
    "Subject: hello\r\n"
    "\r\n"
    "--=_b0undary--\r\n";

static void
test_golden(void)
{
	const struct dsn_rcpt rcpts[] = { refused, expired };
	struct dsn d = sample(rcpts, 2);
	uint8_t flags;

	d.envid = "QQ+2B314";
	d.from_mta = "host.example (127.0.0.1)";
	d.host_id = "4XyZ";
	is_str(written(&d, &flags), golden, "two recipients that failed");
	is_int(flags, 0, "nothing special is needed to carry it");
}

/* ---- which parts --------------------------------------------------------- */

static const struct {
	const char *label;
	enum dsn_action action;
	bool full, utf8;
	const char *addr, *text;
	uint8_t flags;
	const char *has[4];
	const char *lacks;
} forms[] = {
	{ "RET=FULL", DSN_FAILED, true, false, "b@example.net", ORIGINAL, 0,
	    { "Content-Type: message/rfc822\r\n\r\nReceived: from x",
		"\r\n\r\nBody of it.\r\n\r\n--" BOUNDARY "--",
		"It is enclosed." },
	    "text/rfc822-headers" },
	{ "never all of it when nothing failed", DSN_RELAYED, true, false,
	    "b@example.net", ORIGINAL, 0,
	    { "Content-Type: text/rfc822-headers\r\n", "Action: relayed\r\n",
		"(Relay)" },
	    "Body of it." },
	{ "a delay", DSN_DELAYED, false, false, "b@example.net", ORIGINAL, 0,
	    { "Action: delayed\r\n",
		"Will-Retry-Until: Sat, 21 Nov 2026 12:01:01 +0000\r\n",
		"need not send it" },
	    NULL },
	{ "an original that cannot be read", DSN_FAILED, true, false,
	    "b@example.net", "", 0, { "is known here" }, "enclosed" },
	{ "an original without a body", DSN_FAILED, false, false,
	    "b@example.net", "Subject: x\r\n", 0,
	    { "\r\n\r\nSubject: x\r\n\r\n--" BOUNDARY "--" }, NULL },
	{ "an original without a header", DSN_FAILED, false, false,
	    "b@example.net", "\r\nBody of it.\r\n", 0, { "is known here" },
	    "Body of it" },
	{ "bytes that are not ASCII in its header", DSN_FAILED, false, false,
	    "b@example.net", "Subject: caf\xe9\r\n\r\nx\r\n", ENVELOPE_8BIT,
	    { "boundary=\"" BOUNDARY
	      "\"\r\nContent-Transfer-Encoding: 8bit\r\n",
		"Content-Type: text/rfc822-headers\r\n"
		"Content-Transfer-Encoding: 8bit\r\n\r\nSubject: caf\xe9\r\n",
		"Content-Type: message/delivery-status\r\n\r\n",
		"charset=us-ascii\r\n\r\n" },
	    "global" },
	{ "an address that is not ASCII", DSN_FAILED, false, true,
	    "jos\xc3\xa9@example.net", ORIGINAL, ENVELOPE_8BIT | ENVELOPE_UTF8,
	    { "report-type=global-delivery-status",
		"Content-Type: message/global-delivery-status\r\n"
		"Content-Transfer-Encoding: 8bit\r\n",
		"Original-Recipient: utf-8; o-\xc3\xb6@example.net\r\n"
		"Final-Recipient: utf-8; jos\xc3\xa9@example.net\r\n",
		"Content-Type: message/global-headers\r\n\r\n" },
	    "??" },
	{ "all of a message with an address that is not ASCII", DSN_FAILED,
	    true, true, "jos\xc3\xa9@example.net", ORIGINAL,
	    ENVELOPE_8BIT | ENVELOPE_UTF8,
	    { "Content-Type: message/global\r\n\r\nReceived: " }, "??" },
	{ "SMTPUTF8 that was not needed", DSN_FAILED, false, true,
	    "b@example.net", ORIGINAL, 0,
	    { "Content-Type: message/delivery-status\r\n" }, "8bit" },
};

static void
test_forms(void)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct dsn_rcpt r = refused;
		struct dsn d = sample(&r, 1);
		const char *text;
		uint8_t flags;
		bool good = true;

		r.addr = forms[i].addr;
		r.orcpt = forms[i].utf8 ? "rfc822;o-\xc3\xb6@example.net" : "";
		d.action = forms[i].action;
		d.full = forms[i].full;
		d.utf8 = forms[i].utf8;
		d.retry_until_us = NOON + 60 * US_PER_S;
		d.text = slice_of(forms[i].text);
		text = written(&d, &flags);
		for (size_t k = 0; k < 4 && forms[i].has[k] != NULL; k++)
			good = good && strstr(text, forms[i].has[k]) != NULL;
		if (forms[i].lacks != NULL)
			good = good && strstr(text, forms[i].lacks) == NULL;
		ok(good && flags == forms[i].flags, "%s", forms[i].label);
	}
}

/* ---- originals that are too large ---------------------------------------- */

static void
test_sizes(void)
{
	static char big[2 * DSN_FULL_MAX];
	struct dsn d = sample(&refused, 1);
	const char *text, *end;

	memset(big, 'x', sizeof(big));
	for (size_t i = 0; i + 100 < sizeof(big); i += 100)
		memcpy(big + i, "X-Field: ", 9),
		    memcpy(big + i + 98, "\r\n", 2);
	d.full = true;
	d.text = (struct slice){ big, DSN_FULL_MAX };
	ok(strstr(written(&d, NULL), "message/rfc822") != NULL,
	    "all of an original that is just small enough");
	d.text = (struct slice){ big, DSN_FULL_MAX + 1 };
	text = written(&d, NULL);
	ok(strstr(text, "text/rfc822-headers") != NULL,
	    "the header of a larger one");
	is_int((int64_t)count_of(text, "X-Field: "), DSN_HEADER_MAX / 100,
	    "and of that what fits");
	end = strstr(text, "\r\n\r\n--" BOUNDARY "--\r\n");
	ok(end != NULL && end[-1] == 'x', "in whole lines");
}

/* ---- what others wrote --------------------------------------------------- */

static const char *const hostile[] = {
	"550 x\r\nAction: delivered\r\nStatus: 2.0.0",
	("550 x\r\n\r\n--" BOUNDARY "\r\nContent-Type: text/html\r\n\r\n<b>"),
	("\r\n\r\n--" BOUNDARY "--\r\n"),
	"\n\nFinal-Recipient: rfc822; victim@example.com",
	"\r \r\n.\r\nMAIL FROM:<>",
	"a\x01\x02\x1b[2J\x7f z",
	"\xff\xfe\xc3(\xe2\x82",
	"rfc822;x+0D+0AAction: delivered",
	("x+0D+0A+0D+0A--" BOUNDARY),
	"   ",
	"\t",
	";",
	"bad type;x@example.com",
};

/* Is all of it well-formed lines, with no more fields than ours? */
static bool
is_sound(const char *text, bool utf8)
{
	size_t column = 0;

	for (const char *p = text; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;

		if (c == '\r' && p[1] == '\n') {
			column = 0;
			p++;
			continue;
		}
		if ((c < ' ' && c != '\t') || c == 0x7f || ++column > 998 ||
		    (c >= 0x80 && !utf8))
			return false;
	}
	return count_of(text, "\nAction: ") == 1 &&
	    count_of(text, "\nFinal-Recipient: ") == 1 &&
	    count_of(text, "\nStatus: ") == 1 &&
	    count_of(text, "\n--" BOUNDARY "\r\n") == 3 &&
	    count_of(text, "\n--" BOUNDARY "--\r\n") == 1;
}

/* The same text in every place that others can fill. */
static void
put_everywhere(struct dsn *d, struct dsn_rcpt *r, const char *text)
{
	r->addr = r->orcpt = r->why = r->diag = r->mta = text;
	d->to = d->envid = d->from_mta = d->host_id = text;
	d->rcpts = r;
}

static void
test_hostile(void)
{
	static char longest[5000];
	struct dsn_rcpt r = refused;
	struct dsn d = sample(&r, 1);

	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		put_everywhere(&d, &r, hostile[i]);
		ok(is_sound(written(&d, NULL), false), "hostile text %zu", i);
	}
	memset(longest, 'w', sizeof(longest) - 1);
	put_everywhere(&d, &r, longest);
	ok(is_sound(written(&d, NULL), false), "a word without end");
	for (size_t i = 0; i + 2 < sizeof(longest); i += 2)
		memcpy(longest + i, "\xc3\xa9", 2);
	longest[sizeof(longest) - 2] = '\0';
	put_everywhere(&d, &r, longest);
	ok(is_sound(written(&d, NULL), true), "and one of characters");
	ok(strstr(written(&d, NULL), "\xa9\r\n \xc3") != NULL,
	    "none of which is broken");
	r.diag = "550 \xc2\x85Status: 2.0.0\xc2\x9b";
	ok(strstr(written(&d, NULL), "\xc2\x85") == NULL,
	    "control characters of Unicode are taken out too");
}

/* ---- as the operator wants it --------------------------------------------- */

static const char plain[] =
    "Date: Sat, 21 Nov 2026 12:00:03 +0000\r\n"
    "From: Mail Delivery System <MAILER-DAEMON@mta.example.com>\r\n"
    "To: <a@sender.example>\r\n"
    "Subject: Delivery Status Notification (Failure)\r\n"
    "Message-ID: <1.2@mta.example.com>\r\n"
    "Auto-Submitted: auto-replied\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=us-ascii\r\n"
    "\r\n"
    "Reporting-MTA: dns; mta.example.com\r\n"
    "Arrival-Date: Sat, 21 Nov 2026 12:00:01 +0000\r\n"
    "X-Mailrace-Queue-ID: 0006A1B2C3D4E5F6\r\n"
    "\r\n"
    "Final-Recipient: rfc822; b@example.net\r\n"
    "Action: failed\r\n"
    "Status: 5.1.1\r\n"
    "Remote-MTA: dns; mx1.example.net\r\n"
    "Diagnostic-Code: smtp; 550 5.1.1 <b@example.net>: Recipient "
    "address\r\n"
    " rejected: User unknown in virtual mailbox table\r\n"
    "Last-Attempt-Date: Sat, 21 Nov 2026 12:00:02 +0000\r\n";

static void
test_plain(void)
{
	struct dsn_rcpt r = refused;
	struct dsn d = sample(&r, 1);
	uint8_t flags;

	d.plain = true;
	d.text = SLICE_LIT("Subject: \xc3\xa9\r\n\r\n");
	is_str(written(&d, &flags), plain, "as plain text");
	is_int(flags, 0, "whatever the original has");
	r.addr = "j\xc3\xa9@example.net";
	ok(strstr(written(&d, &flags),
	       "Content-Type: text/plain; charset=utf-8\r\n"
	       "Content-Transfer-Encoding: 8bit\r\n\r\nReporting-MTA") !=
		    NULL &&
		flags == (ENVELOPE_8BIT | ENVELOPE_UTF8),
	    "an address beyond ASCII in it");
}

/* A template of each variable, with a line of its own. */
static void
read_template(const char *text, struct region *rg, struct dsn_template *t)
{
	struct err e;
	unsigned line;

	ok(dsn_template_parse(slice_of(text), rg, t, &line, &e) == 0,
	    "a template");
}

static void
test_templates(void)
{
	static const char body[] =
	    "\xc3\x84rger\n{hostname}|{originator}|{recipient}|{subject}\n"
	    "{retryAfter}|{bounceAfter}|{date}|{timeQueued}\n{response}\n";
	const struct dsn_rcpt both[] = { refused, expired };
	struct region *rg = region_new();
	struct dsn d = sample(both, 2);
	struct dsn_template subject, text;
	struct dsn_from from;
	struct err e;
	uint8_t flags;
	const char *got;

	read_template("Re: {subject}", rg, &subject);
	read_template(body, rg, &text);
	ok(dsn_from_parse("X <x@{hostname}>", false, rg, &from, &e) == 0,
	    "From");
	d.subject = &subject;
	d.body = &text;
	d.from = &from;
	d.retry_after = "10m";
	d.bounce_after = "4d12h";
	d.text = SLICE_LIT("Subject: =?utf-8?Q?h=C3=A9?=\r\n\r\n");
	got = written(&d, &flags);
	ok(strstr(got, "\r\nFrom: \"X\" <x@mta.example.com>\r\nTo: ") != NULL,
	    "its From");
	ok(strstr(got, "\r\nSubject: =?utf-8?B?UmU6IGjDqQ==?=\r\n") != NULL,
	    "its Subject");
	is_str(region_strndup(rg, strstr(got, "\xc3\x84"),
		   (size_t)(strstr(got,
				"\r\n\r\n--=_b0undary\r\nContent-Type: "
				"message/") -
		       strstr(got, "\xc3\x84"))),
	    "\xc3\x84rger\r\n"
	    "mta.example.com|a@sender.example|b@example.net, "
	    "c@example.org|h\xc3\xa9\r\n"
	    "10m|4d12h|Sat, 21 Nov 2026 12:00:03 +0000|2s\r\n"
	    "b@example.net: 550 5.1.1 <b@example.net>: Recipient address "
	    "rejected: User unknown in virtual mailbox table; c@example.org: "
	    "It could not be delivered in time",
	    "its text");
	is_int(flags, ENVELOPE_8BIT, "which is 8 bits wide");
	ok(strstr(got,
	       "Content-Type: text/plain; charset=utf-8\r\n"
	       "Content-Transfer-Encoding: 8bit\r\n\r\n\xc3\x84") != NULL,
	    "and says so");
	region_free(&rg);
}

/* From values in which no address stands: ours. */
static void
test_from_hostile(void)
{
	struct region *rg = region_new();
	struct dsn d = sample(&refused, 1);
	struct dsn_from from;
	struct err e;

	ok(dsn_from_parse("{subject} <{originator}>", false, rg, &from, &e) ==
		0,
	    "From of values");
	d.from = &from;
	d.to = "a@b.test>\r\nBcc: <v@y.test";
	d.retry_after = d.bounce_after = "";
	ok(strstr(written(&d, NULL),
	       "\r\nFrom: Mail Delivery System <MAILER-DAEMON@mta") != NULL,
	    "no address, no such From");
	d.to = "a@b.test";
	d.text = SLICE_LIT("Subject: x\r\n\ty\\\r\n\r\n");
	ok(strstr(written(&d, NULL),
	       "\r\nFrom: \"x y\\\\\" <a@b.test>\r\nTo: ") != NULL,
	    "an address, and a name on one line");
	region_free(&rg);
}

static void
test_many(void)
{
	struct dsn_rcpt list[25];
	struct region *rg = region_new();
	struct dsn d = sample(list, 25);
	struct dsn_template text;

	for (size_t i = 0; i < 25; i++)
		list[i] = expired;
	read_template("{recipient}", rg, &text);
	d.body = &text;
	d.retry_after = d.bounce_after = "";
	d.text = (struct slice){ 0 };
	ok(strstr(written(&d, NULL), "c@example.org and 5 more\r\n") != NULL,
	    "of many recipients the first are named");
	region_free(&rg);
}

int
main(void)
{
	test_plain();
	test_templates();
	test_from_hostile();
	test_many();
	test_golden();
	test_forms();
	test_sizes();
	test_hostile();
	return done_testing();
}

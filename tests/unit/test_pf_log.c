/* SPDX-License-Identifier: Apache-2.0 */
/* Lines are those of Postfix, and nobody outside can make one. */
#include "compat/postfix/pf_log.h"

#include "tests/unit/log_case.h"

#include "compat/log_text.h"

#define ID "000660D895A8FA4E"
#define SMTP "postfix/smtp[7]: " ID ": "

static const struct log_names names = { "postfix", "mail1", 7 };

static const struct log_case cases[] = {
	{ "delivered, and the connection was for it",
	    { .kind = OUTCOME_DELIVERED,
		.phase = PHASE_DOT,
		.mx = "mx.example.net",
		.text = "250 2.0.0 ok" },
	    LOG_SENT, { 2, 0, 0 }, 1,
	    .want = SMTP "to=<bob@example.net>, relay=mx.example.net[192.0.2."
			 "25]:25, delay=3, delays=0/2.6/0.25/0.12, dsn=2.0.0, "
			 "status=sent (250 2.0.0 ok)\n" },
	{ "delivered, over TLS",
	    { .kind = OUTCOME_DELIVERED,
		.phase = PHASE_DOT,
		.mx = "mx.example.net",
		.tls = "TLSv1.3 TLS_AES_128_GCM_SHA256",
		.text = "250 ok" },
	    LOG_SENT, { 2, 0, 0 }, 1,
	    .want = "postfix/smtp[7]: Untrusted TLS connection established to "
		    "mx.example.net[192.0.2.25]:25: TLSv1.3 with cipher "
		    "TLS_AES_128_GCM_SHA256 (128/128 bits)\n" SMTP
		    "to=<bob@example.net>, relay=mx.example.net[192.0.2.25]:25"
		    ", delay=3, delays=0/2.6/0.25/0.12, dsn=2.0.0, "
		    "status=sent (250 ok)\n" },
	{ "whose certificate was good",
	    { .kind = OUTCOME_DELIVERED,
		.phase = PHASE_DOT,
		.mx = "mx.example.net",
		.tls = "TLSv1.3 TLS_AES_128_GCM_SHA256",
		.trusted = true,
		.text = "250 ok" },
	    LOG_SENT, { 2, 0, 0 }, 1,
	    .want = "postfix/smtp[7]: Verified TLS connection established to "
		    "mx.example.net[192.0.2.25]:25: TLSv1.3 with cipher "
		    "TLS_AES_128_GCM_SHA256 (128/128 bits)\n" SMTP
		    "to=<bob@example.net>, relay=mx.example.net[192.0.2.25]:25"
		    ", delay=3, delays=0/2.6/0.25/0.12, dsn=2.0.0, "
		    "status=sent (250 ok)\n" },
	{ "and the next one in its transaction",
	    { .kind = OUTCOME_DELIVERED,
		.phase = PHASE_DOT,
		.mx = "mx.example.net",
		.tls = "TLSv1.2 AES256-SHA",
		.text = "250 ok" },
	    LOG_SENT, { 2, 0, 0 }, 1, .follows = true, .again = true,
	    .want = SMTP "to=<bob@example.net>, relay=mx.example.net[192.0.2."
			 "25]:25, delay=3, delays=0/2.6/0.25/0.12, dsn=2.0.0, "
			 "status=sent (250 ok)\n" },
	{ "delivered over one that there was, under the host's id",
	    { .kind = OUTCOME_DELIVERED,
		.phase = PHASE_DOT,
		.mx = "mx.example.net",
		.text = "250 ok" },
	    LOG_SENT, { 2, 0, 0 }, 3, .host_id = "4XyZ1k2jw9z3Qq",
	    .orig = "list@example.com",
	    .want = "postfix/smtp[7]: 4XyZ1k2jw9z3Qq: to=<bob@example.net>, "
		    "orig_to=<list@example.com>, relay=mx.example.net[192.0.2."
		    "25]:25, conn_use=3, delay=3, delays=0/2.9/0/0.12, "
		    "dsn=2.0.0, status=sent (250 ok)\n" },
	{ "refused for now, once more",
	    { .kind = OUTCOME_REPLY,
		.phase = PHASE_RCPT,
		.code = 451,
		.mx = "mx.example.net",
		.text = "451 4.7.1 later" },
	    LOG_DEFERRED, { 4, 7, 1 }, 2, .again = true,
	    .orig = "BOB@example.net",
	    .want = "postfix/qmgr[7]: " ID ": from=<ann@example.com>, "
		    "size=4321, nrcpt=2 (queue active)\n" SMTP
		    "to=<bob@example.net>, relay=mx.example.net[192.0.2.25]:25"
		    ", conn_use=2, delay=3, delays=0/2.9/0/0.12, dsn=4.7.1, "
		    "status=deferred (host mx.example.net[192.0.2.25] said: "
		    "451 4.7.1 later (in reply to RCPT TO command))\n" },
	{ "the greeting said no",
	    { .kind = OUTCOME_REPLY,
		.phase = PHASE_GREETING,
		.code = 554,
		.mx = "mx.example.net",
		.text = "554 go away" },
	    LOG_BOUNCED, { 5, 0, 0 },
	    .want = SMTP "to=<bob@example.net>, relay=mx.example.net[192.0.2."
			 "25]:25, delay=3, delays=0/2.9/0/0.12, dsn=5.0.0, "
			 "status=bounced (host mx.example.net[192.0.2.25] "
			 "refused to talk to me: 554 go away)\n" },
	{ "lost behind the final dot",
	    { .kind = OUTCOME_LOST,
		.phase = PHASE_DOT,
		.mx = "mx.example.net",
		.text = "connection closed by the server while waiting" },
	    LOG_DEFERRED, { 4, 4, 2 }, 1,
	    .want = SMTP "to=<bob@example.net>, relay=mx.example.net[192.0.2."
			 "25]:25, delay=3, delays=0/2.6/0.25/0.12, dsn=4.4.2, "
			 "status=deferred (lost connection with mx.example.net"
			 "[192.0.2.25] while sending end of data -- message "
			 "may be sent more than once)\n" },
	{ "no answer to MAIL",
	    { .kind = OUTCOME_TIMEOUT,
		.phase = PHASE_MAIL,
		.mx = "mx.example.net",
		.text = "timed out while sending MAIL FROM" },
	    LOG_DEFERRED, { 4, 4, 2 }, 1,
	    .want = SMTP "to=<bob@example.net>, relay=mx.example.net[192.0.2."
			 "25]:25, delay=3, delays=0/2.6/0.25/0.12, dsn=4.4.2, "
			 "status=deferred (conversation with mx.example.net"
			 "[192.0.2.25] timed out while sending MAIL FROM)\n" },
	{ "too old",
	    { .kind = OUTCOME_TIMEOUT,
		.phase = PHASE_RESOLVE,
		.mx = "",
		.text = "not delivered in time" },
	    LOG_EXPIRED, { 4, 4, 7 },
	    .want = SMTP "to=<bob@example.net>, relay=none, delay=3, delays="
			 "0/2.9/0/0.12, dsn=4.4.7, status=bounced (not "
			 "delivered in time)\npostfix/qmgr[7]: " ID
			 ": from=<ann@example.com>, status=expired, returned "
			 "to sender\n" },
	{ "and so is the next one",
	    { .kind = OUTCOME_TIMEOUT,
		.phase = PHASE_RESOLVE,
		.mx = "",
		.text = "not delivered in time" },
	    LOG_EXPIRED, { 4, 4, 7 }, .follows = true,
	    .want = SMTP "to=<bob@example.net>, relay=none, delay=3, delays="
			 "0/2.9/0/0.12, dsn=4.4.7, status=bounced (not "
			 "delivered in time)\n" },
	{ "a notification on its way back",
	    { .kind = OUTCOME_DELIVERED,
		.phase = PHASE_DOT,
		.mx = "[192.0.2.25]",
		.text = "250 ok" },
	    LOG_SENT, { 2, 0, 0 }, 1, .own = true,
	    .want = "mailrace-dsn/smtp[7]: " ID ": to=<bob@example.net>, relay"
		    "=192.0.2.25[192.0.2.25]:25, delay=3, delays=0/2.6/0.25/"
		    "0.12, dsn=2.0.0, status=sent (250 ok)\n" },
	{ "nobody makes lines, ids or ends of brackets",
	    { .kind = OUTCOME_REPLY,
		.phase = PHASE_RCPT,
		.code = 550,
		.mx = "mx\n.example.net",
		.text = "550 no\r\nNov 22 x postfix/smtp[1]: \x1b[2J\xc2\x9b "
			"\xc3\xa4\xff" },
	    LOG_BOUNCED, { 5, 1, 1 }, 1,
	    .to = "\"x>, relay=a, delay=1, status=sent (\"@example.net",
	    .orig = "a\nb>@example.net", .host_id = "ABC\n: x",
	    .want = SMTP "to=<\"x?, relay=a, delay=1, status=sent (\""
			 "@example.net>, orig_to=<a?b?@example.net>, relay="
			 "mx?.example.net[192.0.2.25]:25, delay=3, delays=0/"
			 "2.6/0.25/0.12, dsn=5.1.1, status=bounced (host mx?"
			 ".example.net[192.0.2.25] said: 550 no??Nov 22 x "
			 "postfix/smtp[1]: ?[2J?? \xc3\xa4? (in reply to "
			 "RCPT TO command))\n" },
};

/* As Postfix prints delays with its two settings as they are by default. */
static const struct {
	int64_t us;
	const char *want;
} delays[] = {
	{ -5, "0" },
	{ 4999, "0" },
	{ 5000, "0.01" },
	{ 100000, "0.1" },
	{ 994999, "0.99" },
	{ 995000, "1" },
	{ 1049999, "1" },
	{ 1050000, "1.1" },
	{ 9949999, "9.9" },
	{ 9950000, "10" },
	{ 10500000, "11" },
	{ 123456789, "123" },
};

static void
test_others(struct buf *out)
{
	struct envelope env = envelope_blank;
	const struct log_mail mail = { .id = LOG_CAME_US + 345678,
		.env = &env,
		.size = 77 };
	struct log_client client = { "", "mail.example,x[10.1.2.3]",
		log_addr(9), "ESMTPSA", "<a@b>\nx" };
	const struct log_refused refused = { "ann@example.com", "b>@c",
		"550 5.7.1", "no" };

	env.rcpt_count = 1;
	env.sender = "ann@example.com";
	env.auth_user = "ann";
	pf_log_style.came(&names, &mail, &client, out);
	is_str(buf_cstr(out),
	    "postfix/smtpd[7]: " ID ": client=unknown[192.0.2.9], "
	    "sasl_username=ann\npostfix/cleanup[7]: " ID ": message-id=<a@b>?x"
	    "\npostfix/qmgr[7]: " ID ": from=<ann@example.com>, size=77, "
	    "nrcpt=1 (queue active)\n",
	    "submitted to us");
	buf_clear(out);
	client.addr.family = 0;
	client.name = "his, x.example.com";
	client.message_id = "";
	env.auth_user = "";
	pf_log_style.came(&names, &mail, &client, out);
	is_str(buf_cstr(out),
	    "postfix/smtpd[7]: " ID ": client=his??x.example.com[local]\n"
	    "postfix/qmgr[7]: " ID ": from=<ann@example.com>, size=77, nrcpt=1"
	    " (queue active)\n",
	    "over a unix socket, and without a Message-ID");
	buf_clear(out);
	client.addr = log_addr(9);
	pf_log_style.refused(&names, &client, &refused, out);
	is_str(buf_cstr(out),
	    "postfix/smtpd[7]: NOQUEUE: reject: RCPT from his??x.example.com"
	    "[192.0.2.9]: 550 5.7.1 <b?@c>: Recipient address rejected: no; from=<ann@example.com> to=<b?@c> "
	    "proto=ESMTPSA helo=<mail.example,x[10.1.2.3]>\n",
	    "a recipient is refused");
	buf_clear(out);
	env.host_id = "4XyZ1k2jw9z3Qq";
	pf_log_style.came(&names, &mail, NULL, out);
	pf_log_style.gone(&names, &mail, out);
	is_str(buf_cstr(out),
	    "postfix/qmgr[7]: 4XyZ1k2jw9z3Qq: from=<ann@example.com>, size=77,"
	    " nrcpt=1 (queue active)\n"
	    "postfix/qmgr[7]: 4XyZ1k2jw9z3Qq: removed\n",
	    "handed over by the host, and gone");
	buf_clear(out);
}

static void
test_rest(struct buf *out)
{
	struct envelope env = envelope_blank;
	const struct log_mail mail = { .id = LOG_CAME_US + 345678,
		.env = &env };
	const struct log_mail notice = { .id = LOG_CAME_US + 345679,
		.env = &env,
		.size = 99,
		.own = true };
	const struct log_mail none = { .env = &env };
	const struct outcome gave_up = {
		.kind = OUTCOME_LOST,
		.phase = PHASE_CONNECT,
		.mx = "mx.example.net",
		.peer = log_addr(25),
		.text = "connection lost while connecting: Connection refused"
	};
	const struct tm tm = { .tm_mon = 10, .tm_mday = 2, .tm_hour = 7 };

	pf_log_style.gone(&names, &none, out);
	is_str(buf_cstr(out), "postfix/qmgr[7]: NOQUEUE: removed\n",
	    "without a message");
	buf_clear(out);
	env.rcpt_count = 1;
	pf_log_style.told(&names, &mail, &notice, DSN_DELAYED, out);
	is_str(buf_cstr(out),
	    "postfix/bounce[7]: " ID ": sender delay notification: "
	    "000660D895A8FA4F\nmailrace-dsn/qmgr[7]: 000660D895A8FA4F: from=<>"
	    ", size=99, nrcpt=1 (queue active)\n",
	    "its sender is told");
	buf_clear(out);
	pf_log_style.unreached(&names, &gave_up, 2525, out);
	is_str(buf_cstr(out),
	    "postfix/smtp[7]: connect to mx.example.net[192.0.2.25]:2525: "
	    "Connection refused\n",
	    "nobody is there");
	buf_clear(out);
	pf_log_style.head(&names, &tm, false, out);
	is_str(buf_cstr(out), "Nov  2 07:00:00 mail1 ", "time and host");
	buf_clear(out);
	pf_log_style.head(&names, &tm, true, out);
	is_str(buf_cstr(out), "", "which the system log puts there itself");
}

int
main(void)
{
	struct buf out = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		is_str(log_run(&pf_log_style, &names, &cases[i], &out),
		    cases[i].want, cases[i].label);
	for (size_t i = 0; i < sizeof(delays) / sizeof(*delays); i++) {
		buf_clear(&out);
		pf_log_delay(&out, delays[i].us);
		is_str(buf_cstr(&out), delays[i].want, "a delay");
	}
	buf_clear(&out);
	test_others(&out);
	test_rest(&out);
	buf_fini(&out);
	return done_testing();
}

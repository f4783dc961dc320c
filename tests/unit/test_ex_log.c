/* SPDX-License-Identifier: Apache-2.0 */
/* Lines are those of Exim's main log, and nobody outside can make one. */
#include "compat/exim/ex_log.h"

#include "tests/unit/log_case.h"

#define ID "1xV2B6-001RvS-00"
#define ROUTE "R=dnslookup T=remote_smtp"
#define MX "H=mx.example.net [192.0.2.25]"

static const struct log_names names = { "exim", "mail1", 7 };

static const struct log_case cases[] = {
	{ "delivered",
	    { .kind = OUTCOME_DELIVERED,
		.phase = PHASE_DOT,
		.mx = "mx.example.net",
		.size = 4400,
		.tls = "TLSv1.3 TLS_AES_256_GCM_SHA384",
		.trusted = true,
		.text = "250 2.0.0 said \"ok\"" },
	    LOG_SENT, { 2, 0, 0 }, 1, .orig = "list@example.com",
	    .want = ID " => bob@example.net <list@example.com> "
		       "F=<ann@example.com> " ROUTE " S=4400 " MX
		       " X=TLS1.3:TLS_AES_256_GCM_SHA384:256 CV=yes "
		       "C=\"250 2.0.0 said \\\"ok\\\"\" QT=3s DT=0s\n" },
	{ "and a second recipient",
	    { .kind = OUTCOME_DELIVERED,
		.phase = PHASE_DOT,
		.mx = "mx.example.net",
		.text = "250 ok" },
	    LOG_SENT, { 2, 0, 0 }, 1, .follows = true,
	    .want = ID " -> bob@example.net F=<ann@example.com> " ROUTE " " MX
		       " C=\"250 ok\" QT=3s DT=0s\n" },
	{ "refused for now",
	    { .kind = OUTCOME_REPLY,
		.phase = PHASE_RCPT,
		.code = 451,
		.mx = "mx.example.net",
		.tls = "TLSv1.3 TLS_AES_256_GCM_SHA384",
		.text = "451 4.7.1 later" },
	    LOG_DEFERRED, { 4, 7, 1 }, 1, .again = true,
	    .want = ID " == bob@example.net " ROUTE " defer (-44) " MX
		       " DT=0s: SMTP error from remote mail server after "
		       "RCPT TO:<bob@example.net>: 451 4.7.1 later\n" },
	{ "refused, with its data",
	    { .kind = OUTCOME_REPLY,
		.phase = PHASE_DOT,
		.code = 554,
		.mx = "mx.example.net",
		.tls = "TLSv1.2 ECDHE-RSA-AES128-SHA",
		.text = "554 spam" },
	    LOG_BOUNCED, { 5, 7, 1 }, 1,
	    .want = ID " ** bob@example.net F=<ann@example.com> " ROUTE " " MX
		       " X=TLS1.2:ECDHE-RSA-AES128-SHA:128 CV=no"
		       ": SMTP error from remote mail server after "
		       "end of data: 554 spam\n" },
	{ "lost",
	    { .kind = OUTCOME_LOST,
		.phase = PHASE_MAIL,
		.mx = "mx.example.net",
		.text = "connection lost" },
	    LOG_DEFERRED, { 4, 4, 2 }, 1,
	    .want = ID " == bob@example.net " ROUTE " defer (-18) " MX
		       " DT=0s: connection lost\n" },
	{ "too old",
	    { .kind = OUTCOME_TIMEOUT,
		.phase = PHASE_RESOLVE,
		.mx = "",
		.text = "not delivered in time" },
	    LOG_EXPIRED, { 4, 4, 7 },
	    .want = ID " ** bob@example.net F=<ann@example.com> " ROUTE
		       ": retry timeout exceeded: not delivered in time\n" },
	{ "a notification on its way back",
	    { .kind = OUTCOME_DELIVERED,
		.phase = PHASE_DOT,
		.mx = "[192.0.2.25]",
		.text = "250 ok" },
	    LOG_SENT, { 2, 0, 0 }, 1, .own = true, .sender = "",
	    .want = ID " => bob@example.net F=<> R=mailrace_dsn T=mailrace_dsn"
		       " H=[192.0.2.25] C=\"250 ok\" QT=3s DT=0s\n" },
	{ "nobody makes lines, fields or ends of brackets",
	    { .kind = OUTCOME_REPLY,
		.phase = PHASE_RCPT,
		.code = 550,
		.mx = "mx.example.net",
		.text = "550 no\r\n\t2026 x\x7f\xff" },
	    LOG_BOUNCED, { 5, 1, 1 }, 1,
	    .to = "\"x> T=y [1.2.3.4]\"@example.net",
	    .want = ID " ** \"x\\076\\040T=y\\040[1.2.3.4]\"@example.net "
		       "F=<ann@example.com> " ROUTE " " MX ": SMTP error from "
		       "remote mail server after RCPT TO:<\"x\\076\\040T=y"
		       "\\040[1.2.3.4]\"@example.net>: 550 no\\r\\n\\t2026 x"
		       "\\177\\377\n" },
};

static void
test_others(struct buf *out)
{
	struct envelope env = envelope_blank;
	const struct log_mail mail = { .id = LOG_CAME_US + 345678,
		.env = &env,
		.size = 77 };
	const struct log_mail notice = { .id = LOG_CAME_US + 345679,
		.env = &env,
		.size = 99,
		.own = true };
	struct log_client client = { "his.example.com", "x)[10.1.2.3]",
		log_addr(9), "ESMTPSA", "<a@b>" };
	const struct log_refused refused = { "ann@example.com", "b>@c",
		"550 5.7.1", "no" };
	const struct tm tm = { .tm_year = 126, .tm_mon = 10, .tm_mday = 2 };
	char id[EX_ID_TEXT];

	env.sender = "ann@example.com";
	env.auth_user = "an n";
	ex_log_style.came(&names, &mail, &client, out);
	is_str(buf_cstr(out),
	    ID
	    " <= ann@example.com H=his.example.com (x\\051\\13310.1.2.3\\135) "
	    "[192.0.2.9] P=esmtpsa "
	    "A=mailrace:an\\040n S=77 id=a@b\n",
	    "submitted to us");
	buf_clear(out);
	client.name = "";
	client.helo = "a.example";
	ex_log_style.refused(&names, &client, &refused, out);
	is_str(buf_cstr(out),
	    "H=(a.example) [192.0.2.9] F=<ann@example.com> rejected RCPT "
	    "<b\\076@c>: no\n",
	    "a recipient is refused");
	buf_clear(out);
	env.auth_user = "";
	env.host_id = "1xV3uw-0000AB-2C";
	ex_log_style.came(&names, &mail, NULL, out);
	ex_log_style.gone(&names, &mail, out);
	is_str(buf_cstr(out),
	    ID " <= ann@example.com R=1xV3uw-0000AB-2C P=lmtp S=77\n" ID
	       " Completed\n",
	    "handed over by the host, and gone");
	buf_clear(out);
	ex_log_style.told(&names, &mail, &notice, DSN_FAILED, out);
	is_str(buf_cstr(out),
	    "1xV2B6-001RvT-00 <= <> R=" ID " U=mailrace P=local S=99\n",
	    "its sender is told");
	is_str(ex_log_id(LOG_CAME_US + 345678, "1xV3uw-00000000ABC-2C3D", id),
	    "1xV2B6-00000001RvS-0000", "an id since Exim 4.97");
	buf_clear(out);
	ex_log_style.head(&names, &tm, false, out);
	is_str(buf_cstr(out), "2026-11-02 00:00:00 ", "time");
	buf_clear(out);
	ex_log_style.head(&names, &tm, true, out);
	is_str(buf_cstr(out), "exim[7]: 2026-11-02 00:00:00 ",
	    "also in the system log");
}

int
main(void)
{
	struct buf out = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		is_str(log_run(&ex_log_style, &names, &cases[i], &out),
		    cases[i].want, cases[i].label);
	buf_clear(&out);
	test_others(&out);
	buf_fini(&out);
	return done_testing();
}

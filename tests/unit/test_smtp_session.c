/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Against a server that follows a script, a session sends what it should and
 * nothing else, and tells its owner what came of it: for each recipient an
 * outcome, and in the end why (tests/unit/smtp_owner.h).
 */
#include <signal.h>

#include "lib/check.h"
#include "lib/tls.h"
#include "mail/envelope.h"
#include "tests/tap.h"
#include "tests/unit/smtp_owner.h"

struct test_case {
	const char *label;
	const char *script[STEPS];
	unsigned options, rcpts;
	const char *told;
	const char *heard; /* NULL: not compared */
};

static const struct test_case cases[] = {
	/* ---- when all goes well ---- */
	{ "one at a time",
	    { HELLO, EHLO_ONE, "<MAIL", "quiet", ">250 ok", "<RCPT", "quiet",
		">250 ok", "<DATA", "quiet", ">354 go", "body",
		">250 2.0.0 queued as 1", BYE },
	    0, 1, "R W D1 " DELIVERED " R C",
	    "EHLO mail.example.org\r\n" ENVELOPE_TEXT BODY_TEXT "QUIT\r\n" },
	{ "pipelined", { HELLO, EHLO_PIPE, PIPE_OK, BYE }, 0, 1,
	    "R W D1 " DELIVERED " R C",
	    "EHLO mail.example.org\r\n" ENVELOPE_TEXT BODY_TEXT "QUIT\r\n" },
	{ "nothing before the greeting",
	    { "quiet", HELLO, EHLO_PIPE, PIPE_OK, BYE }, 0, 1,
	    "R W D1 " DELIVERED " R C", NULL },
	{ "greeting of several lines",
	    { "+220-one\n220-two\n220 three\n", EHLO_PIPE, PIPE_OK, BYE }, 0, 1,
	    "R W D1 " DELIVERED " R C", NULL },
	{ "HELO when EHLO is refused",
	    { HELLO, "<EHLO", ">502 5.5.1 what?", "<HELO", ">250 mx", ONE_OK,
		BYE },
	    0, 1, "R W D1 " DELIVERED " R C", NULL },
	{ "two on one connection, without RSET",
	    { HELLO, EHLO_PIPE, PIPE_OK, PIPE_OK, BYE }, O_TWO, 1,
	    "R W D1 " DELIVERED " R W D1 " DELIVERED " R C",
	    "EHLO mail.example.org\r\n" ENVELOPE_TEXT BODY_TEXT ENVELOPE_TEXT
		BODY_TEXT "QUIT\r\n" },
	{ "the next one given from result()",
	    { HELLO, EHLO_ONE, ONE_OK, ONE_OK, BYE }, O_TWO | O_EARLY, 1,
	    "R W D1 " DELIVERED " W D1 " DELIVERED " R C", NULL },
	{ "told to quit while it runs", { HELLO, EHLO_PIPE, PIPE_OK, BYE },
	    O_TWO | O_QUIT_SENT, 1, "R W D1 " DELIVERED " C", NULL },
	{ "no answer to QUIT", { HELLO, EHLO_PIPE, PIPE_OK, "<QUIT" }, 0, 1,
	    "R W D1 " DELIVERED " R C", NULL },
	/* ---- refusals ---- */
	{ "greeting 5xx", { ">554 5.7.1 go away", BYE }, 0, 1,
	    "C(reply/GREETING/554/5.7.1)", "QUIT\r\n" },
	{ "EHLO 4xx", { HELLO, "<EHLO", ">450 later", BYE }, 0, 1,
	    "C(reply/EHLO/450)", NULL },
	{ "EHLO and HELO 5xx",
	    { HELLO, "<EHLO", ">550 no", "<HELO", ">550 no", BYE }, 0, 1,
	    "C(reply/EHLO/550)", NULL },
	{ "MAIL, one at a time",
	    { HELLO, EHLO_ONE, "<MAIL", ">550 5.7.1 not you", "<RSET",
		">250 ok", BYE },
	    0, 1, "R [reply/MAIL/550/5.7.1-] R C", NULL },
	{ "MAIL, pipelined: what follows is because of it",
	    { HELLO, EHLO_PIPE, ENVELOPE,
		"+450 4.7.1 slow\r\n503 no\r\n503 no\r\n", "<RSET", ">250 ok",
		BYE },
	    0, 1, "R W [reply/MAIL/450/4.7.1] R C", NULL },
	{ "MAIL, and 354 for nobody",
	    { HELLO, EHLO_PIPE, ENVELOPE, "+550 no\r\n250 yes\r\n354 go\r\n",
		"<.", ">554 nobody", "<RSET", ">250 ok", BYE },
	    0, 1, "R W [reply/MAIL/550] R C", NULL },
	{ "one of three recipients",
	    { HELLO, EHLO_PIPE, "<MAIL", "<RCPT", "<RCPT", "<RCPT", "<DATA",
		"+250 ok\r\n250 ok\r\n550 5.1.1 who?\r\n250 ok\r\n354 go\r\n",
		"body", ">250 2.0.0 ok", BYE },
	    0, 3,
	    "R W D2 [delivered/DOT/250/2.0.0,reply/RCPT/550/5.1.1,"
	    "delivered/DOT/250/2.0.0] R C",
	    NULL },
	{ "all recipients, one at a time: no DATA",
	    { HELLO, EHLO_ONE, "<MAIL", ">250 ok", "<RCPT", ">550 5.1.1 a",
		"<RCPT", ">450 4.2.1 b", "<RSET", ">250 ok", BYE },
	    0, 2, "R W [reply/RCPT/550/5.1.1,reply/RCPT/450/4.2.1] R C", NULL },
	{ "all recipients, pipelined, DATA refused",
	    { HELLO, EHLO_PIPE, "<MAIL", "<RCPT", "<RCPT", "<DATA",
		"+250 ok\r\n550 a\r\n551 b\r\n554 nobody\r\n", "<RSET",
		">250 ok", BYE },
	    0, 2, "R W [reply/RCPT/550,reply/RCPT/551] R C", NULL },
	{ "all recipients, pipelined, DATA taken: a dot alone",
	    { HELLO, EHLO_PIPE, "<MAIL", "<RCPT", "<DATA",
		"+250 ok\r\n550 a\r\n354 go\r\n", "<.", ">554 nobody", "<RSET",
		">250 ok", BYE },
	    0, 1, "R W [reply/RCPT/550] R C",
	    "EHLO mail.example.org\r\n" ENVELOPE_TEXT ".\r\nRSET\r\nQUIT\r\n" },
	{ "an empty message taken for nobody: no more here",
	    { HELLO, EHLO_PIPE, "<MAIL", "<RCPT", "<DATA",
		"+250 ok\r\n550 a\r\n354 go\r\n", "<.", ">250 ok", BYE },
	    0, 1, "R W [reply/RCPT/550] C", NULL },
	{ "DATA",
	    { HELLO, EHLO_PIPE, ENVELOPE,
		"+250 ok\r\n250 ok\r\n451 4.3.0 busy\r\n", "<RSET", ">250 ok",
		BYE },
	    0, 1, "R W [reply/DATA/451/4.3.0] R C", NULL },
	{ "the message",
	    { HELLO, EHLO_PIPE, ENVELOPE_OK, "body", ">552 5.3.4 too big",
		BYE },
	    0, 1, "R W D1 [reply/DOT/552/5.3.4] R C", NULL },
	{ "the message, then another",
	    { HELLO, EHLO_ONE, "<MAIL", ">250 ok", "<RCPT", ">250 ok", "<DATA",
		">354 go", "body", ">451 no", ONE_OK, BYE },
	    O_TWO, 1, "R W D1 [reply/DOT/451] R W D1 " DELIVERED " R C", NULL },
	{ "RSET",
	    { HELLO, EHLO_ONE, "<MAIL", ">550 no", "<RSET", ">500 no", BYE }, 0,
	    1, "R [reply/MAIL/550-] C(reply/MAIL/500)", NULL },
	/* ---- max-errors-per-connection ---- */
	{ "errors: the last allowed one ends the connection",
	    { HELLO, EHLO_ONE, "<MAIL", ">250 ok", "<RCPT", ">250 ok", "<RCPT",
		">550 5.1.1 no", "<RCPT", ">450 4.2.1 no", "<DATA", ">354 go",
		"body", ">250 2.0.0 ok", BYE },
	    O_TWO | O_ERRORS_2, 3,
	    "R W D1 [delivered/DOT/250/2.0.0,reply/RCPT/550/5.1.1,"
	    "reply/RCPT/450/4.2.1] C",
	    NULL },
	{ "errors: no more recipients are asked for than may be refused",
	    { HELLO, EHLO_PIPE, "<MAIL", "<RCPT", "<RCPT", "quiet",
		"+250 ok\r\n250 ok\r\n550 5.1.1 no\r\n", "<RCPT", "<DATA",
		"+550 5.1.1 no\r\n354 go\r\n", "body", ">250 2.0.0 ok", BYE },
	    O_ERRORS_2, 3,
	    "R W D1 [delivered/DOT/250/2.0.0,reply/RCPT/550/5.1.1,"
	    "reply/RCPT/550/5.1.1] C",
	    NULL },
	{ "errors: those left over are not tried; the message goes to the rest",
	    { HELLO, EHLO_PIPE, "<MAIL", "<RCPT", "quiet",
		"+250 ok\r\n250 ok\r\n", "<RCPT", "quiet", ">550 5.1.1 no",
		"<DATA", ">354 go", "body", ">250 2.0.0 ok", BYE },
	    O_ERRORS_1, 3,
	    "R D1 [delivered/DOT/250/2.0.0,reply/RCPT/550/5.1.1,"
	    "unsent/MAIL/0-] C",
	    "EHLO mail.example.org\r\nMAIL FROM:<from@example.org>\r\n"
	    "RCPT TO:<r0@example.net>\r\nRCPT TO:<r1@example.net>\r\n"
	    "DATA\r\n" BODY_TEXT "QUIT\r\n" },
	{ "errors: nobody is left to send it to",
	    { HELLO, EHLO_PIPE, "<MAIL", "<RCPT", "quiet",
		"+250 ok\r\n550 5.1.1 no\r\n", BYE },
	    O_TWO | O_ERRORS_1, 3,
	    "R [reply/RCPT/550/5.1.1,unsent/MAIL/0-,unsent/MAIL/0-] C", NULL },
	{ "errors: they add up over the connection",
	    { HELLO, EHLO_ONE, "<MAIL", ">250 ok", "<RCPT", ">550 5.1.1 no",
		"<RSET", ">250 ok", "<MAIL", ">250 ok", "<RCPT",
		">550 5.1.1 no", BYE },
	    O_TWO | O_ERRORS_2, 1,
	    "R W [reply/RCPT/550/5.1.1] R W [reply/RCPT/550/5.1.1] C", NULL },
	{ "errors: a refused sender is none of a recipient",
	    { HELLO, EHLO_PIPE, ENVELOPE,
		"+550 5.7.1 no\r\n503 no\r\n503 no\r\n", "<RSET", ">250 ok",
		PIPE_OK, BYE },
	    O_TWO | O_ERRORS_1, 1,
	    "R W [reply/MAIL/550/5.7.1] R W D1 " DELIVERED " R C", NULL },
	/* ---- 421 ---- */
	{ "421 greeting", { ">421 4.7.0 too many", "wait" }, 0, 1,
	    "C(reply/GREETING/421/4.7.0)", "EOF" },
	{ "421 to EHLO", { HELLO, "<EHLO", ">421 no", "wait" }, 0, 1,
	    "C(reply/EHLO/421)", NULL },
	{ "421 to MAIL", { HELLO, EHLO_PIPE, "<MAIL", ">421 4.3.2 no", "wait" },
	    O_TWO, 2, "R W [reply/MAIL/421/4.3.2,reply/MAIL/421/4.3.2] C",
	    NULL },
	{ "421 to the second RCPT",
	    { HELLO, EHLO_ONE, "<MAIL", ">250 ok", "<RCPT", ">550 no", "<RCPT",
		">421 no", "wait" },
	    0, 3, "R [reply/RCPT/550,reply/RCPT/421,reply/RCPT/421-] C", NULL },
	{ "421 to DATA",
	    { HELLO, EHLO_PIPE, ENVELOPE, "+250 ok\r\n250 ok\r\n421 no\r\n",
		"wait" },
	    0, 1, "R W [reply/DATA/421] C", NULL },
	{ "421 to the message",
	    { HELLO, EHLO_PIPE, ENVELOPE_OK, "body", ">421 no", "wait" }, O_TWO,
	    1, "R W D1 [reply/DOT/421] C", NULL },
	{ "421 when idle",
	    { HELLO, EHLO_PIPE, PIPE_OK, "wait", ">421 4.4.2 idle", "wait" },
	    O_STAY, 1, "R W D1 " DELIVERED " R C(reply/MAIL/421/4.4.2)", NULL },
	{ "421 right behind the reply to the message",
	    { HELLO, EHLO_PIPE, ENVELOPE_OK, "body",
		"+250 2.0.0 ok\r\n421 enough\r\n", "wait" },
	    O_TWO, 1, "R W D1 " DELIVERED " C(reply/MAIL/421)", NULL },
	{ "421 to RSET",
	    { HELLO, EHLO_ONE, "<MAIL", ">550 no", "<RSET", ">421 no", "wait" },
	    0, 1, "R [reply/MAIL/550-] C(reply/MAIL/421)", NULL },
	{ "421 given with the next one waiting",
	    { HELLO, EHLO_PIPE, ENVELOPE_OK, "body", ">421 no", "wait" },
	    O_TWO | O_EARLY, 1, "R W D1 [reply/DOT/421] [unsent/MAIL/0-] C",
	    NULL },
	/* ---- hung up on ---- */
	{ "hung up: at once", { "close" }, 0, 1, "C(lost/GREETING/0)", NULL },
	{ "hung up: after the greeting", { HELLO, "<EHLO", "close" }, 0, 1,
	    "C(lost/EHLO/0)", NULL },
	{ "hung up: on MAIL", { HELLO, EHLO_ONE, "<MAIL", "close" }, 0, 1,
	    "R [lost/MAIL/0-] C", NULL },
	{ "hung up: on RCPT",
	    { HELLO, EHLO_PIPE, "<MAIL", "<RCPT", "<RCPT", "<DATA", ">250 ok",
		"wait", "close" },
	    0, 2, "R W [lost/RCPT/0,lost/RCPT/0] C", NULL },
	{ "hung up: on DATA; what was refused stays so",
	    { HELLO, EHLO_PIPE, "<MAIL", "<RCPT", "<RCPT", "<DATA",
		"+250 ok\r\n250 ok\r\n550 no\r\n", "wait", "close" },
	    0, 2, "R W [lost/DATA/0,reply/RCPT/550] C", NULL },
	{ "hung up: after the dot, in doubt",
	    { HELLO, EHLO_PIPE, ENVELOPE_OK, "body", "close" }, 0, 1,
	    "R W D1 [lost/DOT/0?] C", NULL },
	{ "hung up: when idle", { HELLO, EHLO_PIPE, PIPE_OK, "wait", "close" },
	    O_STAY, 1, "R W D1 " DELIVERED " R C(lost/MAIL/0)", NULL },
	{ "hung up: on RSET",
	    { HELLO, EHLO_ONE, "<MAIL", ">550 no", "<RSET", "close" }, 0, 1,
	    "R [reply/MAIL/550-] C(lost/MAIL/0)", NULL },
	/* ---- hostile ---- */
	{ "hostile: endless line", { "+220 ", "flood x" }, 0, 1,
	    "C(lost/GREETING/0)", NULL },
	{ "hostile: endless reply", { "flood 220-x\r\n" }, 0, 1,
	    "C(lost/GREETING/0)", NULL },
	{ "hostile: binary", { "+\x01\xff\xfe\x02\r\n", "wait" }, 0, 1,
	    "C(lost/GREETING/0)", NULL },
	{ "hostile: HTTP", { "+HTTP/1.1 200 OK\r\n", "wait" }, 0, 1,
	    "C(lost/GREETING/0)", NULL },
	{ "hostile: 354 greeting", { "+354 go on\r\n", "wait" }, 0, 1,
	    "C(lost/GREETING/0)", NULL },
	{ "hostile: two greetings", { "+220 a\r\n220 b\r\n", "wait" }, 0, 1,
	    "C(lost/EHLO/0)", "EOF" },
	{ "hostile: 354 to MAIL",
	    { HELLO, EHLO_PIPE, "<MAIL", ">354 go", "wait" }, 0, 1,
	    "R W [lost/MAIL/0] C", NULL },
	{ "hostile: 354 to RCPT",
	    { HELLO, EHLO_PIPE, "<MAIL", "+250 ok\r\n354 go\r\n", "wait" }, 0,
	    1, "R W [lost/RCPT/0] C", NULL },
	{ "hostile: 250 to DATA",
	    { HELLO, EHLO_PIPE, ENVELOPE, "+250 ok\r\n250 ok\r\n250 ok\r\n",
		"wait" },
	    0, 1, "R W [lost/DATA/0] C", NULL },
	{ "hostile: 354 to the message",
	    { HELLO, EHLO_PIPE, ENVELOPE_OK, "body", ">354 more", "wait" }, 0,
	    1, "R W D1 [lost/DOT/0?] C", NULL },
	{ "hostile: accepts before the message is sent",
	    { HELLO, EHLO_PIPE, ENVELOPE,
		"+250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n", "wait" },
	    0, 1, "R W [lost/BODY/0] C",
	    "EHLO mail.example.org\r\n" ENVELOPE_TEXT "EOF" },
	{ "refuses before the message is sent",
	    { HELLO, EHLO_PIPE, ENVELOPE,
		"+250 ok\r\n250 ok\r\n354 go\r\n550 5.7.1 no\r\n", "wait" },
	    0, 1, "R W [reply/BODY/550/5.7.1] C", NULL },
	{ "hostile: an extra reply when idle",
	    { HELLO, EHLO_PIPE, ENVELOPE_OK, "body", "+250 ok\r\n250 extra\r\n",
		"wait" },
	    O_TWO, 1, "R W D1 [delivered/DOT/250] C(lost/MAIL/0)", NULL },
	{ "hostile: an extra reply one at a time",
	    { HELLO, EHLO_ONE, "<MAIL", "+250 ok\r\n250 ok\r\n", "wait" }, 0, 1,
	    "R [lost/MAIL/0-] C", NULL },
	{ "hostile: rubbish in the pipe",
	    { HELLO, EHLO_PIPE, "<MAIL", "+250 ok\r\nok ok\r\n", "wait" }, 0, 1,
	    "R W [lost/RCPT/0] C", NULL },
	{ "hostile: part of a reply when idle",
	    { HELLO, EHLO_PIPE, ENVELOPE_OK, "body", "+250 ok\r\n2", "wait",
		"close" },
	    O_TWO, 1, "R W D1 [delivered/DOT/250] C(lost/MAIL/0)", NULL },
	/* ---- time-outs ---- */
	{ "time-out: greeting", { "wait", "wait", "wait", "wait" }, O_TINY, 1,
	    "C(timeout/GREETING/0)", NULL },
	{ "time-out: the server drips",
	    { "+2", "wait", "+2", "wait", "+0", "wait", "+ ", "wait" }, O_TINY,
	    1, "C(timeout/GREETING/0)", NULL },
	{ "time-out: after the dot, in doubt",
	    { HELLO, EHLO_PIPE, ENVELOPE_OK, "body", "wait", "wait", "wait",
		"wait" },
	    O_TINY, 1, "R W D1 [timeout/DOT/0?] C", NULL },
	/* ---- extensions ---- */
	{ "8BITMIME, SIZE and DSN",
	    { HELLO, "<EHLO",
		"+250-mx\r\n250-8BITMIME\r\n250-DSN\r\n250 SIZE 1000\r\n",
		ONE_OK, BYE },
	    O_8BIT | O_DSN, 1, "R W D1 " DELIVERED " R C",
	    "EHLO mail.example.org\r\n"
	    "MAIL FROM:<from@example.org> SIZE=19 BODY=8BITMIME RET=HDRS "
	    "ENVID=id+3D1+2B2\r\n"
	    "RCPT TO:<r0@example.net> NOTIFY=SUCCESS,DELAY "
	    "ORCPT=rfc822;a+2Bb@example.net\r\n"
	    "DATA\r\n" BODY_TEXT "QUIT\r\n" },
	{ "fields before the body: SIZE counts them",
	    { HELLO, "<EHLO", "+250-mx\r\n250 SIZE 31\r\n", ONE_OK, ONE_OK,
		BYE },
	    O_PREFIX | O_TWO, 1,
	    "R W D1 " DELIVERED " R W D1 " DELIVERED " R C",
	    "EHLO mail.example.org\r\n"
	    "MAIL FROM:<from@example.org> SIZE=31\r\n"
	    "RCPT TO:<r0@example.net>\r\nDATA\r\n" PREFIX_TEXT BODY_TEXT
	    "MAIL FROM:<from@example.org> SIZE=31\r\n"
	    "RCPT TO:<r0@example.net>\r\nDATA\r\n" PREFIX_TEXT BODY_TEXT
	    "QUIT\r\n" },
	{ "with them it is larger than SIZE: nothing is sent",
	    { HELLO, "<EHLO", "+250-mx\r\n250 SIZE 30\r\n", BYE }, O_PREFIX, 1,
	    "R [too-big/MAIL/0-] R C", "EHLO mail.example.org\r\nQUIT\r\n" },
	{ "none of them offered", { HELLO, EHLO_ONE, ONE_OK, BYE },
	    O_8BIT | O_DSN, 1, "R W D1 " DELIVERED " R C",
	    "EHLO mail.example.org\r\n" ENVELOPE_TEXT BODY_TEXT "QUIT\r\n" },
	{ "SMTPUTF8",
	    { HELLO, "<EHLO", "+250-mx\r\n250 SMTPUTF8\r\n",
		"<MAIL FROM:<from@example.org> SMTPUTF8", ">250 ok", "<RCPT",
		">250 ok", "<DATA", ">354 go", "body", ">250 ok", BYE },
	    O_UTF8, 1, "R W D1 [delivered/DOT/250] R C", NULL },
	{ "SMTPUTF8 not offered: nothing is sent", { HELLO, EHLO_PIPE, BYE },
	    O_UTF8 | O_TWO, 2,
	    "R [no-smtputf8/MAIL/0-,no-smtputf8/MAIL/0-] R "
	    "[no-smtputf8/MAIL/0-,no-smtputf8/MAIL/0-] R C",
	    "EHLO mail.example.org\r\nQUIT\r\n" },
	{ "larger than SIZE: nothing is sent",
	    { HELLO, "<EHLO", "+250-mx\r\n250 SIZE 18\r\n", BYE }, 0, 1,
	    "R [too-big/MAIL/0-] R C", "EHLO mail.example.org\r\nQUIT\r\n" },
	{ "a sender that is a command", { HELLO, EHLO_PIPE, BYE }, O_BAD_FROM,
	    1, "R [reply/MAIL/553/5.1.7-] R C",
	    "EHLO mail.example.org\r\nQUIT\r\n" },
	/* ---- what the owner may do ---- */
	{ "the owner takes the message back before the dot",
	    { HELLO, EHLO_PIPE, ENVELOPE_OK, "body" }, O_STOP_DOT, 1,
	    "R W D1 [local/BODY/0] C",
	    "EHLO mail.example.org\r\n" ENVELOPE_TEXT "EOF" },
	{ "the owner drops it before the dot",
	    { HELLO, EHLO_PIPE, ENVELOPE_OK, "body" }, O_DROP_DOT, 1,
	    "R W D1 [local/BODY/0] C",
	    "EHLO mail.example.org\r\n" ENVELOPE_TEXT "EOF" },
	{ "the owner interrupts it before the dot: nobody was tried",
	    { HELLO, EHLO_PIPE, ENVELOPE_OK, "body" }, O_INTERRUPT_DOT, 1,
	    "R W D1 [unsent/MAIL/0] C",
	    "EHLO mail.example.org\r\n" ENVELOPE_TEXT "EOF" },
	{ "the owner drops it when written", { HELLO, EHLO_PIPE, ENVELOPE_OK },
	    O_DROP_SENT, 1, "R W [local/MAIL/0] C", NULL },
	/* ---- TLS ---- */
	{ "TLS",
	    { HELLO, EHLO_TLS, "<STARTTLS", ">220 go", "tls", EHLO_PIPE,
		PIPE_OK, BYE },
	    O_USE, 1, "R W D1 " DELIVERED " R C", NULL },
	{ "TLS, required",
	    { HELLO, EHLO_TLS, "<STARTTLS", ">220 go", "tls", EHLO_ONE, ONE_OK,
		ONE_OK, BYE },
	    O_REQUIRE | O_TWO, 1,
	    "R W D1 " DELIVERED " R W D1 " DELIVERED " R C", NULL },
	{ "TLS, required: that it failed before does not count",
	    { HELLO, EHLO_TLS, "<STARTTLS", ">220 go", "tls", EHLO_ONE, ONE_OK,
		BYE },
	    O_REQUIRE | O_NO_TLS, 1, "R W D1 " DELIVERED " R C", NULL },
	{ "TLS: what was offered in clear is forgotten",
	    { HELLO, "<EHLO", "+250-mx\r\n250-PIPELINING\r\n250 STARTTLS\r\n",
		"<STARTTLS", ">220 go", "tls", EHLO_ONE, "<MAIL", "quiet",
		">250 ok", "<RCPT", ">250 ok", "<DATA", ">354 go", "body",
		">250 2.0.0 ok", BYE },
	    O_USE, 1, "R W D1 " DELIVERED " R C", NULL },
	{ "TLS: the server hangs up after the dot",
	    { HELLO, EHLO_TLS, "<STARTTLS", ">220 go", "tls", EHLO_PIPE,
		ENVELOPE_OK, "body", "close" },
	    O_USE, 1, "R W D1 [lost/DOT/0?] C", NULL },
	{ "offered, and not wanted", { HELLO, EHLO_TLS, ONE_OK, BYE }, 0, 1,
	    "R W D1 " DELIVERED " R C", NULL },
	{ "offered, and it failed before", { HELLO, EHLO_TLS, ONE_OK, BYE },
	    O_USE | O_NO_TLS, 1, "R W D1 " DELIVERED " R C", NULL },
	{ "wanted, and not offered", { HELLO, EHLO_PIPE, PIPE_OK, BYE }, O_USE,
	    1, "R W D1 " DELIVERED " R C", NULL },
	{ "STARTTLS refused",
	    { HELLO, EHLO_TLS, "<STARTTLS", ">454 4.7.0 not now", "wait" },
	    O_USE, 1, "C(lost/TLS/454/4.7.0)",
	    "EHLO mail.example.org\r\nSTARTTLS\r\nEOF" },
	{ "STARTTLS 421", { HELLO, EHLO_TLS, "<STARTTLS", ">421 no", "wait" },
	    O_USE, 1, "C(reply/TLS/421)", NULL },
	{ "handshake fails",
	    { HELLO, EHLO_TLS, "<STARTTLS", ">220 go", "wait",
		"+not a handshake, not at all\r\n", "wait" },
	    O_USE, 1, "C(lost/TLS/0)", NULL },
	{ "hung up in the handshake",
	    { HELLO, EHLO_TLS, "<STARTTLS", ">220 go", "close" }, O_USE, 1,
	    "C(lost/TLS/0)", NULL },
	{ "injection behind the reply to STARTTLS",
	    { HELLO, EHLO_TLS, "<STARTTLS", "+220 go\r\n250 injected\r\n",
		"wait" },
	    O_USE, 1, "C(lost/TLS/0)",
	    "EHLO mail.example.org\r\nSTARTTLS\r\nEOF" },
	{ "injection, required",
	    { HELLO, EHLO_TLS, "<STARTTLS", "+220 go\r\n2", "wait" }, O_REQUIRE,
	    1, "C(no-tls/TLS/0)", "EHLO mail.example.org\r\nSTARTTLS\r\nEOF" },
	{ "required, not offered: no mail in clear", { HELLO, EHLO_PIPE, BYE },
	    O_REQUIRE, 1, "C(no-tls/TLS/0)",
	    "EHLO mail.example.org\r\nQUIT\r\n" },
	{ "required, EHLO refused: no mail in clear",
	    { HELLO, "<EHLO", ">500 what?", "<HELO", ">250 hello", BYE },
	    O_REQUIRE | O_USE, 1, "C(no-tls/TLS/0)",
	    "EHLO mail.example.org\r\nHELO mail.example.org\r\nQUIT\r\n" },
	{ "required, refused: no mail in clear",
	    { HELLO, EHLO_TLS, "<STARTTLS", ">502 no", "wait" },
	    O_REQUIRE | O_NO_TLS, 1, "C(no-tls/TLS/502)",
	    "EHLO mail.example.org\r\nSTARTTLS\r\nEOF" },
	{ "required, 421: no word about TLS, and no mail in clear",
	    { HELLO, EHLO_TLS, "<STARTTLS", ">421 4.3.2 busy", "wait" },
	    O_REQUIRE, 1, "C(reply/TLS/421/4.3.2)",
	    "EHLO mail.example.org\r\nSTARTTLS\r\nEOF" },
	{ "required, hung up in the handshake: no mail in clear",
	    { HELLO, EHLO_TLS, "<STARTTLS", ">220 go", "close" }, O_REQUIRE, 1,
	    "C(no-tls/TLS/0)", "EHLO mail.example.org\r\nSTARTTLS\r\n" },
};

static void
run_case(const struct test_case *c)
{
	struct queue_conf conf = make_conf(c->options);
	struct body *body = make_body("Subject: x\r\n\r\n.dot\n", 1);
	struct smtp_rcpt rcpts[3] = { { "r0@example.net",
					  "rfc822;a+2Bb@example.net",
					  NOTIFY_SUCCESS | NOTIFY_DELAY },
		{ "r1@example.net", "", 0 }, { "r2@example.net", "", 0 } };
	const char *wrong;

	make_transactions(c->options, (c->options & O_TWO) != 0 ? 2 : 1, body,
	    rcpts, c->rcpts);
	start(c->script, c->options, &conf);
	worker_run(o.worker);
	is_str(buf_cstr(&o.told), c->told, c->label);
	wrong = smtp_script_wrong(o.script);
	ok(wrong == NULL, "%s: the script%s%s", c->label,
	    wrong == NULL ? "" : ": ", wrong == NULL ? "" : wrong);
	if (c->heard != NULL)
		is_str(smtp_script_heard(o.script, NULL), c->heard,
		    "what the server heard");
	if (!o.closed) { /* only when something is broken */
		smtp_session_drop(o.session);
	}
	finish();
	ok(atomic_load(&body->refs.count) == 1, "%s: the body is let go",
	    c->label);
	body_unref(&body);
}

/* ---- facts --------------------------------------------------------------- */

static void
test_facts(void)
{
	static const char *const script[] = { HELLO, "<EHLO",
		"+250-mx hi\r\n250-SIZE 1000\r\n250-STARTTLS\r\n250 DSN\r\n",
		"<STARTTLS", ">220 go", "tls", "<EHLO",
		"+250-mx hi\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250 DSN\r\n",
		ENVELOPE, "+250 ok\r\n250 ok\r\n354 go\r\n", "body",
		"+250-2.0.0 one\r\n250 2.0.0 two\x01\r\n", BYE, NULL };
	struct queue_conf conf = make_conf(O_USE);
	struct body *body = make_body("Subject: x\r\n\r\nhello\r\n", 1);
	struct smtp_rcpt rcpt = { "r0@example.net", "", 0 };

	make_transactions(0, 1, body, &rcpt, 1);
	start(script, O_USE, &conf);
	worker_run(o.worker);
	is_str(buf_cstr(&o.text), "250 2.0.0 one two?\n", "text in one line");
	is_str(o.esmtp, "PIPELINING,SIZE,DSN", "keywords of the EHLO in force");
	ok(strncmp(o.tls_text, "TLSv1.3 TLS_", 12) == 0, "TLS: %s", o.tls_text);
	is_int(o.last.size, (int64_t)body->len, "size");
	ok(o.last.wall_us > INT64_C(1700000000000000), "wall clock");
	finish();
	body_unref(&body);
}

int
main(void)
{
	struct err e;

	CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	ok(tls_client_new(&o.tls, &e) == 0, "a TLS client");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		run_case(&cases[i]);
	test_facts();
	buf_fini(&o.told);
	buf_fini(&o.text);
	tls_client_free(&o.tls);
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mail merge as PowerMTA's clients send it: each recipient gets the text that
 * is his, all get one or none does, and what is wrong is said where it can be.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/worker.h"
#include "tests/tap.h"
#include "tests/unit/ingress_client.h"
#include "transport/ingress_merge.h"
#include "transport/ingress_senders.h"

static void
begin(struct client *c)
{
	world_reset();
	world.conf.source.relay = true;
	world.conf.source.add_received = false;
	world.conf.source.allow_mailmerge = true;
	client_open(c, INGRESS_SMTP, "192.0.2.1", SOCK_STREAM);
	ok(client_talk(c, SMTP_HELLO), "hello");
}

#define XMRG "> XMRG FROM:<s@a.test>\n< 250 2.1.0 OK\n"
#define RCPT(addr) "> RCPT TO:<" addr ">\n< 250 2.1.5 OK\n"
#define XDFN(text) "> XDFN " text "\n< 250 2.0.0 OK\n"
#define RCPT_ONLY "> RCPT TO:<a@b.test>\n"
#define PART "< 354 end part*\n"
#define DONE "> .\n< 250 2.6.0 message received\n"

static const char *
stored(void)
{
	return buf_cstr(&world.store.merge);
}

/* ---- what is stored ------------------------------------------------------ */

#define HEAD "X-Policy: ran\r\n"

static const struct {
	const char *label, *script, *stored;
} cases[] = {
	{ "each has his text",
	    XMRG XDFN("name=\"Ann Lee\"") RCPT("ann@b.test") XDFN("NAME=Bob")
		RCPT("bob@b.test") "> XPRT 1 LAST\n" PART
				   "> To: <[*to]>\n> From: [*from]\n> "
				   "\n> Dear [name],\n" DONE,
	    "s@a.test ann@b.test one campaign - 70 0\n" HEAD
	    "To: <ann@b.test>\r\nFrom: s@a.test\r\n\r\nDear Ann Lee,\r\n"
	    "s@a.test bob@b.test one campaign - 70 0\n" HEAD
	    "To: <bob@b.test>\r\nFrom: s@a.test\r\n\r\nDear Bob,\r\n" },
	{ "who gets the same, gets one message",
	    XMRG XDFN("n=1") RCPT("a@b.test") XDFN("n=1") RCPT("c@b.test")
		XDFN("n=2") RCPT("d@b.test") "> XPRT 1 LAST\n" PART
					     "> Subject: [n]\n> \n> x\n" DONE,
	    "s@a.test a@b.test,c@b.test one campaign - 70 0\n" HEAD
	    "Subject: 1\r\n\r\nx\r\n"
	    "s@a.test d@b.test one campaign - 70 0\n" HEAD
	    "Subject: 2\r\n\r\nx\r\n" },
	{ "also where variables differ that nobody sees",
	    XMRG XDFN("n=1") RCPT("a@b.test") XDFN("n=2") RCPT("c@b.test")
		XDFN("*from=s@a.test") RCPT("d@b.test") XDFN("*from=t@a.test")
		    RCPT("e@b.test") "> XPRT 1 LAST\n" PART "> A: [[]n]\n" DONE,
	    "s@a.test a@b.test,c@b.test,d@b.test one campaign - 70 0\n" HEAD
	    "A: [n]\r\n\r\n"
	    "t@a.test e@b.test one campaign - 70 0\n" HEAD "A: [n]\r\n\r\n" },
	{ "but not with another job",
	    XMRG RCPT("a@b.test") XDFN("*jobid=j") RCPT(
		"c@b.test") "> XPRT 1 LAST\n" PART "> A: b\n> \n> x\n" DONE,
	    "s@a.test a@b.test one campaign - 70 0\n" HEAD "A: b\r\n\r\nx\r\n"
	    "s@a.test c@b.test one j - 70 0\n" HEAD "A: b\r\n\r\nx\r\n" },
	{ "what is reserved",
	    "> XMRG FROM:<s@a.test> VERP ENVID=all\n< 250 2.1.0 OK\n" XDFN(
		"*from=t@a.test *envid=\"e 1\" *vmta=two *jobid=j7")
		XDFN("*priority=9 *schedule=\"2026-11-30 08:00:00 / "
		     "2026-11-30 12:00:00\"") RCPT("a@b.test")
		    RCPT("c@b.test") "> XPRT 1 LAST\n" PART
				     "> A: [*jobid] [*from]\n" DONE,
	    "t@a.test a@b.test two j7 e+201 9 1 verp\n" HEAD
	    "A: j7 t@a.test\r\n\r\n"
	    "s@a.test c@b.test one campaign all 70 0 verp\n" HEAD
	    "A:  s@a.test\r\n\r\n" },
	{ "parts in their order",
	    XMRG XDFN("*parts=1,3,2") RCPT("a@b.test") XDFN("*parts=1-2")
		RCPT("c@b.test") "> XPRT 1\n" PART
				 "> A: b\n> \n> .\n< 250 2.6.0 part ok\n"
				 "> XPRT 2\n" PART
				 "> two\n> .\n< 250 2.6.0 part ok\n"
				 "> XPRT 3 LAST\n" PART "> three\n> ..\n" DONE,
	    "s@a.test a@b.test one campaign - 70 0\n" HEAD
	    "A: b\r\n\r\nthree\r\n.\r\ntwo\r\n"
	    "s@a.test c@b.test one campaign - 70 0\n" HEAD
	    "A: b\r\n\r\ntwo\r\n" },
	{ "an empty part, and none of a number below",
	    XMRG XDFN("*parts=7,2")
		RCPT("a@b.test") "> XPRT 7\n" PART "> .\n< 250 2.6.0 part ok\n"
				 "> XPRT 2 LAST\n" PART "> A: b\n" DONE,
	    "s@a.test a@b.test one campaign - 70 0\n" HEAD "A: b\r\n\r\n" },
	{ "an empty message",
	    XMRG RCPT("a@b.test") RCPT("c@b.test") "> XPRT 1 LAST\n" PART DONE,
	    "s@a.test a@b.test,c@b.test one campaign - 70 0\n" HEAD "\r\n" },
	{ "a definition is of one recipient",
	    XMRG XDFN("n=1") RCPT("a@b.test")
		RCPT("c@b.test") "> XPRT 1 LAST\n" PART "> A: [n].\n" DONE,
	    "s@a.test a@b.test one campaign - 70 0\n" HEAD "A: 1.\r\n\r\n"
	    "s@a.test c@b.test one campaign - 70 0\n" HEAD "A: .\r\n\r\n" },
	{ "also of one who was refused",
	    XMRG XDFN("n=1") "> RCPT TO:<a@@>\n< 501*\n" RCPT(
		"c@b.test") "> XPRT 1 LAST\n" PART "> A: [n].\n" DONE,
	    "s@a.test c@b.test one campaign - 70 0\n" HEAD "A: .\r\n\r\n" },
	{ "with XACK OFF nothing is said",
	    "> XACK OFF\n< 250 2.0.0 OK\n" XMRG
	    "> XDFN n=1\n> RCPT TO:<a@b.test>\n> XPRT 1 LAST\n" PART
	    "> A: [n]\n" DONE,
	    "s@a.test a@b.test one campaign - 70 0\n" HEAD "A: 1\r\n\r\n" },
	{ "nor in a transaction of DATA",
	    "> XACK OFF\n< 250*\n> MAIL FROM:<s@a.test>\n< 250*\n"
	    "> RCPT TO:<a@b.test>\n> DATA\n< 354*\n> A: [n]\n> .\n< 250*\n",
	    "s@a.test a@b.test one campaign - 70 0\n" HEAD "A: [n]\r\n\r\n" },
};

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct client c;

		begin(&c);
		ok(client_talk(&c, cases[i].script), "%s", cases[i].label);
		is_str(stored(), cases[i].stored, cases[i].label);
		ok(client_talk(&c, "> NOOP\n< 250 2.0.0 OK\n"), "in step");
		client_close(&c);
		is_int(world.store.taken, 1, "in one transaction");
		is_int(world.dispatch.messages, 1 + world.store.merged,
		    "each is to be delivered");
		is_int(world.dispatch.rcpts,
		    world.store.rcpts_new + world.store.merged_rcpts,
		    "to each recipient");
	}
}

/* ---- what is refused ----------------------------------------------------- */

static const struct {
	const char *label, *script;
} refused[] = {
	{ "XDFN, XPRT without XMRG",
	    "> XDFN n=1\n< 503 5.5.1 XMRG first\n"
	    "> XPRT 1 LAST\n< 503 5.5.1 XMRG first\n"
	    "> MAIL FROM:<s@a.test>\n< 250*\n> XDFN n=1\n< 503*\n"
	    "> RCPT TO:<a@b.test>\n< 250*\n> XPRT 1\n< 503*\n" },
	{ "DATA and BDAT in a merge",
	    XMRG RCPT("a@b.test") "> DATA\n< 503 5.5.1 a mail merge*\n" },
	{ "no recipient",
	    XMRG "> XPRT 1 LAST\n< 554 5.5.1 no valid recipients\n" },
	{ "a definition that is none, and its recipient",
	    XMRG "> XDFN n=\"1\n< 501 5.5.4 XDFN: syntax error\n"
		 "> RCPT TO:<a@b.test>\n< 503 5.5.1 its XDFN was refused\n"
		 "> XPRT 1 LAST\n< 554*\n" },
	{ "no blank behind XDFN",
	    XMRG "> XDFNn=1\n< 501 5.5.4 XDFN: a blank*\n"
		 "> RCPT TO:<a@b.test>\n< 503 5.5.1 its XDFN was refused\n"
		 "> xdfn*from=t@a.test b=1\n< 501 5.5.4 XDFN: a blank*\n"
		 "> RCPT TO:<c@b.test>\n< 503 5.5.1 its XDFN was refused\n"
		 "> XPRT 1 LAST\n< 554*\n" },
	{ "nor where no reply is awaited",
	    "> XACK OFF\n< 250*\n" XMRG "> XDFNn=1\n> RCPT TO:<a@b.test>\n"
	    "> XPRT 1 LAST\n< 501 5.5.4 XDFN: a blank*\n" },
	{ "a control character in one",
	    XMRG "> XDFN n=\"a\rBcc: x\"\n< 500 5.5.2 control*\n"
		 "> RCPT TO:<a@b.test>\n< 503 5.5.1 its XDFN was refused\n" },
	{ "XMRG behind XFORWARD",
	    "> XFORWARD NAME=x\n< 250*\n> XMRG FROM:<s@a.test>\n"
	    "< 503 5.5.1 no XMRG*\n" },
	{ "a number twice, and RCPT or XDFN behind a part",
	    XMRG RCPT(
		"a@b.test") "> XPRT 1\n" PART "> .\n< 250*\n> XPRT 1\n"
			    "< 503 5.5.1 that part*\n"
			    "> XDFN n=1\n< 503 5.5.1 the message has*\n"
			    "> RCPT TO:<c@b.test>\n< 503 5.5.1 the mes*\n" },
	{ "numbers that are none",
	    XMRG RCPT("a@b.test") "> XPRT 0\n< 501*\n> XPRT 1001\n< 501*\n"
				  "> XPRT 1 FIRST\n< 501*\n> XPRT\n< 501*\n"
				  "> XPRT 1 LAST 2\n< 501*\n" },
	{ "XACK something", "> XACK\n< 501*\n> XACK MAYBE\n< 501*\n" },
	{ "several parts and no *parts",
	    XMRG RCPT("a@b.test") "> XPRT 1\n" PART "> A: b\n> .\n< 250*\n"
				  "> XPRT 2 LAST\n" PART
				  "> .\n< 554 5.6.0 several parts*\n" },
	{ "a part that there is not, of the second",
	    XMRG RCPT("a@b.test") XDFN("*parts=1-2")
		RCPT("c@b.test") "> XPRT 1 LAST\n" PART
				 "> A: b\n> .\n< 554 5.6.0 *parts names*\n" },
	{ "a bare CR in a part",
	    XMRG RCPT("a@b.test") "> XPRT 1\n" PART
				  "> A: b\n> x\ry\n> .\n< 550 5.6.0 bare*\n"
				  "> XPRT 2 LAST\n< 503*\n" },
	{ "an error that was not said",
	    "> XACK OFF\n< 250*\n" XMRG
	    "> XDFN a=\"\n> RCPT TO:<a@b.test>\n> RCPT TO:<c@b.test>\n"
	    "> XPRT 1 LAST\n< 501 5.5.4 XDFN: syntax error\n"
	    "> XPRT 1 LAST\n< 503*\n" },
	{ "nor in a transaction of DATA",
	    "> XACK OFF\n< 250*\n> MAIL FROM:<s@a.test>\n< 250*\n"
	    "> RCPT TO:<c@b.test> X=1\n> RCPT TO:<a@b.test>\n> DATA\n< 555*\n"
	    "> DATA\n< 503 5.5.1 MAIL first\n" },
	{ "XMRG is not hushed",
	    "> XACK OFF\n< 250*\n> XMRG FROM:<@>\n< 501*\n" },
	{ "parameters are those of MAIL",
	    "> XMRG FROM:<s@a.test> VERSION=1\n< 555*\n" },
};

static void
test_refused(void)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		struct client c;

		begin(&c);
		world.conf.source.allow_xforward = "yes";
		client_close(&c);
		client_open(&c, INGRESS_SMTP, "192.0.2.1", SOCK_STREAM);
		ok(client_talk(&c, SMTP_HELLO), "hello");
		ok(client_talk(&c, refused[i].script), "%s", refused[i].label);
		ok(client_talk(&c, "> XACK ON\n> NOOP\n< 250*\n< 250*\n"),
		    "in step");
		client_close(&c);
		is_int(world.store.taken, 0, "nothing is kept");
	}
}

static void
test_not_offered(void)
{
	static const char *const verbs[] = { "XMRG FROM:<s@a.test>", "XDFN n=1",
		"XPRT 1", "XACK OFF" };
	struct client c;

	begin(&c);
	client_close(&c);
	world.conf.source.allow_mailmerge = false;
	client_open(&c, INGRESS_SMTP, "192.0.2.1", SOCK_STREAM);
	ok(client_talk(&c, SMTP_HELLO), "hello");
	for (size_t i = 0; i < 4; i++) {
		char script[80];

		(void)snprintf(script, sizeof(script),
		    "> %s\n< 502 5.5.1 command not implemented\n", verbs[i]);
		ok(client_talk(&c, script), "%s", verbs[i]);
	}
	ok(client_talk(&c,
	       "> EHLO x\n< 250-mx.test\n< 250-PIPELINING\n< 250-8BITMIME\n"
	       "< 250-SMTPUTF8\n< 250-SIZE 0\n< 250-ENHANCEDSTATUSCODES\n"
	       "< 250-VERP\n< 250 DSN\n"),
	    "and not in EHLO");
	client_close(&c);
	world.conf.source.allow_api = true;
	client_open(&c, INGRESS_SMTP, "192.0.2.1", SOCK_STREAM);
	ok(client_talk(&c,
	       "< 220*\n> EHLO x\n< 250-mx.test\n< 250-PIPELINING\n"
	       "< 250-8BITMIME\n< 250-SMTPUTF8\n< 250-SIZE 0\n"
	       "< 250-ENHANCEDSTATUSCODES\n< 250-XACK\n< 250-XMRG\n"
	       "< 250-VERP\n< 250 DSN\n"),
	    "always-allow-api-submission offers it");
	ok(client_talk(&c, XMRG), "and takes it");
	client_close(&c);
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c, LMTP_HELLO "> XMRG FROM:<s@a.test>\n< 502*\n"),
	    "never in LMTP");
	client_close(&c);
}

/* ---- sizes --------------------------------------------------------------- */

static void
send_line(struct client *c, const char *start, size_t fill)
{
	struct buf b = { 0 };

	buf_str(&b, start);
	for (size_t i = 0; i < fill; i++)
		buf_byte(&b, 'x');
	buf_str(&b, "\r\n");
	/* In pieces: a long line comes so. */
	for (size_t at = 0; at < b.len; at += 1000)
		client_send(c, b.p + at, b.len - at < 1000 ? b.len - at : 1000);
	buf_fini(&b);
}

static void
test_lines(void)
{
	struct client c;

	begin(&c);
	ok(client_talk(&c, XMRG), "XMRG");
	send_line(&c, "XDFN n=", XDFN_LINE_MAX - 9);
	ok(client_talk(&c, "< 250*\n"), "a definition as long as may be");
	ok(client_talk(&c, RCPT("a@b.test")), "its recipient");
	send_line(&c, "xdfn n=", XDFN_LINE_MAX - 8);
	ok(client_talk(&c,
	       "< 500 5.5.2 line too long\n> RCPT TO:<c@b.test>\n"
	       "< 503 5.5.1 its XDFN was refused\n"),
	    "one longer, and nobody gets a text without it");
	client_send(&c, "XD", 2);
	client_pump(&c);
	client_send(&c, "FN n=1\r", 7);
	client_pump(&c);
	client_send(&c, "\n", 1);
	ok(client_talk(&c, "< 250*\n"), "one in pieces");
	send_line(&c, "NOOP ", 3000);
	ok(client_talk(&c, "< 500 5.5.2 line too long\n"),
	    "other commands are shorter");
	send_line(&c, "RCPT TO:<", 3000);
	ok(client_talk(&c,
	       "< 500 5.5.2 line too long\n" RCPT(
		   "c@b.test") "> XPRT 1 LAST\n" PART "> A: [n].\n" DONE),
	    "also RCPT");
	ok(strstr(stored(), "A: 1.") == NULL,
	    "and its definitions are not those of the next");
	ok(client_talk(&c, "> XACK OFF\n< 250*\n" XMRG RCPT_ONLY), "no acks");
	send_line(&c, "RCPT TO:<", 3000);
	ok(client_talk(&c, "> XPRT 1 LAST\n< 500 5.5.2 line too long\n"),
	    "then it is said later");
	is_int(world.store.taken, 1, "and of that nothing is kept");
	client_close(&c);
}

static void
test_too_big(void)
{
	struct client c;

	begin(&c);
	client_close(&c);
	world.conf.source.max_size = 60;
	client_open(&c, INGRESS_SMTP, "192.0.2.1", SOCK_STREAM);
	ok(client_talk(&c,
	       SMTP_HELLO XMRG XDFN(
		   "n=1234567890123456789012345678901234567890")
		   RCPT(
		       "a@b.test") "> XPRT 1 LAST\n" PART
				   "> A: [n][n]\n> .\n< 552 5.3.4 a message*\n"),
	    "too big with its variables");
	ok(client_talk(&c,
	       XMRG XDFN("*parts=1,1")
		   RCPT("a@b.test") "> XPRT 1 LAST\n" PART
				    "> A: [n][n][n][n][n][n][n][n][n]\n"
				    "> .\n< 552 5.3.4 a message*\n"),
	    "too big without them");
	ok(client_talk(&c,
	       XMRG RCPT("a@b.test") "> XPRT 1\n" PART
				     "> 1234567890123456789012345678901234\n"
				     "> .\n< 250*\n> XPRT 2\n" PART
				     "> 1234567890123456789012345678901234\n"
				     "> .\n< 552 5.3.4 message too big\n"
				     "> XPRT 2\n< 503*\n"),
	    "parts that are too big together");
	is_int(world.store.taken, 0, "nothing is kept");
	client_close(&c);
}

/* ---- other ends ---------------------------------------------------------- */

#define ONE(n) XMRG XDFN("n=" n) RCPT("a@b.test") RCPT("c@b.test")

static void
test_store(void)
{
	struct client c;

	begin(&c);
	world.store.answer = STORE_NO_SPACE;
	ok(client_talk(&c,
	       ONE("1") "> XPRT 1 LAST\n" PART
			"> A: [n]\n> .\n< 452 4.3.1 no room*\n"),
	    "no space");
	world.store.answer = STORE_BAD;
	ok(client_talk(&c,
	       ONE("1") "> XPRT 1 LAST\n" PART "> A: [n]\n> .\n< 554 5.3.0*\n"),
	    "what cannot be kept");
	world.store.answer = STORE_TAKEN;
	world.conf.trouble = "no key";
	ok(client_talk(&c,
	       ONE("1") "> XPRT 1 LAST\n" PART "> A: [n]\n> .\n< 451 4.3.0*\n"),
	    "what cannot be signed");
	world.conf.trouble = NULL;
	world.conf.fault = SENDER_DENIED;
	ok(client_talk(&c,
	       ONE("1") "> XPRT 1 LAST\n" PART "> A: [n]\n> .\n< 550 5.7.1*\n"),
	    "a sender that may not be used");
	world.conf.fault = SENDER_FINE;
	is_int(world.dispatch.messages, 0, "nothing is delivered");
	world.store.delayed = true;
	ok(client_talk(&c, ONE("1") "> XPRT 1 LAST\n" PART "> A: [n]\n> .\n"),
	    "no answer before the store's");
	client_close(&c);
	fake_store_answer(&world.store);
	client_pump(&c);
	is_int(world.dispatch.messages, 2,
	    "a client that has gone by then changes nothing");
	is_int(world.env.sessions_in, 0, "and its session ends");
}

/* Before the store has it there is no promise. */
static void
test_gone(void)
{
	struct client c;

	begin(&c);
	ok(client_talk(&c,
	       ONE("1") "> XPRT 1\n" PART "> A: [n]\n> .\n< 250*\n"),
	    "one part");
	client_close(&c);
	client_pump(&c);
	is_int(world.env.sessions_in, 0, "the session ends");
	is_int(world.store.taken, 0, "nothing is kept");
}

/* Nor while the messages are made, turn by turn. */
static void
test_gone_within(void)
{
	struct ingress_session *s;
	struct client c;
	char line[80];
	int i;

	begin(&c);
	ok(client_talk(&c, XMRG), "a merge");
	for (i = 0; i < 9000; i++) {
		(void)snprintf(line, sizeof(line),
		    "XDFN n=%d\r\nRCPT TO:<r%d@b.test>\r\n", i, i);
		client_send(&c, line, strlen(line));
		if (i % 100 == 0)
			client_pump(&c);
	}
	client_pump(&c);
	buf_clear(&c.got);
	ok(write(c.fd, "XPRT 1 LAST\r\nA: [n]\r\n.\r\n", 24) == 24, "of many");
	s = LIST_FIRST(&world.env.ingress);
	for (i = 0; i < 1000 && s->state != INGRESS_MERGE; i++)
		(void)event_base_loop(worker_base(world.worker),
		    EVLOOP_ONCE | EVLOOP_NONBLOCK);
	is_int(s->state, INGRESS_MERGE, "it is being made");
	/* 354 is unread: a reset, and not the end of what it has to say. */
	client_close(&c);
	client_pump(&c);
	is_int(world.env.sessions_in, 0, "the session ends");
	is_int(world.store.taken, 0, "nothing is kept");
	is_int(world.dispatch.messages, 0, "and nothing sent");
}

static void
test_suppressed(void)
{
	struct client c;

	begin(&c);
	world.conf.listed = "a@b.test";
	ok(client_talk(&c,
	       XMRG "> RCPT TO:<a@b.test>\n< 550 5.7.1*\n" RCPT(
		   "c@b.test") "> XPRT 1 LAST\n" PART "> A: b\n" DONE),
	    "told at RCPT");
	is_int(world.store.refused, 1, "its record goes with the merge");
	is_int(world.store.rcpts_new, 1, "and it is not queued");
	ok(client_talk(&c,
	       "> XACK OFF\n< 250*\n" XMRG
	       "> RCPT TO:<a@b.test>\n> RCPT TO:<c@b.test>\n> XPRT 1 LAST\n" PART
	       "> A: b\n" DONE),
	    "not told");
	is_int(world.store.rcpts_new, 3, "so it ends before its delivery");
	ok(client_talk(&c,
	       XMRG
	       "> RCPT TO:<a@@>\n> RCPT TO:<c@b.test>\n> XPRT 1 LAST\n" PART
	       "> A: b\n" DONE),
	    "an address that cannot be read");
	is_int(world.store.rcpts_new, 4, "is not queued");
	is_int(world.store.failed, 1, "and has its record");
	client_close(&c);
}

static bool
is_recorded(const char *what)
{
	const struct buf *b = &world.store.refusals;

	return memmem(b->p, b->len, what, strlen(what)) != NULL;
}

/* Of who is in a list, too: also where one comes after another was settled. */
static void
test_refused_own(void)
{
	struct client c;

	begin(&c);
	world.conf.listed = "a@b.test";
	ok(client_talk(&c,
	       XMRG XDFN("*from=t@a.test") "> RCPT TO:<a@b.test>\n< 550*\n"
					   "> XPRT 1 LAST\n< 554*\n"),
	    "nobody is left");
	ok(is_recorded("t@a.test") && !is_recorded("s@a.test"),
	    "a record of his sender");
	ok(client_talk(&c,
	       XDFN("*from=u@a.test") "> RCPT TO:<a@b.test>\n< 550*\n"
				      "> RSET\n< 250*\n"),
	    "another one");
	ok(is_recorded("u@a.test") && !is_recorded("t@a.test"), "likewise");
	is_int(world.store.refused_alone, 2, "both alone");
	client_close(&c);
}

/* Of whom nobody can read the address: his own sender gets his own text back. */
static void
test_unparsed(void)
{
	struct conf_host host = { .name = NULL };
	const char *told;
	struct client c;

	begin(&c);
	world.conf.global.dsn_hosts.v = &host;
	world.conf.global.dsn_hosts.n = 1;
	ok(client_talk(&c,
	       "> XACK OFF\n< 250*\n" XMRG
	       "> XDFN n=1 *jobid=first\n> RCPT TO:<a@b.test>\n"
	       "> XDFN n=2 *from=t@a.test *jobid=mine\n> RCPT TO:<x@@>\n"
	       "> RCPT TO:<y@@>\n"
	       "> XDFN n=3 *from=u@a.test\n> RCPT TO:<z@@>\n"
	       "> XPRT 1 LAST\n< 354*\n"
	       "> Subject: [n]\n> X-Mailrace-Auth: me\n" DONE),
	    "some among others");
	is_int(world.store.failed, 3, "each has his record");
	is_int(world.store.mails, 3, "and each sender is told");
	is_int(world.dispatch.messages, 4, "all of which is to be delivered");
	told = buf_cstr(&world.store.mail);
	ok(strstr(told, "To: <u@a.test>\r\n") != NULL &&
		strstr(told, "\nSubject: 3\r\n") != NULL &&
		strstr(told, "rfc822; z@@") != NULL &&
		strstr(told, "rfc822; x@@") == NULL &&
		strstr(told, "X-Mailrace-Auth") == NULL,
	    "the last of them of his own");
	ok(is_recorded("t@a.test") && is_recorded("u@a.test"),
	    "records name their senders");
	ok(is_recorded("mine") && !is_recorded("first"), "and their jobs");

	ok(client_talk(&c,
	       XMRG "> XDFN *from=t@a.test\n> RCPT TO:<x@@>\n"
		    "> RCPT TO:<y@@>\n> XPRT 1 LAST\n< 354*\n"
		    "> Subject: all\n" DONE),
	    "nobody else is named");
	is_int(world.store.failed, 5, "two records");
	is_int(world.store.mails, 5, "two are told");
	is_int(world.store.taken, 1, "there is no message");
	ok(client_talk(&c,
	       XMRG "> RCPT TO:<x@@> NOTIFY=NEVER\n> XPRT 1 LAST\n" PART
		    "> Subject: all\n" DONE "> NOOP\n< 250*\n"),
	    "who does not want to be told");
	is_int(world.store.mails, 5, "is not");
	client_close(&c);
}

/* Who gets no message gives nobody a name that the client may not use. */
static void
test_denied(void)
{
	struct conf_host host = { .name = NULL };
	struct client c;

	begin(&c);
	world.conf.global.dsn_hosts.v = &host;
	world.conf.global.dsn_hosts.n = 1;
	world.conf.denied = "t@a.test";
	world.conf.listed = "l@b.test";
	ok(client_talk(&c,
	       "> XACK OFF\n< 250*\n" XMRG "> RCPT TO:<a@b.test>\n"
	       "> XDFN *from=t@a.test\n> RCPT TO:<x@@>\n"
	       "> XPRT 1 LAST\n" PART "> A: b\n> .\n"
	       "< 550 5.7.1 this sender address must not be used here\n"),
	    "an address that cannot be read: the merge is refused");
	is_int(world.store.taken + world.store.mails + world.store.failed, 0,
	    "nobody is told, and nothing kept");
	is_int(count_read(&world.env.sender_counts->denied), 1, "counted");
	ok(client_talk(&c,
	       XMRG
	       "> XDFN *from=t@a.test\n> RCPT TO:<x@@>\n> XPRT 1 LAST\n" PART
	       "> A: b\n> .\n< 550 5.7.1 this sender*\n"),
	    "also where nobody else is named");
	is_int(world.store.mails, 0, "nobody is told");
	ok(client_talk(&c,
	       "> XACK ON\n< 250*\n" XMRG XDFN(
		   "*from=t@a.test") "> RCPT TO:<l@b.test>\n< 550*\n> RSET\n< 250*\n"),
	    "one who is in a list");
	ok(is_recorded("s@a.test") && !is_recorded("t@a.test"),
	    "his record names the client's sender");
	client_close(&c);
}

#define UNREAD(n) "> XDFN n=" n "\n> RCPT TO:<x@@>\n"
#define TEXT "> XPRT 1 LAST\n" PART "> A: [n]\n"

/* Senders who are told are in the queue as any other mail is. */
static void
test_places(void)
{
	struct conf_host host = { .name = NULL };
	struct client c;

	begin(&c);
	world.conf.global.dsn_hosts.v = &host;
	world.conf.global.dsn_hosts.n = 1;
	world_gate(2, 0);
	ok(client_talk(&c,
	       "> XACK OFF\n< 250*\n" XMRG UNREAD("1") UNREAD("2") UNREAD("3")
		   TEXT "> .\n< 452 4.3.1 no room*\n" XMRG
			"> RCPT TO:<a@b.test>\n" UNREAD("1") UNREAD("2") TEXT
	       "> .\n< 452 4.3.1 no room*\n"),
	    "three, and room for two");
	is_int(world.store.mails + world.store.taken, 0, "nothing is kept");
	is_int(gauge_inside(world.places), 0, "and no place");
	ok(client_talk(&c, XMRG UNREAD("1") UNREAD("2") TEXT DONE), "two");
	is_int(world.store.mails, 2, "are told");
	is_int(gauge_inside(world.places), 0,
	    "places are given back, once the store has its own");
	ok(client_talk(&c, XMRG RCPT_ONLY UNREAD("1") TEXT DONE),
	    "one, beside a message");
	is_int(gauge_inside(world.places), 2, "it has taken a place, too");
	client_close(&c);
}

static void
test_undefined(void)
{
	struct client c;

	begin(&c);
	world.conf.global.merge_empties = "no";
	ok(client_talk(&c,
	       XMRG RCPT("a@b.test") "> XPRT 1 LAST\n" PART
				     "> A: [n][*to]\n" DONE),
	    "undefined variables that stay");
	ok(strstr(stored(), "A: [n]a@b.test\r\n") != NULL, "as they stand");
	client_close(&c);
}

static void
test_bcc(void)
{
	static const char *bcc[] = { "copy@d.test" };
	struct client c;

	begin(&c);
	world.conf.source.bcc.v = bcc;
	world.conf.source.bcc.n = 1;
	ok(client_talk(&c, ONE("1") "> XPRT 1 LAST\n" PART "> A: [n]\n" DONE),
	    "a source with bcc");
	ok(strstr(stored(), " a@b.test,copy@d.test ") != NULL &&
		strstr(stored(), " c@b.test,copy@d.test ") != NULL,
	    "each message has its copy");
	world.conf.source.bcc.n = 0;
	client_close(&c);
}

int
main(void)
{
	(void)setenv("TZ", "UTC", 1);
	world_init();
	test_cases();
	test_refused();
	test_not_offered();
	test_lines();
	test_too_big();
	test_store();
	test_gone();
	test_gone_within();
	test_suppressed();
	test_refused_own();
	test_unparsed();
	test_denied();
	test_places();
	test_undefined();
	test_bcc();
	world_fini();
	return done_testing();
}

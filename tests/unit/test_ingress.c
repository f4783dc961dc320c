/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ingress sessions, seen from the client: what is said to whom, and what the
 * store is given of a message that came.
 */
#include <string.h>

#include "tests/tap.h"
#include "tests/unit/ingress_client.h"

/* ---- transcripts --------------------------------------------------------- */

static const struct {
	const char *label;
	enum ingress_protocol protocol;
	const char *ip; /* of the client; NULL: unix socket */
	const char *script;
	unsigned taken, rcpts; /* messages and recipients in the store then */
	bool closed;           /* we hung up */
} cases[] = {
	{ "one message, pipelined", INGRESS_LMTP, NULL,
	    LMTP_HELLO "> MAIL FROM:<s@a.test> SIZE=100 BODY=8BITMIME\n"
		       "> RCPT TO:<r@b.test> ORCPT=rfc822;r@b.test\n"
		       "> RCPT TO:<q@c.test>\n"
		       "> DATA\n"
		       "< 250 2.1.0 OK\n"
		       "< 250 2.1.5 OK\n"
		       "< 250 2.1.5 OK\n"
		       "< 354*\n"
		       "> Subject: x\n> \n> text\n> .\n> QUIT\n"
		       "< 250 2.1.5 <r@b.test> queued as 0000000000000001\n"
		       "< 250 2.1.5 <q@c.test> queued as 0000000000000001\n"
		       "< 221 2.0.0*\n",
	    1, 2, true },
	{ "a reply for accepted recipients only", INGRESS_LMTP, NULL,
	    LMTP_HELLO "> MAIL FROM:<>\n"
		       "> RCPT TO:<r@b.test>\n"
		       "> RCPT TO:<r@b..test>\n"
		       "> RCPT TO:<q@c.test>\n"
		       "> DATA\n"
		       "< 250 2.1.0 OK\n"
		       "< 250 2.1.5 OK\n"
		       "< 501 5.1.3*\n"
		       "< 250 2.1.5 OK\n"
		       "< 354*\n"
		       "> Subject: x\n> \n> .\n"
		       "< 250 2.1.5 <r@b.test> queued*\n"
		       "< 250 2.1.5 <q@c.test> queued*\n",
	    1, 2, false },
	{ "two messages in one write", INGRESS_LMTP, NULL,
	    LMTP_HELLO OPEN_ONE
	    "> A: b\n> \n> .\n> RSET\n> MAIL FROM:<s@a.test>\n"
	    "> RCPT TO:<r@b.test>\n> DATA\n"
	    "< 250 2.1.5 <r@b.test> queued as 0000000000000001\n"
	    "< 250 2.0.0 OK\n"
	    "< 250 2.1.0 OK\n"
	    "< 250 2.1.5 OK\n"
	    "< 354*\n"
	    "> A: b\n> \n> .\n"
	    "< 250 2.1.5 <r@b.test> queued as 0000000000000002\n",
	    2, 2, false },
	{ "an address probe is no message", INGRESS_LMTP, NULL,
	    LMTP_HELLO "> MAIL FROM:<>\n> RCPT TO:<r@b.test>\n> RSET\n"
		       "< 250 2.1.0 OK\n< 250 2.1.5 OK\n< 250 2.0.0 OK\n"
		       "> MAIL FROM:<>\n> RCPT TO:<r@b.test>\n> QUIT\n"
		       "< 250 2.1.0 OK\n< 250 2.1.5 OK\n< 221*\n",
	    0, 0, true },
	{ "DATA without recipients, LMTP", INGRESS_LMTP, NULL,
	    LMTP_HELLO "> MAIL FROM:<>\n> DATA\n"
		       "< 250*\n< 503 5.5.1*\n",
	    0, 0, false },
	{ "DATA without recipients, SMTP", INGRESS_SMTP, NULL,
	    SMTP_HELLO "> MAIL FROM:<>\n> RCPT TO:<r@b.test>\n> DATA\n"
		       "< 250*\n< 550 5.7.1 relaying denied\n< 554 5.5.1*\n",
	    0, 0, false },
	{ "commands out of order", INGRESS_LMTP, NULL,
	    "< 220*\n> MAIL FROM:<>\n< 503 5.5.1*\n"
	    "> RCPT TO:<a@b.test>\n< 503 5.5.1*\n"
	    "> DATA\n< 503 5.5.1*\n"
	    "> EHLO a\n< 500 5.5.1*\n"
	    "> LHLO a\n< 250-*\n< 250-*\n< 250-*\n< 250-*\n< 250-*\n"
	    "< 250-*\n< 250-*\n< 250 DSN\n"
	    "> MAIL FROM:<>\n> MAIL FROM:<>\n> XFORWARD IDENT=A\n"
	    "< 250*\n< 503*\n< 503*\n",
	    0, 0, false },
	{ "the other commands", INGRESS_SMTP, NULL,
	    SMTP_HELLO "> NOOP\n< 250 2.0.0 OK\n> VRFY x\n< 252*\n"
		       "> HELP\n< 214*\n> STARTTLS\n< 502*\n> AUTH PLAIN\n"
		       "< 502*\n> EXPN x\n< 502*\n> LHLO x\n< 500*\n",
	    0, 0, false },
	{ "too many mistakes", INGRESS_LMTP, NULL,
	    "< 220*\n> a\n> b\n> c\n> d\n> e\n> f\n> g\n> h\n> i\n> j\n> k\n"
	    "< 500*\n< 500*\n< 500*\n< 500*\n< 500*\n< 500*\n< 500*\n"
	    "< 500*\n< 500*\n< 421 4.7.0*\n",
	    0, 0, true },
	{ "a web browser", INGRESS_SMTP, NULL,
	    "< 220*\n> POST / HTTP/1.1\n> RCPT TO:<a@b.test>\n< 421*\n", 0, 0,
	    true },
	{ "BDAT was not offered", INGRESS_SMTP, NULL,
	    SMTP_HELLO "> BDAT 10 LAST\n> NOOP\n< 421*\n", 0, 0, true },
	{ "UTF-8 needs SMTPUTF8", INGRESS_LMTP, NULL,
	    LMTP_HELLO "> MAIL FROM:<\xC3\xA4@a.test>\n< 553 5.6.7*\n"
		       "> MAIL FROM:<>\n< 250*\n"
		       "> RCPT TO:<a@\xC3\xA4.test>\n< 553 5.6.7*\n"
		       "> RSET\n< 250*\n"
		       "> MAIL FROM:<\xC3\xA4@a.test> SMTPUTF8\n< 250*\n"
		       "> RCPT TO:<\xC3\xA4@b.test>\n< 250*\n"
		       "> DATA\n< 354*\n> A: b\n> \n> .\n"
		       "< 250 2.1.5 <\xC3\xA4@b.test> queued*\n",
	    1, 1, false },
	{ "postmaster is qualified", INGRESS_LMTP, NULL,
	    LMTP_HELLO "> MAIL FROM:<>\n> RCPT TO:<PostMaster>\n"
		       "> RCPT TO:<root>\n> DATA\n"
		       "< 250*\n< 250*\n< 501 5.1.3*\n< 354*\n"
		       "> A: b\n> \n> .\n"
		       "< 250 2.1.5 <PostMaster@mx.test> queued*\n",
	    1, 1, false },
	{ "SMTP does not relay", INGRESS_SMTP, "127.0.0.1",
	    SMTP_HELLO "> MAIL FROM:<s@a.test>\n< 250*\n"
		       "> RCPT TO:<r@b.test>\n"
		       "< 550 5.7.1 relaying denied\n"
		       "> RCPT TO:<r@Ours.test>\n< 250*\n"
		       "> DATA\n< 354*\n> A: b\n> \n> .\n"
		       "< 250 2.6.0 queued as 0000000000000001\n",
	    1, 1, false },
	{ "LMTP from loopback relays", INGRESS_LMTP, "127.0.0.9",
	    LMTP_HELLO "> MAIL FROM:<s@a.test>\n< 250*\n"
		       "> RCPT TO:<r@b.test>\n< 250*\n",
	    0, 0, false },
	{ "LMTP from afar: no relaying, no XFORWARD", INGRESS_LMTP, "192.0.2.9",
	    "< 220*\n> LHLO a\n< 250-*\n< 250-*\n< 250-*\n< 250-*\n< 250-*\n"
	    "< 250-ENHANCEDSTATUSCODES\n< 250 DSN\n"
	    "> XFORWARD IDENT=A\n< 550 5.7.0*\n"
	    "> MAIL FROM:<s@a.test>\n< 250*\n"
	    "> RCPT TO:<r@b.test>\n< 550 5.7.1*\n",
	    0, 0, false },
	{ "a mail loop", INGRESS_LMTP, NULL,
	    LMTP_HELLO OPEN_ONE
#define R5 \
	"> Received: a\n> Received: b\n> Received: c\n> Received: d\n" \
	"> Received: e\n"
#define R25 R5 R5 R5 R5 R5
		R25 R25 "> received: one too many\n> \n> .\n"
			"< 554 5.4.6*\n",
	    0, 0, false },
	{ "fifty hops are none", INGRESS_LMTP, NULL,
	    LMTP_HELLO OPEN_ONE R25 R25 "> \n> .\n< 250 2.1.5*\n", 1, 1,
	    false },
};

static void
test_transcripts(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct client c;

		world_reset();
		world.conf.relay_to = "ours.test";
		client_open(&c, cases[i].protocol, cases[i].ip, SOCK_STREAM);
		ok(client_talk(&c, cases[i].script), "%s", cases[i].label);
		ok(c.closed == cases[i].closed, "%s: closed or not",
		    cases[i].label);
		client_close(&c);
		ok(world.store.taken == cases[i].taken &&
			world.store.rcpts_new == cases[i].rcpts &&
			world.dispatch.rcpts == cases[i].rcpts,
		    "%s: %u messages, %u recipients", cases[i].label,
		    world.store.taken, world.store.rcpts_new);
		ok(world.env.sessions_in == 0 &&
			ingress_counts_open(world.counts) == 0,
		    "%s: the session is gone", cases[i].label);
	}
}

/* ---- what arrives in the store ------------------------------------------- */

static void
test_content(void)
{
	struct client c;
	char *lf;

	world_reset();
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c,
	       LMTP_HELLO
	       "> XFORWARD NAME=c.test ADDR=192.0.2.7 IDENT=4FX SOURCE=LOCAL\n"
	       "< 250*\n"
	       "> MAIL FROM:<s@a.test> RET=HDRS ENVID=e+2B1\n< 250*\n"
	       "> RCPT TO:<R@B.test> NOTIFY=NEVER ORCPT=rfc822;x@y.test\n"
	       "< 250*\n> DATA\n< 354*\n"
	       "> Bcc: z\n> X-Remove: 1\n> X-Mailrace-Mark: forged\n"
	       "> Subject: a\n>  b\n> \n> ..dot\n> caf\xC3\xA9\n> .\n"
	       "< 250*\n"),
	    "a message by LMTP");
	lf = strstr(buf_cstr(&world.store.text), "+0000\r\n");
	ok(strncmp(world.store.text.p,
	       "Received: from host.test ([127.0.0.1])\r\n"
	       "\tby mx.test (Mailrace) with LMTP;\r\n\t",
	       strlen("Received: from host.test ([127.0.0.1])\r\n"
		      "\tby mx.test (Mailrace) with LMTP;\r\n\t")) == 0,
	    "Received on top");
	is_str(lf == NULL ? NULL : lf + 7,
	    "X-Policy: ran\r\nBcc: z\r\nSubject: a\r\n b\r\n\r\n"
	    ".dot\r\ncaf\xC3\xA9\r\n",
	    "policy's edits, no mark, text as it came");
	is_str(world.store.env.sender, "s@a.test", "sender");
	is_str(world.store.env.envid, "e+2B1", "ENVID in its xtext form");
	is_str(world.store.env.host_id, "4FX", "queue id of the host MTA");
	is_str(world.store.env.src_mta, "host.test (127.0.0.1)", "who gave it");
	is_str(world.store.env.job, "campaign", "job");
	is_int(world.store.env.ret, RET_HDRS, "RET");
	is_int(world.store.env.flags, ENVELOPE_8BIT, "8-bit, not SMTPUTF8");
	is_str(world.store.env.rcpts[0].addr, "R@B.test", "recipient as given");
	is_str(world.store.env.rcpts[0].domain, "b.test", "its domain");
	is_str(world.store.env.rcpts[0].orcpt, "rfc822;x@y.test", "ORCPT");
	is_str(world.store.env.rcpts[0].vmta, "one", "VMTA");
	is_int(world.store.env.rcpts[0].notify, NOTIFY_NEVER, "NOTIFY");
	is_int(world.store.env.rcpts[0].priority, 70, "priority");
	ok(world.conf.policy_client.a[3] == 7,
	    "policy judges the XFORWARD client");
	client_close(&c);
}

static void
test_submission(void)
{
	struct client c;

	world_reset();
	world.conf.source.relay = true;
	world.conf.assign = "gone";
	client_open(&c, INGRESS_SMTP, "192.0.2.9", SOCK_STREAM);
	ok(client_talk(&c,
	       SMTP_HELLO OPEN_ONE "> From: s@a.test\n> \n> text\n> .\n"
				   "< 250 2.6.0*\n"),
	    "a message by SMTP");
	ok(world.conf.policy_submission, "no host MTA had it");
	is_str(world.store.env.rcpts[0].vmta, "",
	    "an unknown VMTA is the default");
	ok(!world.store.has_key, "no queue id, no key");
	ok(client_talk(&c, OPEN_ONE "> no header at all\n> .\n< 250 2.6.0*\n"),
	    "a message without a header");
	ok(strstr(buf_cstr(&world.store.text),
	       "X-Policy: ran\r\n\r\nno header at all\r\n") != NULL,
	    "gets one, and an empty line");
	client_close(&c);
}

/* A sender for each recipient: who asks for it, and whose source does. */
static void
test_verp(void)
{
	static const struct {
		const char *label, *mail;
		bool lmtp, source;
		int want;
	} ways[] = {
		{ "asked for", "> MAIL FROM:<s@a.test> verp", false, false,
		    ENVELOPE_VERP },
		{ "not asked for", "> MAIL FROM:<s@a.test>", false, false, 0 },
		{ "by the source", "> MAIL FROM:<s@a.test>", true, true,
		    ENVELOPE_VERP },
		{ "never of the null sender", "> MAIL FROM:<> VERP", false,
		    true, 0 },
	};
	struct client c;

	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		char script[500];

		world_reset();
		world.conf.source.relay = true;
		world.conf.source.verp = ways[i].source;
		client_open(&c, ways[i].lmtp ? INGRESS_LMTP : INGRESS_SMTP,
		    NULL, SOCK_STREAM);
		(void)snprintf(script, sizeof(script),
		    "%s%s\n< 250*\n> RCPT TO:<r@b.test>\n< 250*\n"
		    "> DATA\n< 354*\n> A: b\n> \n> .\n< 250*\n",
		    ways[i].lmtp ? LMTP_HELLO : SMTP_HELLO, ways[i].mail);
		ok(client_talk(&c, script), "VERP %s", ways[i].label);
		is_int(world.store.env.flags, ways[i].want, ways[i].label);
		is_str(world.store.env.sender,
		    ways[i].want != 0 || i == 1 ? "s@a.test" : "",
		    "the sender is stored as it came");
		client_close(&c);
	}
	world_reset();
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c,
	       LMTP_HELLO "> MAIL FROM:<s@a.test> VERP\n< 555 5.5.4*\n"
			  "> RCPT TO:<r@b.test>\n< 503*\n"),
	    "VERP in LMTP is not offered and not taken");
	client_close(&c);
}

static void
test_pool(void)
{
	struct client c;

	world_reset();
	world.conf.assign = "both";
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c, LMTP_HELLO OPEN_ONE "> A: b\n> \n> .\n< 250*\n"),
	    "a message for a pool");
	is_str(world.store.env.rcpts[0].vmta, "one", "first member");
	is_str(world.store.env.rcpts[0].pool, "both", "pool");
	ok(client_talk(&c, OPEN_ONE "> A: b\n> \n> .\n< 250*\n"),
	    "another one");
	is_str(world.store.env.rcpts[0].vmta, "two", "second member");
	client_close(&c);
}

/* One message: a domain's own virtual MTA is for its recipients alone. */
static void
test_domain_vmta(void)
{
	struct client c;
	char got[100] = "";

	world_reset();
	world.conf.assign = "three";
	world.conf.assign_dflt = true;
	world.conf.assigned = "b.test";
	world.conf.assigned_to = "both";
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c,
	       LMTP_HELLO "> MAIL FROM:<s@a.test>\n< 250*\n"
			  "> RCPT TO:<x@b.test>\n< 250*\n"
			  "> RCPT TO:<x@c.test>\n< 250*\n"
			  "> RCPT TO:<y@B.test>\n< 250*\n"
			  "> DATA\n< 354*\n> A: b\n> \n> .\n"
			  "< 250*\n< 250*\n< 250*\n"),
	    "three recipients in two domains");
	for (size_t i = 0; i < world.store.env.rcpt_count; i++)
		(void)snprintf(got + strlen(got), sizeof(got) - strlen(got),
		    "%s,%s;", world.store.env.rcpts[i].vmta,
		    world.store.env.rcpts[i].pool);
	is_str(got, "one,both;three,;one,both;",
	    "virtual MTA and pool of each");
	is_int((int64_t)count_read(world.conf.pool.turns), 1,
	    "one turn of the pool");
	world.conf.assign_dflt = false;
	ok(client_talk(&c, OPEN_ONE "> A: b\n> \n> .\n< 250*\n"),
	    "one for which somebody asked");
	is_str(world.store.env.rcpts[0].vmta, "three", "it goes by that");
	client_close(&c);
}

int
main(void)
{
	world_init();
	test_transcripts();
	test_content();
	test_submission();
	test_verp();
	test_pool();
	test_domain_vmta();
	world_fini();
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BDAT: a chunk is so long as it says and nothing in it is a command or an
 * end; the message is the one that DATA would have brought.
 */
#include <string.h>

#include "tests/tap.h"
#include "tests/unit/ingress_client.h"

#define BEGIN \
	SMTP_HELLO "> MAIL FROM:<s@a.test>\n> RCPT TO:<r@b.test>\n" \
		   "< 250*\n< 250*\n"

static void
begin(struct client *c)
{
	world_reset();
	world.conf.source.relay = true;
	world.conf.source.allow_chunking = true;
	client_open(c, INGRESS_SMTP, "192.0.2.1", SOCK_STREAM);
}

static void
send_text(struct client *c, const char *text)
{
	client_send(c, text, strlen(text));
}

static const struct {
	const char *label, *sent, *replies;
	unsigned taken;
	const char *text; /* the end of what is stored */
} cases[] = {
	{ "one chunk", "BDAT 9 LAST\r\nA: b\r\n\r\nx", "< 250 2.6.0 queued*\n",
	    1, "\r\n\r\nx\r\n" },
	{ "several, and an empty one behind",
	    "BDAT 6\r\nA: b\r\nBDAT 4\r\n\r\nx\rBDAT 1\r\n\nBDAT 0 LAST\r\n",
	    "< 250 2.0.0 6 octets\n< 250 2.0.0 4 octets\n"
	    "< 250 2.0.0 1 octets\n< 250 2.6.0 queued*\n",
	    1, "\r\n\r\nx\r\n" },
	{ "an end of data is text",
	    "BDAT 24 LAST\r\nA: b\r\n\r\n.\r\nRSET\r\n.\r\nxx\r\n",
	    "< 250 2.6.0 queued*\n", 1, "\r\n.\r\nRSET\r\n.\r\nxx\r\n" },
	{ "a bare LF", "BDAT 10 LAST\r\nA: b\n\r\n\r\nx",
	    "< 550 5.6.0 bare CR or LF in message\n", 0, NULL },
	{ "a bare CR over two chunks",
	    "BDAT 9\r\nA: b\r\n\r\n\rBDAT 3 LAST\r\nx\r\n",
	    "< 250*\n< 550 5.6.0 bare*\n", 0, NULL },
	{ "a bare CR at the end", "BDAT 9 LAST\r\nA: b\r\n\r\n\r",
	    "< 550 5.6.0 bare*\n", 0, NULL },
	{ "a bare LF at the start", "BDAT 9 LAST\r\n\nA: b\r\n\r\n",
	    "< 550 5.6.0 bare*\n", 0, NULL },
	{ "too big in one", "BDAT 300 LAST\r\n%300",
	    "< 552 5.3.4 message too big\n", 0, NULL },
	{ "too big in the second of three",
	    "BDAT 9\r\nA: b\r\n\r\nxBDAT 300\r\n%300BDAT 5 LAST\r\nRSET\n",
	    "< 250*\n< 552 5.3.4*\n< 503 5.5.1 MAIL first\n", 0, NULL },
	{ "DATA behind BDAT", "BDAT 1\r\nADATA\r\n",
	    "< 250*\n< 503 5.5.1 BDAT*\n", 0, NULL },
	{ "RCPT behind BDAT", "BDAT 1\r\nARCPT TO:<x@b.test>\r\n",
	    "< 250*\n< 503 5.5.1 the message has begun\n", 0, NULL },
	{ "RSET behind BDAT", "BDAT 1\r\nARSET\r\nBDAT 5 LAST\r\nRSET\n",
	    "< 250*\n< 250*\n< 503 5.5.1 MAIL first\n", 0, NULL },
};

/* %300 is a line of so many bytes. */
static void
play(struct client *c, const char *sent)
{
	const char *at;

	for (; (at = strstr(sent, "%300")) != NULL; sent = at + 4) {
		client_send(c, sent, (size_t)(at - sent));
		for (int i = 0; i < 300; i++)
			client_send(c, "x", 1);
	}
	send_text(c, sent);
}

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct client c;
		const char *text;

		begin(&c);
		world.conf.source.max_size = 250;
		client_close(&c);
		client_open(&c, INGRESS_SMTP, "192.0.2.1", SOCK_STREAM);
		ok(client_talk(&c, BEGIN), "%s: begun", cases[i].label);
		play(&c, cases[i].sent);
		ok(client_talk(&c, cases[i].replies), "%s", cases[i].label);
		ok(client_talk(&c, "> NOOP\n< 250 2.0.0 OK\n"),
		    "%s: in step afterwards", cases[i].label);
		is_int(world.store.taken, cases[i].taken, cases[i].label);
		text = buf_cstr(&world.store.text);
		if (cases[i].text != NULL)
			is_str(text + strlen(text) - strlen(cases[i].text),
			    cases[i].text, cases[i].label);
		client_close(&c);
	}
}

static void
test_refused(void)
{
	struct client c;

	begin(&c);
	ok(client_talk(&c, SMTP_HELLO), "hello");
	send_text(&c, "BDAT 6 LAST\r\nRSET\r\nNOOP\r\n");
	ok(client_talk(&c, "< 503 5.5.1 MAIL first\n< 250 2.0.0 OK\n"),
	    "without MAIL it is read and refused");
	ok(client_talk(&c, "> MAIL FROM:<s@a.test>\n< 250*\n"), "MAIL");
	send_text(&c, "BDAT 6\r\nRSET\r\nBDAT 6 LAST\r\nRSET\r\nNOOP\r\n");
	ok(client_talk(&c,
	       "< 554 5.5.1 no valid recipients\n< 503*\n< 250 2.0.0 OK\n"),
	    "and so it is without recipients");
	client_close(&c);
	begin(&c);
	ok(client_talk(&c, BEGIN "> BDAT nine LAST\n> NOOP\n< 421*\n"),
	    "one of unknown length ends the connection");
	ok(c.closed, "at once");
	client_close(&c);
	begin(&c);
	ok(client_talk(&c, BEGIN "> BDAT 18446744073709551616\n< 421*\n"),
	    "as does one that is too long to count");
	client_close(&c);
	begin(&c);
	ok(client_talk(&c, BEGIN), "begun");
	send_text(&c, "BDAT 9999999999999999999\r\nRSET\r\nQUIT\r\n");
	client_pump(&c);
	is_int((int64_t)c.got.len, 0, "one that can be counted is awaited");
	client_close(&c);
}

static void
test_offered(void)
{
	struct client c;

	begin(&c);
	ok(client_talk(&c,
	       "< 220*\n> EHLO x\n< 250-mx.test\n< 250-PIPELINING\n"
	       "< 250-8BITMIME\n< 250-SMTPUTF8\n< 250-SIZE 0\n"
	       "< 250-ENHANCEDSTATUSCODES\n< 250-CHUNKING\n< 250-VERP\n< 250 DSN\n"),
	    "offered in SMTP");
	client_close(&c);
	world_reset();
	world.conf.source.allow_chunking = true;
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c, LMTP_HELLO "> BDAT 1\n< 421*\n"), "not in LMTP");
	client_close(&c);
}

int
main(void)
{
	world_init();
	test_cases();
	test_refused();
	test_offered();
	world_fini();
	return done_testing();
}

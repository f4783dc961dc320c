/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an ingress session takes has limits, and its data end at CRLF dot CRLF
 * and nowhere else.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/net.h"
#include "tests/tap.h"
#include "tests/unit/ingress_client.h"

/* ---- limits -------------------------------------------------------------- */

static void
send_text(struct client *c, size_t len)
{
	char *text = mem_alloc(len);

	memset(text, 'x', len);
	for (size_t i = 79; i < len; i += 80) {
		text[i - 1] = '\r';
		text[i] = '\n';
	}
	client_send(c, text, len);
	client_send(c, "\r\n.\r\n", 5);
	free(text);
}

static void
test_size(void)
{
	struct client c;

	world_reset();
	world.conf.source.max_size = 200000;
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c,
	       LMTP_HELLO "> MAIL FROM:<> SIZE=200001\n< 552 5.3.4*\n"
			  "> MAIL FROM:<> SIZE=10\n< 250*\n"
			  "> RCPT TO:<a@b.test>\n> RCPT TO:<c@d.test>\n"
			  "< 250*\n< 250*\n> DATA\n< 354*\n"),
	    "SIZE is looked at");
	send_text(&c, 500000);
	ok(client_talk(&c,
	       "< 552 5.3.4*\n< 552 5.3.4*\n> NOOP\n< 250 2.0.0 OK\n"
	       "> MAIL FROM:<>\n> RCPT TO:<a@b.test>\n> DATA\n"
	       "< 250*\n< 250*\n< 354*\n"),
	    "and what really comes");
	send_text(&c, 200000 - 2);
	ok(client_talk(&c, "< 250 2.1.5 <a@b.test> queued*\n"),
	    "exactly the limit is taken");
	is_int(world.store.taken, 1, "one message");
	client_close(&c);
}

/* Another command or a message: what counts as idle, and what ends it. */
static void
test_idle(void)
{
	static const struct {
		const char *label, *script;
	} ways[] = {
		{ "NOOP", "> NOOP\n> NOOP\n> NOOP\n< 250*\n< 250*\n" },
		{ "RSET", "> RSET\n> RSET\n> RSET\n< 250*\n< 250*\n" },
		{ "MAIL and RSET",
		    "> MAIL FROM:<>\n> RSET\n> MAIL FROM:<>\n> RSET\n> RSET\n"
		    "< 250*\n< 250*\n< 250*\n< 250*\n" },
		{ "HELO", "> HELO x\n> HELO x\n> HELO x\n< 250*\n< 250*\n" },
		{ "VRFY, HELP",
		    "> VRFY a\n> HELP\n> VRFY a\n< 252*\n< 214*\n" },
		{ "behind a message",
		    "> NOOP\n> NOOP\n< 250*\n< 250*\n" OPEN_ONE
		    "> A: b\n> \n> .\n< 250*\n"
		    "> NOOP\n> NOOP\n> NOOP\n> NOOP\n< 250*\n< 250*\n< 250*\n" },
	};
	char script[500];
	struct client c;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		world_reset();
		world.conf.source.relay = true;
		world.conf.source.max_idle_commands = 3;
		client_open(&c, INGRESS_SMTP, "127.0.0.1", SOCK_STREAM);
		(void)snprintf(script, sizeof(script),
		    "%s< 421 4.7.0 mx.test too many commands without a "
		    "message\n",
		    ways[i].script);
		ok(client_talk(&c, SMTP_HELLO) && client_talk(&c, script) &&
			c.closed,
		    "%s", ways[i].label);
		client_close(&c);
	}
}

static void
test_idle_time(void)
{
	struct client c;

	world_reset();
	world.conf.source.idle_timeout = 1;
	client_open(&c, INGRESS_SMTP, "127.0.0.1", SOCK_STREAM);
	ok(client_talk(&c,
	       "< 220*\n> MAIL FROM:<>\n"
	       "< 421 4.7.0 mx.test no message for too long\n") &&
		c.closed,
	    "too long without a message, with any command");
	client_close(&c);
	client_open(&c, INGRESS_SMTP, "127.0.0.1", SOCK_STREAM);
	ok(client_talk(&c, "< 220*\n> QUIT\n< 221*\n"), "but not the last");
	client_close(&c);
	client_open(&c, INGRESS_LMTP, "127.0.0.1", SOCK_STREAM);
	ok(client_talk(&c, LMTP_HELLO "> NOOP\n< 250*\n"),
	    "nor from this host's MTA");
	client_close(&c);
}

static void
test_rcpt_limit(void)
{
	struct client c;

	world_reset();
	world.conf.source.max_rcpts = 2;
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c,
	       LMTP_HELLO "> MAIL FROM:<>\n> RCPT TO:<a@b.test>\n"
			  "> RCPT TO:<b@b.test>\n> RCPT TO:<c@b.test>\n"
			  "> DATA\n"
			  "< 250*\n< 250*\n< 250*\n< 452 4.5.3*\n< 354*\n"
			  "> A: b\n> \n> .\n< 250*\n< 250*\n"),
	    "the third recipient is one too many");
	client_close(&c);
}

/* 3,000 recipients: more replies than fit into one write. */
static void
test_many_rcpts(void)
{
	struct buf out = { 0 };
	struct client c;
	unsigned got = 0;

	world_reset();
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c, LMTP_HELLO), "hello");
	buf_str(&out, "MAIL FROM:<s@a.test>\r\n");
	for (int i = 0; i < 3000; i++)
		buf_printf(&out, "RCPT TO:<r%d@b.test>\r\n", i);
	buf_str(&out, "DATA\r\n");
	client_send(&c, out.p, out.len);
	client_pump(&c);
	buf_clear(&c.got);
	client_send(&c, "A: b\r\n\r\n.\r\nNOOP\r\n", 17);
	client_pump(&c);
	while (c.got.len > 0 && c.got.p[0] == '2' && got < 3000 &&
	    client_expect(&c, SLICE_LIT("250 2.1.5 <r*")))
		got++;
	is_int(got, 3000, "a reply for each");
	ok(client_talk(&c, "< 250 2.0.0 OK\n"),
	    "and then for the next command");
	is_int(world.store.env.rcpt_count, 3000, "all in the store");
	buf_fini(&out);
	client_close(&c);
}

/* Silently, in a transaction that is open. */
static void
send_rcpts(struct client *c, int n)
{
	struct buf out = { 0 };

	for (int i = 0; i < n; i++)
		buf_printf(&out, "RCPT TO:<r%d@b.test>\r\n", i);
	client_send(c, out.p, out.len);
	client_pump(c);
	buf_fini(&out);
}

#define QUIETLY \
	"< 220*\n> HELO x\n< 250*\n> XACK OFF\n< 250*\n" \
	"> XFORWARD ADDR=192.0.2.9\n< 250*\n" \
	"> MAIL FROM:<s@a.test>\n< 250*\n"

/* A message has no more recipients than an envelope holds, copies included. */
static void
test_bcc_room(void)
{
	static const char *bcc[] = { "copy@d.test" };
	struct client c;
	struct err e;

	world_reset();
	world.conf.source.relay = true;
	world.conf.source.allow_mailmerge = true;
	world.conf.source.allow_xforward = "yes";
	world.conf.source.max_rcpts = ENVELOPE_RCPT_MAX;
	world.conf.other_source = world.conf.source;
	(void)net_addr_parse(SLICE_LIT("192.0.2.9"), &world.conf.other_client,
	    &e);
	world.conf.other_source.bcc.v = world.conf.source.bcc.v = bcc;
	world.conf.other_source.bcc.n = world.conf.source.bcc.n = 1;
	client_open(&c, INGRESS_SMTP, "192.0.2.1", SOCK_STREAM);
	ok(client_talk(&c, QUIETLY), "a source with a copy");
	send_rcpts(&c, ENVELOPE_RCPT_MAX - 1);
	ok(client_talk(&c,
	       "> XACK ON\n< 250*\n> RCPT TO:<a@b.test>\n< 452 4.5.3*\n"
	       "> DATA\n< 354*\n> A: b\n> .\n< 250*\n"),
	    "leaves room for that");
	is_int(world.store.env.rcpt_count, ENVELOPE_RCPT_MAX, "as many go");
	client_close(&c);
	world.conf.source.bcc.n = 0;
	client_open(&c, INGRESS_SMTP, "192.0.2.1", SOCK_STREAM);
	ok(client_talk(&c, QUIETLY), "or that of whom it names");
	send_rcpts(&c, ENVELOPE_RCPT_MAX);
	ok(client_talk(&c,
	       "> DATA\n< 354*\n> A: b\n> .\n"
	       "< 452 4.5.3 too many recipients\n"),
	    "is one too many in the end");
	client_close(&c);
	world_reset();
}

static void
test_lines(void)
{
	char line[3000];
	struct client c;

	world_reset();
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c, LMTP_HELLO), "hello");
	memset(line, 'N', sizeof(line));
	client_send(&c, line, sizeof(line));
	ok(client_talk(&c, "> \n< 500 5.5.2 line too long\n> NOOP\n< 250*\n"),
	    "a long line is refused, the next one is not");
	(void)snprintf(line, sizeof(line),
	    "> MAIL FROM:<>\n< 250*\n> RCPT TO:<%0250d@b.test>\n< 250*\n"
	    "> DATA\n< 354*\n> A: b\n> \n> .\n"
	    "< 250 2.1.5 <0000000000*\n",
	    1);
	ok(client_talk(&c, line), "a long address makes no long reply");
	client_close(&c);
}

/* Exim reads a whole answer into 256 bytes. */
static void
test_hello_length(void)
{
	char name[250];
	struct client c;

	world_reset();
	memset(name, 'h', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	world.conf.global.host_name = name;
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c, "< 220 hhhh*\n"), "greeting");
	client_send(&c, "LHLO a\r\n", 8);
	client_pump(&c);
	ok(c.got.len > 200 && c.got.len < 240, "LHLO's answer: %zu bytes",
	    c.got.len);
	client_close(&c);
}

/* ---- end of data --------------------------------------------------------- */

static void
test_smuggling(void)
{
	static const char *const ends[] = { "\n.\n", "\n.\r", "\n.\r\n",
		"\r.\n", "\r.\r", "\r.\r\n", "\r\n.\n", "\r\n.\r",
		"\r\n.\r\r\n" };

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		struct client c;

		world_reset();
		client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
		ok(client_talk(&c, LMTP_HELLO OPEN_ONE), "sequence %zu: start",
		    i);
		client_send(&c, "A: b\r\n\r\nfirst", 13);
		client_send(&c, ends[i], strlen(ends[i]));
		ok(client_talk(&c,
		       "> MAIL FROM:<smuggled@a.test>\n"
		       "> RCPT TO:<victim@b.test>\n> DATA\n> A: b\n> \n"
		       "> second\n> .\n> NOOP\n"
		       "< 550 5.6.0 bare CR or LF in message\n"
		       "< 250 2.0.0 OK\n"),
		    "sequence %zu does not end the data", i);
		is_int(world.store.taken, 0, "nothing was taken");
		client_close(&c);
	}
}

/* A NUL before the dot is text like any other: taken, and one message. */
static void
test_nul(void)
{
	struct client c;

	world_reset();
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c, LMTP_HELLO OPEN_ONE), "start");
	client_send(&c, "A: b\r\n\r\n\0.\r\nNOOP\r\n.\r\n", 22);
	ok(client_talk(&c, "< 250 2.1.5*\n"),
	    "NUL and dot do not end the data");
	client_close(&c);
}

int
main(void)
{
	world_init();
	test_size();
	test_idle();
	test_idle_time();
	test_rcpt_limit();
	test_many_rcpts();
	test_bcc_room();
	test_lines();
	test_hello_length();
	test_smuggling();
	test_nul();
	world_fini();
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a client is for the ingress: a load balancer and a mail proxy are
 * believed where they are trusted, for whom they speak has his own rights and
 * none of theirs, and each limit on clients ends where it says.
 */
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "tests/tap.h"
#include "tests/unit/ingress_client.h"

#define EHLO_OTHER \
	"> EHLO proxy.test\n" \
	"< 250-mx.test\n< 250-PIPELINING\n< 250-8BITMIME\n" \
	"< 250-SMTPUTF8\n< 250-SIZE 0\n< 250-ENHANCEDSTATUSCODES\n"
#define MESSAGE "> A: b\n> \n> .\n< 250 2.6.0 queued*\n"
#define DENIED \
	"> MAIL FROM:<s@a.test>\n> RCPT TO:<r@b.test>\n" \
	"< 250 2.1.0 OK\n< 550 5.7.1 relaying denied\n"

/* The proxy, 192.0.2.9, may all; 198.51.100.7 has the default. */
static void
trusting(struct client *c)
{
	struct err e;

	world_reset();
	world.conf.other_source = world.conf.source;
	(void)net_addr_parse(SLICE_LIT("198.51.100.7"),
	    &world.conf.other_client, &e);
	world.conf.source.allow_proxy = true;
	world.conf.source.allow_xclient = "login";
	world.conf.source.allow_xforward = "yes";
	world.conf.source.relay = true;
	client_open(c, INGRESS_SMTP, "192.0.2.9", SOCK_STREAM);
}

static bool
stored(const char *text)
{
	return strstr(buf_cstr(&world.store.text), text) != NULL;
}

/* ---- PROXY --------------------------------------------------------------- */

#define V2_LOCAL "\r\n\r\n\0\r\nQUIT\n \0\0\0"

static void
proxy_door(struct client *c, bool trusted)
{
	trusting(c); /* for the settings */
	client_close(c);
	world.conf.listener.proxy = true;
	world.conf.source.allow_proxy = trusted;
	client_open(c, INGRESS_SMTP, "192.0.2.9", SOCK_STREAM);
}

static void
test_proxy(void)
{
	struct client c;

	proxy_door(&c, true);
	client_pump(&c);
	is_int((int64_t)c.got.len, 0, "no greeting before the header");
	ok(client_talk(&c,
	       "> PROXY TCP4 198.51.100.7 192.0.2.1 4000 25\n" SMTP_HELLO
		   DENIED),
	    "the client has no rights of the proxy");
	client_close(&c);

	proxy_door(&c, true);
	world.conf.other_source.relay = true;
	ok(client_talk(&c,
	       "> PROXY TCP4 198.51.100.7 192.0.2.1 4000 25\n" SMTP_HELLO
		   OPEN_ONE MESSAGE),
	    "but its own");
	ok(stored("([198.51.100.7])"), "Received names it");
	is_str(world.store.env.src_mta, "client.test (198.51.100.7)",
	    "and the record");
	client_close(&c);

	proxy_door(&c, true);
	client_send(&c, V2_LOCAL, 16);
	ok(client_talk(&c, SMTP_HELLO OPEN_ONE), "the proxy for itself");
	client_close(&c);
}

static void
test_no_proxy(void)
{
	static const struct {
		const char *label, *says, *want;
		bool trusted;
	} cases[] = {
		{ "not trusted", "> PROXY TCP4 198.51.100.7 1.2.3.4 1 25\n",
		    "< 521 5.7.1 mx.test is for proxies only\n", false },
		{ "no header", "> EHLO x\n",
		    "< 521 5.7.1 mx.test needs a PROXY header\n", true },
		{ "for nobody known", "> PROXY UNKNOWN\n",
		    "< 521 5.7.1 mx.test needs a PROXY header\n", true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct client c;

		proxy_door(&c, cases[i].trusted);
		client_pump(&c);
		client_send(&c, cases[i].says + 2, strlen(cases[i].says) - 3);
		client_send(&c, "\r\n", 2);
		ok(client_talk(&c, cases[i].want), "PROXY: %s", cases[i].label);
		ok(c.closed, "and the connection is closed");
		client_close(&c);
	}
}

static void
test_proxy_elsewhere(void)
{
	struct client c;

	trusting(&c);
	ok(client_talk(&c,
	       "< 220*\n> PROXY TCP4 198.51.100.7 192.0.2.1 4000 25\n"
	       "> NOOP\n< 421 4.7.0 mx.test not a mail client\n"),
	    "PROXY where it is not expected");
	ok(c.closed, "ends the connection");
	client_close(&c);
}

/* ---- XCLIENT ------------------------------------------------------------- */

static void
test_xclient(void)
{
	struct client c;

	trusting(&c);
	ok(client_talk(&c,
	       "< 220*\n" EHLO_OTHER
	       "< 250-XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\n"
	       "< 250-XCLIENT NAME ADDR PORT PROTO HELO DESTADDR DESTPORT "
	       "LOGIN\n< 250-VERP\n< 250 DSN\n"),
	    "it is offered");
	ok(client_talk(&c,
	       "> XCLIENT ADDR=198.51.100.7 NAME=c.example\n< 220*\n"
	       "> XCLIENT HELO=me.example PROTO=ESMTP\n< 220*\n" EHLO_OTHER
	       "< 250-VERP\n< 250 DSN\n"),
	    "in several commands; then it is over, as is XFORWARD");
	ok(client_talk(&c,
	       "> XCLIENT ADDR=192.0.2.9\n< 550 5.7.0 XCLIENT*\n"
	       "> XFORWARD IDENT=X\n< 550 5.7.0 XFORWARD*\n" DENIED
	       "> RSET\n< 250*\n"),
	    "the client cannot speak for others, nor relay");
	client_close(&c);

	trusting(&c);
	world.conf.other_source.relay = true;
	ok(client_talk(&c,
	       "< 220*\n> XCLIENT ADDR=198.51.100.7 NAME=c.example "
	       "HELO=me.example\n< 220*\n> HELO proxy.test\n< 250*\n" OPEN_ONE
		   MESSAGE),
	    "mail of a client that was named");
	ok(stored("Received: from me.example (c.example [198.51.100.7])"),
	    "Received has its names and address");
	client_close(&c);
}

/* What would read as an address in Received is not the client's to say. */
static void
test_xclient_helo(void)
{
	struct client c;

	trusting(&c);
	world.conf.other_source.relay = true;
	ok(client_talk(&c,
	       "< 220*\n> XCLIENT ADDR=198.51.100.7 NAME=a+20b "
	       "HELO=x+20([10.0.0.1])\n< 220*\n> HELO proxy.test\n< 250*\n" OPEN_ONE
		   MESSAGE),
	    "names that are none");
	ok(stored("Received: from proxy.test ([198.51.100.7])"),
	    "are not taken");
	client_close(&c);
}

static void
test_xclient_login(void)
{
	struct client c;

	trusting(&c);
	ok(client_talk(&c,
	       "< 220*\n> XCLIENT ADDR=198.51.100.7 LOGIN=apps\n< 220*\n"
	       "> HELO proxy.test\n< 250*\n" OPEN_ONE MESSAGE),
	    "a user has his source");
	is_str(world.store.env.auth_user, "apps", "and his name is kept");
	ok(stored(" with SMTP;"), "HELO has no ESMTPA");
	client_close(&c);

	trusting(&c);
	world.conf.source.allow_xclient = "yes";
	client_close(&c);
	client_open(&c, INGRESS_SMTP, "192.0.2.9", SOCK_STREAM);
	ok(client_talk(&c,
	       "< 220*\n> XCLIENT ADDR=198.51.100.7 LOGIN=apps\n"
	       "< 550 5.7.0 LOGIN is not believed\n> HELO x\n< 250*\n"),
	    "no login is believed with allow-xclient yes");
	client_close(&c);
}

static void
test_no_xclient(void)
{
	static const struct {
		const char *label, *command, *want;
	} cases[] = {
		{ "no address", "XCLIENT NAME=x.example", "550 5.7.0*" },
		{ "one unknown", "XCLIENT ADDR=[UNAVAILABLE]", "550 5.7.0*" },
		{ "a bad one", "XCLIENT ADDR=300.1.1.1", "550 5.7.0*" },
		{ "a bad attribute", "XCLIENT ADDR=1.2.3.4 COLOUR=red",
		    "501 5.5.4*" },
		{ "nothing", "XCLIENT", "501 5.5.4*" },
		{ "CRLF in xtext", "XCLIENT ADDR=1.2.3.4 HELO=a+0D+0Ab",
		    "501 5.5.4*" },
		{ "bytes that are no UTF-8", "XCLIENT ADDR=1.2.3.4 HELO=a+FF",
		    "501 5.5.4*" },
	};
	char script[200];
	struct client c;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		trusting(&c);
		(void)snprintf(script, sizeof(script),
		    SMTP_HELLO "> %s\n< %s\n> NOOP\n< 250*\n", cases[i].command,
		    cases[i].want);
		ok(client_talk(&c, script), "XCLIENT: %s", cases[i].label);
		client_close(&c);
	}
	trusting(&c);
	ok(client_talk(&c,
	       SMTP_HELLO "> MAIL FROM:<a@b.test>\n< 250*\n"
			  "> XCLIENT ADDR=1.2.3.4\n< 503*\n"),
	    "not within a transaction");
	client_close(&c);
	world_reset();
	client_open(&c, INGRESS_SMTP, "127.0.0.1", SOCK_STREAM);
	ok(client_talk(&c, SMTP_HELLO "> XCLIENT ADDR=1.2.3.4\n< 550 5.7.0*\n"),
	    "not by default, from this host neither");
	client_close(&c);
}

/* ---- limits -------------------------------------------------------------- */

static void
test_group(void)
{
	struct client a, b, c;

	world_reset();
	world.conf.source.group = "g";
	world.conf.groups[0] = (struct crowd_group){ "g", 2, 0 };
	world.conf.group_count = 1;
	client_open(&a, INGRESS_SMTP, "192.0.2.1", SOCK_STREAM);
	client_open(&b, INGRESS_SMTP, "192.0.2.2", SOCK_STREAM);
	client_open(&c, INGRESS_SMTP, "192.0.2.3", SOCK_STREAM);
	ok(client_talk(&b, "< 220*\n"), "two of the group");
	ok(client_talk(&c, "< 421 4.3.2 mx.test has too many*\n"),
	    "the third is refused");
	client_close(&a);
	client_pump(&b);
	client_close(&c);
	client_open(&c, INGRESS_SMTP, "192.0.2.3", SOCK_STREAM);
	ok(client_talk(&c, "< 220*\n"), "until one has left");
	client_close(&b);
	client_close(&c);
}

static void
test_per_client(void)
{
	struct client a, b, c;

	world_reset();
	world.conf.source.max_client_conns = 1;
	client_open(&a, INGRESS_SMTP, "2001:db8::1", SOCK_STREAM);
	client_open(&b, INGRESS_SMTP, "2001:db8::2", SOCK_STREAM);
	client_open(&c, INGRESS_SMTP, "2001:db8:0:1::1", SOCK_STREAM);
	ok(client_talk(&a, "< 220*\n"), "one of a /64");
	ok(client_talk(&b, "< 421 4.3.2 mx.test has too many*\n"), "is all");
	ok(client_talk(&c, "< 220*\n"), "and one of another");
	client_close(&a);
	client_close(&b);
	client_close(&c);
}

static void
test_errors(void)
{
	struct client c;

	world_reset();
	world.conf.source.max_bad_commands = 3;
	client_open(&c, INGRESS_SMTP, "192.0.2.1", SOCK_STREAM);
	ok(client_talk(&c,
	       SMTP_HELLO "> A\n< 500*\n> B\n< 500*\n> C\n"
			  "< 421 4.7.0 mx.test too many errors\n"),
	    "the third bad command ends it");
	client_close(&c);
	world_reset();
	world.conf.source.max_refused_rcpts = 2;
	client_open(&c, INGRESS_SMTP, "192.0.2.1", SOCK_STREAM);
	ok(client_talk(&c,
	       SMTP_HELLO DENIED "> RCPT TO:<x@b.test>\n"
				 "< 421 4.7.0 mx.test too many errors\n"),
	    "so does the second refused recipient");
	client_close(&c);
}

/* All mail of the host MTA is one client's. */
static void
test_host_is_spared(void)
{
	struct client a, b;

	world_reset();
	world.conf.source.max_client_conns = 1;
	world.conf.source.failure_rate = (struct rate){ 1, 3600 * US_PER_S };
	client_open(&a, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&a, LMTP_HELLO "> BAD\n< 500*\n"), "one of its own");
	client_open(&b, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&b, LMTP_HELLO), "and another, after a failure");
	client_close(&a);
	client_close(&b);
}

static void
test_failure_rate(void)
{
	struct client c;

	world_reset();
	world.conf.source.failure_rate = (struct rate){ 2, 3600 * US_PER_S };
	client_open(&c, INGRESS_SMTP, "192.0.2.77", SOCK_STREAM);
	ok(client_talk(&c, SMTP_HELLO "> A\n< 500*\n"), "one");
	client_close(&c);
	client_open(&c, INGRESS_SMTP, "192.0.2.77", SOCK_STREAM);
	ok(client_talk(&c, SMTP_HELLO "> A\n< 421 4.7.0*\n"),
	    "two, over all connections");
	client_close(&c);
	client_open(&c, INGRESS_SMTP, "192.0.2.77", SOCK_STREAM);
	ok(client_talk(&c, "< 421 4.7.0 mx.test too many errors, try*\n"),
	    "then it is not let in");
	client_close(&c);
	client_open(&c, INGRESS_SMTP, "192.0.2.78", SOCK_STREAM);
	ok(client_talk(&c, SMTP_HELLO), "another is");
	client_close(&c);
}

static void
test_await(void)
{
	struct client v[5];

	world_reset();
	world.conf.global.max_conns_in = 1;
	world.conf.global.await_slot = true;
	for (int i = 0; i < 3; i++)
		client_open(&v[i], INGRESS_SMTP, "192.0.2.1", SOCK_STREAM);
	ok(client_talk(&v[0], SMTP_HELLO), "one is in");
	client_pump(&v[1]);
	is_int((int64_t)v[1].got.len, 0, "one waits");
	ok(client_talk(&v[2], "< 421 4.3.2*\n"), "not more than may be in");
	client_close(&v[0]);
	client_close(&v[2]);
	for (int i = 0; i < 400 && v[1].got.len == 0; i++) {
		(void)usleep(5000);
		client_pump(&v[1]);
	}
	ok(client_talk(&v[1], SMTP_HELLO), "and comes in");
	client_close(&v[1]);
}

/* Who came by a proxy waits no longer for a place that is left. */
static void
test_await_proxy(void)
{
	struct client in, c;

	proxy_door(&in, true);
	world.conf.global.max_conns_in = 1;
	world.conf.global.await_slot = true;
	client_send(&in, V2_LOCAL, 16);
	ok(client_talk(&in, SMTP_HELLO), "one is in");
	client_open(&c, INGRESS_SMTP, "192.0.2.9", SOCK_STREAM);
	client_send(&c, V2_LOCAL, 16);
	client_pump(&c);
	is_int((int64_t)c.got.len, 0, "one waits");
	client_close(&in);
	for (int i = 0; i < 400 && c.got.len == 0; i++) {
		(void)usleep(5000);
		client_pump(&c);
	}
	ok(client_talk(&c, SMTP_HELLO), "and comes in");
	client_close(&c);
}

static void
test_transient(void)
{
	struct client c;

	world_reset();
	world.conf.source.max_rcpts = 1;
	world.conf.source.relay = true;
	world.conf.source.hang_up_on_4xx = true;
	client_open(&c, INGRESS_SMTP, "192.0.2.1", SOCK_STREAM);
	ok(client_talk(&c,
	       SMTP_HELLO "> BAD\n< 500*\n> MAIL FROM:<a@b.test>\n< 250*\n"
			  "> RCPT TO:<a@b.test>\n< 250*\n"
			  "> RCPT TO:<b@b.test>\n< 452*\n"),
	    "a 4xx is said");
	ok(c.closed, "and the connection ended");
	client_close(&c);
}

static void
test_rcpts_fail_message(void)
{
	struct client c;

	world_reset();
	world.conf.source.max_rcpts = 1;
	world.conf.source.too_many_fails = true;
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c,
	       LMTP_HELLO "> MAIL FROM:<a@b.test>\n< 250*\n"
			  "> RCPT TO:<a@b.test>\n< 250*\n"
			  "> RCPT TO:<b@b.test>\n< 250*\n> DATA\n"
			  "< 554 5.5.3 too many recipients\n"
			  "> MAIL FROM:<a@b.test>\n< 250*\n"
			  "> RCPT TO:<a@b.test>\n< 250*\n> DATA\n< 354*\n"),
	    "all fails, and the next one does not");
	client_close(&c);
}

static void
test_bcc(void)
{
	static const char *const to[] = { "archive@c.test" };
	struct client c;

	world_reset();
	world.conf.source.bcc = (struct conf_strs){ 1,
		(const char **)(uintptr_t)to };
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c,
	       LMTP_HELLO OPEN_ONE
	       "> A: b\n> \n> .\n< 250 2.1.5 <r@b.test> queued*\n"
	       "> NOOP\n< 250 2.0.0 OK\n"),
	    "one reply for one recipient");
	is_int(world.store.env.rcpt_count, 2, "and two in the store");
	is_str(world.store.env.rcpts[1].addr, "archive@c.test", "the copy's");
	is_int(world.store.env.rcpts[1].notify, NOTIFY_NEVER, "nobody hears");
	client_close(&c);
}

static void
test_qualify(void)
{
	struct client c;

	world_reset();
	world.conf.global.domain_suffix = "corp.test";
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c,
	       LMTP_HELLO "> MAIL FROM:<a@host>\n< 250*\n"
			  "> RCPT TO:<b@other>\n< 250*\n"
			  "> RCPT TO:<c@d.test>\n< 250*\n> DATA\n< 354*\n"
			  "> A: b\n> \n> .\n< 250*\n< 250*\n"),
	    "addresses without a dot");
	is_str(world.store.env.sender, "a@host.corp.test", "the sender");
	is_str(world.store.env.rcpts[0].addr, "b@other.corp.test",
	    "a recipient");
	is_str(world.store.env.rcpts[0].domain, "other.corp.test",
	    "its domain");
	is_str(world.store.env.rcpts[1].addr, "c@d.test", "not this one");
	client_close(&c);
}

static void
test_postmaster(void)
{
	struct client c;

	world_reset();
	world.conf.global.postmaster = "ops@b.test";
	client_open(&c, INGRESS_SMTP, "192.0.2.9", SOCK_STREAM);
	ok(client_talk(&c,
	       SMTP_HELLO "> MAIL FROM:<s@a.test>\n< 250*\n"
			  "> RCPT TO:<PostMaster>\n< 250*\n"
			  "> RCPT TO:<postmaster@MX.test>\n< 250*\n"
			  "> RCPT TO:<postmaster@other.test>\n< 550 5.7.1*\n"
			  "> RCPT TO:<r@b.test>\n< 550 5.7.1*\n"
			  "> DATA\n< 354*\n> A: b\n> \n> .\n< 250*\n"),
	    "mail to the postmaster is taken from anybody");
	is_int(world.store.env.rcpt_count, 2, "recipients");
	is_str(world.store.env.rcpts[0].addr, "ops@b.test", "who it is");
	is_str(world.store.env.rcpts[1].domain, "b.test", "his queue");
	client_close(&c);
}

static void
test_relay(void)
{
	struct client c;

	world_reset();
	world.conf.relay_address = "r@b.test";
	world.conf.global.relay_debug = true;
	client_open(&c, INGRESS_SMTP, "192.0.2.1", SOCK_STREAM);
	ok(client_talk(&c,
	       SMTP_HELLO "> MAIL FROM:<a@b.test>\n< 250*\n"
			  "> RCPT TO:<r@b.test>\n< 250*\n"
			  "> RCPT TO:<x@b.test>\n< 450 4.7.1 relaying*\n"),
	    "relay-address; relay-debug");
	client_close(&c);
}

static void
test_utf8(void)
{
	struct client c;

	world_reset();
	world.conf.source.allow_utf8 = false;
	client_open(&c, INGRESS_SMTP, "192.0.2.1", SOCK_STREAM);
	ok(client_talk(&c,
	       "< 220*\n> EHLO x\n< 250-mx.test\n< 250-PIPELINING\n"
	       "< 250-8BITMIME\n< 250-SIZE 0\n< 250-ENHANCEDSTATUSCODES\n"
	       "< 250-VERP\n< 250 DSN\n> MAIL FROM:<a@b.test> SMTPUTF8\n< 555 5.6.7*\n"),
	    "SMTPUTF8 is not offered and not taken");
	client_close(&c);
}

int
main(void)
{
	world_init();
	test_proxy();
	test_no_proxy();
	test_proxy_elsewhere();
	test_xclient();
	test_xclient_helo();
	test_xclient_login();
	test_no_xclient();
	test_group();
	test_per_client();
	test_errors();
	test_host_is_spared();
	test_failure_rate();
	test_await();
	test_await_proxy();
	test_transient();
	test_rcpts_fail_message();
	test_bcc();
	test_qualify();
	test_postmaster();
	test_relay();
	test_utf8();
	world_fini();
	return done_testing();
}

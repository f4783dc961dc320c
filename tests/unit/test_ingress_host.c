/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host MTA at a listener of its own: it may relay, it alone says as whom its
 * clients have signed in, and mail for its own domains goes back to it.
 */
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "mail/mark.h"
#include "tests/tap.h"
#include "tests/unit/ingress_client.h"
#include "transport/ingress_senders.h"

#define TRACE "Received: from c.test by mx.test (Postfix); Fri\r\n"
#define NAME32 "abcdefghijklmnopqrstuvwxyz012345"
#define NAME255 \
	NAME32 NAME32 NAME32 NAME32 NAME32 NAME32 NAME32 \
	    "abcdefghijklmnopqrstuvwxyz01234"
#define BAD "550 5.7.1 X-Mailrace-Auth cannot be read"

static const struct {
	const char *label, *head;
	const char *user; /* NULL: it is refused */
} cases[] = {
	{ "above Received", "X-Mailrace-Auth: brand\r\n" TRACE, "brand" },
	{ "with a blank in it, in another case",
	    "x-mailrace-auth:  a brand \r\n" TRACE, "a brand" },
	{ "among others that were put there",
	    "X-A: 1\r\nX-Mailrace-Auth: brand\r\nX-B: 2\r\n" TRACE, "brand" },
	{ "below Received", TRACE "X-Mailrace-Auth: boss\r\n", "" },
	{ "both",
	    "X-Mailrace-Auth: brand\r\n" TRACE "X-Mailrace-Auth: boss\r\n",
	    "brand" },
	{ "no Received", "X-Mailrace-Auth: boss\r\nSubject: x\r\n", "" },
	{ "in the body", TRACE "\r\nX-Mailrace-Auth: boss\r\n", "" },
	{ "none", TRACE, "" },
	{ "two", "X-Mailrace-Auth: a\r\nX-Mailrace-Auth: b\r\n" TRACE, NULL },
	{ "empty", "X-Mailrace-Auth:\r\n" TRACE, NULL },
	{ "the longest", "X-Mailrace-Auth: " NAME255 "\r\n" TRACE, NAME255 },
	{ "too long", "X-Mailrace-Auth: " NAME255 "x\r\n" TRACE, NULL },
	{ "a control character", "X-Mailrace-Auth: a\x01\r\n" TRACE, NULL },
};

static void
open_door(struct client *c, bool host_mta)
{
	world_reset();
	world.conf.listener.host_mta = host_mta;
	world.conf.source.require_auth = host_mta;
	world.conf.source.relay = !host_mta;
	client_open(c, INGRESS_SMTP, NULL, SOCK_STREAM);
}

/* After the end of data of one message with that header: the reply. */
static const char *
send_text(struct client *c, const char *head)
{
	struct buf out = { 0 };

	buf_clear(&c->got);
	buf_printf(&out,
	    "MAIL FROM:<s@a.test>\r\nRCPT TO:<r@b.test>\r\nDATA\r\n%s\r\n.\r\n",
	    head);
	client_send(c, out.p, out.len);
	client_pump(c);
	buf_fini(&out);
	(void)client_expect(c, SLICE_LIT("250 2.1.0 OK"));
	(void)client_expect(c, SLICE_LIT("250 2.1.5 OK"));
	(void)client_expect(c, SLICE_LIT("354*"));
	return buf_cstr(&c->got);
}

static void
test_user(void)
{
	struct client c;

	open_door(&c, true);
	ok(client_talk(&c, SMTP_HELLO), "hello");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *label = cases[i].label, *reply;

		reply = send_text(&c, cases[i].head);
		if (cases[i].user == NULL) {
			ok(strncmp(reply, BAD, sizeof(BAD) - 1) == 0, "%s",
			    label);
			continue;
		}
		ok(strncmp(reply, "250 2.6.0", 9) == 0, "%s", label);
		is_str(world.store.env.auth_user, cases[i].user, label);
		ok(strncmp(world.conf.run_user, cases[i].user,
		       sizeof(world.conf.run_user) - 1) == 0,
		    "%s: and policy knows him", label);
	}
	client_close(&c);
}

/* Nobody else says so, and nobody sees it. */
static void
test_others(void)
{
	struct client c;

	open_door(&c, false);
	ok(client_talk(&c, SMTP_HELLO), "hello");
	ok(strncmp(send_text(&c, cases[0].head), "250 2.6.0", 9) == 0, "taken");
	is_str(world.store.env.auth_user, "", "by another listener");
	ok(strstr(buf_cstr(&world.store.text), AUTH_HEADER) == NULL, "it goes");
	client_close(&c);
	world_reset();
	world.conf.listener.host_mta = true;
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c, LMTP_HELLO), "hello");
	(void)send_text(&c, cases[0].head);
	is_str(world.store.env.auth_user, "", "by LMTP");
	client_close(&c);
}

/* Of whom the limits are is known at the end; the client is not held to them. */
static void
test_rates(void)
{
	struct client c;

	open_door(&c, true);
	world.conf.mail_fault = SENDER_DENIED;
	world.conf.limits = (struct rate_in_limits){ 1,
		{ { RATE_IN_SOURCE, RATE_IN_MESSAGES, "s", { 0 },
		    { 1, 3600 * US_PER_S } } } };
	ok(client_talk(&c,
	       SMTP_HELLO "> XFORWARD ADDR=192.0.2.8\n< 250*\n" OPEN_ONE
			  "> Received: x\n> \n> .\n< 250 2.6.0*\n"
			  "> XFORWARD ADDR=192.0.2.8\n< 250*\n" OPEN_ONE
			  "> Received: x\n> \n> .\n< 450 4.7.1 too many*\n"),
	    "rules and rates: at the end of data");
	client_close(&c);
}

static void
limit(enum rate_in_who who, const char *name, uint32_t count)
{
	struct rate_in_limits *l = &world.conf.limits;

	l->v[l->n++] = (struct rate_in_limit){ who, RATE_IN_MESSAGES, name,
		{ 0 }, { count, 3600 * US_PER_S } };
}

/* Who has signed in is somebody, where the client is nobody in particular. */
static void
test_user_rates(void)
{
	static const char user[] = "X-Mailrace-Auth: brand\r\n" TRACE;
	struct client c;

	open_door(&c, true);
	limit(RATE_IN_SOURCE, "s", 1);
	limit(RATE_IN_CLIENT, "s", 1);
	limit(RATE_IN_USER, "brand", 2);
	ok(client_talk(&c, SMTP_HELLO), "hello");
	for (int i = 0; i < 2; i++)
		ok(strncmp(send_text(&c, user), "250 2.6.0", 9) == 0,
		    "no client is named: his message %d", i);
	ok(strncmp(send_text(&c, user), "450 4.7.1 too many", 18) == 0,
	    "his rate holds");
	for (int i = 0; i < 2; i++)
		ok(strncmp(send_text(&c, TRACE), "250 2.6.0", 9) == 0,
		    "nobody has signed in: message %d", i);
	client_close(&c);
}

/* Of a client that is named, and of a user, is known at the end what he may. */
static void
test_limits(void)
{
	static const struct {
		const char *label, *mail, *reply;
		uint64_t max_size;
		uint32_t max_rcpts;
		bool no_utf8;
	} limits[] = {
		{ "nothing", "", "250 2.6.0*", 0, 0, false },
		{ "enough", " SMTPUTF8", "250 2.6.0*", 100, 2, false },
		{ "a size", "", "552 5.3.4 message too big", 13, 2, false },
		{ "a size that fits as the client sent it", "", "250 2.6.0*",
		    14, 2, false },
		{ "recipients", "", "554 5.5.3 too many recipients", 0, 1,
		    false },
		{ "ASCII, of others", "", "250 2.6.0*", 0, 0, true },
		{ "ASCII", " SMTPUTF8", "550 5.6.7 SMTPUTF8 is not offered", 0,
		    0, true },
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct source_conf *of = &world.conf.other_source;
		char script[400];
		struct client c;

		open_door(&c, true);
		*of = world.conf.source;
		world.conf.other_client = (struct net_addr){ AF_INET,
			{ 192, 0, 2, 8 } };
		of->max_size = limits[i].max_size;
		world.conf.source.max_size = limits[i].max_size;
		of->max_rcpts = limits[i].max_rcpts;
		of->allow_utf8 = !limits[i].no_utf8;
		(void)snprintf(script, sizeof(script),
		    "> XFORWARD ADDR=192.0.2.8\n< 250*\n"
		    "> MAIL FROM:<s@a.test>%s\n> RCPT TO:<r@b.test>\n"
		    "> RCPT TO:<t@b.test>\n> DATA\n"
		    "< 250*\n< 250*\n< 250*\n< 354*\n"
		    "> X-Mailrace-Auth: u\n> Received: x\n"
		    "> Subject: y\n> \n> .\n< %s\n",
		    limits[i].mail, limits[i].reply);
		ok(client_talk(&c, SMTP_HELLO), "hello");
		ok(client_talk(&c, script), "%s", limits[i].label);
		is_int(world.store.taken, limits[i].reply[0] == '2', "taken");
		client_close(&c);
	}
}

/* Policy would not be asked as for other mail of the host. */
static void
test_merge(void)
{
	struct client c;

	world_reset();
	world.conf.listener.host_mta = true;
	world.conf.source.allow_mailmerge = world.conf.source.allow_api = true;
	client_open(&c, INGRESS_SMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c, SMTP_HELLO "> XMRG FROM:<s@a.test>\n< 502 5.5.1*\n"),
	    "no mail merge");
	client_close(&c);
}

#define UNREAD \
	SMTP_HELLO "> MAIL FROM:<s@a.test>\n> RCPT TO:<bob>\n> DATA\n" \
		   "< 250*\n< 250*\n< 354*\n" \
		   "> X-Mailrace-Auth: brand\n> X-Mailrace-Meta: v=1\n" \
		   "> Received: x\n> \n> .\n"

/* Nobody is told of a failure as somebody whom the user may not be. */
static void
test_bounce(void)
{
	struct conf_host host = { .name = NULL };
	struct client c;

	for (int denied = 0; denied < 2; denied++) {
		world_reset();
		world.conf.listener.host_mta = true;
		world.conf.source.accept_invalid = true;
		world.conf.global.dsn_hosts.v = &host;
		world.conf.global.dsn_hosts.n = 1;
		world.conf.mail_fault = denied ? SENDER_DENIED : SENDER_FINE;
		client_open(&c, INGRESS_SMTP, NULL, SOCK_STREAM);
		ok(client_talk(&c,
		       denied ? UNREAD "< 550 5.7.1 this sender address must "
				       "not be used here\n" :
				UNREAD "< 250*\n"),
		    "no recipient can be read, sender denied: %d", denied);
		is_int(world.store.mails, denied ? 0 : 1, "told");
		ok(denied ||
			(strstr(buf_cstr(&world.store.mail), "X-Mailrace-") ==
				NULL &&
			    strstr(buf_cstr(&world.store.mail),
				"\r\nReceived: x\r\n") != NULL),
		    "of the header, without the user");
		is_int(count_read(&world.env.sender_counts->denied), denied,
		    "counted");
		client_close(&c);
	}
}

static void
test_own_domain(void)
{
	struct conf_host host = { .name = NULL };
	struct client c;

	open_door(&c, true);
	world.conf.host_domain = "own.test";
	ok(client_talk(&c,
	       SMTP_HELLO "> MAIL FROM:<s@a.test>\n> RCPT TO:<r@own.test>\n"
			  "< 250*\n< 550 5.7.1 mail for this domain is for the "
			  "host itself\n"),
	    "no way back: it is refused");
	client_close(&c);

	open_door(&c, true);
	world.conf.host_domain = "own.test";
	world.conf.global.dsn_hosts.v = &host;
	world.conf.global.dsn_hosts.n = 1;
	world.conf.assign = "two";
	ok(client_talk(&c,
	       SMTP_HELLO "> MAIL FROM:<s@a.test>\n> RCPT TO:<r@own.test>\n"
			  "> RCPT TO:<r@b.test>\n> DATA\n"
			  "< 250*\n< 250*\n< 250*\n< 354*\n"
			  "> A: b\n> \n> .\n< 250 2.6.0*\n"),
	    "a way back");
	is_str(world.store.env.rcpts[0].addr, "r@own.test", "the address");
	is_str(world.store.env.rcpts[0].domain, SNAPSHOT_DSN_DOMAIN,
	    "its queue is the host's");
	is_str(world.store.env.rcpts[0].vmta, "", "by no virtual MTA");
	is_str(world.store.env.rcpts[1].domain, "b.test", "others go out");
	is_str(world.store.env.rcpts[1].vmta, "two", "by theirs");
	client_close(&c);

	open_door(&c, true);
	world.conf.host_domain = "own.test";
	world.conf.global.dsn_hosts.v = &host;
	world.conf.global.dsn_hosts.n = 1;
	world.conf.listed = "no@own.test";
	world.conf.listed_late = "late@own.test";
	world.conf.assign = "one";
	ok(client_talk(&c,
	       SMTP_HELLO
	       "> MAIL FROM:<s@a.test>\n> RCPT TO:<no@own.test>\n> DATA\n"
	       "< 250*\n< 250*\n< 354*\n> A: b\n> \n> .\n< 250 2.6.0*\n"
	       "> MAIL FROM:<s@a.test>\n> RCPT TO:<late@own.test>\n> DATA\n"
	       "< 250*\n< 250*\n< 354*\n> A: b\n> \n> .\n< 250 2.6.0*\n"),
	    "who is in a list: it is for mail that goes out");
	is_int(world.store.refused + world.store.refused_alone, 0, "no record");
	client_close(&c);

	world_reset();
	world.conf.host_domain = "b.test";
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c,
	       LMTP_HELLO OPEN_ONE "> A: b\n> \n> .\n< 250 2.1.5*\n"),
	    "by LMTP the host has decided");
	is_str(world.store.env.rcpts[0].domain, "b.test", "so it goes out");
	client_close(&c);
}

/* The host MTA would go the way that a stranger writes into a local part. */
static void
test_routed(void)
{
	struct conf_host host = { .name = NULL };
	struct client c;

	world_reset();
	world.conf.relay_to = world.conf.host_domain = "own.test";
	world.conf.global.dsn_hosts.v = &host;
	world.conf.global.dsn_hosts.n = 1;
	client_open(&c, INGRESS_SMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c,
	       SMTP_HELLO "> MAIL FROM:<s@a.test>\n< 250*\n"
			  "> RCPT TO:<r%b.test@own.test>\n"
			  "< 550 5.7.1 relaying denied\n"
			  "> RCPT TO:<b.test!r@own.test>\n"
			  "< 550 5.7.1 relaying denied\n"
			  "> RCPT TO:<\"r@b.test\"@own.test>\n"
			  "< 550 5.7.1 relaying denied\n"
			  "> RCPT TO:<r@own.test>\n< 250*\n"),
	    "no way through the host's domain for who may not relay");
	client_close(&c);
}

int
main(void)
{
	world_init();
	test_user();
	test_others();
	test_rates();
	test_user_rates();
	test_limits();
	test_routed();
	test_merge();
	test_bounce();
	test_own_domain();
	world_fini();
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a client is told that it may not send as somebody, or so much: at MAIL
 * and RCPT, if no milter can have judged it; else when the message is there.
 */
#include "lib/clock.h"
#include "tests/tap.h"
#include "tests/unit/ingress_client.h"
#include "transport/ingress_senders.h"

#define DENIED "< 550 5.7.1 this sender address must not be used here\n"

static const struct {
	const char *label;
	enum ingress_protocol protocol;
	const char *peer; /* NULL: a unix socket */
	enum sender_fault at_mail, at_end;
	const char *talk;
	unsigned denied, taken;
	const char *client; /* whom policy saw last */
} cases[] = {
	{ "SMTP: at MAIL, and another sender may follow", INGRESS_SMTP,
	    "192.0.2.7", SENDER_DENIED, SENDER_FINE,
	    SMTP_HELLO "> MAIL FROM:<a@b.test>\n" DENIED
		       "> RCPT TO:<r@b.test>\n< 503*\n"
		       "> MAIL FROM:<c@d.test>\n" DENIED,
	    2, 0, "192.0.2.7" },
	{ "SMTP behind a proxy: its client is judged", INGRESS_SMTP, NULL,
	    SENDER_DENIED, SENDER_FINE,
	    SMTP_HELLO "> XFORWARD ADDR=192.0.2.8 IDENT=[UNAVAILABLE]\n< 250*\n"
		       "> MAIL FROM:<a@b.test>\n" DENIED,
	    1, 0, "192.0.2.8" },
	{ "SMTP with a queue id of the host: at the end", INGRESS_SMTP, NULL,
	    SENDER_DENIED, SENDER_DENIED,
	    SMTP_HELLO "> XFORWARD ADDR=192.0.2.8 IDENT=4FX\n< 250*\n"
		       "> MAIL FROM:<a@b.test>\n< 250*\n"
		       "> RCPT TO:<r@relay.test>\n< 250*\n> DATA\n< 354*\n"
		       "> A: b\n> \n> .\n" DENIED,
	    1, 0, "192.0.2.8" },
	{ "LMTP: at the end, each recipient", INGRESS_LMTP, NULL, SENDER_DENIED,
	    SENDER_DENIED,
	    LMTP_HELLO "> MAIL FROM:<a@b.test>\n< 250*\n"
		       "> RCPT TO:<r@b.test>\n< 250*\n"
		       "> RCPT TO:<s@b.test>\n< 250*\n> DATA\n< 354*\n"
		       "> A: b\n> \n> .\n" DENIED DENIED
		       "> MAIL FROM:<a@b.test>\n< 250*\n",
	    1, 0, "127.0.0.1" },
	{ "SMTP: rules about the header at the end", INGRESS_SMTP, "192.0.2.7",
	    SENDER_FINE, SENDER_FROM_DOMAIN,
	    SMTP_HELLO "> MAIL FROM:<a@b.test>\n< 250*\n"
		       "> RCPT TO:<r@relay.test>\n< 250*\n> DATA\n< 354*\n"
		       "> From: x@y.test\n> \n> .\n"
		       "< 550 5.7.1 From has an address in a domain that you "
		       "may not use\n",
	    1, 0, "192.0.2.7" },
	{ "no rule, no refusal", INGRESS_SMTP, "192.0.2.7", SENDER_FINE,
	    SENDER_FINE,
	    SMTP_HELLO "> MAIL FROM:<a@b.test>\n< 250*\n"
		       "> RCPT TO:<r@relay.test>\n< 250*\n> DATA\n< 354*\n"
		       "> A: b\n> \n> .\n< 250 2.6.0 queued*\n",
	    0, 1, "192.0.2.7" },
};

/* ---- so much ---------------------------------------------------------------- */

#define MANY(what) "< 450 4.7.1 too many " what " for now, come again in *\n"
#define MAIL "> MAIL FROM:<a@b.test>\n"
#define RCPT "> RCPT TO:<r@relay.test>\n"

/* Two messages and three recipients an hour. */
static const struct {
	const char *label;
	enum ingress_protocol protocol;
	const char *peer;
	const char *talk;
	unsigned limited, taken;
} rates[] = {
	{ "SMTP: a message at MAIL, a recipient at RCPT", INGRESS_SMTP,
	    "192.0.2.7",
	    SMTP_HELLO MAIL
	    "< 250*\n" RCPT "< 250*\n" RCPT "< 250*\n" RCPT
	    "< 250*\n" RCPT MANY(
		"recipients") "> DATA\n< 354*\n> A: b\n> \n> .\n"
			      "< 250 2.6.0 queued*\n" MAIL "< 250*\n" RCPT MANY(
				  "recipients") "> RSET\n< 250*\n" MAIL
				  MANY("messages"),
	    3, 1 },
	{ "SMTP behind a proxy: its client is counted", INGRESS_SMTP, NULL,
	    SMTP_HELLO
	    "> XFORWARD ADDR=192.0.2.8\n< 250*\n" MAIL "< 250*\n"
	    "> RSET\n< 250*\n" MAIL "< 250*\n> RSET\n< 250*\n"
	    "> XFORWARD ADDR=192.0.2.8\n< 250*\n" MAIL "< 250*\n"
	    "> RSET\n< 250*\n"
	    "> XFORWARD ADDR=192.0.2.8\n< 250*\n" MAIL MANY("messages"),
	    1, 0 },
	{ "a hand-over without a client is not counted", INGRESS_LMTP, NULL,
	    LMTP_HELLO MAIL "< 250*\n" RCPT "< 250*\n" RCPT "< 250*\n" RCPT
			    "< 250*\n" RCPT "< 250*\n"
			    "> DATA\n< 354*\n> A: b\n> \n> .\n"
			    "< 250*\n< 250*\n< 250*\n< 250*\n",
	    0, 1 },
	{ "one that names it is, when it is whole", INGRESS_LMTP, NULL,
	    LMTP_HELLO "> XFORWARD ADDR=192.0.2.8\n< 250*\n" MAIL
		       "< 250*\n" RCPT "< 250*\n" RCPT "< 250*\n"
		       "> DATA\n< 354*\n> A: b\n> \n> .\n"
		       "< 250*\n< 250*\n"
		       "> XFORWARD ADDR=192.0.2.8\n< 250*\n" MAIL
		       "< 250*\n" RCPT "< 250*\n" RCPT "< 250*\n"
		       "> DATA\n< 354*\n> A: b\n> \n> .\n" MANY("recipients")
			   MANY("recipients"),
	    1, 1 },
	{ "more at once than may ever come", INGRESS_LMTP, NULL,
	    LMTP_HELLO "> XFORWARD ADDR=192.0.2.8\n< 250*\n" MAIL
		       "< 250*\n" RCPT "< 250*\n" RCPT "< 250*\n" RCPT
		       "< 250*\n" RCPT "< 250*\n"
		       "> DATA\n< 354*\n> A: b\n> \n> .\n"
		       "< 450 4.7.1 more recipients at once than may come*\n"
		       "< 450*\n< 450*\n< 450*\n",
	    1, 0 },
};

static void
test_rates(void)
{
	const struct rate_in_limits limits = { 2,
		{ { RATE_IN_SOURCE, RATE_IN_MESSAGES, "s", { 0 },
		      { 2, 3600 * US_PER_S } },
		    { RATE_IN_SOURCE, RATE_IN_RCPTS, "s", { 0 },
			{ 3, 3600 * US_PER_S } } } };

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		const char *label = rates[i].label;
		struct client c;

		world_reset();
		world.conf.relay_to = "relay.test";
		world.conf.limits = limits;
		client_open(&c, rates[i].protocol, rates[i].peer, SOCK_STREAM);
		ok(client_talk(&c, rates[i].talk), "%s", label);
		is_int(count_read(&world.env.sender_counts->limited),
		    rates[i].limited, label);
		is_int(world.store.taken, rates[i].taken, label);
		client_close(&c);
	}
}

int
main(void)
{
	world_init();
	test_rates();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *label = cases[i].label;
		char text[NET_ADDR_TEXT];
		struct client c;

		world_reset();
		world.conf.relay_to = "relay.test";
		world.conf.mail_fault = cases[i].at_mail;
		world.conf.fault = cases[i].at_end;
		client_open(&c, cases[i].protocol, cases[i].peer, SOCK_STREAM);
		ok(client_talk(&c, cases[i].talk), "%s", label);
		is_int(count_read(&world.env.sender_counts->denied),
		    cases[i].denied, label);
		is_int(world.store.taken, cases[i].taken, label);
		is_str(net_addr_text(&world.conf.policy_client, text),
		    cases[i].client, label);
		client_close(&c);
	}
	world_fini();
	return done_testing();
}

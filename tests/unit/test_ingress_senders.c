/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a client is told that it may not send as somebody: at MAIL, if no milter
 * can have judged it; else when the message is there.
 */
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

int
main(void)
{
	world_init();
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exim at a listener of its own (exim-listener): it says whose each message is, in
 * a field that must be there exactly once; nowhere else is that field believed.
 */
#include <string.h>

#include "lib/clock.h"
#include "mail/mark.h"
#include "tests/tap.h"
#include "tests/unit/ingress_client.h"
#include "transport/ingress_senders.h"

#define META "X-Mailrace-Meta: v=1; "
#define TRACE "Received: from c.test by mx.test with esmtp (Exim)\r\n"
#define BRAND META "client=192.0.2.8; auth=YnJhbmQ=\r\n"
#define OWN META "client=; auth=\r\n"
/* 255 letters are 85 groups of three, without padding. */
#define B64_48 "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh"
#define B64_240 B64_48 B64_48 B64_48 B64_48 B64_48
#define B64_340 B64_240 B64_48 B64_48 "YWFh"
#define ID "1xV3uw-0000AB-2C"
/* A sender may be "x id FAKE"@d.test, and have brackets in its quotes. */
#define FROM(sender) \
	"Received: from c.test by mx.test with esmtp (Exim)\r\n" \
	"\t(envelope-from <\"" sender "\"@d.test>)\r\n" \
	"\tid " ID "\r\n"
#define FORGED FROM("x id 1xAAAA-000000-00 y")
#define BROKEN FROM("x) id 1xAAAA-000000-00 (y")
#define UNREAD "451 4.3.5 X-Mailrace-Meta cannot be read"

static const struct {
	const char *label, *head;
	const char *refusal;       /* NULL: it is taken */
	const char *client, *user; /* as whose mail */
} cases[] = {
	{ "who has signed in", TRACE BRAND, NULL, "192.0.2.8", "brand" },
	{ "who has not", META "client=192.0.2.8; auth=\r\n" TRACE, NULL,
	    "192.0.2.8", "" },
	{ "by IPv6", TRACE META "client=2001:db8::8; auth=YQ==\r\n", NULL,
	    "2001:db8::8", "a" },
	{ "the host's own", TRACE OWN, NULL, "127.0.0.1", "" },
	{ "in another case", TRACE "x-mailrace-META: v=1; client=; auth=\r\n",
	    NULL, "127.0.0.1", "" },
	{ "the body does not count", TRACE OWN "\r\n" BRAND, NULL, "127.0.0.1",
	    "" },
	{ "what is Postfix's does not count",
	    "X-Mailrace-Auth: boss\r\n" TRACE OWN, NULL, "127.0.0.1", "" },
	{ "behind an 8-bit name",
	    TRACE "Gr\xc3\xbc\xc3\x9f"
		  "e: x\r\n folded\r\n" BRAND,
	    NULL, "192.0.2.8", "brand" },
	{ "behind an empty name", TRACE ": x\r\n" BRAND, NULL, "192.0.2.8",
	    "brand" },
	{ "behind a VT before the colon, folded",
	    TRACE "A\v: x\r\nX-Mailrace-META \t: v=1; client=192.0.2.8;\r\n"
		  " auth=YnJhbmQ=\r\nB: y\r\n",
	    NULL, "192.0.2.8", "brand" },
	{ "not in a fold", TRACE ": x\r\n " BRAND,
	    "451 4.3.5 X-Mailrace-Meta is missing", "", "" },
	{ "twice, behind such a one", BRAND ": x\r\n" TRACE OWN,
	    "451 4.3.5 X-Mailrace-Meta is there twice", "", "" },
	{ "missing", TRACE, "451 4.3.5 X-Mailrace-Meta is missing", "", "" },
	{ "in the body", TRACE "\r\n" BRAND,
	    "451 4.3.5 X-Mailrace-Meta is missing", "", "" },
	{ "twice", BRAND TRACE OWN, "451 4.3.5 X-Mailrace-Meta is there twice",
	    "", "" },
	{ "empty", "X-Mailrace-Meta:\r\n" TRACE, UNREAD, "", "" },
	{ "another version", "X-Mailrace-Meta: v=2; client=; auth=\r\n", UNREAD,
	    "", "" },
	{ "no user", META "client=192.0.2.8\r\n", UNREAD, "", "" },
	{ "more", META "client=; auth=; proto=esmtp\r\n", UNREAD, "", "" },
	{ "no address", META "client=brand; auth=\r\n", UNREAD, "", "" },
	{ "a network", META "client=192.0.2.0/24; auth=\r\n", UNREAD, "", "" },
	{ "a user without a client", META "client=; auth=YnJhbmQ=\r\n", UNREAD,
	    "", "" },
	{ "no base64", META "client=192.0.2.8; auth=brand\r\n", UNREAD, "",
	    "" },
	{ "half of it", META "client=192.0.2.8; auth=YnJhbmQ\r\n", UNREAD, "",
	    "" },
	{ "nothing but padding", META "client=192.0.2.8; auth====\r\n", UNREAD,
	    "", "" },
	{ "a control character", META "client=192.0.2.8; auth=YQo=\r\n", UNREAD,
	    "", "" },
	{ "cut by a NUL", META "client=192.0.2.8; auth=YQBi\r\n", UNREAD, "",
	    "" },
	{ "two ids", META "id=" ID "; id=" ID "; client=; auth=\r\n", UNREAD,
	    "", "" },
	{ "an id behind the user",
	    META "client=192.0.2.8; auth=YQ==; id=" ID "\r\n", UNREAD, "", "" },
	{ "nothing but an id", META "id=" ID "\r\n", UNREAD, "", "" },
	{ "too long", META "client=192.0.2.8; auth=" B64_340 "YQ==\r\n", UNREAD,
	    "", "" },
};

/* Under which id Exim had it: what its transport says, and nothing else. */
static const struct {
	const char *label, *trace, *told, *want;
} ids[] = {
	{ "Exim's", TRACE, "id=" ID "; ", ID },
	{ "since Exim 4.97", TRACE, "id=1xV3uw-00000000ABC-2C3D; ",
	    "1xV3uw-00000000ABC-2C3D" },
	{ "whatever the sender calls itself", BROKEN, "id=" ID "; ", ID },
	{ "no other counts", FORGED, "id=4FXq2b1; ", "" },
	{ "nor none", FORGED, "id=; ", "" },
	{ "nor one of both widths", FORGED, "id=1xV3uw-0000AB-2C3D; ", "" },
	{ "nor a longer one", FORGED, "id=" ID ".; ", "" },
	{ "nor a shorter one", FORGED, "id=1xV3u-0000AB-2C; ", "" },
	{ "nor one without the end", FORGED, "id=1xV3uw; ", "" },
	{ "an earlier set-up says none", FORGED, "", ID },
	{ "then none that the sender may have written", BROKEN, "", "" },
};

static const char *doors[] = { "/door" };

static void
open_door(struct client *c, bool is_exims, enum ingress_protocol protocol)
{
	world_reset();
	if (is_exims)
		world.conf.global.exim_listeners = (struct conf_strs){ 1,
			doors };
	world.conf.source.relay = true;
	client_open(c, protocol, NULL, SOCK_STREAM);
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

static bool
begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

#define EXIM_HELLO \
	"< 220 mx.test*\n" \
	"> LHLO host.test\n" \
	"< 250-mx.test\n" \
	"< 250-PIPELINING\n" \
	"< 250-8BITMIME\n" \
	"< 250-SMTPUTF8\n" \
	"< 250-SIZE 0\n" \
	"< 250-ENHANCEDSTATUSCODES\n" \
	"< 250 DSN\n"

static void
test_field(void)
{
	char text[NET_ADDR_TEXT];
	struct client c;

	open_door(&c, true, INGRESS_LMTP);
	ok(client_talk(&c, EXIM_HELLO), "hello: XFORWARD is not for Exim");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *label = cases[i].label;
		unsigned taken = world.store.taken;
		const char *reply = send_text(&c, cases[i].head);

		if (cases[i].refusal != NULL) {
			ok(begins(reply, cases[i].refusal), "%s", label);
			is_int(world.store.taken, taken, "nothing is queued");
			continue;
		}
		ok(begins(reply, "250 2.1.5"), "%s", label);
		is_str(world.store.env.auth_user, cases[i].user, label);
		is_str(world.conf.run_user, cases[i].user,
		    "and policy knows him");
		is_str(net_addr_text(&world.conf.policy_client, text),
		    cases[i].client, "and the client");
		ok(memmem(world.store.text.p, world.store.text.len,
		       "\nX-Mailrace", 10) == NULL ||
			strstr(cases[i].head, "\r\n\r\n") != NULL,
		    "it goes");
	}
	client_close(&c);
}

static void
test_ids(void)
{
	struct client c;

	open_door(&c, true, INGRESS_LMTP);
	ok(client_talk(&c, EXIM_HELLO), "hello");
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct buf head = { 0 };

		buf_printf(&head, "%s" META "%sclient=192.0.2.8; auth=\r\n",
		    ids[i].trace, ids[i].told);
		ok(begins(send_text(&c, buf_cstr(&head)), "250 2.1.5"),
		    "%s: taken", ids[i].label);
		is_str(world.store.env.host_id, ids[i].want, ids[i].label);
		buf_fini(&head);
	}
	client_close(&c);
}

/* By a listener that is not Exim's, or a protocol that it does not speak. */
static void
test_others(void)
{
	struct client c;

	open_door(&c, false, INGRESS_LMTP);
	ok(client_talk(&c, LMTP_HELLO), "hello");
	ok(begins(send_text(&c, TRACE BRAND), "250 2.1.5"), "by LMTP");
	is_str(world.store.env.auth_user, "", "it is not believed");
	is_str(world.conf.run_user, "", "nor by policy");
	ok(strstr(buf_cstr(&world.store.text), EXIM_HEADER) == NULL, "it goes");
	client_close(&c);

	open_door(&c, true, INGRESS_SMTP);
	ok(client_talk(&c, SMTP_HELLO), "hello");
	ok(begins(send_text(&c, TRACE BRAND), "250 2.6.0"), "by SMTP");
	is_str(world.store.env.auth_user, "", "it is not believed");
	ok(strstr(buf_cstr(&world.store.text), EXIM_HEADER) == NULL, "it goes");
	client_close(&c);
}

/* As of Postfix's clients; the host's own mail has no limit. */
static void
test_rates(void)
{
	struct client c;

	open_door(&c, true, INGRESS_LMTP);
	world.conf.limits = (struct rate_in_limits){ 2,
		{ { RATE_IN_CLIENT, RATE_IN_MESSAGES, "s", { 0 },
		      { 1, 3600 * US_PER_S } },
		    { RATE_IN_USER, RATE_IN_MESSAGES, "brand", { 0 },
			{ 1, 3600 * US_PER_S } } } };
	ok(client_talk(&c, EXIM_HELLO), "hello");
	ok(begins(send_text(&c, BRAND), "250 2.1.5"), "the first of a client");
	ok(begins(send_text(&c, BRAND), "450 4.7.1 too many"), "the second");
	for (int i = 0; i < 2; i++)
		ok(begins(send_text(&c, OWN), "250 2.1.5"),
		    "the host's own, message %d", i);
	client_close(&c);
}

/* At RCPT only the host is known, whose lists are not the client's. */
static void
test_lists(void)
{
	static const char *names[] = { "late" };
	static const struct {
		const char *label, *reply;
		bool of_host;
	} lists[] = {
		{ "a list of the host's source", "250 2.1.5", true },
		{ "one of the client's",
		    "550 5.7.1 recipient is in suppression list \"late\"",
		    false },
	};
	struct client c;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct source_conf *other = &world.conf.other_source;

		open_door(&c, true, INGRESS_LMTP);
		world.conf.listed_late = "r@b.test";
		world.conf.assign = "two";
		*other = world.conf.source;
		world.conf.other_client = (struct net_addr){ AF_INET,
			{ 192, 0, 2, 8 } };
		*(lists[i].of_host ? &world.conf.source.suppression_lists :
				     &other->suppression_lists) =
		    (struct conf_strs){ 1, names };
		ok(client_talk(&c, EXIM_HELLO), "hello");
		ok(begins(send_text(&c, BRAND), lists[i].reply), "%s",
		    lists[i].label);
		client_close(&c);
	}
}

/* An alias of Exim makes many of one; what the client may is Exim's to count. */
static void
test_rcpts(void)
{
	struct source_conf *other = &world.conf.other_source;
	struct client c;

	open_door(&c, true, INGRESS_LMTP);
	*other = world.conf.source;
	other->max_rcpts = 1;
	world.conf.other_client = (struct net_addr){ AF_INET,
		{ 192, 0, 2, 8 } };
	ok(client_talk(&c,
	       EXIM_HELLO "> MAIL FROM:<s@a.test>\n> RCPT TO:<r@b.test>\n"
			  "> RCPT TO:<t@b.test>\n> DATA\n"
			  "< 250*\n< 250*\n< 250*\n< 354*\n"
			  "> X-Mailrace-Meta: v=1; client=192.0.2.8; auth=\n"
			  "> \n> .\n< 250 2.1.5*\n< 250 2.1.5*\n"),
	    "more than the client may name");
	client_close(&c);
}

/* What is refused of one says nothing of the next. */
static void
test_next(void)
{
	char text[NET_ADDR_TEXT];
	struct client c;

	open_door(&c, true, INGRESS_LMTP);
	ok(client_talk(&c, EXIM_HELLO), "hello");
	ok(begins(send_text(&c, BRAND), "250 2.1.5"), "one of a client");
	ok(begins(send_text(&c, OWN), "250 2.1.5"), "one of the host");
	is_str(world.store.env.auth_user, "", "he is forgotten");
	is_str(net_addr_text(&world.conf.policy_client, text), "127.0.0.1",
	    "the client, too");
	client_close(&c);
}

int
main(void)
{
	world_init();
	test_field();
	test_ids();
	test_others();
	test_rates();
	test_lists();
	test_rcpts();
	test_next();
	world_fini();
	return done_testing();
}

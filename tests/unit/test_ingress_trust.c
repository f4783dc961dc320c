/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom the ingress believes: a mark and a queue id of the host MTA, a source
 * that may relay, and what the Received field says of others.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/check.h"
#include "mail/canon.h"
#include "mail/mark.h"
#include "tests/tap.h"
#include "tests/unit/ingress_client.h"

/* ---- mark ---------------------------------------------------------------- */

struct mark_case {
	const char *label, *vmta, *ident, *sender, *text;
	bool believed;
	const char *want_vmta;
};

/* id: in the Received field below the mark; NULL: there is none. */
static void
run_mark(const struct mark_case *mc, const char *id, struct client *c)
{
	struct mark m = { .vmta = mc->vmta,
		.job = "marked",
		.user = "brand-a",
		.sender = "s@a.test",
		.queue_id = "4FX",
		.priority = 10 };
	struct canon_body *body = canon_body_new();
	struct region *rg = region_new();
	struct buf out = { 0 };
	unsigned runs = world.conf.policy_runs;

	canon_body_add(body, "text\r\n", 6);
	canon_body_finish(body);
	memcpy(m.body_hash, canon_body_hash(body, CANON_SIMPLE), 32);
	if (mc->ident[0] != '\0')
		buf_printf(&out, "XFORWARD IDENT=%s\r\n", mc->ident);
	buf_printf(&out, "MAIL FROM:<%s>\r\nRCPT TO:<r@b.test>\r\nDATA\r\n",
	    mc->sender);
	client_send(c, out.p, out.len);
	client_pump(c);
	buf_clear(&out);
	buf_printf(&out, "Subject: x\r\n" MARK_HEADER ": %s\r\n",
	    mark_make(world.env.mark_key, &m, rg));
	if (id != NULL)
		buf_printf(&out, "Received: by x (Postfix) id %s; now\r\n", id);
	buf_printf(&out, "\r\n%s\r\n.\r\n", mc->text);
	client_send(c, out.p, out.len);
	client_pump(c);
	buf_clear(&c->got);
	is_int(world.conf.policy_runs - runs, mc->believed ? 0 : 1, mc->label);
	is_str(world.store.env.job, mc->believed ? "marked" : "campaign",
	    mc->label);
	is_int(world.store.env.rcpts[0].priority, mc->believed ? 10 : 70,
	    mc->label);
	is_str(world.store.env.rcpts[0].vmta, mc->want_vmta, mc->label);
	is_str(world.store.env.auth_user, mc->believed ? "brand-a" : "",
	    mc->label);
	ok(strstr(buf_cstr(&world.store.text), MARK_HEADER) == NULL,
	    "%s: no mark goes out", mc->label);
	buf_fini(&out);
	region_free(&rg);
	canon_body_free(&body);
}

static void
test_mark(void)
{
	static const struct mark_case marks[] = {
		{ "a good mark", "two", "4FX", "s@a.test", "text", true,
		    "two" },
		{ "of a VMTA that is gone", "gone", "4FX", "s@a.test", "text",
		    true, "three" },
		{ "of a pool", "both", "4FX", "s@a.test", "text", true, "one" },
		{ "another queue id", "two", "4FY", "s@a.test", "text", false,
		    "one" },
		{ "no queue id", "two", "", "s@a.test", "text", false, "one" },
		{ "another sender", "two", "4FX", "x@a.test", "text", false,
		    "one" },
		{ "quotes that say nothing", "two", "4FX", "\"s\"@a.test",
		    "text", true, "two" },
		{ "quotes that say something", "two", "4FX", "\"s \"@a.test",
		    "text", false, "one" },
		{ "Postfix's VERP", "two", "4FX", "s+r=b.test@a.test", "text",
		    true, "two" },
		{ "VERP of another domain", "two", "4FX", "s+r=b.test@x.test",
		    "text", false, "one" },
		{ "nearly VERP", "two", "4FX", "sr=b.test@a.test", "text",
		    false, "one" },
		{ "another text", "two", "4FX", "s@a.test", "texd", false,
		    "one" },
	};
	/* A content filter has passed on the id from before it. */
	static const struct mark_case filtered = { "behind a filter", "two",
		"4FILTERED", "s@a.test", "text", true, "two" };
	static const struct mark_case other = { "another one behind it", "two",
		"4FILTERED", "s@a.test", "text", false, "one" };
	char path[] = "/tmp/test_ingress.XXXXXX";
	int fd = mkstemp(path);
	struct client c;
	struct err e;

	world_reset();
	world.conf.source.default_vmta = "three";
	CHECK(
	    fd >= 0 && write(fd, path, 20) == 20 && write(fd, path, 20) == 20);
	(void)close(fd);
	ok(mark_key_read(path, &world.env.mark_key, &e) == 0, "a key");
	(void)unlink(path);
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c, LMTP_HELLO), "hello");
	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
		run_mark(&marks[i], NULL, &c);
	run_mark(&filtered, "4FX", &c);
	run_mark(&other, "4FY", &c);
	run_mark(&marks[0], NULL, &c);
	is_str(world.conf.policy_user, "brand-a",
	    "a VMTA that is gone is assigned anew for its user");
	client_close(&c);
	mark_key_free(&world.env.mark_key);
}

/* ---- policy says no; who may relay; our Received ------------------------- */

static void
test_trouble(void)
{
	struct client c;

	world_reset();
	world.conf.trouble = "signing for a.test: the key is broken";
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c,
	       LMTP_HELLO OPEN_ONE
	       "> A: b\n> \n> .\n< 451 4.3.0 message cannot be prepared*\n"),
	    "a message that cannot be signed is not taken");
	is_int(world.store.taken, 0, "nothing of it is queued");
	client_close(&c);
}

static void
test_listener_source(void)
{
	struct client c;

	world_reset();
	client_open(&c, INGRESS_SMTP, "192.0.2.9", SOCK_STREAM);
	ok(client_talk(&c,
	       SMTP_HELLO "> MAIL FROM:<s@a.test>\n> RCPT TO:<r@b.test>\n"
			  "< 250 2.1.0 OK\n< 550 5.7.1*\n"),
	    "no relaying without a source that may");
	client_close(&c);
	world.conf.listener_source = "apps";
	client_open(&c, INGRESS_SMTP, "192.0.2.9", SOCK_STREAM);
	ok(client_talk(&c,
	       SMTP_HELLO OPEN_ONE "> A: b\n> \n> .\n< 250 2.6.0 queued*\n"),
	    "the listener's source allows it");
	is_str(world.conf.policy_source, "apps", "and policy knows it");
	client_close(&c);
}

static void
test_received(void)
{
	static const struct {
		const char *label, *ip, *helo, *want;
		bool utf8;
	} traces[] = {
		{ "a host name", "192.0.2.9", "host.test",
		    "Received: from host.test ([192.0.2.9])\r\n"
		    "\tby mx.test (Mailrace) with ESMTP;\r\n\t",
		    false },
		{ "a literal", "2001:db8::9", "[IPv6:2001:db8::9]",
		    "Received: from [IPv6:2001:db8::9] "
		    "([IPv6:2001:db8::9])\r\n",
		    false },
		{ "a date of its own", "192.0.2.9", "x;Thu,1@y",
		    "Received: from x?Thu?1?y ([192.0.2.9])\r\n", false },
		{ "8 bits in ASCII mail", "192.0.2.9", "j\xc3\xb6rg",
		    "Received: from j??rg ([192.0.2.9])\r\n", false },
		{ "8 bits in SMTPUTF8 mail", "192.0.2.9", "j\xc3\xb6rg",
		    "Received: from j\xc3\xb6rg ([192.0.2.9])\r\n", true },
	};

	for (size_t i = 0; i < sizeof(traces) / sizeof(*traces); i++) {
		struct buf out = { 0 };
		struct client c;
		const char *text;

		world_reset();
		world.conf.source.relay = true;
		client_open(&c, INGRESS_SMTP, traces[i].ip, SOCK_STREAM);
		buf_printf(&out,
		    "EHLO %s\r\nMAIL FROM:<s@a.test>%s\r\n"
		    "RCPT TO:<r@b.test>\r\nDATA\r\n",
		    traces[i].helo, traces[i].utf8 ? " SMTPUTF8" : "");
		client_send(&c, out.p, out.len);
		client_pump(&c);
		client_send(&c, "A: b\r\n\r\n.\r\n", 11);
		client_pump(&c);
		text = buf_cstr(&world.store.text);
		ok(strncmp(text, traces[i].want, strlen(traces[i].want)) == 0,
		    "Received: %s", traces[i].label);
		buf_fini(&out);
		client_close(&c);
	}
}

/*
 * Without XFORWARD the queue id is that of the topmost Received, which may be
 * the sender's own where the host takes its field away.
 */
static void
test_queue_id(void)
{
	static const struct {
		const char *label, *id, *want;
		int times;
	} ids[] = {
		{ "Postfix's", "4FXq2b1", "4FXq2b1", 1 },
		{ "one with a control byte", "4F\x03X", "", 1 },
		{ "one of 100 bytes", "4FXq2b1abc",
		    "4FXq2b1abc4FXq2b1abc4FXq2b1abc4FXq2b1abc4FXq2b1abc"
		    "4FXq2b1abc4FXq2b1abc4FXq2b1abc4FXq2b1abc4FXq2b1abc",
		    10 },
		{ "a longer one", "4FXq2b1abc.", "", 10 },
		{ "one of 70,000 bytes", "4FXq2b1", "", 10000 },
	};

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct buf text = { 0 };
		struct client c;

		world_reset();
		client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
		ok(client_talk(&c, LMTP_HELLO OPEN_ONE), "start");
		buf_str(&text,
		    "Received: by a.test (Postfix, userid 0)\r\n id ");
		for (int n = 0; n < ids[i].times; n++)
			buf_str(&text, ids[i].id);
		buf_str(&text, "; Fri\r\n\r\n.\r\n");
		client_send(&c, text.p, text.len);
		ok(client_talk(&c, "< 250 2.1.5*\n"), "%s: taken",
		    ids[i].label);
		is_str(world.store.env.host_id, ids[i].want, ids[i].label);
		client_close(&c);
		buf_fini(&text);
	}
}

int
main(void)
{
	world_init();
	test_mark();
	test_trouble();
	test_listener_source();
	test_received();
	test_queue_id();
	world_fini();
	return done_testing();
}

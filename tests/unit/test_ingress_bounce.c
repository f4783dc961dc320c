/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recipients whose address nobody can read, where a source wants them taken:
 * each is answered 250 and bounces with the message, whose sender is told, and
 * without a message nothing is left of them.
 */
#include <string.h>
#include <sys/socket.h>

#include "mail/acct_record.h"
#include "tests/tap.h"
#include "tests/unit/ingress_client.h"

static struct client c;

static void
begin(enum ingress_protocol protocol)
{
	static struct conf_host host;

	world_reset();
	world.conf.global.dsn_hosts.v = &host;
	world.conf.global.dsn_hosts.n = 1;
	world.conf.source.accept_invalid = true;
	world.conf.source.relay = true;
	client_open(&c, protocol, "127.0.0.1", SOCK_STREAM);
	(void)client_talk(&c,
	    protocol == INGRESS_LMTP ? LMTP_HELLO : SMTP_HELLO);
}

/* "TYPE ID.NUMBER RCPT STATUS CATEGORY; " of each, and the last's diag. */
static const char *
records_text(void)
{
	static char text[1200];
	struct region *rg = region_new();
	const char *p = world.store.refusals.p;
	size_t left = world.store.refusals.len, at = 0;
	char diag[200] = "";
	struct acct_record r;

	while (acct_record_unpack(&p, &left, rg, &r) == ACCT_RECORD) {
		at += (size_t)snprintf(text + at, sizeof(text) - at,
		    "%s %d.%d %s %d.%d.%d %s; ", acct_type_letter(r.type),
		    (int)r.id, (int)r.rcpt_number, r.rcpt, r.dsn_status.code[0],
		    r.dsn_status.code[1], r.dsn_status.code[2], r.bounce_cat);
		(void)snprintf(diag, sizeof(diag), "%s", r.dsn_diag);
	}
	(void)snprintf(text + at, sizeof(text) - at, "%s", diag);
	region_free(&rg);
	return text;
}

static void
are_kept(unsigned failed, unsigned mails, const char *what)
{
	ok(world.store.failed == failed && world.store.mails == mails,
	    "%s: %u failed, %u told of", what, world.store.failed,
	    world.store.mails);
}

#define BAD_ONE "> MAIL FROM:<s@a.test>\n> RCPT TO:<a b@c>\n"
#define TAKEN "< 250 2.1.0 OK\n< 250 2.1.5 OK\n"
#define TEXT "> Subject: x\n> \n> y\n> .\n"
#define SAID "x-mailrace;bad recipient address syntax"

static void
test_with_others(void)
{
	begin(INGRESS_SMTP);
	ok(client_talk(&c,
	       BAD_ONE
	       "> RCPT TO:<r@b.test>\n> RCPT TO:<nobody>\n> DATA\n" TAKEN
	       "< 250*\n< 250*\n< 354*\n" TEXT "< 250 2.6.0 queued as *\n"),
	    "they are taken with one that can be read");
	is_int(world.store.env.rcpt_count, 1, "which alone is kept");
	is_str(records_text(),
	    "b 1.1 a b@c 5.1.3 bad-mailbox; b 1.2 nobody 5.1.3 bad-mailbox; " SAID,
	    "records with the id of the message");
	are_kept(2, 1, "in one transaction");
	ok(strstr(world.store.mail.p, "Final-Recipient: rfc822; a b@c\r\n") &&
		strstr(world.store.mail.p, "Status: 5.1.3\r\n") &&
		strstr(world.store.mail.p, "Subject: x\r\n"),
	    "their sender is told");
	is_int(world.dispatch.messages, 2, "both are to be delivered");
	ok(client_talk(&c, OPEN_ONE TEXT "< 250 2.6.0*\n"), "the next message");
	are_kept(2, 1, "has nobody");
	client_close(&c);
}

static void
test_alone(void)
{
	begin(INGRESS_SMTP);
	ok(client_talk(&c,
	       BAD_ONE "> DATA\n" TAKEN "< 354*\n" TEXT
		       "< 250 2.6.0 taken\n> NOOP\n< 250*\n"),
	    "nobody else is named");
	is_str(records_text(), "b 0.0 a b@c 5.1.3 bad-mailbox; " SAID,
	    "a record without an id");
	are_kept(1, 1, "alone");
	ok(world.store.taken == 0 && world.dispatch.messages == 1,
	    "the only message is that which tells of it");
	ok(strstr(world.store.mail.p, "Queue-ID") == NULL &&
		strstr(world.store.mail.p, "known here") == NULL,
	    "where there is no id none is shown");
	world.store.delayed = true;
	ok(client_talk(&c, BAD_ONE "> DATA\n" TAKEN "< 354*\n" TEXT "> NOOP\n"),
	    "nothing is answered before it is durable");
	fake_store_settled(&world.store);
	ok(client_talk(&c, "< 250 2.6.0 taken\n< 250*\n"), "then it is");
	ok(client_talk(&c, BAD_ONE "> DATA\n" TAKEN "< 354*\n" TEXT), "again");
	client_close(&c);
	fake_store_settled(&world.store);
	client_pump(&c);
	are_kept(3, 3, "the client has gone");
	is_int(world.env.sessions_in, 0, "and so has its session");
}

/* A notification goes out as all mail does. */
static void
test_long_line(void)
{
	char line[1502];
	size_t longest = 0, from = 0;

	begin(INGRESS_SMTP);
	ok(client_talk(&c,
	       "> MAIL FROM:<s@a.test> RET=FULL\n> RCPT TO:<a b@c>\n> DATA\n" TAKEN
	       "< 354*\n"),
	    "all of the message is to come back");
	memset(line, 'x', 1500);
	line[1500] = '\r';
	line[1501] = '\n';
	client_send(&c, "\r\n", 2);
	client_send(&c, line, sizeof(line));
	ok(client_talk(&c, "> .\n< 250 2.6.0 taken\n"), "with a long line");
	for (size_t i = 0; i < world.store.mail.len; i++)
		if (world.store.mail.p[i] == '\n') {
			longest = i + 1 - from > longest ? i + 1 - from :
							   longest;
			from = i + 1;
		}
	is_int((int64_t)longest, 1000, "which is folded there");
	client_close(&c);
}

/* Nobody has promised anything. */
static void
test_no_message(void)
{
	static const struct {
		const char *label, *script;
	} ways[] = {
		{ "RSET", "> RSET\n< 250*\n" },
		{ "QUIT", "> QUIT\n< 221*\n" },
		{ "a bare CR", "> DATA\n< 354*\n> a\rb\n> .\n< 550 5.6.0*\n" },
		{ "a bare CR, and another recipient",
		    "> RCPT TO:<r@b.test>\n> DATA\n< 250*\n< 354*\n"
		    "> a\rb\n> .\n< 550 5.6.0*\n" },
	};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		begin(INGRESS_SMTP);
		ok(client_talk(&c, BAD_ONE TAKEN) &&
			client_talk(&c, ways[i].script),
		    "%s", ways[i].label);
		client_close(&c);
		ok(world.store.settling == NULL && world.store.failed == 0 &&
			world.store.refused_alone == 0,
		    "%s: nobody bounces", ways[i].label);
	}
	begin(INGRESS_SMTP);
	world.store.answer = STORE_NO_SPACE;
	ok(client_talk(&c,
	       BAD_ONE "> RCPT TO:<r@b.test>\n> DATA\n" TAKEN
		       "< 250*\n< 354*\n" TEXT "< 452*\n"),
	    "the store has no room");
	are_kept(0, 0, "nor is anybody told");
	client_close(&c);
}

static void
test_untold(void)
{
	static const struct {
		const char *label, *sender, *notify;
		unsigned hosts;
	} ways[] = {
		{ "a null sender", "", "", 1 },
		{ "NOTIFY=NEVER", "s@a.test", " NOTIFY=NEVER", 1 },
		{ "no dsn-host", "s@a.test", "", 0 },
	};
	char script[200];

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		begin(INGRESS_SMTP);
		world.conf.global.dsn_hosts.n = ways[i].hosts;
		(void)snprintf(script, sizeof(script),
		    "> MAIL FROM:<%s>\n> RCPT TO:<a b@c>%s\n> DATA\n" TAKEN
		    "< 354*\n" TEXT "< 250 2.6.0 taken\n",
		    ways[i].sender, ways[i].notify);
		ok(client_talk(&c, script), "%s", ways[i].label);
		are_kept(1, 0, ways[i].label);
		client_close(&c);
	}
}

/* Who may not send to everybody could have any sender told anything. */
static void
test_not_taken(void)
{
	begin(INGRESS_SMTP);
	ok(client_talk(&c,
	       "> RCPT TO:<a b@c>\n< 503*\n> MAIL FROM:<s@a.test>\n< 250*\n"
	       "> RCPT TO:<a b@c> NOTIFY=WHAT\n> RCPT TO:<>\n"
	       "< 501 5.1.3*\n< 501 5.1.3*\n> DATA\n< 554*\n"),
	    "nobody is named, or it is wrong otherwise");
	client_close(&c);
	begin(INGRESS_SMTP);
	client_close(&c);
	world.conf.source.relay = false;
	client_open(&c, INGRESS_SMTP, "127.0.0.1", SOCK_STREAM);
	ok(client_talk(&c,
	       SMTP_HELLO BAD_ONE
	       "> RCPT TO:<nobody>\n< 250*\n< 501 5.1.3*\n< 501 5.1.3*\n"),
	    "from a client that may not send to any domain");
	client_close(&c);
	begin(INGRESS_LMTP);
	ok(client_talk(&c,
	       BAD_ONE "> RCPT TO:<nobody>\n"
		       "< 250*\n< 501 5.1.3*\n< 501 5.1.3*\n"),
	    "by LMTP, where the host MTA bounces");
	client_close(&c);
	begin(INGRESS_SMTP);
	client_close(&c);
	world.conf.source.max_rcpts = 1;
	client_open(&c, INGRESS_SMTP, "127.0.0.1", SOCK_STREAM);
	ok(client_talk(&c,
	       SMTP_HELLO BAD_ONE "> RCPT TO:<a b@c>\n" TAKEN "< 452*\n"),
	    "more than max-rcpt-per-message");
	client_close(&c);
}

static void
test_chunks(void)
{
	begin(INGRESS_SMTP);
	client_close(&c);
	world.conf.source.allow_chunking = true;
	client_open(&c, INGRESS_SMTP, "127.0.0.1", SOCK_STREAM);
	ok(client_talk(&c,
	       SMTP_HELLO BAD_ONE "> BDAT 6 LAST\n> a: b\n" TAKEN
				  "< 250 2.6.0 taken\n"),
	    "by BDAT");
	are_kept(1, 1, "too");
	client_close(&c);
}

int
main(void)
{
	world_init();
	test_with_others();
	test_alone();
	test_long_line();
	test_no_message();
	test_untold();
	test_not_taken();
	test_chunks();
	world_fini();
	return done_testing();
}

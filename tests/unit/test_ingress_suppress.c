/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is in a suppression list is refused by an ingress session, at RCPT or at
 * the end of data, and has one record, with his message or alone.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mail/acct_record.h"
#include "tests/tap.h"
#include "tests/unit/ingress_client.h"

#define LISTED(list) \
	"< 550 5.7.1 recipient is in suppression list \"" list "\"\n"
#define SAID(list) "x-mailrace;recipient is in suppression list \"" list "\""

static struct client c;

static void
begin(enum ingress_protocol protocol)
{
	world_reset();
	world.conf.listed = "no@b.test";
	world.conf.listed_late = "late@b.test";
	world.conf.unsure = "who@b.test";
	world.conf.source.relay = true;
	client_open(&c, protocol, "127.0.0.1", SOCK_STREAM);
	(void)client_talk(&c,
	    protocol == INGRESS_LMTP ? LMTP_HELLO : SMTP_HELLO);
}

/* "TYPE ID.NUMBER RCPT QUEUE STATUS CATEGORY JOB; " of each, and the last's diag. */
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
		    "%s %d.%d %s %s %d.%d.%d %s; ", acct_type_letter(r.type),
		    (int)r.id, (int)r.rcpt_number, r.rcpt,
		    r.queue[0] == '\0' ? "-" : r.queue, r.dsn_status.code[0],
		    r.dsn_status.code[1], r.dsn_status.code[2], r.bounce_cat);
		(void)snprintf(diag, sizeof(diag), "%s", r.dsn_diag);
	}
	(void)snprintf(text + at, sizeof(text) - at, "%s", diag);
	region_free(&rg);
	return text;
}

static void
are_refused(unsigned with, unsigned alone, const char *what)
{
	ok(world.store.refused == with && world.store.refused_alone == alone,
	    "%s: %u with a message, %u alone", what, world.store.refused,
	    world.store.refused_alone);
}

/* ---- RCPT ---------------------------------------------------------------- */

static void
test_rcpt(void)
{
	begin(INGRESS_LMTP);
	ok(client_talk(&c,
	       "> MAIL FROM:<s@a.test>\n> RCPT TO:<r@b.test>\n"
	       "> RCPT TO:<no@b.test>\n> RCPT TO:<who@b.test>\n> DATA\n"
	       "< 250*\n< 250*\n" LISTED(
		   "out") "< 451 4.3.0 suppression list \"out\" cannot be read now\n"
			  "< 354*\n> A: b\n> \n> .\n< 250 2.1.5 <r@b.test>*\n"),
	    "who is listed is refused, of whom nobody knows is put off");
	are_refused(1, 0, "in one transaction");
	is_str(records_text(),
	    "b 1.1 no@b.test - 5.7.1 suppressed; " SAID("out"),
	    "a record with the id of the message");
	is_int(world.dispatch.rcpts, 1, "the other is to be delivered");
	ok(client_talk(&c, OPEN_ONE "> A: b\n> \n> .\n< 250 2.1.5*\n"),
	    "the next message");
	are_refused(1, 0, "has nobody");
	client_close(&c);
}

static void
test_alone(void)
{
	static const struct {
		const char *label, *script;
	} ways[] = {
		{ "RSET", "> RSET\n< 250*\n" },
		{ "a new greeting",
		    "> LHLO x\n< 250-mx.test\n< 250-*\n"
		    "< 250-*\n< 250-*\n< 250-*\n< 250-*\n"
		    "< 250-*\n"
		    "< 250 DSN\n" },
		{ "DATA with nobody left", "> DATA\n< 503 5.5.1*\n" },
		{ "QUIT", "> QUIT\n< 221*\n" },
		{ "a message that is refused",
		    "> RCPT TO:<r@b.test>\n> DATA\n< 250*\n< 354*\n"
		    "> a\rb\n> .\n< 550 5.6.0*\n" },
	};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		begin(INGRESS_LMTP);
		ok(client_talk(&c,
		       "> MAIL FROM:<s@a.test>\n> RCPT TO:<no@b.test>\n"
		       "< 250*\n" LISTED("out")) &&
			client_talk(&c, ways[i].script),
		    "%s", ways[i].label);
		client_pump(&c);
		are_refused(0, 1, ways[i].label);
		is_str(records_text(),
		    "b 0.0 no@b.test - 5.7.1 suppressed; " SAID("out"),
		    ways[i].label);
		client_close(&c);
		is_int(world.store.refused_alone, 1, "once");
	}
}

/* A client cannot bring more than the disk takes. */
static void
test_waits(void)
{
	begin(INGRESS_SMTP);
	world.store.delayed = true;
	ok(client_talk(&c,
	       "> MAIL FROM:<s@a.test>\n> RCPT TO:<no@b.test>\n> RSET\n"
	       "> MAIL FROM:<s@a.test>\n< 250*\n" LISTED("out") "< 250*\n"),
	    "nothing is read behind RSET");
	are_refused(0, 0, "meanwhile");
	fake_store_settled(&world.store);
	ok(client_talk(&c, "< 250*\n"), "now it is");
	are_refused(0, 1, "then");
	ok(client_talk(&c, "> RCPT TO:<no@b.test>\n" LISTED("out")), "again");
	(void)close(c.fd);
	c.closed = true;
	client_pump(&c);
	is_int(world.env.sessions_in, 1, "a client that goes is waited for");
	fake_store_settled(&world.store);
	client_pump(&c);
	is_int(world.env.sessions_in, 0, "and then the session is gone");
	are_refused(0, 2, "in the end");
	buf_fini(&c.got);
}

static void
test_many(void)
{
	begin(INGRESS_SMTP);
	client_close(&c);
	world.conf.source.max_rcpts = 2;
	client_open(&c, INGRESS_SMTP, "127.0.0.1", SOCK_STREAM);
	ok(client_talk(&c,
	       SMTP_HELLO
	       "> MAIL FROM:<s@a.test>\n> RCPT TO:<no@b.test>\n"
	       "> RCPT TO:<no@b.test>\n> RCPT TO:<no@b.test>\n< 250*\n" LISTED(
		   "out") LISTED("out") "< 452 4.5.3*\n"),
	    "who is refused counts for max-rcpt-per-message");
	client_close(&c);
	client_pump(&c);
	are_refused(0, 2, "nobody more");
}

/* The client keeps the message, but not who was refused. */
static void
test_no_room(void)
{
	begin(INGRESS_SMTP);
	world.store.answer = STORE_NO_SPACE;
	ok(client_talk(&c,
	       "> MAIL FROM:<s@a.test>\n> RCPT TO:<no@b.test>\n"
	       "> RCPT TO:<r@b.test>\n> DATA\n< 250*\n" LISTED(
		   "out") "< 250*\n< 354*\n> A: b\n> \n> .\n< 452*\n> NOOP\n< 250*\n"),
	    "the store has no room for the message");
	are_refused(0, 1, "for that");
	client_close(&c);
}

/* ---- the end of data ----------------------------------------------------- */

#define TWO_LATE \
	"> MAIL FROM:<s@a.test>\n> RCPT TO:<late@b.test>\n" \
	"> RCPT TO:<r@b.test>\n> RCPT TO:<late@b.test>\n> DATA\n" \
	"< 250*\n< 250*\n< 250*\n< 250*\n< 354*\n> A: b\n> \n> .\n"

static void
test_end_lmtp(void)
{
	begin(INGRESS_LMTP);
	ok(client_talk(&c,
	       TWO_LATE LISTED("late") "< 250 2.1.5 <r@b.test>*\n" LISTED(
		   "late") "> NOOP\n< 250*\n"),
	    "each has his own reply");
	are_refused(2, 0, "the end of data");
	is_str(records_text(),
	    "b 1.1 late@b.test b.test/one 5.7.1 suppressed; "
	    "b 1.2 late@b.test b.test/one 5.7.1 suppressed; " SAID("late"),
	    "the records know the queue");
	is_int(world.store.env.rcpt_count, 1, "one is kept");
	is_str(world.store.env.rcpts[0].addr, "r@b.test", "the right one");
	ok(client_talk(&c,
	       "> MAIL FROM:<s@a.test>\n> RCPT TO:<late@b.test>\n> DATA\n"
	       "< 250*\n< 250*\n< 354*\n> A: b\n> \n> .\n" LISTED(
		   "late") "> NOOP\n< 250*\n"),
	    "nobody is left");
	are_refused(2, 1, "then");
	world.conf.assign = "two";
	ok(client_talk(&c,
	       TWO_LATE "< 250 2.1.5*\n< 250 2.1.5*\n< 250 2.1.5*\n"),
	    "another virtual MTA has no list");
	client_close(&c);
}

static void
test_end_smtp(void)
{
	begin(INGRESS_SMTP);
	ok(client_talk(&c, TWO_LATE "< 250 2.6.0*\n"),
	    "some are listed: there is one reply for all");
	is_int(world.store.env.rcpt_count, 3, "all are kept");
	are_refused(0, 0, "so");
	ok(client_talk(&c,
	       "> MAIL FROM:<s@a.test>\n> RCPT TO:<late@b.test>\n> DATA\n"
	       "< 250*\n< 250*\n< 354*\n> A: b\n> \n> .\n" LISTED(
		   "late") "> NOOP\n< 250*\n"),
	    "all are");
	are_refused(0, 1, "and refused");
	client_close(&c);
}

int
main(void)
{
	world_init();
	test_rcpt();
	test_alone();
	test_waits();
	test_many();
	test_no_room();
	test_end_lmtp();
	test_end_smtp();
	world_fini();
	return done_testing();
}

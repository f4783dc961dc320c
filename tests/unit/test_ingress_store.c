/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ingress session answers when the store has, hands a message over once,
 * and makes records of receipts where they are wanted.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mail/acct_record.h"
#include "tests/tap.h"
#include "tests/unit/ingress_client.h"

/* ---- the store's answers ------------------------------------------------- */

static void
test_delayed(void)
{
	struct client c;

	world_reset();
	world.store.delayed = true;
	client_open(&c, INGRESS_LMTP, NULL, SOCK_SEQPACKET);
	ok(client_talk(&c,
	       LMTP_HELLO "> MAIL FROM:<s@a.test>\n> RCPT TO:<r@b.test>\n"
			  "> RCPT TO:<q@b.test>\n> DATA\n"
			  "< 250*\n< 250*\n< 250*\n< 354*\n"),
	    "up to DATA");
	c.packets = 0;
	ok(client_talk(&c, "> A: b\n> \n> .\n> NOOP\n"),
	    "no answer before the store's");
	is_int(world.dispatch.messages, 0, "nor is it to be delivered");
	fake_store_answer(&world.store);
	client_pump(&c);
	is_int((int64_t)c.packets, 1, "then all in one write");
	ok(client_talk(&c,
	       "< 250 2.1.5 <r*\n< 250 2.1.5 <q*\n< 250 2.0.0 OK\n"),
	    "one for each, and the command behind it");
	is_int(world.dispatch.messages, 1, "and it is to be delivered");
	client_close(&c);
}

static void
test_client_gone(void)
{
	struct client c;

	world_reset();
	world.store.delayed = true;
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c, LMTP_HELLO OPEN_ONE "> A: b\n> \n> .\n"),
	    "the client does not wait");
	(void)close(c.fd);
	c.closed = true;
	client_pump(&c);
	is_int(world.env.sessions_in, 1, "the session does");
	fake_store_answer(&world.store);
	client_pump(&c);
	is_int(world.dispatch.messages, 1,
	    "the message is delivered all the same");
	is_int(world.env.sessions_in, 0, "the session is gone");
	buf_fini(&c.got);
}

static void
test_half_closed(void)
{
	struct client c;

	world_reset();
	world.store.delayed = true;
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c, LMTP_HELLO OPEN_ONE "> A: b\n> \n> .\n> NOOP\n"),
	    "the client says all it has to say");
	(void)shutdown(c.fd, SHUT_WR);
	client_pump(&c);
	fake_store_answer(&world.store);
	ok(client_talk(&c, "< 250 2.1.5*\n< 250 2.0.0 OK\n") && c.closed,
	    "it is answered, then closed");
	client_close(&c);
}

/* ---- hand-overs again ---------------------------------------------------- */

#define HAND_OVER(ident, rcpt, subject) \
	"> XFORWARD IDENT=" ident "\n> MAIL FROM:<s@a.test>\n" \
	"> RCPT TO:<r@b.test>\n> RCPT TO:<" rcpt ">\n> DATA\n" \
	"< 250*\n< 250*\n< 250*\n< 250*\n< 354*\n" \
	"> Subject: " subject "\n> \n> text\n> .\n" \
	"< 250 2.1.5 <r@b.test> queued*\n" \
	"< 250 2.1.5 <" rcpt "> queued*\n"

static void
test_repeated(void)
{
	static const struct {
		const char *label, *script;
		unsigned rcpts_new;
	} steps[] = {
		{ "a hand-over", HAND_OVER("4FX", "q@b.test", "x"), 2 },
		{ "the same again", HAND_OVER("4FX", "q@b.test", "x"), 0 },
		{ "one more recipient", HAND_OVER("4FX", "p@b.test", "x"), 1 },
		{ "another queue id", HAND_OVER("4FY", "q@b.test", "x"), 2 },
		{ "the queue id of another message",
		    HAND_OVER("4FX", "q@b.test", "y"), 2 },
		{ "no queue id", HAND_OVER("[UNAVAILABLE]", "q@b.test", "x"),
		    2 },
	};
	unsigned before = 0;
	struct client c;

	world_reset();
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c, LMTP_HELLO), "hello");
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		ok(client_talk(&c, steps[i].script), "%s: all 250",
		    steps[i].label);
		is_int(world.dispatch.rcpts - before, steps[i].rcpts_new,
		    steps[i].label);
		before = world.dispatch.rcpts;
	}
	/* The IDENT of one transaction is not that of the next. */
	ok(client_talk(&c, OPEN_ONE "> A: b\n> \n> .\n< 250*\n"),
	    "without XFORWARD");
	ok(!world.store.has_key && world.store.env.host_id[0] == '\0',
	    "no key");
	client_close(&c);
}

/* ---- records of receipts ------------------------------------------------- */

/* "TYPE ID.NUMBER RCPT VMTA SOURCE [EXTRA=VALUE ...]; " of each record. */
static const char *
receipts_text(void)
{
	static char text[600];
	struct region *rg = region_new();
	const char *p = world.store.receipts.p;
	size_t left = world.store.receipts.len, at = 0;
	struct acct_record r;

	text[0] = '\0';
	while (acct_record_unpack(&p, &left, rg, &r) == ACCT_RECORD) {
		at += (size_t)snprintf(text + at, sizeof(text) - at,
		    "%s %d.%d %s %s %s", acct_type_letter(r.type), (int)r.id,
		    (int)r.rcpt_number, r.rcpt, r.vmta, r.rcv_source_ip);
		for (size_t i = 0; i < r.extra_count; i++)
			at += (size_t)snprintf(text + at, sizeof(text) - at,
			    " %s=%s", r.extras[i].name, r.extras[i].value);
		at += (size_t)snprintf(text + at, sizeof(text) - at, "; ");
	}
	region_free(&rg);
	return text;
}

static const char *const wanted_headers[] = { "x-note", "x-none", "x-remove" };

/* Records of receipts, where they are wanted, with copies of header fields. */
static void
test_receipts(void)
{
	struct client c;

	world_reset();
	world.conf.wants.headers = wanted_headers;
	world.conf.wants.header_count = 3;
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c,
	       LMTP_HELLO OPEN_ONE "> A: b\n> \n> .\n< 250 2.1.5*\n"),
	    "a message");
	is_str(receipts_text(), "", "nobody wants a record");
	world.conf.wants.types = ACCT_BIT(ACCT_R) | ACCT_BIT(ACCT_D);
	world.conf.disabled = "c.test";
	ok(client_talk(&c,
	       "> XFORWARD ADDR=192.0.2.7\n< 250*\n"
	       "> MAIL FROM:<s@a.test>\n> RCPT TO:<r@b.test>\n"
	       "> RCPT TO:<x@c.test>\n> RCPT TO:<q@b.test>\n> DATA\n"
	       "< 250*\n< 250*\n< 250*\n< 250*\n< 354*\n"
	       "> X-Note: caf\xe9\n>   au lait\n> x-note: two\n"
	       "> X-Remove: gone\n> \n> .\n"
	       "< 250 2.1.5*\n< 250 2.1.5*\n< 250 2.1.5*\n"),
	    "now they are wanted");
	is_str(receipts_text(),
	    "r 2.0 r@b.test one 192.0.2.7 header_x-note=caf?  au lait "
	    "header_x-remove=gone; "
	    "r 2.2 q@b.test one 192.0.2.7 header_x-note=caf?  au lait "
	    "header_x-remove=gone; ",
	    "a record each, but for the queue that is not to have any");
	ok(world.store.env.header_count == 2 &&
		strcmp(world.store.env.headers[1].value, "gone") == 0,
	    "the envelope has what policy took away");
	client_close(&c);
	world.conf.source.relay = true;
	client_open(&c, INGRESS_SMTP, "192.0.2.9", SOCK_STREAM);
	world.conf.wants.header_count = 0;
	world.conf.assign = "both";
	ok(client_talk(&c,
	       SMTP_HELLO OPEN_ONE "> A: b\n> \n> .\n< 250 2.6.0*\n"),
	    "without XFORWARD");
	is_str(receipts_text(), "r 3.0 r@b.test both 192.0.2.9; ",
	    "our client, and the pool that was chosen");
	client_close(&c);
}

/* Copies of header fields have a limit, also all together. */
static void
test_long_headers(void)
{
	static char names[30][20];
	const char *list[30];
	struct buf text = { 0 };
	struct client c;

	world_reset();
	world.conf.wants.headers = list;
	world.conf.wants.header_count = 30;
	for (int i = 0; i < 30; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "x-%d", i);
		list[i] = names[i];
		buf_printf(&text, "X-%d: %0900d%0900d\r\n", i, i, i);
	}
	buf_str(&text, "\r\n.\r\n");
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c, LMTP_HELLO OPEN_ONE),
	    "a message with thirty long fields");
	client_send(&c, text.p, text.len);
	client_pump(&c);
	ok(world.store.env.header_count == 16 &&
		strlen(world.store.env.headers[0].value) == 1000,
	    "sixteen copies are kept, of a thousand bytes each");
	buf_fini(&text);
	client_close(&c);
}

int
main(void)
{
	world_init();
	test_delayed();
	test_client_gone();
	test_half_closed();
	test_repeated();
	test_receipts();
	test_long_headers();
	world_fini();
	return done_testing();
}

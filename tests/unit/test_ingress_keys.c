/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where ARC needs keys an ingress session asks DNS before it takes a message:
 * it waits for all answers and not for ever, and whoever hangs up meanwhile
 * leaves nothing behind.
 */
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/dns_all.h"
#include "lib/dns_answer.h"
#include "tests/tap.h"
#include "tests/unit/ingress_client.h"

#define NAME "s1._domainkey.a.test"
#define SET \
	"> ARC-Seal: i=1; a=rsa-sha256; cv=none; d=a.test; s=s1; b=AAAA\n" \
	"> ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed;\n" \
	">  d=a.test; s=s1; h=from; bh=AAAA; b=AAAA\n" \
	"> ARC-Authentication-Results: i=1; a.test; none\n"
#define WITH_SET SET "> From: x@a.test\n> \n> Hello\n> .\n"

/* ---- in place of lib/dns.c ----------------------------------------------- */

struct dns_query {
	dns_fn *fn;
	void *arg;
	bool cancelled;
};

static struct dns_query asked[4];
static size_t asked_count;
static bool names_are_right;

struct dns_query *
dns_ask(struct dns *d, const char *name, enum dns_type type, dns_fn *fn,
    void *arg)
{
	struct dns_query *q = &asked[asked_count++];

	(void)d;
	CHECK(asked_count <= sizeof(asked) / sizeof(asked[0]));
	names_are_right = strcmp(name, NAME) == 0 && type == DNS_TXT;
	*q = (struct dns_query){ .fn = fn, .arg = arg };
	return q;
}

struct dns_query *
dns_ask_any(struct dns *d, const char *name, enum dns_type type, dns_fn *fn,
    void *arg)
{
	return dns_ask(d, name, type, fn, arg);
}

void
dns_cancel(struct dns_query **qp)
{
	(*qp)->cancelled = true;
	*qp = NULL;
}

static void
answer(size_t i, enum dns_status status)
{
	asked[i].fn(asked[i].arg, dns_answer_new(status));
}

/* ---- sessions ------------------------------------------------------------ */

/* Up to a message that waits. */
static void
begin(struct client *c)
{
	world_reset();
	world.conf.sealing.check = true;
	asked_count = 0;
	client_open(c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(c, LMTP_HELLO OPEN_ONE WITH_SET "> NOOP\n"),
	    "no answer before that of DNS");
	ok(asked_count == 1 && names_are_right, "the key is asked for");
	is_int(world.store.taken, 0, "nothing is taken");
}

static void
test_answered(enum dns_status status)
{
	struct client c;

	begin(&c);
	answer(0, status);
	ok(client_talk(&c, "< 250 2.1.5*\n< 250 2.0.0 OK\n"),
	    "with status %u it is taken, and the command behind it",
	    (unsigned)status);
	is_int(world.dispatch.messages, 1, "once");
	client_close(&c);
}

static void
test_store_waits(void)
{
	struct client c;

	begin(&c);
	world.store.delayed = true;
	answer(0, DNS_TEMP);
	ok(client_talk(&c, ""), "then the store's answer is waited for");
	fake_store_answer(&world.store);
	ok(client_talk(&c, "< 250 2.1.5*\n< 250 2.0.0 OK\n"), "which comes");
	client_close(&c);
}

static void
test_refused(void)
{
	struct client c;

	begin(&c);
	world.conf.trouble = "no key";
	answer(0, DNS_NXDOMAIN);
	ok(client_talk(&c, "< 451 4.3.0*\n< 250 2.0.0 OK\n"),
	    "refused behind the answer, and on");
	world.conf.trouble = NULL;
	ok(client_talk(&c, OPEN_ONE "> A: b\n> \n> .\n< 250 2.1.5*\n"),
	    "a message without sets does not wait");
	is_int((int64_t)asked_count, 1, "nor asks");
	client_close(&c);
}

static void
test_gone(void)
{
	struct client c;

	begin(&c);
	(void)close(c.fd);
	c.closed = true;
	client_pump(&c);
	is_int(world.env.sessions_in, 1,
	    "it may have closed only its side, and is answered");
	answer(0, DNS_TEMP);
	client_pump(&c);
	is_int(world.env.sessions_in, 0, "then the session is gone");
	buf_fini(&c.got);
}

/* Replies that nobody has read make of a close a reset. */
static void
test_reset(void)
{
	static const char text[] =
	    "MAIL FROM:<s@a.test>\r\nRCPT TO:<r@b.test>\r\nDATA\r\n"
	    "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=a.test; s=s1; b=AAAA\r\n"
	    "ARC-Message-Signature: i=1; a=rsa-sha256; d=a.test; s=s1; h=from;"
	    " bh=AAAA; b=AAAA\r\n"
	    "ARC-Authentication-Results: i=1; a.test; none\r\n"
	    "From: x@a.test\r\n\r\nHello\r\n.\r\n";
	struct client c;

	world_reset();
	world.conf.sealing.check = true;
	asked_count = 0;
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c, LMTP_HELLO), "hello");
	client_send(&c, text, sizeof(text) - 1);
	for (int i = 0; i < 8; i++)
		(void)event_base_loop(worker_base(world.worker),
		    EVLOOP_NONBLOCK);
	ok(asked_count == 1 && !asked[0].cancelled, "the key is asked for");
	(void)close(c.fd);
	c.closed = true;
	client_pump(&c);
	ok(asked[0].cancelled, "the client is gone: nobody wants it any more");
	is_int(world.env.sessions_in, 0, "nor is there a session");
	is_int(world.store.taken, 0, "nor a message");
	buf_fini(&c.got);
}

/* The second message of a merge waits; the first is made, and nobody's yet. */
static void
test_merge_reset(void)
{
	static const char text[] =
	    "XMRG FROM:<s@a.test>\r\nXDFN n=1\r\nRCPT TO:<r@b.test>\r\n"
	    "XDFN n=2\r\nRCPT TO:<t@b.test>\r\nXPRT 1 LAST\r\n"
	    "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=a.test; s=s1; b=AAAA\r\n"
	    "ARC-Message-Signature: i=1; a=rsa-sha256; d=a.test; s=s1; h=from;"
	    " bh=AAAA; b=AAAA\r\n"
	    "ARC-Authentication-Results: i=1; a.test; none\r\n"
	    "From: x@a.test\r\nSubject: [n]\r\n\r\nHello\r\n.\r\n";
	struct client c;

	world_reset();
	world.conf.sealing.check = true;
	world.conf.source.relay = true;
	world.conf.source.allow_mailmerge = true;
	asked_count = 0;
	client_open(&c, INGRESS_SMTP, "192.0.2.1", SOCK_STREAM);
	ok(client_talk(&c, SMTP_HELLO), "hello");
	client_send(&c, text, sizeof(text) - 1);
	(void)event_base_loop(worker_base(world.worker), EVLOOP_NONBLOCK);
	ok(asked_count == 1, "the first one's key is asked for");
	answer(0, DNS_NXDOMAIN);
	(void)event_base_loop(worker_base(world.worker), EVLOOP_NONBLOCK);
	ok(asked_count == 2 && !asked[1].cancelled, "and the second one's");
	(void)close(c.fd);
	c.closed = true;
	client_pump(&c);
	ok(asked[1].cancelled, "the client is gone: nobody wants it any more");
	is_int(world.env.sessions_in, 0, "nor is there a session");
	is_int(world.store.taken, 0, "nor a message");
	is_int(world.dispatch.messages, 0, "and nothing is sent");
	buf_fini(&c.got);
}

static void
test_half_closed(void)
{
	struct client c;

	begin(&c);
	(void)shutdown(c.fd, SHUT_WR);
	client_pump(&c);
	answer(0, DNS_TEMP);
	ok(client_talk(&c, "< 250 2.1.5*\n< 250 2.0.0 OK\n") && c.closed,
	    "who has said all is answered, then closed");
	client_close(&c);
}

/* ---- the bound ----------------------------------------------------------- */

static void
on_all(void *arg)
{
	++*(int *)arg;
}

static void
test_bound(void)
{
	struct dns_want v[2] = { { .name = NAME }, { .name = NAME } };
	int calls = 0;
	const struct dns_all_in in = { .worker = world.worker,
		.type = DNS_TXT,
		.timeout_us = 1000,
		.fn = on_all,
		.arg = &calls };
	struct dns_all *all;

	asked_count = 0;
	(void)dns_all_ask(&in, v, 2);
	answer(0, DNS_NODATA);
	is_int(calls, 0, "not all are answered");
	(void)event_base_loop(worker_base(world.worker), EVLOOP_ONCE);
	is_int(calls, 1, "the time is over");
	ok(v[0].answer != NULL && v[0].answer->status == DNS_NODATA &&
		v[1].answer == NULL && asked[1].cancelled,
	    "what came has come");
	dns_answer_unref(&v[0].answer);

	asked_count = 0;
	all = dns_all_ask(&in, v, 1);
	dns_all_cancel(&all);
	ok(asked[0].cancelled && calls == 1, "cancelled");
}

int
main(void)
{
	world_init();
	test_answered(DNS_TEMP);
	test_answered(DNS_NXDOMAIN);
	test_store_waits();
	test_refused();
	test_gone();
	test_reset();
	test_merge_reset();
	test_half_closed();
	test_bound();
	world_fini();
	return done_testing();
}

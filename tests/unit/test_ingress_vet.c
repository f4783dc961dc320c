/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a source wants it an ingress session asks DNS about its client before it
 * answers MAIL: commands behind it wait, whoever hangs up leaves nothing behind,
 * and the time is bounded.
 */
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/dns_answer.h"
#include "tests/support/zone.h"
#include "tests/tap.h"
#include "tests/unit/ingress_client.h"
#include "transport/book_ask.h"

#define CLIENT "192.0.2.1"
#define REVERSE "1.2.0.192.in-addr.arpa"

/* ---- in place of lib/dns.c ----------------------------------------------- */

struct dns_query {
	dns_fn *fn;
	void *arg;
	enum dns_type type;
	char name[256];
	bool cancelled;
};

static struct dns_query asked[32];
static size_t asked_count, answered;

struct dns_query *
dns_ask_any(struct dns *d, const char *name, enum dns_type type, dns_fn *fn,
    void *arg)
{
	struct dns_query *q = &asked[asked_count++];

	(void)d;
	CHECK(asked_count <= sizeof(asked) / sizeof(asked[0]));
	*q = (struct dns_query){ .fn = fn, .arg = arg, .type = type };
	(void)snprintf(q->name, sizeof(q->name), "%s", name);
	return q;
}

struct dns_query *
dns_ask(struct dns *d, const char *name, enum dns_type type, dns_fn *fn,
    void *arg)
{
	return dns_ask_any(d, name, type, fn, arg);
}

void
dns_cancel(struct dns_query **qp)
{
	(*qp)->cancelled = true;
	*qp = NULL;
}

/* What is open now, from a zone. */
static void
answer(const char *zone)
{
	for (size_t n = asked_count; answered < n; answered++) {
		struct dns_query *q = &asked[answered];

		if (!q->cancelled)
			q->fn(q->arg, zone_answer(zone, q->name, q->type));
	}
}

/* All that is asked for. */
static void
answer_all(struct client *c, const char *zone)
{
	for (int i = 0; i < 8; i++) {
		client_pump(c);
		answer(zone);
	}
	client_pump(c);
}

/* ---- sessions ------------------------------------------------------------ */

#define HELLO_AND_MAIL \
	SMTP_HELLO "> MAIL FROM:<s@a.test>\n> RCPT TO:<r@b.test>\n> NOOP\n"

static void
world_for(const char *iprev, const char *spf)
{
	struct source_conf *c = &world.conf.source;

	world_reset();
	world.conf.checks = true;
	c->relay = true;
	c->check_iprev = iprev;
	c->check_spf = spf;
	c->check_dkim = "no";
	c->spf_voids_max = 2;
	c->reject_iprev_perm = c->reject_iprev_fail = true;
	c->reject_iprev_temp = true;
	c->reject_spf_fail = c->reject_spf_perm = c->reject_spf_temp = true;
	asked_count = answered = 0;
}

static const struct {
	const char *label, *iprev, *spf, *zone, *want;
} cases[] = {
	{ "iprev passes", "yes", "no",
	    REVERSE " PTR a.test\na.test A " CLIENT "\n", "250 2.1.0 OK" },
	{ "no name", "yes", "no", "",
	    "550 5.7.25 " CLIENT " has no name in DNS" },
	{ "another address", "yes", "no", REVERSE " PTR a.test\n",
	    "550 5.7.25 no name of " CLIENT " in DNS has that address" },
	{ "DNS in trouble", "yes", "no", REVERSE " TEMP\n",
	    "451 4.7.25 DNS does not tell now what the name of " CLIENT " is" },
	{ "SPF passes", "no", "yes", "a.test TXT v=spf1 ip4:" CLIENT " -all\n",
	    "250 2.1.0 OK" },
	{ "SPF says nothing", "no", "yes", "", "250 2.1.0 OK" },
	{ "SPF fails", "no", "yes", "a.test TXT v=spf1 -all\n",
	    "550 5.7.23 a.test does not let " CLIENT " send its mail (SPF)" },
	{ "and explains", "no", "yes",
	    "a.test TXT v=spf1 -all exp=e.test\ne.test TXT go %{o}\n",
	    "550 5.7.23 a.test does not let " CLIENT
	    " send its mail (SPF); it explains: go a.test" },
	{ "a mistake", "no", "yes", "a.test TXT v=spf1 x\n",
	    "550 5.7.24 SPF: the SPF record of a.test: an unknown mechanism "
	    "in \"x\"" },
	{ "DNS in trouble with SPF", "no", "yes", "a.test TEMP\n",
	    "451 4.7.24 SPF: no answer for a.test (TXT): SERVFAIL" },
	{ "both", "yes", "yes",
	    REVERSE " PTR a.test\na.test A " CLIENT
		    "\na.test TXT v=spf1 -all\n",
	    "550 5.7.23*" },
	{ "the first is enough", "yes", "yes", "a.test TXT v=spf1 -all\n",
	    "550 5.7.25*" },
	{ "always", "no", "always", "a.test TXT v=spf1 -all\n", "550 5.7.23*" },
};

static void
test_case(size_t i)
{
	char script[512];
	bool taken = cases[i].want[0] == '2';
	struct client c;

	world_for(cases[i].iprev, cases[i].spf);
	client_open(&c, INGRESS_SMTP, CLIENT, SOCK_STREAM);
	ok(client_talk(&c, HELLO_AND_MAIL), "%s: no answer before that of DNS",
	    cases[i].label);
	answer_all(&c, cases[i].zone);
	(void)snprintf(script, sizeof(script), "< %s\n< %s\n< 250 2.0.0 OK\n",
	    cases[i].want, taken ? "250 2.1.5 OK" : "503 5.5.1 MAIL first");
	ok(client_talk(&c, script), "%s: %s", cases[i].label, cases[i].want);
	client_close(&c);
}

/* No reject-...: what was found is told only. */
static void
test_lenient(void)
{
	struct client c;

	world_for("yes", "yes");
	world.conf.source.reject_iprev_perm = false;
	world.conf.source.reject_spf_fail = false;
	world.conf.global.authserv_id = ""; /* that is our name */
	client_open(&c, INGRESS_SMTP, CLIENT, SOCK_STREAM);
	ok(client_talk(&c, HELLO_AND_MAIL), "hello");
	answer_all(&c, "a.test TXT v=spf1 -all\n");
	ok(client_talk(&c,
	       "< 250 2.1.0 OK\n< 250 2.1.5 OK\n< 250 2.0.0 OK\n"
	       "> DATA\n< 354*\n> Authentication-Results: mx.test; spf=pass\n"
	       "> Authentication-Results: other.test; spf=pass\n> \n> .\n"
	       "< 250 2.6.0*\n"),
	    "taken");
	ok(strncmp(buf_cstr(&world.store.text),
	       "Authentication-Results: mx.test;\r\n"
	       "\tiprev=permerror policy.iprev=" CLIENT ";\r\n"
	       "\tspf=fail smtp.mailfrom=\"s@a.test\"\r\nReceived: ",
	       strlen("Authentication-Results: mx.test;\r\n"
		      "\tiprev=permerror policy.iprev=" CLIENT ";\r\n"
		      "\tspf=fail smtp.mailfrom=\"s@a.test\"\r\n"
		      "Received: ")) == 0,
	    "with the results on top");
	ok(strstr(buf_cstr(&world.store.text), "mx.test; spf=pass") == NULL &&
		strstr(buf_cstr(&world.store.text), "other.test; spf=pass") !=
		    NULL,
	    "in place of ours alone");
	ok(client_talk(&c, "> MAIL FROM:<>\n"), "the null sender");
	answer_all(&c, "client.test TXT v=spf1 -all\n");
	ok(client_talk(&c,
	       "< 250 2.1.0 OK\n> RCPT TO:<r@b.test>\n> DATA\n"
	       "< 250 2.1.5 OK\n< 354*\n> \n> .\n< 250 2.6.0*\n"),
	    "taken, too");
	ok(strstr(buf_cstr(&world.store.text),
	       "spf=none smtp.helo=client.test\r\n") == NULL &&
		strstr(buf_cstr(&world.store.text),
		    "spf=fail smtp.helo=client.test\r\n") != NULL,
	    "with the result of HELO");
	client_close(&c);
}

static void
test_hand_over(enum ingress_protocol protocol, const char *word,
    const char *at_once, const char *later)
{
	bool lmtp = protocol == INGRESS_LMTP;
	struct client c;

	world_for(word, word);
	world.conf.listener.host_mta = !lmtp;
	client_open(&c, protocol, NULL, SOCK_STREAM);
	ok(client_talk(&c, lmtp ? LMTP_HELLO : SMTP_HELLO) &&
		client_talk(&c, "> XFORWARD ADDR=" CLIENT "\n< 250*\n"),
	    "%s, %s", lmtp ? "LMTP" : "the host's listener", word);
	client_send(&c, "MAIL FROM:<s@a.test>\r\n", 22);
	ok(client_talk(&c, at_once), "what is said at once");
	answer_all(&c, "");
	ok(client_talk(&c, later), "what is said later");
	client_close(&c);
}

/* By a unix socket, and nobody says for whom. */
static void
test_nobody(void)
{
	struct client c;

	world_for("always", "always");
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c, LMTP_HELLO "> MAIL FROM:<s@a.test>\n< 250*\n"),
	    "a client that nobody knows is not asked about");
	is_int((int64_t)asked_count, 0, "DNS");
	client_close(&c);
}

static void
test_room(void)
{
	struct client c;

	world_for("yes", "no");
	world_gate(1, 0);
	world.conf.global.spool_max_rcpts = 1;
	gauge_add(world.places, 1);
	client_open(&c, INGRESS_SMTP, CLIENT, SOCK_STREAM);
	ok(client_talk(&c, SMTP_HELLO "> MAIL FROM:<s@a.test>\n"), "no room");
	answer_all(&c, REVERSE " PTR a.test\na.test A " CLIENT "\n");
	ok(client_talk(&c, "< 452 4.3.1*\n"), "which is told behind DNS");
	client_close(&c);
	gauge_give(world.places, 1);
}

/* ---- clients that go ----------------------------------------------------- */

static void
test_half_closed(void)
{
	struct client c;

	world_for("yes", "no");
	client_open(&c, INGRESS_SMTP, CLIENT, SOCK_STREAM);
	ok(client_talk(&c, HELLO_AND_MAIL), "hello");
	(void)shutdown(c.fd, SHUT_WR);
	answer_all(&c, "");
	ok(client_talk(&c,
	       "< 550 5.7.25*\n< 503 5.5.1 MAIL first\n< 250 2.0.0 OK\n") &&
		c.closed,
	    "who has said all is answered, then closed");
	client_close(&c);
}

/* Replies that nobody has read make of a close a reset. */
static void
test_reset(void)
{
	static const char text[] = "MAIL FROM:<s@a.test>\r\n";
	struct client c;

	world_for("yes", "no");
	client_open(&c, INGRESS_SMTP, CLIENT, SOCK_STREAM);
	ok(client_talk(&c, "< 220*\n"), "greeting");
	client_send(&c, "HELO a\r\n", 8);
	client_send(&c, text, sizeof(text) - 1);
	for (int i = 0; i < 8; i++)
		(void)event_base_loop(worker_base(world.worker),
		    EVLOOP_NONBLOCK);
	ok(asked_count == 1 && !asked[0].cancelled, "DNS is asked");
	(void)close(c.fd);
	c.closed = true;
	client_pump(&c);
	ok(asked[0].cancelled, "the client is gone: nobody wants it any more");
	is_int(world.env.sessions_in, 0, "nor is there a session");
	buf_fini(&c.got);
}

/* ---- the bound ----------------------------------------------------------- */

struct wanting {
	struct dns_book *book;
	unsigned checks, ends;
	unsigned needs; /* questions, one behind the other */
};

static bool
wants_more(void *arg)
{
	struct wanting *w = arg;
	char name[32];

	w->checks++;
	for (unsigned i = 0; i < w->needs; i++) {
		(void)snprintf(name, sizeof(name), "%u.test", i);
		if (dns_book_find(w->book, name, DNS_A) == NULL)
			return false;
	}
	return true;
}

static void
on_end(void *arg)
{
	struct wanting *w = arg;

	w->ends++;
}

static void
loop_once(void)
{
	(void)event_base_loop(worker_base(world.worker), EVLOOP_ONCE);
}

static void
test_bound(void)
{
	struct wanting w = { .book = dns_book_new(), .needs = 3 };
	const struct book_ask_in in = { .env = &world.env,
		.book = w.book,
		.timeout_us = 1000,
		.check = wants_more,
		.fn = on_end,
		.arg = &w };
	struct book_ask *a;

	asked_count = answered = 0;
	a = book_ask_new(&in);
	is_int(w.checks, 0, "nothing is done at once");
	for (int i = 0; i < 8 && w.ends == 0; i++)
		loop_once();
	is_int((int64_t)asked_count, 1, "the time is over: no more is asked");
	ok(asked[0].cancelled, "nor waited for");
	is_int(w.ends, 1, "and the check comes to its end");
	is_int(dns_book_find(w.book, "2.test", DNS_A)->status, DNS_TEMP,
	    "on trouble");
	dns_book_free(&w.book);

	w = (struct wanting){ .book = dns_book_new(), .needs = 1 };
	asked_count = answered = 0;
	a = book_ask_new(&(struct book_ask_in){ .env = &world.env,
	    .book = w.book,
	    .timeout_us = 1000000,
	    .check = wants_more,
	    .fn = on_end,
	    .arg = &w });
	loop_once();
	book_ask_cancel(&a);
	book_ask_cancel(&a);
	ok(asked_count == 1 && asked[0].cancelled && w.ends == 0, "cancelled");
	dns_book_free(&w.book);
}

int
main(void)
{
	world_init();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		test_case(i);
	test_lenient();
	test_hand_over(INGRESS_LMTP, "yes", "< 250 2.1.0 OK\n", "");
	test_hand_over(INGRESS_LMTP, "always", "", "< 550 5.7.25*\n");
	test_hand_over(INGRESS_SMTP, "yes", "< 250 2.1.0 OK\n", "");
	test_hand_over(INGRESS_SMTP, "always", "", "< 550 5.7.25*\n");
	test_nobody();
	test_room();
	test_half_closed();
	test_reset();
	test_bound();
	world_fini();
	return done_testing();
}

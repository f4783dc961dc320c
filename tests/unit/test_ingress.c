/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ingress sessions, seen from the client: transcripts over a socket pair, the
 * store behind them answering at once or when it is told to.
 *
 * "> text" is sent with CRLF; all that stand together go in one write.  What
 * comes back is compared with the "< text" lines, where a '*' at the end
 * matches the rest.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "mail/acct_record.h"
#include "mail/canon.h"
#include "mail/mark.h"
#include "tests/tap.h"
#include "tests/unit/fake_intake.h"
#include "transport/ingress_priv.h"

enum { ROUNDS = 12, GOT_MAX = 1 << 20 };

static struct worker *worker;
static struct worker_env env;
static struct snapshot conf;
static struct store store;
static struct dispatch dispatch;
static struct gauge *gauge, *places;
static struct gate *gate;

struct client {
	int fd;
	struct buf got;
	size_t packets; /* reads that brought something */
	bool closed;
};

static int
no_memory(struct memory_use *m, struct err *e)
{
	(void)e;
	*m = (struct memory_use){ .used = 1, .all = 100 };
	return 0;
}

/* With nothing queued and room for all of max, patient for so long. */
static void
gate_renew(uint32_t max, int64_t patience_us)
{
	gate_free(&gate);
	gauge_unref(&places);
	places = gauge_new();
	conf.global.spool_max_rcpts = max;
	gate = gate_new(&(struct gate_options){ .main = worker,
	    .places = places,
	    .conf = &conf.global,
	    .patience_us = patience_us,
	    .memory = no_memory });
	env.gate = gate;
}

static void
env_reset(void)
{
	fake_store_fini(&store);
	fake_store_init(&store);
	fake_snapshot_init(&conf);
	dispatch = (struct dispatch){ 0 };
	env.worker = worker;
	env.conf = &conf;
	env.store = &store;
	env.dispatch = &dispatch;
	gate_renew(0, 0);
	env.pool_turn = 0;
	env.ingress_stopping = false;
}

static struct ingress_peer
peer_of(const char *ip)
{
	struct ingress_peer p = { .is_unix = ip == NULL };
	struct err e;

	CHECK(net_addr_parse(slice_of(ip == NULL ? "127.0.0.1" : ip), &p.addr,
		  &e) == 0);
	return p;
}

/* ip NULL: a unix socket. */
static void
client_open(struct client *c, enum ingress_protocol protocol, const char *ip,
    int type)
{
	struct ingress_door *door = ingress_door_new(protocol, "/door", gauge);
	struct ingress_peer peer = peer_of(ip);
	int fds[2];

	CHECK(socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		  fds) == 0);
	*c = (struct client){ .fd = fds[0] };
	(void)ingress_session_new(&env, fds[1], door, &peer);
	ingress_door_unref(&door);
}

/* Lets both sides do all that there is to do. */
static void
pump(struct client *c)
{
	static char piece[65536];

	for (int i = 0; i < ROUNDS; i++) {
		ssize_t n;

		(void)event_base_loop(worker_base(worker), EVLOOP_NONBLOCK);
		while (!c->closed &&
		    (n = read(c->fd, piece, sizeof(piece))) >= 0) {
			if (n == 0) {
				c->closed = true;
				break;
			}
			c->packets++;
			if (c->got.len < GOT_MAX)
				buf_add(&c->got, piece, (size_t)n);
		}
	}
}

static void
send_bytes(struct client *c, const char *p, size_t len)
{
	for (int i = 0; len > 0 && i < 100000; i++) {
		ssize_t n = send(c->fd, p, len, MSG_NOSIGNAL);

		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (errno != EAGAIN) {
			return;
		}
		if (len > 0)
			pump(c);
	}
}

static void
client_close(struct client *c)
{
	(void)close(c->fd);
	c->closed = true;
	pump(c);
	buf_fini(&c->got);
}

static bool
line_matches(struct slice got, struct slice want)
{
	if (want.len > 0 && want.p[want.len - 1] == '*') {
		want.len--;
		return got.len >= want.len &&
		    memcmp(got.p, want.p, want.len) == 0;
	}
	return got.len == want.len && memcmp(got.p, want.p, want.len) == 0;
}

/* Takes one reply line out of what came; false: it is another one. */
static bool
expect_line(struct client *c, struct slice want)
{
	char *lf = memchr(c->got.p == NULL ? "" : c->got.p, '\n', c->got.len);
	struct slice got;
	bool good;

	if (lf == NULL) {
		(void)printf("#   got nothing, want %.*s\n", (int)want.len,
		    want.p);
		return false;
	}
	got = (struct slice){ c->got.p, (size_t)(lf - c->got.p) };
	good = got.len > 0 && got.p[got.len - 1] == '\r' && got.len < 249;
	got.len -= good;
	good = good && line_matches(got, want);
	if (!good)
		(void)printf("#   got  %.*s\n#   want %.*s\n", (int)got.len,
		    got.p, (int)want.len, want.p);
	buf_drop(&c->got, (size_t)(lf + 1 - c->got.p));
	return good;
}

static bool
talk(struct client *c, const char *script)
{
	struct buf out = { 0 };
	bool good = true;

	while (*script != '\0' && good) {
		const char *nl = strchr(script, '\n');
		struct slice line = { script + 2, (size_t)(nl - script) - 2 };

		if (script[0] == '>') {
			buf_add(&out, line.p, line.len);
			buf_str(&out, "\r\n");
		} else {
			send_bytes(c, out.p, out.len);
			buf_clear(&out);
			pump(c);
			good = expect_line(c, line);
		}
		script = nl + 1;
	}
	send_bytes(c, out.p, out.len);
	pump(c);
	buf_fini(&out);
	if (good && c->got.len > 0) {
		(void)printf("#   more came: %.*s\n", (int)c->got.len,
		    c->got.p);
		good = false;
	}
	return good;
}

#define LMTP_HELLO \
	"< 220 mx.test*\n" \
	"> LHLO host.test\n" \
	"< 250-mx.test\n" \
	"< 250-PIPELINING\n" \
	"< 250-8BITMIME\n" \
	"< 250-SMTPUTF8\n" \
	"< 250-SIZE 0\n" \
	"< 250-ENHANCEDSTATUSCODES\n" \
	"< 250-XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\n" \
	"< 250 DSN\n"
#define SMTP_HELLO \
	"< 220 mx.test*\n" \
	"> HELO client.test\n" \
	"< 250 mx.test\n"
#define OPEN_ONE \
	"> MAIL FROM:<s@a.test>\n> RCPT TO:<r@b.test>\n> DATA\n" \
	"< 250 2.1.0 OK\n< 250 2.1.5 OK\n< 354*\n"

/* ---- transcripts --------------------------------------------------------- */

static const struct {
	const char *label;
	enum ingress_protocol protocol;
	const char *ip; /* of the client; NULL: unix socket */
	const char *script;
	unsigned taken, rcpts; /* messages and recipients in the store then */
	bool closed;           /* we hung up */
} cases[] = {
	{ "one message, pipelined", INGRESS_LMTP, NULL,
	    LMTP_HELLO "> MAIL FROM:<s@a.test> SIZE=100 BODY=8BITMIME\n"
		       "> RCPT TO:<r@b.test> ORCPT=rfc822;r@b.test\n"
		       "> RCPT TO:<q@c.test>\n"
		       "> DATA\n"
		       "< 250 2.1.0 OK\n"
		       "< 250 2.1.5 OK\n"
		       "< 250 2.1.5 OK\n"
		       "< 354*\n"
		       "> Subject: x\n> \n> text\n> .\n> QUIT\n"
		       "< 250 2.1.5 <r@b.test> queued as 0000000000000001\n"
		       "< 250 2.1.5 <q@c.test> queued as 0000000000000001\n"
		       "< 221 2.0.0*\n",
	    1, 2, true },
	{ "a reply for accepted recipients only", INGRESS_LMTP, NULL,
	    LMTP_HELLO "> MAIL FROM:<>\n"
		       "> RCPT TO:<r@b.test>\n"
		       "> RCPT TO:<r@b..test>\n"
		       "> RCPT TO:<q@c.test>\n"
		       "> DATA\n"
		       "< 250 2.1.0 OK\n"
		       "< 250 2.1.5 OK\n"
		       "< 501 5.1.3*\n"
		       "< 250 2.1.5 OK\n"
		       "< 354*\n"
		       "> Subject: x\n> \n> .\n"
		       "< 250 2.1.5 <r@b.test> queued*\n"
		       "< 250 2.1.5 <q@c.test> queued*\n",
	    1, 2, false },
	{ "two messages in one write", INGRESS_LMTP, NULL,
	    LMTP_HELLO OPEN_ONE
	    "> A: b\n> \n> .\n> RSET\n> MAIL FROM:<s@a.test>\n"
	    "> RCPT TO:<r@b.test>\n> DATA\n"
	    "< 250 2.1.5 <r@b.test> queued as 0000000000000001\n"
	    "< 250 2.0.0 OK\n"
	    "< 250 2.1.0 OK\n"
	    "< 250 2.1.5 OK\n"
	    "< 354*\n"
	    "> A: b\n> \n> .\n"
	    "< 250 2.1.5 <r@b.test> queued as 0000000000000002\n",
	    2, 2, false },
	{ "an address probe is no message", INGRESS_LMTP, NULL,
	    LMTP_HELLO "> MAIL FROM:<>\n> RCPT TO:<r@b.test>\n> RSET\n"
		       "< 250 2.1.0 OK\n< 250 2.1.5 OK\n< 250 2.0.0 OK\n"
		       "> MAIL FROM:<>\n> RCPT TO:<r@b.test>\n> QUIT\n"
		       "< 250 2.1.0 OK\n< 250 2.1.5 OK\n< 221*\n",
	    0, 0, true },
	{ "DATA without recipients, LMTP", INGRESS_LMTP, NULL,
	    LMTP_HELLO "> MAIL FROM:<>\n> DATA\n"
		       "< 250*\n< 503 5.5.1*\n",
	    0, 0, false },
	{ "DATA without recipients, SMTP", INGRESS_SMTP, NULL,
	    SMTP_HELLO "> MAIL FROM:<>\n> RCPT TO:<r@b.test>\n> DATA\n"
		       "< 250*\n< 550 5.7.1 relaying denied\n< 554 5.5.1*\n",
	    0, 0, false },
	{ "commands out of order", INGRESS_LMTP, NULL,
	    "< 220*\n> MAIL FROM:<>\n< 503 5.5.1*\n"
	    "> RCPT TO:<a@b.test>\n< 503 5.5.1*\n"
	    "> DATA\n< 503 5.5.1*\n"
	    "> EHLO a\n< 500 5.5.1*\n"
	    "> LHLO a\n< 250-*\n< 250-*\n< 250-*\n< 250-*\n< 250-*\n"
	    "< 250-*\n< 250-*\n< 250 DSN\n"
	    "> MAIL FROM:<>\n> MAIL FROM:<>\n> XFORWARD IDENT=A\n"
	    "< 250*\n< 503*\n< 503*\n",
	    0, 0, false },
	{ "the other commands", INGRESS_SMTP, NULL,
	    SMTP_HELLO "> NOOP\n< 250 2.0.0 OK\n> VRFY x\n< 252*\n"
		       "> HELP\n< 214*\n> STARTTLS\n< 502*\n> AUTH PLAIN\n"
		       "< 502*\n> EXPN x\n< 502*\n> LHLO x\n< 500*\n",
	    0, 0, false },
	{ "too many mistakes", INGRESS_LMTP, NULL,
	    "< 220*\n> a\n> b\n> c\n> d\n> e\n> f\n> g\n> h\n> i\n> j\n> k\n"
	    "< 500*\n< 500*\n< 500*\n< 500*\n< 500*\n< 500*\n< 500*\n"
	    "< 500*\n< 500*\n< 421 4.7.0*\n",
	    0, 0, true },
	{ "a web browser", INGRESS_SMTP, NULL,
	    "< 220*\n> POST / HTTP/1.1\n> RCPT TO:<a@b.test>\n< 421*\n", 0, 0,
	    true },
	{ "BDAT was not offered", INGRESS_SMTP, NULL,
	    SMTP_HELLO "> BDAT 10 LAST\n> NOOP\n< 421*\n", 0, 0, true },
	{ "UTF-8 needs SMTPUTF8", INGRESS_LMTP, NULL,
	    LMTP_HELLO "> MAIL FROM:<\xC3\xA4@a.test>\n< 553 5.6.7*\n"
		       "> MAIL FROM:<>\n< 250*\n"
		       "> RCPT TO:<a@\xC3\xA4.test>\n< 553 5.6.7*\n"
		       "> RSET\n< 250*\n"
		       "> MAIL FROM:<\xC3\xA4@a.test> SMTPUTF8\n< 250*\n"
		       "> RCPT TO:<\xC3\xA4@b.test>\n< 250*\n"
		       "> DATA\n< 354*\n> A: b\n> \n> .\n"
		       "< 250 2.1.5 <\xC3\xA4@b.test> queued*\n",
	    1, 1, false },
	{ "postmaster is qualified", INGRESS_LMTP, NULL,
	    LMTP_HELLO "> MAIL FROM:<>\n> RCPT TO:<PostMaster>\n"
		       "> RCPT TO:<root>\n> DATA\n"
		       "< 250*\n< 250*\n< 501 5.1.3*\n< 354*\n"
		       "> A: b\n> \n> .\n"
		       "< 250 2.1.5 <PostMaster@mx.test> queued*\n",
	    1, 1, false },
	{ "SMTP does not relay", INGRESS_SMTP, "127.0.0.1",
	    SMTP_HELLO "> MAIL FROM:<s@a.test>\n< 250*\n"
		       "> RCPT TO:<r@b.test>\n"
		       "< 550 5.7.1 relaying denied\n"
		       "> RCPT TO:<r@Ours.test>\n< 250*\n"
		       "> DATA\n< 354*\n> A: b\n> \n> .\n"
		       "< 250 2.6.0 queued as 0000000000000001\n",
	    1, 1, false },
	{ "LMTP from loopback relays", INGRESS_LMTP, "127.0.0.9",
	    LMTP_HELLO "> MAIL FROM:<s@a.test>\n< 250*\n"
		       "> RCPT TO:<r@b.test>\n< 250*\n",
	    0, 0, false },
	{ "LMTP from afar: no relaying, no XFORWARD", INGRESS_LMTP, "192.0.2.9",
	    "< 220*\n> LHLO a\n< 250-*\n< 250-*\n< 250-*\n< 250-*\n< 250-*\n"
	    "< 250-ENHANCEDSTATUSCODES\n< 250 DSN\n"
	    "> XFORWARD IDENT=A\n< 550 5.7.0*\n"
	    "> MAIL FROM:<s@a.test>\n< 250*\n"
	    "> RCPT TO:<r@b.test>\n< 550 5.7.1*\n",
	    0, 0, false },
	{ "a mail loop", INGRESS_LMTP, NULL,
	    LMTP_HELLO OPEN_ONE
#define R5 \
	"> Received: a\n> Received: b\n> Received: c\n> Received: d\n" \
	"> Received: e\n"
#define R25 R5 R5 R5 R5 R5
		R25 R25 "> received: one too many\n> \n> .\n"
			"< 554 5.4.6*\n",
	    0, 0, false },
	{ "fifty hops are none", INGRESS_LMTP, NULL,
	    LMTP_HELLO OPEN_ONE R25 R25 "> \n> .\n< 250 2.1.5*\n", 1, 1,
	    false },
};

static void
test_transcripts(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct client c;

		env_reset();
		conf.relay_to = "ours.test";
		client_open(&c, cases[i].protocol, cases[i].ip, SOCK_STREAM);
		ok(talk(&c, cases[i].script), "%s", cases[i].label);
		ok(c.closed == cases[i].closed, "%s: closed or not",
		    cases[i].label);
		client_close(&c);
		ok(store.taken == cases[i].taken &&
			store.rcpts_new == cases[i].rcpts &&
			dispatch.rcpts == cases[i].rcpts,
		    "%s: %u messages, %u recipients", cases[i].label,
		    store.taken, store.rcpts_new);
		ok(env.sessions_in == 0 && atomic_load(&gauge->inside) == 0,
		    "%s: the session is gone", cases[i].label);
	}
}

/* ---- what arrives in the store ------------------------------------------- */

static void
test_content(void)
{
	struct client c;
	char *lf;

	env_reset();
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(talk(&c,
	       LMTP_HELLO
	       "> XFORWARD NAME=c.test ADDR=192.0.2.7 IDENT=4FX SOURCE=LOCAL\n"
	       "< 250*\n"
	       "> MAIL FROM:<s@a.test> RET=HDRS ENVID=e+2B1\n< 250*\n"
	       "> RCPT TO:<R@B.test> NOTIFY=NEVER ORCPT=rfc822;x@y.test\n"
	       "< 250*\n> DATA\n< 354*\n"
	       "> Bcc: z\n> X-Remove: 1\n> X-Mailrace-Mark: forged\n"
	       "> Subject: a\n>  b\n> \n> ..dot\n> caf\xC3\xA9\n> .\n"
	       "< 250*\n"),
	    "a message by LMTP");
	lf = strstr(buf_cstr(&store.text), "+0000\r\n");
	ok(strncmp(store.text.p,
	       "Received: from host.test ([127.0.0.1])\r\n"
	       "\tby mx.test (Mailrace) with LMTP;\r\n\t",
	       strlen("Received: from host.test ([127.0.0.1])\r\n"
		      "\tby mx.test (Mailrace) with LMTP;\r\n\t")) == 0,
	    "Received on top");
	is_str(lf == NULL ? NULL : lf + 7,
	    "X-Policy: ran\r\nBcc: z\r\nSubject: a\r\n b\r\n\r\n"
	    ".dot\r\ncaf\xC3\xA9\r\n",
	    "policy's edits, no mark, text as it came");
	is_str(store.env.sender, "s@a.test", "sender");
	is_str(store.env.envid, "e+2B1", "ENVID in its xtext form");
	is_str(store.env.host_id, "4FX", "queue id of the host MTA");
	is_str(store.env.src_mta, "host.test (127.0.0.1)", "who gave it");
	is_str(store.env.job, "campaign", "job");
	is_int(store.env.ret, RET_HDRS, "RET");
	is_int(store.env.flags, ENVELOPE_8BIT, "8-bit, not SMTPUTF8");
	is_str(store.env.rcpts[0].addr, "R@B.test", "recipient as given");
	is_str(store.env.rcpts[0].domain, "b.test", "its domain");
	is_str(store.env.rcpts[0].orcpt, "rfc822;x@y.test", "ORCPT");
	is_str(store.env.rcpts[0].vmta, "one", "VMTA");
	is_int(store.env.rcpts[0].notify, NOTIFY_NEVER, "NOTIFY");
	is_int(store.env.rcpts[0].priority, 70, "priority");
	ok(conf.policy_client.a[3] == 7, "policy judges the XFORWARD client");
	client_close(&c);
}

static void
test_submission(void)
{
	struct client c;

	env_reset();
	conf.source.relay = true;
	conf.assign = "gone";
	client_open(&c, INGRESS_SMTP, "192.0.2.9", SOCK_STREAM);
	ok(talk(&c,
	       SMTP_HELLO OPEN_ONE "> Bcc: z\n> Return-Path: <q>\n"
				   "> From: s@a.test\n> \n> text\n> .\n"
				   "< 250 2.6.0*\n"),
	    "a message by SMTP");
	ok(strstr(buf_cstr(&store.text), "Bcc") == NULL &&
		strstr(store.text.p, "Return-Path") == NULL,
	    "Bcc and Return-Path are gone");
	ok(strstr(store.text.p, "\r\nDate: ") != NULL &&
		strstr(store.text.p, "@mx.test>\r\n\r\ntext\r\n") != NULL,
	    "Date and Message-ID are added");
	ok(!conf.policy_saw_bcc && conf.policy_saw_date, "before policy looks");
	is_str(store.env.rcpts[0].vmta, "", "an unknown VMTA is the default");
	ok(!store.has_key, "no queue id, no key");
	ok(talk(&c,
	       OPEN_ONE "> Date: now\n> message-id: <x>\n> \n> .\n"
			"< 250 2.6.0*\n"),
	    "a message that has them");
	ok(strstr(buf_cstr(&store.text), "Message-ID") == NULL &&
		strstr(store.text.p,
		    "+0000\r\nX-Policy: ran\r\n"
		    "Date: now\r\nmessage-id: <x>\r\n\r\n") != NULL,
	    "nothing is added");
	ok(talk(&c, OPEN_ONE "> no header at all\n> .\n< 250 2.6.0*\n"),
	    "a message without a header");
	ok(strstr(buf_cstr(&store.text),
	       "@mx.test>\r\n\r\nno header at all\r\n") != NULL,
	    "gets one, and an empty line");
	client_close(&c);
}

static void
test_pool(void)
{
	struct client c;

	env_reset();
	conf.assign = "both";
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(talk(&c, LMTP_HELLO OPEN_ONE "> A: b\n> \n> .\n< 250*\n"),
	    "a message for a pool");
	is_str(store.env.rcpts[0].vmta, "one", "first member");
	is_str(store.env.pool, "both", "pool");
	ok(talk(&c, OPEN_ONE "> A: b\n> \n> .\n< 250*\n"), "another one");
	is_str(store.env.rcpts[0].vmta, "two", "second member");
	client_close(&c);
}

/* ---- limits -------------------------------------------------------------- */

static void
send_text(struct client *c, size_t len)
{
	char *text = mem_alloc(len);

	memset(text, 'x', len);
	for (size_t i = 79; i < len; i += 80) {
		text[i - 1] = '\r';
		text[i] = '\n';
	}
	send_bytes(c, text, len);
	send_bytes(c, "\r\n.\r\n", 5);
	free(text);
}

static void
test_size(void)
{
	struct client c;

	env_reset();
	conf.source.max_size = 200000;
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(talk(&c,
	       LMTP_HELLO "> MAIL FROM:<> SIZE=200001\n< 552 5.3.4*\n"
			  "> MAIL FROM:<> SIZE=10\n< 250*\n"
			  "> RCPT TO:<a@b.test>\n> RCPT TO:<c@d.test>\n"
			  "< 250*\n< 250*\n> DATA\n< 354*\n"),
	    "SIZE is looked at");
	send_text(&c, 500000);
	ok(talk(&c,
	       "< 552 5.3.4*\n< 552 5.3.4*\n> NOOP\n< 250 2.0.0 OK\n"
	       "> MAIL FROM:<>\n> RCPT TO:<a@b.test>\n> DATA\n"
	       "< 250*\n< 250*\n< 354*\n"),
	    "and what really comes");
	send_text(&c, 200000 - 2);
	ok(talk(&c, "< 250 2.1.5 <a@b.test> queued*\n"),
	    "exactly the limit is taken");
	is_int(store.taken, 1, "one message");
	client_close(&c);
}

static void
test_rcpt_limit(void)
{
	struct client c;

	env_reset();
	conf.source.max_rcpts = 2;
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(talk(&c,
	       LMTP_HELLO "> MAIL FROM:<>\n> RCPT TO:<a@b.test>\n"
			  "> RCPT TO:<b@b.test>\n> RCPT TO:<c@b.test>\n"
			  "> DATA\n"
			  "< 250*\n< 250*\n< 250*\n< 452 4.5.3*\n< 354*\n"
			  "> A: b\n> \n> .\n< 250*\n< 250*\n"),
	    "the third recipient is one too many");
	client_close(&c);
}

/* 3,000 recipients: more replies than fit into one write. */
static void
test_many_rcpts(void)
{
	struct buf out = { 0 };
	struct client c;
	unsigned got = 0;

	env_reset();
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(talk(&c, LMTP_HELLO), "hello");
	buf_str(&out, "MAIL FROM:<s@a.test>\r\n");
	for (int i = 0; i < 3000; i++)
		buf_printf(&out, "RCPT TO:<r%d@b.test>\r\n", i);
	buf_str(&out, "DATA\r\n");
	send_bytes(&c, out.p, out.len);
	pump(&c);
	buf_clear(&c.got);
	send_bytes(&c, "A: b\r\n\r\n.\r\nNOOP\r\n", 17);
	pump(&c);
	while (c.got.len > 0 && c.got.p[0] == '2' && got < 3000 &&
	    expect_line(&c, SLICE_LIT("250 2.1.5 <r*")))
		got++;
	is_int(got, 3000, "a reply for each");
	ok(talk(&c, "< 250 2.0.0 OK\n"), "and then for the next command");
	is_int(store.env.rcpt_count, 3000, "all in the store");
	buf_fini(&out);
	client_close(&c);
}

static void
test_lines(void)
{
	char line[3000];
	struct client c;

	env_reset();
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(talk(&c, LMTP_HELLO), "hello");
	memset(line, 'N', sizeof(line));
	send_bytes(&c, line, sizeof(line));
	ok(talk(&c, "> \n< 500 5.5.2 line too long\n> NOOP\n< 250*\n"),
	    "a long line is refused, the next one is not");
	(void)snprintf(line, sizeof(line),
	    "> MAIL FROM:<>\n< 250*\n> RCPT TO:<%0250d@b.test>\n< 250*\n"
	    "> DATA\n< 354*\n> A: b\n> \n> .\n"
	    "< 250 2.1.5 <0000000000*\n",
	    1);
	ok(talk(&c, line), "a long address makes no long reply");
	client_close(&c);
}

/* Exim reads a whole answer into 256 bytes. */
static void
test_hello_length(void)
{
	char name[250];
	struct client c;

	env_reset();
	memset(name, 'h', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	conf.global.host_name = name;
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(talk(&c, "< 220 hhhh*\n"), "greeting");
	send_bytes(&c, "LHLO a\r\n", 8);
	pump(&c);
	ok(c.got.len > 200 && c.got.len < 240, "LHLO's answer: %zu bytes",
	    c.got.len);
	client_close(&c);
}

/* ---- end of data --------------------------------------------------------- */

static void
test_smuggling(void)
{
	static const char *const ends[] = { "\n.\n", "\n.\r", "\n.\r\n",
		"\r.\n", "\r.\r", "\r.\r\n", "\r\n.\n", "\r\n.\r",
		"\r\n.\r\r\n" };

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		struct client c;

		env_reset();
		client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
		ok(talk(&c, LMTP_HELLO OPEN_ONE), "sequence %zu: start", i);
		send_bytes(&c, "A: b\r\n\r\nfirst", 13);
		send_bytes(&c, ends[i], strlen(ends[i]));
		ok(talk(&c,
		       "> MAIL FROM:<smuggled@a.test>\n"
		       "> RCPT TO:<victim@b.test>\n> DATA\n> A: b\n> \n"
		       "> second\n> .\n> NOOP\n"
		       "< 550 5.6.0 bare CR or LF in message\n"
		       "< 250 2.0.0 OK\n"),
		    "sequence %zu does not end the data", i);
		is_int(store.taken, 0, "nothing was taken");
		client_close(&c);
	}
}

/* A NUL before the dot is text like any other: taken, and one message. */
static void
test_nul(void)
{
	struct client c;

	env_reset();
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(talk(&c, LMTP_HELLO OPEN_ONE), "start");
	send_bytes(&c, "A: b\r\n\r\n\0.\r\nNOOP\r\n.\r\n", 22);
	ok(talk(&c, "< 250 2.1.5*\n"), "NUL and dot do not end the data");
	client_close(&c);
}

/* ---- the store's answers ------------------------------------------------- */

static void
test_delayed(void)
{
	struct client c;

	env_reset();
	store.delayed = true;
	client_open(&c, INGRESS_LMTP, NULL, SOCK_SEQPACKET);
	ok(talk(&c,
	       LMTP_HELLO "> MAIL FROM:<s@a.test>\n> RCPT TO:<r@b.test>\n"
			  "> RCPT TO:<q@b.test>\n> DATA\n"
			  "< 250*\n< 250*\n< 250*\n< 354*\n"),
	    "up to DATA");
	c.packets = 0;
	ok(talk(&c, "> A: b\n> \n> .\n> NOOP\n"),
	    "no answer before the store's");
	is_int(dispatch.messages, 0, "nor is it to be delivered");
	fake_store_answer(&store);
	pump(&c);
	is_int((int64_t)c.packets, 1, "then all in one write");
	ok(talk(&c, "< 250 2.1.5 <r*\n< 250 2.1.5 <q*\n< 250 2.0.0 OK\n"),
	    "one for each, and the command behind it");
	is_int(dispatch.messages, 1, "and it is to be delivered");
	client_close(&c);
}

static void
test_client_gone(void)
{
	struct client c;

	env_reset();
	store.delayed = true;
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(talk(&c, LMTP_HELLO OPEN_ONE "> A: b\n> \n> .\n"),
	    "the client does not wait");
	(void)close(c.fd);
	c.closed = true;
	pump(&c);
	is_int(env.sessions_in, 1, "the session does");
	fake_store_answer(&store);
	pump(&c);
	is_int(dispatch.messages, 1, "the message is delivered all the same");
	is_int(env.sessions_in, 0, "the session is gone");
	buf_fini(&c.got);
}

static void
test_half_closed(void)
{
	struct client c;

	env_reset();
	store.delayed = true;
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(talk(&c, LMTP_HELLO OPEN_ONE "> A: b\n> \n> .\n> NOOP\n"),
	    "the client says all it has to say");
	(void)shutdown(c.fd, SHUT_WR);
	pump(&c);
	fake_store_answer(&store);
	ok(talk(&c, "< 250 2.1.5*\n< 250 2.0.0 OK\n") && c.closed,
	    "it is answered, then closed");
	client_close(&c);
}

/* ---- back-pressure ------------------------------------------------------- */

/* Until it has got so many lines; false: it was closed, or never did. */
static bool
reads_lines(struct client *c, unsigned want)
{
	int64_t end_us = clock_us() + 10 * US_PER_S;

	for (;;) {
		unsigned n = 0;

		pump(c);
		for (size_t i = 0; i < c->got.len; i++)
			n += c->got.p[i] == '\n';
		if (n >= want)
			return true;
		if (c->closed || clock_us() > end_us)
			return false;
		(void)usleep(1000);
	}
}

/* Looked at for longer than the gate looks. */
static bool
is_silent(struct client *c)
{
	int64_t end_us = clock_us() + 60000;

	while (c->got.len == 0 && clock_us() < end_us)
		pump(c);
	return c->got.len == 0;
}

static uint32_t
waiting_now(void)
{
	struct gate_facts f;

	gate_facts(gate, &f);
	return f.waiting;
}

#define MAIL_ONE "> MAIL FROM:<s@a.test>\n"
#define REST_ONE "> RCPT TO:<r@b.test>\n> DATA\n< 250 2.1.5*\n< 354*\n"
#define TEXT_ONE "> A: b\n> \n> .\n"

static void
test_no_space(void)
{
	struct client c;

	env_reset();
	store.answer = STORE_NO_SPACE;
	client_open(&c, INGRESS_SMTP, "127.0.0.1", SOCK_STREAM);
	conf.source.relay = true;
	ok(talk(&c, SMTP_HELLO), "a client by SMTP");
	client_close(&c);
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(talk(&c, LMTP_HELLO OPEN_ONE TEXT_ONE) && is_silent(&c),
	    "no space in the store: the host MTA waits");
	store.answer = STORE_TAKEN;
	ok(reads_lines(&c, 1) && talk(&c, "< 250 2.1.5*\n"),
	    "it is taken when there is some");
	is_int(dispatch.messages, 1, "once");
	store.answer = STORE_BAD;
	ok(talk(&c, OPEN_ONE "> A: b\n> \n> .\n< 554 5.3.0*\n"),
	    "a message that the store cannot keep");
	gate_space(gate, STORE_SPACE_LOW);
	pump(&c);
	ok(talk(&c, MAIL_ONE) && is_silent(&c), "told before: MAIL waits");
	store.answer = STORE_TAKEN;
	gate_space(gate, STORE_SPACE_OK);
	ok(reads_lines(&c, 1) && talk(&c, "< 250 2.1.0 OK\n"),
	    "until there is space");
	ok(talk(&c, REST_ONE TEXT_ONE "< 250 2.1.5*\n"),
	    "and all goes on by itself");
	client_close(&c);
}

static void
test_places(void)
{
	struct client c;

	env_reset();
	gate_renew(2, 0);
	gauge_add(places, 2);
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(talk(&c, LMTP_HELLO MAIL_ONE "> RCPT TO:<r@b.test>\n> DATA\n") &&
		is_silent(&c),
	    "the queue is full: a pipelined hand-over waits at MAIL");
	gauge_give(places, 1);
	ok(reads_lines(&c, 3) &&
		talk(&c, "< 250 2.1.0*\n< 250 2.1.5*\n< 354*\n"),
	    "until a place is free");
	gauge_add(places, 1);
	ok(talk(&c, TEXT_ONE) && is_silent(&c), "which another one took");
	is_int(waiting_now(), 1, "so the message waits");
	gauge_give(places, 1);
	ok(reads_lines(&c, 1) && talk(&c, "< 250 2.1.5*\n"),
	    "until there is one again");
	is_int(gauge_inside(places), 2, "which it has taken");
	gauge_give(places, 2);
	pump(&c);
	ok(reads_lines(&c, 0) &&
		talk(&c,
		    MAIL_ONE "< 250*\n> RCPT TO:<a@b.test>\n< 250*\n"
			     "> RCPT TO:<b@b.test>\n< 250*\n"
			     "> RCPT TO:<c@b.test>\n< 452 4.5.3*\n"),
	    "more recipients than places would wait for ever: the rest later");
	client_close(&c);
	is_int(env.sessions_in, 0, "all are gone");
}

static void
test_no_patience(void)
{
	struct client host, app;
	int64_t begin_us;

	env_reset();
	gate_renew(1, 150000);
	gauge_add(places, 1);
	conf.source.relay = true;
	client_open(&app, INGRESS_SMTP, "127.0.0.1", SOCK_STREAM);
	ok(talk(&app, SMTP_HELLO MAIL_ONE "< 452 4.3.1*\n"),
	    "a client by SMTP does not wait");
	ok(talk(&app, "> XFORWARD IDENT=4FX\n< 250*\n" MAIL_ONE) &&
		is_silent(&app),
	    "a host MTA that hands over by SMTP does");
	client_open(&host, INGRESS_LMTP, NULL, SOCK_STREAM);
	begin_us = clock_us();
	ok(talk(&host, LMTP_HELLO MAIL_ONE), "another by LMTP");
	ok(reads_lines(&host, 1) && talk(&host, "< 452 4.3.1*\n"),
	    "but not for ever");
	ok(clock_us() - begin_us >= 150000, "for as long as it should");
	ok(reads_lines(&app, 1) && talk(&app, "< 452 4.3.1*\n"),
	    "by SMTP, too");
	ok(talk(&host, "> NOOP\n< 250*\n"), "and the session goes on");
	gauge_give(places, 1);
	ok(talk(&host, MAIL_ONE) && reads_lines(&host, 1) &&
		talk(&host, "< 250 2.1.0*\n" REST_ONE),
	    "it may try again");
	gauge_add(places, 1);
	ok(talk(&host, TEXT_ONE) && reads_lines(&host, 1) &&
		talk(&host, "< 452 4.3.1*\n"),
	    "a message is refused after a while as well");
	is_int(store.taken, 0, "and is not taken");
	is_int(gauge_inside(places), 1, "nor does it keep a place");
	client_close(&host);
	client_close(&app);
	is_int(env.sessions_in, 0, "all are gone");
}

static void
test_gone_while_waiting(void)
{
	struct client a, b;

	env_reset();
	gate_renew(1, 0);
	client_open(&a, INGRESS_LMTP, NULL, SOCK_STREAM);
	client_open(&b, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(talk(&a, LMTP_HELLO OPEN_ONE), "a message comes");
	gauge_add(places, 1);
	ok(talk(&a, TEXT_ONE) && talk(&b, LMTP_HELLO MAIL_ONE) && is_silent(&b),
	    "a message and a MAIL wait");
	is_int(waiting_now(), 2, "both");
	client_close(&a);
	client_close(&b);
	pump(&a);
	is_int(waiting_now(), 0, "clients that are gone do not wait");
	is_int(env.sessions_in, 0, "their sessions are gone");
	is_int(store.taken, 0, "nothing was taken");
	is_int(gauge_inside(places), 1, "and no place");
}

static void
test_stop_while_waiting(void)
{
	struct client a, b;

	env_reset();
	gate_renew(1, 0);
	client_open(&a, INGRESS_LMTP, NULL, SOCK_STREAM);
	client_open(&b, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(talk(&a, LMTP_HELLO OPEN_ONE), "a message comes");
	gauge_add(places, 1);
	ok(talk(&a, TEXT_ONE) && talk(&b, LMTP_HELLO MAIL_ONE) && is_silent(&b),
	    "a message and a MAIL wait");
	ingress_shutdown(&env);
	ok(talk(&a, "< 452 4.3.1*\n< 421 4.3.2*\n") && a.closed,
	    "a stop does not wait for room: the message is refused");
	ok(talk(&b, "< 452 4.3.1*\n"), "and so is MAIL");
	env.ingress_stop_us = 0; /* the time of grace is over */
	ok(talk(&b, MAIL_ONE "< 421 4.3.2*\n") && b.closed,
	    "then the session ends");
	client_close(&a);
	client_close(&b);
	is_int(env.sessions_in, 0, "all are gone");
}

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

	env_reset();
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(talk(&c, LMTP_HELLO), "hello");
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		ok(talk(&c, steps[i].script), "%s: all 250", steps[i].label);
		is_int(dispatch.rcpts - before, steps[i].rcpts_new,
		    steps[i].label);
		before = dispatch.rcpts;
	}
	/* The IDENT of one transaction is not that of the next. */
	ok(talk(&c, OPEN_ONE "> A: b\n> \n> .\n< 250*\n"), "without XFORWARD");
	ok(!store.has_key && store.env.host_id[0] == '\0', "no key");
	client_close(&c);
}

/* ---- mark ---------------------------------------------------------------- */

struct mark_case {
	const char *label, *vmta, *ident, *sender, *text;
	bool believed;
	const char *want_vmta;
};

static void
run_mark(const struct mark_case *mc, struct client *c)
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
	unsigned runs = conf.policy_runs;

	canon_body_add(body, "text\r\n", 6);
	canon_body_finish(body);
	memcpy(m.body_hash, canon_body_hash(body, CANON_SIMPLE), 32);
	if (mc->ident[0] != '\0')
		buf_printf(&out, "XFORWARD IDENT=%s\r\n", mc->ident);
	buf_printf(&out, "MAIL FROM:<%s>\r\nRCPT TO:<r@b.test>\r\nDATA\r\n",
	    mc->sender);
	send_bytes(c, out.p, out.len);
	pump(c);
	buf_clear(&out);
	buf_printf(&out, "Subject: x\r\n" MARK_HEADER ": %s\r\n\r\n%s\r\n.\r\n",
	    mark_make(env.mark_key, &m, rg), mc->text);
	send_bytes(c, out.p, out.len);
	pump(c);
	buf_clear(&c->got);
	is_int(conf.policy_runs - runs, mc->believed ? 0 : 1, mc->label);
	is_str(store.env.job, mc->believed ? "marked" : "campaign", mc->label);
	is_int(store.env.rcpts[0].priority, mc->believed ? 10 : 70, mc->label);
	is_str(store.env.rcpts[0].vmta, mc->want_vmta, mc->label);
	is_str(store.env.auth_user, mc->believed ? "brand-a" : "", mc->label);
	ok(strstr(buf_cstr(&store.text), MARK_HEADER) == NULL,
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
		{ "Postfix's VERP", "two", "4FX", "s+r=b.test@a.test", "text",
		    true, "two" },
		{ "VERP of another domain", "two", "4FX", "s+r=b.test@x.test",
		    "text", false, "one" },
		{ "nearly VERP", "two", "4FX", "sr=b.test@a.test", "text",
		    false, "one" },
		{ "another text", "two", "4FX", "s@a.test", "texd", false,
		    "one" },
	};
	char path[] = "/tmp/test_ingress.XXXXXX";
	int fd = mkstemp(path);
	struct client c;
	struct err e;

	env_reset();
	conf.source.default_vmta = "three";
	CHECK(
	    fd >= 0 && write(fd, path, 20) == 20 && write(fd, path, 20) == 20);
	(void)close(fd);
	ok(mark_key_read(path, &env.mark_key, &e) == 0, "a key");
	(void)unlink(path);
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(talk(&c, LMTP_HELLO), "hello");
	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
		run_mark(&marks[i], &c);
	is_str(conf.policy_user, "brand-a",
	    "a VMTA that is gone is assigned anew for its user");
	client_close(&c);
	mark_key_free(&env.mark_key);
}

/* ---- policy says no; who may relay; our Received ------------------------- */

static void
test_trouble(void)
{
	struct client c;

	env_reset();
	conf.trouble = "signing for a.test: the key is broken";
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(talk(&c,
	       LMTP_HELLO OPEN_ONE
	       "> A: b\n> \n> .\n< 451 4.3.0 message cannot be prepared*\n"),
	    "a message that cannot be signed is not taken");
	is_int(store.taken, 0, "nothing of it is queued");
	client_close(&c);
}

static void
test_listener_source(void)
{
	struct client c;

	env_reset();
	client_open(&c, INGRESS_SMTP, "192.0.2.9", SOCK_STREAM);
	ok(talk(&c,
	       SMTP_HELLO "> MAIL FROM:<s@a.test>\n> RCPT TO:<r@b.test>\n"
			  "< 250 2.1.0 OK\n< 550 5.7.1*\n"),
	    "no relaying without a source that may");
	client_close(&c);
	conf.listener_source = "apps";
	client_open(&c, INGRESS_SMTP, "192.0.2.9", SOCK_STREAM);
	ok(talk(&c,
	       SMTP_HELLO OPEN_ONE "> A: b\n> \n> .\n< 250 2.6.0 queued*\n"),
	    "the listener's source allows it");
	is_str(conf.policy_source, "apps", "and policy knows it");
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

		env_reset();
		conf.source.relay = true;
		client_open(&c, INGRESS_SMTP, traces[i].ip, SOCK_STREAM);
		buf_printf(&out,
		    "EHLO %s\r\nMAIL FROM:<s@a.test>%s\r\n"
		    "RCPT TO:<r@b.test>\r\nDATA\r\n",
		    traces[i].helo, traces[i].utf8 ? " SMTPUTF8" : "");
		send_bytes(&c, out.p, out.len);
		pump(&c);
		send_bytes(&c, "A: b\r\n\r\n.\r\n", 11);
		pump(&c);
		text = buf_cstr(&store.text);
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

		env_reset();
		client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
		ok(talk(&c, LMTP_HELLO OPEN_ONE), "start");
		buf_str(&text,
		    "Received: by a.test (Postfix, userid 0)\r\n id ");
		for (int n = 0; n < ids[i].times; n++)
			buf_str(&text, ids[i].id);
		buf_str(&text, "; Fri\r\n\r\n.\r\n");
		send_bytes(&c, text.p, text.len);
		ok(talk(&c, "< 250 2.1.5*\n"), "%s: taken", ids[i].label);
		is_str(store.env.host_id, ids[i].want, ids[i].label);
		client_close(&c);
		buf_fini(&text);
	}
}

/* ---- coming and going ---------------------------------------------------- */

/* "TYPE ID.NUMBER RCPT VMTA SOURCE [EXTRA=VALUE ...]; " of each record. */
static const char *
receipts_text(void)
{
	static char text[600];
	struct region *rg = region_new();
	const char *p = store.receipts.p;
	size_t left = store.receipts.len, at = 0;
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

	env_reset();
	conf.wants.headers = wanted_headers;
	conf.wants.header_count = 3;
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(talk(&c, LMTP_HELLO OPEN_ONE "> A: b\n> \n> .\n< 250 2.1.5*\n"),
	    "a message");
	is_str(receipts_text(), "", "nobody wants a record");
	conf.wants.types = ACCT_BIT(ACCT_R) | ACCT_BIT(ACCT_D);
	conf.disabled = "c.test";
	ok(talk(&c,
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
	ok(store.env.header_count == 2 &&
		strcmp(store.env.headers[1].value, "gone") == 0,
	    "the envelope has what policy took away");
	client_close(&c);
	conf.source.relay = true;
	client_open(&c, INGRESS_SMTP, "192.0.2.9", SOCK_STREAM);
	conf.wants.header_count = 0;
	conf.assign = "both";
	ok(talk(&c, SMTP_HELLO OPEN_ONE "> A: b\n> \n> .\n< 250 2.6.0*\n"),
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

	env_reset();
	conf.wants.headers = list;
	conf.wants.header_count = 30;
	for (int i = 0; i < 30; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "x-%d", i);
		list[i] = names[i];
		buf_printf(&text, "X-%d: %0900d%0900d\r\n", i, i, i);
	}
	buf_str(&text, "\r\n.\r\n");
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(talk(&c, LMTP_HELLO OPEN_ONE), "a message with thirty long fields");
	send_bytes(&c, text.p, text.len);
	pump(&c);
	ok(store.env.header_count == 16 &&
		strlen(store.env.headers[0].value) == 1000,
	    "sixteen copies are kept, of a thousand bytes each");
	buf_fini(&text);
	client_close(&c);
}

static void
test_refused(void)
{
	struct client c[4], late;

	env_reset();
	conf.source.smtp_service = false;
	client_open(&c[0], INGRESS_SMTP, "192.0.2.9", SOCK_STREAM);
	ok(talk(&c[0],
	       "< 521 mx.test does not accept mail from you (192.0.2.9)\n") &&
		c[0].closed,
	    "smtp-service no");
	client_close(&c[0]);
	conf.source.smtp_service = true;
	for (int i = 0; i < 3; i++)
		client_open(&c[i], INGRESS_SMTP, NULL, SOCK_STREAM);
	client_open(&c[3], INGRESS_SMTP, NULL, SOCK_STREAM);
	ok(talk(&c[3], "< 421 4.3.2*\n") && c[3].closed,
	    "total-max-smtp-in 3: the fourth is refused");
	ok(talk(&c[0], "< 220*\n> QUIT\n< 221*\n") && c[0].closed,
	    "one of three goes");
	client_open(&late, INGRESS_SMTP, NULL, SOCK_STREAM);
	ok(talk(&late, "< 220*\n"), "another one may come");
	client_close(&late);
	for (int i = 0; i < 4; i++)
		client_close(&c[i]);
	is_int(env.sessions_in, 0, "all are gone");
}

static void
test_shutdown(void)
{
	struct client idle, busy, late, again;

	env_reset();
	conf.global.max_conns_in = 4;
	client_open(&again, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(talk(&again,
	       LMTP_HELLO OPEN_ONE "> A: b\n> \n> .\n< 250 2.1.5*\n"
				   "> RSET\n< 250*\n"),
	    "one that has been served and begins anew, as Postfix does");
	store.delayed = true;
	client_open(&idle, INGRESS_LMTP, NULL, SOCK_STREAM);
	client_open(&busy, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(talk(&idle, LMTP_HELLO), "an idle session");
	ok(talk(&busy, LMTP_HELLO OPEN_ONE "> A: b\n"), "a busy one");
	ingress_shutdown(&env);
	client_open(&late, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(talk(&late, "< 220*\n"), "one that had been accepted may speak");
	ok(talk(&again, OPEN_ONE "> A: b\n> \n> .\n") && !again.closed,
	    "and the other hand over its next message");
	fake_store_answer(&store);
	ok(talk(&again, "< 250 2.1.5*\n< 421 4.3.2*\n") && again.closed,
	    "which is its last");
	env.ingress_stop_us = 0; /* the time of grace is over */
	ok(talk(&idle, "> NOOP\n< 421 4.3.2*\n") && idle.closed,
	    "the idle one ends");
	ok(talk(&late, "> NOOP\n< 421 4.3.2*\n") && late.closed,
	    "and so does the late one");
	ok(talk(&busy, "> \n> .\n") && !busy.closed, "the busy one goes on");
	fake_store_answer(&store);
	ok(talk(&busy, "< 250 2.1.5*\n< 421 4.3.2*\n") && busy.closed,
	    "until its message is answered");
	client_close(&idle);
	client_close(&busy);
	client_close(&late);
	client_close(&again);
	is_int(env.sessions_in, 0, "all are gone");
}

/* The deadline is moved into the past, and the timer fires. */
static void
time_out(void)
{
	struct ingress_session *s = LIST_FIRST(&env.ingress);

	CHECK(s != NULL);
	s->deadline_us = 1;
	event_active(s->timer, EV_TIMEOUT, 0);
}

static void
test_timeout(void)
{
	struct client c;

	env_reset();
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(talk(&c, LMTP_HELLO), "a session");
	event_active(LIST_FIRST(&env.ingress)->timer, EV_TIMEOUT, 0);
	ok(talk(&c, "> NOOP\n< 250*\n"), "the timer fires too early");
	time_out();
	ok(talk(&c, "< 421 4.4.2*\n") && c.closed, "idle for too long");
	client_close(&c);

	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(talk(&c, LMTP_HELLO OPEN_ONE "> A: b\n"), "half a message");
	time_out();
	ok(talk(&c, "< 421 4.4.2*\n") && c.closed, "is too slow");
	client_close(&c);
	is_int(store.taken, 0, "and is not taken");

	store.delayed = true;
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(talk(&c, LMTP_HELLO OPEN_ONE "> A: b\n> \n> .\n"), "a slow store");
	event_active(LIST_FIRST(&env.ingress)->timer, EV_TIMEOUT, 0);
	pump(&c);
	ok(!c.closed, "is waited for");
	fake_store_answer(&store);
	ok(talk(&c, "< 250 2.1.5*\n"), "as long as it takes");
	client_close(&c);
	is_int(env.sessions_in, 0, "all are gone");
}

/* A client that sends and sends and never reads. */
static void
test_deaf(void)
{
	struct client c;
	size_t sent = 0;

	env_reset();
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	pump(&c);
	for (int i = 0; i < 200000; i++) {
		ssize_t n = send(c.fd, "NOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\n", 24,
		    MSG_NOSIGNAL);

		if (n <= 0) {
			(void)event_base_loop(worker_base(worker),
			    EVLOOP_NONBLOCK);
			n = send(c.fd, "NOOP\r\n", 6, MSG_NOSIGNAL);
			if (n <= 0)
				break;
		}
		sent += (size_t)n;
	}
	ok(sent < 4000000, "it is not read from for ever (%zu bytes)", sent);
	client_close(&c);
	is_int(env.sessions_in, 0, "the session is gone");
}

int
main(void)
{
	struct err e;

	(void)signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_L_ERROR);
	worker = worker_new("test", &e);
	gauge = gauge_new();
	fake_store_init(&store);
	test_transcripts();
	test_content();
	test_submission();
	test_pool();
	test_size();
	test_rcpt_limit();
	test_many_rcpts();
	test_lines();
	test_hello_length();
	test_smuggling();
	test_nul();
	test_delayed();
	test_client_gone();
	test_half_closed();
	test_no_space();
	test_places();
	test_no_patience();
	test_gone_while_waiting();
	test_stop_while_waiting();
	test_repeated();
	test_mark();
	test_trouble();
	test_listener_source();
	test_received();
	test_queue_id();
	test_receipts();
	test_long_headers();
	test_refused();
	test_shutdown();
	test_timeout();
	test_deaf();
	fake_store_fini(&store);
	gate_free(&gate);
	gauge_unref(&places);
	gauge_unref(&gauge);
	worker_free(&worker);
	return done_testing();
}

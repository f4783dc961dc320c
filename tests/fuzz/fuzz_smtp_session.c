/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outgoing session as a whole, fed by a hostile server: each recipient
 * gets exactly one outcome, nobody is delivered without a dot, the owner is
 * told things in order, and the session ends.  What it may send is looked at
 * by smtp_peer.
 *
 * The first two bytes pick what is to be sent and how (OPT_...), the rest is
 * what the server says.  Some control bytes are none of its words:
 *
 *	1  what was said so far arrives; both sides do all there is to do
 *	2  time passes until the deadline of this step
 *	3  the server hangs up
 *	4, 5  the owner quits, drops
 *	6, 7  the server stops, and begins, to read
 *	8, 11  the TLS handshake is over, has failed
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "mail/envelope.h"
#include "tests/fuzz/fake_clock.h"
#include "tests/fuzz/fake_tls.h"
#include "tests/fuzz/smtp_peer.h"
#include "transport/smtp_session_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	OPT_USE_TLS = 1,
	OPT_REQUIRE_TLS = 2,
	OPT_TWO = 4,   /* transactions, the second from result() */
	OPT_UTF8 = 8,  /* 8BITMIME, SMTPUTF8 and DSN are wanted */
	OPT_BIG = 16,  /* more than the socket takes at once */
	OPT_BAD = 32,  /* the second recipient's address is none */
	OPT_STOP = 64, /* dot() says no */
	OPT_STAY = 128 /* not told to quit */
};

enum {
	RCPTS_MAX = 64,
	ROUNDS_MAX = 10000, /* of the loop, for one piece */
	SOCKET_BYTES = 4096,
	BIG_LINES = 400
};

#define TEXT "Subject: x\r\n\r\n.dot\r\n"
#define TEXT_SENT "Subject: x\r\n\r\n..dot\r\n.\r\n"
#define LINE \
	"A line of a large message, sixty-four bytes of it altogether..\r\n"

static struct worker *worker;
static struct smtp_rcpt rcpts[RCPTS_MAX];
static struct body *bodies[2]; /* small, big */
static struct buf messages[2]; /* as they are sent */

static struct run {
	unsigned options;
	struct smtp_session *session; /* NULL: closed */
	struct queue_conf conf;
	struct smtp_transaction tx;
	int fd; /* the server's end; -1: it hung up */
	bool deaf;
	struct smtp_peer peer;

	unsigned left;  /* transactions to be given */
	bool busy;      /* one is under way */
	bool was_ready; /* since the last one */
	bool told_written, told_dot;
	bool accepted[RCPTS_MAX];
} run;

/* ---- the server's end ---------------------------------------------------- */

static bool
listen_to_it(void)
{
	static char piece[65536];
	bool any = false;
	ssize_t n;

	while (run.fd >= 0 && (n = read(run.fd, piece, sizeof(piece))) > 0) {
		smtp_peer_heard(&run.peer, piece, (size_t)n);
		any = true;
	}
	return any;
}

/* Until neither side has anything to do. */
static void
settle(void)
{
	bool handshake = fake_tls_is_waiting();
	int quiet = 0;

	for (int i = 0; quiet < 3; i++) {
		CHECK(i < ROUNDS_MAX);
		(void)event_base_loop(worker_base(worker), EVLOOP_NONBLOCK);
		quiet = !run.deaf && listen_to_it() ? 0 : quiet + 1;
		if (fake_tls_is_waiting() && !handshake) {
			(void)listen_to_it();
			smtp_peer_handshake(&run.peer);
			handshake = true;
		}
	}
}

static void
say(const char *p, size_t len)
{
	if (fake_tls_is_waiting())
		return; /* in clear now, it would only break the handshake */
	(void)listen_to_it(); /* it came before */
	smtp_peer_said(&run.peer, p, len);
	while (len > 0 && run.fd >= 0) {
		ssize_t n = send(run.fd, p, len, MSG_NOSIGNAL);

		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (n == -1 && errno == EAGAIN && run.session != NULL) {
			settle();
		} else {
			return; /* the session does not listen any more */
		}
	}
}

static void
hang_up(void)
{
	if (run.fd < 0)
		return;
	(void)listen_to_it();
	(void)close(run.fd);
	run.fd = -1;
}

/* ---- the owner ----------------------------------------------------------- */

static void
give_next(void)
{
	if (run.left == 0) {
		if ((run.options & OPT_STAY) == 0)
			smtp_session_quit(run.session);
		return;
	}
	run.left--;
	run.busy = true;
	run.was_ready = run.told_written = run.told_dot = false;
	memset(run.accepted, 0, sizeof(run.accepted));
	smtp_session_send(run.session, &run.tx);
}

static void
on_ready(void *ctx)
{
	CHECK(ctx == &run && run.session != NULL && !run.busy);
	CHECK(!run.was_ready);
	run.was_ready = true;
	give_next();
}

static void
on_written(void *ctx)
{
	CHECK(ctx == &run && run.busy && !run.told_written);
	run.told_written = true;
}

static bool
on_dot(void *ctx, const uint32_t *accepted, size_t count)
{
	CHECK(ctx == &run && run.busy && !run.told_dot);
	CHECK(run.told_written && count > 0 && count <= run.tx.count);
	run.told_dot = true;
	for (size_t i = 0; i < count; i++) {
		CHECK(accepted[i] < run.tx.count);
		CHECK(i == 0 || accepted[i] > accepted[i - 1]);
		run.accepted[accepted[i]] = true;
	}
	return (run.options & OPT_STOP) == 0;
}

static void
check_outcome(const struct outcome *o, bool accepted, bool written)
{
	CHECK(o->kind <= OUTCOME_SUPPRESSED && o->phase < PHASE_COUNT);
	for (const char *p = o->text; *p != '\0'; p++)
		CHECK((unsigned char)*p >= ' ' && *p != 0x7f);
	if (o->kind == OUTCOME_REPLY)
		CHECK(o->code >= 400 && o->code <= 599);
	if (o->kind == OUTCOME_DELIVERED)
		CHECK(accepted && written && o->code / 100 == 2 &&
		    run.peer.dots > 0);
	if (o->in_doubt)
		CHECK(accepted && written);
	/* Whoever was to get the message is not said to be untouched. */
	if (o->kind == OUTCOME_UNSENT)
		CHECK(!accepted && !written);
}

static void
on_result(void *ctx, const struct outcome *outcomes, const bool *written,
    size_t count)
{
	CHECK(ctx == &run && run.busy && count == run.tx.count);
	run.busy = false;
	(void)listen_to_it();
	for (size_t i = 0; i < count; i++)
		check_outcome(&outcomes[i], run.accepted[i], written[i]);
	if ((run.options & OPT_TWO) != 0 && run.left > 0)
		give_next();
}

static void
on_closed(void *ctx, const struct outcome *why)
{
	CHECK(ctx == &run && run.session != NULL && !run.busy);
	if (why != NULL)
		check_outcome(why, false, false);
	run.session = NULL;
	fake_tls_reset();
}

static const struct smtp_session_owner owner = { on_ready, on_written, on_dot,
	on_result, on_closed };

/* ---- one input ----------------------------------------------------------- */

static void
time_passes(void)
{
	struct smtp_session *s = run.session;

	if (s == NULL || s->deadline_us == 0)
		return;
	fake_clock_now_us = s->deadline_us;
	event_active(s->timer, EV_TIMEOUT, 0);
}

static void
handshake_ends(bool good)
{
	if (!fake_tls_is_waiting())
		return;
	if (good)
		smtp_peer_tls(&run.peer);
	fake_tls_finish(good);
}

static void
do_step(char c)
{
	switch (c) {
	case 2:
		time_passes();
		break;
	case 3:
		hang_up();
		break;
	case 4:
		if (run.session != NULL)
			smtp_session_quit(run.session);
		break;
	case 5:
		if (run.session != NULL)
			smtp_session_drop(run.session);
		break;
	case 6:
	case 7:
		run.deaf = c == 6;
		break;
	case 8:
	case 11:
		handshake_ends(c == 8);
		break;
	default:
		break; /* just what was said */
	}
}

static bool
is_step(char c)
{
	return (c >= 1 && c <= 8) || c == 11;
}

static void
play(const char *p, size_t len)
{
	while (len > 0) {
		size_t n = 0;

		while (n < len && !is_step(p[n]))
			n++;
		say(p, n);
		settle();
		if (n < len) {
			do_step(p[n]);
			settle();
			n++;
		}
		p += n;
		len -= n;
	}
}

static void
begin(unsigned options, size_t count)
{
	bool big = (options & OPT_BIG) != 0;
	bool utf8 = (options & OPT_UTF8) != 0;
	int64_t us = 60 * US_PER_S;
	int pair[2], bytes = SOCKET_BYTES;

	fake_clock_reset();
	run = (struct run){ .options = options,
		.left = (options & OPT_TWO) != 0 ? 2 : 1 };
	run.conf = (struct queue_conf){ .connect_timeout_us = us,
		.greeting_timeout_us = us,
		.data_timeout_us = us,
		.dot_timeout_us = us,
		.auth_username = "",
		.use_starttls = (options & OPT_USE_TLS) != 0,
		.require_starttls = (options & OPT_REQUIRE_TLS) != 0 };
	run.tx = (struct smtp_transaction){ .sender = "s@example.org",
		.envid = utf8 ? "id=1+2" : "",
		.ret = utf8 ? RET_HDRS : RET_NONE,
		.flags = utf8 ? ENVELOPE_8BIT | ENVELOPE_UTF8 : 0,
		.body = bodies[big],
		.count = count,
		.rcpts = rcpts };
	rcpts[1].addr = (options & OPT_BAD) != 0 ? "a>\r\nRSET" :
						   "r@example.net";
	smtp_peer_init(&run.peer,
	    (struct slice){ messages[big].p, messages[big].len },
	    run.conf.require_starttls);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		  pair) == 0);
	CHECK(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &bytes,
		  sizeof(bytes)) == 0);
	run.fd = pair[1];
	run.session = smtp_session_new(
	    &(struct smtp_session_params){ .worker = worker,
		.fd = pair[0],
		.host = "mx.example.net",
		.helo = "mail.example.org",
		.conf = &run.conf,
		.tls = fake_tls_client() },
	    &owner, &run);
}

/* However it stands: a server that is gone ends it, in a few time-outs. */
static void
finish(void)
{
	handshake_ends(false);
	hang_up();
	settle();
	for (int i = 0; i < 4 && run.session != NULL; i++) {
		time_passes();
		settle();
	}
	CHECK(run.session == NULL && !run.busy);
	smtp_peer_fini(&run.peer);
}

static void
make_message(size_t i, size_t lines)
{
	struct buf text = { 0 };

	buf_str(&text, TEXT);
	buf_str(&messages[i], TEXT_SENT);
	messages[i].len -= 3; /* the dot comes at the end */
	for (size_t n = 0; n < lines; n++) {
		buf_str(&text, LINE);
		buf_str(&messages[i], LINE);
	}
	buf_str(&messages[i], ".\r\n");
	bodies[i] = body_new((uint32_t)text.len);
	memcpy(bodies[i]->bytes, text.p, text.len);
	buf_fini(&text);
}

static void
prepare(void)
{
	struct err e;

	if (worker != NULL)
		return;
	(void)signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_L_ERROR);
	worker = worker_new("fuzz", &e);
	CHECK(worker != NULL);
	make_message(0, 0);
	make_message(1, BIG_LINES);
	for (size_t i = 0; i < RCPTS_MAX; i++)
		rcpts[i] = (struct smtp_rcpt){ .addr = "r@example.net",
			.orcpt = i == 0 ? "rfc822;o+r" : "",
			.notify = (uint8_t)(i % 16) };
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	prepare();
	begin(data[0], 1 + data[1] % RCPTS_MAX);
	play((const char *)data + 2, size - 2);
	finish();
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session with what is large, slow, missing or sudden: many recipients,
 * bodies of 8 MB, hosts that do not answer, an owner that changes his mind.
 */
#include <errno.h>
#include <event2/event.h>
#include <malloc.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "lib/tls.h"
#include "tests/tap.h"
#include "tests/unit/smtp_owner.h"

/* ---- connecting ---------------------------------------------------------- */

/* A port of the loopback; with room for one connection, or not served. */
static int
listen_somewhere(struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*at);

	*at = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	CHECK(fd != -1 && bind(fd, (struct sockaddr *)at, len) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)at, &len) == 0);
	CHECK(listen(fd, 0) == 0);
	return fd;
}

static int
connect_to(const struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	CHECK(fd != -1);
	CHECK(connect(fd, (const struct sockaddr *)(const void *)at,
		  sizeof(*at)) == 0 ||
	    errno == EINPROGRESS);
	return fd;
}

static void
test_connecting(void)
{
	static const char *const script[] = { "hold", NULL };
	struct queue_conf conf = make_conf(O_TINY);
	struct sockaddr_in at;
	int fd = listen_somewhere(&at), others[4];

	o.tx_count = 0;
	/* A full backlog: the kernel answers no more. */
	for (size_t i = 0; i < 4; i++)
		others[i] = connect_to(&at);
	start_on(connect_to(&at), script, 0, &conf);
	worker_run(o.worker);
	is_str(buf_cstr(&o.told), "C(timeout/CONNECT/0)",
	    "a host that does not answer");
	finish();
	for (size_t i = 0; i < 4; i++)
		(void)close(others[i]);
	(void)close(fd);

	start_on(connect_to(&at), script, 0, &conf);
	worker_run(o.worker);
	is_str(buf_cstr(&o.told), "C(lost/CONNECT/0)",
	    "a port that nobody serves");
	is_str(buf_cstr(&o.text),
	    "connection lost while connecting: Connection refused\n",
	    "and why");
	finish();
}

/* ---- what the owner does out of the blue --------------------------------- */

static void
do_drop(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	smtp_session_drop(o.session);
}

static void
do_interrupt(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	smtp_session_interrupt(o.session);
}

static void
do_hurry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	smtp_session_hurry(o.session);
}

static void
do_quit(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	smtp_session_quit(o.session);
}

static void
do_send_and_quit(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	send_next();
	smtp_session_quit(o.session);
}

static const struct {
	const char *label;
	const char *script[STEPS];
	void (*act)(evutil_socket_t, short, void *);
	size_t first;             /* transactions given at once, of two */
	const char *told, *heard; /* heard NULL: not compared */
} acts[] = {
	{ "dropped before the greeting", { "body" }, do_drop, 1, "C", "EOF" },
	{ "told to quit before the greeting", { "body" }, do_quit, 1, "C",
	    "EOF" },
	{ "dropped on MAIL", { HELLO, EHLO_ONE, "<MAIL", "<RCPT" }, do_drop, 1,
	    "R [unsent/MAIL/0-] C",
	    "EHLO mail.example.org\r\nMAIL FROM:<from@example.org>\r\nEOF" },
	{ "dropped on RCPT", { HELLO, EHLO_PIPE, ENVELOPE, "body" }, do_drop, 1,
	    "R W [local/MAIL/0] C",
	    "EHLO mail.example.org\r\n" ENVELOPE_TEXT "EOF" },
	{ "dropped after the dot",
	    { HELLO, EHLO_PIPE, ENVELOPE_OK, "body", "<QUIT" }, do_drop, 1,
	    "R W D1 [lost/DOT/0?] C",
	    "EHLO mail.example.org\r\n" ENVELOPE_TEXT BODY_TEXT "EOF" },
	{ "told to quit after the dot",
	    { HELLO, EHLO_PIPE, ENVELOPE_OK, "body", "wait", "wait", "wait",
		">250 2.0.0 ok", BYE },
	    do_quit, 1, "R W D1 " DELIVERED " C",
	    "EHLO mail.example.org\r\n" ENVELOPE_TEXT BODY_TEXT "QUIT\r\n" },
	{ "dropped when idle", { HELLO, EHLO_PIPE, PIPE_OK, "<QUIT" }, do_drop,
	    1, "R W D1 " DELIVERED " R C",
	    "EHLO mail.example.org\r\n" ENVELOPE_TEXT BODY_TEXT "EOF" },
	{ "told to quit when idle", { HELLO, EHLO_PIPE, PIPE_OK, BYE }, do_quit,
	    1, "R W D1 " DELIVERED " R C",
	    "EHLO mail.example.org\r\n" ENVELOPE_TEXT BODY_TEXT "QUIT\r\n" },
	{ "hurried on RCPT", { HELLO, EHLO_PIPE, ENVELOPE, "body" }, do_hurry,
	    1, "R W [local/MAIL/0] C", NULL },
	{ "hurried after the dot: the answer is waited for, and no more",
	    { HELLO, EHLO_PIPE, ENVELOPE_OK, "body", "wait", "wait", "wait",
		">250 2.0.0 ok", BYE },
	    do_hurry, 1, "R W D1 " DELIVERED " C", NULL },
	{ "interrupted on MAIL", { HELLO, EHLO_ONE, "<MAIL", "<RCPT" },
	    do_interrupt, 1, "R [unsent/MAIL/0-] C",
	    "EHLO mail.example.org\r\nMAIL FROM:<from@example.org>\r\nEOF" },
	{ "interrupted on RCPT: written, and not tried",
	    { HELLO, EHLO_PIPE, ENVELOPE, "body" }, do_interrupt, 1,
	    "R W [unsent/MAIL/0] C",
	    "EHLO mail.example.org\r\n" ENVELOPE_TEXT "EOF" },
	{ "interrupted after MAIL was refused: that stays",
	    { HELLO, EHLO_PIPE, ENVELOPE, ">550 5.7.1 no", "body" },
	    do_interrupt, 1, "R W [reply/MAIL/550/5.7.1] C", NULL },
	{ "interrupted after the recipient was refused: that stays",
	    { HELLO, EHLO_PIPE, ENVELOPE, "+250 ok\r\n550 5.1.1 no\r\n",
		"body" },
	    do_interrupt, 1, "R W [reply/RCPT/550/5.1.1] C", NULL },
	{ "interrupted after the dot: the answer is waited for, and no more",
	    { HELLO, EHLO_PIPE, ENVELOPE_OK, "body", "wait", "wait", "wait",
		">250 2.0.0 ok", BYE },
	    do_interrupt, 1, "R W D1 " DELIVERED " C",
	    "EHLO mail.example.org\r\n" ENVELOPE_TEXT BODY_TEXT "QUIT\r\n" },
	{ "interrupted when idle", { HELLO, EHLO_PIPE, PIPE_OK, BYE },
	    do_interrupt, 1, "R W D1 " DELIVERED " R C",
	    "EHLO mail.example.org\r\n" ENVELOPE_TEXT BODY_TEXT "QUIT\r\n" },
	{ "given one when idle, and told to quit",
	    { HELLO, EHLO_PIPE, PIPE_OK, BYE }, do_send_and_quit, 0,
	    "R W D1 " DELIVERED " C",
	    "EHLO mail.example.org\r\n" ENVELOPE_TEXT BODY_TEXT "QUIT\r\n" },
};

static void
test_out_of_the_blue(void)
{
	const struct timeval soon = { 0, 50 * MS };
	struct queue_conf conf = make_conf(0);
	struct body *body = make_body("Subject: x\r\n\r\n.dot\n", 1);
	struct smtp_rcpt rcpt = { "r0@example.net", "", 0 };

	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		make_transactions(0, 2, body, &rcpt, 1);
		o.tx_count = acts[i].first;
		start(acts[i].script, O_STAY, &conf);
		CHECK(event_base_once(worker_base(o.worker), -1, EV_TIMEOUT,
			  acts[i].act, NULL, &soon) == 0);
		worker_run(o.worker);
		is_str(buf_cstr(&o.told), acts[i].told, acts[i].label);
		if (acts[i].heard != NULL)
			is_str(smtp_script_heard(o.script, NULL), acts[i].heard,
			    "what the server heard");
		finish();
	}
	ok(atomic_load(&body->refs.count) == 1, "the body is let go");
	body_unref(&body);
}

/* ---- many and large ------------------------------------------------------ */

static void
test_thousand_recipients(void)
{
	static const char *const script[] = { HELLO, "auto", NULL };
	struct queue_conf conf = make_conf(0);
	struct body *body = make_body("x\r\n", 1);
	struct smtp_rcpt *rcpts = mem_array(1000, sizeof(*rcpts));
	char(*names)[40] = mem_array(1000, sizeof(*names));

	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "%s%u@example.net",
		    i % 3 == 1 ? "bad" : "good", i);
		rcpts[i] = (struct smtp_rcpt){ names[i], "", 0 };
	}
	make_transactions(0, 2, body, rcpts, 1000);
	start(script, 0, &conf);
	worker_run(o.worker);
	is_str(buf_cstr(&o.told),
	    "R W D667 [delivered/DOT/250/2.0.0,reply/RCPT/550/5.1.1,"
	    "delivered/DOT/250/2.0.0] R W D667 [delivered/DOT/250/2.0.0,"
	    "reply/RCPT/550/5.1.1,delivered/DOT/250/2.0.0] R C",
	    "1000 recipients, twice");
	finish();
	body_unref(&body);
	free(rcpts);
	free(names);
}

static void
test_many_transactions(void)
{
	static const char *const script[] = { HELLO, "auto", NULL };
	struct queue_conf conf = make_conf(0);
	struct body *body = make_body("some text\r\n", 500);
	struct smtp_rcpt rcpt = { "r@example.net", "", 0 };
	size_t delivered = 0;

	make_transactions(0, 50, body, &rcpt, 1);
	start(script, 0, &conf);
	worker_run(o.worker);
	for (const char *p = buf_cstr(&o.told);
	     (p = strstr(p, DELIVERED)) != NULL; p++)
		delivered++;
	is_int((int64_t)delivered, 50, "50 transactions on one connection");
	finish();
	body_unref(&body);
}

static size_t memory_before, memory_at_stall;
static bool stalled;

static void
on_stall(void)
{
	stalled = true;
	memory_at_stall = mallinfo2().uordblks;
}

/* Does the end of what was heard hold the body, dots doubled? */
static bool
arrived(const struct body *body)
{
	size_t len, n = 0;
	const char *p = smtp_script_heard(o.script, &len);
	const char *at = strstr(p, "DATA\r\n");

	if (at == NULL)
		return false;
	at += 6;
	while (n < body->len && at < p + len) {
		if (*at == '.' && at[-1] == '\n')
			at++;
		if (*at++ != body->bytes[n++])
			return false;
	}
	return n == body->len && strcmp(at, ".\r\nQUIT\r\n") == 0;
}

static void
run_large(const char *label, const char *const *script, struct body *body)
{
	struct queue_conf conf = make_conf(O_USE);
	struct smtp_rcpt rcpt = { "r@example.net", "", 0 };

	make_transactions(0, 1, body, &rcpt, 1);
	start(script, 0, &conf);
	smtp_script_on_stall(o.script, on_stall);
	stalled = false;
	memory_before = mallinfo2().uordblks; /* 0 under a sanitizer */
	worker_run(o.worker);
	is_str(buf_cstr(&o.told), "R W D1 [delivered/DOT/250/2.0.0] R C",
	    label);
	ok(arrived(body), "%s: as it was", label);
	ok(stalled && memory_at_stall <= memory_before + 1000000,
	    "%s: not in memory again while the server waits", label);
	finish();
	ok(atomic_load(&body->refs.count) == 1, "%s: let go", label);
	body_unref(&body);
}

/* Progress, however slow, is no time-out; none at all is one. */
static void
test_deaf_server(void)
{
	static const char *const script[] = { HELLO, EHLO_PIPE, ENVELOPE,
		"+250 ok\r\n250 ok\r\n354 go\r\n", "deaf", "hold", NULL };
	struct queue_conf conf = make_conf(O_TINY);
	struct body *body = make_body("some text\r\n", 400000);
	struct smtp_rcpt rcpt = { "r@example.net", "", 0 };

	conf.greeting_timeout_us = 8000 * MS;
	make_transactions(0, 1, body, &rcpt, 1);
	start(script, 0, &conf);
	worker_run(o.worker);
	is_str(buf_cstr(&o.told), "R W [timeout/BODY/0] C",
	    "a server that reads nothing of the message");
	finish();
	body_unref(&body);
}

/* The end of the message is written, and waits here: nobody can have it. */
static void
test_interrupted_before_the_end(void)
{
	static const char *const script[] = { HELLO, EHLO_PIPE, ENVELOPE,
		"+250 ok\r\n250 ok\r\n354 go\r\n", "deaf", "hold", NULL };
	const struct timeval soon = { 0, 100 * MS };
	struct queue_conf conf = make_conf(0);
	struct body *body = make_body("some text\r\n", 19000);
	struct smtp_rcpt rcpt = { "r@example.net", "", 0 };

	make_transactions(0, 1, body, &rcpt, 1);
	start(script, O_STAY, &conf);
	CHECK(event_base_once(worker_base(o.worker), -1, EV_TIMEOUT,
		  do_interrupt, NULL, &soon) == 0);
	worker_run(o.worker);
	is_str(buf_cstr(&o.told), "R W D1 [unsent/MAIL/0] C",
	    "interrupted while the dot waits in our buffer");
	finish();
	ok(atomic_load(&body->refs.count) == 1, "the body is let go");
	body_unref(&body);
}

/* It says why and hangs up, while we have much more to send. */
static void
test_refused_midway(void)
{
	static const char *const script[] = { HELLO, EHLO_PIPE, ENVELOPE,
		"deaf", "+250 ok\r\n250 ok\r\n354 go\r\n", "wait",
		">552 5.3.4 too big", NULL };
	struct queue_conf conf = make_conf(0);
	struct body *body = make_body("some text\r\n", 400000);
	struct smtp_rcpt rcpt = { "r@example.net", "", 0 };

	make_transactions(0, 1, body, &rcpt, 1);
	start(script, 0, &conf);
	worker_run(o.worker);
	is_str(buf_cstr(&o.told), "R W [reply/BODY/552/5.3.4] C",
	    "refused in the middle of a large message");
	finish();
	body_unref(&body);
}

static void
test_large(void)
{
	static const char *const clear[] = { HELLO, "slow", NULL };
	static const char *const tls[] = { HELLO, EHLO_TLS, "<STARTTLS",
		">220 go", "tls", "slow", NULL };
	static const char line[] =
	    "A line of text, as they are: sixty-four bytes and no dot there\r\n";

	run_large("8 MB against a slow server", clear, make_body(line, 125000));
	run_large("8 MB of dots against a slow server", clear,
	    make_body(".\r\n..x\r\n", 1000000));
	run_large("8 MB under TLS against a slow server", tls,
	    make_body(line, 125000));
}

int
main(void)
{
	struct err e;

	CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	ok(tls_client_new(&o.tls, &e) == 0, "a TLS client");
	test_connecting();
	test_out_of_the_blue();
	test_thousand_recipients();
	test_many_transactions();
	test_deaf_server();
	test_interrupted_before_the_end();
	test_refused_midway();
	test_large();
	buf_fini(&o.told);
	buf_fini(&o.text);
	tls_client_free(&o.tls);
	return done_testing();
}

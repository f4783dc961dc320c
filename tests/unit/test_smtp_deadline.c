/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each step that waits for a server has the time that RFC 5321 section 4.5.3.2
 * gives it, and when that is over the outcome says in which phase.  Nobody
 * waits for minutes here: the deadline is looked at, and then moved to now.
 */
#include <event2/event.h>

#include "lib/clock.h"
#include "lib/tls.h"
#include "tests/tap.h"
#include "tests/unit/smtp_owner.h"
#include "tests/unit/smtp_script.h"
#include "transport/smtp_session_priv.h"

#define LOOK_EACH_MS 5
#define LOOKS 4 /* in the same step, so that all of it is written */
#define SILENCE "wait", "wait", "wait", "wait", "wait", "wait", "wait", "wait"

static const struct {
	const char *label, *script[STEPS];
	unsigned options;
	enum smtp_state state;
	int64_t seconds;
	const char *told;
} cases[] = {
	{ "EHLO", { HELLO, "<EHLO", SILENCE }, 0, SMTP_EHLO, 300,
	    "C(timeout/EHLO/0)" },
	{ "HELO", { HELLO, "<EHLO", ">502 what", "<HELO", SILENCE }, 0,
	    SMTP_HELO, 300, "C(timeout/EHLO/0)" },
	/* All that goes wrong with TLS is one kind: the next try may do without. */
	{ "STARTTLS", { HELLO, EHLO_TLS, "<STARTTLS", SILENCE }, O_USE,
	    SMTP_STARTTLS, 120, "C(lost/TLS/0)" },
	{ "handshake", { HELLO, EHLO_TLS, "<STARTTLS", ">220 go", SILENCE },
	    O_USE, SMTP_HANDSHAKE, 60, "C(lost/TLS/0)" },
	{ "MAIL", { HELLO, EHLO_ONE, "<MAIL", SILENCE }, 0, SMTP_MAIL, 300,
	    "R [timeout/MAIL/0-] C" },
	{ "RCPT", { HELLO, EHLO_ONE, "<MAIL", ">250 ok", "<RCPT", SILENCE }, 0,
	    SMTP_RCPT, 300, "R W [timeout/RCPT/0] C" },
	{ "DATA",
	    { HELLO, EHLO_ONE, "<MAIL", ">250 ok", "<RCPT", ">250 ok", "<DATA",
		SILENCE },
	    0, SMTP_DATA, 120, "R W [timeout/DATA/0] C" },
};

static size_t running; /* the case */
static unsigned looks;
static int64_t left_us;

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (o.session == NULL || o.session->state != cases[running].state ||
	    ++looks != LOOKS)
		return;
	left_us = o.session->deadline_us - clock_us();
	o.session->deadline_us = clock_us();
	event_active(o.session->timer, EV_TIMEOUT, 1);
}

static void
run_case(size_t i)
{
	const struct timeval each = { 0, LOOK_EACH_MS * MS };
	struct queue_conf conf = make_conf(cases[i].options);
	struct body *body = make_body("Subject: x\r\n\r\n.dot\n", 1);
	struct smtp_rcpt rcpt = { "r0@example.net", "", 0 };
	struct event *look;

	running = i;
	looks = 0;
	left_us = 0;
	make_transactions(cases[i].options, 1, body, &rcpt, 1);
	start(cases[i].script, cases[i].options, &conf);
	look = event_new(worker_base(o.worker), -1, EV_PERSIST, on_look, NULL);
	CHECK(look != NULL && event_add(look, &each) == 0);
	worker_run(o.worker);
	ok(left_us > (cases[i].seconds - 5) * US_PER_S &&
		left_us <= cases[i].seconds * US_PER_S,
	    "%s has %d s", cases[i].label, (int)cases[i].seconds);
	is_str(buf_cstr(&o.told), cases[i].told, "and then it is over");
	event_free(look);
	finish();
	body_unref(&body);
}

int
main(void)
{
	struct err e;

	ok(tls_client_new(&o.tls, &e) == 0, "a TLS client");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		run_case(i);
	buf_fini(&o.told);
	buf_fini(&o.text);
	tls_client_free(&o.tls);
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ingress sessions come and go: refused, one too many, ended by a stop of the
 * daemon, by their time, or never read from.
 */
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "tests/tap.h"
#include "tests/unit/ingress_client.h"

static void
test_refused(void)
{
	struct client c[4], late;

	world_reset();
	world.conf.source.smtp_service = false;
	client_open(&c[0], INGRESS_SMTP, "192.0.2.9", SOCK_STREAM);
	ok(client_talk(&c[0],
	       "< 521 mx.test does not accept mail from you (192.0.2.9)\n") &&
		c[0].closed,
	    "smtp-service no");
	client_close(&c[0]);
	world.conf.source.smtp_service = true;
	for (int i = 0; i < 3; i++)
		client_open(&c[i], INGRESS_SMTP, NULL, SOCK_STREAM);
	client_open(&c[3], INGRESS_SMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c[3], "< 421 4.3.2*\n") && c[3].closed,
	    "total-max-smtp-in 3: the fourth is refused");
	ok(client_talk(&c[0], "< 220*\n> QUIT\n< 221*\n") && c[0].closed,
	    "one of three goes");
	client_open(&late, INGRESS_SMTP, NULL, SOCK_STREAM);
	ok(client_talk(&late, "< 220*\n"), "another one may come");
	client_close(&late);
	for (int i = 0; i < 4; i++)
		client_close(&c[i]);
	is_int(world.env.sessions_in, 0, "all are gone");
}

static void
test_shutdown(void)
{
	struct client idle, busy, late, again;

	world_reset();
	world.conf.global.max_conns_in = 4;
	client_open(&again, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&again,
	       LMTP_HELLO OPEN_ONE "> A: b\n> \n> .\n< 250 2.1.5*\n"
				   "> RSET\n< 250*\n"),
	    "one that has been served and begins anew, as Postfix does");
	world.store.delayed = true;
	client_open(&idle, INGRESS_LMTP, NULL, SOCK_STREAM);
	client_open(&busy, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&idle, LMTP_HELLO), "an idle session");
	ok(client_talk(&busy, LMTP_HELLO OPEN_ONE "> A: b\n"), "a busy one");
	ingress_shutdown(&world.env);
	client_open(&late, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&late, "< 220*\n"),
	    "one that had been accepted may speak");
	ok(client_talk(&again, OPEN_ONE "> A: b\n> \n> .\n") && !again.closed,
	    "and the other hand over its next message");
	fake_store_answer(&world.store);
	ok(client_talk(&again, "< 250 2.1.5*\n< 421 4.3.2*\n") && again.closed,
	    "which is its last");
	world.env.ingress_stop_us = 0; /* the time of grace is over */
	ok(client_talk(&idle, "> NOOP\n< 421 4.3.2*\n") && idle.closed,
	    "the idle one ends");
	ok(client_talk(&late, "> NOOP\n< 421 4.3.2*\n") && late.closed,
	    "and so does the late one");
	ok(client_talk(&busy, "> \n> .\n") && !busy.closed,
	    "the busy one goes on");
	fake_store_answer(&world.store);
	ok(client_talk(&busy, "< 250 2.1.5*\n< 421 4.3.2*\n") && busy.closed,
	    "until its message is answered");
	client_close(&idle);
	client_close(&busy);
	client_close(&late);
	client_close(&again);
	is_int(world.env.sessions_in, 0, "all are gone");
}

/* The deadline is moved into the past, and the timer fires. */
static void
time_out(void)
{
	struct ingress_session *s = LIST_FIRST(&world.env.ingress);

	CHECK(s != NULL);
	s->deadline_us = 1;
	event_active(s->timer, EV_TIMEOUT, 0);
}

static void
test_timeout(void)
{
	struct client c;

	world_reset();
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c, LMTP_HELLO), "a session");
	event_active(LIST_FIRST(&world.env.ingress)->timer, EV_TIMEOUT, 0);
	ok(client_talk(&c, "> NOOP\n< 250*\n"), "the timer fires too early");
	time_out();
	ok(client_talk(&c, "< 421 4.4.2*\n") && c.closed, "idle for too long");
	client_close(&c);

	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c, LMTP_HELLO OPEN_ONE "> A: b\n"), "half a message");
	time_out();
	ok(client_talk(&c, "< 421 4.4.2*\n") && c.closed, "is too slow");
	client_close(&c);
	is_int(world.store.taken, 0, "and is not taken");

	world.store.delayed = true;
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c, LMTP_HELLO OPEN_ONE "> A: b\n> \n> .\n"),
	    "a slow store");
	event_active(LIST_FIRST(&world.env.ingress)->timer, EV_TIMEOUT, 0);
	client_pump(&c);
	ok(!c.closed, "is waited for");
	fake_store_answer(&world.store);
	ok(client_talk(&c, "< 250 2.1.5*\n"), "as long as it takes");
	client_close(&c);
	is_int(world.env.sessions_in, 0, "all are gone");
}

/* Seconds that the session at the top has, after so many bytes more. */
static int64_t
left_after(struct client *c, size_t bytes)
{
	static const char line[] = "0123456789\r\n";
	struct ingress_session *s = LIST_FIRST(&world.env.ingress);

	s->deadline_us = clock_us() + 20 * US_PER_S;
	for (; bytes >= sizeof(line) - 1; bytes -= sizeof(line) - 1)
		client_send(c, line, sizeof(line) - 1);
	client_send(c, line, bytes);
	client_pump(c);
	return (s->deadline_us - clock_us() + US_PER_S / 2) / US_PER_S;
}

/* Byte by byte nobody stays longer than by saying nothing. */
static void
test_drip(void)
{
	static const char *const last[] = { "DATA\r\n", "BDAT 1000000\r\n" };
	struct client c;

	for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++) {
		world_reset();
		world.conf.source.relay = true;
		world.conf.source.allow_chunking = true;
		world.conf.source.data_timeout = 60 * US_PER_S;
		world.conf.source.command_timeout = 60 * US_PER_S;
		client_open(&c, INGRESS_SMTP, "192.0.2.9", SOCK_STREAM);
		ok(client_talk(&c, SMTP_HELLO), "a session");
		is_int(left_after(&c, 3), 20, "half a command");
		ok(client_talk(&c, "> \n< 500*\n"), "all of it");
		ok(client_talk(&c,
		       "> MAIL FROM:<s@a.test>\n> RCPT TO:<r@b.test>\n"
		       "< 250*\n< 250*\n"),
		    "a transaction");
		client_send(&c, last[i], strlen(last[i]));
		client_pump(&c);
		is_int(left_after(&c, 3), 20, "few bytes of a message");
		is_int(left_after(&c, 5000), 30, "500 are a second");
		is_int(left_after(&c, 200000), 60, "not beyond the time-out");
		client_close(&c);
	}
}

/* Before a PROXY header, too, a stop is not held up. */
static void
test_stop_proxy(void)
{
	struct client c;

	world_reset();
	world.conf.listener.proxy = true;
	world.conf.source.allow_proxy = true;
	client_open(&c, INGRESS_SMTP, "192.0.2.9", SOCK_STREAM);
	client_pump(&c);
	ingress_shutdown(&world.env);
	world.env.ingress_stop_us = 0;
	LIST_FIRST(&world.env.ingress)->heard_us = 0;
	event_active(LIST_FIRST(&world.env.ingress)->timer, EV_TIMEOUT, 0);
	ok(client_talk(&c, "< 421 4.3.2*\n") && c.closed,
	    "nothing has been said yet");
	client_close(&c);
}

/* A client that sends and sends and never reads. */
static void
test_deaf(void)
{
	struct client c;
	size_t sent = 0;

	world_reset();
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	client_pump(&c);
	for (int i = 0; i < 200000; i++) {
		ssize_t n = send(c.fd, "NOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\n", 24,
		    MSG_NOSIGNAL);

		if (n <= 0) {
			(void)event_base_loop(worker_base(world.worker),
			    EVLOOP_NONBLOCK);
			n = send(c.fd, "NOOP\r\n", 6, MSG_NOSIGNAL);
			if (n <= 0)
				break;
		}
		sent += (size_t)n;
	}
	ok(sent < 4000000, "it is not read from for ever (%zu bytes)", sent);
	client_close(&c);
	is_int(world.env.sessions_in, 0, "the session is gone");
}

int
main(void)
{
	world_init();
	test_refused();
	test_shutdown();
	test_timeout();
	test_drip();
	test_stop_proxy();
	test_deaf();
	world_fini();
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Back-pressure, as clients of the ingress feel it: a host MTA waits until
 * there is room, others are told to come later, and nobody keeps a place that
 * he does not use.
 */
#include <unistd.h>

#include "lib/clock.h"
#include "tests/tap.h"
#include "tests/unit/ingress_client.h"

/* Until it has got so many lines; false: it was closed, or never did. */
static bool
reads_lines(struct client *c, unsigned want)
{
	int64_t end_us = clock_us() + 10 * US_PER_S;

	for (;;) {
		unsigned n = 0;

		client_pump(c);
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
		client_pump(c);
	return c->got.len == 0;
}

static uint32_t
waiting_now(void)
{
	struct gate_facts f;

	gate_facts(world.gate, &f);
	return f.waiting;
}

#define MAIL_ONE "> MAIL FROM:<s@a.test>\n"
#define REST_ONE "> RCPT TO:<r@b.test>\n> DATA\n< 250 2.1.5*\n< 354*\n"
#define TEXT_ONE "> A: b\n> \n> .\n"

static void
test_no_space(void)
{
	struct client c;

	world_reset();
	world.store.answer = STORE_NO_SPACE;
	client_open(&c, INGRESS_SMTP, "127.0.0.1", SOCK_STREAM);
	world.conf.source.relay = true;
	ok(client_talk(&c, SMTP_HELLO), "a client by SMTP");
	client_close(&c);
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c, LMTP_HELLO OPEN_ONE TEXT_ONE) && is_silent(&c),
	    "no space in the store: the host MTA waits");
	world.store.answer = STORE_TAKEN;
	ok(reads_lines(&c, 1) && client_talk(&c, "< 250 2.1.5*\n"),
	    "it is taken when there is some");
	is_int(world.dispatch.messages, 1, "once");
	world.store.answer = STORE_BAD;
	ok(client_talk(&c, OPEN_ONE "> A: b\n> \n> .\n< 554 5.3.0*\n"),
	    "a message that the store cannot keep");
	gate_space(world.gate, STORE_SPACE_LOW);
	client_pump(&c);
	ok(client_talk(&c, MAIL_ONE) && is_silent(&c),
	    "told before: MAIL waits");
	world.store.answer = STORE_TAKEN;
	gate_space(world.gate, STORE_SPACE_OK);
	ok(reads_lines(&c, 1) && client_talk(&c, "< 250 2.1.0 OK\n"),
	    "until there is space");
	ok(client_talk(&c, REST_ONE TEXT_ONE "< 250 2.1.5*\n"),
	    "and all goes on by itself");
	client_close(&c);
}

static void
test_places(void)
{
	struct client c;

	world_reset();
	world_gate(2, 0);
	gauge_add(world.places, 2);
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c,
	       LMTP_HELLO MAIL_ONE "> RCPT TO:<r@b.test>\n> DATA\n") &&
		is_silent(&c),
	    "the queue is full: a pipelined hand-over waits at MAIL");
	gauge_give(world.places, 1);
	ok(reads_lines(&c, 3) &&
		client_talk(&c, "< 250 2.1.0*\n< 250 2.1.5*\n< 354*\n"),
	    "until a place is free");
	gauge_add(world.places, 1);
	ok(client_talk(&c, TEXT_ONE) && is_silent(&c),
	    "which another one took");
	is_int(waiting_now(), 1, "so the message waits");
	gauge_give(world.places, 1);
	ok(reads_lines(&c, 1) && client_talk(&c, "< 250 2.1.5*\n"),
	    "until there is one again");
	is_int(gauge_inside(world.places), 2, "which it has taken");
	gauge_give(world.places, 2);
	client_pump(&c);
	ok(reads_lines(&c, 0) &&
		client_talk(&c,
		    MAIL_ONE "< 250*\n> RCPT TO:<a@b.test>\n< 250*\n"
			     "> RCPT TO:<b@b.test>\n< 250*\n"
			     "> RCPT TO:<c@b.test>\n< 452 4.5.3*\n"),
	    "more recipients than places would wait for ever: the rest later");
	client_close(&c);
	is_int(world.env.sessions_in, 0, "all are gone");
}

static void
test_no_patience(void)
{
	struct client host, app;
	int64_t begin_us;

	world_reset();
	world_gate(1, 150000);
	gauge_add(world.places, 1);
	world.conf.source.relay = true;
	client_open(&app, INGRESS_SMTP, "127.0.0.1", SOCK_STREAM);
	ok(client_talk(&app, SMTP_HELLO MAIL_ONE "< 452 4.3.1*\n"),
	    "a client by SMTP does not wait");
	ok(LIST_FIRST(&world.env.ingress)->tx.sender == NULL,
	    "nothing is kept of its try");
	ok(client_talk(&app, "> XFORWARD IDENT=4FX\n< 250*\n" MAIL_ONE) &&
		is_silent(&app),
	    "a host MTA that hands over by SMTP does");
	client_open(&host, INGRESS_LMTP, NULL, SOCK_STREAM);
	begin_us = clock_us();
	ok(client_talk(&host, LMTP_HELLO MAIL_ONE), "another by LMTP");
	ok(reads_lines(&host, 1) && client_talk(&host, "< 452 4.3.1*\n"),
	    "but not for ever");
	ok(clock_us() - begin_us >= 150000, "for as long as it should");
	ok(reads_lines(&app, 1) && client_talk(&app, "< 452 4.3.1*\n"),
	    "by SMTP, too");
	ok(client_talk(&host, "> NOOP\n< 250*\n"), "and the session goes on");
	gauge_give(world.places, 1);
	ok(client_talk(&host, MAIL_ONE) && reads_lines(&host, 1) &&
		client_talk(&host, "< 250 2.1.0*\n" REST_ONE),
	    "it may try again");
	gauge_add(world.places, 1);
	ok(client_talk(&host, TEXT_ONE) && reads_lines(&host, 1) &&
		client_talk(&host, "< 452 4.3.1*\n"),
	    "a message is refused after a while as well");
	is_int(world.store.taken, 0, "and is not taken");
	is_int(gauge_inside(world.places), 1, "nor does it keep a place");
	client_close(&host);
	client_close(&app);
	is_int(world.env.sessions_in, 0, "all are gone");
}

static void
test_gone_while_waiting(void)
{
	struct client a, b;

	world_reset();
	world_gate(1, 0);
	client_open(&a, INGRESS_LMTP, NULL, SOCK_STREAM);
	client_open(&b, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&a, LMTP_HELLO OPEN_ONE), "a message comes");
	gauge_add(world.places, 1);
	ok(client_talk(&a, TEXT_ONE) && client_talk(&b, LMTP_HELLO MAIL_ONE) &&
		is_silent(&b),
	    "a message and a MAIL wait");
	is_int(waiting_now(), 2, "both");
	client_close(&a);
	client_close(&b);
	client_pump(&a);
	is_int(waiting_now(), 0, "clients that are gone do not wait");
	is_int(world.env.sessions_in, 0, "their sessions are gone");
	is_int(world.store.taken, 0, "nothing was taken");
	is_int(gauge_inside(world.places), 1, "and no place");
}

static void
test_stop_while_waiting(void)
{
	struct client a, b;

	world_reset();
	world_gate(1, 0);
	client_open(&a, INGRESS_LMTP, NULL, SOCK_STREAM);
	client_open(&b, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&a, LMTP_HELLO OPEN_ONE), "a message comes");
	gauge_add(world.places, 1);
	ok(client_talk(&a, TEXT_ONE) && client_talk(&b, LMTP_HELLO MAIL_ONE) &&
		is_silent(&b),
	    "a message and a MAIL wait");
	ingress_shutdown(&world.env);
	ok(client_talk(&a, "< 452 4.3.1*\n< 421 4.3.2*\n") && a.closed,
	    "a stop does not wait for room: the message is refused");
	ok(client_talk(&b, "< 452 4.3.1*\n"), "and so is MAIL");
	world.env.ingress_stop_us = 0; /* the time of grace is over */
	ok(client_talk(&b, MAIL_ONE "< 421 4.3.2*\n") && b.closed,
	    "then the session ends");
	client_close(&a);
	client_close(&b);
	is_int(world.env.sessions_in, 0, "all are gone");
}

int
main(void)
{
	world_init();
	test_no_space();
	test_places();
	test_no_patience();
	test_gone_while_waiting();
	test_stop_while_waiting();
	world_fini();
	return done_testing();
}

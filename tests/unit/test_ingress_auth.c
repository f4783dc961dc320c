/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AUTH in a session: when it may begin, how it ends, who gets in, what counts
 * for mail of who has, and that nothing of it stays in memory.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "tests/tap.h"
#include "tests/unit/ingress_client.h"
#include "vmta/password.h"

#define GREET \
	"< 220 mx.test*\n> EHLO c.test\n< 250-mx.test\n< 250-PIPELINING\n" \
	"< 250-8BITMIME\n< 250-SMTPUTF8\n< 250-SIZE 0\n" \
	"< 250-ENHANCEDSTATUSCODES\n"
#define STRONG \
	GREET "< 250-AUTH SCRAM-SHA-256 CRAM-MD5\n< 250-VERP\n< 250 DSN\n"
#define ALL \
	GREET \
	"< 250-AUTH SCRAM-SHA-256 CRAM-MD5 PLAIN LOGIN\n< 250-VERP\n< 250 DSN\n"
#define NONE GREET "< 250-VERP\n< 250 DSN\n"
/* tim, tanstaaf */
#define GOOD "AUTH PLAIN AHRpbQB0YW5zdGFhZg=="
/* tim, wrong */
#define WRONG "AUTH PLAIN AHRpbQB3cm9uZw=="
#define IN "> " GOOD "\n< 235 2.7.0 signed in\n"

enum {
	CLEAR = 1,   /* PLAIN and LOGIN without TLS */
	REQUIRE = 2, /* no mail without AUTH */
	TLS = 4,     /* no AUTH without TLS */
	OFF = 8,     /* allow-auth no */
	NOBODY = 16  /* has a password */
};

static struct password password;

static const struct {
	const char *label;
	unsigned opt;
	const char *script;
} cases[] = {
	{ "in clear only what hides the password", 0,
	    STRONG "> " GOOD "\n< 538 5.7.11*\n> AUTH LOGIN\n< 538*\n" },
	{ "PLAIN, allowed", CLEAR, ALL IN },
	{ "PLAIN, asked for the response", CLEAR,
	    ALL "> AUTH plain\n< 334 \n> AHRpbQB0YW5zdGFhZg==\n< 235*\n" },
	{ "LOGIN", CLEAR,
	    ALL "> AUTH LOGIN\n< 334 VXNlcm5hbWU6\n> dGlt\n"
		"< 334 UGFzc3dvcmQ6\n> dGFuc3RhYWY=\n< 235*\n" },
	{ "pipelined behind the check", CLEAR,
	    ALL "> " GOOD "\n> NOOP\n< 235*\n< 250*\n" },
	{ "wrong, unknown, as another: the same", CLEAR,
	    ALL "> " WRONG "\n< 535 5.7.8 authentication failed\n"
		"> AUTH PLAIN AHRvbQB0YW5zdGFhZg==\n"
		"< 535 5.7.8 authentication failed\n" },
	{ "the third ends it", CLEAR,
	    ALL "> " WRONG "\n< 535*\n> " WRONG "\n< 535*\n> " WRONG
		"\n< 421 4.7.0 mx.test too many failures\n" },
	{ "then the password helps no more", CLEAR,
	    ALL "> " WRONG "\n> " WRONG "\n> " WRONG "\n> " GOOD
		"\n< 535*\n< 535*\n< 421*\n" },
	{ "cancelled", CLEAR,
	    ALL "> AUTH LOGIN\n< 334*\n> *\n< 501 5.7.0*\n" IN },
	{ "not base64", CLEAR, ALL "> AUTH PLAIN %%%%\n< 501 5.5.2*\n" IN },
	{ "no mechanism", CLEAR, ALL "> AUTH\n< 501 5.5.4*\n" },
	{ "three words", CLEAR, ALL "> AUTH PLAIN a b\n< 501 5.5.4*\n" },
	{ "another mechanism", CLEAR, ALL "> AUTH GSSAPI\n< 504 5.5.4*\n" },
	{ "not twice", CLEAR, ALL IN "> " GOOD "\n< 503*\n" },
	{ "offered once", CLEAR,
	    ALL IN "> EHLO c.test\n< 250-mx.test\n< 250-PIPELINING\n"
		   "< 250-8BITMIME\n< 250-SMTPUTF8\n< 250-SIZE 0\n"
		   "< 250-ENHANCEDSTATUSCODES\n< 250-VERP\n< 250 DSN\n" },
	{ "not before EHLO", CLEAR,
	    "< 220*\n> HELO c.test\n< 250*\n> " GOOD "\n< 503*\n" },
	{ "not in a transaction", CLEAR,
	    ALL "> MAIL FROM:<a@b.test>\n< 250*\n> " GOOD "\n< 503*\n" },
	{ "TLS first", CLEAR | TLS, NONE "> " GOOD "\n< 530 5.7.0*\n" },
	{ "switched off", CLEAR | OFF, NONE "> " GOOD "\n< 502*\n" },
	{ "nobody could", CLEAR | NOBODY, NONE "> " GOOD "\n< 502*\n" },
	{ "no mail without it", CLEAR | REQUIRE,
	    ALL "> MAIL FROM:<a@b.test>\n< 530 5.7.0*\n" IN
		"> MAIL FROM:<a@b.test>\n< 250*\n" },
	{ "the user's source says who may relay", CLEAR,
	    ALL "> MAIL FROM:<a@b.test>\n< 250*\n> RCPT TO:<r@b.test>\n"
		"< 550 5.7.1*\n> RSET\n< 250*\n" IN
		"> MAIL FROM:<a@b.test> AUTH=<>\n< 250*\n"
		"> RCPT TO:<r@b.test>\n< 250*\n" },
	{ "MAIL says who sent it, which is not believed", CLEAR,
	    ALL "> MAIL FROM:<a@b.test> AUTH=e+3Dmc2@example.com\n< 250*\n"
		"> RSET\n< 250*\n> MAIL FROM:<a@b.test> AUTH=\n< 501*\n" },
};

static void
set_up(unsigned opt)
{
	world_reset();
	world.conf.password = (opt & NOBODY) != 0 ? NULL : &password;
	world.conf.source.allow_auth = (opt & OFF) == 0;
	world.conf.source.plain_auth = (opt & CLEAR) != 0;
	world.conf.source.require_auth = (opt & REQUIRE) != 0;
	world.conf.source.tls_before_auth = (opt & TLS) != 0;
}

static void
test_cases(void)
{
	struct client c;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		set_up(cases[i].opt);
		client_open(&c, INGRESS_SMTP, "192.0.2.9", SOCK_STREAM);
		ok(client_talk(&c, cases[i].script), "%s", cases[i].label);
		client_close(&c);
		is_int(world.env.sessions_in, 0, cases[i].label);
	}
}

static void
test_mail(void)
{
	struct client c;

	set_up(CLEAR | REQUIRE);
	client_open(&c, INGRESS_SMTP, "192.0.2.9", SOCK_STREAM);
	ok(client_talk(&c,
	       ALL IN OPEN_ONE "> Subject: x\n> \n> .\n< 250 2.6.0*\n"),
	    "mail of a user is taken");
	is_str(world.conf.run_user, "tim", "policy knows who");
	is_str(world.store.env.auth_user, "tim", "so does the envelope");
	ok(strstr(buf_cstr(&world.store.text), " with ESMTPA;") != NULL,
	    "Received says so (RFC 3848)");
	client_close(&c);
}

static void
test_lmtp(void)
{
	struct client c;

	set_up(CLEAR | REQUIRE);
	client_open(&c, INGRESS_LMTP, NULL, SOCK_STREAM);
	ok(client_talk(&c, LMTP_HELLO "> " GOOD "\n< 502*\n" OPEN_ONE),
	    "LMTP has no AUTH, and needs none");
	client_close(&c);
}

/* Those for whom a proxy speaks have nothing of what it is itself. */
static void
test_proxy_signed_in(void)
{
	struct client c;
	struct err e;

	set_up(CLEAR);
	world.conf.other_source = world.conf.source;
	(void)net_addr_parse(SLICE_LIT("198.51.100.7"),
	    &world.conf.other_client, &e);
	world.conf.source.allow_xclient = "yes";
	client_open(&c, INGRESS_SMTP, "192.0.2.9", SOCK_STREAM);
	client_send(&c, "EHLO c\r\n" GOOD "\r\n", 8 + sizeof(GOOD) + 1);
	client_pump(&c);
	buf_clear(&c.got);
	ok(client_talk(&c,
	       "> XCLIENT ADDR=198.51.100.7\n< 220*\n"
	       "> " GOOD "\n< 503 5.5.1 EHLO first\n> HELO proxy.test\n"
	       "< 250*\n> MAIL FROM:<a@b.test>\n< 250*\n"
	       "> RCPT TO:<r@b.test>\n< 550 5.7.1*\n"),
	    "a proxy's user is not its client's");
	client_close(&c);
}

/* In each state of AUTH: gone, and gone again before the answer. */
static void
test_gone(void)
{
	static const char *const said[] = { "EHLO c\r\n" GOOD "\r\n",
		"EHLO c\r\n" WRONG "\r\n", "EHLO c\r\nAUTH LOGIN\r\n",
		"EHLO c\r\nAUTH LOGIN\r\ndGlt\r\n" };

	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++)
		for (int polite = 0; polite < 2; polite++) {
			struct client c;

			set_up(CLEAR);
			client_open(&c, INGRESS_SMTP, "192.0.2.9", SOCK_STREAM);
			client_send(&c, said[i], strlen(said[i]));
			if (polite)
				client_pump(&c);
			client_close(&c);
			is_int(world.env.sessions_in, 0, "the session ends");
		}
}

/* How long the answer to a wrong password takes, at least. */
static int64_t
refusal_us(void)
{
	int64_t least = INT64_MAX;

	for (int i = 0; i < 5; i++) {
		struct client c;
		int64_t us;

		set_up(CLEAR);
		client_open(&c, INGRESS_SMTP, "192.0.2.9", SOCK_STREAM);
		client_send(&c, "EHLO c\r\n", 8);
		client_pump(&c);
		buf_clear(&c.got);
		us = clock_us();
		client_send(&c, WRONG "\r\n", sizeof(WRONG) + 1);
		while (!c.closed && c.got.len == 0)
			client_pump(&c);
		us = clock_us() - us;
		least = us < least ? us : least;
		client_close(&c);
	}
	return least;
}

/* A user's hash takes its time, which would tell him from one that is none. */
static void
test_time(void)
{
	int64_t us;

	fake_passwords = (struct fake_passwords){ 60000, 100000 };
	us = refusal_us();
	ok(us >= 95000 && us < 155000, "the check is within the wait: %d us",
	    (int)us);
	fake_passwords = (struct fake_passwords){ 20000, 0 };
	us = refusal_us();
	ok(us >= 20000, "and may be longer: %d us", (int)us);
	fake_passwords = (struct fake_passwords){ 0 };
}

#define SECRET "AHRpbQB0YW5zdGFhZg=="
#define X100 \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X1000 X100 X100 X100 X100 X100 X100 X100 X100 X100 X100

static const struct {
	const char *label, *script;
} wiped[] = {
	{ "taken", "> " GOOD "\n< 235*\n" },
	{ "refused", "> AUTH PLUM " SECRET "\n< 504*\n" },
	{ "too long",
	    "> AUTH PLAIN " SECRET " " X1000 X1000 X1000 "\n< 500*\n" },
	{ "not to be read", "> AUTH PLAIN " SECRET "\x01\n< 500*\n" },
	{ "with a word too many", "> AUTH PLAIN " SECRET " x\n< 501*\n" },
};

static void
test_wiped(void)
{
	for (size_t i = 0; i < sizeof(wiped) / sizeof(wiped[0]); i++) {
		struct ingress_session *s;
		struct client c;

		set_up(CLEAR);
		client_open(&c, INGRESS_SMTP, "192.0.2.9", SOCK_STREAM);
		ok(client_talk(&c, ALL), "hello");
		ok(client_talk(&c, wiped[i].script), "%s", wiped[i].label);
		s = LIST_FIRST(&world.env.ingress);
		ok(memmem(s->line.text, sizeof(s->line.text), SECRET,
		       sizeof(SECRET) - 1) == NULL,
		    "the line is wiped");
		client_close(&c);
	}
}

int
main(void)
{
	struct err e;

	world_init();
	ok(password_read(&password, slice_of("tanstaaf"), &e) == 0, "tim");
	test_cases();
	test_mail();
	test_lmtp();
	test_proxy_signed_in();
	test_gone();
	test_time();
	test_wiped();
	password_fini(&password);
	world_fini();
	return done_testing();
}

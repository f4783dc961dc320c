/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session that is to sign in does so before all mail, by a mechanism that does
 * not show the password where there is no TLS; if it cannot, it sends nothing,
 * and says why (tests/unit/smtp_owner.h).
 */
#include <signal.h>

#include "lib/check.h"
#include "lib/tls.h"
#include "lib/tls_trust.h"
#include "tests/tap.h"
#include "tests/unit/smtp_owner.h"

#define OFFERS(text) "<EHLO", "+250-mx.example.net\r\n250 " text "\r\n"
#define SIGNED ">235 2.7.0 welcome"
#define HELO_TEXT "EHLO mail.example.org\r\n"
#define QUIT_TEXT "QUIT\r\n"
/* NUL tim NUL s3cret, then tim and s3cret alone */
#define PLAIN_TEXT "AHRpbQBzM2NyZXQ="
#define TIM "dGlt"
#define SECRET "czNjcmV0"
#define REFUSED "AUTH PLAIN refused by mx.example.net (192.0.2.1): 500 5.5.1 "
#define REPEATS "(it repeats what we said)"

enum { CLEAR = 1, LONG = 2 }; /* beside the options of an owner */

static const struct test_case {
	const char *label;
	const char *script[STEPS];
	unsigned options, own;
	const char *told;
	const char *text;  /* of the end; NULL: it went well */
	const char *heard; /* NULL: not compared */
} cases[] = {
	/* ---- well ---- */
	{ "CRAM-MD5 before all others, in clear",
	    { HELLO, OFFERS("AUTH PLAIN LOGIN CRAM-MD5"), "<AUTH CRAM-MD5",
		"quiet", ">334 PDFAeD4=", "<dGltI", SIGNED, ONE_OK, BYE },
	    0, 0, "R W D1 " DELIVERED " R C", NULL, NULL },
	{ "once for two transactions",
	    { HELLO, OFFERS("AUTH CRAM-MD5"), "<AUTH CRAM-MD5",
		">334 PDFAeD4=", "<dGltI", SIGNED, ONE_OK, ONE_OK, BYE },
	    O_TWO, 0, "R W D1 " DELIVERED " R W D1 " DELIVERED " R C", NULL,
	    NULL },
	{ "PLAIN under TLS, in one line",
	    { HELLO, EHLO_TLS, "<STARTTLS", ">220 go", "tls",
		OFFERS("AUTH PLAIN LOGIN"), "<AUTH PLAIN " PLAIN_TEXT, "quiet",
		SIGNED, ONE_OK, BYE },
	    O_USE, 0, "R W D1 " DELIVERED " R C", NULL, NULL },
	{ "offered in the form of before, under TLS alone",
	    { HELLO, EHLO_TLS, "<STARTTLS", ">220 go", "tls",
		OFFERS("AUTH=LOGIN"), "<AUTH LOGIN", ">334 VXNlcm5hbWU6",
		"<" TIM, ">334 UGFzc3dvcmQ6", "<" SECRET, SIGNED, ONE_OK, BYE },
	    O_USE, 0, "R W D1 " DELIVERED " R C", NULL, NULL },
	{ "what was offered in clear is forgotten under TLS",
	    { HELLO, "<EHLO",
		"+250-mx\r\n250-AUTH CRAM-MD5\r\n250 STARTTLS\r\n", "<STARTTLS",
		">220 go", "tls", OFFERS("AUTH PLAIN"),
		"<AUTH PLAIN " PLAIN_TEXT, SIGNED, ONE_OK, BYE },
	    O_USE, 0, "R W D1 " DELIVERED " R C", NULL, NULL },
	{ "PLAIN in clear, where that is allowed",
	    { HELLO, OFFERS("AUTH PLAIN"), "<AUTH PLAIN " PLAIN_TEXT, SIGNED,
		ONE_OK, BYE },
	    0, CLEAR, "R W D1 " DELIVERED " R C", NULL,
	    HELO_TEXT "AUTH PLAIN " PLAIN_TEXT
		      "\r\n" ENVELOPE_TEXT BODY_TEXT QUIT_TEXT },
	{ "what is too long for a line is said when asked for",
	    { HELLO, OFFERS("AUTH PLAIN"), "<AUTH PLAIN", "quiet", ">334 ",
		"<AHRpbQB4", SIGNED, ONE_OK, BYE },
	    0, CLEAR | LONG, "R W D1 " DELIVERED " R C", NULL, NULL },
	/* ---- it cannot be ---- */
	{ "not offered", { HELLO, EHLO_PIPE, BYE }, 0, 0, "C(no-auth/AUTH/0)",
	    "AUTH is not offered by mx.example.net (192.0.2.1), without TLS",
	    HELO_TEXT QUIT_TEXT },
	{ "not offered under TLS either",
	    { HELLO, EHLO_TLS, "<STARTTLS", ">220 go", "tls", EHLO_PIPE, BYE },
	    O_REQUIRE, 0, "C(no-auth/AUTH/0)",
	    "AUTH is not offered by mx.example.net (192.0.2.1)", NULL },
	{ "EHLO refused",
	    { HELLO, "<EHLO", ">502 no", "<HELO", ">250 mx", BYE }, 0, 0,
	    "C(no-auth/AUTH/0)",
	    "AUTH is not offered by mx.example.net (192.0.2.1), without TLS",
	    NULL },
	{ "PLAIN in clear", { HELLO, OFFERS("AUTH PLAIN LOGIN NTLM"), BYE }, 0,
	    0, "C(no-auth/AUTH/0)",
	    "mx.example.net (192.0.2.1) offers no AUTH but PLAIN LOGIN NTLM, "
	    "which would show the password, since there is no TLS",
	    HELO_TEXT QUIT_TEXT },
	{ "nothing that is known", { HELLO, OFFERS("AUTH NTLM XOAUTH2"), BYE },
	    0, CLEAR, "C(no-auth/AUTH/0)",
	    "mx.example.net (192.0.2.1) offers no AUTH but NTLM XOAUTH2, none "
	    "of which is known here",
	    HELO_TEXT QUIT_TEXT },
	{ "TLS required and not offered: not asked",
	    { HELLO, OFFERS("AUTH PLAIN"), BYE }, O_REQUIRE, CLEAR,
	    "C(no-tls/TLS/0)", "STARTTLS is required, and not offered",
	    HELO_TEXT QUIT_TEXT },
	{ "in clear, since the certificate was bad",
	    { HELLO, "<EHLO",
		"+250-mx\r\n250-STARTTLS\r\n250 AUTH PLAIN CRAM-MD5\r\n", BYE },
	    O_USE | O_NO_TLS | O_TRUST, CLEAR, "C(no-auth/AUTH/0)",
	    "mx.example.net (192.0.2.1) has shown no good certificate, without "
	    "which smtp-tls-ca-file allows no AUTH",
	    HELO_TEXT QUIT_TEXT },
	{ "a bad certificate is the end, as where TLS is required",
	    { HELLO, EHLO_TLS, "<STARTTLS", ">220 go", "tls", "wait" },
	    O_USE | O_TRUST, CLEAR, "C(no-tls/TLS/0)",
	    "the certificate is not good: self-signed certificate (it is for "
	    "mx.example.net)",
	    NULL },
	{ "and so is a handshake that fails",
	    { HELLO, EHLO_TLS, "<STARTTLS", ">220 go", "close" },
	    O_USE | O_TRUST, CLEAR, "C(no-tls/TLS/0)", NULL, NULL },
	{ "and STARTTLS refused",
	    { HELLO, EHLO_TLS, "<STARTTLS", ">454 4.7.0 not now", "wait" },
	    O_USE | O_TRUST, CLEAR, "C(no-tls/TLS/454/4.7.0)",
	    "454 4.7.0 not now", NULL },
	{ "421 to STARTTLS is no word about TLS",
	    { HELLO, EHLO_TLS, "<STARTTLS", ">421 4.3.2 busy", "wait" },
	    O_USE | O_TRUST, CLEAR, "C(reply/TLS/421/4.3.2)", "421 4.3.2 busy",
	    NULL },
	{ "elsewhere it is tried in clear",
	    { HELLO, EHLO_TLS, "<STARTTLS", ">220 go", "close" }, O_USE, CLEAR,
	    "C(lost/TLS/0)", NULL, NULL },
	/* ---- refused ---- */
	{ "the password is wrong",
	    { HELLO, OFFERS("AUTH PLAIN"), "<AUTH PLAIN",
		">535 5.7.8 who are you?", BYE },
	    0, CLEAR, "C(no-auth/AUTH/535/5.7.8)",
	    "AUTH PLAIN refused by mx.example.net (192.0.2.1): 535 5.7.8 who "
	    "are you?",
	    NULL },
	{ "it cannot tell now",
	    { HELLO, OFFERS("AUTH CRAM-MD5"), "<AUTH CRAM-MD5",
		">454 4.7.0 later", BYE },
	    0, 0, "C(no-auth/AUTH/454/4.7.0)",
	    "AUTH CRAM-MD5 refused by mx.example.net (192.0.2.1): 454 4.7.0 "
	    "later",
	    NULL },
	{ "the server repeats a secret",
	    { HELLO, OFFERS("AUTH PLAIN"), "<AUTH PLAIN",
		">500 5.5.1 what is AUTH PLAIN " PLAIN_TEXT "?", BYE },
	    0, CLEAR, "C(no-auth/AUTH/500/5.5.1)", REFUSED REPEATS, NULL },
	{ "part of it",
	    { HELLO, OFFERS("AUTH PLAIN"), "<AUTH PLAIN",
		">500 5.5.1 AUTH PLAIN AHRpbQBz...?", BYE },
	    0, CLEAR, "C(no-auth/AUTH/500/5.5.1)", REFUSED REPEATS, NULL },
	{ "in two lines, and in capitals",
	    { HELLO, OFFERS("AUTH PLAIN"), "<AUTH PLAIN",
		"+500-AHRPBQBZ\r\n500 M2NYZXQ=\r\n", BYE },
	    0, CLEAR, "C(no-auth/AUTH/500)",
	    "AUTH PLAIN refused by mx.example.net (192.0.2.1): 500 (it repeats "
	    "what we said)",
	    NULL },
	{ "its password",
	    { HELLO, OFFERS("AUTH PLAIN"), "<AUTH PLAIN",
		">535 5.7.8 tim/s3cret?", BYE },
	    0, CLEAR, "C(no-auth/AUTH/535/5.7.8)",
	    "AUTH PLAIN refused by mx.example.net (192.0.2.1): 535 5.7.8 (it "
	    "repeats what we said)",
	    NULL },
	{ "part of that",
	    { HELLO, OFFERS("AUTH LOGIN"), "<AUTH LOGIN", ">334 VXNlcm5hbWU6",
		"<" TIM, ">334 UGFzc3dvcmQ6", "<eHh4", ">535 5.7.8 xxxxxxxx?",
		BYE },
	    0, CLEAR | LONG, "C(no-auth/AUTH/535/5.7.8)",
	    "AUTH LOGIN refused by mx.example.net (192.0.2.1): 535 5.7.8 (it "
	    "repeats what we said)",
	    NULL },
	{ "seven bytes are an accident",
	    { HELLO, OFFERS("AUTH PLAIN"), "<AUTH PLAIN", ">500 5.5.1 AHRpbQB?",
		BYE },
	    0, CLEAR, "C(no-auth/AUTH/500/5.5.1)", REFUSED "AHRpbQB?", NULL },
	{ "another reply",
	    { HELLO, OFFERS("AUTH PLAIN"), "<AUTH PLAIN", ">250 ok", BYE }, 0,
	    CLEAR, "C(no-auth/AUTH/250)",
	    "AUTH PLAIN answered out of turn by mx.example.net (192.0.2.1): "
	    "250 ok",
	    NULL },
	{ "421",
	    { HELLO, OFFERS("AUTH PLAIN"), "<AUTH PLAIN", ">421 4.3.2 busy",
		"wait" },
	    0, CLEAR, "C(reply/AUTH/421/4.3.2)", "421 4.3.2 busy", NULL },
	/* ---- it goes wrong ---- */
	{ "it hangs up",
	    { HELLO, OFFERS("AUTH PLAIN"), "<AUTH PLAIN", "close" }, 0, CLEAR,
	    "C(lost/AUTH/0)",
	    "connection closed by the server while signing in", NULL },
	{ "a challenge that cannot be read",
	    { HELLO, OFFERS("AUTH CRAM-MD5"), "<AUTH CRAM-MD5", ">334 <1@x>",
		"<*", "<QUIT", ">501 cancelled" },
	    0, 0, "C(no-auth/AUTH/0)",
	    "AUTH CRAM-MD5 given up with mx.example.net (192.0.2.1): its "
	    "challenge is not the base64 of a text",
	    NULL },
	{ "it is content too early",
	    { HELLO, OFFERS("AUTH SCRAM-SHA-256"), "<AUTH SCRAM-SHA-256 biws",
		SIGNED, BYE },
	    0, 0, "C(no-auth/AUTH/0)",
	    "AUTH SCRAM-SHA-256: mx.example.net (192.0.2.1) is content before "
	    "it has proved that it knows the password",
	    NULL },
	{ "two challenges at once",
	    { HELLO, OFFERS("AUTH LOGIN"), "<AUTH LOGIN",
		"+334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n", "wait" },
	    0, CLEAR, "C(lost/AUTH/0)",
	    "the server said more than it was asked",
	    HELO_TEXT "AUTH LOGIN\r\nEOF" },
	{ "an answer before there is a question",
	    { HELLO, "<EHLO", "+250-mx\r\n250 AUTH PLAIN\r\n235 ok\r\n",
		"wait" },
	    0, CLEAR, "C(lost/AUTH/0)",
	    "the server said more than it was asked", HELO_TEXT "EOF" },
};

static void
run_case(const struct test_case *c)
{
	struct queue_conf conf = make_conf(c->options);
	struct body *body = make_body("Subject: x\r\n\r\n.dot\n", 1);
	struct smtp_rcpt rcpt = { "r0@example.net", "", 0 };
	const char *wrong;
	char password[500];

	memset(password, 'x', sizeof(password) - 1);
	password[sizeof(password) - 1] = '\0';
	conf.auth_username = "tim";
	conf.auth_password = (c->own & LONG) != 0 ? password : "s3cret";
	conf.unencrypted_plain_auth = (c->own & CLEAR) != 0;
	make_transactions(c->options, (c->options & O_TWO) != 0 ? 2 : 1, body,
	    &rcpt, 1);
	start(c->script, c->options, &conf);
	worker_run(o.worker);
	is_str(buf_cstr(&o.told), c->told, c->label);
	if (c->text != NULL) {
		o.text.len--; /* the end of the line */
		is_str(buf_cstr(&o.text), c->text, c->label);
	}
	wrong = smtp_script_wrong(o.script);
	ok(wrong == NULL, "%s: the script%s%s", c->label,
	    wrong == NULL ? "" : ": ", wrong == NULL ? "" : wrong);
	if (c->heard != NULL)
		is_str(smtp_script_heard(o.script, NULL), c->heard,
		    "what the server heard");
	if (!o.closed) /* only when something is broken */
		smtp_session_drop(o.session);
	finish();
	body_unref(&body);
}

int
main(void)
{
	struct err e;

	CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	ok(tls_client_new(&o.tls, &e) == 0, "a TLS client");
	o.trust = tls_trust_new(TLS_TRUST_SYSTEM, &e);
	ok(o.trust != NULL, "authorities");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		run_case(&cases[i]);
	buf_fini(&o.told);
	buf_fini(&o.text);
	tls_client_free(&o.tls);
	tls_trust_free(&o.trust);
	return done_testing();
}

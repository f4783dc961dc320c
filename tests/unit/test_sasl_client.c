/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of what a server offers the client takes the best that does not show the
 * password, and says by each mechanism what RFC 4616, 2195 and 7677 want; from
 * a server that asks for nonsense, or does not prove that it knows the password,
 * it goes away with a reason.
 */
#include "transport/sasl_client.h"

#include "lib/base64.h"
#include "tests/tap.h"
#include "tests/unit/sasl_answers.h"

enum { ROOM = 500 };

static const struct {
	const char *offered;
	bool encrypted, allowed;
	enum sasl_mech picked;
} offers[] = {
	{ "LOGIN PLAIN CRAM-MD5 SCRAM-SHA-256", false, false,
	    SASL_SCRAM_SHA_256 },
	{ "LOGIN PLAIN CRAM-MD5 SCRAM-SHA-1", true, false, SASL_CRAM_MD5 },
	{ "login  plain", true, false, SASL_PLAIN },
	{ "LOGIN", true, false, SASL_LOGIN },
	{ "LOGIN PLAIN", false, false, SASL_MECHS },
	{ "LOGIN PLAIN", false, true, SASL_PLAIN },
	{ "PLAINLY NTLM XOAUTH2 ", true, true, SASL_MECHS },
	{ "", true, true, SASL_MECHS },
};

static void
test_pick(void)
{
	for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
		enum sasl_mech picked = sasl_client_pick(offers[i].offered,
		    offers[i].encrypted, offers[i].allowed);

		ok(picked == offers[i].picked, "of \"%s\", %s: %d",
		    offers[i].offered,
		    offers[i].encrypted ? "in TLS" : "in clear", (int)picked);
	}
}

/* ---- a server's half ----------------------------------------------------- */

static bool
ask(struct sasl_client *c, const char *challenge)
{
	struct buf line = { 0 };
	bool good;

	base64_add(&line, challenge, strlen(challenge));
	good = sasl_client_step(c, (struct slice){ line.p, line.len });
	buf_fini(&line);
	return good;
}

/* The response, without base64, NULs as |; good until the next one. */
static const char *
said(struct sasl_client *c)
{
	static char text[600];
	const char *b64 = sasl_client_response(c);
	size_t pad = 0, len = b64 == NULL ? 0 : strlen(b64);

	if (b64 == NULL)
		return "(none)";
	while (pad < 2 && pad < len && b64[len - pad - 1] == '=')
		pad++;
	len = len / 4 * 3 - pad;
	if (len >= sizeof(text) || !base64_read(slice_of(b64), text, len))
		return "(no base64)";
	text[len] = '\0';
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\0')
			text[i] = '|';
	return text;
}

static struct sasl_client *
begun(enum sasl_mech mech, const char *user, const char *password)
{
	struct sasl_client *c = sasl_client_new(mech, user, password);

	ok(sasl_client_begin(c, ROOM), "%s begins", sasl_mech_name(mech));
	return c;
}

static void
test_plain(void)
{
	struct sasl_client *c = begun(SASL_PLAIN, "tim", "tanstaaftanstaaf");

	is_str(said(c), "|tim|tanstaaftanstaaf", "RFC 4616, 4");
	is_str(sasl_client_response(c), "AHRpbQB0YW5zdGFhZnRhbnN0YWFm",
	    "in base64");
	ok(sasl_client_is_done(c), "and that is all");
	ok(!ask(c, ""), "there is nothing more to say");
	is_str(sasl_client_why(c),
	    "the server asks for more than there is to say", "why");
	sasl_client_free(&c);

	c = sasl_client_new(SASL_PLAIN, "tim", "tanstaaftanstaaf");
	ok(sasl_client_begin(c, strlen("AHRpbQB0YW5zdGFhZnRhbnN0YWFm") - 1) &&
		sasl_client_response(c) == NULL && !sasl_client_is_done(c),
	    "what does not fit the line");
	ok(ask(c, ""), "waits for a challenge");
	is_str(said(c), "|tim|tanstaaftanstaaf", "and is said then");
	ok(sasl_client_is_done(c), "that is all");
	sasl_client_free(&c);
}

static void
test_login(void)
{
	struct sasl_client *c = begun(SASL_LOGIN, "tim", "s3cret");

	is_str(said(c), "(none)", "LOGIN waits");
	ok(ask(c, "User Name"), "for any prompt");
	is_str(said(c), "tim", "and says who");
	ok(!sasl_client_is_done(c), "which is not all");
	ok(ask(c, "Passphrase"), "the next one");
	is_str(said(c), "s3cret", "is for the password");
	ok(sasl_client_is_done(c), "and that is all");
	ok(!ask(c, "Shoe size"), "there is nothing more to say");
	sasl_client_free(&c);
}

static void
test_cram(void)
{
	struct sasl_client *c = begun(SASL_CRAM_MD5, "tim", "tanstaaftanstaaf");

	is_str(said(c), "(none)", "CRAM-MD5 waits");
	ok(ask(c, "<1896.697170952@postoffice.reston.mci.net>"), "is asked");
	is_str(said(c), "tim b913a602c7eda7a495b4e6e7334d3890", "RFC 2195, 2");
	ok(sasl_client_is_done(c), "and that is all");
	ok(!ask(c, "<2@x>"), "there is nothing more to say");
	sasl_client_free(&c);
}

/* ---- SCRAM --------------------------------------------------------------- */

struct scram {
	struct sasl_client *client;
	char bare[300], server_first[400], answer[512], signature[64];
};

/* Up to the client's proof; false: it goes away. */
static bool
scram_begun(struct scram *s, const char *password, const char *iterations)
{
	const char *first;

	s->client = begun(SASL_SCRAM_SHA_256, "user", password);
	first = said(s->client);
	ok(strncmp(first, "n,,n=user,r=", 12) == 0 && strlen(first) > 30,
	    "who, and a nonce: %s", first);
	(void)snprintf(s->bare, sizeof(s->bare), "%s", first + 3);
	(void)snprintf(s->server_first, sizeof(s->server_first),
	    "r=%shvYDpWUa2,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=%s",
	    strstr(first, ",r=") + 3, iterations);
	sasl_answer_scram(password, s->bare, s->server_first, s->answer,
	    s->signature);
	return ask(s->client, s->server_first);
}

static void
test_scram(void)
{
	struct scram s;

	ok(scram_begun(&s, "pencil", "4096"), "a challenge");
	is_str(said(s.client), s.answer, "the proof, by RFC 7677");
	ok(!sasl_client_is_done(s.client), "the server has proved nothing yet");
	ok(ask(s.client, s.signature), "now it has");
	is_str(said(s.client), "", "to which there is nothing to say");
	ok(sasl_client_is_done(s.client), "and that is all");
	ok(!ask(s.client, ""), "there is nothing more to say");
	sasl_client_free(&s.client);
}

static void
test_scram_impostor(void)
{
	struct scram s;

	ok(scram_begun(&s, "pencil", "4096"), "a challenge");
	s.signature[5] = s.signature[5] == 'A' ? 'B' : 'A';
	ok(!ask(s.client, s.signature), "a signature of somebody else's");
	is_str(sasl_client_why(s.client),
	    "it has not proved that it knows the password", "why");
	sasl_client_free(&s.client);
	ok(!scram_begun(&s, "pencil", "100001"), "a challenge that takes long");
	is_str(sasl_client_why(s.client),
	    "it wants too many iterations of SCRAM", "why");
	sasl_client_free(&s.client);
	s.client = begun(SASL_SCRAM_SHA_256, "user", "pencil");
	ok(!ask(s.client, "r=another,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"),
	    "a nonce that is not ours");
	ok(strncmp(sasl_client_why(s.client),
	       "the challenge cannot be answered: ", 34) == 0,
	    "why: %s", sasl_client_why(s.client));
	sasl_client_free(&s.client);
}

static void
test_nonsense(void)
{
	static const char *const challenges[] = { "a", "****", "YQ=", "YQBh" };

	for (size_t i = 0; i < sizeof(challenges) / sizeof(*challenges); i++) {
		struct sasl_client *c = begun(SASL_CRAM_MD5, "tim", "x");

		ok(!sasl_client_step(c, slice_of(challenges[i])),
		    "no challenge: %s", challenges[i]);
		is_str(sasl_client_why(c),
		    "its challenge is not the base64 of a text", "why");
		sasl_client_free(&c);
	}
}

/* RFC 4013, 2.3: a control character. */
static void
test_prepared(void)
{
	struct sasl_client *c = begun(SASL_CRAM_MD5, "tim",
	    "a\x07"
	    "b");

	ok(!ask(c, "<1@x>"), "a password with a bell");
	is_str(sasl_client_why(c),
	    "auth-username or auth-password has characters that may not be "
	    "there (SASLprep, RFC 4013)",
	    "why");
	sasl_client_free(&c);
}

int
main(void)
{
	test_pick();
	test_plain();
	test_login();
	test_cram();
	test_scram();
	test_scram_impostor();
	test_nonsense();
	test_prepared();
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who knows the password gets in by each mechanism, nobody else does, and who
 * does not exist sees what one with a wrong password sees.  The client is of
 * our own making, on OpenSSL alone, and first shown to give the answers of
 * RFC 2195 and RFC 7677.
 */
#include "transport/sasl_server.h"

#include <stdlib.h>

#include "lib/base64.h"
#include "tests/tap.h"
#include "tests/unit/sasl_answers.h"

static struct password plain, hashed, keys;
static struct sasl_users users;
static struct sasl_library *library;

static const struct password *
find(void *ctx, const char *user)
{
	(void)ctx;
	return strcmp(user, "tim") == 0 ? &plain :
	    strcmp(user, "ann") == 0    ? &hashed :
	    strcmp(user, "user") == 0   ? &keys :
					  NULL;
}

static void
set_up(void)
{
	struct err e;

	ok(password_read(&plain, slice_of("tanstaaftanstaaf"), &e) == 0 &&
		password_read(&hashed,
		    slice_of("{CRYPT}$6$abcdefgh$ltjgWl6579NluT/"
			     "Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVA"
			     "CtLtip/cZ/1GM/O6IND4WQhG."),
		    &e) == 0 &&
		password_read(&keys,
		    slice_of("{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,"
			     "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,"
			     "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="),
		    &e) == 0,
	    "three users");
	users = (struct sasl_users){ .find = find,
		.decoy = &plain,
		.secret = "a secret" };
	library = sasl_library_new(&e);
	ok(library != NULL, "a library");
}

/* The check is done at once. */
static enum sasl_status
done(struct sasl_server *s, enum sasl_status status)
{
	if (status != SASL_CHECK)
		return status;
	sasl_server_check(s);
	return sasl_server_checked(s);
}

static enum sasl_status
say(struct sasl_server *s, struct slice bytes)
{
	struct buf line = { 0 };
	enum sasl_status status;

	base64_add(&line, bytes.p, bytes.len);
	status = done(s,
	    sasl_server_step(s, (struct slice){ line.p, line.len }));
	buf_fini(&line);
	return status;
}

/* What the challenge says, without base64; good until the next one. */
static const char *
heard(struct sasl_server *s)
{
	static char text[512];
	const char *b64 = sasl_server_challenge(s);
	size_t pad = 0, len = strlen(b64);

	while (pad < 2 && pad < len && b64[len - pad - 1] == '=')
		pad++;
	len = len / 4 * 3 - pad;
	if (len >= sizeof(text) || !base64_read(slice_of(b64), text, len))
		return "(no base64)";
	text[len] = '\0';
	return text;
}

/* ---- a client ------------------------------------------------------------ */

static void
test_client(void)
{
	char out[512], signature[64];

	sasl_answer_cram("tim", "tanstaaftanstaaf",
	    "<1896.697170952@postoffice.reston.mci.net>", out, sizeof(out));
	is_str(out, "tim b913a602c7eda7a495b4e6e7334d3890", "RFC 2195, 2");
	sasl_answer_scram("pencil", "n=user,r=rOprNGfwEbeRWgbNEkqO",
	    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	    "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
	    out, signature);
	is_str(out,
	    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
	    "RFC 7677, 3: the proof");
	is_str(signature, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
	    "and the server's signature");
}

/* ---- who gets in --------------------------------------------------------- */

static enum sasl_status
try_plain(struct sasl_server *s, const char *user, const char *password)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "%c%s%c%s", '\0', user, '\0',
	    password);

	ok(sasl_server_begin(s, (struct slice){ NULL, 0 }) == SASL_CHALLENGE,
	    "PLAIN asks");
	is_str(heard(s), "", "for nothing in particular");
	return say(s, (struct slice){ text, (size_t)n });
}

static enum sasl_status
try_login(struct sasl_server *s, const char *user, const char *password)
{
	(void)sasl_server_begin(s, (struct slice){ NULL, 0 });
	is_str(heard(s), "Username:", "LOGIN asks who");
	ok(say(s, slice_of(user)) == SASL_CHALLENGE, "and takes a name");
	is_str(heard(s), "Password:", "and asks for the password");
	return say(s, slice_of(password));
}

static enum sasl_status
try_cram(struct sasl_server *s, const char *user, const char *password)
{
	char out[256];

	(void)sasl_server_begin(s, (struct slice){ NULL, 0 });
	sasl_answer_cram(user, password, heard(s), out, sizeof(out));
	return say(s, slice_of(out));
}

static enum sasl_status
try_scram(struct sasl_server *s, const char *user, const char *password)
{
	char bare[128], first[140], out[512], signature[64];
	enum sasl_status status;

	(void)snprintf(bare, sizeof(bare), "n=%s,r=rOprNGfwEbeRWgbNEkqO", user);
	(void)snprintf(first, sizeof(first), "n,,%s", bare);
	(void)sasl_server_begin(s, (struct slice){ NULL, 0 });
	ok(say(s, slice_of(first)) == SASL_CHALLENGE, "SCRAM takes a name");
	sasl_answer_scram(password, bare, heard(s), out, signature);
	status = say(s, slice_of(out));
	if (status != SASL_CHALLENGE)
		return status;
	is_str(heard(s), signature, "the server knows the password, too");
	return say(s, slice_of(""));
}

typedef enum sasl_status try_fn(struct sasl_server *s, const char *user,
    const char *password);

static try_fn *const tries[SASL_MECHS] = {
	[SASL_PLAIN] = try_plain,
	[SASL_LOGIN] = try_login,
	[SASL_CRAM_MD5] = try_cram,
	[SASL_SCRAM_SHA_256] = try_scram,
};

static const struct {
	const char *user, *password;
	enum password_form form;
	enum sasl_failure failure;
} cases[] = {
	{ "tim", "tanstaaftanstaaf", PASSWORD_PLAIN, SASL_NO_FAILURE },
	{ "tim", "tanstaaftanstaag", PASSWORD_PLAIN, SASL_BAD_PASSWORD },
	{ "ann", "secret", PASSWORD_CRYPT, SASL_NO_FAILURE },
	{ "ann", "Secret", PASSWORD_CRYPT, SASL_BAD_PASSWORD },
	{ "user", "pencil", PASSWORD_SCRAM, SASL_NO_FAILURE },
	{ "user", "pencils", PASSWORD_SCRAM, SASL_BAD_PASSWORD },
	/* The decoy is tim's: its password lets nobody else in. */
	{ "nobody", "tanstaaftanstaaf", PASSWORD_PLAIN, SASL_UNKNOWN_USER },
	{ "nobody", "x", PASSWORD_PLAIN, SASL_UNKNOWN_USER },
};

static void
test_tries(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (unsigned m = 0; m < SASL_MECHS; m++) {
			struct sasl_server *s;
			enum sasl_status status;

			if (!(sasl_mechs_of(cases[i].form) & 1U << m))
				continue;
			s = sasl_server_new(library, &users, (enum sasl_mech)m);
			status = tries[m](s, cases[i].user, cases[i].password);
			ok(status ==
				(cases[i].failure == SASL_NO_FAILURE ?
					SASL_DONE :
					SASL_FAILED),
			    "%s: %s with %s", sasl_mech_name((enum sasl_mech)m),
			    cases[i].user, cases[i].password);
			is_int(sasl_server_failure(s), cases[i].failure,
			    "and why");
			is_str(sasl_server_user(s), cases[i].user, "and who");
			sasl_server_free(&s);
		}
	is_str(sasl_failure_reply(SASL_UNKNOWN_USER),
	    sasl_failure_reply(SASL_BAD_PASSWORD),
	    "an unknown user is told no more than a wrong password");
}

/* ---- lines --------------------------------------------------------------- */

static const struct {
	enum sasl_mech mech;
	const char *initial; /* NULL: none */
	const char *line;    /* NULL: none */
	enum sasl_status status;
	enum sasl_failure failure;
} lines[] = {
	/* \0tim\0tanstaaftanstaaf, with an authzid of tim, of ann */
	{ SASL_PLAIN, "AHRpbQB0YW5zdGFhZnRhbnN0YWFm", NULL, SASL_DONE, 0 },
	{ SASL_PLAIN, "dGltAHRpbQB0YW5zdGFhZnRhbnN0YWFm", NULL, SASL_DONE, 0 },
	{ SASL_PLAIN, "YW5uAHRpbQB0YW5zdGFhZnRhbnN0YWFm", NULL, SASL_FAILED,
	    SASL_OTHER_USER },
	{ SASL_PLAIN, "=", NULL, SASL_FAILED, SASL_MALFORMED },
	{ SASL_PLAIN, "", NULL, SASL_FAILED, SASL_MALFORMED },
	{ SASL_PLAIN, "AHRpbQ==", NULL, SASL_FAILED, SASL_MALFORMED },
	{ SASL_PLAIN, "AHRpbQA=", NULL, SASL_FAILED, SASL_MALFORMED },
	{ SASL_PLAIN, "AAB4", NULL, SASL_FAILED, SASL_MALFORMED },
	{ SASL_PLAIN, "AHRpbQB4AHg=", NULL, SASL_FAILED, SASL_MALFORMED },
	{ SASL_PLAIN, "AHQNCgB4", NULL, SASL_FAILED, SASL_MALFORMED },
	{ SASL_PLAIN, "AHRpbQB 4", NULL, SASL_FAILED, SASL_MALFORMED },
	{ SASL_PLAIN, NULL, "=", SASL_FAILED, SASL_MALFORMED },
	{ SASL_PLAIN, NULL, "*", SASL_FAILED, SASL_CANCELLED },
	{ SASL_LOGIN, "dGlt", NULL, SASL_CHALLENGE, 0 },
	{ SASL_LOGIN, "dGlt", "dGFuc3RhYWZ0YW5zdGFhZg==", SASL_DONE, 0 },
	{ SASL_LOGIN, "dGlt", "*", SASL_FAILED, SASL_CANCELLED },
	{ SASL_LOGIN, "dGlt", "", SASL_FAILED, SASL_MALFORMED },
	{ SASL_CRAM_MD5, "dGlt", NULL, SASL_FAILED, SASL_MALFORMED },
	{ SASL_CRAM_MD5, NULL, "", SASL_FAILED, SASL_MALFORMED },
	{ SASL_CRAM_MD5, NULL, "dGlt", SASL_FAILED, SASL_MALFORMED },
	{ SASL_SCRAM_SHA_256, "=", NULL, SASL_FAILED, SASL_MALFORMED },
	{ SASL_SCRAM_SHA_256, "dGlt", NULL, SASL_FAILED, SASL_MALFORMED },
	/* n,,n=tim,r=abc ; then x */
	{ SASL_SCRAM_SHA_256, "biwsbj10aW0scj1hYmM=", NULL, SASL_CHALLENGE, 0 },
	{ SASL_SCRAM_SHA_256, "biwsbj10aW0scj1hYmM=", "eA==", SASL_FAILED,
	    SASL_MALFORMED },
	{ SASL_SCRAM_SHA_256, "biwsbj10aW0scj1hYmM=", "*", SASL_FAILED,
	    SASL_CANCELLED },
};

static void
test_lines(void)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct sasl_server *s = sasl_server_new(library, &users,
		    lines[i].mech);
		struct slice none = { NULL, 0 };
		enum sasl_status status = done(s,
		    sasl_server_begin(s,
			lines[i].initial != NULL ? slice_of(lines[i].initial) :
						   none));

		if (lines[i].line != NULL && status == SASL_CHALLENGE)
			status = done(s,
			    sasl_server_step(s, slice_of(lines[i].line)));
		ok(status == lines[i].status, "%s, '%s', '%s'",
		    sasl_mech_name(lines[i].mech),
		    lines[i].initial != NULL ? lines[i].initial : "none",
		    lines[i].line != NULL ? lines[i].line : "none");
		is_int(sasl_server_failure(s), lines[i].failure, "and why");
		sasl_server_free(&s);
	}
}

static void
test_long(void)
{
	static char line[SASL_LINE_MAX + 1];
	struct sasl_server *s;

	memset(line, 'A', sizeof(line));
	s = sasl_server_new(library, &users, SASL_LOGIN);
	ok(sasl_server_begin(s, (struct slice){ line, sizeof(line) }) ==
		    SASL_FAILED &&
		sasl_server_failure(s) == SASL_TOO_LONG,
	    "an initial response that is too long");
	sasl_server_free(&s);
	s = sasl_server_new(library, &users, SASL_LOGIN);
	(void)sasl_server_begin(s, (struct slice){ NULL, 0 });
	ok(sasl_server_step(s, (struct slice){ line, sizeof(line) }) ==
		    SASL_FAILED &&
		sasl_server_failure(s) == SASL_TOO_LONG,
	    "a line that is too long");
	sasl_server_free(&s);
	s = sasl_server_new(library, &users, SASL_LOGIN);
	ok(sasl_server_begin(s, (struct slice){ line, SASL_LINE_MAX }) ==
		    SASL_FAILED &&
		sasl_server_failure(s) == SASL_MALFORMED,
	    "one less is read, and is no name");
	sasl_server_free(&s);
}

/* ---- what does not tell -------------------------------------------------- */

static void
salt_of(const char *name, char *out, size_t cap)
{
	struct sasl_server *s = sasl_server_new(library, &users,
	    SASL_SCRAM_SHA_256);
	char first[64];
	const char *salt;

	(void)snprintf(first, sizeof(first), "n,,n=%s,r=abc", name);
	(void)sasl_server_begin(s, (struct slice){ NULL, 0 });
	(void)say(s, slice_of(first));
	salt = strstr(heard(s), ",s=");
	(void)snprintf(out, cap, "%s", salt != NULL ? salt : "(none)");
	sasl_server_free(&s);
}

static void
test_salts(void)
{
	char one[128], two[128], other[128];

	users.decoy = &keys;
	salt_of("nobody", one, sizeof(one));
	salt_of("nobody", two, sizeof(two));
	is_str(two, one, "who is unknown has the same salt at each try");
	salt_of("noone", other, sizeof(other));
	ok(strcmp(one, other) != 0, "of his own");
	salt_of("user", other, sizeof(other));
	is_str(other, ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "a known one's");
	ok(strcmp(one, other) != 0, "and not the decoy's");
	is_int((int64_t)strlen(one), (int64_t)strlen(other),
	    "as long as one that is stored");
	users.decoy = &plain;
}

static void
test_offered(void)
{
	unsigned all = sasl_mechs_of(PASSWORD_PLAIN);
	unsigned clear = 1U << SASL_PLAIN | 1U << SASL_LOGIN;

	is_int(all, (1U << SASL_MECHS) - 1, "a plain password does for all");
	is_int(sasl_mechs_of(PASSWORD_CRYPT), clear, "a crypt hash for two");
	is_int(sasl_mechs_of(PASSWORD_SCRAM), clear | 1U << SASL_SCRAM_SHA_256,
	    "keys for these and SCRAM");
	is_int(sasl_mechs_offered(all, true, false), all, "encrypted: all");
	is_int(sasl_mechs_offered(all, false, true), all, "allowed: all");
	is_int(sasl_mechs_offered(all, false, false), all & ~clear,
	    "in clear: none that shows the password");
	is_int(sasl_mech_find(slice_of("scram-sha-256")), SASL_SCRAM_SHA_256,
	    "names in any case");
	is_int(sasl_mech_find(slice_of("NTLM")), SASL_MECHS, "unknown");
}

int
main(void)
{
	set_up();
	test_client();
	test_tries();
	test_lines();
	test_long();
	test_salts();
	test_offered();
	sasl_library_free(&library);
	password_fini(&plain);
	password_fini(&hashed);
	password_fini(&keys);
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 *	begin ── challenge ── step ... ── check ── checked ── done
 *	                                              │
 *	              SCRAM: the server's signature ──┴── step ── done
 *
 * and failed from everywhere.
 */
#include "transport/sasl_server.h"

#include <gsasl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base64.h"
#include "lib/check.h"
#include "lib/mem.h"
#include "transport/sasl_text.h"

enum { USER_MAX = 255, SALT_LEN = 16 };

enum phase {
	NEW,
	WANT_RESPONSE,
	WANT_PASSWORD, /* LOGIN: the user is known */
	WANT_PROOF,    /* SCRAM: its second message */
	CHECKING,
	WANT_NOTHING, /* SCRAM: an empty line, the server's signature was seen */
	OVER
};

struct sasl_library {
	Gsasl *gsasl;
};

struct sasl_server {
	const struct sasl_users *users;
	enum sasl_mech mech;
	enum phase phase;
	enum sasl_failure failure;
	Gsasl_session *session; /* NULL for PLAIN and LOGIN */
	struct buf user, challenge;
	struct buf given;                /* password, or SCRAM's proof; wiped */
	const struct password *password; /* the user's, or the decoy */
	struct password_scram scram;     /* what the user is to prove */
	bool known, other_user, good;
};

typedef enum sasl_status respond_fn(struct sasl_server *s, struct slice text);

static enum sasl_status
fail(struct sasl_server *s, enum sasl_failure why)
{
	s->phase = OVER;
	s->failure = why;
	return SASL_FAILED;
}

static enum sasl_status
challenge(struct sasl_server *s, enum phase next, const char *p, size_t len)
{
	s->phase = next;
	buf_clear(&s->challenge);
	base64_add(&s->challenge, p, len);
	return SASL_CHALLENGE;
}

/* Keeps what is to be checked where it is wiped, with a NUL behind it. */
static enum sasl_status
check_later(struct sasl_server *s, struct slice text)
{
	buf_clear(&s->given);
	buf_reserve(&s->given, text.len + 1);
	buf_add(&s->given, text.p, text.len);
	(void)buf_cstr(&s->given);
	s->phase = CHECKING;
	return SASL_CHECK;
}

/* A name that could not stand in a log or a header is nobody's. */
static bool
take_user(struct sasl_server *s, struct slice name)
{
	if (name.len == 0 || name.len > USER_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if ((unsigned char)name.p[i] < ' ' || name.p[i] == '\x7f')
			return false;
	buf_clear(&s->user);
	buf_add(&s->user, name.p, name.len);
	s->password = s->users->find(s->users->ctx, buf_cstr(&s->user));
	s->known = s->password != NULL;
	if (!s->known)
		s->password = s->users->decoy;
	return true;
}

static enum sasl_status
take_password(struct sasl_server *s, struct slice password)
{
	if (password.len == 0 || password.len > PASSWORD_MAX ||
	    memchr(password.p, '\0', password.len) != NULL)
		return fail(s, SASL_MALFORMED);
	return check_later(s, password);
}

/* RFC 4616, 2: [authzid] NUL authcid NUL passwd */
static enum sasl_status
plain_respond(struct sasl_server *s, struct slice text)
{
	const char *end = text.p + text.len, *nul, *second;
	struct slice as, name;

	nul = memchr(text.p, '\0', text.len);
	if (nul == NULL)
		return fail(s, SASL_MALFORMED);
	second = memchr(nul + 1, '\0', (size_t)(end - nul - 1));
	if (second == NULL)
		return fail(s, SASL_MALFORMED);
	as = (struct slice){ text.p, (size_t)(nul - text.p) };
	name = (struct slice){ nul + 1, (size_t)(second - nul - 1) };
	if (!take_user(s, name))
		return fail(s, SASL_MALFORMED);
	s->other_user = as.len > 0 && !slice_eq(as, buf_cstr(&s->user));
	return take_password(s,
	    (struct slice){ second + 1, (size_t)(end - second - 1) });
}

static enum sasl_status
login_respond(struct sasl_server *s, struct slice text)
{
	if (s->phase == WANT_PASSWORD)
		return take_password(s, text);
	if (!take_user(s, text))
		return fail(s, SASL_MALFORMED);
	return challenge(s, WANT_PASSWORD, "Password:", strlen("Password:"));
}

/* What the library says when it is not content. */
static enum sasl_failure
why_not(int rc)
{
	return rc == GSASL_MECHANISM_PARSE_ERROR || rc == GSASL_BASE64_ERROR ?
	    SASL_MALFORMED :
	    SASL_BAD_PASSWORD;
}

static enum sasl_status
verdict(struct sasl_server *s)
{
	if (!s->known)
		return fail(s, SASL_UNKNOWN_USER);
	if (!s->good)
		return fail(s, SASL_BAD_PASSWORD);
	if (s->other_user)
		return fail(s, SASL_OTHER_USER);
	s->phase = OVER;
	return SASL_DONE;
}

static enum sasl_status
cram_respond(struct sasl_server *s, struct slice text)
{
	char *out = NULL;
	size_t len = 0;
	int rc;

	if (text.len == 0 || memchr(text.p, '\0', text.len) != NULL)
		return fail(s, SASL_MALFORMED);
	rc = gsasl_step(s->session, text.p, text.len, &out, &len);
	gsasl_free(out);
	sasl_text_wipe_property(s->session, GSASL_PASSWORD);
	if (rc != GSASL_OK && why_not(rc) == SASL_MALFORMED)
		return fail(s, SASL_MALFORMED);
	s->good = rc == GSASL_OK;
	return verdict(s);
}

static enum sasl_status
scram_respond(struct sasl_server *s, struct slice text)
{
	enum sasl_status status;
	char *out = NULL;
	const char *as;
	size_t len = 0;
	int rc;

	if (s->phase == WANT_NOTHING)
		return text.len == 0 ? verdict(s) : fail(s, SASL_MALFORMED);
	if (text.len == 0 || memchr(text.p, '\0', text.len) != NULL)
		return fail(s, SASL_MALFORMED);
	if (s->phase == WANT_PROOF)
		return check_later(s, text);
	rc = gsasl_step(s->session, text.p, text.len, &out, &len);
	if (rc == GSASL_NEEDS_MORE && s->password != NULL) {
		as = gsasl_property_fast(s->session, GSASL_AUTHZID);
		s->other_user = as != NULL && *as != '\0' &&
		    strcmp(as, buf_cstr(&s->user)) != 0;
		status = challenge(s, WANT_PROOF, out, len);
	} else {
		status = fail(s, SASL_MALFORMED);
	}
	gsasl_free(out);
	return status;
}

/* The check is done: now the library can compare. */
static enum sasl_status
scram_checked(struct sasl_server *s)
{
	enum sasl_status status;
	char *out = NULL;
	size_t len = 0;
	int rc;

	rc = gsasl_step(s->session, s->given.p, s->given.len, &out, &len);
	sasl_text_wipe_property(s->session, GSASL_SCRAM_STOREDKEY);
	sasl_text_wipe_property(s->session, GSASL_SCRAM_SERVERKEY);
	if (rc != GSASL_OK && why_not(rc) == SASL_MALFORMED) {
		status = fail(s, SASL_MALFORMED);
	} else {
		s->good = s->good && rc == GSASL_OK;
		status = verdict(s);
	}
	/* RFC 4954, 4: a success has no room for data, so one more challenge */
	if (status == SASL_DONE)
		status = challenge(s, WANT_NOTHING, out, len);
	gsasl_free(out);
	return status;
}

enum {
	PLAIN_FORM = 1 << PASSWORD_PLAIN,
	CRYPT_FORM = 1 << PASSWORD_CRYPT,
	SCRAM_FORM = 1 << PASSWORD_SCRAM
};

static const struct {
	const char *name;
	respond_fn *respond;
	const char *prompt; /* where there is no initial response */
	unsigned forms;     /* stored passwords that it can use */
	bool clear;         /* sends the password as it is */
	bool library;       /* it is GNU SASL's */
	bool server_first;  /* knows no initial response */
} mechs[SASL_MECHS] = {
	[SASL_SCRAM_SHA_256] = { "SCRAM-SHA-256", scram_respond, "",
	    PLAIN_FORM | SCRAM_FORM, false, true, false },
	[SASL_CRAM_MD5] = { "CRAM-MD5", cram_respond, "", PLAIN_FORM, false,
	    true, true },
	[SASL_PLAIN] = { "PLAIN", plain_respond, "",
	    PLAIN_FORM | CRYPT_FORM | SCRAM_FORM, true, false, false },
	[SASL_LOGIN] = { "LOGIN", login_respond, "Username:",
	    PLAIN_FORM | CRYPT_FORM | SCRAM_FORM, true, false, false },
};

/*
 * The same salt for a name at each try, as if it were stored: else who is
 * known could be seen from it.
 */
static void
make_salt(struct sasl_server *s)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	CHECK(HMAC(EVP_sha512(), s->users->secret, sizeof(s->users->secret),
		  (const unsigned char *)s->user.p, s->user.len, mac,
		  &len) != NULL);
	CHECK(len >= s->scram.salt_len);
	memcpy(s->scram.salt, mac, s->scram.salt_len);
}

static int
give_base64(Gsasl_session *session, Gsasl_property what, const char *p,
    size_t len)
{
	struct buf text = { 0 };
	int rc;

	base64_add(&text, p, len);
	rc = gsasl_property_set(session, what, buf_cstr(&text));
	sasl_text_wipe(&text);
	return rc;
}

/* Who it is, and the iterations and salt that the client is to use. */
static int
give_iterations(struct sasl_server *s)
{
	const char *name = gsasl_property_fast(s->session, GSASL_AUTHID);
	char text[16];

	if (name == NULL || !take_user(s, slice_of(name)))
		return GSASL_MECHANISM_PARSE_ERROR;
	if (s->password->form == PASSWORD_SCRAM)
		s->scram = s->password->scram;
	else
		s->scram = (struct password_scram){
			.iterations = PASSWORD_ITERATIONS,
			.salt_len = SALT_LEN,
		};
	if (!s->known || s->password->form != PASSWORD_SCRAM)
		make_salt(s);
	(void)snprintf(text, sizeof(text), "%u", s->scram.iterations);
	return gsasl_property_set(s->session, GSASL_SCRAM_ITER, text);
}

/* CRAM-MD5 needs the password itself. */
static int
give_password(struct sasl_server *s)
{
	const char *name = gsasl_property_fast(s->session, GSASL_AUTHID);

	if (s->mech != SASL_CRAM_MD5)
		return GSASL_NO_CALLBACK;
	if (name == NULL || !take_user(s, slice_of(name)))
		return GSASL_MECHANISM_PARSE_ERROR;
	if (s->password->form != PASSWORD_PLAIN) {
		s->known = false;
		return gsasl_property_set(s->session, GSASL_PASSWORD, "none");
	}
	return gsasl_property_set(s->session, GSASL_PASSWORD,
	    s->password->text);
}

/* What the library asks for and we do not have, it does without. */
static int
on_property(Gsasl *gsasl, Gsasl_session *session, Gsasl_property what)
{
	struct sasl_server *s = gsasl_session_hook_get(session);

	(void)gsasl;
	if (what == GSASL_PASSWORD)
		return give_password(s);
	if (what == GSASL_SCRAM_ITER)
		return give_iterations(s);
	if (s->password == NULL) /* the name was not to be had */
		return GSASL_NO_CALLBACK;
	if (what == GSASL_SCRAM_SALT)
		return give_base64(session, what, s->scram.salt,
		    s->scram.salt_len);
	if (what == GSASL_SCRAM_STOREDKEY)
		return give_base64(session, what, s->scram.stored_key,
		    sizeof(s->scram.stored_key));
	if (what == GSASL_SCRAM_SERVERKEY)
		return give_base64(session, what, s->scram.server_key,
		    sizeof(s->scram.server_key));
	return GSASL_NO_CALLBACK;
}

struct sasl_library *
sasl_library_new(struct err *e)
{
	struct sasl_library *lib = mem_new(struct sasl_library);
	int rc = gsasl_init(&lib->gsasl);

	if (rc != GSASL_OK) {
		(void)err_set(e, "GNU SASL: %s", gsasl_strerror(rc));
		free(lib);
		return NULL;
	}
	gsasl_callback_set(lib->gsasl, on_property);
	return lib;
}

void
sasl_library_free(struct sasl_library **libp)
{
	struct sasl_library *lib = *libp;

	*libp = NULL;
	if (lib == NULL)
		return;
	gsasl_done(lib->gsasl);
	free(lib);
}

unsigned
sasl_mechs_of(enum password_form form)
{
	unsigned all = 0;

	for (unsigned m = 0; m < SASL_MECHS; m++)
		if (mechs[m].forms & 1U << form)
			all |= 1U << m;
	return all;
}

unsigned
sasl_mechs_offered(unsigned usable, bool encrypted,
    bool allow_unencrypted_plain)
{
	for (unsigned m = 0; m < SASL_MECHS; m++)
		if (mechs[m].clear && !encrypted && !allow_unencrypted_plain)
			usable &= ~(1U << m);
	return usable;
}

const char *
sasl_mech_name(enum sasl_mech mech)
{
	CHECK(mech < SASL_MECHS);
	return mechs[mech].name;
}

enum sasl_mech
sasl_mech_find(struct slice name)
{
	for (unsigned m = 0; m < SASL_MECHS; m++)
		if (slice_eq_nocase(name, mechs[m].name))
			return (enum sasl_mech)m;
	return SASL_MECHS;
}

struct sasl_server *
sasl_server_new(struct sasl_library *lib, const struct sasl_users *users,
    enum sasl_mech mech)
{
	struct sasl_server *s = mem_new(struct sasl_server);

	CHECK(mech < SASL_MECHS && users->decoy != NULL);
	s->users = users;
	s->mech = mech;
	if (mechs[mech].library) {
		CHECK(gsasl_server_start(lib->gsasl, mechs[mech].name,
			  &s->session) == GSASL_OK);
		gsasl_session_hook_set(s->session, s);
	}
	return s;
}

void
sasl_server_free(struct sasl_server **sp)
{
	struct sasl_server *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	if (s->session != NULL)
		gsasl_finish(s->session);
	buf_fini(&s->user);
	buf_fini(&s->challenge);
	sasl_text_wipe(&s->given);
	explicit_bzero(&s->scram, sizeof(s->scram));
	free(s);
}

/* Gives base64, where "=" is no bytes only as an initial response. */
static enum sasl_status
respond(struct sasl_server *s, struct slice line)
{
	struct buf bytes = { 0 };
	enum sasl_status status;

	if (sasl_text_read(line, &bytes))
		status = mechs[s->mech].respond(s,
		    (struct slice){ bytes.p, bytes.len });
	else
		status = fail(s, SASL_MALFORMED);
	sasl_text_wipe(&bytes);
	return status;
}

/* CRAM-MD5: the challenge is the library's. */
static enum sasl_status
server_first(struct sasl_server *s)
{
	enum sasl_status status;
	char *out = NULL;
	size_t len = 0;

	CHECK(gsasl_step(s->session, NULL, 0, &out, &len) == GSASL_NEEDS_MORE);
	status = challenge(s, WANT_RESPONSE, out, len);
	gsasl_free(out);
	return status;
}

enum sasl_status
sasl_server_begin(struct sasl_server *s, struct slice initial)
{
	const char *prompt = mechs[s->mech].prompt;

	CHECK(s->phase == NEW);
	s->phase = WANT_RESPONSE;
	if (initial.p == NULL)
		return mechs[s->mech].server_first ?
		    server_first(s) :
		    challenge(s, WANT_RESPONSE, prompt, strlen(prompt));
	if (mechs[s->mech].server_first)
		return fail(s, SASL_MALFORMED);
	if (initial.len > SASL_LINE_MAX)
		return fail(s, SASL_TOO_LONG);
	if (slice_eq(initial, "="))
		initial.len = 0;
	else if (initial.len == 0)
		return fail(s, SASL_MALFORMED);
	return respond(s, initial);
}

enum sasl_status
sasl_server_step(struct sasl_server *s, struct slice line)
{
	CHECK(s->phase != NEW && s->phase != CHECKING && s->phase != OVER);
	if (line.len > SASL_LINE_MAX)
		return fail(s, SASL_TOO_LONG);
	if (slice_eq(line, "*"))
		return fail(s, SASL_CANCELLED);
	return respond(s, line);
}

void
sasl_server_check(struct sasl_server *s)
{
	CHECK(s->phase == CHECKING);
	if (s->mech != SASL_SCRAM_SHA_256)
		s->good = password_is(s->password, s->given.p);
	else if (s->password->form == PASSWORD_PLAIN)
		s->good = password_scram_keys(&s->scram, s->password->text);
	else
		s->good = s->password->form == PASSWORD_SCRAM;
}

enum sasl_status
sasl_server_checked(struct sasl_server *s)
{
	enum sasl_status status;

	CHECK(s->phase == CHECKING);
	status = s->mech == SASL_SCRAM_SHA_256 ? scram_checked(s) : verdict(s);
	sasl_text_wipe(&s->given);
	explicit_bzero(&s->scram, sizeof(s->scram));
	return status;
}

const char *
sasl_server_challenge(struct sasl_server *s)
{
	return buf_cstr(&s->challenge);
}

const char *
sasl_server_user(struct sasl_server *s)
{
	return buf_cstr(&s->user);
}

enum sasl_failure
sasl_server_failure(const struct sasl_server *s)
{
	return s->failure;
}

/* RFC 4954, 4 and 6; what is wrong with a name or password is not told. */
const char *
sasl_failure_reply(enum sasl_failure failure)
{
	switch (failure) {
	case SASL_BAD_PASSWORD:
	case SASL_UNKNOWN_USER:
	case SASL_OTHER_USER:
		return "535 5.7.8 authentication failed";
	case SASL_MALFORMED:
		return "501 5.5.2 cannot read that response";
	case SASL_TOO_LONG:
		return "500 5.5.6 authentication line too long";
	case SASL_CANCELLED:
		return "501 5.7.0 authentication cancelled";
	case SASL_NO_FAILURE:
		break;
	}
	CHECK_NEVER("a reply to what did not fail");
}

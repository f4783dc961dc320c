/* SPDX-License-Identifier: Apache-2.0 */
/*
 *	PLAIN     begin: all            done
 *	LOGIN     begin: -              step: user, step: password, done
 *	CRAM-MD5  begin: -              step: digest, done
 *	SCRAM     begin: name, nonce    step: proof, step: (signature) -, done
 */
#include "transport/sasl_client.h"

#include <gsasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base64.h"
#include "lib/check.h"
#include "lib/mem.h"
#include "transport/sasl_text.h"

struct sasl_client {
	enum sasl_mech mech;
	const char *user, *password;
	Gsasl *gsasl; /* both NULL for PLAIN and LOGIN */
	Gsasl_session *session;
	struct buf response;
	bool has_response;
	bool held; /* the first response waits for the first challenge */
	bool done;
	unsigned steps; /* challenges so far */
	char why[160];
};

/* ---- what is said -------------------------------------------------------- */

static bool
fail(struct sasl_client *c, const char *why)
{
	(void)snprintf(c->why, sizeof(c->why), "%s", why);
	return false;
}

static bool
respond(struct sasl_client *c, const char *p, size_t len)
{
	sasl_text_wipe(&c->response);
	base64_add(&c->response, p, len);
	c->has_response = true;
	return true;
}

static bool
library_failed(struct sasl_client *c, int rc)
{
	if (rc == GSASL_SASLPREP_ERROR)
		return fail(c,
		    "auth-username or auth-password has characters that may "
		    "not be there (SASLprep, RFC 4013)");
	(void)snprintf(c->why, sizeof(c->why),
	    "the challenge cannot be answered: %s", gsasl_strerror(rc));
	return false;
}

static bool
asked_again(struct sasl_client *c)
{
	return fail(c, "the server asks for more than there is to say");
}

static bool
by_library(struct sasl_client *c, struct slice text)
{
	char *out = NULL;
	size_t len = 0;
	int rc = gsasl_step(c->session, text.p, text.len, &out, &len);

	if (rc == GSASL_OK || rc == GSASL_NEEDS_MORE)
		(void)respond(c, out, len);
	if (out != NULL)
		explicit_bzero(out, len);
	gsasl_free(out);
	if (rc != GSASL_OK && rc != GSASL_NEEDS_MORE)
		return library_failed(c, rc);
	c->done = rc == GSASL_OK;
	return true;
}

/* ---- mechanisms ---------------------------------------------------------- */

static bool
plain_begin(struct sasl_client *c)
{
	size_t user = strlen(c->user), password = strlen(c->password);
	struct buf text = { 0 };

	buf_reserve(&text, user + password + 2);
	buf_byte(&text, '\0');
	buf_add(&text, c->user, user);
	buf_byte(&text, '\0');
	buf_add(&text, c->password, password);
	(void)respond(c, text.p, text.len);
	sasl_text_wipe(&text);
	c->done = true;
	return true;
}

static bool
plain_step(struct sasl_client *c, struct slice text)
{
	(void)text;
	return asked_again(c);
}

/* The prompts are not a standard's: their order is all that is sure. */
static bool
login_step(struct sasl_client *c, struct slice text)
{
	(void)text;
	if (c->steps > 2)
		return asked_again(c);
	c->done = c->steps == 2;
	return c->done ? respond(c, c->password, strlen(c->password)) :
			 respond(c, c->user, strlen(c->user));
}

static bool
cram_step(struct sasl_client *c, struct slice text)
{
	return c->steps > 1 ? asked_again(c) : by_library(c, text);
}

static bool
scram_begin(struct sasl_client *c)
{
	return by_library(c, (struct slice){ NULL, 0 });
}

/* RFC 5802, 7: r=NONCE,s=SALT,i=COUNT; what cannot be read the library says. */
static bool
has_too_many_iterations(struct slice text)
{
	const char *at = strstr(text.p, ",i=");

	return at != NULL && strtoull(at + 3, NULL, 10) > SASL_ITERATIONS_MAX;
}

static bool
scram_step(struct sasl_client *c, struct slice text)
{
	if (c->steps > 2)
		return asked_again(c);
	if (c->steps == 1 && has_too_many_iterations(text))
		return fail(c, "it wants too many iterations of SCRAM");
	if (by_library(c, text))
		return true;
	if (c->steps == 2)
		(void)fail(c, "it has not proved that it knows the password");
	return false;
}

static const struct {
	bool (*begin)(struct sasl_client *c); /* NULL: the server is first */
	bool (*step)(struct sasl_client *c, struct slice text);
	bool library; /* it is GNU SASL's */
} mechs[SASL_MECHS] = {
	[SASL_SCRAM_SHA_256] = { scram_begin, scram_step, true },
	[SASL_CRAM_MD5] = { NULL, cram_step, true },
	[SASL_PLAIN] = { plain_begin, plain_step, false },
	[SASL_LOGIN] = { NULL, login_step, false },
};

/* ---- the dialogue -------------------------------------------------------- */

enum sasl_mech
sasl_client_pick(const char *offered, bool encrypted,
    bool allow_unencrypted_plain)
{
	unsigned usable = 0;

	for (const char *p = offered, *end; *p != '\0'; p = end) {
		enum sasl_mech m;

		p += strspn(p, " ");
		end = p + strcspn(p, " ");
		m = sasl_mech_find((struct slice){ p, (size_t)(end - p) });
		if (m < SASL_MECHS)
			usable |= 1U << m;
	}
	usable = sasl_mechs_offered(usable, encrypted, allow_unencrypted_plain);
	for (unsigned m = 0; m < SASL_MECHS; m++)
		if ((usable & 1U << m) != 0)
			return (enum sasl_mech)m;
	return SASL_MECHS;
}

struct sasl_client *
sasl_client_new(enum sasl_mech mech, const char *user, const char *password)
{
	struct sasl_client *c = mem_new(struct sasl_client);

	CHECK(mech < SASL_MECHS);
	c->mech = mech;
	c->user = user;
	c->password = password;
	return c;
}

void
sasl_client_free(struct sasl_client **cp)
{
	struct sasl_client *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	if (c->session != NULL) {
		sasl_text_wipe_property(c->session, GSASL_PASSWORD);
		gsasl_finish(c->session);
	}
	if (c->gsasl != NULL)
		gsasl_done(c->gsasl);
	sasl_text_wipe(&c->response);
	free(c);
}

static bool
start_library(struct sasl_client *c)
{
	int rc = gsasl_init(&c->gsasl);

	if (rc == GSASL_OK)
		rc = gsasl_client_start(c->gsasl, sasl_mech_name(c->mech),
		    &c->session);
	if (rc == GSASL_OK)
		rc = gsasl_property_set(c->session, GSASL_AUTHID, c->user);
	if (rc == GSASL_OK)
		rc = gsasl_property_set(c->session, GSASL_PASSWORD,
		    c->password);
	return rc == GSASL_OK || library_failed(c, rc);
}

bool
sasl_client_begin(struct sasl_client *c, size_t room)
{
	CHECK(c->gsasl == NULL && c->steps == 0 && !c->has_response);
	if (mechs[c->mech].library && !start_library(c))
		return false;
	if (mechs[c->mech].begin == NULL)
		return true;
	if (!mechs[c->mech].begin(c))
		return false;
	c->held = c->response.len > room;
	return true;
}

bool
sasl_client_step(struct sasl_client *c, struct slice challenge)
{
	struct buf text = { 0 };
	bool good;

	if (c->held) {
		c->held = false;
		return true;
	}
	c->steps++;
	if (!sasl_text_read(challenge, &text) ||
	    memchr(text.p, '\0', text.len) != NULL)
		good = fail(c, "its challenge is not the base64 of a text");
	else
		good = mechs[c->mech].step(c,
		    (struct slice){ text.p, text.len });
	buf_fini(&text);
	return good;
}

const char *
sasl_client_response(struct sasl_client *c)
{
	return c->held || !c->has_response ? NULL : buf_cstr(&c->response);
}

bool
sasl_client_is_done(const struct sasl_client *c)
{
	return c->done && !c->held;
}

const char *
sasl_client_why(const struct sasl_client *c)
{
	return c->why;
}

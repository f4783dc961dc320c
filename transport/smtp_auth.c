/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state AUTH of an SMTP session, RFC 4954: between EHLO, in TLS where there
 * is any, and the first mail.
 *
 * Whoever is to sign in and does not sends nothing: his connection ends as one
 * that could not be made, in words that name mechanism and host, and the mail
 * waits.  Lines with secrets are wiped when they are with the kernel or with
 * TLS, and what a server repeats of them is not passed on.
 */
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/check.h"
#include "transport/sasl_client.h"
#include "transport/smtp_session_priv.h"
#include "vmta/tls_policy.h"

/* RFC 5321, 4.5.3.1.4, with CRLF; RFC 4954, 4: with an initial response, too */
enum { COMMAND_MAX = 512 };
/* As many bytes of a secret in a row are no accident. */
enum { ECHO_LEN = 8 };

static bool
is_wanted(const struct smtp_session *s)
{
	return s->conf->auth_username[0] != '\0';
}

bool
smtp_may_send(const struct smtp_session *s)
{
	return s->signed_in || !is_wanted(s);
}

/* "mx.example.net (192.0.2.1)" */
static const char *
peer_name(const struct smtp_session *s)
{
	char addr[NET_ADDR_TEXT];

	return region_printf(s->rg, "%s (%s)", s->host,
	    net_addr_text(&s->peer, addr));
}

/* It cannot be: nothing was said that the server has to end. */
static enum smtp_state
cannot(struct smtp_session *s, const char *text)
{
	struct outcome o = smtp_outcome(s, OUTCOME_NO_AUTH, PHASE_AUTH, text);

	return smtp_end_for(s, &o, SMTP_QUIT);
}

enum smtp_state
smtp_sign_in(struct smtp_session *s)
{
	bool allowed = s->conf->unencrypted_plain_auth;
	const char *offered = s->ehlo.auth, *peer;

	if (!is_wanted(s))
		return SMTP_READY;
	if (tls_guards_user(s->conf) && !s->tls_verified)
		return cannot(s,
		    region_printf(s->rg,
			"%s has shown no good certificate, without which "
			"smtp-tls-ca-file allows no AUTH",
			peer_name(s)));
	s->mech = sasl_client_pick(offered, s->tls_done, allowed);
	if (s->mech != SASL_MECHS)
		return SMTP_AUTH;
	peer = peer_name(s);
	if (offered[0] == '\0')
		return cannot(s,
		    region_printf(s->rg, "AUTH is not offered by %s%s", peer,
			s->tls_done ? "" : ", without TLS"));
	if (sasl_client_pick(offered, true, allowed) != SASL_MECHS)
		return cannot(s,
		    region_printf(s->rg,
			"%s offers no AUTH but %s, which would show the "
			"password, since there is no TLS",
			peer, offered));
	return cannot(s,
	    region_printf(s->rg,
		"%s offers no AUTH but %s, none of which is known here", peer,
		offered));
}

/* ---- what is said -------------------------------------------------------- */

static void
wipe_line(const void *p, size_t len, void *line)
{
	(void)p;
	explicit_bzero(line, len);
	free(line);
}

static struct buf
line_with_room(const char *response)
{
	struct buf line = { 0 };

	buf_reserve(&line, COMMAND_MAX + strlen(response));
	return line;
}

/* Only by the connection's own buffer, which says when it is done with it. */
static void
say_secret(struct smtp_session *s, struct buf *line)
{
	size_t len;
	char *p;

	buf_str(line, "\r\n");
	p = buf_take(line, &len);
	CHECK(
	    evbuffer_add_reference(smtp_output(s), p, len, wipe_line, p) == 0);
}

enum smtp_state
smtp_enter_auth(struct smtp_session *s)
{
	const char *name = sasl_mech_name(s->mech), *response;
	struct buf line;

	if (smtp_has_heard(s))
		return smtp_fail(s, OUTCOME_LOST,
		    "the server said more than it was asked");
	s->auth = sasl_client_new(s->mech, s->conf->auth_username,
	    s->conf->auth_password);
	if (!sasl_client_begin(s->auth,
		COMMAND_MAX - strlen("AUTH  \r\n") - strlen(name)))
		return cannot(s,
		    region_printf(s->rg, "AUTH %s: %s", name,
			sasl_client_why(s->auth)));
	response = sasl_client_response(s->auth);
	line = line_with_room("");
	buf_printf(&line, "AUTH %s%s%s", name, response == NULL ? "" : " ",
	    response == NULL ? "" : response);
	say_secret(s, &line);
	return SMTP_AUTH;
}

/* ---- what is answered ---------------------------------------------------- */

/* Has text any ECHO_LEN bytes in a row of a secret, or a shorter one whole? */
static bool
repeats(struct slice text, struct slice secret)
{
	size_t len = secret.len < ECHO_LEN ? secret.len : ECHO_LEN;

	for (size_t i = 0; len > 0 && i + len <= text.len; i++)
		for (size_t at = 0; at + len <= secret.len; at++)
			if (strncasecmp(text.p + i, secret.p + at, len) == 0)
				return true;
	return false;
}

/*
 * The reply as one line, without what it repeats of ours: in base64, or read,
 * cut short, or in several lines.
 */
static const char *
reply_text(struct smtp_session *s, const struct smtp_reply *r)
{
	const char *response = sasl_client_response(s->auth);
	const struct slice secrets[] = { slice_of(s->conf->auth_password),
		slice_of(response == NULL ? "" : response) };
	char text[REPLY_TEXT_MAX + 1];
	const struct slice line = { text,
		smtp_reply_text(r, text, sizeof(text)) };

	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		if (!repeats(line, secrets[i]))
			continue;
		if (r->dsn[0] == 0)
			return region_printf(s->rg,
			    "%d (it repeats what we said)", r->code);
		return region_printf(s->rg,
		    "%d %u.%u.%u (it repeats what we said)", r->code, r->dsn[0],
		    r->dsn[1], r->dsn[2]);
	}
	return region_strdup(s->rg, text);
}

static enum smtp_state
refused(struct smtp_session *s, const struct smtp_reply *r)
{
	struct outcome o = smtp_outcome(s, OUTCOME_NO_AUTH, PHASE_AUTH, NULL);

	o.code = r->code;
	memcpy(o.dsn, r->dsn, sizeof(o.dsn));
	o.text = reply_text(s, r);
	if (r->code == 421) { /* it has no time for us, whoever we are */
		o.kind = OUTCOME_REPLY;
		return smtp_end_for(s, &o, SMTP_CLOSED);
	}
	o.text = region_printf(s->rg, "AUTH %s %s by %s: %s",
	    sasl_mech_name(s->mech),
	    r->code >= 400 ? "refused" : "answered out of turn", peer_name(s),
	    o.text);
	return smtp_end_for(s, &o, SMTP_QUIT);
}

/* RFC 4954, 4: "*" ends it, whatever the server says to that. */
static enum smtp_state
give_up(struct smtp_session *s)
{
	struct buf line = line_with_room("");

	buf_str(&line, "*");
	say_secret(s, &line);
	return cannot(s,
	    region_printf(s->rg, "AUTH %s given up with %s: %s",
		sasl_mech_name(s->mech), peer_name(s),
		sasl_client_why(s->auth)));
}

static enum smtp_state
on_challenge(struct smtp_session *s, const struct smtp_reply *r)
{
	struct slice challenge;
	const char *response;
	struct buf line;
	size_t pos = 0;

	CHECK(smtp_reply_line(r, &pos, &challenge));
	if (!sasl_client_step(s->auth, slice_trim(challenge)))
		return give_up(s);
	if (smtp_has_heard(s))
		return smtp_fail(s, OUTCOME_LOST,
		    "the server said more than it was asked");
	response = sasl_client_response(s->auth);
	line = line_with_room(response);
	buf_str(&line, response);
	say_secret(s, &line);
	return SMTP_AUTH;
}

enum smtp_state
smtp_on_auth(struct smtp_session *s, const struct smtp_reply *r)
{
	if (r->code == 334)
		return on_challenge(s, r);
	if (r->code != 235)
		return refused(s, r);
	if (!sasl_client_is_done(s->auth))
		return cannot(s,
		    region_printf(s->rg,
			"AUTH %s: %s is content before it has proved that it "
			"knows the password",
			sasl_mech_name(s->mech), peer_name(s)));
	sasl_client_free(&s->auth);
	s->signed_in = true;
	return SMTP_READY;
}

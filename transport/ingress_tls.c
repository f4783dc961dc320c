/* SPDX-License-Identifier: Apache-2.0 */
/* TLS with clients: STARTTLS (RFC 3207), or from the first byte (RFC 8314). */
#include <string.h>

#include "lib/log.h"
#include "lib/tls_server.h"
#include "transport/ingress_priv.h"

static const struct tls_server *
server_of(const struct ingress_session *s)
{
	return s->door->protocol == INGRESS_SMTP ?
	    snapshot_listener_tls(s->conf, s->door->name) :
	    NULL;
}

bool
ingress_offers_tls(const struct ingress_session *s)
{
	return s->tls == NULL && s->source.allow_starttls &&
	    server_of(s) != NULL;
}

static void
log_start(const struct ingress_session *s, struct log_line *l)
{
	char text[NET_ADDR_TEXT];

	log_begin(l, LOG_L_INFO, NULL, "ingress-tls");
	log_str(l, "client", net_addr_text(&s->peer.addr, text));
	log_str(l, "listener", s->door->name);
}

static void
log_failed(const struct ingress_session *s, const char *why)
{
	const char *alert = s->tls == NULL ? "" : tls_stream_alert(s->tls);
	struct log_line l;

	log_start(s, &l);
	if (alert[0] != '\0')
		log_str(&l, "alert", alert);
	log_str(&l, "trouble", why);
	log_end(&l);
}

bool
ingress_tls_begin(struct ingress_session *s)
{
	const struct tls_server *server = server_of(s);
	struct err e;

	(void)err_set(&e, "there is no certificate");
	if (server != NULL)
		s->tls = tls_stream_new(server, &e);
	if (s->tls == NULL)
		log_failed(s, e.text);
	return s->tls != NULL;
}

/*
 * What the client has sent behind STARTTLS it has not sent by TLS: somebody
 * else may have put it there, to be taken for something that was.  It is
 * thrown away; what comes later is TLS, or the end.
 */
enum ingress_state
ingress_starttls(struct ingress_session *s)
{
	if (!ingress_tls_begin(s)) {
		ingress_say(s, "454 4.7.0 TLS is not available now");
		return INGRESS_COMMAND;
	}
	ingress_say(s, "220 2.0.0 ready to start TLS");
	buf_add(&s->wire, s->out.p, s->out.len);
	buf_clear(&s->out);
	reader_take(&s->in, reader_input(&s->in).len);
	ingress_set_user(s, NULL);
	return INGRESS_TLS;
}

/* ---- the handshake is done ----------------------------------------------- */

/* A bad certificate always has a line, since somebody relies on it. */
static void
log_up(const struct ingress_session *s, const struct tls_facts *f)
{
	struct log_line l;

	if (!s->source.log_tls && s->cert_trouble == NULL)
		return;
	log_start(s, &l);
	tls_facts_log(f, &l);
	if (s->cert_trouble != NULL)
		log_str(&l, "trouble", s->cert_trouble);
	else if (f->has_cert)
		log_str(&l, "verified", "yes");
	log_end(&l);
}

static void
log_signed_in(const struct ingress_session *s)
{
	char text[NET_ADDR_TEXT];
	struct log_line l;

	log_begin(&l, LOG_L_INFO, NULL, "signed-in");
	log_str(&l, "user", s->user);
	log_str(&l, "client", net_addr_text(&s->peer.addr, text));
	log_str(&l, "mechanism", "certificate");
	log_end(&l);
}

/*
 * Whose certificate is good is who it says, where there is such a user.  Behind
 * XCLIENT it may be the proxy's, who has no rights to lend.
 */
static void
know_client(struct ingress_session *s)
{
	bool own = !s->xclient_open && !s->xclient_over;
	struct tls_facts f;

	tls_stream_facts(s->tls, &f);
	if (f.has_cert)
		s->cert_trouble = tls_stream_cert_trouble(s->tls);
	log_up(s, &f);
	if (!f.has_cert || s->cert_trouble != NULL || !own ||
	    !s->source.allow_auth ||
	    !snapshot_signs_in_by_cert(s->conf, f.name))
		return;
	ingress_set_user(s, f.name);
	log_signed_in(s);
}

/* RFC 3207 section 4.2: as after the greeting. */
static enum ingress_state
forget(struct ingress_session *s)
{
	s->helo[0] = '\0';
	s->extended = s->no_acks = false;
	return ingress_tx_end(s);
}

bool
ingress_on_tls(struct ingress_session *s, enum ingress_state *next_r)
{
	if (!ingress_decrypt(s))
		return false;
	if (tls_stream_is_up(s->tls)) {
		know_client(s);
		*next_r = forget(s);
	} else if (s->eof) {
		log_failed(s, tls_stream_error(s->tls));
		*next_r = INGRESS_CLOSING;
	} else {
		return false;
	}
	return true;
}

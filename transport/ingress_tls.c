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
log_failed(const struct ingress_session *s, const char *why)
{
	char text[NET_ADDR_TEXT];
	struct log_line l;

	log_begin(&l, LOG_L_INFO, NULL, "ingress-tls");
	log_str(&l, "client", net_addr_text(&s->peer.addr, text));
	log_str(&l, "listener", s->door->name);
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

/* RFC 3207 section 4.2: as after the greeting. */
static enum ingress_state
forget(struct ingress_session *s)
{
	s->helo[0] = '\0';
	s->extended = false;
	return ingress_tx_end(s);
}

bool
ingress_on_tls(struct ingress_session *s, enum ingress_state *next_r)
{
	if (!ingress_decrypt(s))
		return false;
	if (tls_stream_is_up(s->tls)) {
		*next_r = forget(s);
	} else if (s->eof) {
		log_failed(s, tls_stream_error(s->tls));
		*next_r = INGRESS_CLOSING;
	} else {
		return false;
	}
	return true;
}

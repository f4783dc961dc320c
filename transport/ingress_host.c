/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host MTA is at a listener of its own (host-mta), and what is its own
 * business.
 *
 * Behind such a listener is an MTA that passes a client's message on as it comes
 * (Postfix's smtpd_proxy_filter).  It decides who may relay, as it does by LMTP, but
 * has no queue, no milter has seen the message, and who has signed in is told in the
 * text: in one field, above the Received field that this MTA puts on top of all
 * that the client has sent.  What stands below is the client's, and nobody's word.
 */
#include <string.h>

#include "transport/ingress_priv.h"
#include "transport/letter.h"
#include "vmta/assign.h"

const char *
ingress_user(const struct ingress_session *s)
{
	return s->by_host ? s->tx.host_user : s->user;
}

/* A name that is cut, or looks like another in a log, is somebody else's. */
static bool
is_user_name(const char *name)
{
	const size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] < ' ' || name[i] == 0x7f)
			return false;
	return len > 0 && len <= LETTER_NAME_MAX;
}

/* Octets of that field and of who has signed in: the client sent neither. */
static size_t
added_len(const struct header_list *fields, size_t trace)
{
	size_t n = fields->v[trace].whole.len + 2; /* its CRLF */

	for (size_t i = 0; i < trace; i++)
		if (slice_eq_nocase(fields->v[i].name, AUTH_HEADER))
			n += fields->v[i].whole.len + 2;
	return n;
}

const char *
ingress_host_sign_in(struct ingress_session *s)
{
	struct header_list fields;
	size_t body, trace, at;
	const char *name;

	if (!s->by_host)
		return NULL;
	header_parse(s->tx.text.p == NULL ? "" : s->tx.text.p, s->tx.text.len,
	    s->tx_rg, &fields, &body);
	trace = header_find(&fields, "Received", 0);
	at = header_find(&fields, AUTH_HEADER, 0);
	if (trace < fields.n)
		s->tx.host_added = added_len(&fields, trace);
	if (trace == fields.n || at > trace)
		return NULL;
	name = header_value(&fields.v[at], s->tx_rg);
	/* Who is not known may not have the rights of who has not signed in. */
	if (header_find(&fields, AUTH_HEADER, at + 1) < trace ||
	    !is_user_name(name))
		return "550 5.7.1 " AUTH_HEADER " cannot be read";
	s->tx.host_user = name;
	return NULL;
}

const char *
ingress_host_excess(const struct ingress_session *s,
    const struct source_conf *conf)
{
	const struct ingress_tx *tx = &s->tx;

	if (!s->by_host)
		return NULL;
	if (conf->max_size != 0 &&
	    tx->text.len - tx->host_added > conf->max_size)
		return "552 5.3.4 message too big";
	/* All get one answer: whom it was for cannot come in parts. */
	if (conf->max_rcpts != 0 &&
	    tx->named + tx->refused_count + tx->unparsed_count >
		conf->max_rcpts)
		return "554 5.5.3 too many recipients";
	if (tx->utf8 && !conf->allow_utf8)
		return "550 5.6.7 SMTPUTF8 is not offered";
	return NULL;
}

/* What comes by LMTP the host MTA does not want: it would come again. */
const char *
ingress_host_way(const struct ingress_session *s, const char *domain)
{
	if ((s->door->protocol == INGRESS_LMTP && !s->door->pickup) ||
	    !snapshot_is_host_domain(s->conf, domain))
		return domain;
	return snapshot_global(s->conf)->dsn_hosts.n > 0 ? SNAPSHOT_DSN_DOMAIN :
							   NULL;
}

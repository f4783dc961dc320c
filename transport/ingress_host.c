/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host MTA is at a listener of its own, and what is its own business.
 *
 * By host-mta it passes a client's message on as it comes (Postfix's
 * smtpd_proxy_filter).  It decides who may relay, as it does by LMTP, but has no
 * queue, no milter has seen the message, and who has signed in is told in the
 * text: in one field, above the Received field that this MTA puts on top of all
 * that the client has sent.  What stands below is the client's, and nobody's word.
 *
 * By exim-listener it is an Exim that speaks LMTP and has no XFORWARD.  Its
 * transport takes away what there is of one field, and puts its own at the end of
 * the header:
 *
 *	X-Mailrace-Meta: v=1; id=QUEUEID; client=ADDRESS; auth=BASE64
 *
 * Client and auth are empty for mail of the host's own, auth for a client who has
 * not signed in.  A message without exactly this would have the rights of the host,
 * so it is not taken.  The transport of an earlier set-up says no id.
 */
#include <string.h>

#include "compat/exim/ex_log.h"
#include "lib/base64.h"
#include "mail/mark.h"
#include "transport/ingress_priv.h"
#include "transport/letter.h"

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

/* ---- Postfix ------------------------------------------------------------- */

static const char *
take_auth(struct ingress_session *s, const struct header_list *fields)
{
	size_t trace = header_find(fields, "Received", 0);
	size_t at = header_find(fields, AUTH_HEADER, 0);
	const char *name;

	if (trace == fields->n || at > trace)
		return NULL;
	name = header_value(&fields->v[at], s->tx_rg);
	/* Who is not known may not have the rights of who has not signed in. */
	if (header_find(fields, AUTH_HEADER, at + 1) < trace ||
	    !is_user_name(name))
		return "550 5.7.1 " AUTH_HEADER " cannot be read";
	s->tx.host_user = name;
	return NULL;
}

/* ---- Exim ---------------------------------------------------------------- */

#define META_USER "auth="

struct meta {
	const char *id; /* NULL: it is not told; "": it is no id of Exim's */
	const char *client, *user; /* "": there is none */
};

/* The text of a base64; NULL: it is none, or too long for a name. */
static const char *
decoded(struct slice base64, struct region *rg)
{
	char name[LETTER_NAME_MAX];
	size_t len = base64.len / 4 * 3;

	for (size_t i = base64.len; i > 0 && base64.p[i - 1] == '=' && len > 0;
	     i--)
		len--;
	if (len > sizeof(name) || !base64_read(base64, name, len) ||
	    memchr(name, '\0', len) != NULL)
		return NULL;
	return region_strndup(rg, name, len);
}

static bool
is_address(const char *text)
{
	struct net_addr a;
	struct err ignored;

	return net_addr_parse(slice_of(text), &a, &ignored) == 0;
}

/* What stands behind a key, and moves behind that; NULL: it is not there. */
static const char *
meta_value(const char **at, const char *key, struct region *rg)
{
	const size_t len = strlen(key);
	const char *value = *at + len, *end;

	if (strncmp(*at, key, len) != 0)
		return NULL;
	end = strstr(value, "; ");
	if (end == NULL)
		return NULL;
	*at = end + 2;
	return region_strndup(rg, value, (size_t)(end - value));
}

static bool
read_meta(const char *value, struct region *rg, struct meta *m_r)
{
	const char *version = meta_value(&value, "v=", rg);

	m_r->id = meta_value(&value, "id=", rg);
	m_r->client = meta_value(&value, "client=", rg);
	if (version == NULL || strcmp(version, "1") != 0 ||
	    m_r->client == NULL ||
	    strncmp(value, META_USER, sizeof(META_USER) - 1) != 0)
		return false;
	m_r->user = decoded(slice_of(value + sizeof(META_USER) - 1), rg);
	if (m_r->user == NULL)
		return false;
	if (m_r->id != NULL && !ex_log_is_host_id(m_r->id))
		m_r->id = "";
	if (m_r->client[0] == '\0')
		return m_r->user[0] == '\0';
	return is_address(m_r->client) &&
	    (m_r->user[0] == '\0' || is_user_name(m_r->user));
}

/* With its CRLF. */
static void
cut_out(struct buf *text, struct slice field)
{
	size_t at = (size_t)(field.p - text->p), end = at + field.len;

	if (text->len - end >= 2)
		end += 2;
	memmove(text->p + at, text->p + end, text->len - end);
	text->len -= end - at;
}

/*
 * Exim takes lines for fields that are none to us (a name of 8-bit characters,
 * or of no characters), and has removed foreign ones wherever it does: up to the
 * first empty line.  Behind such a line nobody else would look for ours.
 */
static const char *
take_meta(struct ingress_session *s)
{
	struct buf *text = &s->tx.text;
	const char *value;
	struct header h;
	struct meta m;

	if (!header_seek(text->p, text->len, EXIM_HEADER, &h))
		return "451 4.3.5 " EXIM_HEADER " is missing";
	value = header_value(&h, s->tx_rg);
	cut_out(text, h.whole);
	if (header_seek(text->p, text->len, EXIM_HEADER, &h))
		return "451 4.3.5 " EXIM_HEADER " is there twice";
	if (!read_meta(value, s->tx_rg, &m))
		return "451 4.3.5 " EXIM_HEADER " cannot be read";
	s->xforward.ident = m.id;
	s->xforward.addr = m.client;
	s->tx.host_user = m.user[0] == '\0' ? NULL : m.user;
	return NULL;
}

/* ---- either -------------------------------------------------------------- */

/* Octets of the host's Received field, and of ours: the client sent neither. */
static size_t
added_len(const struct header_list *fields, bool by_exim)
{
	size_t trace = header_find(fields, "Received", 0), n = 0;

	for (size_t i = 0; i < fields->n; i++)
		if (i == trace ||
		    (!by_exim &&
			slice_eq_nocase(fields->v[i].name, AUTH_HEADER)))
			n += fields->v[i].whole.len + 2; /* its CRLF */
	return n;
}

const char *
ingress_host_sign_in(struct ingress_session *s, const char **trouble_r)
{
	struct header_list fields;
	const char *why = NULL;
	size_t body;

	*trouble_r = NULL;
	if (!s->by_host)
		return NULL;
	if (s->by_exim)
		why = take_meta(s);
	if (why != NULL) {
		*trouble_r = "Exim's transport does not say whose it is as "
			     "that of mailrace setup exim does";
		return why;
	}
	header_parse(s->tx.text.p == NULL ? "" : s->tx.text.p, s->tx.text.len,
	    s->tx_rg, &fields, &body);
	s->tx.host_added = added_len(&fields, s->by_exim);
	return s->by_exim ? NULL : take_auth(s, &fields);
}

const char *
ingress_host_excess(const struct ingress_session *s,
    const struct source_conf *conf)
{
	const struct ingress_tx *tx = &s->tx;

	if (!s->by_host)
		return NULL;
	if (conf->max_size != 0 && tx->text.len > tx->host_added &&
	    tx->text.len - tx->host_added > conf->max_size)
		return "552 5.3.4 message too big";
	/*
	 * All get one answer: whom it was for cannot come in parts.  Exim's
	 * aliases have added some whom the client has not named.
	 */
	if (!s->by_exim && conf->max_rcpts != 0 &&
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

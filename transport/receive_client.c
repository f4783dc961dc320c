/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a message of a session comes from; of transport/ingress_priv.h. */
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "mail/envelope.h"
#include "mail/header.h"
#include "mail/mark.h"
#include "mail/message.h"
#include "transport/host_lines.h"
#include "transport/ingress_priv.h"
#include "transport/letter.h"
#include "vmta/assign.h"

/* That, else our peer, if it has an address. */
struct net_addr
receive_client_addr(const struct ingress_session *s)
{
	const struct net_addr named = ingress_named_client(s), none = { 0 };

	if (named.family != 0)
		return named;
	return s->peer.is_unix ? none : s->peer.addr;
}

bool
receive_is_host(const struct ingress_session *s)
{
	return s->local && s->door->protocol == INGRESS_LMTP &&
	    !s->door->pickup;
}

bool
receive_is_submission(const struct ingress_session *s)
{
	const char *ident = s->xforward.ident;

	return s->door->pickup ||
	    (s->door->protocol == INGRESS_SMTP &&
		(ident == NULL || ident[0] == '\0'));
}

/* What the head of a file says is meant so. */
const struct source_conf *
receive_settings(struct ingress_session *s, const struct source_conf *conf)
{
	struct source_conf *own;

	if (!s->door->pickup)
		return NULL;
	own = region_dup(s->tx_rg, conf, sizeof(*conf));
	own->process_x_vmta = own->process_x_job = own->process_x_envid = true;
	return own;
}

/* RFC 3848; RFC 6531 section 4.3. */
const char *
receive_protocol(struct ingress_session *s)
{
	bool lmtp = s->door->protocol == INGRESS_LMTP;
	const char *base = lmtp ? "LMTP" : "ESMTP";

	if (s->tx.utf8)
		base = lmtp ? "UTF8LMTP" : "UTF8SMTP";
	else if (!lmtp && !s->extended) /* no name for it with TLS or AUTH */
		return "SMTP";
	return REGION_JOIN(s->tx_rg, base, s->tls != NULL ? "S" : "",
	    s->user != NULL ? "A" : "");
}

/*
 * By a host MTA, which says so by XFORWARD where it speaks SMTP; an empty value
 * is one that it does not know.
 */
bool
receive_is_relayed(const struct ingress_session *s)
{
	if (s->door->pickup)
		return false;
	return receive_is_host(s) || s->xforward.ident != NULL ||
	    s->xforward.addr != NULL;
}

bool
receive_log_client(struct ingress_session *s, const char *host_id,
    struct log_client *c_r)
{
	const struct smtp_xforward *x = &s->xforward;

	if (!s->door->pickup && (host_id[0] != '\0' || receive_is_host(s)))
		return false;
	*c_r = (struct log_client){ .name = x->name != NULL ? x->name :
							      s->peer.name,
		.helo = x->helo != NULL ? x->helo : s->helo,
		.addr = receive_client_addr(s),
		.protocol = receive_protocol(s),
		.message_id = "" };
	return true;
}

/*
 * Only what we have written, and the host MTA hands over, is believed: whoever
 * gives us mail must not choose how old it is.
 */
int64_t
receive_arrival(const struct ingress_session *s, const struct letter *l)
{
	static const char name[] = MARK_ARRIVAL_HEADER;
	const struct mark_key *key = s->env->mark_key;
	int64_t now_us = clock_wall_us(), arrival_us;
	struct header_list fields;
	uint8_t body_hash[32];
	size_t body, at;

	if (key == NULL || l->queue_id[0] == '\0' || l->header.len == 0 ||
	    memmem(l->header.p, l->header.len, name, sizeof(name) - 1) == NULL)
		return now_us;
	header_parse(l->header.p, l->header.len, s->tx_rg, &fields, &body);
	at = header_find(&fields, name, 0);
	if (at == fields.n)
		return now_us;
	mark_body_hash((struct slice){ s->tx.text.p, s->tx.text.len }, s->tx_rg,
	    body_hash);
	if (!mark_arrival_read(key, header_value(&fields.v[at], s->tx_rg),
		body_hash, &arrival_us) ||
	    arrival_us > now_us)
		return now_us;
	return arrival_us;
}

const char *
receive_message_id(struct ingress_session *s, const char *host_id,
    const struct body *body)
{
	struct header_list fields;
	size_t text, at;

	if (host_lines_wanted(s->env) == NULL || host_id[0] != '\0')
		return "";
	header_parse(body->bytes, body->len, s->tx_rg, &fields, &text);
	at = header_find(&fields, "Message-ID", 0);
	return at == fields.n ? "" : header_value(&fields.v[at], s->tx_rg);
}

void
receive_put_lines(struct ingress_session *s, const struct log_mail *m,
    const char *message_id)
{
	const struct host_lines_sink sink = { s->env->host_log, s->env->conf };
	struct log_client client;
	bool ours = receive_log_client(s, m->env->host_id, &client);
	struct buf lines = { 0 };

	client.message_id = message_id;
	host_lines_came(s->env, m, ours ? &client : NULL, &lines);
	host_lines_put(&sink, host_lines_wanted(s->env), &lines);
	buf_fini(&lines);
}

const char *
receive_peer_name(struct ingress_session *s)
{
	char text[NET_ADDR_TEXT];

	return REGION_JOIN(s->tx_rg, s->helo, " (",
	    net_addr_text(&s->peer.addr, text), ")");
}

void
receive_source(const struct ingress_session *s, const char *user,
    struct source_conf *conf_r)
{
	struct policy_in in = { .conf = s->conf,
		.client = ingress_policy_client(s),
		.source = s->listener_source,
		.auth_user = user };

	if (user == NULL && (s->by_host || ingress_named_client(s).family == 0))
		in.auth_user = ingress_user(s);
	assign_source(&in, conf_r);
}

int
receive_notice_flags(const struct ingress_session *s)
{
	struct source_conf conf;

	receive_source(s, NULL, &conf);
	return (conf.no_dsn ? ENVELOPE_NO_DSN : 0) |
	    (strcmp(conf.dsn_return, "full") == 0 ? ENVELOPE_RET_FULL : 0);
}

void
receive_log_verdicts(const struct ingress_session *s,
    const struct auth_results *verdicts)
{
	const struct net_addr client = ingress_policy_client(s);
	char text[NET_ADDR_TEXT];

	for (size_t i = 0; i < verdicts->n; i++) {
		struct log_line l;

		log_begin(&l, LOG_L_INFO, NULL, "inbound-check");
		log_str(&l, "check", "dkim");
		log_str(&l, "client", net_addr_text(&client, text));
		log_fmt(&l, "from", "<%s>", s->tx.sender);
		log_str(&l, "result", verdicts->v[i]);
		log_end(&l);
	}
}

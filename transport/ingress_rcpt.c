/* SPDX-License-Identifier: Apache-2.0 */
/* RCPT: who is taken as a recipient.  Of transport/ingress_priv.h. */
#include <stdio.h>
#include <string.h>

#include "lib/log.h"
#include "mail/envelope.h"
#include "transport/ingress_merge.h"
#include "transport/ingress_priv.h"
#include "transport/ingress_senders.h"
#include "transport/refusals.h"

static enum ingress_state
say(struct ingress_session *s, const char *reply)
{
	ingress_say(s, reply);
	return INGRESS_COMMAND;
}

static void
add_rcpt(struct ingress_session *s, const struct ingress_rcpt *given)
{
	struct ingress_tx *tx = &s->tx;
	struct ingress_rcpt *r;

	if (tx->rcpt_count == tx->rcpt_cap) {
		tx->rcpt_cap = tx->rcpt_cap == 0 ? 16 : 2 * tx->rcpt_cap;
		tx->rcpts = mem_realloc(tx->rcpts,
		    tx->rcpt_cap * sizeof(*tx->rcpts));
	}
	r = &tx->rcpts[tx->rcpt_count++];
	r->addr = region_strdup(s->tx_rg, given->addr);
	/* Mail to many of one domain is common. */
	if (tx->rcpt_count > 1 && strcmp(r[-1].domain, given->domain) == 0)
		r->domain = r[-1].domain;
	else
		r->domain = region_strdup(s->tx_rg, given->domain);
	r->orcpt = region_strdup(s->tx_rg, given->orcpt);
	r->notify = given->notify;
}

/* Nobody is told what became of a copy that the sender did not ask for. */
void
ingress_add_bcc(struct ingress_session *s, const struct conf_strs *bcc)
{
	const char *domain;
	struct addr a;

	for (size_t i = 0; i < bcc->n; i++) {
		if (addr_parse(slice_of(bcc->v[i]), s->tx_rg, &a) != ADDR_OK)
			continue;
		domain = ingress_host_way(s, a.domain);
		if (domain != NULL)
			add_rcpt(s,
			    &(struct ingress_rcpt){ .addr = a.text,
				.domain = domain,
				.orcpt = "",
				.notify = NOTIFY_NEVER });
	}
}

bool
ingress_has_rcpts(const struct ingress_session *s)
{
	return s->tx.rcpt_count + s->tx.unparsed_count > 0;
}

static bool
has_room_for_rcpt(const struct ingress_session *s)
{
	uint32_t max = s->source.max_rcpts;
	uint32_t places = snapshot_global(s->env->conf)->spool_max_rcpts;

	/* With more than the queue ever holds a message would never come. */
	if (places != 0 && s->tx.rcpt_count >= places)
		return false;
	if (s->tx.rcpt_count + s->source.bcc.n >= ENVELOPE_RCPT_MAX)
		return false;
	return s->tx.rcpt_count + s->tx.refused_count + s->tx.unparsed_count <
	    (max == 0 ? INGRESS_RCPTS : max);
}

/* RFC 5321 section 4.5.1: <postmaster> without a domain is ours. */
static bool
qualify(struct ingress_session *s, struct smtp_cmd *c)
{
	char text[INGRESS_HOST_MAX + 16];
	int len;

	if (!str_eq_nocase(c->addr.text, "postmaster"))
		return false;
	len = snprintf(text, sizeof(text), "%s@%s", c->addr.text, s->host);
	return addr_parse((struct slice){ text, (size_t)len }, s->cmd_rg,
		   &c->addr) == ADDR_OK;
}

/* Then it is for whoever the configuration says, from anybody. */
static bool
is_for_postmaster(struct ingress_session *s, struct smtp_cmd *c)
{
	const char *to = snapshot_global(s->conf)->postmaster;
	const char *ours = REGION_JOIN(s->cmd_rg, "postmaster@", s->host);

	return to[0] != '\0' && str_eq_nocase(c->addr.text, ours) &&
	    addr_parse(slice_of(to), s->cmd_rg, &c->addr) == ADDR_OK;
}

static enum ingress_state
refuse_relay(struct ingress_session *s, const struct smtp_cmd *c)
{
	char text[NET_ADDR_TEXT];
	struct log_line l;

	log_begin(&l, LOG_L_INFO, NULL, "relay-denied");
	log_str(&l, "client", net_addr_text(&s->peer.addr, text));
	log_str(&l, "from", s->tx.sender);
	log_str(&l, "to", c->addr.text);
	log_end(&l);
	return ingress_refuse_rcpt(s,
	    snapshot_global(s->conf)->relay_debug ?
		"450 4.7.1 relaying denied" :
		"550 5.7.1 relaying denied");
}

/* Beyond max-rcpt-per-message. */
static enum ingress_state
too_many_rcpts(struct ingress_session *s)
{
	if (!s->source.too_many_fails)
		return say(s, "452 4.5.3 too many recipients");
	s->tx.too_many = true;
	return say(s, "250 2.1.5 OK");
}

/*
 * Of strangers' mistakes no sender is told whom they name.  A host MTA that
 * speaks LMTP bounces by itself; a client with XACK OFF hears of none at RCPT.
 */
bool
ingress_takes_unparsed(const struct ingress_session *s)
{
	return (s->source.accept_invalid || s->no_acks) && s->relay &&
	    s->door->protocol == INGRESS_SMTP;
}

static enum ingress_state
rcpt_unparsed(struct ingress_session *s, const struct smtp_cmd *c,
    const char *addr)
{
	if (!ingress_rcpt_may(s))
		return INGRESS_COMMAND;
	refusals_unparsed(s, c, addr);
	return say(s, "250 2.1.5 OK");
}

static enum ingress_state
rcpt_no_domain(struct ingress_session *s, const struct smtp_cmd *c)
{
	if (ingress_takes_unparsed(s))
		return rcpt_unparsed(s, c, c->addr.text);
	return say(s, "501 5.1.3 the address has no domain");
}

/* Lists are for mail that goes out; the milter asks of no other either. */
static bool
is_for_host(const char *queued)
{
	return strcmp(queued, SNAPSHOT_DSN_DOMAIN) == 0;
}

/*
 * Is there a way to somewhere else in its local part, as "u%b.test@a.test"?  The
 * host MTA trusts us, and would go it.
 */
static bool
is_routed(const struct addr *a)
{
	size_t domain = strlen(a->domain) + 1, len = strlen(a->text);

	return len > domain && strcspn(a->text, "%!@") < len - domain;
}

enum ingress_state
ingress_take_rcpt(struct ingress_session *s, const struct smtp_cmd *given)
{
	struct smtp_cmd c = *given;
	const char *refused, *queued;

	if (!s->tx.open)
		return ingress_bad(s, "503 5.5.1 MAIL first");
	refused = ingress_rcpt_refusal(s);
	if (refused != NULL)
		return ingress_bad(s, refused);
	if (!has_room_for_rcpt(s))
		return too_many_rcpts(s);
	if (c.utf8 && !s->tx.utf8)
		return say(s, "553 5.6.7 this address needs SMTPUTF8");
	if (c.unparsed != NULL)
		return rcpt_unparsed(s, &c, c.unparsed);
	if (c.no_domain && !qualify(s, &c))
		return rcpt_no_domain(s, &c);
	c.addr = *ingress_qualified(s, &c.addr);
	if (!is_for_postmaster(s, &c) && !s->relay &&
	    !snapshot_relays_to(s->conf, c.addr.text, c.addr.domain))
		return refuse_relay(s, &c);
	queued = ingress_host_way(s, c.addr.domain);
	if (queued == NULL)
		return ingress_refuse_rcpt(s,
		    "550 5.7.1 mail for this domain is for "
		    "the host itself");
	if (!s->relay && is_for_host(queued) && is_routed(&c.addr))
		return refuse_relay(s, &c);
	/* Who would not be told keeps it: it ends before its delivery. */
	refused = s->hushed || is_for_host(queued) ? NULL :
						     refusals_rcpt(s, &c);
	if (refused != NULL) {
		ingress_reply(s, "%s", refused);
		return INGRESS_COMMAND;
	}
	if (!ingress_rcpt_may(s))
		return INGRESS_COMMAND;
	add_rcpt(s,
	    &(struct ingress_rcpt){ .addr = c.addr.text,
		.domain = queued,
		.orcpt = c.orcpt,
		.notify = c.notify });
	return say(s, "250 2.1.5 OK");
}

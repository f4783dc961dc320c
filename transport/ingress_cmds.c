/* SPDX-License-Identifier: Apache-2.0 */
/* What each command of a client does. */
#include "transport/ingress_priv.h"

#include <stdio.h>
#include <string.h>

#include "lib/log.h"
#include "transport/ingress_merge.h"
#include "transport/ingress_senders.h"
#include "transport/refusals.h"

enum {
	XFORWARDS_MAX = 20, /* commands in one transaction; Postfix needs 2 */
	HOST_ADDED_MAX = 8192,  /* more than a Received field of any MTA */
	SIZE_HINT_MAX = 1 << 20 /* no more room is made on SIZE= alone */
};

typedef enum ingress_state cmd_fn(struct ingress_session *s,
    const struct smtp_cmd *c);

/* More of them than it may have in this period? */
static bool
fails_too_often(struct ingress_session *s)
{
	const struct rate *rate = &s->source.failure_rate;

	ingress_count_failure(s, INGRESS_FAILED, rate);
	return !ingress_may_fail(s, INGRESS_FAILED, rate);
}

static enum ingress_state
hang_up(struct ingress_session *s)
{
	ingress_reply(s, "421 4.7.0 %.180s too many errors", s->host);
	return INGRESS_CLOSING;
}

/* A mistake of the client; too many of them and it is no mail client. */
static enum ingress_state
bad(struct ingress_session *s, const char *reply)
{
	bool often = fails_too_often(s);

	if (++s->errors >= s->source.max_bad_commands || often)
		return hang_up(s);
	ingress_say(s, reply);
	return INGRESS_COMMAND;
}

enum ingress_state
ingress_bad(struct ingress_session *s, const char *reply)
{
	return bad(s, reply);
}

static enum ingress_state
say(struct ingress_session *s, const char *reply)
{
	ingress_say(s, reply);
	return INGRESS_COMMAND;
}

enum ingress_state
ingress_refuse_rcpt(struct ingress_session *s, const char *reply)
{
	uint32_t max = s->source.max_refused_rcpts;
	bool often = fails_too_often(s);

	if (often || (++s->refused_rcpts >= max && max != 0))
		return hang_up(s);
	return say(s, reply);
}

uint64_t
ingress_size_max(const struct ingress_session *s)
{
	uint64_t max = s->source.max_size;

	/* Of what it has added ingress_host_excess() knows, at the end. */
	if (s->by_host && max != 0 && max < INGRESS_SIZE_MAX)
		max += HOST_ADDED_MAX;
	return max == 0 || max > INGRESS_SIZE_MAX ? INGRESS_SIZE_MAX : max;
}

static bool
offers_chunking(const struct ingress_session *s)
{
	return s->source.allow_chunking && s->door->protocol == INGRESS_SMTP;
}

static bool
offers_verp(const struct ingress_session *s)
{
	return s->door->protocol == INGRESS_SMTP;
}

/* ---- greeting ------------------------------------------------------------ */

/*
 * SIZE 0: whoever is too large is told so here and not by the host MTA.  No
 * CHUNKING in LMTP: Exim would use it for the hand-over; nor VERP, of which no
 * host MTA knows.  The whole answer to LHLO
 * stays below INGRESS_LHLO_MAX, at the cost of a very long host name.
 */
static void
reply_extensions(struct ingress_session *s)
{
	static const char first[] = "250-PIPELINING\r\n"
				    "250-8BITMIME\r\n";
	static const char utf8[] = "250-SMTPUTF8\r\n";
	static const char more[] = "250-SIZE 0\r\n"
				   "250-ENHANCEDSTATUSCODES\r\n";
	static const char xforward[] =
	    "250-XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n";
	static const char xclient[] =
	    "250-XCLIENT NAME ADDR PORT PROTO HELO DESTADDR DESTPORT";
	static const char starttls[] = "250-STARTTLS\r\n";
	static const char chunking[] = "250-CHUNKING\r\n";
	static const char verp[] = "250-VERP\r\n";
	static const char last[] = "250 DSN\r\n";
	int room = INGRESS_LHLO_MAX - (int)(sizeof(first) + sizeof(utf8)) -
	    (int)(sizeof(more) + sizeof(xforward) + sizeof(last)) -
	    (int)sizeof("250-\r\n");
	size_t from = s->out.len;

	buf_printf(&s->out, "250-%.*s\r\n", room, s->host);
	buf_str(&s->out, first);
	if (s->source.allow_utf8)
		buf_str(&s->out, utf8);
	buf_str(&s->out, more);
	if (s->xforward_ok)
		buf_str(&s->out, xforward);
	if (ingress_offers_tls(s))
		buf_str(&s->out, starttls);
	ingress_offer_auth(s);
	if (s->xclient_ok) /* in SMTP only: no host MTA reads it */
		buf_printf(&s->out, "%s%s\r\n", xclient,
		    s->login_ok ? " LOGIN" : "");
	if (offers_chunking(s))
		buf_str(&s->out, chunking);
	ingress_offer_merge(s);
	if (offers_verp(s))
		buf_str(&s->out, verp);
	buf_str(&s->out, last);
	ingress_log_replies(s, from);
}

static enum ingress_state
cmd_hello(struct ingress_session *s, const struct smtp_cmd *c)
{
	bool lmtp = s->door->protocol == INGRESS_LMTP;
	enum ingress_state next;

	if (lmtp != (c->verb == SMTP_VERB_LHLO))
		return bad(s,
		    lmtp ? "500 5.5.1 this is LMTP: LHLO" :
			   "500 5.5.1 this is not LMTP: EHLO");
	next = ingress_tx_end(s);
	s->extended = c->verb != SMTP_VERB_HELO;
	/* A proxy says EHLO in its own name, too. */
	(void)snprintf(s->helo, sizeof(s->helo), "%s",
	    s->peer.helo[0] != '\0' ? s->peer.helo : c->arg);
	if (s->extended)
		reply_extensions(s);
	else
		ingress_reply(s, "250 %.180s", s->host);
	return next;
}

/* RFC 3207 section 4: no parameters. */
static enum ingress_state
cmd_starttls(struct ingress_session *s, const struct smtp_cmd *c)
{
	if (s->tls != NULL)
		return bad(s, "503 5.5.1 TLS is in use already");
	if (!ingress_offers_tls(s))
		return bad(s, "502 5.5.1 command not implemented");
	if (c->arg[0] != '\0')
		return bad(s, "501 5.5.4 no parameters, please");
	return ingress_starttls(s);
}

static enum ingress_state
cmd_auth(struct ingress_session *s, const struct smtp_cmd *c)
{
	return ingress_auth_begin(s, c->mech, c->initial);
}

/* ---- XCLIENT, XFORWARD --------------------------------------------------- */

static enum ingress_state
cmd_xclient(struct ingress_session *s, const struct smtp_cmd *c)
{
	if (!s->xclient_ok)
		return bad(s, "550 5.7.0 XCLIENT is not for you");
	if (s->tx.open)
		return bad(s, "503 5.5.1 a transaction is open");
	return ingress_xclient(s, &c->xclient);
}

static void
take(struct ingress_session *s, const char **field, const char *v)
{
	if (v != NULL)
		*field = region_strdup(s->tx_rg, v);
}

static enum ingress_state
cmd_xforward(struct ingress_session *s, const struct smtp_cmd *c)
{
	struct smtp_xforward *xf = &s->xforward;

	if (!s->xforward_ok)
		return bad(s, "550 5.7.0 XFORWARD is not for you");
	if (s->tx.open)
		return bad(s, "503 5.5.1 a transaction is open");
	if (++s->xforwards > XFORWARDS_MAX)
		return bad(s, "503 5.5.1 too many XFORWARD commands");
	take(s, &xf->name, c->xforward.name);
	take(s, &xf->addr, c->xforward.addr);
	take(s, &xf->port, c->xforward.port);
	take(s, &xf->proto, c->xforward.proto);
	take(s, &xf->helo, c->xforward.helo);
	take(s, &xf->ident, c->xforward.ident);
	take(s, &xf->source, c->xforward.source);
	return say(s, "250 2.0.0 OK");
}

/* ---- transaction --------------------------------------------------------- */

/* With domain-suffix behind a domain without a dot; as it is, where not. */
const struct addr *
ingress_qualified(struct ingress_session *s, const struct addr *a)
{
	const char *suffix = snapshot_global(s->conf)->domain_suffix;
	struct addr *longer;
	char *text;

	if (suffix[0] == '\0' || !s->source.auto_qualify ||
	    a->domain[0] == '\0' || a->domain[0] == '[' ||
	    strchr(a->domain, '.') != NULL)
		return a;
	longer = region_new_obj(s->cmd_rg, struct addr);
	text = REGION_JOIN(s->cmd_rg, a->text, ".", suffix);
	return addr_parse(slice_of(text), s->cmd_rg, longer) == ADDR_OK ?
	    longer :
	    a;
}

static enum ingress_state
not_signed_in(struct ingress_session *s)
{
	char text[INGRESS_REPLY_MAX];

	if (s->cert_trouble == NULL)
		return bad(s, "530 5.7.0 sign in first (AUTH)");
	(void)snprintf(text, sizeof(text),
	    "530 5.7.0 sign in first; your certificate is not accepted: %.120s",
	    s->cert_trouble);
	return bad(s, text);
}

static enum ingress_state
cmd_mail(struct ingress_session *s, const struct smtp_cmd *c)
{
	struct ingress_tx *tx = &s->tx;
	const char *refused = ingress_merge_refusal(s, c->verb);

	if (refused != NULL)
		return bad(s, refused);
	if (s->helo[0] == '\0')
		return bad(s, "503 5.5.1 greet first");
	if (tx->open)
		return bad(s, "503 5.5.1 nested MAIL");
	if (s->source.require_auth && s->user == NULL && !s->by_host &&
	    s->door->protocol == INGRESS_SMTP)
		return not_signed_in(s);
	if (c->utf8 && !s->source.allow_utf8)
		return say(s, "555 5.6.7 SMTPUTF8 is not offered");
	if (c->verp && !offers_verp(s))
		return say(s, "555 5.5.4 VERP is not offered");
	if (c->has_size && c->size > ingress_size_max(s))
		return say(s, "552 5.3.4 message too big");
	if (c->addr.utf8 && !c->utf8)
		return say(s, "553 5.6.7 this address needs SMTPUTF8");
	if (!ingress_sender_may(s, ingress_qualified(s, &c->addr)->text))
		return INGRESS_COMMAND;
	tx->open = true;
	tx->late = NULL;
	tx->utf8 = c->utf8;
	tx->verp = c->verp;
	tx->ret = c->ret;
	tx->sender = region_strdup(s->tx_rg,
	    ingress_qualified(s, &c->addr)->text);
	tx->envid = region_strdup(s->tx_rg, c->envid);
	if (c->has_size)
		buf_reserve(&tx->text,
		    c->size < SIZE_HINT_MAX ? (size_t)c->size : SIZE_HINT_MAX);
	ingress_merge_begin(s, c->verb);
	return ingress_mail(s);
}

/*
 * Without a recipient there is no 354, and what the client sends behind a
 * refusal is commands again (RFC 2920 section 3.1 makes it wait).
 */
static enum ingress_state
cmd_data(struct ingress_session *s, const struct smtp_cmd *c)
{
	enum ingress_state next;

	(void)c;
	if (ingress_say_late(s, &next))
		return next;
	if (!s->tx.open)
		return bad(s, "503 5.5.1 MAIL first");
	if (s->tx.merge != NULL)
		return bad(s, "503 5.5.1 a mail merge has XPRT");
	if (!ingress_has_rcpts(s)) {
		ingress_say(s,
		    s->door->protocol == INGRESS_LMTP ?
			"503 5.5.1 no valid recipients" :
			"554 5.5.1 no valid recipients");
		return refusals_settle(s) ? INGRESS_COMMIT : INGRESS_COMMAND;
	}
	if (s->tx.chunked) /* RFC 3030 section 3 */
		return bad(s, "503 5.5.1 BDAT has begun the message");
	if (s->tx.too_many) {
		ingress_say(s, "554 5.5.3 too many recipients");
		return ingress_tx_end(s);
	}
	dot_unstuff_init(&s->tx.dot);
	ingress_say(s, "354 end data with <CR><LF>.<CR><LF>");
	return INGRESS_DATA;
}

static enum ingress_state
cmd_rset(struct ingress_session *s, const struct smtp_cmd *c)
{
	(void)c;
	ingress_say(s, "250 2.0.0 OK");
	return ingress_tx_end(s);
}

/* ---- the rest ------------------------------------------------------------ */

static enum ingress_state
cmd_noop(struct ingress_session *s, const struct smtp_cmd *c)
{
	(void)c;
	return say(s, "250 2.0.0 OK");
}

static enum ingress_state
cmd_vrfy(struct ingress_session *s, const struct smtp_cmd *c)
{
	(void)c;
	return say(s, "252 2.5.2 cannot verify; send and see");
}

static enum ingress_state
cmd_help(struct ingress_session *s, const struct smtp_cmd *c)
{
	(void)c;
	return say(s, "214 2.0.0 RFC 5321, RFC 2033");
}

static enum ingress_state
cmd_quit(struct ingress_session *s, const struct smtp_cmd *c)
{
	(void)c;
	ingress_reply(s, "221 2.0.0 %.180s closing", s->host);
	return INGRESS_CLOSING;
}

static enum ingress_state
cmd_not_here(struct ingress_session *s, const struct smtp_cmd *c)
{
	(void)c;
	return bad(s, "502 5.5.1 command not implemented");
}

static enum ingress_state
cmd_unknown(struct ingress_session *s, const struct smtp_cmd *c)
{
	(void)c;
	return bad(s, "500 5.5.2 command not recognized");
}

/*
 * A web browser that was led to this port sends a request that someone else
 * wrote.  A proxy that was led to it would be taken for its clients.
 */
static enum ingress_state
cmd_hang_up(struct ingress_session *s, const struct smtp_cmd *c)
{
	(void)c;
	ingress_reply(s, "421 4.7.0 %.180s not a mail client", s->host);
	return INGRESS_CLOSING;
}

/* Where it was not offered the chunk behind it would be read as commands. */
static enum ingress_state
cmd_bdat(struct ingress_session *s, const struct smtp_cmd *c)
{
	if (!offers_chunking(s))
		return cmd_hang_up(s, c);
	return ingress_bdat(s, c->chunk_len, c->chunk_last);
}

static cmd_fn *const commands[SMTP_VERB_COUNT] = {
	[SMTP_VERB_UNKNOWN] = cmd_unknown,
	[SMTP_VERB_AUTH] = cmd_auth,
	[SMTP_VERB_BDAT] = cmd_bdat,
	[SMTP_VERB_DATA] = cmd_data,
	[SMTP_VERB_EHLO] = cmd_hello,
	[SMTP_VERB_ETRN] = cmd_not_here,
	[SMTP_VERB_EXPN] = cmd_not_here,
	[SMTP_VERB_HELO] = cmd_hello,
	[SMTP_VERB_HELP] = cmd_help,
	[SMTP_VERB_LHLO] = cmd_hello,
	[SMTP_VERB_MAIL] = cmd_mail,
	[SMTP_VERB_NOOP] = cmd_noop,
	[SMTP_VERB_QUIT] = cmd_quit,
	[SMTP_VERB_RCPT] = ingress_take_rcpt,
	[SMTP_VERB_RSET] = cmd_rset,
	[SMTP_VERB_STARTTLS] = cmd_starttls,
	[SMTP_VERB_VRFY] = cmd_vrfy,
	[SMTP_VERB_XACK] = ingress_xack,
	[SMTP_VERB_XCLIENT] = cmd_xclient,
	[SMTP_VERB_XDFN] = ingress_xdfn,
	[SMTP_VERB_XFORWARD] = cmd_xforward,
	[SMTP_VERB_XMRG] = cmd_mail,
	[SMTP_VERB_XPRT] = ingress_xprt,
	[SMTP_VERB_PROXY] = cmd_hang_up,
	[SMTP_VERB_HTTP] = cmd_hang_up,
};

/* ---- input --------------------------------------------------------------- */

static enum ingress_state
end_idle(struct ingress_session *s, const char *why)
{
	char text[NET_ADDR_TEXT];
	struct log_line l;

	log_begin(&l, LOG_L_INFO, NULL, "ingress-idle");
	log_str(&l, "client", net_addr_text(&s->peer.addr, text));
	log_str(&l, "why", why);
	log_end(&l);
	ingress_reply(s, "421 4.7.0 %.160s %s", s->host, why);
	return INGRESS_CLOSING;
}

static enum ingress_state
unreadable(struct ingress_session *s, enum smtp_verb verb, const char *why)
{
	ingress_merge_lacks(s, verb);
	return bad(s, why);
}

/* Whose it is stands where it begins. */
static enum ingress_state
line_too_long(struct ingress_session *s, struct slice begin)
{
	enum ingress_state next;
	struct smtp_cmd c;

	(void)smtp_cmd_parse(begin, s->cmd_rg, &c);
	ingress_hush(s, c.verb);
	next = unreadable(s, c.verb, "500 5.5.2 line too long");
	ingress_unhush(s, c.verb);
	if (c.verb == SMTP_VERB_AUTH)
		ingress_wipe_line(s);
	return next;
}

bool
ingress_on_command(struct ingress_session *s, enum ingress_state *next_r)
{
	struct slice line;
	enum smtp_line_result r = ingress_command_line(s, &line);
	const char *why, *idle;
	struct smtp_cmd c;

	if (r == SMTP_LINE_MORE)
		return false;
	if (r == SMTP_LINE_TOO_LONG) {
		*next_r = line_too_long(s, line);
		return true;
	}
	why = smtp_cmd_parse(line, s->cmd_rg, &c);
	ingress_log_command(s, &c);
	if (s->xclient_open && c.verb != SMTP_VERB_XCLIENT)
		ingress_end_xclient(s);
	idle = ingress_is_idle(s, c.verb);
	ingress_hush(s, c.verb);
	if (c.unparsed != NULL && ingress_takes_unparsed(s))
		why = NULL;
	if (idle != NULL)
		*next_r = end_idle(s, idle);
	else if (why != NULL) /* of a chunk nobody knows then how long it is */
		*next_r = c.verb == SMTP_VERB_BDAT ? cmd_hang_up(s, &c) :
						     unreadable(s, c.verb, why);
	else
		*next_r = commands[c.verb](s, &c);
	ingress_unhush(s, c.verb);
	if (c.verb == SMTP_VERB_AUTH) /* whatever became of it */
		ingress_wipe_line(s);
	return true;
}

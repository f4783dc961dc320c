/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who the client is, and what it may: by its address, by what a load balancer
 * (PROXY) or a mail proxy (XCLIENT) that we trust says of it, and by as whom it
 * has signed in.  Then the greeting.
 *
 * Whoever is spoken for has his own rights and none of the proxy's.  XCLIENT
 * may come in several commands in a row; with any other command its right is
 * gone for good, since from there on a proxy passes on what strangers say.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf_hosts.h"
#include "lib/conf_parse.h"
#include "lib/log.h"
#include "lib/proxy_proto.h"
#include "lib/tls_server.h"
#include "transport/ingress_priv.h"
#include "vmta/assign.h"

/* ---- rights -------------------------------------------------------------- */

/* By unix socket or from this host, and not in the name of another. */
static bool
is_local(const struct ingress_session *s)
{
	return !s->peer.told &&
	    (s->peer.is_unix || net_addr_is_loopback(&s->peer.addr));
}

/*
 * Limits by client are for many clients.  All mail of the host MTA comes from
 * one address, and what its users did wrong must not hold up the rest: it only
 * counts for its <source-group>.
 */
static void
spare_host(struct source_conf *c)
{
	c->max_client_conns = 0;
	c->max_refused_rcpts = 0;
	c->max_idle_commands = 0;
	c->idle_timeout = 0;
	c->failure_rate = (struct rate){ 0, 0 };
}

/*
 * Who may send to any domain: the host MTA behind its unix socket or on
 * loopback LMTP, or at its own listener, else only whom the configuration
 * allows to.
 */
void
ingress_set_rights(struct ingress_session *s)
{
	const struct policy_in in = { .conf = s->conf,
		.client = s->peer.addr,
		.source = s->listener_source,
		.auth_user = s->user };
	const char *believed;

	assign_source(&in, &s->source);
	s->local = is_local(s);
	believed = s->source.allow_xforward;
	s->xforward_ok = !s->xclient_over && !s->by_exim &&
	    strcmp(believed, "no") != 0 &&
	    (s->local || strcmp(believed, "yes") == 0);
	s->xclient_ok = !s->xclient_over && s->door->protocol == INGRESS_SMTP &&
	    strcmp(s->source.allow_xclient, "no") != 0;
	s->login_ok = s->xclient_ok &&
	    strcmp(s->source.allow_xclient, "login") == 0;
	s->relay = s->source.relay;
	if ((s->door->protocol == INGRESS_LMTP || s->by_host) && s->local) {
		s->relay = true;
		spare_host(&s->source);
	}
	if (s->door->pickup) { /* who may put files there has that right */
		s->xforward_ok = true;
		s->source.smtp_service = true;
		/* It comes again at once, and would hear the same. */
		s->source.hang_up_on_4xx = false;
	}
}

void
ingress_set_user(struct ingress_session *s, const char *user)
{
	free(s->user);
	s->user = user == NULL || user[0] == '\0' ? NULL : mem_strdup(user);
	ingress_set_rights(s);
}

/* ---- whose mail it is ---------------------------------------------------- */

struct net_addr
ingress_named_client(const struct ingress_session *s)
{
	struct slice text = slice_of(
	    s->xforward.addr == NULL ? "" : s->xforward.addr);
	struct net_addr a;
	struct err e;

	if (text.len > 5 &&
	    slice_eq_nocase((struct slice){ text.p, 5 }, "IPV6:")) {
		text.p += 5;
		text.len -= 5;
	}
	if (text.len == 0 || net_addr_parse(text, &a, &e) == -1)
		a.family = 0;
	return a;
}

struct net_addr
ingress_policy_client(const struct ingress_session *s)
{
	const struct net_addr named = ingress_named_client(s);

	return named.family != 0 ? named : s->peer.addr;
}

bool
ingress_client_is_known(const struct ingress_session *s)
{
	if (ingress_named_client(s).family != 0)
		return true;
	return s->door->protocol == INGRESS_SMTP && !s->peer.is_unix;
}

/* ---- the greeting -------------------------------------------------------- */

static enum ingress_state
refuse(struct ingress_session *s, const char *why)
{
	char text[NET_ADDR_TEXT];
	struct log_line l;

	log_begin(&l, LOG_L_INFO, NULL, "client-refused");
	log_str(&l, "client", net_addr_text(&s->peer.addr, text));
	log_str(&l, "why", why);
	log_end(&l);
	return INGRESS_CLOSING;
}

static enum ingress_state
too_many(struct ingress_session *s, enum crowd_answer answer)
{
	static const char *const why[] = {
		[CROWD_FULL] = "total-max-smtp-in",
		[CROWD_GROUP_FULL] = "max-smtp-in of its source-group",
		[CROWD_GUEST_FULL] = "max-smtp-in-per-client",
	};

	ingress_reply(s, "421 4.3.2 %.180s has too many connections%s", s->host,
	    answer == CROWD_GUEST_FULL ? " from you" : "");
	return refuse(s, why[answer]);
}

enum ingress_state
ingress_greet(struct ingress_session *s)
{
	char text[NET_ADDR_TEXT];
	enum crowd_answer answer;

	if (!s->source.smtp_service) {
		ingress_reply(s,
		    "521 %.120s does not accept mail from you (%s)", s->host,
		    net_addr_text(&s->peer.addr, text));
		return INGRESS_CLOSING;
	}
	if (!ingress_may_fail(s, INGRESS_FAILED, &s->source.failure_rate)) {
		ingress_reply(s, "421 4.7.0 %.180s too many errors, try later",
		    s->host);
		return refuse(s, "max-failure-rate");
	}
	answer = ingress_enter(s);
	if (answer == CROWD_FULL && ingress_wait_outside(s))
		return INGRESS_SLOT;
	if (answer != CROWD_IN)
		return too_many(s, answer);
	ingress_reply(s, "220 %.180s (Mailrace v%s) %s service ready", s->host,
	    PACKAGE_VERSION,
	    s->door->protocol == INGRESS_LMTP ? "LMTP" : "ESMTP");
	return s->tls != NULL && !tls_stream_is_up(s->tls) ? INGRESS_TLS :
							     INGRESS_COMMAND;
}

/* Whom a greeting refuses is not worth a handshake. */
static enum ingress_state
welcome(struct ingress_session *s, const struct listener_conf *l)
{
	ingress_log_opened(s);
	if (l != NULL && l->immediate_tls && !ingress_tls_begin(s))
		return INGRESS_CLOSING;
	return ingress_greet(s);
}

/* NULL: LMTP has no settings of its own. */
static const struct listener_conf *
listener_of(const struct ingress_session *s)
{
	return s->door->protocol == INGRESS_SMTP ?
	    snapshot_listener(s->conf, s->door->name) :
	    NULL;
}

static bool
is_of_exim(const struct ingress_session *s)
{
	return s->door->protocol == INGRESS_LMTP && !s->door->pickup &&
	    conf_strs_has(&snapshot_global(s->conf)->exim_listeners,
		s->door->name);
}

/* ---- PROXY --------------------------------------------------------------- */

enum ingress_state
ingress_begin(struct ingress_session *s)
{
	const struct listener_conf *l = listener_of(s);

	if (l != NULL)
		s->listener_source = snapshot_listener_source(s->conf,
		    s->door->name);
	else if (s->door->pickup)
		s->listener_source = PICKUP_SOURCE;
	s->by_exim = is_of_exim(s);
	s->by_host = s->by_exim || (l != NULL && l->host_mta);
	ingress_set_rights(s);
	if (l == NULL || !l->proxy)
		return welcome(s, l);
	if (s->source.allow_proxy)
		return INGRESS_PROXY;
	ingress_reply(s, "521 5.7.1 %.180s is for proxies only", s->host);
	return refuse(s, "allow-proxy-protocol");
}

/* The client and what it connected to, as a proxy that we trust says. */
static void
speak_for(struct ingress_session *s, const struct net_addr *client,
    const struct net_addr *local)
{
	s->peer.told = true;
	s->peer.is_unix = false;
	s->peer.addr = *client;
	s->peer.local = *local;
}

/*
 * For whom a proxy speaks and does not know it, is not let in with the rights
 * of the proxy: here we are stricter than proxy-protocol.txt, 2.1.
 */
bool
ingress_on_proxy(struct ingress_session *s, enum ingress_state *next_r)
{
	struct proxy_header h;
	enum proxy_result r = proxy_proto_read(reader_input(&s->in), &h);

	if (r == PROXY_MORE)
		return false;
	if (r == PROXY_BAD || h.whose == PROXY_UNKNOWN) {
		ingress_reply(s, "521 5.7.1 %.180s needs a PROXY header",
		    s->host);
		*next_r = refuse(s,
		    r == PROXY_BAD ? "no PROXY header" : "client unknown");
		return true;
	}
	reader_take(&s->in, h.len);
	if (h.whose == PROXY_CLIENT)
		speak_for(s, &h.client, &h.local);
	ingress_set_rights(s);
	*next_r = welcome(s, listener_of(s));
	return true;
}

/* ---- XCLIENT ------------------------------------------------------------- */

/* "192.0.2.1", "IPV6:2001:db8::1" */
static bool
parse_addr(const char *text, struct net_addr *a_r)
{
	struct slice s = slice_of(text);
	struct err e;

	if (s.len > 5 && slice_eq_nocase((struct slice){ s.p, 5 }, "IPV6:")) {
		s.p += 5;
		s.len -= 5;
	}
	if (net_addr_parse(s, a_r, &e) == -1)
		return false;
	net_addr_unmap(a_r);
	return true;
}

/* NULL: taken.  Else what is wrong with it. */
static const char *
take_xclient(struct ingress_session *s, const struct smtp_xclient *x)
{
	struct net_addr client = s->peer.addr, local = s->peer.local;

	if (x->login != NULL && !s->login_ok)
		return "550 5.7.0 LOGIN is not believed";
	/* One who cannot be known would have the proxy's rights. */
	if (x->addr != NULL && !parse_addr(x->addr, &client))
		return "550 5.7.0 the client's address is needed";
	if (x->destaddr != NULL && x->destaddr[0] != '\0' &&
	    !parse_addr(x->destaddr, &local))
		return "501 5.5.4 bad DESTADDR";
	if (x->addr == NULL && !s->peer.told)
		return "550 5.7.0 the client's address is needed";
	speak_for(s, &client, &local);
	if (x->name != NULL)
		(void)snprintf(s->peer.name, sizeof(s->peer.name), "%s",
		    conf_is_host_name(slice_of(x->name)) ? x->name : "");
	if (x->helo != NULL)
		(void)snprintf(s->peer.helo, sizeof(s->peer.helo), "%s",
		    smtp_helo_is_valid(slice_of(x->helo)) ? x->helo : "");
	/* As whom the proxy has signed in goes with the first command. */
	if (x->login != NULL || !s->xclient_open)
		ingress_set_user(s, x->login);
	return NULL;
}

/*
 * As after a connection: RSET, greeting, EHLO again.  The rights to speak for
 * others stay for more attributes, until ingress_end_xclient().
 */
enum ingress_state
ingress_xclient(struct ingress_session *s, const struct smtp_xclient *x)
{
	bool login_ok = s->login_ok;
	const char *why = take_xclient(s, x);

	if (why != NULL) {
		ingress_say(s, why);
		return INGRESS_COMMAND;
	}
	ingress_tx_reset(s);
	s->helo[0] = '\0';
	s->extended = false;
	s->xclient_open = true;
	ingress_set_rights(s);
	s->xclient_ok = true;
	s->login_ok = login_ok;
	s->xforward_ok = false;
	return ingress_greet(s);
}

void
ingress_end_xclient(struct ingress_session *s)
{
	s->xclient_open = false;
	s->xclient_over = true;
	ingress_set_rights(s);
}

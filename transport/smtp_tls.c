/* SPDX-License-Identifier: Apache-2.0 */
/* TLS of a session: what is asked of it, and what log-tls says. */
#include "transport/smtp_tls.h"

#include <string.h>

#include "lib/log.h"
#include "transport/smtp_session_priv.h"
#include "vmta/tls_policy.h"

void
smtp_tls_policy(const struct snapshot *s, const struct queue_conf *conf,
    const char *nexthop, struct smtp_tls_policy *out)
{
	const struct tls_allowed may = tls_allowed(conf);

	*out = (struct smtp_tls_policy){ .limits = { .no_tls10 = !may.tls10,
					     .no_tls11 = !may.tls11,
					     .no_tls12 = !may.tls12,
					     .no_tls13 = !may.tls13,
					     .ciphers = conf->smtp_tls_ciphers,
					     .suites = conf->smtp_tls_suites },
		.takes_old = may.tls10 || may.tls11,
		.trust = snapshot_tls_trust(s, conf->smtp_tls_authorities),
		.names = { .nexthop = nexthop,
		    .match = conf->smtp_tls_match } };
}

int
smtp_tls_prepare(const struct smtp_session *s, struct bufferevent *tls,
    struct err *e)
{
	struct tls_limits limits = s->policy.limits;

	limits.modern = s->conf->require_starttls && !s->policy.takes_old;
	return tls_client_limit(tls, &limits, e);
}

bool
smtp_tls_judge(struct smtp_session *s, struct err *why)
{
	struct tls_names names = s->policy.names;

	if (s->policy.trust == NULL)
		return true;
	names.host = s->host;
	s->tls_verified = tls_client_judge(s->bev, s->policy.trust, &names,
	    why);
	return s->tls_verified;
}

static const char *
verdict(const struct smtp_session *s)
{
	if (s->policy.trust == NULL)
		return "not-asked";
	return s->tls_verified ? "yes" : "no";
}

void
smtp_log_tls(const struct smtp_session *s, const char *trouble)
{
	char peer[NET_ADDR_TEXT];
	struct tls_facts f;
	struct log_line l;

	if (!s->conf->log_tls)
		return;
	log_begin(&l, LOG_L_INFO, NULL, "tls");
	log_str(&l, "mx", s->host);
	log_str(&l, "addr", net_addr_text(&s->peer, peer));
	if (s->tls_done) {
		tls_client_facts(s->bev, &f);
		tls_facts_log(&f, &l);
		log_str(&l, "verified", verdict(s));
	}
	if (trouble != NULL)
		log_str(&l, "trouble", trouble);
	log_end(&l);
}

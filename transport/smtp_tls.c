/* SPDX-License-Identifier: Apache-2.0 */
/* What log-tls says of a session. */
#include "lib/log.h"
#include "lib/tls.h"
#include "transport/smtp_session_priv.h"

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
	}
	if (trouble != NULL)
		log_str(&l, "trouble", trouble);
	log_end(&l);
}

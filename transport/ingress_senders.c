/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/ingress_senders.h"

#include <stdlib.h>

#include "lib/log.h"
#include "lib/mem.h"
#include "transport/ingress_priv.h"
#include "vmta/policy.h"

struct sender_counts *
sender_counts_new(void)
{
	return mem_new(struct sender_counts);
}

void
sender_counts_free(struct sender_counts **sp)
{
	free(*sp);
	*sp = NULL;
}

/* The milter may have seen it: a host MTA hands it over, with its queue id. */
static bool
may_be_marked(const struct ingress_session *s)
{
	return s->door->protocol == INGRESS_LMTP ||
	    (s->xforward.ident != NULL && s->xforward.ident[0] != '\0');
}

void
ingress_sender_denied(const struct ingress_session *s, const char *sender,
    const char *user, enum sender_fault fault)
{
	const struct net_addr client = ingress_policy_client(s);
	char text[NET_ADDR_TEXT];
	struct log_line l;

	log_begin(&l, LOG_L_INFO, NULL, "sender-denied");
	if (s->xforward.ident != NULL && s->xforward.ident[0] != '\0')
		log_str(&l, "host-id", s->xforward.ident);
	log_fmt(&l, "from", "<%s>", sender);
	log_str(&l, "client", net_addr_text(&client, text));
	if (user[0] != '\0')
		log_str(&l, "user", user);
	log_str(&l, "why", sender_fault_word(fault));
	log_end(&l);
	count_add(&s->env->sender_counts->denied, 1);
}

bool
ingress_sender_may(struct ingress_session *s, const char *sender)
{
	const struct policy_in in = { .conf = s->conf,
		.client = ingress_policy_client(s),
		.source = s->listener_source,
		.auth_user = s->user,
		.sender = sender };
	enum sender_fault fault;

	if (!snapshot_judges_senders(s->conf) || may_be_marked(s))
		return true;
	fault = policy_mail(&in, s->cmd_rg);
	if (fault == SENDER_FINE)
		return true;
	ingress_sender_denied(s, sender, s->user == NULL ? "" : s->user, fault);
	ingress_reply(s, "550 5.7.1 %s", sender_fault_text(fault));
	return false;
}

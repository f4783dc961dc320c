/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/ingress_senders.h"

#include <stdlib.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "transport/ingress_priv.h"
#include "vmta/policy.h"
#include "vmta/rate_in.h"
#include "vmta/rate_in_show.h"
#include "vmta/sender_rates.h"

struct sender_counts *
sender_counts_new(void)
{
	struct sender_counts *c = mem_new(struct sender_counts);

	c->rates = rate_in_new(RATE_IN_CLIENTS);
	c->shared = shared_new(c->rates);
	return c;
}

void
sender_counts_free(struct sender_counts **cp)
{
	struct sender_counts *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	shared_free(&c->shared);
	rate_in_free(&c->rates);
	free(c);
}

/*
 * The milter may have seen it: a host MTA hands it over, with its queue id.  Or
 * the host MTA says only then who has signed in.
 */
static bool
is_known_late(const struct ingress_session *s)
{
	if (s->door->pickup)
		return false;
	return s->door->protocol == INGRESS_LMTP || s->by_host ||
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

static void
policy_in(const struct ingress_session *s, const char *sender,
    struct policy_in *in)
{
	*in = (struct policy_in){ .conf = s->conf,
		.client = ingress_policy_client(s),
		.source = s->listener_source,
		.auth_user = ingress_user(s),
		.sender = sender };
}

/* ---- so much ---------------------------------------------------------------- */

static void
log_limited(const struct ingress_session *s, const struct policy_in *in,
    const struct rate_in_no *no)
{
	struct log_line l;
	char text[NET_ADDR_TEXT];

	log_begin(&l, LOG_L_WARN, NULL, "rate-in");
	log_str(&l, "limit", rate_in_limit_text(no->limit, s->cmd_rg));
	log_str(&l, "client", net_addr_text(&in->client, text));
	if (in->auth_user != NULL)
		log_str(&l, "user", in->auth_user);
	log_int(&l, "refused", (int64_t)no->refused);
	log_end(&l);
}

/* Of a hand-over without a client: whose <source> it is nobody knows. */
static void
keep_of_user(struct rate_in_limits *limits)
{
	size_t n = 0;

	for (size_t i = 0; i < limits->n; i++)
		if (limits->v[i].who == RATE_IN_USER)
			limits->v[n++] = limits->v[i];
	limits->n = n;
}

/* Does a <source> say how much it may send?  Of files one does. */
static bool
has_source(const struct ingress_session *s)
{
	return s->door->pickup || ingress_client_is_known(s);
}

/* NULL: they may come in, and are counted; else the reply. */
static const char *
take(struct ingress_session *s, uint32_t messages, uint32_t rcpts,
    struct region *rg)
{
	struct sender_counts *counts = s->env->sender_counts;
	const uint32_t n[RATE_IN_WHATS] = { [RATE_IN_MESSAGES] = messages,
		[RATE_IN_RCPTS] = rcpts };
	int64_t now_us = clock_us();
	struct rate_in_limits limits;
	struct policy_in in;
	struct rate_in_no no;
	bool may;

	policy_in(s, "", &in);
	sender_rates_find(&in, &limits);
	if (!has_source(s))
		keep_of_user(&limits);
	if (limits.n == 0)
		return NULL;
	may = rate_in_take(shared_enter(counts->shared), &limits, n, now_us,
	    &no);
	shared_leave(counts->shared);
	if (may)
		return NULL;
	count_add(&counts->limited, 1);
	if (no.tell)
		log_limited(s, &in, &no);
	return rate_in_reply(&no, now_us, rg);
}

static bool
take_now(struct ingress_session *s, uint32_t messages, uint32_t rcpts)
{
	const char *why;

	if (!snapshot_limits_senders(s->conf) || is_known_late(s) ||
	    !has_source(s))
		return true;
	why = take(s, messages, rcpts, s->cmd_rg);
	if (why != NULL)
		ingress_reply(s, "%s", why);
	return why == NULL;
}

bool
ingress_rcpt_may(struct ingress_session *s)
{
	return take_now(s, 0, 1);
}

const char *
ingress_message_may(struct ingress_session *s)
{
	if (!snapshot_limits_senders(s->conf) || !is_known_late(s) ||
	    (!ingress_client_is_known(s) && ingress_user(s) == NULL))
		return NULL;
	return take(s, 1, (uint32_t)s->tx.rcpt_count, s->tx_rg);
}

/* ---- as whom ------------------------------------------------------------------ */

/* NULL: he may be used; else the reply. */
static const char *
judge(const struct ingress_session *s, const char *sender, struct region *rg)
{
	struct policy_in in;
	enum sender_fault fault;

	if (!snapshot_judges_senders(s->conf))
		return NULL;
	policy_in(s, sender, &in);
	fault = policy_mail(&in, rg);
	if (fault == SENDER_FINE)
		return NULL;
	ingress_sender_denied(s, sender,
	    in.auth_user == NULL ? "" : in.auth_user, fault);
	return REGION_JOIN(rg, "550 5.7.1 ", sender_fault_text(fault));
}

static bool
may_use(struct ingress_session *s, const char *sender)
{
	const char *why = is_known_late(s) ? NULL : judge(s, sender, s->cmd_rg);

	if (why != NULL)
		ingress_reply(s, "%s", why);
	return why == NULL;
}

const char *
ingress_bounce_may(struct ingress_session *s)
{
	const char *why = s->by_host ? judge(s, s->tx.sender, s->tx_rg) : NULL;

	return why != NULL ? why : ingress_message_may(s);
}

const char *
ingress_from_may(const struct ingress_session *s, const char *sender)
{
	return judge(s, sender, s->tx_rg);
}

bool
ingress_sender_may(struct ingress_session *s, const char *sender)
{
	return may_use(s, sender) && take_now(s, 1, 0);
}

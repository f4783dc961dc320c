/* SPDX-License-Identifier: Apache-2.0 */
#include "milter/milter_senders.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/shared.h"
#include "vmta/rate_in_show.h"
#include "vmta/sender_rates.h"

void
milter_senders_init(struct milter_env *env)
{
	env->rates = rate_in_new(RATE_IN_CLIENTS);
	env->shared = shared_new(env->rates);
}

void
milter_senders_fini(struct milter_env *env)
{
	shared_free(&env->shared);
	rate_in_free(&env->rates);
}

static void
log_client(const struct milter_sender *who, struct log_line *l)
{
	char client[NET_ADDR_TEXT];

	log_str(l, "client",
	    who->submitted ? "local" : net_addr_text(&who->in.client, client));
	if (who->in.auth_user != NULL)
		log_str(l, "user", who->in.auth_user);
}

const char *
milter_sender_denied(const struct milter_sender *who, enum sender_fault fault,
    struct region *rg)
{
	struct log_line l;

	log_begin(&l, LOG_L_INFO,
	    who->queue_id[0] == '\0' ? NULL : who->queue_id, "sender-denied");
	log_fmt(&l, "from", "<%s>", who->in.sender);
	log_client(who, &l);
	log_str(&l, "why", sender_fault_word(fault));
	log_end(&l);
	count_add(&who->env->denied, 1);
	return REGION_JOIN(rg, "550 5.7.1 ", sender_fault_text(fault));
}

static void
log_limited(const struct milter_sender *who, const struct rate_in_no *no,
    struct region *rg)
{
	struct log_line l;

	log_begin(&l, LOG_L_WARN, NULL, "rate-in");
	log_str(&l, "limit", rate_in_limit_text(no->limit, rg));
	log_client(who, &l);
	log_int(&l, "refused", (int64_t)no->refused);
	log_end(&l);
}

const char *
milter_sender_take(const struct milter_sender *who,
    const uint32_t n[RATE_IN_WHATS], struct region *rg)
{
	int64_t now_us = clock_us();
	struct rate_in_limits limits;
	struct rate_in_no no;
	bool may;

	sender_rates_find(&who->in, &limits);
	if (limits.n == 0)
		return NULL;
	may = rate_in_take(shared_enter(who->env->shared), &limits, n, now_us,
	    &no);
	shared_leave(who->env->shared);
	if (may)
		return NULL;
	count_add(&who->env->limited, 1);
	if (no.tell)
		log_limited(who, &no, rg);
	return rate_in_reply(&no, now_us, rg);
}

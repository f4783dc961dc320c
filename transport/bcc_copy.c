/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/bcc_copy.h"

#include "lib/clock.h"
#include "mail/addr.h"
#include "mail/waybill.h"

static uint32_t
fill_rcpts(const struct bcc_copy *of, struct env_rcpt *out)
{
	const struct env_rcpt *like = &of->env->rcpts[of->n];
	uint32_t n = 0;

	for (size_t i = 0; i < of->to->n; i++) {
		struct addr a;
		bool by_host;

		if (addr_parse(slice_of(of->to->v[i]), of->rg, &a) != ADDR_OK)
			continue;
		by_host = snapshot_is_host_domain(of->conf, a.domain);
		out[n++] = (struct env_rcpt){ .addr = a.text,
			.domain = by_host ? SNAPSHOT_DSN_DOMAIN : a.domain,
			.vmta = by_host ? "" : like->vmta,
			.pool = by_host ? "" : like->pool,
			.orcpt = "",
			.notify = NOTIFY_NEVER,
			.priority = like->priority,
			.signatures = like->signatures };
	}
	return n;
}

uint32_t
bcc_copy_make(const struct bcc_copy *of, struct notice *out)
{
	struct envelope env = *of->env;
	struct buf packed = { 0 };

	if (of->to->n == 0 || of->body == NULL ||
	    (env.flags & ENVELOPE_COPY) != 0)
		return 0;
	env.rcpts = region_array(of->rg, of->to->n, sizeof(*env.rcpts));
	env.rcpt_count = fill_rcpts(of, env.rcpts);
	if (env.rcpt_count == 0)
		return 0;
	env.arrival_us = clock_wall_us();
	env.flags |= ENVELOPE_COPY;
	env.envid = "";
	env.spans = (struct spans){ 0 };
	envelope_pack(&env, &packed);
	*out = (struct notice){ .msg = message_new(packed.p,
				    (uint32_t)packed.len) };
	buf_fini(&packed);
	waybill_pack(&env, &out->waybill);
	out->msg->body = body_ref(of->body);
	return env.rcpt_count;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/sender_out.h"

#include <string.h>

#include "mail/verp.h"
#include "vmta/rewrite.h"

const char *
sender_out(const struct snapshot *conf, const struct envelope *env, uint32_t n,
    const char *vmta, struct region *rg)
{
	const char *sender;

	if ((env->flags & ENVELOPE_NOTICE) != 0 ||
	    strcmp(env->rcpts[n].domain, SNAPSHOT_DSN_DOMAIN) == 0)
		return env->sender;
	sender = rewrite_sender(snapshot_vmta_rewrites(conf, vmta), env->sender,
	    rg);
	return (env->flags & ENVELOPE_VERP) == 0 ?
	    sender :
	    verp_make(sender, env->rcpts[n].addr, rg);
}

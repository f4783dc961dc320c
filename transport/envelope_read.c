/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/envelope_read.h"

int
envelope_read(struct worker_env *env, const struct message *m,
    struct region *rg, struct envelope *env_r, struct err *e)
{
	(void)env;
	if (envelope_unpack(m->env, m->env_len, rg, env_r, e) == 0)
		return 0;
	env_r->rcpt_count = 0;
	return -1;
}

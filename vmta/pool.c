/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/pool.h"

const struct vmta *
pool_pick(const struct pool *pool, uint64_t turn)
{
	if (pool->members.n == 0)
		return NULL;
	return pool->vmtas[turn % pool->members.n];
}

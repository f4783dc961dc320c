/* SPDX-License-Identifier: Apache-2.0 */
/* The sim's source addresses: which of them the host does not have for now. */
#include "lib/check.h"
#include "lib/clock.h"
#include "tests/support/sim_priv.h"

#define WATCH_US (5 * US_PER_S)

bool
sim_has_lost(const struct sim *sim, const struct net_addr *a)
{
	for (size_t i = 0; i < sim->lost_count; i++)
		if (net_addr_eq(&sim->lost[i], a))
			return true;
	return false;
}

void
sim_lose(struct sim *sim, const struct net_addr *a)
{
	CHECK(sim->lost_count < SIM_LOST);
	sim->lost[sim->lost_count] = *a;
	sim->lost_count++;
}

void
sim_find(struct sim *sim, const struct net_addr *a)
{
	for (size_t i = sim->lost_count; i-- > 0;) {
		if (!net_addr_eq(&sim->lost[i], a))
			continue;
		sim->lost_count--;
		sim->lost[i] = sim->lost[sim->lost_count];
	}
}

void
sim_on_source(void *ctx, const struct net_addr *a, bool lost)
{
	struct sim *sim = ctx;

	sim->told_lost += lost;
	sim->told_back += !lost;
	CHECK(
	    lost ? lost_add(&sim->watched, a) : lost_remove(&sim->watched, a));
	if (lost && sim->watch_us == INT64_MAX)
		sim->watch_us = sim->now_us + WATCH_US;
}

/* As transport/source_watch.c does. */
void
sim_watch(struct sim *sim)
{
	if (sim->watch_us > sim->now_us)
		return;
	for (size_t i = sim->watched.n; i-- > 0;) {
		struct net_addr a = sim->watched.v[i];

		if (!sim_has_lost(sim, &a))
			sched_source_lost(sim->sched, &a, false);
	}
	sim->watch_us = sim->watched.n > 0 ? sim->now_us + WATCH_US : INT64_MAX;
}

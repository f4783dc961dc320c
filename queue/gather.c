/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/gather.h"

#include "lib/clock.h"

/* The event loop counts in milliseconds: a quarter of less is none. */
#define SLOW_US (4 * US_PER_MS)
#define WAIT_MAX_US (20 * US_PER_MS)

void
gather_came(struct gather *g, int64_t came_us)
{
	if (came_us < g->answered_us)
		g->waited++;
}

int64_t
gather_wait(struct gather *g, uint64_t messages, int64_t now_us)
{
	int64_t wait = g->syncs_us / 4;

	if (g->syncs_us < SLOW_US || messages >= g->answered + g->waited)
		return 0;
	if (g->until_us == 0)
		g->until_us = now_us +
		    (wait < WAIT_MAX_US ? wait : WAIT_MAX_US);
	return g->until_us > now_us ? g->until_us - now_us : 0;
}

void
gather_answered(struct gather *g, uint64_t messages, int64_t syncs_us,
    int64_t now_us)
{
	g->syncs_us = (3 * g->syncs_us + syncs_us) / 4;
	g->answered = messages;
	g->answered_us = now_us;
	g->waited = 0;
	g->until_us = 0;
}

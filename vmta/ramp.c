/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/ramp.h"

#define STEPS (100 - RAMP_FROM)

void
ramp_run(struct ramp *r, int64_t now_us)
{
	int64_t age = now_us - r->start_us;

	if (r->length_us <= 0 || age >= r->length_us)
		r->percent = 100;
	else if (age <= 0)
		r->percent = RAMP_FROM;
	else
		r->percent = RAMP_FROM + (uint32_t)(age * STEPS / r->length_us);
}

void
ramp_set(struct ramp *r, int64_t length_us, int64_t now_us)
{
	r->length_us = length_us;
	ramp_run(r, now_us);
}

int64_t
ramp_next(const struct ramp *r)
{
	int64_t step;

	if (!ramp_is_on(r))
		return INT64_MAX;
	step = (int64_t)r->percent - RAMP_FROM + 1;
	return r->start_us + (r->length_us * step + STEPS - 1) / STEPS;
}

uint32_t
ramp_part(const struct ramp *r, uint32_t max)
{
	uint32_t part;

	if (!ramp_is_on(r) || max == UINT32_MAX)
		return max;
	part = (uint32_t)((uint64_t)max * r->percent / 100);
	return part == 0 ? 1 : part;
}

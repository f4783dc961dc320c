/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/fair.h"

#include "lib/check.h"

#define DEBT_MAX 8 /* quanta; bounds the rounds that fair_next() makes */

void
fair_init(struct fair *f, uint32_t quantum)
{
	CHECK(quantum > 0);
	TAILQ_INIT(&f->ring);
	f->quantum = quantum;
}

void
fair_join(struct fair *f, struct fair_flow *flow)
{
	if (flow->joined)
		return;
	TAILQ_INSERT_TAIL(&f->ring, flow, link);
	flow->joined = true;
	flow->deficit = f->quantum;
}

void
fair_leave(struct fair *f, struct fair_flow *flow)
{
	if (!flow->joined)
		return;
	TAILQ_REMOVE(&f->ring, flow, link);
	flow->joined = false;
}

struct fair_flow *
fair_next(struct fair *f)
{
	struct fair_flow *flow;

	while ((flow = TAILQ_FIRST(&f->ring)) != NULL) {
		TAILQ_REMOVE(&f->ring, flow, link);
		TAILQ_INSERT_TAIL(&f->ring, flow, link);
		if (flow->deficit <= 0)
			flow->deficit += f->quantum;
		if (flow->deficit > 0)
			return flow;
	}
	return NULL;
}

struct fair_flow *
fair_first(const struct fair *f)
{
	return TAILQ_FIRST(&f->ring);
}

void
fair_charge(const struct fair *f, struct fair_flow *flow, uint32_t cost)
{
	if (!flow->joined)
		return;
	flow->deficit -= cost;
	if (flow->deficit < -DEBT_MAX * (int64_t)f->quantum)
		flow->deficit = -DEBT_MAX * (int64_t)f->quantum;
}

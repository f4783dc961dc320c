/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ramp - a cold start (startup-ramp): what limits allow rises from a tenth to
 * all of it, so that what waited during a stop makes no burst.
 *
 * Evenly, in steps of a hundredth.  Whoever waits because of a step looks again
 * at ramp_next().  Pure on the caller's clock; the scheduler thread owns it.
 */

#ifndef VMTA_RAMP_H
#define VMTA_RAMP_H

#include <stdbool.h>
#include <stdint.h>

#define RAMP_FROM 10 /* per cent */

struct ramp {
	int64_t start_us;
	int64_t length_us; /* 0: none */
	uint32_t percent;  /* as of the last ramp_run() */
};

/* Of another length from now on; it goes on from the same start. */
void ramp_set(struct ramp *r, int64_t length_us, int64_t now_us);
void ramp_run(struct ramp *r, int64_t now_us);
/* When its next step is, or INT64_MAX. */
int64_t ramp_next(const struct ramp *r);

/* Has it not come to its end?  r may be NULL. */
static inline bool
ramp_is_on(const struct ramp *r)
{
	return r != (void *)0 && r->percent < 100;
}

/* So many of max, at least one; UINT32_MAX is no limit, also for a ramp. */
uint32_t ramp_part(const struct ramp *r, uint32_t max);

#endif

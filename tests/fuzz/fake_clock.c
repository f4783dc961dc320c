/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fake_clock.h"

#include <stdio.h>

#include "lib/clock.h"

/* Some day in November 2026. */
#define START_US INT64_C(1795200000000000)

int64_t fake_clock_now_us = START_US;

void
fake_clock_reset(void)
{
	fake_clock_now_us = START_US;
}

int64_t
clock_us(void)
{
	return fake_clock_now_us;
}

int64_t
clock_wall_us(void)
{
	return fake_clock_now_us;
}

size_t
clock_iso(char *out, size_t cap, int64_t wall_us)
{
	(void)wall_us;
	return (size_t)snprintf(out, cap, "2026-11-20 23:40:01+0000");
}

size_t
clock_rfc5322(char *out, size_t cap, int64_t wall_us)
{
	(void)wall_us;
	return (size_t)snprintf(out, cap, "Fri, 20 Nov 2026 23:40:01 +0000");
}

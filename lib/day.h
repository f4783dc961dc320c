/* SPDX-License-Identifier: Apache-2.0 */
/*
 * day - days of the local calendar, as numbers that grow by one: so many since
 * the first of January 1970 of the local date.
 *
 * A local day may have 23 or 25 hours, and a time zone may change: so the end
 * of a day is asked of the system, not counted.  Any thread; no locks but those
 * of the C library for the time zone.
 */

#ifndef LIB_DAY_H
#define LIB_DAY_H

#include <stdint.h>

#include "lib/err.h"
#include "lib/str.h"

struct day {
	uint32_t number;
	int64_t ends_s; /* wall clock: the first second of the next one */
};

/* Of a time of the wall clock, from 1970 to 2099. */
struct day day_of(int64_t wall_s);

/*
 * The time of the wall clock at which so many seconds of that day have gone by
 * on a local clock.  What such a clock shows twice is the later of both; what it
 * passes over is as if it had not been set forward: never too early.
 */
int64_t day_time(uint32_t number, uint32_t second);

/* "2026-11-30" */
int day_parse(struct slice s, uint32_t *number_r, struct err *e);
void day_print(struct buf *b, uint32_t number);

#endif

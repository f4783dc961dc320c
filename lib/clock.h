/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock - the only place that asks the time.  Microseconds.
 *
 * clock_us() is the engine's clock: wall time at start plus what the
 * monotonic clock has counted since.  It never steps, so limits and due times
 * are computed on it; after a restart it is set anew from the wall clock.
 * clock_wall_us() is for time stamps that people read.  Any thread.
 */

#ifndef LIB_CLOCK_H
#define LIB_CLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define US_PER_S INT64_C(1000000)
#define US_PER_MS INT64_C(1000)

int64_t clock_us(void);
/* That time of clock_us(), for a wait on CLOCK_MONOTONIC. */
struct timespec clock_monotonic(int64_t at_us);
int64_t clock_wall_us(void);

/*
 * Since the kernel began, with the time that the machine slept; it never steps.
 * Two of different boots (lib/boot.h) have nothing to do with each other.
 */
int64_t clock_boot_us(void);

/* "2026-11-20 23:40:01+0000", PowerMTA's form; returns the length. */
size_t clock_iso(char *out, size_t cap, int64_t wall_us);

/* RFC 5322 date-time in UTC: "Fri, 20 Nov 2026 23:40:01 +0000". */
size_t clock_rfc5322(char *out, size_t cap, int64_t wall_us);

#endif

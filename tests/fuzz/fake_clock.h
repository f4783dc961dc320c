/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_clock - lib/clock.h for a fuzz target: time stands still until the
 * target moves it, so that an input does the same each time.
 *
 * Linked in place of lib/clock.c.  One thread.
 */

#ifndef TESTS_FUZZ_FAKE_CLOCK_H
#define TESTS_FUZZ_FAKE_CLOCK_H

#include <stdint.h>

extern int64_t fake_clock_now_us;

void fake_clock_reset(void);

#endif

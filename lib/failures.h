/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failures - how often somebody failed of late, for limits that several
 * threads share: sign-ins that were refused, bad commands.
 *
 * A period begins with the first failure and ends so long after it; then all
 * is forgotten.  Whoever has reached the limit waits for that end.  The rate is
 * asked with: after a reload the new one counts for what is known already.
 *
 * Memory is bounded: beyond FAILURES_MAX names the one whose period began
 * first is forgotten, so that a crowd of addresses cannot fill the memory.
 * Any thread; one lock.  The clock is the caller's, monotonic.
 */

#ifndef LIB_FAILURES_H
#define LIB_FAILURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/str.h"

enum { FAILURES_MAX = 65536 };

struct failures;

struct failures *failures_new(void);
void failures_free(struct failures **fp);

/* False: as many as the rate allows, and its period is not over. */
bool failures_allows(struct failures *f, const char *who,
    const struct rate *rate, int64_t now_us);

/* One more; period_us: how long a period is that begins with it. */
void failures_add(struct failures *f, const char *who, int64_t period_us,
    int64_t now_us);

#endif

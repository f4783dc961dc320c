/* SPDX-License-Identifier: Apache-2.0 */
/*
 * errors_lately - how many attempts of a queue, or from a source, were made
 * within the last hour, and how many of them failed.
 *
 * Counted by the minute: what is asked for a span covers all of it, and at most
 * one minute more.  Thresholds (max-errors-per-hour, backoff-upon-error-rate)
 * are asked after each count; what one of them did is done, so whoever acts on
 * it clears the counts, or the next error would do it again.
 *
 * A share needs all attempts, also those before the first error: whoever asks
 * for one counts from the first attempt, and forgets nothing of the hour.
 *
 * The clock is not expected to step.  When it does, backwards, counts leave
 * later, by an hour at most.  About 500 bytes, a fixed number of steps a call.
 * Pure on the caller's clock; the scheduler thread owns it.
 */

#ifndef VMTA_ERRORS_LATELY_H
#define VMTA_ERRORS_LATELY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/clock.h"

#define ERRORS_MINUTE_US (60 * US_PER_S)
#define ERRORS_SPAN_MAX_US (60 * ERRORS_MINUTE_US)
enum { ERRORS_MINUTES = 61 }; /* those of an hour, and the one that runs */

struct errors_count {
	uint32_t attempts, errors;
};

struct errors_lately {                               /* zeroed: none */
	int64_t minute;                              /* the newest one */
	struct errors_count minutes[ERRORS_MINUTES]; /* by minute modulo */
};

/* errors of these attempts failed: at most as many as there are. */
void errors_lately_add(struct errors_lately *e, uint32_t attempts,
    uint32_t errors, int64_t now_us);
void errors_lately_clear(struct errors_lately *e);

/* In a span of at most ERRORS_SPAN_MAX_US until now. */
struct errors_count errors_lately_sum(struct errors_lately *e, int64_t span_us,
    int64_t now_us);
/* Did anything happen within the hour?  If not, it may be dropped. */
bool errors_lately_any(struct errors_lately *e, int64_t now_us);

/* When nothing of it counts any more; 0: nothing does. */
int64_t errors_lately_end(const struct errors_lately *e);

/* max-errors-per-hour: more than so many; 0: there is none. */
bool errors_lately_too_many(struct errors_lately *e, uint32_t max,
    int64_t now_us);
/* backoff-upon-error-rate: so many per cent of at least so many attempts. */
struct errors_share {
	uint32_t percent; /* 0: there is none */
	uint32_t attempts;
	int64_t span_us;
};
bool errors_lately_too_often(struct errors_lately *e,
    const struct errors_share *share, int64_t now_us);

/* What was counted so many minutes ago; ago < ERRORS_MINUTES. */
struct errors_count errors_lately_at(struct errors_lately *e, uint32_t ago,
    int64_t now_us);

#endif

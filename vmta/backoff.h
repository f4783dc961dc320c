/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backoff - whether a queue runs under its normal limits, under those of
 * backoff, or on the way back: by how much they have risen.
 *
 *	normal --enter--> backoff --leave--> return --> normal
 *	                     ^------ enter -----'
 *
 * Backoff ends at its time, or when somebody says so.  Then the limits rise
 * evenly over backoff-return-interval, in sixteenths; without one they are
 * normal at once.  A return that began while nobody looked (the process was
 * down) began when backoff ended, not when it was seen.
 *
 * It says nothing about waiting: a queue in backoff goes on, slower
 * (vmta/retry.h is the wait).  Pure on the caller's clock; the scheduler thread
 * owns it.
 */

#ifndef VMTA_BACKOFF_H
#define VMTA_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/str.h"

#define BACKOFF_NEVER INT64_MAX /* it does not end by itself */
#define BACKOFF_STEPS 16

enum queue_mode { MODE_NORMAL, MODE_BACKOFF, MODE_RETURN };

struct backoff { /* zeroed: normal */
	enum queue_mode mode;
	int64_t since_us; /* in this mode; 0: normal */
	int64_t until_us; /* its end; 0: normal */
};

/*
 * In backoff until then.  True: it was not.  Again: until the later end of the
 * two; since when it is in backoff stays.
 */
bool backoff_enter(struct backoff *b, int64_t until_us, int64_t now_us);
/*
 * Out of backoff, normal after return_us more (0: at once, also from a return
 * that has begun).  True: the mode is another one now.
 */
bool backoff_leave(struct backoff *b, int64_t return_us, int64_t now_us);
/* The same when its time has come: to be called at backoff_next(). */
bool backoff_run(struct backoff *b, int64_t return_us, int64_t now_us);

/* From 0, the limits are those of backoff, to BACKOFF_STEPS: the normal ones. */
uint32_t backoff_share(const struct backoff *b, int64_t now_us);
/* When time alone changes the mode or the share next, or INT64_MAX. */
int64_t backoff_next(const struct backoff *b, int64_t now_us);

/*
 * Limits at that share, between backoff's (low) and the normal ones (high).  On
 * the way a rate is written for the period of the normal one, never above it,
 * and evenly never below that of backoff.  What has no limit in backoff has the
 * normal one there; what has none normally has that of backoff until the return
 * is over.  A limit of backoff above the normal one has no effect.
 */
uint32_t backoff_count(uint32_t low, uint32_t high, uint32_t share);
struct rate backoff_rate(const struct rate *low, const struct rate *high,
    uint32_t share);
struct data_rate backoff_data(const struct data_rate *low,
    const struct data_rate *high, uint32_t share);

/*
 * One of backoff for another period than the normal one cannot stand for it:
 * 10/m lets 600 go in an hour, 100/h a hundred in a minute, and both were
 * written by the operator.  So the normal one goes on as it is, and that of
 * backoff holds beside it: also_r, of 0 when own_r says it all.
 */
void backoff_rates(const struct rate *low, const struct rate *high,
    uint32_t share, struct rate *own_r, struct rate *also_r);
void backoff_datas(const struct data_rate *low, const struct data_rate *high,
    uint32_t share, struct data_rate *own_r, struct data_rate *also_r);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pacer - spreads events evenly: at most N in a period, without bursts.
 *
 * Pure arithmetic on the caller's clock: no locks, no allocation, no time
 * call.  The scheduler thread owns every pacer; nobody else touches one.
 *
 * A pacer that was idle may catch up by at most `slack_us`, so a quiet night
 * does not turn into a flood in the morning; events that go at once by at most
 * the time of so many, up to a twentieth of the period, since a message of many
 * bytes would seldom come at the very moment that it is due.  It does not bound
 * what falls into any one window: that is window.h.
 *
 * Several events may go at once (the recipients of one transaction, the bytes
 * of a message); the next is then due so many intervals later, at most a
 * period: what is more, the window knows.  So nobody waits for longer than a
 * period either when the clock steps back.
 */

#ifndef VMTA_PACER_H
#define VMTA_PACER_H

#include <stdbool.h>
#include <stdint.h>

struct pacer {
	uint64_t count;    /* events ... */
	uint64_t rest;     /* of next_us, in 1/count microseconds */
	int64_t period_us; /* ... in this time; 1/20m and 500/d are exact */
	int64_t slack_us;  /* how late it may catch up */
	int64_t next_us;   /* when the next event is due */
};

/*
 * Slack is a twentieth of the period, at most a second, at least one
 * interval: a pacer that was idle lets through two events, or 5 % of a rate;
 * or two transactions of up to 5 % each.
 */
void pacer_init(struct pacer *p, uint64_t count, int64_t period_us,
    int64_t now_us);
/* Another rate from now on; events taken ahead are paid at the new one. */
void pacer_set(struct pacer *p, uint64_t count, int64_t period_us,
    int64_t now_us);

/* Takes n events if one is due. */
bool pacer_take(struct pacer *p, uint64_t n, int64_t now_us);
/*
 * After a take: the next one waits as long as at so many per cent of the rate
 * (1 to 100), but never longer than a period.
 */
void pacer_slow(struct pacer *p, uint64_t n, uint32_t percent);
void pacer_return(struct pacer *p, uint64_t n);

/* When pacer_take() will next succeed; now_us itself if it would already. */
int64_t pacer_next(struct pacer *p, int64_t now_us);
/* At the earliest after n others, so many at once; INT64_MAX: not soon. */
int64_t pacer_after(const struct pacer *p, uint64_t n, uint64_t each,
    int64_t now_us);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct_retry - when a webhook or a Redis server that failed is tried again.
 *
 * After 1 s, then twice as long each time, up to the longest pause that the
 * configuration allows; each shortened by up to 20 % by chance, so that many
 * senders do not come back together.  What the server asked for counts when
 * it is longer, up to an hour.
 *
 * acct_retry_at() is pure: time and chance are the caller's.
 */

#ifndef TRANSPORT_ACCT_RETRY_H
#define TRANSPORT_ACCT_RETRY_H

#include <stdint.h>

struct event;

/* Embedded; zero-initialised: nothing has failed. */
struct acct_retry {
	unsigned failures; /* in a row */
};

/*
 * It has failed again: when to try.  longest_us: retry-interval; asked_us:
 * Retry-After, 0: none.
 */
int64_t acct_retry_at(struct acct_retry *r, int64_t now_us, int64_t longest_us,
    int64_t asked_us, uint32_t chance);

/* Sets the timer for then, by the clock and a chance of our own. */
void acct_retry_set(struct acct_retry *r, struct event *timer,
    int64_t longest_us, int64_t asked_us);

/* It has worked. */
void acct_retry_well(struct acct_retry *r);

#endif

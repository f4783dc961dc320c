/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listing - what `list` answers.
 *
 * Taken in one go on the scheduler's thread, as small copies, so that a long
 * listing does not hold up deliveries; handed out one by one on main, as fast
 * as the client reads.  Envelopes are read by a worker, some at a time.
 */

#ifndef TRANSPORT_LISTING_H
#define TRANSPORT_LISTING_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmta/sched.h"

struct listing;
struct worker_env;

/*
 * The filters of a request: "queue" is DOMAIN[/VMTA], each half a shell
 * pattern without regard to case, "maxitems" a number.
 */
struct listing *listing_new(const json_t *args);
void listing_free(struct listing **lp);

/* On the scheduler's thread, once. */
void listing_take_rcpts(struct listing *l, struct sched *s, int64_t now_us);

/* Must envelopes be read before listing_next()? */
bool listing_wants_read(const struct listing *l);
void listing_read(struct listing *l, struct worker_env *worker); /* there */

json_t *listing_next(struct listing *l);      /* NULL: that was all */
json_t *listing_sum(const struct listing *l); /* how many fit, how many shown */

#endif

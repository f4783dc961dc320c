/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_delay - senders are told that their mail is late: owner->delayed, with
 * the first failure behind each multiple of notify-of-delay-every.
 *
 * A recipient remembers which multiple it was (in three bits: eight of them
 * without a failure in between, and one is left out).  What is read from the
 * spool is taken to be told up to then, so a restart tells nothing twice.  Of
 * the scheduler's inside, like sched_priv.h.
 */

#ifndef VMTA_SCHED_DELAY_H
#define VMTA_SCHED_DELAY_H

#include <stdint.h>

struct backlog;
struct rcpt;
struct sched;
struct sched_queue;

/* It is new in the queue. */
void delay_begin(const struct sched_queue *q, struct rcpt *r, int64_t now_us);

/* It was tried, and has to wait. */
void delay_deferred(struct sched *s, struct sched_queue *q, struct rcpt *r,
    int64_t now_us);

/*
 * The queue failed: of those that wait their turn in it at most DELAY_WALK_MAX,
 * so that it takes no longer than a millisecond or two.
 */
enum { DELAY_WALK_MAX = 20000 };
void delay_queue_failed(struct sched *s, struct sched_queue *q, int64_t now_us);

#endif

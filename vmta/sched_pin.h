/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_pin - mail that is to go from the source that it went from before.
 *
 * For vmta/sched*.c only; how that goes is said in sched_pin.c.  All but the
 * first and the last are about a queue that has pins.
 */

#ifndef VMTA_SCHED_PIN_H
#define VMTA_SCHED_PIN_H

#include "vmta/sched_priv.h"

/* The group is to go from the source of this connection again. */
void pin_keep(struct sched_conn *c, struct group *g, int64_t until_us);
/* Unpins what can wait no longer; when that is to be looked at again. */
int64_t pins_settle(struct sched *s, struct sched_queue *q, int64_t now_us);
/* What is pinned to its source and may go over it; or NULL. */
struct group *pin_group(const struct sched_conn *c, int64_t now_us);
/* The idle connection to look at first: one of pinned mail, if any. */
struct sched_conn *pin_idle(const struct sched_queue *q, int64_t now_us);
/* The source that one is to be opened from: its place in the list; SIZE_MAX. */
size_t pin_source(struct sched *s, const struct sched_queue *q, int64_t now_us);
/* Has the queue no slot for that because of such as this one? */
bool pin_is_kept_out(const struct sched_conn *c, int64_t now_us);
static inline bool
pins_wait(const struct sched_queue *q)
{
	return q->pins != NULL && q->aside > 0;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timer - when sched has to look at something again: embedded in queues,
 * shared scopes and connections, all in one heap.
 *
 * On the caller's clock; nothing fires by itself.  Scheduler thread only; the
 * heap does not own the timers, so who frees one sets it to never first.
 */

#ifndef VMTA_TIMER_H
#define VMTA_TIMER_H

#include <stdint.h>

#include "vmta/heap.h"

enum timer_kind {
	TIMER_QUEUE,
	TIMER_SHARED,
	TIMER_CONN,
	TIMER_SOURCE,
	TIMER_PAYER,
	TIMER_LEASES,
	TIMER_WARMUPS,
	TIMER_COLDS,
	TIMER_KEEPS,
	TIMER_STANDING
};

struct timer {
	int64_t at_us;
	uint32_t index;
	enum timer_kind kind;
};

void timer_init(struct timer *t, enum timer_kind kind);
/* INT64_MAX: never. */
void timer_set(struct heap *timers, struct timer *t, int64_t at_us);
/* Takes out the first one that is due, or NULL. */
struct timer *timer_pop(struct heap *timers, int64_t now_us);
int64_t timer_next(const struct heap *timers); /* or INT64_MAX */

#endif

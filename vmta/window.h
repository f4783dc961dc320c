/* SPDX-License-Identifier: Apache-2.0 */
/*
 * window - at most N events in any window of a given length, exactly.
 *
 * Up to N = 1024 each event has its time stamp.  Above, events are counted in
 * 256 sub-windows and each counts until a whole window after the end of its
 * own: never too many, at most 0.4 % too few.
 *
 * An event counts from when it happened.  Between take and settle (a RCPT
 * granted and not written yet) it is pending, and a pending one counts as if
 * it happened now, whenever now is.
 *
 * The guard: what we write evenly can arrive closer together, so the window
 * is kept longer than asked by 1 %, at most a second.  What moves more than
 * that on its way is beyond us.
 *
 * Memory grows with the events in the window and is given back when there
 * are none.  Pure on the caller's clock; the scheduler thread owns it.
 */

#ifndef VMTA_WINDOW_H
#define VMTA_WINDOW_H

#include <stdint.h>

#define WINDOW_EXACT 1024
#define WINDOW_PARTS 256

struct window_entry {
	int64_t at_us; /* of the event, or the end of its sub-window */
	uint32_t count;
};

struct window {
	uint32_t max;
	uint32_t count;   /* in entries */
	uint32_t pending; /* taken and not settled */
	uint32_t head, used, cap;
	struct window_entry *ring; /* oldest at head */
	int64_t length_us;         /* with the guard */
	int64_t part_us;           /* of a sub-window; 0: exact */
};

void window_init(struct window *w, uint32_t max, int64_t period_us);
/* Other numbers from now on; what was counted goes on counting. */
void window_set(struct window *w, uint32_t max, int64_t period_us);
void window_fini(struct window *w);

/*
 * How long the window really is, guard and sub-window included: N events in
 * that time is what can be sustained.
 */
int64_t window_span(const struct window *w);

uint32_t window_room(struct window *w, int64_t now_us);
/* When there will be room; INT64_MAX: not before something is settled. */
int64_t window_next(struct window *w, int64_t now_us);
/* When the last event will have left, or 0. */
int64_t window_end(const struct window *w);

void window_take(struct window *w, uint32_t n); /* pending */
void window_return(struct window *w, uint32_t n);
void window_settle(struct window *w, uint32_t n, int64_t when_us);

#endif

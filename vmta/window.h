/* SPDX-License-Identifier: Apache-2.0 */
/*
 * window - at most N events (recipients, connections, bytes) in any window of
 * a given length, exactly.
 *
 * Up to N = 1024 each event has its time stamp.  Above, neighbours within a
 * thousandth of the period are one entry, which counts from the last of them:
 * never too many, at most 0.1 % too few.
 *
 * An event counts from when it happened.  Between take and settle (a RCPT
 * granted and not written yet) it is pending, and a pending one counts as if
 * it happened now, whenever now is.
 *
 * A message of more bytes than N would never go: it may, alone in a window
 * that is empty, and counts in full.
 *
 * The guard: what we write evenly can arrive closer together, so the window
 * is kept longer than asked by 0.5 %, at most a second.  What moves more than
 * that on its way is beyond us.
 *
 * The clock is not expected to step.  When it does, backwards, events leave
 * later, by a window at most; a step forwards cannot be told from time.
 *
 * Memory grows with the events in the window and is given back when there
 * are none.  Pure on the caller's clock; the scheduler thread owns it.
 */

#ifndef VMTA_WINDOW_H
#define VMTA_WINDOW_H

#include <stdint.h>

#define WINDOW_EXACT 1024
#define WINDOW_PARTS 1000

struct window_entry {
	int64_t at_us; /* of the last event in it */
	uint64_t count;
};

struct window {
	uint64_t max;
	uint64_t count;   /* in entries */
	uint64_t pending; /* taken and not settled */
	uint32_t head, used, cap;
	struct window_entry *ring; /* oldest at head */
	int64_t period_us;
	int64_t length_us; /* with the guard */
	int64_t part_us;   /* that an entry may span; 0: exact */
	int64_t first_us;  /* of the first event in the last entry */
};

void window_init(struct window *w, uint64_t max, int64_t period_us);
/*
 * Other numbers from now on; what was counted goes on counting.  What had left
 * a shorter window is not known any more.
 */
void window_set(struct window *w, uint64_t max, int64_t period_us);
void window_fini(struct window *w);

/*
 * How long the window really is, with all that makes it longer: N events in
 * that time is what can be sustained.
 */
int64_t window_span(const struct window *w);

uint64_t window_room(struct window *w, int64_t now_us);
/*
 * When n > 0 may be taken; more than N: when it is empty.  INT64_MAX: not
 * before something is settled or returned.
 */
int64_t window_next(struct window *w, uint64_t n, int64_t now_us);
/* When the last event will have left, or 0. */
int64_t window_end(const struct window *w);
/* The events that count, oldest first; i < w->used. */
const struct window_entry *window_at(const struct window *w, uint32_t i);

/* Pending.  window_next() was now, or the caller knows better. */
void window_take(struct window *w, uint64_t n);
void window_return(struct window *w, uint64_t n);
void window_settle(struct window *w, uint64_t n, int64_t when_us);
/* Events of an earlier life, which nobody took here. */
void window_add(struct window *w, uint64_t n, int64_t when_us);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flag - raised by any thread, taken by one; atomic, header only.
 *
 * What was written before flag_raise() is seen by the one whose flag_take()
 * returns true.
 */

#ifndef LIB_FLAG_H
#define LIB_FLAG_H

#include <stdatomic.h>
#include <stdbool.h>

struct flag {
	_Atomic bool up;
};

static inline void
flag_raise(struct flag *f)
{
	atomic_store_explicit(&f->up, true, memory_order_release);
}

/* True: it was down, so this call raised it. */
static inline bool
flag_raise_new(struct flag *f)
{
	return !atomic_exchange_explicit(&f->up, true, memory_order_acq_rel);
}

static inline bool
flag_is_up(struct flag *f)
{
	return atomic_load_explicit(&f->up, memory_order_relaxed);
}

static inline void
flag_lower(struct flag *f)
{
	atomic_store_explicit(&f->up, false, memory_order_relaxed);
}

static inline bool
flag_take(struct flag *f)
{
	return atomic_load_explicit(&f->up, memory_order_relaxed) &&
	    atomic_exchange_explicit(&f->up, false, memory_order_acq_rel);
}

#endif

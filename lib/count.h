/* SPDX-License-Identifier: Apache-2.0 */
/*
 * count - a number that many threads add to and some read; atomic, header
 * only.  For what is shown, never for decisions: readers may see two of them
 * at slightly different moments.
 */

#ifndef LIB_COUNT_H
#define LIB_COUNT_H

#include <stdatomic.h>
#include <stdint.h>

struct count {
	_Atomic uint64_t n;
};

static inline void
count_add(struct count *c, uint64_t n)
{
	(void)atomic_fetch_add_explicit(&c->n, n, memory_order_relaxed);
}

static inline void
count_sub(struct count *c, uint64_t n)
{
	(void)atomic_fetch_sub_explicit(&c->n, n, memory_order_relaxed);
}

/* A number that nobody else gets, from 1. */
static inline uint64_t
count_next(struct count *c)
{
	return 1 + atomic_fetch_add_explicit(&c->n, 1, memory_order_relaxed);
}

static inline uint64_t
count_read(struct count *c)
{
	return atomic_load_explicit(&c->n, memory_order_relaxed);
}

#endif

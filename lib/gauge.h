/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gauge - how many are inside, for a limit that several threads share.
 *
 * Counted: who may leave holds a reference.  Any thread.
 */

#ifndef LIB_GAUGE_H
#define LIB_GAUGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "lib/ref.h"

struct gauge {
	struct ref refs;
	_Atomic uint32_t inside;
};

static inline struct gauge *
gauge_new(void)
{
	struct gauge *g = mem_new(struct gauge);

	ref_init(&g->refs);
	return g;
}

static inline struct gauge *
gauge_ref(struct gauge *g)
{
	ref_get(&g->refs);
	return g;
}

static inline void
gauge_unref(struct gauge **gp)
{
	struct gauge *g = *gp;

	*gp = NULL;
	if (g != NULL && ref_put(&g->refs))
		free(g);
}

static inline uint32_t
gauge_inside(struct gauge *g)
{
	return atomic_load(&g->inside);
}

/* All n or none.  False: more than max would be inside. */
static inline bool
gauge_take(struct gauge *g, uint32_t n, uint32_t max)
{
	uint32_t inside = atomic_load(&g->inside);

	do {
		if (n > max || inside > max - n)
			return false;
	} while (
	    !atomic_compare_exchange_weak(&g->inside, &inside, inside + n));
	return true;
}

/* Whatever the limit is. */
static inline void
gauge_add(struct gauge *g, uint32_t n)
{
	(void)atomic_fetch_add(&g->inside, n);
}

static inline void
gauge_give(struct gauge *g, uint32_t n)
{
	CHECK(atomic_fetch_sub(&g->inside, n) >= n);
}

/* False: max are inside already. */
static inline bool
gauge_enter(struct gauge *g, uint32_t max)
{
	return gauge_take(g, 1, max);
}

static inline void
gauge_leave(struct gauge *g)
{
	gauge_give(g, 1);
}

#endif

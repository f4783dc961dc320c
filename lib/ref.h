/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ref - a count of owners that threads may share; atomic, header only.
 *
 * Embed it in an object that is immutable while shared.
 */

#ifndef LIB_REF_H
#define LIB_REF_H

#include <stdatomic.h>
#include <stdbool.h>

#include "lib/check.h"

struct ref {
	_Atomic unsigned count;
};

static inline void
ref_init(struct ref *r)
{
	atomic_init(&r->count, 1);
}

static inline void
ref_get(struct ref *r)
{
	CHECK(
	    atomic_fetch_add_explicit(&r->count, 1, memory_order_relaxed) > 0);
}

/* True for the last owner, who must free the object. */
static inline bool
ref_put(struct ref *r)
{
	unsigned before;

	before = atomic_fetch_sub_explicit(&r->count, 1, memory_order_acq_rel);
	CHECK(before > 0);
	return before == 1;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * span_sets - times in which messages may be delivered (mail/spans.h), each set
 * once: a campaign has the same for a million messages, which hold a number.
 *
 * Sets are counted and go with their last holder; their numbers are used again.
 * Number 0 is that of mail that may go at any time, and never goes.  Scheduler
 * thread only.
 */

#ifndef VMTA_SPAN_SETS_H
#define VMTA_SPAN_SETS_H

#include <stdint.h>

#include "mail/spans.h"
#include "vmta/table.h"

struct span_set;

struct span_sets {
	struct table by_content;
	struct span_set **all; /* by number; NULL: free */
	uint32_t used, cap;    /* of all */
	uint32_t *free;        /* numbers of those that have gone */
	uint32_t free_count, free_cap;
};

void span_sets_init(struct span_sets *s);
void span_sets_fini(struct span_sets *s); /* CHECKs that nobody holds one */

/* Copies it; NULL is none. */
uint32_t span_sets_hold(struct span_sets *s, const struct spans *spans);
void span_sets_drop(struct span_sets *s, uint32_t number);

const struct spans *span_sets_at(const struct span_sets *s, uint32_t number);

#endif

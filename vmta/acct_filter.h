/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct_filter - queue-filter of an <acct-file>: which queues' records it takes.
 *
 * A pattern is [!]DOMAIN[/VMTA], without regard to case: `*` in either half is
 * any text, "[*.]example.com" the domain and all below it, and a domain alone
 * means its queue of the built-in virtual MTA.  The first pattern that fits
 * decides; what none fits is not taken, so that a list of nothing but "!"
 * takes nothing.  Only records about one queue are asked for: d, b, t and tq.
 *
 * Made while a configuration is read, in its region; then immutable, any
 * thread.
 */

#ifndef VMTA_ACCT_FILTER_H
#define VMTA_ACCT_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/conf_types.h"
#include "lib/err.h"
#include "lib/mem.h"
#include "mail/acct_field.h"

/* Each record is compared with them. */
enum { ACCT_PATTERNS_MAX = 10000 };

/* Types of records that a filter is asked about. */
#define ACCT_FILTERED \
	(ACCT_BIT(ACCT_D) | ACCT_BIT(ACCT_B) | ACCT_BIT(ACCT_T) | \
	    ACCT_BIT(ACCT_TQ))

struct acct_filter;

int acct_filter_make(struct region *rg, const struct conf_strs *patterns,
    const struct acct_filter **f_r, struct err *e);

/* Is a record of the queue ("domain/vmta") taken?  NULL takes all. */
bool acct_filter_takes(const struct acct_filter *f, enum acct_type t,
    const char *queue);

/* Has it a pattern without "!"? */
bool acct_filter_takes_any(const struct acct_filter *f);

/*
 * Is every queue surely taken by one of the filters, of which some may be
 * NULL?  May say no where a closer look would say yes.
 */
bool acct_filters_take_all(const struct acct_filter *const *filters,
    size_t count);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ex_senders - as whom a probe can be sent where an address list of Exim says
 * whose mail comes to us: addresses to ask Exim about, which alone knows
 * whether the list has them.
 *
 * Pure but for files, by whoever reads them; everything is in the region given.
 */

#ifndef COMPAT_EXIM_EX_SENDERS_H
#define COMPAT_EXIM_EX_SENDERS_H

#include "compat/exim/ex_own.h"

enum { EX_SENDERS_MAX = 30 };

struct ex_senders {
	const char *v[EX_SENDERS_MAX]; /* "" is the null sender */
	size_t n;
	/* The list cannot be read, or has more: there may be others in it. */
	bool others;
};

void ex_senders(const struct ex_own_asks *a, const char *list,
    struct region *rg, struct ex_senders *out);

#endif

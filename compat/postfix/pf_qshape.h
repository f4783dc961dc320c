/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pf_qshape - how old the mail of each domain is, in the form of qshape(1).
 *
 * The first bucket is younger than `minutes`, each further one begins at twice
 * the age of the one before (linear: at so many minutes more), the last takes
 * all that is older.  A parent domain, ".example.net", has what is below it,
 * and is shown when that are enough domains.  Memory grows with the domains.
 * One thread.
 */

#ifndef COMPAT_POSTFIX_PF_QSHAPE_H
#define COMPAT_POSTFIX_PF_QSHAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/str.h"

enum { PF_QSHAPE_BUCKETS_MAX = 30 };

struct pf_qshape_options {
	unsigned buckets; /* 1 to PF_QSHAPE_BUCKETS_MAX */
	unsigned minutes;
	unsigned min_below; /* domains below a parent that is shown */
	unsigned width;     /* columns of a line */
	bool linear, parents;
};

/* As qshape has it without options. */
extern const struct pf_qshape_options pf_qshape_defaults;

struct pf_qshape;

struct pf_qshape *pf_qshape_new(const struct pf_qshape_options *opt);
void pf_qshape_free(struct pf_qshape **qp);

/* One that is addressed there, or comes from there: "" is the null sender. */
void pf_qshape_add(struct pf_qshape *q, const char *addr, int64_t age_s);

/* The rows, the largest first, TOTAL among them; counts[0] is the sum. */
typedef void pf_qshape_row_fn(void *ctx, const char *domain,
    const uint64_t *counts);
void pf_qshape_rows(struct pf_qshape *q, pf_qshape_row_fn *fn, void *ctx);
/* Where bucket i, from 1, ends, in minutes; that of the last is 0: never. */
uint64_t pf_qshape_end(const struct pf_qshape *q, unsigned i);

void pf_qshape_print(struct pf_qshape *q, struct buf *out);

#endif

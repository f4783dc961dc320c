/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats_split - a sum for each value of a column: --byJobId and the like.
 *
 * Memory is bounded: when there are STATS_VALUES_MAX values, the half with the
 * fewest records is put together with `others` and forgotten.  With fewer
 * values all is exact.  One thread.
 */

#ifndef ADMIN_STATS_SPLIT_H
#define ADMIN_STATS_SPLIT_H

#include "admin/stats_sum.h"

enum { STATS_VALUES_MAX = 10000 };

struct stats_split {
	bool by_dsn;
	struct stats_room *room;
	struct stats_table values; /* its one counter: records */
	struct stats_sum **sums;   /* by row of values */
	struct stats_sum others;
	uint64_t forgotten; /* values in others, some of them more than once */
};

void stats_split_init(struct stats_split *sp, bool by_dsn,
    struct stats_room *room);
void stats_split_fini(struct stats_split *sp);

void stats_split_add(struct stats_split *sp, struct slice value,
    const struct stats_row *r);

/* Puts all but the `limit` largest together with others. */
void stats_split_trim(struct stats_split *sp, uint64_t limit);

#endif

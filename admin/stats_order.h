/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats_order - the rows of a table in order: the heaviest first, or by key.
 *
 * Borrows the table, which must not grow meanwhile.  One thread.
 */

#ifndef ADMIN_STATS_ORDER_H
#define ADMIN_STATS_ORDER_H

#include "admin/stats_table.h"

struct stats_item {
	const struct stats_table *table;
	uint64_t weight;
	uint32_t row;
};

struct stats_order {
	struct stats_item *items;
	size_t count;
};

/* What a row weighs, by its counters. */
typedef uint64_t stats_weight_fn(const uint64_t *counters);

/* Those of equal weight by key; with a NULL weight all by key. */
void stats_order_init(struct stats_order *o, const struct stats_table *t,
    stats_weight_fn *weight);
void stats_order_fini(struct stats_order *o);

struct slice stats_item_key(const struct stats_item *i);
const uint64_t *stats_item_counters(const struct stats_item *i);

#endif

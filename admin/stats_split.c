/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/stats_split.h"

#include <stdlib.h>

#include "admin/stats_order.h"
#include "lib/mem.h"

static void
begin(struct stats_split *sp)
{
	stats_table_init(&sp->values, 1, sp->room);
	sp->sums = mem_array(STATS_VALUES_MAX, sizeof(struct stats_sum *));
}

void
stats_split_init(struct stats_split *sp, bool by_dsn, struct stats_room *room)
{
	*sp = (struct stats_split){ .by_dsn = by_dsn, .room = room };
	stats_sum_init(&sp->others, by_dsn, room);
	begin(sp);
}

static void
sum_free(struct stats_sum **sump)
{
	stats_sum_fini(*sump);
	free(*sump);
	*sump = NULL;
}

void
stats_split_fini(struct stats_split *sp)
{
	for (uint32_t i = 0; i < sp->values.count; i++)
		sum_free(&sp->sums[i]);
	stats_table_fini(&sp->values);
	stats_sum_fini(&sp->others);
	free(sp->sums);
	sp->sums = NULL;
}

static uint64_t
records(const uint64_t *counters)
{
	return *counters;
}

void
stats_split_trim(struct stats_split *sp, uint64_t limit)
{
	struct stats_table old = sp->values;
	struct stats_sum **sums = sp->sums;
	struct stats_order o;

	if (old.count <= limit)
		return;
	begin(sp);
	stats_order_init(&o, &old, records);
	for (size_t i = 0; i < o.count; i++) {
		const struct stats_item *item = &o.items[i];
		uint32_t row = STATS_OTHERS;

		if (i < limit)
			row = stats_table_row(&sp->values,
			    stats_item_key(item));
		if (row == STATS_OTHERS) {
			stats_sum_merge(&sp->others, sums[item->row]);
			sum_free(&sums[item->row]);
			sp->forgotten++;
			continue;
		}
		sp->sums[row] = sums[item->row];
		*stats_table_at(&sp->values, row) = item->weight;
	}
	stats_order_fini(&o);
	stats_table_fini(&old);
	free(sums);
}

static struct stats_sum *
sum_of(struct stats_split *sp, struct slice value)
{
	uint32_t count = sp->values.count, row;

	row = stats_table_row(&sp->values, value);
	if (row == STATS_OTHERS)
		return &sp->others;
	if (row == count) { /* a new one */
		sp->sums[row] = mem_new(struct stats_sum);
		stats_sum_init(sp->sums[row], sp->by_dsn, sp->room);
	}
	++*stats_table_at(&sp->values, row);
	return sp->sums[row];
}

void
stats_split_add(struct stats_split *sp, struct slice value,
    const struct stats_row *r)
{
	if (sp->values.count == STATS_VALUES_MAX)
		stats_split_trim(sp, STATS_VALUES_MAX / 2);
	stats_sum_add(sum_of(sp, value), r);
}

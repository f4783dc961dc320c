/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/stats_order.h"

#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"

struct slice
stats_item_key(const struct stats_item *i)
{
	return stats_table_key(i->table, i->row);
}

const uint64_t *
stats_item_counters(const struct stats_item *i)
{
	return stats_table_get(i->table, i->row);
}

static int
compare(const void *a, const void *b)
{
	const struct stats_item *x = a, *y = b;
	struct slice s = stats_item_key(x), t = stats_item_key(y);
	int rc;

	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	rc = memcmp(s.p, t.p, s.len < t.len ? s.len : t.len);
	if (rc != 0)
		return rc;
	return s.len < t.len ? -1 : s.len > t.len;
}

void
stats_order_init(struct stats_order *o, const struct stats_table *t,
    stats_weight_fn *weight)
{
	o->count = t->count;
	o->items = mem_array(t->count + 1, sizeof(o->items[0]));
	for (uint32_t i = 0; i < t->count; i++)
		o->items[i] = (struct stats_item){ t,
			weight == NULL ? 0 : weight(stats_table_get(t, i)), i };
	if (o->count > 1)
		qsort(o->items, o->count, sizeof(o->items[0]), compare);
}

void
stats_order_fini(struct stats_order *o)
{
	free(o->items);
	*o = (struct stats_order){ 0 };
}

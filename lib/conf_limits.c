/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf_limits.h"

#include <string.h>

#include "lib/check.h"
#include "lib/conf_hosts.h"
#include "lib/conf_lex.h"

bool
conf_type_is_limits(enum conf_type type)
{
	return type == CONF_TYPE_CIDR_COUNTS || type == CONF_TYPE_CIDR_RATES ||
	    type == CONF_TYPE_CIDR_DATA_RATES ||
	    type == CONF_TYPE_DOMAIN_COUNTS;
}

/* ---- reading ------------------------------------------------------------- */

/* What a line says, and where the items go. */
struct line {
	const struct conf_tree *tree;
	const struct conf_directive *row;
	const char *key;
	struct slice value;
};

static int
parse_count(const struct conf_directive *row, struct slice s, uint32_t *max_r,
    struct err *e)
{
	uint64_t max = row->max == 0 ? UINT32_MAX : row->max, v;

	*max_r = 0;
	if (slice_eq_nocase(s, "unlimited"))
		return 0;
	if (str_to_u64(s, &v, e) == -1)
		return -1;
	if (v == 0)
		return err_set(e,
		    "0 would let nothing through; "
		    "write unlimited if no limit is meant");
	if (v > max)
		return err_set(e, "%llu is more than %llu",
		    (unsigned long long)v, (unsigned long long)max);
	*max_r = (uint32_t)v;
	return 0;
}

static int
add_count(const struct line *l, struct conf_cidr_counts *list, struct err *e)
{
	struct conf_cidr_count item = { 0 };

	if (net_prefix_parse(slice_of(l->key), &item.prefix, e) == -1 ||
	    parse_count(l->row, l->value, &item.max, e) == -1)
		return -1;
	list->v = region_grow(l->tree->rg, list->v, list->n, sizeof(item));
	list->v[list->n++] = item;
	return 0;
}

static int
add_rate(const struct line *l, struct conf_cidr_rates *list, struct err *e)
{
	struct conf_cidr_rate item = { 0 };

	if (net_prefix_parse(slice_of(l->key), &item.prefix, e) == -1 ||
	    str_to_rate(l->value, &item.rate, e) == -1)
		return -1;
	list->v = region_grow(l->tree->rg, list->v, list->n, sizeof(item));
	list->v[list->n++] = item;
	return 0;
}

static int
add_data_rate(const struct line *l, struct conf_cidr_data_rates *list,
    struct err *e)
{
	struct conf_cidr_data_rate item = { 0 };

	if (net_prefix_parse(slice_of(l->key), &item.prefix, e) == -1 ||
	    str_to_data_rate(l->value, &item.rate, e) == -1)
		return -1;
	list->v = region_grow(l->tree->rg, list->v, list->n, sizeof(item));
	list->v[list->n++] = item;
	return 0;
}

static int
add_domain_count(const struct line *l, struct conf_domain_counts *list,
    struct err *e)
{
	struct conf_strs names = { 0 };
	bool from_macro;
	uint32_t max;

	if (parse_count(l->row, l->value, &max, e) == -1 ||
	    conf_expand(l->tree, l->key, &names, &from_macro, e) == -1)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		if (!conf_is_domain_pattern(slice_of(names.v[i])))
			return err_set(e, "\"%s\" is not a domain pattern",
			    names.v[i]);
		list->v = region_grow(l->tree->rg, list->v, list->n,
		    sizeof(list->v[0]));
		list->v[list->n++] = (struct conf_domain_count){ names.v[i],
			max };
	}
	return 0;
}

int
conf_limits_parse(const struct conf_tree *tree,
    const struct conf_directive *row, struct slice text, void *list,
    struct err *e)
{
	struct line l = { .tree = tree, .row = row };
	const char *value, *more;

	CHECK(conf_type_is_limits(row->type));
	if (conf_word(&text, tree->rg, &l.key, e) == -1 ||
	    conf_word(&text, tree->rg, &value, e) == -1 ||
	    conf_word(&text, tree->rg, &more, e) == -1)
		return -1;
	if (l.key != NULL && l.key[0] == '\0' && value == NULL) {
		memset(list, 0, conf_type_size(row->type));
		return 0;
	}
	if (l.key == NULL || value == NULL)
		return err_set(e, "what it is for and the limit are needed");
	if (more != NULL)
		return err_set(e, "\"%s\" behind the limit", more);
	l.value = slice_of(value);
	if (row->type == CONF_TYPE_CIDR_COUNTS)
		return add_count(&l, list, e);
	if (row->type == CONF_TYPE_CIDR_RATES)
		return add_rate(&l, list, e);
	if (row->type == CONF_TYPE_CIDR_DATA_RATES)
		return add_data_rate(&l, list, e);
	return add_domain_count(&l, list, e);
}

/* ---- asking -------------------------------------------------------------- */

static bool
is_all(const struct net_prefix *p)
{
	return p->bits == 0 && p->addr.family == AF_INET;
}

bool
conf_cidr_fits(const struct net_prefix *p, const struct net_addr *a)
{
	return is_all(p) || net_prefix_match(p, a);
}

bool
conf_cidr_covers(const struct net_prefix *outer, const struct net_prefix *inner)
{
	if (is_all(outer))
		return true;
	return !is_all(inner) && outer->bits <= inner->bits &&
	    net_prefix_match(outer, &inner->addr);
}

/* The number of the first that fits, of items that begin with a prefix. */
static size_t
first_fit(const void *items, size_t n, size_t size, const struct net_addr *a)
{
	const char *item = items;

	for (size_t i = 0; i < n; i++, item += size)
		if (conf_cidr_fits((const void *)item, a))
			return i;
	return SIZE_MAX;
}

_Static_assert(offsetof(struct conf_cidr_count, prefix) == 0 &&
	offsetof(struct conf_cidr_rate, prefix) == 0 &&
	offsetof(struct conf_cidr_data_rate, prefix) == 0,
    "first_fit() takes the beginning of an item for its prefix");

size_t
conf_cidr_counts_find(const struct conf_cidr_counts *list,
    const struct net_addr *a)
{
	return first_fit(list->v, list->n, sizeof(list->v[0]), a);
}

size_t
conf_cidr_rates_find(const struct conf_cidr_rates *list,
    const struct net_addr *a)
{
	return first_fit(list->v, list->n, sizeof(list->v[0]), a);
}

size_t
conf_cidr_data_rates_find(const struct conf_cidr_data_rates *list,
    const struct net_addr *a)
{
	return first_fit(list->v, list->n, sizeof(list->v[0]), a);
}

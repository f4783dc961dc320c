/* SPDX-License-Identifier: Apache-2.0 */
/* Lists: limits by address or host, and the order of jobs; see lint_priv.h. */
#include <string.h>

#include "lib/conf_limits.h"
#include "lib/glob.h"
#include "vmta/lint_priv.h"
#include "vmta/suppress_rows.h"

/* ---- items of a list ------------------------------------------------------ */

static const void *
field_of(const struct lint_owner *o, const char *directive,
    const struct conf_directive **row_r)
{
	*row_r = conf_find_row(o->table, directive);
	return (const char *)o->values + (*row_r)->offset;
}

static const struct net_prefix *
prefix_at(const struct conf_directive *row, const void *field, size_t i)
{
	const struct conf_cidr_counts *counts = field;
	const struct conf_cidr_rates *rates = field;
	const struct conf_cidr_data_rates *data = field;

	if (row->type == CONF_TYPE_CIDR_COUNTS)
		return &counts->v[i].prefix;
	if (row->type == CONF_TYPE_CIDR_RATES)
		return &rates->v[i].prefix;
	return &data->v[i].prefix;
}

size_t
lint_find_item(const struct lint_owner *o, const char *directive,
    const struct net_addr *addr)
{
	const struct conf_directive *row;
	const void *field = field_of(o, directive, &row);

	for (size_t i = 0; i < conf_value_items(row, field); i++)
		if (conf_cidr_fits(prefix_at(row, field, i), addr))
			return i;
	return SIZE_MAX;
}

struct lint_side
lint_mx_item(const struct lint *l, const char *host)
{
	const struct conf_domain_count *c = snapshot_find_mx_limit(l->s, host);
	struct lint_owner top = lint_owner_global(l->s);

	return c == NULL ? lint_none() :
			   lint_item(&top, "mx-connection-limit",
			       (size_t)(c - l->s->global.mx_limits.v));
}

/* Longer lists are not compared each with each. */
#define ITEMS_COMPARED 2000

/* The first that has all addresses of item i; i itself: none. */
static size_t
covering(const struct conf_directive *row, const void *field, size_t i)
{
	size_t k = 0;

	while (k < i && i < ITEMS_COMPARED &&
	    !conf_cidr_covers(prefix_at(row, field, k),
		prefix_at(row, field, i)))
		k++;
	return k < i && i < ITEMS_COMPARED ? k : i;
}

/* Items behind one that has all of their addresses; true: this is one. */
static bool
tell_covered(struct lint *l, const struct lint_owner *o, const char *directive,
    size_t i)
{
	const struct conf_directive *row;
	const void *field = field_of(o, directive, &row);
	size_t first = covering(row, field, i);
	struct lint_side limit = lint_item(o, directive, i);
	struct lint_side by = lint_item(o, directive, first);

	if (first == i)
		return false;
	lint_tell(l, LINT_COVERED, &limit, &by, "");
	return true;
}

/* ---- by local address ----------------------------------------------------- */

/* One item in the queues that its list counts for. */
struct item {
	struct lint *l;
	const struct layer *layer;
	enum lint_unit unit;
	size_t item;
	size_t counts, fits, unknown, beaten;
	struct lint_side by; /* the one that allows most */
};

static void
judge_item(void *ctx, const struct lint_queue *q)
{
	struct item *it = ctx;
	const struct lint_names *names = &lint_names[it->unit];
	const struct conf_sources *from = &q->vmta->pub.sources;
	struct lint_owner own = lint_owner_layer(it->layer);
	struct lint_side limit = lint_item(&own, names->source, it->item);
	struct lint_side queue, around;
	const struct lint_side *by;
	bool fits = false;

	if (lint_setter(q, names->source) != it->layer)
		return;
	it->counts++;
	it->unknown += from->n == 0;
	for (size_t i = 0; i < from->n && !fits; i++)
		fits = lint_find_item(&own, names->source, &from->v[i].addr) ==
		    it->item;
	it->fits += fits;
	queue = lint_own(it->l->s, q, names->queue);
	around = lint_around(it->l, q, it->unit);
	by = lint_lower(&queue, &around);
	if (!lint_is_more(limit.amount, by->amount))
		return;
	it->beaten++;
	if (it->beaten == 1 || by->amount > it->by.amount)
		it->by = *by;
}

static void
check_item(struct lint *l, const struct layer *layer, enum lint_unit unit,
    size_t item)
{
	const char *directive = lint_names[unit].source;
	struct lint_owner own = lint_owner_layer(layer);
	struct lint_side limit = lint_item(&own, directive, item);
	struct item it = { .l = l, .layer = layer, .unit = unit, .item = item };

	if (tell_covered(l, &own, directive, item))
		return;
	lint_each_queue(l, layer, judge_item, &it);
	if (it.counts == 0)
		return; /* overridden, which lint_queue.c tells */
	if (it.fits + it.unknown == 0)
		lint_tell(l, LINT_UNMATCHED, &limit, NULL, "");
	else if (isfinite(limit.amount) && it.beaten == it.counts)
		lint_tell(l, LINT_UNREACHABLE, &limit, &it.by,
		    lint_numbers(l, unit, &limit, &it.by));
}

static void
check_sources(struct lint *l)
{
	for (const struct layer *y = l->s->layers; y != NULL; y = y->next)
		for (unsigned u = 0; u < UNIT_COUNT; u++) {
			struct lint_owner own = lint_owner_layer(y);
			const struct conf_directive *row;
			const void *field = field_of(&own, lint_names[u].source,
			    &row);

			for (size_t i = 0; i < conf_value_items(row, field);
			     i++)
				check_item(l, y, u, i);
		}
}

/* ---- by remote host ------------------------------------------------------- */

static void
check_ips(struct lint *l)
{
	struct lint_owner top = lint_owner_global(l->s);
	struct lint_side all = lint_side(&top, "total-max-smtp-out");

	for (size_t i = 0; i < l->s->global.ip_limits.n; i++) {
		struct lint_side limit = lint_item(&top, "ip-connection-limit",
		    i);

		if (!tell_covered(l, &top, "ip-connection-limit", i))
			lint_compare(l, UNIT_CONNS, &limit, &all);
	}
}

/* Of one pattern the last line counts; else the more specific one does. */
static void
check_mxs(struct lint *l)
{
	const struct conf_domain_counts *list = &l->s->global.mx_limits;
	struct lint_owner top = lint_owner_global(l->s);
	struct lint_side all = lint_side(&top, "total-max-smtp-out");

	for (size_t i = 0; i < list->n; i++) {
		struct lint_side limit = lint_item(&top, "mx-connection-limit",
		    i);
		struct lint_side by;
		size_t k = i + 1;

		while (k < list->n && k - i < ITEMS_COMPARED &&
		    !str_eq_nocase(list->v[k].pattern, list->v[i].pattern))
			k++;
		if (k >= list->n || k - i >= ITEMS_COMPARED) {
			lint_compare(l, UNIT_CONNS, &limit, &all);
			continue;
		}
		by = lint_item(&top, "mx-connection-limit", k);
		lint_tell(l, LINT_OVERRIDDEN, &limit, &by, "");
	}
}

/* ---- lines of one block --------------------------------------------------- */

/* Of a directive that is there twice in a block the last line counts. */
static void
check_twice(struct lint *l, const struct lint_owner *o)
{
	const struct conf_node *last[CONF_ROWS_MAX] = { NULL };

	for (const struct conf_origin *w = o->set->origins; w != NULL;
	     w = w->before) {
		if (conf_type_adds_up(o->table->rows[w->row].type))
			continue;
		if (last[w->row] != NULL)
			lint_tell_lines(l, LINT_OVERRIDDEN, w->node,
			    last[w->row]);
		else
			last[w->row] = w->node;
	}
}

static void
check_blocks(struct lint *l)
{
	struct lint_owner o = lint_owner_global(l->s);

	check_twice(l, &o);
	for (const struct layer *y = l->s->layers; y != NULL; y = y->next) {
		o = lint_owner_layer(y);
		check_twice(l, &o);
	}
	for (size_t i = 0; i < strmap_count(l->s->vmtas); i++) {
		o = lint_owner_vmta(strmap_at(l->s->vmtas, i));
		check_twice(l, &o);
	}
	for (size_t i = 0; i < strmap_count(l->s->pools); i++) {
		o = lint_owner_pool(strmap_at(l->s->pools, i));
		check_twice(l, &o);
	}
	for (size_t i = 0; i < strmap_count(l->s->providers); i++) {
		o = lint_owner_provider(strmap_at(l->s->providers, i));
		check_twice(l, &o);
	}
}

/* ---- jobs ----------------------------------------------------------------- */

static void
check_jobs(struct lint *l)
{
	size_t n = 0;

	for (const struct job_entry *j = l->s->jobs;
	     j != NULL && n < ITEMS_COMPARED; j = j->next, n++) {
		const struct job_entry *first = l->s->jobs;
		struct lint_side block = { NULL,
			{ &table_job, &j->set, &j->pub, j->node }, 0, INFINITY,
			NULL };
		struct lint_side by = block;

		while (first != j &&
		    !glob_covers(first->pub.pattern, j->pub.pattern))
			first = first->next;
		by.owner.block = first->node;
		if (first != j)
			lint_tell(l, LINT_COVERED, &block, &by, "");
		else if (j->set.origins == NULL)
			lint_tell(l, LINT_EMPTY, &block, NULL, "");
	}
}

/* ---- suppression lists ----------------------------------------------------- */

static void
check_suppress(struct lint *l)
{
	for (size_t i = 0; i < strmap_count(l->s->suppress); i++) {
		const struct suppress_entry *s = strmap_at(l->s->suppress, i);
		struct lint_side block = { NULL,
			{ &table_suppress, &s->set, &s->pub.conf, s->node }, 0,
			INFINITY, NULL };
		size_t patterns = suppress_rows_patterns(s->pub.rows);

		if (!s->named)
			lint_tell(l, LINT_UNNAMED, &block, NULL, "");
		if (patterns > SUPPRESS_PATTERNS_MANY)
			lint_tell(l, LINT_PATTERNS, &block, NULL,
			    region_printf(l->rg, "%zu", patterns));
	}
}

void
lint_lists(struct lint *l)
{
	check_sources(l);
	check_ips(l);
	check_mxs(l);
	check_blocks(l);
	check_jobs(l);
	check_suppress(l);
}

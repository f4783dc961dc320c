/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/lint.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/conf_limits.h"
#include "lib/conf_print.h"
#include "vmta/lint_priv.h"

const struct lint_names lint_names[UNIT_COUNT] = {
	[UNIT_CONNS] = { .queue = "max-smtp-out",
	    .source = "source-ip-max-smtp-out",
	    .vmta = "max-smtp-out",
	    .pool = "max-smtp-out",
	    .provider = "max-smtp-out",
	    .process = "total-max-smtp-out" },
	[UNIT_CONNECT] = { .queue = "max-connect-rate",
	    .source = "source-ip-max-connect-rate",
	    .provider = "max-connect-rate" },
	[UNIT_MSG] = { .queue = "max-msg-rate",
	    .source = "source-ip-max-msg-rate",
	    .vmta = "max-smtp-msg-rate",
	    .pool = "max-smtp-msg-rate",
	    .provider = "max-msg-rate",
	    .sender = "max-msg-rate" },
	[UNIT_DATA] = { .queue = "max-data-volume-rate",
	    .source = "source-ip-max-data-volume-rate",
	    .vmta = "max-smtp-data-volume-rate",
	    .pool = "max-smtp-data-volume-rate",
	    .provider = "max-data-volume-rate" },
};

/* ---- who has a value ----------------------------------------------------- */

struct lint_owner
lint_owner_vmta(const struct vmta_entry *v)
{
	return (struct lint_owner){ &table_vmta, &v->set, &v->pub, v->node };
}

struct lint_owner
lint_owner_pool(const struct pool_entry *p)
{
	return (struct lint_owner){ &table_pool, &p->set, &p->pub, p->node };
}

struct lint_owner
lint_owner_provider(const struct provider_entry *p)
{
	return (
	    struct lint_owner){ &table_provider, &p->set, &p->pub, p->node };
}

struct lint_owner
lint_owner_layer(const struct layer *l)
{
	return (
	    struct lint_owner){ &table_domain, &l->set, &l->values, l->node };
}

struct lint_owner
lint_owner_global(const struct snapshot *s)
{
	return (struct lint_owner){ &table_global, &s->global_set, &s->global,
		NULL };
}

/* ---- limits as numbers --------------------------------------------------- */

static double
per_second(double count, int64_t period_us)
{
	return period_us == 0 ? INFINITY :
				count * (double)US_PER_S / (double)period_us;
}

static double
at_once(uint32_t max)
{
	return max == 0 ? INFINITY : max;
}

static double
amount_of_item(const struct conf_directive *row, const void *field, size_t i)
{
	const struct conf_cidr_counts *counts = field;
	const struct conf_cidr_rates *rates = field;
	const struct conf_cidr_data_rates *data = field;
	const struct conf_domain_counts *domains = field;

	if (i >= conf_value_items(row, field))
		return INFINITY;
	if (row->type == CONF_TYPE_CIDR_COUNTS)
		return at_once(counts->v[i].max);
	if (row->type == CONF_TYPE_DOMAIN_COUNTS)
		return at_once(domains->v[i].max);
	if (row->type == CONF_TYPE_CIDR_RATES)
		return per_second(rates->v[i].rate.count,
		    rates->v[i].rate.period_us);
	return per_second((double)data->v[i].rate.bytes,
	    data->v[i].rate.period_us);
}

static double
amount_of(const struct conf_directive *row, const void *field, size_t item)
{
	const struct rate *rate = field;
	const struct data_rate *data = field;

	if (conf_type_is_limits(row->type))
		return amount_of_item(row, field, item);
	if (row->type == CONF_TYPE_UINT)
		return at_once(*(const uint32_t *)field);
	if (row->type == CONF_TYPE_RATE)
		return per_second(rate->count, rate->period_us);
	if (row->type == CONF_TYPE_DATA_RATE)
		return per_second((double)data->bytes, data->period_us);
	return INFINITY; /* not a limit: its owner knows what it means */
}

struct lint_side
lint_none(void)
{
	return (struct lint_side){ .amount = INFINITY };
}

struct lint_side
lint_item(const struct lint_owner *o, const char *directive, size_t item)
{
	struct lint_side s = { directive, *o, item, INFINITY, NULL };
	const struct conf_directive *row;

	if (directive == NULL || o->table == NULL)
		return lint_none();
	row = conf_find_row(o->table, directive);
	CHECK(row != NULL);
	s.amount = amount_of(row, (const char *)o->values + row->offset, item);
	return s;
}

struct lint_side
lint_side(const struct lint_owner *o, const char *directive)
{
	return lint_item(o, directive, 0);
}

bool
lint_is_written(const struct lint_side *s)
{
	return s->directive != NULL && s->owner.set != NULL &&
	    conf_is_set(s->owner.table, s->owner.set, s->directive);
}

bool
lint_is_more(double a, double b)
{
	return a > b * (1 + 1e-9);
}

const struct lint_side *
lint_lower(const struct lint_side *a, const struct lint_side *b)
{
	return b->amount < a->amount ? b : a;
}

/* ---- telling ------------------------------------------------------------- */

static const struct {
	const char *word, *what, *advice;
} kinds[] = {
#define L(name, word, what, advice) { word, what, advice },
#include "vmta/lint.def"
#undef L
};

static struct lint_limit
show_line(struct lint *l, const struct conf_node *n)
{
	struct lint_limit out = { .block = "",
		.file = n->file,
		.line = n->line };
	struct buf text = { 0 };

	explain_block_name(&text, n);
	out.block = region_strdup(l->rg, buf_cstr(&text));
	buf_fini(&text);
	return out;
}

/* The line that says it; NULL: none does. */
static const struct conf_node *
line_of(const struct lint_side *s)
{
	if (s->directive == NULL)
		return s->owner.block;
	if (!lint_is_written(s))
		return NULL;
	return explain_item_line(s->owner.table, s->owner.set,
	    conf_find_row(s->owner.table, s->directive), s->item);
}

static struct lint_limit
show_side(struct lint *l, const struct lint_side *s)
{
	const struct conf_node *line = line_of(s);
	struct lint_limit out = { .block = "" };
	const struct conf_directive *row;
	struct buf text = { 0 };

	if (line != NULL)
		out = show_line(l, line);
	if (s->directive == NULL)
		return out;
	row = conf_find_row(s->owner.table, s->directive);
	conf_print(row, (const char *)s->owner.values + row->offset, s->item,
	    &text);
	out.directive = s->directive;
	out.value = region_strdup(l->rg, buf_cstr(&text));
	buf_fini(&text);
	return out;
}

/* Its kind, and its place among the others; limit and by are to be filled. */
static struct lint_finding *
add_finding(struct lint *l, enum lint_kind kind, const struct conf_node *line)
{
	struct lint_found *f;

	CHECK(line != NULL); /* what nobody wrote is not told */
	l->found = region_grow(l->rg, l->found, l->found_count,
	    sizeof(l->found[0]));
	f = &l->found[l->found_count];
	*f = (struct lint_found){ .order = line->order,
		.number = l->found_count };
	l->found_count++;
	f->finding.kind = kind;
	f->finding.word = kinds[kind].word;
	f->finding.what = kinds[kind].what;
	f->finding.numbers = "";
	f->finding.advice = kinds[kind].advice;
	return &f->finding;
}

void
lint_tell(struct lint *l, enum lint_kind kind, const struct lint_side *limit,
    const struct lint_side *by, const char *numbers)
{
	struct lint_finding *f = add_finding(l, kind, line_of(limit));

	f->limit = show_side(l, limit);
	if (by != NULL)
		f->by = show_side(l, by);
	f->numbers = numbers;
}

void
lint_tell_lines(struct lint *l, enum lint_kind kind,
    const struct conf_node *limit, const struct conf_node *by)
{
	struct lint_finding *f = add_finding(l, kind, limit);

	f->limit = show_line(l, limit);
	f->limit.directive = limit->name;
	f->limit.value = limit->value;
	if (by == NULL)
		return;
	f->by = show_line(l, by);
	f->by.directive = by->name;
	f->by.value = by->value;
}

static int
compare(const void *a, const void *b)
{
	const struct lint_found *x = a, *y = b;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return x->number < y->number ? -1 : 1;
}

static const struct {
	const char *name;
	double seconds;
} units[] = { { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 } };

static void
print_number(struct buf *out, double v)
{
	buf_printf(out, v < 1 ? "%.2g" : v < 100 ? "%.4g" : "%.0f", v);
}

void
lint_print_bytes(struct buf *out, double v)
{
	static const char letters[] = "KMGT";
	size_t i = 0;

	for (; v >= 1024 && i + 1 < sizeof(letters); i++)
		v /= 1024;
	print_number(out, v);
	if (i > 0)
		buf_byte(out, letters[i - 1]);
}

static void
print_amount(struct buf *out, enum lint_unit unit, double amount, size_t period)
{
	if (unit == UNIT_CONNS) {
		print_number(out, amount);
		return;
	}
	amount *= units[period].seconds;
	if (unit == UNIT_DATA)
		lint_print_bytes(out, amount);
	else
		print_number(out, amount);
	buf_printf(out, "/%s", units[period].name);
}

static bool
is_whole(double v)
{
	double whole;

	if (!(v >= 1 && v < 1e18)) /* fits the integer */
		return false;
	whole = (double)(uint64_t)(v + 0.5);
	return whole - v < v * 1e-9 && v - whole < v * 1e-9;
}

/* The shortest period in which both are whole, or at least something. */
static size_t
common_period(double a, double b)
{
	size_t i = 0, n = sizeof(units) / sizeof(units[0]);

	while (i < n &&
	    !(is_whole(a * units[i].seconds) && is_whole(b * units[i].seconds)))
		i++;
	if (i < n)
		return i;
	for (i = 0; i + 1 < n && a * units[i].seconds < 1;)
		i++;
	return i;
}

const char *
lint_numbers(struct lint *l, enum lint_unit unit, const struct lint_side *limit,
    const struct lint_side *by)
{
	size_t period = common_period(by->amount, limit->amount);
	struct buf text = { 0 };
	const char *shown;

	print_amount(&text, unit, by->amount, period);
	if (by->note != NULL)
		buf_printf(&text, " %s", by->note);
	buf_str(&text, ", against ");
	print_amount(&text, unit, limit->amount, period);
	shown = region_strdup(l->rg, buf_cstr(&text));
	buf_fini(&text);
	return shown;
}

void
lint_compare(struct lint *l, enum lint_unit unit, const struct lint_side *limit,
    const struct lint_side *by)
{
	if (lint_is_written(limit) && isfinite(limit->amount) &&
	    lint_is_more(limit->amount, by->amount))
		lint_tell(l, LINT_UNREACHABLE, limit, by,
		    lint_numbers(l, unit, limit, by));
}

/* Another one than the built-in, or a pool. */
static bool
names_vmta(const struct snapshot *s, const char *name)
{
	return name[0] != '\0' &&
	    snapshot_vmta(s, name) != snapshot_vmta_at(s, 0);
}

/* May mail come that nothing assigns, so that it is the built-in one's? */
static bool
has_unassigned(const struct snapshot *s)
{
	bool all = false;

	for (const struct source_entry *e = s->sources; e != NULL;
	     e = e->next) {
		bool set = conf_is_set(&table_source, &e->set,
		    "default-virtual-mta");
		bool named = set && names_vmta(s, e->values.default_vmta);

		if (set && !named)
			return true;
		all = all ||
		    (named && e->prefix.bits == 0 &&
			e->prefix.addr.family == AF_INET);
	}
	for (size_t i = 0; i < strmap_count(s->named_sources); i++) {
		const struct source_entry *e = strmap_at(s->named_sources, i);

		if (conf_is_set(&table_source, &e->set,
			"default-virtual-mta") &&
		    !names_vmta(s, e->values.default_vmta))
			return true;
	}
	return !all;
}

bool
lint_run(const struct snapshot *s, lint_fn *fn, void *ctx)
{
	struct lint l = { .s = s, .rg = region_new() };
	bool whole;

	if (strmap_count(s->vmtas) > 1 && !has_unassigned(s))
		l.first_vmta = 1;
	lint_dummy(&l);
	lint_nest(&l);
	lint_queues(&l);
	lint_lists(&l);
	lint_senders(&l);
	if (l.found_count > 0)
		qsort(l.found, l.found_count, sizeof(l.found[0]), compare);
	for (size_t i = 0; i < l.found_count; i++)
		fn(ctx, &l.found[i].finding);
	whole = l.merges < LINT_MERGES_MAX;
	region_free(&l.rg);
	return whole;
}

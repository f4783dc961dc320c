/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf_bind.h"

#include <string.h>

#include "lib/check.h"
#include "lib/conf_known.h"

static void *
field_of(const struct conf_directive *row, void *out)
{
	return (char *)out + row->offset;
}

const struct conf_directive *
conf_find_row(const struct conf_table *table, const char *name)
{
	CHECK(table->count <= CONF_ROWS_MAX);
	for (size_t i = 0; i < table->count; i++)
		if (str_eq_nocase(table->rows[i].name, name))
			return &table->rows[i];
	return NULL;
}

static bool
test_bit(const struct conf_set *set, size_t i)
{
	return (set->bits[i / 64] >> i % 64 & 1) != 0;
}

/* The default is the first of several words; the others are values as well. */
static bool
has_words(enum conf_type t)
{
	return t == CONF_TYPE_WORD || t == CONF_TYPE_BOOL_WORD ||
	    t == CONF_TYPE_SIZE || t == CONF_TYPE_INTERVAL;
}

void
conf_defaults(const struct conf_tree *tree, const struct conf_table *table,
    void *out)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct conf_directive *row = &table->rows[i];
		void *field = field_of(row, out);
		struct slice def = slice_of(row->def);
		struct err e;

		memset(field, 0, conf_type_size(row->type));
		if (row->def[0] == '\0' && conf_type_adds_up(row->type))
			continue;
		if (has_words(row->type))
			def.len = strcspn(def.p, "|");
		/* The tables are ours: a default that cannot be read is a bug. */
		CHECK(conf_value_parse(tree, row, tree->root, def, field, &e) ==
		    0);
	}
}

/* ---- setting ------------------------------------------------------------- */

struct assignment {
	const struct conf_directive *row;
	const struct conf_node *node;
	const char *value;
};

static struct conf_origin *
mark(const struct conf_binder *b, size_t row, const struct conf_node *n,
    struct conf_set *set)
{
	struct conf_origin *origin = region_new_obj(b->tree->rg,
	    struct conf_origin);

	set->bits[row / 64] |= UINT64_C(1) << row % 64;
	*origin = (struct conf_origin){ row, n, 0, set->origins };
	set->origins = origin;
	return origin;
}

static void
set_row(const struct conf_binder *b, const struct conf_table *table,
    const struct assignment *a, void *out, struct conf_set *set)
{
	size_t i = (size_t)(a->row - table->rows);
	const struct conf_node *n = a->node;
	void *field = field_of(a->row, out);
	struct conf_origin *origin;
	const char *hint = "";
	struct err e;

	if (!test_bit(set, i) && conf_type_adds_up(a->row->type))
		memset(field, 0, conf_type_size(a->row->type));
	origin = mark(b, i, n, set);
	if (conf_value_parse(b->tree, a->row, n, slice_of(a->value), field,
		&e) == 0) {
		origin->items = conf_value_items(a->row, field);
		return;
	}
	if (strchr(a->value, '$') != NULL && a->row->type != CONF_TYPE_DOMAINS)
		hint = " ($NAME stands for domains only: is this a template?)";
	conf_error(b->errs, n->file, n->line, "%s: %s%s", n->name, e.text,
	    hint);
}

/* "N an hour" as the rate that it means. */
static const char *
hourly(const struct conf_binder *b, const char *value)
{
	struct err ignored;
	uint64_t count;

	if (str_to_u64(slice_of(value), &count, &ignored) == -1 || count == 0)
		return value; /* unlimited, in either form */
	return region_printf(b->tree->rg, "%s/h", value);
}

/* Another name of a row; false when the name has no effect, or none here. */
static bool
resolve_name(const struct conf_binder *b, const struct conf_table *table,
    struct assignment *a)
{
	const struct conf_node *n = a->node;
	const struct conf_known *k = conf_known_find(b->schema, n->name,
	    table->letter);

	if (k == NULL) {
		conf_complain_unknown(b, table, n, n->name);
		return false;
	}
	if (conf_known_check(b, k, n, false) == -1)
		return false;
	if (!conf_fate_renames(k->fate))
		return false;
	a->row = conf_find_row(table, k->advice);
	CHECK(a->row != NULL); /* the tables are ours */
	if (k->fate == CONF_FATE_HOURLY)
		a->value = hourly(b, a->value);
	else if (k->fate == CONF_FATE_ANY_IP)
		a->value = region_printf(b->tree->rg, "0/0 %s",
		    strcmp(a->value, "0") == 0 ? "unlimited" : a->value);
	return true;
}

void
conf_bind(const struct conf_binder *b, const struct conf_table *table,
    const struct conf_node *n, void *out, struct conf_set *set)
{
	struct assignment a = {
		.row = conf_find_row(table, n->name),
		.node = n,
		.value = n->value,
	};

	if (n->is_block)
		conf_bind_block(b, table, n);
	else if (a.row == NULL && !resolve_name(b, table, &a))
		return;
	else if (n->value[0] == '\0')
		conf_error(b->errs, n->file, n->line, "%s: argument missing",
		    n->name);
	else
		set_row(b, table, &a, out, set);
}

void
conf_merge(const struct conf_table *table, void *dst, const void *src,
    const struct conf_set *set)
{
	for (size_t w = 0; w * 64 < table->count; w++)
		for (uint64_t left = set->bits[w]; left != 0;
		     left &= left - 1) {
			size_t i = w * 64 + (size_t)__builtin_ctzll(left);
			const struct conf_directive *row = &table->rows[i];

			memcpy(field_of(row, dst),
			    (const char *)src + row->offset,
			    conf_type_size(row->type));
		}
}

static size_t
number_of(const struct conf_table *table, const char *name)
{
	const struct conf_directive *row = conf_find_row(table, name);

	CHECK(row != NULL);
	return (size_t)(row - table->rows);
}

bool
conf_is_set(const struct conf_table *table, const struct conf_set *set,
    const char *name)
{
	return test_bit(set, number_of(table, name));
}

void
conf_set_mark(const struct conf_binder *b, const struct conf_table *table,
    const struct conf_node *n, struct conf_set *set)
{
	mark(b, number_of(table, n->name), n, set);
}

const struct conf_node *
conf_set_node(const struct conf_table *table, const struct conf_set *set,
    const char *name)
{
	size_t i = number_of(table, name);
	const struct conf_origin *o = set->origins;

	while (o != NULL && o->row != i)
		o = o->before;
	return o == NULL ? NULL : o->node;
}

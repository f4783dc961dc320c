/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf_bind.h"

#include <string.h>

#include "lib/check.h"
#include "lib/conf_lex.h"

#define NAME_LEN_MAX 64 /* longer words are not compared */

static void *
field_of(const struct conf_directive *row, void *out)
{
	return (char *)out + row->offset;
}

static const struct conf_directive *
find_row(const struct conf_table *table, const char *name)
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

void
conf_defaults(const struct conf_tree *tree, const struct conf_table *table,
    void *out)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct conf_directive *row = &table->rows[i];
		void *field = field_of(row, out);
		struct err e;

		memset(field, 0, conf_type_size(row->type));
		if (row->def[0] == '\0' && conf_type_adds_up(row->type))
			continue;
		/* The tables are ours: a default that cannot be read is a bug. */
		CHECK(conf_value_parse(tree, row, tree->root,
			  slice_of(row->def), field, &e) == 0);
	}
}

/* ---- names that are not in the table ------------------------------------- */

static char
lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

/*
 * Edit distance with neighbours swapped counting as one (optimal string
 * alignment), without regard to case; or any number from `limit` on: most
 * names are far away, and a file of another program has thousands to ask for.
 */
static size_t
distance(const char *a, const char *b, size_t limit)
{
	size_t rows[3][NAME_LEN_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *now = rows[2];
	size_t la = strlen(a), lb = strlen(b);

	if (la > NAME_LEN_MAX || lb > NAME_LEN_MAX ||
	    (la > lb ? la - lb : lb - la) >= limit)
		return SIZE_MAX;
	for (size_t k = 0; k <= lb; k++)
		last[k] = k;
	for (size_t i = 1; i <= la; i++) {
		size_t *spare, least = now[0] = i;

		for (size_t k = 1; k <= lb; k++) {
			char x = lower(a[i - 1]), y = lower(b[k - 1]);
			size_t best = last[k - 1] + (x != y);

			if (last[k] + 1 < best)
				best = last[k] + 1;
			if (now[k - 1] + 1 < best)
				best = now[k - 1] + 1;
			if (i > 1 && k > 1 && x == lower(b[k - 2]) &&
			    y == lower(a[i - 2]) && before[k - 2] + 1 < best)
				best = before[k - 2] + 1;
			now[k] = best;
			if (best < least)
				least = best;
		}
		/* A swap in the next row may still take one off. */
		if (least > limit)
			return least;
		spare = before;
		before = last;
		last = now;
		now = spare;
	}
	return last[lb];
}

struct nearest {
	const char *name;
	size_t distance;
};

static void
consider(struct nearest *best, const char *wanted, const char *name)
{
	size_t d = distance(wanted, name, best->distance);

	if (d < best->distance)
		*best = (struct nearest){ name, d };
}

/* Every place where the directive or block of that name may stand. */
static void
list_places(const struct conf_schema *s, const char *name, struct buf *out)
{
	for (size_t i = 0; i < s->table_count; i++) {
		const struct conf_table *t = s->tables[i];
		bool here = find_row(t, name) != NULL;

		for (size_t k = 0; k < s->known_count && !here; k++)
			here = str_eq_nocase(s->known[k].name, name) &&
			    strchr(s->known[k].where, t->letter) != NULL;
		if (here)
			buf_printf(out, "%s%s", out->len > 0 ? " or " : "",
			    t->where);
	}
}

static struct nearest
find_nearest(const struct conf_schema *s, const struct conf_table *here,
    const char *wanted)
{
	struct nearest best = { NULL, strlen(wanted) / 3 + 1 };

	/* What may stand here comes first, so that it wins a draw. */
	for (size_t i = 0; i < here->count; i++)
		consider(&best, wanted, here->rows[i].name);
	for (size_t i = 0; i < s->table_count; i++)
		for (size_t k = 0; k < s->tables[i]->count; k++)
			consider(&best, wanted, s->tables[i]->rows[k].name);
	for (size_t i = 0; i < s->block_count; i++)
		consider(&best, wanted, s->blocks[i]);
	for (size_t i = 0; i < s->known_count; i++)
		consider(&best, wanted, s->known[i].name);
	return best;
}

static void
complain_unknown(const struct conf_binder *b, const struct conf_table *table,
    const struct conf_node *n, const char *name)
{
	struct buf places = { 0 };
	struct nearest best;

	list_places(b->schema, name, &places);
	if (places.len > 0) {
		conf_error(b->errs, n->file, n->line,
		    "%s does not belong %s, but %s", name, table->where,
		    buf_cstr(&places));
		goto out;
	}
	best = find_nearest(b->schema, table, name);
	if (best.name == NULL) {
		conf_error(b->errs, n->file, n->line, "unknown directive %s %s",
		    name, table->where);
		goto out;
	}
	list_places(b->schema, best.name, &places);
	conf_error(b->errs, n->file, n->line,
	    "unknown directive %s %s; did you mean %s%s%s%s?", name,
	    table->where, best.name, places.len > 0 ? " (" : "",
	    places.len > 0 ? buf_cstr(&places) : "", places.len > 0 ? ")" : "");
out:
	buf_fini(&places);
}

static const struct conf_known *
find_known(const struct conf_schema *s, const char *name, char letter)
{
	size_t low = 0, high = s->known_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = str_cmp_nocase(name, s->known[mid].name);

		if (c == 0)
			return strchr(s->known[mid].where, letter) == NULL ?
			    NULL :
			    &s->known[mid];
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

/* no, "", none and their like switch a protection off. */
static bool
is_off(const struct conf_tree *tree, const char *value)
{
	static const char *const words[] = { "", "no", "false", "none",
		"retain", "unlimited" };
	const char *word;
	struct err e;

	if (conf_unquote(slice_of(value), tree->rg, &word, &e) == -1)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_eq_nocase(word, words[i]))
			return true;
	return false;
}

static void
bind_known(const struct conf_binder *b, const struct conf_known *k,
    const struct conf_node *n)
{
	if (!k->protects)
		conf_warning(b->errs, n->file, n->line, "%s has no effect yet",
		    k->name);
	else if (!is_off(b->tree, n->value))
		conf_error(b->errs, n->file, n->line,
		    "%s protects and has no effect yet: it cannot be ignored",
		    k->name);
}

void
conf_bind_block(const struct conf_binder *b, const struct conf_table *table,
    const struct conf_node *n)
{
	struct region *rg = b->tree->rg;
	const char *name = region_printf(rg, "<%s>",
	    n->opened != NULL ? n->opened : n->name);
	const struct conf_known *k = find_known(b->schema, name, table->letter);

	if (k != NULL) {
		bind_known(b, k, n);
		return;
	}
	for (size_t i = 0; i < b->schema->block_count; i++)
		if (str_eq_nocase(b->schema->blocks[i], name)) {
			conf_error(b->errs, n->file, n->line,
			    "%s does not belong %s", name, table->where);
			return;
		}
	complain_unknown(b, table, n, name);
}

/* ---- setting ------------------------------------------------------------- */

void
conf_bind(const struct conf_binder *b, const struct conf_table *table,
    const struct conf_node *n, void *out, struct conf_set *set)
{
	const struct conf_directive *row = find_row(table, n->name);
	const struct conf_known *k;
	struct err e;
	size_t i;

	if (n->is_block) {
		conf_bind_block(b, table, n);
		return;
	}
	if (row == NULL) {
		k = find_known(b->schema, n->name, table->letter);
		if (k != NULL)
			bind_known(b, k, n);
		else
			complain_unknown(b, table, n, n->name);
		return;
	}
	if (n->value[0] == '\0') {
		conf_error(b->errs, n->file, n->line, "%s: argument missing",
		    row->name);
		return;
	}
	i = (size_t)(row - table->rows);
	if (!test_bit(set, i) && conf_type_adds_up(row->type))
		memset(field_of(row, out), 0, conf_type_size(row->type));
	set->bits[i / 64] |= UINT64_C(1) << i % 64;
	if (conf_value_parse(b->tree, row, n, slice_of(n->value),
		field_of(row, out), &e) == -1)
		conf_error(b->errs, n->file, n->line, "%s: %s", row->name,
		    e.text);
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

bool
conf_is_set(const struct conf_table *table, const struct conf_set *set,
    const char *name)
{
	const struct conf_directive *row = find_row(table, name);

	CHECK(row != NULL);
	return test_bit(set, (size_t)(row - table->rows));
}

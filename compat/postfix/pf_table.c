/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/postfix/pf_table.h"

#include <stdlib.h>
#include <string.h>

#include "compat/postfix/pf_conf.h"

/* ---- lists ------------------------------------------------------------------- */

static bool
is_between(char c)
{
	return c == ' ' || c == '\t' || c == ',' || c == '\n' || c == '\r';
}

/* What is between braces, if all of it is. */
static bool
take_braces(struct slice s, struct slice *inner_r)
{
	s = slice_trim(s);
	if (s.len < 2 || s.p[0] != '{' || s.p[s.len - 1] != '}')
		return false;
	*inner_r = slice_trim((struct slice){ s.p + 1, s.len - 2 });
	return true;
}

/* ---- rows -------------------------------------------------------------------- */

static struct pf_row *
add_row(const struct pf_table_reader *r, struct pf_rows *out,
    enum pf_row_kind kind, const char *where)
{
	struct pf_row *row;

	out->v = region_grow(r->rg, out->v, out->n, sizeof(*out->v));
	row = &out->v[out->n++];
	*row = (struct pf_row){ .kind = kind, .key = "", .where = where };
	return row;
}

static void
add_value(const struct pf_table_reader *r, struct pf_row *row, struct slice s)
{
	s = slice_trim(s);
	row->values = region_grow(r->rg, row->values, row->n,
	    sizeof(*row->values));
	row->values[row->n++] = region_strndup(r->rg, s.p, s.len);
}

static void
add_key(const struct pf_table_reader *r, struct pf_rows *out, struct slice key,
    struct slice value, const char *where)
{
	struct pf_row *row = add_row(r, out, PF_ROW_KEY, where);
	char *lower;

	key = slice_trim(key);
	lower = region_strndup(r->rg, key.p, key.len);
	str_lower(lower);
	row->key = lower;
	add_value(r, row, value);
}

static bool
take_line(struct slice *text, struct slice *line_r)
{
	const char *lf;
	size_t len;

	if (text->len == 0)
		return false;
	lf = memchr(text->p, '\n', text->len);
	len = lf == NULL ? text->len : (size_t)(lf - text->p);
	*line_r = (struct slice){ text->p, len };
	text->p += len + (lf != NULL);
	text->len -= len + (lf != NULL);
	return true;
}

static int
by_key(const void *a, const void *b)
{
	const struct pf_row *x = a, *y = b;

	return strcmp(x->key, y->key);
}

/* Some tables come in another order each time. */
static void
read_listed(const struct pf_table_reader *r, struct slice text,
    const char *table, struct pf_rows *out)
{
	struct slice line;
	size_t before = out->n;

	while (take_line(&text, &line)) {
		const char *tab = memchr(line.p, '\t', line.len);
		size_t len = tab == NULL ? line.len : (size_t)(tab - line.p);

		if (len > 0 && tab != NULL)
			add_key(r, out, (struct slice){ line.p, len },
			    (struct slice){ tab + 1, line.len - len - 1 },
			    table);
	}
	if (out->n > before)
		qsort(out->v + before, out->n - before, sizeof(*out->v),
		    by_key);
}

/* ---- regexp and pcre --------------------------------------------------------- */

/*
 * "/pattern/flags value": NULL, or why not.  Upper and lower case are the same
 * in both, here and there; the flag i is for patterns that tell them apart.
 */
static const char *
add_pattern(const struct pf_table_reader *r, struct slice line,
    const char *table, struct pf_rows *out)
{
	struct pf_row *row;
	const char *front = "";
	size_t end = 1, i;

	while (end < line.len && line.p[end] != '/')
		end += line.p[end] == '\\' ? 2 : 1;
	for (i = end + 1; i < line.len && !is_between(line.p[i]); i++) {
		if (line.p[i] != 'i')
			return "a pattern has flags that are not understood";
		front = "(?-i)";
	}
	if (i >= line.len)
		return "a row without a value";
	row = add_row(r, out, PF_ROW_PATTERN, table);
	row->key = region_printf(r->rg, "%s%.*s", front, (int)end - 1,
	    line.p + 1);
	add_value(r, row, (struct slice){ line.p + i, line.len - i });
	return strchr(row->values[0], '$') == NULL ?
	    NULL :
	    "a value has parts of what was looked up ($1)";
}

static const char *
read_pattern_lines(const struct pf_table_reader *r, struct slice text,
    const char *table, struct pf_rows *out)
{
	struct slice line;
	const char *why = NULL;

	while (why == NULL && take_line(&text, &line)) {
		struct slice s = slice_trim(line);

		if (s.len == 0 || s.p[0] == '#')
			continue;
		if (s.p != line.p)
			why = "a row goes on in the next line";
		else if (s.p[0] != '/')
			why = "only rows of the form /PATTERN/ VALUE are "
			      "understood";
		else
			why = add_pattern(r, s, table, out);
	}
	return why;
}

/* All rows or none: one that is left out would let others match. */
static void
read_patterns(const struct pf_table_reader *r, struct slice text,
    const char *table, struct pf_rows *out)
{
	size_t before = out->n;
	const char *why = read_pattern_lines(r, text, table, out);

	if (why == NULL)
		return;
	out->n = before;
	r->complain(r->ctx, table, why);
}

/* regexp:{ {/pattern/ value}, ... }: each is a line of the file it stands for. */
static void
read_inline_patterns(const struct pf_table_reader *r, struct slice text,
    const char *table, struct pf_rows *out)
{
	struct buf lines = { 0 };
	struct slice item, inner;
	bool good = true;

	while (good && (item = pf_list_item(&text)).len > 0) {
		good = take_braces(item, &inner);
		if (good) {
			buf_add(&lines, inner.p, inner.len);
			buf_byte(&lines, '\n');
		}
	}
	if (good)
		read_patterns(r, (struct slice){ lines.p, lines.len }, table,
		    out);
	else
		r->complain(r->ctx, table, "a row without braces");
	buf_fini(&lines);
}

/* ---- tables ------------------------------------------------------------------ */

/* inline:{ key=value, { key = value } } */
static void
read_inline(const struct pf_table_reader *r, struct slice text,
    const char *table, struct pf_rows *out)
{
	struct slice item, inner;

	while ((item = pf_list_item(&text)).len > 0) {
		const char *equals;
		size_t len;

		if (take_braces(item, &inner))
			item = inner;
		equals = memchr(item.p, '=', item.len);
		if (equals == NULL)
			continue; /* Postfix would not start */
		len = (size_t)(equals - item.p);
		add_key(r, out, (struct slice){ item.p, len },
		    (struct slice){ equals + 1, item.len - len - 1 }, table);
	}
}

/* randmap:{ value, value } */
static void
read_random(const struct pf_table_reader *r, struct slice text,
    const char *table, struct pf_rows *out)
{
	struct pf_row *row = add_row(r, out, PF_ROW_ANY, table);
	struct slice item, inner;

	while ((item = pf_list_item(&text)).len > 0)
		add_value(r, row, take_braces(item, &inner) ? inner : item);
	if (row->n == 0)
		out->n--;
}

static void
read_file(const struct pf_table_reader *r, const char *table, enum pf_fetch how,
    struct pf_rows *out)
{
	const char *name = strchr(table, ':') + 1;
	struct slice text;
	struct err e;

	if (r->fetch(r->ctx, how, how == PF_FETCH_TEXT ? name : table, &text,
		&e) == -1)
		r->complain(r->ctx, table, e.text);
	else if (how == PF_FETCH_TEXT)
		read_patterns(r, text, table, out);
	else
		read_listed(r, text, table, out);
}

static bool
is_type(struct slice type, const char *const *names)
{
	for (; *names != NULL; names++)
		if (slice_eq(type, *names))
			return true;
	return false;
}

/* "TYPE:NAME"; false: it is not. */
struct table {
	const char *text, *where;
	struct slice type, name;
};

/* Without what stands in main.cf itself: it may be a password. */
static const char *
where_of(struct region *rg, const struct table *t)
{
	const bool inside = slice_eq(t->type, "static") ||
	    (t->name.len > 0 && t->name.p[0] == '{');

	if (!inside)
		return t->text;
	return region_printf(rg, "%.*s:...", (int)t->type.len, t->type.p);
}

static bool
split_table(const struct pf_table_reader *r, struct slice s, struct table *t)
{
	const char *colon;

	if (s.len > 6 && memcmp(s.p, "proxy:", 6) == 0) {
		s.p += 6;
		s.len -= 6;
	}
	t->text = region_strndup(r->rg, s.p, s.len);
	t->where = t->text;
	colon = strchr(t->text, ':');
	if (colon == NULL)
		return false;
	t->type = (struct slice){ t->text, (size_t)(colon - t->text) };
	t->name = slice_of(colon + 1);
	t->where = where_of(r->rg, t);
	return true;
}

/* Tables of keys; false: it is none. */
static bool
read_keyed(const struct pf_table_reader *r, const struct table *t,
    struct pf_rows *out)
{
	static const char *const listed[] = { "btree", "cdb", "dbm", "hash",
		"lmdb", "sdbm", "texthash", NULL };
	struct slice inner;

	if (is_type(t->type, listed))
		read_file(r, t->text, PF_FETCH_ROWS, out);
	else if (slice_eq(t->type, "inline") && take_braces(t->name, &inner))
		read_inline(r, inner, t->where, out);
	else
		return false;
	return true;
}

/*
 * pipemap:{ one, randmap:{...} }: for any key of the first a value of the
 * second.  False: it is something else.
 */
static bool
read_pipe(const struct pf_table_reader *r, struct slice text, const char *where,
    struct pf_rows *out)
{
	struct slice first = pf_list_item(&text), last = pf_list_item(&text),
		     inner;
	struct pf_rows any = { 0 };
	size_t before = out->n;
	struct table one, other;

	if (pf_list_item(&text).len > 0 || !split_table(r, first, &one) ||
	    !split_table(r, last, &other) || !slice_eq(other.type, "randmap") ||
	    !take_braces(other.name, &inner))
		return false;
	read_random(r, inner, where, &any);
	if (any.n == 0 || !read_keyed(r, &one, out))
		return false;
	for (size_t i = before; i < out->n; i++) {
		out->v[i].n = any.v[0].n;
		out->v[i].values = any.v[0].values;
		out->v[i].where = where;
	}
	return true;
}

static void
read_table(const struct pf_table_reader *r, struct slice item,
    struct pf_rows *out)
{
	static const char *const patterns[] = { "pcre", "regexp", NULL };
	struct slice inner;
	struct table t;

	if (!split_table(r, item, &t)) {
		r->complain(r->ctx, t.text, "not TYPE:NAME");
		return;
	}
	if (read_keyed(r, &t, out))
		return;
	if (is_type(t.type, patterns) && take_braces(t.name, &inner))
		read_inline_patterns(r, inner, t.where, out);
	else if (is_type(t.type, patterns))
		read_file(r, t.text, PF_FETCH_TEXT, out);
	else if (slice_eq(t.type, "static"))
		add_value(r, add_row(r, out, PF_ROW_ANY, t.where),
		    take_braces(t.name, &inner) ? inner : t.name);
	else if (slice_eq(t.type, "randmap") && take_braces(t.name, &inner))
		read_random(r, inner, t.where, out);
	else if (!slice_eq(t.type, "pipemap") || !take_braces(t.name, &inner) ||
	    !read_pipe(r, inner, t.where, out))
		r->complain(r->ctx, t.where,
		    "the rows of such a table cannot be listed");
}

void
pf_tables_read(const struct pf_table_reader *r, const char *value,
    struct pf_rows *out)
{
	struct slice list = slice_of(value), item;

	*out = (struct pf_rows){ .by_key = strmap_new() };
	while ((item = pf_list_item(&list)).len > 0)
		read_table(r, item, out);
	for (size_t i = out->n; i-- > 0;) { /* so that the first stays */
		struct pf_row *row = &out->v[i];

		if (row->kind == PF_ROW_ANY)
			out->any = row;
		else if (row->kind == PF_ROW_KEY)
			strmap_put(out->by_key, row->key, row);
	}
}

void
pf_rows_fini(struct pf_rows *rows)
{
	strmap_free(&rows->by_key);
}

const struct pf_row *
pf_rows_find(const struct pf_rows *rows, const char *key)
{
	const struct pf_row *row = strmap_get(rows->by_key, key);

	if (row == NULL || (rows->any != NULL && rows->any < row))
		return rows->any;
	return row;
}

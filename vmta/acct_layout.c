/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/acct_layout.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "lib/check.h"
#include "mail/privacy.h"

/* ---- the names of one type ----------------------------------------------- */

struct names {
	size_t n;
	struct slice v[ACCT_COLUMNS_MAX];
};

static bool
same(struct slice a, struct slice b)
{
	return a.len == b.len && strncasecmp(a.p, b.p, a.len) == 0;
}

static int
too_many(struct err *e)
{
	return err_set(e, "more than %d columns", ACCT_COLUMNS_MAX);
}

static int
add_name(struct names *all, struct slice name, struct err *e)
{
	/* The first column is always there. */
	if (slice_eq_nocase(name, "type"))
		return 0;
	for (size_t i = 0; i < all->n; i++)
		if (same(all->v[i], name))
			return 0;
	if (all->n == ACCT_COLUMNS_MAX)
		return too_many(e);
	all->v[all->n++] = name;
	return 0;
}

static int
add_default_names(struct names *all, enum acct_type t, struct err *e)
{
	for (const char *p = acct_type_columns(t); *p != '\0';) {
		struct slice name = { p, strcspn(p, ",") };

		if (add_name(all, name, e) == -1)
			return -1;
		p += name.len + (p[name.len] == ',');
	}
	return 0;
}

static void
take_name_away(struct names *all, const char *name)
{
	for (size_t i = 0; i < all->n; i++)
		if (slice_eq_nocase(all->v[i], name)) {
			memmove(&all->v[i], &all->v[i + 1],
			    (all->n - i - 1) * sizeof(all->v[0]));
			all->n--;
			return;
		}
}

static bool
only_takes_away(const struct conf_strs *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i][0] != '!')
			return false;
	return true;
}

static int
names_of(struct names *all, const struct acct_list *list, struct err *e)
{
	const struct conf_strs *s = &list->names;

	all->n = 0;
	if (only_takes_away(s) && add_default_names(all, list->type, e) == -1)
		return -1;
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i][0] == '!')
			continue;
		else if (strcmp(s->v[i], "*") == 0) {
			if (add_default_names(all, list->type, e) == -1)
				return -1;
		} else if (add_name(all, slice_of(s->v[i]), e) == -1)
			return -1;
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i][0] == '!')
			take_name_away(all, s->v[i] + 1);
	return 0;
}

/* ---- columns ------------------------------------------------------------- */

struct maker {
	struct region *rg;
	const struct acct_layout_of *of;
	struct acct_layout *l;
	struct acct_column *columns;
};

/* The column of that name; a new one at the end if there is none. */
static struct acct_column *
column_of(struct maker *m, struct slice name)
{
	struct acct_layout *l = m->l;
	struct acct_column *c;
	enum acct_field f;

	for (size_t i = 0; i < l->count; i++)
		if (slice_eq_nocase(name, m->columns[i].name))
			return &m->columns[i];
	if (l->count == ACCT_COLUMNS_MAX)
		return NULL;
	c = &m->columns[l->count++];
	c->name = acct_field_find(name, &f) ?
	    acct_field_column(f) :
	    region_strndup(m->rg, name.p, name.len);
	return c;
}

/* Reports have fields of their own; a queue's failure has no header. */
static bool
has_extra(enum acct_type t, struct slice name)
{
	bool of_report = strncasecmp(name.p, "arf_", 4) == 0;

	for (size_t i = 0; i < name.len; i++)
		if (name.p[i] <= ' ' || name.p[i] >= 0x7f || name.p[i] == ':')
			return false;
	return acct_is_extra(name) && (of_report ? t == ACCT_F : t != ACCT_TQ);
}

static void
map_headers(struct maker *m, struct acct_cell *c, enum acct_type t,
    struct slice field)
{
	const struct acct_layout_of *of = m->of;
	const char **mapped;

	if (of->map_count == 0)
		return;
	mapped = region_array(m->rg, of->map_count, sizeof(*mapped));
	for (size_t i = 0; i < of->map_count; i++)
		if (of->maps[i].type == t &&
		    slice_eq_nocase(field, of->maps[i].field))
			mapped[c->mapped_count++] = of->maps[i].header;
	c->mapped = mapped;
}

static void
fill_cell(struct maker *m, struct acct_cell *c, enum acct_type t,
    struct slice name)
{
	char *lower;

	if (acct_field_find(name, &c->field)) {
		if (acct_field_in(c->field, t))
			c->kind = ACCT_CELL_FIELD;
	} else if (has_extra(t, name)) {
		lower = region_strndup(m->rg, name.p, name.len);
		str_lower(lower);
		c->kind = ACCT_CELL_EXTRA;
		c->extra = lower;
	}
	map_headers(m, c, t, name);
}

static int
add_columns(struct maker *m, const struct acct_list *list, struct err *e)
{
	struct names names;

	if (names_of(&names, list, e) == -1)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		struct acct_column *c = column_of(m, names.v[i]);

		if (c == NULL)
			return too_many(e);
		fill_cell(m, &c->by_type[list->type], list->type, names.v[i]);
	}
	return 0;
}

static bool
has_list(const struct acct_layout_of *of, enum acct_type t)
{
	for (size_t i = 0; i < of->list_count; i++)
		if (of->lists[i].type == t)
			return true;
	return false;
}

static bool
has_type(const struct acct_layout_of *of, enum acct_type t)
{
	for (size_t i = 0; i < of->type_count; i++)
		if (of->types[i] == t)
			return true;
	return false;
}

static int
add_all_columns(struct maker *m, struct err *e)
{
	const struct acct_layout_of *of = m->of;

	for (size_t i = 0; i < of->list_count; i++)
		if (has_type(of, of->lists[i].type) &&
		    add_columns(m, &of->lists[i], e) == -1)
			return -1;
	for (size_t i = 0; i < of->type_count; i++) {
		const struct acct_list all = { .type = of->types[i] };

		if (!has_list(of, of->types[i]) &&
		    add_columns(m, &all, e) == -1)
			return -1;
	}
	return 0;
}

/* ---- the checksum -------------------------------------------------------- */

static void
add_text(struct buf *out, const char *s)
{
	buf_add(out, s, strlen(s) + 1);
}

static void
add_cell(struct buf *out, const struct acct_cell *c)
{
	buf_printf(out, "%d %d %zu", (int)c->kind, (int)c->field,
	    c->mapped_count);
	if (c->kind == ACCT_CELL_EXTRA)
		add_text(out, c->extra);
	for (size_t i = 0; i < c->mapped_count; i++)
		add_text(out, c->mapped[i]);
}

static void
add_privacy(struct buf *out, const struct privacy *p)
{
	if (p == NULL)
		return;
	buf_printf(out, "%d", (int)p->kind);
	add_text(out, p->text);
	buf_add(out, p->key, p->key_len);
}

/* Over all that a row depends on. */
static uint32_t
crc_of(const struct acct_layout *l)
{
	struct buf all = { 0 };
	uint32_t crc;

	buf_byte(&all, l->json ? 'j' : 'c');
	buf_byte(&all, l->iso ? 'i' : 'u');
	add_text(&all, l->user_string);
	add_privacy(&all, l->privacy);
	for (size_t i = 0; i < l->count; i++) {
		add_text(&all, l->columns[i].name);
		for (enum acct_type t = 0; t < ACCT_TYPES; t++)
			add_cell(&all, &l->columns[i].by_type[t]);
	}
	crc = (uint32_t)crc32(0, (const unsigned char *)all.p, (uInt)all.len);
	buf_fini(&all);
	return crc;
}

/* ---- all ----------------------------------------------------------------- */

int
acct_layout_make(struct region *rg, const struct acct_layout_of *of,
    const struct acct_layout **l_r, struct err *e)
{
	struct maker m = { .rg = rg, .of = of };
	int rc;

	*l_r = NULL;
	m.l = region_new_obj(rg, struct acct_layout);
	m.columns = mem_array(ACCT_COLUMNS_MAX, sizeof(m.columns[0]));
	rc = add_all_columns(&m, e);
	m.l->json = of->json;
	m.l->iso = of->iso;
	m.l->user_string = of->user_string;
	m.l->privacy = of->privacy;
	m.l->columns = region_dup(rg, m.columns,
	    m.l->count * sizeof(m.columns[0]));
	free(m.columns);
	m.l->crc = crc_of(m.l);
	if (rc == 0)
		*l_r = m.l;
	return rc;
}

const struct acct_cell *
acct_layout_cell(const struct acct_layout *l, enum acct_type t,
    struct slice name)
{
	CHECK(t < ACCT_TYPES);
	for (size_t i = 0; i < l->count; i++)
		if (slice_eq_nocase(name, l->columns[i].name))
			return &l->columns[i].by_type[t];
	return NULL;
}

bool
acct_cell_has_value(const struct acct_cell *c)
{
	return c->kind != ACCT_CELL_NONE || c->mapped_count > 0;
}

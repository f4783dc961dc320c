/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/acct_layout.h"

#include <string.h>
#include <zlib.h>

#include "lib/check.h"

enum { COLUMNS_MAX = 256 };

/* The column of that name; a new one at the end if there is none. */
static struct acct_column *
column_of(struct region *rg, struct acct_column *all, size_t *count,
    struct slice name)
{
	for (size_t i = 0; i < *count; i++)
		if (slice_eq_nocase(name, all[i].name))
			return &all[i];
	CHECK(*count < COLUMNS_MAX);
	all[*count].name = region_strndup(rg, name.p, name.len);
	return &all[(*count)++];
}

static void
fill_cell(struct region *rg, struct acct_cell *c, struct slice name)
{
	char *lower;

	if (acct_field_find(name, &c->field)) {
		c->kind = ACCT_CELL_FIELD;
		return;
	}
	lower = region_strndup(rg, name.p, name.len);
	str_lower(lower);
	c->kind = ACCT_CELL_EXTRA;
	c->extra = lower;
}

static void
add_default_columns(struct region *rg, struct acct_layout *l,
    struct acct_column *all, enum acct_type t)
{
	for (const char *p = acct_type_columns(t); *p != '\0';) {
		struct slice name = { p, strcspn(p, ",") };

		fill_cell(rg, &column_of(rg, all, &l->count, name)->by_type[t],
		    name);
		p += name.len + (p[name.len] == ',');
	}
}

static uint32_t
crc_of(const struct acct_layout *l)
{
	struct buf header = { 0 };
	uint32_t crc;

	acct_row_header(l, &header);
	buf_byte(&header, l->json ? 'j' : 'c');
	buf_byte(&header, l->iso ? 'i' : 'u');
	crc = (uint32_t)crc32(0, (const unsigned char *)header.p,
	    (uInt)header.len);
	buf_fini(&header);
	return crc;
}

const struct acct_layout *
acct_layout_make(struct region *rg, const struct acct_layout_of *of)
{
	struct acct_layout *l = region_new_obj(rg, struct acct_layout);
	struct acct_column *all = region_array(rg, COLUMNS_MAX, sizeof(*all));

	memset(all, 0, COLUMNS_MAX * sizeof(*all));
	l->iso = true;
	l->user_string = "";
	l->columns = all;
	for (size_t i = 0; i < of->count; i++)
		add_default_columns(rg, l, all, of->types[i]);
	l->crc = crc_of(l);
	return l;
}

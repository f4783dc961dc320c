/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/fake_layout.h"

#include <string.h>

#include "lib/check.h"

struct fake_layout *
fake_layout_new(struct region *rg)
{
	struct fake_layout *l = region_new_obj(rg, struct fake_layout);

	l->pub.iso = true;
	l->pub.user_string = "";
	l->pub.columns = l->columns;
	l->rg = rg;
	return l;
}

static struct acct_column *
column_of(struct fake_layout *l, struct slice name)
{
	for (size_t i = 0; i < l->pub.count; i++)
		if (slice_eq_nocase(name, l->columns[i].name))
			return &l->columns[i];
	CHECK(l->pub.count < FAKE_COLUMNS_MAX);
	l->columns[l->pub.count].name = region_strndup(l->rg, name.p, name.len);
	return &l->columns[l->pub.count++];
}

static void
fill(struct fake_layout *l, struct acct_cell *c, struct slice name)
{
	char *lower;

	if (acct_field_find(name, &c->field)) {
		c->kind = ACCT_CELL_FIELD;
		return;
	}
	CHECK(acct_is_extra(name));
	lower = region_strndup(l->rg, name.p, name.len);
	str_lower(lower);
	c->kind = ACCT_CELL_EXTRA;
	c->extra = lower;
}

void
fake_layout_add(struct fake_layout *l, enum acct_type t, const char *columns)
{
	for (const char *p = columns; *p != '\0';) {
		struct slice name = { p, strcspn(p, ",") };

		fill(l, &column_of(l, name)->by_type[t], name);
		p += name.len + (p[name.len] == ',');
	}
}

struct acct_cell *
fake_layout_cell(struct fake_layout *l, enum acct_type t, const char *column)
{
	size_t count = l->pub.count;
	struct acct_column *c = column_of(l, slice_of(column));

	CHECK(l->pub.count == count);
	return &c->by_type[t];
}

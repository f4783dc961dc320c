/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/acct_field.h"

#include <strings.h>

#include "lib/check.h"

static const struct {
	const char *letter, *word, *columns;
} types[ACCT_TYPES] = {
#define T(name, letter, word, columns) { letter, word, columns },
#include "mail/acct_types.def"
#undef T
};

static const struct {
	const char *column;
	unsigned types;
} fields[ACCT_FIELDS] = {
#define A(number, name, column, member, kind, types) { column, types },
#include "mail/acct_fields.def"
#undef A
#define V(name, column, types) { column, types },
#include "mail/acct_derived.def"
#undef V
};

bool
acct_type_find(struct slice name, enum acct_type *t_r)
{
	if (slice_eq_nocase(name, "fbl"))
		name = SLICE_LIT("f");
	for (enum acct_type t = 0; t < ACCT_TYPES; t++)
		if (slice_eq_nocase(name, types[t].letter) ||
		    slice_eq_nocase(name, types[t].word)) {
			*t_r = t;
			return true;
		}
	return false;
}

const char *
acct_type_letter(enum acct_type t)
{
	CHECK(t < ACCT_TYPES);
	return types[t].letter;
}

const char *
acct_type_columns(enum acct_type t)
{
	CHECK(t < ACCT_TYPES);
	return types[t].columns;
}

bool
acct_field_find(struct slice column, enum acct_field *f_r)
{
	for (enum acct_field f = 0; f < ACCT_FIELDS; f++)
		if (slice_eq_nocase(column, fields[f].column)) {
			*f_r = f;
			return true;
		}
	return false;
}

const char *
acct_field_column(enum acct_field f)
{
	CHECK(f < ACCT_FIELDS);
	return fields[f].column;
}

bool
acct_field_in(enum acct_field f, enum acct_type t)
{
	CHECK(f < ACCT_FIELDS && t < ACCT_TYPES);
	return (fields[f].types & ACCT_BIT(t)) != 0;
}

static bool
has_prefix(struct slice s, struct slice prefix)
{
	return s.len > prefix.len &&
	    strncasecmp(s.p, prefix.p, prefix.len) == 0;
}

bool
acct_is_extra(struct slice column)
{
	return has_prefix(column, SLICE_LIT("header_")) ||
	    has_prefix(column, SLICE_LIT("arf_"));
}

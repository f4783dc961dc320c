/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct_field - the types of accounting records and the fields they have.
 *
 * Tables: acct_types.def, acct_fields.def, acct_derived.def.  The names are
 * PowerMTA's; recordId and spoolId are ours.  Besides these, a record may carry extras:
 * copies of header fields (header_NAME) and, for feedback, of fields of the
 * report (arf_NAME).  No state; any thread.
 */

#ifndef MAIL_ACCT_FIELD_H
#define MAIL_ACCT_FIELD_H

#include <stdbool.h>

#include "lib/str.h"

enum acct_type {
#define T(name, letter, word, columns) ACCT_##name,
#include "mail/acct_types.def"
#undef T
	ACCT_TYPES
};

#define ACCT_BIT(t) (1u << (t))
#define ACCT_ALL (ACCT_BIT(ACCT_TYPES) - 1)

/* Those of a record first, then those that are made for a row. */
enum acct_field {
#define A(number, name, column, member, kind, types) ACCT_##name,
#include "mail/acct_fields.def"
#undef A
	ACCT_STORED,
	ACCT_BEFORE_DERIVED = ACCT_STORED - 1,
#define V(name, column, types) ACCT_##name,
#include "mail/acct_derived.def"
#undef V
	ACCT_FIELDS
};

/* By letter or long name ("fbl" is one of f), without regard to case. */
bool acct_type_find(struct slice name, enum acct_type *t_r);
const char *acct_type_letter(enum acct_type t);
const char *acct_type_columns(enum acct_type t); /* comma separated */

/* By column, without regard to case. */
bool acct_field_find(struct slice column, enum acct_field *f_r);
const char *acct_field_column(enum acct_field f);
bool acct_field_in(enum acct_field f, enum acct_type t);

/* "header_X-Job", "arf_Source-IP": a copy, not one of the fields. */
bool acct_is_extra(struct slice column);

#endif

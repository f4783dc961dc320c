/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct_layout - the columns of an accounting file, from its configuration.
 *
 * Columns come in the order of first mention: types in the order of their
 * record-fields, then the others in the order of `records`, each with its
 * default ones.  Of a list, "*" stands for the default ones and "!NAME" takes
 * NAME away wherever it stands; one of nothing but these begins with "*".
 * A name that is no field of the type makes a column that stays empty.
 *
 * Built while the snapshot is loaded, in its region; then immutable, any
 * thread.
 */

#ifndef VMTA_ACCT_LAYOUT_H
#define VMTA_ACCT_LAYOUT_H

#include "lib/conf_types.h"
#include "lib/err.h"
#include "lib/mem.h"
#include "mail/acct_row.h"

#define ACCT_COLUMNS_MAX 256

/* record-fields TYPE NAMES */
struct acct_list {
	enum acct_type type;
	struct conf_strs names;
};

/* map-header-to-field TYPE HEADER FIELD */
struct acct_mapping {
	enum acct_type type;
	const char *header; /* "header_x-job", in lower case */
	const char *field;
};

struct acct_layout_of {
	const enum acct_type *types; /* in the order of `records` */
	size_t type_count;
	const struct acct_list *lists; /* at most one a type; in order */
	size_t list_count;
	const struct acct_mapping *maps; /* the first header there counts */
	size_t map_count;
	bool json, iso;
	const char *user_string;
	const struct privacy *privacy; /* NULL: addresses stay */
};

/* -1: more than ACCT_COLUMNS_MAX columns. */
int acct_layout_make(struct region *rg, const struct acct_layout_of *of,
    const struct acct_layout **l_r, struct err *e);

/*
 * What a column shows of records of that type, by its name without regard to
 * case; NULL: there is no such column.
 */
const struct acct_cell *acct_layout_cell(const struct acct_layout *l,
    enum acct_type t, struct slice name);

/* Is there something to show, or does the column stay empty? */
bool acct_cell_has_value(const struct acct_cell *c);

#endif

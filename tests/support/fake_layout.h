/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_layout - a layout of the default columns of some types, for tests that
 * know no configuration.
 */

#ifndef TESTS_SUPPORT_FAKE_LAYOUT_H
#define TESTS_SUPPORT_FAKE_LAYOUT_H

#include "lib/mem.h"
#include "mail/acct_row.h"

enum { FAKE_COLUMNS_MAX = 64 };

struct fake_layout {
	struct acct_layout pub;
	struct acct_column columns[FAKE_COLUMNS_MAX];
	struct region *rg;
};

/* In the region: CSV with ISO times and no columns yet. */
struct fake_layout *fake_layout_new(struct region *rg);

/* Comma separated, for records of that type; what is there already is shared. */
void fake_layout_add(struct fake_layout *l, enum acct_type t,
    const char *columns);

/* The cell of a column that is there. */
struct acct_cell *fake_layout_cell(struct fake_layout *l, enum acct_type t,
    const char *column);

#endif

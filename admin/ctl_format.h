/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_format - answers of the daemons as tables for people.
 *
 * A table is a list of columns, each a key of the item with a heading.  Its
 * widths follow the first thousand rows; the others are printed as they come,
 * so that a long listing needs no memory.  Control characters, which remote
 * servers may send, never reach the terminal.  One thread.
 */

#ifndef ADMIN_CTL_FORMAT_H
#define ADMIN_CTL_FORMAT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { CTL_COLUMNS_MAX = 16 };

struct ctl_column {
	const char *key, *heading;
};

struct ctl_table { /* the first two are the caller's, the rest zeroed */
	const struct ctl_column *columns;
	size_t count;
	json_t *held; /* rows that the widths are taken from, or NULL */
	bool flowing; /* the widths stand; rows are printed at once */
	size_t widths[CTL_COLUMNS_MAX];
};

void ctl_table_row(struct ctl_table *t, const json_t *row);
void ctl_table_end(struct ctl_table *t); /* prints what is held, and frees */

/* A number, string or null of an object as text, "" if it is not there. */
const char *ctl_text(const json_t *object, const char *key, char *scratch,
    size_t cap);

/* Prints text of any origin; returns how many columns it took. */
size_t ctl_print(const char *text);

#endif

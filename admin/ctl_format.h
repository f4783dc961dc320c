/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_format - answers of the daemons as tables for people.
 *
 * A table is a list of columns, each a key of the item with a heading; its
 * width follows what is in it.  One thread.
 */

#ifndef ADMIN_CTL_FORMAT_H
#define ADMIN_CTL_FORMAT_H

#include <jansson.h>
#include <stddef.h>

struct ctl_column {
	const char *key, *heading;
};

/* Prints the rows (an array of objects) under their headings. */
void ctl_table(const json_t *rows, const struct ctl_column *columns,
    size_t count);

/* A number, string or null of an object as text, "" if it is not there. */
const char *ctl_text(const json_t *object, const char *key, char *scratch,
    size_t cap);

#endif

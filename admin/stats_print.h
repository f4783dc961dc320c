/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats_print - reports on standard output: as text for people, as one JSON
 * object, or as CSV lines of section, key, metric and value.
 *
 * A report is sections of rows; each row goes out at once, so that long
 * listings need no memory.  One thread.
 */

#ifndef ADMIN_STATS_PRINT_H
#define ADMIN_STATS_PRINT_H

#include <stdint.h>

#include "admin/ctl_format.h"
#include "lib/err.h"

enum stats_form { STATS_TEXT, STATS_JSON, STATS_CSV };

struct stats_section {
	const char *name; /* of its member in JSON, and in CSV */
	const char *title;
	const struct ctl_column *columns;
	size_t count;
	size_t keys; /* so many columns tell rows apart; 0: one row, no array */
};

struct stats_print;

struct stats_print *stats_print_new(enum stats_form form);

/* Ends the output.  The error is that of standard output. */
int stats_print_free(struct stats_print **pp, struct err *e);

/* The section must live until the next one. */
void stats_print_section(struct stats_print *p, const struct stats_section *s);

/*
 * Takes the row.  A null in the first key says that the row is of what is not
 * told apart; its member "others" says how many.
 */
void stats_print_row(struct stats_print *p, json_t *row);

/*
 * Further reports, one for each value of a column.  The value is borrowed,
 * NULL for the rest: so many others.
 */
void stats_print_value(struct stats_print *p, const char *column,
    const char *value, uint64_t others);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct_json - accounting records as JSON lines: an object a line.
 *
 * The keys are the names of columns.  As empty ones are left out, the columns
 * are those of all lines so far: CSV_HEADER comes before a row that brings
 * another one.  Numbers, true and false are given as text, and null as nothing.
 * Reads as csv.h does, with the same words for what it meets; a last line
 * without its end counts if it is a whole object.  Owned by one thread.
 */

#ifndef ADMIN_ACCT_JSON_H
#define ADMIN_ACCT_JSON_H

#include "lib/csv.h"

struct acct_json;

struct acct_json *acct_json_new(struct input *in); /* borrowed */
void acct_json_free(struct acct_json **jp);

enum csv_next acct_json_next(struct acct_json *j, struct err *e);

/* Cells live until the next row, names as long as the reader. */
size_t acct_json_columns(const struct acct_json *j);
const char *acct_json_name(const struct acct_json *j, size_t column);
const struct slice *acct_json_cells(const struct acct_json *j);

const struct csv_counts *acct_json_counts(const struct acct_json *j);

#endif

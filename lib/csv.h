/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csv - reads comma-separated values (RFC 4180) whose first line names the
 * columns.
 *
 * A header is a line whose first cell is the key, such as "type"; files that
 * were put together have several, and each holds from there on.  Cells are
 * borrowed until the next csv_next(), and there are always as many as the
 * header has: a row with fewer is filled up with empty ones, further ones are
 * left out; both are counted.
 *
 * What damaged files have is passed over and counted: a last line that was cut
 * (without its line end), a quote that nothing closes, a line above
 * CSV_LINE_MAX, zeros in front of a row (a crash leaves them).  A byte order
 * mark and empty lines mean nothing.  Lines end with CRLF or LF; a quote
 * inside a cell without quotes is a quote, and what follows a closing one is
 * part of the cell, as in Python's csv.  Owned by one thread.
 */

#ifndef LIB_CSV_H
#define LIB_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/input.h"
#include "lib/str.h"

#define CSV_LINE_MAX ((size_t)1024 * 1024) /* `most` of the input */

enum { CSV_COLUMNS_MAX = 4096 };

enum csv_next {
	CSV_HEADER, /* other columns from here on */
	CSV_ROW,
	CSV_END,
	CSV_FAILED
};

struct csv_counts {
	uint64_t rows;
	uint64_t narrow, wide; /* rows with fewer or more cells */
	uint64_t damaged;      /* places where something was passed over */
	bool cut;              /* the last line; not among the damaged */
};

struct csv;

/* Both are borrowed. */
struct csv *csv_new(struct input *in, const char *key);
void csv_free(struct csv **cp);

enum csv_next csv_next(struct csv *c, struct err *e);

/* Of the last header and the last row. */
size_t csv_columns(const struct csv *c);
const char *csv_name(const struct csv *c, size_t column);
const struct slice *csv_cells(const struct csv *c);

const struct csv_counts *csv_counts(const struct csv *c);

#endif

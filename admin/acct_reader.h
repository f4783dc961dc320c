/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct_reader - the rows of all accounting files of a command, one after the
 * other.
 *
 * Columns are wanted by name before the first row, and each has a slot: where
 * a header puts them is found out once for that header, so that
 *
 *	unsigned rcpt = acct_reader_want(rows, "rcpt");
 *	while ((row = acct_reader_next(rows)) != NULL)
 *		use(acct_cell(row, rcpt));
 *
 * reads all kinds of files; a column that is not there is empty.  A file that
 * cannot be read, and what is damaged in one, is told on standard error, once
 * for each file; the others are read all the same.  Shows how far it is.  One
 * thread.
 */

#ifndef ADMIN_ACCT_READER_H
#define ADMIN_ACCT_READER_H

#include "admin/acct_files.h"
#include "lib/str.h"

struct acct_row { /* holds until the next one */
	const struct slice *cells;
	const char *const *names;
	size_t columns;
	uint64_t header; /* another number: names may be others */
	const int *at;   /* by slot: the column, or -1 */
};

static inline struct slice
acct_cell(const struct acct_row *row, unsigned slot)
{
	int i = row->at[slot];

	return i < 0 ? (struct slice){ "", 0 } : row->cells[i];
}

static inline bool
acct_has(const struct acct_row *row, unsigned slot)
{
	return row->at[slot] >= 0;
}

struct acct_reader;

/* The files are borrowed; quiet: nothing is said of how far it is. */
struct acct_reader *acct_reader_new(const struct acct_files *files, bool quiet);
void acct_reader_free(struct acct_reader **rp);

/* The slot of a column, without regard to case; the same for the same name. */
unsigned acct_reader_want(struct acct_reader *r, const char *column);

/* The same of one that a user named: told at the end if no file has it. */
unsigned acct_reader_ask(struct acct_reader *r, const char *column);

/* NULL: the end. */
const struct acct_row *acct_reader_next(struct acct_reader *r);

size_t acct_reader_files(const struct acct_reader *r);  /* that could be read */
size_t acct_reader_failed(const struct acct_reader *r); /* that could not */

/* Before something is printed that may go to a terminal. */
void acct_reader_hide(struct acct_reader *r);

#endif

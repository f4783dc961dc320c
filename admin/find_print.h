/* SPDX-License-Identifier: Apache-2.0 */
/*
 * find_print - accounting records in the forms of `mailrace find`: csv, tsv,
 * json (an object a line), html, xml, prettyxml.
 *
 * Columns are those that are named, with `type`; or, without names, all that
 * the headers have, in the order in which they come.  A table whose columns
 * become more while it is printed gets a further header line, as files that
 * were put together have.  In json and xml what is empty is left out.
 *
 * Text goes out as it is in the files, but not to a terminal: control
 * characters become "?" there.  One thread.
 */

#ifndef ADMIN_FIND_PRINT_H
#define ADMIN_FIND_PRINT_H

#include "admin/acct_reader.h"

struct find_print;

/* form: "csv", "csv[rcpt,dsnDiag]"; iso: Unix times become text. */
int find_print_new(const char *form, bool iso, struct find_print **p_r,
    struct err *e);
void find_print_free(struct find_print **pp);

/* Columns that are known to come, before the first row. */
void find_print_expect(struct find_print *p, const char *const *names,
    size_t count);

void find_print_row(struct find_print *p, const struct acct_row *row);

/* What is complete so far, for a reader who waits; -1: it cannot be written. */
int find_print_flush(struct find_print *p, struct err *e);
int find_print_end(struct find_print *p, struct err *e);

#endif

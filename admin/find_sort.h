/* SPDX-License-Identifier: Apache-2.0 */
/*
 * find_sort - rows kept in memory, to be given in the order of a column.
 *
 * Numbers by value and before text, times by when they were, text without
 * regard to case, empty cells last; what is the same stays in the order it
 * came in.  With a bound on how many are asked for, not many more are kept.
 * One thread.
 */

#ifndef ADMIN_FIND_SORT_H
#define ADMIN_FIND_SORT_H

#include "admin/acct_reader.h"

struct find_sort;

/* order: "rcpt", "timeLogged,desc"; most 0: all. */
int find_sort_new(const char *order, size_t most, struct find_sort **s_r,
    struct err *e);
void find_sort_free(struct find_sort **sp);
const char *find_sort_column(const struct find_sort *s);

void find_sort_add(struct find_sort *s, const struct acct_row *row);

typedef void find_names_fn(void *ctx, const char *const *names, size_t count);
typedef void find_row_fn(void *ctx, const struct acct_row *row);

/* The names of every header first, then the rows. */
void find_sort_each(struct find_sort *s, find_names_fn *names, find_row_fn *row,
    void *ctx);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct_source - one accounting file, or a stream, as rows.
 *
 * Knows by the first byte whether it is CSV or JSON lines.  A row has as many
 * cells as there are columns; both hold until the next call.  Owned by one
 * thread.
 */

#ifndef ADMIN_ACCT_SOURCE_H
#define ADMIN_ACCT_SOURCE_H

#include "lib/csv.h"

struct acct_source;

/* "-" is standard input.  The error names the path. */
int acct_source_open(const char *path, struct acct_source **s_r, struct err *e);
void acct_source_close(struct acct_source **sp);

enum csv_next acct_source_next(struct acct_source *s, struct err *e);

size_t acct_source_columns(const struct acct_source *s);
const char *acct_source_name(const struct acct_source *s, size_t column);
const struct slice *acct_source_cells(const struct acct_source *s);

bool acct_source_is_json(const struct acct_source *s);
uint64_t acct_source_bytes(const struct acct_source *s); /* read so far */
const struct csv_counts *acct_source_counts(const struct acct_source *s);

#endif

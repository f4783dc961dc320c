/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct_row - accounting records as rows of a file: CSV (RFC 4180) or JSON
 * lines, by a layout that the configuration gives.
 *
 * A layout belongs to its snapshot and never changes; struct acct_rows is the
 * memory of one thread that writes rows.
 */

#ifndef MAIL_ACCT_ROW_H
#define MAIL_ACCT_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/mem.h"
#include "lib/str.h"
#include "mail/acct_record.h"
#include "mail/privacy.h"

enum acct_cell_kind { ACCT_CELL_NONE, ACCT_CELL_FIELD, ACCT_CELL_EXTRA };

/* What a column shows of a record of one type. */
struct acct_cell {
	enum acct_cell_kind kind;
	enum acct_field field;
	const char *extra; /* its name */
	/* Extras asked first, in order (map-header-to-field). */
	const char *const *mapped;
	size_t mapped_count;
};

struct acct_column {
	const char *name; /* as the header shows it */
	struct acct_cell by_type[ACCT_TYPES];
};

struct acct_layout {
	bool json;
	bool iso; /* times as text; else Unix seconds */
	const char *user_string;
	const struct privacy *privacy;     /* NULL: addresses stay */
	const struct acct_column *columns; /* without `type`, the first one */
	size_t count;
	uint32_t crc; /* two of the same write the same rows */
};

enum { ACCT_ROWS_KEPT = 8 };

/* Texts of rows before, which most rows have as well. */
struct acct_time_text {
	int64_t second;
	char text[40];
	size_t len; /* 0: none yet */
};
struct acct_status_text {
	struct acct_status status;
	char text[96];
	size_t len;
};

struct acct_rows {
	struct region *rg;  /* the caller's: what a record is unpacked to */
	struct region *own; /* of one row */
	struct acct_time_text times[ACCT_ROWS_KEPT];
	struct acct_status_text statuses[ACCT_ROWS_KEPT];
	struct privacy_keys keys;
};

/* Which record: "7c1f09a2-18842-3", the same however often it is sent. */
struct acct_id {
	uint32_t origin; /* of the spool */
	uint64_t seq;    /* of the blob in the outbox */
	uint32_t index;  /* within it */
};

void acct_rows_init(struct acct_rows *rs);
void acct_rows_fini(struct acct_rows *rs);

/* The header line of CSV; JSON has none. */
void acct_row_header(const struct acct_layout *l, struct buf *out);

/*
 * One whole line, with its end.  JSON has an object of what is not empty, with
 * a recordId at the end if no column shows it; sizes, seconds and times that
 * are not ISO are numbers.
 */
void acct_row_add(struct acct_rows *rs, const struct acct_layout *l,
    const struct acct_record *r, const struct acct_id *id, struct buf *out);

#endif

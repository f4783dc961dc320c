/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct_record - one accounting record: made where the outcome is known, kept
 * as bytes in the outbox, written as CSV by the writer thread.
 *
 * The table transport/acct_fields.def gives the struct, the byte form and the
 * columns.  Strings are borrowed and never NULL after unpacking.  Pure.
 */

#ifndef TRANSPORT_ACCT_RECORD_H
#define TRANSPORT_ACCT_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/str.h"

struct acct_status {
	uint8_t code[3];
};

#define ACCT_CTYPE_TIME int64_t
#define ACCT_CTYPE_STR const char *
#define ACCT_CTYPE_STATUS struct acct_status
#define ACCT_CTYPE_SIZE uint64_t

struct acct_record {
	char type; /* 'd', 'b' or 't' */
#define A(column, field, type) ACCT_CTYPE_##type field;
#include "transport/acct_fields.def"
#undef A
};

/* Appends the record: be32 length, version, fields. */
void acct_record_pack(const struct acct_record *r, struct buf *out);

/*
 * Takes the record at *p and moves on; strings point into the bytes.
 * 0: one record; 1: nothing left; -1: broken bytes.
 */
enum acct_next { ACCT_RECORD, ACCT_END, ACCT_BROKEN };
enum acct_next acct_record_unpack(const char **p, size_t *left,
    struct acct_record *r_r);

void acct_csv_header(struct buf *out);
void acct_csv_row(const struct acct_record *r, struct buf *out);

#endif

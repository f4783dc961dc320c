/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct_record - one accounting record: made where the event is known, kept as
 * bytes in the outbox, written as rows by the writer of accounting.
 *
 * The tables of mail/acct_field.h give the struct and the byte form.  Form 2
 * is written: be32 length of the rest, byte 2, byte type, be64 message id, be32
 * recipient number, then what is not empty: byte number of the field, be16
 * length, bytes, NUL; and for each extra byte 0x80, be16 length, name, NUL,
 * be16 length, value, NUL.  Numbers that are not known are passed over.  Form 1
 * (version 0.1: fields 1 to 22 in order, no id) is read as well.
 *
 * Strings are borrowed and never NULL after unpacking; they are cut at 65,535
 * bytes.  Pure; any thread.
 */

#ifndef MAIL_ACCT_RECORD_H
#define MAIL_ACCT_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "lib/mem.h"
#include "lib/str.h"
#include "mail/acct_field.h"

struct acct_status {
	uint8_t code[3];
};

#define ACCT_CTYPE_TIME int64_t
#define ACCT_CTYPE_STR const char *
#define ACCT_CTYPE_STATUS struct acct_status
#define ACCT_CTYPE_SIZE uint64_t

/* "header_x-job", "arf_source-ip": the name in lower case. */
struct acct_extra {
	const char *name, *value;
};

struct acct_record {
	enum acct_type type;
	uint64_t id; /* of the message; 0: not about one, or form 1 */
	uint32_t rcpt_number;
#define A(number, name, column, member, kind, types) ACCT_CTYPE_##kind member;
#include "mail/acct_fields.def"
#undef A
	const struct acct_extra *extras;
	size_t extra_count;
};

/* Where the message id stands in the bytes of a record: be64. */
enum { ACCT_RECORD_ID_AT = 6 };

/* Appends the record; strings may be NULL. */
void acct_record_pack(const struct acct_record *r, struct buf *out);

/*
 * Takes the record at *p and moves on: strings point into the bytes, extras
 * are in rg.  Behind a broken one *p stands at what cannot be read.
 */
enum acct_next { ACCT_RECORD, ACCT_END, ACCT_BROKEN };
enum acct_next acct_record_unpack(const char **p, size_t *left,
    struct region *rg, struct acct_record *r_r);

#endif

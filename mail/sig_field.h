/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sig_field - writes a field of a signature: a tag list in short lines.
 *
 * For DKIM-Signature and for the fields of ARC, which look the same.  The
 * text is made in the order of the calls and is hashed as it stands; what
 * comes last is the empty b=, and, when the text has been hashed, the
 * signature in it.  Lines are broken with CRLF and a tab before a tag or an
 * item that would not fit, and anywhere in a signature.
 *
 * The caller's, usually on its stack; sig_field_fini() frees.
 */

#ifndef MAIL_SIG_FIELD_H
#define MAIL_SIG_FIELD_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/str.h"
#include "mail/header.h"

struct sig_field {
	struct buf text; /* "Name: value", without the final CRLF */
	size_t name_len, col;
	bool items; /* the open tag has one */
};

void sig_field_init(struct sig_field *f, const char *name);
void sig_field_fini(struct sig_field *f);

/* A whole tag, "tag=value;". */
void sig_field_tag(struct sig_field *f, const char *tag, const char *value);
void sig_field_number(struct sig_field *f, const char *tag, uint64_t value);
void sig_field_base64(struct sig_field *f, const char *tag, const void *p,
    size_t len);
/* As dkim-quoted-printable (RFC 6376 section 2.11). */
void sig_field_quoted(struct sig_field *f, const char *tag, const char *value);

/* A tag of items with colons between: open, each item, close. */
void sig_field_open(struct sig_field *f, const char *tag);
void sig_field_item(struct sig_field *f, struct slice item);
void sig_field_close(struct sig_field *f);

/* The last tag, empty; then what has been signed goes into it. */
void sig_field_b(struct sig_field *f);
void sig_field_signature(struct sig_field *f, const char *base64, size_t len);

/* The field as it stands, until it is written to again. */
struct header sig_field_header(const struct sig_field *f);

/* Behind "Name: ". */
struct slice sig_field_value(const struct sig_field *f);

#endif

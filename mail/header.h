/* SPDX-License-Identifier: Apache-2.0 */
/*
 * header - the header fields of a message, as slices of its bytes.
 *
 * RFC 5322 section 2.2.  A field is "Name:value", the value with its leading
 * blank and inner CRLF folds, without the final CRLF.  Names match without
 * regard to case.  Pure; memory from the caller's region.
 */

#ifndef MAIL_HEADER_H
#define MAIL_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/mem.h"
#include "lib/str.h"

struct header {
	struct slice name;  /* without blanks before the colon */
	struct slice value; /* from behind the colon */
	struct slice whole; /* name, colon and value as they stand */
};

struct header_list {
	size_t n, cap;
	struct header *v;
};

/*
 * Splits the header block at the start of a message.  body_r is the offset
 * of the body, behind the empty line (or len if there is none).  Lines that
 * are no header field end the header block, as RFC 5322 readers do.
 */
void header_parse(const char *p, size_t len, struct region *rg,
    struct header_list *list_r, size_t *body_r);

/* Adds one field; name and value are copied into the region. */
void header_list_add(struct header_list *list, struct region *rg,
    struct slice name, struct slice value);

/* Index of the first field with that name at or after `from`, or n. */
size_t header_find(const struct header_list *list, const char *name,
    size_t from);

/*
 * The first field with that name, also behind lines that are no fields: up to
 * the first empty line.  False: it is not there.
 */
bool header_seek(const char *p, size_t len, const char *name,
    struct header *h_r);

/* The value unfolded and trimmed, in the region. */
const char *header_value(const struct header *h, struct region *rg);

#endif

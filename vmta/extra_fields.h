/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extra_fields - header fields that an operator keeps in a file, to be added
 * to messages.
 *
 *	file  = *( field eol *( blank text eol ) ) *eol
 *	field = name ":" text            ; RFC 5322 section 2.2
 *
 * What could end the header, or end a field in its middle, is refused: empty
 * lines between fields, a CR alone, NUL and other controls, bytes that are not
 * ASCII, lines of more than 998 octets.  So are fields that are made for each
 * message, by us or by who delivers it.
 *
 * Pure; everything is in the caller's region.
 */

#ifndef VMTA_EXTRA_FIELDS_H
#define VMTA_EXTRA_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "lib/str.h"

struct extra_field {
	const char *name, *value; /* the value without its leading blank */
	bool single; /* a message has one at most (RFC 5322 section 3.6) */
};

struct extra_fields {
	size_t n;
	struct extra_field *v;
};

/* 1*ftext: could it be the name of a field? */
bool extra_fields_is_name(struct slice s);

/* Adds those of the text.  -1: e says why, and line_r where. */
int extra_fields_parse(struct slice text, struct region *rg,
    struct extra_fields *out, unsigned *line_r, struct err *e);

#endif

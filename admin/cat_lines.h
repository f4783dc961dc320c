/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cat_lines - the octets of a message, as they come from the daemon's cat, into
 * the lines of this host, header and body apart.
 *
 * Pure; the caller owns the buffers.
 */

#ifndef ADMIN_CAT_LINES_H
#define ADMIN_CAT_LINES_H

#include <jansson.h>
#include <stdbool.h>

#include "lib/str.h"

struct cat_lines { /* zeroed */
	bool in_body;
	bool line_is_open; /* the last octet was no newline */
	bool cr;           /* it was a carriage return */
};

/*
 * An item with octets; others are left alone.  The empty line between both is
 * the first of the body.  The buffers may be the same.
 */
void cat_lines_add(struct cat_lines *l, const json_t *item, struct buf *header,
    struct buf *body);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packed - strings and numbers in a row of bytes, as envelopes and waybills
 * are kept.
 *
 * A string is be16 length, bytes and a NUL, so that a read one points into
 * the bytes.  A reader never goes past the end: what is cut short, or holds a
 * NUL inside a string, makes it bad, and reads from then on give 0 and "".
 * Pure; any thread.
 */

#ifndef MAIL_PACKED_H
#define MAIL_PACKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/str.h"

enum { PACKED_STRING_MIN = 3 }; /* bytes of an empty one */

void packed_add_byte(struct buf *out, uint8_t v);
void packed_add_u32(struct buf *out, uint32_t v);
void packed_add_u64(struct buf *out, uint64_t v);
void packed_add_str(struct buf *out, const char *s); /* NULL is "" */

struct packed {
	const char *p;
	size_t left;
	bool bad;
};

uint8_t packed_byte(struct packed *r);
uint32_t packed_u32(struct packed *r);
uint64_t packed_u64(struct packed *r);
const char *packed_str(struct packed *r);

#endif

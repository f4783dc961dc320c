/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encoded_word - text beyond ASCII in header fields: RFC 2047.
 *
 * Written are only UTF-8 and base64, which any reader knows; read are UTF-8,
 * US-ASCII and ISO-8859-1 in both encodings.  Pure; any thread.
 */

#ifndef MAIL_ENCODED_WORD_H
#define MAIL_ENCODED_WORD_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/mem.h"
#include "lib/str.h"

/* It cannot stand as it is: it is not ASCII, or would be read as encoded. */
bool encoded_word_is_needed(const char *text);

/*
 * Adds valid UTF-8 without control characters as encoded words, each on a line
 * of its own but for the first, before which so many columns are taken.
 */
void encoded_word_add(struct buf *out, const char *text, size_t column);

/*
 * The text of an unfolded field body, as UTF-8.  Words of another charset, and
 * those that cannot be decoded, stay as they are.
 */
const char *encoded_word_read(const char *value, struct region *rg);

#endif

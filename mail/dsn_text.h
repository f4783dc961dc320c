/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dsn_text - text of others made fit to stand in a notification.
 *
 * Pure; any thread.
 */

#ifndef MAIL_DSN_TEXT_H
#define MAIL_DSN_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/mem.h"
#include "lib/str.h"

bool dsn_text_is_ascii(struct slice s);

/*
 * One line without control characters, at most `max` bytes.  utf8: characters
 * beyond ASCII stay if all of it is valid UTF-8; else each byte becomes '?'.
 */
const char *dsn_text_safe(const char *s, size_t max, bool utf8,
    struct region *rg);

/*
 * Adds safe text word by word; a line that would become too long ends, and
 * the next begins with the indent.  column: how much stands on this line.
 */
void dsn_text_wrap(struct buf *out, const char *safe, size_t column,
    const char *indent);

#endif

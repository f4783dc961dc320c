/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_text - one string as JSON writes it, with its quotes (RFC 8259, 7).
 *
 * For rows by the hundred thousand a second; what is built of objects is
 * jansson's.  Control characters become \u00XX.  What is not UTF-8 becomes
 * U+FFFD, once for each longest part that could have begun a character, as
 * Unicode recommends (3.9) and Python and browsers do.  Pure; any thread.
 */

#ifndef LIB_JSON_TEXT_H
#define LIB_JSON_TEXT_H

#include "lib/str.h"

void json_text(struct buf *out, struct slice text);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dot_lines - nearly all of nearly every message: text that is the same with
 * dots doubled and without.  Pure.
 */

#ifndef MAIL_DOT_LINES_H
#define MAIL_DOT_LINES_H

#include <stddef.h>

/*
 * How much of p, looked at in long steps, holds each CR before a LF, each LF
 * behind a CR, and no dot behind a LF.  What it begins with is text to it; it
 * ends with a byte that is neither CR nor LF, or is empty.  Not the most that
 * could be told: the rest is for whoever goes byte by byte.
 */
size_t dot_lines_len(const char *p, size_t len);

#endif

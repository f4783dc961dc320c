/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base64 - RFC 4648 section 4, with padding, on one line.  Any thread.
 */

#ifndef LIB_BASE64_H
#define LIB_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/str.h"

void base64_add(struct buf *out, const void *p, size_t len);

/* True only if s is exactly the base64 of len bytes, which out gets. */
bool base64_read(struct slice s, void *out, size_t len);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xtext - the form of RFC 3461 section 4 in which ENVID and ORCPT stand.
 *
 * Pure; strings are the caller's region's.
 */

#ifndef MAIL_XTEXT_H
#define MAIL_XTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/mem.h"
#include "lib/str.h"

#define ENVID_MAX 100 /* octets of xtext; section 4.4 */

bool xtext_is_valid(struct slice s);

/* NULL: it is none, or holds NUL. */
const char *xtext_decode(struct slice s, struct region *rg);
/* As xtext of max octets at most: what is beyond is cut off. */
const char *xtext_encode(const char *s, size_t max, struct region *rg);

#endif

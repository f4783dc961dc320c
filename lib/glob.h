/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glob - names with wildcards: `*` is any text, `?` one character.
 *
 * Without regard to ASCII case; nothing else is special, so that `[` in a
 * name is a `[`.  Pure; any thread; no recursion.
 */

#ifndef LIB_GLOB_H
#define LIB_GLOB_H

#include <stdbool.h>

#include "lib/str.h"

bool glob_match(const char *pattern, const char *text);
bool glob_match_slice(const char *pattern, struct slice text);

/*
 * A comma separated list of patterns, without blanks around them and empty
 * ones: each with its NUL, then one more.  To be freed.
 */
char *glob_list(const char *list);
bool glob_list_match(const char *patterns, struct slice text); /* any */

/*
 * Does `pattern` fit all that `other`, itself a pattern, fits?  May say no
 * where a closer look would say yes.
 */
bool glob_covers(const char *pattern, const char *other);

#endif

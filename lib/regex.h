/* SPDX-License-Identifier: Apache-2.0 */
/*
 * regex - regular expressions of configuration: Perl-compatible, unanchored,
 * without regard to case unless (?-i) says so.
 *
 * PCRE2 with JIT and with limits, so that a bad pattern cannot hold a thread
 * for long: a match that runs into one is no match.  A compiled pattern is
 * immutable; any number of threads may match with it at once.
 */

#ifndef LIB_REGEX_H
#define LIB_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/str.h"

struct regex;

/* The error names the offset in the pattern. */
int regex_new(struct slice pattern, struct regex **re_r, struct err *e);
void regex_free(struct regex **rep);

/* Is the pattern well-formed?  Cheaper than to make it and throw it away. */
int regex_check(struct slice pattern, struct err *e);

bool regex_match(const struct regex *re, const char *p, size_t len);

/*
 * PowerMTA's form: takes /pattern/ from the front of *rest, up to the first
 * slash without backslash that a blank or the end follows.
 */
int regex_take(struct slice *rest, struct regex **re_r, struct err *e);

/* The same, but the pattern only. */
int regex_take_pattern(struct slice *rest, struct slice *pattern_r,
    struct err *e);

/* The length of /pattern/ at the front of s; 0: it has no last slash. */
size_t regex_span(struct slice s);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * regex_set - many regular expressions (regex.h) against one text: which of
 * them are worth trying is found in one pass over the text.
 *
 *	n = regex_set_add(set, pattern, &e);	... any number of them, then
 *	regex_set_seal(set);
 *
 *	for (regex_scan_init(&scan, set, text, len);
 *	    (i = regex_scan_next(&scan)) >= 0;)
 *		if (regex_scan_matches(&scan, i))
 *			...
 *
 * The expression i may match only if regex_scan_next() says i; they come in
 * the order of adding.  What it goes by: the first bytes of the text, and words
 * that a match must have (regex_need.h), found by three bytes of each.  A word
 * of less tells nothing.
 *
 * A sealed set is immutable; any number of threads may scan with it at once.
 */

#ifndef LIB_REGEX_SET_H
#define LIB_REGEX_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/str.h"

#define REGEX_SET_MAX 4096

struct regex_set;

struct regex_scan {
	const struct regex_set *set;
	const char *text;
	size_t len;
	size_t next; /* nothing before it is a candidate any more */
	uint64_t candidates[REGEX_SET_MAX / 64];
};

struct regex_set *regex_set_new(void);
void regex_set_free(struct regex_set **setp);

/* The number of the expression, from 0; -1: it is none, or one too many. */
int regex_set_add(struct regex_set *set, struct slice pattern, struct err *e);
void regex_set_seal(struct regex_set *set);
size_t regex_set_count(const struct regex_set *set);

/* The text is borrowed until the scan is over. */
void regex_scan_init(struct regex_scan *scan, const struct regex_set *set,
    const char *text, size_t len);
int regex_scan_next(struct regex_scan *scan); /* -1: no more */
bool regex_scan_matches(const struct regex_scan *scan, int i);

#endif

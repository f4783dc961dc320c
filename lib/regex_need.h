/* SPDX-License-Identifier: Apache-2.0 */
/*
 * regex_need - what every text has that a regular expression (regex.h)
 * matches: one of some words, and perhaps certain first bytes.
 *
 * Cheap to look for before the expression is tried.  It errs on one side only:
 * of an expression that is not understood in full nothing is said to be
 * needed.  Without regard to case, whatever the expression says.  Pure; any
 * thread.
 */

#ifndef LIB_REGEX_NEED_H
#define LIB_REGEX_NEED_H

#include <stddef.h>

#include "lib/str.h"

#define REGEX_WORD_MAX 48 /* bytes; of a longer one the front counts */
#define REGEX_WORDS_MAX 24
#define REGEX_FRONT_MAX 3 /* the code of a reply */

struct regex_need {
	/* In lower case; the text has one of them at least.  n 0: unknown. */
	struct {
		char text[REGEX_WORD_MAX];
		size_t len; /* 1 at least */
	} words[REGEX_WORDS_MAX];
	size_t n;
	char front[REGEX_FRONT_MAX]; /* the text begins so */
	size_t front_len;
};

/* The pattern is one that regex_new() takes. */
void regex_need(struct slice pattern, struct regex_need *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spf_macro - the macro language of SPF records (RFC 7208 section 7): is a text in
 * it, and what it stands for.
 *
 * What the letters stand for is the caller's.  Pure; strings are in the region.
 */

#ifndef MAIL_SPF_MACRO_H
#define MAIL_SPF_MACRO_H

#include <stdbool.h>

#include "lib/mem.h"
#include "lib/str.h"

enum spf_macro_use {
	SPF_MACRO_DOMAIN,   /* domain-spec */
	SPF_MACRO_MODIFIER, /* the value of one that is not known */
	SPF_MACRO_TEXT /* an explanation: also %{c}, %{r}, %{t} and spaces */
};

/* By letter, from 'a'; NULL: the text cannot be expanded if it needs that. */
struct spf_values {
	const char *of['z' - 'a' + 1];
};

/* NULL: fine.  Else what is wrong with it. */
const char *spf_macro_fault(struct slice text, enum spf_macro_use use);

/* Does a good text use that letter, in either case? */
bool spf_macro_uses(struct slice text, char letter);

/*
 * Does a good text take more than so many bytes of values and of its own?  What it
 * stands for is at most three times as long.
 */
#define SPF_MACRO_MAX 4096
bool spf_macro_is_long(struct slice text, const struct spf_values *values);

/* Of a good text; NULL: a value is not there. */
const char *spf_macro_expand(struct slice text, const struct spf_values *values,
    struct region *rg);
/* Of such a name: labels go from the left until it is short enough. */
const char *spf_macro_cut(const char *name, struct region *rg);

#endif

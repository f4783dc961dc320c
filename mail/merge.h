/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merge - PowerMTA's mail merge as far as it is text: the variables that XDFN
 * defines for one recipient, and what becomes of a text that names them.
 *
 *	XDFN name="Ann Lee" city=Rome *parts=1,3-4
 *
 *	definitions = definition *(1*WSP definition)
 *	definition  = variable "=" value
 *	variable    = ALPHA *(ALPHA / DIGIT / "_" / "-" / ".") / "*" 1*ALPHA
 *	value       = DQUOTE *(WSP / VAL) DQUOTE / *VAL
 *	VAL         = any octet but controls, WSP, DQUOTE, backslash
 *
 *	[variable]  its value; of one that is not defined nothing, or itself
 *	[[]         a bracket
 *
 * A value is put in as it is and not looked at again.  It has no line ends and
 * no other controls, so no field of a header can come in by one.  How PowerMTA
 * wants a quote or a backslash written within a value is not documented: both
 * are refused.  Variables with an asterisk are reserved; their values are checked
 * here.  A second definition of a variable counts in place of the first.
 *
 * Facts: PowerMTA 5.0 User's Guide (mail merge); its client libraries' examples.
 *
 * Pure but for the time zone of *schedule; any thread.  What is defined lives in
 * the region.
 */

#ifndef MAIL_MERGE_H
#define MAIL_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/mem.h"
#include "lib/str.h"

enum {
	MERGE_VARS_MAX = 500, /* of one recipient */
	MERGE_NAME_MAX = 64,
	MERGE_PARTS_MAX = 1000, /* numbers of parts, and how many make a text */
};

struct merge_var {
	const char *name;   /* in lower case */
	struct slice value; /* with a NUL behind it */
};

/* Those of one recipient; zeroed is none. */
struct merge_vars {
	size_t n;
	struct merge_var *v; /* by name */
	size_t taken;        /* definitions, with those that others replaced */
};

/*
 * What stands behind XDFN; utf8: addresses may be such.  NULL: all of it is
 * defined; else the reply, and some of it may be.
 */
const char *merge_define(struct slice text, bool utf8, struct region *rg,
    struct merge_vars *vars);

/* Defined by us: name is in lower case, and both live as long as the region. */
void merge_put(struct merge_vars *vars, struct region *rg, const char *name,
    struct slice value);

/* name in lower case; NULL: it is not defined. */
const char *merge_get(const struct merge_vars *vars, const char *name);

/* Numbers of parts, in their order. */
struct merge_parts {
	size_t n;
	uint16_t *v;
};

/* "1-3", "1,3,2"; false: it is no such list. */
bool merge_parts_parse(struct slice text, struct region *rg,
    struct merge_parts *out);

/* A number from 1 to max. */
bool merge_number(struct slice text, unsigned max, unsigned *n_r);

/* No: whatever is defined, the text becomes the same. */
bool merge_has_variables(struct slice text);

struct merge_how {
	bool keeps_undefined; /* they stay as they stand */
	size_t max;           /* that out may have */
};

/* Adds the text to out; false: it becomes too long. */
bool merge_expand(struct slice text, const struct merge_vars *vars,
    const struct merge_how *how, struct buf *out);

#endif

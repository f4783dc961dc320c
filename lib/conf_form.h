/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_form - checks values against their form, for directives that are known
 * and have no place in a struct (yet).
 *
 *	forms = form *( " / " form )               any of them
 *	form  = part *( " " part )                 one word of the value each
 *	part  = [ "[" ] alt *( "|" alt ) [ "," ] [ "]" ]
 *	alt   = TYPE / word
 *
 * TYPE is in capitals; other words stand for themselves, without regard to
 * case.  "," is a list that takes the rest of the value, "[]" an optional
 * part.  So "CIDR UINT|unlimited" is a range and then a number or that word.
 * Values of text, names and lists may be `""`, which clears what was inherited.
 * The form stands in the manual as it is.  One thread (the tree's region).
 */

#ifndef LIB_CONF_FORM_H
#define LIB_CONF_FORM_H

#include <stddef.h>
#include <stdint.h>

#include "lib/conf_parse.h"
#include "lib/err.h"
#include "lib/str.h"

struct conf_form_ctx {
	const struct conf_tree *tree;
	const struct conf_node *node; /* where the value stands */
	uint64_t min, max;            /* of UINT, SIZE, INTERVAL; max 0: none */
};

/* A type of its own: exactly one of the two functions is given. */
struct conf_form_type {
	const char *name;
	int (*word)(const struct conf_form_ctx *c, struct slice s,
	    struct err *e);
	/* takes what it needs from the front of *rest */
	int (*take)(const struct conf_form_ctx *c, struct slice *rest,
	    struct err *e);
	bool clears; /* `""` is a value, too */
};

struct conf_form_types {
	const struct conf_form_type *v;
	size_t n;
};

/*
 * Which of the forms the value has, from 0; -1: none, and why it is not the
 * first.  `own` are types beside those that every configuration has.
 */
int conf_form_check(const struct conf_form_ctx *c,
    const struct conf_form_types *own, const char *forms, struct slice value,
    struct err *e);

#endif

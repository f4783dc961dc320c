/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_macro - domain macros while files are read: definitions, then one
 * expansion of all, macros in macros included.
 *
 * Only conf_parse.c includes this; users call conf_expand().  Definitions may
 * come after their use; the last one of a name counts.
 */

#ifndef LIB_CONF_MACRO_H
#define LIB_CONF_MACRO_H

#include "lib/conf_parse.h"

/* Takes the value of a domain-macro directive: NAME a, b, c. */
void conf_macro_define(struct conf_tree *tree, struct slice value,
    const char *file, unsigned line, struct conf_errors *errs);

/* Expands all; loops and unknown names are errors where they stand. */
void conf_macro_finish(struct conf_tree *tree, struct conf_errors *errs);

#endif

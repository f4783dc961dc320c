/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ex_text - the text of an Exim's configuration as it stands in its files, and
 * places in it where lines can be put.
 *
 * Exim itself says what holds (compat/exim/ex_facts.h); here it is only found
 * where that is written.  Files follow one another in the order in which Exim
 * reads them; includes are not followed, but are told.  Pure; texts are
 * borrowed.
 */

#ifndef COMPAT_EXIM_EX_TEXT_H
#define COMPAT_EXIM_EX_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/str.h"

struct ex_source {
	const char *name; /* below the folder of the configuration */
	struct slice text;
};

struct ex_text {
	struct ex_source *v;
	size_t n;
};

/* A line, with its end. */
struct ex_place {
	const struct ex_source *source;
	struct slice line;
	unsigned number;
};

/*
 * How many lines there are of a kind; the first is in out.  A label such as
 * "dnslookup:" in a section ("acl", "routers"); where a section begins (NULL:
 * any); an
 * option of the main section; an include.
 */
size_t ex_text_label(const struct ex_text *t, const char *section,
    const char *label, struct ex_place *out);
size_t ex_text_begin(const struct ex_text *t, const char *section,
    struct ex_place *out);
size_t ex_text_option(const struct ex_text *t, const char *name,
    struct ex_place *out);
size_t ex_text_include(const struct ex_text *t, struct ex_place *out);

const struct ex_source *ex_text_source(const struct ex_text *t,
    const char *name);
/* How often a text stands there from the begin of a line on. */
size_t ex_text_count(struct slice text, const char *what, size_t *at_r);

/*
 * Writes the text with one that stands there exactly once from the begin of a
 * line on replaced by another; false: it does not.
 */
bool ex_text_replace(struct slice text, const char *before, const char *value,
    struct buf *out);

#endif

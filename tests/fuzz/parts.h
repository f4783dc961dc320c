/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parts - an input that is several texts, for a fuzz target: a line "=== NAME"
 * begins each.  What stands before the first is nobody's.  Header only; texts
 * are borrowed.
 */

#ifndef TESTS_FUZZ_PARTS_H
#define TESTS_FUZZ_PARTS_H

#include <string.h>

#include "lib/str.h"

enum { PARTS_MAX = 12 };

struct parts {
	size_t n;
	struct slice names[PARTS_MAX], texts[PARTS_MAX];
};

static inline void
parts_split(struct parts *in, const char *p, size_t size)
{
	const char *end = p + size, *lf;

	for (; p < end; p = lf + (lf < end)) {
		size_t len;

		lf = memchr(p, '\n', (size_t)(end - p));
		lf = lf == NULL ? end : lf;
		len = (size_t)(lf - p);
		if (len > 4 && memcmp(p, "=== ", 4) == 0 && in->n < PARTS_MAX) {
			in->names[in->n] = (struct slice){ p + 4, len - 4 };
			in->texts[in->n++] = (struct slice){ lf + (lf < end),
				0 };
		} else if (in->n > 0) {
			in->texts[in->n - 1].len = (size_t)(lf + (lf < end) -
			    in->texts[in->n - 1].p);
		}
	}
}

/* The first of that name; p NULL: there is none. */
static inline struct slice
parts_find(const struct parts *in, const char *name)
{
	for (size_t i = 0; i < in->n; i++)
		if (slice_eq(in->names[i], name))
			return in->texts[i];
	return (struct slice){ NULL, 0 };
}

#endif

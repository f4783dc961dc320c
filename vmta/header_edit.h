/* SPDX-License-Identifier: Apache-2.0 */
/*
 * header_edit - a header under work: which of its fields go, and which come
 * above them.
 *
 * Pure; everything is in the caller's region.  Names match without regard to
 * case.
 */

#ifndef VMTA_HEADER_EDIT_H
#define VMTA_HEADER_EDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/mem.h"
#include "mail/header.h"
#include "vmta/policy.h"

struct header_edit {
	const struct header_list *headers;
	bool *remove; /* by index of headers */
	size_t add_count;
	struct policy_add *add; /* grown by region_grow() */
	size_t trace;           /* so many of headers are our own, and stay */
};

/* Is a field of that name left? */
bool header_edit_has(const struct header_edit *edit, const char *name);

/* Does the message bring a field that says the same? */
bool header_edit_brings(const struct header_edit *edit, const char *name,
    const char *value, struct region *rg);

/* All of that name, also those that were to come. */
void header_edit_remove(struct header_edit *edit, const char *name);

/* Below those that are there; the strings are not copied. */
void header_edit_add(struct header_edit *edit, const char *name,
    const char *value, struct region *rg);

/* Those that were added behind the first `before` go above them. */
void header_edit_put_first(struct header_edit *edit, size_t before,
    struct region *rg);

/* The header as it goes out. */
void header_edit_outgoing(const struct header_edit *edit, struct region *rg,
    struct header_list *out);

#endif

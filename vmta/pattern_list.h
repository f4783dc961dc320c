/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pattern_list - the lists behind pattern.h, as a snapshot holds them.
 *
 * Read while the snapshot is built; immutable afterwards.
 */

#ifndef VMTA_PATTERN_LIST_H
#define VMTA_PATTERN_LIST_H

#include "lib/conf_bind.h"
#include "lib/regex.h"
#include "lib/strmap.h"

/* Lists that call each other, in depth; a loop is deeper than any. */
#define PATTERN_DEPTH 16

enum pattern_what {
	PATTERN_MAIL_FROM,
	PATTERN_RCPT_TO,
	PATTERN_HEADER,
	PATTERN_ANY
};

struct pattern_row {
	enum pattern_what what;
	const char *header;
	struct regex *re; /* NULL for PATTERN_ANY */
	const char *vmta; /* or NULL */
	uint8_t priority;
	bool has_priority;
	const char *call_name; /* call-to:LIST, or NULL */
	const struct pattern_list *call;
	const struct conf_node *node;
	struct pattern_row *next;
};

struct pattern_list {
	const char *name; /* "" for one that stands in a row */
	const struct conf_node *node;
	struct pattern_row *rows, **rows_end;
	unsigned depth;
	struct pattern_list *next; /* all of the snapshot */
};

/* All lists of a snapshot: the structs are in its region. */
struct pattern_lists {
	struct pattern_list *first, **end;
	struct strmap *by_name; /* in lower case */
};

struct pattern_lists *pattern_lists_new(void);
void pattern_lists_free(struct pattern_lists **listsp);

/* Adds what a <pattern-list> block holds. */
void pattern_lists_read(struct pattern_lists *lists,
    const struct conf_binder *b, const struct conf_node *n);

/* Joins call-to with its lists and finds loops. */
void pattern_lists_join(struct pattern_lists *lists, struct conf_errors *errs);

/* Without regard to case; NULL: no such list. */
struct pattern_list *pattern_lists_find(const struct pattern_lists *lists,
    const char *name);

#endif

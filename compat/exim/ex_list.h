/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ex_list - lists of Exim: of domains, of addresses, and plain ones.
 *
 * A list is colon-separated, or "<; a ; b" by another character; the separator
 * twice stands for itself.  Items may be negated, name other lists (+name), and
 * files (lsearch;/path).  A list is read once into items, and then asked about
 * points: a domain, all below a domain, an address, or all others.  What is no
 * plain domain or address makes the list one that cannot be asked.
 *
 * Everything is in the region given.  One thread.
 */

#ifndef COMPAT_EXIM_EX_LIST_H
#define COMPAT_EXIM_EX_LIST_H

#include "compat/exim/ex_options.h"

/* Item by item. */
struct ex_cursor {
	const char *rest;
	char separator;
	bool empty; /* an item was, and was passed over */
};

struct ex_cursor ex_cursor_of(const char *list);
/* NULL: no more.  Items are trimmed, and never empty. */
const char *ex_cursor_next(struct ex_cursor *at, struct region *rg);

/*
 * Of which mail something is asked: domain NULL is that of which nothing else
 * is said; below: any domain below that one, of which nothing else is said.
 */
struct ex_point {
	const char *local; /* NULL: any of which nothing else is said */
	const char *domain;
	bool below;
};

struct ex_points {
	struct ex_point *v;
	size_t n;
};

bool ex_point_eq(const struct ex_point *a, const struct ex_point *b);
/* Adds it, unless it is there. */
void ex_points_add(struct ex_points *p, struct region *rg,
    const struct ex_point *point);

/* The name of a host or a domain in letters, digits, "-", "_" and dots. */
bool ex_is_plain_host(const char *name);

/*
 * "a.example", "*.a.example", "user@a.example", "*@a.example": false, it is
 * none of those.  Everything comes out in lower case.
 */
bool ex_point_parse(struct region *rg, const char *text,
    struct ex_point *point_r);

enum ex_item_kind { EX_ITEM_ANY, EX_ITEM_POINT, EX_ITEM_ENTER, EX_ITEM_LEAVE };

struct ex_item {
	enum ex_item_kind kind;
	bool negated; /* ENTER: the whole list that LEAVE ends */
	struct ex_point point;
};

struct ex_list {
	struct ex_item *v;
	size_t n;
	const char *unknown; /* what cannot be asked; NULL: nothing */
	/* Of addresses: the null sender, which no point is, is not as others. */
	bool null_differs;
};

struct ex_lookup; /* compat/exim/ex_lookup.h */

/* How keys of a file are found; false: it cannot be read, and why is set. */
struct ex_files {
	bool (*keys)(void *ctx, struct ex_lookup *l);
	void *ctx;
};

/*
 * Of domains ("domainlist") or addresses ("addresslist").  An empty text is a
 * list of nothing.
 */
void ex_list_read(const struct ex_conf *c, const struct ex_files *files,
    const char *kind, const char *text, struct ex_list *list_r);

/* Only of a list without unknown. */
bool ex_list_has(const struct ex_list *list, const struct ex_point *point);
/* Each point that is named in it. */
void ex_list_points(const struct ex_list *list, struct region *rg,
    struct ex_points *points);

#endif

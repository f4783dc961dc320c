/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_bind - directives of the tree into a struct, by a table made from a
 * .def file.
 *
 * D(name, field, TYPE, default, min, max, reload, doc).  min and max bound
 * UINT, SIZE and the weights of MEMBERS, and the seconds of INTERVAL and INTERVALS; 0 is no bound.
 * "unlimited" and "never" are understood where the default says so (and
 * "unlimited" for numbers whose default is 0, which then mean no limit).  The
 * default of a WORD is the list of its words, the first one being the default;
 * of a BOOL_WORD yes and no are two of them.
 *
 * Which rows were set, and where, is remembered, so that levels can be merged
 * and shown.  Repeated single values: the last wins.  STRS, ADDRS, DOMAINS,
 * FIELDS, SENDERS, SOURCES, DKEYS, MEMBERS and limits by address or domain (CIDR_COUNTS and so on) add
 * up; `""` empties them.  Everything that is wrong goes
 * to the list of errors.  Memory comes from the tree's region.  One thread.
 *
 * Names without a row are those of conf_known.h, or errors.
 */

#ifndef LIB_CONF_BIND_H
#define LIB_CONF_BIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/conf_parse.h"
#include "lib/conf_types.h"

enum conf_type {
	CONF_TYPE_UINT,
	CONF_TYPE_PERCENT,
	CONF_TYPE_BOOL,
	CONF_TYPE_BOOL_INTERVAL,
	CONF_TYPE_INTERVAL,
	CONF_TYPE_INTERVALS,
	CONF_TYPE_RATE,
	CONF_TYPE_RATES,
	CONF_TYPE_DATA_RATE,
	CONF_TYPE_SIZE,
	CONF_TYPE_COUNT_SHARE,
	CONF_TYPE_RATE_SHARE,
	CONF_TYPE_DATA_SHARE,
	CONF_TYPE_ERROR_RATE,
	CONF_TYPE_SHARE,
	CONF_TYPE_CIDR,
	CONF_TYPE_STR,
	CONF_TYPE_SECRET,
	CONF_TYPE_KEY_FILE,
	CONF_TYPE_WORD,
	CONF_TYPE_BOOL_WORD,
	CONF_TYPE_STRS,
	CONF_TYPE_FIELDS,
	CONF_TYPE_SENDERS,
	CONF_TYPE_ADDRS,
	CONF_TYPE_DOMAINS,
	CONF_TYPE_HOSTS,
	CONF_TYPE_SOURCES,
	CONF_TYPE_DKEYS,
	CONF_TYPE_MEMBERS,
	CONF_TYPE_CIDR_COUNTS,
	CONF_TYPE_CIDR_RATES,
	CONF_TYPE_CIDR_DATA_RATES,
	CONF_TYPE_DOMAIN_COUNTS
};

enum conf_reload {
	CONF_LIVE,   /* counts from the next reload */
	CONF_RESTART /* counts from the next start */
};

struct conf_directive {
	const char *name;
	enum conf_type type;
	enum conf_reload reload;
	size_t offset;
	const char *def;
	uint64_t min, max;
	const char *doc;
};

#define CONF_ROW(owner_, name_, field_, type_, def_, min_, max_, reload_, \
    doc_) \
	{ \
		.name = name_, .type = CONF_TYPE_##type_, \
		.offset = offsetof(struct owner_, field_), .def = def_, \
		.min = min_, .max = max_, .reload = CONF_##reload_, \
		.doc = doc_ \
	}

struct conf_table {
	const char *where; /* "in <domain>", "at the top level" */
	char letter;       /* of struct conf_known and conf_block */
	const struct conf_directive *rows;
	size_t count;
};

#define CONF_ROWS_MAX 256

struct conf_origin { /* a line that set a row; the last one counts */
	size_t row;
	const struct conf_node *node;
	size_t items; /* of the value, with those of this line */
	const struct conf_origin *before; /* what was set earlier */
};

struct conf_set { /* a bit for each row of a table */
	uint64_t bits[CONF_ROWS_MAX / 64];
	const struct conf_origin *origins;
};

struct conf_schema;

struct conf_binder {
	const struct conf_tree *tree;
	const struct conf_schema *schema;
	struct conf_errors *errs;
};

/* Fills every field of the table with its default. */
void conf_defaults(const struct conf_tree *tree, const struct conf_table *table,
    void *out);

/* Sets the row that the node names; complains if there is none. */
void conf_bind(const struct conf_binder *b, const struct conf_table *table,
    const struct conf_node *n, void *out, struct conf_set *set);

/* For a value that its owner reads itself: the row of that name is set. */
void conf_set_mark(const struct conf_binder *b, const struct conf_table *table,
    const struct conf_node *n, struct conf_set *set);

/* Overwrites in dst what was set in src; lists are replaced, not added. */
void conf_merge(const struct conf_table *table, void *dst, const void *src,
    const struct conf_set *set);

/* Was the directive of that name set?  The name must be in the table. */
bool conf_is_set(const struct conf_table *table, const struct conf_set *set,
    const char *name);

/* The line that set it last, with file and line; NULL: the default. */
const struct conf_node *conf_set_node(const struct conf_table *table,
    const struct conf_set *set, const char *name);

/* The row of that name, without regard to case; or NULL. */
const struct conf_directive *conf_find_row(const struct conf_table *table,
    const char *name);

/* Reads text as the row's type into the field; lists are added to. */
int conf_value_parse(const struct conf_tree *tree,
    const struct conf_directive *row, const struct conf_node *n,
    struct slice text, void *field, struct err *e);

size_t conf_type_size(enum conf_type type);
bool conf_type_adds_up(enum conf_type type);
/* How many items a value has; 1 of a type that does not add up. */
size_t conf_value_items(const struct conf_directive *row, const void *field);

#endif

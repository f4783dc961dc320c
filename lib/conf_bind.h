/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_bind - directives of the tree into a struct, by a table made from a
 * .def file.
 *
 * D(name, field, TYPE, default, min, max, reload, doc).  min and max bound
 * UINT and SIZE, and the seconds of INTERVAL and INTERVALS; 0 is no bound.
 * "unlimited" and "never" are understood where the default says so (and
 * "unlimited" for numbers whose default is 0, which then mean no limit).
 *
 * Which rows were set is remembered, so that levels can be merged.  Repeated
 * single values: the last wins.  STRS, DOMAINS, SOURCES and DKEYS add up;
 * `""` empties them.  Everything that is wrong goes to the list of errors.
 * Memory comes from the tree's region.  One thread.
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
	CONF_TYPE_BOOL,
	CONF_TYPE_INTERVAL,
	CONF_TYPE_INTERVALS,
	CONF_TYPE_RATE,
	CONF_TYPE_SIZE,
	CONF_TYPE_STR,
	CONF_TYPE_STRS,
	CONF_TYPE_DOMAINS,
	CONF_TYPE_HOSTS,
	CONF_TYPE_SOURCES,
	CONF_TYPE_DKEYS
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
	char letter;       /* of struct conf_known */
	const struct conf_directive *rows;
	size_t count;
};

/* A name that we have heard of and that has no effect here. */
struct conf_known {
	const char *name;  /* "<name>" for a block */
	const char *where; /* letters of tables */
	bool protects;     /* to ignore it could harm: then it is an error */
	const char *doc;
};

/* What may stand where, to say what an unknown name could have been. */
struct conf_schema {
	const struct conf_table *const *tables;
	size_t table_count;
	const char *const *blocks; /* "<domain>" */
	size_t block_count;
	const struct conf_known *known; /* in alphabetical order */
	size_t known_count;
};

#define CONF_ROWS_MAX 256

struct conf_set { /* a bit for each row of a table */
	uint64_t bits[CONF_ROWS_MAX / 64];
};

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

/* A block that is not one of ours, or not here: says so. */
void conf_bind_block(const struct conf_binder *b,
    const struct conf_table *table, const struct conf_node *n);

/* Overwrites in dst what was set in src; lists are replaced, not added. */
void conf_merge(const struct conf_table *table, void *dst, const void *src,
    const struct conf_set *set);

/* Was the directive of that name set?  The name must be in the table. */
bool conf_is_set(const struct conf_table *table, const struct conf_set *set,
    const char *name);

/* Reads text as the row's type into the field; lists are added to. */
int conf_value_parse(const struct conf_tree *tree,
    const struct conf_directive *row, const struct conf_node *n,
    struct slice text, void *field, struct err *e);

size_t conf_type_size(enum conf_type type);
bool conf_type_adds_up(enum conf_type type);

#endif

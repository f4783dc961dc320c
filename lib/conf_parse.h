/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_parse - configuration files, read into one tree with file and line.
 *
 * Follows `include FILE|GLOB` (relative to the including file, allowed in any
 * block, a cycle is an error) and keeps `domain-macro NAME a, b` aside; both
 * leave no node.  A block ends in the file that it began in.  It goes on
 * after a mistake, so that all of them are reported.  What names and values
 * mean is not known here: that is conf_bind.h.
 *
 * Everything lives in the region given, the files' texts too.  One thread.
 */

#ifndef LIB_CONF_PARSE_H
#define LIB_CONF_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/conf_types.h"
#include "lib/mem.h"
#include "lib/str.h"

struct conf_node {
	const char *name;  /* as written; "" for a row that starts with "/" */
	const char *value; /* behind the name, trimmed, quotes as they stand */
	const char *file;
	unsigned line;
	unsigned order; /* grows through all files, in the order of reading */
	bool is_block;  /* <name value> ... */
	const char *opened; /* or a row that ends in this tag; else NULL */
	struct conf_node *parent, *first, *last, *next;
};

#define CONF_BLOCKS_DEPTH 32 /* real ones nest three deep */

struct strmap;

struct conf_spent { /* by macros, so far */
	uint64_t names, bytes;
};

struct conf_tree {
	struct region *rg;
	struct conf_node *root; /* its children are the top level */
	struct strmap *macros;
	struct conf_spent *spent;
};

void conf_parse(struct conf_tree *tree, const char *path, struct region *rg,
    struct conf_errors *errs);
void conf_tree_fini(struct conf_tree *tree); /* nodes stay in the region */

bool conf_node_is(const struct conf_node *n, const char *name);

/* A path as it stands in a file: relative to that file's folder. */
const char *conf_path(struct region *rg, const char *file, const char *path);

/*
 * Every text that comes out of replacing $NAME by its items: several macros
 * give the cross product.  from_macro_r says that there was one.  The macros
 * themselves are expanded when the tree is complete.
 */
#define CONF_EXPAND_MAX 200000

int conf_expand(const struct conf_tree *tree, const char *text,
    struct conf_strs *out, bool *from_macro_r, struct err *e);

/* A definition as it was read; of several of a name the last one counts. */
struct conf_macro_text {
	const char *name;       /* in lower case */
	struct conf_strs items; /* not expanded */
	const char *file;
	unsigned line;
};

size_t conf_macro_count(const struct conf_tree *tree);
void conf_macro_at(const struct conf_tree *tree, size_t i,
    struct conf_macro_text *out);

/* Appends in the region; *list grows by doubling, so start from nothing. */
void conf_strs_add(struct conf_strs *list, struct region *rg, const char *s);
/* Is this one of them, letter by letter? */
bool conf_strs_has(const struct conf_strs *list, const char *s);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_known - names that have no row in a table: what is known of them, and
 * what an unknown one could have been.
 *
 * K(name, where, "form", min, max, FATE, "advice", "what it does")
 * B(name, where, letter, "form", FATE, "what it holds")
 *
 * The value of a known directive is checked against its form (conf_form.h), so
 * that a mistake shows before the directive takes effect; so are the rows of a
 * known block, whose directives have its letter in `where`.  One thread.
 */

#ifndef LIB_CONF_KNOWN_H
#define LIB_CONF_KNOWN_H

#include "lib/conf_bind.h"
#include "lib/conf_form.h"

enum conf_fate {
	CONF_FATE_LATER,    /* no effect yet: a warning */
	CONF_FATE_NEVER,    /* no effect here: a warning that says why */
	CONF_FATE_OLD,      /* gone: a warning that says what to use */
	CONF_FATE_PROTECTS, /* to ignore it could harm: an error, unless off */
	CONF_FATE_ALIAS,    /* an old name of the row that the advice names */
	CONF_FATE_SAME,     /* another name of that row, without a warning */
	CONF_FATE_HOURLY,   /* an old name of that rate, as a number an hour */
	CONF_FATE_ANY_IP,   /* an old name of that limit, for every address */
	CONF_FATE_READ      /* takes effect, read by code of its own */
};

struct conf_known {
	const char *name;  /* "" for a row that starts with "/" */
	const char *where; /* letters of tables and blocks */
	const char *form;
	uint64_t min, max;
	enum conf_fate fate;
	const char *advice;
	const char *doc;
};

struct conf_block {
	const char *name;         /* without brackets */
	const char *where;        /* letters, as of a directive */
	struct conf_table inside; /* letter: that of its contents, or 0 */
	const char *form;         /* of its argument; "" if it has none */
	enum conf_fate fate;
	const char *doc;
};

#define CONF_BLOCK(name_, where_, letter_, form_, fate_, doc_) \
	{ \
		.name = name_, .where = where_, \
		.inside = { "in <" name_ ">", letter_, NULL, 0 }, \
		.form = form_, .fate = CONF_FATE_##fate_, .doc = doc_ \
	}

/* All that may stand somewhere. */
struct conf_schema {
	const struct conf_table *const *tables;
	size_t table_count;
	const struct conf_block *blocks;
	size_t block_count;
	const struct conf_known *known; /* in alphabetical order */
	size_t known_count;
	const struct conf_form_types *types; /* beside the common ones */
};

/* Is it another name of a row? */
bool conf_fate_renames(enum conf_fate fate);

/* no, "", none and their like switch a protection off. */
bool conf_known_is_off(const struct conf_tree *tree, const char *value);

/* By name and place, with 0 in any place; NULL: not known there. */
const struct conf_known *conf_known_find(const struct conf_schema *s,
    const char *name, char letter);
const struct conf_block *conf_block_find(const struct conf_schema *s,
    const char *name, char letter);

/*
 * Checks a directive that has no row, and says what it lacks; -1: its value is
 * wrong.  A quiet one says nothing of missing effect, since the block around
 * it does.
 */
int conf_known_check(const struct conf_binder *b, const struct conf_known *k,
    const struct conf_node *n, bool quiet);

/* A block that its place does not read: checks it, or says what is wrong. */
void conf_bind_block(const struct conf_binder *b,
    const struct conf_table *table, const struct conf_node *n);

/*
 * The same of a block that is read by code of its own: its argument, and each
 * of its lines by its form.
 */
void conf_check_block(const struct conf_binder *b,
    const struct conf_table *table, const struct conf_node *n);

/* Says that the name may not stand there, and where or what could. */
void conf_complain_unknown(const struct conf_binder *b,
    const struct conf_table *table, const struct conf_node *n,
    const char *name);

/* The nearest of some names to one that is none of them; NULL: none is near. */
const char *conf_nearest(const char *wanted, const char *const *names,
    size_t count);

#endif

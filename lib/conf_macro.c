/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf_macro.h"

#include <string.h>

#include "lib/conf_lex.h"
#include "lib/strmap.h"

#define NAME_MAX_LEN 100
#define COMBINED_MAX 2000 /* one expanded text; a domain has 253 */

enum macro_state {
	MACRO_OPEN, /* waits for others; at the end: a loop */
	MACRO_DONE,
	MACRO_BROKEN /* and said so */
};

struct conf_macro {
	const char *name; /* lower case: names match without regard to case */
	struct conf_strs raw, items;
	const char *file;
	unsigned line;
	enum macro_state state;
};

static bool
is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_';
}

static const struct conf_macro *
find(const struct conf_tree *tree, struct slice name)
{
	char key[NAME_MAX_LEN + 1];

	if (name.len > NAME_MAX_LEN)
		return NULL;
	memcpy(key, name.p, name.len);
	key[name.len] = '\0';
	str_lower(key);
	return strmap_get(tree->macros, key);
}

/*
 * Takes the text up to the first $NAME into *before, and the name.  False when
 * there is none: then *before is all that was left.
 */
static bool
take_reference(struct slice *s, struct slice *before, struct slice *name)
{
	const char *dollar = memchr(s->p, '$', s->len);
	const char *end = s->p + s->len;

	*before = *s;
	if (dollar == NULL) {
		*s = (struct slice){ end, 0 };
		return false;
	}
	before->len = (size_t)(dollar - s->p);
	*name = (struct slice){ dollar + 1, 0 };
	while (name->p + name->len < end && is_name_char(name->p[name->len]))
		name->len++;
	s->p = name->p + name->len;
	s->len = (size_t)(end - s->p);
	return true;
}

void
conf_strs_add(struct conf_strs *list, struct region *rg, const char *s)
{
	/* The capacity is the next power of two. */
	if ((list->n & (list->n - 1)) == 0) {
		size_t cap = list->n == 0 ? 1 : list->n * 2;
		const char **v = region_array(rg, cap, sizeof(v[0]));

		if (list->n > 0)
			memcpy(v, list->v, list->n * sizeof(v[0]));
		list->v = v;
	}
	list->v[list->n++] = s;
}

/* Every text of *list with the literal and then each item behind it. */
static int
multiply(struct region *rg, struct conf_strs *list, struct slice literal,
    const struct conf_strs *items, struct err *e)
{
	struct conf_strs out = { 0 };
	size_t count = items == NULL ? 1 : items->n;

	if (list->n * count > CONF_EXPAND_MAX)
		return err_set(e, "macros give more than %d names",
		    CONF_EXPAND_MAX);
	for (size_t i = 0; i < list->n; i++)
		for (size_t k = 0; k < count; k++) {
			const char *item = items == NULL ? "" : items->v[k];

			if (strlen(list->v[i]) + literal.len + strlen(item) >
			    COMBINED_MAX)
				return err_set(e,
				    "macros give a name that is too long");
			conf_strs_add(&out, rg,
			    region_printf(rg, "%s%.*s%s", list->v[i],
				(int)literal.len, literal.p, item));
		}
	*list = out;
	return 0;
}

int
conf_expand(const struct conf_tree *tree, const char *text,
    struct conf_strs *out, bool *from_macro_r, struct err *e)
{
	struct slice rest = slice_of(text), before, name;
	struct conf_strs list = { 0 };
	bool more;

	*from_macro_r = strchr(text, '$') != NULL;
	if (!*from_macro_r) {
		conf_strs_add(out, tree->rg, text);
		return 0;
	}
	conf_strs_add(&list, tree->rg, "");
	do {
		const struct conf_macro *m = NULL;

		more = take_reference(&rest, &before, &name);
		if (more && (m = find(tree, name)) == NULL)
			return err_set(e, "unknown macro $%.*s", (int)name.len,
			    name.p);
		if (m != NULL && m->state != MACRO_DONE)
			return err_set(e, "macro $%s has no value", m->name);
		if (multiply(tree->rg, &list, before,
			m == NULL ? NULL : &m->items, e) == -1)
			return -1;
	} while (more);
	for (size_t i = 0; i < list.n; i++)
		conf_strs_add(out, tree->rg, list.v[i]);
	return 0;
}

/* ---- definitions --------------------------------------------------------- */

static bool
is_name(const char *s)
{
	size_t len = 0;

	while (is_name_char(s[len]))
		len++;
	return len > 0 && len <= NAME_MAX_LEN && s[len] == '\0';
}

void
conf_macro_define(struct conf_tree *tree, struct slice value, const char *file,
    unsigned line, struct conf_errors *errs)
{
	struct conf_macro *m;
	struct conf_strs raw = { 0 };
	const char *name, *item;
	struct err e;
	char *key;

	if (conf_word(&value, tree->rg, &name, &e) == -1 || name == NULL ||
	    !is_name(name)) {
		conf_error(errs, file, line,
		    "domain-macro needs a name of letters, digits and _");
		return;
	}
	do {
		if (conf_item(&value, tree->rg, &item, &e) == -1) {
			conf_error(errs, file, line, "domain-macro %s: %s",
			    name, e.text);
			return;
		}
		if (item != NULL)
			conf_strs_add(&raw, tree->rg, item);
	} while (item != NULL);
	if (raw.n == 0) {
		conf_error(errs, file, line,
		    "domain-macro %s: argument missing", name);
		return;
	}
	key = region_strdup(tree->rg, name);
	str_lower(key);
	m = strmap_get(tree->macros, key);
	if (m == NULL) {
		m = region_new_obj(tree->rg, struct conf_macro);
		m->name = key;
		strmap_put(tree->macros, m->name, m);
	}
	m->raw = raw; /* of two definitions the last one counts */
	m->file = file;
	m->line = line;
}

/* What the macros that it names allow: its own state after this pass. */
static enum macro_state
look(const struct conf_tree *tree, const struct conf_macro *m,
    struct slice *unknown)
{
	enum macro_state state = MACRO_DONE;

	for (size_t i = 0; i < m->raw.n; i++) {
		struct slice rest = slice_of(m->raw.v[i]), before, name;

		while (take_reference(&rest, &before, &name)) {
			const struct conf_macro *other = find(tree, name);

			if (other == NULL) {
				*unknown = name;
				return MACRO_BROKEN;
			}
			if (other->state == MACRO_BROKEN)
				return MACRO_BROKEN;
			if (other->state == MACRO_OPEN)
				state = MACRO_OPEN;
		}
	}
	return state;
}

static void
expand_one(const struct conf_tree *tree, struct conf_macro *m,
    struct conf_errors *errs)
{
	struct err e;
	bool from_macro;

	for (size_t i = 0; i < m->raw.n; i++)
		if (conf_expand(tree, m->raw.v[i], &m->items, &from_macro,
			&e) == -1) {
			conf_error(errs, m->file, m->line,
			    "domain-macro %s: %s", m->name, e.text);
			m->state = MACRO_BROKEN;
			return;
		}
	m->state = MACRO_DONE;
}

/* False when the macro still waits for others, or was dealt with before. */
static bool
try_expand(const struct conf_tree *tree, struct conf_macro *m,
    struct conf_errors *errs)
{
	struct slice unknown = { NULL, 0 };
	enum macro_state state;

	if (m->state != MACRO_OPEN)
		return false;
	state = look(tree, m, &unknown);
	if (state == MACRO_OPEN)
		return false;
	m->state = state;
	if (unknown.p != NULL)
		conf_error(errs, m->file, m->line,
		    "domain-macro %s: unknown macro $%.*s", m->name,
		    (int)unknown.len, unknown.p);
	else if (state == MACRO_DONE)
		expand_one(tree, m, errs);
	return true;
}

void
conf_macro_finish(struct conf_tree *tree, struct conf_errors *errs)
{
	bool progress;

	/* Each pass does those whose parts are done; no recursion needed. */
	do {
		progress = false;
		for (size_t i = 0; i < strmap_count(tree->macros); i++)
			if (try_expand(tree, strmap_at(tree->macros, i), errs))
				progress = true;
	} while (progress);
	for (size_t i = 0; i < strmap_count(tree->macros); i++) {
		const struct conf_macro *m = strmap_at(tree->macros, i);

		if (m->state == MACRO_OPEN)
			conf_error(errs, m->file, m->line,
			    "domain-macro %s: its definition is a loop",
			    m->name);
	}
}

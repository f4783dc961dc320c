/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf_macro.h"

#include <string.h>

#include "lib/conf_lex.h"
#include "lib/strmap.h"

#define NAME_MAX_LEN 100
#define COMBINED_MAX 2000 /* one expanded text; a domain has 253 */

/*
 * Of a whole configuration: macros of macros grow like powers, and each use
 * of a macro by its own costs its names again.
 */
#define NAMES_TOTAL 4000000
#define BYTES_TOTAL (UINT64_C(128) << 20)
#define NAME_COST 32 /* what a text costs beside its bytes */

enum macro_state {
	MACRO_OPEN,
	MACRO_BUSY, /* waits for one that it names */
	MACRO_DONE,
	MACRO_BROKEN /* and said so */
};

struct conf_macro {
	const char *name; /* lower case: names match without regard to case */
	struct conf_strs raw, items;
	const char *file;
	unsigned line;
	enum macro_state state;
	size_t looked;             /* how many of raw name nothing unknown */
	struct conf_macro *caller; /* while busy: who waits for this one */
};

static bool
is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_';
}

static struct conf_macro *
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

bool
conf_strs_has(const struct conf_strs *list, const char *s)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i], s) == 0)
			return true;
	return false;
}

/* Counts what an expansion makes, so that no text can ask for too much. */
static int
spend(const struct conf_tree *tree, uint64_t names, uint64_t bytes,
    struct err *e)
{
	struct conf_spent *spent = tree->spent;

	spent->names += names;
	spent->bytes += bytes;
	if (spent->names > NAMES_TOTAL || spent->bytes > BYTES_TOTAL)
		return err_set(e,
		    "macros give more than %d names or %d MB in "
		    "all",
		    NAMES_TOTAL, (int)(BYTES_TOTAL >> 20));
	return 0;
}

/* Every text of *list with the literal and then each item behind it. */
static int
multiply(const struct conf_tree *tree, struct conf_strs *list,
    struct slice literal, const struct conf_strs *items, struct err *e)
{
	struct conf_strs out = { 0 };
	size_t count = items == NULL ? 1 : items->n;

	if (list->n * count > CONF_EXPAND_MAX)
		return err_set(e, "macros give more than %d names",
		    CONF_EXPAND_MAX);
	for (size_t i = 0; i < list->n; i++)
		for (size_t k = 0; k < count; k++) {
			const char *item = items == NULL ? "" : items->v[k];
			size_t len = strlen(list->v[i]) + literal.len +
			    strlen(item);

			if (len > COMBINED_MAX)
				return err_set(e,
				    "macros give a name that is too long");
			if (spend(tree, 0, len + NAME_COST, e) == -1)
				return -1;
			conf_strs_add(&out, tree->rg,
			    region_printf(tree->rg, "%s%.*s%s", list->v[i],
				(int)literal.len, literal.p, item));
		}
	*list = out;
	return 0;
}

/* $NAME and nothing else: its items, which need no copy. */
static const struct conf_macro *
is_plain_reference(const struct conf_tree *tree, const char *text)
{
	const struct conf_macro *m;
	size_t len = 1;

	if (text[0] != '$')
		return NULL;
	while (is_name_char(text[len]))
		len++;
	if (text[len] != '\0')
		return NULL;
	m = find(tree, (struct slice){ text + 1, len - 1 });
	return m != NULL && m->state == MACRO_DONE ? m : NULL;
}

static int
combine(const struct conf_tree *tree, const char *text, struct conf_strs *list,
    struct err *e)
{
	struct slice rest = slice_of(text), before, name;
	bool more;

	conf_strs_add(list, tree->rg, "");
	do {
		const struct conf_macro *m = NULL;

		more = take_reference(&rest, &before, &name);
		if (more && (m = find(tree, name)) == NULL)
			return err_set(e, "unknown macro $%.*s", (int)name.len,
			    name.p);
		if (m != NULL && m->state != MACRO_DONE)
			return err_set(e, "macro $%s has no value", m->name);
		if (multiply(tree, list, before, m == NULL ? NULL : &m->items,
			e) == -1)
			return -1;
	} while (more);
	return 0;
}

int
conf_expand(const struct conf_tree *tree, const char *text,
    struct conf_strs *out, bool *from_macro_r, struct err *e)
{
	const struct conf_macro *plain = is_plain_reference(tree, text);
	struct conf_strs list = { 0 };

	*from_macro_r = strchr(text, '$') != NULL;
	if (!*from_macro_r) {
		conf_strs_add(out, tree->rg, text);
		return 0;
	}
	if (plain != NULL)
		list = plain->items;
	else if (combine(tree, text, &list, e) == -1)
		return -1;
	if (spend(tree, list.n, 0, e) == -1)
		return -1;
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

size_t
conf_macro_count(const struct conf_tree *tree)
{
	return strmap_count(tree->macros);
}

void
conf_macro_at(const struct conf_tree *tree, size_t i,
    struct conf_macro_text *out)
{
	const struct conf_macro *m = strmap_at(tree->macros, i);

	*out = (struct conf_macro_text){ m->name, m->raw, m->file, m->line };
}

static void
complain(struct conf_errors *errs, struct conf_macro *m, const char *what)
{
	conf_error(errs, m->file, m->line, "domain-macro %s: %s", m->name,
	    what);
	m->state = MACRO_BROKEN;
}

/*
 * The next macro that m names and that is not expanded yet; NULL when m is
 * ready, or broken.
 */
static struct conf_macro *
find_next(const struct conf_tree *tree, struct conf_macro *m,
    struct conf_errors *errs)
{
	for (; m->looked < m->raw.n; m->looked++) {
		struct slice rest = slice_of(m->raw.v[m->looked]), before, name;

		while (take_reference(&rest, &before, &name)) {
			struct conf_macro *other = find(tree, name);
			struct err e;

			if (other == NULL) {
				(void)err_set(&e, "unknown macro $%.*s",
				    (int)name.len, name.p);
				complain(errs, m, e.text);
				return NULL;
			}
			if (other->state == MACRO_OPEN)
				return other;
			if (other->state == MACRO_BUSY)
				complain(errs, m, "its definition is a loop");
			if (other->state != MACRO_DONE) {
				m->state = MACRO_BROKEN;
				return NULL;
			}
		}
	}
	return NULL;
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
			complain(errs, m, e.text);
			return;
		}
	m->state = MACRO_DONE;
}

/* Those that it names first, however deep: a stack of callers. */
static void
expand_all_below(const struct conf_tree *tree, struct conf_macro *top,
    struct conf_errors *errs)
{
	struct conf_macro *m = top;

	while (m != NULL) {
		struct conf_macro *other;

		m->state = MACRO_BUSY;
		other = find_next(tree, m, errs);
		if (other != NULL) {
			other->caller = m;
			m = other;
			continue;
		}
		if (m->state == MACRO_BUSY)
			expand_one(tree, m, errs);
		m = m->caller;
	}
}

void
conf_macro_finish(struct conf_tree *tree, struct conf_errors *errs)
{
	for (size_t i = 0; i < strmap_count(tree->macros); i++) {
		struct conf_macro *m = strmap_at(tree->macros, i);

		if (m->state == MACRO_OPEN)
			expand_all_below(tree, m, errs);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/pmta/pm_paths.h"

#include <string.h>

#include "lib/conf_lex.h"

enum place {
	PLACE_NONE,
	PLACE_WHOLE, /* the value */
	PLACE_WORD,  /* its first word */
	PLACE_THIRD, /* its third item */
	PLACE_ITEMS  /* all items */
};

/* Texts that are paths, beside those whose name ends in "-file". */
static const char *const names[] = { "dsn-failed-body-template-from",
	"http-webhook-extra-headers", "include-headers-from", "move-to",
	"spool" };

static bool
names_path(const char *name)
{
	static const char end[] = "-file";
	size_t len = strlen(name);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_eq_nocase(names[i], name))
			return true;
	return len >= sizeof(end) &&
	    str_eq_nocase(name + len - (sizeof(end) - 1), end);
}

static enum place
place_of(const struct effect_rows *rows)
{
	const struct conf_directive *row = rows->row;

	if (row == NULL)
		return rows->known == NULL                      ? PLACE_NONE :
		    strcmp(rows->known->form, "FILE") == 0      ? PLACE_WHOLE :
		    strncmp(rows->known->form, "FILE ", 5) == 0 ? PLACE_WORD :
								  PLACE_NONE;
	if (row->type == CONF_TYPE_KEY_FILE)
		return PLACE_WORD;
	if (row->type == CONF_TYPE_DKEYS)
		return PLACE_THIRD;
	if (row->type == CONF_TYPE_STR && names_path(row->name))
		return PLACE_WHOLE;
	if (row->type == CONF_TYPE_STRS && names_path(row->name))
		return PLACE_ITEMS;
	return PLACE_NONE;
}

static bool
is_relative(const char *path)
{
	return path != NULL && path[0] != '\0' &&
	    strchr("/|{", path[0]) == NULL;
}

/* As the grammar reads it again. */
static void
add_text(struct buf *out, const char *text)
{
	bool quoted = text[0] == '\0' || strpbrk(text, " \t\",;\\<>") != NULL;

	if (quoted)
		buf_byte(out, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			buf_byte(out, '\\');
		buf_byte(out, *text);
	}
	if (quoted)
		buf_byte(out, '"');
}

/* Items from `first` on are paths; false: nothing changes. */
static bool
edit_items(struct region *rg, const struct conf_node *n, size_t first,
    struct buf *out)
{
	struct slice rest = slice_of(n->value);
	bool edited = false;
	const char *item;
	struct err e;

	for (size_t i = 0;; i++) {
		if (conf_item(&rest, rg, &item, &e) == -1)
			return false;
		if (item == NULL)
			return edited;
		if (i > 0)
			buf_str(out, ", ");
		if (i >= first && is_relative(item)) {
			item = conf_path(rg, n->file, item);
			edited = true;
		}
		add_text(out, item);
	}
}

static bool
edit_word(struct region *rg, const struct conf_node *n, struct buf *out)
{
	struct slice rest = slice_of(n->value);
	const char *word;
	struct err e;

	if (conf_word(&rest, rg, &word, &e) == -1 || !is_relative(word))
		return false;
	add_text(out, conf_path(rg, n->file, word));
	if (rest.len > 0)
		buf_byte(out, ' ');
	buf_add(out, rest.p, rest.len);
	return true;
}

static bool
edit_whole(struct region *rg, const struct conf_node *n, struct buf *out)
{
	const char *path;
	struct err e;

	if (conf_unquote(slice_of(n->value), rg, &path, &e) == -1 ||
	    !is_relative(path))
		return false;
	add_text(out, conf_path(rg, n->file, path));
	return true;
}

static const char *
edit(struct region *rg, const struct conf_node *n, enum place place)
{
	const char *value = n->value;
	struct buf out = { 0 };
	bool edited = false;

	switch (place) {
	case PLACE_NONE:
		break;
	case PLACE_WHOLE:
		edited = edit_whole(rg, n, &out);
		break;
	case PLACE_WORD:
		edited = edit_word(rg, n, &out);
		break;
	case PLACE_THIRD:
		edited = edit_items(rg, n, 2, &out);
		break;
	case PLACE_ITEMS:
		edited = edit_items(rg, n, 0, &out);
		break;
	}
	if (edited)
		value = region_strndup(rg, out.p, out.len);
	buf_fini(&out);
	return value;
}

const char *
pm_paths_value(struct region *rg, const struct conf_node *n,
    const struct effect_rows *rows)
{
	return edit(rg, n, place_of(rows));
}

const char *
pm_paths_argument(struct region *rg, const struct conf_node *n)
{
	bool is_path = conf_node_is(n, "acct-file") || conf_node_is(n, "spool");

	return edit(rg, n, is_path ? PLACE_WHOLE : PLACE_NONE);
}

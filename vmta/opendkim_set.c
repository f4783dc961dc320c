/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data sets of OpenDKIM (opendkim(8), DATA SETS) that need no database:
 *
 *	file:PATH, /PATH   a line is KEY blanks VALUE, or KEY
 *	refile:PATH        the same, KEY a pattern with `*`
 *	csl:LIST, LIST     elements KEY=VALUE or KEY with commas between
 */
#include <string.h>

#include "lib/conf_parse.h"
#include "vmta/conf_file.h"
#include "vmta/opendkim_priv.h"

int
opendkim_text(const struct opendkim_reader *r, const struct opendkim_line *by,
    const char *path, struct slice *text_r)
{
	const struct conf_file_by of = { r->rg, r->errs, by->name, by->file,
		by->line };

	return conf_file_read(&of, path, text_r);
}

bool
opendkim_next_line(struct slice *text, unsigned *line, struct slice *line_r)
{
	while (text->len > 0) {
		const char *lf = memchr(text->p, '\n', text->len);
		size_t len = lf == NULL ? text->len : (size_t)(lf - text->p);
		const char *hash = memchr(text->p, '#', len);
		struct slice one = { text->p,
			hash == NULL ? len : (size_t)(hash - text->p) };

		text->p += len + (lf != NULL);
		text->len -= len + (lf != NULL);
		(*line)++;
		*line_r = slice_trim(one);
		if (line_r->len > 0)
			return true;
	}
	return false;
}

static void
add(const struct opendkim_reader *r, struct opendkim_set *set, struct slice key,
    struct slice value, const struct opendkim_line *at)
{
	struct opendkim_item *item;
	struct slice k = slice_trim(key), v = slice_trim(value);

	if (k.len == 0)
		return;
	set->v = region_grow(r->rg, set->v, set->n, sizeof(*set->v));
	item = &set->v[set->n++];
	item->key = region_strndup(r->rg, k.p, k.len);
	item->value = region_strndup(r->rg, v.p, v.len);
	item->file = at->file;
	item->line = at->line;
}

static int
read_file(const struct opendkim_reader *r, const struct opendkim_line *by,
    const char *path, struct opendkim_set *set)
{
	struct opendkim_line at = { by->name, "", path, 0 };
	struct slice text, line;

	if (opendkim_text(r, by, path, &text) == -1)
		return -1;
	while (opendkim_next_line(&text, &at.line, &line)) {
		size_t len = 0;

		while (
		    len < line.len && line.p[len] != ' ' && line.p[len] != '\t')
			len++;
		add(r, set, (struct slice){ line.p, len },
		    (struct slice){ line.p + len, line.len - len }, &at);
	}
	return 0;
}

static void
read_list(const struct opendkim_reader *r, const struct opendkim_line *by,
    const char *list, struct opendkim_set *set)
{
	for (;;) {
		size_t len = strcspn(list, ","), key = 0;

		while (key < len && list[key] != '=')
			key++;
		add(r, set, (struct slice){ list, key },
		    (struct slice){ list + key + (key < len),
			len - key - (key < len) },
		    by);
		if (list[len] == '\0')
			return;
		list += len + 1;
	}
}

/* Those that ask somebody else. */
static bool
is_elsewhere(const char *value)
{
	static const char *const fronts[] = { "db:", "dsn:", "erlang:", "ldap:",
		"ldapi:", "ldaps:", "lua:", "mdb:", "memcache:" };
	size_t len = strlen(value);

	for (size_t i = 0; i < sizeof(fronts) / sizeof(fronts[0]); i++)
		if (strncmp(value, fronts[i], strlen(fronts[i])) == 0)
			return true;
	return len > 3 && strcmp(value + len - 3, ".db") == 0;
}

int
opendkim_set_read(const struct opendkim_reader *r,
    const struct opendkim_line *by, const char *base, struct opendkim_set *out)
{
	const char *path = NULL;

	*out = (struct opendkim_set){ 0 };
	if (is_elsewhere(by->value)) {
		conf_error(r->errs, by->file, by->line,
		    "%s: only file:, refile: and csl: can be read", by->name);
		return -1;
	}
	if (strncmp(by->value, "file:", 5) == 0)
		path = by->value + 5;
	else if (strncmp(by->value, "refile:", 7) == 0)
		path = by->value + 7;
	else if (by->value[0] == '/')
		path = by->value;
	out->patterns = strncmp(by->value, "refile:", 7) == 0;
	if (path == NULL) {
		read_list(r, by,
		    by->value + (strncmp(by->value, "csl:", 4) == 0 ? 4 : 0),
		    out);
		return 0;
	}
	if (path[0] != '/' && base != NULL)
		path = region_printf(r->rg, "%s/%s", base, path);
	return read_file(r, by, conf_path(r->rg, by->file, path), out);
}

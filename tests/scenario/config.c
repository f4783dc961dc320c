/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/config.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "lib/str.h"
#include "tests/scenario/play.h"
#include "tests/unit/tmpdir.h"
#include "vmta/snapshot.h"

enum { CONFIG_LINES = 200 };

struct config {
	size_t n;
	struct config_line {
		char *text;
		unsigned where;
	} lines[CONFIG_LINES];
};

/* A file that is being written, and whose line each of its lines was. */
struct written {
	FILE *f;
	size_t n, cap;
	unsigned *where;
	char top[PATH_MAX]; /* of the source tree */
};

struct config *
config_new(void)
{
	return mem_new(struct config);
}

void
config_free(struct config **cp)
{
	struct config *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n; i++)
		free(c->lines[i].text);
	free(c);
}

void
config_add(struct config *c, const char *text, unsigned where)
{
	CHECK(c->n < CONFIG_LINES);
	text += strspn(text, " \t");
	c->lines[c->n] = (struct config_line){ mem_strdup(text), where };
	c->n++;
}

bool
config_drop_vmta(struct config *c, const char *name)
{
	char start[SIM_NAME + 16];
	size_t kept = 0, n = c->n;

	(void)snprintf(start, sizeof(start), "virtual-mta %s ", name);
	for (size_t i = 0; i < n; i++) {
		if (strncmp(c->lines[i].text, start, strlen(start)) == 0)
			free(c->lines[i].text);
		else
			c->lines[kept++] = c->lines[i];
	}
	c->n = kept;
	return kept < n;
}

/* ---- the file ------------------------------------------------------------ */

static void
put(struct written *out, unsigned where, struct slice row)
{
	if (strncmp(row.p, "include ", 8) == 0 && row.p[8] != '/') {
		row = (struct slice){ row.p + 8, row.len - 8 };
		(void)fprintf(out->f, "include %s/", out->top);
	}
	(void)fprintf(out->f, "%.*s\n", (int)row.len, row.p);
	if (out->n == out->cap) {
		out->cap = out->cap * 2 + 64;
		out->where = mem_realloc(out->where,
		    out->cap * sizeof(*out->where));
	}
	out->where[out->n] = where;
	out->n++;
}

/* Up to the next ";" that is no part of a row. */
static struct slice
next_row(const char **rest)
{
	const char *from = *rest, *p = from;

	while (*p != '\0' &&
	    (*p != ';' || strchr(" \t", p[1]) == NULL)) /* '\0' as well */
		p++;
	*rest = *p == '\0' ? p : p + 1;
	return slice_trim((struct slice){ from, (size_t)(p - from) });
}

/* BLOCK NAME { ROW ; ROW } */
static void
put_block(struct written *out, const struct config_line *l, size_t head)
{
	char *body = mem_strdup(l->text + head + 3);
	char tag[SIM_NAME * 2];
	const char *rest = body;
	char *brace = strrchr(body, '}');

	if (brace != NULL)
		*brace = '\0';
	(void)snprintf(tag, sizeof(tag), "<%.*s>", (int)head, l->text);
	put(out, l->where, slice_of(tag));
	while (*rest != '\0') {
		struct slice row = next_row(&rest);

		if (row.len > 0)
			put(out, l->where, row);
	}
	(void)snprintf(tag, sizeof(tag), "</%.*s>",
	    (int)strcspn(l->text, " \t"), l->text);
	put(out, l->where, slice_of(tag));
	free(body);
}

static void
write_file(const struct config *c, struct written *out)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct config_line *l = &c->lines[i];
		const char *brace = strstr(l->text, " { ");

		if (brace != NULL)
			put_block(out, l, (size_t)(brace - l->text));
		else
			put(out, l->where, slice_of(l->text));
	}
}

/* ---- reading it ---------------------------------------------------------- */

static void
complain(struct play *p, const struct written *w, const struct conf_error *e)
{
	unsigned line = p->line;
	const char *text = e->text;

	/* What is said of an included file keeps its own place. */
	if (strncmp(text, tmpdir, strlen(tmpdir)) == 0) {
		text += e->file_len;
		text += strspn(text, ":0123456789 ");
		if (e->line > 0 && e->line <= w->n)
			p->line = w->where[e->line - 1];
	}
	play_complain(p, "%s%s", e->warning ? "warning: " : "", text);
	p->line = line;
}

struct snapshot *
config_load(struct config *c, struct play *p)
{
	struct conf_errors errs = { 0 };
	struct written w = { 0 };
	const char *top = getenv("top_srcdir"), *path;
	struct snapshot *s;

	CHECK(realpath(top == NULL ? "." : top, w.top) != NULL);
	if (tmpdir[0] == '\0')
		(void)tmpdir_make();
	path = tmpdir_path("scenario.conf");
	w.f = fopen(path, "we");
	CHECK(w.f != NULL);
	write_file(c, &w);
	CHECK(fclose(w.f) == 0);
	s = snapshot_load(path, &errs);
	conf_errors_finish(&errs, 0);
	for (size_t i = 0; i < errs.n; i++)
		complain(p, &w, &errs.v[i]);
	conf_errors_fini(&errs);
	free(w.where);
	return s;
}

void
config_end(void)
{
	if (tmpdir[0] != '\0')
		tmpdir_remove();
}

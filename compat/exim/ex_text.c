/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/exim/ex_text.h"

#include <string.h>

/* A logical line: it may go on in lines behind it. */
struct walk {
	const struct ex_text *t;
	size_t i, at;         /* what is to be read next */
	unsigned number;      /* of the line before */
	struct slice section; /* "": the main one */
	struct ex_place here;
	struct slice words; /* of its first line, blanks removed */
	bool begins;        /* a section */
};

/* The next physical line of the file; false: there is none. */
static bool
take_line(struct walk *w, struct slice *line_r)
{
	const struct slice text = w->t->v[w->i].text;
	const char *end;

	if (w->at >= text.len)
		return false;
	end = memchr(text.p + w->at, '\n', text.len - w->at);
	line_r->p = text.p + w->at;
	line_r->len = end == NULL ? text.len - w->at :
				    (size_t)(end - line_r->p) + 1;
	w->at += line_r->len;
	w->number++;
	return true;
}

static struct slice
trimmed(struct slice line)
{
	if (line.len > 0 && line.p[line.len - 1] == '\n')
		line.len--;
	return slice_trim(line);
}

static bool
goes_on(struct slice words)
{
	return words.len > 0 && words.p[words.len - 1] == '\\';
}

/* The word behind "begin"; p NULL: it is no such line. */
static struct slice
section_of(struct slice words)
{
	if (words.len < 6 || memcmp(words.p, "begin", 5) != 0 ||
	    (words.p[5] != ' ' && words.p[5] != '\t'))
		return (struct slice){ NULL, 0 };
	return slice_trim((struct slice){ words.p + 5, words.len - 5 });
}

static bool
next(struct walk *w)
{
	struct slice line, section;

	while (!take_line(w, &line)) {
		if (++w->i >= w->t->n)
			return false;
		w->at = 0;
		w->number = 0;
	}
	w->words = trimmed(line);
	w->here = (struct ex_place){ &w->t->v[w->i], line, w->number };
	section = section_of(w->words);
	w->begins = section.p != NULL;
	if (w->begins)
		w->section = section;
	if (w->words.len > 0 && w->words.p[0] == '#')
		return true;
	/* A comment between does not end it. */
	while (goes_on(trimmed(line)) ||
	    (trimmed(line).len > 0 && trimmed(line).p[0] == '#' &&
		line.p != w->here.line.p))
		if (!take_line(w, &line))
			break;
	return true;
}

static bool
is_label(struct slice words, const char *label)
{
	const size_t len = strlen(label);
	struct slice rest;

	if (words.len <= len || memcmp(words.p, label, len) != 0)
		return false;
	rest = slice_trim((struct slice){ words.p + len, words.len - len });
	return slice_eq(rest, ":");
}

static bool
is_option(struct slice words, const char *name)
{
	const size_t len = strlen(name);
	struct slice rest;

	if (words.len <= len || memcmp(words.p, name, len) != 0)
		return false;
	rest = slice_trim((struct slice){ words.p + len, words.len - len });
	return rest.len > 0 && rest.p[0] == '=';
}

static bool
is_include(struct slice words)
{
	return words.len > 8 && memcmp(words.p, ".include", 8) == 0;
}

static struct walk
start(const struct ex_text *t)
{
	return (struct walk){ .t = t, .section = SLICE_LIT("") };
}

size_t
ex_text_label(const struct ex_text *t, const char *section, const char *label,
    struct ex_place *out)
{
	struct walk w = start(t);
	size_t n = 0;

	while (t->n > 0 && next(&w))
		if (slice_eq(w.section, section) && is_label(w.words, label) &&
		    n++ == 0)
			*out = w.here;
	return n;
}

size_t
ex_text_begin(const struct ex_text *t, const char *section,
    struct ex_place *out)
{
	struct walk w = start(t);
	size_t n = 0;

	while (t->n > 0 && next(&w))
		if (w.begins &&
		    (section == NULL || slice_eq(w.section, section)) &&
		    n++ == 0)
			*out = w.here;
	return n;
}

size_t
ex_text_option(const struct ex_text *t, const char *name, struct ex_place *out)
{
	struct walk w = start(t);
	size_t n = 0;

	while (t->n > 0 && next(&w))
		if (w.section.len == 0 && is_option(w.words, name) && n++ == 0)
			*out = w.here;
	return n;
}

size_t
ex_text_include(const struct ex_text *t, struct ex_place *out)
{
	struct walk w = start(t);
	size_t n = 0;

	while (t->n > 0 && next(&w))
		if (is_include(w.words) && n++ == 0)
			*out = w.here;
	return n;
}

const struct ex_source *
ex_text_source(const struct ex_text *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->v[i].name, name) == 0)
			return &t->v[i];
	return NULL;
}

size_t
ex_text_count(struct slice text, const char *what, size_t *at_r)
{
	const size_t len = strlen(what);
	size_t n = 0, at = 0;

	while (len > 0 && at + len <= text.len) {
		const char *found = memmem(text.p + at, text.len - at, what,
		    len);

		if (found == NULL)
			break;
		at = (size_t)(found - text.p);
		if ((at == 0 || found[-1] == '\n') && n++ == 0)
			*at_r = at;
		at++;
	}
	return n;
}

bool
ex_text_replace(struct slice text, const char *before, const char *value,
    struct buf *out)
{
	const size_t len = strlen(before);
	size_t at = 0;

	if (ex_text_count(text, before, &at) != 1)
		return false;
	buf_add(out, text.p, at);
	buf_str(out, value);
	buf_add(out, text.p + at + len, text.len - at - len);
	return true;
}

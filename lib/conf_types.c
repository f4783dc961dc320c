/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf_types.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/mem.h"
#include "lib/strmap.h"

/* A value may be as long as a line; what is said about it need not be. */
#define TEXT_MAX 1000

/* "FILE:LINE: what", fit for a terminal; *what_r is where "what" begins. */
static char *
compose(const char *file, unsigned line, const char *what, size_t *what_r)
{
	struct buf text = { 0 };

	if (line > 0)
		buf_printf(&text, "%s:%u: ", file, line);
	else
		buf_printf(&text, "%s: ", file);
	*what_r = text.len;
	buf_str(&text, what);
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f)
			text.p[i] = '?';
	buf_byte(&text, '\0');
	return buf_take(&text, NULL);
}

static void
push(struct conf_errors *errs, const struct conf_error *err)
{
	if (errs->n == errs->cap) {
		errs->cap = errs->cap == 0 ? 16 : errs->cap * 2;
		errs->v = mem_realloc(errs->v, errs->cap * sizeof(errs->v[0]));
	}
	errs->v[errs->n++] = *err;
}

/* Counts a warning that was given before, wherever; false when it is new. */
static bool
count_again(struct conf_errors *errs, const char *what)
{
	size_t *more;

	if (errs->seen == NULL)
		errs->seen = strmap_new();
	more = strmap_get(errs->seen, what);
	if (more == NULL)
		return false;
	(*more)++;
	return true;
}

static void
add(struct conf_errors *errs, const char *file, unsigned line, bool warning,
    const char *what)
{
	struct conf_error err = { .file_len = strlen(file),
		.line = line,
		.warning = warning };
	size_t at;

	err.text = compose(file, line, what, &at);
	if (warning && count_again(errs, err.text + at)) {
		free(err.text);
		return;
	}
	if (warning) {
		err.more = mem_new(size_t);
		strmap_put(errs->seen, err.text + at, err.more);
	} else {
		errs->fatal++;
	}
	push(errs, &err);
}

void
conf_error(struct conf_errors *errs, const char *file, unsigned line,
    const char *fmt, ...)
{
	char what[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	add(errs, file, line, false, what);
}

void
conf_warning(struct conf_errors *errs, const char *file, unsigned line,
    const char *fmt, ...)
{
	char what[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	add(errs, file, line, true, what);
}

void
conf_lacking(struct conf_errors *errs, const char *file, unsigned line,
    const char *fmt, ...)
{
	char what[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	add(errs, file, line, errs->portable, what);
}

void
conf_file_error(struct conf_errors *errs, const char *file, unsigned line,
    const char *path, const char *fmt, ...)
{
	bool there = access(path, F_OK) == 0 ||
	    (errno != ENOENT && errno != ENOTDIR);
	char what[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	add(errs, file, line, errs->portable && !there, what);
}

/* By file, by line, and else as they came. */
static int
compare(const void *pa, const void *pb)
{
	const struct conf_error *a = pa, *b = pb;
	size_t len = a->file_len < b->file_len ? a->file_len : b->file_len;
	int diff = memcmp(a->text, b->text, len);

	if (diff != 0)
		return diff;
	if (a->file_len != b->file_len)
		return a->file_len < b->file_len ? -1 : 1;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

static void
say_how_many(struct conf_error *err)
{
	struct buf text = { 0 };

	buf_printf(&text, "%s (and %zu more)%c", err->text, *err->more, '\0');
	free(err->text);
	err->text = buf_take(&text, NULL);
	*err->more = 0;
}

void
conf_errors_finish(struct conf_errors *errs, size_t from)
{
	strmap_free(&errs->seen);
	for (size_t i = from; i < errs->n; i++) {
		errs->v[i].order = i;
		if (errs->v[i].more != NULL && *errs->v[i].more > 0)
			say_how_many(&errs->v[i]);
	}
	if (errs->n > from)
		qsort(errs->v + from, errs->n - from, sizeof(errs->v[0]),
		    compare);
}

void
conf_errors_fini(struct conf_errors *errs)
{
	strmap_free(&errs->seen);
	for (size_t i = 0; i < errs->n; i++) {
		free(errs->v[i].text);
		free(errs->v[i].more);
	}
	free(errs->v);
	*errs = (struct conf_errors){ 0 };
}

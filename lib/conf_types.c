/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf_types.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"

/* A value may be as long as a line; what is said about it need not be. */
#define TEXT_MAX 1000

static void
add(struct conf_errors *errs, const char *file, unsigned line, bool warning,
    const char *what)
{
	struct buf text = { 0 };

	if (line > 0)
		buf_printf(&text, "%s:%u: %s", file, line, what);
	else
		buf_printf(&text, "%s: %s", file, what);
	for (size_t i = 0; i < text.len; i++) /* they go to a terminal */
		if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f)
			text.p[i] = '?';
	buf_byte(&text, '\0');
	if (errs->n == errs->cap) {
		errs->cap = errs->cap == 0 ? 16 : errs->cap * 2;
		errs->v = mem_realloc(errs->v, errs->cap * sizeof(errs->v[0]));
	}
	errs->v[errs->n++] = (struct conf_error){
		.text = buf_take(&text, NULL),
		.file_len = strlen(file),
		.line = line,
		.warning = warning,
	};
	if (!warning)
		errs->fatal++;
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

static bool
comes_before(const struct conf_error *a, const struct conf_error *b)
{
	size_t len = a->file_len < b->file_len ? a->file_len : b->file_len;
	int diff = memcmp(a->text, b->text, len);

	if (diff != 0)
		return diff < 0;
	if (a->file_len != b->file_len)
		return a->file_len < b->file_len;
	return a->line < b->line;
}

/* Insertion: those of one pass are in order already, and keep their order. */
void
conf_errors_sort(struct conf_errors *errs, size_t from)
{
	for (size_t i = from + 1; i < errs->n; i++) {
		struct conf_error e = errs->v[i];
		size_t at = i;

		for (; at > from && comes_before(&e, &errs->v[at - 1]); at--)
			errs->v[at] = errs->v[at - 1];
		errs->v[at] = e;
	}
}

void
conf_errors_fini(struct conf_errors *errs)
{
	for (size_t i = 0; i < errs->n; i++)
		free(errs->v[i].text);
	free(errs->v);
	*errs = (struct conf_errors){ 0 };
}

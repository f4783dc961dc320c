/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/ctl_format.h"

#include <stdio.h>
#include <string.h>

#include "lib/check.h"

#define HELD_ROWS 1000

const char *
ctl_text(const json_t *object, const char *key, char *scratch, size_t cap)
{
	const json_t *v = json_object_get(object, key);

	if (json_is_string(v))
		return json_string_value(v);
	scratch[0] = '\0';
	if (json_is_integer(v))
		(void)snprintf(scratch, cap, "%lld",
		    (long long)json_integer_value(v));
	else if (json_is_real(v))
		(void)snprintf(scratch, cap, "%.1f", json_real_value(v));
	else if (json_is_boolean(v))
		(void)snprintf(scratch, cap, "%s",
		    json_is_true(v) ? "yes" : "no");
	return scratch;
}

/* Bytes of the control character (C0, DEL, C1) that p begins with, or 0. */
static size_t
control_length(const unsigned char *p)
{
	if (p[0] < ' ' || p[0] == 0x7f)
		return 1;
	return p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0 ? 2 : 0;
}

/* One column a character: wide ones are rare in what we show. */
static size_t
columns_of(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = 0;

	for (; *p != '\0'; p++)
		n += (*p & 0xc0) != 0x80;
	return n;
}

size_t
ctl_print(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	while (*p != '\0') {
		size_t len = control_length(p);

		(void)putchar(len == 0 ? *p : '?');
		p += len == 0 ? 1 : len;
	}
	return columns_of(text);
}

static void
print_cell(const struct ctl_table *t, size_t i, const char *text)
{
	size_t used;

	if (i > 0)
		(void)printf("  ");
	used = ctl_print(text);
	if (i + 1 == t->count)
		(void)printf("\n");
	else if (used < t->widths[i])
		(void)printf("%*s", (int)(t->widths[i] - used), "");
}

static void
print_row(const struct ctl_table *t, const json_t *row)
{
	char scratch[32];

	for (size_t i = 0; i < t->count; i++)
		print_cell(t, i,
		    ctl_text(row, t->columns[i].key, scratch, sizeof(scratch)));
}

static void
widen(size_t *width, const char *text)
{
	size_t n = columns_of(text);

	if (n > *width)
		*width = n;
}

/* From now on rows are printed as they come. */
static void
flow(struct ctl_table *t)
{
	char scratch[32];
	const json_t *row;
	size_t k;

	CHECK(t->count <= CTL_COLUMNS_MAX);
	for (size_t i = 0; i < t->count; i++) {
		widen(&t->widths[i], t->columns[i].heading);
		json_array_foreach(t->held, k, row) widen(&t->widths[i],
		    ctl_text(row, t->columns[i].key, scratch, sizeof(scratch)));
	}
	for (size_t i = 0; i < t->count; i++)
		print_cell(t, i, t->columns[i].heading);
	json_array_foreach(t->held, k, row) print_row(t, row);
	json_decref(t->held);
	t->held = NULL;
	t->flowing = true;
}

void
ctl_table_row(struct ctl_table *t, const json_t *row)
{
	if (t->flowing) {
		print_row(t, row);
		return;
	}
	if (t->held == NULL)
		t->held = json_array();
	(void)json_array_append_new(t->held, json_deep_copy(row));
	if (json_array_size(t->held) == HELD_ROWS)
		flow(t);
}

void
ctl_table_end(struct ctl_table *t)
{
	if (!t->flowing)
		flow(t);
}

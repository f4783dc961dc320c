/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/acct_json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"

struct acct_json {
	struct input *in;
	struct region *names_rg, *rg; /* rg: what cells are made of */
	const char *names[CSV_COLUMNS_MAX];
	struct slice cells[CSV_COLUMNS_MAX];
	size_t columns;
	json_t *row;  /* strings of the cells are in it */
	bool waiting; /* the header was given; the row comes next */
	bool skipping;
	struct csv_counts counts;
};

struct acct_json *
acct_json_new(struct input *in)
{
	struct acct_json *j = mem_new(struct acct_json);

	j->in = in;
	j->names_rg = region_new();
	j->rg = region_new();
	return j;
}

void
acct_json_free(struct acct_json **jp)
{
	struct acct_json *j = *jp;

	*jp = NULL;
	if (j == NULL)
		return;
	json_decref(j->row);
	region_free(&j->names_rg);
	region_free(&j->rg);
	free(j);
}

/* ---- an object into cells ------------------------------------------------ */

/*
 * The column of a key, made if need be; -1: there are too many.  Lines have
 * their keys in one order: the search begins where the last one ended.
 */
static int
column_of(struct acct_json *j, const char *key, size_t *from)
{
	for (size_t n = 0; n < j->columns; n++) {
		size_t i = (*from + n) % j->columns;

		if (str_eq_nocase(j->names[i], key)) {
			*from = i + 1;
			return (int)i;
		}
	}
	if (j->columns == CSV_COLUMNS_MAX)
		return -1;
	j->names[j->columns] = region_strdup(j->names_rg, key);
	*from = ++j->columns;
	return (int)j->columns - 1;
}

/* A fraction, or what should not be there: as JSON writes it. */
static struct slice
dumped(struct acct_json *j, const json_t *v)
{
	char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
	struct slice s = SLICE_LIT("");

	if (text != NULL)
		s = slice_of(region_strdup(j->rg, text));
	free(text);
	return s;
}

static struct slice
text_of(struct acct_json *j, const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_STRING:
		return (struct slice){ json_string_value(v),
			json_string_length(v) };
	case JSON_INTEGER:
		return slice_of(region_printf(j->rg, "%" JSON_INTEGER_FORMAT,
		    json_integer_value(v)));
	case JSON_NULL:
		return SLICE_LIT("");
	case JSON_TRUE:
	case JSON_FALSE:
	case JSON_REAL:
	case JSON_OBJECT:
	case JSON_ARRAY:
		return dumped(j, v);
	}
	CHECK_NEVER("a type of JSON");
}

static void
fill_cells(struct acct_json *j)
{
	size_t from = 0;
	const char *key;
	json_t *v;

	memset(j->cells, 0, j->columns * sizeof(j->cells[0]));
	json_object_foreach(j->row, key, v)
	{
		int i = column_of(j, key, &from);

		if (i >= 0)
			j->cells[i] = text_of(j, v);
		else
			j->counts.wide++;
	}
	for (size_t i = 0; i < j->columns; i++)
		if (j->cells[i].p == NULL)
			j->cells[i] = SLICE_LIT("");
}

/* CSV_END: it is no row. */
static enum csv_next
take_line(struct acct_json *j, const char *line, size_t len)
{
	size_t before = j->columns;
	json_t *row;

	while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == ' '))
		len--;
	if (len == 0)
		return CSV_END;
	row = json_loadb(line, len, JSON_ALLOW_NUL, NULL);
	if (!json_is_object(row)) {
		json_decref(row);
		j->counts.damaged++;
		return CSV_END;
	}
	json_decref(j->row);
	j->row = row;
	region_reset(j->rg);
	fill_cells(j);
	j->counts.rows++;
	j->waiting = j->columns > before;
	return j->waiting ? CSV_HEADER : CSV_ROW;
}

/* ---- lines --------------------------------------------------------------- */

/* Nothing comes behind what is there. */
static enum csv_next
finish(struct acct_json *j)
{
	struct input *in = j->in;
	size_t len = in->end - in->start;
	uint64_t damaged = j->counts.damaged;
	enum csv_next got;

	if (len == 0 || j->skipping)
		return CSV_END;
	got = take_line(j, in->mem + in->start, len);
	in->start = in->end;
	j->counts.cut = j->counts.damaged > damaged;
	j->counts.damaged = damaged;
	return got;
}

/* Leaves a line that is too long: what is there of it. */
static void
leave(struct acct_json *j)
{
	if (!j->skipping)
		j->counts.damaged++;
	j->skipping = true;
	j->in->start = j->in->end;
}

enum csv_next
acct_json_next(struct acct_json *j, struct err *e)
{
	struct input *in = j->in;

	if (j->waiting) {
		j->waiting = false;
		return CSV_ROW;
	}
	for (;;) {
		char *line = in->mem + in->start;
		char *eol = in->start == in->end ?
		    NULL :
		    memchr(line, '\n', in->end - in->start);
		enum csv_next got = CSV_END;

		if (eol != NULL) {
			in->start = (size_t)(eol + 1 - in->mem);
			if (!j->skipping)
				got = take_line(j, line, (size_t)(eol - line));
			j->skipping = false;
			if (got != CSV_END)
				return got;
			continue;
		}
		switch (input_more(in, e)) {
		case INPUT_MORE:
			break;
		case INPUT_END:
			return finish(j);
		case INPUT_FULL:
			leave(j);
			break;
		case INPUT_FAILED:
			return CSV_FAILED;
		}
	}
}

size_t
acct_json_columns(const struct acct_json *j)
{
	return j->columns;
}

const char *
acct_json_name(const struct acct_json *j, size_t column)
{
	CHECK(column < j->columns);
	return j->names[column];
}

const struct slice *
acct_json_cells(const struct acct_json *j)
{
	return j->cells;
}

const struct csv_counts *
acct_json_counts(const struct acct_json *j)
{
	return &j->counts;
}

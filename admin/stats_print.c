/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/stats_print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/ctl_ask.h"
#include "lib/csv_write.h"
#include "lib/mem.h"

#define JSON_ROW (JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12))

enum { OTHERS_TEXT_MAX = 48 };

struct stats_print {
	enum stats_form form;
	const struct stats_section *section; /* the open one, or NULL */
	struct ctl_table table;
	size_t sections, rows; /* of this report, of this section */
	size_t values;         /* reports by value */
	struct buf prefix;     /* of the section's name in CSV */
	struct buf line;
};

struct stats_print *
stats_print_new(enum stats_form form)
{
	struct stats_print *p = mem_new(struct stats_print);

	p->form = form;
	if (form == STATS_JSON)
		(void)printf("{");
	if (form == STATS_CSV)
		(void)printf("section,key,metric,value\r\n");
	return p;
}

/* ---- sections ------------------------------------------------------------ */

static void
end_section(struct stats_print *p)
{
	const struct stats_section *s = p->section;

	if (s == NULL)
		return;
	if (p->form == STATS_TEXT && s->keys > 0) {
		if (p->rows > 0)
			ctl_table_end(&p->table);
		else
			(void)printf("none\n");
	}
	if (p->form == STATS_JSON && s->keys > 0)
		(void)printf(p->rows == 0 ? "]" : "\n  ]");
	p->section = NULL;
}

void
stats_print_section(struct stats_print *p, const struct stats_section *s)
{
	end_section(p);
	p->section = s;
	p->rows = 0;
	if (p->form == STATS_TEXT) {
		(void)printf("%s%s\n", p->sections + p->values > 0 ? "\n" : "",
		    s->title);
		p->table = (struct ctl_table){ .columns = s->columns,
			.count = s->count };
	}
	if (p->form == STATS_JSON)
		(void)printf("%s\n  \"%s\": %s", p->sections > 0 ? "," : "",
		    s->name, s->keys > 0 ? "[" : "");
	p->sections++;
}

/* ---- rows ---------------------------------------------------------------- */

/* 0: what found no place is not told apart. */
static const char *
others_text(uint64_t others, char out[OTHERS_TEXT_MAX])
{
	if (others == 0)
		return "(others)";
	(void)snprintf(out, OTHERS_TEXT_MAX, "(%llu other%s)",
	    (unsigned long long)others, others == 1 ? "" : "s");
	return out;
}

static uint64_t
others_of(const json_t *row)
{
	return (uint64_t)json_integer_value(json_object_get(row, "others"));
}

/* For people: no cell of a key is empty. */
static void
fill_keys(const struct stats_section *s, json_t *row)
{
	char others[OTHERS_TEXT_MAX];

	for (size_t i = 0; i < s->keys; i++) {
		const char *key = s->columns[i].key;
		const json_t *v = json_object_get(row, key);
		const char *text = NULL;

		if (i == 0 && json_is_null(v))
			text = others_text(others_of(row), others);
		else if (json_is_string(v) && json_string_length(v) == 0)
			text = "(none)";
		if (text != NULL)
			(void)json_object_set_new(row, key, json_string(text));
	}
}

static void
text_row(const struct stats_section *s, struct ctl_table *t, json_t *row)
{
	if (s->keys == 0) {
		for (size_t i = 0; i < s->count; i++)
			ctl_print_field(row, s->columns[i].key,
			    s->columns[i].heading);
		return;
	}
	fill_keys(s, row);
	ctl_table_row(t, row);
}

static void
csv_text(struct buf *out, const char *text)
{
	csv_cell(out, slice_of(text));
}

/* As JSON has it: a text without quotes, nothing for null. */
static void
csv_value(struct buf *out, const json_t *v)
{
	char *text;

	if (v == NULL || json_is_null(v))
		return;
	if (json_is_string(v)) {
		csv_text(out, json_string_value(v));
		return;
	}
	text = json_dumps(v, JSON_ROW);
	csv_text(out, text);
	free(text);
}

/* The key columns, with a blank between them. */
static void
row_key(const struct stats_section *s, const json_t *row, struct buf *out)
{
	char others[OTHERS_TEXT_MAX], scratch[32];

	for (size_t i = 0; i < s->keys; i++) {
		const char *key = s->columns[i].key;

		if (i > 0)
			buf_byte(out, ' ');
		if (json_is_null(json_object_get(row, key))) {
			buf_str(out, others_text(others_of(row), others));
			return;
		}
		buf_str(out, ctl_text(row, key, scratch, sizeof(scratch)));
	}
}

static void
csv_row(struct stats_print *p, const json_t *row)
{
	struct buf *line = &p->line, key = { 0 }, name = { 0 };

	buf_add(&name, p->prefix.p, p->prefix.len);
	buf_str(&name, p->section->name);
	row_key(p->section, row, &key);
	for (size_t i = p->section->keys; i < p->section->count; i++) {
		const char *metric = p->section->columns[i].key;

		buf_clear(line);
		csv_cell(line, (struct slice){ name.p, name.len });
		buf_byte(line, ',');
		csv_cell(line, (struct slice){ key.p, key.len });
		buf_byte(line, ',');
		csv_text(line, metric);
		buf_byte(line, ',');
		csv_value(line, json_object_get(row, metric));
		buf_str(line, "\r\n");
		(void)fwrite(line->p, 1, line->len, stdout);
	}
	buf_fini(&key);
	buf_fini(&name);
}

void
stats_print_row(struct stats_print *p, json_t *row)
{
	switch (p->form) {
	case STATS_TEXT:
		text_row(p->section, &p->table, row);
		break;
	case STATS_JSON:
		if (p->section->keys > 0)
			(void)printf("%s\n    ", p->rows > 0 ? "," : "");
		(void)json_dumpf(row, stdout, JSON_ROW);
		break;
	case STATS_CSV:
		csv_row(p, row);
		break;
	}
	p->rows++;
	json_decref(row);
}

/* ---- reports by value ---------------------------------------------------- */

static void
json_value(const char *value, uint64_t others)
{
	json_t *v = value == NULL ? json_null() : ctl_string(value);

	(void)printf("\n  \"value\": ");
	(void)json_dumpf(v, stdout, JSON_ROW);
	if (value == NULL)
		(void)printf(",\n  \"others\": %llu",
		    (unsigned long long)others);
	json_decref(v);
}

void
stats_print_value(struct stats_print *p, const char *column, const char *value,
    size_t others)
{
	char text[OTHERS_TEXT_MAX];
	const char *name = value == NULL ? others_text(others, text) : value;

	end_section(p);
	switch (p->form) {
	case STATS_TEXT:
		(void)printf("\n==== %s: ", column);
		(void)ctl_print(name[0] == '\0' ? "(none)" : name);
		(void)printf("\n");
		break;
	case STATS_JSON:
		if (p->values == 0)
			(void)printf("%s\n  \"by\": \"%s\",\n  \"reports\": [{",
			    p->sections > 0 ? "," : "", column);
		else
			(void)printf("\n  }, {");
		json_value(value, others);
		break;
	case STATS_CSV:
		buf_clear(&p->prefix);
		buf_printf(&p->prefix, "%s=%s/", column, name);
		break;
	}
	p->values++;
	p->sections = p->form == STATS_JSON; /* the value comes first */
}

int
stats_print_free(struct stats_print **pp, struct err *e)
{
	struct stats_print *p = *pp;
	int rc = 0;

	*pp = NULL;
	if (p == NULL)
		return 0;
	end_section(p);
	if (p->form == STATS_JSON)
		(void)printf("%s\n}\n", p->values > 0 ? "\n  }]" : "");
	buf_fini(&p->prefix);
	buf_fini(&p->line);
	free(p);
	if (fflush(stdout) != 0 || ferror(stdout) != 0)
		rc = err_sys(e, "standard output");
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/find_print.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/find_text.h"
#include "lib/check.h"
#include "lib/clock.h"
#include "lib/csv_write.h"
#include "lib/iso_time.h"
#include "lib/json_text.h"
#include "lib/mem.h"

#define FLUSH_BYTES ((size_t)64 * 1024)

struct column {
	char *name;
	struct buf label; /* the name as it is printed */
	char *element;    /* of XML */
	bool is_time, is_number;
	int at; /* in the rows of the header, or -1 */
};

struct form {
	const char *name;
	bool table; /* it has a line with the names of columns */
	const char *head, *tail;
	void (*names)(struct find_print *p);
	void (*row)(struct find_print *p, const struct acct_row *row);
};

struct find_print {
	const struct form *form;
	bool iso, chosen, terminal;
	bool begun, named; /* the head, and the names as they are now */
	uint64_t header;   /* that column.at is about; 0: none */
	struct column *columns;
	size_t count, cap;
	struct buf out, shown;
	char time[40];
	bool failed;
};

/* ---- columns ------------------------------------------------------------- */

static void
add_column(struct find_print *p, struct slice name)
{
	static const char *const numbers[] = { "dlvSize",
		"totalSecondsQueued" };
	struct column *c;

	for (size_t i = 0; i < p->count; i++)
		if (slice_eq_nocase(name, p->columns[i].name))
			return;
	if (p->count == p->cap) {
		p->cap = p->cap == 0 ? 32 : p->cap * 2;
		p->columns = mem_realloc(p->columns,
		    p->cap * sizeof(*p->columns));
	}
	c = &p->columns[p->count++];
	*c = (struct column){ .name = mem_strndup(name.p, name.len),
		.element = find_text_element(name),
		.at = -1 };
	if (p->terminal)
		find_text_shown(&c->label, name);
	else
		buf_add(&c->label, name.p, name.len);
	c->is_time = strncmp(c->name, "time", 4) == 0;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		c->is_number = c->is_number ||
		    str_eq_nocase(c->name, numbers[i]);
	p->named = false;
}

void
find_print_expect(struct find_print *p, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count && !p->chosen; i++)
		add_column(p, slice_of(names[i]));
}

/* Where the columns are in the rows of this header. */
static void
take_header(struct find_print *p, const struct acct_row *row)
{
	find_print_expect(p, row->names, row->columns);
	for (size_t i = 0; i < p->count; i++) {
		p->columns[i].at = -1;
		for (size_t k = row->columns; k-- > 0;)
			if (str_eq_nocase(p->columns[i].name, row->names[k]))
				p->columns[i].at = (int)k;
	}
	p->header = row->header;
}

/* A Unix time as text; what is none stays. */
static struct slice
iso_of(struct find_print *p, struct slice s)
{
	int64_t t = iso_time(s);

	if (t == ISO_TIME_NONE || t >= INT64_MAX / US_PER_S)
		return s;
	return (struct slice){ p->time,
		clock_iso(p->time, sizeof(p->time), t * US_PER_S) };
}

/* The cell as it is to be printed; holds until the next one. */
static struct slice
cell_of(struct find_print *p, const struct column *c,
    const struct acct_row *row)
{
	struct slice s = { "", 0 };

	if (c->at >= 0)
		s = row->cells[c->at];
	if (p->iso && c->is_time && s.len > 0 &&
	    memchr(s.p, '-', s.len) == NULL)
		return iso_of(p, s);
	if (!p->terminal)
		return s;
	buf_clear(&p->shown);
	find_text_shown(&p->shown, s);
	return (struct slice){ p->shown.p, p->shown.len };
}

static struct slice
label_of(const struct column *c)
{
	return (struct slice){ c->label.p, c->label.len };
}

/* ---- csv, tsv ------------------------------------------------------------ */

static void
csv_names(struct find_print *p)
{
	for (size_t i = 0; i < p->count; i++) {
		if (i > 0)
			buf_byte(&p->out, ',');
		csv_cell(&p->out, label_of(&p->columns[i]));
	}
	buf_str(&p->out, "\r\n");
}

static void
csv_row(struct find_print *p, const struct acct_row *row)
{
	for (size_t i = 0; i < p->count; i++) {
		if (i > 0)
			buf_byte(&p->out, ',');
		csv_cell(&p->out, cell_of(p, &p->columns[i], row));
	}
	buf_str(&p->out, "\r\n");
}

static void
tsv_names(struct find_print *p)
{
	for (size_t i = 0; i < p->count; i++) {
		if (i > 0)
			buf_byte(&p->out, '\t');
		find_text_tsv(&p->out, label_of(&p->columns[i]));
	}
	buf_byte(&p->out, '\n');
}

static void
tsv_row(struct find_print *p, const struct acct_row *row)
{
	for (size_t i = 0; i < p->count; i++) {
		if (i > 0)
			buf_byte(&p->out, '\t');
		find_text_tsv(&p->out, cell_of(p, &p->columns[i], row));
	}
	buf_byte(&p->out, '\n');
}

/* ---- json ---------------------------------------------------------------- */

/* As mailraced writes them: sizes and Unix times are numbers. */
static bool
is_number(const struct column *c, struct slice s)
{
	if (!c->is_number && !c->is_time)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!isdigit((unsigned char)s.p[i]))
			return false;
	return s.len > 0 && s.len < 19 && (s.len == 1 || s.p[0] != '0');
}

static void
json_row(struct find_print *p, const struct acct_row *row)
{
	const char *before = "{";
	for (size_t i = 0; i < p->count; i++) {
		const struct column *c = &p->columns[i];
		struct slice s = cell_of(p, c, row);

		if (s.len == 0)
			continue;
		buf_str(&p->out, before);
		before = ",";
		json_text(&p->out, label_of(c));
		buf_byte(&p->out, ':');
		if (is_number(c, s))
			buf_add(&p->out, s.p, s.len);
		else
			json_text(&p->out, s);
	}
	buf_str(&p->out, before[0] == '{' ? "{}\n" : "}\n");
}

/* ---- html, xml ----------------------------------------------------------- */

static void
html_names(struct find_print *p)
{
	buf_str(&p->out, "<tr>");
	for (size_t i = 0; i < p->count; i++) {
		buf_str(&p->out, "<th>");
		find_text_xml(&p->out, label_of(&p->columns[i]));
		buf_str(&p->out, "</th>");
	}
	buf_str(&p->out, "</tr>\n");
}

static void
html_row(struct find_print *p, const struct acct_row *row)
{
	buf_str(&p->out, "<tr>");
	for (size_t i = 0; i < p->count; i++) {
		buf_str(&p->out, "<td>");
		find_text_xml(&p->out, cell_of(p, &p->columns[i], row));
		buf_str(&p->out, "</td>");
	}
	buf_str(&p->out, "</tr>\n");
}

static void
add_elements(struct find_print *p, const struct acct_row *row,
    const char *before, const char *after)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct column *c = &p->columns[i];
		struct slice s = cell_of(p, c, row);

		if (s.len == 0)
			continue;
		buf_printf(&p->out, "%s<%s>", before, c->element);
		find_text_xml(&p->out, s);
		buf_printf(&p->out, "</%s>%s", c->element, after);
	}
}

static void
xml_row(struct find_print *p, const struct acct_row *row)
{
	buf_str(&p->out, "<record>");
	add_elements(p, row, "", "");
	buf_str(&p->out, "</record>\n");
}

static void
prettyxml_row(struct find_print *p, const struct acct_row *row)
{
	buf_str(&p->out, "  <record>\n");
	add_elements(p, row, "    ", "\n");
	buf_str(&p->out, "  </record>\n");
}

/* ---- forms --------------------------------------------------------------- */

#define XML_HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<records>\n"
#define XML_TAIL "</records>\n"
#define HTML_HEAD \
	"<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">" \
	"<title>Accounting records</title></head>\n<body>\n<table>\n"
#define HTML_TAIL "</table>\n</body>\n</html>\n"

static const struct form forms[] = {
	{ "csv", true, "", "", csv_names, csv_row },
	{ "html", true, HTML_HEAD, HTML_TAIL, html_names, html_row },
	{ "json", false, "", "", NULL, json_row },
	{ "prettyxml", false, XML_HEAD, XML_TAIL, NULL, prettyxml_row },
	{ "tsv", true, "", "", tsv_names, tsv_row },
	{ "xml", false, XML_HEAD, XML_TAIL, NULL, xml_row },
};

static int
choose_form(struct find_print *p, struct slice name, struct err *e)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (slice_eq(name, forms[i].name))
			p->form = &forms[i];
	if (p->form == NULL)
		return err_set(e,
		    "\"%.*s\" is none of csv, tsv, html, xml, prettyxml, json",
		    (int)name.len, name.p);
	return 0;
}

/* "[rcpt,dsnDiag]": type is always there, and first unless it is named. */
static int
choose_columns(struct find_print *p, const char *list, struct err *e)
{
	size_t len = strlen(list);
	bool type_named = false;

	if (len < 3 || list[len - 1] != ']')
		return err_set(e, "columns stand in brackets: [rcpt,dsnDiag]");
	for (int pass = 0; pass < 2; pass++) {
		const char *at = list + 1;

		if (pass == 1 && !type_named)
			add_column(p, SLICE_LIT("type"));
		while (at < list + len) {
			size_t n = strcspn(at, ",]");
			struct slice name = slice_trim((struct slice){ at, n });

			if (name.len == 0)
				return err_set(e, "a column without a name");
			type_named = type_named ||
			    slice_eq_nocase(name, "type");
			if (pass == 1)
				add_column(p, name);
			at += n + 1;
		}
	}
	p->chosen = true;
	return 0;
}

int
find_print_new(const char *form, bool iso, struct find_print **p_r,
    struct err *e)
{
	struct find_print *p = mem_new(struct find_print);
	size_t len = strcspn(form, "[");
	int rc = choose_form(p, (struct slice){ form, len }, e);

	p->iso = iso;
	p->terminal = isatty(STDOUT_FILENO) == 1;
	if (rc == 0 && form[len] != '\0')
		rc = choose_columns(p, form + len, e);
	if (rc == -1)
		find_print_free(&p);
	*p_r = p;
	return rc;
}

void
find_print_free(struct find_print **pp)
{
	struct find_print *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->count; i++) {
		free(p->columns[i].name);
		free(p->columns[i].element);
		buf_fini(&p->columns[i].label);
	}
	free(p->columns);
	buf_fini(&p->out);
	buf_fini(&p->shown);
	free(p);
}

/* ---- printing ------------------------------------------------------------ */

static void
write_out(struct find_print *p)
{
	if (p->out.len > 0 &&
	    fwrite(p->out.p, 1, p->out.len, stdout) != p->out.len)
		p->failed = true;
	buf_clear(&p->out);
}

static void
begin(struct find_print *p)
{
	if (!p->begun)
		buf_str(&p->out, p->form->head);
	p->begun = true;
	if (!p->named && p->form->table && p->count > 0)
		p->form->names(p);
	p->named = true;
}

void
find_print_row(struct find_print *p, const struct acct_row *row)
{
	if (row->header != p->header)
		take_header(p, row);
	begin(p);
	p->form->row(p, row);
	if (p->out.len >= FLUSH_BYTES)
		write_out(p);
}

int
find_print_flush(struct find_print *p, struct err *e)
{
	write_out(p);
	if (fflush(stdout) != 0)
		p->failed = true;
	return p->failed ? err_sys(e, "standard output") : 0;
}

int
find_print_end(struct find_print *p, struct err *e)
{
	begin(p);
	buf_str(&p->out, p->form->tail);
	return find_print_flush(p, e);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/csv.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"

/*
 * How often a row that does not end is read again from its second line on.
 * Each costs up to CSV_LINE_MAX bytes; a file full of them must not take for
 * ever, so later ones cost all that was looked at.
 */
#define SECOND_LOOKS 64

struct csv {
	struct input *in;
	const char *key;
	struct region *rg; /* the names */
	const char **names;
	size_t columns;
	struct slice cells[CSV_COLUMNS_MAX];
	size_t count; /* of the row, also those that have no place in cells */
	size_t rough; /* cells that are still as they stand in the file */
	unsigned looks;
	bool skipping; /* to the next line end */
	bool zeros;    /* up to the end of what is there: one place of damage */
	struct csv_counts counts;
};

struct csv *
csv_new(struct input *in, const char *key)
{
	struct csv *c = mem_new(struct csv);

	c->in = in;
	c->key = key;
	c->rg = region_new();
	return c;
}

void
csv_free(struct csv **cp)
{
	struct csv *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	region_free(&c->rg);
	free(c);
}

/* ---- a row into cells ---------------------------------------------------- */

static void
add_cell(struct csv *c, const char *from, const char *to)
{
	if (c->count < CSV_COLUMNS_MAX)
		c->cells[c->count] = (struct slice){ from,
			(size_t)(to - from) };
	c->count++;
}

/* The end of a cell without quotes, or of what follows the closing one. */
static const char *
plain_end(const char *p, const char *eol)
{
	const char *comma = memchr(p, ',', (size_t)(eol - p));

	return comma != NULL ? comma : eol;
}

/* The same without the CR of the line end. */
static const char *
text_end(const char *p, const char *to, const char *eol)
{
	return to == eol && to > p && to[-1] == '\r' ? to - 1 : to;
}

/*
 * A cell that begins with a quote; eol is moved if it lies inside.  Returns
 * its end, or NULL: it goes on beyond what is there.
 */
static const char *
add_quoted(struct csv *c, const char *p, const char *end, const char **eol)
{
	const char *q = p + 1, *to, *stop;
	bool doubled = false;

	while ((q = memchr(q, '"', (size_t)(end - q))) != NULL) {
		if (q + 1 == end)
			return NULL;
		if (q[1] != '"')
			break;
		doubled = true;
		q += 2;
	}
	if (q == NULL)
		return NULL;
	if (q > *eol)
		*eol = memchr(q, '\n', (size_t)(end - q));
	if (*eol == NULL)
		return NULL;
	to = plain_end(q + 1, *eol);
	stop = text_end(q + 1, to, *eol);
	if (stop == q + 1 && !doubled) {
		add_cell(c, p + 1, q);
	} else {
		/* Known by its quote: no other cell begins with one. */
		add_cell(c, p, stop);
		c->rough++;
	}
	return to;
}

/*
 * Cells of the row at p; returns what is behind its line end, or NULL: it
 * does not end before `end`.  Changes nothing, so that it can be done again.
 */
static const char *
split(struct csv *c, const char *p, const char *end)
{
	const char *eol = memchr(p, '\n', (size_t)(end - p)), *to = NULL;

	c->count = 0;
	c->rough = 0;
	while (eol != NULL && to != eol) {
		if (*p == '"') {
			to = add_quoted(c, p, end, &eol);
			if (to == NULL)
				return NULL;
		} else {
			to = plain_end(p, eol);
			add_cell(c, p, text_end(p, to, eol));
		}
		p = to + 1;
	}
	return eol == NULL ? NULL : eol + 1;
}

/* Takes the quotes away, in place. */
static void
smooth(struct csv *c, struct slice *cell)
{
	char *from = c->in->mem + (cell->p - c->in->mem), *to = from;
	const char *end = from + cell->len;
	const char *p = from + 1;

	while (p < end) {
		if (*p == '"' && (p + 1 == end || p[1] != '"')) {
			p++;
			break;
		}
		p += *p == '"';
		*to++ = *p++;
	}
	while (p < end)
		*to++ = *p++;
	cell->len = (size_t)(to - from);
}

static void
smooth_all(struct csv *c)
{
	size_t n = c->count < CSV_COLUMNS_MAX ? c->count : CSV_COLUMNS_MAX;

	for (size_t i = 0; i < n && c->rough > 0; i++)
		if (c->cells[i].len > 0 && c->cells[i].p[0] == '"')
			smooth(c, &c->cells[i]);
}

/* ---- what a row is ------------------------------------------------------- */

static bool
is_header(const struct csv *c)
{
	if (slice_eq_nocase(c->cells[0], c->key))
		return true;
	/* A first line may have its columns in another order. */
	for (size_t i = 1;
	     c->names == NULL && i < c->count && i < CSV_COLUMNS_MAX; i++)
		if (slice_eq_nocase(c->cells[i], c->key))
			return true;
	return false;
}

static void
keep_header(struct csv *c)
{
	c->columns = c->count < CSV_COLUMNS_MAX ? c->count : CSV_COLUMNS_MAX;
	region_reset(c->rg);
	c->names = region_array(c->rg, c->columns, sizeof(*c->names));
	for (size_t i = 0; i < c->columns; i++)
		c->names[i] = region_strndup(c->rg, c->cells[i].p,
		    c->cells[i].len);
}

static enum csv_next
judge(struct csv *c, struct err *e)
{
	if (is_header(c)) {
		keep_header(c);
		return CSV_HEADER;
	}
	if (c->names == NULL) {
		(void)err_set(e,
		    "the first line is no header: no column is named \"%s\"",
		    c->key);
		return CSV_FAILED;
	}
	c->counts.rows++;
	c->counts.narrow += c->count < c->columns;
	c->counts.wide += c->count > c->columns;
	for (size_t i = c->count; i < c->columns; i++)
		c->cells[i] = (struct slice){ "", 0 };
	return CSV_ROW;
}

/* ---- the next one -------------------------------------------------------- */

/* Passes zeros; one place of damage, however many reads bring them. */
static bool
pass_zeros(struct csv *c)
{
	struct input *in = c->in;
	size_t from = in->start;

	while (in->start < in->end && in->mem[in->start] == '\0')
		in->start++;
	if (in->start == from)
		return false;
	c->counts.damaged += !c->zeros;
	c->zeros = in->start == in->end;
	return true;
}

static bool
pass_mark(struct csv *c)
{
	struct input *in = c->in;

	if (in->end - in->start < 3 ||
	    memcmp(in->mem + in->start, "\xef\xbb\xbf", 3) != 0)
		return false;
	in->start += 3;
	c->zeros = false;
	return true;
}

/* Past what belongs to no row. */
static void
pass_rubbish(struct csv *c)
{
	while (c->in->start < c->in->end && (pass_zeros(c) || pass_mark(c)))
		;
	if (c->in->start < c->in->end)
		c->zeros = false;
}

/* To behind the next line end; false: there is none yet. */
static bool
pass_line(struct input *in)
{
	char *eol = memchr(in->mem + in->start, '\n', in->end - in->start);

	in->start = eol == NULL ? in->end : (size_t)(eol + 1 - in->mem);
	return eol != NULL;
}

/*
 * The row that begins here does not end.  If it is one of many lines, a quote
 * opened it that should not: rows may follow on the next line.
 */
static void
pass_damage(struct csv *c)
{
	c->counts.damaged++;
	if (c->looks++ < SECOND_LOOKS) {
		c->skipping = !pass_line(c->in);
	} else {
		c->in->start = c->in->end;
		c->skipping = true;
	}
}

/* Nothing comes behind what is there; CSV_ROW: look again. */
static enum csv_next
finish(struct csv *c)
{
	struct input *in = c->in;

	if (in->start == in->end)
		return CSV_END;
	if (memchr(in->mem + in->start, '\n', in->end - in->start) == NULL) {
		c->counts.cut = true;
		in->start = in->end;
		return CSV_END;
	}
	pass_damage(c);
	return CSV_ROW;
}

/* CSV_ROW: there is more to look at. */
static enum csv_next
fetch(struct csv *c, struct err *e)
{
	switch (input_more(c->in, e)) {
	case INPUT_MORE:
		return CSV_ROW;
	case INPUT_END:
		return finish(c);
	case INPUT_FULL:
		pass_damage(c);
		return CSV_ROW;
	case INPUT_FAILED:
		return CSV_FAILED;
	}
	CHECK_NEVER("what an input gives");
}

enum csv_next
csv_next(struct csv *c, struct err *e)
{
	struct input *in = c->in;

	for (;;) {
		const char *next = NULL;

		if (c->skipping && pass_line(in))
			c->skipping = false;
		if (!c->skipping) {
			pass_rubbish(c);
			if (in->start < in->end)
				next = split(c, in->mem + in->start,
				    in->mem + in->end);
		}
		if (next == NULL) {
			enum csv_next got = fetch(c, e);

			if (got != CSV_ROW)
				return got;
			continue;
		}
		in->start = (size_t)(next - in->mem);
		if (c->count == 1 && c->cells[0].len == 0)
			continue;
		smooth_all(c);
		return judge(c, e);
	}
}

size_t
csv_columns(const struct csv *c)
{
	return c->columns;
}

const char *
csv_name(const struct csv *c, size_t column)
{
	CHECK(column < c->columns);
	return c->names[column];
}

const struct slice *
csv_cells(const struct csv *c)
{
	return c->cells;
}

const struct csv_counts *
csv_counts(const struct csv *c)
{
	return &c->counts;
}

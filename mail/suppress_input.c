/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/suppress_input.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/iso_time.h"
#include "mail/addr.h"

enum column {
	COL_SUBJECT,
	COL_REASON,
	COL_SOURCE,
	COL_CREATED,
	COL_EXPIRES,
	COLUMNS,
	CELLS_MAX = 16 /* a row of more is wrong anyway */
};

static const struct {
	const char *name;
	enum column column;
} names[] = {
	{ "address", COL_SUBJECT },
	{ "digest", COL_SUBJECT },
	{ "reason", COL_REASON },
	{ "source", COL_SOURCE },
	{ "created", COL_CREATED },
	{ "expires", COL_EXPIRES },
};

#define MARK "\xef\xbb\xbf"

struct suppress_input {
	struct input *in;
	bool csv, has_head;
	int64_t now_s;
	uint64_t line;
	size_t columns; /* of the head line */
	enum column order[CELLS_MAX];
	struct err bad; /* what is wrong with a row */
};

struct suppress_input *
suppress_input_new(struct input *in, bool csv, int64_t now_s)
{
	struct suppress_input *s = mem_new(struct suppress_input);

	s->in = in;
	s->csv = csv;
	s->now_s = now_s;
	return s;
}

void
suppress_input_free(struct suppress_input **sp)
{
	free(*sp);
	*sp = NULL;
}

/* ---- lines --------------------------------------------------------------- */

enum line { LINE_READ, LINE_TOO_LONG, LINE_NONE, LINE_FAILED };

/* Past a line that the window has no room for. */
static enum line
pass_long(struct suppress_input *s, struct err *e)
{
	struct input *in = s->in;

	for (;;) {
		char *eol = memchr(in->mem + in->start, '\n',
		    in->end - in->start);
		enum input_got got;

		in->start = eol == NULL ? in->end : (size_t)(eol + 1 - in->mem);
		if (eol != NULL)
			return LINE_TOO_LONG;
		got = input_more(in, e);
		if (got == INPUT_END)
			return LINE_TOO_LONG;
		if (got == INPUT_FAILED)
			return LINE_FAILED;
	}
}

static struct slice
without_mark(const struct suppress_input *s, struct slice l)
{
	size_t len = sizeof(MARK) - 1;

	if (s->line == 1 && l.len >= len && memcmp(l.p, MARK, len) == 0)
		return (struct slice){ l.p + len, l.len - len };
	return l;
}

static enum line
take(struct suppress_input *s, size_t len, size_t end_len, struct slice *line_r)
{
	struct input *in = s->in;
	struct slice l = { in->mem + in->start, len };

	in->start += len + end_len;
	if (l.len > 0 && l.p[l.len - 1] == '\r')
		l.len--;
	*line_r = slice_trim(without_mark(s, l));
	return LINE_READ;
}

static enum line
next_line(struct suppress_input *s, struct slice *line_r, struct err *e)
{
	struct input *in = s->in;
	size_t seen = 0;

	s->line++;
	for (;;) {
		const char *p = in->mem + in->start;
		size_t len = in->end - in->start;
		const char *eol = len == seen ?
		    NULL :
		    memchr(p + seen, '\n', len - seen);

		if (eol != NULL)
			return take(s, (size_t)(eol - p), 1, line_r);
		seen = len;
		switch (input_more(in, e)) {
		case INPUT_MORE:
			break;
		case INPUT_FULL:
			return pass_long(s, e);
		case INPUT_END:
			return len == 0 ? LINE_NONE : take(s, len, 0, line_r);
		case INPUT_FAILED:
			return LINE_FAILED;
		}
	}
}

/* ---- cells --------------------------------------------------------------- */

/* A cell that begins with a quote, in place; NULL: nothing closes it. */
static const char *
quoted_cell(char *p, const char *end, struct slice *cell_r)
{
	char *to = p, *from = p + 1;

	for (; from < end; from++) {
		if (*from == '"' && (from + 1 == end || from[1] != '"'))
			break;
		from += *from == '"';
		*to++ = *from;
	}
	if (from >= end || (from + 1 < end && from[1] != ','))
		return NULL;
	*cell_r = (struct slice){ p, (size_t)(to - p) };
	return from + 1;
}

/* How many there are, of which the first CELLS_MAX are kept; 0: a quote. */
static size_t
split(struct suppress_input *s, struct slice line, struct slice *cells)
{
	char *p = s->in->mem + (line.p - s->in->mem);
	const char *end = p + line.len, *stop;
	size_t n = 0;

	for (;;) {
		struct slice cell;

		if (p < end && *p == '"') {
			stop = quoted_cell(p, end, &cell);
		} else {
			stop = memchr(p, ',', (size_t)(end - p));
			stop = stop == NULL ? end : stop;
			cell = (struct slice){ p, (size_t)(stop - p) };
		}
		if (stop == NULL)
			return 0;
		if (n < CELLS_MAX)
			cells[n] = slice_trim(cell);
		n++;
		if (stop == end)
			return n;
		p += stop - p + 1;
	}
}

/* ---- the head line ------------------------------------------------------- */

static bool
find_column(struct slice name, enum column *column_r)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!slice_eq_nocase(name, names[i].name))
			continue;
		*column_r = names[i].column;
		return true;
	}
	return false;
}

static int
read_head(struct suppress_input *s, struct slice line, struct err *e)
{
	struct slice cells[CELLS_MAX];
	bool seen[COLUMNS] = { false };

	s->columns = split(s, line, cells);
	if (s->columns == 0 || s->columns > CELLS_MAX)
		return err_set(e, "line %llu: not a head line of columns",
		    (unsigned long long)s->line);
	for (size_t i = 0; i < s->columns; i++) {
		if (!find_column(cells[i], &s->order[i]))
			return err_set(e,
			    "line %llu: no column is \"%.*s\": the head line "
			    "names address or digest, and of reason, source, "
			    "created, expires what there is",
			    (unsigned long long)s->line,
			    (int)(cells[i].len > 40 ? 40 : cells[i].len),
			    cells[i].p);
		if (seen[s->order[i]])
			return err_set(e,
			    "line %llu: the head line has \"%.*s\" twice",
			    (unsigned long long)s->line, (int)cells[i].len,
			    cells[i].p);
		seen[s->order[i]] = true;
	}
	if (!seen[COL_SUBJECT])
		return err_set(e,
		    "line %llu: the head line has no column address or digest",
		    (unsigned long long)s->line);
	s->has_head = true;
	return 0;
}

/* ---- rows ---------------------------------------------------------------- */

static void
read_created(struct suppress_input *s, struct slice cell,
    struct suppress_row *row)
{
	if (cell.len == 0)
		return;
	row->created_s = iso_time(cell);
	if (row->created_s > 0 && row->created_s <= s->now_s)
		return;
	(void)err_set(&s->bad, "created: not a time that has been");
	row->wrong = s->bad.text;
}

static void
read_expires(struct suppress_input *s, struct slice cell,
    struct suppress_row *row)
{
	if (cell.len == 0 ||
	    suppress_until(cell, s->now_s, &row->expires_s, &s->bad) == 0)
		return;
	(void)err_where(&s->bad, "expires");
	row->wrong = s->bad.text;
}

static int
split_row(struct suppress_input *s, struct slice line, struct slice *cells)
{
	size_t n = split(s, line, cells);

	if (n == 0)
		return err_set(&s->bad, "a quote that the line does not close");
	if (n != s->columns)
		return err_set(&s->bad,
		    "%zu cells, and %zu columns in the head line", n,
		    s->columns);
	return 0;
}

static void
read_cells(struct suppress_input *s, struct slice line,
    struct suppress_row *row)
{
	struct slice cells[CELLS_MAX] = { { NULL, 0 } };

	if (split_row(s, line, cells) == -1) {
		row->wrong = s->bad.text;
		return;
	}
	for (size_t i = 0; i < s->columns; i++)
		switch (s->order[i]) {
		case COL_SUBJECT:
			row->subject = cells[i];
			break;
		case COL_REASON:
			row->reason = cells[i];
			break;
		case COL_SOURCE:
			row->source = cells[i];
			break;
		case COL_CREATED:
			read_created(s, cells[i], row);
			break;
		case COL_EXPIRES:
			read_expires(s, cells[i], row);
			break;
		case COLUMNS:
		case CELLS_MAX:
			CHECK_NEVER("a column");
		}
	if (row->subject.len > 0 || row->wrong != NULL)
		return;
	(void)err_set(&s->bad, "no address");
	row->wrong = s->bad.text;
}

enum suppress_next
suppress_input_next(struct suppress_input *s, struct suppress_row *row_r,
    struct err *e)
{
	for (;;) {
		struct slice line = { "", 0 };
		enum line got = next_line(s, &line, e);

		if (got == LINE_NONE && s->csv && !s->has_head) {
			(void)err_set(e, "it is empty: there is no head line");
			return SUPPRESS_FAILED;
		}
		if (got == LINE_NONE)
			return SUPPRESS_END;
		if (got == LINE_FAILED)
			return SUPPRESS_FAILED;
		if (got == LINE_READ && (line.len == 0 || line.p[0] == '#'))
			continue;
		*row_r = (struct suppress_row){ .line = s->line };
		if (got == LINE_TOO_LONG) {
			(void)err_set(&s->bad, "the line is too long");
			row_r->wrong = s->bad.text;
		} else if (!s->csv) {
			row_r->subject = line;
		} else if (s->has_head) {
			read_cells(s, line, row_r);
		} else if (read_head(s, line, e) == -1) {
			return SUPPRESS_FAILED;
		} else {
			continue;
		}
		return SUPPRESS_ROW;
	}
}

/* ---- what stands in a row ------------------------------------------------ */

int
suppress_until(struct slice text, int64_t now_s, int64_t *until_s_r,
    struct err *e)
{
	int64_t us, t = ISO_TIME_NONE;

	*until_s_r = SUPPRESS_FOREVER;
	if (slice_eq_nocase(text, "never"))
		return 0;
	/* Years have four digits: "2026" alone is nobody's Unix time. */
	if (text.len >= 9)
		t = iso_time(text);
	if (t == ISO_TIME_NONE && str_to_interval(text, &us, e) == 0 &&
	    us != INTERVAL_NEVER)
		t = now_s + us / US_PER_S;
	if (t == ISO_TIME_NONE)
		return err_set(e,
		    "\"%.*s\" is neither 30d, nor 2026-12-31 or another time, "
		    "nor never",
		    (int)(text.len > 40 ? 40 : text.len), text.p);
	if (t <= now_s)
		return err_set(e, "\"%.*s\" has passed",
		    (int)(text.len > 40 ? 40 : text.len), text.p);
	*until_s_r = t;
	return 0;
}

int
suppress_subject(struct suppress_hasher *h, struct slice subject,
    struct region *rg, unsigned char digest[SUPPRESS_DIGEST_MAX], struct err *e)
{
	const struct suppress_norm *n = suppress_hasher_norm(h);
	const char *text;

	if (subject.len > 0 && memchr(subject.p, '@', subject.len) != NULL) {
		if (suppress_norm_address(n, subject, rg, &text, e) == -1)
			return -1;
		suppress_hasher_digest(h, text, digest);
		return 0;
	}
	if (n->hash != SUPPRESS_PLAIN)
		return suppress_digest_read(subject, n->hash, digest, e);
	return err_set(e,
	    "not an address; a list that is hashed plain takes no digests");
}

/* Bytes of the UTF-8 character at p, 0: it is none, or a control. */
static size_t
character(const char *p, size_t len)
{
	unsigned char c = (unsigned char)p[0];
	size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	if (c < ' ' || c == 0x7f || n > len ||
	    !addr_utf8_valid((struct slice){ p, n }))
		return 0;
	return n == 2 && c == 0xc2 && (unsigned char)p[1] < 0xa0 ? 0 : n;
}

/* The word as it is kept; a byte that is no character becomes a '?'. */
static void
add_word(struct buf *b, const char *p, size_t len)
{
	if (memchr(p, '@', len) != NULL) {
		buf_str(b, "***");
		return;
	}
	while (len > 0) {
		size_t n = character(p, len), used = n == 0 ? 1 : n;

		if (n == 0)
			buf_byte(b, '?');
		else
			buf_add(b, p, n);
		p += used;
		len -= used;
	}
}

const char *
suppress_note(struct region *rg, struct slice text)
{
	struct buf b = { 0 };
	const char *end, *kept;

	if (text.len == 0)
		return "";
	end = text.p + text.len;
	for (const char *p = text.p; p < end;) {
		const char *word = p;

		while (p < end && *p != ' ' && *p != '\t')
			p++;
		if (p > word) {
			if (b.len > 0)
				buf_byte(&b, ' ');
			add_word(&b, word, (size_t)(p - word));
		}
		p += p < end;
	}
	if (b.len > SUPPRESS_NOTE_MAX) {
		b.len = SUPPRESS_NOTE_MAX;
		while (b.len > 0 && ((unsigned char)b.p[b.len] & 0xc0) == 0x80)
			b.len--;
	}
	kept = region_strndup(rg, b.len == 0 ? "" : b.p, b.len);
	buf_fini(&b);
	return kept;
}

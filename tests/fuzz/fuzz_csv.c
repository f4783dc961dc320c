/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a CSV file: read in pieces of any size it has the same rows, no
 * cell reaches beyond the row, and what is written of them reads as the same
 * again.
 *
 * The first byte is the size of the pieces; 0: all at once.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/check.h"
#include "lib/csv.h"
#include "lib/csv_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct source {
	const char *p;
	size_t len, piece;
};

static ssize_t
take(void *ctx, void *p, size_t len)
{
	struct source *s = ctx;
	size_t n = s->len < len ? s->len : len;

	n = n < s->piece ? n : s->piece;
	if (n == 0)
		return 0;
	memcpy(p, s->p, n);
	s->p += n;
	s->len -= n;
	return (ssize_t)n;
}

static void
write_row(struct buf *out, const struct csv *c, bool header)
{
	for (size_t i = 0; i < csv_columns(c); i++) {
		struct slice s = header ? slice_of(csv_name(c, i)) :
					  csv_cells(c)[i];

		if (i > 0)
			buf_byte(out, ',');
		csv_cell(out, s);
	}
	buf_str(out, "\r\n");
}

/*
 * Does this row read as the same?  At the beginning of a line, zeros and a
 * byte order mark are passed over, and one empty cell alone is an empty line.
 */
static bool
is_plain(const struct csv *c)
{
	struct slice first = csv_cells(c)[0];

	return csv_columns(c) > 1 &&
	    (first.len == 0 || (first.p[0] != '\0' && first.p[0] != '\xef'));
}

/* The rows as they would be written, and what was counted. */
static struct csv_counts
rewrite(const char *p, size_t len, size_t piece, struct buf *out, bool *plain)
{
	struct source s = { p, len, piece };
	struct csv_counts counts;
	enum csv_next got;
	struct input in;
	struct csv *c;
	struct err e;

	input_init(&in, take, &s, CSV_LINE_MAX);
	c = csv_new(&in, "type");
	*plain = true;
	while ((got = csv_next(c, &e)) == CSV_HEADER || got == CSV_ROW) {
		write_row(out, c, got == CSV_HEADER);
		*plain = *plain && is_plain(c);
	}
	counts = *csv_counts(c);
	csv_free(&c);
	input_fini(&in);
	return counts;
}

static bool
same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len &&
	    (a->len == 0 || memcmp(a->p, b->p, a->len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole = { 0 }, pieces = { 0 }, again = { 0 };
	struct csv_counts a, b;
	size_t piece;
	bool plain;

	if (size == 0)
		return 0;
	piece = data[0] == 0 ? SIZE_MAX : data[0];
	a = rewrite((const char *)data + 1, size - 1, SIZE_MAX, &whole, &plain);
	b = rewrite((const char *)data + 1, size - 1, piece, &pieces, &plain);
	CHECK(same(&whole, &pieces));
	CHECK(a.rows == b.rows && a.narrow == b.narrow && a.wide == b.wide &&
	    a.damaged == b.damaged && a.cut == b.cut);
	if (plain) {
		b = rewrite(whole.p, whole.len, SIZE_MAX, &again, &plain);
		CHECK(same(&whole, &again) && b.rows == a.rows);
		CHECK(b.narrow + b.wide + b.damaged == 0 && !b.cut);
	}
	buf_fini(&whole);
	buf_fini(&pieces);
	buf_fini(&again);
	return 0;
}

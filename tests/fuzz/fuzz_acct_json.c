/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as JSON lines: read in pieces of any size they have the same rows,
 * and each row has a cell, of bytes that can be read, for each column.
 *
 * The first byte is the size of the pieces; 0: all at once.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "admin/acct_json.h"
#include "lib/check.h"

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

/* Names and cells, each with its length in front. */
static void
write_cells(struct buf *out, const struct acct_json *j, bool header)
{
	for (size_t i = 0; i < acct_json_columns(j); i++) {
		struct slice s = header ? slice_of(acct_json_name(j, i)) :
					  acct_json_cells(j)[i];

		buf_printf(out, "%zu ", s.len);
		if (s.len > 0)
			buf_add(out, s.p, s.len);
	}
	buf_byte(out, '\n');
}

static struct csv_counts
read_lines(const char *p, size_t len, size_t piece, struct buf *out)
{
	struct source s = { p, len, piece };
	struct csv_counts counts;
	struct acct_json *j;
	enum csv_next got;
	struct input in;
	struct err e;

	input_init(&in, take, &s, CSV_LINE_MAX);
	j = acct_json_new(&in);
	while ((got = acct_json_next(j, &e)) == CSV_HEADER || got == CSV_ROW)
		write_cells(out, j, got == CSV_HEADER);
	CHECK(got == CSV_END);
	counts = *acct_json_counts(j);
	acct_json_free(&j);
	input_fini(&in);
	return counts;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole = { 0 }, pieces = { 0 };
	struct csv_counts a, b;

	if (size == 0)
		return 0;
	a = read_lines((const char *)data + 1, size - 1, SIZE_MAX, &whole);
	b = read_lines((const char *)data + 1, size - 1,
	    data[0] == 0 ? SIZE_MAX : data[0], &pieces);
	CHECK(whole.len == pieces.len &&
	    (whole.len == 0 || memcmp(whole.p, pieces.p, whole.len) == 0));
	CHECK(a.rows == b.rows && a.wide == b.wide && a.damaged == b.damaged &&
	    a.cut == b.cut);
	buf_fini(&whole);
	buf_fini(&pieces);
	return 0;
}

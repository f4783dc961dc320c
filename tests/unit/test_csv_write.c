/* SPDX-License-Identifier: Apache-2.0 */
/* A cell is written as RFC 4180 has it, and the reader reads what it was. */
#include "lib/csv_write.h"

#include "lib/csv.h"
#include "lib/mem.h"
#include "tests/tap.h"

static const struct {
	const char *label, *in, *out;
} cells[] = {
	{ "nothing", "", "" },
	{ "a word", "abc", "abc" },
	{ "blanks around it", " a b\t", " a b\t" },
	{ "a comma", "a,b", "\"a,b\"" },
	{ "a comma alone", ",", "\",\"" },
	{ "a quote", "say \"no\"", "\"say \"\"no\"\"\"" },
	{ "a quote alone", "\"", "\"\"\"\"" },
	{ "quotes only", "\"\"", "\"\"\"\"\"\"" },
	{ "CR", "a\rb", "\"a\rb\"" },
	{ "LF at the end", "a\n", "\"a\n\"" },
	{ "semicolons and apostrophes", "smtp;250 it's", "smtp;250 it's" },
	{ "UTF-8", "\303\244", "\303\244" },
	{ "no UTF-8", "\377\376", "\377\376" },
};

static void
test_cells(void)
{
	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		struct buf out = { 0 };

		buf_str(&out, "x");
		csv_cell(&out, slice_of(cells[i].in));
		is_str(buf_cstr(&out) + 1, cells[i].out, cells[i].label);
		ok(out.p[0] == 'x', "what stood before it stays");
		buf_fini(&out);
	}
}

static ssize_t
take(void *ctx, void *p, size_t len)
{
	struct slice *rest = ctx;
	size_t n = rest->len < len ? rest->len : len;

	memcpy(p, rest->p, n);
	rest->p += n;
	rest->len -= n;
	return (ssize_t)n;
}

/* Every text of up to four of these bytes, two of them in a row. */
static void
add_text(struct buf *out, unsigned number, struct buf *cell)
{
	static const char bytes[] = "a,\"\r\n ";

	buf_clear(cell);
	for (; number > 0; number /= 7)
		if (number % 7 > 0)
			buf_byte(cell, bytes[number % 7 - 1]);
	csv_cell(out, (struct slice){ cell->p, cell->len });
}

static void
test_read_back(void)
{
	enum { TEXTS = 7 * 7 * 7 * 7 };
	struct buf file = { 0 }, cell = { 0 };
	struct slice rest;
	struct input in;
	struct csv *c;
	struct err e;
	unsigned n = 0, same = 0;

	buf_str(&file, "type,text,other\r\n");
	for (unsigned i = 0; i < TEXTS; i++) {
		buf_str(&file, "d,");
		add_text(&file, i, &cell);
		buf_byte(&file, ',');
		add_text(&file, TEXTS - 1 - i, &cell);
		buf_str(&file, "\r\n");
	}
	rest = (struct slice){ file.p, file.len };
	input_init(&in, take, &rest, CSV_LINE_MAX);
	c = csv_new(&in, "type");
	is_int(csv_next(c, &e), CSV_HEADER, "the header");
	while (csv_next(c, &e) == CSV_ROW) {
		struct buf want = { 0 }, unused = { 0 };

		add_text(&unused, n++, &want);
		same += csv_cells(c)[1].len == want.len &&
		    (want.len == 0 ||
			memcmp(csv_cells(c)[1].p, want.p, want.len) == 0);
		buf_fini(&want);
		buf_fini(&unused);
	}
	is_int(n, TEXTS, "as many rows as were written");
	is_int(same, TEXTS, "each with its text");
	csv_free(&c);
	input_fini(&in);
	buf_fini(&file);
	buf_fini(&cell);
}

int
main(void)
{
	test_cells();
	test_read_back();
	return done_testing();
}

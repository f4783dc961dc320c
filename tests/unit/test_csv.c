/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows come out of a file as they went in, however it is cut into reads; what
 * is damaged is passed over and counted.
 */
#include "lib/csv.h"

#include <errno.h>

#include "lib/mem.h"
#include "tests/tap.h"

/* ---- a file from memory, in pieces --------------------------------------- */

struct source {
	struct slice rest;
	size_t piece;
	bool fails; /* at the end */
};

static ssize_t
take(void *ctx, void *p, size_t len)
{
	struct source *s = ctx;
	size_t n = s->rest.len < len ? s->rest.len : len;

	n = n < s->piece ? n : s->piece;
	if (n == 0 && s->fails) {
		errno = EIO;
		return -1;
	}
	memcpy(p, s->rest.p, n);
	s->rest.p += n;
	s->rest.len -= n;
	return (ssize_t)n;
}

/* ---- what was read, as text ---------------------------------------------- */

/* "[a|b]" of a header, "(1|2)" of a row, line ends as a space. */
static void
add_cells(struct buf *out, const struct csv *c, bool header)
{
	buf_byte(out, header ? '[' : '(');
	for (size_t i = 0; i < csv_columns(c); i++) {
		struct slice s = header ? slice_of(csv_name(c, i)) :
					  csv_cells(c)[i];

		if (i > 0)
			buf_byte(out, '|');
		for (size_t k = 0; k < s.len; k++)
			buf_byte(out, s.p[k] == '\n' ? ' ' : s.p[k]);
	}
	buf_byte(out, header ? ']' : ')');
}

static void
add_counts(struct buf *out, const struct csv_counts *n)
{
	if (n->narrow > 0)
		buf_printf(out, " narrow=%d", (int)n->narrow);
	if (n->wide > 0)
		buf_printf(out, " wide=%d", (int)n->wide);
	if (n->damaged > 0)
		buf_printf(out, " damaged=%d", (int)n->damaged);
	if (n->cut)
		buf_str(out, " cut");
}

static void
read_all(struct source *s, struct buf *out)
{
	struct input in;
	struct csv *c;
	struct err e;
	enum csv_next got;

	input_init(&in, take, s, CSV_LINE_MAX);
	c = csv_new(&in, "type");
	while ((got = csv_next(c, &e)) == CSV_HEADER || got == CSV_ROW)
		add_cells(out, c, got == CSV_HEADER);
	if (got == CSV_FAILED)
		buf_printf(out, " failed: %s", e.text);
	add_counts(out, csv_counts(c));
	csv_free(&c);
	input_fini(&in);
}

/* ---- cases --------------------------------------------------------------- */

static const struct {
	const char *label;
	struct slice text;
	const char *want;
} cases[] = {
	{ "an empty file", SLICE_LIT(""), "" },
	{ "a header only", SLICE_LIT("type,a\r\n"), "[type|a]" },
	{ "CRLF", SLICE_LIT("type,a,b\r\nd,1,2\r\nb,3,4\r\n"),
	    "[type|a|b](d|1|2)(b|3|4)" },
	{ "LF", SLICE_LIT("type,a\nd,1\n"), "[type|a](d|1)" },
	{ "both", SLICE_LIT("type,a\r\nd,1\nd,2\r\n"), "[type|a](d|1)(d|2)" },
	{ "empty cells", SLICE_LIT("type,a,b\r\nd,,\r\n,,1\r\n"),
	    "[type|a|b](d||)(||1)" },
	{ "empty lines", SLICE_LIT("\ntype,a\n\r\n\nd,1\n"), "[type|a](d|1)" },
	{ "quotes", SLICE_LIT("type,a,b\r\nd,\"1,2\",\"\"\r\n"),
	    "[type|a|b](d|1,2|)" },
	{ "quotes around the last cell", SLICE_LIT("type,a\nd,\"x\"\n"),
	    "[type|a](d|x)" },
	{ "quotes around the first cell", SLICE_LIT("\"type\",a\n\"d\",x\n"),
	    "[type|a](d|x)" },
	{ "doubled quotes",
	    SLICE_LIT("type,a,b\r\nd,\"say \"\"a\"\"\",\"\"\"\"\r\n"),
	    "[type|a|b](d|say \"a\"|\")" },
	{ "line ends in quotes", SLICE_LIT("type,a\nd,\"1\n2\r\n3\"\nd,4\n"),
	    "[type|a](d|1 2\r 3)(d|4)" },
	{ "a quote inside", SLICE_LIT("type,a\nd,1\"2\"\n"),
	    "[type|a](d|1\"2\")" },
	{ "text behind quotes", SLICE_LIT("type,a,b\nd,\"1\"2\"3\",4\n"),
	    "[type|a|b](d|12\"3\"|4)" },
	{ "a CR inside", SLICE_LIT("type,a\nd,1\r2\n"), "[type|a](d|1\r2)" },
	{ "a byte order mark", SLICE_LIT("\xef\xbb\xbftype,a\nd,1\n"),
	    "[type|a](d|1)" },
	{ "one before quotes", SLICE_LIT("\xef\xbb\xbf\"type\",a\nd,1\n"),
	    "[type|a](d|1)" },
	{ "a header in the middle",
	    SLICE_LIT("type,a\nd,1\n\xef\xbb\xbfType,b,a\nd,2,3\n"),
	    "[type|a](d|1)[Type|b|a](d|2|3)" },
	{ "the key in another column", SLICE_LIT("a,type\n1,d\n"),
	    "[a|type](1|d)" },
	{ "the key as a value", SLICE_LIT("type,a\nd,type\n"),
	    "[type|a](d|type)" },
	{ "no header", SLICE_LIT("d,1\nd,2\n"),
	    " failed: the first line is no header: no column is named "
	    "\"type\"" },
	{ "too few cells", SLICE_LIT("type,a,b\nd\nd,1\nd,1,2\n"),
	    "[type|a|b](d||)(d|1|)(d|1|2) narrow=2" },
	{ "too many cells", SLICE_LIT("type,a\nd,1,2,\"3\"\nd,4\n"),
	    "[type|a](d|1)(d|4) wide=1" },
	{ "a last line without end", SLICE_LIT("type,a\nd,1\nd,2"),
	    "[type|a](d|1) cut" },
	{ "one cut inside of quotes", SLICE_LIT("type,a\nd,1\nd,\"2"),
	    "[type|a](d|1) cut" },
	{ "one cut in a doubled quote", SLICE_LIT("type,a\nd,1\nd,\"2\""),
	    "[type|a](d|1) cut" },
	{ "a header without end", SLICE_LIT("type,a"), " cut" },
	{ "a quote that nothing closes", SLICE_LIT("type,a\nd,\"1\nd,2\nd,3\n"),
	    "[type|a](d|2)(d|3) damaged=1" },
	{ "zeros in front of a row",
	    SLICE_LIT("type,a\nd,1\n\0\0\0\0d,2\nd,3\n"),
	    "[type|a](d|1)(d|2)(d|3) damaged=1" },
	{ "zeros at the end", SLICE_LIT("type,a\nd,1\n\0\0\0\0"),
	    "[type|a](d|1) damaged=1" },
	{ "zeros around a byte order mark",
	    SLICE_LIT("\0\0\xef\xbb\xbf\0type,a\nd,1\n"),
	    "[type|a](d|1) damaged=2" },
	{ "zeros in two places", SLICE_LIT("\0type,a\nd,1\n\0\0d,2\n"),
	    "[type|a](d|1)(d|2) damaged=2" },
};

static void
test_cases(void)
{
	static const size_t pieces[] = { 1000, 1, 2, 3, 7 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t k = 0; k < sizeof(pieces) / sizeof(*pieces); k++) {
			struct source s = { .rest = cases[i].text,
				.piece = pieces[k] };
			struct buf got = { 0 };

			read_all(&s, &got);
			if (strcmp(buf_cstr(&got), cases[i].want) != 0 ||
			    k + 1 == sizeof(pieces) / sizeof(*pieces)) {
				(void)is_str(buf_cstr(&got), cases[i].want,
				    cases[i].label);
				buf_fini(&got);
				break;
			}
			buf_fini(&got);
		}
	}
}

/* ---- large ones ---------------------------------------------------------- */

/* A line of `len` bytes with its line end, and a row behind it. */
static void
read_line_of(size_t len, char fill, struct buf *got)
{
	struct source s = { .piece = 100000 };
	struct buf text = { 0 };

	buf_str(&text, "type,a\nd,");
	for (size_t i = 3; i < len; i++)
		buf_byte(&text, fill);
	buf_str(&text, "\nd,next\n");
	s.rest = (struct slice){ text.p, text.len };
	read_all(&s, got);
	(void)buf_cstr(got);
	buf_fini(&text);
}

static void
test_long_lines(void)
{
	struct buf got = { 0 };

	read_line_of(CSV_LINE_MAX, 'x', &got);
	ok(got.len == CSV_LINE_MAX - 3 + strlen("[type|a](d|)(d|next)"),
	    "the longest line");
	buf_clear(&got);
	read_line_of(CSV_LINE_MAX + 1, 'x', &got);
	is_str(got.p, "[type|a](d|next) damaged=1", "one that is too long");
	buf_clear(&got);
	read_line_of(CSV_LINE_MAX, ',', &got);
	is_str(got.p, "[type|a](d|)(d|next) wide=1", "a million cells");
	buf_fini(&got);
}

/*
 * Quotes of which each line leaves one open, up to CSV_LINE_MAX: a row for
 * each line would read a megabyte again for six bytes.
 */
static void
test_second_looks(void)
{
	struct source s = { .piece = 100000 };
	struct buf text = { 0 }, got = { 0 };

	buf_str(&text, "type,a\n");
	while (text.len < 4 * CSV_LINE_MAX)
		buf_str(&text, "\"a\",\"b\n");
	buf_str(&text, "\"\nd,1\n");
	s.rest = (struct slice){ text.p, text.len };
	read_all(&s, &got);
	ok(strstr(buf_cstr(&got), "damaged=") != NULL,
	    "nothing but open quotes comes to its end");
	buf_fini(&text);
	buf_fini(&got);
}

static void
test_failure(void)
{
	struct source s = { .rest = SLICE_LIT("type,a\nd,1\nd,"),
		.piece = 100,
		.fails = true };
	struct buf got = { 0 };

	read_all(&s, &got);
	is_str(buf_cstr(&got), "[type|a](d|1) failed: read: Input/output error",
	    "a disk that cannot be read");
	buf_fini(&got);
}

int
main(void)
{
	test_cases();
	test_long_lines();
	test_second_looks();
	test_failure();
	return done_testing();
}

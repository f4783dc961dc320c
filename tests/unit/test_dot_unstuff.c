/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data ends at CR LF . CR LF and nowhere else, however it is cut into
 * pieces; lone CRs and LFs are noticed.
 */
#include <stdlib.h>

#include "lib/mem.h"
#include "mail/dot_unstuff.h"
#include "tests/tap.h"

#define END "\r\n.\r\n"
#define S(s) s, sizeof(s) - 1

static const struct {
	const char *label;
	const char *in;
	size_t in_len;
	const char *out;
	size_t out_len;
	bool bare;
} cases[] = {
	{ "one line", S("a" END), S("a\r\n"), false },
	{ "nothing", S(".\r\n"), S(""), false },
	{ "an empty line", S("\r\n.\r\n"), S("\r\n"), false },
	{ "a dot taken away", S("..\r\n.a\r\n..b" END), S(".\r\na\r\n.b\r\n"),
	    false },
	{ "dots inside", S("a.\r\na..b" END), S("a.\r\na..b\r\n"), false },
	{ "a NUL", S("a\0b" END), S("a\0b\r\n"), false },
	/* What has been used to smuggle mail past others. */
	{ "LF . LF", S("a\n.\nb" END), S("a\n.\nb\r\n"), true },
	{ "LF . CR", S("a\n.\rb" END), S("a\n.\rb\r\n"), true },
	{ "LF . CRLF", S("a\n.\r\nb" END), S("a\n.\r\nb\r\n"), true },
	{ "CR . LF", S("a\r.\nb" END), S("a\r.\nb\r\n"), true },
	{ "CR . CR", S("a\r.\rb" END), S("a\r.\rb\r\n"), true },
	{ "CR . CRLF", S("a\r.\r\nb" END), S("a\r.\r\nb\r\n"), true },
	{ "CRLF . LF", S("a\r\n.\nb" END), S("a\r\n\nb\r\n"), true },
	{ "CRLF . CR", S("a\r\n.\rb" END), S("a\r\n\rb\r\n"), true },
	{ "CRLF NUL . CRLF", S("a\r\n\0.\r\nb" END), S("a\r\n\0.\r\nb\r\n"),
	    false },
	{ "CRLF . CR CRLF", S("a\r\n.\r\r\nb" END), S("a\r\n\r\r\nb\r\n"),
	    true },
	{ "CR CRLF . CR", S("a\r\r\n.\rb" END), S("a\r\r\n\rb\r\n"), true },
	{ "lone LF", S("a\nb" END), S("a\nb\r\n"), true },
	{ "lone CR", S("a\rb" END), S("a\rb\r\n"), true },
	{ "CRs in a row", S("a\r\r\r\nb" END), S("a\r\r\r\nb\r\n"), true },
	{ "LF first", S("\n.\r\na" END), S("\n.\r\na\r\n"), true },
	{ "CR first", S("\r.\r\na" END), S("\r.\r\na\r\n"), true },
};

/* Feeds what is there in pieces cut at a and b; all must be used up. */
static bool
feed(size_t n, size_t a, size_t b)
{
	const size_t cuts[] = { a, b, cases[n].in_len };
	enum dot_result r = DOT_MORE;
	struct dot_unstuff d;
	struct buf out = { 0 };
	size_t from = 0;
	bool good = true;

	dot_unstuff_init(&d);
	for (size_t i = 0; i < 3; i++) {
		/* Exactly as long as it is, so that ASan sees more. */
		size_t len = cuts[i] - from, left = len;
		char *piece = mem_dup(cases[n].in + from, len);
		const char *p = piece;

		if (left > 0)
			r = dot_unstuff_feed(&d, &p, &left, &out);
		good = good && left == 0 && p == piece + len;
		good = good && (r == DOT_END) == (cuts[i] == cases[n].in_len);
		from = cuts[i];
		free(piece);
	}
	good = good && d.bare == cases[n].bare && out.len == cases[n].out_len &&
	    (out.len == 0 || memcmp(out.p, cases[n].out, out.len) == 0);
	buf_fini(&out);
	return good;
}

/* What is behind the end is not touched. */
static void
test_rest(void)
{
	static const char text[] = "a\r\n.\r\nQUIT\r\n";
	const char *p = text;
	size_t len = strlen(text);
	struct dot_unstuff d;
	struct buf out = { 0 };

	dot_unstuff_init(&d);
	ok(dot_unstuff_feed(&d, &p, &len, &out) == DOT_END, "the end");
	is_str(p, "QUIT\r\n", "the command behind it is left");
	is_int((int64_t)len, 6, "all of it");
	is_str(buf_cstr(&out), "a\r\n", "the text");
	buf_fini(&out);

	p = text;
	len = strlen(text);
	dot_unstuff_init(&d);
	ok(dot_unstuff_feed(&d, &p, &len, NULL) == DOT_END,
	    "the end is found without keeping the text");
}

int
main(void)
{
	for (size_t n = 0; n < sizeof(cases) / sizeof(*cases); n++) {
		bool good = true;

		for (size_t a = 0; a <= cases[n].in_len; a++)
			for (size_t b = a; b < cases[n].in_len; b++)
				good = feed(n, a, b) && good;
		ok(good, "%s, cut everywhere", cases[n].label);
	}
	test_rest();
	return done_testing();
}

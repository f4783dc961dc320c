/* SPDX-License-Identifier: Apache-2.0 */
/*
 * However a body is cut into pieces, dots are doubled at the start of lines,
 * no CR or LF goes out alone, and the last line is ended.
 */
#include <stdlib.h>

#include "mail/dot_stuff.h"
#include "tests/tap.h"

static const struct {
	const char *label, *in, *want;
} cases[] = {
	{ "empty", "", "" },
	{ "plain", "a\r\nb\r\n", "a\r\nb\r\n" },
	{ "last line not ended", "a\r\nb", "a\r\nb\r\n" },
	{ "dot first", ".a\r\n", "..a\r\n" },
	{ "dot alone", ".", "..\r\n" },
	{ "dot line", "a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n" },
	{ "dot line first", ".\r\n", "..\r\n" },
	{ "two dots", "..\r\n..\r\n", "...\r\n...\r\n" },
	{ "dot inside", "a.b\r\n.c.\r\n", "a.b\r\n..c.\r\n" },
	{ "bare LF", "a\nb\n", "a\r\nb\r\n" },
	{ "bare LF and dot", "a\n.\nb", "a\r\n..\r\nb\r\n" },
	{ "bare CR", "a\rb\r", "a\r\nb\r\n" },
	{ "bare CR and dot", "a\r.\rb", "a\r\n..\r\nb\r\n" },
	{ "CR CR LF", "a\r\r\nb", "a\r\n\r\nb\r\n" },
	{ "LF CR", "a\n\rb", "a\r\n\r\nb\r\n" },
	{ "only CR", "\r", "\r\n" },
	{ "only LF", "\n", "\r\n" },
	{ "CR at the end", "a\r\n\r", "a\r\n\r\n" },
	{ "empty lines", "\r\n\r\n.\r\n", "\r\n\r\n..\r\n" },
	{ "smuggling: LF dot LF", "x\n.\nMAIL FROM:<a@b>\n",
	    "x\r\n..\r\nMAIL FROM:<a@b>\r\n" },
	{ "smuggling: LF dot CRLF", "x\n.\r\ny", "x\r\n..\r\ny\r\n" },
	{ "smuggling: CR dot CRLF", "x\r.\r\ny", "x\r\n..\r\ny\r\n" },
	{ "smuggling: CRLF dot LF", "x\r\n.\ny", "x\r\n..\r\ny\r\n" },
	{ "smuggling: CRLF dot CR", "x\r\n.\ry", "x\r\n..\r\ny\r\n" },
	{ "smuggling: CR CRLF dot CR CRLF", "x\r\r\n.\r\r\ny",
	    "x\r\n\r\n..\r\n\r\ny\r\n" },
	{ "8 bit", "\xff\r\n.\xfe", "\xff\r\n..\xfe\r\n" },
};

static void
stuff(const char *in, size_t len, size_t first, size_t each, struct buf *out)
{
	struct dot_stuff d;
	struct slice run, end;
	size_t at = 0;

	dot_stuff_init(&d);
	while (at < len) {
		size_t n = at == 0 && first > 0 ? first : each;
		struct slice piece = { in + at, n < len - at ? n : len - at };

		at += piece.len;
		while (dot_stuff_next(&d, &piece, &run))
			buf_add(out, run.p, run.len);
	}
	end = dot_stuff_end(&d);
	buf_add(out, end.p, end.len);
}

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = strlen(cases[i].in), bad = 0;
		struct buf out = { 0 };

		stuff(cases[i].in, len, 0, len + 1, &out);
		is_str(buf_cstr(&out), cases[i].want, cases[i].label);
		for (size_t cut = 1; cut <= len; cut++) {
			buf_clear(&out);
			stuff(cases[i].in, len, cut, len, &out);
			bad += strcmp(buf_cstr(&out), cases[i].want) != 0;
			buf_clear(&out);
			stuff(cases[i].in, len, 0, cut, &out);
			bad += strcmp(buf_cstr(&out), cases[i].want) != 0;
		}
		ok(bad == 0, "%s: cut anywhere", cases[i].label);
		buf_fini(&out);
	}
}

static bool
is_safe(const struct buf *b)
{
	for (size_t i = 0; i < b->len; i++) {
		char before = i > 0 ? b->p[i - 1] : '\n';
		char after = i + 1 < b->len ? b->p[i + 1] : ' ';

		if (b->p[i] == '\n' && (i == 0 || before != '\r'))
			return false;
		if (b->p[i] == '\r' && after != '\n')
			return false;
		if (b->p[i] == '.' && before == '\n' && after != '.')
			return false;
	}
	return b->len == 0 || b->p[b->len - 1] == '\n';
}

/* All strings of up to 7 of these four, which is every trick there is. */
static void
test_all_short_ones(void)
{
	static const char letters[] = "a.\r\n";
	struct buf out = { 0 };
	size_t bad = 0, seen = 0;

	for (size_t len = 1; len <= 7; len++)
		for (size_t code = 0; code < (size_t)1 << (2 * len); code++) {
			char in[8];

			for (size_t i = 0; i < len; i++)
				in[i] = letters[(code >> (2 * i)) & 3];
			buf_clear(&out);
			stuff(in, len, 0, len, &out);
			bad += !is_safe(&out);
			seen++;
		}
	ok(bad == 0 && seen == 21844, "none of %zu bodies gets out of DATA",
	    seen);
	buf_fini(&out);
}

/* Long lines, beyond any window of the search. */
static void
test_long(void)
{
	size_t len = 100000;
	char *in = malloc(len);
	struct buf one = { 0 }, other = { 0 };

	memset(in, 'x', len);
	for (size_t i = 0; i < len; i += 4999)
		memcpy(in + i, i % 2 == 0 ? "\r\n." : "y\n.", 3);
	stuff(in, len, 0, len, &one);
	stuff(in, len, 0, 4096, &other);
	ok(one.len == other.len && memcmp(one.p, other.p, one.len) == 0,
	    "100 KB in one piece and in many");
	ok(is_safe(&one), "and safe");
	buf_fini(&one);
	buf_fini(&other);
	free(in);
}

int
main(void)
{
	test_cases();
	test_all_short_ones();
	test_long();
	return done_testing();
}

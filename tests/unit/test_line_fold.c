/* SPDX-License-Identifier: Apache-2.0 */
/*
 * However a text is cut into pieces, no line is longer than 998 octets, lines
 * that are not stay as they are, and the breaks are where Postfix's SMTP client
 * makes them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "mail/line_fold.h"
#include "tests/tap.h"

#define TEXT_MAX 8192

/* "3*a" is aaa, "r" a CR, "n" a LF, "_" a blank. */
static size_t
write_text(const char *s, char *out)
{
	size_t n = 0;

	while (*s != '\0') {
		size_t times = 1;
		char c, *end;

		if (*s >= '0' && *s <= '9') {
			times = strtoul(s, &end, 10);
			s = end + 1;
		}
		c = *s++;
		for (; times > 0; times--)
			out[n++] = c == 'r' ? '\r' :
			    c == 'n'        ? '\n' :
			    c == '_'        ? ' ' :
					      c;
	}
	return n;
}

/* What Postfix 3.7 sent for such lines was measured. */
static const struct {
	const char *label, *in, *want;
} cases[] = {
	{ "empty", "", "" },
	{ "short lines", "3*arnrn4*brn", "3*arnrn4*brn" },
	{ "998 octets", "998*arnb", "998*arnb" },
	{ "999 octets", "999*arnb", "998*arn_arnb" },
	{ "1000 octets, and no CRLF", "1000*a", "998*arn_aa" },
	{ "1,995 octets: the second line is full, too", "1995*arn",
	    "998*arn_997*arn" },
	{ "1,996 octets", "1996*arn", "998*arn_997*arn_arn" },
	{ "3,000 octets between others", "xrn3000*arny",
	    "xrn998*arn_997*arn_997*arn_8*arny" },
	{ "full lines, one after the other", "998*arn998*brn998*crn",
	    "998*arn998*brn998*crn" },
	{ "a stray LF ends a line of 998", "998*anb", "998*anb" },
	{ "a stray LF ends no line of 999", "999*anb", "998*arn_anb" },
	{ "a stray CR at the end of a full line", "998*arb", "998*arn_rb" },
	{ "a stray CR inside", "500*ar600*brn", "500*ar497*brn_103*brn" },
	{ "CR CR LF", "997*arrnb", "997*arrnb" },
	{ "CR CR LF behind a full line", "998*arrnb", "998*arn_rrnb" },
	{ "a CR at the very end", "ar", "ar" },
	{ "a CR at the very end of a full line", "998*ar", "998*ar" },
};

static void
fold(const char *in, size_t len, size_t first, size_t each, struct buf *out)
{
	struct line_fold f = { 0 };
	struct slice run, end;
	size_t at = 0;

	buf_clear(out);
	while (at < len) {
		size_t n = at == 0 ? first : each;
		struct slice piece = { in + at, n < len - at ? n : len - at };

		at += piece.len;
		while (line_fold_next(&f, &piece, &run))
			buf_add(out, run.p, run.len);
	}
	end = line_fold_end(&f);
	buf_add(out, end.p, end.len);
}

static void
test_cases(void)
{
	struct buf out = { 0 };
	static char in[TEXT_MAX], want[TEXT_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = write_text(cases[i].in, in), bad = 0;
		size_t want_len = write_text(cases[i].want, want);

		fold(in, len, len, len, &out);
		ok(out.len == want_len &&
			(want_len == 0 || memcmp(out.p, want, want_len) == 0),
		    "%s", cases[i].label);
		for (size_t cut = 1; cut <= len; cut++) {
			fold(in, len, cut, len, &out);
			bad += out.len != want_len ||
			    memcmp(out.p, want, want_len) != 0;
		}
		for (size_t each = 1; each < 7 && each <= len; each++) {
			fold(in, len, each, each, &out);
			bad += out.len != want_len ||
			    memcmp(out.p, want, want_len) != 0;
		}
		ok(bad == 0, "%s: cut anywhere", cases[i].label);
	}
	buf_fini(&out);
}

static void
test_text(void)
{
	struct region *rg = region_new();
	static char in[TEXT_MAX], want[TEXT_MAX];
	size_t len = write_text("xrn998*arn", in);
	struct slice text = { in, len }, got;

	got = line_fold_text(text, 0, rg);
	ok(got.p == in && got.len == len, "short lines are not copied");
	len = write_text("990*arn990*arn", in);
	got = line_fold_text((struct slice){ in, len }, 9, rg);
	len = write_text("989*arn_arn990*arn", want);
	ok(got.len == len && memcmp(got.p, want, len) == 0,
	    "the first line has begun before");
	got = line_fold_text(got, 0, rg);
	ok(got.len == len && memcmp(got.p, want, len) == 0,
	    "what was folded stays so");
	len = write_text("arn", in);
	got = line_fold_text((struct slice){ in, len }, 5000, rg);
	ok(slice_eq(got, "\r\n a\r\n"), "in a line that is full already");
	region_free(&rg);
}

/* What is folded once needs no more, whatever it was. */
static void
test_any(void)
{
	static const char letters[] = "aaaaaa \r\n\n";
	struct buf once = { 0 }, twice = { 0 };
	unsigned seed = 12345;
	size_t bad = 0;

	for (int round = 0; round < 300; round++) {
		static char in[TEXT_MAX];
		size_t len = 0, line = 0;

		while (len + 4000 < sizeof(in)) {
			seed = seed * 1103515245 + 12345;
			line = (seed >> 16) % 2200;
			memset(in + len, 'z', line);
			len += line;
			in[len++] = letters[(seed >> 8) % 10];
			in[len++] = letters[(seed >> 12) % 10];
		}
		fold(in, len, len, len, &once);
		fold(once.p, once.len, 4096, 700, &twice);
		bad += once.len != twice.len ||
		    memcmp(once.p, twice.p, once.len) != 0;
		line = 0;
		for (size_t i = 0; i < once.len; i++) {
			line = once.p[i] == '\n' ? 0 : line + 1;
			bad += line > LINE_FOLD_MAX + 1;
		}
	}
	ok(bad == 0, "300 random texts");
	buf_fini(&once);
	buf_fini(&twice);
}

int
main(void)
{
	test_cases();
	test_text();
	test_any();
	return done_testing();
}

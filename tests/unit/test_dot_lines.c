/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dot_lines_len() passes over nothing that doubling or taking away dots would
 * change, wherever in its long steps that stands, and over nearly all else.
 */
#include <string.h>

#include "mail/dot_lines.h"
#include "tests/tap.h"

enum { LEN = 200, SLACK = 34 };

/* What a byte by byte look finds in the first n bytes, and just behind. */
static bool
is_clean(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\r' && p[i + 1] != '\n')
			return false;
		if (p[i] == '\n' && (i == 0 || p[i - 1] != '\r'))
			return false;
		if (p[i] == '.' && i > 0 && p[i - 1] == '\n')
			return false;
	}
	return n == 0 || (p[n - 1] != '\r' && p[n - 1] != '\n');
}

static void
everywhere(const char *what, const char *odd)
{
	char text[LEN];
	size_t len = strlen(odd);
	int wrong = 0, short_of = 0;

	for (size_t at = 0; at + len <= sizeof(text); at++) {
		size_t n;

		memset(text, 'x', sizeof(text));
		memcpy(text + at, odd, len);
		n = dot_lines_len(text, sizeof(text));
		if (n > sizeof(text) || !is_clean(text, n))
			wrong++;
		if (n + SLACK < at)
			short_of++;
	}
	is_int(wrong, 0, what);
	is_int(short_of, 0, "and all before it is passed over");
}

int
main(void)
{
	static const char lines[] = "a line\r\n\r\nanother, a longer one\r\n"
				    "x.\r\nand one that ends it all";
	size_t n;

	everywhere("a dot that begins a line", "\r\n.");
	everywhere("a CR alone", "\r");
	everywhere("a LF alone", "\n");
	everywhere("two CRs before a LF", "\r\r\n");
	everywhere("LF and CR", "\n\r");
	n = dot_lines_len(lines, strlen(lines));
	ok(n + SLACK >= strlen(lines) && is_clean(lines, n),
	    "clean lines are passed over, %zu of %zu bytes", n, strlen(lines));
	is_int((int64_t)dot_lines_len("", 0), 0, "nothing");
	is_int((int64_t)dot_lines_len("\n", 1), 0, "a LF at the front");
	return done_testing();
}

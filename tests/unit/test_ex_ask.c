/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text comes to Exim's expansion as it is: in lines that it reads as one, and
 * never in the form that sets a macro.
 */
#include "compat/exim/ex_ask.h"

#include <string.h>

#include "tests/tap.h"

enum { EXIM_LINE = 1023 }; /* what it reads at once */

/* As Exim joins lines: up to one that does not end with a backslash. */
static bool
join(struct slice in, struct buf *out)
{
	while (in.len > 0) {
		const char *lf = memchr(in.p, '\n', in.len);
		size_t len = lf == NULL ? in.len : (size_t)(lf - in.p);
		struct slice line = { in.p, len };

		if (lf == NULL || len >= EXIM_LINE)
			return false;
		in.p += len + 1;
		in.len -= len + 1;
		while (line.len > 0 && out->len > 0 &&
		    strchr(" \t", line.p[0]) != NULL) {
			line.p++;
			line.len--;
		}
		if (line.len == 0 || line.p[line.len - 1] != '\\') {
			buf_add(out, line.p, line.len);
			return in.len == 0;
		}
		buf_add(out, line.p, line.len - 1);
	}
	return false;
}

static const struct {
	const char *label, *part; /* the text is so many of it, and an "x" */
	size_t times;
	bool good;
} cases[] = {
	{ "an empty text", "", 0, true },
	{ "a form that sets a macro", "A = b", 1, true },
	{ "as long as a line", "0123456789", 102, true },
	{ "longer than a line", "0123456789", 103, true },
	{ "many lines", "${if eq{$domain}{a.example}{b}} ", 400, true },
	{ "blanks where a line ends", "abc           ", 500, true },
	{ "backslashes where a line ends", "\\\\", 4000, true },
	{ "as much as Exim keeps", "0123456789", 1499, true },
	{ "more than Exim keeps", "0123456789", 1501, false },
	{ "more blanks than a line has", " ", 1100, false },
	{ "a text of two lines", "a\n", 1, false },
};

static void
test_text(size_t i)
{
	struct buf text = { 0 }, in = { 0 }, joined = { 0 };
	struct err e;
	bool good;

	for (size_t n = 0; n < cases[i].times; n++)
		buf_str(&text, cases[i].part);
	buf_str(&text, "x");
	good = ex_ask_add(&in, buf_cstr(&text), &e) == 0;
	ok(good == cases[i].good, "%s: %s", cases[i].label,
	    good ? "given" : e.text);
	if (good)
		ok(join((struct slice){ in.p, in.len }, &joined) &&
			joined.len > 4 && joined.p[0] == '\\' &&
			strcmp(buf_cstr(&joined) + 4, buf_cstr(&text)) == 0,
		    "%s: as it is", cases[i].label);
	buf_fini(&text);
	buf_fini(&in);
	buf_fini(&joined);
}

int
main(void)
{
	struct buf in = { 0 };
	struct err e;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test_text(i);
	ok(ex_ask_add(&in, "a\\", &e) == -1, "one that would go on: %s",
	    e.text);
	buf_fini(&in);
	return done_testing();
}

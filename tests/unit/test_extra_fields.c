/* SPDX-License-Identifier: Apache-2.0 */
/* A file of header fields is read whole, or refused at the line that is wrong. */
#include "vmta/extra_fields.h"

#include "tests/tap.h"

#define X100 \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define X990 \
	X100 X100 X100 X100 X100 X100 X100 X100 X100 \
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
	const char *label, *text, *fields; /* NAME=VALUE; NAME? if single */
	unsigned line;                     /* 0: it is good */
	const char *why;
} cases[] = {
	{ "nothing", "", "", 0, "" },
	{ "fields", "X-A: 1\nX-b:2\n", "X-A=1;X-b=2;", 0, "" },
	{ "CRLF, and no end of the last", "X-A: 1\r\nX-B: 2", "X-A=1;X-B=2;", 0,
	    "" },
	{ "folded", "X-A: 1\n 2\n\t3\nX-B: 4\n", "X-A=1\r\n 2\r\n\t3;X-B=4;", 0,
	    "" },
	{ "the same twice", "X-A: 1\nX-A: 2\n", "X-A=1;X-A=2;", 0, "" },
	{ "empty lines at its end", "X-A: 1\n\n \n\r\n", "X-A=1;", 0, "" },
	{ "one that is there once", "reply-to: a@b.example\n",
	    "reply-to?a@b.example;", 0, "" },
	{ "998 octets", "X-Name: " X990 "\n", "X-Name=" X990 ";", 0, "" },
	{ "999 with the blank behind the colon", "X-Names:" X990 "\n", NULL, 1,
	    "998 octets" },
	{ "one more of ours", "X-Envid: a\n", NULL, 1, "cannot be the same" },
	{ "a length", "Content-Length: 7\n", NULL, 1, "cannot be the same" },
	{ "a feedback id", "Feedback-ID: a:b:c:d\n", "Feedback-ID?a:b:c:d;", 0,
	    "" },
	{ "999", "X-Names: " X990 "\n", NULL, 1, "998 octets" },
	{ "a body", "X-A: 1\n\nBuy!\n", NULL, 2, "would end the header" },
	{ "a body behind blanks", "X-A: 1\n \t\nX-B: 2\n", NULL, 2,
	    "would end the header" },
	{ "a body in front", "\nX-A: 1\n", NULL, 1, "would end the header" },
	{ "a body by CR", "X-A: 1\r\r\nBuy!\n", NULL, 1, "control" },
	{ "a body by CR LF CR LF", "X-A: 1\r\n\r\nBuy: now\r\n", NULL, 2,
	    "would end the header" },
	{ "a control", "X-A: 1\nX-B: \033[2J\n", NULL, 2, "control" },
	{ "8-bit", "X-A: 1\nX-B: caf\xC3\xA9\n", NULL, 2, "RFC 2047" },
	{ "no colon", "X-A: 1\nX-B\n", NULL, 2, "no header field" },
	{ "a blank in the name", "X A: 1\n", NULL, 1, "no header field" },
	{ "no name", ": 1\n", NULL, 1, "no header field" },
	{ "begins with a fold", " X-A: 1\n", NULL, 1, "no header field" },
	{ "no text", "X-A:\n", NULL, 1, "no text" },
	{ "the mark", "X-Mailrace-Mark: v=2\n", NULL, 1, "cannot be the same" },
	{ "a control of ours", "x-virtual-mta: a\n", NULL, 1,
	    "cannot be the same" },
	{ "a signature", "X-A: 1\nDKIM-Signature: v=1\n", NULL, 2,
	    "cannot be the same" },
};

static const char *
shown(const struct extra_fields *f, struct region *rg)
{
	const char *text = "";

	for (size_t i = 0; i < f->n; i++)
		text = region_printf(rg, "%s%s%c%s;", text, f->v[i].name,
		    f->v[i].single ? '?' : '=', f->v[i].value);
	return text;
}

static void
test_case(size_t i, struct region *rg)
{
	struct extra_fields f = { 0 };
	struct err e = { .text = "" };
	unsigned line;
	int rc = extra_fields_parse(slice_of(cases[i].text), rg, &f, &line, &e);

	if (cases[i].line == 0) {
		is_str(rc == 0 ? shown(&f, rg) : e.text, cases[i].fields,
		    cases[i].label);
		return;
	}
	ok(rc == -1 && line == cases[i].line &&
		strstr(e.text, cases[i].why) != NULL,
	    "%s: line %u: %s", cases[i].label, line, e.text);
}

int
main(void)
{
	struct region *rg = region_new();
	struct extra_fields f = { 0 };
	unsigned line;
	struct err e;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test_case(i, rg);
	(void)extra_fields_parse(SLICE_LIT("X-A: 1\n"), rg, &f, &line, &e);
	(void)extra_fields_parse(SLICE_LIT("X-B: 2\n"), rg, &f, &line, &e);
	is_str(shown(&f, rg), "X-A=1;X-B=2;", "two files add up");
	is_int(extra_fields_parse(SLICE_LIT(" X-C: 3\n"), rg, &f, &line, &e),
	    -1, "one does not go on in the next");
	is_int(extra_fields_parse((struct slice){ "X: a\0b\n", 7 }, rg, &f,
		   &line, &e),
	    -1, "a NUL is refused");
	region_free(&rg);
	return done_testing();
}

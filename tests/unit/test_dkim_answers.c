/* SPDX-License-Identifier: Apache-2.0 */
/* Keys are found by name; a name not answered is trouble, not "no key". */
#include "mail/dkim_answers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/mem.h"
#include "tests/tap.h"

static enum dkim_answer
find(const struct dkim_answers *a, const char *selector, const char *domain,
    struct slice *text)
{
	return dkim_answers_find(a, slice_of(selector), slice_of(domain), text);
}

static void
test_wanted(void)
{
	struct dkim_answers *a = dkim_answers_new();
	struct slice text = { 0 };

	ok(dkim_answers_want(a, SLICE_LIT("s1"), SLICE_LIT("A.Example")),
	    "a name");
	ok(dkim_answers_want(a, SLICE_LIT("S1"), SLICE_LIT("a.example")),
	    "the same in another case");
	ok(dkim_answers_want(a, SLICE_LIT("a.b"), SLICE_LIT("a.example")),
	    "a selector with a dot");
	ok(!dkim_answers_want(a, SLICE_LIT(""), SLICE_LIT("a.example")),
	    "no selector");
	ok(!dkim_answers_want(a, SLICE_LIT("s"), SLICE_LIT("a b")),
	    "no domain");
	ok(!dkim_answers_want(a, SLICE_LIT("s"), SLICE_LIT("a\0.b")), "a NUL");
	is_int((int64_t)dkim_answers_count(a), 2, "two names");
	is_str(dkim_answers_name(a, 0), "s1._domainkey.a.example", "of them");
	is_int(find(a, "s1", "a.example", &text), DKIM_ANSWER_TROUBLE,
	    "not answered");
	is_int(find(a, "s2", "a.example", &text), DKIM_ANSWER_TROUBLE,
	    "not asked");
	is_int(find(a, "s2", "a..example", &text), DKIM_ANSWER_NONE,
	    "what is no name has no key");
	dkim_answers_set(a, 0, DKIM_ANSWER_RECORD, SLICE_LIT("p=x"));
	dkim_answers_set(a, 1, DKIM_ANSWER_NONE, SLICE_LIT(""));
	is_int(find(a, "S1", "a.EXAMPLE", &text), DKIM_ANSWER_RECORD,
	    "answered");
	ok(slice_eq(text, "p=x"), "with its record");
	is_int(find(a, "a.b", "a.example", &text), DKIM_ANSWER_NONE, "none");
	dkim_answers_free(&a);
}

static const struct {
	const char *label, *text;
	const char *record; /* of s1._domainkey.a.example; NULL: an error */
	const char *error;
} files[] = {
	{ "a line", "s1._domainkey.a.example v=DKIM1; p=x\n", "v=DKIM1; p=x",
	    NULL },
	{ "tabs, CRLF and case", "S1._domainkey.A.example \t p=x \r\n", "p=x",
	    NULL },
	{ "comments and empty lines",
	    "# keys\n\ns1._domainkey.a.example p=x\n\t\n", "p=x", NULL },
	{ "no end of the last line", "s1._domainkey.a.example p=x", "p=x",
	    NULL },
	{ "a name alone", "x.example\n", NULL, ":1: no record" },
	{ "a bad name", "\na..b p=x\n", NULL, ":2: \"a..b\" is no" },
	{ "a name twice", "x.example p=x\nX.example p=y\n", NULL,
	    ":2: a second record" },
};

static void
test_files(void)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char path[] = "/tmp/test_dkim_answers.XXXXXX";
		FILE *f = fdopen(mkstemp(path), "w");
		struct dkim_answers *a;
		struct slice text = { 0 };
		struct err e = { "" };

		if (f == NULL)
			return;
		(void)fputs(files[i].text, f);
		(void)fclose(f);
		(void)dkim_answers_read(path, &a, &e);
		(void)unlink(path);
		if (files[i].record == NULL) {
			ok(a == NULL && strstr(e.text, files[i].error) != NULL,
			    "%s: %s", files[i].label, e.text);
			continue;
		}
		ok(a != NULL &&
			find(a, "s1", "a.example", &text) ==
			    DKIM_ANSWER_RECORD &&
			slice_eq(text, files[i].record),
		    "%s", files[i].label);
		ok(a != NULL &&
			find(a, "s2", "a.example", &text) == DKIM_ANSWER_NONE,
		    "%s: there are no others", files[i].label);
		dkim_answers_free(&a);
	}
}

int
main(void)
{
	struct dkim_answers *a;
	struct err e = { "" };

	test_wanted();
	test_files();
	ok(dkim_answers_read("/nonexistent/keys", &a, &e) == -1 && a == NULL,
	    "no file: %s", e.text);
	return done_testing();
}

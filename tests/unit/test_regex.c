/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions match anywhere, without case, within limits, in many threads. */
#include <pthread.h>

#include "lib/regex.h"
#include "tests/tap.h"

static const struct {
	const char *pattern, *text;
	bool match;
} cases[] = {
	{ "b+", "aBBc", true },
	{ "^a.*c$", "abc", true },
	{ "(?-i)B", "abc", false },
	{ "", "anything", true },
	{ "", "", true },
	{ "^$", "", true },
	{ "@example\\.com$", "joe@EXAMPLE.com", true },
	{ "@example\\.com$", "joe@example.com.au", false },
	{ "\\x23", "a#b", true },
	{ "\xc3\xa4", "x\xc3\x84y", true },   /* a UTF-8 letter, other case */
	{ "\xc3\xa4", "\xff\xc3\xa4", true }, /* in bytes that are no UTF-8 */
	/* Exponential without limits: ends, and is no match. */
	{ "(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", false },
};

static const struct {
	const char *text;
	const char *rest; /* NULL: refused */
	const char *said;
} forms[] = {
	{ "/a/ b", "b", NULL },
	{ "/a/", "", NULL },
	{ " /a b/  c=d ", "c=d", NULL },
	{ "/a\\/b/ c", "c", NULL },
	{ "/http://x/ c", "c", NULL },
	{ "// c", "c", NULL },
	{ "/a", NULL, "lacks its last /" },
	{ "/a\\/", NULL, "lacks its last /" },
	{ "a", NULL, "is needed" },
	{ "", NULL, "is needed" },
	{ "/a(/ b", NULL, "offset 2" },
};

static void *
match_often(void *arg)
{
	const struct regex *re = arg;
	size_t bad = 0;

	for (int i = 0; i < 2000; i++)
		bad += !regex_match(re, "xx4711yy", 8) ||
		    regex_match(re, "none", 4);
	return bad == 0 ? arg : NULL;
}

int
main(void)
{
	pthread_t threads[4];
	struct regex *re;
	struct err e;
	void *good;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (regex_new(slice_of(cases[i].pattern), &re, &e) == -1) {
			ok(false, "%s: %s", cases[i].pattern, e.text);
			continue;
		}
		ok(regex_match(re, cases[i].text, strlen(cases[i].text)) ==
			cases[i].match,
		    "/%s/ on \"%s\"", cases[i].pattern, cases[i].text);
		regex_free(&re);
	}
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct slice rest = slice_of(forms[i].text);
		int rc = regex_take(&rest, &re, &e);

		if (forms[i].rest != NULL)
			ok(rc == 0 && slice_eq(rest, forms[i].rest), "%s",
			    forms[i].text);
		else
			ok(rc == -1 && strstr(e.text, forms[i].said) != NULL,
			    "%s: %s", forms[i].text, e.text);
		regex_free(&re);
	}
	if (regex_new(slice_of("[0-9]{4}"), &re, &e) == -1)
		return 1;
	for (size_t i = 0; i < 4; i++)
		if (pthread_create(&threads[i], NULL, match_often, re) != 0)
			return 1;
	for (size_t i = 0; i < 4; i++) {
		(void)pthread_join(threads[i], &good);
		ok(good != NULL, "thread %zu matches with the shared one", i);
	}
	regex_free(&re);
	return done_testing();
}

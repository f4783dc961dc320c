/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pattern fits the names it says, covers only patterns that fit no more
 * than it does, and a hostile one costs no time.
 */
#include "lib/glob.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "tests/tap.h"

static const struct {
	const char *pattern, *text;
	bool fits;
} cases[] = {
	{ "*", "", true },
	{ "*", "gmail.com", true },
	{ "", "", true },
	{ "", "a", false },
	{ "gmail.com", "GMAIL.Com", true },
	{ "gmail.com", "gmail.co", false },
	{ "gmail.co", "gmail.com", false },
	{ "*.example.net", "a.b.example.net", true },
	{ "*.example.net", "example.net", false },
	{ "out?", "out1", true },
	{ "out?", "out", false },
	{ "out?", "out12", false },
	{ "a*b*c", "aXXbYYbZZc", true },
	{ "a*b*c", "aXXbYY", false },
	{ "[ab]", "a", false },
	{ "[ab]", "[ab]", true },
	{ "**", "x", true },
};

static const struct {
	const char *pattern, *other;
	bool covers;
} covers[] = {
	{ "*", "a?b", true },
	{ "*", "*", true },
	{ "*.net", "*.example.net", true },
	{ "*.example.net", "*.net", false },
	{ "a?", "a*", false },
	{ "a?", "A?", true },
	{ "a*", "a?", true },
	{ "a", "*", false },
	{ "gmail.com", "gmail.com", true },
};

static void
test_hostile(void)
{
	char pattern[4001], text[4001];
	int64_t begin = clock_us();

	for (size_t i = 0; i < 4000; i += 2) {
		pattern[i] = '*';
		pattern[i + 1] = 'a';
	}
	memset(text, 'a', 4000);
	pattern[4000] = text[4000] = '\0';
	text[3999] = 'b';
	ok(!glob_match(pattern, text) && clock_us() - begin < US_PER_S,
	    "2000 stars and no match");
}

static const struct {
	const char *list, *text;
	bool fits;
} lists[] = {
	{ "a,b*", "bad", true },
	{ "a,b*", "A", true },
	{ "a,b*", "c", false },
	{ " a , b ", "b", true },
	{ "a,,b,", "b", true },
	{ "a,,b,", "", false },
	{ ",", ",", false },
	{ "", "", false },
};

static void
test_list(const char *list, const char *text, bool fits)
{
	char *patterns = glob_list(list);

	ok(glob_list_match(patterns, slice_of(text)) == fits,
	    "the list \"%s\" %s \"%s\"", list, fits ? "fits" : "does not fit",
	    text);
	free(patterns);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ok(glob_match(cases[i].pattern, cases[i].text) == cases[i].fits,
		    "\"%s\" %s \"%s\"", cases[i].pattern,
		    cases[i].fits ? "fits" : "does not fit", cases[i].text);
	for (size_t i = 0; i < sizeof(covers) / sizeof(covers[0]); i++)
		ok(glob_covers(covers[i].pattern, covers[i].other) ==
			covers[i].covers,
		    "\"%s\" %s \"%s\"", covers[i].pattern,
		    covers[i].covers ? "covers" : "does not cover",
		    covers[i].other);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		test_list(lists[i].list, lists[i].text, lists[i].fits);
	test_hostile();
	return done_testing();
}

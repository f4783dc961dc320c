/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue-filter takes the records of the queues it names: patterns in order,
 * "*" in both halves, "[*.]" for a domain and all below, a domain alone for its
 * queue of the built-in virtual MTA; and several filters together are known to
 * take all only when they do.
 */
#include "vmta/acct_filter.h"

#include <string.h>

#include "lib/conf_parse.h"
#include "tests/tap.h"

enum { LISTS = 4 };

static struct region *rg;

/* Patterns with blanks between them; NULL: bad. */
static const struct acct_filter *
make(const char *text, struct err *e)
{
	char *copy = region_strdup(rg, text), *save;
	const struct acct_filter *f;
	struct conf_strs list = { 0 };

	for (char *p = strtok_r(copy, " ", &save); p != NULL;
	     p = strtok_r(NULL, " ", &save))
		conf_strs_add(&list, rg, p);
	(void)acct_filter_make(rg, &list, &f, e);
	return f;
}

static const struct {
	const char *patterns, *queue;
	bool taken;
} cases[] = {
	{ "gmail.com/v1", "gmail.com/v1", true },
	{ "gmail.com/v1", "gmail.com/v10", false },
	{ "gmail.com/v1", "a.gmail.com/v1", false },
	{ "GMAIL.com/V1", "gmail.COM/v1", true },
	{ "gmail.com", "gmail.com/{default}", true },
	{ "gmail.com", "gmail.com/v1", false },
	{ "gmail.com/*", "gmail.com/v1", true },
	{ "gmail.com/*", "gmail.com/{default}", true },
	{ "*/v1", "yahoo.com/v1", true },
	{ "*/v1", "yahoo.com/v2", false },
	{ "*", "yahoo.com/{default}", true },
	{ "*", "yahoo.com/v1", false },
	{ "*.rollup/news*", "aol.rollup/news-7", true },
	{ "*.rollup/news*", "aol.com/news-7", false },
	{ "[*.]example.com/*", "example.com/v1", true },
	{ "[*.]example.com/*", "a.b.example.com/v1", true },
	{ "[*.]example.com/*", "anexample.com/v1", false },
	{ "[*.]example.com", "a.example.com/{default}", true },
	{ "[*.]example.com", "a.example.com/v1", false },
	{ "[192.0.2.1]/*", "[192.0.2.1]/v1", true },
	{ "aol.com/10.0.0.1", "aol.com/10.0.0.1", true },
	{ "!gmail.com/* */*", "gmail.com/v1", false },
	{ "!gmail.com/* */*", "yahoo.com/v1", true },
	{ "*/* !gmail.com/*", "gmail.com/v1", true },
	{ "gmail.com/v1 !gmail.com/* */*", "gmail.com/v1", true },
	{ "gmail.com/v1 !gmail.com/* */*", "gmail.com/v2", false },
	{ "![*.]example.com/* */*", "a.example.com/v1", false },
	{ "![*.]example.com/* */*", "example.com/v1", false },
	{ "!gmail.com/*", "gmail.com/v1", false },
	{ "!gmail.com/*", "yahoo.com/v1", false },
};

static void
test_takes(void)
{
	struct err e;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ok(acct_filter_takes(make(cases[i].patterns, &e), ACCT_D,
		       cases[i].queue) == cases[i].taken,
		    "%s: %s%s", cases[i].patterns, cases[i].queue,
		    cases[i].taken ? "" : " not");
}

/* Only what is about a queue is filtered. */
static void
test_types(void)
{
	struct err e;
	const struct acct_filter *f = make("gmail.com/*", &e);

	for (enum acct_type t = 0; t < ACCT_TYPES; t++)
		ok(acct_filter_takes(f, t, "yahoo.com/v1") ==
			(t == ACCT_R || t == ACCT_RB || t == ACCT_RS ||
			    t == ACCT_F),
		    "a %s record of another queue", acct_type_letter(t));
	ok(acct_filter_takes(NULL, ACCT_D, "x/y"), "without a filter");
	ok(acct_filter_takes_any(NULL) && acct_filter_takes_any(f),
	    "it takes something");
	ok(!acct_filter_takes_any(make("!a/* !b/*", &e)), "one that does not");
}

static const struct {
	const char *patterns, *said;
} bad[] = {
	{ "a/b/c", "has two slashes" },
	{ "a.com\tb.com", "has a blank: commas" },
	{ "!a/v\tb", "has a blank: commas" },
	{ "!", "is not DOMAIN/VMTA" },
	{ "/v1", "is not DOMAIN/VMTA" },
	{ "a/", "is not DOMAIN/VMTA" },
	{ "[*.]", "is not DOMAIN/VMTA" },
	{ "[*.]/v1", "is not DOMAIN/VMTA" },
};

static void
test_bad(void)
{
	struct conf_strs many = { 0 };
	const struct acct_filter *f;
	struct err e;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(make(bad[i].patterns, &e) == NULL &&
			strstr(e.text, bad[i].said) != NULL,
		    "%s %s", bad[i].patterns, bad[i].said);
	for (unsigned i = 0; i <= ACCT_PATTERNS_MAX; i++)
		conf_strs_add(&many, rg, "a");
	is_int(acct_filter_make(rg, &many, &f, &e), -1, "too many patterns");
	many.n--;
	is_int(acct_filter_make(rg, &many, &f, &e), 0, "as many as may be");
}

/* "-" is an <acct-file> without a filter. */
static const struct {
	const char *filters[LISTS];
	bool all;
} together[] = {
	{ { "-" }, true },
	{ { NULL }, false },
	{ { "gmail.com/*", "-" }, true },
	{ { "*/*" }, true },
	{ { "gmail.com/*" }, false },
	{ { "!gmail.com/* */*" }, false },
	{ { "gmail.com/*", "!gmail.com/* */*" }, true },
	{ { "!gmail.com/* */*", "gmail.com/*" }, true },
	{ { "gmail.com/v1", "!gmail.com/* */*" }, false },
	{ { "!gmail.com/v1 gmail.com/*", "!gmail.com/* */*" }, false },
	{ { "[*.]gmail.com/*", "!gmail.com/* */*" }, true },
	{ { "a/*", "b/*", "!a/* !b/* */*" }, true },
	{ { "a/*", "!a/* !b/* */*" }, false },
	{ { "*/v1", "*/v2" }, false },
	{ { "*" }, false },
};

static void
test_together(void)
{
	for (size_t i = 0; i < sizeof(together) / sizeof(together[0]); i++) {
		const struct acct_filter *filters[LISTS];
		struct buf label = { 0 };
		size_t n = 0;
		struct err e;

		for (; n < LISTS && together[i].filters[n] != NULL; n++) {
			const char *text = together[i].filters[n];

			filters[n] = strcmp(text, "-") == 0 ? NULL :
							      make(text, &e);
			buf_printf(&label, "%s%s", n > 0 ? " and " : "", text);
		}
		ok(acct_filters_take_all(filters, n) == together[i].all,
		    "%s: %s", buf_cstr(&label),
		    together[i].all ? "all" : "not all, or who knows");
		buf_fini(&label);
	}
}

int
main(void)
{
	rg = region_new();
	test_takes();
	test_types();
	test_bad();
	test_together();
	region_free(&rg);
	return done_testing();
}

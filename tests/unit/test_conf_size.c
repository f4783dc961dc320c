/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration takes time in proportion to its size, whatever repeats in
 * it: four times as many lines take four times as long, where a step that looks
 * at all others for each would take sixteen times.  So also under a sanitizer.
 */
#include <time.h>

#include "tests/conf_file.h"
#include "vmta/snapshot.h"

#define LINES 40000
#define SHORT_MS 2000 /* of CPU time: no more needs no comparison */

/* In the line "%u" and "%x" are its number, and "%n" is the next. */
static const struct {
	const char *label, *head, *line, *tail;
} cases[] = {
	{ "unknown names", "", "zzz%u 1\n", "" },
	{ "misspelt names", "", "max-smtp-ot%u 1\n", "" },
	{ "names without effect", "", "log-rotate 3\n", "" },
	{ "domains", "", "<domain d%u.com>\nuse-starttls no\n</domain>\n", "" },
	{ "one domain", "", "<domain *>\nuse-starttls yes\n</domain>\n", "" },
	{ "address literals", "",
	    "<domain [2001:db8::%x]>\nuse-starttls yes\n</domain>\n", "" },
	{ "virtual MTAs", "",
	    "<virtual-mta v%u>\n<domain *>\nuse-starttls yes\n</domain>\n"
	    "</virtual-mta>\n",
	    "" },
	{ "one virtual MTA", "",
	    "<virtual-mta v>\n<domain *>\nuse-starttls yes\n</domain>\n"
	    "</virtual-mta>\n",
	    "" },
	{ "members of a pool", "<virtual-mta-pool p>\n", "virtual-mta v%u\n",
	    "</virtual-mta-pool>\n" },
	{ "sources by address", "", "<source 2001:db8::%x>\n</source>\n", "" },
	{ "sources by name", "", "<source s%u>\n</source>\n", "" },
	{ "source addresses of all", "<virtual-mta v>\n</virtual-mta>\n",
	    "smtp-source-host 2001:db8::%x\n", "" },
	{ "pattern lists", "",
	    "<pattern-list l%u>\n* recipient-priority=5\n</pattern-list>\n",
	    "" },
	{ "nested pattern lists", "<pattern-list l>\n",
	    "rcpt-to /x/ <pattern-list>\n* recipient-priority=%u\n"
	    "</pattern-list>\n",
	    "</pattern-list>\n" },
	{ "accounting files", "", "<acct-file /a%u>\n</acct-file>\n", "" },
	{ "listeners", "", "lmtp-listener /a%u\n", "" },
	{ "macros that name the next", "", "domain-macro m%u $m%n\n", "" },
	{ "blocks that nobody closes", "", "<a>\n", "" },
	{ "blocks that nobody opened", "", "</a>\n", "" },
	{ "rows without end", "<bounce-category-patterns>\n", "/a%u\n",
	    "</bounce-category-patterns>\n" },
	{ "regular expressions that grow", "<bounce-category-patterns>\n",
	    "/(((a{1,99}){1,99}){1,99}){1,99}/ x\n",
	    "</bounce-category-patterns>\n" },
	{ "commas", "", "records d,\n", "" },
};

/* The same line again and again, with its number where it says so. */
static void
put(const char *head, const char *line, const char *tail, unsigned lines)
{
	struct buf text = { 0 };

	buf_str(&text, head);
	for (unsigned i = 0; i < lines; i++)
		for (const char *p = line; *p != '\0'; p++) {
			if (p[0] != '%') {
				buf_byte(&text, *p);
				continue;
			}
			p++;
			if (*p == 'x')
				buf_printf(&text, "%x", i % 65536);
			else
				buf_printf(&text, "%u", i + (*p == 'n'));
		}
	buf_str(&text, tail);
	conf_file_put("main", buf_cstr(&text));
	buf_fini(&text);
}

/* What it takes to load so many lines of the case, in CPU time. */
static long
load_ms(size_t i, unsigned lines)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s;
	clock_t start;
	long ms;

	put(cases[i].head, cases[i].line, cases[i].tail, lines);
	start = clock();
	s = snapshot_load(conf_file_path("main"), &errs);
	ms = (long)((clock() - start) / (CLOCKS_PER_SEC / 1000));
	snapshot_unref(&s);
	conf_errors_fini(&errs);
	return ms;
}

int
main(void)
{
	conf_file_begin();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		long all = load_ms(i, LINES), few = 0;

		if (all >= SHORT_MS)
			few = load_ms(i, LINES / 4);
		ok(all < SHORT_MS || all < 10 * few,
		    "%d %s, in %ld ms, a fourth in %ld", LINES, cases[i].label,
		    all, few);
	}
	conf_file_end();
	return done_testing();
}

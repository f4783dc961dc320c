/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration takes time in proportion to its size, whatever repeats in
 * it: ten thousands of one line load within seconds, where a step that looks
 * at all others for each would take minutes.
 */
#include <time.h>

#include "tests/conf_file.h"
#include "vmta/snapshot.h"

#define LINES 40000
#define LIMIT_MS 10000 /* of CPU time; also under the sanitizers */

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
put(const char *head, const char *line, const char *tail)
{
	struct buf text = { 0 };

	buf_str(&text, head);
	for (unsigned i = 0; i < LINES; i++)
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

int
main(void)
{
	conf_file_begin();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf_errors errs = { 0 };
		struct snapshot *s;
		clock_t start;
		long ms;

		put(cases[i].head, cases[i].line, cases[i].tail);
		start = clock();
		s = snapshot_load(conf_file_path("main"), &errs);
		ms = (long)((clock() - start) / (CLOCKS_PER_SEC / 1000));
		ok(ms < LIMIT_MS, "%d %s, in %ld ms", LINES, cases[i].label,
		    ms);
		snapshot_unref(&s);
		conf_errors_fini(&errs);
	}
	conf_file_end();
	return done_testing();
}

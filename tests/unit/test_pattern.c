/* SPDX-License-Identifier: Apache-2.0 */
/* The first row of a pattern list that matches decides. */
#include "tests/conf_file.h"
#include "vmta/pattern.h"

static const char text[] =
    "<virtual-mta a>\n</virtual-mta>\n<virtual-mta b>\n</virtual-mta>\n"
    "<virtual-mta c>\n</virtual-mta>\n"
    "<virtual-mta-pool p>\n virtual-mta a\n virtual-mta b\n"
    "</virtual-mta-pool>\n"
    "<pattern-list main>\n"
    " mail-from /^$/ virtual-mta=c\n"
    " mail-from /@news\\.example$/ virtual-mta=a,recipient-priority=10\n"
    " mail-from /@angle\\.example>$/ virtual-mta=b\n"
    " mail-from /^<open@/ virtual-mta=p\n"
    " rcpt-to /@gmail\\.com$/ virtual-mta=b\n"
    " header X-Class /bulk/ virtual-mta=p, recipient-priority=0\n"
    " header X-Class /^ first\\r\\n second/ virtual-mta=c\n"
    " mail-from /call-miss/ call-to: inner\n"
    " mail-from /call/ call-to:inner, recipient-priority=70\n"
    " mail-from /@*/ recipient-priority=20\n" /* a glob in mistake */
    " mail-from /never/ virtual-mta=a\n"
    "</pattern-list>\n"
    "<pattern-list inner>\n"
    " mail-from /call1/ virtual-mta=a\n"
    " mail-from /call2/ virtual-mta=b,recipient-priority=5\n"
    "</pattern-list>\n"
    "<pattern-list nested>\n"
    " mail-from /x/ <pattern-list>\n"
    "  rcpt-to /^r$/ virtual-mta=a\n"
    " </pattern-list>\n"
    " * virtual-mta=c\n"
    "</pattern-list>\n"
    "<pattern-list campaigns>\n"
    " header X-Job /^ *spring-/ virtual-mta=a\n"
    " header List-Id /<news\\.shop\\.example>/ virtual-mta=p\n"
    "</pattern-list>\n"
    "<pattern-list last>\n mail-from /zzz/ virtual-mta=a\n"
    "</pattern-list>\n";

static const struct {
	const char *list, *sender, *rcpt, *header;
	const char *vmta; /* "-": no match; "": none named */
	int priority;     /* -1: none */
} cases[] = {
	{ "main", "x@news.example", "r@x.example", NULL, "a", 10 },
	{ "MAIN", "x@NEWS.example", "r@x.example", NULL, "a", 10 },
	{ "main", "x@angle.example", "r@x.example", NULL, "b", -1 },
	{ "main", "open@x.example", "r@x.example", NULL, "p", -1 },
	{ "main", "", "r@x.example", NULL, "c", -1 },
	{ "main", "s@x.example", "r@gmail.com", NULL, "b", -1 },
	{ "main", "s@x.example", "r@x.example", " bulk", "p", 0 },
	{ "main", "s@x.example", "r@x.example", " first\r\n second", "c", -1 },
	{ "main", "call1@x.example", "r@x.example", NULL, "a", 70 },
	{ "main", "call2@x.example", "r@x.example", NULL, "b", 5 },
	/* Nothing in the inner list: its row alone counts ... */
	{ "main", "call3@x.example", "r@x.example", NULL, "", 70 },
	/* ... or, if that says nothing, the rows behind go on. */
	{ "main", "call-miss@x.example", "r@x.example", NULL, "", 70 },
	{ "main", "s@x.example", "r@x.example", " other", "", 20 },
	/* What a campaign, and what a list is called. */
	{ "campaigns", "x", "r", "X-Job: spring-7", "a", -1 },
	{ "campaigns", "x", "r", "X-Job: autumn-7", "-", -1 },
	{ "campaigns", "x", "r", "List-ID: Our news\r\n <news.shop.example>",
	    "p", -1 },
	{ "campaigns", "x", "r", "List-Id: <jobs.shop.example>", "-", -1 },
	{ "nested", "x", "r", NULL, "a", -1 },
	{ "nested", "x", "q", NULL, "c", -1 },
	{ "nested", "y", "r", NULL, "c", -1 },
	{ "last", "s@x.example", "r@x.example", NULL, "-", -1 },
	{ "unknown", "s@x.example", "r@x.example", NULL, "-", -1 },
};

static void
test_case(const struct snapshot *s, size_t i)
{
	const char *rcpts[] = { "first@x.example", cases[i].rcpt };
	struct header h = { .name = SLICE_LIT("x-class") };
	const char *colon = cases[i].header == NULL ?
	    NULL :
	    strchr(cases[i].header, ':');
	struct header_list list = { .n = 1, .cap = 1, .v = &h };
	const struct pattern_subject subject = { cases[i].sender, rcpts, 2,
		cases[i].header == NULL ? NULL : &list };
	struct pattern_match m;
	bool found;

	if (cases[i].header != NULL)
		h.value = slice_of(colon == NULL ? cases[i].header : colon + 1);
	if (colon != NULL)
		h.name = (struct slice){ cases[i].header,
			(size_t)(colon - cases[i].header) };
	found = pattern_list_match(s, cases[i].list, &subject, &m);
	is_str(!found          ? "-" :
		m.vmta == NULL ? "" :
				 m.vmta,
	    cases[i].vmta, cases[i].sender);
	is_int(m.has_priority ? m.priority : -1, cases[i].priority,
	    "its priority");
}

static const struct {
	const char *row, *said;
} bad[] = {
	{ "mail-from /a/", "main:2: mail-from: a result is missing" },
	{ "mail-from a virtual-mta=a", "a regular expression as /.../" },
	{ "mail-from /a virtual-mta=a", "lacks its last /" },
	{ "mail-from /(/ virtual-mta=a", "offset 1" },
	{ "mail-from /a/ virtual-mta=zz", "no such virtual MTA" },
	{ "mail-from /a/ virtual-mta=", "has no value" },
	{ "mail-from /a/ vmta=a", "is neither virtual-mta=NAME" },
	{ "mail-from /a/ recipient-priority=101", "from 0 to 100" },
	{ "mail-from /a/ call-to:zz", "there is no <pattern-list zz>" },
	{ "mail-from /a/ call-to:l", "calls itself" },
	{ "header /a/ virtual-mta=a", "NAME /.../ is needed" },
	{ "from /a/ virtual-mta=a", "no row of a <pattern-list>" },
	{ "<domain x>\n</domain>", "does not belong in <pattern-list>" },
};

int
main(void)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s;

	conf_file_begin();
	conf_file_put("main", text);
	s = snapshot_load(conf_file_path("main"), &errs);
	if (s == NULL) {
		(void)conf_file_said(&errs, "");
		return 1;
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test_case(s, i);
	snapshot_unref(&s);
	conf_errors_fini(&errs);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char conf[300];

		(void)snprintf(conf, sizeof(conf),
		    "<pattern-list l>\n%s\n</pattern-list>\n", bad[i].row);
		conf_file_put("main", conf);
		s = snapshot_load(conf_file_path("main"), &errs);
		ok(s == NULL && conf_file_said(&errs, bad[i].said), "said: %s",
		    bad[i].said);
		snapshot_unref(&s);
		conf_errors_fini(&errs);
	}
	conf_file_end();
	return done_testing();
}

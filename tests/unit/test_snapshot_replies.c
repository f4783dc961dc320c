/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration's <smtp-pattern-list> and <dsn-rule> blocks say of replies
 * what their lines say, and a line that cannot be meant so is an error.
 */
#include "lib/clock.h"
#include "tests/conf_file.h"
#include "vmta/reply_rules.h"
#include "vmta/snapshot.h"

static const char text[] =
    "<smtp-pattern-list Main>\n"
    " reply /^421 / mode=backoff\n"
    " include more\n"
    "</smtp-pattern-list>\n"
    "<smtp-pattern-list other>\n"
    " reply /slow\\/down/ skip-mx\n"
    "</smtp-pattern-list>\n"
    "<smtp-pattern-list main>\n" /* goes on behind the first */
    " reply /full/ mode=backoff,backoff-to-normal-after=2h\n"
    "</smtp-pattern-list>\n"
    "<dsn-rule 450_4.2.2>\n"
    " pattern \"450 4\\.2\\.2.*Mailbox full\"\n"
    " category soft-bounce\n"
    " action requeue\n"
    " retry-interval 3600\n"
    "</dsn-rule>\n"
    "<dsn-rule any>\n"
    " pattern /full|gone/\n"
    " category hard-bounce\n"
    " action bounce, skip-mx\n"
    "</dsn-rule>\n"
    "<dsn-rule ANY>\n" /* overrides, at the place of the first */
    " category \"gone-for-good\"\n"
    " retry-interval 2m\n"
    "</dsn-rule>\n"
    "<dsn-rule last>\n"
    " pattern gone away\n"
    " category never-asked\n"
    "</dsn-rule>\n";
static const char more[] = "reply /busy/ disable-source-ip\n";

enum { BACKOFF = 1, SKIP = 2, SOURCE = 4, REQUEUE = 8, BOUNCE = 16 };

static const struct {
	const char *list, *reply;
	unsigned acts;
	const char *category; /* NULL: no rule fits */
	int retry_s, hours;   /* hours: of the backoff */
	const char *file;     /* of the row for mode or source; NULL: none */
	unsigned line;
} cases[] = {
	{ "main", "421 x", BACKOFF, NULL, 0, 0, "main", 2 },
	{ "MAIN", "421 x", BACKOFF, NULL, 0, 0, "main", 2 },
	{ "main", "450 busy", SOURCE, NULL, 0, 0, "more", 1 },
	{ "main", "421 full", BACKOFF | SKIP | BOUNCE, "gone-for-good", 120, 0,
	    "main", 2 },
	{ "main", "450 4.2.2 the Mailbox full", BACKOFF | REQUEUE,
	    "soft-bounce", 3600, 2, "main", 9 },
	{ "other", "450 slow/down", SKIP, NULL, 0, 0, NULL, 0 },
	{ "other", "421 gone away", SKIP | BOUNCE, "gone-for-good", 120, 0,
	    NULL, 0 },
	{ "", "450 4.2.2 Mailbox full", REQUEUE, "soft-bounce", 3600, 0, NULL,
	    0 },
	{ "no-such-list", "421 gone", SKIP | BOUNCE, "gone-for-good", 120, 0,
	    NULL, 0 },
	/* In quotes a backslash is the expression's. */
	{ "", "450 4x2x2 Mailbox fu", 0, NULL, 0, 0, NULL, 0 },
	{ "", "421 busy", 0, NULL, 0, 0, NULL, 0 },
};

static unsigned
acts_of(const struct reply_hit *h)
{
	return (h->act.backoff ? BACKOFF : 0) | (h->act.skip_mx ? SKIP : 0) |
	    (h->act.disable_source ? SOURCE : 0) | (h->requeue ? REQUEUE : 0) |
	    (h->bounce ? BOUNCE : 0);
}

static void
test_place(const struct reply_hit *h, const char *file, unsigned line)
{
	const struct reply_place *at = &h->at[REPLY_MODE];

	if (at->file == NULL)
		at = &h->at[REPLY_SOURCE];
	if (file == NULL)
		ok(at->file == NULL, "no row of that kind");
	else
		ok(at->file != NULL &&
			strcmp(at->file, conf_file_path(file)) == 0 &&
			at->line == line,
		    "by line %u of %s", line, file);
}

static void
test_case(const struct snapshot *s, size_t i)
{
	const struct reply_rules *rules = snapshot_replies(s, cases[i].list);
	struct reply_hit h;
	bool any;

	if (!ok(rules != NULL, "<%s> %s", cases[i].list, cases[i].reply))
		return;
	any = reply_rules_match(rules, cases[i].reply, 450, &h);
	is_int(any, cases[i].acts != 0 || cases[i].category != NULL,
	    "is anything said");
	is_int(acts_of(&h), cases[i].acts, "what is asked");
	if (cases[i].category == NULL) {
		ok(h.rule == NULL, "no rule fits");
	} else if (ok(h.rule != NULL, "a rule fits")) {
		is_str(h.rule->category, cases[i].category, "its category");
		is_int(h.rule->retry_us, cases[i].retry_s * US_PER_S,
		    "the next attempt");
	}
	is_int(h.act.has_normal_after ? h.act.normal_after_us : 0,
	    cases[i].hours * 3600 * US_PER_S, "time in backoff");
	test_place(&h, cases[i].file, cases[i].line);
}

static void
test_cases(void)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s;

	conf_file_put("more", more);
	conf_file_put("main", text);
	s = snapshot_load(conf_file_path("main"), &errs);
	if (!ok(s != NULL, "the configuration is right")) {
		(void)conf_file_said(&errs, "");
		return;
	}
	is_int((int64_t)errs.n, 0, "and nothing is said of it");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test_case(s, i);
	is_str(snapshot_replies(s, "") == NULL ? "none" : "some", "some",
	    "rules hold without a list");
	snapshot_unref(&s);
	conf_errors_fini(&errs);
}

/* As `reply //`: it fits whatever is said. */
static void
test_all(void)
{
	struct conf_errors errs = { 0 };
	struct reply_hit h = { .rule = NULL };
	struct snapshot *s;

	conf_file_put("main",
	    "<dsn-rule all>\n pattern //\n category any\n</dsn-rule>\n");
	s = snapshot_load(conf_file_path("main"), &errs);
	ok(s != NULL && snapshot_replies(s, "") != NULL &&
		reply_rules_match(snapshot_replies(s, ""), "450 x", 450, &h) &&
		h.rule != NULL && strcmp(h.rule->category, "any") == 0,
	    "an empty pattern between slashes fits all");
	snapshot_unref(&s);
	conf_errors_fini(&errs);
}

static void
test_none(void)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s;

	conf_file_put("main", "<smtp-pattern-list a>\n</smtp-pattern-list>\n");
	s = snapshot_load(conf_file_path("main"), &errs);
	ok(s != NULL && snapshot_replies(s, "") == NULL &&
		snapshot_replies(s, "b") == NULL &&
		snapshot_replies(s, "a") != NULL,
	    "without rules there are only lists");
	snapshot_unref(&s);
	conf_errors_fini(&errs);
}

/* What is wrong beyond the form of one line. */
static const struct {
	const char *text, *said;
} bad[] = {
	{ "<smtp-pattern-list a>\nreply /(/ mode=backoff\n"
	  "</smtp-pattern-list>\n",
	    "main:2: reply: regular expression, at offset 1" },
	{ "<dsn-rule a>\ncategory b\n</dsn-rule>\n",
	    "main:1: <dsn-rule a> has no pattern" },
	{ "<dsn-rule a>\npattern x(\n</dsn-rule>\n",
	    "main:2: pattern: regular expression, at offset 2" },
	{ "<dsn-rule a>\npattern /x/ y\n</dsn-rule>\n", "too much" },
	{ "<dsn-rule a>\npattern x\naction bounce,requeue\n</dsn-rule>\n",
	    "main:3: action: requeue and bounce in one rule" },
	{ "<dsn-rule a>\npattern x\naction bounce,bounce\n</dsn-rule>\n",
	    "main:3: action: bounce is there twice" },
	{ "<dsn-rule a/b>\npattern x\n</dsn-rule>\n", "is not a name" },
	{ "<dsn-rule a>\npattern x\nretry-interval never\n</dsn-rule>\n",
	    "main:3: retry-interval: " },
	{ "<domain a>\nsmtp-pattern-list none\n</domain>\n",
	    "main:2: smtp-pattern-list: there is no <smtp-pattern-list none>" },
	{ "<virtual-mta v>\nsmtp-source-host 192.0.2.1 x.example\n"
	  "<domain a>\nsmtp-pattern-list none\n</domain>\n</virtual-mta>\n",
	    "main:4: smtp-pattern-list: there is no <smtp-pattern-list none>" },
};

static void
test_bad(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct conf_errors errs = { 0 };
		struct snapshot *s;

		conf_file_put("main", bad[i].text);
		s = snapshot_load(conf_file_path("main"), &errs);
		ok(s == NULL && errs.fatal == 1 &&
			conf_file_said(&errs, bad[i].said),
		    "said once: %s", bad[i].said);
		snapshot_unref(&s);
		conf_errors_fini(&errs);
	}
}

/* More rows than a set has room for: the one too many has its line. */
static void
test_many(void)
{
	struct conf_errors errs = { 0 };
	struct buf b = { 0 };
	struct snapshot *s;

	buf_str(&b, "<smtp-pattern-list a>\n");
	for (int i = 0; i < 4097; i++)
		buf_printf(&b, "reply /%d/ skip-mx\n", i);
	buf_str(&b, "</smtp-pattern-list>\n");
	conf_file_put("main", buf_cstr(&b));
	s = snapshot_load(conf_file_path("main"), &errs);
	ok(s == NULL &&
		conf_file_said(&errs,
		    "main:4098: reply: more than 4096 regular expressions"),
	    "a row too many");
	snapshot_unref(&s);
	conf_errors_fini(&errs);
	buf_fini(&b);
}

int
main(void)
{
	conf_file_begin();
	test_cases();
	test_all();
	test_none();
	test_bad();
	test_many();
	conf_file_end();
	return done_testing();
}

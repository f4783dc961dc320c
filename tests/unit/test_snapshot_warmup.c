/* SPDX-License-Identifier: Apache-2.0 */
/* Which <warmup> an address is new by at a provider, and what is no warm-up. */
#include "lib/day.h"
#include "tests/conf_file.h"
#include "vmta/snapshot.h"

static const char text[] = "<provider One>\n domain one.example\n</provider>\n"
			   "<provider two>\n domain two.example\n</provider>\n"
			   "<warmup first>\n"
			   " source 192.0.2.1, 192.0.2.16/30\n"
			   " provider one\n"
			   " start 2026-11-30\n"
			   " day-limits 10/d,20/d\n"
			   "</warmup>\n"
			   "<warmup rest>\n"
			   " source 192.0.2.0/24\n"
			   " source 2001:db8::/64\n"
			   " start 2026-12-01\n"
			   " max-deferral-share 5%\n"
			   " max-complaint-share 0.1%\n"
			   " min-attempts 30\n"
			   "</warmup>\n"
			   "<warmup FIRST>\n" /* goes on with the first */
			   " provider two\n"
			   "</warmup>\n";

static const struct {
	const char *source, *provider; /* NULL: none */
	const char *warmup;            /* NULL: none fits */
} cases[] = {
	{ "192.0.2.1", "one", "first" },
	{ "192.0.2.1", "Two", "first" },
	{ "192.0.2.1", NULL, "rest" },
	{ "192.0.2.19", "one", "first" },
	{ "192.0.2.20", "one", "rest" },
	{ "2001:db8::7", NULL, "rest" },
	{ "198.51.100.1", "one", NULL },
	{ "2001:db8:1::1", "one", NULL },
};

static struct snapshot *
load(const char *config)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s;

	conf_file_put("main", config);
	s = snapshot_load(conf_file_path("main"), &errs);
	if (s == NULL)
		(void)conf_file_said(&errs, "no error");
	conf_errors_fini(&errs);
	return s;
}

static void
test_cases(const struct snapshot *s)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct provider *p = cases[i].provider == NULL ?
		    NULL :
		    snapshot_provider_named(s, cases[i].provider);
		const struct warmup_conf *w;
		struct net_addr a = { 0 };
		struct err e;

		(void)net_addr_parse(slice_of(cases[i].source), &a, &e);
		w = snapshot_warmup(s, &a, p);
		if (cases[i].warmup == NULL)
			ok(w == NULL, "%s is not new", cases[i].source);
		else
			is_str(w == NULL ? NULL : w->name, cases[i].warmup,
			    cases[i].source);
	}
}

static void
test_plans(const struct snapshot *s)
{
	const struct warmup_plan *first = &snapshot_warmup_at(s, 0)->plan;
	const struct warmup_plan *rest = &snapshot_warmup_at(s, 1)->plan;
	uint32_t day = 0;
	struct err e;

	(void)day_parse(slice_of("2026-11-30"), &day, &e);
	is_int((int64_t)snapshot_warmup_count(s), 2,
	    "blocks of a name are one");
	ok(first->start_day == day && rest->start_day == day + 1, "the days");
	ok(first->numbers->n == 2 && first->numbers->v[1].count == 20,
	    "the numbers");
	ok(first->max_deferral == 100 && first->max_complaint == 3 &&
		first->min_attempts == 50,
	    "bounds that nobody set");
	ok(rest->max_deferral == 50 && rest->max_complaint == 1 &&
		rest->min_attempts == 30 && rest->numbers->n > 5,
	    "and those that were");
}

static const struct {
	const char *text, *said;
} bad[] = {
	{ "<warmup a>\nstart 2026-11-30\n</warmup>\n",
	    "main:1: <warmup a> has no source" },
	{ "<warmup a>\nsource 10.0.0.1\n</warmup>\n",
	    "main:1: <warmup a> has no start, such as 2026-11-30" },
	{ "<warmup a>\nsource x\nstart 2026-11-30\n</warmup>\n",
	    "main:2: source: " },
	{ "<warmup a>\nsource 10.0.0.1\nstart 2026-11-31\n</warmup>\n",
	    "main:3: start: there is no day \"2026-11-31\"" },
	{ "<warmup a>\nsource 10.0.0.1\nstart 2026-11-30\n"
	  "day-limits 10/h\n</warmup>\n",
	    "main:4: day-limits: each is of a day" },
	{ "<warmup a>\nsource 10.0.0.1\nstart 2026-11-30\n"
	  "provider nobody\n</warmup>\n",
	    "main:4: provider: there is no <provider nobody>" },
	{ "<warmup a>\nsource 10.0.0.1\nstart 2026-11-30\n"
	  "max-deferral-share 200%\n</warmup>\n",
	    "main:4: max-deferral-share: \"200%\" is not from 0.1% to 100%" },
};

static void
test_bad(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct conf_errors errs = { 0 };
		struct snapshot *s;

		conf_file_put("main", bad[i].text);
		s = snapshot_load(conf_file_path("main"), &errs);
		ok(s == NULL && conf_file_said(&errs, bad[i].said), "%s",
		    bad[i].said);
		snapshot_unref(&s);
		conf_errors_fini(&errs);
	}
}

int
main(void)
{
	struct snapshot *s;

	conf_file_begin();
	s = load(text);
	if (ok(s != NULL, "it is read")) {
		test_cases(s);
		test_plans(s);
	}
	snapshot_unref(&s);
	test_bad();
	conf_file_end();
	return done_testing();
}

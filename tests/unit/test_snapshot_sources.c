/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Source addresses that the host does not have are named with their line: one
 * by itself is a mistake, a block is as long as none of it is there.
 */
#include "lib/check.h"
#include "tests/conf_file.h"
#include "vmta/snapshot.h"

/* The host of these tests has 10.0.0.1, .3 and .5 and 2001:db8::1. */
static bool
can_bind(void *ctx, const struct net_addr *a)
{
	static const char *const here[] = { "10.0.0.1", "10.0.0.3", "10.0.0.5",
		"2001:db8::1" };
	unsigned *asked = ctx;

	++*asked;
	for (size_t i = 0; i < sizeof(here) / sizeof(here[0]); i++) {
		struct net_addr own;
		struct err e;

		CHECK(net_addr_parse(slice_of(here[i]), &own, &e) == 0);
		if (net_addr_eq(a, &own))
			return true;
	}
	return false;
}

#define HAS "smtp-source-host: the address"

static const struct {
	const char *label, *text;
	const char *said; /* NULL: nothing is */
	unsigned asked;
	bool error;
} cases[] = {
	{ "one that is there", "smtp-source-host 10.0.0.1 a.example\n", NULL, 1,
	    false },
	{ "one that is not", "\nsmtp-source-host 10.0.0.2 a.example\n",
	    "main:2: " HAS " 10.0.0.2 is not on this host", 1, true },
	{ "of a virtual MTA, by its old name",
	    "<virtual-mta a>\n smtp-source-host 10.0.0.1 a.example\n"
	    " smtp-source-ip 2001:db8::2 b.example\n</virtual-mta>\n",
	    "main:3: " HAS " 2001:db8::2 is not on this host", 2, true },
	{ "what a virtual MTA has from the top is asked once",
	    "smtp-source-host 10.0.0.1 a.example\n<virtual-mta a>\n"
	    " host-name b.example\n</virtual-mta>\n<virtual-mta b>\n"
	    "</virtual-mta>\n",
	    NULL, 1, false },
	{ "a block of which some are", "smtp-source-host 10.0.0.0/29 a.b\n",
	    "main:1: " HAS "es 10.0.0.2, 10.0.0.4, 10.0.0.6 are not on this "
	    "host; mail goes out from the other 3",
	    6, false },
	{ "a block with many holes", "smtp-source-host 10.0.0.0/28 a.b\n",
	    "main:1: " HAS "es 10.0.0.2, 10.0.0.4, 10.0.0.6 to 10.0.0.14 are "
	    "not on this host; mail goes out from the other 3",
	    14, false },
	{ "a block of which none is",
	    "smtp-source-host 10.0.0.1 a.b\nsmtp-source-host 10.0.1.0/24 a.b\n",
	    "main:2: " HAS "es 10.0.1.1 to 10.0.1.254 are not on this host",
	    255, true },
	{ "those that a later line takes away do not count",
	    "smtp-source-host 10.0.0.2 a.b\nsmtp-source-host 10.0.0.4 a.b\n"
	    "smtp-source-host \"\"\nsmtp-source-host 10.0.0.5 a.b\n",
	    NULL, 1, false },
	{ "all of them",
	    "smtp-source-host 10.0.0.2 a.b\nsmtp-source-host \"\"\n", NULL, 0,
	    false },
};

static void
test_lines(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf_errors errs = { 0 };
		struct snapshot *s;
		unsigned asked = 0;
		size_t before;

		conf_file_put("main", cases[i].text);
		s = snapshot_load(conf_file_path("main"), &errs);
		CHECK(s != NULL);
		before = errs.n;
		snapshot_check_sources(s, can_bind, &asked, &errs);
		is_int(asked, cases[i].asked, cases[i].label);
		is_int(errs.fatal, cases[i].error, "errors");
		is_int(errs.n - before, cases[i].said != NULL, "remarks");
		if (cases[i].said != NULL)
			ok(conf_file_said(&errs, cases[i].said), "with a line");
		snapshot_unref(&s);
		conf_errors_fini(&errs);
	}
}

/* A file for another host: what this one lacks is no mistake. */
static void
test_portable(void)
{
	struct conf_errors errs = { .portable = true };
	unsigned asked = 0;
	struct snapshot *s;

	conf_file_put("main", "smtp-source-host 10.0.0.2 a.b\n");
	s = snapshot_load(conf_file_path("main"), &errs);
	CHECK(s != NULL);
	snapshot_check_sources(s, can_bind, &asked, &errs);
	is_int(errs.fatal, 0, "no error");
	ok(conf_file_said(&errs, "10.0.0.2 is not on this host"), "a warning");
	snapshot_unref(&s);
	conf_errors_fini(&errs);
}

int
main(void)
{
	conf_file_begin();
	test_lines();
	test_portable();
	conf_file_end();
	return done_testing();
}

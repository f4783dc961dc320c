/* SPDX-License-Identifier: Apache-2.0 */
/* Each of --domains is compared, however many they are, or set-up refuses. */
#include "admin/ctl_setup_exim.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/check.h"
#include "tests/tap.h"

enum { DOMAINS = 130, LONG_S = 60 };

/* An Exim that keeps last.example, and leads here what it is told to lead. */
static const char script[] =
    "#!/bin/sh\n"
    "case $* in\n"
    "*probe@*|'-C new -bt postmaster@last.example')\n"
    "  echo '  router = mailrace, transport = mailrace_lmtp';;\n"
    "'-bt postmaster@last.example')\n"
    "  echo '  router = virtual, transport = v';;\n"
    "esac\n";

static const struct {
	const char *label, *last;
	int wanted_s;
	const char *wrong; /* "": nothing */
} cases[] = {
	{ "all of them leave", "out.example", LONG_S, "" },
	{ "the last one is the host's own", "last.example", LONG_S,
	    "postmaster@last.example would not go where it goes now (router = "
	    "virtual, transport = v), says exim -bt: mail of this host's own "
	    "would leave it" },
	{ "there is no time", "last.example", 0,
	    "of --domains only 0 could be compared by exim -bt in time, now "
	    "and as it would be: whether 0.example is this host's own is not "
	    "known" },
};

static void
write_script(const char *path)
{
	FILE *f = fopen(path, "we");

	CHECK(f != NULL && fputs(script, f) >= 0 && fclose(f) == 0 &&
	    chmod(path, 0700) == 0);
}

static void
try_case(size_t i, const char *program)
{
	struct buf list = { .p = NULL };
	struct err e = { .text = "" };
	struct ex_wish wish = { .scope = EX_DOMAINS };
	struct ex_facts f;
	struct host_plan p;
	const struct ex_setup s = { .wish = &wish, .f = &f, .p = &p };
	struct ex_site site = { .program = program };

	host_plan_init(&p);
	ex_facts_init(&f, p.rg);
	site.rg = p.rg;
	for (int n = 0; n < DOMAINS; n++)
		buf_printf(&list, "%d.example,", n);
	buf_str(&list, cases[i].last);
	wish.list = buf_cstr(&list);
	is_int(ctl_setup_exim_routes(&site, &s, "new", cases[i].wanted_s, &e),
	    cases[i].wrong[0] == '\0' ? 0 : -1, cases[i].label);
	is_str(e.text, cases[i].wrong, cases[i].label);
	buf_fini(&list);
	ex_facts_fini(&f);
	host_plan_fini(&p);
}

int
main(void)
{
	char dir[] = "/tmp/mailrace-test-XXXXXX", path[sizeof(dir) + 8];

	CHECK(mkdtemp(dir) != NULL);
	(void)snprintf(path, sizeof(path), "%s/exim", dir);
	write_script(path);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		try_case(i, path);
	ok(unlink(path) == 0 && rmdir(dir) == 0, "nothing is left");
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A probe comes through Exim, or nothing of it is left anywhere. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/ctl_setup_exim.h"
#include "admin/setup_probe.h"
#include "lib/check.h"
#include "tests/tap.h"

/*
 * An Exim with one message, in the file queue; here: it has come to us.  Of each
 * option the first calls, as many as the case says, do nothing.
 */
static const char script[] =
    "#!/bin/sh\n"
    "cd \"${0%/*}\"\n"
    ". ./case\n"
    "behind() { echo >> $1; test $(wc -l < $1) -gt $2; }\n"
    "case $* in\n"
    "*-odq*) cat > queue;;\n"
    "-bpr) test -e queue && behind lists $hidden && printf '%s\\n' "
    "' 0m 500 1abc-0001 <news@x.example>' '    probe@x.invalid'; true;;\n"
    "'-M 1abc-0001') test -z \"$said\" && behind tries $locked && rm queue && "
    "touch here;;\n"
    "'-Mvl 1abc-0001') echo \"Received\"; echo \"$said\";;\n"
    "'-Mrm 1abc-0001') behind removals $kept && rm queue && $removal;;\n"
    "esac\n";

static const struct probe_case {
	const char *label, *is;
	const char *wrong; /* "": nothing */
	bool left, here;
} cases[] = {
	{ "it comes when it is tried", "hidden=0 locked=0", "", .here = true },
	{ "a queue runner has it for a while", "hidden=0 locked=3", "",
	    .here = true },
	{ "it is listed late, fails, and a queue runner has it when it is to go",
	    "hidden=1 kept=2 removal=true said='probe@x.invalid defer: no'",
	    "a probe did not come to Mailrace: probe@x.invalid defer: no",
	    .left = false },
	{ "it is delivered when it is to go",
	    "hidden=0 kept=2 removal='eval touch here; false' "
	    "said='probe@x.invalid defer: no'",
	    "a probe did not come to Mailrace: probe@x.invalid defer: no",
	    .here = true },
	{ "Exim never lets go of it",
	    "hidden=0 kept=999 said='probe@x.invalid defer: no'",
	    "the probe is still in Exim, remove it (exim -Mrm): a probe did "
	    "not come to Mailrace: probe@x.invalid defer: no",
	    .left = true },
};

/* ---- our queue, which lists it a moment later ------------------------------ */

static int looks;
static bool seen;

int
setup_probe_begin(struct setup_probe *p, const struct ctl_options *opt,
    struct err *e)
{
	(void)e;
	*p = (struct setup_probe){ .opt = opt, .rcpt = "probe@x.invalid" };
	looks = 0;
	seen = false;
	return 0;
}

void
setup_probe_text(const struct setup_probe *p, const char *end, struct buf *out)
{
	buf_printf(out, "To: %s%s", p->rcpt, end);
}

bool
setup_probe_is_here(const struct setup_probe *p)
{
	enum { LATE = 3 };

	(void)p;
	seen = access("here", F_OK) == 0 && ++looks > LATE;
	return seen;
}

void
setup_probe_end(const struct setup_probe *p)
{
	(void)p;
}

void
setup_probe_wait(void)
{
}

/* ---- all ------------------------------------------------------------------- */

static void
write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "we");

	CHECK(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void
try_case(const struct ex_site *site, const struct probe_case *c)
{
	static const char *const made[] = { "case", "lists", "tries",
		"removals", "here", "queue" };
	struct err e = { .text = "" };
	int rc;

	write_file("case", c->is);
	rc = ctl_setup_exim_probe(NULL, site, "news@x.example", &e);
	is_int(rc, c->wrong[0] == '\0' ? 0 : -1, c->label);
	is_str(e.text, c->wrong, c->label);
	is_int(access("queue", F_OK) == 0, c->left, "left in Exim");
	is_int(seen, c->here, "seen here before it is deleted here");
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		(void)unlink(made[i]);
}

int
main(void)
{
	char dir[] = "/tmp/mailrace-test-XXXXXX", path[sizeof(dir) + 8];
	struct region *rg = region_new();
	const struct ex_site site = { .program = path, .rg = rg };

	CHECK(mkdtemp(dir) != NULL && chdir(dir) == 0);
	(void)snprintf(path, sizeof(path), "%s/exim", dir);
	write_file("exim", script);
	CHECK(chmod(path, 0700) == 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		try_case(&site, &cases[i]);
	CHECK(unlink(path) == 0 && chdir("/") == 0);
	ok(rmdir(dir) == 0, "nothing is left");
	region_free(&rg);
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Places in an Exim's files are found, and what it was built with is read. */
#include "compat/exim/ex_text.h"

#include "compat/exim/ex_facts.h"
#include "lib/mem.h"
#include "tests/tap.h"

#define FIRST \
	"# acl_rcpt: a comment\n" \
	"local_interfaces = 127.0.0.1 : \\\n" \
	"  # between\n" \
	"  ::1\n" \
	".include_if_exists /etc/x\n" \
	"begin acl\n" \
	"acl_rcpt:\n" \
	"  accept message = \\\n" \
	"acl_data:\n" \
	"begin routers\n" \
	"acl_rcpt:\n" \
	"  driver = accept\n"
#define SECOND \
	"last :  \n" \
	"  driver = dnslookup\n" \
	"begin\ttransports\n" \
	"last:\n" \
	"begin transports"

static struct ex_source sources[] = { { "one", { FIRST, sizeof(FIRST) - 1 } },
	{ "two", { SECOND, sizeof(SECOND) - 1 } } };
static const struct ex_text text = { sources, 2 };

/* "two:3 2": where the first is, and how many there are. */
static const char *
shown(struct region *rg, size_t n, const struct ex_place *place)
{
	return n == 0 ?
	    "0" :
	    region_printf(rg, "%s:%u %zu %.*s", place->source->name,
		place->number, n, (int)place->line.len, place->line.p);
}

static void
places(struct region *rg)
{
	struct ex_place p;
	size_t n, at = 0;

	n = ex_text_label(&text, "acl", "acl_rcpt", &p);
	is_str(shown(rg, n, &p), "one:7 1 acl_rcpt:\n", "a label");
	n = ex_text_label(&text, "acl", "acl_data", &p);
	is_str(shown(rg, n, &p), "0", "none where a line goes on");
	n = ex_text_label(&text, "routers", "last", &p);
	is_str(shown(rg, n, &p), "two:1 1 last :  \n",
	    "a section goes on in the next file");
	n = ex_text_begin(&text, "transports", &p);
	is_str(shown(rg, n, &p), "two:3 2 begin\ttransports\n", "twice");
	n = ex_text_begin(&text, NULL, &p);
	is_str(shown(rg, n, &p), "one:6 4 begin acl\n", "any section");
	n = ex_text_option(&text, "local_interfaces", &p);
	is_str(shown(rg, n, &p), "one:2 1 local_interfaces = 127.0.0.1 : \\\n",
	    "an option");
	n = ex_text_option(&text, "driver", &p);
	is_str(shown(rg, n, &p), "0", "of the main section alone");
	n = ex_text_include(&text, &p);
	is_str(shown(rg, n, &p), "one:5 1 .include_if_exists /etc/x\n",
	    "an include");
	is_int((int64_t)ex_text_count(sources[0].text, "acl_rcpt:\n", &at), 2,
	    "a text is there twice");
	is_str(region_strndup(rg, &FIRST[at], 20), "acl_rcpt:\n  accept m",
	    "the first");
	is_int((int64_t)ex_text_count(sources[0].text, "driver", &at), 0,
	    "never within a line");
}

static void
facts(struct region *rg)
{
	struct ex_facts f;

	ex_facts_init(&f, rg);
	ex_facts_version(&f,
	    slice_of("Exim version 4.96\nTransports: appendfile lmtp smtp\n"
		     "Configuration file is /etc/x\n"));
	is_str(f.file, "/etc/x", "the file");
	ok(f.has_lmtp, "LMTP");
	ex_facts_fini(&f);
}

int
main(void)
{
	struct region *rg = region_new();

	places(rg);
	facts(rg);
	region_free(&rg);
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Places in an Exim's files are found, and what it says of itself is read. */
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
	is_str(region_strndup(rg, FIRST + at, 20), "acl_rcpt:\n  accept m",
	    "the first");
	is_int((int64_t)ex_text_count(sources[0].text, "driver", &at), 0,
	    "never within a line");
}

static void
lists(struct region *rg)
{
	static const struct {
		const char *list, *want;
	} cases[] = {
		{ "", "" },
		{ "a", "a|" },
		{ " a :b::c : ", "a|b:c|" },
		{ "<; 127.0.0.1 ; ::1", "127.0.0.1|::1|" },
		{ "! +local_domains", "! +local_domains|" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *list = cases[i].list, *item, *all = "";
		char separator = '\0';

		while (ex_list_item(rg, &list, &separator, &item))
			all = REGION_JOIN(rg, all, item, "|");
		is_str(all, cases[i].want, cases[i].list);
	}
}

static void
facts(struct region *rg)
{
	struct ex_facts f = { .rg = rg };

	ex_facts_version(&f,
	    slice_of("Exim version 4.96\nTransports: appendfile lmtp smtp\n"
		     "Configuration file is /etc/x\n"));
	is_str(f.file, "/etc/x", "the file");
	ok(f.has_lmtp, "LMTP");
	ex_facts_main(&f,
	    slice_of("/etc/x\nacl_smtp_rcpt = \nno_queue_only\nprdr_enable\n"
		     "qualify_domain = a = b\n"));
	is_str(ex_value(&f.main, "queue_only"), "no", "not so");
	is_str(ex_value(&f.main, "prdr_enable"), "yes", "so");
	is_str(ex_value(&f.main, "qualify_domain"), "a = b", "a value");
	is_str(ex_value(&f.main, "acl_smtp_rcpt"), "", "nothing");
	ex_facts_routers(&f,
	    slice_of("\na router:\ndriver = accept\n\nb router:\nunseen\n"));
	is_int((int64_t)f.routers.n, 2, "routers");
	is_str(f.routers.v[1].name, "b", "in their order");
	is_str(ex_value(&ex_driver(&f.routers, "a")->options, "driver"),
	    "accept", "an option of one");
	ok(ex_driver(&f.routers, "c") == NULL, "there is none");
	ex_facts_config(&f, slice_of("domainlist relay_to_domains = a\n"));
	ok(f.has_relay_to, "a list");
}

int
main(void)
{
	struct region *rg = region_new();

	places(rg);
	lists(rg);
	facts(rg);
	region_free(&rg);
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration whose mail would go round for ever is refused with both
 * lines, and so are names that there are not; what only seems a ring is not.
 */
#include "tests/conf_file.h"
#include "vmta/snapshot.h"

#define A "<virtual-mta a>\n"
#define B "</virtual-mta>\n<virtual-mta b>\n"
#define C "</virtual-mta>\n<virtual-mta c>\n"
#define END "</virtual-mta>\n"
#define TO(name) "<domain *>\n reroute-to-virtual-mta " name "\n</domain>\n"
#define POOL \
	"<virtual-mta-pool p>\n virtual-mta b\n virtual-mta c\n" \
	"</virtual-mta-pool>\n"

static const struct {
	const char *label, *text;
	const char *said; /* NULL: it loads */
} cases[] = {
	{ "a chain", A TO("b") B TO("c") C END, NULL },
	{ "a ring of two", A TO("b") B TO("a") C END,
	    "main:3: reroute-to-virtual-mta: mail of a for any.invalid would "
	    "go round for ever: " },
	{ "with the line that sends it back", A TO("b") B TO("a") C END,
	    "main:8 sends it back" },
	{ "a ring of three", A TO("b") B TO("c") C TO("A") END,
	    "main:13 sends it back" },
	{ "a ring that others lead into", A TO("b") B TO("c") C TO("b") END,
	    "main:8: reroute-to-virtual-mta: mail of b for any.invalid" },
	{ "to itself", A TO("a") B C END, NULL },
	{ "of one domain, below a rule for all",
	    A TO("b") B "<domain x.example>\n reroute-to-virtual-mta a\n"
			"</domain>\n" C END,
	    "mail of a for x.example would go round" },
	{ "of two domains, which is none",
	    A
	    "<domain y.example>\n reroute-to-virtual-mta b\n</domain>\n" B
	    "<domain x.example>\n reroute-to-virtual-mta a\n</domain>\n" C END,
	    NULL },
	{ "one that is taken back for the domain",
	    A TO("b") B TO("a") "<domain *>\n reroute-to-virtual-mta \"\"\n"
				"</domain>\n" C END,
	    NULL },
	{ "a rule for all, but for the one it names",
	    "reroute-to-virtual-mta b\n" A B C END, NULL },
	{ "which sends it elsewhere",
	    "reroute-to-virtual-mta b\n" A B TO("c") C END,
	    "main:6 sends it back" },
	{ "a pool, whose members keep it",
	    "reroute-to-virtual-mta p\n" A B C END POOL, NULL },
	{ "a pool whose members send it back",
	    A TO("p") B TO("a") C TO("a") END POOL, "sends it back" },
	{ "a pool of which one does", A TO("p") B C TO("a") END POOL,
	    "sends it back" },
	{ "backoffs in a ring, which are no mistake",
	    A
	    "<domain *>\n backoff-reroute-to-virtual-mta b\n</domain>\n" B
	    "<domain *>\n backoff-reroute-to-virtual-mta a\n</domain>\n" C END,
	    NULL },
	{ "a name that there is not", A TO("d") B C END,
	    "main:3: reroute-to-virtual-mta: there is no virtual MTA or pool "
	    "d" },
	{ "in backoff",
	    A "<domain *>\n backoff-reroute-to-virtual-mta d\n</domain>\n" B C
		END,
	    "backoff-reroute-to-virtual-mta: there is no virtual MTA or pool "
	    "d" },
	{ "for all", "reroute-to-virtual-mta d\n" A B C END,
	    "main:1: reroute-to-virtual-mta: there is no virtual MTA or pool "
	    "d" },
};

static void
test_case(size_t i)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s;

	conf_file_put("main", cases[i].text);
	s = snapshot_load(conf_file_path("main"), &errs);
	if (cases[i].said == NULL)
		ok(s != NULL, "%s", cases[i].label);
	else
		ok(s == NULL && conf_file_said(&errs, cases[i].said),
		    "%s, which is said", cases[i].label);
	snapshot_unref(&s);
	conf_errors_fini(&errs);
}

/* The pool that takes what overflows: the first one that has it. */
static void
test_overflow(void)
{
	static const char text[] = A B C END
	    "<virtual-mta-pool one>\n virtual-mta b\n pool-overflow no\n"
	    "</virtual-mta-pool>\n"
	    "<virtual-mta-pool two>\n virtual-mta a, b\n</virtual-mta-pool>\n"
	    "<virtual-mta-pool three>\n virtual-mta a\n</virtual-mta-pool>\n";
	struct conf_errors errs = { 0 };
	struct snapshot *s;

	conf_file_put("main", text);
	s = snapshot_load(conf_file_path("main"), &errs);
	ok(s != NULL && snapshot_has_overflow(s), "some pool's mail overflows");
	is_str(snapshot_overflow_pool(s, "A")->name, "two",
	    "that of a in the first pool that has it");
	ok(snapshot_overflow_pool(s, "b") == NULL, "its first one says no");
	ok(snapshot_overflow_pool(s, "c") == NULL, "of no pool");
	ok(!snapshot_has_reroutes(s), "nothing is rerouted");
	snapshot_unref(&s);
	conf_errors_fini(&errs);
}

int
main(void)
{
	conf_file_begin();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test_case(i);
	test_overflow();
	conf_file_end();
	return done_testing();
}

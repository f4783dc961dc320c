/* SPDX-License-Identifier: Apache-2.0 */
/* What is no cold-virtual-mta is refused with its line, and so are rates. */
#include "tests/conf_file.h"
#include "vmta/snapshot.h"

#define NUMBERS(list) \
	"<domain x.example>\n max-cold-virtual-mta-msg " list "\n</domain>\n"
#define A(line) "<virtual-mta a>\n " line "\n</virtual-mta>\n"
#define B "<virtual-mta b>\n</virtual-mta>\n"
#define POOL(line) \
	"<virtual-mta-pool p>\n virtual-mta a\n " line "\n</virtual-mta-pool>\n"
#define TO(name) \
	"<domain x.example>\n reroute-to-virtual-mta " name "\n</domain>\n"

static const struct {
	const char *label, *text;
	const char *said; /* NULL: it loads, and nothing is said */
} cases[] = {
	{ "another virtual MTA", A("cold-virtual-mta B") B NUMBERS("5/d"),
	    NULL },
	{ "that there is not", A("cold-virtual-mta c") NUMBERS("5/d"),
	    "main:2: cold-virtual-mta c: there is no such virtual MTA" },
	{ "a pool",
	    A("cold-virtual-mta q") B NUMBERS(
		"5/d") "<virtual-mta-pool q>\n virtual-mta b\n</virtual-mta-pool>\n",
	    "main:2: cold-virtual-mta q: there is no such virtual MTA" },
	{ "the old form", A("cold-virtual-mta 10/8 a.com") NUMBERS("5/d"),
	    "cold-virtual-mta 10/8 a.com: there is no such virtual MTA: define it "
	    "and name it here" },
	{ "itself", A("cold-virtual-mta A") NUMBERS("5/d"),
	    "main:2: cold-virtual-mta A: that is the virtual MTA itself" },
	{ "twice",
	    A("cold-virtual-mta b\n cold-virtual-mta b") B NUMBERS("5/d"),
	    "main:3: cold-virtual-mta b: it is named twice" },
	{ "one that has one",
	    A("cold-virtual-mta b") "<virtual-mta b>\n cold-virtual-mta c\n"
				    "</virtual-mta>\n"
				    "<virtual-mta c>\n</virtual-mta>\n" NUMBERS(
					"5/d"),
	    "main:2: cold-virtual-mta b: that one has a cold-virtual-mta "
	    "itself" },
	{ "of a pool", A("") POOL("cold-virtual-mta b") B NUMBERS("5/d"),
	    NULL },
	{ "its member", A("") POOL("cold-virtual-mta a") NUMBERS("5/d"),
	    "main:6: cold-virtual-mta a: that is a member of the pool "
	    "itself" },
	{ "of a member that another pool has first",
	    A("") "<virtual-mta-pool q>\n virtual-mta a\n"
		  "</virtual-mta-pool>\n" POOL("cold-virtual-mta b")
		      B NUMBERS("5/d"),
	    "main:9: cold-virtual-mta has no effect for the member a, which "
	    "is one of the pool q first" },
	{ "nobody says how many", A("cold-virtual-mta b") B NUMBERS("0/d"),
	    "main:2: cold-virtual-mta has no effect: no <domain> has a "
	    "max-cold-virtual-mta-msg" },
	{ "a list of days", A("cold-virtual-mta b") B NUMBERS("5/day,0/d,7/d"),
	    NULL },
	{ "of an hour", A("cold-virtual-mta b") B NUMBERS("5/d,5/h"),
	    "main:7: max-cold-virtual-mta-msg: each is of a day, as 50/d" },
	{ "whose mail comes back",
	    A("cold-virtual-mta b") B NUMBERS("5/d") TO("a"),
	    "main:2: cold-virtual-mta: mail of a for x.example would come "
	    "back: " },
	{ "with the line that sends it back",
	    A("cold-virtual-mta b") B NUMBERS("5/d") TO("a"),
	    "main:10 sends it from b" },
	{ "for a domain of which it has none",
	    A("cold-virtual-mta b") B
	    "<domain y.example>\n max-cold-virtual-mta-msg 5/d\n</domain>\n" TO(
		"a"),
	    NULL },
	{ "whose mail goes on to another one",
	    A("cold-virtual-mta b") "<virtual-mta c>\n</virtual-mta>\n"
				    "<virtual-mta b>\n" TO(
					"c") "</virtual-mta>\n" NUMBERS("5/d"),
	    NULL },
	{ "from there it comes back",
	    A("cold-virtual-mta b") "<virtual-mta c>\n" TO("a") "</virtual-mta>\n<virtual-mta b>\n" TO(
		"c") "</virtual-mta>\n" NUMBERS("5/d"),
	    "main:6 sends it from b" },
	{ "a pool's, whose mail comes back to a member",
	    A("") POOL("cold-virtual-mta b") B NUMBERS("5/d") TO("p"),
	    "main:6: cold-virtual-mta: mail of a for x.example would come "
	    "back" },
	{ "one whose mail always goes elsewhere",
	    A("cold-virtual-mta b") B NUMBERS("5/d") TO("b"), NULL },
};

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf_errors errs = { 0 };
		struct snapshot *s;
		bool right;

		conf_file_put("main", cases[i].text);
		s = snapshot_load(conf_file_path("main"), &errs);
		right = cases[i].said == NULL ?
		    s != NULL && errs.n == 0 :
		    conf_file_said(&errs, cases[i].said);
		ok(right, "%s", cases[i].label);
		snapshot_unref(&s);
		conf_errors_fini(&errs);
	}
}

int
main(void)
{
	conf_file_begin();
	test_cases();
	conf_file_end();
	return done_testing();
}

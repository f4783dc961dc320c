/* SPDX-License-Identifier: Apache-2.0 */
/* A trouble that goes on is known again, whatever time it took this time. */
#include "transport/acct_senders.h"

#include "tests/tap.h"

static const struct {
	const char *a, *b;
	bool same;
} cases[] = {
	{ "no answer in time", "no answer in time", true },
	{ "", "", true },
	{ "no answer in time", "no answer", false },
	{ "no answer", "no answer in time", false },
	{ "the server answered 500", "the server answered 503", false },
	{ "exit status 1", "exit status 12", false },
	{ "connecting failed after 3 ms", "connecting failed after 1201 ms",
	    true },
	{ "port 80 after 3 ms: refused", "port 80 after 0 ms: refused", true },
	{ "port 80 after 3 ms: refused", "port 81 after 3 ms: refused", false },
	{ "after 3 ms: refused", "after 4 ms: timed out", false },
	{ "after 3 ms", "after 4 msec", false },
	{ "after 3 s", "after 4 s", false },
	{ "3 ms", " ms", false },
	{ "12 ms", "1 ms", true },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)ok(acct_senders_same_trouble(cases[i].a, cases[i].b) ==
			cases[i].same,
		    "\"%s\", \"%s\"", cases[i].a, cases[i].b);
		(void)ok(acct_senders_same_trouble(cases[i].b, cases[i].a) ==
			cases[i].same,
		    "the other way round");
	}
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Half of a user and password is refused with its line, and what would show a
 * password to somebody is told; what a block takes back is not.
 */
#include "tests/conf_file.h"
#include "vmta/snapshot.h"

#define RELAY "smtp-hosts [192.0.2.1]:587\n"
#define CA "smtp-tls-ca-file system\n"
#define ANN "auth-username ann\nauth-password secret-1\n"
#define OF(pattern, text) "<domain " pattern ">\n" text "</domain>\n"
#define CLEAR "use-unencrypted-plain-auth yes\n"
#define IN_CLEAR "the password of auth-username may be sent in clear"
#define ANY_CERT \
	"the password of auth-username may be shown to a server with any"
#define TO_ANY "the password goes to whatever hosts DNS names"
#define OTHERS "auth-username of a wider <domain> counts for these hosts"

static const struct {
	const char *label, *text;
	bool loads;
	const char *said, *unsaid; /* may be NULL */
} cases[] = {
	{ "neither", OF("*", RELAY), true, NULL, "auth-" },
	{ "both", OF("*", RELAY ANN CA), true, NULL, "auth-" },
	{ "to any certificate", OF("*", RELAY ANN "require-starttls yes\n"),
	    true, "main:3: " ANY_CERT, IN_CLEAR },
	{ "without TLS, so that it is not shown",
	    OF("*", RELAY ANN "use-starttls no\n"), true, NULL, "auth-" },
	{ "a block that asks for no authorities",
	    OF("*", RELAY ANN CA) OF("a.example", "smtp-tls-ca-file \"\"\n"),
	    true, "main:8: " ANY_CERT, "main:3" },
	{ "in clear, but for authorities", OF("*", RELAY ANN CA CLEAR), true,
	    NULL, "auth-" },
	{ "a user alone", OF("a.example", RELAY "auth-username ann\n"), false,
	    "main:3: auth-username without auth-password in the same block",
	    NULL },
	{ "a password alone", OF("a.example", "auth-password secret-1\n"),
	    false,
	    "main:2: auth-password without auth-username in the same block",
	    "secret-1" },
	{ "a user whose password is in a wider block",
	    OF("*", RELAY ANN) OF("a.example", "auth-username joe\n"), false,
	    "main:7: auth-username without auth-password", NULL },
	{ "nobody", OF("*", "auth-username \"\"\nauth-password \"\"\n"), true,
	    NULL, "auth-" },
	{ "nobody, with a password",
	    OF("*", "auth-username \"\"\nauth-password secret-1\n"), false,
	    "main:3: auth-password without auth-username", NULL },
	{ "in clear", OF("a.example", RELAY ANN CLEAR), true,
	    "main:5: " IN_CLEAR, NULL },
	{ "in clear for all that sign in",
	    OF("*", CLEAR) OF("a.example", RELAY ANN), true,
	    "main:6: " IN_CLEAR, "main:2" },
	{ "in clear, for TLS is not required there",
	    OF("*", "require-starttls yes\n" CLEAR RELAY ANN)
		OF("a.example", "require-starttls no\n"),
	    true, "main:9: " IN_CLEAR, "main:3" },
	{ "in clear never", OF("*", "require-starttls yes\n" CLEAR RELAY ANN),
	    true, NULL, IN_CLEAR },
	{ "to any host", OF("*.example", ANN), true, "main:2: ", NULL },
	{ "to any host below a domain", OF("[*.]a.example", ANN), true, TO_ANY,
	    NULL },
	{ "to the hosts of one domain", OF("a.example", ANN), true, NULL,
	    TO_ANY },
	{ "to other hosts than were meant",
	    OF("*", RELAY ANN) OF("a.example", "smtp-hosts [192.0.2.9]\n"),
	    true, "main:7: " OTHERS, NULL },
	{ "which a block takes back",
	    OF("*", RELAY ANN)
		OF("a.example", "smtp-hosts [192.0.2.9]\nauth-username \"\"\n"),
	    true, NULL, OTHERS },
	{ "in a virtual MTA, whose pool allows it",
	    "<virtual-mta v>\n" OF("*",
		RELAY ANN) "</virtual-mta>\n"
			   "<virtual-mta-pool p>\nvirtual-mta v\n" OF("*",
			       CLEAR) "</virtual-mta-pool>\n",
	    true, "main:4: " IN_CLEAR, NULL },
	{ "in another virtual MTA than signs in",
	    "<virtual-mta v>\n" OF("*",
		RELAY ANN) "</virtual-mta>\n"
			   "<virtual-mta w>\n" OF("*",
			       CLEAR) "</virtual-mta>\n",
	    true, NULL, IN_CLEAR },
};

static void
test_case(size_t i)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s;

	conf_file_put("main", cases[i].text);
	s = snapshot_load(conf_file_path("main"), &errs);
	ok((s != NULL) == cases[i].loads, "%s: it loads, or not",
	    cases[i].label);
	ok((cases[i].said == NULL || conf_file_said(&errs, cases[i].said)) &&
		(cases[i].unsaid == NULL ||
		    !conf_file_said(&errs, cases[i].unsaid)),
	    "%s: what is said", cases[i].label);
	for (size_t n = 0; n < errs.n; n++)
		(void)printf("# %s\n", errs.v[n].text);
	snapshot_unref(&s);
	conf_errors_fini(&errs);
}

int
main(void)
{
	conf_file_begin();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test_case(i);
	conf_file_end();
	return done_testing();
}

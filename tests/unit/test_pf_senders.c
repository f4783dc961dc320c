/* SPDX-License-Identifier: Apache-2.0 */
/* As whom a probe is sent where a table says whose mail comes to us. */
#include "compat/postfix/pf_senders.h"

#include <string.h>

#include "tests/tap.h"
#include "tests/unit/pf_case.h"

#define US "mailrace:unix:mailrace/lmtp\n"
#define NULL_KEY "empty_address_default_transport_maps_lookup_key = <>\n"

static const struct {
	const char *label, *text, *want; /* NULL: nobody */
} cases[] = {
	{ "an address", "a@x.example smtp:[192.0.2.1]\nb@x.example\t" US,
	    "b@x.example" },
	{ "a domain", "@x.example   " US, "probe@x.example" },
	{ "the null sender", "<> " US, "" },
	{ "a key that Postfix does not ask for", "x.example " US, NULL },
	{ "another way, with our name in it",
	    "a@x.example smtp:mailrace:unix:x\nmailrace:unix:@x smtp:\n",
	    NULL },
	{ "our service, to whatever host the recipient has",
	    "a@x.example mailrace:\n", NULL },
	{ "our service, to an address",
	    "a@x.example mailrace:[127.0.0.1]:2424\n", "a@x.example" },
	{ "an empty table", "", NULL },
};

static void
judge_guesses(struct pf_conf *h, struct region *rg, const char *table,
    const char *want)
{
	struct pf_guess g[6];
	const size_t n = pf_senders_guess(h, rg, table, g, 6);
	const char *got = "";

	for (size_t i = 0; i < n; i++)
		got = REGION_JOIN(rg, got, g[i].key, "=", g[i].sender, " ");
	is_str(got, want, table);
}

int
main(void)
{
	struct region *rg = region_new();
	struct pf_conf *h = pf_case_host(rg,
	    NULL_KEY "myorigin = mx.example\n"
		     "relay_domains = hash:/r, .b.example, $c, d.example\n",
	    "");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *got = pf_senders_listed(h, rg, cases[i].text);

		is_str(got == NULL ? "nobody" : got,
		    cases[i].want == NULL ? "nobody" : cases[i].want,
		    cases[i].label);
	}
	judge_guesses(h, rg, "pcre:/s",
	    "<>= probe@mx.example=probe@mx.example "
	    "probe@localhost=probe@localhost probe@d.example=probe@d.example ");
	judge_guesses(h, rg, "ldap:/s",
	    "<>= probe@mx.example=probe@mx.example "
	    "@mx.example=probe@mx.example probe@localhost=probe@localhost "
	    "@localhost=probe@localhost probe@d.example=probe@d.example ");
	pf_conf_free(&h);
	region_free(&rg);
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The domain of the first address is found in any form that mail uses. */
#include "mail/mailbox.h"

#include "tests/tap.h"

static const struct {
	const char *value, *domain; /* NULL: none */
} cases[] = {
	{ " a@example.net", "example.net" },
	{ " A <a@Example.NET>", "example.net" },
	{ " \"Last, First\" <a@b.example>", "b.example" },
	{ " \"x@evil.example\" <a@b.example>", "b.example" },
	{ " \"<x@evil.example>\" <a@b.example>", "b.example" },
	{ " \"quo\\\"te\" <a@b.example>", "b.example" },
	{ " (x@evil.example (nested)) a@b.example", "b.example" },
	{ " a@b.example (x@evil.example)", "b.example" },
	{ " x@y.example <a@b.example>", "b.example" },
	{ " a@b.example, c@d.example", "b.example" },
	{ " a@b.example, D <c@d.example>", "b.example" },
	{ " A <a@b.example>, D <c@d.example>", "b.example" },
	{ " <@r1.example,@r2.example:a@b.example>", "b.example" },
	{ " group: a@b.example, c@d.example;", "b.example" },

	{ " <a@b.example", "b.example" },
	{ " \"a@c.example\"@b.example", "b.example" },
	{ " a@b.example.", "b.example" },
	{ " a@j\xc3\xb6rg.example", "xn--jrg-sna.example" },
	{ " a@[192.0.2.1]", NULL },
	{ " undisclosed-recipients:;", NULL },
	{ " <>", NULL },
	{ " a", NULL },
	{ " a@", NULL },
	{ " a@.b", NULL },
	{ " a@b..c", NULL },
	{ " a@b/c", NULL },
	{ " \"unclosed a@b.example", NULL },
	{ " (unclosed a@b.example", NULL },
	{ " \\", NULL },
	{ " \"\\", NULL },
	{ "", NULL },
};

int
main(void)
{
	struct region *rg = region_new();
	const char *domain;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		domain = mailbox_domain(slice_of(cases[i].value), rg);
		if (cases[i].domain != NULL)
			is_str(domain, cases[i].domain,
			    slice_trim(slice_of(cases[i].value)).p);
		else
			ok(domain == NULL, "none in \"%s\"", cases[i].value);
	}
	is_str(mailbox_domain(SLICE_LIT("\r\n A\r\n <a\r\n @b.example>"), rg),
	    "b.example", "folds do not matter");
	is_str(mailbox_addr_domain("\"a@x\"@B.example", rg), "b.example",
	    "of a bare address");
	ok(mailbox_addr_domain("postmaster", rg) == NULL, "it may have none");
	region_free(&rg);
	return done_testing();
}

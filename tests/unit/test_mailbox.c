/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The domain of the first address is found in any form that mail uses, and of
 * all addresses where nobody can read another one.
 */
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

/* What a strict reader makes of a field: all domains, or that it is none. */
static const struct {
	const char *value, *domains; /* with blanks between; NULL: no list */
} all[] = {
	{ " a@example.net", "example.net" },
	{ " A B. <a@Example.NET>", "example.net" },
	{ " \"x@evil.example\" <a@b.example>", "b.example" },
	{ " \"x\\\"@evil.example\" <a@b.example>", "b.example" },
	{ " (x@evil.example (nested\\)) ) a@b.example", "b.example" },
	{ " a@b.example (x@evil.example)", "b.example" },
	{ " \"a@c.example\"@b.example", "b.example" },
	{ " a@j\xc3\xb6rg.example", "xn--jrg-sna.example" },
	{ " =?utf-8?q?A=40evil.example?= <a@b.example>", "b.example" },
	{ " [list] A <a@b.example>", "b.example" },
	{ " a@(c) b.example", "b.example" },

	{ " x@y.example <a@b.example>", "y.example b.example" },
	{ " x@y.example via List <a@b.example>", "y.example b.example" },
	{ " a@b.example, D <c@d.example>", "b.example d.example" },
	{ " , a@b.example,, c@d.example ,", "b.example d.example" },
	{ " <@r1.example,@r2.example:a@b.example>",
	    "r1.example r2.example b.example" },
	{ " team: a@b.example, C <c@d.example>;", "b.example d.example" },
	{ " team: a@b.example;, c@d.example", "b.example d.example" },
	{ " undisclosed:;", "" },
	{ "", "" },
	{ " (nobody)", "" },

	{ " nobody", NULL },
	{ " ceo, a@b.example", NULL },
	{ " Doe, John <a@b.example>", NULL },
	{ " a@b.example <ceo>", NULL },
	{ " <>", NULL },
	{ " A <>", NULL },
	{ " <a@b.example", NULL },
	{ " a@b.example>", NULL },
	{ " <a@b.example> c", NULL },
	{ " <a@b.example> \"c\"", NULL },
	{ " <a@b.example> <c@d.example>", NULL },
	{ " <a@b.example:ceo>", NULL },
	{ " <@b.example,ceo:c@d.example>", NULL },
	{ " <<a@b.example>>", NULL },
	{ " a@b.example@d.example", NULL },
	{ " a@b.example (c) @d.example", NULL },
	{ " a@b .example", NULL },
	{ " a@b. example", NULL },
	{ " a@b.example.", NULL },
	{ " a@b.example\xe3\x80\x82", NULL }, /* an ideographic full stop */
	{ " a@b\xe3\x80\x82"
	  "example",
	    "b.example" },
	{ " a@\xc2\xad", NULL }, /* a soft hyphen */
	{ " a@b.example c", NULL },
	{ " a@b.example \"c\"", NULL },
	{ " a@b.example c, d@e.example", NULL },
	{ " <a@b.example c>", NULL },
	{ " <a@b.example \"c\">", NULL },
	{ " team: a@b.example c;", NULL },
	{ " a@[192.0.2.1]", NULL },
	{ " a@", NULL },
	{ " a@b..c", NULL },
	{ " a@b/c", NULL },
	{ " a@\xff.example", NULL },
	{ " a\\@b.example", NULL },
	{ " \"unclosed a@b.example", NULL },
	{ " \"unclosed\\\"", NULL },
	{ " (unclosed a@b.example", NULL },
	{ " a@b.example (unclosed\\)", NULL },
	{ " a) b <a@b.example>", NULL },
	{ " a\001 <a@b.example>", NULL },
	{ " team: a@b.example", NULL },
	{ " team: other: a@b.example;;", NULL },
	{ " : a@b.example;", NULL },
	{ " a@b.example: c@d.example;", NULL },
	{ " a@b.example;", NULL },
};

static const char *
joined(const struct mailbox_domains *d, struct region *rg)
{
	const char *text = "";

	for (size_t i = 0; i < d->n; i++)
		text = REGION_JOIN(rg, text, i == 0 ? "" : " ", d->v[i]);
	return text;
}

static void
test_all(struct region *rg)
{
	struct mailbox_domains d;
	struct buf many = { 0 };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		bool is_list = mailbox_domains(slice_of(all[i].value), rg, &d);

		if (all[i].domains == NULL)
			ok(!is_list, "no list: %s", all[i].value);
		else
			is_str(is_list ? joined(&d, rg) : "no list",
			    all[i].domains, all[i].value);
	}
	ok(mailbox_domains(SLICE_LIT("\r\n A\r\n <a\r\n @b.example>"), rg,
	       &d) &&
		d.n == 1,
	    "folds do not matter to it");
	ok(!mailbox_domains(SLICE_LIT(" a@b.example\0c"), rg, &d),
	    "no list: with NUL");
	for (int i = 0; i < MAILBOX_DOMAINS_MAX; i++)
		buf_str(&many, "a@b.example,");
	ok(mailbox_domains((struct slice){ many.p, many.len }, rg, &d) &&
		d.n == MAILBOX_DOMAINS_MAX,
	    "as many as there may be");
	buf_str(&many, "a@b.example");
	ok(!mailbox_domains((struct slice){ many.p, many.len }, rg, &d),
	    "one more is no list");
	buf_fini(&many);
}

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
	is_str(mailbox_addr_domain("a@b.example\xe3\x80\x82", rg), "b.example",
	    "a full stop of any script behind it");
	test_all(rg);
	region_free(&rg);
	return done_testing();
}

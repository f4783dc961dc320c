/* SPDX-License-Identifier: Apache-2.0 */
/* Envelope addresses: the text stays, the domain becomes one form. */
#include <stdlib.h>

#include "mail/addr.h"
#include "tests/tap.h"

static const struct {
	const char *label, *in;
	enum addr_status want;
	const char *text, *domain;
} paths[] = {
	{ "plain", "<user@Example.NET>", ADDR_OK, "user@Example.NET",
	    "example.net" },
	{ "null path", "<>", ADDR_OK, "", "" },
	{ "source route", "<@a.example,@b.example:u@c.example>", ADDR_OK,
	    "u@c.example", "c.example" },
	{ "quoted local part", "<\"a b>c\\\"d\"@x.example>", ADDR_OK,
	    "\"a b>c\\\"d\"@x.example", "x.example" },
	{ "quoted at sign", "<\"a@b\"@x.example>", ADDR_OK, "\"a@b\"@x.example",
	    "x.example" },
	{ "doubled dots", "<a..b.@docomo.example>", ADDR_OK,
	    "a..b.@docomo.example", "docomo.example" },
	{ "odd letters", "<a!#$%&'*+-/=?^_`{|}~@x.example>", ADDR_OK,
	    "a!#$%&'*+-/=?^_`{|}~@x.example", "x.example" },
	{ "underscore in domain", "<a@b_c.example>", ADDR_OK, "a@b_c.example",
	    "b_c.example" },
	{ "IPv4 literal", "<a@[192.0.2.1]>", ADDR_OK, "a@[192.0.2.1]",
	    "[192.0.2.1]" },
	{ "IPv6 literal", "<a@[ipv6:2001:DB8:0::1]>", ADDR_OK,
	    "a@[ipv6:2001:DB8:0::1]", "[IPv6:2001:db8::1]" },
	{ "UTF-8 domain",
	    "<u@B\xC3\xBC"
	    "cher.example>",
	    ADDR_OK,
	    "u@B\xC3\xBC"
	    "cher.example",
	    "xn--bcher-kva.example" },
	{ "sharp s is kept",
	    "<u@stra\xC3\x9F"
	    "e.example>",
	    ADDR_OK,
	    "u@stra\xC3\x9F"
	    "e.example",
	    "xn--strae-oqa.example" },
	{ "UTF-8 local part", "<\xE7\x94\xA8@x.example>", ADDR_OK,
	    "\xE7\x94\xA8@x.example", "x.example" },
	{ "no domain", "<postmaster>", ADDR_NO_DOMAIN, "postmaster", "" },
	{ "no bracket", "user@example.net", ADDR_SYNTAX, "", "" },
	{ "not closed", "<user@example.net", ADDR_SYNTAX, "", "" },
	{ "not closed inside quotes", "<\"user@example.net>", ADDR_SYNTAX, "",
	    "" },
	{ "blank", "<us er@example.net>", ADDR_SYNTAX, "", "" },
	{ "no local part", "<@example.net>", ADDR_SYNTAX, "", "" },
	{ "two at signs", "<a@b@example.net>", ADDR_BAD_DOMAIN,
	    "a@b@example.net", "" },
	{ "line break in quotes", "<\"a\r\nb\"@example.net>", ADDR_SYNTAX, "",
	    "" },
	{ "broken UTF-8", "<\xC3(@x.example>", ADDR_SYNTAX, "", "" },
	{ "overlong UTF-8", "<\xC0\xAF@x.example>", ADDR_SYNTAX, "", "" },
	{ "surrogate", "<\xED\xA0\x80@x.example>", ADDR_SYNTAX, "", "" },
	{ "empty label", "<a@b..example>", ADDR_BAD_DOMAIN, "a@b..example",
	    "" },
	{ "dot at the end", "<a@b.example.>", ADDR_BAD_DOMAIN, "a@b.example.",
	    "" },
	{ "empty domain", "<a@>", ADDR_BAD_DOMAIN, "a@", "" },
	{ "bad literal", "<a@[300.0.2.1]>", ADDR_BAD_DOMAIN, "a@[300.0.2.1]",
	    "" },
	{ "IPv6 without its tag", "<a@[2001:db8::1]>", ADDR_BAD_DOMAIN,
	    "a@[2001:db8::1]", "" },
};

static void
test_limits(struct region *rg)
{
	char text[2000];
	struct addr a;
	size_t used;

	memset(text, 'a', sizeof(text));
	text[0] = '<';
	memcpy(text + 257, "@x.example>", 12);
	ok(addr_path(slice_of(text), rg, &a, &used) == ADDR_OK,
	    "256 bytes of local part");
	memset(text, 'a', sizeof(text));
	text[0] = '<';
	memcpy(text + 258, "@x.example>", 12);
	ok(addr_path(slice_of(text), rg, &a, &used) == ADDR_TOO_LONG,
	    "257 are too long");
	memset(text, 'a', sizeof(text));
	memcpy(text, "<u@", 3);
	memcpy(text + 3 + 63, ".b>", 4);
	ok(addr_path(slice_of(text), rg, &a, &used) == ADDR_OK,
	    "a label of 63");
	memset(text, 'a', sizeof(text));
	memcpy(text, "<u@", 3);
	memcpy(text + 3 + 64, ".b>", 4);
	ok(addr_path(slice_of(text), rg, &a, &used) == ADDR_BAD_DOMAIN,
	    "one of 64 is none");
	memset(text, 'a', sizeof(text));
	memcpy(text, "<u@", 3);
	for (size_t i = 3; i < 3 + 300; i += 2)
		text[i + 1] = '.';
	memcpy(text + 3 + 299, ">", 2);
	ok(addr_path(slice_of(text), rg, &a, &used) == ADDR_TOO_LONG,
	    "a domain of 299");
}

int
main(void)
{
	struct region *rg = region_new();

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		struct addr a;
		size_t used;
		enum addr_status st = addr_path(slice_of(paths[i].in), rg, &a,
		    &used);

		ok(st == paths[i].want, "%s: status %d", paths[i].label,
		    (int)st);
		is_str(a.text, paths[i].text, paths[i].label);
		is_str(a.domain, paths[i].domain, paths[i].label);
		if (st == ADDR_OK)
			ok(used == strlen(paths[i].in), "%s: all of it",
			    paths[i].label);
	}
	test_limits(rg);
	region_free(&rg);
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sender for each recipient is an address that every server takes, and tells
 * the recipient again; what would not be stays the plain sender.
 */
#include "mail/addr.h"
#include "mail/verp.h"
#include "tests/tap.h"

#define S30 "abcdefghijklmnopqrstuvwxyz0123"
#define L50 "abcdefghijklmnopqrstuvwxyz.abcdefghijklmnopqrstuvw"
#define D191 L50 "." L50 "." L50 ".abcdefghijklmnopqrstuvwxyz.abcdefghijk"

static const struct {
	const char *label, *sender, *rcpt, *want;
} cases[] = {
	{ "plain", "bounce@news.example", "joe@example.com",
	    "bounce-joe=example.com@news.example" },
	{ "as it was given", "Bounce@News.Example", "Joe.D@Example.COM",
	    "Bounce-Joe.D=Example.COM@News.Example" },
	{ "signs of its own on both sides", "b-1+x=y@n.example",
	    "a=b+c-d@x-y.example", "b-1+x=y-a=b+c-d=x-y.example@n.example" },
	{ "other hosts' ways", "b@n.example", "a%c.example!d@x.example",
	    "b-a%c.example!d=x.example@n.example" },
	{ "quotes that were needed", "b@n.example", "\"joe doe\"@x.example",
	    "\"b-joe doe=x.example\"@n.example" },
	{ "quotes that were not", "b@n.example", "\"joe\"@x.example",
	    "b-joe=x.example@n.example" },
	{ "signs of quoting", "b@n.example", "\"a\\\"b\\\\c\\d\"@x.example",
	    "\"b-a\\\"b\\\\c\\d=x.example\"@n.example" },
	{ "an @ in quotes", "b@n.example", "\"a@b\"@x.example",
	    "\"b-a@b=x.example\"@n.example" },
	{ "nothing in quotes", "b@n.example", "\"\"@x.example",
	    "b-=x.example@n.example" },
	{ "a sender in quotes", "\"my b\"@n.example", "joe@x.example",
	    "\"my b-joe=x.example\"@n.example" },
	{ "dots that are no dot-atom", "b@n.example", "a..b@x.example",
	    "\"b-a..b=x.example\"@n.example" },
	{ "a dot at the end is none any more", "b@n.example", "a.@x.example",
	    "b-a.=x.example@n.example" },
	{ "an address literal", "b@n.example", "a@[IPv6:2001:db8::1]",
	    "\"b-a=[IPv6:2001:db8::1]\"@n.example" },
	{ "UTF-8", "b@n.example", "gr\xC3\xBC\xC3\x9F@x.example",
	    "b-gr\xC3\xBC\xC3\x9F=x.example@n.example" },
	{ "a domain that is not ASCII", "b@n.example",
	    "joe@b\xC3\xBC"
	    "cher.example",
	    "b-joe=b\xC3\xBC"
	    "cher.example@n.example" },
	{ "a sender's that is not",
	    "b@b\xC3\xBC"
	    "cher.example",
	    "joe@x.example",
	    "b-joe=x.example@b\xC3\xBC"
	    "cher.example" },
	{ "64 octets", S30 "@n.example", S30 "1@e",
	    S30 "-" S30 "1=e"
		"@n.example" },
	{ "65 octets", S30 "@n.example", S30 "12@e", S30 "@n.example" },
	{ "64 octets without quotes", S30 "@n.example", "\"" S30 " \"@e",
	    S30 "@n.example" },
	{ "254 octets", "b@" D191, S30 "abcdefghijklmnopqrs.@b.example",
	    "b-" S30 "abcdefghijklmnopqrs.=b.example@" D191 },
	{ "255 octets", "b0@" D191, S30 "abcdefghijklmnopqrs.@b.example",
	    "b0@" D191 },
	{ "the null sender", "", "joe@x.example", "" },
	{ "a sender without a domain", "b", "joe@x.example", "b" },
};

static struct region *rg;

/* The mailbox that a quoted or unquoted one means, in one way of writing. */
static const char *
meant(const char *rcpt)
{
	const char *at = strrchr(rcpt, '@');
	static char out[600];
	size_t n = 0;

	for (const char *p = rcpt; p < at; p++) {
		if (*p == '"')
			continue;
		if (*p == '\\')
			p++;
		out[n++] = *p;
	}
	(void)snprintf(out + n, sizeof(out) - n, "%s", at);
	return out;
}

static void
test_case(size_t i)
{
	struct addr to, from;
	const char *got, *back;

	ok(addr_parse(slice_of(cases[i].rcpt), rg, &to) == ADDR_OK,
	    "%s: a recipient", cases[i].label);
	got = verp_make(cases[i].sender, to.text, rg);
	is_str(got, cases[i].want, cases[i].label);
	back = verp_split(got, cases[i].sender, VERP_DELIMITERS, rg);
	if (strcmp(got, cases[i].sender) == 0) {
		ok(back == NULL, "%s: no recipient in it", cases[i].label);
		return;
	}
	ok(addr_parse(slice_of(got), rg, &from) == ADDR_OK, "%s: an address",
	    cases[i].label);
	ok(back != NULL && addr_parse(slice_of(back), rg, &from) == ADDR_OK &&
		strcmp(from.domain, to.domain) == 0,
	    "%s: back again", cases[i].label);
	if (back != NULL) {
		char want[600];

		(void)snprintf(want, sizeof(want), "%s", meant(cases[i].rcpt));
		is_str(meant(back), want, "the same recipient");
	}
}

static const struct {
	const char *label, *addr, *sender, *delimiters, *want;
} splits[] = {
	{ "Postfix's", "s+r=b.test@a.test", "s@a.test", "+=", "r@b.test" },
	{ "domains in any case", "s-r=b.test@A.test", "s@a.TEST",
	    "-=", "r@b.test" },
	{ "quotes are made where needed", "\"s-r r=b.test\"@a.test", "s@a.test",
	    "-=", "\"r r\"@b.test" },
	{ "the last one counts", "s-r=q=b.test@a.test", "s@a.test",
	    "-=", "r=q@b.test" },
	{ "another sender", "t-r=b.test@a.test", "s@a.test", "-=", NULL },
	{ "a longer one", "ss-r=b.test@a.test", "s@a.test", "-=", NULL },
	{ "one in another case", "S-r=b.test@a.test", "s@a.test", "-=", NULL },
	{ "another domain", "s-r=b.test@x.test", "s@a.test", "-=", NULL },
	{ "another delimiter", "s+r=b.test@a.test", "s@a.test", "-=", NULL },
	{ "no second one", "s-r.b.test@a.test", "s@a.test", "-=", NULL },
	{ "no domain behind it", "s-r=@a.test", "s@a.test", "-=", NULL },
	{ "the sender itself", "s@a.test", "s@a.test", "-=", NULL },
	{ "nothing behind the first", "s-@a.test", "s@a.test", "-=", NULL },
	{ "null", "", "s@a.test", "-=", NULL },
	{ "of the null sender", "s-r=b.test@a.test", "", "-=", NULL },
};

int
main(void)
{
	rg = region_new();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		test_case(i);
	for (size_t i = 0; i < sizeof(splits) / sizeof(*splits); i++) {
		const char *got = verp_split(splits[i].addr, splits[i].sender,
		    splits[i].delimiters, rg);

		if (splits[i].want == NULL)
			ok(got == NULL, "split: %s", splits[i].label);
		else
			is_str(got, splits[i].want, splits[i].label);
	}
	region_free(&rg);
	return done_testing();
}

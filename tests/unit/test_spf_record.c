/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is an SPF record, what is a mistake in one, and what its macros stand
 * for: the examples of RFC 7208 section 7.4, and one case for each rule of the
 * grammar.
 */
#include <string.h>

#include "lib/mem.h"
#include "mail/spf_macro.h"
#include "mail/spf_record.h"
#include "tests/tap.h"

/* ---- records --------------------------------------------------------------- */

static const struct {
	const char *terms, *want; /* behind "v=spf1 " */
} records[] = {
	{ "", "0 terms" },
	{ "   a   mx  ", "2 terms" },
	{ "+a -mx ?ptr ~all", "4 terms" },
	{ "A MX PTR EXISTS:x.test InClude:x.test", "5 terms" },
	{ "a:x.test/24 a/24 a//64 a/24//64 mx:%{d}/8//9", "5 terms" },
	{ "ip4:1.2.3.4 ip4:1.2.3.4/0 ip4:1.2.3.4/32", "3 terms" },
	{ "ip6:::1 ip6:::1/128 ip6:::ffff:1.2.3.4/96", "3 terms" },
	{ "exp=e.test redirect=r.test a", "1 terms, exp, redirect" },
	{ "EXP=e.test moo=a moo=b x.y-z_1=", "0 terms, exp" },
	{ "a:x.test. a:x.t-1 a:x.1a a:%{d} a:x%{d} a:%%.%_.%-.t1", "6 terms" },
	{ "a:x/y.test", "1 terms" },
	{ "moo=1/2", "0 terms" },

	{ "b", "an unknown mechanism in \"b\"" },
	{ "+", "an unknown mechanism in \"+\"" },
	{ "++a", "an unknown mechanism in \"++a\"" },
	{ "all.", "an unknown mechanism in \"all.\"" },
	{ "1=x", "an unknown mechanism in \"1=x\"" },
	{ "=x", "an unknown mechanism in \"=x\"" },
	{ "-moo=x", "an unknown mechanism in \"-moo=x\"" },
	{ "all:x.test", "something unknown behind the name in \"all:x.test\"" },
	{ "all/8", "something unknown behind the name in \"all/8\"" },
	{ "ptr/8", "something unknown behind the name in \"ptr/8\"" },
	{ "a/", "something unknown behind the name in \"a/\"" },
	{ "a/24x", "something unknown behind the name in \"a/24x\"" },
	{ "include", "no domain in \"include\"" },
	{ "exists", "no domain in \"exists\"" },
	{ "a:", "no domain in \"a:\"" },
	{ "a:/8", "no domain in \"a:/8\"" },
	{ "redirect=", "no domain in \"redirect=\"" },
	{ "exp=", "no domain in \"exp=\"" },
	{ "exp=a.test exp=b.test", "a second one in \"exp=b.test\"" },
	{ "redirect=a.test redirect=a.test",
	    "a second one in \"redirect=a.test\"" },
	{ "a:test", "a bad domain in \"a:test\"" },
	{ "a:x.", "a bad domain in \"a:x.\"" },
	{ "a:x..", "a bad domain in \"a:x..\"" },
	{ "a:x.123", "a bad domain in \"a:x.123\"" },
	{ "a:x.-a", "a bad domain in \"a:x.-a\"" },
	{ "a:x.a-", "a bad domain in \"a:x.a-\"" },
	{ "a:x.a_b", "a bad domain in \"a:x.a_b\"" },
	{ "a:%{d}x", "a bad domain in \"a:%{d}x\"" },
	{ "a:x.test:8080", "a bad domain in \"a:x.test:8080\"" },
	{ "a:1.2.3.4", "a bad domain in \"a:1.2.3.4\"" },
	{ "a/33", "a bad length of a prefix in \"a/33\"" },
	{ "a/024", "a bad length of a prefix in \"a/024\"" },
	{ "a//129", "a bad length of a prefix in \"a//129\"" },
	{ "a/24/64", "a bad length of a prefix in \"a/24/64\"" },
	{ "a/4294967296", "a bad length of a prefix in \"a/4294967296\"" },
	{ "ip4", "no address in \"ip4\"" },
	{ "ip4/8", "no address in \"ip4/8\"" },
	{ "ip4:", "a bad address in \"ip4:\"" },
	{ "ip4:1.2.3", "a bad address in \"ip4:1.2.3\"" },
	{ "ip4:1.2.3.04", "a bad address in \"ip4:1.2.3.04\"" },
	{ "ip4:::1", "a bad address in \"ip4:::1\"" },
	{ "ip4:1.2.3.4//8", "a bad address in \"ip4:1.2.3.4//8\"" },
	{ "ip4:1.2.3.4/33", "a bad length of a prefix in \"ip4:1.2.3.4/33\"" },
	{ "ip6:1.2.3.4", "a bad address in \"ip6:1.2.3.4\"" },
	{ "ip6:IPv6:::1", "a bad address in \"ip6:IPv6:::1\"" },
	{ "ip6:::1/129", "a bad length of a prefix in \"ip6:::1/129\"" },
	{ "a:%{x}.test", "an unknown macro in \"a:%{x}.test\"" },
	{ "a:%{c}.test",
	    "a macro that is for explanations only in \"a:%{c}.test\"" },
	{ "moo=%{T}", "a macro that is for explanations only in \"moo=%{T}\"" },
	{ "a:%{d0}", "a macro with no part of its value in \"a:%{d0}\"" },
	{ "a:%{d", "a macro without its end in \"a:%{d\"" },
	{ "a:%{", "a macro without its end in \"a:%{\"" },
	{ "a:%{drr}", "a macro without its end in \"a:%{drr}\"" },
	{ "a:%{d:}", "a macro without its end in \"a:%{d:}\"" },
	{ "a:%d.test", "a \"%\" that is no macro in \"a:%d.test\"" },
	{ "moo=%", "a \"%\" that is no macro in \"moo=%\"" },
	{ "a\tmx", "a byte that is not printable ASCII" },
	{ "a:\xc3\xbc.test", "a byte that is not printable ASCII" },
};

static void
test_records(struct region *rg)
{
	for (size_t i = 0; i < sizeof(records) / sizeof(*records); i++) {
		const char *text = REGION_JOIN(rg, "v=spf1 ", records[i].terms);
		struct spf_record r;
		struct err e;
		char got[sizeof(e.text)];

		if (spf_record_parse(text, rg, &r, &e) == -1)
			(void)snprintf(got, sizeof(got), "%s", e.text);
		else
			(void)snprintf(got, sizeof(got), "%zu terms%s%s", r.n,
			    r.exp.p == NULL ? "" : ", exp",
			    r.redirect.p == NULL ? "" : ", redirect");
		is_str(got, records[i].want, records[i].terms);
		region_reset(rg);
	}
}

/* What a term is made of. */
static void
test_terms(struct region *rg)
{
	struct spf_record r;
	struct err e;

	ok(spf_record_parse("v=spf1 ~MX:a.test/24//64 ip6:2001:db8::/32", rg,
	       &r, &e) == 0,
	    "a record");
	is_int(r.terms[0].mechanism, SPF_MX, "mechanism");
	is_int(r.terms[0].qualifier, '~', "qualifier");
	ok(slice_eq(r.terms[0].domain, "a.test"), "domain");
	is_int(r.terms[0].bits4, 24, "length for IPv4");
	is_int(r.terms[0].bits6, 64, "length for IPv6");
	is_int(r.terms[1].qualifier, '+', "qualifier of none");
	is_int(r.terms[1].to.bits, 32, "length of a network");
	ok(r.terms[1].domain.p == NULL, "which has no domain");
	ok(!spf_record_is("v=spf1\t-all") && !spf_record_is("v=spf10") &&
		!spf_record_is("v=spf") && !spf_record_is(" v=spf1"),
	    "no records");
}

/* ---- macros ---------------------------------------------------------------- */

/* Section 7.4, in its words: who is strong-bad@email.example.com. */
static const struct {
	const char *text, *want; /* NULL: cannot be expanded */
} macros[] = {
	{ "%{s}", "strong-bad@email.example.com" },
	{ "%{o}", "email.example.com" },
	{ "%{d}", "email.example.com" },
	{ "%{d4}", "email.example.com" },
	{ "%{d3}", "email.example.com" },
	{ "%{d2}", "example.com" },
	{ "%{d1}", "com" },
	{ "%{dr}", "com.example.email" },
	{ "%{d2r}", "example.email" },
	{ "%{l}", "strong-bad" },
	{ "%{l-}", "strong.bad" },
	{ "%{lr}", "strong-bad" },
	{ "%{lr-}", "bad.strong" },
	{ "%{l1r-}", "strong" },
	{ "%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com" },
	{ "%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com" },
	{ "%{lr-}.lp.%{ir}.%{v}._spf.%{d2}",
	    "bad.strong.lp.3.2.0.192.in-addr._spf.example.com" },
	{ "%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}",
	    "3.2.0.192.in-addr.strong.lp._spf.example.com" },
	{ "%{d2}.trusted-domains.example.net",
	    "example.com.trusted-domains.example.net" },

	{ "a%%b%_c%-d", "a%b c%20d" },
	{ "%{S}", "strong-bad%40email.example.com" },
	{ "%{D2R}", "example.email" },
	{ "%{H}", "a%2Fb~%7F" },
	{ "%{d999999999999}", "email.example.com" },
	{ "%{s-.@}", NULL }, /* "@" is no delimiter: never asked */
	{ "%{s1-.}", "com" },
	{ "%{h/}", "a.b~\x7f" },
	{ "%{p}", NULL },
	{ "", "" },
};

static void
test_macros(struct region *rg)
{
	struct spf_values v = { 0 };

	v.of['s' - 'a'] = "strong-bad@email.example.com";
	v.of['l' - 'a'] = "strong-bad";
	v.of['o' - 'a'] = v.of['d' - 'a'] = "email.example.com";
	v.of['i' - 'a'] = "192.0.2.3";
	v.of['v' - 'a'] = "in-addr";
	v.of['h' - 'a'] = "a/b~\x7f";
	for (size_t i = 0; i < sizeof(macros) / sizeof(*macros); i++) {
		struct slice text = slice_of(macros[i].text);
		const char *got = NULL;

		if (spf_macro_fault(text, SPF_MACRO_TEXT) == NULL)
			got = spf_macro_expand(text, &v, rg);
		if (macros[i].want == NULL)
			ok(got == NULL, "not %s", macros[i].text);
		else
			is_str(got, macros[i].want, macros[i].text);
	}
	ok(spf_macro_uses(slice_of("a%{d}%{P1r}"), 'p'), "uses p");
	ok(!spf_macro_uses(slice_of("p%{d}%%{p}"), 'p'), "does not");
	ok(spf_macro_fault(slice_of("a b %{c}%{r}%{t}"), SPF_MACRO_TEXT) ==
		NULL,
	    "an explanation");
	ok(spf_macro_fault(slice_of("a\tb"), SPF_MACRO_TEXT) != NULL,
	    "with a tab it is none");
}

int
main(void)
{
	struct region *rg = region_new();

	test_records(rg);
	test_terms(rg);
	test_macros(rg);
	region_free(&rg);
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns that match a domain come from general to specific. */
#include "lib/str.h"
#include "tests/tap.h"
#include "vmta/domain_map.h"

/* The value of each is its text; m: "from a macro". */
static const struct {
	const char *pattern;
	bool from_macro;
	const char *value;
} patterns[] = {
	{ "a.example.com", false, "exact" },
	{ "a.example.com", true, "macro" },
	{ "a.example.com", false, "exact2" },
	{ "*.example.com", false, "below" },
	{ "[*.]example.com", false, "both" },
	{ "[*.]a.example.com", false, "both-long" },
	{ "*.com", false, "below-short" },
	{ "*", false, "all" },
	{ "Example.NET", false, "upper" },
	{ "b\xc3\xbc"
	  "cher.example",
	    false, "idn" },
	{ "[0/0]", false, "literals" },
	{ "[10/8]", false, "ten" },
	{ "[10.1.1.1]", false, "one" },
	{ "[10.9.9.9/8]", false, "ten-again" },
	{ "[2001:db8::/33]", false, "six" },
	{ "{bounce}", false, "special" },
};

static const struct {
	const char *domain, *values;
} cases[] = {
	{ "a.example.com",
	    "all both both-long below-short below macro exact exact2" },
	{ "A.EXAMPLE.COM.",
	    "all both both-long below-short below macro exact exact2" },
	{ "example.com", "all both below-short" },
	{ "b.example.com", "all both below-short below" },
	{ "x.a.example.com", "all both both-long below-short below" },
	{ "notexample.com", "all below-short" },
	{ "com", "all" },
	{ "example.net", "all upper" },
	{ "xn--bcher-kva.example", "all idn" },
	{ "B\xc3\x9c"
	  "CHER.example",
	    "all idn" },
	{ "[10.1.1.1]", "all literals ten ten-again one" },
	{ "[10.2.0.0]", "all literals ten ten-again" },
	{ "[IPv6:2001:db8:7fff::1]", "all literals six" },
	{ "[IPv6:2001:db8:8000::1]", "all literals" },
	{ "[192.0.2.1]", "all literals" },
	{ "[IPv6:::1]", "all literals" },
	{ "[nonsense]", "all" },
	{ "{bounce}", "all special" },
	{ "", "all" },
	{ "..", "all" },
};

static const char *const bad[] = { "", "a b", "[*.]", "*.", "[10/8",
	"[nonsense]", "a..b", "*x.com", "a,b" };

static void
append(void *ctx, const void *value)
{
	struct buf *out = ctx;

	buf_printf(out, "%s%s", out->len == 0 ? "" : " ", (const char *)value);
}

int
main(void)
{
	struct region *rg = region_new();
	struct domain_map *m = domain_map_new(rg);
	struct err e;

	ok(domain_map_is_empty(m), "empty at first");
	ok(!domain_map_has(m, "example.com"), "and has nothing");
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		ok(domain_map_add(m, patterns[i].pattern,
		       patterns[i].from_macro, patterns[i].value, &e) == 0,
		    "%s is added", patterns[i].pattern);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = { 0 };

		domain_map_match(m, cases[i].domain, append, &out);
		is_str(buf_cstr(&out), cases[i].values, cases[i].domain);
		buf_fini(&out);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(domain_map_add(m, bad[i], false, "x", &e) == -1,
		    "\"%s\" is no pattern", bad[i]);
	domain_map_free(&m);
	region_free(&rg);
	return done_testing();
}

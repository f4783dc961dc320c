/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SPF (RFC 7208): what each mechanism and each error makes of a client, with
 * the examples of the RFC's appendix A in its own small world; and what strangers'
 * records can cost is bounded.
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/str.h"
#include "mail/spf.h"
#include "tests/support/zone.h"
#include "tests/tap.h"

enum { ROUNDS_MAX = 40 };

/* Runs to the end; counts questions. */
static void
judge(const struct spf_in *in, const char *zone, struct region *rg,
    struct spf *out, size_t *asked_r)
{
	struct dns_book *book = dns_book_new();
	int rounds = 0;

	*asked_r = 0;
	while (!spf_check(in, book, rg, out)) {
		size_t n = zone_fill(zone, book);

		CHECK(n > 0 && ++rounds <= ROUNDS_MAX);
		*asked_r += n;
		region_reset(rg);
	}
	dns_book_free(&book);
}

static const char *
describe(const struct spf *s, struct region *rg)
{
	const char *word = spf_result_text(s->result);

	if (s->term[0] == '\0')
		return REGION_JOIN(rg, word, ": ", s->reason);
	return REGION_JOIN(rg, word, " by ", s->term,
	    s->explanation[0] == '\0' ? "" : ", says ", s->explanation);
}

/* ---- the world of appendix A ----------------------------------------------- */

/* example.com is %s there: its record is the case's. */
#define WORLD \
	"example.com MX mail-a.example.com\n" \
	"example.com MX mail-b.example.com\n" \
	"example.com A 192.0.2.10\n" \
	"example.com A 192.0.2.11\n" \
	"amy.example.com A 192.0.2.65\n" \
	"bob.example.com A 192.0.2.66\n" \
	"mail-a.example.com A 192.0.2.129\n" \
	"mail-b.example.com A 192.0.2.130\n" \
	"example.org MX mail-c.example.org\n" \
	"mail-c.example.org A 192.0.2.140\n" \
	"10.2.0.192.in-addr.arpa PTR example.com\n" \
	"11.2.0.192.in-addr.arpa PTR example.com\n" \
	"65.2.0.192.in-addr.arpa PTR amy.example.com\n" \
	"66.2.0.192.in-addr.arpa PTR bob.example.com\n" \
	"129.2.0.192.in-addr.arpa PTR mail-a.example.com\n" \
	"130.2.0.192.in-addr.arpa PTR mail-b.example.com\n" \
	"140.2.0.192.in-addr.arpa PTR mail-c.example.org\n" \
	"4.0.0.10.in-addr.arpa PTR bob.example.com\n"

static const struct {
	const char *record, *pass, *fail; /* clients, between blanks */
} appendix[] = {
	{ "v=spf1 +all", "192.0.2.129 10.0.0.1 2001:db8::1", "" },
	{ "v=spf1 a -all", "192.0.2.10 192.0.2.11", "192.0.2.129" },
	{ "v=spf1 a:example.org -all", "", "192.0.2.10 192.0.2.140" },
	{ "v=spf1 mx -all", "192.0.2.129 192.0.2.130", "192.0.2.10" },
	{ "v=spf1 mx:example.org -all", "192.0.2.140", "192.0.2.129" },
	{ "v=spf1 mx mx:example.org -all",
	    "192.0.2.129 192.0.2.130 192.0.2.140", "192.0.2.131" },
	{ "v=spf1 mx/30 mx:example.org/30 -all",
	    "192.0.2.129 192.0.2.131 192.0.2.140 192.0.2.143",
	    "192.0.2.132 192.0.2.144" },
	{ "v=spf1 ptr -all", "192.0.2.10 192.0.2.65",
	    "192.0.2.140 10.0.0.4 10.0.0.5" },
	{ "v=spf1 ip4:192.0.2.128/28 -all", "192.0.2.129 192.0.2.140",
	    "192.0.2.65" },
};

static void
judge_all(const char *record, const char *clients, const char *want)
{
	struct region *rg = region_new();
	char *zone, *list = mem_strdup(clients), *at = list, *text;

	while ((text = strsep(&at, " ")) != NULL) {
		struct spf_in in = { .helo = "mail.example.com",
			.sender = "strong-bad@example.com",
			.receiver = "mx.test",
			.voids_max = SPF_VOIDS_MAX };
		struct spf s;
		struct err e;
		size_t asked;

		if (text[0] == '\0')
			continue;
		CHECK(net_addr_parse(slice_of(text), &in.client, &e) == 0);
		zone = mem_strdup(
		    REGION_JOIN(rg, WORLD "example.com TXT ", record, "\n"));
		judge(&in, zone, rg, &s, &asked);
		if (!ok(strcmp(spf_result_text(s.result), want) == 0,
			"%s: %s for %s", record, want, text))
			(void)printf("#   got %s\n", describe(&s, rg));
		free(zone);
		region_reset(rg);
	}
	free(list);
	region_free(&rg);
}

/* ---- one by one ------------------------------------------------------------ */

#define D "d.test TXT v=spf1 "

static const struct {
	const char *label, *zone;
	const char *client, *helo,
	    *sender; /* NULL: 192.0.2.1, h.test, u@d.test */
	const char *want;
} cases[] = {
	{ "no such domain", "", NULL, NULL, NULL,
	    "none: d.test has no SPF record" },
	{ "other texts", "d.test TXT v=spf10 -all\nd.test TXT spf\n", NULL,
	    NULL, NULL, "none: d.test has no SPF record" },
	{ "one among others", "d.test TXT x\n" D "-all\n", NULL, NULL, NULL,
	    "fail by -all" },
	{ "in capitals", "d.test TXT V=SPF1 -ALL\n", NULL, NULL, NULL,
	    "fail by -ALL" },
	{ "two records", D "-all\n" D "+all\n", NULL, NULL, NULL,
	    "permerror: d.test has more than one SPF record" },
	{ "DNS has trouble", "d.test TEMP\n", NULL, NULL, NULL,
	    "temperror: no answer for d.test (TXT): SERVFAIL" },
	{ "an empty record", "d.test TXT v=spf1\n", NULL, NULL, NULL,
	    "neutral: no term of d.test matches" },
	{ "softfail", D "~all\n", NULL, NULL, NULL, "softfail by ~all" },
	{ "neutral", D "?all\n", NULL, NULL, NULL, "neutral by ?all" },
	{ "the first that matches", D "?ip4:192.0.2.1 -all\n", NULL, NULL, NULL,
	    "neutral by ?ip4:192.0.2.1" },
	{ "a mistake behind what matches", D "+all ip4:1.2.3\n", NULL, NULL,
	    NULL,
	    "permerror: the SPF record of d.test: a bad address in "
	    "\"ip4:1.2.3\"" },
	{ "of one label", "", NULL, NULL, "u@test",
	    "none: \"test\" is no domain with a record" },
	{ "an address literal", "", NULL, NULL, "u@[192.0.2.1]",
	    "none: \"[192.0.2.1]\" is no domain with a record" },
	{ "an empty label", "", NULL, NULL, "u@a..test",
	    "none: \"a..test\" is no domain with a record" },

	{ "the null sender: HELO", "h.test TXT v=spf1 -all\n", NULL, NULL, "",
	    "fail by -all" },
	{ "and it is postmaster there",
	    "h.test TXT v=spf1 exists:%{l}.%{o}.x.test -all\n"
	    "postmaster.h.test.x.test A 127.0.0.2\n",
	    NULL, NULL, "", "pass by exists:%{l}.%{o}.x.test" },
	{ "HELO is an address", "", NULL, "[192.0.2.1]", "",
	    "none: \"[192.0.2.1]\" is no domain with a record" },
	{ "a domain of U-labels", "xn--bcher-kva.test TXT v=spf1 -all\n", NULL,
	    NULL,
	    "u@b\xc3\xbc"
	    "cher.test",
	    "fail by -all" },
	{ "a local part that is not ASCII matches nothing that needs it",
	    D "exists:%{l}.x.test a:%{s}.test ~all\n", NULL, NULL,
	    "\xc3\xbc@d.test", "softfail by ~all" },

	{ "ip4", D "ip4:192.0.2.0/24 -all\n", NULL, NULL, NULL,
	    "pass by ip4:192.0.2.0/24" },
	{ "ip4 of length 0", D "ip4:10.0.0.0/0 -all\n", NULL, NULL, NULL,
	    "pass by ip4:10.0.0.0/0" },
	{ "ip4 and a client by IPv6", D "ip4:0.0.0.0/0 -all\n", "2001:db8::1",
	    NULL, NULL, "fail by -all" },
	{ "ip6", D "ip6:2001:db8::/33 -all\n", "2001:db8:7fff::1", NULL, NULL,
	    "pass by ip6:2001:db8::/33" },
	{ "ip6, not in it", D "ip6:2001:db8::/33 -all\n", "2001:db8:8000::1",
	    NULL, NULL, "fail by -all" },

	{ "a, by IPv6", D "a/0//64 -all\nd.test AAAA 2001:db8::5\n",
	    "2001:db8::77", NULL, NULL, "pass by a/0//64" },
	{ "a, by IPv6, not in it", D "a/0//64 -all\nd.test AAAA 2001:db8::5\n",
	    "2001:db8:0:1::77", NULL, NULL, "fail by -all" },
	{ "a in trouble", D "a -all\nd.test A TEMP\n", NULL, NULL, NULL,
	    "temperror: no answer for d.test (A): SERVFAIL" },
	{ "a of what cannot be a name", D "a:%{o}..x.test -all\n", NULL, NULL,
	    NULL, "fail by -all" },
	{ "mx, the second host in trouble",
	    D "mx -all\nd.test MX a.test\nd.test MX b.test\n"
	      "a.test A 192.0.2.1\nb.test TEMP\n",
	    NULL, NULL, NULL, "pass by mx" },
	{ "mx, the first host in trouble",
	    D "mx -all\nd.test MX a.test\nd.test MX b.test\n"
	      "a.test TEMP\nb.test A 192.0.2.2\n",
	    NULL, NULL, NULL, "temperror: no answer for a.test (A): SERVFAIL" },
	{ "mx of none", D "mx -all\nd.test MX \n", NULL, NULL, NULL,
	    "fail by -all" },
	{ "mx in trouble", D "mx -all\nd.test MX TEMP\n", NULL, NULL, NULL,
	    "temperror: no answer for d.test (MX): SERVFAIL" },
	{ "exists, by IPv6 too, asks for A",
	    D "exists:e.test -all\ne.test A 127.0.0.2\n", "2001:db8::1", NULL,
	    NULL, "pass by exists:e.test" },
	{ "exists in trouble", D "exists:e.test -all\ne.test TEMP\n", NULL,
	    NULL, NULL, "temperror: no answer for e.test (A): SERVFAIL" },
	{ "exists of bytes of all kinds",
	    D "exists:%{l}.e.test -all\na+b=c!.e.test A 127.0.0.2\n", NULL,
	    NULL, "a+b=C!@d.test", "pass by exists:%{l}.e.test" },
	{ "ptr of a domain above",
	    D "ptr -all\n"
	      "1.2.0.192.in-addr.arpa PTR a.d.test\na.d.test A 192.0.2.1\n",
	    NULL, NULL, NULL, "pass by ptr" },
	{ "ptr of a domain that only ends so",
	    D "ptr -all\n"
	      "1.2.0.192.in-addr.arpa PTR ad.test\nad.test A 192.0.2.1\n",
	    NULL, NULL, NULL, "fail by -all" },
	{ "ptr that nobody confirms",
	    D "ptr -all\n"
	      "1.2.0.192.in-addr.arpa PTR a.d.test\na.d.test A 192.0.2.2\n",
	    NULL, NULL, NULL, "fail by -all" },
	{ "ptr, a name in trouble is left out",
	    D "ptr -all\n"
	      "1.2.0.192.in-addr.arpa PTR a.d.test\n"
	      "1.2.0.192.in-addr.arpa PTR b.d.test\n"
	      "a.d.test TEMP\nb.d.test A 192.0.2.1\n",
	    NULL, NULL, NULL, "pass by ptr" },
	{ "ptr in trouble does not match",
	    D "ptr -all\n1.2.0.192.in-addr.arpa TEMP\n", NULL, NULL, NULL,
	    "fail by -all" },

	{ "include passes", D "include:i.test -all\ni.test TXT v=spf1 +all\n",
	    NULL, NULL, NULL, "pass by include:i.test" },
	{ "include passes, and the term is a fail",
	    D "-include:i.test +all\ni.test TXT v=spf1 +all\n", NULL, NULL,
	    NULL, "fail by -include:i.test" },
	{ "include that fails does not match",
	    D "include:i.test ~all\ni.test TXT v=spf1 -all\n", NULL, NULL, NULL,
	    "softfail by ~all" },
	{ "include of neutral", D "include:i.test ~all\ni.test TXT v=spf1\n",
	    NULL, NULL, NULL, "softfail by ~all" },
	{ "include of nothing", D "include:i.test +all\n", NULL, NULL, NULL,
	    "permerror: i.test has no SPF record" },
	{ "include in trouble", D "include:i.test +all\ni.test TEMP\n", NULL,
	    NULL, NULL, "temperror: no answer for i.test (TXT): SERVFAIL" },
	{ "include of a mistake",
	    D "include:i.test +all\ni.test TXT v=spf1 x\n", NULL, NULL, NULL,
	    "permerror: the SPF record of i.test: an unknown mechanism in "
	    "\"x\"" },
	{ "%{d} is that of the record that was included, %{o} is not",
	    D "include:i.test -all\n"
	      "i.test TXT v=spf1 exists:%{o}.%{d}\n"
	      "d.test.i.test A 127.0.0.2\n",
	    NULL, NULL, NULL, "pass by include:i.test" },
	{ "two deep",
	    D "include:i.test -all\n"
	      "i.test TXT v=spf1 ?include:j.test +all\n"
	      "j.test TXT v=spf1 +all\n",
	    NULL, NULL, NULL, "fail by -all" },
	{ "in a circle", D "include:d.test -all\n", NULL, NULL, NULL,
	    "permerror: too many terms that need DNS" },

	{ "redirect", D "redirect=r.test\nr.test TXT v=spf1 -all\n", NULL, NULL,
	    NULL, "fail by -all" },
	{ "redirect, wherever it stands",
	    D "redirect=r.test ?ip4:192.0.2.1\nr.test TXT v=spf1 -all\n", NULL,
	    NULL, NULL, "neutral by ?ip4:192.0.2.1" },
	{ "redirect to nothing", D "redirect=r.test\n", NULL, NULL, NULL,
	    "permerror: r.test has no SPF record" },
	{ "redirect in a circle", D "redirect=d.test\n", NULL, NULL, NULL,
	    "permerror: too many terms that need DNS" },
	{ "%{d} behind redirect",
	    D "redirect=r.test\n"
	      "r.test TXT v=spf1 -exists:%{d}.x.test\n"
	      "r.test.x.test A 127.0.0.2\n",
	    NULL, NULL, NULL, "fail by -exists:%{d}.x.test" },
	{ "redirect that needs what there is not", D "redirect=%{l}.test\n",
	    NULL, NULL, "\xc3\xbc@d.test",
	    "permerror: redirect= needs what there is not" },
	{ "an unknown modifier", D "moo=%{d}/x -all\n", NULL, NULL, NULL,
	    "fail by -all" },

	{ "exp",
	    D "-all exp=e.test\n"
	      "e.test TXT %{i} is no host of %{d}, %{c} %{r} %{t}\n",
	    NULL, NULL, NULL,
	    "fail by -all, says 192.0.2.1 is no host of d.test, 192.0.2.1 "
	    "mx.test 1700000000" },
	{ "exp with a mistake", D "-all exp=e.test\ne.test TXT %{x}\n", NULL,
	    NULL, NULL, "fail by -all" },
	{ "exp of two texts", D "-all exp=e.test\ne.test TXT a\ne.test TXT b\n",
	    NULL, NULL, NULL, "fail by -all" },
	{ "exp in trouble", D "-all exp=e.test\ne.test TEMP\n", NULL, NULL,
	    NULL, "fail by -all" },
	{ "exp is not for softfail", D "~all exp=e.test\ne.test TXT no\n", NULL,
	    NULL, NULL, "softfail by ~all" },
	{ "exp behind redirect is that of the other",
	    D "redirect=r.test exp=e.test\ne.test TXT mine\n"
	      "r.test TXT v=spf1 -all exp=f.test\nf.test TXT yours\n",
	    NULL, NULL, NULL, "fail by -all, says yours" },
	{ "exp of what was included is not told",
	    D "-include:i.test exp=e.test\ne.test TXT mine\n"
	      "i.test TXT v=spf1 +all exp=f.test\nf.test TXT yours\n",
	    NULL, NULL, NULL, "fail by -include:i.test, says mine" },

	{ "%{p} that is the domain",
	    D "exists:%{p}.x.test -all\n"
	      "1.2.0.192.in-addr.arpa PTR z.test\n"
	      "1.2.0.192.in-addr.arpa PTR a.d.test\n"
	      "1.2.0.192.in-addr.arpa PTR d.test\n"
	      "z.test A 192.0.2.1\na.d.test A 192.0.2.1\nd.test A 192.0.2.1\n"
	      "d.test.x.test A 127.0.0.2\n",
	    NULL, NULL, NULL, "pass by exists:%{p}.x.test" },
	{ "%{p} that is in the domain",
	    D "exists:%{p}.x.test -all\n"
	      "1.2.0.192.in-addr.arpa PTR z.test\n"
	      "1.2.0.192.in-addr.arpa PTR a.d.test\n"
	      "z.test A 192.0.2.1\na.d.test A 192.0.2.1\n"
	      "a.d.test.x.test A 127.0.0.2\n",
	    NULL, NULL, NULL, "pass by exists:%{p}.x.test" },
	{ "%{p} of nobody",
	    D "exists:%{p}.x.test -all\n"
	      "unknown.x.test A 127.0.0.2\n",
	    NULL, NULL, NULL, "pass by exists:%{p}.x.test" },
	{ "%{ir}.%{v} of IPv6",
	    D "exists:%{ir}.%{v}.x.test -all\n"
	      "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
	      ".ip6.x.test A 127.0.0.2\n",
	    "2001:db8::1", NULL, NULL, "pass by exists:%{ir}.%{v}.x.test" },
	{ "%{h}", D "exists:%{h}.x.test -all\nh.test.x.test A 127.0.0.2\n",
	    NULL, NULL, NULL, "pass by exists:%{h}.x.test" },

	/* Section 4.6.4 */
	{ "ten terms that need DNS",
	    D "mx mx a a a a a a a a -all\nd.test A 10.0.0.1\n"
	      "d.test MX d.test\n",
	    NULL, NULL, NULL, "fail by -all" },
	{ "eleven",
	    D "mx mx a a a a a a a a a -all\nd.test A 10.0.0.1\n"
	      "d.test MX d.test\n",
	    NULL, NULL, NULL, "permerror: too many terms that need DNS" },
	{ "ten mail servers",
	    D "mx -all\n"
	      "d.test MX a.test\nd.test MX a.test\nd.test MX a.test\n"
	      "d.test MX a.test\nd.test MX a.test\nd.test MX a.test\n"
	      "d.test MX a.test\nd.test MX a.test\nd.test MX a.test\n"
	      "d.test MX b.test\na.test A 10.0.0.1\nb.test A 192.0.2.1\n",
	    NULL, NULL, NULL, "pass by mx" },
	{ "eleven mail servers",
	    D "mx -all\n"
	      "d.test MX a.test\nd.test MX a.test\nd.test MX a.test\n"
	      "d.test MX a.test\nd.test MX a.test\nd.test MX a.test\n"
	      "d.test MX a.test\nd.test MX a.test\nd.test MX a.test\n"
	      "d.test MX a.test\nd.test MX b.test\na.test A 192.0.2.1\n",
	    NULL, NULL, NULL, "permerror: too many mail servers" },
	{ "the eleventh name of the client is not looked at",
	    D "ptr -all\n"
	      "1.2.0.192.in-addr.arpa PTR 1.test\n"
	      "1.2.0.192.in-addr.arpa PTR 2.test\n"
	      "1.2.0.192.in-addr.arpa PTR 3.test\n"
	      "1.2.0.192.in-addr.arpa PTR 4.test\n"
	      "1.2.0.192.in-addr.arpa PTR 5.test\n"
	      "1.2.0.192.in-addr.arpa PTR 6.test\n"
	      "1.2.0.192.in-addr.arpa PTR 7.test\n"
	      "1.2.0.192.in-addr.arpa PTR 8.test\n"
	      "1.2.0.192.in-addr.arpa PTR 9.test\n"
	      "1.2.0.192.in-addr.arpa PTR 10.test\n"
	      "1.2.0.192.in-addr.arpa PTR a.d.test\na.d.test A 192.0.2.1\n",
	    NULL, NULL, NULL, "fail by -all" },
	{ "two that find nothing", D "a:1.test exists:2.test -all\n", NULL,
	    NULL, NULL, "fail by -all" },
	{ "three", D "a:1.test exists:2.test mx:3.test -all\n", NULL, NULL,
	    NULL, "permerror: too many terms find nothing in DNS" },
	{ "mx is one, however many of its hosts have no address",
	    D "mx a:1.test -all\nd.test MX 2.test\nd.test MX 3.test\n"
	      "d.test MX 4.test\n",
	    NULL, NULL, NULL, "fail by -all" },
};

static void
test_case(size_t i, struct region *rg)
{
	struct spf_in in = { .helo = cases[i].helo == NULL ? "h.test" :
							     cases[i].helo,
		.sender = cases[i].sender == NULL ? "u@d.test" :
						    cases[i].sender,
		.receiver = "mx.test",
		.now_s = 1700000000,
		.voids_max = SPF_VOIDS_MAX };
	const char *client = cases[i].client == NULL ? "192.0.2.1" :
						       cases[i].client;
	struct spf s;
	struct err e;
	size_t asked;

	CHECK(net_addr_parse(slice_of(client), &in.client, &e) == 0);
	judge(&in, cases[i].zone, rg, &s, &asked);
	is_str(describe(&s, rg), cases[i].want, cases[i].label);
	region_reset(rg);
}

/* ---- bounds ---------------------------------------------------------------- */

static void
test_voids(void)
{
	struct region *rg = region_new();
	struct spf_in in = { .client = { AF_INET, { 192, 0, 2, 1 } },
		.helo = "h.test",
		.sender = "u@d.test",
		.receiver = "mx.test",
		.voids_max = 0 };
	struct spf s;
	size_t asked;

	judge(&in, D "a:1.test -all\n", rg, &s, &asked);
	is_int(s.result, SPF_PERMERROR, "no term may find nothing, if so said");
	in.voids_max = 5;
	judge(&in, D "a:1.test a:2.test a:3.test -all\n", rg, &s, &asked);
	is_int(s.result, SPF_FAIL, "or more than two may");
	is_int(s.voids, 3, "which are counted");
	is_int(s.terms, 3, "and so are terms");
	region_free(&rg);
}

/* The most that a record can have us ask: ten times ten mail servers. */
static void
test_cost(void)
{
	struct region *rg = region_new();
	struct spf_in in = { .client = { AF_INET, { 192, 0, 2, 1 } },
		.helo = "h.test",
		.sender = "u@d.test",
		.receiver = "mx.test",
		.voids_max = SPF_VOIDS_MAX };
	struct buf zone = { 0 };
	struct spf s;
	size_t asked;

	buf_str(&zone, "d.test TXT v=spf1");
	for (int i = 0; i < 10; i++)
		buf_printf(&zone, " mx:m%d.test", i);
	buf_str(&zone, " -all\n");
	for (int i = 0; i < 10; i++)
		for (int k = 0; k < 10; k++)
			buf_printf(&zone, "m%d.test MX h%d.m%d.test\n", i, k,
			    i);
	for (int i = 0; i < 10; i++)
		for (int k = 0; k < 10; k++)
			buf_printf(&zone, "h%d.m%d.test A 10.0.0.1\n", k, i);
	judge(&in, buf_cstr(&zone), rg, &s, &asked);
	is_int(s.result, SPF_FAIL, "ten times ten mail servers");
	is_int((int64_t)asked, 1 + 10 + 100, "so many questions, and no more");
	buf_fini(&zone);
	region_free(&rg);
}

/* A name of %{} may be of any length: its right part is asked for. */
static void
test_long_name(void)
{
	struct region *rg = region_new();
	struct spf_in in = { .client = { AF_INET, { 192, 0, 2, 1 } },
		.helo = "h.test",
		.sender = "u@d.test",
		.receiver = "mx.test",
		.voids_max = SPF_VOIDS_MAX };
	struct buf zone = { 0 }, name = { 0 };
	struct spf s;
	size_t asked;

	buf_str(&zone, "d.test TXT v=spf1 exists:");
	for (int i = 0; i < 60; i++)
		buf_str(&zone, "%{d}.");
	buf_str(&zone, "x.test -all\n");
	for (int i = 0; i < 35; i++)
		buf_str(&name, "d.test.");
	buf_str(&name, "x.test");
	buf_printf(&zone, "test.%s A 127.0.0.2\n", buf_cstr(&name));
	is_int((int64_t)name.len + 5, 256, "one label fewer is to be asked");
	judge(&in, buf_cstr(&zone), rg, &s, &asked);
	is_int(s.result, SPF_FAIL, "not 256 bytes of it");
	buf_printf(&zone, "%s A 127.0.0.2\n", buf_cstr(&name));
	judge(&in, buf_cstr(&zone), rg, &s, &asked);
	is_int(s.result, SPF_PASS, "but 251");
	buf_fini(&zone);
	buf_fini(&name);
	region_free(&rg);
}

/*
 * Two thousand macros in a text of a stranger, which includes nine like it: what
 * that takes is the C library's to say.
 */
static void
test_many_macros(void)
{
	struct region *rg = region_new();
	struct spf_in in = { .client = { AF_INET, { 192, 0, 2, 1 } },
		.helo = "h.test",
		.sender = "a.sender.with.a.rather.long.local.part@d.test",
		.receiver = "mx.test",
		.voids_max = SPF_VOIDS_MAX };
	struct buf zone = { 0 };
	struct mallinfo2 before, after;
	struct spf s;
	size_t asked;

	buf_str(&zone, "d.test TXT v=spf1 include:");
	for (int i = 0; i < 2000; i++)
		buf_str(&zone, "%{s}");
	buf_str(&zone, " -all\n");
	before = mallinfo2();
	judge(&in, buf_cstr(&zone), rg, &s, &asked);
	after = mallinfo2();
	is_str(describe(&s, rg),
	    "permerror: a macro of d.test stands for too much",
	    "what stands for too much is a mistake");
	ok(after.uordblks + after.hblkhd <
		before.uordblks + before.hblkhd + (1 << 20),
	    "and takes no memory");
	is_int((int64_t)asked, 1, "nor another question");
	buf_clear(&zone);
	buf_str(&zone, "d.test TXT v=spf1 -all exp=e.test\ne.test TXT ");
	for (int i = 0; i < 2000; i++)
		buf_str(&zone, "%{s}");
	buf_str(&zone, "\n");
	judge(&in, buf_cstr(&zone), rg, &s, &asked);
	is_str(describe(&s, rg), "fail by -all", "nor is it told");
	is_str(s.reason, "\"-all\" of d.test", "with the reason of the result");
	buf_fini(&zone);
	region_free(&rg);
}

int
main(void)
{
	struct region *rg = region_new();

	for (size_t i = 0; i < sizeof(appendix) / sizeof(*appendix); i++) {
		judge_all(appendix[i].record, appendix[i].pass, "pass");
		judge_all(appendix[i].record, appendix[i].fail, "fail");
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		test_case(i, rg);
	test_voids();
	test_cost();
	test_long_name();
	test_many_macros();
	region_free(&rg);
	return done_testing();
}

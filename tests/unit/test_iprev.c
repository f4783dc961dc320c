/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reverse check of RFC 8601 section 3: each of its four results, for both
 * kinds of addresses; and a book asks for everything once.
 */
#include <string.h>

#include "lib/check.h"
#include "mail/iprev.h"
#include "tests/support/zone.h"
#include "tests/tap.h"

#define V4 "1.2.0.192.in-addr.arpa"
#define V6 \
	"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2" \
	".ip6.arpa"

static const struct {
	const char *label, *zone;
	const char *client; /* NULL: 192.0.2.1 */
	const char *want;
	unsigned asked;
} cases[] = {
	{ "a name that has it", V4 " PTR a.test\na.test A 192.0.2.1\n", NULL,
	    "pass a.test", 2 },
	{ "by IPv6", V6 " PTR a.test\na.test AAAA 2001:db8::1\n", "2001:db8::1",
	    "pass a.test", 2 },
	{ "the other kind of address does not count",
	    V6 " PTR a.test\na.test A 192.0.2.1\n", "2001:db8::1",
	    "fail a.test does not have the address", 2 },
	{ "the second name",
	    V4 " PTR a.test\n" V4 " PTR b.test\n"
	       "a.test A 192.0.2.2\nb.test A 192.0.2.2\nb.test A 192.0.2.1\n",
	    NULL, "pass b.test", 3 },
	{ "trouble with the other name",
	    V4 " PTR a.test\n" V4 " PTR b.test\n"
	       "a.test TEMP\nb.test A 192.0.2.1\n",
	    NULL, "pass b.test", 3 },
	{ "a name that does not exist", V4 " PTR a.test\n", NULL,
	    "fail a.test does not have the address", 2 },
	{ "two that do not have it",
	    V4 " PTR a.test\n" V4 " PTR b.test\n"
	       "a.test A 192.0.2.2\n",
	    NULL, "fail a.test and its other names do not have the address",
	    3 },
	{ "trouble with a name",
	    V4 " PTR a.test\n" V4 " PTR b.test\n"
	       "a.test TEMP\nb.test A 192.0.2.2\n",
	    NULL, "temperror no answer for a.test (A): SERVFAIL", 3 },
	{ "trouble with the address", V4 " TEMP\n", NULL,
	    "temperror no answer for " V4 " (PTR): SERVFAIL", 1 },
	{ "no name", "", NULL, "permerror the address has no name", 1 },
	{ "other records", V4 " TXT a.test\n", NULL,
	    "permerror the address has no name", 1 },
	{ "the eleventh name is not looked at",
	    V4 " PTR 1.test\n" V4 " PTR 2.test\n" V4 " PTR 3.test\n" V4
	       " PTR 4.test\n" V4 " PTR 5.test\n" V4 " PTR 6.test\n" V4
	       " PTR 7.test\n" V4 " PTR 8.test\n" V4 " PTR 9.test\n" V4
	       " PTR 10.test\n" V4 " PTR 11.test\n11.test A 192.0.2.1\n",
	    NULL, "fail 1.test and its other names do not have the address",
	    11 },
};

static void
test_case(size_t i, struct region *rg)
{
	const char *text = cases[i].client == NULL ? "192.0.2.1" :
						     cases[i].client;
	struct dns_book *book = dns_book_new();
	struct net_addr client;
	size_t asked = 0;
	struct iprev v;
	struct err e;

	CHECK(net_addr_parse(slice_of(text), &client, &e) == 0);
	while (!iprev_check(&client, book, rg, &v)) {
		size_t n = zone_fill(cases[i].zone, book);

		CHECK(n > 0);
		asked += n;
	}
	is_str(
	    REGION_JOIN(rg, iprev_result_text(v.result), " ", v.name, v.reason),
	    cases[i].want, cases[i].label);
	is_int((int64_t)asked, cases[i].asked, "with so many questions");
	dns_book_free(&book);
}

static void
test_book(void)
{
	struct dns_book *book = dns_book_new();

	ok(dns_book_find(book, "A.test", DNS_A) == NULL, "not known");
	ok(dns_book_find(book, "a.TEST", DNS_A) == NULL, "in any case");
	ok(dns_book_find(book, "a.test", DNS_MX) == NULL, "another type");
	is_int((int64_t)dns_book_wanted(book), 2, "two questions");
	is_str(dns_book_name(book, 1), "a.test", "the name");
	is_int((int64_t)dns_book_type(book, 1), DNS_MX, "the type");
	dns_book_take(book, 1, NULL);
	is_int((int64_t)dns_book_wanted(book), 2, "open for now");
	dns_book_settle(book);
	is_int((int64_t)dns_book_wanted(book), 1, "one is left");
	is_int((int64_t)dns_book_type(book, 0), DNS_A, "which is the other");
	is_int(dns_book_find(book, "a.test", DNS_MX)->status, DNS_TEMP,
	    "no answer in time is trouble");
	dns_book_free(&book);
	dns_book_free(&book);
}

int
main(void)
{
	struct region *rg = region_new();

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		test_case(i, rg);
	test_book();
	region_free(&rg);
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replies become answers, and no sequence of bytes becomes anything else than
 * an answer or DNS_TEMP.
 */
#include "lib/dns_packet.h"

#include <stdlib.h>

#include "lib/clock.h"
#include "lib/dns_answer.h"
#include "lib/dns_name.h"
#include "lib/mem.h"
#include "lib/str.h"
#include "tests/tap.h"

#define NOW (1000 * US_PER_S)

/* id, then flags and the four counts. */
#define OK_ "\x12\x34\x81\x80"
#define AD_ "\x12\x34\x81\xa0"
#define TC_ "\x12\x34\x83\x80"
#define SERVFAIL_ "\x12\x34\x81\x82"
#define NXDOMAIN_ "\x12\x34\x81\x83"
#define QUERY_ "\x12\x34\x01\x00"
#define N(qd, an, ns, ar) "\0" qd "\0" an "\0" ns "\0" ar

/* Names by place: 12 is the question's name. */
#define NAME "\7example\3net\0"
#define AT_NAME "\300\14"
#define Q(type) NAME "\0" type "\0\1"
#define MX_ "\17"
#define A_ "\1"
#define AAAA_ "\34"
#define PTR_ "\14"
#define CNAME_ "\5"
#define TXT_ "\20"
#define RR(owner, type, ttl, len) owner "\0" type "\0\1\0\0" ttl "\0" len
#define TTL_300 "\1\54"
#define TTL_60 "\0\74"
#define SOA(ttl, min) \
	RR(AT_NAME, "\6", ttl, "\30") \
	"\0\1r\0\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0" min

#define CASE(label, type, bytes, want) \
	{ \
		label, type, bytes, sizeof(bytes) - 1, want \
	}

static const struct {
	const char *label;
	enum dns_type type;
	const char *bytes;
	size_t len;
	const char *want;
} cases[] = {
	/* clang-format off */
	CASE("two MX", DNS_MX, OK_ N("\1", "\2", "\0", "\0") Q(MX_)
	    RR(AT_NAME, MX_, TTL_300, "\10") "\0\12\3mx1" AT_NAME
	    RR(AT_NAME, MX_, TTL_60, "\10") "\0\24\3MX2" AT_NAME,
	    "ok ttl=60 10:mx1.example.net 20:mx2.example.net"),
	CASE("null MX", DNS_MX, OK_ N("\1", "\1", "\0", "\0") Q(MX_)
	    RR(AT_NAME, MX_, TTL_300, "\3") "\0\0\0", "ok ttl=300 0:"),
	CASE("an address, AD", DNS_A, AD_ N("\1", "\1", "\0", "\0") Q(A_)
	    RR(AT_NAME, A_, TTL_300, "\4") "\300\0\2\7",
	    "ok ad ttl=300 192.0.2.7"),
	CASE("IPv6", DNS_AAAA, OK_ N("\1", "\1", "\0", "\0") Q(AAAA_)
	    RR(AT_NAME, AAAA_, TTL_300, "\20")
	    "\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1",
	    "ok ttl=300 2001:db8::1"),
	CASE("two names of an address", DNS_PTR,
	    OK_ N("\1", "\2", "\0", "\0") Q(PTR_)
	    RR(AT_NAME, PTR_, TTL_300, "\4") "\1A" AT_NAME
	    RR(AT_NAME, PTR_, TTL_60, "\2") AT_NAME,
	    "ok ttl=60 a.example.net example.net"),
	CASE("bytes behind a name", DNS_PTR,
	    OK_ N("\1", "\1", "\0", "\0") Q(PTR_)
	    RR(AT_NAME, PTR_, TTL_300, "\5") "\1A" AT_NAME "x",
	    "temp malformed record"),
	CASE("a text of strings", DNS_TXT, OK_ N("\1", "\1", "\0", "\0") Q(TXT_)
	    RR(AT_NAME, TXT_, TTL_300, "\11") "\3a b\0\3; c",
	    "ok ttl=300 \"a b; c\""),
	CASE("two texts, one of nothing", DNS_TXT,
	    OK_ N("\1", "\2", "\0", "\0") Q(TXT_)
	    RR(AT_NAME, TXT_, TTL_300, "\1") "\0"
	    RR(AT_NAME, TXT_, TTL_300, "\2") "\1x", "ok ttl=300 \"\" \"x\""),
	CASE("a string beyond its record", DNS_TXT,
	    OK_ N("\1", "\1", "\0", "\0") Q(TXT_)
	    RR(AT_NAME, TXT_, TTL_300, "\2") "\2x", "temp malformed record"),
	CASE("an alias, its TTL is the lower one", DNS_A,
	    OK_ N("\1", "\2", "\0", "\0") Q(A_)
	    RR(AT_NAME, CNAME_, TTL_60, "\4") "\1a" AT_NAME
	    RR("\1a" AT_NAME, A_, TTL_300, "\4") "\300\0\2\10",
	    "ok ttl=60 192.0.2.8"),
	CASE("an alias behind its target", DNS_A,
	    OK_ N("\1", "\2", "\0", "\0") Q(A_)
	    RR("\1a" AT_NAME, A_, TTL_300, "\4") "\300\0\2\10"
	    RR(AT_NAME, CNAME_, TTL_60, "\4") "\1A" AT_NAME,
	    "ok ttl=60 192.0.2.8"),
	CASE("an alias to itself", DNS_A, OK_ N("\1", "\1", "\0", "\0") Q(A_)
	    RR(AT_NAME, CNAME_, TTL_60, "\2") AT_NAME,
	    "temp its aliases (CNAME) do not end"),
	CASE("an alias without target: NODATA", DNS_A,
	    OK_ N("\1", "\1", "\1", "\0") Q(A_)
	    RR(AT_NAME, CNAME_, TTL_60, "\4") "\1a" AT_NAME
	    SOA(TTL_300, TTL_300), "nodata ttl=60"),
	CASE("somebody else's record", DNS_A,
	    OK_ N("\1", "\1", "\0", "\0") Q(A_)
	    RR("\3www" AT_NAME, A_, TTL_300, "\4") "\300\0\2\10",
	    "nodata ttl=30"),
	CASE("another class", DNS_A, OK_ N("\1", "\1", "\0", "\0") Q(A_)
	    AT_NAME "\0\1\0\3\0\0\1\54\0\4" "\300\0\2\10",
	    "nodata ttl=30"),
	CASE("a TTL with the top bit is 0, and we keep 5 s", DNS_A,
	    OK_ N("\1", "\1", "\0", "\0") Q(A_)
	    AT_NAME "\0\1\0\1\200\0\0\0\0\4" "\300\0\2\10",
	    "ok ttl=5 192.0.2.8"),
	CASE("a TTL of 48 days is a day", DNS_A,
	    OK_ N("\1", "\1", "\0", "\0") Q(A_)
	    AT_NAME "\0\1\0\1\0\100\0\0\0\4" "\300\0\2\10",
	    "ok ttl=86400 192.0.2.8"),
	CASE("NXDOMAIN, SOA minimum below its TTL", DNS_MX,
	    NXDOMAIN_ N("\1", "\0", "\1", "\0") Q(MX_)
	    SOA(TTL_300, TTL_60), "nxdomain ttl=60"),
	CASE("NXDOMAIN, SOA TTL below its minimum", DNS_MX,
	    NXDOMAIN_ N("\1", "\0", "\1", "\0") Q(MX_)
	    SOA(TTL_60, TTL_300), "nxdomain ttl=60"),
	CASE("NXDOMAIN for a day is one for an hour", DNS_MX,
	    NXDOMAIN_ N("\1", "\0", "\1", "\0") Q(MX_)
	    SOA("\177\377", "\177\377"), "nxdomain ttl=3600"),
	CASE("NXDOMAIN without SOA", DNS_MX,
	    NXDOMAIN_ N("\1", "\0", "\0", "\0") Q(MX_),
	    "nxdomain ttl=30"),
	CASE("NODATA", DNS_MX, OK_ N("\1", "\0", "\1", "\0") Q(MX_)
	    SOA(TTL_300, TTL_300), "nodata ttl=300"),
	CASE("a SOA that ends early counts as none", DNS_MX,
	    OK_ N("\1", "\0", "\1", "\0") Q(MX_)
	    RR(AT_NAME, "\6", TTL_300, "\5") "\0\0\0\0\1", "nodata ttl=30"),
	CASE("SERVFAIL", DNS_MX, SERVFAIL_ N("\1", "\0", "\0", "\0") Q(MX_),
	    "temp SERVFAIL"),
	CASE("truncated", DNS_MX, TC_ N("\1", "\0", "\0", "\0") Q(MX_),
	    "temp truncated reply"),
	CASE("a question, no reply", DNS_MX,
	    QUERY_ N("\1", "\0", "\0", "\0") Q(MX_), "temp malformed reply"),
	CASE("another question", DNS_MX, OK_ N("\1", "\0", "\0", "\0") Q(A_),
	    "temp malformed reply"),
	CASE("no question", DNS_MX, OK_ N("\0", "\0", "\0", "\0"),
	    "temp malformed reply"),
	CASE("nothing", DNS_MX, "", "temp malformed reply"),
	CASE("half a header", DNS_MX, OK_ "\0\1\0", "temp malformed reply"),
	CASE("a name that points to itself", DNS_A,
	    OK_ N("\1", "\1", "\0", "\0") Q(A_)
	    RR("\300\35", A_, TTL_300, "\4") "\300\0\2\10",
	    "temp malformed reply"),
	CASE("a name that points ahead", DNS_A,
	    OK_ N("\1", "\1", "\0", "\0") Q(A_)
	    RR("\300\50", A_, TTL_300, "\4") "\0\0\0\0",
	    "temp malformed reply"),
	CASE("two names that point to each other", DNS_A,
	    OK_ N("\1", "\2", "\0", "\0") Q(A_)
	    RR("\1a\300\55", A_, TTL_300, "\4") "\300\0\2\10"
	    RR("\1b\300\35", A_, TTL_300, "\4") "\300\0\2\10",
	    "temp malformed reply"),
	CASE("a label over the end", DNS_A,
	    OK_ N("\1", "\1", "\0", "\0") Q(A_) "\77abc",
	    "temp malformed reply"),
	CASE("a label type that is none", DNS_A,
	    OK_ N("\1", "\1", "\0", "\0") Q(A_)
	    RR("\100", A_, TTL_300, "\4") "\300\0\2\10",
	    "temp malformed reply"),
	CASE("a pointer cut in half", DNS_A,
	    OK_ N("\1", "\1", "\0", "\0") Q(A_) "\300",
	    "temp malformed reply"),
	CASE("a record cut in its TTL", DNS_A,
	    OK_ N("\1", "\1", "\0", "\0") Q(A_) AT_NAME "\0\1\0\1\0\0",
	    "temp malformed reply"),
	CASE("data over the end", DNS_A,
	    OK_ N("\1", "\1", "\0", "\0") Q(A_)
	    RR(AT_NAME, A_, TTL_300, "\4") "\300\0\2",
	    "temp malformed reply"),
	CASE("an address of three bytes", DNS_A,
	    OK_ N("\1", "\1", "\0", "\0") Q(A_)
	    RR(AT_NAME, A_, TTL_300, "\3") "\300\0\2",
	    "temp malformed record"),
	CASE("an MX of two bytes", DNS_MX,
	    OK_ N("\1", "\1", "\0", "\0") Q(MX_)
	    RR(AT_NAME, MX_, TTL_300, "\2") "\0\12", "temp malformed record"),
	CASE("an MX whose name is longer than its data", DNS_MX,
	    OK_ N("\1", "\1", "\0", "\0") Q(MX_)
	    RR(AT_NAME, MX_, TTL_300, "\4") "\0\12\3m" "x1\0\0",
	    "temp malformed record"),
	CASE("one good MX and one bad: not half an answer", DNS_MX,
	    OK_ N("\1", "\2", "\0", "\0") Q(MX_)
	    RR(AT_NAME, MX_, TTL_300, "\10") "\0\12\3mx1" AT_NAME
	    RR(AT_NAME, MX_, TTL_300, "\2") "\0\24",
	    "temp malformed record"),
	CASE("65535 records announced", DNS_A,
	    OK_ "\0\1\377\377\0\0\0\0" Q(A_)
	    RR(AT_NAME, A_, TTL_300, "\4") "\300\0\2\7",
	    "temp malformed reply"),
	CASE("512 records announced, one there", DNS_A,
	    OK_ "\0\1\2\0\0\0\0\0" Q(A_)
	    RR(AT_NAME, A_, TTL_300, "\4") "\300\0\2\7",
	    "temp malformed reply"),
	CASE("65535 authority records announced", DNS_A,
	    OK_ "\0\1\0\0\377\377\0\0" Q(A_), "nodata ttl=30"),
	CASE("a dot, a blank and a NUL within labels", DNS_MX,
	    OK_ N("\1", "\1", "\0", "\0") Q(MX_)
	    RR(AT_NAME, MX_, TTL_300, "\12") "\0\12\5a.\0 b" AT_NAME,
	    "ok ttl=300 10:a???b.example.net"),
	/* clang-format on */
};

static const char *
describe(struct buf *b, const struct dns_answer *a)
{
	static const char *const names[] = { "ok", "nxdomain", "nodata", "temp",
		"bad" };
	char text[NET_ADDR_TEXT];

	buf_clear(b);
	buf_str(b, names[a->status]);
	if (a->status == DNS_TEMP) {
		const char *why = strstr(a->text, "): ");

		buf_printf(b, " %s", why == NULL ? a->text : why + 3);
		return buf_cstr(b);
	}
	if (a->ad)
		buf_str(b, " ad");
	buf_printf(b, " ttl=%d", (int)((a->expires_us - NOW) / US_PER_S));
	for (size_t i = 0; i < a->count; i++)
		if (a->mx != NULL)
			buf_printf(b, " %u:%s", a->mx[i].pref, a->mx[i].host);
		else if (a->txt != NULL)
			buf_printf(b, " \"%s\"", a->txt[i]);
		else if (a->names != NULL)
			buf_printf(b, " %s", a->names[i]);
		else
			buf_printf(b, " %s", net_addr_text(&a->addrs[i], text));
	return buf_cstr(b);
}

/* Read from memory that ends where the packet ends, so that ASan sees it. */
static struct dns_answer *
read_exact(const void *bytes, size_t len, enum dns_type type)
{
	uint8_t *copy = mem_dup(bytes, len);
	struct dns_answer *a = dns_packet_answer(copy, len, "example.net", type,
	    NOW);

	free(copy);
	return a;
}

/* Every prefix of a good reply, and every one of its bytes set to 0xff. */
static void
mistreat(const char *bytes, size_t len, enum dns_type type)
{
	size_t whole = 0;

	for (size_t cut = 0; cut < len; cut++) {
		struct dns_answer *a = read_exact(bytes, cut, type);

		whole += a->status == DNS_OK;
		dns_answer_unref(&a);
	}
	is_int((int64_t)whole, 0, "no prefix of a reply is an answer");
	for (size_t at = 0; at < len; at++) {
		uint8_t *copy = mem_dup(bytes, len);
		struct dns_answer *a;

		copy[at] = 0xff;
		a = read_exact(copy, len, type);
		dns_answer_unref(&a);
		free(copy);
	}
	ok(true, "and no byte of it can do harm");
}

/* A reply of 65535 bytes, full of names that jump as often as they can. */
static void
worst_case(void)
{
	struct buf b = { 0 };
	struct dns_answer *a;
	static const char q[] = OK_ "\0\1\2\0\0\0\0\0" Q(A_);

	buf_add(&b, q, sizeof(q) - 1);
	for (unsigned i = 0; i < DNS_RECORDS_MAX; i++) {
		size_t at = b.len;

		/* Owner: the owner before, one label longer. */
		buf_str(&b, "\1a");
		buf_byte(&b, (char)(0xc0 | (i == 0 ? 0 : (at - 20) >> 8)));
		buf_byte(&b, (char)(i == 0 ? 12 : at - 20));
		buf_add(&b, "\0\5\0\1\0\0\0\1\0\6\0\0\0\0\0\0", 16);
	}
	a = read_exact(b.p, b.len, DNS_A);
	is_int(a->status, DNS_TEMP, "names of 500 jumps end");
	dns_answer_unref(&a);
	buf_fini(&b);
}

static void
queries(void)
{
	uint8_t out[DNS_QUERY_CAP];
	static const char want[] = "\253\315\1\40\0\1\0\0\0\0\0\1" Q(
	    MX_) "\0\0\51\4\320\0\0\0\0\0\0";
	char name[DNS_NAME_CAP], longest[260];
	size_t len = dns_packet_query(out, "example.net", DNS_MX, 0xabcd, true);

	is_int((int64_t)len, sizeof(want) - 1, "a question's length");
	ok(memcmp(out, want, len) == 0, "RD, AD and OPT are set");
	len = dns_packet_query(out, "example.net", DNS_MX, 0xabcd, false);
	is_int((int64_t)len, sizeof(want) - 1 - 11, "without OPT");
	is_int(out[11], 0, "nothing additional");
	for (size_t i = 0; i < 253; i++)
		longest[i] = i % 64 == 63 ? '.' : 'a';
	longest[253] = '\0';
	is_int(dns_name_clean(longest, name), 0, "a name of 253 bytes");
	len = dns_packet_query(out, name, DNS_AAAA, 1, true);
	is_int((int64_t)len, 12 + 255 + 4 + 11, "fits");
	(void)memcpy(longest + 253, "a", 2);
	is_int(dns_name_clean(longest, name), -1, "one of 254 is none");
}

static const struct {
	const char *name, *want; /* NULL: cannot be asked */
} names[] = {
	{ "Example.NET", "example.net" },
	{ "example.net.", "example.net" },
	{ "_dmarc.example.net", "_dmarc.example.net" },
	{ "r3---sn.example", "r3---sn.example" },
	{ "b\xc3\xbc"
	  "cher.example",
	    "xn--bcher-kva.example" },
	{ "B\xc3\x9c"
	  "CHER.Example.",
	    "xn--bcher-kva.example" },
	{ "fa\xc3\x9f.example", "xn--fa-hia.example" },
	{ "xn--bcher-kva.example", "xn--bcher-kva.example" },
	{ "example", "example" },
	{ "", NULL },
	{ ".", NULL },
	{ "a..b", NULL },
	{ ".a", NULL },
	{ "a.b..", NULL },
	{ "a b", NULL },
	{ "a\tb", NULL },
	{ "a*b", NULL },
	{ "[192.0.2.1]", NULL },
	{ "b\xc3", NULL },
	{ "\xff\xfe.example", NULL },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	    NULL },
};

static const struct {
	const char *name, *want; /* NULL: cannot be asked */
} any_names[] = {
	{ "a+b=C!#.Example.", "a+b=c!#.example" },
	{ "[192.0.2.1]", "[192.0.2.1]" },
	{ "a b.example", NULL },
	{ "a..example", NULL },
	{ "b\xc3\xbc"
	  "cher.example",
	    "xn--bcher-kva.example" },
	{ "a\x7f.example", NULL },
};

static void
names_of_any_bytes(void)
{
	char name[DNS_NAME_CAP];

	for (size_t i = 0; i < sizeof(any_names) / sizeof(any_names[0]); i++) {
		int rc = dns_name_clean_any(any_names[i].name, name);

		if (any_names[i].want == NULL)
			ok(rc == -1, "of any bytes, not %s", any_names[i].name);
		else
			is_str(rc == 0 ? name : NULL, any_names[i].want,
			    any_names[i].want);
	}
}

int
main(void)
{
	struct buf b = { 0 };
	char name[DNS_NAME_CAP];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dns_answer *a = read_exact(cases[i].bytes, cases[i].len,
		    cases[i].type);

		is_str(describe(&b, a), cases[i].want, cases[i].label);
		dns_answer_unref(&a);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int rc = dns_name_clean(names[i].name, name);

		if (names[i].want == NULL)
			ok(rc == -1, "\"%s\" cannot be asked",
			    i < 20 ? names[i].name : "a label of 68 bytes");
		else
			is_str(rc == 0 ? name : NULL, names[i].want,
			    names[i].want);
	}
	mistreat(cases[0].bytes, cases[0].len, DNS_MX);
	mistreat(cases[4].bytes, cases[4].len, DNS_A);
	worst_case();
	queries();
	names_of_any_bytes();
	buf_fini(&b);
	return done_testing();
}

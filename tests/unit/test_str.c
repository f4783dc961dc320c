/* SPDX-License-Identifier: Apache-2.0 */
/* The value forms of configuration are read exactly and written back. */
#include <stdint.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/str.h"
#include "tests/tap.h"

static const struct {
	const char *text;
	int64_t seconds; /* -1: refused, -2: never */
	const char *shown;
} intervals[] = {
	{ "4d12h", 388800, "4d12h" },
	{ "300s", 300, "5m" },
	{ "1w", 604800, "1w" },
	{ "90m", 5400, "1h30m" },
	{ "0", 0, "0" },
	{ "never", -2, "never" },
	{ "10", -1, "" },
	{ "5x", -1, "" },
	{ "", -1, "" },
	{ "m", -1, "" },
	{ "99999999999999999999d", -1, "" },
};

static const struct {
	const char *text;
	int64_t count, seconds; /* count -1: refused */
	const char *shown;
} rates[] = {
	{ "250/h", 250, 3600, "250/h" },
	{ "1/20m", 1, 1200, "1/20m" },
	{ "500/d", 500, 86400, "500/d" },
	{ "50/day", 50, 86400, "50/d" },
	{ "2/min", 2, 60, "2/m" },
	{ "1/36s", 1, 36, "1/36s" },
	{ "unlimited", 0, 0, "unlimited" },
	{ "0", 0, 0, "unlimited" },
	{ "20", -1, 0, "" },
	{ "20/", -1, 0, "" },
	{ "/h", -1, 0, "" },
	{ "20/0m", -1, 0, "" },
	{ "20/fortnight", -1, 0, "" },
};

static const struct {
	const char *text;
	uint64_t bytes;
	bool good;
} sizes[] = {
	{ "25M", 25u << 20, true },
	{ "10000k", 10000u << 10, true },
	{ "0", 0, true },
	{ "1t", UINT64_C(1) << 40, true },
	{ "unlimited", SIZE_UNLIMITED, true },
	{ "25MB", 0, false },
	{ "M", 0, false },
	{ "99999999999T", 0, false },
};

static void
test_intervals(void)
{
	for (size_t i = 0; i < sizeof(intervals) / sizeof(intervals[0]); i++) {
		struct buf shown = { 0 };
		struct err e;
		int64_t us = -1;
		int rc = str_to_interval(slice_of(intervals[i].text), &us, &e);

		if (intervals[i].seconds == -1) {
			is_int(rc, -1, intervals[i].text);
			continue;
		}
		is_int(us,
		    intervals[i].seconds == -2 ?
			INTERVAL_NEVER :
			intervals[i].seconds * US_PER_S,
		    intervals[i].text);
		str_interval(&shown, us);
		is_str(buf_cstr(&shown), intervals[i].shown, "shown");
		buf_fini(&shown);
	}
}

static void
test_rates(void)
{
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct buf shown = { 0 };
		struct err e;
		struct rate r;
		int rc = str_to_rate(slice_of(rates[i].text), &r, &e);

		if (rates[i].count == -1) {
			is_int(rc, -1, rates[i].text);
			continue;
		}
		ok(rc == 0 && r.count == rates[i].count &&
			r.period_us == rates[i].seconds * US_PER_S,
		    "%s", rates[i].text);
		str_rate(&shown, &r);
		is_str(buf_cstr(&shown), rates[i].shown, "shown");
		buf_fini(&shown);
	}
}

int
main(void)
{
	struct buf b = { 0 };
	unsigned char be[8];
	char text[40];

	test_intervals();
	test_rates();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct err e;
		uint64_t v = 0;
		int rc = str_to_size(slice_of(sizes[i].text), &v, &e);

		ok((rc == 0) == sizes[i].good && v == sizes[i].bytes, "%s",
		    sizes[i].text);
	}
	buf_str(&b, "hello");
	buf_printf(&b, " %d", 42);
	is_str(buf_cstr(&b), "hello 42", "a buffer grows");
	buf_drop(&b, 6);
	is_str(buf_cstr(&b), "42", "and loses its front");
	buf_printf(&b, "%300d", 7);
	ok(b.len == 302 && strlen(buf_cstr(&b)) == 302 && b.p[301] == '7',
	    "what is longer than the room is printed whole");
	buf_fini(&b);
	buf_byte(&b, 'x');
	is_str(buf_cstr(&b), "x", "a byte into nothing");
	buf_fini(&b);
	ok(slice_eq_nocase(slice_of("X-Job"), "x-jOB"), "case is ignored");
	is_int((int64_t)slice_trim(slice_of(" \ta b\t")).len, 3, "trimmed");
	put_be32(be, 0x01020304);
	ok(be[0] == 1 && be[3] == 4 && get_be32(be) == 0x01020304,
	    "32 bits, most significant first");
	put_be64(be, UINT64_C(0x0102030405060708));
	ok(be[7] == 8 && get_be64(be) == UINT64_C(0x0102030405060708),
	    "64 bits");
	(void)clock_rfc5322(text, sizeof(text), 0);
	is_str(text, "Thu, 01 Jan 1970 00:00:00 +0000", "RFC 5322 date");
	is_int((int64_t)clock_rfc5322(text, sizeof(text),
		   INT64_C(1795286471) * US_PER_S),
	    31, "its length");
	is_str(text, "Sat, 21 Nov 2026 18:41:11 +0000", "another date");
	is_int((int64_t)clock_rfc5322(text, 31, 0), 0, "no room for its end");
	is_int((int64_t)STR_JOIN(text, sizeof(text), "", "a", "bc"), 3,
	    "texts are joined");
	is_str(text, "abc", "one behind the other");
	is_int((int64_t)STR_JOIN(text, 4, "ab", "cde", "f"), 3,
	    "no more than there is room for");
	is_str(text, "abc", "and cut there");
	is_int((int64_t)STR_JOIN(text, 1, "a"), 0, "room for the end only");
	is_str(text, "", "nothing");
	ok(!slice_eq_nocase((struct slice){ "a\0b", 3 }, "a"),
	    "a zero byte ends no slice");
	ok(!slice_eq_nocase(slice_of("ab"), "abc") &&
		!slice_eq_nocase(slice_of("abc"), "ab"),
	    "a part is not the whole");
	(void)clock_iso(text, sizeof(text), 86400 * US_PER_S);
	is_str(text, "1970-01-02 00:00:00+0000", "PowerMTA's date");
	return done_testing();
}

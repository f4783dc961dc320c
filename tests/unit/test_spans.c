/* SPDX-License-Identifier: Apache-2.0 */
/*
 * X-Schedule is read as it was meant or not at all, and what was read is the
 * same again as bytes and as a word.
 */
#include "mail/spans.h"

#include <stdlib.h>
#include <time.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "tests/tap.h"

static struct region *rg;
static struct err e;

/* In UTC; what it is printed as, or why not. */
static const struct {
	const char *label, *text, *printed, *why;
} cases[] = {
	{ "one window", "2026-11-30 08:00:00 / 2026-11-30 12:00:00",
	    "1796025600-1796040000", "" },
	{ "without blanks", "2026-11-30 08:00:00/2026-11-30 12:00:00",
	    "1796025600-1796040000", "" },
	{ "with many", "\r\n\t2026-11-30  08:00:00\r\n / 2026-11-30\t12:00:00 ",
	    "1796025600-1796040000", "" },
	{ "two, the later first",
	    "2026-11-30 08:00:00 / 2026-11-30 12:00:00,"
	    "2026-11-29 23:59:59 / 2026-11-30 00:00:00",
	    "1795996799-1795996800,1796025600-1796040000", "" },
	{ "that overlap, touch and lie within",
	    "2026-11-30 10:00:00 / 2026-11-30 12:00:00, "
	    "2026-11-30 08:00:00 / 2026-11-30 11:00:00, "
	    "2026-11-30 12:00:00 / 2026-11-30 12:00:01, "
	    "2026-11-30 09:00:00 / 2026-11-30 09:00:01, "
	    "2026-11-30 12:00:03 / 2026-11-30 12:00:04",
	    "1796025600-1796040001,1796040003-1796040004", "" },
	{ "no end", "2026-11-30 08:00:00", NULL, "window 1 is not" },
	{ "nothing", "", NULL, "window 1 is not" },
	{ "nothing behind a comma",
	    "2026-11-30 08:00:00 / 2026-11-30 12:00:00,", NULL,
	    "window 2 is not" },
	{ "three times",
	    "2026-11-30 08:00:00 / 2026-11-30 12:00:00 / 2026-11-30 13:00:00",
	    NULL, "window 1 is not" },
	{ "a zone", "2026-11-30 08:00:00Z / 2026-11-30 12:00:00Z", NULL,
	    "window 1 is not" },
	{ "another one", "2026-11-30 08:00:00 +0100 / 2026-11-30 12:00:00",
	    NULL, "window 1 is not" },
	{ "no seconds", "2026-11-30 08:00 / 2026-11-30 12:00", NULL,
	    "window 1 is not" },
	{ "a T", "2026-11-30T08:00:00 / 2026-11-30T12:00:00", NULL,
	    "window 1 is not" },
	{ "no day", "2026-11-31 08:00:00 / 2026-12-01 12:00:00", NULL,
	    "window 1 is not" },
	{ "no hour", "2026-11-30 24:00:00 / 2026-12-01 12:00:00", NULL,
	    "window 1 is not" },
	{ "no minute", "2026-11-30 08:60:00 / 2026-12-01 12:00:00", NULL,
	    "window 1 is not" },
	{ "no second", "2026-11-30 08:00:60 / 2026-12-01 12:00:00", NULL,
	    "window 1 is not" },
	{ "no digits", "2026-11-30 0a:00:0x / 2026-12-01 12:00:00", NULL,
	    "window 1 is not" },
	{ "backwards",
	    "2026-11-30 08:00:00 / 2026-11-30 12:00:00,"
	    "2026-12-01 08:00:01 / 2026-12-01 08:00:00",
	    NULL, "window 2 ends before it begins" },
	{ "empty", "2026-12-01 08:00:00 / 2026-12-01 08:00:00", NULL,
	    "window 1 ends before it begins" },
};

static void
set_zone(const char *zone)
{
	(void)setenv("TZ", zone, 1);
	tzset();
}

static void
test_bytes(const struct spans *s, const char *label)
{
	struct buf b = { 0 };
	struct packed r;
	struct spans got;
	size_t refused = 0;

	spans_pack(s, &b);
	r = (struct packed){ b.p, b.len, false };
	spans_unpack(&r, rg, &got);
	ok(!r.bad && r.left == 0 && spans_equal(s, &got), "%s: as bytes",
	    label);
	for (size_t len = 0; len < b.len; len++) {
		char *cut = mem_dup(b.p, len);

		r = (struct packed){ cut, len, false };
		spans_unpack(&r, rg, &got);
		refused += r.bad && got.n == 0;
		free(cut);
	}
	is_int((int64_t)refused, (int64_t)b.len, "every shorter form is bad");
	buf_fini(&b);
}

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b = { 0 };
		struct spans s, again;
		int rc = spans_parse(slice_of(cases[i].text), rg, &s, &e);

		if (cases[i].printed == NULL) {
			ok(rc == -1 && s.n == 0 &&
				strncmp(e.text, cases[i].why,
				    strlen(cases[i].why)) == 0,
			    "%s: %s", cases[i].label, e.text);
			continue;
		}
		spans_print(&s, &b);
		is_str(buf_cstr(&b), cases[i].printed, cases[i].label);
		ok(spans_read((struct slice){ b.p, b.len }, rg, &again) &&
			spans_equal(&s, &again),
		    "and read again");
		test_bytes(&s, cases[i].label);
		buf_fini(&b);
	}
}

/* As many as there may be, and one more. */
static void
test_many(void)
{
	struct buf b = { 0 };
	struct spans s;

	for (int i = 0; i < SPANS_MAX; i++)
		buf_printf(&b,
		    "%s20%02d-01-01 00:00:00 / 20%02d-01-02 00:00:00",
		    i == 0 ? "" : ", ", 99 - i, 99 - i);
	ok(spans_parse((struct slice){ b.p, b.len }, rg, &s, &e) == 0 &&
		s.n == SPANS_MAX,
	    "as many as there may be");
	test_bytes(&s, "many");
	buf_str(&b, ", 2030-01-01 00:00:00 / 2030-01-02 00:00:00");
	ok(spans_parse((struct slice){ b.p, b.len }, rg, &s, &e) == -1,
	    "one more: %s", e.text);
	buf_fini(&b);
}

static void
test_times(void)
{
	static const struct span v[] = { { 10, 20 }, { 30, 40 } };
	static const struct {
		int64_t at, next, end;
	} times[] = { { 0, 10, 0 }, { 10, 10, 20 }, { 19, 19, 20 },
		{ 20, 30, 20 }, { 29, 30, 29 }, { 39, 39, 40 },
		{ 40, INT64_MAX, 40 } };
	const struct spans s = { 2, v }, none = { 0 };

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		is_int(spans_next(&s, times[i].at), times[i].next, "next");
		is_int(spans_end(&s, times[i].at), times[i].end, "its end");
	}
	is_int(spans_next(&none, 7), 7, "without any: at any time");
	ok(!spans_equal(&s, &none), "that is not the same");
	ok(!spans_equal(&s, &(const struct spans){ 2, &v[0] }) ==
		!spans_equal(&s, &s),
	    "but this is");
	ok(!spans_equal(&(const struct spans){ 1, &v[0] },
	       &(const struct spans){ 1, &v[1] }),
	    "as many, at other times");
}

/* Local time, and neither of both a minute too early. */
static void
test_zone(void)
{
	struct buf b = { 0 };
	struct spans s;

	set_zone("CET-1CEST,M3.5.0,M10.5.0/3");
	ok(spans_parse(SLICE_LIT("2026-11-30 08:00:00 / 2026-11-30 12:00:00,"
				 "2026-10-25 02:30:00 / 2026-10-25 03:00:00"),
	       rg, &s, &e) == 0,
	    "in another zone");
	spans_print(&s, &b);
	is_str(buf_cstr(&b), "1792891800-1792893600,1796022000-1796036400",
	    "by the clock there, the later of two");
	buf_fini(&b);
}

/* The clock of this host begins at 1970-01-01 01:00:00 there. */
static void
test_first_hour(void)
{
	struct buf b = { 0 };
	struct spans s;

	set_zone("CET-1CEST,M3.5.0,M10.5.0/3");
	ok(spans_parse(SLICE_LIT("1970-01-01 00:00:00 / 1970-01-01 01:00:01,"
				 "1970-01-01 00:00:01 / 2026-11-30 12:00:00"),
	       rg, &s, &e) == 0,
	    "from before the clock began");
	spans_print(&s, &b);
	is_str(buf_cstr(&b), "0-1796036400", "is from then on");
	test_bytes(&s, "the first hour");
	ok(spans_parse(SLICE_LIT("1970-01-01 00:00:00 / 1970-01-01 01:00:00"),
	       rg, &s, &e) == -1,
	    "no more than that: %s", e.text);
	buf_fini(&b);
}

static void
test_words(void)
{
	static const char *const bad[] = { "", "1", "-", "1-", "-1", "1-2,",
		"1-1", "2-1", "1-2,2-3", "3-4,1-2", "1-2;3-4", "a-b",
		"1-99999999999999" };
	struct spans s;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!spans_read(slice_of(bad[i]), rg, &s), "no word: %s",
		    bad[i]);
}

int
main(void)
{
	rg = region_new();
	set_zone("UTC0");
	test_cases();
	test_many();
	test_times();
	test_words();
	test_zone();
	test_first_hour();
	region_free(&rg);
	return done_testing();
}

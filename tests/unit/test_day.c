/* SPDX-License-Identifier: Apache-2.0 */
/* Local days: numbers that grow by one, with 23, 24 or 25 hours. */
#include "lib/day.h"

#include <stdlib.h>
#include <time.h>

#include "tests/tap.h"

static const struct {
	const char *text;
	uint32_t number;
} dates[] = { { "1970-01-01", 0 }, { "1970-12-31", 364 }, { "1972-02-29", 789 },
	{ "2000-03-01", 11017 }, { "2024-02-29", 19782 },
	{ "2026-11-21", 20778 }, { "2099-12-31", 47481 } };

static const char *const no_dates[] = { "", "2026-11-31", "2026-02-29",
	"2026-13-01", "2026-00-10", "2026-01-00", "1969-12-31", "2100-01-01",
	"2026-1-1", "26-11-21", "2026/11/21", "2026-11-21 ", "x026-11-21" };

static void
test_dates(void)
{
	struct buf text = { 0 };
	uint32_t n;
	struct err e;

	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
		ok(day_parse(slice_of(dates[i].text), &n, &e) == 0 &&
			n == dates[i].number,
		    "%s is read", dates[i].text);
		buf_clear(&text);
		day_print(&text, dates[i].number);
		is_str(buf_cstr(&text), dates[i].text, "and printed");
	}
	for (size_t i = 0; i < sizeof(no_dates) / sizeof(no_dates[0]); i++)
		ok(day_parse(slice_of(no_dates[i]), &n, &e) == -1, "\"%s\": %s",
		    no_dates[i], e.text);
	buf_fini(&text);
}

static void
set_zone(const char *zone)
{
	(void)setenv("TZ", zone, 1);
	tzset();
}

/* In each hour of two years the day is right, and ends when the next begins. */
static void
test_zone(const char *zone)
{
	struct day before, now;
	bool steps = true, ends = true, same = true;
	int64_t t = 1735689600; /* 2025-01-01 UTC */
	int64_t last = t + INT64_C(2) * 366 * 86400;
	int shortest = 99, longest = 0;
	int64_t began = 0;

	set_zone(zone);
	before = day_of(t);
	for (; t < last; t += 1800) {
		time_t tt = (time_t)t;
		struct tm tm;
		struct day there;

		now = day_of(t);
		(void)localtime_r(&tt, &tm);
		same = same &&
		    now.number % 7 == (uint32_t)(tm.tm_wday + 7 - 4) % 7;
		if (now.number == before.number)
			continue;
		steps = steps && now.number == before.number + 1;
		there = day_of(before.ends_s);
		ends = ends && there.number == now.number &&
		    day_of(before.ends_s - 1).number == before.number;
		if (began != 0) {
			int hours = (int)((before.ends_s - began) / 3600);

			shortest = hours < shortest ? hours : shortest;
			longest = hours > longest ? hours : longest;
		}
		began = before.ends_s;
		before = now;
	}
	ok(steps, "%s: days grow by one", zone);
	ok(same, "%s: they are the calendar's", zone);
	ok(ends, "%s: a day ends where the next begins", zone);
	(void)printf("# %s: days of %d to %d hours\n", zone, shortest, longest);
	if (strcmp(zone, "UTC0") == 0)
		ok(shortest == 24 && longest == 24, "all have 24 hours");
	else
		ok(shortest == 23 && longest == 25,
		    "%s: one has 23 hours and one 25", zone);
}

static uint32_t
clock_shows(int64_t wall_s)
{
	time_t t = (time_t)wall_s;
	struct tm tm;

	(void)localtime_r(&t, &tm);
	return (uint32_t)(tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec);
}

/* Every half hour is found by what the clock shows, or its later twin. */
static void
test_times(const char *zone)
{
	int64_t t = 1735689600, last = t + INT64_C(2) * 366 * 86400;
	bool right = true;
	int twins = 0;

	set_zone(zone);
	for (; t < last; t += 1800) {
		int64_t got = day_time(day_of(t).number, clock_shows(t));

		twins += got != t;
		right = right &&
		    (got == t ||
			(got == t + 3600 &&
			    clock_shows(got) == clock_shows(t)));
	}
	ok(right, "%s: times are found", zone);
	is_int(twins, strcmp(zone, "UTC0") == 0 ? 0 : 4,
	    "hours that come twice");
}

static void
test_changes(void)
{
	enum { MARCH_29 = 20541, OCTOBER_25 = 20751, HOUR = 3600 };

	set_zone("CET-1CEST,M3.5.0,M10.5.0/3");
	is_int(day_time(MARCH_29, 2 * HOUR + 1800), 1774747800,
	    "what never is: as if the clock had not been set");
	is_int(day_time(MARCH_29, 3 * HOUR), 1774746000, "the first behind it");
	is_int(day_time(OCTOBER_25, 2 * HOUR + 1800), 1792891800,
	    "what comes twice is the second");
	is_int(day_time(OCTOBER_25, 2 * HOUR - 1), 1792886399, "before it");
	is_int(day_time(OCTOBER_25, 3 * HOUR), 1792893600, "and behind");
	set_zone("<+14>-14");
	is_int(day_time(0, 14 * HOUR), 0, "far in the east");
}

int
main(void)
{
	test_times("UTC0");
	test_times("CET-1CEST,M3.5.0,M10.5.0/3");
	test_times("<-03>3<-02>,M10.3.0/0,M2.3.0/0");
	test_changes();
	test_dates();
	test_zone("UTC0");
	test_zone("CET-1CEST,M3.5.0,M10.5.0/3");
	/* Where the hour that does not exist is the first of the day. */
	test_zone("<-03>3<-02>,M10.3.0/0,M2.3.0/0");
	return done_testing();
}

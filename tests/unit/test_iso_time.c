/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times as text are the seconds that they say, in any zone, and what is no time
 * is none.  What clock_iso() writes is read as it was.
 */
#include "lib/iso_time.h"

#include "lib/clock.h"
#include "tests/tap.h"

static const struct {
	const char *text;
	int64_t want;
} cases[] = {
	{ "1970-01-01 00:00:00+0000", 0 },
	{ "2026-11-18 11:06:40+0000", 1795000000 },
	{ "2026-11-18 12:36:40+0130", 1795000000 },
	{ "2026-11-18 12:36:40+01:30", 1795000000 },
	{ "2026-11-18 03:06:40-0800", 1795000000 },
	{ "2026-11-18T11:06:40Z", 1795000000 },
	{ "2026-11-18t11:06:40z", 1795000000 },
	{ "2026-11-18 11:06:40", 1795000000 },
	{ "2026-11-18 11:06:40.999999+0000", 1795000000 },
	{ "2026-11-18", 1794960000 },
	{ "2000-02-29 00:00:00+0000", 951782400 },
	{ "2000-03-01 00:00:00+0000", 951868800 },
	{ "2100-03-01", 4107542400 },
	{ "1969-12-31 23:59:59+0000", -1 },
	{ "2016-12-31 23:59:60+0000", 1483228800 },
	{ "1795000000", 1795000000 },
	{ "1795000000.25", 1795000000 },
	{ "0", 0 },
	{ "", ISO_TIME_NONE },
	{ "-5", ISO_TIME_NONE },
	{ "1234567890123456", ISO_TIME_NONE },
	{ "1795000000 ", ISO_TIME_NONE },
	{ ".5", ISO_TIME_NONE },
	{ "2026-13-18", ISO_TIME_NONE },
	{ "2026-00-18", ISO_TIME_NONE },
	{ "2026-11-32", ISO_TIME_NONE },
	{ "2026-11-1x", ISO_TIME_NONE },
	{ "2026-11-18 ", ISO_TIME_NONE },
	{ "2026-11-18 11:06", ISO_TIME_NONE },
	{ "2026-11-18_11:06:40", ISO_TIME_NONE },
	{ "2026-11-18 24:00:00", ISO_TIME_NONE },
	{ "2026-11-18 11:60:00", ISO_TIME_NONE },
	{ "2026-11-18 11:06:40 GMT", ISO_TIME_NONE },
	{ "2026-11-18 11:06:40+01", ISO_TIME_NONE },
	{ "2026-11-18 11:06:40+2400", ISO_TIME_NONE },
	{ "2026-11-18 11:06:40+0060", ISO_TIME_NONE },
	{ "2026-11-18 11:06:40*0000", ISO_TIME_NONE },
};

/* Every 7,919,999 seconds for five hundred years: all months and leap years. */
static int
misread(void)
{
	int count = 0;

	for (int64_t s = 0; s < INT64_C(500) * 366 * 86400; s += 7919999) {
		char text[40];
		size_t len = clock_iso(text, sizeof(text), s * US_PER_S);

		count += iso_time((struct slice){ text, len }) != s;
	}
	return count;
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		is_int(iso_time(slice_of(cases[i].text)), cases[i].want,
		    cases[i].text);
	is_int(misread(), 0, "what clock_iso() wrote, over 500 years");
	return done_testing();
}

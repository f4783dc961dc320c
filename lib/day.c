/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/day.h"

#include <time.h>

#include "lib/check.h"

#define DAY_S 86400
#define YEAR_MIN 1970
#define YEAR_MAX 2099

struct date {
	unsigned year, month, day; /* month and day from 1 */
};

static bool
is_leap(unsigned year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned
days_in(unsigned year, unsigned month)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31,
		30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && is_leap(year));
}

static uint32_t
number_of(const struct date *d)
{
	uint32_t n = d->day - 1;

	for (unsigned y = YEAR_MIN; y < d->year; y++)
		n += is_leap(y) ? 366 : 365;
	for (unsigned m = 1; m < d->month; m++)
		n += days_in(d->year, m);
	return n;
}

struct day
day_of(int64_t wall_s)
{
	time_t t = (time_t)wall_s, end;
	struct tm tm, next = { 0 };
	struct date date;

	CHECK(localtime_r(&t, &tm) != NULL);
	date = (struct date){ (unsigned)tm.tm_year + 1900,
		(unsigned)tm.tm_mon + 1, (unsigned)tm.tm_mday };
	next.tm_year = tm.tm_year;
	next.tm_mon = tm.tm_mon;
	next.tm_mday = tm.tm_mday + 1;
	next.tm_isdst = -1;
	end = mktime(&next);
	/* Where midnight does not exist mktime() may be an hour early. */
	if (end <= t)
		end = t + DAY_S;
	return (struct day){ number_of(&date), end };
}

/* East of Greenwich, then. */
static int64_t
zone_at(int64_t wall_s)
{
	time_t t = (time_t)wall_s;
	struct tm tm;

	CHECK(localtime_r(&t, &tm) != NULL);
	return tm.tm_gmtoff;
}

/*
 * Zones change by less than a day, and not twice within two: before and behind a
 * change are the two that it may be in.
 */
int64_t
day_time(uint32_t number, uint32_t second)
{
	int64_t as_utc = (int64_t)number * DAY_S + second;
	int64_t a = as_utc - zone_at(as_utc - DAY_S);
	int64_t b = as_utc - zone_at(as_utc + DAY_S);
	int64_t early = a < b ? a : b, late = a < b ? b : a;

	if (late + zone_at(late) == as_utc || early + zone_at(early) != as_utc)
		return late;
	return early;
}

/* n digits at p. */
static bool
digits(const char *p, size_t n, unsigned *v_r)
{
	*v_r = 0;
	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		*v_r = *v_r * 10 + (unsigned)(p[i] - '0');
	}
	return true;
}

int
day_parse(struct slice s, uint32_t *number_r, struct err *e)
{
	struct date d;

	if (s.len != 10 || s.p[4] != '-' || s.p[7] != '-' ||
	    !digits(s.p, 4, &d.year) || !digits(s.p + 5, 2, &d.month) ||
	    !digits(s.p + 8, 2, &d.day))
		return err_set(e, "\"%.*s\" is not a date such as 2026-11-30",
		    (int)s.len, s.p);
	if (d.year < YEAR_MIN || d.year > YEAR_MAX || d.month < 1 ||
	    d.month > 12 || d.day < 1 || d.day > days_in(d.year, d.month))
		return err_set(e, "there is no day \"%.*s\" from %d to %d",
		    (int)s.len, s.p, YEAR_MIN, YEAR_MAX);
	*number_r = number_of(&d);
	return 0;
}

void
day_print(struct buf *b, uint32_t number)
{
	struct date d = { YEAR_MIN, 1, 1 };

	for (uint32_t n; n = is_leap(d.year) ? 366 : 365, number >= n;
	     number -= n)
		d.year++;
	for (uint32_t n; n = days_in(d.year, d.month), number >= n; number -= n)
		d.month++;
	buf_printf(b, "%04u-%02u-%02u", d.year, d.month, d.day + number);
}

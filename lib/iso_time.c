/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/iso_time.h"

#include <stdbool.h>

#define DAY_S INT64_C(86400)

/* `count` digits at p; -1: they are none. */
static int
digits(const char *p, size_t count)
{
	int v = 0;

	for (size_t i = 0; i < count; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -1;
		v = v * 10 + (p[i] - '0');
	}
	return v;
}

/* Days since 1970-01-01: years begin in March, so that leap days are last. */
static int64_t
days(int year, int month, int day)
{
	int64_t y = year - (month <= 2), m = (month + 9) % 12;

	return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day -
	    1 - 719468;
}

/* "+0130", "+01:30", "Z" or nothing. */
static bool
zone(struct slice s, int64_t *s_r)
{
	int h, m;

	*s_r = 0;
	if (s.len == 0 || (s.len == 1 && (s.p[0] == 'Z' || s.p[0] == 'z')))
		return true;
	if ((s.len != 5 && !(s.len == 6 && s.p[3] == ':')) ||
	    (s.p[0] != '+' && s.p[0] != '-'))
		return false;
	h = digits(s.p + 1, 2);
	m = digits(s.p + s.len - 2, 2);
	if (h < 0 || h > 23 || m < 0 || m > 59)
		return false;
	*s_r = (int64_t)(h * 60 + m) * (s.p[0] == '-' ? -60 : 60);
	return true;
}

static struct slice
rest_of(struct slice s, size_t from)
{
	return (struct slice){ s.p + from, s.len - from };
}

static struct slice
without_fraction(struct slice s)
{
	size_t n = 1;

	if (s.len == 0 || s.p[0] != '.')
		return s;
	while (n < s.len && digits(s.p + n, 1) >= 0)
		n++;
	return rest_of(s, n);
}

static int64_t
unix_seconds(struct slice s)
{
	int64_t v = 0;
	size_t n = 0;

	/* Fifteen digits are enough for all times and cannot overflow. */
	while (n < s.len && n < 15 && digits(s.p + n, 1) >= 0)
		v = v * 10 + (s.p[n++] - '0');
	if (n == 0 || without_fraction(rest_of(s, n)).len > 0)
		return ISO_TIME_NONE;
	return v;
}

/* "23:40:01" and what is behind it. */
static int64_t
seconds_of_day(struct slice s)
{
	int h, m, sec;
	int64_t off;

	if (s.len < 8 || s.p[2] != ':' || s.p[5] != ':')
		return ISO_TIME_NONE;
	h = digits(s.p, 2);
	m = digits(s.p + 3, 2);
	sec = digits(s.p + 6, 2);
	if (h < 0 || h > 23 || m < 0 || m > 59 || sec < 0 || sec > 60 ||
	    !zone(without_fraction(rest_of(s, 8)), &off))
		return ISO_TIME_NONE;
	return h * 3600 + m * 60 + sec - off;
}

int64_t
iso_time(struct slice s)
{
	int year, month, day;
	int64_t date, time_s;

	if (s.len < 10 || s.p[4] != '-' || s.p[7] != '-')
		return unix_seconds(s);
	year = digits(s.p, 4);
	month = digits(s.p + 5, 2);
	day = digits(s.p + 8, 2);
	if (year < 0 || month < 1 || month > 12 || day < 1 || day > 31)
		return ISO_TIME_NONE;
	date = days(year, month, day) * DAY_S;
	if (s.len == 10)
		return date;
	if (s.p[10] != ' ' && s.p[10] != 'T' && s.p[10] != 't')
		return ISO_TIME_NONE;
	time_s = seconds_of_day(rest_of(s, 11));
	return time_s == ISO_TIME_NONE ? ISO_TIME_NONE : date + time_s;
}

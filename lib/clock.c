/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/clock.h"

#include <string.h>

#include "lib/check.h"

static int64_t
ask(clockid_t id)
{
	struct timespec ts;

	CHECK(clock_gettime(id, &ts) == 0);
	return (int64_t)ts.tv_sec * US_PER_S + ts.tv_nsec / 1000;
}

int64_t
clock_wall_us(void)
{
	return ask(CLOCK_REALTIME);
}

int64_t
clock_boot_us(void)
{
	return ask(CLOCK_BOOTTIME);
}

/* Set before main(), so that no thread ever sees it unset. */
static int64_t base_us;

__attribute__((constructor)) static void
set_base(void)
{
	base_us = ask(CLOCK_REALTIME) - ask(CLOCK_MONOTONIC);
}

int64_t
clock_us(void)
{
	return base_us + ask(CLOCK_MONOTONIC);
}

struct timespec
clock_monotonic(int64_t at_us)
{
	int64_t us = at_us - base_us;

	return (struct timespec){ .tv_sec = (time_t)(us / US_PER_S),
		.tv_nsec = (long)(us % US_PER_S) * 1000 };
}

static void
split(int64_t wall_us, struct tm *tm)
{
	time_t s = (time_t)(wall_us / US_PER_S);

	CHECK(gmtime_r(&s, tm) != NULL);
}

size_t
clock_iso(char *out, size_t cap, int64_t wall_us)
{
	struct tm tm;

	split(wall_us, &tm);
	return strftime(out, cap, "%Y-%m-%d %H:%M:%S+0000", &tm);
}

/* Its last digits, at least so many. */
static char *
number(char *out, unsigned v, int digits)
{
	char text[10];
	int n = 0;

	for (; v > 0 || n < digits; v /= 10)
		text[n++] = (char)('0' + v % 10);
	while (n > 0)
		*out++ = text[--n];
	return out;
}

static char *
word(char *out, const char name[4])
{
	memcpy(out, name, 3);
	out[3] = ' ';
	return out + 4;
}

/* Not strftime: the names must not follow the locale.  Nor snprintf: each
 * message has such a line. */
size_t
clock_rfc5322(char *out, size_t cap, int64_t wall_us)
{
	static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu",
		"Fri", "Sat" };
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May",
		"Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	char text[64], *p = text;
	struct tm tm;
	size_t len;

	split(wall_us, &tm);
	CHECK(tm.tm_year >= -1900);
	p = word(p, days[tm.tm_wday]);
	p[-1] = ',';
	*p++ = ' ';
	p = number(p, (unsigned)tm.tm_mday, 2);
	*p++ = ' ';
	p = word(p, months[tm.tm_mon]);
	p = number(p, (unsigned)(tm.tm_year + 1900), 1);
	*p++ = ' ';
	p = number(p, (unsigned)tm.tm_hour, 2);
	*p++ = ':';
	p = number(p, (unsigned)tm.tm_min, 2);
	*p++ = ':';
	p = number(p, (unsigned)tm.tm_sec, 2);
	len = (size_t)(p - text);
	memcpy(p, " +0000", 7);
	len += 6;
	if (len >= cap)
		return 0;
	memcpy(out, text, len + 1);
	return len;
}

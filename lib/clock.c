/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/clock.h"

#include <stdio.h>
#include <time.h>

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

size_t
clock_rfc5322(char *out, size_t cap, int64_t wall_us)
{
	static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu",
		"Fri", "Sat" };
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May",
		"Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	struct tm tm;
	int len;

	split(wall_us, &tm);
	/* Not strftime: the names must not follow the locale. */
	len = snprintf(out, cap, "%s, %02d %s %d %02d:%02d:%02d +0000",
	    days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900,
	    tm.tm_hour, tm.tm_min, tm.tm_sec);
	return len < 0 || (size_t)len >= cap ? 0 : (size_t)len;
}

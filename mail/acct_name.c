/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/acct_name.h"

#include <inttypes.h>
#include <string.h>

#include "lib/clock.h"

enum { DIGITS_MIN = 4, DIGITS_MAX = 18 };

void
acct_name_day(char out[ACCT_DAY], int64_t wall_us)
{
	char iso[40];

	(void)clock_iso(iso, sizeof(iso), wall_us);
	memcpy(out, iso, ACCT_DAY - 1);
	out[ACCT_DAY - 1] = '\0';
}

/* The last part of path, and where its suffix begins. */
static const char *
split(const char *path, const char **suffix_r)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash == NULL ? path : slash + 1;
	const char *dot = strrchr(base, '.');

	*suffix_r = dot == NULL || dot == base ? base + strlen(base) : dot;
	return base;
}

void
acct_name_make(const char *path, const struct acct_name *n, struct buf *out)
{
	const char *suffix, *base = split(path, &suffix);

	buf_add(out, base, (size_t)(suffix - base));
	buf_printf(out, "-%s-%04" PRIu64 "%s", n->day, n->number, suffix);
}

/* "2026-11-21": by its form; what day it is does not matter. */
static bool
is_day(const char *p)
{
	static const char form[] = "dddd-dd-dd";

	for (size_t i = 0; form[i] != '\0'; i++)
		if (form[i] == 'd' ? p[i] < '0' || p[i] > '9' : p[i] != '-')
			return false;
	return true;
}

bool
acct_name_parse(const char *path, const char *name, struct acct_name *n_r)
{
	const char *suffix, *base = split(path, &suffix);
	size_t stem = (size_t)(suffix - base), digits = 0;
	const char *p = name + stem;

	if (strncmp(name, base, stem) != 0 || *p != '-' || !is_day(p + 1))
		return false;
	memcpy(n_r->day, p + 1, ACCT_DAY - 1);
	n_r->day[ACCT_DAY - 1] = '\0';
	p += ACCT_DAY;
	if (*p++ != '-')
		return false;
	n_r->number = 0;
	for (; *p >= '0' && *p <= '9' && digits < DIGITS_MAX; p++, digits++)
		n_r->number = n_r->number * 10 + (uint64_t)(*p - '0');
	return digits >= DIGITS_MIN && strcmp(p, suffix) == 0;
}

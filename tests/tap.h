/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tap - the Test Anything Protocol for unit tests; header only.
 *
 *	ok(queue_is_empty(q), "%s: empty", cases[i].label);
 *	is_str(name, "example.net", "the domain");
 *	is_int(n, 3, "three are left");
 *	return done_testing();
 */

#ifndef TESTS_TAP_H
#define TESTS_TAP_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_count, tap_failed;

__attribute__((format(printf, 2, 3))) static inline bool
ok(bool cond, const char *fmt, ...)
{
	va_list ap;

	tap_count++;
	if (!cond)
		tap_failed++;
	(void)printf("%sok %d - ", cond ? "" : "not ", tap_count);
	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
	(void)printf("\n");
	(void)fflush(stdout);
	return cond;
}

static inline bool
is_int(int64_t got, int64_t want, const char *what)
{
	bool same = ok(got == want, "%s", what);

	if (!same)
		(void)printf("#   got  %" PRId64 "\n#   want %" PRId64 "\n",
		    got, want);
	return same;
}

static inline bool
is_str(const char *got, const char *want, const char *what)
{
	bool same = got != NULL && strcmp(got, want) == 0;

	(void)ok(same, "%s", what);
	if (!same)
		(void)printf("#   got  %s\n#   want %s\n",
		    got == NULL ? "(null)" : got, want);
	return same;
}

static inline int
done_testing(void)
{
	(void)printf("1..%d\n", tap_count);
	return tap_failed == 0 && tap_count > 0 ? 0 : 1;
}

#endif

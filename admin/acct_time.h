/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct_time - times as they stand in accounting files.
 *
 * "2026-11-20 23:40:01+0000" (any zone; "T" for the blank, "Z", a fraction and
 * a date alone are understood) or Unix seconds.  Pure; any thread.
 */

#ifndef ADMIN_ACCT_TIME_H
#define ADMIN_ACCT_TIME_H

#include <stdint.h>

#include "lib/str.h"

#define ACCT_TIME_NONE INT64_MIN

/* Seconds since 1970, or ACCT_TIME_NONE. */
int64_t acct_time(struct slice s);

#endif

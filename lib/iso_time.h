/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iso_time - times as text, as accounting files have them and people write
 * them.
 *
 * "2026-11-20 23:40:01+0000" (any zone; "T" for the blank, "Z", a fraction and
 * a date alone are understood) or Unix seconds.  Pure; any thread.
 */

#ifndef LIB_ISO_TIME_H
#define LIB_ISO_TIME_H

#include <stdint.h>

#include "lib/str.h"

#define ISO_TIME_NONE INT64_MIN

/* Seconds since 1970, or ISO_TIME_NONE. */
int64_t iso_time(struct slice s);

#endif

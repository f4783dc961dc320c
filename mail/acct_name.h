/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct_name - names of accounting files: /dir/acct.csv in the configuration
 * becomes /dir/acct-2026-11-21-0000.csv, by day in UTC and a number that grows
 * within the day, of four digits or more.  Pure; any thread.
 */

#ifndef MAIL_ACCT_NAME_H
#define MAIL_ACCT_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/str.h"

enum { ACCT_DAY = 11 }; /* "2026-11-21" and the NUL */

struct acct_name {
	char day[ACCT_DAY];
	uint64_t number;
};

void acct_name_day(char out[ACCT_DAY], int64_t wall_us);

/* Appends the last part of the path, for the path of the configuration. */
void acct_name_make(const char *path, const struct acct_name *n,
    struct buf *out);

/* Is name, without folder, one of this acct-file's? */
bool acct_name_parse(const char *path, const char *name, struct acct_name *n_r);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct_match - which accounting records a command is about: the selection
 * that `find` and `stats` have in common.
 *
 * The options are admin/options.def's; all that are given must hold, but types
 * (--type, --delivered, --bounced, --status) add up.  Their values were
 * checked by ctl_parse.  One thread.
 */

#ifndef ADMIN_ACCT_MATCH_H
#define ADMIN_ACCT_MATCH_H

#include "admin/acct_reader.h"

/* The options, for the tables of commands. */
#define ACCT_MATCH_OPTIONS \
	"bounceCat bounced delivered dsnStatus envId from header jobId last " \
	"match queue rcvSmtpUser since status to toDomain type until vmta"

struct acct_match;

/* Before the first row: the columns that are asked for are wanted here. */
struct acct_match *acct_match_new(const struct ctl_options *opt,
    struct acct_reader *rows);
void acct_match_free(struct acct_match **mp);

bool acct_match_takes(const struct acct_match *m, const struct acct_row *row);

/* For acct_files_find(): INT64_MIN when no time was given. */
int64_t acct_match_since(const struct ctl_options *opt);

/* Seconds since 1970 of a value that --since takes. */
int64_t acct_match_time(const char *value);

/* Are these values what the options take?  The error says what is not. */
int acct_match_check_types(const char *list, struct err *e);
int acct_match_check_pattern(const char *value, struct err *e);
int acct_match_check_header(const char *value, struct err *e);
int acct_match_check_time(const char *value, struct err *e);

#endif

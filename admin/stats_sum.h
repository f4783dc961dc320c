/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats_sum - all that `mailrace stats` knows of a set of accounting records.
 *
 * A row is added, or another sum; the order does not matter.  Pure: no files,
 * no clock.  Adding a row allocates only for a domain, a reason or an hour
 * that is new; memory is bounded by the room (stats_table.h).  One thread.
 */

#ifndef ADMIN_STATS_SUM_H
#define ADMIN_STATS_SUM_H

#include <stdbool.h>

#include "admin/stats_table.h"
#include "mail/acct_field.h"

/* Of one record; text that its type does not have is empty. */
struct stats_row {
	enum acct_type type;
	int64_t logged_s, queued_s; /* Unix time; 0: not known */
	uint64_t size;
	struct slice rcpt, bounce_cat, dsn_status, dsn_diag, vmta;
};

/*
 * Columns of the tables of domains, virtual MTAs and hours: records of each
 * type, and bytes delivered.
 */
enum { STATS_BYTES = ACCT_TYPES, STATS_MEASURES };

enum stats_by {
	STATS_DOMAINS,
	STATS_VMTAS,
	STATS_HOURS, /* since 1970 */
	STATS_MINUTES,
	STATS_CATEGORIES,
	STATS_BOUNCES, /* domain, category and, by_dsn, status and diagnosis */
	STATS_DELAYS,  /* seconds from queued to delivered; one column */
	STATS_TABLES
};

/* Columns of minutes, and of categories and bounces. */
enum { STATS_MINUTE_D, STATS_MINUTE_R };
enum { STATS_BOUNCED, STATS_REMOTE };

enum { STATS_SEPARATOR = '\t' }; /* between the parts of a key of bounces */

struct stats_sum {
	bool by_dsn; /* keys of bounces have status and diagnosis */
	uint64_t records;
	int64_t first_s, last_s; /* 0: none had a time */
	uint64_t measures[STATS_MEASURES];
	struct stats_table tables[STATS_TABLES];
	/* the hour and minute that came last, most often the next one's, too */
	int64_t hour, minute;
	uint32_t hour_row, minute_row;
};

void stats_sum_init(struct stats_sum *s, bool by_dsn, struct stats_room *room);
void stats_sum_fini(struct stats_sum *s);

void stats_sum_add(struct stats_sum *s, const struct stats_row *r);
void stats_sum_merge(struct stats_sum *s, const struct stats_sum *from);

/* The number that is a key: hours or minutes since 1970, or seconds. */
int64_t stats_sum_number(const struct stats_table *t, uint32_t row);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats_report - the sections of `mailrace stats`, made of a sum.
 *
 * Text, JSON and CSV (stats_print.h) get the same rows.  One thread.
 */

#ifndef ADMIN_STATS_REPORT_H
#define ADMIN_STATS_REPORT_H

#include "admin/stats_print.h"
#include "admin/stats_sum.h"

/* In the order of the report. */
enum stats_part {
	STATS_TIME_FRAME,
	STATS_COUNTS,
	STATS_BOUNCE_CATEGORIES,
	STATS_DELIVERY_TIMES,
	STATS_TOP_BOUNCES,
	STATS_TOP_DOMAINS,
	STATS_RATES,
	STATS_TOP_VMTAS,
	STATS_HOURLY,
	STATS_DATES,
	STATS_ALL_DOMAINS,
	STATS_PARTS
};

#define STATS_PART(p) (1u << (p))

struct stats_show {
	unsigned parts; /* STATS_PART(...) */
	uint64_t top_domains, top_categories, top_bounces;
	/* Categories of the sections about bounces, of glob_list(); NULL: all. */
	char *bounce_cats;
};

/* files: how many were read; NULL: not of this report. */
void stats_report(struct stats_print *p, const struct stats_sum *s,
    const struct stats_show *show, const uint64_t *files);

#endif

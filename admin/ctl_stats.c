/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of what is in accounting files. */
#include "admin/ctl_cmds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/acct_match.h"
#include "admin/stats_order.h"
#include "admin/stats_report.h"
#include "admin/stats_split.h"
#include "lib/glob.h"
#include "lib/iso_time.h"
#include "lib/mem.h"
#include "lib/str.h"

/* Of all tables together; one report has 200 MB at the very most. */
#define ROOM_BYTES ((size_t)1024 * 1024 * 1024)
#define TIME_MAX_S INT64_C(253402300799) /* the end of the year 9999 */
#define SIZE_MOST (UINT64_C(1) << 40) /* of a message; sums do not overflow */

/* ---- what was asked for -------------------------------------------------- */

static const struct {
	enum ctl_option option;
	enum stats_part part;
} left_out[] = {
	{ OPT_NOTIMEFRAME, STATS_TIME_FRAME },
	{ OPT_NOCOUNTS, STATS_COUNTS },
	{ OPT_NOBOUNCECATEGORIES, STATS_BOUNCE_CATEGORIES },
	{ OPT_NODELIVERYTIMES, STATS_DELIVERY_TIMES },
	{ OPT_NOTOPBOUNCES, STATS_TOP_BOUNCES },
	{ OPT_NOTOPDOMAINS, STATS_TOP_DOMAINS },
	{ OPT_NORATES, STATS_RATES },
	{ OPT_NOVMTAS, STATS_TOP_VMTAS },
	{ OPT_NOHOURLY, STATS_HOURLY },
}, asked_for[] = {
	{ OPT_BYDATE, STATS_DATES },
	{ OPT_BYDOMAIN, STATS_ALL_DOMAINS },
};

static const struct {
	enum ctl_option option;
	const char *column; /* NULL: header_NAME */
} splits[] = {
	{ OPT_BYENVID, "envId" },
	{ OPT_BYFROM, "orig" },
	{ OPT_BYHEADER, NULL },
	{ OPT_BYJOBID, "jobId" },
	{ OPT_BYVMTA, "vmta" },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct wish {
	enum stats_form form;
	struct stats_show show;
	uint64_t split_limit;
	char *column; /* a report for each of its values; NULL: none */
};

static uint64_t
limit(const struct ctl_options *opt, enum ctl_option which, uint64_t usual)
{
	const char *text = opt->values[which];
	struct err e;

	if (text != NULL)
		(void)str_to_u64(slice_of(text), &usual, &e);
	else if (opt->values[OPT_ALL] != NULL)
		usual = UINT64_MAX;
	return usual;
}

static void
wish_show(const struct ctl_options *opt, struct stats_show *show)
{
	for (size_t i = 0; i < COUNT(left_out); i++)
		if (opt->values[left_out[i].option] == NULL)
			show->parts |= STATS_PART(left_out[i].part);
	for (size_t i = 0; i < COUNT(asked_for); i++)
		if (opt->values[asked_for[i].option] != NULL)
			show->parts |= STATS_PART(asked_for[i].part);
	show->top_domains = limit(opt, OPT_TOPDOMAINS, 10);
	show->top_categories = limit(opt, OPT_TOPCATEGORIES, 20);
	show->top_bounces = limit(opt, OPT_TOPBOUNCES, 20);
	if (opt->values[OPT_BOUNCECAT] != NULL)
		show->bounce_cats = glob_list(opt->values[OPT_BOUNCECAT]);
}

static int
wish_form(const struct ctl_options *opt, enum stats_form *form_r)
{
	static const char *const names[] = { [STATS_TEXT] = "text",
		[STATS_JSON] = "json",
		[STATS_CSV] = "csv" };
	const char *text = opt->values[OPT_OUTPUT];

	*form_r = opt->json ? STATS_JSON : STATS_TEXT;
	if (text == NULL)
		return 0;
	for (size_t i = 0; i < COUNT(names); i++)
		if (strcmp(text, names[i]) == 0) {
			*form_r = (enum stats_form)i;
			return 0;
		}
	(void)fprintf(stderr,
	    "mailrace: --output is text, json or csv, not \"%s\"\n", text);
	return -1;
}

static int
wish_split(const struct ctl_options *opt, char **column_r)
{
	size_t n = 0;

	for (size_t i = 0; i < COUNT(splits); i++) {
		const char *value = opt->values[splits[i].option];
		struct buf b = { 0 };

		if (value == NULL)
			continue;
		if (n++ > 0) {
			(void)fprintf(stderr,
			    "mailrace: reports by one column at a time\n");
			return -1;
		}
		if (splits[i].column == NULL)
			buf_printf(&b, "header_%s", value);
		else
			buf_str(&b, splits[i].column);
		*column_r = mem_strdup(buf_cstr(&b));
		buf_fini(&b);
	}
	return 0;
}

static int
wish_init(const struct ctl_options *opt, struct wish *w)
{
	*w = (struct wish){ .split_limit = limit(opt, OPT_SPLITLIMIT, 20) };
	wish_show(opt, &w->show);
	if (wish_form(opt, &w->form) == -1)
		return -1;
	return wish_split(opt, &w->column);
}

/* ---- rows ---------------------------------------------------------------- */

/* The slots of columns. */
struct slots {
	unsigned type, logged, queued, rcpt, bounce_cat, dsn_status, dsn_diag,
	    size, vmta, by;
};

static void
want(struct acct_reader *rows, const struct wish *w, struct slots *s)
{
	*s = (struct slots){
		.type = acct_reader_want(rows, "type"),
		.logged = acct_reader_want(rows, "timeLogged"),
		.queued = acct_reader_want(rows, "timeQueued"),
		.rcpt = acct_reader_want(rows, "rcpt"),
		.bounce_cat = acct_reader_want(rows, "bounceCat"),
		.dsn_status = acct_reader_want(rows, "dsnStatus"),
		.dsn_diag = acct_reader_want(rows, "dsnDiag"),
		.size = acct_reader_want(rows, "dlvSize"),
		.vmta = acct_reader_want(rows, "vmta"),
	};
	if (w->column != NULL)
		s->by = acct_reader_ask(rows, w->column);
}

/* Nonsense is not known, too. */
static int64_t
known_time(struct slice text)
{
	int64_t s = iso_time(text);

	return s <= 0 || s > TIME_MAX_S ? 0 : s;
}

static uint64_t
size_of(struct slice text)
{
	struct err e;
	uint64_t v;

	if (text.len == 0 || str_to_u64(text, &v, &e) == -1)
		return 0;
	return v > SIZE_MOST ? 0 : v;
}

/* False: no type that we know. */
static bool
take(const struct acct_row *row, const struct slots *s, struct stats_row *out)
{
	if (!acct_type_find(acct_cell(row, s->type), &out->type))
		return false;
	out->logged_s = known_time(acct_cell(row, s->logged));
	out->queued_s = known_time(acct_cell(row, s->queued));
	out->size = size_of(acct_cell(row, s->size));
	out->rcpt = acct_cell(row, s->rcpt);
	out->bounce_cat = acct_cell(row, s->bounce_cat);
	out->dsn_status = acct_cell(row, s->dsn_status);
	out->dsn_diag = acct_cell(row, s->dsn_diag);
	out->vmta = acct_cell(row, s->vmta);
	return true;
}

/* ---- the command --------------------------------------------------------- */

struct stats {
	struct wish wish;
	struct stats_room room;
	struct stats_sum all;
	struct stats_split split;
	uint64_t unknown; /* rows of other types */
};

/*
 * --bounceCat selects no records here: the rates of what is left would say
 * nothing.  It is about the sections of bounces.
 */
static struct acct_match *
match_new(const struct ctl_options *opt, struct acct_reader *rows)
{
	struct ctl_options selection = *opt;

	selection.given_count = 0;
	for (size_t i = 0; i < opt->given_count; i++)
		if (opt->given[i].option != OPT_BOUNCECAT)
			selection.given[selection.given_count++] =
			    opt->given[i];
	return acct_match_new(&selection, rows);
}

static void
add_rows(struct stats *st, struct acct_reader *rows,
    const struct acct_match *match)
{
	const struct acct_row *row;
	struct stats_row r;
	struct slots s;

	want(rows, &st->wish, &s);
	while ((row = acct_reader_next(rows)) != NULL) {
		if (!acct_match_takes(match, row))
			continue;
		if (!take(row, &s, &r)) {
			st->unknown++;
			continue;
		}
		stats_sum_add(&st->all, &r);
		if (st->wish.column != NULL)
			stats_split_add(&st->split, acct_cell(row, s.by), &r);
	}
}

static uint64_t
records(const uint64_t *counters)
{
	return *counters;
}

static void
print_values(struct stats *st, struct stats_print *p)
{
	struct stats_split *sp = &st->split;
	struct stats_order o;

	stats_split_trim(sp, st->wish.split_limit);
	stats_order_init(&o, &sp->values, records);
	for (size_t i = 0; i < o.count; i++) {
		struct slice key = stats_item_key(&o.items[i]);
		char *value = mem_strndup(key.p, key.len);

		stats_print_value(p, st->wish.column, value, 0);
		stats_report(p, sp->sums[o.items[i].row], &st->wish.show, NULL);
		free(value);
	}
	if (sp->others.records > 0) {
		stats_print_value(p, st->wish.column, NULL, sp->forgotten);
		stats_report(p, &sp->others, &st->wish.show, NULL);
	}
	stats_order_fini(&o);
}

/* The exit status. */
static int
print(struct stats *st, const struct acct_reader *rows)
{
	struct stats_print *p = stats_print_new(st->wish.form);
	uint64_t files = acct_reader_files(rows);
	struct err e;

	if (st->unknown > 0)
		(void)fprintf(stderr,
		    "mailrace: %llu rows of unknown types are left out\n",
		    (unsigned long long)st->unknown);
	stats_report(p, &st->all, &st->wish.show, &files);
	if (st->wish.column != NULL)
		print_values(st, p);
	if (stats_print_free(&p, &e) == -1) {
		(void)fprintf(stderr, "mailrace: %s\n", e.text);
		return 2;
	}
	if (acct_reader_failed(rows) > 0)
		return 2;
	return st->all.records > 0 ? 0 : 1;
}

static int
run(const struct ctl_options *opt, struct stats *st)
{
	struct acct_files files;
	struct acct_match *match;
	struct acct_reader *rows;
	int rc;

	if (acct_files_find(opt, acct_match_since(opt), &files) == -1)
		return 2;
	rows = acct_reader_new(&files, st->wish.form == STATS_JSON);
	match = match_new(opt, rows);
	add_rows(st, rows, match);
	acct_match_free(&match);
	rc = print(st, rows);
	acct_reader_free(&rows);
	acct_files_fini(&files);
	return rc;
}

int
cmd_stats(const struct ctl_options *opt)
{
	struct stats st = { .room = { ROOM_BYTES } };
	bool by_dsn = opt->values[OPT_BYDSN] != NULL;
	int rc = 2;

	if (wish_init(opt, &st.wish) == 0) {
		stats_sum_init(&st.all, by_dsn, &st.room);
		stats_split_init(&st.split, by_dsn, &st.room);
		rc = run(opt, &st);
		stats_split_fini(&st.split);
		stats_sum_fini(&st.all);
	}
	free(st.wish.show.bounce_cats);
	free(st.wish.column);
	return rc;
}

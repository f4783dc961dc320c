/* SPDX-License-Identifier: Apache-2.0 */
/*
 * find: records of accounting files, chosen and printed.
 */
#include "admin/ctl_cmds.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "admin/acct_match.h"
#include "admin/find_print.h"
#include "admin/find_sort.h"
#include "lib/check.h"

struct find {
	struct acct_files files;
	struct acct_reader *rows;
	struct acct_match *match;
	struct find_print *print;
	struct find_sort *sort; /* NULL: in the order of the files */
	uint64_t most, found;
	bool terminal;
};

static void
fini(struct find *f)
{
	find_sort_free(&f->sort);
	find_print_free(&f->print);
	acct_match_free(&f->match);
	acct_reader_free(&f->rows);
	acct_files_fini(&f->files);
}

/* -1: a value is wrong. */
static int
read_options(const struct ctl_options *opt, struct find *f, struct err *e)
{
	const char *form = opt->values[OPT_OUTPUT];
	const char *order = opt->values[OPT_SORTBY];
	const char *most = opt->values[OPT_MAXITEMS];

	f->terminal = isatty(STDOUT_FILENO) == 1;
	if (most != NULL)
		CHECK(str_to_u64(slice_of(most), &f->most, e) == 0);
	if (form == NULL)
		form = opt->json ? "json" : "csv";
	if (find_print_new(form, opt->values[OPT_ISO_TIMES] != NULL, &f->print,
		e) == -1)
		return err_where(e, "--output");
	if (order != NULL &&
	    find_sort_new(order, (size_t)f->most, &f->sort, e) == -1)
		return err_where(e, "--sortBy");
	return 0;
}

/* ---- rows ---------------------------------------------------------------- */

static void
print_names(void *ctx, const char *const *names, size_t count)
{
	struct find *f = ctx;

	find_print_expect(f->print, names, count);
}

static void
print_row(void *ctx, const struct acct_row *row)
{
	struct find *f = ctx;

	find_print_row(f->print, row);
}

/* Reads all; -1: what was found cannot be written. */
static int
read_rows(struct find *f, struct err *e)
{
	const struct acct_row *row;

	while ((f->most == 0 || f->found < f->most || f->sort != NULL) &&
	    (row = acct_reader_next(f->rows)) != NULL) {
		if (!acct_match_takes(f->match, row))
			continue;
		f->found++;
		if (f->sort != NULL) {
			find_sort_add(f->sort, row);
			continue;
		}
		if (f->terminal)
			acct_reader_hide(f->rows);
		find_print_row(f->print, row);
		/* Who looks on sees each as it is found. */
		if (f->terminal && find_print_flush(f->print, e) == -1)
			return -1;
	}
	acct_reader_hide(f->rows);
	if (f->sort != NULL)
		find_sort_each(f->sort, print_names, print_row, f);
	return find_print_end(f->print, e);
}

/* Columns of files that can be looked into before. */
static void
expect_columns(struct find *f)
{
	for (size_t i = 0; i < f->files.n && f->sort == NULL; i++)
		find_print_expect(f->print, f->files.v[i].names,
		    f->files.v[i].columns);
}

static int
find(const struct ctl_options *opt, struct find *f)
{
	struct err e;

	if (read_options(opt, f, &e) == -1) {
		(void)fprintf(stderr, "mailrace: %s\n", e.text);
		return 2;
	}
	if (acct_files_find(opt, acct_match_since(opt), &f->files) == -1)
		return 2;
	expect_columns(f);
	f->rows = acct_reader_new(&f->files, opt->json);
	f->match = acct_match_new(opt, f->rows);
	if (f->sort != NULL)
		(void)acct_reader_ask(f->rows, find_sort_column(f->sort));
	if (read_rows(f, &e) == -1) {
		(void)fprintf(stderr, "mailrace: %s\n", e.text);
		return 2;
	}
	if (acct_reader_failed(f->rows) > 0)
		return 2;
	return f->found > 0 ? 0 : 1;
}

int
cmd_find(const struct ctl_options *opt)
{
	struct find f = { .most = 0 };
	int rc = find(opt, &f);

	fini(&f);
	return rc;
}

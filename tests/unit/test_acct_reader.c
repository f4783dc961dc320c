/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All files are read one after the other, by columns that keep their slots
 * whatever the headers say; those that are moved away or deleted after the
 * list was made are found, or no failure.
 */
#include "admin/acct_reader.h"

#include "admin/ctl_ask.h"
#include "lib/mem.h"
#include "tests/tap.h"
#include "tests/unit/tmpdir.h"

/* What admin/ctl_ask.c does, without the rest of the command. */
int
ctl_places(const struct ctl_options *opt, struct places *out)
{
	struct conf_errors errs = { 0 };
	int rc = places_read(opt->config, out, &errs);

	conf_errors_fini(&errs);
	return rc;
}

static void
put(const char *name, const char *text)
{
	FILE *f = fopen(tmpdir_path(name), "w");

	if (f == NULL || fputs(text, f) == EOF || fclose(f) != 0)
		exit(99);
}

/* The cells of a column of all rows, with blanks between. */
static void
read_column(struct acct_reader *r, const char *column, struct buf *out)
{
	unsigned slot = acct_reader_want(r, column);
	const struct acct_row *row;

	while ((row = acct_reader_next(r)) != NULL) {
		struct slice s = acct_cell(row, slot);

		if (out->len > 0)
			buf_byte(out, ' ');
		buf_add(out, s.p, s.len);
	}
	(void)buf_cstr(out);
}

static void
move(const char *from, const char *to)
{
	char *source = mem_strdup(tmpdir_path(from));

	if (rename(source, tmpdir_path(to)) != 0)
		exit(99);
	free(source);
}

/* ---- cases --------------------------------------------------------------- */

static void
make_configured(void)
{
	char config[500];

	(void)mkdir(tmpdir_path("log"), 0700);
	(void)mkdir(tmpdir_path("moved"), 0700);
	(void)snprintf(config, sizeof(config),
	    "<acct-file %s/log//a.csv>\n move-to %s/moved\n</acct-file>\n",
	    tmpdir, tmpdir);
	put("config", config);
	put("log/a-2026-11-18-0000.csv", "type,timeLogged,rcpt\nd,10,one\n");
	put("log/a-2026-11-18-0001.csv", "rcpt,timeLogged,type\ntwo,20,d\n");
	put("log/a-2026-11-18-0002.csv", "type,timeLogged,rcpt\nd,30,three\n");
	put("log/a-2026-11-18-0003.csv", "type,timeLogged\nd,40\n");
}

static void
test_rotation(void)
{
	struct ctl_options opt = { .config = NULL };
	struct acct_files files;
	struct acct_reader *r;
	struct buf got = { 0 };

	make_configured();
	opt.config = tmpdir_path("config");
	if (!ok(acct_files_find(&opt, INT64_MIN, &files) == 0, "the list"))
		return;
	is_int((int64_t)files.n, 4, "four files");
	move("log/a-2026-11-18-0001.csv", "moved/a-2026-11-18-0001.csv");
	(void)unlink(tmpdir_path("log/a-2026-11-18-0002.csv"));
	r = acct_reader_new(&files, true);
	read_column(r, "rcpt", &got);
	is_str(got.p, "one two ", "one moved, one deleted, one without rcpt");
	is_int((int64_t)acct_reader_failed(r), 0, "none has failed");
	is_int((int64_t)acct_reader_files(r), 3, "three were read");
	acct_reader_free(&r);
	acct_files_fini(&files);
	buf_fini(&got);
}

static void
test_named(void)
{
	char *named[2];
	struct ctl_options opt = { .config = "/none",
		.files = named,
		.file_count = 2 };
	struct acct_files files;
	struct acct_reader *r;
	struct buf got = { 0 };

	put("x.json", "{\"type\":\"d\",\"Rcpt\":\"json\"}\n");
	named[0] = mem_strdup(tmpdir_path("none.csv"));
	named[1] = mem_strdup(tmpdir_path("x.json"));
	ok(acct_files_find(&opt, INT64_MAX, &files) == 0 && files.n == 2,
	    "files that are named are read whatever their age");
	r = acct_reader_new(&files, true);
	is_int(acct_reader_want(r, "rcpt"), acct_reader_want(r, "RCPT"),
	    "a column has one slot");
	ok(acct_reader_want(r, "orig") != acct_reader_want(r, "rcpt"),
	    "another one another");
	read_column(r, "rcpt", &got);
	is_str(got.p, "json", "the one that is there");
	is_int((int64_t)acct_reader_failed(r), 1, "the other one has failed");
	acct_reader_free(&r);
	acct_files_fini(&files);
	buf_fini(&got);
	free(named[0]);
	free(named[1]);
}

int
main(void)
{
	(void)tmpdir_make();
	test_rotation();
	test_named();
	tmpdir_remove();
	return done_testing();
}

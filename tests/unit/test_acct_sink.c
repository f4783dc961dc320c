/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An acct-file as the writer sees it, in the moments that other tests do not
 * meet: no file is open, the end of one could not be cut off, somebody else cut
 * it, a crash left a file that the state does not name.
 */
#include "transport/acct_sink.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/conf_types.h"
#include "tests/tap.h"
#include "tests/unit/tmpdir.h"

static struct snapshot *
load(void)
{
	const char *path = tmpdir_path("config");
	struct conf_errors errs = { 0 };
	FILE *f = fopen(path, "w");
	struct snapshot *s;

	(void)fprintf(f,
	    "spool %s\n<acct-file %s/a.csv>\n records d,b\n"
	    "</acct-file>\n",
	    tmpdir, tmpdir);
	(void)fclose(f);
	s = snapshot_load(tmpdir_path("config"), &errs);
	conf_errors_fini(&errs);
	if (s == NULL)
		exit(99);
	return s;
}

static void
test_due(void)
{
	struct snapshot *conf = load();
	const struct acct_conf *c = snapshot_acct_at(conf, 0);
	struct acct_sink *s = acct_sink_new(1, c->path, 0);
	struct err e;

	acct_sink_set_conf(s, conf, c);
	ok(acct_sink_open_next(s, &e) == 0, "a file is begun");
	s->now.begun_us = 1;
	is_int(acct_sink_due_us(s), 1 + c->move_interval_us,
	    "it is due by its age");
	acct_file_close(&s->file);
	ok(acct_sink_due_us(s) == INT64_MAX,
	    "while none is open, nothing is due");
	acct_sink_free(&s);
	snapshot_unref(&conf);
}

static void
append(const char *path, const char *text)
{
	FILE *f = fopen(path, "a");

	(void)fputs(text, f);
	(void)fclose(f);
}

static void
test_torn(void)
{
	const char *path = tmpdir_path("torn.csv");
	struct acct_file f;
	struct err e;

	acct_file_init(&f);
	ok(acct_file_create(&f, path, 0640, &e) == 0, "a file");
	buf_str(&f.rows, "row\n");
	ok(acct_file_sync(&f, &e) == 0 && !acct_file_is_dirty(&f), "a row");
	append(tmpdir_path("torn.csv"), "ro");
	f.torn = true; /* as after a cut that failed */
	ok(acct_file_is_dirty(&f), "what is still to be cut is not forgotten");
	ok(acct_file_sync(&f, &e) == 0, "it is cut without new rows");
	is_int(tmpdir_file_size("torn.csv"), 4, "only the row is left");
	ok(!acct_file_is_dirty(&f), "and nothing is to be done");
	acct_file_fini(&f);
}

/* copytruncate, with rows that are written, but not yet synced. */
static void
test_cut_by_others(void)
{
	struct acct_file f;
	struct err e;

	acct_file_init(&f);
	ok(acct_file_create(&f, tmpdir_path("cut.csv"), 0640, &e) == 0,
	    "a file");
	buf_str(&f.rows, "row\n");
	ok(acct_file_sync(&f, &e) == 0 && !acct_file_is_gone(&f), "a row");
	buf_str(&f.rows, "two\n");
	ok(acct_file_write(&f, &e) == 0 && !acct_file_is_gone(&f), "another");
	ok(truncate(tmpdir_path("cut.csv"), 0) == 0 && acct_file_is_gone(&f),
	    "a file that somebody cut is gone");
	ok(acct_file_drop(&f, &e) == 0, "it is given up");
	is_int(tmpdir_file_size("cut.csv"), 0, "and is not made longer");
	acct_file_fini(&f);
}

/* Loading a dump makes the file anew. */
static void
test_other_inode(void)
{
	struct acct_file f;
	struct err e;

	acct_file_init(&f);
	append(tmpdir_path("other.csv"), "row\nro");
	is_int(acct_file_resume(&f, tmpdir_path("other.csv"), 1, 4, &e), 0,
	    "another file is left as it is");
	is_int(acct_file_resume(&f, tmpdir_path("other.csv"), 0, 4, &e), 1,
	    "if any will do, it is taken");
	is_int(tmpdir_file_size("other.csv"), 4, "and cut back");
	acct_file_fini(&f);
}

static bool
is_there(const struct acct_buffer *b, const char *name)
{
	char path[600];

	(void)snprintf(path, sizeof(path), "%s/%s", b->folder, name);
	return access(path, F_OK) == 0;
}

static void
put(const struct acct_buffer *b, const char *name, const char *text)
{
	char path[600];

	(void)snprintf(path, sizeof(path), "%s/%s", b->folder, name);
	append(path, text);
}

static void
test_strays(void)
{
	struct acct_buffer *b;
	struct err e;

	ok(acct_buffer_new(tmpdir, "|cat", &b, &e) == 0, "a buffer");
	put(b, "00000006.csv", "");
	put(b, "00000007.csv", "header\n");
	put(b, "00000008.csv", "");
	is_int((int64_t)acct_buffer_start(b, 6, 0, 7), 7, "the seventh file");
	ok(!is_there(b, "00000008.csv"),
	    "an empty one behind it would hide 00000008.json: it goes");
	ok(is_there(b, "00000006.csv") && is_there(b, "00000007.csv"),
	    "the others stay");
	acct_buffer_free(&b);
}

int
main(void)
{
	(void)tmpdir_make();
	test_due();
	test_torn();
	test_cut_by_others();
	test_other_inode();
	test_strays();
	tmpdir_remove();
	return done_testing();
}

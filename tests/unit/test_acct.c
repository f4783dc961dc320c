/* SPDX-License-Identifier: Apache-2.0 */
/* Accounting files hold each record once, whatever was replayed or half written. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/mem.h"
#include "tests/tap.h"
#include "transport/acct.h"
#include "transport/acct_record.h"

/*
 * Counts down to a sync that fails as disks do: what was written since the
 * last good one is gone, and the next one has nothing to complain about.
 */
static int sync_fails_in = -1;
static off_t good_length;

int
fdatasync(int fd)
{
	struct stat st;

	if (sync_fails_in >= 0 && sync_fails_in-- == 0) {
		if (ftruncate(fd, good_length) == -1)
			abort();
		errno = EIO;
		return -1;
	}
	if (fstat(fd, &st) == 0 && st.st_size != 2 * 16384)
		good_length = st.st_size;
	return fsync(fd);
}

static char dir[] = "/tmp/mailrace-acct-XXXXXX";
static char conf_path[64], csv_path[64];
static unsigned pause_ms;

static void
write_config(void)
{
	FILE *f = fopen(conf_path, "w");

	if (f == NULL)
		return;
	(void)fprintf(f,
	    "spool %s\n<acct-file %s>\n records d,b\n</acct-file>\n", dir,
	    csv_path);
	(void)fclose(f);
}

static void
feed(struct acct *a, uint64_t seq, const char *rcpt, char type)
{
	struct acct_record r = { .type = type, .rcpt = rcpt };
	struct buf b = { 0 };

	acct_record_pack(&r, &b);
	acct_blob(a, seq, b.p, b.len);
	buf_fini(&b);
}

/* "dbd" from the types of the rows, "?" for any other line but the header. */
static const char *
types_in_file(char *out, size_t cap)
{
	FILE *f = fopen(csv_path, "r");
	char line[1024];
	size_t n = 0;
	int headers = 0;

	while (
	    f != NULL && fgets(line, sizeof(line), f) != NULL && n + 1 < cap) {
		if (strncmp(line, "type,", 5) == 0)
			headers++;
		else
			out[n++] = line[1] == ',' ? line[0] : '?';
	}
	if (f != NULL)
		(void)fclose(f);
	out[n] = '\0';
	return headers == 1 ? out : "not one header";
}

/* One life of the writer: the blobs from..to, then a clean end. */
static void
live(uint64_t from, uint64_t to)
{
	struct conf_errors errs = { 0 };
	struct snapshot *conf = snapshot_load(conf_path, &errs);
	struct worker *w;
	struct acct *a;
	struct err e = { "" };

	ok(conf != NULL, "the configuration is read");
	w = worker_new("writer", &e);
	ok(acct_new(w, conf, dir, &a, &e) == 0, "files open %s", e.text);
	ok(worker_start(w, &e) == 0, "the writer starts");
	for (uint64_t seq = from; seq <= to; seq++)
		feed(a, seq, "b@example.net", seq % 2 == 0 ? 'b' : 'd');
	feed(a, to, "again@example.net", 'd');
	(void)usleep(pause_ms * 1000);
	worker_stop(w);
	worker_join(w);
	acct_free(&a);
	worker_free(&w);
	snapshot_unref(&conf);
	conf_errors_fini(&errs);
}

static void
live_with_bad_disk(uint64_t from, uint64_t to)
{
	struct stat st;

	ok(stat(csv_path, &st) == 0, "the file is there");
	good_length = st.st_size;
	sync_fails_in = 1; /* the state is kept first */
	pause_ms = 1200;   /* the end of life would be the only try */
	live(from, to);
	pause_ms = 0;
}

int
main(void)
{
	char types[64];
	FILE *f;

	if (mkdtemp(dir) == NULL)
		return 1;
	(void)snprintf(conf_path, sizeof(conf_path), "%s/config", dir);
	(void)snprintf(csv_path, sizeof(csv_path), "%s/acct.csv", dir);
	write_config();

	live(0, 2);
	is_str(types_in_file(types, sizeof(types)), "bdb",
	    "three records, a replayed one is ignored");

	/* Killed between writing rows and keeping the state. */
	f = fopen(csv_path, "a");
	(void)fprintf(f, "b,this row was\r\nd,half wri");
	(void)fclose(f);
	live(1, 4);
	is_str(types_in_file(types, sizeof(types)), "bdbdb",
	    "what was not in the state is cut off, the rest replayed once");

	live(4, 5);
	is_str(types_in_file(types, sizeof(types)), "bdbdbd", "and goes on");

	live_with_bad_disk(6, 7);
	is_str(types_in_file(types, sizeof(types)), "bdbdbdbd",
	    "a failed sync is not taken for done by the next one");

	(void)unlink(conf_path);
	(void)unlink(csv_path);
	(void)snprintf(conf_path, sizeof(conf_path), "%s/acct-state", dir);
	(void)unlink(conf_path);
	ok(rmdir(dir) == 0, "nothing else was left");
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Accounting files hold each record once, whatever was replayed or half written. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/mem.h"
#include "lib/str.h"
#include "mail/acct_record.h"
#include "tests/tap.h"
#include "transport/acct.h"
#include "transport/acct_state.h"

/*
 * A sync that fails as disks do: what was written since the last good one is
 * gone, and the next one has nothing to complain about.
 */
static _Atomic int sync_fails_in = -1; /* syncs from now; any thread */
static _Atomic bool disk_is_dead;      /* from that on: all others too */
static _Atomic off_t good_length;

int
fdatasync(int fd)
{
	if (disk_is_dead && sync_fails_in == 0) {
		errno = EIO;
		return -1;
	}
	if (disk_is_dead) {
		sync_fails_in--;
		return fsync(fd);
	}
	if (sync_fails_in >= 0 && sync_fails_in-- == 0) {
		if (ftruncate(fd, good_length) == -1)
			abort();
		errno = EIO;
		return -1;
	}
	return fsync(fd);
}

static char dir[] = "/tmp/mailrace-acct-XXXXXX";
static char conf_path[64], csv_path[64], state_path[64];

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
feed(struct acct *a, uint64_t seq, const char *rcpt, enum acct_type type)
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

struct life {
	struct snapshot *conf;
	struct worker *w;
	struct acct *a;
};

static void
begin(struct life *l)
{
	struct conf_errors errs = { 0 };
	struct err e = { "" };

	l->conf = snapshot_load(conf_path, &errs);
	ok(l->conf != NULL, "the configuration is read");
	conf_errors_fini(&errs);
	l->w = worker_new("writer", &e);
	ok(acct_new(l->w, l->conf, dir, &l->a, &e) == 0, "files open %s",
	    e.text);
	ok(worker_start(l->w, &e) == 0, "the writer starts");
}

static void
end(struct life *l)
{
	worker_stop(l->w);
	worker_join(l->w);
	acct_free(&l->a);
	worker_free(&l->w);
	snapshot_unref(&l->conf);
}

/* One life of the writer: the blobs from..to, then a clean end. */
static void
live(uint64_t from, uint64_t to)
{
	struct life l;

	begin(&l);
	for (uint64_t seq = from; seq <= to; seq++)
		feed(l.a, seq, "b@example.net", seq % 2 == 0 ? ACCT_B : ACCT_D);
	feed(l.a, to, "again@example.net", ACCT_D);
	end(&l);
}

/* Grows with each state that is kept. */
static uint64_t
state_turn(void)
{
	unsigned char p[8];
	uint64_t turn = 0;
	int fd = open(state_path, O_RDONLY);

	for (int i = 0; i < 2; i++)
		if (pread(fd, p, sizeof(p), (off_t)i * ACCT_STATE_SLOT + 12) ==
			sizeof(p) &&
		    get_be64(p) > turn)
			turn = get_be64(p);
	(void)close(fd);
	return turn;
}

/* A reload keeps the state twice, if the disk lets it; three times after a move. */
static void
settle(struct life *l, unsigned states)
{
	uint64_t before = state_turn();

	acct_reload(l->a, l->conf);
	for (int i = 0; i < 500; i++) {
		(void)usleep(10000);
		if (state_turn() >= before + states)
			return;
	}
	ok(false, "the state was not written");
}

/* The operator moves the file away, or removes it, while rows are written. */
static void
test_moved(void)
{
	char types[64], moved[80];
	struct life l;

	(void)snprintf(moved, sizeof(moved), "%s.1", csv_path);
	begin(&l);
	feed(l.a, 6, "b@example.net", ACCT_B);
	settle(&l, 2);
	ok(rename(csv_path, moved) == 0, "moved away");
	feed(l.a, 7, "b@example.net", ACCT_D);
	settle(&l, 2);
	is_str(types_in_file(types, sizeof(types)), "d",
	    "a new file is begun, with its header");
	ok(unlink(csv_path) == 0, "removed");
	feed(l.a, 8, "b@example.net", ACCT_B);
	feed(l.a, 9, "b@example.net", ACCT_B);
	settle(&l, 2);
	is_str(types_in_file(types, sizeof(types)), "bb", "and again");
	end(&l);
	live(9, 10);
	is_str(types_in_file(types, sizeof(types)), "bbb",
	    "the next life cuts nothing and replays nothing");
	ok(unlink(csv_path) == 0 && rename(moved, csv_path) == 0,
	    "the first comes back");
	is_str(types_in_file(types, sizeof(types)), "bdbdbdb",
	    "it has what it had");
	live(10, 11);
	is_str(types_in_file(types, sizeof(types)), "bdbdbdbd",
	    "and is not cut back to another file's length");
}

/*
 * Moved away with rows that no state knows, and killed when the new file is in
 * the state: the replay must not bring them a second time.
 */
static void
test_moved_and_killed(void)
{
	enum { ROWS = 4000 }; /* enough to be written before any sync */
	char moved[80];
	struct buf b = { 0 };
	struct stat before, after;
	struct life l;

	(void)snprintf(moved, sizeof(moved), "%s.2", csv_path);
	begin(&l);
	ok(stat(csv_path, &before) == 0, "the file is there");
	for (int i = 0; i < ROWS; i++)
		acct_record_pack(&(struct acct_record){ .type = ACCT_D,
				     .rcpt = "a-long-name-so-that-it-is-much@"
					     "example.net" },
		    &b);
	acct_blob(l.a, 13, b.p, b.len);
	buf_fini(&b);
	after = before;
	for (int i = 0; i < 400 && after.st_size == before.st_size; i++) {
		(void)usleep(1000);
		(void)stat(csv_path, &after);
	}
	ok(after.st_size > before.st_size, "rows are there, not yet synced");
	disk_is_dead = true;
	sync_fails_in = 1; /* of the state that names the new file */
	ok(rename(csv_path, moved) == 0, "moved away");
	settle(&l, 1);
	sync_fails_in = 0;
	end(&l);
	sync_fails_in = -1;
	disk_is_dead = false;
	ok(stat(moved, &after) == 0 && after.st_size == before.st_size,
	    "what will be replayed is in one file only");
	ok(rename(moved, csv_path) == 0, "put back");
}

static void
test_bad_disk(void)
{
	char types[64];
	struct stat st;
	struct life l;

	begin(&l);
	ok(stat(csv_path, &st) == 0, "the file is there");
	good_length = st.st_size;
	sync_fails_in = 0;
	feed(l.a, 12, "b@example.net", ACCT_B);
	settle(&l, 1); /* the first fails */
	end(&l);
	is_str(types_in_file(types, sizeof(types)), "bdbdbdbdb",
	    "a failed sync is not taken for done by the next one");
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
	(void)snprintf(state_path, sizeof(state_path), "%s/acct-state", dir);
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
	test_moved();
	test_bad_disk();
	test_moved_and_killed();

	(void)unlink(conf_path);
	(void)unlink(csv_path);
	(void)unlink(state_path);
	ok(rmdir(dir) == 0, "nothing else was left");
	return done_testing();
}

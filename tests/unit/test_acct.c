/* SPDX-License-Identifier: Apache-2.0 */
/* Accounting files hold each record once, whatever was replayed or half written. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/acct_life.h"
#include "transport/acct_state.h"

/*
 * A sync that fails as disks do: what was written since the last good one is
 * gone, and the next one has nothing to complain about.
 */
static _Atomic int sync_fails_in = -1; /* syncs from now; any thread */
static _Atomic bool disk_is_dead;      /* from that on: all others too */
static _Atomic off_t good_length;
static _Atomic bool disk_hangs, hanging; /* so long; is one doing so? */

int
fdatasync(int fd)
{
	while (disk_hangs) {
		hanging = true;
		(void)usleep(1000);
	}
	hanging = false;
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

static char csv[300]; /* as configured */

static void
write_config(void)
{
	FILE *f = fopen(tmpdir_path("config"), "w");

	if (f == NULL)
		return;
	(void)fprintf(f,
	    "spool %s\n<acct-file %s>\n records d,b\n</acct-file>\n", tmpdir,
	    csv);
	(void)fclose(f);
}

/* The path of a file by its place in the order of their names. */
static const char *
file(size_t i)
{
	static char names[LIFE_FILES][64];
	size_t n = life_list(".", "acct-20", names);

	return i < n ? tmpdir_path(names[i]) : "none";
}

static size_t
files(void)
{
	static char names[LIFE_FILES][64];

	return life_list(".", "acct-20", names);
}

static void
feed(enum acct_type type)
{
	life_feed(type, "b@example.net", 1);
}

/* One life of the writer: so many blobs, then a clean end. */
static void
live(const char *types)
{
	if (!life_begin("config"))
		return;
	for (; *types != '\0'; types++)
		feed(*types == 'd' ? ACCT_D : ACCT_B);
	life_end();
}

static void
append(const char *path, const char *text)
{
	FILE *f = fopen(path, "a");

	(void)fputs(text, f);
	(void)fclose(f);
}

/* Killed between writing rows and keeping the state. */
static void
test_killed(void)
{
	static char copy[ACCT_STATE_SLOT * 2];
	size_t len;
	FILE *f;

	live("dbd");
	is_str(life_types(file(0)), "dbd", "three records");
	append(file(0), "b,this row was\r\nd,half wri");
	live("bd");
	is_str(life_types(file(0)), "dbdbd",
	    "what was not in the state is cut off, the rest follows");

	/* The state of before: all of a life is replayed. */
	f = fopen(tmpdir_path("acct-state"), "r");
	len = fread(copy, 1, sizeof(copy), f);
	(void)fclose(f);
	(void)life_begin("config");
	feed(ACCT_B);
	feed(ACCT_D);
	life_end();
	f = fopen(tmpdir_path("acct-state"), "w");
	(void)fwrite(copy, 1, len, f);
	(void)fclose(f);
	live("");
	is_str(life_types(file(0)), "dbdbdbd", "each row is there once");
	is_int((int64_t)files(), 1, "and it is one file");
}

/* The operator moves the file away, or removes it, while rows are written. */
static void
test_moved(void)
{
	char first[512], moved[512];

	(void)life_begin("config");
	feed(ACCT_B);
	ok(life_settle(csv), "it is written");
	(void)snprintf(first, sizeof(first), "%s", file(0));
	(void)snprintf(moved, sizeof(moved), "%s", tmpdir_path("away"));
	ok(rename(first, moved) == 0, "moved away");
	feed(ACCT_D);
	ok(life_settle(csv), "the next row is written");
	is_str(life_types(file(0)), "d", "in a new file, with its header");
	ok(unlink(file(0)) == 0, "removed");
	feed(ACCT_B);
	feed(ACCT_B);
	ok(life_settle(csv), "and the next");
	is_str(life_types(file(0)), "bb", "are in another");
	life_end();
	live("b");
	is_str(life_types(file(0)), "bbb",
	    "the next life cuts nothing and replays nothing");
	is_str(life_types(moved), "dbdbdbdb", "the first has what it had");
	ok(rename(moved, first) == 0, "it comes back");
	live("d");
	is_str(life_types(first), "dbdbdbdb",
	    "and is not cut back to another file's length");
	is_str(life_types(file(1)), "bbbd", "rows go on where they were");
}

/* They are those of a round that has ended: within 2 s. */
static bool
totals_say_that_some_wait(void)
{
	struct acct_totals t = { 0, 0 };

	for (int i = 0; i < 2000 && t.waiting_bytes == 0; i++) {
		acct_totals(life.a, &t);
		(void)usleep(1000);
	}
	return t.waiting_bytes > 0 && t.dropped == 0;
}

/* It does not fail, it does not end: `show status` must not stand with it. */
static void
test_hanging_disk(void)
{
	struct acct_totals t = { 1, 1 };

	(void)life_begin("config");
	disk_hangs = true;
	feed(ACCT_D);
	for (int i = 0; i < 5000 && !hanging; i++)
		(void)usleep(1000);
	acct_totals(life.a, &t);
	ok(hanging, "the writer stands while the sums are asked for");
	ok(t.waiting_bytes == 0 && t.dropped == 0, "they are those before");
	disk_hangs = false;
	ok(life_settle(csv), "the disk goes on");
	life_end();
}

static void
test_bad_disk(void)
{
	struct stat st;

	(void)life_begin("config");
	ok(stat(file(1), &st) == 0, "the file is there");
	good_length = st.st_size;
	sync_fails_in = 0;
	feed(ACCT_B);
	(void)life_ask(csv, NULL);
	ok(life.ask.list[0].error != NULL, "the error is known: %s",
	    life.ask.list[0].error);
	is_int((int64_t)life.ask.list[0].behind_rows, 1, "one row waits");
	ok(totals_say_that_some_wait(), "and whoever asks is told");
	ok(life_settle(csv), "it is tried again");
	life_end();
	is_str(life_types(file(1)), "bbbdb",
	    "a failed sync is not taken for done by the next one");
}

/*
 * Moved away with rows that no state knows, and killed when the new file is
 * not yet in the state: the replay must not bring them a second time.
 */
static void
test_moved_and_killed(void)
{
	enum { ROWS = 4000 }; /* enough to be written before any sync */
	char path[512], moved[512];
	struct stat before, after;

	(void)life_begin("config");
	(void)snprintf(path, sizeof(path), "%s", file(1));
	(void)snprintf(moved, sizeof(moved), "%s", tmpdir_path("away"));
	ok(stat(path, &before) == 0, "the file is there");
	life_feed(ACCT_D, "a-long-name-so-that-it-is-much@example.net", ROWS);
	after = before;
	for (int i = 0; i < 2000 && after.st_size == before.st_size; i++) {
		(void)usleep(1000);
		(void)stat(path, &after);
	}
	ok(after.st_size > before.st_size, "rows are there, not yet synced");
	disk_is_dead = true;
	sync_fails_in = 0;
	ok(rename(path, moved) == 0, "moved away");
	(void)life_ask(csv, NULL);
	life_end();
	sync_fails_in = -1;
	disk_is_dead = false;
	ok(stat(moved, &after) == 0 && after.st_size == before.st_size,
	    "what will be replayed is in one file only");
	ok(rename(moved, path) == 0, "put back");
}

int
main(void)
{
	life_init();
	(void)snprintf(csv, sizeof(csv), "%s/acct.csv", tmpdir);
	write_config();
	test_killed();
	test_moved();
	test_bad_disk();
	test_moved_and_killed();
	test_hanging_disk();
	life_forget();
	return done_testing();
}

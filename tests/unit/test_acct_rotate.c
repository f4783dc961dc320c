/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of accounting files, what ends one, what becomes of finished ones; and
 * that a process which ends at any step of that loses no row and doubles none.
 */
#include <fcntl.h>
#include <sys/wait.h>

#include "lib/clock.h"
#include "mail/acct_name.h"
#include "tests/unit/acct_faults.h"
#include "tests/unit/acct_life.h"
#include "transport/acct_rotate.h"

#define DAY_US (INT64_C(86400) * US_PER_S)
#define NOON (INT64_C(1795262400) * US_PER_S) /* 2026-11-21 12:00:00 */

static struct err e;

static void
touch(const char *name, const char *text)
{
	FILE *f = fopen(tmpdir_path(name), "w");

	(void)fputs(text, f);
	(void)fclose(f);
}

/* ---- names --------------------------------------------------------------- */

static const struct {
	const char *label, *path, *name;
	uint64_t number; /* UINT64_MAX: it is none of ours */
} names[] = {
	{ "plain", "/d/acct.csv", "acct-2026-11-21-0000.csv", 0 },
	{ "five digits", "/d/acct.csv", "acct-2026-11-21-12345.csv", 12345 },
	{ "no suffix", "/d/acct", "acct-2026-11-21-0007", 7 },
	{ "a dot in front", "/d/.acct", ".acct-2026-11-21-0007", 7 },
	{ "dots", "/d/a.b.csv", "a.b-2026-11-21-0007.csv", 7 },
	{ "a dot in the folder", "/d.e/acct", "acct-2026-11-21-0007", 7 },
	{ "three digits", "/d/acct.csv", "acct-2026-11-21-000.csv",
	    UINT64_MAX },
	{ "other suffix", "/d/acct.csv", "acct-2026-11-21-0000.json",
	    UINT64_MAX },
	{ "compressed", "/d/acct.csv", "acct-2026-11-21-0000.csv.gz",
	    UINT64_MAX },
	{ "longer stem", "/d/acct.csv", "acct-x-2026-11-21-0000.csv",
	    UINT64_MAX },
	{ "shorter stem", "/d/acct.csv", "acc-2026-11-21-0000.csv",
	    UINT64_MAX },
	{ "no day", "/d/acct.csv", "acct-2026-11-2x-0000.csv", UINT64_MAX },
	{ "cut short", "/d/acct.csv", "acct-2026-11", UINT64_MAX },
	{ "itself", "/d/acct.csv", "acct.csv", UINT64_MAX },
	{ "too many digits", "/d/acct.csv",
	    "acct-2026-11-21-1234567890123456789.csv", UINT64_MAX },
};

static void
test_names(void)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct acct_name n = { "", UINT64_MAX };
		struct buf made = { 0 };
		bool ours = acct_name_parse(names[i].path, names[i].name, &n);

		ok(ours == (names[i].number != UINT64_MAX) &&
			(!ours || n.number == names[i].number),
		    "%s", names[i].label);
		if (ours)
			acct_name_make(names[i].path, &n, &made);
		ok(!ours || strcmp(buf_cstr(&made), names[i].name) == 0,
		    "%s: and back", names[i].label);
		buf_fini(&made);
	}
}

/* ---- the next one -------------------------------------------------------- */

static char path[300], moved[300];

/* The last part of the next path. */
static const char *
next(const char *current, bool moves, int64_t wall_us)
{
	static char out[100];
	const struct acct_place p = { path, moves ? moved : "", current };
	struct buf b = { 0 };

	if (acct_rotate_next(&p, wall_us, &b, &e) == -1)
		return e.text;
	(void)snprintf(out, sizeof(out), "%s", strrchr(buf_cstr(&b), '/') + 1);
	buf_fini(&b);
	return out;
}

static void
test_next(void)
{
	is_str(next("", false, NOON), "acct-2026-11-21-0000.csv", "the first");
	touch("acct-2026-11-21-0000.csv", "x");
	is_str(next("", false, NOON), "acct-2026-11-21-0001.csv",
	    "behind one that is there");
	touch("acct-2026-11-21-0001.csv", "");
	is_str(next("", false, NOON), "acct-2026-11-21-0001.csv",
	    "an empty one that nobody writes is used");
	is_str(next("acct-2026-11-21-0001.csv", false, NOON),
	    "acct-2026-11-21-0002.csv", "but not the current one");
	is_str(next("acct-2026-11-21-0041.csv", false, NOON),
	    "acct-2026-11-21-0042.csv", "behind one that was taken away");
	is_str(next("acct-2026-11-21-0041.csv", false, NOON + DAY_US),
	    "acct-2026-11-22-0000.csv", "another day begins anew");
	touch("acct-2026-11-20-0007.csv", "x");
	is_str(next("acct-2026-11-21-0041.csv", false, NOON - DAY_US),
	    "acct-2026-11-20-0008.csv", "the clock goes back to a day");
	touch("acct-2026-11-21-9999.csv", "x");
	is_str(next("", false, NOON), "acct-2026-11-21-10000.csv",
	    "after 9999");
	touch("acct-2026-11-21-10000.csv", "x");
	is_str(next("", false, NOON), "acct-2026-11-21-10001.csv",
	    "by number, not by letters");
	touch("acct-2026-11-21-20000.csv.gz", "x");
	touch("acct-2026-11-21-20000.json", "x");
	ok(mkdir(tmpdir_path("acct-2026-11-21-30000.csv"), 0700) == 0 &&
		rmdir(tmpdir_path("acct-2026-11-21-30000.csv")) == 0,
	    "a folder");
	is_str(next("", false, NOON), "acct-2026-11-21-10001.csv",
	    "those of others do not count");
	ok(mkdir(moved, 0700) == 0, "a folder to move to");
	touch("moved/acct-2026-11-21-10500.csv", "x");
	is_str(next("", true, NOON), "acct-2026-11-21-10501.csv",
	    "behind those that were moved away");
}

static void
test_move(void)
{
	const struct acct_place p = { path, moved, "acct-2026-11-21-9999.csv" };

	is_int(acct_rotate_move(&p, &e), 3, "finished ones with rows move");
	ok(access(tmpdir_path("acct-2026-11-21-9999.csv"), F_OK) == 0,
	    "not the current one");
	ok(access(tmpdir_path("acct-2026-11-21-0001.csv"), F_OK) == 0,
	    "nor an empty one");
	ok(access(tmpdir_path("acct-2026-11-21-20000.json"), F_OK) == 0,
	    "nor those of others");
	is_int(tmpdir_count("moved"), 4, "they are there");
	is_int(acct_rotate_move(&p, &e), 0, "again, nothing");
	touch("acct-2026-11-21-0000.csv", "another");
	is_int(acct_rotate_move(&p, &e), -1, "one of the name is there");
	ok(tmpdir_file_size("moved/acct-2026-11-21-0000.csv") == 1 &&
		tmpdir_file_size("acct-2026-11-21-0000.csv") == 7,
	    "nothing is overwritten: %s", e.text);
}

static void
test_expire(void)
{
	const struct timespec old[2] = { { .tv_sec = 1000 },
		{ .tv_sec = 1000 } };
	const struct acct_place p = { path, "", "acct-2026-11-21-9999.csv" };
	static const char *const all[] = { "acct-2026-11-21-9999.csv",
		"acct-2026-11-21-0000.csv", "acct-2026-11-21-20000.json" };

	for (int i = 0; i < 3; i++)
		(void)utimensat(AT_FDCWD, tmpdir_path(all[i]), old, 0);
	is_int(acct_rotate_expire(&p, 2000 * US_PER_S, &e), 1, "one is old");
	ok(access(tmpdir_path(all[0]), F_OK) == 0 &&
		access(tmpdir_path(all[1]), F_OK) == -1 &&
		access(tmpdir_path(all[2]), F_OK) == 0,
	    "and finished, and ours");
	is_int(acct_rotate_expire(&p, 1000 * US_PER_S, &e), 0,
	    "what is as old as that stays");
}

/* ---- the writer ---------------------------------------------------------- */

static void
write_config(const char *name, const char *more)
{
	FILE *f = fopen(tmpdir_path(name), "w");

	(void)fprintf(f,
	    "spool %s\n<acct-file %s>\n records d,b\n %s\n</acct-file>\n",
	    tmpdir, path, more);
	(void)fclose(f);
}

static size_t
files(char list[LIFE_FILES][64])
{
	return life_list(".", "acct-20", list);
}

static void
feed(void)
{
	life_feed(ACCT_D, "b@example.net", 1);
	ok(life_settle(path), "a row is written");
}

static void
is_file(size_t i, size_t count, const char *name, const char *label)
{
	static char list[LIFE_FILES][64];
	size_t n = files(list);

	is_int((int64_t)n, (int64_t)count, label);
	is_str(i < n ? list[i] : "none", name, label);
}

static void
test_days(void)
{
	fault_wall_us = NOON;
	write_config("plain", "move-interval 3d\n delete-after never");
	(void)life_begin("plain");
	is_file(0, 1, "acct-2026-11-21-0000.csv", "a file from the start");
	fault_wall_us = NOON + DAY_US;
	feed();
	is_file(0, 1, "acct-2026-11-22-0000.csv",
	    "one without rows gives way on another day");
	fault_wall_us = NOON + 2 * DAY_US;
	feed();
	is_file(1, 2, "acct-2026-11-23-0000.csv", "a new day, a new file");
	fault_wall_us = NOON + DAY_US;
	feed();
	is_file(1, 3, "acct-2026-11-22-0001.csv", "the clock goes back");
	life_end();
	(void)life_begin("plain");
	feed();
	is_file(1, 3, "acct-2026-11-22-0001.csv", "a restart goes on in it");
	life_end();
	is_str(life_types(tmpdir_path("acct-2026-11-22-0001.csv")), "dd",
	    "with its rows");
	fault_wall_us = NOON + 3 * DAY_US;
	(void)life_begin("plain");
	feed();
	is_file(3, 4, "acct-2026-11-24-0000.csv", "unless the day is over");
	life_end();
}

static void
test_layout(void)
{
	struct snapshot *other, *same;

	write_config("other", "record-fields d rcpt,queue");
	other = life_conf("other");
	same = life_conf("plain");
	(void)life_begin("plain");
	acct_reload(life.a, same);
	feed();
	is_file(3, 4, "acct-2026-11-24-0000.csv",
	    "a reload that changes nothing goes on in the file");
	acct_reload(life.a, other);
	(void)life_ask(path, NULL);
	is_file(3, 4, "acct-2026-11-24-0000.csv",
	    "one that changes the columns as well, until a row comes");
	feed();
	is_file(4, 5, "acct-2026-11-24-0001.csv", "which begins another");
	is_str(life_types(tmpdir_path("acct-2026-11-24-0001.csv")), "d",
	    "with its own header");
	life_end();
	(void)life_begin("plain");
	feed();
	is_file(5, 6, "acct-2026-11-24-0002.csv", "likewise over a restart");
	life_end();
	snapshot_unref(&other);
	snapshot_unref(&same);
}

static void
test_rotate(void)
{
	(void)life_begin("plain");
	(void)life_ask(path, "/none");
	ok(!life.ask.found && life.ask.rotated == 0, "an unknown acct-file");
	(void)life_ask(path, path);
	ok(life.ask.found && life.ask.rotated == 1, "rotate acct PATH");
	(void)life_ask(path, "");
	ok(life.ask.found && life.ask.rotated == 0,
	    "rotate acct: a file without rows stays");
	is_file(6, 7, "acct-2026-11-24-0003.csv", "one new file");
	feed();
	(void)mkdir(tmpdir_path("acct-2026-11-24-0004.csv"), 0700);
	(void)life_ask(path, path);
	ok(life.ask.rotated == 0 && life.ask.failed == 1,
	    "one that cannot be made is not counted as finished");
	(void)rmdir(tmpdir_path("acct-2026-11-24-0004.csv"));
	life_end();
}

/* Its age is known over a restart. */
static void
test_age(void)
{
	(void)life_begin("plain");
	feed();
	life_end();
	fault_wall_us += 3600 * US_PER_S;
	write_config("plain", "move-interval 2h\n delete-after never");
	(void)life_begin("plain");
	feed();
	is_file(6, 7, "acct-2026-11-24-0003.csv", "not yet old enough");
	fault_wall_us += 3600 * US_PER_S;
	feed();
	is_file(7, 8, "acct-2026-11-24-0004.csv", "two hours after its start");
	life_end();
}

/* ---- ended at each step -------------------------------------------------- */

enum { BLOBS = 24, WIDTH = 60000, STEPS_MAX = 400 };

/* Rows of 60 KB: 17 of them are a file of 1 MB. */
static void
make_blobs(void)
{
	static char rcpt[WIDTH + 1];

	life_forget_blobs();
	memset(rcpt, 'x', WIDTH);
	for (int i = 0; i < BLOBS; i++) {
		(void)snprintf(rcpt, 8, "r%06d", i);
		rcpt[7] = 'x';
		life_make(ACCT_D, rcpt, 2);
	}
}

static void
live_all(void)
{
	while (life.shared->next < BLOBS) {
		life_feed_made();
		if (life.shared->next % 3 == 0)
			(void)life_ask(path, NULL);
		if (life.shared->next == BLOBS / 2)
			(void)life_ask(path, "");
	}
	(void)life_settle(path);
}

static void
child(long at)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)dup2(null, STDOUT_FILENO);
	(void)dup2(null, STDERR_FILENO);
	fault_exit_at = at;
	fault_calls = 0;
	if (life_begin("steps")) {
		live_all();
		life_end();
	}
	_exit(fault_calls < at ? 1 : 0); /* there is no such step */
}

/* Adds how often each blob's rows are in the files of a folder. */
static void
collect(const char *dir, int count[BLOBS])
{
	static char list[LIFE_FILES][64], name[100];
	size_t n = life_list(dir, "acct-20", list), len = 0;
	char *line = NULL;

	for (size_t i = 0; i < n; i++) {
		FILE *f;

		(void)snprintf(name, sizeof(name), "%.20s/%.63s", dir, list[i]);
		f = fopen(tmpdir_path(name), "r");
		while (getline(&line, &len, f) > 0) {
			char *p = strstr(line, ",r0");
			int blob = p == NULL ? -1 :
					       atoi(p + 2); /* lint-ok: own */

			if (strncmp(line, "type,", 5) == 0)
				continue;
			if (blob < 0 || blob >= BLOBS ||
			    line[strlen(line) - 1] != '\n')
				count[0] += 100;
			else
				count[blob]++;
		}
		(void)fclose(f);
	}
	free(line);
}

static void
clean_up(void)
{
	static char list[LIFE_FILES][64];
	size_t n = files(list);

	while (n > 0)
		(void)unlink(tmpdir_path(list[--n]));
	n = life_list("moved", "acct-20", list);
	while (n > 0) {
		char name[100];

		(void)snprintf(name, sizeof(name), "moved/%s", list[--n]);
		(void)unlink(tmpdir_path(name));
	}
	(void)unlink(tmpdir_path("acct-state"));
}

/* After an end at that step: all rows are there once, finished ones moved. */
static bool
good_after(long step)
{
	static char list[LIFE_FILES][64];
	int count[BLOBS] = { 0 }, wrong = 0;
	const struct acct_facts *f;

	if (!life_begin("steps"))
		return false;
	live_all();
	f = life_ask(path, NULL);
	wrong += f == NULL || f->rows[ACCT_D] != 2 * BLOBS;
	life_end();
	collect(".", count);
	collect("moved", count);
	for (int i = 0; i < BLOBS; i++)
		wrong += count[i] != 2;
	wrong += files(list) != 1;
	wrong += life_list("moved", "acct-20", list) < 2;
	if (wrong > 0)
		(void)printf("# step %ld: %d wrong\n", step, wrong);
	return wrong == 0;
}

static void
test_steps(void)
{
	char more[400];
	long step = 1;
	int status = 0, bad = 0;

	fault_wall_us = 0;
	clean_up();
	(void)snprintf(more, sizeof(more), "max-size 1M\n move-to %s", moved);
	write_config("steps", more);
	for (; status == 0 && step < STEPS_MAX; step++) {
		pid_t pid;

		make_blobs();
		(void)fflush(stdout);
		pid = fork();
		if (pid == 0)
			child(step);
		(void)waitpid(pid, &status, 0);
		bad += !good_after(step);
		clean_up();
	}
	ok(step > 60 && step < STEPS_MAX, "%ld steps", step);
	is_int(bad, 0, "an end at any of them loses and doubles nothing");
}

int
main(void)
{
	life_init();
	(void)snprintf(path, sizeof(path), "%s/acct.csv", tmpdir);
	(void)snprintf(moved, sizeof(moved), "%s/moved", tmpdir);
	test_names();
	test_next();
	test_move();
	test_expire();
	clean_up();
	test_days();
	test_layout();
	test_rotate();
	test_age();
	test_steps();
	life_forget();
	return done_testing();
}

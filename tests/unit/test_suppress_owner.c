/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a store of suppression lists says when something is wrong: choices that
 * changed, files that are damaged or strange, values that cannot be, calls to
 * the disk that fail, an import that is not brought to its end.  Of none of it
 * half is done.
 */
#include <errno.h>
#include <sys/statvfs.h>

#include "lib/str.h"
#include "queue/suppress_index.h"
#include "queue/suppress_store.h"
#include "tests/tap.h"
#include "tests/unit/tmpdir.h"

enum { LEN = 16, LIST = 5, OTHER = 6, VALUES = 60 };

/* ---- the disk ------------------------------------------------------------ */

static int calls, fail_at, fail_last; /* the calls that fail; 0: none */

static bool
fails(void)
{
	errno = EIO;
	calls++;
	return fail_at != 0 && calls >= fail_at && calls <= fail_last;
}

ssize_t __real_pwrite(int fd, const void *p, size_t len, off_t at);
ssize_t __real_pwrite64(int fd, const void *p, size_t len, off_t at);
int __real_fdatasync(int fd);
int __real_fsync(int fd);
int __real_rename(const char *from, const char *to);
ssize_t __wrap_pwrite(int fd, const void *p, size_t len, off_t at);
ssize_t __wrap_pwrite64(int fd, const void *p, size_t len, off_t at);
int __wrap_fdatasync(int fd);
int __wrap_fsync(int fd);
int __wrap_rename(const char *from, const char *to);

ssize_t
__wrap_pwrite(int fd, const void *p, size_t len, off_t at)
{
	return fails() ? -1 : __real_pwrite(fd, p, len, at);
}

ssize_t
__wrap_pwrite64(int fd, const void *p, size_t len, off_t at)
{
	return fails() ? -1 : __real_pwrite64(fd, p, len, at);
}

int
__wrap_fdatasync(int fd)
{
	return fails() ? -1 : __real_fdatasync(fd);
}

int
__wrap_fsync(int fd)
{
	return fails() ? -1 : __real_fsync(fd);
}

int
__wrap_rename(const char *from, const char *to)
{
	return fails() ? -1 : __real_rename(from, to);
}

static bool is_full;

int __real_statvfs(const char *dir, struct statvfs *fs);
int __real_statvfs64(const char *dir, struct statvfs *fs);
int __wrap_statvfs(const char *dir, struct statvfs *fs);
int __wrap_statvfs64(const char *dir, struct statvfs *fs);

static int
fill_disk(int rc, struct statvfs *fs)
{
	if (is_full)
		fs->f_bavail = 3;
	return rc;
}

int
__wrap_statvfs(const char *dir, struct statvfs *fs)
{
	return fill_disk(__real_statvfs(dir, fs), fs);
}

int
__wrap_statvfs64(const char *dir, struct statvfs *fs)
{
	return fill_disk(__real_statvfs64(dir, fs), fs);
}

/* ---- the world ----------------------------------------------------------- */

static struct suppress_store *store;
static struct suppress_owned *list;
static int64_t now_us;
static struct err e;
static int ended; /* imports */
static struct err end_why;

static const char *
path(const char *suffix)
{
	static char p[600];

	(void)snprintf(p, sizeof(p), "%s/dir/news.list%s", tmpdir, suffix);
	return p;
}

static void
must(int rc, const char *what)
{
	if (rc == 0)
		return;
	(void)printf("Bail out! %s: %s\n", what, e.text);
	exit(99);
}

static void
start(uint64_t id)
{
	must(suppress_store_open(tmpdir_path("dir"), &store, &e), "open");
	must(suppress_store_list(store, "news", id, LEN, &list, &e), "list");
}

static void
stop(void)
{
	must(suppress_store_close(&store, &e), "close");
}

/* Until nothing is left to be done, or something failed. */
static int
work(void)
{
	int64_t next_us = 0;
	int rc = 0;

	for (int n = 0; next_us != SUPPRESS_NOT_YET && n < 1000 && rc == 0;
	     n++) {
		rc = suppress_store_work(store, now_us, &next_us, &e);
		if (next_us != SUPPRESS_NOT_YET && next_us > now_us)
			now_us = next_us;
	}
	return rc;
}

static void
make_digest(unsigned char d[LEN], unsigned value)
{
	memset(d, 0, LEN);
	put_be64(d, (value + 1) * 0x9e3779b97f4a7c15ULL);
	put_be32(d + LEN - 4, value);
}

static int
add(unsigned value, const char *reason, int64_t created_s)
{
	unsigned char d[LEN];
	const struct suppress_entry entry = { d,
		{ reason, "test", created_s, 0 } };
	uint64_t n;

	make_digest(d, value);
	return suppress_store_add(list, &entry, 1, &n, &e);
}

static int
commit_add(unsigned value)
{
	return add(value, "r", 1) == -1 ? -1 : suppress_store_commit(store, &e);
}

static int
has(unsigned value)
{
	struct suppress_listed f;
	unsigned char d[LEN];

	make_digest(d, value);
	if (suppress_store_find(list, d, &f, &e) == -1)
		return -1;
	return f.listed ? 1 : 0;
}

static uint64_t
entries(void)
{
	struct suppress_stats st;

	suppress_store_stats(list, &st);
	return st.entries;
}

static struct {
	uint64_t done, all;
	int count;
} progress;

static void
on_progress(void *ctx, uint64_t done, uint64_t all)
{
	progress.count += ctx == &ended && done >= progress.done ? 1 : -1000;
	progress.done = done;
	progress.all = all;
}

static void
on_done(void *ctx, const struct err *why)
{
	ended += ctx == &ended ? 1 : -1000;
	end_why = why == NULL ? (struct err){ "" } : *why;
}

static struct suppress_import *
begin(enum suppress_import_mode mode)
{
	const struct suppress_import_conf conf = { .mode = mode,
		.on_progress = on_progress,
		.on_done = on_done,
		.ctx = &ended };
	struct suppress_import *i = NULL;

	memset(&progress, 0, sizeof(progress));
	must(suppress_import_begin(list, &conf, &i, &e), "begin");
	return i;
}

/* The values from first on, each step-th. */
static int
fill(struct suppress_import *i, unsigned first, unsigned step)
{
	int rc = 0;

	for (unsigned v = first; v < VALUES && rc == 0; v += step) {
		unsigned char d[LEN];
		const struct suppress_entry entry = { d,
			{ "import", "file", v, 0 } };

		make_digest(d, v);
		rc = suppress_import_add(i, &entry, &e);
	}
	return rc;
}

static int
import(unsigned first, unsigned step)
{
	struct suppress_import *i = begin(SUPPRESS_REPLACE);

	must(fill(i, first, step), "fill");
	suppress_import_commit(&i);
	return work();
}

/* What readers have: those from first on, each step-th, and no others. */
static bool
is_seen(uint64_t id, unsigned first, unsigned step)
{
	struct suppress_index *ix;
	struct suppress_view *v;
	struct err why;
	bool good = true;

	if (suppress_index_open(path(""), id, LEN, &ix, &why) == -1)
		return false;
	v = suppress_index_get(ix);
	for (unsigned i = 0; i < VALUES; i++) {
		unsigned char d[LEN];

		make_digest(d, i);
		good = good &&
		    suppress_view_has(v, d) ==
			(i >= first && (i - first) % step == 0);
	}
	suppress_view_unref(&v);
	suppress_index_free(&ix);
	return good;
}

/* ---- faults of a list ---------------------------------------------------- */

static void
test_choices(void)
{
	const struct suppress_import_conf merge = { .mode = SUPPRESS_MERGE,
		.on_done = on_done };
	struct suppress_import *i;
	struct suppress_walk *w;

	start(LIST);
	must(import(0, 2), "import");
	stop();
	start(OTHER);
	is_str(suppress_store_fault(list),
	    "list news was made with other choices; import it again",
	    "another id");
	ok(commit_add(1) == -1 && has(1) == -1 &&
		suppress_walk_new(list, &w, &e) == -1 &&
		suppress_import_begin(list, &merge, &i, &e) == -1 &&
		strcmp(e.text, suppress_store_fault(list)) == 0,
	    "nothing is taken, and each says why");
	ok(work() == 0 && is_seen(LIST, 0, 2), "readers of before have theirs");
	ok(import(1, 3) == 0 && end_why.text[0] == '\0' &&
		suppress_store_fault(list) == NULL && is_seen(OTHER, 1, 3),
	    "an import that replaces it mends it");
	ok(commit_add(0) == 0 && has(0) == 1 && has(2) == 0,
	    "it is a list again");
	must(suppress_store_list(store, "NEWS", LIST, LEN, &list, &e), "again");
	ok(suppress_store_fault(list) != NULL, "another id while it is open");
	must(suppress_store_list(store, "News", OTHER, LEN, &list, &e), "back");
	ok(suppress_store_fault(list) == NULL && has(0) == 1, "and back");
	ok(import(0, 2) == 0 && is_seen(OTHER, 0, 2), "imported");
	stop();
}

static void
test_damage(void)
{
	static const char *const files[] = { "", ".columns.", ".expiry." };
	struct suppress_stats st;
	char name[100], suffix[40];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		start(OTHER);
		suppress_store_stats(list, &st);
		(void)snprintf(suffix, sizeof(suffix), "%s", files[i]);
		if (i > 0)
			(void)snprintf(suffix, sizeof(suffix), "%s%llu",
			    files[i], (unsigned long long)st.generation);
		(void)snprintf(name, sizeof(name), "dir/news.list%s", suffix);
		stop();
		tmpdir_damage(name, tmpdir_file_size(name) - 1);
		start(OTHER);
		ok(suppress_store_fault(list) != NULL &&
			strstr(suppress_store_fault(list), name) != NULL &&
			commit_add(1) == -1,
		    "damaged: %s", suppress_store_fault(list));
		ok(import(0, 2) == 0 && suppress_store_fault(list) == NULL &&
			is_seen(OTHER, 0, 2),
		    "an import mends it");
		stop();
		(void)unlink(path(suffix));
		start(OTHER);
		ok(suppress_store_fault(list) == NULL || i == 0,
		    "that one is litter, or it is missed");
		must(import(0, 2), "import");
		stop();
	}
	is_int(tmpdir_count("dir"), 5, "and nothing else is left");
}

static void
test_stranger(void)
{
	const struct suppress_build_conf conf = { .list = OTHER,
		.generation = 90,
		.digest_len = LEN,
		.memory = 1000 };
	struct suppress_build *b;
	struct suppress_owned *l;
	struct suppress_stats st;
	char file[600];

	(void)snprintf(file, sizeof(file), "%s/dir/other.list", tmpdir);
	must(suppress_build_new(file, &conf, &b, &e), "build");
	must(suppress_build_publish(b, &e), "publish");
	suppress_build_free(&b);
	start(OTHER);
	must(suppress_store_list(store, "Other", OTHER, LEN, &l, &e), "other");
	ok(suppress_store_fault(l) != NULL &&
		strstr(suppress_store_fault(l), "not of this database") != NULL,
	    "a list of nobody: %s", suppress_store_fault(l));
	list = l;
	must(import(0, 1), "import");
	suppress_store_stats(l, &st);
	ok(suppress_store_fault(l) == NULL && st.generation > 90,
	    "imported, its generation is %llu",
	    (unsigned long long)st.generation);
	ok(suppress_store_list(store, "a/b", 1, LEN, &l, &e) == -1,
	    "no name: %s", e.text);
	ok(suppress_store_list(store, "", 1, LEN, &l, &e) == -1 &&
		suppress_store_list(store, "x", 1, 4, &l, &e) == -1,
	    "digests of 4 bytes: %s", e.text);
	stop();
}

/* ---- values -------------------------------------------------------------- */

static void
test_values(void)
{
	char text[SUPPRESS_TEXT_MAX + 2];
	uint64_t before;

	start(OTHER);
	must(import(0, 2), "import");
	before = entries();
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ok(add(1, "fine", 1) == 0 && entries() == before + 1, "one is added");
	ok(add(3, text, 1) == -1 && has(1) == 0 && entries() == before,
	    "%s; that before is undone", e.text);
	ok(add(1, "a\tb", 1) == -1 && add(1, "\x7f", 1) == -1, "%s", e.text);
	ok(add(1, "r", -1) == -1 && add(1, "r", INT64_C(1) << 32) == -1, "%s",
	    e.text);
	text[SUPPRESS_TEXT_MAX] = '\0';
	ok(add(1, text, UINT32_MAX) == 0, "the longest reason, the last time");
	must(suppress_store_commit(store, &e), "commit");
	stop();
	start(OTHER);
	ok(has(1) == 1 && has(3) == 0 && entries() == before + 1,
	    "what was committed is there");
	stop();
}

static void
test_origins(void)
{
	char reason[20];
	int rc = 0;
	unsigned n = 0;

	start(OTHER);
	for (; n <= SUPPRESS_ORIGINS_MAX && rc == 0; n++) {
		(void)snprintf(reason, sizeof(reason), "reason %u", n);
		rc = add(1, reason, 1);
	}
	ok(rc == -1 && n > SUPPRESS_ORIGINS_MAX - 10, "%u: %s", n, e.text);
	ok(commit_add(1) == 0, "undone, so there is room again");
	must(import(0, 2), "import");
	stop();
}

static void
test_full(void)
{
	start(OTHER);
	is_full = true;
	ok(commit_add(1) == -1 && strstr(e.text, "the disk is full") != NULL,
	    "%s", e.text);
	ok(has(0) == 1 && work() == 0, "questions are answered");
	ok(import(1, 2) == 0 && strstr(end_why.text, "is full") != NULL &&
		is_seen(OTHER, 0, 2),
	    "an import fails: %s", end_why.text);
	is_full = false;
	ok(commit_add(1) == 0 && has(1) == 1, "with room it goes on");
	must(import(0, 2), "import");
	stop();
}

/* ---- when readers see it ------------------------------------------------- */

static void
test_times(void)
{
	int64_t next_us;
	uint64_t first;

	start(OTHER);
	must(work(), "work");
	now_us += 10000000;
	must(commit_add(1), "add");
	must(suppress_store_work(store, now_us, &next_us, &e), "work");
	first = suppress_store_mark(list);
	ok(suppress_store_published(list) == first, "the first one at once");
	now_us += 1000;
	must(commit_add(3), "add");
	must(suppress_store_work(store, now_us, &next_us, &e), "work");
	ok(suppress_store_published(list) == first &&
		next_us == now_us + 199000,
	    "the next one 200 ms behind it");
	must(commit_add(5), "add");
	now_us = next_us;
	must(suppress_store_work(store, now_us, &next_us, &e), "work");
	ok(suppress_store_published(list) == suppress_store_mark(list) &&
		next_us == SUPPRESS_NOT_YET,
	    "with all that came meanwhile");
	must(import(0, 2), "import");
	ok(is_seen(OTHER, 0, 2), "an import that replaces");
	stop();
}

/* ---- imports ------------------------------------------------------------- */

static void
test_ends(void)
{
	const struct suppress_import_conf conf = { .on_done = on_done };
	struct suppress_import *i, *second;
	int before = ended;

	start(OTHER);
	i = begin(SUPPRESS_REPLACE);
	ok(suppress_import_begin(list, &conf, &second, &e) == -1,
	    "a second one: %s", e.text);
	must(fill(i, 1, 2), "fill");
	suppress_import_abort(&i);
	ok(work() == 0 && is_seen(OTHER, 0, 2), "aborted: as it was");
	i = begin(SUPPRESS_REPLACE);
	must(fill(i, 1, 2), "fill");
	suppress_import_commit(&i);
	stop();
	ok(ended == before + 1 && strstr(end_why.text, "closed") != NULL,
	    "closed meanwhile: %s", end_why.text);
	start(OTHER);
	i = begin(SUPPRESS_REPLACE);
	must(fill(i, 1, 4), "fill");
	stop();
	is_int(ended, before + 1, "closed before its commit: not told yet");
	ok(fill(i, 3, 4) == 0, "who fills it goes on");
	suppress_import_commit(&i);
	ok(ended == before + 2 && strstr(end_why.text, "closed") != NULL,
	    "and is told: %s", end_why.text);
	start(OTHER);
	ok(is_seen(OTHER, 0, 2) && has(1) == 0, "the list is as it was");
	i = begin(SUPPRESS_MERGE);
	must(fill(i, 1, 2), "fill");
	suppress_import_commit(&i);
	ok(work() == 0 && end_why.text[0] == '\0' && is_seen(OTHER, 0, 1),
	    "added to what was there");
	ok(progress.count > 0 && progress.done == VALUES &&
		progress.all == VALUES,
	    "progress came to the end");
	must(import(0, 2), "import");
	is_int(tmpdir_count("dir"), 8, "two lists, and nothing else is left");
	stop();
}

/* A walk that began before goes on with what was there. */
static void
test_walk(void)
{
	struct suppress_entry entry;
	struct suppress_walk *w;
	unsigned count = 0;
	bool good = true;

	start(OTHER);
	must(commit_add(1), "add");
	must(suppress_walk_new(list, &w, &e), "walk");
	must(import(1, 2), "import");
	while (suppress_walk_next(w, &entry, &e) == 0 && entry.digest != NULL) {
		unsigned v = get_be32((const char *)entry.digest + LEN - 4);

		good = good && (v % 2 == 0 || v == 1) &&
		    strcmp(entry.meta.reason, v == 1 ? "r" : "import") == 0;
		count++;
	}
	suppress_walk_free(&w);
	ok(good && count == VALUES / 2 + 1, "%u entries of the old base",
	    count);
	ok(work() == 0 && is_seen(OTHER, 1, 2), "readers have the new one");
	must(import(0, 2), "import");
	stop();
}

/* The old list is there, or the new one, and no part; also by the next start. */
static int
wrong_lists(bool is_new)
{
	int wrong = is_new || is_seen(OTHER, 0, 2) ? 0 : 1;

	if (suppress_store_fault(list) != NULL) {
		stop();
		start(OTHER);
	}
	wrong += has(1) == (is_new ? 1 : 0) && has(0) == (is_new ? 0 : 1) ? 0 :
									    1;
	now_us += 2000000;
	must(work(), "work goes on");
	return wrong + (is_new || is_seen(OTHER, 0, 2) ? 0 : 1);
}

/* So many calls in a row fail, the n-th first. */
static void
test_faults(int in_row, bool may_be_new)
{
	int n = 0, old = 0, new = 0, wrong = 0;

	start(OTHER);
	must(work(), "work");
	for (;;) {
		bool failed, is_new;

		calls = 0;
		fail_at = ++n;
		fail_last = n + in_row - 1;
		failed = import(1, 2) == -1 || end_why.text[0] != '\0';
		fail_at = 0;
		is_new = is_seen(OTHER, 1, 2);
		if (!failed)
			break;
		wrong += wrong_lists(is_new);
		*(is_new ? &new : &old) += 1;
		must(import(0, 2), "import");
	}
	ok(wrong == 0 && old > 8 && (new > 0) == may_be_new,
	    "%d calls failed: %d left the old list, %d the new one", n - 1, old,
	    new);
	must(import(0, 2), "import");
	stop();
	is_int(tmpdir_count("dir"), 8, "nothing else is left");
}

int
main(void)
{
	(void)tmpdir_make();
	test_choices();
	test_damage();
	test_stranger();
	test_values();
	test_origins();
	test_full();
	test_times();
	test_ends();
	test_walk();
	test_faults(1, false); /* the folder is synced once more */
	test_faults(1000, true);
	tmpdir_remove();
	return done_testing();
}

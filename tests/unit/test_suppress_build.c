/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is published has each digest once, in order, whatever the order and
 * number in which they came and however little memory there was; and a call to
 * the disk that fails leaves what was published before.
 */
#include "queue/suppress_build.h"

#include <errno.h>

#include "lib/mem.h"
#include "queue/suppress_file.h"
#include "tests/tap.h"
#include "tests/unit/tmpdir.h"

/* ---- the disk ------------------------------------------------------------ */

static int calls, fail_at; /* the call that fails; 0: none */
static char seen[100];     /* the calls, by a letter each */

static bool
fails(char letter)
{
	size_t len = strlen(seen);

	if (len + 1 < sizeof(seen) && (len == 0 || seen[len - 1] != letter)) {
		seen[len] = letter;
		seen[len + 1] = '\0';
	}
	errno = EIO;
	return ++calls == fail_at;
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
	return fails('w') ? -1 : __real_pwrite(fd, p, len, at);
}

ssize_t
__wrap_pwrite64(int fd, const void *p, size_t len, off_t at)
{
	return fails('w') ? -1 : __real_pwrite64(fd, p, len, at);
}

int
__wrap_fdatasync(int fd)
{
	return fails('d') ? -1 : __real_fdatasync(fd);
}

int
__wrap_fsync(int fd)
{
	return fails('s') ? -1 : __real_fsync(fd);
}

int
__wrap_rename(const char *from, const char *to)
{
	return fails('r') ? -1 : __real_rename(from, to);
}

/* ---- lists --------------------------------------------------------------- */

enum { LEN = 16 };

static uint64_t state = 88172645463325252ULL;

static uint64_t
next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Of so many values; those of a narrow list begin alike. */
static void
make_digest(unsigned char d[LEN], uint64_t value, bool narrow)
{
	uint64_t mixed = value * 0x9e3779b97f4a7c15ULL;

	memset(d, 0x5a, LEN);
	put_be64(d + (narrow ? 8 : 0), mixed);
}

static int
publish(const char *path, uint64_t generation, uint64_t count, size_t memory,
    struct err *e)
{
	const struct suppress_build_conf conf = { .list = 3,
		.generation = generation,
		.digest_len = LEN,
		.memory = memory };
	struct suppress_build *b;
	int rc;

	if (suppress_build_new(path, &conf, &b, e) == -1)
		return -1;
	rc = 0;
	for (uint64_t i = 0; i < count && rc == 0; i++) {
		unsigned char d[LEN];

		make_digest(d, i % 1000, false);
		rc = suppress_build_add(b, d, e);
	}
	if (rc == 0)
		rc = suppress_build_publish(b, e);
	suppress_build_free(&b);
	return rc;
}

static char *
read_whole(const char *path, size_t *len_r)
{
	FILE *f = fopen(path, "rb");
	char *p = mem_alloc(1 << 20);

	*len_r = f == NULL ? 0 : fread(p, 1, 1 << 20, f);
	if (f != NULL)
		(void)fclose(f);
	return p;
}

static uint64_t
generation_of(const char *path)
{
	struct suppress_file f;
	struct err e;
	size_t len;
	char *p = read_whole(path, &len);
	uint64_t generation = 0;

	if (suppress_file_read((struct slice){ p, len }, &f, &e) == 0)
		generation = f.head.generation;
	free(p);
	return generation;
}

static void
test_faults(void)
{
	char path[500];
	struct err e;
	int rc = -1, n = 0;

	(void)snprintf(path, sizeof(path), "%s", tmpdir_path("faults/list"));
	(void)mkdir(tmpdir_path("faults"), 0700);
	ok(publish(path, 1, 500, 1 << 20, &e) == 0, "a first generation");
	is_str(seen, "wdrs", "written, synced, renamed, folder synced");
	while (rc == -1 && n < 40) {
		calls = 0;
		fail_at = ++n;
		seen[0] = '\0';
		rc = publish(path, 2, 5000, 16000, &e);
		if (rc == 0)
			break;
		if (seen[strlen(seen) - 1] == 's')
			is_int((int64_t)generation_of(path), 2,
			    "the folder fails: the new one is there");
		else
			is_int((int64_t)generation_of(path), 1,
			    "a call fails: the old one is there");
		ok(strstr(e.text, "Input/output error") != NULL, "%s", e.text);
		is_int(tmpdir_count("faults"), 1, "nothing else is left");
	}
	ok(rc == 0 && n > 8, "each call failed once, %d of them", n - 1);
	is_int((int64_t)generation_of(path), 2, "without: the new one");
	fail_at = 0;
}

static struct {
	uint64_t done, all;
	int count;
} progress;

static void
on_progress(void *ctx, uint64_t done, uint64_t all)
{
	progress.count += ctx == &progress && done >= progress.done ? 1 : -1000;
	progress.done = done;
	progress.all = all;
}

/* All that was added and nothing else, in order; by a plain set. */
static bool
is_right(const char *path, const bool *set, size_t values, bool narrow)
{
	struct suppress_file f;
	struct err e;
	uint64_t count = 0;
	size_t len;
	char *p = read_whole(path, &len);
	bool good = suppress_file_read((struct slice){ p, len }, &f, &e) == 0;

	for (uint64_t v = 0; v < values && good; v++) {
		unsigned char d[LEN];

		make_digest(d, v, narrow);
		good = suppress_file_lists(&f, d) == set[v];
		count += set[v] ? 1 : 0;
	}
	good = good && f.head.listed == count;
	for (uint64_t i = 1; i < count && good; i++)
		good = memcmp(f.listed + (i - 1) * LEN, f.listed + i * LEN,
			   LEN) < 0;
	free(p);
	return good;
}

static const struct {
	const char *label;
	uint64_t added, values; /* this many times one of so many */
	size_t memory;
	bool narrow;
} lists[] = {
	{ "none", 0, 100, 1000, false },
	{ "one", 1, 100, 1000, false },
	{ "one each run", 200, 100, 1, false },
	{ "few values often", 5000, 3, 1000, false },
	{ "in one run", 5000, 8000, 1 << 20, false },
	{ "exactly a run", 1000, 8000, 16000, false },
	{ "some runs", 20000, 30000, 64000, false },
	{ "many runs", 20000, 30000, 1600, false },
	{ "all begin alike", 20000, 30000, 16000, true },
};

static void
test_lists(void)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const struct suppress_build_conf conf = { .list = 1,
			.generation = i + 1,
			.digest_len = LEN,
			.memory = lists[i].memory,
			.on_progress = on_progress,
			.ctx = &progress };
		bool *set = mem_array(lists[i].values, sizeof(bool));
		struct suppress_build *b;
		struct err e;
		int rc;

		memset(&progress, 0, sizeof(progress));
		rc = suppress_build_new(tmpdir_path("list"), &conf, &b, &e);
		for (uint64_t n = 0; n < lists[i].added && rc == 0; n++) {
			uint64_t v = next() % lists[i].values;
			unsigned char d[LEN];

			set[v] = true;
			make_digest(d, v, lists[i].narrow);
			rc = suppress_build_add(b, d, &e);
		}
		if (rc == 0)
			rc = suppress_build_publish(b, &e);
		ok(rc == 0, "%s: %s", lists[i].label,
		    rc == 0 ? "published" : e.text);
		suppress_build_free(&b);
		ok(is_right(tmpdir_path("list"), set, lists[i].values,
		       lists[i].narrow),
		    "%s: a plain set says the same", lists[i].label);
		ok(progress.done == lists[i].added &&
			progress.all == lists[i].added && progress.count > 0,
		    "%s: progress came to the end", lists[i].label);
		free(set);
	}
}

static void
test_given_up(void)
{
	const struct suppress_build_conf conf = { .digest_len = LEN,
		.memory = 100 };
	const struct suppress_build_conf narrow = { .digest_len = 4 };
	struct suppress_build *b = NULL;
	struct err e;
	unsigned char d[LEN] = { 0 };
	char path[500];
	int rc = 0;

	(void)mkdir(tmpdir_path("none"), 0700);
	(void)snprintf(path, sizeof(path), "%s", tmpdir_path("none/list"));
	ok(suppress_build_new(path, &conf, &b, &e) == 0, "begun");
	for (int i = 0; i < 100 && rc == 0; i++)
		rc = suppress_build_add(b, d, &e);
	ok(rc == 0, "a hundred added");
	suppress_build_free(&b);
	is_int(tmpdir_count("none"), 0, "given up: nothing is left");
	ok(suppress_build_new(path, &narrow, &b, &e) == -1 && b == NULL,
	    "digests of 4 bytes are refused");
	(void)snprintf(path, sizeof(path), "%s", tmpdir_path("gone/list"));
	ok(publish(path, 1, 10, 1 << 20, &e) == -1 &&
		strstr(e.text, "gone/list.new: No such file") != NULL,
	    "no folder: %s", e.text);
}

int
main(void)
{
	(void)tmpdir_make();
	test_faults();
	test_lists();
	test_given_up();
	tmpdir_remove();
	return done_testing();
}

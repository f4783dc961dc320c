/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Published lists are asked as they are at the moment: one that is not there is
 * empty; one that appears, changes or grows is seen within a second; one that
 * is damaged, of another list or gone is never taken for empty, and well again
 * when it is mended.  A reload loses none that stays.
 */
#include "queue/suppress_watch.h"

#include <sys/stat.h>
#include <time.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "queue/suppress_build.h"
#include "queue/suppress_secret.h"
#include "tests/tap.h"
#include "tests/unit/tmpdir.h"

enum { LEN = 32 };

static const struct suppress_watched lists[] = {
	{ "a.list", 11, LEN },
	{ "b.list", 12, LEN },
	{ "c.list", 13, LEN },
};

static uint64_t generation;

static void
make_digest(unsigned char d[LEN], unsigned value)
{
	memset(d, (int)value, LEN);
}

static void
publish(const char *file, uint64_t id, unsigned value)
{
	const struct suppress_build_conf conf = { .list = id,
		.generation = generation + 1,
		.digest_len = LEN,
		.memory = 4096 };
	struct suppress_build *b;
	unsigned char d[LEN];
	struct err e;

	generation++;
	make_digest(d, value);
	if (suppress_build_new(tmpdir_path(file), &conf, &b, &e) == -1 ||
	    suppress_build_add(b, d, &e) == -1 ||
	    suppress_build_publish(b, &e) == -1)
		exit(99);
	suppress_build_free(&b);
}

/* With a digest of that value; -2: it says nothing. */
static int
ask(struct suppress_watch *w, uint64_t id, int value, struct err *e)
{
	struct suppress_views *v = suppress_watch_get(w);
	unsigned char d[LEN];
	int rc;

	make_digest(d, (unsigned)value);
	e->text[0] = '\0';
	rc = suppress_views_has(v, id, value == -1 ? NULL : d, e);
	suppress_views_unref(&v);
	return rc == -1 && e->text[0] == '\0' ? -2 : rc;
}

/* Is it so within a second, as promised, and some time for slow machines? */
static bool
becomes(struct suppress_watch *w, uint64_t id, int value, int wanted)
{
	const struct timespec pause = { 0, 10000000 };
	struct err e;

	for (int i = 0; i < 1000; i++) {
		if (ask(w, id, value, &e) == wanted)
			return true;
		(void)nanosleep(&pause, NULL);
	}
	(void)printf("# last: %d %s\n", ask(w, id, value, &e), e.text);
	return false;
}

static void
put(const char *file, const char *text)
{
	char new[600];
	FILE *f;

	(void)snprintf(new, sizeof(new), "%s.put", tmpdir_path(file));
	f = fopen(new, "w");
	if (f == NULL || fputs(text, f) == EOF || fclose(f) == EOF ||
	    rename(new, tmpdir_path(file)) == -1)
		exit(99);
}

static void
test_life(struct suppress_watch *w)
{
	struct err e;
	int64_t start;

	ok(ask(w, 11, 1, &e) == 1, "what is there at the set is there at once");
	ok(ask(w, 11, 2, &e) == 0, "and what is not is not");
	ok(ask(w, 12, 1, &e) == 0, "a list without a file is empty");
	ok(ask(w, 99, 1, &e) == -1, "one that nobody follows is not");
	start = clock_us();
	publish("b.list", 12, 5);
	ok(becomes(w, 12, 5, 1), "a file that appears is seen");
	(void)printf("# after %lld ms\n",
	    (long long)(clock_us() - start) / 1000);
	publish("b.list", 12, 6);
	ok(becomes(w, 12, 6, 1) && ask(w, 12, 5, &e) == 0,
	    "so is one that takes its place");
	put("b.list", "no list at all");
	ok(becomes(w, 12, 6, -1), "a damaged one cannot be asked");
	ok(ask(w, 12, 6, &e) == -1 && strstr(e.text, "b.list") != NULL,
	    "and says so: %s", e.text);
	ok(ask(w, 11, 1, &e) == 1, "another one can");
	publish("b.list", 12, 7);
	ok(becomes(w, 12, 7, 1), "a mended one can");
	publish("b.list", 77, 7);
	ok(becomes(w, 12, 7, -1), "one of another list cannot");
	publish("b.list", 12, 7);
	ok(becomes(w, 12, 7, 1), "until it is its own again");
	ok(unlink(tmpdir_path("b.list")) == 0 && becomes(w, 12, 7, -1),
	    "one that was there and is gone is not empty");
	publish("b.list", 12, 8);
	ok(becomes(w, 12, 8, 1), "and well when it is back");
}

static void
test_secret(struct suppress_watch *w)
{
	unsigned char secret[SUPPRESS_SECRET_LEN], again[SUPPRESS_SECRET_LEN];
	struct suppress_views *v = suppress_watch_get(w);
	struct stat st;
	struct err e;

	ok(suppress_views_secret(v).len == 0, "no secret yet");
	suppress_views_unref(&v);
	ok(ask(w, 13, -1, &e) == 0, "without it, an empty list is empty");
	ok(ask(w, 11, -1, &e) == -1, "another cannot be asked: %s", e.text);
	ok(suppress_secret_get(tmpdir, secret, &e) == 0 &&
		suppress_secret_get(tmpdir, again, &e) == 0 &&
		memcmp(secret, again, sizeof(secret)) == 0,
	    "it is made once");
	ok(stat(tmpdir_path("secret"), &st) == 0 &&
		(st.st_mode & 07777) == 0600,
	    "for its owner");
	for (int i = 0; i < 1000; i++) {
		const struct timespec pause = { 0, 10000000 };
		struct slice key;
		bool same;

		v = suppress_watch_get(w);
		key = suppress_views_secret(v);
		same = key.len == sizeof(secret) &&
		    memcmp(key.p, secret, key.len) == 0;
		suppress_views_unref(&v);
		if (same) {
			ok(true, "and is seen");
			return;
		}
		(void)nanosleep(&pause, NULL);
	}
	ok(false, "and is seen");
}

static void
test_reload(struct suppress_watch *w)
{
	struct suppress_views *v = suppress_watch_get(w);
	const struct suppress_watched fewer[] = { lists[1],
		{ "a.list", 14, LEN } };
	unsigned char d[LEN];
	struct err e;

	make_digest(d, 1);
	suppress_watch_set(w, fewer, 2);
	ok(ask(w, 12, 8, &e) == 1, "what stays is as before");
	ok(ask(w, 11, 1, &e) == 1, "what goes can be asked once more");
	ok(ask(w, 14, 1, &e) == -1 && strstr(e.text, "other choices") != NULL,
	    "other choices are told: %s", e.text);
	suppress_watch_set(w, fewer, 2);
	ok(ask(w, 11, 1, &e) == -1, "after the next one it cannot");
	ok(suppress_views_has(v, 11, d, &e) == 1, "but by who has it still");
	suppress_views_unref(&v);
	ok(chmod(tmpdir_path("secret"), 0644) == 0 &&
		suppress_secret_get(tmpdir, d, &e) == -1,
	    "a secret for everybody is none: %s", e.text);
}

int
main(void)
{
	struct suppress_watch *w;
	struct err e;

	(void)tmpdir_make();
	log_set_level(LOG_L_ERROR);
	publish("a.list", 11, 1);
	if (!ok(suppress_watch_new(tmpdir, &w, &e) == 0, "a watch"))
		return done_testing();
	suppress_watch_set(w, lists, 3);
	test_life(w);
	test_secret(w);
	test_reload(w);
	suppress_watch_free(&w);
	tmpdir_remove();
	return done_testing();
}

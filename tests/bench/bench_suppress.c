/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_suppress - a suppression list as its owner and its readers have it:
 * addresses are hashed and imported, digests looked up, half of which are on
 * it, and then one is added each millisecond for a second.
 *
 *	bench_suppress FOLDER COUNT
 *
 * One JSON object: seconds to hash and sort, then to make the base; the longest
 * slice of that and the largest resident size, in MB, of which what is mapped
 * is a part; seconds to open the list; nanoseconds of a look-up; microseconds
 * of a durable change, and the longest until readers could see one.  Ends with
 * 1 on an error or a wrong answer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/suppress_norm.h"
#include "queue/suppress_index.h"
#include "queue/suppress_store.h"

enum { LEN = 32, LOOKS = 1000000, ROUNDS = 5, CHANGES = 1000 };

struct figures {
	uint64_t count;
	double hash_s, base_s, slice_s, open_s, look_ns, change_us, seen_s;
	long memory_mb;
};

static const char key[] = "0123456789abcdef0123456789abcdef";
static bool is_done;

static double
seconds(int64_t since_us)
{
	return (double)(clock_us() - since_us) / 1e6;
}

static int
make_digest(unsigned char d[LEN], uint64_t value, struct region *rg,
    struct err *e)
{
	const struct suppress_norm n = { .hash = SUPPRESS_PLAIN,
		.key = { key, sizeof(key) - 1 } };
	char address[80];
	const char *text;
	int len = snprintf(address, sizeof(address),
	    "Some.Body%llu@host%llu.example.com", (unsigned long long)value,
	    (unsigned long long)(value % 10007));

	region_reset(rg);
	if (suppress_norm_address(&n, (struct slice){ address, (size_t)len },
		rg, &text, e) == -1)
		return -1;
	return suppress_norm_digest(&n, text, d, e);
}

static void
on_done(void *ctx, const struct err *e)
{
	struct err *kept = ctx;

	is_done = true;
	if (e != NULL)
		*kept = *e;
}

/* The longest slice is noted. */
static int
work(struct suppress_store *s, double *longest_s, struct err *e)
{
	int64_t start = clock_us(), next_us;
	int rc = suppress_store_work(s, start, &next_us, e);

	if (seconds(start) > *longest_s)
		*longest_s = seconds(start);
	return rc;
}

static int
import(struct suppress_store *s, struct suppress_owned *l, struct region *rg,
    struct figures *f, struct err *e)
{
	struct err why = { "" };
	const struct suppress_import_conf conf = { .mode = SUPPRESS_REPLACE,
		.on_done = on_done,
		.ctx = &why };
	struct suppress_import *i;
	unsigned char d[LEN];
	struct suppress_entry entry = { d, { "bounce", "file", 1, 0 } };
	int64_t start = clock_us();

	if (suppress_import_begin(l, &conf, &i, e) == -1)
		return -1;
	for (uint64_t n = 0; n < f->count; n++)
		if (make_digest(d, n, rg, e) == -1 ||
		    suppress_import_add(i, &entry, e) == -1)
			return -1;
	f->hash_s = seconds(start);
	start = clock_us();
	suppress_import_commit(&i);
	while (!is_done)
		if (work(s, &f->slice_s, e) == -1)
			return -1;
	f->base_s = seconds(start);
	return why.text[0] == '\0' ? 0 : err_set(e, "%s", why.text);
}

static int
look(const struct suppress_view *v, struct region *rg, struct figures *f,
    struct err *e)
{
	unsigned char *digests = mem_array(LOOKS, LEN);
	uint64_t found = 0, wanted = 0;
	int64_t start;
	int rc = 0;

	for (uint64_t i = 0; i < LOOKS && rc == 0; i++) {
		uint64_t value = (i * 0x9e3779b97f4a7c15ULL >> 16) %
		    (2 * f->count);

		wanted += value < f->count ? ROUNDS : 0;
		rc = make_digest(digests + i * LEN, value, rg, e);
	}
	start = clock_us();
	for (int n = 0; n < ROUNDS; n++)
		for (uint64_t i = 0; i < LOOKS; i++)
			found += suppress_view_has(v, digests + i * LEN) ? 1 :
									   0;
	f->look_ns = seconds(start) * 1e9 / LOOKS / ROUNDS;
	free(digests);
	if (rc == 0 && found != wanted)
		rc = err_set(e, "%llu found, not %llu",
		    (unsigned long long)found, (unsigned long long)wanted);
	return rc;
}

/* One each millisecond, each with its own commit. */
static int
change(struct suppress_store *s, struct suppress_owned *l, struct region *rg,
    struct figures *f, struct err *e)
{
	static int64_t begun[CHANGES];
	static uint64_t marks[CHANGES];
	int64_t start = clock_us(), in_us = 0;
	uint64_t n, unused;
	unsigned char d[LEN];
	struct suppress_entry entry = { d, { "unsubscribe", "api", 1, 0 } };
	double slice_s = 0;
	int made = 0, seen = 0;

	while (seen < CHANGES) {
		int64_t now_us = clock_us();

		if (made < CHANGES && now_us >= start + made * US_PER_MS) {
			begun[made] = now_us;
			n = 2 * f->count + (uint64_t)made;
			if (make_digest(d, n, rg, e) == -1 ||
			    suppress_store_add(l, &entry, 1, &unused, e) ==
				-1 ||
			    suppress_store_commit(s, e) == -1)
				return -1;
			in_us += clock_us() - now_us;
			marks[made++] = suppress_store_mark(l);
		} else {
			(void)usleep(200);
		}
		if (work(s, &slice_s, e) == -1)
			return -1;
		for (;
		     seen < made && suppress_store_published(l) >= marks[seen];
		     seen++)
			if (seconds(begun[seen]) > f->seen_s)
				f->seen_s = seconds(begun[seen]);
	}
	f->change_us = (double)in_us / CHANGES;
	return 0;
}

static int
read_it(const char *path, struct region *rg, struct figures *f, struct err *e)
{
	struct suppress_index *ix;
	struct suppress_view *v;
	int64_t start = clock_us();
	int rc;

	if (suppress_index_open(path, 1, LEN, &ix, e) == -1)
		return -1;
	f->open_s = seconds(start);
	v = suppress_index_get(ix);
	rc = look(v, rg, f, e);
	suppress_view_unref(&v);
	suppress_index_free(&ix);
	return rc;
}

static int
run(const char *dir, struct region *rg, struct figures *f, struct err *e)
{
	struct suppress_store *s;
	struct suppress_owned *l;
	struct buf path = { 0 };
	struct rusage u;
	int rc;

	if (suppress_store_open(dir, &s, e) == -1)
		return -1;
	rc = suppress_store_list(s, "bench", 1, LEN, &l, e);
	if (rc == 0)
		rc = import(s, l, rg, f, e);
	(void)getrusage(RUSAGE_SELF, &u);
	f->memory_mb = u.ru_maxrss / 1024;
	buf_printf(&path, "%s/bench.list", dir);
	if (rc == 0)
		rc = read_it(buf_cstr(&path), rg, f, e);
	if (rc == 0)
		rc = change(s, l, rg, f, e);
	buf_fini(&path);
	if (rc == -1)
		return -1;
	return suppress_store_close(&s, e);
}

int
main(int argc, char **argv)
{
	struct figures f = { 0 };
	struct region *rg = region_new();
	struct err e;
	int rc;

	if (argc < 3 || (f.count = strtoull(argv[2], NULL, 10)) == 0)
		return 2;
	rc = run(argv[1], rg, &f, &e);
	region_free(&rg);
	if (rc == -1) {
		(void)fprintf(stderr, "bench_suppress: %s\n", e.text);
		return 1;
	}
	(void)printf("{\"count\": %llu, \"hash_s\": %.2f, \"base_s\": %.2f, "
		     "\"slice_ms\": %.0f, \"memory_mb\": %ld, "
		     "\"open_s\": %.3f, \"lookup_ns\": %.0f, "
		     "\"change_us\": %.0f, \"seen_ms\": %.0f}\n",
	    (unsigned long long)f.count, f.hash_s, f.base_s, f.slice_s * 1e3,
	    f.memory_mb, f.open_s, f.look_ns, f.change_us, f.seen_s * 1e3);
	return 0;
}

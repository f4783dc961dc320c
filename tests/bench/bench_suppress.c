/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_suppress - builds a suppression list of digests in no order, opens it
 * and looks up digests, half of which are on it, each at another place.
 *
 *	bench_suppress FILE COUNT [LOOKS]
 *
 * One JSON object: seconds of the build and of opening it, nanoseconds of a
 * look-up, the largest resident size at the end of the build, in MB.  The file
 * stays.  Ends with 1 on an error or a wrong answer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "lib/clock.h"
#include "lib/str.h"
#include "queue/suppress_build.h"
#include "queue/suppress_index.h"

enum { LEN = 32, MEMORY = 64 << 20 };

/* A step of splitmix64: like the bytes of a hash, and as quick as nothing. */
static uint64_t
mix(uint64_t v)
{
	v += 0x9e3779b97f4a7c15ULL;
	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9ULL;
	v = (v ^ v >> 27) * 0x94d049bb133111ebULL;
	return v ^ v >> 31;
}

static void
make_digest(unsigned char d[LEN], uint64_t value)
{
	for (unsigned i = 0; i < LEN; i += 8)
		put_be64(d + i, mix(value * 4 + i / 8));
}

static double
seconds(int64_t since_us)
{
	return (double)(clock_us() - since_us) / 1e6;
}

static int
build(const char *path, uint64_t count, struct err *e)
{
	const struct suppress_build_conf conf = { .list = 1,
		.generation = 1,
		.digest_len = LEN,
		.memory = MEMORY };
	struct suppress_build *b;
	unsigned char d[LEN];
	int rc = suppress_build_new(path, &conf, &b, e);

	for (uint64_t i = 0; i < count && rc == 0; i++) {
		make_digest(d, i);
		rc = suppress_build_add(b, d, e);
	}
	if (rc == 0)
		rc = suppress_build_publish(b, e);
	suppress_build_free(&b);
	return rc;
}

/* How many answers were wrong. */
static uint64_t
look(const struct suppress_view *v, uint64_t count, uint64_t looks)
{
	uint64_t wrong = 0;
	unsigned char d[LEN];

	for (uint64_t i = 0; i < looks; i++) {
		uint64_t value = mix(~i) % (2 * count);

		make_digest(d, value);
		wrong += suppress_view_has(v, d) != (value < count) ? 1 : 0;
	}
	return wrong;
}

static int
run(const char *path, uint64_t count, uint64_t looks, struct err *e)
{
	struct suppress_index *ix;
	struct suppress_view *v;
	struct rusage u;
	double build_s, open_s;
	uint64_t wrong;
	int64_t start = clock_us();

	if (build(path, count, e) == -1)
		return -1;
	build_s = seconds(start);
	(void)getrusage(RUSAGE_SELF, &u);
	start = clock_us();
	if (suppress_index_open(path, 1, LEN, &ix, e) == -1)
		return -1;
	open_s = seconds(start);
	v = suppress_index_get(ix);
	start = clock_us();
	wrong = look(v, count, looks);
	(void)printf("{\"count\": %llu, \"build_s\": %.2f, \"build_mb\": %ld, "
		     "\"open_s\": %.3f, \"lookup_ns\": %.0f}\n",
	    (unsigned long long)count, build_s, u.ru_maxrss / 1024, open_s,
	    seconds(start) * 1e9 / (double)looks);
	suppress_view_unref(&v);
	suppress_index_free(&ix);
	return wrong == 0 ?
	    0 :
	    err_set(e, "%llu wrong answers", (unsigned long long)wrong);
}

int
main(int argc, char **argv)
{
	struct err e;

	if (argc < 3 || strtoull(argv[2], NULL, 10) == 0)
		return 2;
	if (run(argv[1], strtoull(argv[2], NULL, 10),
		argc > 3 ? strtoull(argv[3], NULL, 10) : 5000000, &e) == 0)
		return 0;
	(void)fprintf(stderr, "bench_suppress: %s\n", e.text);
	return 1;
}

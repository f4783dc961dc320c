/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_suppress_look - the whole way of a recipient: the text of its address,
 * made comparable, hashed, looked up in the lists that hold for it, as both
 * daemons do it, with a configuration, an address-file and published lists.
 *
 *	bench_suppress_look DIR PUBLISHED STATIC [LOOKS]
 *
 * One JSON object, in CPU time: seconds and megabytes of the load with so many
 * addresses in the address-file; nanoseconds of a look-up in the rows of the
 * configuration alone, in one published list, in five with the same choices, in
 * five with five.  Half of the addresses are on a list.  Ends with 1 on a wrong
 * answer.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "queue/suppress_build.h"
#include "queue/suppress_secret.h"
#include "queue/suppress_watch.h"
#include "tests/support/cpu_time.h"
#include "vmta/suppress.h"

static const char conf[] =
    "suppression-dir %s\n"
    "<address-list fixed>\naddress-file fixed.txt\n</address-list>\n"
    "<suppression-list one>\n</suppression-list>\n"
    "<suppression-list two>\n</suppression-list>\n"
    "<suppression-list three>\n</suppression-list>\n"
    "<suppression-list four>\n</suppression-list>\n"
    "<suppression-list five>\n</suppression-list>\n"
    "<suppression-list sha>\nhashed sha256\n</suppression-list>\n"
    "<suppression-list sha1>\nhashed sha1\n</suppression-list>\n"
    "<suppression-list md5>\nhashed md5\n</suppression-list>\n"
    "<suppression-list tags>\nignore-tag yes\n</suppression-list>\n"
    "<job one>\nsuppression-lists one\n</job>\n"
    "<job fixed>\nsuppression-lists fixed\n</job>\n"
    "<job same>\nsuppression-lists one,two,three,four,five\n</job>\n"
    "<job many>\nsuppression-lists one,sha,sha1,md5,tags\n</job>\n";

static char dir[400];

static FILE *
open_file(const char *name, const char *how)
{
	char path[500];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, how);
	if (f == NULL) {
		perror(path);
		exit(1);
	}
	return f;
}

static void
put_files(unsigned fixed)
{
	FILE *f = open_file("fixed.txt", "w");

	for (unsigned i = 0; i < fixed; i++)
		(void)fprintf(f, "user.%u@example%u.com\n", i, i % 97);
	(void)fclose(f);
	f = open_file("conf", "w");
	(void)fprintf(f, conf, dir);
	(void)fclose(f);
}

static struct snapshot *
load(void)
{
	struct conf_errors errs = { 0 };
	struct snapshot *s;
	char path[500];

	(void)snprintf(path, sizeof(path), "%s/conf", dir);
	s = snapshot_load(path, &errs);
	for (size_t i = 0; s == NULL && i < errs.n; i++)
		(void)fprintf(stderr, "%s\n", errs.v[i].text);
	if (s == NULL)
		exit(1);
	conf_errors_fini(&errs);
	return s;
}

/* ---- published ------------------------------------------------------------- */

static void
add(struct suppress_build *b, const struct suppress_norm *n, unsigned i,
    struct region *rg)
{
	unsigned char digest[SUPPRESS_DIGEST_MAX];
	const char *text;
	struct err e;

	if (suppress_norm_address(n,
		slice_of(region_printf(rg, "user.%u@example%u.com", i, i % 97)),
		rg, &text, &e) == -1 ||
	    suppress_norm_digest(n, text, digest, &e) == -1 ||
	    suppress_build_add(b, digest, &e) == -1)
		exit(1);
	region_reset(rg);
}

static void
publish(const struct suppress_list *l, unsigned count, struct slice secret)
{
	const struct suppress_build_conf c = { .list = l->id,
		.generation = 1,
		.digest_len = (uint32_t)suppress_digest_len(l->norm.hash),
		.memory = 64 << 20 };
	struct region *rg = region_new();
	struct suppress_norm n = l->norm;
	struct suppress_build *b;
	char path[500];
	struct err e;

	if (n.hash == SUPPRESS_PLAIN)
		n.key = secret;
	(void)snprintf(path, sizeof(path), "%s/%s", dir, l->store);
	if (suppress_build_new(path, &c, &b, &e) == -1)
		exit(1);
	for (unsigned i = 0; i < count; i++)
		add(b, &n, i, rg);
	if (suppress_build_publish(b, &e) == -1)
		exit(1);
	suppress_build_free(&b);
	region_free(&rg);
}

static struct suppress_watch *
follow(const struct snapshot *s)
{
	struct suppress_watch *w;
	size_t n;
	const struct suppress_watched *lists = snapshot_suppress_watched(s, &n);
	struct err e;

	if (suppress_watch_new(dir, &w, &e) == -1)
		exit(1);
	suppress_watch_set(w, lists, n);
	return w;
}

static int
has(void *ctx, const struct suppress_list *l, const unsigned char *digest,
    struct err *e)
{
	return suppress_views_has(ctx, l->id, digest, e);
}

/* ---- looking --------------------------------------------------------------- */

enum { TEXT_LEN = 48, TEXTS = 1 << 17 };

struct bench {
	const struct snapshot *s;
	struct suppress_watch *w;
	unsigned looks;
	char (*texts)[TEXT_LEN];
};

/* Of the addresses of `listed` and as many others, in no order. */
static unsigned
number_of(unsigned k, unsigned listed)
{
	return k % TEXTS * 2654435761u % (2 * listed);
}

static double
look(const struct bench *b, const char *job, unsigned listed)
{
	struct suppress_views *v = suppress_watch_get(b->w);
	const struct suppress_ask ask = { has, v, suppress_views_secret(v) };
	struct region *rg = region_new();
	struct suppress_set set;
	unsigned wrong = 0;
	double start;

	for (unsigned k = 0; k < TEXTS; k++)
		(void)snprintf(b->texts[k], TEXT_LEN, "User.%u@Example%u.com",
		    number_of(k, listed), number_of(k, listed) % 97);
	suppress_set_of(b->s, &(struct suppress_scope){ .job = job }, &set);
	start = cpu_time_s();
	for (unsigned k = 0; k < b->looks; k++) {
		struct suppress_found f;
		enum suppress_state st = suppress_check(b->s, &set, &ask,
		    slice_of(b->texts[k % TEXTS]), rg, &f);

		wrong += (st == SUPPRESS_LISTED) !=
		    (number_of(k, listed) < listed);
		region_reset(rg);
	}
	start = (cpu_time_s() - start) * 1e9 / b->looks;
	region_free(&rg);
	suppress_views_unref(&v);
	if (wrong > 0)
		exit(1);
	return start;
}

int
main(int argc, char **argv)
{
	unsigned char secret[SUPPRESS_SECRET_LEN];
	struct bench b = { .looks = 1000000 };
	unsigned published, fixed;
	struct snapshot *s;
	double load_s;
	size_t before;
	struct err e;
	double start;

	if (argc < 4)
		return 2;
	(void)snprintf(dir, sizeof(dir), "%s", argv[1]);
	published = (unsigned)strtoul(argv[2], NULL, 10);
	fixed = (unsigned)strtoul(argv[3], NULL, 10);
	if (argc > 4)
		b.looks = (unsigned)strtoul(argv[4], NULL, 10);
	put_files(fixed);
	before = mallinfo2().uordblks + mallinfo2().hblkhd;
	start = cpu_time_s();
	s = load();
	load_s = cpu_time_s() - start;
	(void)printf("{\"static\": %u, \"load_s\": %.3f, \"load_mb\": %.1f, ",
	    fixed, load_s,
	    (double)(mallinfo2().uordblks + mallinfo2().hblkhd - before) / 1e6);
	if (suppress_secret_get(dir, secret, &e) == -1)
		return 1;
	for (size_t i = 0; i < snapshot_suppress_count(s); i++)
		if (snapshot_suppress_at(s, i)->published)
			publish(snapshot_suppress_at(s, i), published,
			    (struct slice){ (char *)secret, sizeof(secret) });
	b.s = s;
	b.texts = mem_array(TEXTS, TEXT_LEN);
	b.w = follow(s);
	(void)printf(
	    "\"published\": %u, \"static_ns\": %.0f, \"one_ns\": %.0f, "
	    "\"same_ns\": %.0f, \"many_ns\": %.0f}\n",
	    published, look(&b, "fixed", fixed), look(&b, "one", published),
	    look(&b, "same", published), look(&b, "many", published));
	free(b.texts);
	suppress_watch_free(&b.w);
	snapshot_unref(&s);
	return 0;
}

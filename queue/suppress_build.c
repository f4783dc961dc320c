/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/suppress_build.h"

#include <stdlib.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "lib/str.h"
#include "queue/suppress_sort.h"
#include "queue/suppress_write.h"

enum { PROGRESS_EACH = 1 << 16 };

struct suppress_build {
	char *path;
	struct suppress_build_conf conf;
	struct suppress_sort *sort;
	uint64_t merged;
};

int
suppress_build_new(const char *path, const struct suppress_build_conf *conf,
    struct suppress_build **b_r, struct err *e)
{
	struct suppress_build *b;

	*b_r = NULL;
	if (conf->digest_len < SUPPRESS_LEN_MIN ||
	    conf->digest_len > SUPPRESS_LEN_MAX)
		return err_set(e, "%s: digests of %u bytes", path,
		    (unsigned)conf->digest_len);
	b = mem_new(struct suppress_build);
	b->path = mem_strdup(path);
	b->conf = *conf;
	b->sort = suppress_sort_new(path, conf->digest_len, conf->memory);
	*b_r = b;
	return 0;
}

void
suppress_build_free(struct suppress_build **bp)
{
	struct suppress_build *b = *bp;

	*bp = NULL;
	if (b == NULL)
		return;
	suppress_sort_free(&b->sort);
	free(b->path);
	free(b);
}

int
suppress_build_add(struct suppress_build *b, const void *digest, struct err *e)
{
	return suppress_sort_add(b->sort, digest, e);
}

static void
tell(const struct suppress_build *b)
{
	if (b->conf.on_progress != NULL)
		b->conf.on_progress(b->conf.ctx, b->merged,
		    suppress_sort_count(b->sort));
}

static int
merge(struct suppress_build *b, struct suppress_write *w, struct err *e)
{
	const unsigned char *digest;
	int rc = suppress_sort_end(b->sort, e);

	while (rc == 0) {
		rc = suppress_sort_next(b->sort, &digest, e);
		if (rc == -1 || digest == NULL)
			break;
		if (b->merged % PROGRESS_EACH == 0)
			tell(b);
		b->merged++;
		rc = suppress_write_listed(w, digest, e);
	}
	return rc;
}

int
suppress_build_publish(struct suppress_build *b, struct err *e)
{
	const struct suppress_head head = { .list = b->conf.list,
		.generation = b->conf.generation,
		.listed = suppress_sort_count(b->sort),
		.digest_len = b->conf.digest_len };
	struct suppress_write *w;
	int rc;

	CHECK(b->merged == 0);
	if (suppress_write_new(b->path, &head, &w, e) == -1)
		return -1;
	rc = merge(b, w, e);
	if (rc == 0)
		rc = suppress_write_publish(w, e);
	if (rc == 0)
		tell(b);
	suppress_write_free(&w);
	return rc;
}

/* ---- a delta ------------------------------------------------------------- */

typedef int write_fn(struct suppress_write *w, const void *digest,
    struct err *e);

static int
write_sorted(struct suppress_write *w, struct suppress_digests d, uint32_t len,
    write_fn *write_one, struct err *e)
{
	unsigned char *copy;
	int rc = 0;

	if (d.count == 0)
		return 0;
	copy = mem_dup(d.p, d.count * len);
	suppress_sort_array(copy, d.count, len);
	for (size_t i = 0; i < d.count && rc == 0; i++)
		rc = write_one(w, copy + i * len, e);
	free(copy);
	return rc;
}

int
suppress_build_delta(const char *path, const struct suppress_build_conf *conf,
    uint64_t base, struct suppress_digests listed,
    struct suppress_digests removed, struct err *e)
{
	const struct suppress_head head = { .list = conf->list,
		.generation = conf->generation,
		.base = base,
		.listed = listed.count,
		.digest_len = conf->digest_len };
	char *delta = suppress_file_beside(path, "delta", base);
	struct suppress_write *w;
	int rc;

	CHECK(base > 0);
	rc = suppress_write_new(delta, &head, &w, e);
	free(delta);
	if (rc == -1)
		return -1;
	rc = write_sorted(w, listed, conf->digest_len, suppress_write_listed,
	    e);
	if (rc == 0)
		rc = write_sorted(w, removed, conf->digest_len,
		    suppress_write_removed, e);
	if (rc == 0)
		rc = suppress_write_publish(w, e);
	suppress_write_free(&w);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/suppress_build.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "lib/str.h"
#include "queue/suppress_write.h"

enum { PROGRESS_EACH = 1 << 16, READ_MIN = 1 << 12, READ_MAX = 1 << 20 };

struct run {
	uint64_t at, end; /* in the file, what is not yet read */
	unsigned char *bytes;
	size_t pos, len; /* of bytes, what is not yet merged */
};

struct suppress_build {
	char *path;
	struct suppress_build_conf conf;
	int fd; /* of the runs; -1 while there is none */
	unsigned char *run;
	size_t run_count, run_max; /* digests */
	struct run *runs;
	size_t runs_count;
	uint64_t added, written, merged;
};

static int
by_bytes(const void *a, const void *b, void *len)
{
	return memcmp(a, b, *(const uint32_t *)len);
}

static void
sort(void *p, size_t count, uint32_t len)
{
	if (count > 1)
		qsort_r(p, count, len, by_bytes, &len);
}

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
	b->fd = -1;
	b->run_max = conf->memory / conf->digest_len;
	if (b->run_max == 0)
		b->run_max = 1;
	b->run = mem_alloc(b->run_max * conf->digest_len);
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
	if (b->fd != -1)
		(void)close(b->fd);
	for (size_t i = 0; i < b->runs_count; i++)
		free(b->runs[i].bytes);
	free(b->runs);
	free(b->run);
	free(b->path);
	free(b);
}

/* ---- runs ---------------------------------------------------------------- */

/* It has its name for a moment only: a crash leaves at most an empty one. */
static int
open_runs(struct suppress_build *b, struct err *e)
{
	struct buf name = { 0 };
	int rc = 0;

	buf_printf(&name, "%s.runs", b->path);
	b->fd = open(buf_cstr(&name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
	    0600);
	if (b->fd == -1 || unlink(buf_cstr(&name)) == -1)
		rc = err_sys(e, "%s", buf_cstr(&name));
	buf_fini(&name);
	return rc;
}

static int
end_run(struct suppress_build *b, struct err *e)
{
	size_t len = b->run_count * b->conf.digest_len;

	if (b->fd == -1 && open_runs(b, e) == -1)
		return -1;
	sort(b->run, b->run_count, b->conf.digest_len);
	if (suppress_write_at(b->fd, b->run, len, b->written) == -1)
		return err_sys(e, "%s: sorted runs", b->path);
	b->runs = mem_realloc(b->runs, (b->runs_count + 1) * sizeof(*b->runs));
	b->runs[b->runs_count++] = (struct run){ .at = b->written,
		.end = b->written + len };
	b->written += len;
	b->run_count = 0;
	return 0;
}

int
suppress_build_add(struct suppress_build *b, const void *digest, struct err *e)
{
	if (b->run_count == b->run_max && end_run(b, e) == -1)
		return -1;
	memcpy(b->run + b->run_count * b->conf.digest_len, digest,
	    b->conf.digest_len);
	b->run_count++;
	b->added++;
	return 0;
}

/* ---- merging ------------------------------------------------------------- */

static const unsigned char *
first(const struct run *r)
{
	return r->bytes + r->pos;
}

/* Fills a run that has none left; its len stays 0 at its end. */
static int
refill(struct suppress_build *b, struct run *r, size_t cap, struct err *e)
{
	r->pos = r->len = 0;
	if (cap > r->end - r->at)
		cap = (size_t)(r->end - r->at);
	while (r->len < cap) {
		ssize_t n = pread(b->fd, r->bytes + r->len, cap - r->len,
		    (off_t)r->at);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return err_sys(e, "%s: sorted runs", b->path);
		if (n == 0)
			return err_set(e, "%s: sorted runs are cut off",
			    b->path);
		r->len += (size_t)n;
		r->at += (uint64_t)n;
	}
	return 0;
}

/* The smallest is at the root; only the root grew. */
static void
sink(struct run **heap, size_t count, uint32_t len)
{
	struct run *moved = heap[0];
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < count &&
		    memcmp(first(heap[child + 1]), first(heap[child]), len) < 0)
			child++;
		if (child >= count ||
		    memcmp(first(moved), first(heap[child]), len) <= 0)
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = moved;
}

static int
by_first(const void *a, const void *b, void *len)
{
	return memcmp(first(*(struct run *const *)a),
	    first(*(struct run *const *)b), *(const uint32_t *)len);
}

static int
put(struct suppress_build *b, struct suppress_write *w, const void *digest,
    struct err *e)
{
	if (b->conf.on_progress != NULL && b->merged % PROGRESS_EACH == 0)
		b->conf.on_progress(b->conf.ctx, b->merged, b->added);
	b->merged++;
	return suppress_write_listed(w, digest, e);
}

static int
merge_heap(struct suppress_build *b, struct suppress_write *w,
    struct run **heap, size_t cap, struct err *e)
{
	uint32_t len = b->conf.digest_len;
	size_t count = b->runs_count;

	while (count > 0) {
		struct run *r = heap[0];

		if (put(b, w, first(r), e) == -1)
			return -1;
		r->pos += len;
		if (r->pos == r->len && refill(b, r, cap, e) == -1)
			return -1;
		if (r->len == 0)
			heap[0] = heap[--count];
		if (count > 0)
			sink(heap, count, len);
	}
	return 0;
}

/* The memory of the runs, shared among all, is what is read at once. */
static int
merge_runs(struct suppress_build *b, struct suppress_write *w, struct err *e)
{
	uint32_t len = b->conf.digest_len;
	size_t cap = b->run_max * len / b->runs_count;
	struct run **heap;
	int rc = 0;

	cap = cap < READ_MIN ? READ_MIN : cap > READ_MAX ? READ_MAX : cap;
	cap -= cap % len;
	free(b->run);
	b->run = NULL;
	heap = mem_array(b->runs_count, sizeof(struct run *));
	for (size_t i = 0; i < b->runs_count && rc == 0; i++) {
		heap[i] = &b->runs[i];
		heap[i]->bytes = mem_alloc(cap);
		rc = refill(b, heap[i], cap, e);
	}
	/* An array that ascends is a heap. */
	if (rc == 0) {
		qsort_r(heap, b->runs_count, sizeof(struct run *), by_first,
		    &len);
		rc = merge_heap(b, w, heap, cap, e);
	}
	free(heap);
	return rc;
}

static int
merge(struct suppress_build *b, struct suppress_write *w, struct err *e)
{
	if (b->runs_count > 0)
		return b->run_count > 0 && end_run(b, e) == -1 ?
		    -1 :
		    merge_runs(b, w, e);
	sort(b->run, b->run_count, b->conf.digest_len);
	for (size_t i = 0; i < b->run_count; i++)
		if (put(b, w, b->run + i * b->conf.digest_len, e) == -1)
			return -1;
	return 0;
}

int
suppress_build_publish(struct suppress_build *b, struct err *e)
{
	const struct suppress_head head = { .list = b->conf.list,
		.generation = b->conf.generation,
		.listed = b->added,
		.digest_len = b->conf.digest_len };
	struct suppress_write *w;
	int rc;

	CHECK(b->merged == 0);
	if (suppress_write_new(b->path, &head, &w, e) == -1)
		return -1;
	rc = merge(b, w, e);
	if (rc == 0)
		rc = suppress_write_publish(w, e);
	if (rc == 0 && b->conf.on_progress != NULL)
		b->conf.on_progress(b->conf.ctx, b->merged, b->added);
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
	sort(copy, d.count, len);
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
	struct suppress_write *w;
	int rc;

	CHECK(base > 0);
	if (suppress_write_new(path, &head, &w, e) == -1)
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

/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/suppress_sort.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "lib/str.h"
#include "queue/suppress_write.h"

enum { READ_MIN = 1 << 12, READ_MAX = 1 << 20 };

struct run {
	uint64_t at, end; /* in the file, what is not yet read */
	unsigned char *bytes;
	size_t pos, len; /* of bytes, what is not yet merged */
};

struct suppress_sort {
	char *path;
	uint32_t record_len;
	int fd;             /* of the runs; -1 while there is none */
	unsigned char *run; /* grows up to run_max */
	size_t run_count, run_cap, run_max; /* records */
	struct run *runs;
	size_t runs_count;
	uint64_t added, written;
	bool ended;
	size_t at;         /* of run, when it is the only one */
	struct run **heap; /* the smallest is at the root */
	size_t heap_count, cap;
	bool root_is_out; /* returned, and not yet passed over */
};

static int
by_bytes(const void *a, const void *b, void *len)
{
	return memcmp(a, b, *(const uint32_t *)len);
}

void
suppress_sort_array(void *records, size_t count, uint32_t record_len)
{
	if (count > 1)
		qsort_r(records, count, record_len, by_bytes, &record_len);
}

struct suppress_sort *
suppress_sort_new(const char *path, uint32_t record_len, size_t memory)
{
	struct suppress_sort *s = mem_new(struct suppress_sort);

	CHECK(record_len > 0);
	s->path = mem_strdup(path);
	s->record_len = record_len;
	s->fd = -1;
	s->run_max = memory / record_len;
	if (s->run_max == 0)
		s->run_max = 1;
	return s;
}

void
suppress_sort_free(struct suppress_sort **sp)
{
	struct suppress_sort *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	if (s->fd != -1)
		(void)close(s->fd);
	for (size_t i = 0; i < s->runs_count; i++)
		free(s->runs[i].bytes);
	free(s->heap);
	free(s->runs);
	free(s->run);
	free(s->path);
	free(s);
}

uint64_t
suppress_sort_count(const struct suppress_sort *s)
{
	return s->added;
}

/* ---- runs ---------------------------------------------------------------- */

/* It has its name for a moment only: a crash leaves at most an empty one. */
static int
open_runs(struct suppress_sort *s, struct err *e)
{
	struct buf name = { 0 };
	int rc = 0;

	buf_printf(&name, "%s.runs", s->path);
	s->fd = open(buf_cstr(&name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
	    0600);
	if (s->fd == -1 || unlink(buf_cstr(&name)) == -1)
		rc = err_sys(e, "%s", buf_cstr(&name));
	buf_fini(&name);
	return rc;
}

static int
end_run(struct suppress_sort *s, struct err *e)
{
	size_t len = s->run_count * s->record_len;

	if (s->fd == -1 && open_runs(s, e) == -1)
		return -1;
	suppress_sort_array(s->run, s->run_count, s->record_len);
	if (suppress_write_at(s->fd, s->run, len, s->written) == -1)
		return err_sys(e, "%s: sorted runs", s->path);
	s->runs = mem_realloc(s->runs, (s->runs_count + 1) * sizeof(*s->runs));
	s->runs[s->runs_count++] = (struct run){ .at = s->written,
		.end = s->written + len };
	s->written += len;
	s->run_count = 0;
	return 0;
}

static void
grow_run(struct suppress_sort *s)
{
	s->run_cap = s->run_cap == 0 ? 256 : 2 * s->run_cap;
	if (s->run_cap > s->run_max)
		s->run_cap = s->run_max;
	s->run = mem_realloc(s->run, s->run_cap * s->record_len);
}

int
suppress_sort_add(struct suppress_sort *s, const void *record, struct err *e)
{
	CHECK(!s->ended);
	if (s->run_count == s->run_max && end_run(s, e) == -1)
		return -1;
	if (s->run_count == s->run_cap)
		grow_run(s);
	memcpy(s->run + s->run_count * s->record_len, record, s->record_len);
	s->run_count++;
	s->added++;
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
refill(struct suppress_sort *s, struct run *r, struct err *e)
{
	size_t cap = s->cap;

	r->pos = r->len = 0;
	if (cap > r->end - r->at)
		cap = (size_t)(r->end - r->at);
	while (r->len < cap) {
		ssize_t n = pread(s->fd, r->bytes + r->len, cap - r->len,
		    (off_t)r->at);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return err_sys(e, "%s: sorted runs", s->path);
		if (n == 0)
			return err_set(e, "%s: sorted runs are cut off",
			    s->path);
		r->len += (size_t)n;
		r->at += (uint64_t)n;
	}
	return 0;
}

/* Only the root grew. */
static void
sink(struct suppress_sort *s)
{
	struct run *moved = s->heap[0];
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < s->heap_count &&
		    memcmp(first(s->heap[child + 1]), first(s->heap[child]),
			s->record_len) < 0)
			child++;
		if (child >= s->heap_count ||
		    memcmp(first(moved), first(s->heap[child]),
			s->record_len) <= 0)
			break;
		s->heap[i] = s->heap[child];
		i = child;
	}
	s->heap[i] = moved;
}

static int
by_first(const void *a, const void *b, void *len)
{
	return memcmp(first(*(struct run *const *)a),
	    first(*(struct run *const *)b), *(const uint32_t *)len);
}

/* The memory of the runs, shared among all, is what is read at once. */
static int
begin_merge(struct suppress_sort *s, struct err *e)
{
	size_t cap = s->run_max * s->record_len / s->runs_count;

	cap = cap < READ_MIN ? READ_MIN : cap > READ_MAX ? READ_MAX : cap;
	if (cap > s->record_len)
		cap -= cap % s->record_len;
	else
		cap = s->record_len;
	s->cap = cap;
	free(s->run);
	s->run = NULL;
	s->heap = mem_array(s->runs_count, sizeof(struct run *));
	for (; s->heap_count < s->runs_count; s->heap_count++) {
		struct run *r = &s->runs[s->heap_count];

		s->heap[s->heap_count] = r;
		r->bytes = mem_alloc(cap);
		if (refill(s, r, e) == -1)
			return -1;
	}
	/* An array that ascends is a heap. */
	qsort_r(s->heap, s->runs_count, sizeof(struct run *), by_first,
	    &s->record_len);
	return 0;
}

int
suppress_sort_end(struct suppress_sort *s, struct err *e)
{
	CHECK(!s->ended);
	s->ended = true;
	if (s->runs_count == 0) {
		suppress_sort_array(s->run, s->run_count, s->record_len);
		return 0;
	}
	if (s->run_count > 0 && end_run(s, e) == -1)
		return -1;
	return begin_merge(s, e);
}

static int
pass_root(struct suppress_sort *s, struct err *e)
{
	struct run *r = s->heap[0];

	s->root_is_out = false;
	r->pos += s->record_len;
	if (r->pos == r->len && refill(s, r, e) == -1)
		return -1;
	if (r->len == 0)
		s->heap[0] = s->heap[--s->heap_count];
	if (s->heap_count > 0)
		sink(s);
	return 0;
}

int
suppress_sort_next(struct suppress_sort *s, const unsigned char **record_r,
    struct err *e)
{
	CHECK(s->ended);
	*record_r = NULL;
	if (s->runs_count == 0) {
		if (s->at < s->run_count)
			*record_r = s->run + s->at++ * s->record_len;
		return 0;
	}
	if (s->root_is_out && pass_root(s, e) == -1)
		return -1;
	if (s->heap_count > 0) {
		*record_r = first(s->heap[0]);
		s->root_is_out = true;
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/segment_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/str.h"
#include "queue/crc32c.h"

enum { GROUP = 256, VECTORS = 3 }; /* records by one write, and of each */

struct segment {
	uint32_t number;
	uint32_t held;
	uint64_t size, live;
};

struct segments {
	int dir_fd, tail_fd;
	uint32_t limit;
	struct segment *list; /* by number; the last one is the tail */
	size_t count, cap;
	bool dirty;    /* the tail was written to since the last sync */
	bool sweeping; /* one lost its last live byte */
	uint64_t syncs;
	struct iovec iov[VECTORS * GROUP];
	unsigned char heads[GROUP][SEGMENT_HEAD];
};

/* ---- bytes --------------------------------------------------------------- */

static void
head_pack(unsigned char out[SEGMENT_HEAD], const struct segment_head *h)
{
	put_be32(out, SEGMENT_MAGIC);
	put_be64(out + 4, h->id);
	put_be32(out + 12, h->env_len);
	put_be32(out + 16, h->body_len);
	put_be32(out + 20, h->env_crc);
	put_be32(out + 24, h->body_crc);
	put_be32(out + 28, crc32c(0, out, 28));
}

bool
segment_head_unpack(const unsigned char in[SEGMENT_HEAD],
    struct segment_head *h_r)
{
	if (get_be32(in) != SEGMENT_MAGIC ||
	    get_be32(in + 28) != crc32c(0, in, 28))
		return false;
	h_r->id = get_be64(in + 4);
	h_r->env_len = get_be32(in + 12);
	h_r->body_len = get_be32(in + 16);
	h_r->env_crc = get_be32(in + 20);
	h_r->body_crc = get_be32(in + 24);
	return h_r->env_len <= SEGMENT_ENV_MAX &&
	    h_r->body_len <= SEGMENT_BODY_MAX;
}

uint32_t
segment_size(const struct message_loc *loc)
{
	return SEGMENT_HEAD + loc->env_len + loc->body_len;
}

void
segment_name(char out[SEGMENT_NAME], uint32_t number)
{
	(void)snprintf(out, SEGMENT_NAME, "%08X", number);
}

static bool
name_number(const char *name, uint32_t *number_r)
{
	char again[SEGMENT_NAME];
	unsigned long n;

	if (strlen(name) != SEGMENT_NAME - 1)
		return false;
	n = strtoul(name, NULL, 16);
	*number_r = (uint32_t)n;
	segment_name(again, *number_r);
	return n > 0 && strcmp(name, again) == 0;
}

/* ---- the list ------------------------------------------------------------ */

static struct segment *
find(const struct segments *ss, uint32_t number)
{
	size_t low = 0, high = ss->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (ss->list[mid].number < number)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < ss->count && ss->list[low].number == number)
		return &ss->list[low];
	return NULL;
}

static struct segment *
add(struct segments *ss, uint32_t number, uint64_t size)
{
	struct segment *s;

	if (ss->count == ss->cap) {
		ss->cap = ss->cap == 0 ? 16 : ss->cap * 2;
		ss->list = mem_realloc(ss->list,
		    ss->cap * sizeof(struct segment));
	}
	s = &ss->list[ss->count++];
	*s = (struct segment){ .number = number, .size = size };
	return s;
}

static int
by_number(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static struct segment *
tail_of(const struct segments *ss)
{
	CHECK(ss->count > 0);
	return &ss->list[ss->count - 1];
}

/* ---- open ---------------------------------------------------------------- */

static int
start_tail(struct segments *ss, uint32_t number, struct err *e)
{
	char name[SEGMENT_NAME];
	int fd;

	segment_name(name, number);
	fd = openat(ss->dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600);
	if (fd == -1)
		return err_sys(e, "segment %s", name);
	/* The file's name must be durable before what it holds is promised. */
	if (fsync(ss->dir_fd) == -1) {
		(void)err_sys(e, "syncing the folder of segments");
		(void)unlinkat(ss->dir_fd, name, 0);
		(void)close(fd);
		return -1;
	}
	if (ss->tail_fd >= 0)
		(void)close(ss->tail_fd);
	ss->tail_fd = fd;
	ss->sweeping = true; /* the old tail may be empty already */
	(void)add(ss, number, 0);
	return 0;
}

/*
 * Files above the tail were begun by a batch that was never committed.  Mail
 * beside a database that knows of none is somebody's: not ours to remove.
 */
static int
take_file(struct segments *ss, const char *name, uint32_t tail, struct err *e)
{
	struct stat st;
	uint32_t number;

	if (!name_number(name, &number) ||
	    fstatat(ss->dir_fd, name, &st, 0) == -1)
		return 0;
	if (tail == 0 && st.st_size > 0)
		return err_set(e,
		    "segment %s has bodies, but the database is "
		    "new: restore it, or move seg/ away",
		    name);
	if (number > tail)
		(void)unlinkat(ss->dir_fd, name, 0);
	else
		(void)add(ss, number, (uint64_t)st.st_size);
	return 0;
}

static int
list_files(struct segments *ss, uint32_t tail, struct err *e)
{
	int fd = dup(ss->dir_fd), rc = 0;
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (d == NULL)
		return err_sys(e, "reading the folder of segments");
	/* glibc's readdir() shares nothing between two streams. */
	/* cppcheck-suppress readdirCalled */
	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while (rc == 0 && (entry = readdir(d)) != NULL)
		rc = take_file(ss, entry->d_name, tail, e);
	(void)closedir(d);
	if (ss->count > 0)
		qsort(ss->list, ss->count, sizeof(struct segment), by_number);
	return rc;
}

/*
 * Goes on in the old tail.  A tail that is shorter than what was committed
 * has lost bodies; those are reported when they are read.  Appending to it
 * would put other bodies at their place.
 */
static int
reopen_tail(struct segments *ss, uint32_t number, uint64_t len, struct err *e)
{
	struct segment *s = find(ss, number);
	char name[SEGMENT_NAME];

	segment_name(name, number);
	if (s == NULL || s->size < len) {
		log_note(LOG_L_ERROR, "segment-short",
		    "segment %s holds %llu bytes of %llu: bodies are lost",
		    name, (unsigned long long)(s == NULL ? 0 : s->size),
		    (unsigned long long)len);
		return start_tail(ss, number + 1, e);
	}
	ss->tail_fd = openat(ss->dir_fd, name, O_RDWR | O_CLOEXEC);
	if (ss->tail_fd == -1)
		return err_sys(e, "segment %s", name);
	if (s->size > len && ftruncate(ss->tail_fd, (off_t)len) == -1)
		return err_sys(e, "cutting segment %s", name);
	s->size = len;
	return 0;
}

int
segments_open(const char *dir, uint32_t size, uint32_t tail, uint64_t tail_len,
    struct segments **ss_r, struct err *e)
{
	struct segments *ss = mem_new(struct segments);
	char path[4096];

	*ss_r = NULL;
	ss->dir_fd = ss->tail_fd = -1;
	ss->sweeping =
	    true; /* some may have been empty when the last run ended */
	ss->limit = size == 0 ? (uint32_t)64 << 20 : size;
	if (snprintf(path, sizeof(path), "%s/seg", dir) >= (int)sizeof(path)) {
		(void)err_set(e, "the path of the spool is too long");
		goto out;
	}
	if (mkdir(path, 0700) == -1 && errno != EEXIST) {
		(void)err_sys(e, "%s", path);
		goto out;
	}
	ss->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ss->dir_fd == -1) {
		(void)err_sys(e, "%s", path);
		goto out;
	}
	if (list_files(ss, tail, e) == -1)
		goto out;
	if ((tail == 0 ? start_tail(ss, 1, e) :
			 reopen_tail(ss, tail, tail_len, e)) == -1)
		goto out;
	*ss_r = ss; /* moved */
	return 0;
out:
	segments_free(&ss);
	return -1;
}

void
segments_free(struct segments **ssp)
{
	struct segments *ss = *ssp;

	*ssp = NULL;
	if (ss == NULL)
		return;
	if (ss->tail_fd >= 0)
		(void)close(ss->tail_fd);
	if (ss->dir_fd >= 0)
		(void)close(ss->dir_fd);
	free(ss->list);
	free(ss);
}

/* ---- appending ----------------------------------------------------------- */

/* Writes all, or cuts the tail back to where it was. */
static int
write_all(struct segments *ss, struct iovec *iov, size_t count)
{
	struct segment *tail = tail_of(ss);
	uint64_t at = tail->size;

	while (count > 0) {
		ssize_t n = pwritev(ss->tail_fd, iov, (int)count, (off_t)at);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			int code = n == 0 ? ENOSPC : errno;

			if (ftruncate(ss->tail_fd, (off_t)tail->size) == -1)
				code = errno;
			errno = code;
			return -1;
		}
		at += (uint64_t)n;
		for (; count > 0 && (size_t)n >= iov->iov_len; iov++, count--)
			n -= (ssize_t)iov->iov_len;
		if (n > 0) {
			iov->iov_base = (char *)iov->iov_base + n;
			iov->iov_len -= (size_t)n;
		}
	}
	tail->size = at;
	return 0;
}

static void
fill_vectors(struct iovec iov[VECTORS], unsigned char head[SEGMENT_HEAD],
    const struct segment_item *it)
{
	const struct segment_head h = { .id = it->id,
		.env_len = it->env_len,
		.body_len = it->body_len,
		.env_crc = crc32c(0, it->env, it->env_len),
		.body_crc = crc32c(0, it->body, it->body_len) };

	CHECK(
	    it->env_len <= SEGMENT_ENV_MAX && it->body_len <= SEGMENT_BODY_MAX);
	head_pack(head, &h);
	iov[0] = (struct iovec){ head, SEGMENT_HEAD };
	/* pwritev() only reads, but its type does not say so. */
	memcpy(&iov[1].iov_base, &it->env, sizeof(it->env));
	iov[1].iov_len = it->env_len;
	memcpy(&iov[2].iov_base, &it->body, sizeof(it->body));
	iov[2].iov_len = it->body_len;
}

/* As many as fit in one write and in the tail; at least one. */
static size_t
gather(struct segments *ss, struct segment_item *items, size_t count)
{
	const struct segment *tail = tail_of(ss);
	uint64_t at = tail->size;
	size_t i;

	for (i = 0; i < count && i < GROUP; i++) {
		struct segment_item *it = &items[i];
		if (i > 0 && at >= ss->limit)
			break;
		fill_vectors(&ss->iov[VECTORS * i], ss->heads[i], it);
		/* A record begins below the limit: 32 bits are enough. */
		it->loc = (struct message_loc){ .segment = tail->number,
			.offset = (uint32_t)at,
			.env_len = it->env_len,
			.body_len = it->body_len };
		at += segment_size(&it->loc);
	}
	return i;
}

static bool
is_no_space(void)
{
	return errno == ENOSPC || errno == EDQUOT;
}

int
segments_append(struct segments *ss, struct segment_item *items, size_t count,
    size_t *done_r, struct err *e)
{
	*done_r = 0;
	while (*done_r < count) {
		size_t n;

		if (tail_of(ss)->size >= ss->limit) {
			if (segments_sync(ss, e) == -1)
				return -1;
			if (start_tail(ss, tail_of(ss)->number + 1, e) == -1)
				return is_no_space() ? 0 : -1;
		}
		n = gather(ss, items + *done_r, count - *done_r);
		ss->dirty = true;
		if (write_all(ss, ss->iov, VECTORS * n) == -1) {
			(void)err_sys(e, "appending to segment %08X",
			    tail_of(ss)->number);
			return is_no_space() ? 0 : -1;
		}
		*done_r += n;
	}
	return 0;
}

int
segments_sync(struct segments *ss, struct err *e)
{
	if (!ss->dirty)
		return 0;
	if (fdatasync(ss->tail_fd) == -1)
		return err_sys(e, "syncing segment %08X", tail_of(ss)->number);
	ss->dirty = false;
	ss->syncs++;
	return 0;
}

uint32_t
segments_tail(const struct segments *ss, uint64_t *len_r)
{
	const struct segment *tail = tail_of(ss);

	*len_r = tail->size;
	return tail->number;
}

/* ---- what is live -------------------------------------------------------- */

void
segments_born(struct segments *ss, uint32_t number, uint32_t size)
{
	struct segment *s = find(ss, number);

	if (s != NULL) /* or the file is lost: reported at start */
		s->live += size;
}

void
segments_dead(struct segments *ss, uint32_t number, uint32_t size)
{
	struct segment *s = find(ss, number);

	if (s == NULL)
		return;
	CHECK(s->live >= size);
	s->live -= size;
	if (s->live == 0)
		ss->sweeping = true;
}

void
segments_hold(struct segments *ss, uint32_t number)
{
	struct segment *s = find(ss, number);

	CHECK(s != NULL);
	s->held++;
}

void
segments_release(struct segments *ss, uint32_t number)
{
	struct segment *s = find(ss, number);

	CHECK(s != NULL && s->held > 0);
	s->held--;
	if (s->held == 0)
		ss->sweeping = true;
}

void
segments_sweep(struct segments *ss)
{
	size_t kept = 0;

	if (!ss->sweeping)
		return;
	ss->sweeping = false;
	for (size_t i = 0; i < ss->count; i++) {
		struct segment *s = &ss->list[i];
		char name[SEGMENT_NAME];

		segment_name(name, s->number);
		if (s->live == 0 && s->held == 0 && i + 1 < ss->count &&
		    (unlinkat(ss->dir_fd, name, 0) == 0 || errno == ENOENT))
			continue;
		ss->list[kept++] = *s;
	}
	ss->count = kept;
}

bool
segments_roll(struct segments *ss)
{
	const struct segment *tail = tail_of(ss);
	struct err e;

	if (tail->size == 0 || tail->live > 0 || segments_sync(ss, &e) == -1)
		return false;
	return start_tail(ss, tail->number + 1, &e) == 0;
}

uint32_t
segments_sparse(const struct segments *ss)
{
	const struct segment *best = NULL;

	for (size_t i = 0; i + 1 < ss->count; i++) {
		const struct segment *s = &ss->list[i];

		if (s->held > 0 || s->live == 0 || s->live >= s->size / 4)
			continue;
		if (best == NULL || s->live < best->live)
			best = s;
	}
	return best == NULL ? 0 : best->number;
}

void
segments_bytes(const struct segments *ss, uint64_t *size_r, uint64_t *live_r)
{
	*size_r = *live_r = 0;
	for (size_t i = 0; i < ss->count; i++) {
		*size_r += ss->list[i].size;
		*live_r += ss->list[i].live;
	}
}

uint64_t
segments_syncs(const struct segments *ss)
{
	return ss->syncs;
}

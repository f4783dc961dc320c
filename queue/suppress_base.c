/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/suppress_base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "queue/bytes.h"

enum { DIGESTS, COLUMNS, EXPIRY, FILES };

/* ---- one file ------------------------------------------------------------ */

static int
map(const char *path, struct slice *map_r, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;
	struct stat st;
	void *p;

	if (fd == -1)
		return err_sys(e, "%s", path);
	if (fstat(fd, &st) == -1)
		rc = err_sys(e, "%s", path);
	else if (!S_ISREG(st.st_mode) || st.st_size == 0)
		rc = err_set(e, "%s: cut off: its head is not whole", path);
	if (rc == 0) {
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd,
		    0);
		if (p == MAP_FAILED)
			rc = err_sys(e, "%s", path);
		else
			*map_r = bytes(p, (size_t)st.st_size);
	}
	(void)close(fd);
	return rc;
}

static void
advise(struct slice m, int advice)
{
	/* mmap() gave it; a slice has it as const. */
	/* NOLINTNEXTLINE(performance-no-int-to-ptr) */
	void *p = (void *)(uintptr_t)m.p;

	if (m.len > 0)
		(void)madvise(p, m.len, advice);
}

static void
unmap(struct slice m)
{
	/* NOLINTNEXTLINE(performance-no-int-to-ptr) */
	void *p = (void *)(uintptr_t)m.p;

	if (m.len > 0)
		(void)munmap(p, m.len);
}

int
suppress_base_peek(const char *path, struct suppress_head *h_r, struct err *e)
{
	unsigned char head[SUPPRESS_HEAD];
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;
	ssize_t n;

	if (fd == -1)
		return errno == ENOENT ? 0 : err_sys(e, "%s", path);
	n = pread(fd, head, sizeof(head), 0);
	rc = n == -1 ? err_sys(e, "%s", path) :
		       suppress_file_head_read(bytes(head, (size_t)n), h_r, e);
	(void)close(fd);
	if (n != -1 && rc == -1)
		return err_where(e, "%s", path);
	return rc == -1 ? -1 : 1;
}

/* ---- all three ----------------------------------------------------------- */

static int
read_digests(struct suppress_base *b, const char *path, uint64_t id,
    uint32_t digest_len, struct err *e)
{
	const struct suppress_head *h = &b->file.head;

	if (map(path, &b->maps[DIGESTS], e) == -1)
		return -1;
	if (suppress_file_read(b->maps[DIGESTS], &b->file, e) == -1)
		return err_where(e, "%s", path);
	if (h->list != id || h->digest_len != digest_len || h->base != 0)
		return err_set(e, "%s: it is of another list", path);
	return 0;
}

static int
read_columns(struct suppress_base *b, const char *path, struct err *e)
{
	const struct suppress_head *h = &b->file.head;

	if (map(path, &b->maps[COLUMNS], e) == -1)
		return -1;
	if (suppress_columns_read(b->maps[COLUMNS], &b->columns, e) == -1)
		return err_where(e, "%s", path);
	if (b->columns.list != h->list ||
	    b->columns.generation != h->generation ||
	    b->columns.count != h->listed)
		return err_set(e, "%s: it is of another base", path);
	return 0;
}

static int
read_expiry(struct suppress_base *b, const char *path, struct err *e)
{
	const struct suppress_head *h = &b->file.head, *x = &b->expiry.head;

	if (map(path, &b->maps[EXPIRY], e) == -1)
		return -1;
	if (suppress_file_read(b->maps[EXPIRY], &b->expiry, e) == -1)
		return err_where(e, "%s", path);
	if (x->list != h->list || x->base != h->generation ||
	    x->digest_len != EXPIRY_LEN || x->removed != 0)
		return err_set(e, "%s: it is of another base", path);
	for (uint64_t i = 0; i < x->listed; i++)
		if (get_be32(b->expiry.listed + i * EXPIRY_LEN + 4) >=
		    h->listed)
			return err_set(e, "%s: damaged: a place", path);
	return 0;
}

int
suppress_base_open(const char *path, uint64_t id, uint32_t digest_len,
    struct suppress_base **b_r, struct err *e)
{
	struct suppress_base *b = mem_new(struct suppress_base);
	char *columns = NULL, *expiry = NULL;
	int rc;

	b->users = 1;
	rc = read_digests(b, path, id, digest_len, e);
	if (rc == 0) {
		columns = suppress_file_beside(path, "columns",
		    b->file.head.generation);
		expiry = suppress_file_beside(path, "expiry",
		    b->file.head.generation);
		rc = read_columns(b, columns, e);
	}
	if (rc == 0)
		rc = read_expiry(b, expiry, e);
	free(columns);
	free(expiry);
	if (rc == -1)
		suppress_base_unref(&b);
	*b_r = b;
	return rc;
}

struct suppress_base *
suppress_base_ref(struct suppress_base *b)
{
	b->users++;
	return b;
}

void
suppress_base_unref(struct suppress_base **bp)
{
	struct suppress_base *b = *bp;

	*bp = NULL;
	if (b == NULL)
		return;
	CHECK(b->users > 0);
	if (--b->users > 0)
		return;
	for (int i = 0; i < FILES; i++)
		unmap(b->maps[i]);
	free(b);
}

void
suppress_base_rest(const struct suppress_base *b)
{
	for (int i = 0; i < FILES; i++)
		advise(b->maps[i], MADV_DONTNEED);
}

size_t
suppress_base_expiry(const struct suppress_base *b, int64_t now_s)
{
	size_t low = 0, high = b->expiry.head.listed;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if ((int64_t)get_be32(b->expiry.listed + middle * EXPIRY_LEN) <=
		    now_s)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

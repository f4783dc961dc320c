/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/suppress_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "queue/crc32c.h"

/* So much is on its way to the disk at most. */
enum { UNSYNCED = 16 * SUPPRESS_PIECE };

struct suppress_write {
	char *path, *made; /* made: PATH.new; NULL once it is published */
	int fd;
	struct suppress_head head;
	unsigned char *fan;
	size_t steps; /* of the fan that are set */
	struct buf piece;
	uint64_t at; /* where the piece goes */
	unsigned char last[SUPPRESS_LEN_MAX];
};

int
suppress_write_at(int fd, const void *p, size_t len, uint64_t at)
{
	const char *from = p;

	while (len > 0) {
		ssize_t n = pwrite(fd, from, len, (off_t)at);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		from += n;
		len -= (size_t)n;
		at += (uint64_t)n;
	}
	return 0;
}

/* Hints both: a file system that knows no ranges syncs all at the end. */
int
suppress_write_piece(int fd, const void *p, size_t len, uint64_t at)
{
	if (suppress_write_at(fd, p, len, at) == -1)
		return -1;
	(void)sync_file_range(fd, (off_t)at, (off_t)len, SYNC_FILE_RANGE_WRITE);
	if (at > UNSYNCED)
		(void)sync_file_range(fd, (off_t)(at - UNSYNCED), (off_t)len,
		    SYNC_FILE_RANGE_WAIT_BEFORE);
	return 0;
}

int
suppress_write_new(const char *path, const struct suppress_head *head,
    struct suppress_write **w_r, struct err *e)
{
	struct suppress_write *w = mem_new(struct suppress_write);
	size_t fan_len;

	CHECK(head->digest_len >= SUPPRESS_LEN_MIN &&
	    head->digest_len <= SUPPRESS_LEN_MAX);
	*w_r = NULL;
	w->path = mem_strdup(path);
	w->made = mem_alloc(strlen(path) + sizeof(".new"));
	(void)STR_JOIN(w->made, strlen(path) + sizeof(".new"), path, ".new",
	    NULL);
	w->head = *head;
	w->head.bits = suppress_file_bits(head->listed);
	w->head.listed = w->head.removed = 0;
	w->head.digest_crc = 0;
	fan_len = suppress_file_fan_len(w->head.bits);
	w->fan = mem_zalloc(fan_len);
	w->at = SUPPRESS_HEAD + fan_len;
	w->fd = open(w->made, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	if (w->fd == -1) {
		err_sys(e, "%s", w->made);
		suppress_write_free(&w);
		return -1;
	}
	*w_r = w;
	return 0;
}

void
suppress_write_free(struct suppress_write **wp)
{
	struct suppress_write *w = *wp;

	*wp = NULL;
	if (w == NULL)
		return;
	if (w->fd != -1) {
		(void)close(w->fd);
		if (w->made != NULL)
			(void)unlink(w->made);
	}
	free(w->path);
	free(w->made);
	free(w->fan);
	buf_fini(&w->piece);
	free(w);
}

/* ---- digests ------------------------------------------------------------- */

static int
flush(struct suppress_write *w, struct err *e)
{
	if (w->piece.len == 0)
		return 0;
	w->head.digest_crc = crc32c(w->head.digest_crc, w->piece.p,
	    w->piece.len);
	if (suppress_write_piece(w->fd, w->piece.p, w->piece.len, w->at) == -1)
		return err_sys(e, "%s", w->made);
	w->at += w->piece.len;
	buf_clear(&w->piece);
	return 0;
}

/* False if it is one like the last; count: those before in its section. */
static bool
is_next(struct suppress_write *w, const void *digest, uint64_t count)
{
	int order = count == 0 ? 1 :
				 memcmp(digest, w->last, w->head.digest_len);

	CHECK(order >= 0);
	return order > 0;
}

static int
append(struct suppress_write *w, const void *digest, struct err *e)
{
	memcpy(w->last, digest, w->head.digest_len);
	buf_add(&w->piece, digest, w->head.digest_len);
	return w->piece.len < SUPPRESS_PIECE ? 0 : flush(w, e);
}

static void
set_steps(struct suppress_write *w, size_t end)
{
	for (; w->steps < end; w->steps++)
		put_be32(w->fan + 4 * w->steps, (uint32_t)w->head.listed);
}

int
suppress_write_listed(struct suppress_write *w, const void *digest,
    struct err *e)
{
	CHECK(w->head.removed == 0);
	if (!is_next(w, digest, w->head.listed))
		return 0;
	if (w->head.listed == UINT32_MAX)
		return err_set(e, "%s: more than 2^32 digests", w->path);
	set_steps(w, (size_t)suppress_file_step(&w->head, digest) + 1);
	w->head.listed++;
	return append(w, digest, e);
}

int
suppress_write_removed(struct suppress_write *w, const void *digest,
    struct err *e)
{
	if (!is_next(w, digest, w->head.removed))
		return 0;
	if (w->head.removed == UINT32_MAX)
		return err_set(e, "%s: more than 2^32 digests", w->path);
	w->head.removed++;
	return append(w, digest, e);
}

/* ---- publishing ---------------------------------------------------------- */

int
suppress_write_sync_folder(const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	/* With its slash, so that "/list" is in "/". */
	char *folder = slash == NULL ?
	    mem_strdup(".") :
	    mem_strndup(path, (size_t)(slash - path) + 1);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

	if (fd == -1 || fsync(fd) == -1)
		rc = err_sys(e, "%s", folder);
	if (fd != -1)
		(void)close(fd);
	free(folder);
	return rc;
}

int
suppress_write_publish(struct suppress_write *w, struct err *e)
{
	unsigned char head[SUPPRESS_HEAD];
	size_t fan_len = suppress_file_fan_len(w->head.bits);

	CHECK(w->made != NULL);
	if (flush(w, e) == -1)
		return -1;
	set_steps(w, fan_len / 4);
	w->head.fan_crc = crc32c(0, w->fan, fan_len);
	suppress_file_head(&w->head, head);
	if (suppress_write_at(w->fd, w->fan, fan_len, SUPPRESS_HEAD) == -1 ||
	    suppress_write_at(w->fd, head, sizeof(head), 0) == -1 ||
	    fdatasync(w->fd) == -1 || rename(w->made, w->path) == -1)
		return err_sys(e, "%s", w->made);
	free(w->made);
	w->made = NULL;
	return suppress_write_sync_folder(w->path, e);
}

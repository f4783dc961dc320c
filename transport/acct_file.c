/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/acct_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/mem.h"

/* A large blob is no reason to keep as much memory. */
#define KEEP_MEMORY ((size_t)1 << 20)

void
acct_file_init(struct acct_file *f)
{
	memset(f, 0, sizeof(*f));
	f->fd = -1;
}

void
acct_file_close(struct acct_file *f)
{
	if (f->fd != -1)
		(void)close(f->fd);
	free(f->path);
	f->path = NULL;
	f->fd = -1;
	f->inode = f->length = f->written = 0;
	f->torn = false;
	buf_clear(&f->rows);
}

void
acct_file_fini(struct acct_file *f)
{
	acct_file_close(f);
	buf_fini(&f->rows);
}

static int
sys(const char *path, struct err *e)
{
	return err_sys(e, "acct-file %s", path);
}

int
acct_file_sync_folder(const char *path, struct err *e)
{
	char *copy = mem_strdup(path);
	/* glibc's dirname() keeps nothing of its own. */
	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = 0;

	if (fd == -1 || fsync(fd) == -1)
		rc = err_sys(e, "the folder of acct-file %s", path);
	if (fd != -1)
		(void)close(fd);
	free(copy);
	return rc;
}

static void
forget_rows(struct acct_file *f)
{
	if (f->rows.cap > KEEP_MEMORY)
		buf_fini(&f->rows);
	buf_clear(&f->rows);
}

static void
take_over(struct acct_file *f, const char *path, int fd, const struct stat *st)
{
	acct_file_close(f);
	f->path = mem_strdup(path);
	f->fd = fd;
	f->inode = st->st_ino;
	f->length = (uint64_t)st->st_size;
}

int
acct_file_create(struct acct_file *f, const char *path, mode_t mode,
    struct err *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, mode);
	struct stat st;

	if (fd == -1)
		return sys(path, e);
	if (fchmod(fd, mode) == -1 || fstat(fd, &st) == -1) {
		(void)sys(path, e);
	} else if (st.st_size > 0) {
		(void)err_set(e, "acct-file %s: is there already", path);
	} else if (acct_file_sync_folder(path, e) == 0) {
		take_over(f, path, fd, &st);
		return 0;
	}
	(void)close(fd);
	return -1;
}

int
acct_file_resume(struct acct_file *f, const char *path, uint64_t inode,
    uint64_t length, struct err *e)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	struct stat st;
	bool longer;

	if (fd == -1)
		return errno == ENOENT ? 0 : sys(path, e);
	if (fstat(fd, &st) == -1) {
		(void)sys(path, e);
		(void)close(fd);
		return -1;
	}
	if ((inode != 0 && st.st_ino != inode) ||
	    (uint64_t)st.st_size < length) {
		(void)close(fd);
		return 0;
	}
	longer = (uint64_t)st.st_size > length;
	take_over(f, path, fd, &st);
	f->length = length;
	return longer && acct_file_drop(f, e) == -1 ? -1 : 1;
}

bool
acct_file_is_gone(const struct acct_file *f)
{
	struct stat st;

	if (stat(f->path, &st) == -1)
		return errno == ENOENT;
	return st.st_ino != f->inode || (uint64_t)st.st_size < f->length;
}

uint64_t
acct_file_size(const struct acct_file *f)
{
	return f->length + f->written + f->rows.len;
}

bool
acct_file_is_dirty(const struct acct_file *f)
{
	return f->written > 0 || f->rows.len > 0 || f->torn;
}

/* One that somebody else has made shorter does not grow. */
static int
cut(const struct acct_file *f)
{
	struct stat st;

	if (fstat(f->fd, &st) == -1)
		return -1;
	if ((uint64_t)st.st_size <= f->length)
		return 0;
	return ftruncate(f->fd, (off_t)f->length);
}

int
acct_file_drop(struct acct_file *f, struct err *e)
{
	forget_rows(f);
	f->written = 0;
	f->torn = cut(f) == -1;
	return f->torn ? sys(f->path, e) : 0;
}

int
acct_file_write(struct acct_file *f, struct err *e)
{
	size_t at = 0;

	if (f->torn && cut(f) == -1)
		return sys(f->path, e);
	f->torn = false;
	while (at < f->rows.len) {
		ssize_t n = write(f->fd, f->rows.p + at, f->rows.len - at);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return sys(f->path, e);
		at += (size_t)n;
		f->written += (uint64_t)n;
	}
	forget_rows(f);
	return 0;
}

int
acct_file_sync(struct acct_file *f, struct err *e)
{
	if (acct_file_write(f, e) == -1)
		return -1;
	if (fdatasync(f->fd) == -1)
		return sys(f->path, e);
	f->length += f->written;
	f->written = 0;
	return 0;
}

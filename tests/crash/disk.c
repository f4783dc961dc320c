/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk - the functions of libc by which a process changes files, for
 * LD_PRELOAD: each asks badio and tells powercut, and makes the system call.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/crash/badio.h"
#include "tests/crash/powercut.h"

/* ---- durability ---------------------------------------------------------- */

static int
sync_any(int fd, long call)
{
	struct file *f = powercut_file(fd);
	struct badio_sync s;
	bool fails = badio_sync_begin(fd, &s);
	int rc = -1;

	if (f != NULL)
		rc = powercut_sync(f, fd, call, fails);
	else if (!fails)
		rc = powercut_sync_folder(fd, call);
	badio_sync_end(&s, rc);
	return rc;
}

int
fsync(int fd)
{
	return sync_any(fd, SYS_fsync);
}

int
fdatasync(int fd)
{
	return sync_any(fd, SYS_fdatasync);
}

int
msync(void *addr, size_t len, int flags)
{
	int fd = powercut_mapped(addr), rc;
	struct badio_sync s;

	if (fd == -1)
		return (int)syscall(SYS_msync, addr, len, flags);
	rc = powercut_sync_map(addr, len, flags, badio_sync_begin(fd, &s));
	badio_sync_end(&s, rc);
	return rc;
}

void *
mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	struct file *f = NULL;
	void *at;

	if (fd != -1 && (flags & MAP_SHARED) != 0 && (prot & PROT_WRITE) != 0)
		f = powercut_file(fd);
	powercut_will_change(f);
	at = (void *)syscall(SYS_mmap, addr, len, prot, flags, fd, offset);
	if (f != NULL && at != MAP_FAILED)
		powercut_map(f, at, len);
	return at;
}

/* What programs call that were built for files of any size. */
void *
mmap64(void *addr, size_t len, int prot, int flags, int fd, off64_t offset)
{
	return mmap(addr, len, prot, flags, fd, offset);
}

int
munmap(void *addr, size_t len)
{
	powercut_unmap(addr);
	return (int)syscall(SYS_munmap, addr, len);
}

int
posix_fadvise(int fd, off_t at, off_t len, int advice)
{
	if (advice == POSIX_FADV_DONTNEED)
		powercut_forget_cache(powercut_file(fd));
	return syscall(SYS_fadvise64, fd, at, len, advice) == -1 ? errno : 0;
}

int
posix_fadvise64(int fd, off64_t at, off64_t len, int advice)
{
	return posix_fadvise(fd, at, len, advice);
}

/* ---- changes ------------------------------------------------------------- */

static off_t
size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == -1 ? 0 : st.st_size;
}

static ssize_t
written(struct file *f, ssize_t n, off_t at)
{
	if (f != NULL && n > 0)
		powercut_has_changed(f, at, at + n);
	return n;
}

ssize_t
write(int fd, const void *p, size_t len)
{
	struct file *f = powercut_file(fd);
	ssize_t n;

	if (badio_write(fd))
		return -1;
	powercut_will_change(f);
	n = syscall(SYS_write, fd, p, len);
	if (f != NULL && n > 0) {
		off_t end = lseek(fd, 0, SEEK_CUR);

		return written(f, n, end - n);
	}
	return n;
}

ssize_t
pwrite(int fd, const void *p, size_t len, off_t at)
{
	struct file *f = powercut_file(fd);

	if (badio_write(fd))
		return -1;
	powercut_will_change(f);
	return written(f, syscall(SYS_pwrite64, fd, p, len, at), at);
}

ssize_t
pwrite64(int fd, const void *p, size_t len, off64_t at)
{
	return pwrite(fd, p, len, at);
}

ssize_t
pwritev(int fd, const struct iovec *iov, int count, off_t at)
{
	struct file *f = powercut_file(fd);

	if (badio_write(fd))
		return -1;
	powercut_will_change(f);
	/* The offset is two arguments; a 64-bit one is whole in the first. */
	return written(f, syscall(SYS_pwritev, fd, iov, count, at, 0L), at);
}

ssize_t
pwritev64(int fd, const struct iovec *iov, int count, off64_t at)
{
	return pwritev(fd, iov, count, at);
}

int
ftruncate(int fd, off_t size)
{
	struct file *f = powercut_file(fd);
	off_t before = f == NULL ? 0 : size_of(fd);
	int rc;

	powercut_will_change(f);
	rc = (int)syscall(SYS_ftruncate, fd, size);
	if (rc == 0)
		powercut_has_changed(f, size < before ? size : before,
		    size < before ? before : size);
	return rc;
}

int
ftruncate64(int fd, off64_t size)
{
	return ftruncate(fd, size);
}

int
posix_fallocate(int fd, off_t at, off_t len)
{
	struct file *f = powercut_file(fd);
	int saved = errno, rc;

	powercut_will_change(f);
	rc = (int)syscall(SYS_fallocate, fd, 0, at, len) == -1 ? errno : 0;
	errno = saved;
	if (rc == 0)
		powercut_has_changed(f, at, at + len);
	return rc;
}

int
posix_fallocate64(int fd, off64_t at, off64_t len)
{
	return posix_fallocate(fd, at, len);
}

/* ---- names that come and go ---------------------------------------------- */

int
openat(int dir_fd, const char *name, int flags, ...)
{
	mode_t mode = 0;
	int fd;

	if ((flags & (O_CREAT | O_TMPFILE)) != 0) {
		va_list ap;

		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	if ((flags & O_DIRECTORY) != 0 ||
	    !powercut_open(dir_fd, name, flags & ~O_TRUNC, mode, &fd))
		return (int)syscall(SYS_openat, dir_fd, name, flags, mode);
	if (fd != -1 && (flags & O_TRUNC) != 0)
		(void)ftruncate(fd, 0);
	return fd;
}

int
openat64(int dir_fd, const char *name, int flags, ...)
{
	mode_t mode = 0;

	if ((flags & (O_CREAT | O_TMPFILE)) != 0) {
		va_list ap;

		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	return openat(dir_fd, name, flags, mode);
}

int
open(const char *name, int flags, ...)
{
	mode_t mode = 0;

	if ((flags & (O_CREAT | O_TMPFILE)) != 0) {
		va_list ap;

		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	return openat(AT_FDCWD, name, flags, mode);
}

int
open64(const char *name, int flags, ...)
{
	mode_t mode = 0;

	if ((flags & (O_CREAT | O_TMPFILE)) != 0) {
		va_list ap;

		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	return openat(AT_FDCWD, name, flags, mode);
}

/* What _FORTIFY_SOURCE calls when the flags are not constant. */
int __open_2(const char *name, int flags);
int __open64_2(const char *name, int flags);
int __openat_2(int dir_fd, const char *name, int flags);
int __openat64_2(int dir_fd, const char *name, int flags);

int
__open_2(const char *name, int flags)
{
	return openat(AT_FDCWD, name, flags);
}

int
__open64_2(const char *name, int flags)
{
	return openat(AT_FDCWD, name, flags);
}

int
__openat_2(int dir_fd, const char *name, int flags)
{
	return openat(dir_fd, name, flags);
}

int
__openat64_2(int dir_fd, const char *name, int flags)
{
	return openat(dir_fd, name, flags);
}

int
unlinkat(int dir_fd, const char *name, int flags)
{
	int rc;

	if (flags == 0 && powercut_unlink(dir_fd, name, &rc))
		return rc;
	return (int)syscall(SYS_unlinkat, dir_fd, name, flags);
}

int
unlink(const char *name)
{
	return unlinkat(AT_FDCWD, name, 0);
}

int
rename(const char *from, const char *to)
{
	int rc;

	if (powercut_rename(from, to, &rc))
		return rc;
	return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * powercut - remembers what of a process's files the disk is sure to have.
 *
 *	LD_PRELOAD=disk.so POWERCUT_DIRS=/a:/b POWERCUT_SHADOW=/s mailraced
 *
 * Of each file below POWERCUT_DIRS that is changed, POWERCUT_SHADOW/<inode>
 * holds what fsync, fdatasync and msync have promised: copied there before
 * those return to the caller.  POWERCUT_SHADOW/names lists what happened to
 * names, in order, and which fsync of a folder made it durable:
 *
 *	number C path inode | number U path | number R path path
 *	number S folder before   all operations numbered less are durable there
 *	number M begin end       msync of a mapping, CLOCK_MONOTONIC in us
 *
 * An unlinked file stays linked as POWERCUT_SHADOW/live-<inode>: its name may
 * come back.  powercut.py cuts the files back with this when the process has
 * been killed.  Files and names found at start count as durable.
 *
 * One lock is around all of the book-keeping, none around the real fsync.
 * badio.h orders each of these calls to be slow or to fail.  Together they are
 * disk.so; without their environment variables they do nothing.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/crash/badio.h"

enum { PAGE = 4096, FILES = 4096, MAPS = 16, DIRS = 8, CHUNK = 256 };

struct file {
	ino_t ino;
	int live_fd, shadow_fd; /* shadow_fd is -1 until the first change */
	unsigned char *dirty;   /* a byte a page: changed since the last sync */
	size_t pages;
};

struct map {
	char *addr;
	size_t len;
	struct file *file;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct file files[FILES]; /* open addressing by inode */
static struct map maps[MAPS];
static char dirs[DIRS][512], shadow[512];
static int dir_count, names_fd = -1;
static unsigned long number;

/* What cannot go on must not go on: a test that measures nothing lies. */
static void
die(const char *what)
{
	(void)dprintf(2, "powercut: %s: errno %d\n", what, errno);
	abort();
}

/* ---- names --------------------------------------------------------------- */

static void
note(const char *format, ...)
{
	char line[2200];
	va_list ap;
	int at = snprintf(line, sizeof(line), "%lu ", number++);

	va_start(ap, format);
	at += vsnprintf(line + at, sizeof(line) - (size_t)at, format, ap);
	va_end(ap);
	line[at++] = '\n';
	if (syscall(SYS_write, names_fd, line, (size_t)at) != at)
		die("names");
}

static bool
is_below(const char *path)
{
	for (int i = 0; i < dir_count; i++) {
		size_t n = strlen(dirs[i]);

		if (strncmp(path, dirs[i], n) == 0 &&
		    (path[n] == '/' || path[n] == '\0'))
			return true;
	}
	return false;
}

/* The absolute path; false: not ours. */
static bool
path_of(int dir_fd, const char *name, char out[1024])
{
	char link[64], folder[512];
	ssize_t n;

	if (names_fd == -1)
		return false;
	if (name[0] == '/') {
		(void)snprintf(out, 1024, "%s", name);
		return is_below(out);
	}
	if (dir_fd == AT_FDCWD)
		return false; /* the daemons use no other relative names */
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", dir_fd);
	n = readlink(link, folder, sizeof(folder) - 1);
	if (n <= 0)
		return false;
	folder[n] = '\0';
	(void)snprintf(out, 1024, "%s%s%s", folder, name[0] == '\0' ? "" : "/",
	    name);
	return is_below(out);
}

/* ---- files --------------------------------------------------------------- */

static struct file *
find(ino_t ino)
{
	size_t i = ino % FILES;

	while (files[i].ino != 0 && files[i].ino != ino)
		i = (i + 1) % FILES;
	return &files[i];
}

/* The tracked file behind a descriptor, or NULL. */
static struct file *
file_of(int fd)
{
	struct file *f;
	struct stat st;

	if (names_fd == -1 || fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
		return NULL;
	f = find(st.st_ino);
	return f->ino == 0 ? NULL : f;
}

static void
track(int fd)
{
	char link[64];
	struct file *f;
	struct stat st;

	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
		return;
	f = find(st.st_ino);
	if (f->ino != 0)
		return;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	f->live_fd = (int)syscall(SYS_openat, AT_FDCWD, link,
	    O_RDONLY | O_CLOEXEC, 0);
	if (f->live_fd == -1)
		die("opening a file again");
	f->shadow_fd = -1;
	f->ino = st.st_ino;
}

static off_t
size_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		die("fstat");
	return st.st_size;
}

static void
copy_range(const struct file *f, off_t at, size_t len)
{
	static char buf[CHUNK * PAGE]; /* under the lock */

	while (len > 0) {
		size_t want = len < sizeof(buf) ? len : sizeof(buf);
		ssize_t n = pread(f->live_fd, buf, want, at);

		if (n <= 0)
			return; /* behind the end */
		if (syscall(SYS_pwrite64, f->shadow_fd, buf, (size_t)n, at) !=
		    n)
			die("copying");
		at += n;
		len -= (size_t)n;
	}
}

/* Before its first change: until now all of it was durable. */
static void
before_change(struct file *f)
{
	char fresh[600], path[600];

	if (f->shadow_fd != -1)
		return;
	(void)snprintf(fresh, sizeof(fresh), "%s/new", shadow);
	(void)snprintf(path, sizeof(path), "%s/%lu", shadow,
	    (unsigned long)f->ino);
	f->shadow_fd = (int)syscall(SYS_openat, AT_FDCWD, fresh,
	    O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (f->shadow_fd == -1)
		die("making a shadow");
	copy_range(f, 0, (size_t)size_of(f->live_fd));
	/* Whole or not there: the kill may come at any time. */
	if (syscall(SYS_renameat2, AT_FDCWD, fresh, AT_FDCWD, path,
		RENAME_NOREPLACE) == -1)
		die("naming a shadow");
}

static void
mark(struct file *f, off_t from, off_t to)
{
	size_t first = (size_t)from / PAGE;
	size_t end = ((size_t)to + PAGE - 1) / PAGE;

	if (to <= from)
		return;
	if (end > f->pages) {
		size_t pages = end * 2;

		f->dirty = realloc(f->dirty, pages);
		if (f->dirty == NULL)
			die("memory");
		memset(f->dirty + f->pages, 0, pages - f->pages);
		f->pages = pages;
	}
	memset(f->dirty + first, 1, end - first);
}

static void
will_change(struct file *f)
{
	if (f == NULL)
		return;
	(void)pthread_mutex_lock(&lock);
	before_change(f);
	(void)pthread_mutex_unlock(&lock);
}

/*
 * After the change, so that a sync of another thread in between does not take
 * it for copied.
 */
static void
has_changed(struct file *f, off_t from, off_t to)
{
	if (f == NULL)
		return;
	(void)pthread_mutex_lock(&lock);
	mark(f, from, to);
	(void)pthread_mutex_unlock(&lock);
}

/* ---- durability ---------------------------------------------------------- */

/* What a sync that begins now will promise. */
struct promise {
	unsigned char *dirty;
	size_t pages;
	off_t size;
};

static struct promise
promise_begin(struct file *f)
{
	struct promise p = { NULL, f->pages, size_of(f->live_fd) };

	p.dirty = malloc(f->pages + 1);
	if (p.dirty == NULL)
		die("memory");
	if (f->pages > 0) {
		memcpy(p.dirty, f->dirty, f->pages);
		memset(f->dirty, 0, f->pages);
	}
	return p;
}

static void
promise_keep(struct file *f, struct promise *p)
{
	for (size_t i = 0; f->shadow_fd != -1 && i < p->pages; i++) {
		size_t end = i;

		while (end < p->pages && p->dirty[end] != 0)
			end++;
		if (end > i)
			copy_range(f, (off_t)i * PAGE, (end - i) * PAGE);
		i = end;
	}
	if (f->shadow_fd != -1 &&
	    syscall(SYS_ftruncate, f->shadow_fd, p->size) == -1)
		die("the size of a shadow");
	free(p->dirty);
}

/* A sync that failed has promised nothing. */
static void
promise_break(struct file *f, struct promise *p)
{
	for (size_t i = 0; i < p->pages; i++)
		if (p->dirty[i] != 0)
			f->dirty[i] = 1;
	free(p->dirty);
}

static int
sync_file(struct file *f, int fd, long call)
{
	struct promise p;
	int rc;

	(void)pthread_mutex_lock(&lock);
	p = promise_begin(f);
	(void)pthread_mutex_unlock(&lock);
	rc = (int)syscall(call, fd);
	(void)pthread_mutex_lock(&lock);
	if (rc == 0)
		promise_keep(f, &p);
	else
		promise_break(f, &p);
	(void)pthread_mutex_unlock(&lock);
	return rc;
}

static int
sync_other(int fd, long call)
{
	unsigned long before = number;
	char path[1024];
	struct stat st;
	int rc;

	(void)pthread_mutex_lock(&lock);
	before = number;
	(void)pthread_mutex_unlock(&lock);
	rc = (int)syscall(call, fd);
	if (rc != 0 || names_fd == -1 || fstat(fd, &st) == -1 ||
	    !S_ISDIR(st.st_mode) || !path_of(fd, "", path))
		return rc;
	(void)pthread_mutex_lock(&lock);
	note("S %s %lu", path, before);
	(void)pthread_mutex_unlock(&lock);
	return rc;
}

static int
sync_any(int fd, long call)
{
	struct file *f = file_of(fd);
	struct badio_sync s;
	int rc = -1;

	if (!badio_sync_begin(fd, &s))
		rc = f == NULL ? sync_other(fd, call) : sync_file(f, fd, call);
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

/* ---- mappings ------------------------------------------------------------ */

/* All of a shared mapping counts as changed whenever it is synced. */
void *
mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	struct file *f = NULL;
	void *at;

	if (fd != -1 && (flags & MAP_SHARED) != 0 && (prot & PROT_WRITE) != 0)
		f = file_of(fd);
	will_change(f);
	at = (void *)syscall(SYS_mmap, addr, len, prot, flags, fd, offset);
	if (f == NULL || at == MAP_FAILED)
		return at;
	if (offset != 0)
		die("a mapping that does not begin at 0");
	for (int i = 0; i < MAPS; i++)
		if (maps[i].file == NULL) {
			maps[i] = (struct map){ at, len, f };
			return at;
		}
	die("mappings");
	return at;
}

int
munmap(void *addr, size_t len)
{
	for (int i = 0; i < MAPS; i++)
		if (maps[i].file != NULL && maps[i].addr == addr)
			maps[i].file = NULL;
	return (int)syscall(SYS_munmap, addr, len);
}

static int
sync_map(const struct map *m, int flags)
{
	long long begin = badio_now_us();
	struct promise p;
	int rc;

	(void)pthread_mutex_lock(&lock);
	mark(m->file, 0, (off_t)m->len);
	p = promise_begin(m->file);
	(void)pthread_mutex_unlock(&lock);
	rc = (int)syscall(SYS_msync, m->addr, m->len, flags);
	(void)pthread_mutex_lock(&lock);
	if (rc == 0) {
		promise_keep(m->file, &p);
		note("M %lld %lld", begin, badio_now_us());
	} else {
		promise_break(m->file, &p);
	}
	(void)pthread_mutex_unlock(&lock);
	return rc;
}

int
msync(void *addr, size_t len, int flags)
{
	const struct map *m = NULL;
	struct badio_sync s;
	int rc = -1;

	for (int i = 0; i < MAPS; i++)
		if (maps[i].file != NULL && maps[i].addr == addr)
			m = &maps[i];
	if (m == NULL)
		return (int)syscall(SYS_msync, addr, len, flags);
	if (!badio_sync_begin(m->file->live_fd, &s))
		rc = sync_map(m, flags);
	badio_sync_end(&s, rc);
	return rc;
}

/* ---- changes ------------------------------------------------------------- */

static ssize_t
written(struct file *f, ssize_t n, off_t at)
{
	if (f != NULL && n > 0)
		has_changed(f, at, at + n);
	return n;
}

ssize_t
write(int fd, const void *p, size_t len)
{
	struct file *f = file_of(fd);
	ssize_t n;

	if (badio_write(fd))
		return -1;
	will_change(f);
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
	struct file *f = file_of(fd);

	if (badio_write(fd))
		return -1;
	will_change(f);
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
	struct file *f = file_of(fd);

	if (badio_write(fd))
		return -1;
	will_change(f);
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
	struct file *f = file_of(fd);
	off_t before = f == NULL ? 0 : size_of(fd);
	int rc;

	will_change(f);
	rc = (int)syscall(SYS_ftruncate, fd, size);
	if (rc == 0)
		has_changed(f, size < before ? size : before,
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
	struct file *f = file_of(fd);
	int saved = errno, rc;

	will_change(f);
	rc = (int)syscall(SYS_fallocate, fd, 0, at, len) == -1 ? errno : 0;
	errno = saved;
	if (rc == 0)
		has_changed(f, at, at + len);
	return rc;
}

int
posix_fallocate64(int fd, off64_t at, off64_t len)
{
	return posix_fallocate(fd, at, len);
}

/* ---- names that come and go ---------------------------------------------- */

static int
open_tracked(int dir_fd, const char *name, const char *path, int flags,
    mode_t mode)
{
	struct stat st;
	bool is_new;
	int fd;

	(void)pthread_mutex_lock(&lock);
	is_new = (flags & O_CREAT) != 0 && stat(path, &st) == -1;
	fd = (int)syscall(SYS_openat, dir_fd, name, flags & ~O_TRUNC, mode);
	if (fd != -1) {
		track(fd);
		if (is_new && fstat(fd, &st) == 0)
			note("C %s %lu", path, (unsigned long)st.st_ino);
	}
	(void)pthread_mutex_unlock(&lock);
	if (fd != -1 && (flags & O_TRUNC) != 0 && file_of(fd) != NULL)
		(void)ftruncate(fd, 0);
	return fd;
}

int
openat(int dir_fd, const char *name, int flags, ...)
{
	char path[1024];
	mode_t mode = 0;

	if ((flags & (O_CREAT | O_TMPFILE)) != 0) {
		va_list ap;

		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	if ((flags & O_DIRECTORY) != 0 || !path_of(dir_fd, name, path))
		return (int)syscall(SYS_openat, dir_fd, name, flags, mode);
	return open_tracked(dir_fd, name, path, flags, mode);
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

/* Its content stays: the name may come back. */
static void
keep(const char *path)
{
	char link[600];
	struct stat st;

	if (stat(path, &st) == -1)
		return;
	(void)snprintf(link, sizeof(link), "%s/live-%lu", shadow,
	    (unsigned long)st.st_ino);
	if (syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, link, 0) == -1 &&
	    errno != EEXIST)
		die("keeping an unlinked file");
}

int
unlinkat(int dir_fd, const char *name, int flags)
{
	char path[1024];
	int rc;

	if (flags != 0 || !path_of(dir_fd, name, path))
		return (int)syscall(SYS_unlinkat, dir_fd, name, flags);
	(void)pthread_mutex_lock(&lock);
	keep(path);
	rc = (int)syscall(SYS_unlinkat, dir_fd, name, 0);
	if (rc == 0)
		note("U %s", path);
	(void)pthread_mutex_unlock(&lock);
	return rc;
}

int
unlink(const char *name)
{
	return unlinkat(AT_FDCWD, name, 0);
}

int
rename(const char *from, const char *to)
{
	char old[1024], fresh[1024];
	int rc;

	if (!path_of(AT_FDCWD, from, old) || !path_of(AT_FDCWD, to, fresh))
		return (
		    int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
	(void)pthread_mutex_lock(&lock);
	keep(fresh);
	rc = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
	if (rc == 0)
		note("R %s %s", old, fresh);
	(void)pthread_mutex_unlock(&lock);
	return rc;
}

/* ---- start --------------------------------------------------------------- */

static void start(void) __attribute__((constructor));

static void
start(void)
{
	const char *list = getenv("POWERCUT_DIRS");
	const char *where = getenv("POWERCUT_SHADOW");
	char path[600];

	if (list == NULL || where == NULL)
		return;
	while (*list != '\0' && dir_count < DIRS) {
		size_t n = strcspn(list, ":");

		(void)snprintf(dirs[dir_count++], sizeof(dirs[0]), "%.*s",
		    (int)n, list);
		list += n + (list[n] == ':');
	}
	(void)snprintf(shadow, sizeof(shadow), "%s", where);
	(void)snprintf(path, sizeof(path), "%s/names", shadow);
	names_fd = (int)syscall(SYS_openat, AT_FDCWD, path,
	    O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (names_fd == -1)
		die("names");
}

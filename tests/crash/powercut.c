/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/powercut.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/crash/badio.h"

enum { PAGE = 4096, FILES = 4096, MAPS = 16, DIRS = 8, CHUNK = 256 };

struct file {
	ino_t ino;
	int live_fd, shadow_fd; /* shadow_fd is -1 until the first change */
	/* A byte a page: changed since the last sync that worked or failed. */
	unsigned char *dirty;
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

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

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

struct file *
powercut_file(int fd)
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

/* ---- shadows ------------------------------------------------------------- */

static void
shadow_path(char out[600], const char *prefix, const struct file *f)
{
	(void)snprintf(out, 600, "%s/%s%lu", shadow, prefix,
	    (unsigned long)f->ino);
}

/* Calls fn for each page that a failed sync has lost. */
static void
each_lost(struct file *f, void (*fn)(struct file *f, uint32_t page))
{
	char path[600];
	uint32_t page;
	int fd;

	shadow_path(path, "lost-", f);
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	if (fd == -1)
		return;
	while (read(fd, &page, sizeof(page)) == sizeof(page))
		fn(f, page);
	(void)close(fd);
}

static void
is_clean(struct file *f, uint32_t page)
{
	if (page < f->pages)
		f->dirty[page] = 0;
}

/* From a run before: what differs is still to be synced, or was lost. */
static void
take_up(struct file *f)
{
	static char live[PAGE], old[PAGE]; /* under the lock */
	off_t size = size_of(f->live_fd), was = size_of(f->shadow_fd);

	if (was > size)
		size = was;
	for (off_t at = 0; at < size; at += PAGE) {
		memset(live, 0, sizeof(live));
		memset(old, 0, sizeof(old));
		if (pread(f->live_fd, live, PAGE, at) == -1 ||
		    pread(f->shadow_fd, old, PAGE, at) == -1)
			die("comparing");
		if (memcmp(live, old, PAGE) != 0)
			mark(f, at, at + PAGE);
	}
	each_lost(f, is_clean);
}

/* Before its first change: until now all of it was durable. */
static void
before_change(struct file *f)
{
	char fresh[600], path[600];

	if (f->shadow_fd != -1)
		return;
	shadow_path(path, "", f);
	f->shadow_fd = (int)syscall(SYS_openat, AT_FDCWD, path,
	    O_RDWR | O_CLOEXEC, 0);
	if (f->shadow_fd != -1) {
		take_up(f);
		return;
	}
	(void)snprintf(fresh, sizeof(fresh), "%s/new", shadow);
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

void
powercut_will_change(struct file *f)
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
void
powercut_has_changed(struct file *f, off_t from, off_t to)
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

/*
 * A sync that failed has promised nothing, and the next one will not write
 * these pages either.
 */
static void
promise_break(const struct file *f, struct promise *p)
{
	char path[600];
	int fd;

	shadow_path(path, "lost-", f);
	fd = (int)syscall(SYS_openat, AT_FDCWD, path,
	    O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1)
		die("noting what was lost");
	for (uint32_t i = 0; i < p->pages; i++)
		if (p->dirty[i] != 0 &&
		    syscall(SYS_write, fd, &i, sizeof(i)) != sizeof(i))
			die("noting what was lost");
	(void)close(fd);
	free(p->dirty);
}

/* The disk's content of a page in place of that in the cache. */
static void
reread(struct file *f, uint32_t page)
{
	char path[64], buf[PAGE] = { 0 };
	off_t at = (off_t)page * PAGE, size = size_of(f->live_fd);
	size_t len = PAGE;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", f->live_fd);
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
	if (fd == -1 || pread(f->shadow_fd, buf, sizeof(buf), at) == -1)
		die("reading again");
	if (at + PAGE > size)
		len = at < size ? (size_t)(size - at) : 0;
	if (syscall(SYS_pwrite64, fd, buf, len, at) == -1)
		die("reading again");
	(void)close(fd);
}

void
powercut_forget_cache(struct file *f)
{
	char path[600];

	if (f == NULL)
		return;
	(void)pthread_mutex_lock(&lock);
	before_change(f);
	each_lost(f, reread);
	shadow_path(path, "lost-", f);
	(void)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
	(void)pthread_mutex_unlock(&lock);
}

int
powercut_sync(struct file *f, int fd, long call, bool fails)
{
	struct promise p;
	int rc = -1, code = errno;

	(void)pthread_mutex_lock(&lock);
	p = promise_begin(f);
	(void)pthread_mutex_unlock(&lock);
	if (!fails) {
		rc = (int)syscall(call, fd);
		code = errno;
	}
	(void)pthread_mutex_lock(&lock);
	if (rc == 0)
		promise_keep(f, &p);
	else
		promise_break(f, &p);
	(void)pthread_mutex_unlock(&lock);
	errno = code;
	return rc;
}

int
powercut_sync_folder(int fd, long call)
{
	unsigned long before;
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

/* ---- mappings ------------------------------------------------------------ */

void
powercut_map(struct file *f, void *addr, size_t len)
{
	for (int i = 0; i < MAPS; i++)
		if (maps[i].file == NULL) {
			maps[i] = (struct map){ addr, len, f };
			return;
		}
	die("mappings");
}

static struct map *
map_at(const void *addr)
{
	for (int i = 0; i < MAPS; i++)
		if (maps[i].file != NULL && maps[i].addr == addr)
			return &maps[i];
	return NULL;
}

void
powercut_unmap(const void *addr)
{
	struct map *m = map_at(addr);

	if (m != NULL)
		m->file = NULL;
}

int
powercut_mapped(const void *addr)
{
	const struct map *m = map_at(addr);

	return m == NULL ? -1 : m->file->live_fd;
}

/* All of a mapping counts as changed whenever it is synced. */
int
powercut_sync_map(void *addr, size_t len, int flags, bool fails)
{
	long long begin = badio_now_us();
	struct map *m = map_at(addr);
	struct promise p;
	int rc = -1, code = errno;

	if (m == NULL)
		return -1;
	(void)pthread_mutex_lock(&lock);
	mark(m->file, 0, (off_t)m->len);
	p = promise_begin(m->file);
	(void)pthread_mutex_unlock(&lock);
	if (!fails) {
		rc = (int)syscall(SYS_msync, addr, len, flags);
		code = errno;
	}
	(void)pthread_mutex_lock(&lock);
	if (rc == 0) {
		promise_keep(m->file, &p);
		note("M %lld %lld", begin, badio_now_us());
	} else {
		promise_break(m->file, &p);
	}
	(void)pthread_mutex_unlock(&lock);
	errno = code;
	return rc;
}

/* ---- names that come and go ---------------------------------------------- */

bool
powercut_open(int dir_fd, const char *name, int flags, mode_t mode, int *fd_r)
{
	char path[1024];
	struct stat st;
	bool is_new;

	if (!path_of(dir_fd, name, path))
		return false;
	(void)pthread_mutex_lock(&lock);
	is_new = (flags & O_CREAT) != 0 && stat(path, &st) == -1;
	*fd_r = (int)syscall(SYS_openat, dir_fd, name, flags, mode);
	if (*fd_r != -1) {
		track(*fd_r);
		if (is_new && fstat(*fd_r, &st) == 0)
			note("C %s %lu", path, (unsigned long)st.st_ino);
	}
	(void)pthread_mutex_unlock(&lock);
	return true;
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

bool
powercut_unlink(int dir_fd, const char *name, int *rc_r)
{
	char path[1024];

	if (!path_of(dir_fd, name, path))
		return false;
	(void)pthread_mutex_lock(&lock);
	keep(path);
	*rc_r = (int)syscall(SYS_unlinkat, dir_fd, name, 0);
	if (*rc_r == 0)
		note("U %s", path);
	(void)pthread_mutex_unlock(&lock);
	return true;
}

bool
powercut_rename(const char *from, const char *to, int *rc_r)
{
	char old[1024], fresh[1024];

	if (!path_of(AT_FDCWD, from, old) || !path_of(AT_FDCWD, to, fresh))
		return false;
	(void)pthread_mutex_lock(&lock);
	keep(fresh);
	*rc_r = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
	if (*rc_r == 0)
		note("R %s %s", old, fresh);
	(void)pthread_mutex_unlock(&lock);
	return true;
}

/* ---- start --------------------------------------------------------------- */

static void start(void) __attribute__((constructor));

/* A restart without a cut goes on counting. */
static unsigned long
lines_of(const char *path)
{
	unsigned long n = 0;
	char buf[4096];
	ssize_t len;
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC,
	    0);

	while (fd != -1 && (len = read(fd, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < len; i++)
			n += buf[i] == '\n';
	(void)close(fd);
	return n;
}

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
	number = lines_of(path);
}

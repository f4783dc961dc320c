/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acct_faults - calls of the writer to the disk, and its clock, as a test wants
 * them; header only.  Programs link with the --wrap options of tests/local.mk.
 *
 * fault_exit_at: the process ends there, as by kill -9: before or behind the
 * so-manieth of these calls.  fault_syncs: so many syncs from now one fails as
 * disks do: what was appended since the last good one is gone, and the next one
 * has nothing to complain about.  fault_full: no file whose name has that in it
 * takes a byte; fault_bad: none can be synced.
 */

#ifndef TESTS_UNIT_ACCT_FAULTS_H
#define TESTS_UNIT_ACCT_FAULTS_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"

static _Atomic long fault_exit_at; /* 0: never */
static _Atomic long fault_calls;   /* so far */
static _Atomic long fault_syncs = -1;
static _Atomic int64_t fault_wall_us; /* 0: the real clock */
static const char *_Atomic fault_full, *_Atomic fault_bad;

int __real_fdatasync(int fd);
int __real_fsync(int fd);
int __real_rename(const char *from, const char *to);
int __real_unlink(const char *path);
int __real_fchmod(int fd, mode_t mode);
ssize_t __real_write(int fd, const void *p, size_t len);
int64_t __real_clock_wall_us(void);

int __wrap_fdatasync(int fd);
int __wrap_fsync(int fd);
int __wrap_rename(const char *from, const char *to);
int __wrap_unlink(const char *path);
int __wrap_fchmod(int fd, mode_t mode);
ssize_t __wrap_write(int fd, const void *p, size_t len);
int64_t __wrap_clock_wall_us(void);

static void
fault_point(void)
{
	if (++fault_calls == fault_exit_at)
		_exit(0);
}

static bool
fault_is(int fd, const char *what)
{
	char link[40], path[500];
	ssize_t n;

	if (what == NULL)
		return false;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n < 0 ? 0 : n] = '\0';
	return strstr(path, what) != NULL;
}

/* ---- syncs that fail ----------------------------------------------------- */

enum { FAULT_FILES = 64 };

/* How long files were when they were last synced; the writer's thread. */
static struct {
	ino_t inode;
	off_t length;
} fault_good[FAULT_FILES];
static size_t fault_next;

/* NULL: it was not synced in this process. */
static off_t *
fault_length(ino_t inode)
{
	for (size_t i = 0; i < FAULT_FILES; i++)
		if (fault_good[i].inode == inode)
			return &fault_good[i].length;
	return NULL;
}

static void
fault_note(ino_t inode, off_t length)
{
	off_t *good = fault_length(inode);

	if (good == NULL) {
		fault_next = (fault_next + 1) % FAULT_FILES;
		fault_good[fault_next].inode = inode;
		good = &fault_good[fault_next].length;
	}
	*good = length;
}

/* Of a file that is new to this process all may have got to the disk. */
static void
fault_lose(int fd, const struct stat *st)
{
	const off_t *good = fault_length(st->st_ino);

	if (good != NULL && *good < st->st_size && ftruncate(fd, *good) == -1)
		abort();
}

int
__wrap_fdatasync(int fd)
{
	struct stat st = { 0 };
	int rc = 0;

	fault_point();
	(void)fstat(fd, &st);
	if (fault_is(fd, fault_bad)) {
		errno = EIO;
		return -1;
	}
	if (fault_syncs >= 0 && fault_syncs-- == 0) {
		fault_lose(fd, &st);
		errno = EIO;
		rc = -1;
	} else {
		rc = __real_fdatasync(fd);
		fault_note(st.st_ino, st.st_size);
	}
	fault_point();
	return rc;
}

/* ---- the others ---------------------------------------------------------- */

#define FAULT_CALL(type, call) \
	do { \
		type fault_rc; \
\
		fault_point(); \
		fault_rc = (call); \
		fault_point(); \
		return fault_rc; \
	} while (0)

int
__wrap_fsync(int fd)
{
	FAULT_CALL(int, __real_fsync(fd));
}

int
__wrap_rename(const char *from, const char *to)
{
	FAULT_CALL(int, __real_rename(from, to));
}

int
__wrap_unlink(const char *path)
{
	FAULT_CALL(int, __real_unlink(path));
}

int
__wrap_fchmod(int fd, mode_t mode)
{
	FAULT_CALL(int, __real_fchmod(fd, mode));
}

/* Half of it, when the process ends here. */
ssize_t
__wrap_write(int fd, const void *p, size_t len)
{
	if (fault_is(fd, fault_full)) {
		errno = ENOSPC;
		return -1;
	}
	fault_point();
	if (fault_calls + 1 == fault_exit_at)
		(void)__real_write(fd, p, len / 2);
	fault_point();
	return __real_write(fd, p, len);
}

int64_t
__wrap_clock_wall_us(void)
{
	return fault_wall_us != 0 ? fault_wall_us : __real_clock_wall_us();
}

#endif

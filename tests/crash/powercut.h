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
 * been killed.  Files and names found at the first start count as durable.
 *
 * After a sync that failed its pages count as clean and are not on the disk,
 * as in Linux: POWERCUT_SHADOW/lost-<inode> has their numbers.  Another sync
 * promises nothing about them; posix_fadvise(POSIX_FADV_DONTNEED) shows what
 * the disk has.  This outlives a restart without a cut.
 *
 * One lock is around all of the book-keeping, none around the real fsync.
 * disk.c has the functions of libc, badio.h orders them to be slow or to fail.
 * Together they are disk.so; without their environment variables they do
 * nothing.
 */

#ifndef TESTS_CRASH_POWERCUT_H
#define TESTS_CRASH_POWERCUT_H

#include <stdbool.h>
#include <sys/types.h>

struct file;

/* The tracked file behind a descriptor, or NULL; the others take NULL. */
struct file *powercut_file(int fd);
void powercut_will_change(struct file *f);
void powercut_has_changed(struct file *f, off_t from, off_t to);

/* The real call, and what it promises; fails: it has just failed. */
int powercut_sync(struct file *f, int fd, long call, bool fails);
int powercut_sync_folder(int fd, long call);

/* Shared mappings of tracked files; begin at offset 0. */
void powercut_map(struct file *f, void *addr, size_t len);
void powercut_unmap(const void *addr);
int powercut_mapped(const void *addr); /* a descriptor of the file, or -1 */
int powercut_sync_map(void *addr, size_t len, int flags, bool fails);

void powercut_forget_cache(struct file *f);

/* False with nothing done when the path is not tracked. */
bool powercut_open(int dir_fd, const char *name, int flags, mode_t mode,
    int *fd_r);
bool powercut_unlink(int dir_fd, const char *name, int *rc_r);
bool powercut_rename(const char *from, const char *to, int *rc_r);

#endif

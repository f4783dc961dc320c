/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tmpdir - a folder for one test, gone at its end; header only.
 */

#ifndef TESTS_UNIT_TMPDIR_H
#define TESTS_UNIT_TMPDIR_H

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char tmpdir[200];

static inline const char *
tmpdir_make(void)
{
	const char *base = getenv("TMPDIR");

	(void)snprintf(tmpdir, sizeof(tmpdir), "%s/mailrace-test-XXXXXX",
	    base == NULL ? "/tmp" : base);
	if (mkdtemp(tmpdir) == NULL) {
		perror(tmpdir);
		exit(99);
	}
	return tmpdir;
}

static inline int
tmpdir_remove_one(const char *path, const struct stat *st, int flag,
    struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static inline void
tmpdir_remove(void)
{
	(void)nftw(tmpdir, tmpdir_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The path of a file in the folder; valid until the next call. */
static inline const char *
tmpdir_path(const char *name)
{
	static char path[500];

	(void)snprintf(path, sizeof(path), "%s/%s", tmpdir, name);
	return path;
}

static inline long
tmpdir_file_size(const char *name)
{
	struct stat st;

	return stat(tmpdir_path(name), &st) == -1 ? -1 : (long)st.st_size;
}

/* How many files with one-word names a folder in the folder has. */
static inline int
tmpdir_count(const char *name)
{
	DIR *d = opendir(tmpdir_path(name));
	struct dirent *entry;
	int count = 0;

	while (d != NULL && (entry = readdir(d)) != NULL)
		count += entry->d_name[0] != '.' ? 1 : 0;
	if (d != NULL)
		(void)closedir(d);
	return count;
}

/* Turns one byte of a file over. */
static inline void
tmpdir_damage(const char *name, long at)
{
	int fd = open(tmpdir_path(name), O_RDWR | O_CLOEXEC);
	unsigned char c;

	if (fd == -1 || pread(fd, &c, 1, at) != 1)
		exit(99);
	c ^= 0x55;
	if (pwrite(fd, &c, 1, at) != 1)
		exit(99);
	(void)close(fd);
}

#endif

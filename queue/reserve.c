/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/mem.h"

struct reserve {
	int fd;
	uint64_t size;
};

int
reserve_open(const char *dir, uint64_t size, struct reserve **r_r,
    struct err *e)
{
	char path[4096];
	int fd;

	*r_r = NULL;
	if (snprintf(path, sizeof(path), "%s/reserve", dir) >=
	    (int)sizeof(path))
		return err_set(e, "the path of the spool is too long");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1)
		return err_sys(e, "%s", path);
	*r_r = mem_new(struct reserve);
	(*r_r)->fd = fd;
	(*r_r)->size = size;
	return 0;
}

void
reserve_free(struct reserve **rp)
{
	struct reserve *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	(void)close(r->fd);
	free(r);
}

bool
reserve_is_whole(const struct reserve *r)
{
	struct stat st;

	if (fstat(r->fd, &st) == -1)
		return false;
	return (uint64_t)st.st_blocks * 512 >= r->size;
}

int
reserve_make(struct reserve *r, struct err *e)
{
	int code;

	if (reserve_is_whole(r))
		return 0;
	code = posix_fallocate(r->fd, 0, (off_t)r->size);
	if (code != 0) {
		errno = code;
		(void)err_sys(e, "allocating the reserve");
		/* Half a reserve would only fill the disk. */
		if (ftruncate(r->fd, 0) == -1)
			(void)err_sys(e, "cutting the reserve");
		return -1;
	}
	return 0;
}

bool
reserve_give_up(struct reserve *r)
{
	struct stat st;

	if (fstat(r->fd, &st) == -1 || st.st_blocks == 0)
		return false;
	if (ftruncate(r->fd, 0) == -1)
		return false;
	log_note(LOG_L_WARN, "reserve-used",
	    "the disk is full: %llu bytes of reserve are given up",
	    (unsigned long long)r->size);
	return true;
}

int
reserve_room(const struct reserve *r, uint64_t *bytes_r, struct err *e)
{
	struct statvfs fs;

	if (fstatvfs(r->fd, &fs) == -1)
		return err_sys(e, "statvfs of the spool");
	*bytes_r = (uint64_t)fs.f_bavail * fs.f_frsize;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/mem.h"

struct lock {
	int fd;
	bool was_ended_well;
};

static int
held_by_other(int fd, const char *dir, struct err *e)
{
	char pid[24];
	ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

	if (n < 0)
		n = 0;
	pid[n] = '\0';
	pid[strcspn(pid, "\n")] = '\0';
	if (strspn(pid, "0123456789") != strlen(pid) || pid[0] == '\0')
		return err_set(e, "%s is in use by another process", dir);
	return err_set(e, "%s is in use by process %s", dir, pid);
}

static int
write_pid(int fd, const char *dir, struct err *e)
{
	char pid[24];
	int len = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());

	if (ftruncate(fd, 0) == -1 || pwrite(fd, pid, (size_t)len, 0) != len)
		return err_sys(e, "writing %s/LOCK", dir);
	return 0;
}

int
lock_take(const char *dir, struct lock **lock_r, struct err *e)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[4096];
	struct stat st;
	int fd;

	*lock_r = NULL;
	if (snprintf(path, sizeof(path), "%s/LOCK", dir) >= (int)sizeof(path))
		return err_set(e, "the path of the spool is too long");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1)
		return err_sys(e, "%s", path);
	if (fcntl(fd, F_OFD_SETLK, &fl) == -1) {
		if (errno == EAGAIN || errno == EACCES)
			(void)held_by_other(fd, dir, e);
		else
			(void)err_sys(e, "locking %s", path);
		(void)close(fd);
		return -1;
	}
	if (fstat(fd, &st) == -1)
		st.st_size = -1; /* who knows */
	/* A full disk must not keep recovery from starting: the pid is a
	 * courtesy. */
	if (write_pid(fd, dir, e) == -1 && errno != ENOSPC) {
		(void)close(fd);
		return -1;
	}
	*lock_r = mem_new(struct lock);
	(*lock_r)->fd = fd;
	(*lock_r)->was_ended_well = st.st_size == 0;
	return 0;
}

void
lock_free(struct lock **lockp)
{
	struct lock *lock = *lockp;

	*lockp = NULL;
	if (lock == NULL)
		return;
	(void)close(lock->fd);
	free(lock);
}

bool
lock_was_ended_well(const struct lock *lock)
{
	return lock->was_ended_well;
}

bool
lock_is_ended_well(const char *dir)
{
	char path[4096];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/LOCK", dir) >= (int)sizeof(path))
		return true;
	return stat(path, &st) == -1 || st.st_size == 0;
}

void
lock_end_well(struct lock *lock)
{
	if (ftruncate(lock->fd, 0) == -1)
		return; /* the next start is only more careful */
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock_ahead - preloaded into a daemon, it makes the wall clock go
 * CLOCK_AHEAD_S seconds ahead: for what takes longer than a test may.
 *
 * With CLOCK_JUMP, the path of a file of one int64_t, time passes at once by
 * so many seconds whenever a test writes there: for what is waited for.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *jump;

/* Before the daemon's own constructors ask for the time. */
__attribute__((constructor)) static void
map_jump(void)
{
	const char *path = getenv("CLOCK_JUMP");
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	void *p = fd == -1 ?
	    MAP_FAILED :
	    mmap(NULL, sizeof(*jump), PROT_READ, MAP_SHARED, fd, 0);

	if (p != MAP_FAILED)
		jump = p;
	if (fd != -1)
		(void)close(fd);
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	const char *ahead = getenv("CLOCK_AHEAD_S");
	int rc = (int)syscall(SYS_clock_gettime, id, ts);

	if (rc == 0 && id == CLOCK_REALTIME && ahead != NULL)
		ts->tv_sec += strtol(ahead, NULL, 10);
	if (rc == 0 && id != CLOCK_REALTIME && jump != NULL)
		ts->tv_sec += *jump;
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Who sets up a host MTA waits a moment for one who is just ending. */
#include "compat/host_files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/check.h"
#include "tests/tap.h"

static int
lock(const char *dir, struct err *e)
{
	struct host_files f;
	int rc;

	host_files_init(&f, dir);
	rc = host_files_lock(&f, e);
	host_files_fini(&f);
	return rc;
}

/* A process that has it, and ends 50 ms later. */
static pid_t
hold(const char *dir)
{
	const struct timespec t = { .tv_nsec = 50 * 1000000L };
	int ready[2], fd;
	pid_t pid;
	char c;

	CHECK(pipe(ready) == 0);
	pid = fork();
	CHECK(pid != -1);
	if (pid == 0) {
		fd = open(dir, O_RDONLY | O_CLOEXEC);
		CHECK(flock(fd, LOCK_EX) == 0);
		CHECK(write(ready[1], "", 1) == 1);
		(void)nanosleep(&t, NULL);
		(void)close(fd);
		_exit(0);
	}
	CHECK(read(ready[0], &c, 1) == 1);
	(void)close(ready[0]);
	(void)close(ready[1]);
	return pid;
}

int
main(void)
{
	char dir[] = "/tmp/mailrace-test-XXXXXX";
	struct err e;
	pid_t pid;
	int fd;

	CHECK(mkdtemp(dir) != NULL);
	pid = hold(dir);
	ok(lock(dir, &e) == 0, "one who ends is waited for");
	CHECK(waitpid(pid, NULL, 0) == pid);
	fd = open(dir, O_RDONLY | O_CLOEXEC);
	CHECK(flock(fd, LOCK_EX) == 0);
	ok(lock(dir, &e) == -1 &&
		strstr(e.text, "somebody else is at work") != NULL,
	    "one who stays is not");
	(void)close(fd);
	CHECK(rmdir(dir) == 0);
	return done_testing();
}

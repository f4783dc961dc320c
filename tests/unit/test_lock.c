/* SPDX-License-Identifier: Apache-2.0 */
/* Two processes never open one spool, and the refusal names the other. */
#include <signal.h>
#include <sys/wait.h>

#include "queue/lock.h"
#include "tests/tap.h"
#include "tests/unit/tmpdir.h"

int
main(void)
{
	struct lock *mine = NULL, *second = NULL;
	char want[64];
	struct err e;
	int fd[2];
	char c;
	pid_t pid;

	(void)tmpdir_make();
	ok(lock_is_ended_well(tmpdir), "nobody has it yet");
	ok(lock_take(tmpdir, &mine, &e) == 0, "a spool is locked");
	ok(lock_was_ended_well(mine), "nobody had it before");
	ok(!lock_is_ended_well(tmpdir), "somebody has it now");
	ok(lock_take(tmpdir, &second, &e) == -1, "not a second time: %s",
	    e.text);
	lock_free(&mine);

	if (pipe(fd) == -1)
		exit(99);
	pid = fork();
	if (pid == 0) {
		if (lock_take(tmpdir, &mine, &e) == 0)
			(void)!write(fd[1], "x", 1);
		for (int i = 0; i < 100; i++)
			(void)usleep(100000); /* until it is ended */
		_exit(0);
	}
	ok(read(fd[0], &c, 1) == 1, "another process locks it");
	ok(lock_take(tmpdir, &second, &e) == -1, "so we are refused");
	(void)snprintf(want, sizeof(want), "by process %d", (int)pid);
	ok(strstr(e.text, want) != NULL, "with its pid: %s", e.text);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	ok(!lock_is_ended_well(tmpdir), "what it leaves can be seen");
	ok(lock_take(tmpdir, &second, &e) == 0, "its death frees the lock");
	ok(!lock_was_ended_well(second), "and was not a good end");
	lock_end_well(second);
	ok(lock_is_ended_well(tmpdir), "a good end can");
	lock_free(&second);
	ok(lock_take(tmpdir, &second, &e) == 0 && lock_was_ended_well(second),
	    "an end that is said to be good is known as such");
	lock_free(&second);
	tmpdir_remove();
	return done_testing();
}

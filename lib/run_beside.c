/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/run_beside.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/run_command.h"

/* ---- the guard ----------------------------------------------------------- */

static void
reap(pid_t pid)
{
	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
}

/* Until one of both ends: whoever has begun it, or the program. */
static void
wait_for_end(int life, pid_t pid)
{
	const int pidfd = pidfd_open(pid, 0);
	struct pollfd p[] = { { .fd = life, .events = POLLIN },
		{ .fd = pidfd, .events = POLLIN } };

	while (pidfd != -1 && poll(p, 2, -1) == -1 && errno == EINTR)
		;
	(void)kill(pid, SIGTERM);
	reap(pid);
}

/* Never returns. */
static void
guard(const char *const *argv, int life)
{
	pid_t pid;

	(void)setsid();
	if (command_spawn(argv, &pid) == 0)
		wait_for_end(life, pid);
	_exit(0);
}

/* ---- use ----------------------------------------------------------------- */

int
run_beside_begin(struct run_beside *b, const char *const *argv, struct err *e)
{
	int life[2];

	*b = (struct run_beside){ .guard = 0, .life = -1 };
	if (!command_is_there(argv[0]))
		return err_set(e, "%s: there is no such program", argv[0]);
	if (pipe2(life, O_CLOEXEC) == -1)
		return err_sys(e, "pipe");
	b->guard = fork();
	if (b->guard == 0) {
		(void)close(life[1]);
		guard(argv, life[0]);
	}
	(void)close(life[0]);
	b->life = life[1];
	if (b->guard != -1)
		return 0;
	b->guard = 0;
	(void)close(b->life);
	return err_sys(e, "fork");
}

bool
run_beside_is_alive(struct run_beside *b)
{
	if (b->guard == 0 || waitpid(b->guard, NULL, WNOHANG) == 0)
		return b->guard != 0;
	b->guard = 0;
	(void)close(b->life);
	return false;
}

void
run_beside_end(struct run_beside *b)
{
	if (b->guard == 0)
		return;
	(void)close(b->life);
	reap(b->guard);
	b->guard = 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program runs beside us until it is ended, until it ends itself, and no
 * longer than we live, though we are killed.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/run_beside.h"
#include "lib/str.h"
#include "tests/tap.h"

/* Its file is there while it runs. */
static const char script[] = "trap 'rm -f \"$0\"; exit' TERM; echo >\"$0\"; "
			     "while :; do sleep 0.02; done";

static char path[] = "/tmp/test_run_beside.XXXXXX";

static bool
is_there(void)
{
	return access(path, F_OK) == 0;
}

/* At most ten seconds. */
static bool
becomes(bool there)
{
	const struct timespec moment = { .tv_nsec = 10 * 1000000L };

	for (int i = 0; i < 1000 && is_there() != there; i++)
		(void)nanosleep(&moment, NULL);
	return is_there() == there;
}

static int
begin(struct run_beside *b)
{
	const char *const argv[] = { "sh", "-c", script, path, NULL };
	struct err e;

	return run_beside_begin(b, argv, &e);
}

static void
test_end(void)
{
	struct run_beside b;

	is_int(begin(&b), 0, "it begins");
	ok(becomes(true), "and runs");
	ok(run_beside_is_alive(&b), "which is known");
	run_beside_end(&b);
	ok(!is_there(), "it has ended when that returns");
	ok(!run_beside_is_alive(&b), "which is known, too");
	run_beside_end(&b);
}

static void
test_by_itself(void)
{
	const struct timespec moment = { .tv_nsec = 10 * 1000000L };
	const char *const argv[] = { "true", NULL };
	const char *const none[] = { "mailrace-no-such-program", NULL };
	struct run_beside b;
	struct err e;

	is_int(run_beside_begin(&b, argv, &e), 0, "one that is short");
	for (int i = 0; i < 1000 && run_beside_is_alive(&b); i++)
		(void)nanosleep(&moment, NULL);
	ok(!run_beside_is_alive(&b), "it has ended by itself");
	run_beside_end(&b);
	is_int(run_beside_begin(&b, none, &e), -1, "one that is not there");
	is_str(e.text, "mailrace-no-such-program: there is no such program",
	    "its name");
}

static void
test_killed(void)
{
	struct run_beside b;
	const pid_t pid = fork();
	int st = 0;

	if (pid == 0) {
		if (begin(&b) == 0 && becomes(true))
			(void)raise(SIGKILL);
		_exit(1);
	}
	is_int(waitpid(pid, &st, 0), pid, "who has begun it ends");
	ok(WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL, "killed, while it ran");
	ok(becomes(false), "it ends, too");
}

int
main(void)
{
	const int fd = mkstemp(path);

	(void)close(fd);
	(void)unlink(path);
	test_end();
	test_by_itself();
	test_killed();
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program gets what is written to it and nothing else of ours, its end is
 * told once, and neither one that does not read nor one that leaves others
 * behind holds anything up.
 */
#include "lib/child.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "lib/mem.h"
#include "lib/str.h"
#include "tests/tap.h"
#include "tests/unit/loop.h"
#include "tests/unit/tmpdir.h"

static struct worker *worker;

/* What happened to the program of one case. */
struct seen {
	struct child *child;
	bool ended, had_room;
	int ends;
	size_t written, unread;
	struct child_end end;
};

static void
on_room(void *ctx)
{
	struct seen *s = ctx;

	s->had_room = true;
}

static void
on_ended(void *ctx, const struct child_end *end)
{
	struct seen *s = ctx;

	s->ended = true;
	s->ends++;
	s->end = *end;
	s->unread = child_unread(s->child);
	child_free(&s->child); /* allowed here */
}

static const struct child_owner owner = { .room = on_room, .ended = on_ended };

static void
start(struct seen *s, const char *command)
{
	struct err e;

	*s = (struct seen){ 0 };
	s->child = child_new(worker, command, &owner, s, &e);
	if (!ok(s->child != NULL, "starts: %.40s", command)) {
		(void)printf("# %s\n", e.text);
		exit(1);
	}
}

static bool
ends(struct seen *s)
{
	return loop_until(worker, loop_flag, &s->ended);
}

/* Starts it in the folder of the test, and waits for its end. */
static void
run(struct seen *s, const char *script)
{
	char command[1000];

	(void)snprintf(command, sizeof(command), "cd '%s'; %s", tmpdir, script);
	start(s, command);
	(void)ok(ends(s), "and ends");
}

/* The first line of a file of the folder. */
static const char *
line_of(const char *name)
{
	static char line[500];
	FILE *f = fopen(tmpdir_path(name), "r");

	line[0] = '\0';
	if (f != NULL) {
		if (fgets(line, sizeof(line), f) != NULL)
			line[strcspn(line, "\n")] = '\0';
		(void)fclose(f);
	}
	return line;
}

static bool
is_gone(const void *pid)
{
	return kill(*(const pid_t *)pid, 0) == -1 && errno == ESRCH;
}

static pid_t
pid_in(const char *name)
{
	return (pid_t)strtol(line_of(name), NULL, 10);
}

static void
exit_codes(void)
{
	static const struct {
		const char *command, *text;
	} cases[] = {
		{ "true", "exit status 0" },
		{ "exit 3", "exit status 3" },
		{ "/no/such/program 2>/dev/null", "exit status 127" },
		{ "kill -TERM $$", "killed by SIGTERM" },
		{ "kill -40 $$", "killed by signal 40" },
		/* Ignored and blocked here: not in the program. */
		{ "kill -PIPE $$", "killed by SIGPIPE" },
		{ "kill -HUP $$", "killed by SIGHUP" },
	};
	char text[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct seen s;

		start(&s, cases[i].command);
		(void)ok(ends(&s), "%s: ends", cases[i].command);
		(void)is_str(child_end_text(&s.end, text, sizeof(text)),
		    cases[i].text, cases[i].command);
		is_int(s.ends, 1, "its end is told once");
	}
}

static void
gets_its_input(void)
{
	char command[600];
	struct seen s;
	struct err e;

	(void)snprintf(command, sizeof(command), "cat >'%s'",
	    tmpdir_path("in"));
	start(&s, command);
	is_int(child_write(s.child, "one\ntwo\n", 8, &e), 8,
	    "a small write is taken whole");
	child_close_input(s.child);
	is_int(child_write(s.child, "three\n", 6, &e), -1,
	    "nothing is written to a closed input");
	(void)ok(ends(&s), "it ends behind the last byte");
	is_int(s.end.code, 0, "with status 0");
	is_int(tmpdir_file_size("in"), 8, "it got what was written");
}

/* A program waits for a file of the test's before it goes on. */
#define WAIT_FOR(name) "until [ -e " name " ]; do sleep 0.01; done; "

static void
make(const char *name)
{
	FILE *f = fopen(tmpdir_path(name), "w");

	if (f == NULL || fclose(f) != 0)
		exit(99);
}

static bool
has_read_50000(const void *ctx)
{
	const struct seen *s = ctx;

	return child_unread(s->child) == s->written - 50000;
}

static void
full_pipe(void)
{
	static char much[200000];
	char command[600];
	struct seen s;
	struct err e;
	ssize_t n;
	pid_t pid;

	(void)snprintf(command, sizeof(command),
	    "cd '%s'; " WAIT_FOR(
		"go") "head -c 50000 >/dev/null; exec sleep 60",
	    tmpdir);
	start(&s, command);
	n = child_write(s.child, much, sizeof(much), &e);
	s.written = (size_t)n;
	ok(n > 0 && n < 200000, "a full pipe takes a part: %zd", n);
	is_int((int64_t)child_unread(s.child), n, "and all of it is unread");
	ok(!s.had_room, "there is no room yet");
	make("go");
	ok(loop_until(worker, loop_flag, &s.had_room),
	    "there is when the program has read");
	ok(loop_until(worker, has_read_50000, &s), "so much less is unread");
	child_close_input(s.child);
	ok(has_read_50000(&s), "also when its input is closed");
	pid = child_pid(s.child);
	child_signal(s.child, SIGKILL);
	ok(ends(&s) && s.end.killed && s.end.code == SIGKILL,
	    "killed with bytes in the pipe");
	is_int((int64_t)s.unread, n - 50000, "so many it had not read");
	ok(is_gone(&pid), "it was waited for");
}

static void
never_reads(void)
{
	static char much[100000];
	int64_t began_us = clock_us();
	struct seen s;
	struct err e;
	pid_t pid;

	start(&s, "exec sleep 60");
	(void)child_write(s.child, much, sizeof(much), &e);
	pid = child_pid(s.child);
	child_free(&s.child);
	ok(is_gone(&pid), "one that never reads is gone when it is freed");
	ok(clock_us() - began_us < 5 * US_PER_S, "without waiting for it");
	is_int(s.ends, 0, "and its end is not told any more");
}

static bool
says_no(const void *child)
{
	struct child *c;
	struct err e;

	memcpy(&c, child, sizeof(c));
	return child_write(c, "row\n", 4, &e) == -1;
}

static void
closes_its_input(void)
{
	struct seen s;

	start(&s, "exec <&-; exec sleep 60");
	ok(loop_until(worker, says_no, &s.child),
	    "a program that closes its input is found out by a write");
	child_free(&s.child);
}

/* The test inherits what the program leaves behind. */
static bool
was_killed(const void *pid)
{
	int status;

	return waitpid(*(const pid_t *)pid, &status, WNOHANG) > 0 &&
	    WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static void
others_left_behind(void)
{
	struct seen s;
	pid_t pid;

	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	run(&s, "sleep 60 & echo $! >left; exit 1");
	pid = pid_in("left");
	ok(pid > 1 && loop_until(worker, was_killed, &pid),
	    "what a failed program left behind is killed");
	run(&s, "sleep 60 & echo $! >left");
	pid = pid_in("left");
	ok(pid > 1 && waitpid(pid, NULL, WNOHANG) == 0,
	    "what one that is done left behind goes on");
	if (pid > 1 && kill(pid, SIGKILL) == 0)
		(void)waitpid(pid, NULL, 0);
}

static void
clean_surroundings(void)
{
	int open_fd = dup(1); /* not close-on-exec */
	struct seen s;

	(void)setenv("NOTIFY_SOCKET", "/run/systemd/notify", 1);
	(void)setenv("MAILRACE_TEST", "kept", 1);
	run(&s, "echo \"$NOTIFY_SOCKET,$MAILRACE_TEST\" >env");
	(void)is_str(line_of("env"), ",kept", "the environment");
	/* ls has its folder open as 3. */
	run(&s, "echo $(ls /proc/self/fd) >fds");
	(void)is_str(line_of("fds"), "0 1 2 3",
	    "no descriptor but the standard ones");
	run(&s, "echo $(ps -o pid=,pgid= -p $$) >group");
	{
		long pid = strtol(line_of("group"), NULL, 10);
		char want[60];

		(void)snprintf(want, sizeof(want), "%ld %ld", pid, pid);
		(void)is_str(line_of("group"), want, "a group of its own");
	}
	(void)close(open_fd);
}

int
main(void)
{
	sigset_t hup;
	struct err e;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&hup);
	(void)sigaddset(&hup, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &hup, NULL); /* as our threads have it */
	(void)tmpdir_make();
	worker = worker_new("test", &e);
	exit_codes();
	gets_its_input();
	full_pipe();
	never_reads();
	closes_its_input();
	others_left_behind();
	clean_surroundings();
	worker_free(&worker);
	tmpdir_remove();
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/child.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/mem.h"

struct child {
	struct worker *worker;
	const struct child_owner *owner; /* NULL: it was freed */
	void *ctx;
	pid_t pid;
	int pidfd;
	int input;            /* -1: closed */
	int unread;           /* the pipe's other end, behind that; -1: none */
	bool ended;           /* waited for: pid is no longer ours */
	struct event *end_ev; /* pidfd */
	struct event *room_ev;
};

/* ---- start --------------------------------------------------------------- */

/* What systemd tells us is not for programs of ours. */
static bool
is_for_us(const char *variable)
{
	static const char *const names[] = { "LISTEN_FDNAMES=", "LISTEN_FDS=",
		"LISTEN_PID=", "NOTIFY_SOCKET=", "WATCHDOG_PID=",
		"WATCHDOG_USEC=" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(variable, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static char **
environment(void)
{
	size_t n = 0, kept = 0;
	char **out;

	while (environ[n] != NULL)
		n++;
	out = mem_array(n + 1, sizeof(*out));
	for (size_t i = 0; i < n; i++)
		if (!is_for_us(environ[i]))
			out[kept++] = environ[i];
	return out;
}

/*
 * Our threads have signals blocked and SIGPIPE ignored, which a program would
 * inherit: one that writes into a pipe itself must end when its reader does.
 */
static int
set_attributes(posix_spawnattr_t *attr)
{
	sigset_t all, none;
	int code;

	(void)sigfillset(&all);
	(void)sigemptyset(&none);
	code = posix_spawnattr_setflags(attr,
	    POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
		POSIX_SPAWN_SETSIGMASK);
	if (code == 0)
		code = posix_spawnattr_setpgroup(attr, 0);
	if (code == 0)
		code = posix_spawnattr_setsigdefault(attr, &all);
	if (code == 0)
		code = posix_spawnattr_setsigmask(attr, &none);
	return code;
}

/* Ours are all close-on-exec; those of a library need not be. */
static int
set_files(posix_spawn_file_actions_t *files, int input)
{
	int code = posix_spawn_file_actions_adddup2(files, input, 0);

	if (code == 0)
		code = posix_spawn_file_actions_adddup2(files, 2, 1);
	if (code == 0)
		code = posix_spawn_file_actions_addclosefrom_np(files, 3);
	return code;
}

/* An error number; 0: *pid_r runs. */
static int
spawn(const char *command, int input, pid_t *pid_r)
{
	char shell[] = "sh", option[] = "-c";
	char *line = mem_strdup(command);
	char *argv[] = { shell, option, line, NULL };
	char **env = environment();
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int code;

	CHECK(posix_spawnattr_init(&attr) == 0 &&
	    posix_spawn_file_actions_init(&files) == 0);
	code = set_attributes(&attr);
	if (code == 0)
		code = set_files(&files, input);
	/* Of this thread only; what is effective stays. */
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (code == 0)
		code = posix_spawn(pid_r, "/bin/sh", &files, &attr, argv, env);
	(void)posix_spawn_file_actions_destroy(&files);
	(void)posix_spawnattr_destroy(&attr);
	free(env);
	free(line);
	return code;
}

/* ---- its end ------------------------------------------------------------- */

static void
close_input(struct child *c)
{
	if (c->room_ev != NULL)
		event_free(c->room_ev);
	c->room_ev = NULL;
	if (c->input != -1)
		(void)close(c->input);
	c->input = -1;
}

static void
close_pipe(struct child *c)
{
	close_input(c);
	if (c->unread != -1)
		(void)close(c->unread);
	c->unread = -1;
}

/* Tells what is left in the pipe when we cannot write to it any more. */
static int
open_unread(const struct child *c)
{
	char path[40];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", c->input);
	return open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

/*
 * Of a program that has ended; false: it has not.  The group is killed while
 * the program's number still stands for it, which is until it is waited for.
 */
static bool
reap(struct child *c, int options, struct child_end *end_r)
{
	siginfo_t info = { .si_pid = 0 };
	int rc;

	do
		rc = waitid(P_PID, (id_t)c->pid, &info,
		    WEXITED | WNOWAIT | options);
	while (rc == -1 && errno == EINTR);
	CHECK(rc == 0);
	if (info.si_pid == 0)
		return false;
	end_r->killed = info.si_code != CLD_EXITED;
	end_r->code = info.si_status;
	if (end_r->killed || end_r->code != 0)
		(void)kill(-c->pid, SIGKILL);
	CHECK(waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG) == 0);
	c->ended = true;
	return true;
}

static void
on_end(evutil_socket_t fd, short what, void *arg)
{
	struct child *c = arg;
	struct child_end end;

	(void)fd;
	(void)what;
	if (!reap(c, WNOHANG, &end))
		return;
	(void)event_del(c->end_ev);
	if (c->room_ev != NULL)
		(void)event_del(c->room_ev);
	c->owner->ended(c->ctx, &end); /* may free c */
}

static void
on_room(evutil_socket_t fd, short what, void *arg)
{
	struct child *c = arg;

	(void)fd;
	(void)what;
	c->owner->room(c->ctx); /* may free c */
}

/* ---- life ---------------------------------------------------------------- */

struct child *
child_new(struct worker *w, const char *command,
    const struct child_owner *owner, void *ctx, struct err *e)
{
	struct child *c = NULL;
	int fds[2], code, pidfd;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) == -1) {
		(void)err_sys(e, "pipe");
		return NULL;
	}
	code = spawn(command, fds[0], &pid);
	(void)close(fds[0]);
	if (code != 0) {
		(void)close(fds[1]);
		errno = code;
		(void)err_sys(e, "posix_spawn");
		return NULL;
	}
	c = mem_new(struct child);
	c->worker = w;
	c->owner = owner;
	c->ctx = ctx;
	c->pid = pid;
	c->input = fds[1];
	c->unread = -1;
	CHECK(fcntl(c->input, F_SETFL, O_NONBLOCK) == 0);
	pidfd = pidfd_open(pid, 0);
	c->pidfd = pidfd;
	if (pidfd == -1) { /* no descriptor is left: it cannot be watched */
		(void)err_sys(e, "pidfd_open");
		child_free(&c);
		return NULL;
	}
	c->end_ev = event_new(worker_base(w), pidfd, EV_READ | EV_PERSIST,
	    on_end, c);
	c->room_ev = event_new(worker_base(w), c->input, EV_WRITE, on_room, c);
	CHECK(c->end_ev != NULL && c->room_ev != NULL);
	CHECK(event_add(c->end_ev, NULL) == 0);
	return c;
}

static void
collect(void *arg)
{
	free(arg);
}

void
child_free(struct child **cp)
{
	struct child *c = *cp;
	struct child_end end;

	*cp = NULL;
	if (c == NULL)
		return;
	close_pipe(c);
	if (!c->ended) {
		child_signal(c, SIGKILL);
		(void)reap(c, 0, &end);
	}
	if (c->end_ev != NULL)
		event_free(c->end_ev);
	if (c->pidfd != -1)
		(void)close(c->pidfd);
	c->owner = NULL;
	worker_defer(c->worker, collect, c);
}

/* ---- use ----------------------------------------------------------------- */

ssize_t
child_write(struct child *c, const void *p, size_t len, struct err *e)
{
	size_t done = 0;

	if (c->input == -1)
		return err_set(e, "its input is closed");
	while (done < len) {
		ssize_t n = write(c->input, (const char *)p + done, len - done);

		if (n >= 0) {
			done += (size_t)n;
		} else if (errno == EAGAIN) {
			CHECK(event_add(c->room_ev, NULL) == 0);
			break;
		} else if (errno != EINTR) {
			return err_sys(e, "write");
		}
	}
	return (ssize_t)done;
}

size_t
child_unread(const struct child *c)
{
	int fd = c->input != -1 ? c->input : c->unread, n = 0;

	if (fd == -1 || ioctl(fd, FIONREAD, &n) == -1)
		return 0;
	return (size_t)n;
}

void
child_close_input(struct child *c)
{
	if (c->input != -1 && c->unread == -1)
		c->unread = open_unread(c);
	close_input(c);
}

void
child_signal(struct child *c, int number)
{
	if (!c->ended)
		(void)kill(-c->pid, number);
}

pid_t
child_pid(const struct child *c)
{
	return c->pid;
}

const char *
child_end_text(const struct child_end *end, char *out, size_t cap)
{
	const char *name = end->killed ? sigabbrev_np(end->code) : NULL;

	if (!end->killed)
		(void)snprintf(out, cap, "exit status %d", end->code);
	else if (name != NULL)
		(void)snprintf(out, cap, "killed by SIG%s", name);
	else
		(void)snprintf(out, cap, "killed by signal %d", end->code);
	return out;
}

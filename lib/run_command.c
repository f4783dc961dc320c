/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/run_command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"

enum { TIMEOUT_S = 30, OUTPUT_MAX = 16 * 1024 * 1024 };

/* The streams, by their number in the program. */
enum { STDIN, STDOUT, STDERR, STREAM_COUNT };

struct run {
	const struct command *command;
	struct command_end *end;
	const char *name;
	int theirs[STREAM_COUNT]; /* -1: closed */
	int ours[STREAM_COUNT];   /* of STDOUT and STDERR; -1: closed */
	pid_t pid;
	int pidfd;
};

/* ---- start --------------------------------------------------------------- */

static bool
is_program(const char *path)
{
	return access(path, X_OK) == 0;
}

/* NULL: there is none. */
static char *
find_program(const char *name)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): a program of one thread */
	const char *const own = getenv("PATH");
	struct buf all = { .p = NULL };
	char *found = NULL;

	if (strchr(name, '/') != NULL)
		return is_program(name) ? mem_strdup(name) : NULL;
	buf_printf(&all, "%s:/usr/local/sbin:/usr/sbin:/sbin",
	    own != NULL ? own : "/usr/local/bin:/usr/bin:/bin");
	for (const char *p = buf_cstr(&all); found == NULL && p != NULL;) {
		const size_t len = strcspn(p, ":");
		struct buf path = { .p = NULL };

		buf_add(&path, p, len);
		buf_byte(&path, '/');
		buf_str(&path, name);
		if (len > 0 && is_program(buf_cstr(&path)))
			found = buf_take(&path, NULL);
		buf_fini(&path);
		p = p[len] == ':' ? p + len + 1 : NULL;
	}
	buf_fini(&all);
	return found;
}

/* The input is a file in memory: who does not read it cannot block us. */
static int
open_input(struct run *r, struct err *e)
{
	const struct slice input = r->command->input;
	size_t done = 0;
	int fd;

	if (input.p == NULL) {
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		r->theirs[STDIN] = fd;
		return fd == -1 ? err_sys(e, "/dev/null") : 0;
	}
	fd = memfd_create("input", MFD_CLOEXEC);
	r->theirs[STDIN] = fd;
	if (fd == -1)
		return err_sys(e, "memfd_create");
	while (done < input.len) {
		const ssize_t n = write(fd, input.p + done, input.len - done);

		if (n == -1 && errno != EINTR)
			return err_sys(e, "write");
		done += n > 0 ? (size_t)n : 0;
	}
	return lseek(fd, 0, SEEK_SET) == 0 ? 0 : err_sys(e, "lseek");
}

static int
open_streams(struct run *r, struct err *e)
{
	for (int i = STDOUT; i <= STDERR; i++) {
		int fds[2];

		if (pipe2(fds, O_CLOEXEC) == -1)
			return err_sys(e, "pipe");
		r->ours[i] = fds[0];
		r->theirs[i] = fds[1];
		CHECK(fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0);
	}
	return open_input(r, e);
}

static void
close_all(int *fds)
{
	for (int i = 0; i < STREAM_COUNT; i++) {
		if (fds[i] != -1)
			(void)close(fds[i]);
		fds[i] = -1;
	}
}

/* Signals as usual, and a group of its own. */
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

/* posix_spawn() takes none that are const. */
static char **
copy_words(const char *const *words)
{
	size_t n = 0;
	char **copy;

	while (words[n] != NULL)
		n++;
	copy = mem_array(n + 1, sizeof(*copy));
	for (size_t i = 0; i < n; i++)
		copy[i] = mem_strdup(words[i]);
	return copy;
}

/* Its streams by number; an error number. */
static int
spawn(const char *path, const char *const *words, const int *streams,
    pid_t *pid_r)
{
	char **argv = copy_words(words);
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int code;

	CHECK(posix_spawnattr_init(&attr) == 0 &&
	    posix_spawn_file_actions_init(&files) == 0);
	code = set_attributes(&attr);
	for (int i = 0; i < STREAM_COUNT && code == 0; i++)
		code = posix_spawn_file_actions_adddup2(&files, streams[i], i);
	if (code == 0)
		code = posix_spawn_file_actions_addclosefrom_np(&files, 3);
	if (code == 0)
		code = posix_spawn(pid_r, path, &files, &attr, argv, environ);
	(void)posix_spawn_file_actions_destroy(&files);
	(void)posix_spawnattr_destroy(&attr);
	for (size_t i = 0; argv[i] != NULL; i++)
		free(argv[i]);
	free(argv);
	return code;
}

static int
start(struct run *r, struct err *e)
{
	char *path = find_program(r->name);
	int code;

	if (path == NULL)
		return err_set(e, "there is no such program");
	if (open_streams(r, e) == -1) {
		free(path);
		return -1;
	}
	code = spawn(path, r->command->argv, r->theirs, &r->pid);
	free(path);
	close_all(r->theirs);
	if (code != 0) {
		errno = code;
		return err_sys(e, "it cannot be started");
	}
	r->pidfd = pidfd_open(r->pid, 0);
	return r->pidfd == -1 ? err_sys(e, "pidfd_open") : 0;
}

/* ---- while it runs ------------------------------------------------------- */

/* All that is there; -1: it is more than may be. */
static int
drain(struct run *r, int stream, struct err *e)
{
	struct buf *b = stream == STDOUT ? &r->end->out : &r->end->err;
	const size_t most = r->command->output_max != 0 ?
	    r->command->output_max :
	    OUTPUT_MAX;

	while (r->ours[stream] != -1) {
		char piece[8192];
		ssize_t n = read(r->ours[stream], piece, sizeof(piece));

		if (n > 0) {
			buf_add(b, piece, (size_t)n);
			if (b->len > most)
				return err_set(e,
				    "it printed more than %zu bytes", most);
		} else if (n == 0) {
			(void)close(r->ours[stream]);
			r->ours[stream] = -1;
		} else if (errno == EAGAIN) {
			break;
		} else if (errno != EINTR) {
			return err_sys(e, "read");
		}
	}
	return 0;
}

/*
 * To its end.  A program that leaves others behind may leave them our pipes:
 * its end counts, not theirs.
 */
static int
watch(struct run *r, struct err *e)
{
	const int seconds = r->command->timeout_s != 0 ? r->command->timeout_s :
							 TIMEOUT_S;
	const int64_t until_us = clock_us() + seconds * US_PER_S;

	for (;;) {
		struct pollfd p[] = { { .fd = r->pidfd, .events = POLLIN },
			{ .fd = r->ours[STDOUT], .events = POLLIN },
			{ .fd = r->ours[STDERR], .events = POLLIN } };
		const int64_t left_us = until_us - clock_us();

		if (left_us <= 0)
			return err_set(e, "it did not end within %d s",
			    seconds);
		if (poll(p, 3, (int)(left_us / US_PER_MS) + 1) == -1 &&
		    errno != EINTR)
			return err_sys(e, "poll");
		if (drain(r, STDOUT, e) == -1 || drain(r, STDERR, e) == -1)
			return -1;
		/* Asked before it was drained: what it printed is all here. */
		if ((p[0].revents & POLLIN) != 0)
			return 0;
	}
}

static void
reap(struct run *r)
{
	siginfo_t info = { .si_pid = 0 };
	int rc;

	do
		rc = waitid(P_PID, (id_t)r->pid, &info, WEXITED);
	while (rc == -1 && errno == EINTR);
	CHECK(rc == 0);
	r->end->killed = info.si_code != CLD_EXITED;
	r->end->code = info.si_status;
}

/* ---- use ----------------------------------------------------------------- */

int
command_run(const struct command *c, struct command_end *end_r, struct err *e)
{
	struct run r = { .command = c,
		.end = end_r,
		.name = c->argv[0],
		.theirs = { -1, -1, -1 },
		.ours = { -1, -1, -1 },
		.pidfd = -1 };
	int rc;

	memset(end_r, 0, sizeof(*end_r));
	rc = start(&r, e);
	if (rc == 0)
		rc = watch(&r, e);
	if (r.pid != 0) {
		if (rc == -1)
			(void)kill(-r.pid, SIGKILL);
		reap(&r);
	}
	close_all(r.theirs);
	close_all(r.ours);
	if (r.pidfd != -1)
		(void)close(r.pidfd);
	return rc == -1 ? err_where(e, "%s", r.name) : 0;
}

/* Its first line with something in it. */
static struct slice
first_line(const struct buf *b)
{
	size_t from = 0, len = 0;

	while (from < b->len && (b->p[from] == '\n' || b->p[from] == ' '))
		from++;
	while (from + len < b->len && b->p[from + len] != '\n')
		len++;
	return (struct slice){ b->p != NULL ? b->p + from : "", len };
}

int
command_must(const struct command *c, struct command_end *end_r, struct err *e)
{
	struct slice said;

	if (command_run(c, end_r, e) == -1)
		return -1;
	if (!end_r->killed && end_r->code == 0)
		return 0;
	said = first_line(&end_r->err);
	if (said.len == 0)
		said = first_line(&end_r->out);
	if (said.len > 300)
		said.len = 300;
	return err_set(e, "%s: %s %d%s%.*s", c->argv[0],
	    end_r->killed ? "killed by signal" : "exit status", end_r->code,
	    said.len > 0 ? ": " : "", (int)said.len, said.p);
}

void
command_end_fini(struct command_end *end)
{
	buf_fini(&end->out);
	buf_fini(&end->err);
}

bool
command_is_there(const char *name)
{
	char *path = find_program(name);
	bool there = path != NULL;

	free(path);
	return there;
}

int
command_spawn(const char *const *argv, pid_t *pid_r)
{
	const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	const int streams[] = { nothing, nothing, STDERR_FILENO };
	char *path = find_program(argv[0]);
	int code = ENOENT;

	if (nothing != -1 && path != NULL)
		code = spawn(path, argv, streams, pid_r);
	if (nothing != -1)
		(void)close(nothing);
	free(path);
	return code;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/host_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compat/postfix/pf_listing.h"
#include "lib/check.h"
#include "lib/mem.h"

/* In this order; whoever may ask need not have /usr/sbin in his path. */
static const struct candidate_program {
	const char *path, *option;
	enum queue_form form;
} programs[] = {
	{ "postqueue", "-p", QUEUE_FORM_POSTFIX },
	{ "/usr/sbin/postqueue", "-p", QUEUE_FORM_POSTFIX },
	{ "postqueue", "-j", QUEUE_FORM_JSON },
	{ "/usr/sbin/postqueue", "-j", QUEUE_FORM_JSON },
	{ "exim4", "-bp", QUEUE_FORM_EXIM },
	{ "/usr/sbin/exim4", "-bp", QUEUE_FORM_EXIM },
	{ "exim", "-bp", QUEUE_FORM_EXIM },
	{ "/usr/sbin/exim", "-bp", QUEUE_FORM_EXIM },
};

enum { PROGRAMS = sizeof(programs) / sizeof(programs[0]) };

static bool
is_tried(enum queue_form wanted, enum queue_form form)
{
	return form == wanted ||
	    (wanted == QUEUE_FORM_POSTFIX && form == QUEUE_FORM_EXIM);
}

/* Its standard output is the pipe; an error number, 0: it runs. */
static int
spawn(const struct candidate_program *p, int output, pid_t *pid_r)
{
	char *path = mem_strdup(p->path), *option = mem_strdup(p->option);
	char *argv[] = { path, option, NULL };
	posix_spawn_file_actions_t files;
	int code;

	CHECK(posix_spawn_file_actions_init(&files) == 0);
	code = posix_spawn_file_actions_adddup2(&files, output, 1);
	if (code == 0)
		code = posix_spawnp(pid_r, p->path, &files, NULL, argv,
		    environ);
	(void)posix_spawn_file_actions_destroy(&files);
	free(path);
	free(option);
	return code;
}

/* The last line of Postfix is kept, the others go on. */
static void
pass_on(FILE *in, bool sums, struct host_queue *h)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, in)) > 0) {
		struct slice s = { line, (size_t)n };

		if (s.p[s.len - 1] == '\n')
			s.len--;
		if (!sums || !pf_listing_read_sum(s, &h->kbytes, &h->requests))
			(void)fwrite(line, 1, (size_t)n, stdout);
	}
	free(line);
}

static int
wait_for(pid_t pid, const char *path, struct err *e)
{
	int status;

	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return err_sys(e, "%s", path);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_set(e, "%s ended with status %d", path,
	    WIFEXITED(status) ? WEXITSTATUS(status) : 128);
}

static int
listen_to(const struct candidate_program *p, pid_t pid, int fd,
    struct host_queue *h_r, struct err *e)
{
	FILE *in = fdopen(fd, "r");

	CHECK(in != NULL);
	pass_on(in, p->form == QUEUE_FORM_POSTFIX, h_r);
	(void)fclose(in);
	return wait_for(pid, p->path, e);
}

int
host_queue_print(enum queue_form *form, struct host_queue *h_r, struct err *e)
{
	*h_r = (struct host_queue){ 0 };
	for (size_t i = 0; i < PROGRAMS; i++) {
		const struct candidate_program *p = &programs[i];
		int fds[2], code;
		pid_t pid;

		if (!is_tried(*form, p->form))
			continue;
		if (pipe2(fds, O_CLOEXEC) == -1)
			return err_sys(e, "pipe");
		code = spawn(p, fds[1], &pid);
		(void)close(fds[1]);
		if (code == 0) {
			*form = p->form;
			return listen_to(p, pid, fds[0], h_r, e);
		}
		(void)close(fds[0]);
		if (code != ENOENT) {
			errno = code;
			return err_sys(e, "%s", p->path);
		}
	}
	return err_set(e, "neither postqueue nor exim is there%s",
	    *form == QUEUE_FORM_JSON ? " that could list JSON" : "");
}

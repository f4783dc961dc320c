/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

int
daemon_options(struct daemon_options *opt, int argc, char **argv, struct err *e)
{
	static const struct option longs[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*opt = (struct daemon_options){ .config = DAEMON_CONFIG };
	opterr = 0;
	/* Before threads start: getopt's state is nobody else's yet. */
	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while ((c = getopt_long(argc, argv, "c:fh", longs, NULL)) != -1) {
		if (c == 'c')
			opt->config = optarg;
		else if (c == 'f')
			opt->foreground = true;
		else if (c == 'h')
			opt->help = true;
		else if (c == 'V')
			opt->version = true;
		else
			return err_set(e, "bad option \"%s\"; see --help",
			    argv[optind - 1]);
	}
	if (optind < argc)
		return err_set(e, "unexpected \"%s\"; see --help",
		    argv[optind]);
	return 0;
}

void
daemon_help(const char *program, const char *what)
{
	(void)printf(
	    "%s - %s\n\n"
	    "usage: %s [-f] [-c FILE]\n\n"
	    "  -c FILE    configuration (" DAEMON_CONFIG ")\n"
	    "  -f         stay in the foreground, log on standard error\n"
	    "  --version  print the version\n\n"
	    "example: %s -f -c /etc/mailrace/config\n",
	    program, what, program, program);
}

/* Where the parent waits for a byte; -1 in the foreground. */
static int parent_fd = -1;

/* The parent's whole life after the fork. */
static _Noreturn void
wait_for_child(int fd)
{
	char byte;
	ssize_t n;

	do
		n = read(fd, &byte, 1);
	while (n == -1 && errno == EINTR);
	_exit(n == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
}

int
daemon_detach(struct err *e)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) == -1)
		return err_sys(e, "pipe");
	pid = fork();
	if (pid == -1)
		return err_sys(e, "fork");
	if (pid > 0) {
		(void)close(fds[1]);
		wait_for_child(fds[0]);
	}
	(void)close(fds[0]);
	parent_fd = fds[1];
	if (setsid() == -1)
		return err_sys(e, "setsid");
	return 0;
}

/* Standard streams are the caller's terminal until the daemon is ready. */
static void
leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null == -1)
		return;
	for (int fd = 0; fd <= 2; fd++)
		(void)dup2(null, fd);
	(void)close(null);
}

void
daemon_ready(void)
{
	(void)sd_notify(0, "READY=1");
	if (parent_fd == -1)
		return;
	leave_terminal();
	if (write(parent_fd, "", 1) == 1) {
		(void)close(parent_fd);
		parent_fd = -1;
	}
}

void
daemon_reloading(void)
{
	(void)sd_notify(0, "RELOADING=1");
}

void
daemon_stopping(void)
{
	(void)sd_notify(0, "STOPPING=1");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Set-up waits for a daemon that begins anew, and no longer than it says. */
#include "admin/setup_socket.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/net.h"
#include "tests/tap.h"

enum { WAIT_MS = 300, BOUND_MS = 4000 };

static const struct wait_case {
	const char *label;
	const char *says;  /* the listener; NULL: it accepts, and no more */
	const char *where; /* NULL: the listener */
	bool lives, nowhere;
	const char *wrong; /* NULL: nothing */
} cases[] = {
	{ "it greets", "220 here\r\n", .lives = true },
	{ "it accepts, and never greets", .lives = true,
	    .wrong = "no greeting" },
	{ "it has no time", "421 later\r\n", .lives = true,
	    .wrong = "no greeting" },
	{ "nobody listens", .where = "127.0.0.1:1", .lives = true,
	    .wrong = "no greeting" },
	{ "it has ended", "220 here\r\n", .wrong = "it has ended" },
	{ "nothing is to listen", .lives = true, .nowhere = true },
};

static bool
lives(const void *ctx)
{
	const struct wait_case *c = ctx;

	return c->lives;
}

/* A child that says something to whoever comes, until it is killed. */
static pid_t
serve(int fd, const char *says)
{
	const pid_t pid = fork();

	if (pid != 0)
		return pid;
	for (;;) {
		const int client = accept(fd, NULL, NULL);

		if (client == -1)
			_exit(1);
		(void)!write(client, says, strlen(says));
		(void)close(client);
	}
}

static int
listen_somewhere(char *where, size_t cap)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(sin);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1 || bind(fd, (struct sockaddr *)&sin, len) == -1 ||
	    listen(fd, 8) == -1 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1)
		return -1;
	(void)snprintf(where, cap, "127.0.0.1:%u", ntohs(sin.sin_port));
	return fd;
}

static void
judge(const struct wait_case *c)
{
	struct err e = { .text = "" };
	char here[64] = "";
	const int fd = listen_somewhere(here, sizeof(here));
	const pid_t pid = c->says == NULL ? 0 : serve(fd, c->says);
	const int64_t from_us = clock_us();
	const char *where = c->where != NULL ? c->where : here;
	const int rc = setup_await_socket(c->nowhere ? NULL : where, WAIT_MS,
	    lives, c, &e);
	const int64_t took_us = clock_us() - from_us;

	ok(rc == (c->wrong == NULL ? 0 : -1) &&
		(c->wrong == NULL || strstr(e.text, c->wrong) != NULL),
	    "%s: %s", c->label, e.text);
	ok(took_us < BOUND_MS * US_PER_MS, "%s: bounded", c->label);
	if (pid > 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	(void)close(fd);
}

/* A unix socket whose queue is full: who connects there would wait for ever. */
static void
full(void)
{
	char dir[] = "/tmp/mailrace-test-XXXXXX", path[64];
	const struct wait_case c = { .lives = true };
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct err e = { .text = "" };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int first;

	CHECK(mkdtemp(dir) != NULL);
	(void)snprintf(path, sizeof(path), "%s/s", dir);
	memcpy(sa.sun_path, path, strlen(path) + 1);
	CHECK(bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0);
	CHECK(listen(fd, 0) == 0);
	first = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(connect(first, (struct sockaddr *)&sa, sizeof(sa)) == 0);
	(void)alarm(BOUND_MS / 1000);
	ok(setup_await_socket(path, WAIT_MS, lives, &c, &e) == -1 &&
		strstr(e.text, "nobody accepts") != NULL,
	    "a queue that is full: bounded: %s", e.text);
	(void)alarm(0);
	(void)close(first);
	(void)close(fd);
	(void)unlink(path);
	(void)rmdir(dir);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		judge(&cases[i]);
	full();
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/setup_socket.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/net.h"

enum { GREETING_MS = 5000, LOOK_MS = 50 };

/* A listener that is full makes who connects wait. */
static int
connect_unix(const char *path, int64_t until_us, struct err *e)
{
	const int64_t left_us = until_us - clock_us();
	const struct timeval patience = { .tv_sec = left_us / US_PER_S,
		.tv_usec = left_us % US_PER_S };
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd;

	if (left_us <= 0)
		return err_set(e, "%s: nobody accepts", path);

	if (strlen(path) >= sizeof(sa.sun_path))
		return err_set(e, "%s: too long for a socket", path);
	memcpy(sa.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return err_sys(e, "socket");
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
		sizeof(patience)) == -1 ||
	    connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) == -1) {
		if (errno == EAGAIN)
			(void)err_set(e, "%s: nobody accepts", path);
		else
			(void)err_sys(e, "%s", path);
		(void)close(fd);
		return -1;
	}
	return fd;
}

static int
connect_to(const char *where, int64_t until_us, struct err *e)
{
	const struct net_addr any = { .family = 0 };
	enum net_fault ignored;
	struct net_addr to;
	uint16_t port;

	if (where[0] == '/')
		return connect_unix(where, until_us, e);
	if (net_endpoint_parse(where, &to, &port, e) == -1)
		return -1;
	return net_connect(&any, &to, port, &ignored, e);
}

/* "220", by then. */
static bool
is_greeted(int fd, int64_t until_us)
{
	const int64_t left_us = until_us - clock_us();
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char line[512] = "";

	return left_us > 0 &&
	    poll(&p, 1, (int)(left_us / US_PER_MS) + 1) == 1 &&
	    recv(fd, line, sizeof(line) - 1, 0) >= 3 &&
	    strncmp(line, "220", 3) == 0;
}

static int
ask_until(const char *where, int64_t until_us, struct err *e)
{
	const int fd = connect_to(where, until_us, e);
	int rc = 0;

	if (fd == -1)
		return -1;
	if (!is_greeted(fd, until_us))
		rc = err_set(e, "%s: no greeting", where);
	(void)close(fd);
	return rc;
}

int
setup_ask_socket(const char *where, bool greeting, struct err *e)
{
	const int64_t until_us = clock_us() + GREETING_MS * US_PER_MS;
	int fd;

	if (greeting)
		return ask_until(where, until_us, e);
	fd = connect_to(where, until_us, e);
	if (fd == -1)
		return -1;
	(void)close(fd);
	return 0;
}

int
setup_await_socket(const char *where, int wait_ms, setup_lives_fn *lives,
    const void *ctx, struct err *e)
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * US_PER_MS * 1000 };
	const int64_t until_us = clock_us() + wait_ms * US_PER_MS;

	do {
		(void)nanosleep(&pause, NULL);
		if (!lives(ctx))
			return err_set(e, "it has ended");
		if (where == NULL || ask_until(where, until_us, e) == 0)
			return 0;
	} while (clock_us() < until_us);
	return -1;
}

int
setup_address_is_free(const char *where, struct err *e)
{
	const int fd = net_listen(where, e);

	if (fd == -1)
		return -1;
	(void)close(fd);
	return 0;
}

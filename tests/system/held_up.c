/* SPDX-License-Identifier: Apache-2.0 */
/*
 * held_up - preloaded into a daemon, it holds up a thread for HELD_UP_MS, as
 * when it does not get the CPU just then: before every other connection to one
 * of the addresses in HELD_UP_CONNECT is begun, before every other RCPT to one
 * in HELD_UP_RCPT is sent, and before each connection to one in HELD_UP_CLOSE
 * is closed.  IPv4 addresses with a blank before and behind each; every other
 * one of those with the same last byte.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FILES 65536

enum { CONNECT, RCPT, CLOSE, KINDS };

static const char *const lists[KINDS] = { "HELD_UP_CONNECT", "HELD_UP_RCPT",
	"HELD_UP_CLOSE" };

static struct {
	_Atomic bool is_held[KINDS];
	_Atomic unsigned char host; /* its last byte */
} files[FILES];

static atomic_uint times[KINDS][256]; /* of a host */

static void
hold(void)
{
	const char *ms = getenv("HELD_UP_MS");
	long n = ms == NULL ? 0 : strtol(ms, NULL, 10);
	struct timespec t = { n / 1000, n % 1000 * 1000000 };

	(void)nanosleep(&t, NULL);
}

static bool
is_listed(int kind, const struct sockaddr_in *to)
{
	char text[INET_ADDRSTRLEN], word[INET_ADDRSTRLEN + 2];
	const char *list = getenv(lists[kind]);

	(void)inet_ntop(AF_INET, &to->sin_addr, text, sizeof(text));
	(void)snprintf(word, sizeof(word), " %s ", text);
	return list != NULL && strstr(list, word) != NULL;
}

static bool
is_held(int fd, int kind)
{
	return fd >= 0 && fd < FILES && files[fd].is_held[kind];
}

static void
hold_every_other(int fd, int kind)
{
	if (is_held(fd, kind) && times[kind][files[fd].host]++ % 2 == 0)
		hold();
}

int
connect(int fd, const struct sockaddr *to, socklen_t len)
{
	struct sockaddr_in sin;

	if (fd >= 0 && fd < FILES && len >= sizeof(sin) &&
	    to->sa_family == AF_INET) {
		memcpy(&sin, to, sizeof(sin));
		files[fd].host = (unsigned char)ntohl(sin.sin_addr.s_addr);
		for (int i = 0; i < KINDS; i++)
			files[fd].is_held[i] = is_listed(i, &sin);
	}
	hold_every_other(fd, CONNECT);
	return (int)syscall(SYS_connect, fd, to, len);
}

ssize_t
send(int fd, const void *p, size_t len, int flags)
{
	if (memmem(p, len, "RCPT TO:", 8) != NULL)
		hold_every_other(fd, RCPT);
	return syscall(SYS_sendto, fd, p, len, flags, NULL, 0);
}

int
close(int fd)
{
	if (is_held(fd, CLOSE))
		hold();
	for (int i = 0; i < KINDS && fd >= 0 && fd < FILES; i++)
		files[fd].is_held[i] = false;
	return (int)syscall(SYS_close, fd);
}

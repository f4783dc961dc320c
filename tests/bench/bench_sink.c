/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_sink - takes mail faster than smtp-sink and writes down when: an SMTP
 * server in one thread, for benches that must know every RCPT.
 *
 *	bench_sink COUNT-FILE LOG-FILE|- ADDRESS:PORT...
 *
 * COUNT-FILE holds two numbers of 64 bits, host order, kept up to date:
 * messages and RCPTs taken.  LOG-FILE has one JSON object a line, in the words of
 * tests/system/receiver.py that check_limits.py reads: connect, rcpt, message,
 * close; `t` is the kernel's time stamp of the bytes that held the command.
 *
 * It believes its clients: nothing here would stand on the internet.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/err.h"
#include "lib/mem.h"
#include "lib/net.h"
#include "lib/str.h"

enum { EVENTS = 256, IN_MAX = 16384, LISTEN_MAX = 4096, OUT_MAX = 1024 };

struct totals {
	uint64_t messages, rcpts;
};

struct listener {
	int fd;
	const char *name;
};

struct client {
	int fd;
	const struct listener *door;
	unsigned long id;
	char peer[NET_ADDR_TEXT];
	struct timespec stamp;
	bool in_text;
	size_t in_len, out_len;
	char in[IN_MAX];
	char out[OUT_MAX];
};

static struct listener listeners[LISTEN_MAX];
static size_t listener_count;
static struct totals *totals;
static FILE *log_file;
static unsigned long last_id;
static int epoll_fd;
static volatile sig_atomic_t stopped;

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

/* ---- what is written down ------------------------------------------------ */

static void
note(const struct client *c, const char *ev, struct slice rcpt)
{
	if (log_file == NULL)
		return;
	(void)fprintf(log_file,
	    "{\"ev\":\"%s\",\"t\":%lld.%09ld,\"id\":%lu,\"to\":\"%s\","
	    "\"peer\":\"%s\"",
	    ev, (long long)c->stamp.tv_sec, c->stamp.tv_nsec, c->id,
	    c->door->name, c->peer);
	if (rcpt.len > 0)
		(void)fprintf(log_file, ",\"rcpt\":\"%.*s\"", (int)rcpt.len,
		    rcpt.p);
	(void)fputs("}\n", log_file);
}

/* ---- the dialogue -------------------------------------------------------- */

static void
say(struct client *c, const char *text)
{
	size_t len = strlen(text);

	CHECK(c->out_len + len <= sizeof(c->out));
	memcpy(c->out + c->out_len, text, len);
	c->out_len += len;
}

static struct slice
address_of(struct slice line)
{
	const char *from = memchr(line.p, '<', line.len);
	const char *to = memchr(line.p, '>', line.len);

	if (from == NULL || to == NULL || to < from)
		return (struct slice){ "", 0 };
	return (struct slice){ from + 1, (size_t)(to - from - 1) };
}

/* False: the client is to go. */
static bool
command(struct client *c, struct slice line)
{
	struct slice verb = { line.p, line.len < 4 ? line.len : 4 };

	if (slice_eq_nocase(verb, "EHLO")) {
		say(c,
		    "250-sink.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n");
	} else if (slice_eq_nocase(verb, "RCPT")) {
		note(c, "rcpt", address_of(line));
		totals->rcpts++;
		say(c, "250 2.1.5 ok\r\n");
	} else if (slice_eq_nocase(verb, "DATA")) {
		c->in_text = true;
		say(c, "354 go on\r\n");
	} else if (slice_eq_nocase(verb, "QUIT")) {
		say(c, "221 2.0.0 bye\r\n");
		return false;
	} else {
		say(c, "250 2.0.0 ok\r\n");
	}
	return true;
}

/* Bytes of in from `at` on that were used; 0: more must come. */
static size_t
take_text(struct client *c, size_t at)
{
	const char *p = c->in + at, *end;
	size_t len = c->in_len - at;

	if (len >= 3 && memcmp(p, ".\r\n", 3) == 0)
		end = p + 3;
	else if ((end = memmem(p, len, "\r\n.\r\n", 5)) != NULL)
		end += 5;
	if (end == NULL) /* the end may begin in the last four bytes */
		return len > 4 ? len - 4 : 0;
	c->in_text = false;
	totals->messages++;
	note(c, "message", (struct slice){ "", 0 });
	say(c, "250 2.0.0 taken\r\n");
	return (size_t)(end - p);
}

static bool
take(struct client *c)
{
	size_t at = 0;
	bool stays = true;

	while (stays) {
		const char *p = c->in + at, *end;
		size_t used;

		if (c->in_text) {
			used = take_text(c, at);
			at += used;
			if (c->in_text)
				break;
			continue;
		}
		end = memchr(p, '\n', c->in_len - at);
		if (end == NULL)
			break;
		stays = command(c, (struct slice){ p, (size_t)(end - p) });
		at += (size_t)(end - p) + 1;
	}
	memmove(c->in, c->in + at, c->in_len - at);
	c->in_len -= at;
	return stays;
}

/* ---- clients ------------------------------------------------------------- */

static void
client_end(struct client *c)
{
	(void)clock_gettime(CLOCK_REALTIME, &c->stamp);
	note(c, "close", (struct slice){ "", 0 });
	(void)close(c->fd);
	free(c);
}

static bool
send_replies(struct client *c)
{
	ssize_t n = send(c->fd, c->out, c->out_len, MSG_NOSIGNAL);
	bool all = n == (ssize_t)c->out_len; /* replies always fit */

	c->out_len = 0;
	return all;
}

static ssize_t
receive(struct client *c)
{
	union {
		struct cmsghdr align;
		char room[256];
	} control;
	struct iovec iov = { c->in + c->in_len, IN_MAX - c->in_len };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room) };
	ssize_t n = recvmsg(c->fd, &m, 0);

	(void)clock_gettime(CLOCK_REALTIME, &c->stamp);
	if (n <= 0)
		return n;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h != NULL;
	     h = CMSG_NXTHDR(&m, h))
		if (h->cmsg_level == SOL_SOCKET &&
		    h->cmsg_type == SCM_TIMESTAMPNS)
			memcpy(&c->stamp, CMSG_DATA(h), sizeof(c->stamp));
	return n;
}

static void
on_client(struct client *c)
{
	ssize_t n = receive(c);
	bool stays;

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_end(c);
		return;
	}
	c->in_len += (size_t)n;
	stays = take(c);
	if (c->out_len > 0 && !send_replies(c))
		stays = false;
	if (!stays)
		client_end(c);
}

static void
on_listener(const struct listener *l)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct epoll_event ev = { .events = EPOLLIN };
	int one = 1, fd;

	while ((fd = accept4(l->fd, (struct sockaddr *)&ss, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC)) != -1) {
		struct client *c = mem_new(struct client);
		struct net_addr addr;
		uint16_t port;

		(void)setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one,
		    sizeof(one));
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
		    sizeof(one));
		c->fd = fd;
		c->door = l;
		c->id = ++last_id;
		net_addr_from_sa((struct sockaddr *)&ss, &addr, &port);
		(void)net_addr_text(&addr, c->peer);
		(void)clock_gettime(CLOCK_REALTIME, &c->stamp);
		note(c, "connect", (struct slice){ "", 0 });
		say(c, "220 sink.example ESMTP\r\n");
		ev.data.ptr = c;
		if (!send_replies(c) ||
		    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) == -1)
			client_end(c);
		len = sizeof(ss);
	}
}

/* ---- the program --------------------------------------------------------- */

static void
add_listener(const char *text)
{
	struct listener *l = &listeners[listener_count++];
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = l };
	struct err e;

	CHECK(listener_count <= LISTEN_MAX);
	l->name = text;
	l->fd = net_listen(text, &e);
	if (l->fd == -1 || listen(l->fd, 4096) == -1 ||
	    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, l->fd, &ev) == -1)
		die(text);
}

static void
map_totals(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd == -1 || ftruncate(fd, sizeof(*totals)) == -1)
		die(path);
	totals = mmap(NULL, sizeof(*totals), PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, 0);
	if (totals == MAP_FAILED)
		die(path);
	(void)close(fd);
}

static bool
is_listener(const void *p)
{
	return (const char *)p >= (const char *)listeners &&
	    (const char *)p < (const char *)(listeners + LISTEN_MAX);
}

static void
on_signal(int signo)
{
	(void)signo;
	stopped = 1;
}

int
main(int argc, char **argv)
{
	const struct sigaction stop = { .sa_handler = on_signal };
	struct epoll_event ready[EVENTS];

	if (argc < 4)
		return 2;
	map_totals(argv[1]);
	if (strcmp(argv[2], "-") != 0) {
		log_file = fopen(argv[2], "we");
		if (log_file == NULL)
			die(argv[2]);
		(void)setvbuf(log_file, NULL, _IOFBF, 1 << 20);
	}
	(void)sigaction(SIGTERM, &stop, NULL);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	for (int i = 3; i < argc; i++)
		add_listener(argv[i]);
	while (!stopped) {
		int n = epoll_wait(epoll_fd, ready, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			if (is_listener(ready[i].data.ptr))
				on_listener(ready[i].data.ptr);
			else
				on_client(ready[i].data.ptr);
		}
	}
	if (log_file != NULL && fclose(log_file) != 0)
		die(argv[2]);
	return 0;
}

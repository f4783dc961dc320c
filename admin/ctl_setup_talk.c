/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/ctl_setup_talk.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "compat/postfix/pf_fast.h"
#include "lib/clock.h"
#include "lib/net.h"

enum {
	CONNECT_S = 5, /* until the service is there */
	AGAIN_MS = 50,
	REPLY_MS = 20000,
	LINE_MAX_LEN = 2048
};

struct talk {
	int fd;
	char in[LINE_MAX_LEN + 1];
	size_t len; /* of the last line that came */
	struct err *e;
};

/* ---- bytes ----------------------------------------------------------------- */

static bool
wait_ready(int fd, short what)
{
	struct pollfd p = { .fd = fd, .events = what };

	return poll(&p, 1, REPLY_MS) == 1;
}

/* -1: nobody listens there, or not yet. */
static int
try_connect(const struct net_addr *to, uint16_t port, struct err *e)
{
	static const struct net_addr any;
	enum net_fault fault;
	int fd = net_connect(&any, to, port, &fault, e), failed = 0;
	socklen_t len = sizeof(failed);

	if (fd == -1)
		return -1;
	if (!wait_ready(fd, POLLOUT) ||
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len) == -1)
		failed = ETIMEDOUT;
	if (failed == 0)
		return fd;
	(void)close(fd);
	errno = failed;
	return err_sys(e, "port %u", (unsigned)port);
}

static int
open_port(const char *port, struct err *e)
{
	const struct timespec pause = { .tv_nsec = AGAIN_MS * 1000000L };
	const int64_t until_us = clock_us() + CONNECT_S * US_PER_S;
	struct net_addr to;
	uint16_t n;
	int fd;

	if (!pf_fast_place(port, &to, &n))
		return err_set(e, "%s: no port", port);
	if (to.family == AF_INET && to.a[0] == 0)
		to = (struct net_addr){ AF_INET, { 127, 0, 0, 1 } };
	while ((fd = try_connect(&to, n, e)) == -1 && clock_us() < until_us)
		(void)nanosleep(&pause, NULL);
	return fd;
}

/* A line without its end; false: none came. */
static bool
read_line(struct talk *t)
{
	char c = '\0';

	for (t->len = 0; t->len < LINE_MAX_LEN && c != '\n';) {
		if (!wait_ready(t->fd, POLLIN) || recv(t->fd, &c, 1, 0) != 1)
			return false;
		if (c != '\r' && c != '\n')
			t->in[t->len++] = c;
	}
	t->in[t->len] = '\0';
	return true;
}

/* The code of a reply, of which the last line is kept; 0: none came. */
static int
read_reply(struct talk *t)
{
	int code = 0;

	do {
		if (!read_line(t) || t->len < 3)
			return 0;
	} while (t->in[3] == '-');
	for (size_t i = 0; i < 3; i++) {
		if (t->in[i] < '0' || t->in[i] > '9')
			return 0;
		code = 10 * code + (t->in[i] - '0');
	}
	return code;
}

static int
say(struct talk *t, const char *text)
{
	for (size_t done = 0, len = strlen(text); done < len;) {
		ssize_t n = -1;

		if (wait_ready(t->fd, POLLOUT))
			n = send(t->fd, text + done, len - done, MSG_NOSIGNAL);
		if (n <= 0)
			return 0;
		done += (size_t)n;
	}
	return read_reply(t);
}

/* ---- the dialogue ---------------------------------------------------------- */

static enum talk_end
fail(const struct talk *t, int code, const char *what)
{
	if (code == 0)
		(void)err_set(t->e, "the fast path: no answer to %s", what);
	else
		(void)err_set(t->e, "the fast path: %s: %s", what, t->in);
	return TALK_FAILED;
}

/*
 * smtpd connects to its proxy at MAIL.  What it says to RCPT is about who may
 * send what to whom; a lasting refusal of all of it is our own policy's.
 */
static enum talk_end
talk(struct talk *t, const struct talk_mail *m)
{
	char text[LINE_MAX_LEN];
	int code = read_reply(t);

	if (code != 220)
		return fail(t, code, "its greeting");
	code = say(t, "EHLO localhost\r\n");
	if (code != 250)
		return fail(t, code, "EHLO");
	(void)snprintf(text, sizeof(text), "MAIL FROM:<%s>\r\n", m->sender);
	code = say(t, text);
	if (code >= 500)
		return TALK_REFUSED;
	if (code != 250)
		return fail(t, code, "MAIL");
	(void)snprintf(text, sizeof(text), "RCPT TO:<%s>\r\n", m->rcpt);
	code = say(t, text);
	if (code >= 400)
		return TALK_REFUSED;
	if (code != 250)
		return fail(t, code, "RCPT");
	code = say(t, "DATA\r\n");
	if (code != 354)
		return fail(t, code, "DATA");
	(void)snprintf(text, sizeof(text), "%s.\r\n", m->text);
	code = say(t, text);
	if (code >= 500)
		return TALK_REFUSED;
	return code == 250 ? TALK_TAKEN : fail(t, code, "the message");
}

enum talk_end
ctl_setup_talk(const struct talk_mail *m, struct buf *said, struct err *e)
{
	struct talk t = { .fd = open_port(m->port, e), .e = e };
	enum talk_end end;

	if (t.fd == -1)
		return TALK_FAILED;
	end = talk(&t, m);
	if (end == TALK_REFUSED)
		buf_str(said, t.in);
	(void)say(&t, "QUIT\r\n");
	(void)close(t.fd);
	return end;
}

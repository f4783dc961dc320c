/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both ends of the control protocol.  A client of the server gets whole JSON
 * lines, one end for each line that it sent, in order, and the connection
 * goes when it does; a daemon's answer, however broken, is taken or refused
 * in words.
 *
 * The first byte picks the end that is tested.  The server knows "items"
 * (with "n"), "more" (the same as the client reads) and "fail".
 */
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/ctl_proto.h"
#include "lib/mem.h"
#include "lib/str.h"
#include "tests/unit/tmpdir.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __real_connect(int fd, const struct sockaddr *sa, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t len);

enum { OPT_CLIENT = 1, ITEMS_MAX = 50, ROUNDS_MAX = 10000 };

/* ---- the server ---------------------------------------------------------- */

static struct worker *worker;
static char path[300];
static int open_requests;

struct stream { /* an answer that is made as the client reads */
	struct ctl_request *r;
	json_int_t left;
};

static bool
more(void *ctx, struct ctl_request *r)
{
	struct stream *s = ctx;

	CHECK(s->r == r);
	if (s->left-- > 0 && !ctl_is_gone(r)) {
		ctl_item(r, json_integer(s->left));
		return true;
	}
	free(s);
	open_requests--;
	ctl_done(r, NULL);
	return false;
}

static void
serve(void *ctx, struct ctl_request *r, const char *command, const json_t *args)
{
	json_int_t n = json_integer_value(json_object_get(args, "n"));

	(void)ctx;
	n = n < 0 || n > ITEMS_MAX ? ITEMS_MAX : n;
	open_requests++;
	if (strcmp(command, "more") == 0) {
		struct stream *s = mem_new(struct stream);

		*s = (struct stream){ r, n };
		ctl_stream(r, more, s);
		return;
	}
	open_requests--;
	if (strcmp(command, "items") == 0) {
		for (; n > 0; n--)
			ctl_item(r, ctl_string(command));
		ctl_done(r, json_pack("{s:s}", "command", command));
	} else {
		ctl_fail(r, "no such command: %s", command);
	}
}

static int
dial(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	CHECK(fd != -1 && strlen(path) < sizeof(un.sun_path));
	memcpy(un.sun_path, path, strlen(path));
	CHECK(__real_connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0);
	return fd;
}

/* True: the server has closed. */
static bool
pump(int fd, struct buf *got)
{
	static char piece[65536];
	int quiet = 0;
	ssize_t n = -1;

	for (int i = 0; quiet < 2 && n != 0; i++) {
		CHECK(i < ROUNDS_MAX);
		(void)event_base_loop(worker_base(worker), EVLOOP_NONBLOCK);
		n = read(fd, piece, sizeof(piece));
		quiet = n > 0 ? 0 : quiet + 1;
		if (n > 0)
			buf_add(got, piece, (size_t)n);
	}
	return n == 0;
}

/* Each line an object; how many of them end an answer. */
static size_t
count_ends(const struct buf *got)
{
	size_t ends = 0, at = 0;

	while (at < got->len) {
		const char *p = got->p + at;
		const char *nl = memchr(p, '\n', got->len - at);
		json_error_t why;
		json_t *line;

		CHECK(nl != NULL);
		line = json_loadb(p, (size_t)(nl - p), 0, &why);
		CHECK(json_is_object(line));
		ends += json_object_get(line, "item") == NULL;
		json_decref(line);
		at += (size_t)(nl - p) + 1;
	}
	return ends;
}

static void
test_server(const char *p, size_t len)
{
	struct buf got = { 0 };
	size_t lines = 0, sent = 0;
	bool closed = false;
	int fd = dial();

	for (size_t i = 0; i < len; i++)
		lines += p[i] == '\n';
	while (sent < len && !closed) {
		ssize_t n = send(fd, p + sent, len - sent, MSG_NOSIGNAL);

		sent += n > 0 ? (size_t)n : 0;
		closed = pump(fd, &got);
	}
	closed = pump(fd, &got) || closed;
	CHECK(!closed && open_requests == 0);
	CHECK(count_ends(&got) == lines);
	(void)close(fd);
	(void)event_base_loop(worker_base(worker), EVLOOP_NONBLOCK);
	buf_fini(&got);
}

/* ---- the client ---------------------------------------------------------- */

static struct slice answer; /* of the daemon, when the client connects */

/* The socket is put in place of one on which the answer waits already. */
int
__wrap_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	int pair[2];

	(void)sa;
	(void)len;
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	CHECK(send(pair[1], answer.p, answer.len,
		  MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)answer.len);
	CHECK(shutdown(pair[1], SHUT_WR) == 0);
	CHECK(dup2(pair[0], fd) == fd);
	(void)close(pair[0]);
	answer.len = (size_t)pair[1]; /* to be closed */
	return 0;
}

static void
on_item(void *ctx, const json_t *item)
{
	CHECK(item != NULL);
	++*(size_t *)ctx;
}

static void
test_client(const char *p, size_t len)
{
	json_t *request = json_pack("{s:s}", "command", "show status");
	size_t items = 0, lines = 0;
	struct err e = { .text = "" };
	json_t *done;

	for (size_t i = 0; i < len; i++)
		lines += p[i] == '\n';
	answer = (struct slice){ p, len };
	if (ctl_call("/nowhere", request, on_item, &items, &done, &e) == 0)
		CHECK(json_is_object(done));
	else
		CHECK(e.text[0] != '\0');
	CHECK(items <= lines);
	(void)close((int)answer.len);
	json_decref(done);
	json_decref(request);
}

/* -------------------------------------------------------------------------- */

static void
start(void)
{
	static struct ctl_server *server;
	struct err e;

	if (worker != NULL)
		return;
	(void)signal(SIGPIPE, SIG_IGN);
	(void)setenv("TMPDIR", "/dev/shm", 0);
	(void)tmpdir_make();
	CHECK(atexit(tmpdir_remove) == 0);
	(void)snprintf(path, sizeof(path), "%s/ctl", tmpdir);
	worker = worker_new("fuzz", &e);
	CHECK(worker != NULL);
	CHECK(ctl_server_new(worker,
		  &(struct ctl_server_options){ .path = path, .fn = serve },
		  &server, &e) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	start();
	if ((data[0] & OPT_CLIENT) != 0)
		test_client((const char *)data + 1, size - 1);
	else
		test_server((const char *)data + 1, size - 1);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes behind a request arrive whole on another thread, or that thread hears
 * that they did not; the client gets its answer in any case.
 */
#include "lib/ctl_upload.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/ctl_proto.h"
#include "lib/flag.h"
#include "lib/str.h"
#include "lib/worker.h"
#include "tests/tap.h"

enum { WHOLE = 3 * CTL_UPLOAD_FRAME + 77 };

static struct worker *server, *reader;
static char path[64];
static int stop_fd;

/* One request: read on `reader`, answered on `server`. */
struct taking {
	struct post post;
	struct ctl_request *request;
	struct ctl_upload upload;
	size_t most; /* no more is read */
	size_t len;
	uint64_t sum;
	int error; /* errno of the last read, or 0 */
};

static struct flag failed; /* the last one was */
static struct flag begun;

static void
answer(struct post *p)
{
	struct taking *t = post_owner(p, struct taking, post);

	(void)close(t->upload.fd);
	if (t->error != 0) {
		flag_raise(&failed);
		ctl_fail(t->request, "%s", strerrorname_np(t->error));
	} else {
		ctl_done(t->request,
		    json_pack("{s:I,s:I}", "len", (json_int_t)t->len, "sum",
			(json_int_t)t->sum));
	}
	free(t);
}

static void
read_all(struct post *p)
{
	struct taking *t = post_owner(p, struct taking, post);
	unsigned char bytes[1000];
	ssize_t n = 1;

	while (n > 0 && t->len < t->most) {
		n = ctl_upload_read(&t->upload, bytes, sizeof(bytes));
		t->error = n == -1 ? errno : 0;
		for (ssize_t i = 0; i < n; i++)
			t->sum += bytes[i] * (uint64_t)(++t->len % 251);
	}
	t->post.fn = answer;
	worker_post(server, &t->post);
}

static void
serve(void *ctx, struct ctl_request *r, const char *command, const json_t *args)
{
	struct taking *t;
	struct err e;
	int fd = ctl_upload(r, &e);

	(void)ctx;
	(void)args;
	if (fd == -1) {
		ctl_fail(r, "%s", e.text);
		return;
	}
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return;
	t->request = r;
	t->upload = (struct ctl_upload){ .fd = fd, .stop_fd = stop_fd };
	t->most = strcmp(command, "taste") == 0 ? 10 : SIZE_MAX;
	t->post.fn = read_all;
	flag_raise(&begun);
	ctl_item(r, json_string("go"));
	worker_post(reader, &t->post);
}

/* ---- the client ---------------------------------------------------------- */

struct source {
	size_t at, len, piece;
	int error; /* at the end */
	int items;
	uint64_t sum;
};

static ssize_t
give(void *ctx, void *p, size_t len)
{
	struct source *s = ctx;
	unsigned char *out = p;
	size_t n = s->len - s->at;

	n = n < len ? n : len;
	n = n < s->piece ? n : s->piece;
	if (n == 0 && s->error != 0) {
		errno = s->error;
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		out[i] = (unsigned char)(s->at * 7 + 3);
		s->sum += out[i] * (uint64_t)(++s->at % 251);
	}
	return (ssize_t)n;
}

static void
on_item(void *ctx, const json_t *item)
{
	struct source *s = ctx;

	s->items += strcmp(json_string_value(item), "go") == 0;
}

static int
send_it(const char *command, struct source *s, json_t **done_r, struct err *e)
{
	const struct ctl_client c = { .path = path,
		.item = on_item,
		.read = give,
		.ctx = s };
	json_t *request = json_pack("{s:s}", "command", command);
	int rc = ctl_send(&c, request, done_r, e);

	json_decref(request);
	return rc;
}

static const struct {
	const char *label;
	size_t len, piece;
} cases[] = {
	{ "nothing", 0, 1 },
	{ "a byte", 1, 1 },
	{ "in small pieces", 5000, 3 },
	{ "several frames", WHOLE, SIZE_MAX },
};

static void
test_whole(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct source s = { .len = cases[i].len,
			.piece = cases[i].piece };
		struct err e = { "" };
		json_t *done;

		ok(send_it("take", &s, &done, &e) == 0, "%s %s", cases[i].label,
		    e.text);
		is_int(json_integer_value(json_object_get(done, "len")),
		    (int64_t)cases[i].len, "all of it");
		is_int(json_integer_value(json_object_get(done, "sum")),
		    (int64_t)s.sum, "as it was");
		is_int(s.items, 1, "an item came meanwhile");
		json_decref(done);
	}
}

static bool
wait_flag(struct flag *f)
{
	for (int i = 0; i < 500; i++) {
		if (flag_take(f))
			return true;
		(void)usleep(10000);
	}
	return false;
}

static void
test_ends(void)
{
	struct source much = { .len = (size_t)64 << 20, .piece = SIZE_MAX };
	struct source broken = { .len = 10, .piece = 5, .error = EIO };
	struct source none = { .len = 0 };
	struct err e;
	json_t *done;

	ok(send_it("taste", &much, &done, &e) == 0,
	    "an answer before all was taken is read");
	ok(much.at < much.len, "and the rest is not sent");
	json_decref(done);
	(void)flag_take(&failed);
	is_int(send_it("take", &broken, &done, &e), -1, "a source that fails");
	is_str(e.text, "reading what is to be sent: Input/output error",
	    "is told");
	ok(wait_flag(&failed), "and is no end for the daemon");
	json_decref(done);
	is_int(send_it("take", &none, &done, &e), 0, "another one works");
	json_decref(done);
}

static int
dial(const char *text)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0 &&
	    send(fd, text, strlen(text), 0) == (ssize_t)strlen(text))
		return fd;
	(void)close(fd);
	return -1;
}

/* Its lines up to the end of the connection. */
static void
hear(int fd, char *out, size_t cap)
{
	size_t len = 0;
	ssize_t n;

	while ((n = recv(fd, out + len, cap - 1 - len, 0)) > 0)
		len += (size_t)n;
	out[len] = '\0';
	(void)close(fd);
}

/* Its first line, of a connection that goes on. */
static void
hear_line(int fd, char *out, size_t cap)
{
	size_t len = 0;

	while (len < cap - 1 && (len == 0 || out[len - 1] != '\n') &&
	    recv(fd, out + len, 1, 0) == 1)
		len++;
	out[len] = '\0';
	(void)close(fd);
}

static void
test_stop(void)
{
	uint64_t one = 1;
	char text[256];
	int fd;

	(void)flag_take(&begun);
	fd = dial("{\"command\":\"take\"}\n");
	ok(fd != -1 && wait_flag(&begun), "a client that sends nothing");
	ok(write(stop_fd, &one, sizeof(one)) == sizeof(one), "is stopped");
	hear(fd, text, sizeof(text));
	is_str(text,
	    "{\"send\":true}\n{\"item\":\"go\"}\n{\"error\":\"ECANCELED\"}\n",
	    "it hears so, and the connection ends");
	ok(read(stop_fd, &one, sizeof(one)) == sizeof(one), "that is over");
	fd = dial("{\"command\":\"take\"}\nxxxx");
	hear_line(fd, text, sizeof(text));
	ok(strstr(text, "it sent more before it was asked to") != NULL,
	    "who does not wait is refused: %s", text);
}

int
main(void)
{
	char dir[] = "/tmp/mailrace-upload-XXXXXX";
	const struct ctl_server_options opt = { .path = path,
		.group = "",
		.fn = serve };
	struct ctl_server *s;
	struct err e;

	(void)signal(SIGPIPE, SIG_IGN);
	if (mkdtemp(dir) == NULL)
		return 1;
	(void)snprintf(path, sizeof(path), "%s/sock", dir);
	stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	server = worker_new("control", &e);
	reader = worker_new("reader", &e);
	ok(ctl_server_new(server, &opt, &s, &e) == 0, "listens");
	ok(worker_start(server, &e) == 0 && worker_start(reader, &e) == 0,
	    "starts");
	test_whole();
	test_ends();
	test_stop();
	worker_stop(reader);
	worker_join(reader);
	worker_stop(server);
	worker_join(server);
	ctl_server_free(&s);
	worker_free(&reader);
	worker_free(&server);
	(void)close(stop_fd);
	ok(rmdir(dir) == 0, "the socket was removed");
	return done_testing();
}

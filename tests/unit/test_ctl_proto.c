/* SPDX-License-Identifier: Apache-2.0 */
/* A request over the control socket is answered, whatever the peer sends. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/ctl_proto.h"
#include "lib/flag.h"
#include "lib/worker.h"
#include "tests/tap.h"

static int items;
static int made;             /* of a long answer, on the server's thread */
static struct flag finished; /* that answer was ended by its maker */

static struct worker *server;

struct answer {
	struct post post;
	struct ctl_request *r;
	int left;
	bool paused;
};

static void on_pause(struct post *p);

/* As many as are asked for, each of 1000 bytes; a rest before each 100th. */
static bool
make_more(void *ctx, struct ctl_request *r)
{
	char text[1001];
	struct answer *a = ctx;

	if (a->left % 100 == 0 && !a->paused) {
		a->paused = true;
		a->r = r;
		a->post.fn = on_pause;
		ctl_pause(r);
		worker_post(server, &a->post);
		return false;
	}
	a->paused = false;
	if (a->left == 0 || ctl_is_gone(r)) {
		free(a);
		flag_raise(&finished);
		ctl_done(r, NULL);
		return false;
	}
	a->left--;
	made++;
	memset(text, 'x', 1000);
	text[1000] = '\0';
	ctl_item(r, ctl_string(text));
	return true;
}

static void
on_pause(struct post *p)
{
	struct answer *a = post_owner(p, struct answer, post);

	ctl_stream(a->r, make_more, a);
}

static struct ctl_request *held; /* answered when the test says so */
static struct flag holding;

static void
serve(void *ctx, struct ctl_request *r, const char *command, const json_t *args)
{
	json_int_t n = json_integer_value(json_object_get(args, "n"));
	struct answer *a;

	(void)ctx;
	if (strcmp(command, "hold") == 0) {
		held = r;
		flag_raise(&holding);
		return;
	}
	if (strcmp(command, "stream") == 0) {
		a = calloc(1, sizeof(*a));
		if (a == NULL)
			return;
		a->left = (int)n;
		ctl_stream(r, make_more, a);
		return;
	}
	if (strcmp(command, "count") != 0) {
		ctl_fail(r, "unknown command \"%s\"", command);
		return;
	}
	for (int i = 0; i < n; i++)
		ctl_item(r, json_integer(i));
	ctl_done(r, json_pack("{s:s}", "text", "counted"));
}

static void
on_item(void *ctx, const json_t *item)
{
	(void)ctx;
	if (json_integer_value(item) == items)
		items++;
}

static void
count_item(void *ctx, const json_t *item)
{
	*(int *)ctx += json_string_length(item) == 1000;
}

/* Asks for much and never reads; returns the socket. */
static int
ask_and_hang(const char *path)
{
	static const char text[] = "{\"command\":\"stream\",\"n\":100000}\n";
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	ok(connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0 &&
		send(fd, text, sizeof(text) - 1, 0) == sizeof(text) - 1,
	    "a client asks for 100 MB and does not read");
	return fd;
}

static void
test_stream(const char *path)
{
	json_t *request, *done;
	int hung, got = 0;
	bool ended = false;
	struct err e;

	request = json_pack("{s:s,s:i}", "command", "stream", "n", 3000);
	hung = ask_and_hang(path);
	ok(ctl_call(path, request, count_item, &got, &done, &e) == 0,
	    "another is answered all the same");
	is_int(got, 3000, "with all items");
	ok(made < 3000 + 5000, "only as much was made as fits: %d", made);
	json_decref(done);
	json_decref(request);
	(void)flag_take(&finished); /* the other one's */
	(void)close(hung);
	for (int i = 0; i < 500 && !ended; i++) {
		(void)usleep(10000);
		ended = flag_take(&finished);
	}
	ok(ended, "it vanishes: its answer is ended");
}

static const struct {
	const char *label, *text, *json;
} texts[] = {
	{ "plain", "550 no", "550 no" },
	{ "UTF-8", "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
	{ "Latin-1",
	    "gr\xfc\xdf"
	    "e",
	    "gr\xef\xbf\xbd\xef\xbf\xbd"
	    "e" },
	{ "an overlong NUL", "\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd" },
	{ "a surrogate", "\xed\xa0\x80",
	    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ "cut in the middle", "\xf0\x9f\x98",
	    "\xef\xbf\xbd\xef\xbf\xbd"
	    "\xef\xbf\xbd" },
	{ "beyond Unicode", "\xf5\x80", "\xef\xbf\xbd\xef\xbf\xbd" },
	{ "an emoji", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
};

static void
test_texts(void)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_t *s = ctl_string(texts[i].text);

		is_str(json_string_value(s), texts[i].json, texts[i].label);
		json_decref(s);
	}
}

/* A line that is no JSON, sent raw. */
static void
send_garbage(const char *path, char *answer, size_t cap)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ssize_t n;

	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	answer[0] = '\0';
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0 &&
	    send(fd, "}{\n", 3, 0) == 3) {
		n = recv(fd, answer, cap - 1, 0);
		answer[n < 0 ? 0 : n] = '\0';
	}
	(void)close(fd);
}

static int
ask(const char *path, const char *text)
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

/* ---- answers that no daemon of ours gives -------------------------------- */

static const struct {
	const char *label, *answer;
	int rc;
	const char *why;
} answers[] = {
	{ "done", "{\"done\":true}\n", 0, "" },
	{ "an item, then done", "{\"item\":1}\n{\"done\":true}\n", 0, "" },
	{ "refused without a word", "{\"error\":\"\"}\n", -1,
	    "the daemon refused and did not say why" },
	{ "refused by a number", "{\"error\":5}\n", -1,
	    "the daemon refused and did not say why" },
	{ "neither item nor end", "{}\n", -1,
	    "the answer has a line of no known kind" },
	{ "not quite done", "{\"done\":false}\n", -1,
	    "the answer has a line of no known kind" },
	{ "an array", "[]\n", -1, "the answer has a line of no known kind" },
	{ "no JSON", "}{\n", -1,
	    "the answer is not JSON: '[' or '{' expected near '}'" },
	{ "cut short", "{\"done\":true}", -1,
	    "the daemon closed the connection without an answer" },
};

/* A stranger on the other end, on the server's thread. */
struct stranger {
	struct post post;
	int fd; /* listens */
	const char *answer;
};

static void
on_stranger(struct post *p)
{
	struct stranger *s = post_owner(p, struct stranger, post);
	int fd = accept(s->fd, NULL, NULL);
	char request[256];

	if (recv(fd, request, sizeof(request), 0) > 0)
		(void)send(fd, s->answer, strlen(s->answer), MSG_NOSIGNAL);
	(void)close(fd);
}

static void
test_answers(const char *path, struct worker *w)
{
	json_t *request = json_pack("{s:s}", "command", "show status"), *done;
	struct stranger s = { .fd = socket(AF_UNIX, SOCK_STREAM, 0) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct err e;

	s.post.fn = on_stranger;
	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	ok(bind(s.fd, (struct sockaddr *)&un, sizeof(un)) == 0 &&
		listen(s.fd, 1) == 0,
	    "a stranger listens");
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		e.text[0] = '\0';
		s.answer = answers[i].answer;
		worker_post(w, &s.post);
		is_int(ctl_call(path, request, NULL, NULL, &done, &e),
		    answers[i].rc, answers[i].label);
		is_str(e.text, answers[i].why, answers[i].label);
		json_decref(done);
	}
	json_decref(request);
	(void)close(s.fd);
	(void)unlink(path);
}

/* What the server is told to do on its own thread. */
struct order {
	struct post post;
	struct ctl_server *server;
	struct flag done;
};

static void
on_drain(struct post *p)
{
	struct order *o = post_owner(p, struct order, post);

	ctl_server_drain(o->server);
	flag_raise(&o->done);
}

static void
on_release(struct post *p)
{
	struct order *o = post_owner(p, struct order, post);

	ctl_done(held, NULL);
	flag_raise(&o->done);
}

/* Reads until the server closes; the answer must have come before. */
static void
is_answered(int fd, const char *label)
{
	char text[256];
	size_t len = 0;
	ssize_t n;

	while ((n = recv(fd, text + len, sizeof(text) - 1 - len, 0)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	is_str(text, "{\"done\":true}\n", label);
	(void)close(fd);
}

static void
test_crowd(const char *path)
{
	int fds[CTL_CONNS_MAX + 1], good = 0;
	json_t *request = json_pack("{s:s,s:i}", "command", "count", "n", 0);
	json_t *done;
	struct err e;

	for (int i = 0; i <= CTL_CONNS_MAX; i++) {
		fds[i] = ask(path, "");
		good += fds[i] != -1;
	}
	is_int(good, CTL_CONNS_MAX + 1, "clients that say nothing");
	ok(ctl_call(path, request, NULL, NULL, &done, &e) == 0,
	    "do not keep out one that has something to say");
	json_decref(done);
	json_decref(request);
	for (int i = 0; i <= CTL_CONNS_MAX; i++)
		(void)close(fds[i]);
}

static void
test_drain(const char *path, struct worker *w, struct ctl_server *s)
{
	int fd = ask(path, "{\"command\":\"hold\"}\n"), idle = ask(path, "");
	struct order drain = { .post.fn = on_drain, .server = s };
	struct order release = { .post.fn = on_release, .server = s };
	char byte;

	ok(fd != -1 && idle != -1 && wait_flag(&holding), "a request waits");
	worker_post(w, &drain.post);
	ok(wait_flag(&drain.done), "the server is to end");
	is_int(recv(idle, &byte, 1, 0), 0, "an idle client is sent away");
	(void)close(idle);
	is_int(ask(path, ""), -1, "nobody is let in any more");
	ok(!ctl_server_is_drained(s), "but it has not ended");
	worker_post(w, &release.post);
	ok(wait_flag(&release.done), "the request ends");
	is_answered(fd, "its answer arrives");
}

int
main(void)
{
	char dir[] = "/tmp/mailrace-ctl-XXXXXX";
	char path[64], stranger[64], answer[256];
	const struct ctl_server_options opt = { .path = path,
		.group = "",
		.fn = serve };
	struct ctl_server *s;
	struct worker *w;
	json_t *request, *done;
	struct err e;

	(void)signal(SIGPIPE, SIG_IGN); /* as the daemons do */
	if (mkdtemp(dir) == NULL)
		return 1;
	(void)snprintf(path, sizeof(path), "%s/sock", dir);
	(void)snprintf(stranger, sizeof(stranger), "%s/stranger", dir);
	w = server = worker_new("control", &e);
	ok(ctl_server_new(w, &opt, &s, &e) == 0, "listens");
	ok(worker_start(w, &e) == 0, "starts");

	request = json_pack("{s:s,s:i}", "command", "count", "n", 5000);
	ok(ctl_call(path, request, on_item, NULL, &done, &e) == 0, "a call");
	is_int(items, 5000, "all items, in order");
	is_str(json_string_value(json_object_get(done, "text")), "counted",
	    "and the final fields");
	json_decref(done);
	json_decref(request);

	request = json_pack("{s:s}", "command", "fly");
	is_int(ctl_call(path, request, NULL, NULL, &done, &e), -1, "refused");
	is_str(e.text, "unknown command \"fly\"", "with the server's words");
	ok(done != NULL, "and it is an answer");
	json_decref(done);
	json_decref(request);

	test_stream(path);
	test_texts();
	send_garbage(path, answer, sizeof(answer));
	is_str(answer, "{\"error\":\"the request has no command\"}\n",
	    "garbage is answered");
	test_answers(stranger, w);
	test_crowd(path);
	test_drain(path, w, s);

	worker_stop(w);
	worker_join(w);
	ok(ctl_server_is_drained(s), "now it has ended");
	ctl_server_free(&s);
	worker_free(&w);
	request = json_pack("{s:s}", "command", "count");
	is_int(ctl_call(path, request, NULL, NULL, &done, &e), -1,
	    "nobody there: an error");
	ok(done == NULL, "and no answer");
	json_decref(request);
	ok(rmdir(dir) == 0, "the socket was removed");
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A request over the control socket is answered, whatever the peer sends. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/ctl_proto.h"
#include "tests/tap.h"

static int items;

static void
serve(void *ctx, struct ctl_request *r, const char *command, const json_t *args)
{
	(void)ctx;
	if (strcmp(command, "count") != 0) {
		ctl_fail(r, "unknown command \"%s\"", command);
		return;
	}
	for (int i = 0; i < json_integer_value(json_object_get(args, "n")); i++)
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

int
main(void)
{
	char dir[] = "/tmp/mailrace-ctl-XXXXXX";
	char path[64], answer[256];
	const struct ctl_server_options opt = { .path = path,
		.group = "",
		.fn = serve };
	struct ctl_server *s;
	struct worker *w;
	json_t *request, *done;
	struct err e;

	if (mkdtemp(dir) == NULL)
		return 1;
	(void)snprintf(path, sizeof(path), "%s/sock", dir);
	w = worker_new("control", &e);
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
	json_decref(request);

	send_garbage(path, answer, sizeof(answer));
	is_str(answer, "{\"error\":\"the request has no command\"}\n",
	    "garbage is answered");

	worker_stop(w);
	worker_join(w);
	ctl_server_free(&s);
	worker_free(&w);
	request = json_pack("{s:s}", "command", "count");
	is_int(ctl_call(path, request, NULL, NULL, &done, &e), -1,
	    "nobody there: an error");
	json_decref(request);
	ok(rmdir(dir) == 0, "the socket was removed");
	return done_testing();
}

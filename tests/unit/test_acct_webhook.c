/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A webhook gets each finished file as a batch whose id stays the same however
 * often it is sent, in smaller parts if it wants them smaller; and nothing
 * counts as taken that it did not take.
 */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "lib/http_post.h"
#include "lib/mem.h"
#include "tests/tap.h"
#include "tests/unit/loop.h"
#include "tests/unit/tmpdir.h"
#include "transport/acct_sender.h"
#include "vmta/acct_target.h"

#define HEADER "type,x\r\n"

static struct worker *worker;
static struct http_client *client;
static struct evhttp *server;
static char url[100];

/* What the server does, and what it was sent: "BATCH RECORDS STATUS\n" each. */
static struct {
	int fail, status; /* so many requests get this status */
	size_t max;       /* 413 above it; 0: none */
	char log[4000];
	struct buf rows; /* of what was taken, without header lines */
	char type[100], key[100], extra[100], agent[100];
	bool headed; /* each had its header line */
	bool hold;   /* the next request is not answered */
	struct evhttp_request *held;
} got;

static const char *
header(struct evhttp_request *req, const char *name)
{
	const char *v = evhttp_find_header(
	    evhttp_request_get_input_headers(req), name);

	return v == NULL ? "" : v;
}

static void
take_rows(struct evbuffer *in)
{
	size_t len = evbuffer_get_length(in), head = strlen(HEADER);
	char *p = (char *)evbuffer_pullup(in, -1);

	if (strcmp(got.type, "text/csv") != 0)
		head = 0;
	else if (len < head || memcmp(p, HEADER, head) != 0)
		got.headed = false;
	buf_add(&got.rows, p + head, len - head);
}

static void
on_request(struct evhttp_request *req, void *arg)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(req);
	size_t len = strlen(got.log);
	int status = 204;

	(void)arg;
	(void)snprintf(got.type, 100, "%s", header(req, "Content-Type"));
	(void)snprintf(got.key, 100, "%s", header(req, "Idempotency-Key"));
	(void)snprintf(got.extra, 100, "%s", header(req, "X-Token"));
	(void)snprintf(got.agent, 100, "%s", header(req, "User-Agent"));
	if (got.max > 0 && evbuffer_get_length(in) > got.max)
		status = 413;
	if (got.fail > 0) {
		got.fail--;
		status = got.status;
	}
	if (status == 204)
		take_rows(in);
	(void)snprintf(got.log + len, sizeof(got.log) - len, "%s %s %d\n",
	    header(req, "X-Mailrace-Batch"), header(req, "X-Mailrace-Records"),
	    status);
	if (got.hold)
		got.held = req;
	else
		evhttp_send_reply(req, status, "Text", NULL);
	got.hold = false;
}

static void
start_server(void)
{
	struct evhttp_bound_socket *bound;
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);

	server = evhttp_new(worker_base(worker));
	bound = evhttp_bind_socket_with_handle(server, "127.0.0.1", 0);
	if (bound == NULL ||
	    getsockname(evhttp_bound_socket_get_fd(bound),
		(struct sockaddr *)&sin, &len) == -1)
		exit(99);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/hook",
	    ntohs(sin.sin_port));
	evhttp_set_gencb(server, on_request, NULL);
}

/* ---- a case -------------------------------------------------------------- */

static struct acct_header extras[] = { { "X-Token", "secret" } };
static struct acct_webhook hook = { .url = url,
	.headers = extras,
	.header_count = 1 };

static struct {
	char folder[500];
	struct acct_conf conf;
	struct acct_feed *feed;
	struct acct_sender *sender;
	unsigned number;
	struct buf rows; /* that were written */
	struct acct_place taken;
	bool ended, well;
	char said[300];
} t;

static void
on_taken(void *ctx, struct acct_place upto)
{
	(void)ctx;
	t.taken = upto;
	acct_feed_taken(t.feed, upto);
}

static void
on_said(void *ctx, const char *error)
{
	(void)ctx;
	t.well = error == NULL;
	if (error != NULL)
		(void)snprintf(t.said, sizeof(t.said), "%s", error);
}

static void
on_ended(void *ctx)
{
	(void)ctx;
	t.ended = true;
}

static const struct acct_sender_owner owner = { .taken = on_taken,
	.said = on_said,
	.ended = on_ended };

static void
begin(const char *name)
{
	struct acct_sender_env env = { .worker = worker,
		.http = client,
		.conf = &t.conf,
		.owner = &owner,
		.name = "7c1f09a2-0123456789abcdef" };

	memset(&t, 0, sizeof(t));
	buf_fini(&got.rows);
	memset(&got, 0, sizeof(got));
	got.headed = true;
	(void)snprintf(t.folder, sizeof(t.folder), "%s", tmpdir_path(name));
	if (mkdir(t.folder, 0700) == -1)
		exit(99);
	t.conf.path = "/test/hook.csv";
	t.conf.webhook = &hook;
	t.conf.webhook_encoding = "identity";
	t.conf.webhook_connect_us = t.conf.webhook_io_us = 5 * US_PER_S;
	t.conf.retry_interval_us = 100 * US_PER_MS;
	t.feed = acct_feed_new(t.folder, (struct acct_place){ 1, 0 });
	env.feed = t.feed;
	t.sender = acct_webhook_new(&env);
}

/* A finished file of so many rows, of 10 to 19 bytes. */
static void
add_file(const char *suffix, unsigned count)
{
	struct buf text = { 0 };
	char path[600];
	FILE *f;

	if (strcmp(suffix, "csv") == 0)
		buf_str(&text, HEADER);
	for (unsigned i = 0; i < count; i++) {
		size_t before = text.len;

		buf_printf(&text, "d,%0*u\r\n", (int)(6 + i % 10), i);
		buf_add(&t.rows, text.p + before, text.len - before);
	}
	(void)snprintf(path, sizeof(path), "%s/%08u.%s", t.folder, ++t.number,
	    suffix);
	f = fopen(path, "w");
	if (f == NULL || fwrite(text.p, 1, text.len, f) != text.len ||
	    fclose(f) != 0)
		exit(99);
	buf_fini(&text);
	acct_feed_grown(t.feed, t.number + 1, 0);
	t.sender->more(t.sender);
}

static bool
all_taken(const void *unused)
{
	(void)unused;
	return t.taken.number == t.number + 1 && t.taken.offset == 0;
}

static void
end(void)
{
	t.sender->free(t.sender);
	acct_feed_free(&t.feed);
	buf_fini(&t.rows);
}

static void
arrives(const char *what)
{
	ok(loop_until(worker, all_taken, NULL), "%s: all counts as taken",
	    what);
	(void)ok(got.rows.len == t.rows.len &&
		memcmp(got.rows.p, t.rows.p, t.rows.len) == 0 && got.headed,
	    "each row came once, in order, below its header line");
}

/* ---- cases --------------------------------------------------------------- */

static void
batches(void)
{
	begin("batches");
	add_file("csv", 5);
	arrives("a batch");
	add_file("csv", 7);
	add_file("csv", 1);
	arrives("two more");
	(void)is_str(got.log,
	    "7c1f09a2-0123456789abcdef-00000001 5 204\n"
	    "7c1f09a2-0123456789abcdef-00000002 7 204\n"
	    "7c1f09a2-0123456789abcdef-00000003 1 204\n",
	    "with their ids and numbers of records");
	(void)is_str(got.type, "text/csv", "their type");
	(void)is_str(got.key, "7c1f09a2-0123456789abcdef-00000003",
	    "the same id as a key");
	(void)is_str(got.extra, "secret", "with the operator's header fields");
	(void)is_str(got.agent, "Mailrace/" PACKAGE_VERSION, "and who sends");
	(void)is_str(t.said, "", "nothing was wrong");
	add_file("json", 2);
	arrives("JSON lines");
	(void)is_str(got.type, "application/x-ndjson", "their type");
	end();
}

static void
failures(void)
{
	begin("failures");
	got.fail = 3;
	got.status = 500;
	add_file("csv", 3);
	add_file("csv", 2);
	arrives("after three failures");
	(void)is_str(got.log,
	    "7c1f09a2-0123456789abcdef-00000001 3 500\n"
	    "7c1f09a2-0123456789abcdef-00000001 3 500\n"
	    "7c1f09a2-0123456789abcdef-00000001 3 500\n"
	    "7c1f09a2-0123456789abcdef-00000001 3 204\n"
	    "7c1f09a2-0123456789abcdef-00000002 2 204\n",
	    "the same batch again, in order");
	(void)is_str(t.said, "the server answered 500", "it was said why");
	ok(t.well, "and that it is well again");
	end();

	begin("elsewhere");
	got.fail = 1;
	got.status = 302;
	add_file("csv", 3);
	arrives("after a redirection, which is not followed");
	(void)is_str(t.said, "the server answered 302", "it was said");
	end();
}

/* Of the server's log. */
static const char *
first_lines(int count)
{
	char *p = got.log;

	while (count-- > 0 && strchr(p, '\n') != NULL)
		p = strchr(p, '\n') + 1;
	*p = '\0';
	return got.log;
}

static bool
has_said_413(const void *unused)
{
	(void)unused;
	return strcmp(t.said, "the server answered 413") == 0;
}

static void
too_large(void)
{
	begin("large");
	got.max = 1000;
	add_file("csv", 300); /* 4,350 bytes */
	arrives("in parts");
	(void)is_str(first_lines(4),
	    "7c1f09a2-0123456789abcdef-00000001 300 413\n"
	    "7c1f09a2-0123456789abcdef-00000001-8-2175 150 413\n"
	    "7c1f09a2-0123456789abcdef-00000001-8-1075 75 413\n"
	    "7c1f09a2-0123456789abcdef-00000001-8-526 37 204\n",
	    "half as much each time");
	(void)is_str(t.said, "", "nothing was wrong");
	got.log[0] = '\0';
	add_file("csv", 10);
	arrives("the next");
	(void)is_str(got.log, "7c1f09a2-0123456789abcdef-00000002 10 204\n",
	    "is whole again");
	got.max = 10;
	got.log[0] = '\0';
	add_file("csv", 3);
	ok(loop_until(worker, has_said_413, NULL) && t.taken.number == 3,
	    "a record that is too large by itself is not given up, but said");
	got.max = 0;
	arrives("when the server takes it");
	end();
}

/* A crash between the answer and what it changes here: all is as before. */
static void
same_id_after_a_start(void)
{
	struct acct_sender_env env = { .worker = worker,
		.http = client,
		.conf = &t.conf,
		.owner = &owner,
		.name = "7c1f09a2-0123456789abcdef" };

	begin("again");
	add_file("csv", 3);
	arrives("a batch");
	t.sender->free(t.sender);
	acct_feed_free(&t.feed);
	t.feed = env.feed = acct_feed_new(t.folder,
	    (struct acct_place){ 1, 0 });
	acct_feed_grown(t.feed, 2, 0);
	t.taken.number = 0;
	t.sender = acct_webhook_new(&env);
	ok(loop_until(worker, all_taken, NULL), "it is sent again");
	(void)is_str(got.log,
	    "7c1f09a2-0123456789abcdef-00000001 3 204\n"
	    "7c1f09a2-0123456789abcdef-00000001 3 204\n",
	    "with the same id");
	end();
}

static bool
is_held(const void *unused)
{
	(void)unused;
	return got.held != NULL;
}

static void
endings(void)
{
	begin("endings");
	got.hold = true;
	add_file("csv", 3);
	ok(loop_until(worker, is_held, NULL), "a batch is under way");
	t.sender->finish(t.sender);
	add_file("csv", 3);
	ok(!t.ended, "it is not ended before the answer");
	evhttp_send_reply(got.held, 204, "Text", NULL);
	ok(loop_until(worker, loop_flag, &t.ended), "but with it");
	is_int((int64_t)t.taken.number, 2, "and nothing else was begun");
	end();
	begin("idle");
	t.sender->finish(t.sender);
	ok(t.ended, "at once if nothing is under way");
	end();
	begin("cut");
	got.hold = true;
	add_file("csv", 3);
	ok(loop_until(worker, is_held, NULL), "a batch is under way");
	end();
	is_int((int64_t)t.taken.number, 0, "what is cut off does not count");
	evhttp_send_reply(got.held, 204, "Text", NULL);
}

int
main(void)
{
	struct err e;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)tmpdir_make();
	worker = worker_new("test", &e);
	client = http_client_new(worker);
	start_server();
	batches();
	failures();
	too_large();
	same_id_after_a_start();
	endings();
	http_client_free(&client);
	evhttp_free(server);
	worker_free(&worker);
	buf_fini(&got.rows);
	tmpdir_remove();
	return done_testing();
}

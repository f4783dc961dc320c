/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is posted arrives byte for byte, as it is or compressed; whatever a
 * server says is told, and neither one that says nothing nor one that says
 * too much is waited for.
 */
#include "lib/http_post.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <zlib.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "tests/tap.h"
#include "tests/unit/loop.h"
#include "tests/unit/tmpdir.h"

#define FILE_LEN 3000000

static struct worker *worker;
static struct http_client *client;
static char *content; /* of the file */
static int content_fd;

/* ---- a well-behaved server ----------------------------------------------- */

static struct evhttp *server;
static unsigned server_port;

/* The last request, as it came. */
static struct {
	int count;
	enum evhttp_cmd_type command;
	struct buf body;
	char type[100], encoding[100], length[100], transfer[100], batch[100];
} got;

static void
copy_header(struct evhttp_request *req, const char *name, char out[100])
{
	const char *v = evhttp_find_header(
	    evhttp_request_get_input_headers(req), name);

	(void)snprintf(out, 100, "%s", v == NULL ? "" : v);
}

static void
keep_request(struct evhttp_request *req)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(req);
	size_t len = evbuffer_get_length(in);

	got.count++;
	got.command = evhttp_request_get_command(req);
	buf_clear(&got.body);
	buf_reserve(&got.body, len + 1);
	(void)evbuffer_remove(in, got.body.p, len);
	got.body.len = len;
	copy_header(req, "Content-Type", got.type);
	copy_header(req, "Content-Encoding", got.encoding);
	copy_header(req, "Content-Length", got.length);
	copy_header(req, "Transfer-Encoding", got.transfer);
	copy_header(req, "X-Batch", got.batch);
}

static struct evhttp_request *unanswered;

/* "/503?120": status, and what Retry-After says. */
static void
on_request(struct evhttp_request *req, void *arg)
{
	const char *uri = evhttp_request_get_uri(req);
	struct evkeyvalq *out = evhttp_request_get_output_headers(req);
	struct evbuffer *body = evbuffer_new();
	int status = (int)strtol(uri + 1, NULL, 10);
	const char *after = strchr(uri, '?');
	static char much[1000000];

	(void)arg;
	keep_request(req);
	if (status == 0) { /* silence */
		unanswered = req;
		evbuffer_free(body);
		return;
	}
	if (after != NULL)
		(void)evhttp_add_header(out, "Retry-After", after + 1);
	if (status == 302)
		(void)evhttp_add_header(out, "Location", "/200");
	if (status == 201)
		(void)evbuffer_add(body, much, sizeof(much));
	else
		(void)evbuffer_add_printf(body, "it is %d", status);
	evhttp_send_reply(req, status, "Text", body);
	evbuffer_free(body);
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
	server_port = ntohs(sin.sin_port);
	evhttp_set_gencb(server, on_request, NULL);
}

/* ---- a rude one ---------------------------------------------------------- */

/*
 * Answers 413 at the first bytes and hangs up (HASTY); or the first request of
 * a connection, and hangs up at the second (FICKLE); or with a header that does
 * not end (CHATTY).
 */
static enum { HASTY, FICKLE, CHATTY } rude;
static struct evconnlistener *rude_listener;
static unsigned rude_port;
static int rude_connections, rude_requests, rude_open;

struct rude_conn {
	struct bufferevent *bev;
	int answered;
};

static void
rude_free(struct rude_conn *c)
{
	bufferevent_free(c->bev);
	free(c);
	rude_open--;
}

static void
on_rude_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	rude_free(arg);
}

static void
on_rude_written(struct bufferevent *bev, void *arg)
{
	(void)bev;
	rude_free(arg); /* with input unread: a reset */
}

static void
on_more_header(struct bufferevent *bev, void *arg)
{
	static const char line[] = "X-Line: of many\r\n";

	(void)arg;
	for (int i = 0; i < 1000; i++)
		(void)bufferevent_write(bev, line, sizeof(line) - 1);
}

static void
on_rude_input(struct bufferevent *bev, void *arg)
{
	static const char refusal[] = "HTTP/1.1 413 Too Large\r\n"
				      "Content-Length: 0\r\n\r\n";
	static const char taken[] = "HTTP/1.1 200 OK\r\n"
				    "Content-Length: 0\r\n\r\n";
	struct rude_conn *c = arg;
	struct evbuffer *in = bufferevent_get_input(bev);

	if (rude == CHATTY) {
		bufferevent_setcb(bev, NULL, on_more_header, on_rude_event, c);
		(void)bufferevent_write(bev, "HTTP/1.1 200 OK\r\n", 17);
		return;
	}
	if (rude == HASTY) {
		bufferevent_setcb(bev, NULL, on_rude_written, on_rude_event, c);
		(void)bufferevent_disable(bev, EV_READ);
		(void)bufferevent_write(bev, refusal, sizeof(refusal) - 1);
		return;
	}
	if (c->answered > 0) {
		rude_free(c);
		return;
	}
	/* A request of these tests ends with this line. */
	if (evbuffer_search(in, "the end\n", 8, NULL).pos == -1)
		return;
	(void)evbuffer_drain(in, evbuffer_get_length(in));
	c->answered++;
	rude_requests++;
	(void)bufferevent_write(bev, taken, sizeof(taken) - 1);
}

static void
on_rude_accept(struct evconnlistener *l, evutil_socket_t fd,
    struct sockaddr *sa, int len, void *arg)
{
	struct rude_conn *c = mem_new(struct rude_conn);

	(void)sa;
	(void)len;
	(void)arg;
	rude_connections++;
	rude_open++;
	c->bev = bufferevent_socket_new(evconnlistener_get_base(l), fd,
	    BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(c->bev, on_rude_input, NULL, on_rude_event, c);
	(void)bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

static void
start_rude(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);

	rude_listener = evconnlistener_new_bind(worker_base(worker),
	    on_rude_accept, NULL, LEV_OPT_CLOSE_ON_FREE, -1,
	    (struct sockaddr *)&sin, sizeof(sin));
	if (rude_listener == NULL ||
	    getsockname(evconnlistener_get_fd(rude_listener),
		(struct sockaddr *)&sin, &len) == -1)
		exit(99);
	rude_port = ntohs(sin.sin_port);
}

/* ---- posting ------------------------------------------------------------- */

static struct {
	bool done;
	int count, status;
	int64_t retry_after_us;
	char error[300];
	struct buf body;
} answer;

static void
on_done(struct http_post *p, const struct http_answer *a)
{
	(void)p;
	answer.done = true;
	answer.count++;
	answer.status = a->status;
	answer.retry_after_us = a->retry_after_us;
	(void)snprintf(answer.error, sizeof(answer.error), "%s",
	    a->error == NULL ? "" : a->error);
	buf_clear(&answer.body);
	if (a->body.len > 0)
		buf_add(&answer.body, a->body.p, a->body.len);
}

static const char *const headers[] = { "Content-Type: text/csv",
	"X-Batch: 7c1f09a2-3-00000007" };

static struct http_post
request(const char *url, uint64_t offset, uint64_t length)
{
	return (struct http_post){ .url = url,
		.headers = headers,
		.header_count = 2,
		.connect_timeout_us = 5 * US_PER_S,
		.io_timeout_us = 5 * US_PER_S,
		.fd = content_fd,
		.offset = offset,
		.length = length,
		.done = on_done };
}

static void
send_it(struct http_post *p)
{
	answer.done = false;
	answer.count = 0;
	http_post(client, p);
	ok(!answer.done, "the answer does not come at once");
	(void)ok(loop_until(worker, loop_flag, &answer.done),
	    "%s: done is called", p->url);
	ok(p->transfer == NULL, "nothing is under way");
}

static const char *
url_of(unsigned port, const char *path)
{
	static char url[2][100];
	static int turn;

	turn = !turn;
	(void)snprintf(url[turn], sizeof(url[turn]), "http://127.0.0.1:%u%s",
	    port, path);
	return url[turn];
}

/* What came is head and then this part of the file. */
static bool
is_sent(struct slice body, const char *head, uint64_t offset, uint64_t length)
{
	size_t n = strlen(head);

	return body.len == n + length && memcmp(body.p, head, n) == 0 &&
	    memcmp(body.p + n, content + offset, length) == 0;
}

static struct slice
unzip(const struct buf *b, struct buf *out)
{
	z_stream z = { .next_in = (Bytef *)b->p, .avail_in = (uInt)b->len };
	int code;

	buf_clear(out);
	buf_reserve(out, FILE_LEN + 1000);
	z.next_out = (Bytef *)out->p;
	z.avail_out = FILE_LEN + 1000;
	(void)inflateInit2(&z, 15 + 16);
	code = inflate(&z, Z_FINISH);
	out->len = z.total_out;
	(void)inflateEnd(&z);
	(void)ok(code == Z_STREAM_END && z.avail_in == 0,
	    "it is one whole gzip stream");
	return (struct slice){ out->p, out->len };
}

/* ---- cases --------------------------------------------------------------- */

static void
plain(void)
{
	struct http_post p = request(url_of(server_port, "/200"), 1000, 5000);
	struct slice body;

	p.head = SLICE_LIT("type,timeLogged\r\n");
	send_it(&p);
	is_int(answer.status, 200, "the status");
	is_int(answer.count, 1, "done is called once");
	(void)is_str(answer.error, "", "no error");
	(void)is_str(buf_cstr(&answer.body), "it is 200", "the answer's body");
	is_int(got.command, EVHTTP_REQ_POST, "by POST");
	(void)is_str(got.type, "text/csv", "with the given type");
	(void)is_str(got.batch, "7c1f09a2-3-00000007", "with other headers");
	(void)is_str(got.length, "5017", "with its length");
	(void)is_str(got.encoding, "", "not encoded");
	body = (struct slice){ got.body.p, got.body.len };
	ok(is_sent(body, "type,timeLogged\r\n", 1000, 5000),
	    "head and part arrive byte for byte");

	p = request(url_of(server_port, "/204"), 0, FILE_LEN);
	send_it(&p);
	is_int(answer.status, 204, "a large one");
	body = (struct slice){ got.body.p, got.body.len };
	ok(is_sent(body, "", 0, FILE_LEN), "arrives byte for byte as well");

	p = request(url_of(server_port, "/200"), 0, 0);
	send_it(&p);
	is_int(answer.status, 200, "an empty one");
	is_int((int64_t)got.body.len, 0, "is empty");
}

static void
compressed(void)
{
	static const struct {
		const char *head;
		uint64_t offset, length;
	} cases[] = {
		{ "type,timeLogged\r\n", 100, FILE_LEN - 100 },
		{ "", 0, 65536 },
		{ "h", 0, 0 },
		{ "", 0, 0 },
	};
	struct buf plain_text = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http_post p = request(url_of(server_port, "/200"),
		    cases[i].offset, cases[i].length);

		p.gzip = true;
		p.head = slice_of(cases[i].head);
		send_it(&p);
		is_int(answer.status, 200, "compressed: the status");
		(void)is_str(got.encoding, "gzip", "it says so");
		(void)is_str(got.transfer, "chunked", "in chunks");
		(void)ok(is_sent(unzip(&got.body, &plain_text), cases[i].head,
			     cases[i].offset, cases[i].length),
		    "it is what was to be sent: %zu bytes", plain_text.len);
	}
	buf_fini(&plain_text);
}

static void
what_servers_say(void)
{
	static const struct {
		const char *path;
		int status, retry_after_s;
	} cases[] = {
		{ "/400", 400, 0 },
		{ "/503?7", 503, 7 },
		{ "/429?3600", 429, 3600 },
		{ "/503?soon", 503, 0 },
		{ "/302", 302, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http_post p = request(url_of(server_port, cases[i].path),
		    0, 100);
		int before = got.count;

		send_it(&p);
		is_int(answer.status, cases[i].status, cases[i].path);
		is_int(answer.retry_after_us, cases[i].retry_after_s * US_PER_S,
		    "Retry-After");
		is_int(got.count - before, 1, "one request, not followed");
	}
}

static void
long_answer(void)
{
	struct http_post p = request(url_of(server_port, "/201"), 0, 100);

	send_it(&p);
	is_int(answer.status, 201, "an answer that is too long counts");
	is_int((int64_t)answer.body.len, (int64_t)HTTP_ANSWER_MAX,
	    "and is cut");
}

static void
long_header(void)
{
	struct http_post p = request(url_of(rude_port, "/"), 0, 100);

	rude = CHATTY;
	send_it(&p);
	(void)is_str(answer.error, "the header of its answer has no end",
	    "a header that does not end");
	is_int(answer.status, 0, "is no answer");
}

static void
no_answer(void)
{
	struct http_post p = request(url_of(server_port, "/silence"), 0, 100);
	int64_t began_us = clock_us();

	p.io_timeout_us = 1 * US_PER_S;
	send_it(&p);
	(void)is_str(answer.error, "no byte has moved for 1s",
	    "a server that says nothing");
	ok(clock_us() - began_us < 4 * US_PER_S, "is left soon");
	evhttp_send_error(unanswered, 500, "late");

	p = request("http://127.0.0.1:1/", 0, 100);
	send_it(&p);
	is_int(answer.status, 0, "nobody listens: no status");
	ok(strstr(answer.error, "127.0.0.1") != NULL, "but why: %s",
	    answer.error);
	ok(strstr(answer.error, " ms") == NULL &&
		strstr(answer.error, "port 1: ") != NULL,
	    "without a time, which would be another each time");
	p = request("file:///etc/passwd", 0, 100);
	send_it(&p);
	ok(strstr(answer.error, "file") != NULL, "not by other protocols: %s",
	    answer.error);
}

static void
bad_file(void)
{
	struct http_post p = request(url_of(server_port, "/200"), FILE_LEN - 50,
	    100);

	send_it(&p);
	(void)is_str(answer.error, "what is to be sent has become shorter",
	    "a file that was cut");
	p = request(url_of(server_port, "/200"), 0, 100);
	p.fd = -1;
	send_it(&p);
	ok(strncmp(answer.error, "reading what is to be sent:", 27) == 0,
	    "a file that cannot be read: %s", answer.error);
}

static void
cancelled(void)
{
	struct http_post p = request(url_of(server_port, "/200"), 0, 100);
	struct http_post other = request(url_of(server_port, "/204"), 0, 100);

	answer.count = 0;
	http_post(client, &p);
	http_post_cancel(&p);
	ok(p.transfer == NULL, "a cancelled one is no longer under way");
	http_post_cancel(&p);
	send_it(&other);
	is_int(answer.count, 1, "and is never done");
	is_int(answer.status, 204, "others are");
}

static void
rude_servers(void)
{
	struct http_post p = request(url_of(rude_port, "/"), 0, 900000);

	rude = HASTY;
	send_it(&p);
	is_int(answer.status, 413, "refused while it is sent: the status");

	rude = FICKLE;
	rude_connections = 0;
	for (int i = 0; i < 2; i++) {
		p = request(url_of(rude_port, "/"), FILE_LEN - 100, 100);
		p.gzip = false;
		send_it(&p);
		(void)is_str(answer.error, "", "a kept connection that ends");
		is_int(answer.status, 200, "is replaced by a new one");
	}
	is_int(rude_requests, 2, "each was answered once");
	is_int(rude_connections, 2, "over two connections");
}

/* Lines that differ and do compress; the last one is "the end". */
static void
make_content(void)
{
	char *p = mem_alloc(FILE_LEN + 100);
	size_t n = 0;

	for (unsigned i = 0; n < FILE_LEN - 8; i++)
		n += (size_t)snprintf(p + n, 100, "d,%u,a%u@b.example\r\n", i,
		    i * 2654435761U);
	memcpy(p + FILE_LEN - 8, "the end\n", 8);
	content = p;
	content_fd = open(tmpdir_path("body"), O_RDWR | O_CREAT | O_CLOEXEC,
	    0600);
	if (write(content_fd, p, FILE_LEN) != FILE_LEN)
		exit(99);
}

static bool
is_zero(const void *count)
{
	return *(const int *)count == 0;
}

int
main(void)
{
	struct err e;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)setenv("http_proxy", "http://127.0.0.1:1", 1);
	(void)tmpdir_make();
	worker = worker_new("test", &e);
	client = http_client_new(worker);
	make_content();
	start_server();
	start_rude();
	plain();
	compressed();
	what_servers_say();
	long_answer();
	long_header();
	no_answer();
	bad_file();
	cancelled();
	rude_servers();
	http_client_free(&client);
	ok(loop_until(worker, is_zero, &rude_open),
	    "no connection stays behind");
	evhttp_free(server);
	evconnlistener_free(rude_listener);
	worker_free(&worker);
	buf_fini(&got.body);
	buf_fini(&answer.body);
	free(content);
	(void)close(content_fd);
	tmpdir_remove();
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands go to a Redis server and each has its answer, in order; whatever
 * the server does instead ends the connection, once, with a reason.
 */
#include "lib/redis.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/un.h>

#include "lib/clock.h"
#include "tests/tap.h"
#include "tests/unit/loop.h"
#include "tests/unit/tmpdir.h"

static struct worker *worker;

/* ---- the server: after so many bytes it says so much ---------------------- */

enum { STEPS = 3 };

struct step {
	const char *wants; /* all that comes until it speaks; NULL: the end */
	const char *says;  /* HANG_UP, MUCH, or text */
};

#define HANG_UP "hang up"
#define MUCH "much"

static const struct step *script; /* STEPS of them */
static size_t at;                 /* the step that is next */
static bool as_expected, in_pieces, leaving;
static struct bufferevent *server_bev;
static int connections;

static void
say(struct bufferevent *bev, const char *text)
{
	static char much[2000000];
	struct evbuffer *out = bufferevent_get_output(bev);

	if (strcmp(text, MUCH) == 0) {
		(void)evbuffer_add_printf(out, "$%zu\r\n", sizeof(much));
		(void)evbuffer_add(out, much, sizeof(much));
	} else {
		(void)evbuffer_add(out, text, strlen(text));
	}
}

static void
hang_up(void)
{
	if (server_bev != NULL)
		bufferevent_free(server_bev);
	server_bev = NULL;
}

/* What was said before goes out first. */
static void
hang_up_if_said(void)
{
	if (leaving &&
	    evbuffer_get_length(bufferevent_get_output(server_bev)) == 0)
		hang_up();
}

static void
on_server_input(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);

	(void)arg;
	while (at < STEPS && script[at].wants != NULL &&
	    evbuffer_get_length(in) >= strlen(script[at].wants)) {
		size_t len = strlen(script[at].wants);
		const unsigned char *p = evbuffer_pullup(in, (ssize_t)len);

		if (len > 0 && memcmp(p, script[at].wants, len) != 0) {
			as_expected = false;
			(void)printf("# got %.*s\n", (int)len, p);
		}
		(void)evbuffer_drain(in, len);
		if (strcmp(script[at++].says, HANG_UP) == 0)
			leaving = true;
		else
			say(bev, script[at - 1].says);
	}
	hang_up_if_said();
}

static void
on_server_written(struct bufferevent *bev, void *arg)
{
	(void)bev;
	(void)arg;
	hang_up_if_said();
}

static void
on_server_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	(void)arg;
	hang_up();
}

static void
on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa,
    int len, void *arg)
{
	(void)sa;
	(void)len;
	(void)arg;
	hang_up();
	leaving = false;
	connections++;
	server_bev = bufferevent_socket_new(evconnlistener_get_base(l), fd,
	    BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(server_bev, on_server_input, on_server_written,
	    on_server_event, NULL);
	if (in_pieces)
		(void)bufferevent_set_max_single_write(server_bev, 1);
	(void)bufferevent_enable(server_bev, EV_READ | EV_WRITE);
	on_server_input(server_bev, NULL); /* what it says unasked */
}

static uint16_t
listen_on_port(struct evconnlistener **l)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);

	*l = evconnlistener_new_bind(worker_base(worker), on_accept, NULL,
	    LEV_OPT_CLOSE_ON_FREE, -1, (struct sockaddr *)&sin, sizeof(sin));
	if (*l == NULL ||
	    getsockname(evconnlistener_get_fd(*l), (struct sockaddr *)&sin,
		&len) == -1)
		exit(99);
	return ntohs(sin.sin_port);
}

static void
listen_on_path(struct evconnlistener **l, const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	memcpy(sun.sun_path, path, strlen(path) + 1);
	*l = evconnlistener_new_bind(worker_base(worker), on_accept, NULL,
	    LEV_OPT_CLOSE_ON_FREE, -1, (struct sockaddr *)&sun, sizeof(sun));
	if (*l == NULL)
		exit(99);
}

/* ---- the client ---------------------------------------------------------- */

/* What its owner was told: "ready,done,OOM no room,lost: why". */
static struct {
	struct redis *redis;
	char told[500];
	size_t send; /* commands, when it is ready */
	size_t due;
	bool over; /* lost, or all is answered */
	bool free_early;
} client;

static void
tell(const char *what, const char *text)
{
	size_t len = strlen(client.told);

	(void)snprintf(client.told + len, sizeof(client.told) - len, "%s%s",
	    what, text);
}

static void
on_ready(void *ctx)
{
	(void)ctx;
	tell("ready", "");
	client.due = client.send;
	client.over = client.send == 0;
	for (size_t i = 0; i < client.send; i++)
		redis_send(client.redis,
		    (struct slice[]){ SLICE_LIT("XADD"), SLICE_LIT("k"),
			SLICE_LIT("*"), SLICE_LIT("record"),
			SLICE_LIT("{\"a\r\n\":1}") },
		    5);
}

static void
on_answered(void *ctx, const char *error)
{
	(void)ctx;
	tell(",", error == NULL ? "done" : error);
	client.due--;
	if (client.due == 0)
		client.over = true;
	if (client.free_early) {
		redis_free(&client.redis);
		client.over = true;
	}
}

static void
on_lost(void *ctx, const char *why)
{
	(void)ctx;
	tell(",lost: ", why);
	client.over = true;
}

static const struct redis_owner owner = { .ready = on_ready,
	.answered = on_answered,
	.lost = on_lost };

/* Runs until all is answered or the connection is lost. */
static const char *
run(const struct redis_options *opt, const struct step *steps, size_t sends)
{
	bool free_early = client.free_early;

	script = steps;
	at = 0;
	as_expected = true;
	memset(&client, 0, sizeof(client));
	client.free_early = free_early;
	client.send = sends;
	client.redis = redis_new(worker, opt, &owner, NULL);
	if (!loop_until(worker, loop_flag, &client.over))
		tell(" (and nothing more)", "");
	redis_free(&client.redis);
	hang_up();
	return client.told;
}

static struct redis_options
options(const char *host, uint16_t port)
{
	return (struct redis_options){ .host = host,
		.port = port,
		.connect_timeout_us = 5 * US_PER_S,
		.answer_timeout_us = 5 * US_PER_S };
}

/* ---- cases --------------------------------------------------------------- */

#define XADD \
	"*5\r\n$4\r\nXADD\r\n$1\r\nk\r\n$1\r\n*\r\n$6\r\nrecord\r\n" \
	"$9\r\n{\"a\r\n\":1}\r\n"
#define AUTH "*3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$3\r\np q\r\n"
#define AUTH_DEFAULT "*2\r\n$4\r\nAUTH\r\n$3\r\np q\r\n"
#define SELECT "*2\r\n$6\r\nSELECT\r\n$2\r\n12\r\n"
#define ADDED "$15\r\n1700000000000-0\r\n"

static const struct {
	const char *label;
	const char *user, *password;
	unsigned db;
	size_t sends;
	struct step steps[STEPS];
	const char *told;
	bool whole; /* what comes later is not waited for, or too much */
} cases[] = {
	{ "two commands", NULL, NULL, 0, 2, { { XADD XADD, ADDED ADDED } },
	    "ready,done,done", false },
	{ "login and database", "u", "p q", 12, 1,
	    { { AUTH SELECT, "+OK\r\n+OK\r\n" }, { XADD, ADDED } },
	    "ready,done", false },
	{ "a password alone", NULL, "p q", 0, 0,
	    { { AUTH_DEFAULT, "+OK\r\n" } }, "ready", false },
	{ "a database alone", NULL, NULL, 12, 0, { { SELECT, "+OK\r\n" } },
	    "ready", false },
	{ "a wrong password", "u", "p q", 12, 1,
	    { { AUTH SELECT, "-WRONGPASS invalid\r\n-NOAUTH\r\n" } },
	    ",lost: WRONGPASS invalid", false },
	{ "a refused command", NULL, NULL, 0, 3,
	    { { XADD XADD XADD, ADDED "-OOM no room\r\n" ADDED } },
	    "ready,done,OOM no room,done", false },
	{ "a hang-up with answers due", NULL, NULL, 0, 2,
	    { { XADD, ADDED }, { XADD, HANG_UP } },
	    "ready,done,lost: the server closed the connection", false },
	{ "a hang-up at the login", "u", "p q", 0, 2, { { AUTH, HANG_UP } },
	    ",lost: the server closed the connection", false },
	{ "another protocol", NULL, NULL, 0, 1,
	    { { XADD, "HTTP/1.1 400 Bad Request\r\n" } },
	    "ready,lost: what comes from it is not Redis's protocol", false },
	{ "an answer to nothing", "u", "p q", 0, 0,
	    { { "", "+OK\r\n+OK\r\n" } },
	    "ready,lost: an answer came that nothing was asked for", true },
	{ "an endless answer", NULL, NULL, 0, 1, { { XADD, MUCH } },
	    "ready,lost: an answer is too long", true },
};

static void
dialogues(uint16_t port)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct redis_options opt = options("127.0.0.1", port);

		opt.user = cases[i].user;
		opt.password = cases[i].password;
		opt.db = cases[i].db;
		(void)is_str(run(&opt, cases[i].steps, cases[i].sends),
		    cases[i].told, cases[i].label);
		ok(as_expected, "%s: the server got what it should",
		    cases[i].label);
		in_pieces = true;
		if (!cases[i].whole)
			(void)is_str(run(&opt, cases[i].steps, cases[i].sends),
			    cases[i].told, "also a byte at a time");
		in_pieces = false;
	}
}

static void
silence(uint16_t port)
{
	static const struct step first_only[STEPS] = { { XADD, ADDED } };
	static const struct step nothing[STEPS] = { { AUTH, "" } };
	struct redis_options opt = options("127.0.0.1", port);

	opt.answer_timeout_us = 200 * US_PER_MS;
	(void)is_str(run(&opt, first_only, 2),
	    "ready,done,lost: no answer in time", "no second answer");
	opt.connect_timeout_us = 200 * US_PER_MS;
	opt.user = "u";
	opt.password = "p q";
	(void)is_str(run(&opt, nothing, 0),
	    ",lost: no answer to the login in time", "no answer to a login");
}

static void
places(uint16_t port, const char *path)
{
	static const struct step one[STEPS] = { { XADD, ADDED } };
	struct redis_options opt = options("localhost", port);
	struct redis_options unix_opt = options(NULL, 0);

	/* Its addresses are tried in turn: the server has only one. */
	(void)is_str(run(&opt, one, 1), "ready,done", "by name");
	unix_opt.path = path;
	(void)is_str(run(&unix_opt, one, 1), "ready,done", "a unix socket");
	unix_opt.path = tmpdir_path("nobody");
	ok(strstr(run(&unix_opt, one, 1), "No such file") != NULL,
	    "no such socket: %s", client.told);
	opt = options("127.0.0.1", 1);
	(void)is_str(run(&opt, one, 1), ",lost: 127.0.0.1: Connection refused",
	    "nobody listens");
	opt = options("a..b", port);
	ok(strncmp(run(&opt, one, 1), ",lost: a..b: ", 13) == 0,
	    "a name that does not exist: %s", client.told);
}

/* Its owner may let go at any moment. */
static void
let_go(uint16_t port)
{
	static const struct step two[STEPS] = { { XADD XADD, ADDED ADDED } };
	struct redis_options opt = options("127.0.0.1", port);

	client.free_early = true;
	(void)is_str(run(&opt, two, 2), "ready,done",
	    "nothing is told to who has let go");
	client.free_early = false;
	memset(&client, 0, sizeof(client));
	client.redis = redis_new(worker, &opt, &owner, NULL);
	redis_free(&client.redis); /* before it began */
	opt = options("localhost", port);
	client.redis = redis_new(worker, &opt, &owner, NULL);
	(void)event_base_loop(worker_base(worker), EVLOOP_NONBLOCK);
	redis_free(&client.redis); /* while its name is looked up */
	(void)is_str(run(&opt, two, 2), "ready,done,done",
	    "nor to who has let go early");
}

int
main(void)
{
	struct evconnlistener *on_port, *on_path;
	char path[108];
	uint16_t port;
	struct err e;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)snprintf(path, sizeof(path), "%.90s/socket", tmpdir_make());
	worker = worker_new("test", &e);
	port = listen_on_port(&on_port);
	listen_on_path(&on_path, path);
	dialogues(port);
	silence(port);
	places(port, path);
	let_go(port);
	ok(connections > 10, "the server had %d connections", connections);
	evconnlistener_free(on_port);
	evconnlistener_free(on_path);
	worker_free(&worker);
	tmpdir_remove();
	return done_testing();
}

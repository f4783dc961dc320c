/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listeners hand sockets to the workers in turn, each session stays on its
 * worker's thread, and a graceful stop ends them all.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/log.h"
#include "tests/tap.h"
#include "tests/unit/fake_intake.h"
#include "transport/gate.h"
#include "transport/ingress.h"

enum { WORKERS = 2, CLIENTS = 4 };

static struct worker *main_worker;
static struct gauge *places;
static struct gate *gate;
static struct snapshot conf;
static struct store store;
static struct worker_env envs[WORKERS];

/* Run on a worker: what it sees of itself. */
struct look {
	struct post post;
	struct worker_env *env;
	uint32_t sessions;
	struct post back;
};

static unsigned looks_back;

static void
on_look_back(struct post *p)
{
	(void)p;
	looks_back++;
	if (looks_back == WORKERS)
		worker_stop(main_worker);
}

static void
on_look(struct post *p)
{
	struct look *l = post_owner(p, struct look, post);

	l->sessions = l->env->sessions_in;
	ingress_shutdown(l->env);
	l->back.fn = on_look_back;
	worker_post(main_worker, &l->back);
}

static int
client_open(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct timeval tv = { .tv_sec = 10 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(un.sun_path, path, strlen(path));
	CHECK(fd >= 0);
	CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == 0);
	CHECK(connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0);
	return fd;
}

static bool
client_reads(int fd, const char *start)
{
	char text[512];
	ssize_t n = read(fd, text, sizeof(text));

	return n >= (ssize_t)strlen(start) &&
	    memcmp(text, start, strlen(start)) == 0;
}

static void
look(struct look *looks)
{
	for (int i = 0; i < WORKERS; i++) {
		looks[i] = (struct look){ .env = &envs[i] };
		looks[i].post.fn = on_look;
		worker_post(envs[i].worker, &looks[i].post);
	}
}

static void
start_workers(void)
{
	struct err e;

	for (int i = 0; i < WORKERS; i++) {
		envs[i].index = (unsigned)i;
		envs[i].worker = worker_new("ingress", &e);
		envs[i].conf = &conf;
		envs[i].store = &store;
		envs[i].gate = gate;
		CHECK(worker_start(envs[i].worker, &e) == 0);
	}
}

/* Clients wait in the backlog until main runs: it does so in look(). */
static void
test_turns(const char *path)
{
	struct worker_env *const env_list[] = { &envs[0], &envs[1] };
	struct listeners *listeners;
	struct look looks[WORKERS];
	int fds[CLIENTS];
	struct err e;

	ok(listeners_new(main_worker, &conf.global, env_list, WORKERS,
	       &listeners, &e) == 0,
	    "a listener on a unix socket");
	for (int i = 0; i < CLIENTS; i++)
		fds[i] = client_open(path);
	CHECK(worker_start(main_worker, &e) == 0);
	for (int i = 0; i < CLIENTS; i++)
		ok(client_reads(fds[i], "220 mx.test"), "client %d is greeted",
		    i);
	look(looks);
	worker_join(main_worker);
	for (int i = 0; i < WORKERS; i++)
		is_int(looks[i].sessions, CLIENTS / WORKERS,
		    "sessions are shared out evenly");
	for (int i = 0; i < CLIENTS; i++)
		ok(client_reads(fds[i], "421 4.3.2"),
		    "client %d is sent away at the stop", i);
	listeners_free(&listeners);
	for (int i = 0; i < CLIENTS; i++)
		(void)close(fds[i]);
}

int
main(void)
{
	char dir[] = "/tmp/test_listeners.XXXXXX", path[64];
	const char *where = path;
	struct err e;

	(void)signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_L_ERROR);
	CHECK(mkdtemp(dir) != NULL);
	(void)snprintf(path, sizeof(path), "%s/lmtp", dir);
	fake_snapshot_init(&conf);
	conf.global.max_conns_in = CLIENTS;
	conf.global.lmtp_listeners.n = 1;
	conf.global.lmtp_listeners.v = &where;
	fake_store_init(&store);
	main_worker = worker_new("main", &e);
	places = gauge_new();
	gate = gate_new(&(struct gate_options){ .main = main_worker,
	    .places = places,
	    .conf = &conf.global });
	start_workers();
	test_turns(path);
	for (int i = 0; i < WORKERS; i++)
		worker_stop(envs[i].worker);
	for (int i = 0; i < WORKERS; i++) {
		worker_join(envs[i].worker);
		worker_free(&envs[i].worker);
	}
	gate_free(&gate);
	gauge_unref(&places);
	worker_free(&main_worker);
	for (int i = 0; i < WORKERS; i++)
		is_int(envs[i].sessions_in, 0, "no session is left");
	fake_store_fini(&store);
	(void)unlink(path);
	(void)rmdir(dir);
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sender to Redis that is finished while it connects says so once, also if
 * the connection then fails.
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/tap.h"
#include "tests/unit/loop.h"
#include "tests/unit/tmpdir.h"
#include "transport/acct_sender.h"
#include "vmta/acct_target.h"

static struct sockaddr_un server = { .sun_family = AF_UNIX };
static struct worker *worker;
static int ends, troubles;

static void
on_taken(void *ctx, struct acct_place upto)
{
	(void)ctx;
	(void)upto;
}

static void
on_said(void *ctx, const char *error)
{
	(void)ctx;
	troubles += error != NULL;
}

static void
on_ended(void *ctx)
{
	(void)ctx;
	ends++;
}

static bool
in_trouble(const void *unused)
{
	(void)unused;
	return troubles > 0;
}

/* One that answers nothing. */
static int
make_server(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(server.sun_path, sizeof(server.sun_path), "%.80s/socket",
	    tmpdir);
	if (fd == -1 ||
	    bind(fd, (struct sockaddr *)&server, sizeof(server)) == -1 ||
	    listen(fd, 5) == -1)
		exit(99);
	return fd;
}

static void
test_finish(void)
{
	static const struct acct_sender_owner owner = { .taken = on_taken,
		.said = on_said,
		.ended = on_ended };
	const struct acct_redis to = { .path = server.sun_path,
		.password = "secret" };
	const struct acct_conf conf = { .redis = &to,
		.redis_key = "key",
		.retry_interval_us = 60 * US_PER_S };
	struct acct_sender_env env = { .worker = worker,
		.conf = &conf,
		.owner = &owner,
		.name = "test" };
	struct acct_sender *s;
	int listener = make_server();
	FILE *f = fopen(tmpdir_path("00000001.json"), "w");

	(void)fputs("{\"type\":\"d\",\"recordId\":\"1-1-0\"}\n", f);
	(void)fclose(f);
	env.feed = acct_feed_new(tmpdir, (struct acct_place){ 1, 0 });
	acct_feed_grown(env.feed, 1,
	    (uint64_t)tmpdir_file_size("00000001.json"));
	s = acct_redis_new(&env);
	for (int i = 0; i < 5; i++)
		(void)event_base_loop(worker_base(worker), EVLOOP_NONBLOCK);
	is_int(troubles, 0, "it logs in");
	s->finish(s);
	is_int(ends, 1, "it is finished at once: nothing is under way");
	(void)close(listener);
	ok(loop_until(worker, in_trouble, NULL), "the server goes");
	is_int(ends, 1, "its end is said once");
	s->free(s);
	acct_feed_free(&env.feed);
}

int
main(void)
{
	struct err e;

	(void)tmpdir_make();
	worker = worker_new("test", &e);
	test_finish();
	worker_free(&worker);
	tmpdir_remove();
	return done_testing();
}

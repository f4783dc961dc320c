/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sender to Redis that is finished while it connects says so once, also if
 * the connection then fails.  Over a new connection the first record goes
 * alone, and the others when it was taken.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
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

static struct acct_sender *
sender_of(struct acct_sender_env *env, const char *password, const char *rows)
{
	static const struct acct_sender_owner owner = { .taken = on_taken,
		.said = on_said,
		.ended = on_ended };
	static struct acct_redis to;
	static const struct acct_conf conf = { .redis = &to,
		.redis_key = "key",
		.retry_interval_us = 60 * US_PER_S };
	FILE *f = fopen(tmpdir_path("00000001.json"), "w");

	to = (struct acct_redis){ .path = server.sun_path,
		.password = password };
	(void)fputs(rows, f);
	(void)fclose(f);
	*env = (struct acct_sender_env){ .worker = worker,
		.conf = &conf,
		.owner = &owner,
		.name = "test" };
	env->feed = acct_feed_new(tmpdir, (struct acct_place){ 1, 0 });
	acct_feed_grown(env->feed, 1,
	    (uint64_t)tmpdir_file_size("00000001.json"));
	ends = troubles = 0;
	return acct_redis_new(env);
}

static void
test_finish(void)
{
	struct acct_sender_env env;
	int listener = make_server();
	struct acct_sender *s = sender_of(&env, "secret",
	    "{\"type\":\"d\",\"recordId\":\"1-1-0\"}\n");

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
	(void)unlink(server.sun_path);
}

/* ---- what the server sees ------------------------------------------------ */

static struct {
	int fd;
	size_t commands, wanted; /* XADDs so far */
} seen;

static bool
has_come(const void *unused)
{
	char text[4096];
	ssize_t n = read(seen.fd, text, sizeof(text) - 1);

	(void)unused;
	if (n > 0) {
		text[n] = '\0';
		for (const char *p = text; (p = strstr(p, "XADD")) != NULL; p++)
			seen.commands++;
	}
	return seen.commands >= seen.wanted;
}

static void
say(const char *text)
{
	if (write(seen.fd, text, strlen(text)) != (ssize_t)strlen(text))
		exit(99);
}

static void
test_first_alone(void)
{
	struct acct_sender_env env;
	int listener = make_server();
	struct acct_sender *s = sender_of(&env, NULL,
	    "{\"type\":\"d\",\"recordId\":\"1-1-0\"}\n"
	    "{\"type\":\"d\",\"recordId\":\"1-2-0\"}\n"
	    "{\"type\":\"d\",\"recordId\":\"1-3-0\"}\n");

	for (int i = 0; i < 5; i++)
		(void)event_base_loop(worker_base(worker), EVLOOP_NONBLOCK);
	seen.fd = accept(listener, NULL, NULL);
	ok(seen.fd != -1 && fcntl(seen.fd, F_SETFL, O_NONBLOCK) == 0,
	    "it connects");
	seen.wanted = 1;
	ok(loop_until(worker, has_come, NULL), "a record comes");
	is_int((int64_t)seen.commands, 1, "one alone");
	say("$3\r\n1-0\r\n");
	seen.wanted = 3;
	ok(loop_until(worker, has_come, NULL), "and then the others");
	say("$3\r\n2-0\r\n");
	say("-LOADING the dataset\r\n");
	ok(loop_until(worker, in_trouble, NULL), "one is refused");
	s->free(s);
	acct_feed_free(&env.feed);
	(void)close(seen.fd);
	(void)close(listener);
}

int
main(void)
{
	struct err e;

	(void)tmpdir_make();
	worker = worker_new("test", &e);
	test_finish();
	test_first_alone();
	worker_free(&worker);
	tmpdir_remove();
	return done_testing();
}

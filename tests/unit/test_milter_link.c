/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket of a session: what came at once is answered at once, a host MTA
 * that does not read loses nothing, keys are waited for while others go on,
 * and a session that says nothing, or is no longer wanted, ends.
 */
#include "milter/milter_link.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "mail/keys_ask.h"
#include "milter/milter_packet.h"
#include "tests/support/milter_world.h"
#include "tests/tap.h"
#include "tests/unit/loop.h"

enum { FIELDS = 20000 };

static struct milter_env env;
static struct worker *worker;
static struct milter_place place;
static unsigned gone;

/* ---- in place of mail/keys_ask.c ----------------------------------------- */

static struct keys_ask_in asked; /* fn NULL: nothing is asked */
static unsigned cancelled;

struct keys_ask *
keys_ask_new(const struct keys_ask_in *in, struct dkim_answers *answers)
{
	CHECK(asked.fn == NULL && dkim_answers_count(answers) == 1);
	asked = *in;
	return (struct keys_ask *)&asked;
}

void
keys_ask_cancel(struct keys_ask **kp)
{
	if (*kp != NULL) {
		cancelled++;
		asked.fn = NULL;
	}
	*kp = NULL;
}

static void
answer(void)
{
	const struct keys_ask_in in = asked;

	asked.fn = NULL;
	in.fn(in.arg);
}

/* ---- the host MTA -------------------------------------------------------- */

static void
on_gone(void *ctx)
{
	(void)ctx;
	gone++;
}

static int
open_session(void)
{
	int pair[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		  pair) == 0);
	milter_link_start(&place, pair[1]);
	return pair[0];
}

static void
turn(void)
{
	for (int i = 0; i < 4; i++)
		(void)event_base_loop(worker_base(worker), EVLOOP_NONBLOCK);
}

static void
say(int fd, const struct buf *said)
{
	size_t sent = 0;

	while (sent < said->len) {
		ssize_t n = send(fd, said->p + sent, said->len - sent,
		    MSG_NOSIGNAL);

		CHECK(n > 0 || errno == EAGAIN);
		sent += n > 0 ? (size_t)n : 0;
		turn();
	}
}

/* All that is there; false: it has hung up. */
static bool
hear(int fd, struct buf *heard)
{
	char piece[4096];
	ssize_t n;

	turn();
	while ((n = recv(fd, piece, sizeof(piece), 0)) > 0) {
		buf_add(heard, piece, (size_t)n);
		turn();
	}
	return n == -1;
}

/* Says it, and hears these words. */
static void
talk(int fd, const struct buf *said, const char *want, const char *label)
{
	struct buf heard = { 0 }, words = { 0 };

	say(fd, said);
	ok(hear(fd, &heard), "%s: it goes on", label);
	host_heard(&heard, &words);
	is_str(buf_cstr(&words), want, label);
	buf_fini(&heard);
	buf_fini(&words);
}

static bool
has_ended(int fd)
{
	char c;

	turn();
	return recv(fd, &c, 1, 0) == 0;
}

#define AGREED "O6:151:18d3c2"
#define MARKED "m1:X-Job i0:X-Mailrace-Mark c"

static void
message(struct buf *said, const char *ip)
{
	buf_clear(said);
	host_options(said);
	host_message(said, ip);
}

/* ---- tests --------------------------------------------------------------- */

static void
test_quit(void)
{
	struct buf said = { 0 };
	int fd = open_session();

	message(&said, "10.0.0.9");
	talk(fd, &said, AGREED " " MARKED, "a message");
	buf_clear(&said);
	HOST_SAYS(&said, MILTER_QUIT, "");
	say(fd, &said);
	ok(has_ended(fd) && gone == 1 && place.count == 0, "then it quits");
	(void)close(fd);
	fd = open_session();
	turn();
	(void)close(fd);
	turn();
	ok(gone == 2 && place.count == 0, "or it is just gone");
	buf_fini(&said);
}

/* More answers than the socket has room for. */
static void
test_slow_reader(void)
{
	struct buf said = { 0 }, heard = { 0 }, words = { 0 };
	int fd = open_session();
	size_t deleted = 0;

	host_options(&said);
	HOST_SAYS(&said, MILTER_MAIL, "<a@example.net>\0");
	for (int i = 0; i < FIELDS; i++)
		HOST_SAYS(&said, MILTER_HEADER, "X-Job\0 a\0");
	HOST_SAYS(&said, MILTER_END, "");
	HOST_SAYS(&said, MILTER_MAIL, "<a@example.net>\0");
	HOST_SAYS(&said, MILTER_END, "");
	say(fd, &said);
	ok(hear(fd, &heard), "it waits for who reads late");
	host_heard(&heard, &words);
	for (size_t i = 0; i + 1 < words.len; i++)
		deleted += memcmp(words.p + i, "m", 1) == 0;
	is_int((int64_t)deleted, FIELDS, "each field is deleted");
	ok(words.len > 4 &&
		strcmp(buf_cstr(&words) + words.len - 4, " c c") == 0,
	    "and what came meanwhile is answered");
	(void)close(fd);
	turn();
	buf_fini(&said);
	buf_fini(&heard);
	buf_fini(&words);
}

static void
test_keys(void)
{
	struct buf said = { 0 };
	int fd = open_session(), other = open_session();

	message(&said, "10.1.0.9");
	HOST_SAYS(&said, MILTER_MAIL, "<a@example.net>\0");
	HOST_SAYS(&said, MILTER_END, "");
	talk(fd, &said, AGREED, "no answer before that of DNS");
	ok(asked.fn != NULL && asked.timeout_us == 5 * US_PER_S,
	    "which is asked, for five seconds");
	message(&said, "10.0.0.9");
	talk(other, &said, AGREED " " MARKED, "others go on");
	answer();
	buf_clear(&said);
	talk(fd, &said, MARKED " c", "then the answer, and the next message's");
	(void)close(other);

	buf_clear(&said);
	host_message(&said, "10.1.0.9");
	talk(fd, &said, "", "keys are asked once more");
	milter_links_end(&place);
	ok(has_ended(fd) && cancelled == 1, "an end does not wait for them");
	(void)close(fd);
	buf_fini(&said);
}

static bool
none_left(const void *ctx)
{
	(void)ctx;
	return place.count == 0;
}

static void
test_idle(void)
{
	struct buf said = { 0 };
	int64_t from_us = clock_us();
	int fd;

	place.idle_us = 200 * US_PER_MS;
	fd = open_session();
	host_options(&said);
	(void)usleep(100 * 1000);
	talk(fd, &said, AGREED, "a word after half of the time");
	ok(loop_until(worker, none_left, NULL) && has_ended(fd),
	    "who says nothing is hung up on");
	ok(clock_us() - from_us >= 280 * US_PER_MS, "after his last word");
	(void)close(fd);
	place.idle_us = MILTER_IDLE_US;
	buf_fini(&said);
}

/* ---- at a stop ----------------------------------------------------------- */

/* One that has agreed with us, and may have begun a message. */
static int
agreed_session(bool mail, const char *label)
{
	struct buf said = { 0 };
	int fd = open_session();

	host_options(&said);
	if (mail)
		HOST_SAYS(&said, MILTER_MAIL, "<a@example.net>\0");
	talk(fd, &said, AGREED, label);
	buf_fini(&said);
	return fd;
}

/* The place is as before. */
static void
end_stop(void)
{
	milter_links_end(&place);
	turn();
	is_int((int64_t)place.count, 0, "all have ended");
	place.stopping = false;
	place.stop_idle_us = 0;
}

/* All answers, and the end of the session. */
static void
hear_end(int fd, const char *want, const char *label)
{
	struct buf heard = { 0 }, words = { 0 };

	ok(!hear(fd, &heard), "%s: it ends", label);
	host_heard(&heard, &words);
	is_str(buf_cstr(&words), want, label);
	buf_fini(&heard);
	buf_fini(&words);
}

static bool
one_left(const void *ctx)
{
	(void)ctx;
	return place.count == 1;
}

/* Nobody is cut off, but who is silent then. */
static void
test_stop(void)
{
	struct buf said = { 0 };
	int idle = agreed_session(false, "a session without a message");
	int busy = agreed_session(true, "one with a message");
	int lazy = agreed_session(true, "and another");
	int64_t from_us;

	place.stop_idle_us = 60 * US_PER_S;
	milter_links_stop(&place);
	HOST_SAYS(&said, MILTER_HEADER, "A\0 b\0");
	HOST_SAYS(&said, MILTER_END, "");
	talk(busy, &said, "c", "a message that began before is answered");
	buf_clear(&said);
	host_message(&said, "10.0.0.9");
	talk(idle, &said, MARKED, "and one that the host MTA had kept");
	place.stop_idle_us = 200 * US_PER_MS;
	from_us = clock_us();
	say(idle, &said);
	say(busy, &said);
	ok(loop_until(worker, one_left, NULL) &&
		clock_us() - from_us >= 190 * US_PER_MS,
	    "who is silent then is waited for, not for long");
	hear_end(idle, MARKED, "the first, with one more message");
	hear_end(busy, MARKED, "the second, with one more message");
	ok(!has_ended(lazy), "longer for who has a message under way");
	end_stop();
	ok(has_ended(lazy), "until all must end");
	(void)close(idle);
	(void)close(busy);
	(void)close(lazy);
	buf_fini(&said);
}

/* What came before the stop, and was not read yet. */
static void
test_stop_unread(void)
{
	struct buf said = { 0 };
	int fd = agreed_session(false, "a session"), fresh = open_session();

	host_message(&said, "10.0.0.9");
	CHECK(send(fd, said.p, said.len, MSG_NOSIGNAL) == (ssize_t)said.len);
	buf_clear(&said);
	message(&said, "10.0.0.9");
	CHECK(send(fresh, said.p, said.len, MSG_NOSIGNAL) == (ssize_t)said.len);
	place.stop_idle_us = 60 * US_PER_S;
	milter_links_stop(&place);
	buf_clear(&said);
	talk(fd, &said, MARKED, "a message that lies unread is answered");
	talk(fresh, &said, AGREED " " MARKED, "in a new session, too");
	end_stop();
	(void)close(fd);
	(void)close(fresh);
	buf_fini(&said);
}

/* The answer is there, but not sent yet, or for who reads late. */
static void
test_stop_unsent(void)
{
	struct buf said = { 0 }, heard = { 0 }, words = { 0 };
	int fd = agreed_session(false, "a session"), slow;

	host_message(&said, "10.1.0.9");
	HOST_SAYS(&said, MILTER_MAIL, "<a@example.net>\0");
	HOST_SAYS(&said, MILTER_END, "");
	talk(fd, &said, "", "keys are asked");
	slow = agreed_session(true, "another session");
	buf_clear(&said);
	for (int i = 0; i < FIELDS; i++)
		HOST_SAYS(&said, MILTER_HEADER, "X-Job\0 a\0");
	HOST_SAYS(&said, MILTER_END, "");
	say(slow, &said);
	place.stop_idle_us = 1; /* idle ones end at once */
	answer();
	milter_links_stop(&place);
	hear_end(fd, MARKED " c", "behind all its answers");
	(void)hear(slow, &heard);
	host_heard(&heard, &words);
	ok(words.len > 2 && strcmp(buf_cstr(&words) + words.len - 2, " c") == 0,
	    "and so does who reads late");
	end_stop();
	(void)close(fd);
	(void)close(slow);
	buf_fini(&said);
	buf_fini(&heard);
	buf_fini(&words);
}

int
main(void)
{
	struct err e;

	milter_world_init(&env, MILTER_WORLD_CONF);
	worker = worker_new("filter", &e);
	CHECK(worker != NULL);
	place = (struct milter_place){ .env = &env,
		.worker = worker,
		.idle_us = MILTER_IDLE_US,
		.gone = on_gone };
	LIST_INIT(&place.links);
	test_quit();
	test_slow_reader();
	test_keys();
	test_idle();
	test_stop();
	test_stop_unread();
	test_stop_unsent();
	worker_free(&worker);
	milter_world_fini(&env);
	return done_testing();
}

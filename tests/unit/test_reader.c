/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader tells of all that comes, in order, whatever its owner leaves; no
 * more than max waits there; and nothing is told after a pause, the end or a
 * stop.
 */
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/reader.h"
#include "tests/tap.h"

enum { MAX = 1000, TURNS = 100 };

static struct event_base *base;
static struct reader reader;
static int ours, theirs;

/* What the owner does with input, and what it was told. */
static size_t take_each; /* of what waits, each time */
static bool stops;
static struct buf got;
static int inputs, ends, end_code;

static void
take(size_t len)
{
	struct slice in = reader_input(&reader);

	if (len > in.len)
		len = in.len;
	buf_add(&got, in.p, len);
	reader_take(&reader, len);
}

static void
on_input(void *ctx)
{
	(void)ctx;
	inputs++;
	take(take_each);
	if (stops)
		reader_stop(&reader);
}

static void
on_end(void *ctx, int code)
{
	(void)ctx;
	ends++;
	end_code = code;
}

static void
begin(size_t each)
{
	static const struct reader_owner owner = { on_input, on_end };
	int fds[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
	ours = fds[0];
	theirs = fds[1];
	take_each = each;
	stops = false;
	inputs = ends = 0;
	end_code = -1;
	buf_clear(&got);
	reader_start(&reader, base, ours, MAX, &owner, NULL);
}

static void
finish(void)
{
	reader_stop(&reader);
	(void)close(ours);
	if (theirs != -1)
		(void)close(theirs);
}

static void
say(const char *text)
{
	CHECK(write(theirs, text, strlen(text)) == (ssize_t)strlen(text));
}

/* Until nothing is left to do. */
static void
turn(void)
{
	for (int i = 0; i < TURNS; i++)
		CHECK(event_base_loop(base, EVLOOP_NONBLOCK) >= 0);
}

static const char *
got_text(void)
{
	return buf_cstr(&got);
}

static void
pieces(void)
{
	begin(MAX);
	say("first");
	turn();
	is_str(got_text(), "first", "what came is told");
	is_int(inputs, 1, "once");
	is_int((int64_t)reader_input(&reader).len, 0, "nothing waits");
	say(" second");
	turn();
	is_str(got_text(), "first second", "and what comes after it");
	finish();
}

static void
leftovers(void)
{
	begin(3);
	say("abcdefgh");
	turn();
	is_str(got_text(), "abc", "the owner takes a part");
	is_int((int64_t)reader_input(&reader).len, 5, "the rest waits");
	say("ijkl");
	turn();
	is_str(got_text(), "abcdef", "more comes behind what waits");
	take(2);
	say("m");
	turn();
	take(MAX);
	is_str(got_text(), "abcdefghijklm", "all in order");
	finish();
}

static void
no_more_than_max(void)
{
	char much[3 * MAX + 1];

	memset(much, 'x', sizeof(much) - 1);
	much[sizeof(much) - 1] = '\0';
	begin(0);
	say(much);
	turn();
	is_int((int64_t)reader_input(&reader).len, MAX,
	    "no more waits than may");
	take(1);
	turn();
	is_int((int64_t)reader_input(&reader).len, MAX, "room is filled again");
	take_each = MAX;
	take(MAX);
	turn();
	is_int((int64_t)got.len, 3 * MAX, "and all of it comes");
	finish();
}

static void
pauses(void)
{
	begin(MAX);
	reader_pause(&reader, true);
	say("later");
	turn();
	is_int(inputs, 0, "nothing is told in a pause");
	reader_pause(&reader, false);
	turn();
	is_str(got_text(), "later", "but behind it");
	finish();
}

static void
the_end(void)
{
	begin(2);
	say("last");
	(void)close(theirs);
	theirs = -1;
	turn();
	is_int(ends, 1, "the end is told once");
	is_int(end_code, 0, "as an end");
	take(MAX);
	is_str(got_text(), "last", "what waits is there behind it");
	reader_pause(&reader, false);
	turn();
	is_int(ends, 1, "and it is not read again");
	finish();
}

/* A peer that goes with our bytes unread sends a reset. */
static void
a_reset(void)
{
	begin(MAX);
	CHECK(write(ours, "x", 1) == 1);
	(void)close(theirs);
	theirs = -1;
	turn();
	is_int(ends, 1, "a reset is told");
	ok(end_code != 0, "as an error (%d)", end_code);
	finish();
}

static void
stopped_meanwhile(void)
{
	begin(1);
	stops = true;
	say("ab");
	turn();
	ok(!reader_is_on(&reader), "stopped by its own callback");
	is_int((int64_t)reader_input(&reader).len, 0,
	    "what waited is forgotten");
	say("cd");
	turn();
	is_int(inputs, 1, "nothing is told any more");
	finish();
}

int
main(void)
{
	base = event_base_new();
	CHECK(base != NULL);
	pieces();
	leftovers();
	no_more_than_max();
	pauses();
	the_end();
	a_reset();
	stopped_meanwhile();
	buf_fini(&got);
	event_base_free(base);
	return done_testing();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file is handed in so that the connection is good for the next one, and
 * what nobody expects to hear ends it, and nothing else.
 */
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/worker.h"
#include "tests/tap.h"
#include "transport/pickup_priv.h"

static struct pickup pickup;
static struct pickup_talk *talk;
static int fd;
static unsigned overs;

static const char *rcpts[] = { "r@b.test" };
static enum pickup_fate fate;
static const char *why;
static struct pickup_item item = { .name = "0123456789abcdef.f",
	.file = { .sender = "s@a.test", .rcpt_count = 1, .rcpts = rcpts },
	.fates = &fate,
	.why = &why };

/* ---- in place of pickup.c ------------------------------------------------ */

void
pickup_talk_over(struct pickup_talk *t)
{
	t->item = NULL;
	overs++;
}

void
pickup_talk_lost(struct pickup_talk *t)
{
	t->item = NULL;
	pickup_talk_free(&talk);
}

/* ---- the other side ------------------------------------------------------ */

/* What is said to that. */
static const char *
answer(const char *replies)
{
	static char said[512];
	size_t len = strlen(replies);
	ssize_t n;

	ok(write(fd, replies, len) == (ssize_t)len, "replies");
	for (int i = 0; i < 5; i++)
		(void)event_base_loop(worker_base(pickup.worker),
		    EVLOOP_NONBLOCK);
	n = recv(fd, said, sizeof(said) - 1, MSG_DONTWAIT);
	said[n < 0 ? 0 : n] = '\0';
	return said;
}

#define BEGIN "XFORWARD IDENT=0123456789abcdef\r\nMAIL FROM:<s@a.test>\r\n"

static void
open_talk(void)
{
	int pair[2];

	ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0,
	    "a socket pair");
	fd = pair[1];
	talk = pickup_talk_new(&pickup, pair[0]);
	is_str(answer("220 mx.test\r\n"), "LHLO localhost\r\n", "it greets");
	is_str(answer("250 mx.test\r\n"), "", "and is idle");
	is_int(overs, 1, "for a file");
}

static void
begin(void)
{
	fate = PICKUP_OPEN;
	overs = 0;
	pickup_talk_begin(talk, &item);
	is_str(answer(""), BEGIN, "a file");
}

int
main(void)
{
	struct err e;

	pickup.worker = worker_new("test", &e);
	item.rg = region_new();
	open_talk();

	begin();
	is_str(answer("250 2.0.0 OK\r\n452 4.3.1 no room\r\n"), "RSET\r\n",
	    "its sender is refused for now: XFORWARD is taken back");
	is_int(overs, 0, "first");
	is_str(answer("250 2.0.0 OK\r\n"), "", "then");
	is_int(overs, 1, "it is over");
	is_int(fate, PICKUP_OPEN, "and is tried again");

	begin();
	is_str(answer("250 2.0.0 OK\r\n550 5.7.1 no\r\n"), "RSET\r\n",
	    "for good");
	is_str(answer("250 2.0.0 OK\r\n"), "", "likewise");
	is_int(fate, PICKUP_REFUSED, "that is how it ends");
	is_str(why, "550 5.7.1 no", "which is said");

	begin();
	is_str(answer("503 5.5.1 too many\r\n250 2.1.0 OK\r\n"), "",
	    "XFORWARD is refused: nothing more is said");
	ok(talk == NULL, "the connection is given up");
	is_int(fate, PICKUP_OPEN, "and the file is tried again");

	(void)close(fd);
	region_free(&item.rg);
	worker_free(&pickup.worker);
	return done_testing();
}

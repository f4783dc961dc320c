/* SPDX-License-Identifier: Apache-2.0 */
/*
 *	LOOKUP -> CONNECT -> GREET -> READY        LOST from any of them
 *	            ^   |
 *	            '---'  the next address
 */
#include "lib/redis.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/err.h"
#include "lib/lookup.h"
#include "lib/mem.h"
#include "lib/net.h"

/* An answer of ours is an id of a record or a line of text. */
#define ANSWER_MAX ((size_t)1 << 20)

enum state { LOOKUP, CONNECT, GREET, READY, LOST };

struct redis {
	struct worker *worker;
	const struct redis_owner *owner; /* NULL: it was freed */
	void *ctx;
	char *path, *host, *user, *password;
	uint16_t port;
	unsigned db;
	int64_t answer_timeout_us;

	enum state state;
	struct lookup *lookup;
	struct net_addr addrs[LOOKUP_ADDRS_MAX];
	size_t addr_count, tried;
	struct err why; /* of the last address */
	struct bufferevent *bev;
	struct event *timer;
	redisReader *reader;
	size_t unparsed; /* bytes since the last whole answer */
	size_t due;      /* answers, those of the greeting too */
};

/* ---- its end ------------------------------------------------------------- */

static void
close_all(struct redis *r)
{
	lookup_cancel(&r->lookup);
	if (r->bev != NULL)
		bufferevent_free(r->bev);
	r->bev = NULL;
	if (r->timer != NULL)
		event_free(r->timer);
	r->timer = NULL;
}

static void
lose(struct redis *r, const char *why)
{
	r->state = LOST;
	close_all(r);
	r->owner->lost(r->ctx, why);
}

static void
arm(struct redis *r, int64_t us)
{
	struct timeval tv = { .tv_sec = us / US_PER_S,
		.tv_usec = us % US_PER_S };

	CHECK(event_add(r->timer, &tv) == 0);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	static const char *const doing[] = {
		[LOOKUP] = "its name was not found in time",
		[CONNECT] = "the connection was not made in time",
		[GREET] = "no answer to the login in time",
		[READY] = "no answer in time",
		[LOST] = "",
	};
	struct redis *r = arg;

	(void)fd;
	(void)what;
	lose(r, doing[r->state]);
}

/* ---- answers ------------------------------------------------------------- */

static void
send_words(struct redis *r, const struct slice *words, size_t count)
{
	enum { FEW = 16 };
	const char *p[FEW];
	size_t len[FEW];
	char *text = NULL;
	int n;

	CHECK(count > 0 && count <= FEW);
	for (size_t i = 0; i < count; i++) {
		p[i] = words[i].p;
		len[i] = words[i].len;
	}
	n = redisFormatCommandArgv(&text, (int)count, p, len);
	CHECK(n > 0 && bufferevent_write(r->bev, text, (size_t)n) == 0);
	redisFreeCommand(text);
	r->due++;
}

static void
become_ready(struct redis *r)
{
	r->state = READY;
	(void)event_del(r->timer);
	r->owner->ready(r->ctx);
}

static void
greet(struct redis *r)
{
	char number[16];

	r->state = GREET;
	if (r->password != NULL && r->user != NULL)
		send_words(r,
		    (struct slice[]){ SLICE_LIT("AUTH"), slice_of(r->user),
			slice_of(r->password) },
		    3);
	else if (r->password != NULL)
		send_words(r,
		    (struct slice[]){ SLICE_LIT("AUTH"),
			slice_of(r->password) },
		    2);
	if (r->db != 0) {
		(void)snprintf(number, sizeof(number), "%u", r->db);
		send_words(r,
		    (struct slice[]){ SLICE_LIT("SELECT"), slice_of(number) },
		    2);
	}
	if (r->due == 0)
		become_ready(r);
}

static void
take_answer(struct redis *r, const redisReply *reply)
{
	const char *error = reply->type == REDIS_REPLY_ERROR ? reply->str :
							       NULL;

	if (r->due == 0) {
		lose(r, "an answer came that nothing was asked for");
		return;
	}
	r->due--;
	if (r->state == GREET && error != NULL) {
		lose(r, error);
	} else if (r->state == GREET) {
		if (r->due == 0)
			become_ready(r);
	} else {
		if (r->due > 0)
			arm(r, r->answer_timeout_us);
		else
			(void)event_del(r->timer);
		r->owner->answered(r->ctx, error);
	}
}

static bool
is_over(const struct redis *r)
{
	return r->owner == NULL || r->state == LOST;
}

/* All whole answers that the parser has. */
static void
take_answers(struct redis *r)
{
	void *reply;

	while (!is_over(r)) {
		if (redisReaderGetReply(r->reader, &reply) != REDIS_OK) {
			lose(r, "what comes from it is not Redis's protocol");
			return;
		}
		if (reply == NULL)
			break;
		r->unparsed = 0;
		take_answer(r, reply);
		freeReplyObject(reply);
	}
	if (!is_over(r) && r->unparsed > ANSWER_MAX)
		lose(r, "an answer is too long");
}

static void
on_input(struct bufferevent *bev, void *arg)
{
	struct redis *r = arg;
	char piece[4096];
	int n;

	while (!is_over(r) &&
	    (n = evbuffer_remove(bufferevent_get_input(bev), piece,
		 sizeof(piece))) > 0) {
		r->unparsed += (size_t)n;
		/* The parser fails at the next answer, if at all. */
		(void)redisReaderFeed(r->reader, piece, (size_t)n);
		take_answers(r);
	}
}

/* ---- connecting ---------------------------------------------------------- */

/* In place of the socket of an address that did not answer. */
static void
take_socket(struct redis *r, int fd)
{
	int old = bufferevent_getfd(r->bev);

	CHECK(bufferevent_setfd(r->bev, fd) == 0);
	if (old != -1)
		(void)close(old);
	CHECK(bufferevent_socket_connect(r->bev, NULL, 0) == 0);
}

static void
connect_next(struct redis *r)
{
	static const struct net_addr any;
	enum net_fault fault;

	r->state = CONNECT;
	while (r->tried < r->addr_count) {
		int fd = net_connect(&any, &r->addrs[r->tried++], r->port,
		    &fault, &r->why);

		if (fd != -1) {
			take_socket(r, fd);
			return;
		}
	}
	lose(r, r->why.text);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct redis *r = arg;
	char text[NET_ADDR_TEXT];

	(void)bev;
	if (what & BEV_EVENT_CONNECTED) {
		CHECK(bufferevent_enable(r->bev, EV_READ | EV_WRITE) == 0);
		greet(r);
		return;
	}
	if (what & BEV_EVENT_EOF)
		(void)err_set(&r->why, "the server closed the connection");
	else if (r->state == CONNECT && r->path == NULL)
		(void)err_sys(&r->why, "%s",
		    net_addr_text(&r->addrs[r->tried - 1], text));
	else
		(void)err_sys(&r->why, "connection");
	if (r->state == CONNECT)
		connect_next(r);
	else
		lose(r, r->why.text);
}

static int
unix_connect(const char *path, struct err *e)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(sun.sun_path))
		return err_set(e, "%s: too long for a socket", path);
	memcpy(sun.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return err_sys(e, "socket");
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		(void)err_sys(e, "%s", path);
		(void)close(fd);
		return -1;
	}
	return fd;
}

static void
on_addresses(void *arg, const struct lookup_answer *a)
{
	struct redis *r = arg;

	r->lookup = NULL;
	if (a->error != NULL) {
		(void)err_set(&r->why, "%s: %s", r->host, a->error);
		lose(r, r->why.text);
		return;
	}
	r->addr_count = a->count;
	memcpy(r->addrs, a->addrs, a->count * sizeof(a->addrs[0]));
	connect_next(r);
}

static void
begin(void *arg)
{
	struct redis *r = arg;
	int fd;

	if (is_over(r))
		return;
	if (r->path == NULL) {
		r->lookup = lookup_new(r->worker, r->host, on_addresses, r,
		    &r->why);
		if (r->lookup == NULL)
			lose(r, r->why.text);
		return;
	}
	r->state = CONNECT;
	fd = unix_connect(r->path, &r->why);
	if (fd == -1)
		lose(r, r->why.text);
	else
		take_socket(r, fd);
}

/* ---- life ---------------------------------------------------------------- */

static char *
copy(const char *s)
{
	return s == NULL ? NULL : mem_strdup(s);
}

struct redis *
redis_new(struct worker *w, const struct redis_options *opt,
    const struct redis_owner *owner, void *ctx)
{
	struct redis *r = mem_new(struct redis);

	CHECK(opt->path != NULL || opt->host != NULL);
	r->worker = w;
	r->owner = owner;
	r->ctx = ctx;
	r->path = copy(opt->path);
	r->host = copy(opt->host);
	r->port = opt->port;
	r->user = copy(opt->user);
	r->password = copy(opt->password);
	r->db = opt->db;
	r->answer_timeout_us = opt->answer_timeout_us;
	r->reader = redisReaderCreate();
	r->timer = event_new(worker_base(w), -1, 0, on_timer, r);
	r->bev = bufferevent_socket_new(worker_base(w), -1,
	    BEV_OPT_CLOSE_ON_FREE);
	CHECK(r->reader != NULL && r->timer != NULL && r->bev != NULL);
	bufferevent_setcb(r->bev, on_input, NULL, on_event, r);
	arm(r, opt->connect_timeout_us);
	worker_defer(w, begin, r);
	return r;
}

static void
collect(void *arg)
{
	struct redis *r = arg;

	redisReaderFree(r->reader);
	free(r->path);
	free(r->host);
	free(r->user);
	free(r->password);
	free(r);
}

void
redis_free(struct redis **rp)
{
	struct redis *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	close_all(r);
	r->owner = NULL;
	worker_defer(r->worker, collect, r);
}

void
redis_send(struct redis *r, const struct slice *words, size_t count)
{
	CHECK(r->state == READY);
	if (r->due == 0)
		arm(r, r->answer_timeout_us);
	send_words(r, words, count);
}

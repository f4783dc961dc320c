/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sender to a stream of Redis (`redis-stream-url`).
 *
 *	XADD KEY [MAXLEN ~ N] * id ID type T record JSON
 *
 * A record each, BATCH at a time; when all are answered the rows up to the
 * first that was refused count as taken.  Over a new connection the first goes
 * alone: of a batch a server that still loads its data would refuse the first
 * ones and take the others, and they would stand there before them.
 *
 * The connection is made when there are rows, and stays; that an idle one is
 * lost is no trouble.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "lib/redis.h"
#include "lib/worker.h"
#include "transport/acct_retry.h"
#include "transport/acct_sender.h"
#include "vmta/acct_target.h"

enum { BATCH = 500 };

#define PIECE ((size_t)256 * 1024)
#define CONNECT_TIMEOUT_US (10 * US_PER_S)
#define ANSWER_TIMEOUT_US (30 * US_PER_S)

enum state { IDLE, CONNECTING, READY, WAITING };

struct stream {
	struct acct_sender sender;
	struct acct_sender_env env;
	enum state state;
	bool finishing;
	bool proven; /* the connection: a record was taken over it */
	struct redis *redis;
	const struct redis_owner *redis_owner;
	struct event *timer;
	struct acct_retry retry;
	char max_length[16];

	struct slice rows;         /* in the feed's memory, not yet sent */
	struct acct_place at, end; /* of them */

	/* What was sent last: */
	size_t sent, answered;
	struct acct_place done; /* behind those that were taken */
	bool any_done;
	struct acct_place ends[BATCH];
	char refused[300]; /* why the first one was; "": none was */
};

/* ---- trouble ------------------------------------------------------------- */

static void
disconnect(struct stream *s)
{
	redis_free(&s->redis);
	s->proven = false;
	s->rows.len = 0;
	s->sent = s->answered = 0;
	s->any_done = false;
	s->refused[0] = '\0';
	acct_feed_rewind(s->env.feed);
}

static void
count_done(struct stream *s)
{
	if (s->any_done)
		s->env.owner->taken(s->env.ctx, s->done);
	s->any_done = false;
}

static void
try_again(struct stream *s, const char *why)
{
	count_done(s);
	s->env.owner->said(s->env.ctx, why);
	disconnect(s);
	s->state = WAITING;
	acct_retry_set(&s->retry, s->timer, s->env.conf->retry_interval_us, 0);
}

/* ---- records ------------------------------------------------------------- */

/*
 * The text of a member of a row, which our own writer has made: the member's
 * name in quotes and a colon stand nowhere else in it, since quotes inside of
 * a text have a backslash before them.
 */
static struct slice
member(struct slice row, const char *key)
{
	const char *at = memmem(row.p, row.len, key, strlen(key));
	struct slice v = { "", 0 };
	const char *end;

	if (at == NULL)
		return v;
	v.p = at + strlen(key);
	end = memchr(v.p, '"', row.len - (size_t)(v.p - row.p));
	if (end != NULL)
		v.len = (size_t)(end - v.p);
	return v;
}

static void
add_record(struct stream *s, struct slice row)
{
	struct slice words[12];
	size_t n = 0;

	words[n++] = SLICE_LIT("XADD");
	words[n++] = slice_of(s->env.conf->redis_key);
	if (s->max_length[0] != '\0') {
		words[n++] = SLICE_LIT("MAXLEN");
		words[n++] = SLICE_LIT("~");
		words[n++] = slice_of(s->max_length);
	}
	words[n++] = SLICE_LIT("*");
	words[n++] = SLICE_LIT("id");
	words[n++] = member(row, "\"recordId\":\"");
	words[n++] = SLICE_LIT("type");
	words[n++] = member(row, "\"type\":\"");
	words[n++] = SLICE_LIT("record");
	words[n++] = row;
	redis_send(s->redis, words, n);
}

/* The rows that are there, up to a batch. */
static void
send_batch(struct stream *s)
{
	size_t most = s->proven ? BATCH : 1;

	while (s->sent < most && s->rows.len > 0) {
		const char *lf = memchr(s->rows.p, '\n', s->rows.len);
		size_t len = lf == NULL ? s->rows.len :
					  (size_t)(lf - s->rows.p) + 1;

		add_record(s, (struct slice){ s->rows.p, len - 1 });
		s->rows.p += len;
		s->rows.len -= len;
		s->at.offset += len;
		s->ends[s->sent++] = s->rows.len == 0 ? s->end : s->at;
	}
}

static void
connect_it(struct stream *s)
{
	const struct acct_redis *to = s->env.conf->redis;
	struct redis_options opt = { .path = to->path,
		.host = to->host,
		.port = to->port,
		.user = to->user,
		.password = to->password,
		.db = to->db,
		.connect_timeout_us = CONNECT_TIMEOUT_US,
		.answer_timeout_us = ANSWER_TIMEOUT_US };

	s->redis = redis_new(s->env.worker, &opt, s->redis_owner, s);
	s->state = CONNECTING;
}

static void
next_batch(struct stream *s)
{
	struct acct_piece piece;
	struct err e;

	if (s->state == WAITING || s->state == CONNECTING || s->sent > 0 ||
	    s->finishing)
		return;
	if (s->rows.len == 0) {
		switch (acct_feed_read(s->env.feed, PIECE, &piece, &e)) {
		case ACCT_FEED_NONE:
			return;
		case ACCT_FEED_FAILED:
			try_again(s, e.text);
			return;
		case ACCT_FEED_ROWS:
			s->rows = piece.rows;
			s->at = piece.from;
			s->end = piece.end;
			break;
		}
	}
	if (s->state == IDLE)
		connect_it(s);
	else
		send_batch(s);
}

/* ---- events -------------------------------------------------------------- */

static void
on_ready(void *ctx)
{
	struct stream *s = ctx;

	s->state = READY;
	next_batch(s);
}

static void
end_batch(struct stream *s)
{
	char text[400];

	if (s->refused[0] != '\0') {
		(void)snprintf(text, sizeof(text),
		    "the server refused a record: %s", s->refused);
		try_again(s, text);
		return;
	}
	acct_retry_well(&s->retry);
	s->env.owner->said(s->env.ctx, NULL);
	count_done(s);
	s->proven = true;
	s->sent = s->answered = 0;
}

static void
on_answered(void *ctx, const char *error)
{
	struct stream *s = ctx;

	s->answered++;
	if (error != NULL && s->refused[0] == '\0') {
		(void)snprintf(s->refused, sizeof(s->refused), "%s", error);
	} else if (s->refused[0] == '\0') {
		s->done = s->ends[s->answered - 1];
		s->any_done = true;
	}
	if (s->answered < s->sent)
		return;
	end_batch(s);
	if (s->finishing)
		s->env.owner->ended(s->env.ctx); /* s may be gone */
	else
		next_batch(s);
}

static void
on_lost(void *ctx, const char *why)
{
	struct stream *s = ctx;
	bool was_busy = s->sent > 0; /* else finish() has called ended() */

	if (s->state == READY && !was_busy) {
		disconnect(s);
		s->state = IDLE;
		return;
	}
	try_again(s, why);
	if (s->finishing && was_busy)
		s->env.owner->ended(s->env.ctx); /* s may be gone */
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct stream *s = arg;

	(void)fd;
	(void)what;
	s->state = IDLE;
	next_batch(s);
}

/* ---- life ---------------------------------------------------------------- */

static struct stream *
stream_of(struct acct_sender *s)
{
	return post_owner(s, struct stream, sender);
}

static void
stream_more(struct acct_sender *s)
{
	next_batch(stream_of(s));
}

static void
stream_finish(struct acct_sender *sender)
{
	struct stream *s = stream_of(sender);

	s->finishing = true;
	if (s->sent == 0)
		s->env.owner->ended(s->env.ctx); /* s may be gone */
}

static void
stream_free(struct acct_sender *sender)
{
	struct stream *s = stream_of(sender);

	redis_free(&s->redis);
	event_free(s->timer);
	free(s);
}

struct acct_sender *
acct_redis_new(const struct acct_sender_env *env)
{
	static const struct redis_owner owner = { .ready = on_ready,
		.answered = on_answered,
		.lost = on_lost };
	struct stream *s = mem_new(struct stream);

	CHECK(env->conf->redis != NULL);
	s->sender = (struct acct_sender){ .more = stream_more,
		.finish = stream_finish,
		.free = stream_free };
	s->env = *env;
	s->redis_owner = &owner;
	if (env->conf->redis_max_length > 0)
		(void)snprintf(s->max_length, sizeof(s->max_length), "%u",
		    env->conf->redis_max_length);
	s->timer = event_new(worker_base(env->worker), -1, 0, on_timer, s);
	CHECK(s->timer != NULL);
	acct_feed_rewind(env->feed);
	s->state = WAITING;
	CHECK(event_add(s->timer, &(struct timeval){ 0 }) == 0);
	return &s->sender;
}

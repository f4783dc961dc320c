/* SPDX-License-Identifier: Apache-2.0 */
#include "milter/milter_link.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "lib/reader.h"
#include "mail/keys_ask.h"
#include "milter/milter_packet.h"
#include "milter/milter_session.h"
#include "vmta/sealing_run.h"

/* Memory that stays when all is sent. */
#define OUT_IDLE 16384

struct milter_link {
	LIST_ENTRY(milter_link) link;
	struct milter_place *place;
	int fd;
	struct reader in;
	struct event *writable; /* pending while something is to be sent */
	struct event *idle;
	int64_t last_us; /* something came, or went */
	struct milter_session *session;
	struct keys_ask *keys; /* DNS is asked */
	size_t sent;           /* of its output */
	bool ended;
};

/* ---- the end ------------------------------------------------------------- */

static void
link_free(struct milter_link **lp)
{
	struct milter_link *l = *lp;

	*lp = NULL;
	event_free(l->writable);
	event_free(l->idle);
	milter_session_free(&l->session);
	free(l);
}

static void
on_free(void *arg)
{
	struct milter_link *l = arg;
	struct milter_place *place = l->place;

	link_free(&l);
	place->count--;
	place->gone(place->ctx);
}

static void
end(struct milter_link *l)
{
	if (l->ended)
		return;
	l->ended = true;
	LIST_REMOVE(l, link);
	reader_stop(&l->in);
	(void)event_del(l->writable);
	(void)event_del(l->idle);
	keys_ask_cancel(&l->keys);
	(void)close(l->fd);
	worker_defer(l->place->worker, on_free, l);
}

/* ---- out ----------------------------------------------------------------- */

/* False: it has ended. */
static bool
flush(struct milter_link *l)
{
	struct buf *out = milter_session_output(l->session);

	while (l->sent < out->len) {
		ssize_t n = send(l->fd, out->p + l->sent, out->len - l->sent,
		    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN) {
			CHECK(event_add(l->writable, NULL) == 0);
			return true;
		}
		if (n == -1) {
			end(l);
			return false;
		}
		l->sent += (size_t)n;
	}
	l->sent = 0;
	if (out->cap > OUT_IDLE)
		buf_fini(out);
	else
		buf_clear(out);
	return true;
}

/* ---- silence ------------------------------------------------------------- */

/* Nothing is under way: no message, none of its answer, and nothing behind it. */
static bool
is_idle(const struct milter_link *l)
{
	return milter_session_is_idle(l->session) && l->keys == NULL &&
	    milter_session_output(l->session)->len == 0 &&
	    reader_input(&l->in).len == 0;
}

/* Has it been silent for too long?  If not, again when it may be. */
static void
look(struct milter_link *l)
{
	int64_t may_us = l->place->stopping && is_idle(l) ?
	    l->place->stop_idle_us :
	    l->place->idle_us;
	int64_t left_us = l->last_us + may_us - clock_us();
	struct timeval tv = { .tv_sec = (time_t)(left_us / US_PER_S),
		.tv_usec = (suseconds_t)(left_us % US_PER_S) };

	if (left_us <= 0)
		end(l);
	else
		CHECK(event_add(l->idle, &tv) == 0);
}

static void
on_idle(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	look(arg);
}

/* ---- in ------------------------------------------------------------------ */

/* It goes on when the socket has been looked at, not within the answer. */
static void
on_keys(void *arg)
{
	struct milter_link *l = arg;

	l->keys = NULL;
	milter_session_answered(l->session);
	event_active(l->writable, EV_WRITE, 0);
}

static void
ask(struct milter_link *l, struct dkim_answers *wanted)
{
	const struct keys_ask_in in = { .dns = l->place->env->dns,
		.worker = l->place->worker,
		.timeout_us = SEALING_DNS_US,
		.fn = on_keys,
		.arg = l };

	l->keys = keys_ask_new(&in, wanted);
}

/* Takes what waits, says what is to be said, and waits for what is next. */
static void
go_on(struct milter_link *l)
{
	struct dkim_answers *wanted;
	bool unsent;

	l->last_us = clock_us();
	reader_take(&l->in,
	    milter_session_input(l->session, reader_input(&l->in)));
	if (!flush(l))
		return;
	unsent = milter_session_output(l->session)->len > 0;
	wanted = milter_session_wanted(l->session);
	if (wanted != NULL && l->keys == NULL)
		ask(l, wanted);
	reader_pause(&l->in, unsent || wanted != NULL);
	if (milter_session_is_over(l->session))
		end(l);
	else if (l->place->stopping)
		look(l);
}

static void
on_input(void *ctx)
{
	go_on(ctx);
}

static void
on_end(void *ctx, int code)
{
	(void)code;
	end(ctx);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct milter_link *l = arg;

	(void)fd;
	(void)what;
	if (flush(l) && milter_session_output(l->session)->len == 0)
		go_on(l);
}

/* ---- life ---------------------------------------------------------------- */

void
milter_link_start(struct milter_place *place, int fd)
{
	static const struct reader_owner owner = { on_input, on_end };
	struct milter_link *l = mem_new(struct milter_link);
	struct event_base *base = worker_base(place->worker);
	int one = 1;

	l->place = place;
	l->fd = fd;
	l->last_us = clock_us();
	l->session = milter_session_new(place->env);
	l->writable = event_new(base, fd, EV_WRITE, on_writable, l);
	l->idle = event_new(base, -1, 0, on_idle, l);
	CHECK(l->writable != NULL && l->idle != NULL);
	if (!place->env->unix_socket)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
		    sizeof(one));
	LIST_INSERT_HEAD(&place->links, l, link);
	place->count++;
	look(l);
	reader_start(&l->in, base, fd, MILTER_INPUT_MAX, &owner, l);
}

void
milter_links_stop(struct milter_place *place)
{
	struct milter_link *l = LIST_FIRST(&place->links);

	place->stopping = true;
	while (l != NULL) {
		struct milter_link *next = LIST_NEXT(l, link);

		l->last_us = clock_us();
		look(l);
		l = next;
	}
}

void
milter_links_end(struct milter_place *place)
{
	struct milter_link *l;

	while ((l = LIST_FIRST(&place->links)) != NULL)
		end(l);
}

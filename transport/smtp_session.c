/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life of an SMTP session: what comes in (bytes, ends of writing, time-outs,
 * wishes of the owner) becomes one event at a time; enter() alone changes the
 * state.  The states themselves are in smtp_steps.c.
 */
#include "transport/smtp_session.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/tls.h"
#include "transport/smtp_session_priv.h"

enum smtp_event {
	SMTP_EV_CONNECTED, /* TCP, later TLS */
	SMTP_EV_REPLY,
	SMTP_EV_DRAINED, /* the connection took what was waiting */
	SMTP_EV_TIMEOUT,
	SMTP_EV_LOST,  /* text says why */
	SMTP_EV_KICKED /* by ourselves, from the loop */
};

struct smtp_what {
	enum smtp_event ev;
	const struct smtp_reply *reply;
	const char *text;
};

/* More changes of state than this in one event: we are going in circles. */
#define STEPS_MAX 16

/* What a server may say that we have not come to. */
#define READ_MAX ((size_t)REPLY_BYTES_MAX)

/* After a failed write: how long a last reply is waited for. */
#define LAST_WORDS_US (2 * US_PER_S)

/* A longer time-out is none. */
#define DEADLINE_MAX_US (INT64_C(366) * 86400 * US_PER_S)

/* ---- the connection ------------------------------------------------------ */

/*
 * Most of what we send fits the socket at once.  Tried here, before the
 * bufferevent has to ask the loop whether it may write, it saves two
 * epoll_ctl and a turn of the loop for each write; what does not fit waits in
 * the bufferevent as ever.
 */
static size_t
send_now(struct smtp_session *s)
{
	struct evbuffer *waiting = bufferevent_get_output(s->bev);
	ssize_t n;

	if (s->tls_done || evbuffer_get_length(waiting) > 0)
		return 0;
	n = send(bufferevent_getfd(s->bev), s->out.p, s->out.len,
	    MSG_NOSIGNAL | MSG_DONTWAIT);
	return n > 0 ? (size_t)n : 0; /* the bufferevent meets the error */
}

struct evbuffer *
smtp_output(struct smtp_session *s)
{
	struct evbuffer *waiting = bufferevent_get_output(s->bev);

	if (s->out.len > 0)
		CHECK(evbuffer_add(waiting, s->out.p, s->out.len) == 0);
	buf_clear(&s->out);
	return waiting;
}

bool
smtp_flush(struct smtp_session *s)
{
	if (s->out.len > 0 && !s->write_broken) {
		size_t sent = send_now(s);

		if (sent == s->out.len)
			buf_clear(&s->out);
		else
			buf_drop(&s->out, sent);
	}
	return evbuffer_get_length(smtp_output(s)) == 0;
}

size_t
smtp_waiting(const struct smtp_session *s)
{
	return s->out.len + evbuffer_get_length(bufferevent_get_output(s->bev));
}

/* The next bytes of the server's that lie in one place. */
static struct slice
heard(const struct smtp_session *s)
{
	struct evbuffer_iovec v = { NULL, 0 };

	if (!s->tls_done)
		return reader_input(&s->in);
	if (evbuffer_peek(bufferevent_get_input(s->bev), -1, NULL, &v, 1) < 1)
		v.iov_len = 0;
	return (struct slice){ v.iov_base, v.iov_len };
}

static void
take(struct smtp_session *s, size_t len)
{
	if (s->tls_done)
		CHECK(evbuffer_drain(bufferevent_get_input(s->bev), len) == 0);
	else
		reader_take(&s->in, len);
}

bool
smtp_has_heard(const struct smtp_session *s)
{
	return reply_parser_is_midway(&s->parser) || heard(s).len > 0;
}

/*
 * libevent closes the socket when its callbacks are done, and who is told now
 * may open another one before: this one has to be over on the wire.
 */
void
smtp_shut(struct smtp_session *s)
{
	reader_stop(&s->in);
	if (s->bev != NULL) {
		if (s->tls_done)
			tls_close(s->bev);
		(void)shutdown(bufferevent_getfd(s->bev), SHUT_RDWR);
		bufferevent_free(s->bev);
		s->bev = NULL;
	}
	(void)event_del(s->timer);
	s->deadline_us = 0;
	s->timer_us = 0;
}

/* ---- the deadline -------------------------------------------------------- */

static void
set_timer(struct smtp_session *s, int64_t at_us, int64_t now_us)
{
	int64_t us = at_us > now_us ? at_us - now_us : 0;
	struct timeval tv = { .tv_sec = us / US_PER_S,
		.tv_usec = us % US_PER_S };

	CHECK(event_add(s->timer, &tv) == 0);
	s->timer_us = at_us;
}

/*
 * A deadline moves with every reply, nearly always to later: then the timer
 * is left alone, and looks again when it fires.
 */
void
smtp_arm(struct smtp_session *s, int64_t us)
{
	int64_t now_us = clock_us();

	if (us > DEADLINE_MAX_US) {
		s->deadline_us = 0;
		return;
	}
	s->deadline_us = now_us + us;
	if (s->timer_us == 0 || s->timer_us > s->deadline_us)
		set_timer(s, s->deadline_us, now_us);
}

static void
arm_state(struct smtp_session *s)
{
	const struct queue_conf *conf = s->conf;
	unsigned seconds = smtp_steps[s->state].timeout_s;

	if (seconds > 0)
		smtp_arm(s, seconds * US_PER_S);
	else if (s->state == SMTP_CONNECT)
		smtp_arm(s, conf->connect_timeout_us);
	else if (s->state == SMTP_GREETING)
		smtp_arm(s, conf->greeting_timeout_us);
	else if (s->state == SMTP_BODY)
		smtp_arm(s, conf->data_timeout_us);
	else if (s->state == SMTP_DOT)
		smtp_arm(s, conf->dot_timeout_us);
	else
		s->deadline_us = 0;
}

/* ---- events -------------------------------------------------------------- */

static void
log_state(const struct smtp_session *s)
{
	struct log_line l;

	log_begin(&l, LOG_L_DEBUG, NULL, "smtp-state");
	log_str(&l, "mx", s->host);
	log_str(&l, "state", smtp_steps[s->state].name);
	log_end(&l);
}

/* The only place where the state changes. */
static void
enter(struct smtp_session *s, enum smtp_state next)
{
	while (next != s->state) {
		CHECK(next < SMTP_STATE_COUNT && s->state != SMTP_CLOSED);
		s->steps++;
		CHECK(s->steps <= STEPS_MAX);
		s->state = next;
		/* Asked here: a line is 4 KB of stack, which is zeroed. */
		if (log_wants(LOG_L_DEBUG))
			log_state(s);
		arm_state(s);
		if (smtp_steps[next].enter != NULL)
			next = smtp_steps[next].enter(s);
	}
}

static enum smtp_state
on_timeout(struct smtp_session *s)
{
	char text[160];

	if (s->state == SMTP_BODY && !s->write_broken && smtp_body_moved(s)) {
		arm_state(s);
		return SMTP_BODY;
	}
	(void)snprintf(text, sizeof(text), "%s while %s",
	    s->write_broken ? "connection lost" : "timed out",
	    smtp_steps[s->state].doing);
	return smtp_fail(s,
	    s->write_broken || s->state == SMTP_READY ? OUTCOME_LOST :
							OUTCOME_TIMEOUT,
	    text);
}

/*
 * Between the wish and its turn the final dot may have gone out: whoever
 * dropped the connection then would make a doubt where there was none.
 */
static bool
must_drop(struct smtp_session *s)
{
	if (!s->want_drop || !s->spares_doubt || !smtp_is_in_doubt(s))
		return s->want_drop;
	s->want_drop = false;
	s->want_quit = true;
	return false;
}

/* The owner wants something, or a step left work for later. */
static enum smtp_state
on_kicked(struct smtp_session *s)
{
	if (must_drop(s))
		return smtp_drop(s);
	if (s->state == SMTP_READY)
		return smtp_idle(s);
	/* Nothing to be polite about before the server has greeted us. */
	if (s->want_quit && s->state < SMTP_READY)
		return SMTP_CLOSED;
	return s->state;
}

static enum smtp_state
on_reply(struct smtp_session *s, const struct smtp_reply *r)
{
	enum smtp_state next;

	CHECK(smtp_steps[s->state].reply != NULL);
	next = smtp_steps[s->state].reply(s, r);
	if (next == s->state && !s->write_broken)
		arm_state(s); /* for the next reply of the pipe */
	return next;
}

static enum smtp_state
judge(struct smtp_session *s, const struct smtp_what *w)
{
	switch (w->ev) {
	case SMTP_EV_CONNECTED:
		return smtp_connected(s);
	case SMTP_EV_REPLY:
		return on_reply(s, w->reply);
	case SMTP_EV_DRAINED:
		return smtp_drained(s);
	case SMTP_EV_TIMEOUT:
		return on_timeout(s);
	case SMTP_EV_LOST:
		return smtp_fail(s, OUTCOME_LOST, w->text);
	case SMTP_EV_KICKED:
		return on_kicked(s);
	}
	CHECK_NEVER("an event of a session");
}

/* The one way in. */
static void
event(struct smtp_session *s, const struct smtp_what *w)
{
	CHECK(!s->in_event);
	if (s->state == SMTP_CLOSED)
		return;
	s->in_event = true;
	s->steps = 0;
	enter(s, judge(s, w));
	if (s->state != SMTP_CLOSED && must_drop(s))
		enter(s, smtp_drop(s));
	s->in_event = false;
}

static void
on_kick(void *arg)
{
	struct smtp_session *s = arg;

	s->kicked = false;
	event(s, &(struct smtp_what){ .ev = SMTP_EV_KICKED });
}

void
smtp_kick(struct smtp_session *s)
{
	if (s->kicked || s->state == SMTP_CLOSED)
		return;
	s->kicked = true;
	worker_defer(s->worker, on_kick, s);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct smtp_session *s = arg;
	int64_t now_us = clock_us();

	(void)fd;
	(void)what;
	s->timer_us = 0;
	if (s->deadline_us == 0)
		return;
	if (now_us < s->deadline_us) {
		set_timer(s, s->deadline_us, now_us);
		return;
	}
	s->deadline_us = 0;
	event(s, &(struct smtp_what){ .ev = SMTP_EV_TIMEOUT });
}

/* ---- callbacks of libevent ----------------------------------------------- */

static void
lost(struct smtp_session *s, const char *text)
{
	event(s, &(struct smtp_what){ .ev = SMTP_EV_LOST, .text = text });
}

/* Feeds the parser until a reply is whole; false: more bytes are needed. */
static bool
next_reply(struct smtp_session *s)
{
	enum reply_step step = REPLY_MORE;
	char text[160];

	while (step == REPLY_MORE) {
		const struct slice in = heard(s);
		struct slice left = in;

		if (in.len == 0)
			return false;
		step = reply_parser_feed(&s->parser, &left.p, &left.len);
		take(s, in.len - left.len);
	}
	if (step == REPLY_DONE)
		return true;
	(void)snprintf(text, sizeof(text), "protocol broken while %s: %s",
	    smtp_steps[s->state].doing, s->parser.why);
	lost(s, text);
	return false;
}

static void
replied(struct smtp_session *s)
{
	event(s,
	    &(struct smtp_what){ .ev = SMTP_EV_REPLY,
		.reply = &s->parser.reply });
}

/* A reply may end the session. */
static void
on_read(struct bufferevent *bev, void *arg)
{
	struct smtp_session *s = arg;

	while (s->bev == bev && next_reply(s))
		replied(s);
}

/* The same in clear, where a reply may also begin TLS. */
static void
on_input(void *arg)
{
	struct smtp_session *s = arg;

	while (reader_is_on(&s->in) && next_reply(s))
		replied(s);
}

static void
on_write(struct bufferevent *bev, void *arg)
{
	struct smtp_session *s = arg;

	if (s->bev == bev)
		event(s, &(struct smtp_what){ .ev = SMTP_EV_DRAINED });
}

/* In words; errno must still be that of the event. */
static const char *
why_lost(struct smtp_session *s, short what, struct err *e)
{
	const char *doing = smtp_steps[s->state].doing;
	char text[200];

	if (s->tls_done || s->state == SMTP_HANDSHAKE)
		(void)err_set(e, "connection lost while %s: %s", doing,
		    tls_error(s->bev, text, sizeof(text)));
	else if ((what & BEV_EVENT_ERROR) != 0)
		(void)err_sys(e, "connection lost while %s", doing);
	else
		(void)err_set(e, "connection closed by the server while %s",
		    doing);
	return e->text;
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct smtp_session *s = arg;
	struct err e;

	if (s->bev != bev)
		return;
	if ((what & BEV_EVENT_CONNECTED) != 0) {
		event(s, &(struct smtp_what){ .ev = SMTP_EV_CONNECTED });
	} else if ((what & BEV_EVENT_WRITING) != 0 && !s->tls_done &&
	    s->state != SMTP_CONNECT && s->state != SMTP_HANDSHAKE) {
		/*
		 * The server has closed, most likely after a reply that says
		 * why; the kernel still has it for us.
		 */
		s->write_broken = true;
		smtp_arm(s, LAST_WORDS_US);
	} else {
		lost(s, why_lost(s, what, &e));
	}
}

static void
on_end(void *arg, int code)
{
	struct smtp_session *s = arg;
	struct err e;

	errno = code;
	lost(s, why_lost(s, code == 0 ? BEV_EVENT_EOF : BEV_EVENT_ERROR, &e));
}

void
smtp_listen(struct smtp_session *s)
{
	static const struct reader_owner owner = { on_input, on_end };

	reader_start(&s->in, worker_base(s->worker), bufferevent_getfd(s->bev),
	    READ_MAX, &owner, s);
}

void
smtp_watch(struct smtp_session *s, struct bufferevent *bev)
{
	CHECK(s->bev == NULL);
	s->bev = bev;
	bufferevent_setcb(bev, on_read, on_write, on_event, s);
	bufferevent_setwatermark(bev, EV_READ, 0, READ_MAX);
	CHECK(bufferevent_set_max_single_write(bev, SMTP_BODY_HIGH) == 0);
}

/* ---- life ---------------------------------------------------------------- */

static void
session_free(void *arg)
{
	struct smtp_session *s = arg;

	CHECK(s->state == SMTP_CLOSED && s->bev == NULL && !s->in_event);
	event_free(s->timer);
	reply_parser_fini(&s->parser);
	buf_fini(&s->out);
	smtp_trans_fini(&s->trans);
	sasl_client_free(&s->auth);
	region_free(&s->rg);
	free(s);
}

void
smtp_retire(struct smtp_session *s)
{
	worker_defer(s->worker, session_free, s);
}

struct smtp_session *
smtp_session_new(const struct smtp_session_params *p,
    const struct smtp_session_owner *owner, void *ctx)
{
	struct smtp_session *s = mem_new(struct smtp_session);
	struct event_base *base = worker_base(p->worker);
	struct bufferevent *bev;

	CHECK(p->fd >= 0 && p->conf != NULL);
	s->worker = p->worker;
	s->id = p->id;
	s->owner = owner;
	s->ctx = ctx;
	s->conf = p->conf;
	s->tls = p->tls;
	s->no_tls = p->no_tls;
	s->policy = p->policy;
	s->peer = p->peer;
	s->source = p->source;
	s->rg = region_new();
	s->host = region_strdup(s->rg, p->host);
	s->helo = region_strdup(s->rg, p->helo);
	s->tls_text = "";
	s->trans.rg = region_new();
	reply_parser_init(&s->parser);
	s->timer = event_new(base, -1, 0, on_timer, s);
	bev = bufferevent_socket_new(base, p->fd, BEV_OPT_CLOSE_ON_FREE);
	CHECK(s->timer != NULL && bev != NULL);
	smtp_watch(s, bev);
	s->state = SMTP_CONNECT;
	arm_state(s);
	/* No address: the connection is being made, or is there already. */
	CHECK(bufferevent_socket_connect(bev, NULL, 0) == 0);
	return s;
}

/* ---- the owner's wishes -------------------------------------------------- */

void
smtp_session_send(struct smtp_session *s, const struct smtp_transaction *t)
{
	CHECK(s->next == NULL && s->trans.t == NULL && t->count > 0);
	CHECK(t->body != NULL);
	s->next = t;
	if (!s->in_event)
		smtp_kick(s);
}

void
smtp_session_quit(struct smtp_session *s)
{
	s->want_quit = true;
	if (!s->in_event)
		smtp_kick(s);
}

void
smtp_session_drop(struct smtp_session *s)
{
	s->want_drop = true;
	if (!s->in_event)
		smtp_kick(s);
}

void
smtp_session_hurry(struct smtp_session *s)
{
	s->spares_doubt = true;
	smtp_session_drop(s);
}

void
smtp_session_interrupt(struct smtp_session *s)
{
	if (s->trans.t == NULL && s->next == NULL) {
		smtp_session_quit(s);
		return;
	}
	s->interrupted = true;
	smtp_session_hurry(s);
}

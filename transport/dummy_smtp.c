/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/dummy_smtp.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/acceptor.h"
#include "lib/check.h"
#include "lib/count.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/net.h"
#include "lib/worker.h"
#include "mail/dot_unstuff.h"
#include "mail/smtp_cmd.h"

enum {
	IN_MAX = 65536,
	OUT_MAX = 65536, /* a client that does not read is not read from */
	IDLE_S = 300,
	WHERE_TEXT = 80,
	HOST_SHOWN = 180,
	BAD_MAX = 20 /* commands; then it is no mail client */
};

enum sink_state { SINK_COMMAND, SINK_DATA, SINK_CHUNK, SINK_ENDS };

struct sink {
	LIST_ENTRY(sink) link;
	struct dummy_smtp *by;
	struct bufferevent *bev;
	struct event *later; /* dummy-smtp-latency; NULL: none */
	bool waits;          /* for that */
	bool eof;
	struct region *rg;
	enum sink_state state;
	bool open; /* MAIL was taken */
	uint64_t rcpts, bytes, left;
	bool last; /* chunk */
	unsigned bad;
	struct dot_unstuff dot;
	struct smtp_line line;
};

struct dummy_smtp {
	struct worker *worker;
	struct acceptor *acceptor;
	LIST_HEAD(, sink) sinks;
	uint32_t open, max;
	bool await_slot, chunking, pipelining, verp, counts;
	struct timeval latency;
	bool is_slow;
	char *host;
	struct count clients, connections, messages, rcpts, bytes;
};

/* ---- replies ------------------------------------------------------------- */

static void
say(struct sink *s, const char *text)
{
	(void)bufferevent_write(s->bev, text, strlen(text));
	(void)bufferevent_write(s->bev, "\r\n", 2);
}

static void
end(struct sink *s, const char *text)
{
	say(s, text);
	s->state = SINK_ENDS;
}

static void
bad(struct sink *s, const char *text)
{
	if (++s->bad < BAD_MAX)
		say(s, text);
	else
		end(s, "421 4.7.0 too many errors");
}

static void
greet(struct sink *s)
{
	char text[HOST_SHOWN + 100];

	(void)snprintf(text, sizeof(text),
	    "220 %.*s ESMTP dummy: all mail is thrown away (Mailrace v%s)",
	    HOST_SHOWN, s->by->host, PACKAGE_VERSION);
	say(s, text);
}

static void
say_hello(struct sink *s, const struct smtp_cmd *c)
{
	const struct dummy_smtp *d = s->by;
	char text[HOST_SHOWN + 20];
	bool extended = c->verb == SMTP_VERB_EHLO;

	(void)snprintf(text, sizeof(text), "250%c%.*s", extended ? '-' : ' ',
	    HOST_SHOWN, d->host);
	say(s, text);
	if (!extended)
		return;
	if (d->pipelining)
		say(s, "250-PIPELINING");
	if (d->chunking)
		say(s, "250-CHUNKING");
	if (d->verp)
		say(s, "250-VERP");
	say(s, "250-8BITMIME");
	say(s, "250-SMTPUTF8");
	say(s, "250-ENHANCEDSTATUSCODES");
	say(s, "250-SIZE 0");
	say(s, "250 DSN");
}

/* ---- a message ----------------------------------------------------------- */

static void
reset(struct sink *s)
{
	s->open = false;
	s->rcpts = s->bytes = 0;
}

static void
discard(struct sink *s)
{
	struct dummy_smtp *d = s->by;

	if (d->counts) {
		count_add(&d->messages, 1);
		count_add(&d->rcpts, s->rcpts);
		count_add(&d->bytes, s->bytes);
	}
	reset(s);
	s->state = SINK_COMMAND;
	say(s, "250 2.0.0 thrown away by a dummy");
}

static void
cmd_mail(struct sink *s, const struct smtp_cmd *c)
{
	if (s->open) {
		bad(s, "503 5.5.1 nested MAIL");
	} else if (c->verp && !s->by->verp) {
		say(s, "555 5.5.4 VERP is not offered");
	} else {
		s->open = true;
		say(s, "250 2.1.0 OK");
	}
}

static void
cmd_rcpt(struct sink *s)
{
	if (!s->open) {
		bad(s, "503 5.5.1 MAIL first");
		return;
	}
	s->rcpts++;
	say(s, "250 2.1.5 OK");
}

static void
cmd_data(struct sink *s)
{
	if (s->rcpts == 0 || s->bytes > 0) {
		bad(s, "503 5.5.1 RCPT first, and no BDAT");
		return;
	}
	dot_unstuff_init(&s->dot);
	s->state = SINK_DATA;
	say(s, "354 end data with <CR><LF>.<CR><LF>");
}

/* Where it was not offered the chunk behind it would be read as commands. */
static void
cmd_bdat(struct sink *s, const struct smtp_cmd *c)
{
	if (!s->by->chunking || s->rcpts == 0) {
		end(s, "421 4.7.0 no chunk is expected");
		return;
	}
	s->left = c->chunk_len;
	s->last = c->chunk_last;
	s->state = SINK_CHUNK;
}

/* All of the chunk has come. */
static void
end_chunk(struct sink *s)
{
	s->state = SINK_COMMAND;
	if (s->last)
		discard(s);
	else
		say(s, "250 2.0.0 OK");
}

/* ---- commands ------------------------------------------------------------ */

static void
obey(struct sink *s, const struct smtp_cmd *c)
{
	if (c->verb == SMTP_VERB_MAIL)
		cmd_mail(s, c);
	else if (c->verb == SMTP_VERB_RCPT)
		cmd_rcpt(s);
	else if (c->verb == SMTP_VERB_DATA)
		cmd_data(s);
	else if (c->verb == SMTP_VERB_BDAT)
		cmd_bdat(s, c);
	else if (c->verb == SMTP_VERB_EHLO || c->verb == SMTP_VERB_HELO) {
		reset(s);
		say_hello(s, c);
	} else if (c->verb == SMTP_VERB_RSET) {
		reset(s);
		say(s, "250 2.0.0 OK");
	} else if (c->verb == SMTP_VERB_NOOP) {
		say(s, "250 2.0.0 OK");
	} else if (c->verb == SMTP_VERB_QUIT) {
		end(s, "221 2.0.0 closing");
	} else if (c->verb == SMTP_VERB_HTTP || c->verb == SMTP_VERB_PROXY) {
		end(s, "421 4.7.0 not a mail client");
	} else {
		bad(s, "502 5.5.1 command not implemented");
	}
}

static void
take_line(struct sink *s, enum smtp_line_result r)
{
	struct smtp_cmd c;
	const char *why;

	if (r == SMTP_LINE_TOO_LONG) {
		bad(s, "500 5.5.2 line too long");
		return;
	}
	region_reset(s->rg);
	why = smtp_cmd_parse((struct slice){ s->line.text, s->line.len }, s->rg,
	    &c);
	if (why != NULL && c.verb == SMTP_VERB_BDAT)
		end(s, why);
	else if (why != NULL)
		bad(s, why);
	else
		obey(s, &c);
}

/* ---- input --------------------------------------------------------------- */

/* Of one piece; how much of it was taken. */
static size_t
take(struct sink *s, struct slice in)
{
	struct slice left = in;

	switch (s->state) {
	case SINK_COMMAND: {
		enum smtp_line_result r = smtp_line_feed(&s->line, &left.p,
		    &left.len);

		if (r != SMTP_LINE_MORE)
			take_line(s, r);
		break;
	}
	case SINK_DATA: {
		enum dot_result r = dot_unstuff_feed(&s->dot, &left.p,
		    &left.len, NULL);

		s->bytes += in.len - left.len;
		if (r == DOT_END)
			discard(s);
		break;
	}
	case SINK_CHUNK: {
		size_t n = s->left < in.len ? (size_t)s->left : in.len;

		left.len -= n;
		s->left -= n;
		s->bytes += n;
		break;
	}
	case SINK_ENDS:
		left.len = 0;
		break;
	}
	if (s->state == SINK_CHUNK && s->left == 0)
		end_chunk(s);
	return in.len - left.len;
}

static size_t
unwritten(const struct sink *s)
{
	return evbuffer_get_length(bufferevent_get_output(s->bev));
}

static void
sink_free(struct sink **sp)
{
	struct sink *s = *sp;
	struct dummy_smtp *d = s->by;

	*sp = NULL;
	LIST_REMOVE(s, link);
	if (s->later != NULL)
		event_free(s->later);
	bufferevent_free(s->bev);
	region_free(&s->rg);
	free(s);
	if (d->counts)
		count_sub(&d->clients, 1);
	CHECK(d->open > 0);
	if (d->open-- == d->max && d->await_slot)
		acceptor_pause(d->acceptor, false);
}

/* All that came; s may be gone behind it. */
static void
run(struct sink *s)
{
	struct evbuffer *in = bufferevent_get_input(s->bev);
	struct evbuffer_iovec v;

	while (unwritten(s) < OUT_MAX &&
	    evbuffer_peek(in, -1, NULL, &v, 1) > 0 && v.iov_len > 0)
		CHECK(
		    evbuffer_drain(in,
			take(s, (struct slice){ v.iov_base, v.iov_len })) == 0);
	if ((s->state == SINK_ENDS || s->eof) && unwritten(s) == 0)
		sink_free(&s);
}

static void
on_later(evutil_socket_t fd, short what, void *arg)
{
	struct sink *s = arg;

	(void)fd;
	(void)what;
	s->waits = false;
	run(s);
}

/* What comes is looked at when its time has come, all of it at once. */
static void
on_read(struct bufferevent *bev, void *arg)
{
	struct sink *s = arg;

	(void)bev;
	if (s->later == NULL)
		run(s);
	else if (!s->waits)
		s->waits = event_add(s->later, &s->by->latency) == 0;
}

static void
on_write(struct bufferevent *bev, void *arg)
{
	struct sink *s = arg;

	(void)bev;
	if (!s->waits)
		run(s);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct sink *s = arg;

	(void)bev;
	if ((what & BEV_EVENT_EOF) == 0) {
		sink_free(&s);
		return;
	}
	s->eof = true;
	if (!s->waits)
		run(s);
}

/* ---- connections --------------------------------------------------------- */

static void
on_accept(void *ctx, int fd)
{
	static const struct timeval idle = { .tv_sec = IDLE_S };
	struct dummy_smtp *d = ctx;
	struct event_base *base = worker_base(d->worker);
	struct sink *s = mem_new(struct sink);
	int one = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	s->by = d;
	s->rg = region_new();
	s->bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	CHECK(s->bev != NULL);
	if (d->is_slow) {
		s->later = event_new(base, -1, 0, on_later, s);
		CHECK(s->later != NULL);
	}
	LIST_INSERT_HEAD(&d->sinks, s, link);
	d->open++;
	if (d->counts) {
		count_add(&d->clients, 1);
		count_add(&d->connections, 1);
	}
	bufferevent_setcb(s->bev, on_read, on_write, on_event, s);
	bufferevent_setwatermark(s->bev, EV_READ, 0, IN_MAX);
	(void)bufferevent_set_timeouts(s->bev, &idle, &idle);
	(void)bufferevent_enable(s->bev, EV_READ | EV_WRITE);
	if (d->open > d->max)
		end(s, "421 4.3.2 too many connections");
	else
		greet(s);
	if (d->open == d->max && d->await_slot)
		acceptor_pause(d->acceptor, true);
}

/* ---- all of it ----------------------------------------------------------- */

static struct dummy_smtp *
dummy_of(const struct global_conf *conf)
{
	struct dummy_smtp *d = mem_new(struct dummy_smtp);

	LIST_INIT(&d->sinks);
	d->max = (uint32_t)conf->max_conns_in;
	d->await_slot = conf->dummy_await_slot;
	d->chunking = conf->dummy_chunking;
	d->pipelining = conf->dummy_pipelining;
	d->verp = conf->dummy_verp;
	d->counts = conf->dummy_stats;
	d->is_slow = conf->dummy_latency_ms > 0;
	d->latency = (struct timeval){ .tv_sec = conf->dummy_latency_ms / 1000,
		.tv_usec = (suseconds_t)(conf->dummy_latency_ms % 1000) *
		    1000 };
	d->host = mem_strdup(
	    conf->host_name[0] == '\0' ? "localhost" : conf->host_name);
	return d;
}

int
dummy_smtp_new(const struct global_conf *conf, struct dummy_smtp **d_r,
    struct err *e)
{
	struct dummy_smtp *d;
	char where[WHERE_TEXT];
	int fd;

	*d_r = NULL;
	if (conf->dummy_port == 0)
		return 0;
	(void)snprintf(where, sizeof(where),
	    strchr(conf->dummy_ip, ':') == NULL ? "%s:%u" : "[%s]:%u",
	    conf->dummy_ip, (unsigned)conf->dummy_port);
	fd = net_listen(where, e);
	if (fd == -1)
		return -1;
	*d_r = d = dummy_of(conf);
	d->worker = worker_new("dummy", e);
	if (d->worker == NULL) {
		(void)close(fd);
		return -1;
	}
	d->acceptor = acceptor_new(worker_base(d->worker), fd,
	    &(struct acceptor_options){ .name = where,
		.fn = on_accept,
		.ctx = d });
	log_note(LOG_L_WARN, "dummy-smtp",
	    "%s is a dummy: all mail that comes there is thrown away", where);
	return worker_start(d->worker, e);
}

void
dummy_smtp_stop(struct dummy_smtp *d)
{
	if (d == NULL || d->worker == NULL)
		return;
	worker_stop(d->worker);
	worker_join(d->worker);
}

void
dummy_smtp_free(struct dummy_smtp **dp)
{
	struct dummy_smtp *d = *dp;
	struct sink *s, *next;

	*dp = NULL;
	if (d == NULL)
		return;
	for (s = LIST_FIRST(&d->sinks); s != NULL; s = next) {
		next = LIST_NEXT(s, link);
		sink_free(&s);
	}
	acceptor_free(&d->acceptor);
	if (d->worker != NULL) {
		/* Connections that libevent had in its hands at the stop. */
		(void)event_base_loop(worker_base(d->worker), EVLOOP_NONBLOCK);
		worker_free(&d->worker);
	}
	free(d->host);
	free(d);
}

bool
dummy_smtp_sums(struct dummy_smtp *d, struct dummy_smtp_sums *out)
{
	if (d == NULL || !d->counts)
		return false;
	*out = (struct dummy_smtp_sums){ .clients = count_read(&d->clients),
		.connections = count_read(&d->connections),
		.messages = count_read(&d->messages),
		.rcpts = count_read(&d->rcpts),
		.bytes = count_read(&d->bytes) };
	return true;
}

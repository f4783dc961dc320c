/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/ctl_proto.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/acceptor.h"
#include "lib/check.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/net.h"
#include "lib/str.h"

#define LINE_MAX_BYTES ((size_t)1 << 20)
/* A client that reads nothing for so long is dropped. */
#define STUCK_S 60
/* So much may wait to be read by a client; refilled at a quarter. */
#define AHEAD_BYTES ((size_t)1 << 18)

struct ctl_conn {
	TAILQ_ENTRY(ctl_conn) link;
	struct ctl_server *server;
	struct bufferevent *bev;     /* NULL: the peer has gone */
	struct ctl_request *request; /* under way, or NULL */
	ctl_more_fn *more;           /* of request: makes the answer, or NULL */
	void *more_ctx;
	bool
	    uploads; /* what comes is read elsewhere: this is its last request */
};

struct ctl_request {
	struct ctl_conn *conn;
};

struct ctl_server {
	struct worker *worker;
	ctl_fn *fn;
	void *ctx;
	char *path;
	bool inherited; /* the listening socket: its path is not ours */
	struct acceptor *acceptor; /* NULL: drained */
	size_t conn_count;
	TAILQ_HEAD(ctl_conns, ctl_conn)
	conns; /* the last is idle for longest */
};

static void
conn_free(struct ctl_conn *c)
{
	struct ctl_server *s = c->server;

	CHECK(c->request == NULL && c->bev == NULL);
	TAILQ_REMOVE(&s->conns, c, link);
	s->conn_count--;
	if (s->acceptor != NULL)
		acceptor_pause(s->acceptor, false);
	free(c);
}

/* More of a long answer, as far as the client has room for it. */
static void
pump(struct ctl_conn *c)
{
	ctl_more_fn *more = c->more;

	while (c->bev == NULL ||
	    evbuffer_get_length(bufferevent_get_output(c->bev)) < AHEAD_BYTES)
		if (!more(c->more_ctx, c->request))
			return; /* c may be gone */
}

/* The peer has gone: a request that is under way keeps the struct. */
static void
conn_close(struct ctl_conn *c)
{
	bufferevent_free(c->bev);
	c->bev = NULL;
	if (c->request == NULL)
		conn_free(c);
	else if (c->more != NULL)
		pump(c);
}

static void
send_json(struct ctl_conn *c, json_t *line)
{
	char *text;

	if (c->bev != NULL) {
		text = json_dumps(line, JSON_COMPACT);
		CHECK(text != NULL);
		(void)bufferevent_write(c->bev, text, strlen(text));
		(void)bufferevent_write(c->bev, "\n", 1);
		free(text);
	}
	json_decref(line);
}

void
ctl_item(struct ctl_request *r, json_t *item)
{
	send_json(r->conn, json_pack("{s:o}", "item", item));
}

static void
request_end(struct ctl_request *r)
{
	struct ctl_conn *c = r->conn;

	CHECK(c->request == r);
	c->request = NULL;
	c->more = NULL;
	free(r);
	TAILQ_REMOVE(&c->server->conns, c, link); /* now the last one used */
	TAILQ_INSERT_HEAD(&c->server->conns, c, link);
	if (c->bev == NULL)
		conn_free(c);
	else if (c->uploads) /* on_write() closes it */
		bufferevent_setwatermark(c->bev, EV_WRITE, 0, 0);
	else
		bufferevent_trigger(c->bev, EV_READ,
		    BEV_OPT_DEFER_CALLBACKS | BEV_TRIG_IGNORE_WATERMARKS);
}

void
ctl_done(struct ctl_request *r, json_t *fields)
{
	json_t *line = fields == NULL ? json_object() : fields;

	(void)json_object_set_new(line, "done", json_true());
	send_json(r->conn, line);
	request_end(r);
}

void
ctl_fail(struct ctl_request *r, const char *fmt, ...)
{
	char text[4096];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	send_json(r->conn, json_pack("{s:o}", "error", ctl_string(text)));
	request_end(r);
}

void
ctl_stream(struct ctl_request *r, ctl_more_fn *fn, void *ctx)
{
	CHECK(r->conn->more == NULL);
	r->conn->more = fn;
	r->conn->more_ctx = ctx;
	pump(r->conn);
}

void
ctl_pause(struct ctl_request *r)
{
	CHECK(r->conn->more != NULL);
	r->conn->more = NULL;
}

bool
ctl_is_gone(const struct ctl_request *r)
{
	return r->conn->bev == NULL;
}

bool
ctl_is_owner(const struct ctl_request *r)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	if (r->conn->bev == NULL ||
	    getsockopt(bufferevent_getfd(r->conn->bev), SOL_SOCKET, SO_PEERCRED,
		&who, &len) == -1)
		return false;
	return who.uid == 0 || who.uid == geteuid();
}

int
ctl_upload(struct ctl_request *r, struct err *e)
{
	struct ctl_conn *c = r->conn;
	int fd;

	CHECK(!c->uploads && c->more == NULL);
	if (c->bev == NULL)
		return err_set(e, "the client has gone");
	if (evbuffer_get_length(bufferevent_get_input(c->bev)) > 0)
		return err_set(e, "it sent more before it was asked to");
	fd = fcntl(bufferevent_getfd(c->bev), F_DUPFD_CLOEXEC, 0);
	if (fd == -1)
		return err_sys(e, "taking what is sent");
	CHECK(bufferevent_disable(c->bev, EV_READ) == 0);
	c->uploads = true;
	send_json(c, json_pack("{s:b}", "send", 1));
	return fd;
}

/* Length of the UTF-8 sequence (RFC 3629) that p begins with, or 0. */
static size_t
utf8_length(const unsigned char *p)
{
	static const struct {
		unsigned char first, last; /* of the first byte */
		unsigned char low, high;   /* of the second */
		size_t len;
	} forms[] = { { 0x01, 0x7f, 0, 0, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 } };

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		size_t len = forms[i].len, n;

		if (p[0] < forms[i].first || p[0] > forms[i].last)
			continue;
		if (len > 1 && (p[1] < forms[i].low || p[1] > forms[i].high))
			return 0;
		for (n = 2; n < len; n++)
			if (p[n] < 0x80 || p[n] > 0xbf)
				return 0;
		return len;
	}
	return 0;
}

json_t *
ctl_string(const char *text)
{
	json_t *out = json_string(text);
	struct buf b = { 0 };

	if (out != NULL)
		return out;
	while (*text != '\0') {
		size_t len = utf8_length((const unsigned char *)text);

		if (len > 0)
			buf_add(&b, text, len);
		else
			buf_str(&b, "\xef\xbf\xbd");
		text += len > 0 ? len : 1;
	}
	out = json_stringn(b.p, b.len);
	CHECK(out != NULL);
	buf_fini(&b);
	return out;
}

static void
handle(struct ctl_conn *c, const char *line, size_t len)
{
	struct ctl_request *r = mem_new(struct ctl_request);
	json_error_t why;
	json_t *args = json_loadb(line, len, JSON_REJECT_DUPLICATES, &why);
	const char *command;

	r->conn = c;
	c->request = r;
	command = json_string_value(json_object_get(args, "command"));
	if (command == NULL)
		ctl_fail(r, "the request has no command");
	else
		c->server->fn(c->server->ctx, r, command, args);
	json_decref(args);
}

static bool
is_idle(const struct ctl_conn *c)
{
	return c->request == NULL && c->bev != NULL &&
	    evbuffer_get_length(bufferevent_get_output(c->bev)) == 0;
}

/* One request at a time: the next line waits for the end of this one. */
static void
on_read(struct bufferevent *bev, void *arg)
{
	struct ctl_conn *c = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	size_t len;
	char *line;

	if (c->request != NULL)
		return;
	if (c->server->acceptor == NULL) { /* it is being drained */
		if (is_idle(c))
			conn_close(c);
		return;
	}
	line = evbuffer_readln(in, &len, EVBUFFER_EOL_LF);
	if (line != NULL) {
		handle(c, line, len);
		free(line);
	} else if (evbuffer_get_length(in) >= LINE_MAX_BYTES) {
		conn_close(c);
	}
}

static void
on_write(struct bufferevent *bev, void *arg)
{
	struct ctl_conn *c = arg;

	(void)bev;
	if (c->more != NULL)
		pump(c);
	else if ((c->server->acceptor == NULL || c->uploads) && is_idle(c))
		conn_close(c);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT)) != 0)
		conn_close(arg);
}

/* With all places taken the one that is idle for longest goes, if any is. */
static void
make_room(struct ctl_server *s)
{
	struct ctl_conn *c;

	if (s->conn_count < CTL_CONNS_MAX)
		return;
	TAILQ_FOREACH_REVERSE(c, &s->conns, ctl_conns, link)
	if (is_idle(c))
		break;
	if (c != NULL)
		conn_close(c);
	else
		acceptor_pause(s->acceptor, true);
}

static void
on_accept(void *ctx, int fd)
{
	static const struct timeval stuck = { .tv_sec = STUCK_S };
	struct ctl_server *s = ctx;
	struct ctl_conn *c = mem_new(struct ctl_conn);

	c->server = s;
	c->bev = bufferevent_socket_new(worker_base(s->worker), fd,
	    BEV_OPT_CLOSE_ON_FREE);
	CHECK(c->bev != NULL);
	bufferevent_setcb(c->bev, on_read, on_write, on_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, LINE_MAX_BYTES);
	bufferevent_setwatermark(c->bev, EV_WRITE, AHEAD_BYTES / 4, 0);
	CHECK(bufferevent_set_timeouts(c->bev, NULL, &stuck) == 0);
	CHECK(bufferevent_enable(c->bev, EV_READ | EV_WRITE) == 0);
	make_room(s);
	TAILQ_INSERT_HEAD(&s->conns, c, link);
	s->conn_count++;
}

static int
set_group(const char *path, const char *group, struct err *e)
{
	char scratch[4096];
	struct group entry, *found = NULL;

	if (group == NULL || group[0] == '\0')
		return 0;
	if (getgrnam_r(group, &entry, scratch, sizeof(scratch), &found) != 0 ||
	    found == NULL)
		return err_set(e, "control-group: no group \"%s\" here", group);
	if (chown(path, (uid_t)-1, found->gr_gid) == -1)
		return err_sys(e, "%s: giving it to group %s", path, group);
	return 0;
}

int
ctl_server_new(struct worker *w, const struct ctl_server_options *opt,
    struct ctl_server **s_r, struct err *e)
{
	struct ctl_server *s;
	int fd = net_listen(opt->path, e);

	*s_r = NULL;
	if (fd == -1)
		return -1;
	if (set_group(opt->path, opt->group, e) == -1) {
		(void)close(fd);
		return -1;
	}
	s = mem_new(struct ctl_server);
	s->worker = w;
	s->fn = opt->fn;
	s->ctx = opt->ctx;
	s->path = mem_strdup(opt->path);
	s->inherited = net_is_inherited(opt->path);
	TAILQ_INIT(&s->conns);
	s->acceptor = acceptor_new(worker_base(w), fd,
	    &(struct acceptor_options){ .name = opt->path,
		.uses_spare = true,
		.fn = on_accept,
		.ctx = s });
	*s_r = s;
	return 0;
}

void
ctl_server_drain(struct ctl_server *s)
{
	struct ctl_conn *c, *next;

	if (s->acceptor == NULL)
		return;
	acceptor_free(&s->acceptor);
	if (!s->inherited)
		(void)unlink(s->path);
	for (c = TAILQ_FIRST(&s->conns); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		if (is_idle(c))
			conn_close(c);
		else if (c->bev != NULL) /* to be called when all is written */
			bufferevent_setwatermark(c->bev, EV_WRITE, 0, 0);
	}
}

bool
ctl_server_is_drained(const struct ctl_server *s)
{
	return s->acceptor == NULL && s->conn_count == 0;
}

void
ctl_server_free(struct ctl_server **sp)
{
	struct ctl_server *s = *sp;
	struct ctl_conn *c, *next;

	*sp = NULL;
	if (s == NULL)
		return;
	ctl_server_drain(s);
	for (c = TAILQ_FIRST(&s->conns); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		/* Answers that will never come: the worker has stopped. */
		if (c->more == NULL) {
			free(c->request);
			c->request = NULL;
		}
		conn_close(c);
	}
	free(s->path);
	free(s);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Of lib/ctl_proto.h: the client's side. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/ctl_proto.h"
#include "lib/ctl_upload.h"
#include "lib/mem.h"
#include "lib/str.h"

/* An answer that takes longer says in between that it goes on. */
#define CLIENT_WAIT_S 120

struct call {
	const struct ctl_client *client;
	int fd;
	struct buf in;
	size_t seen;  /* bytes of an unfinished line that were searched */
	bool sending; /* the daemon has asked for it */
	unsigned char *frame; /* NULL: there was none yet */
	size_t at, len;       /* of it, what is not yet sent */
	bool last;            /* it is the end */
};

static int
client_connect(const char *path, bool *nobody_r, struct err *e)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd;

	*nobody_r = false;
	if (strlen(path) >= sizeof(un.sun_path))
		return err_set(e, "%s: path too long for a socket", path);
	memcpy(un.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return err_sys(e, "socket");
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) == -1) {
		*nobody_r = errno == ENOENT || errno == ECONNREFUSED;
		(void)err_sys(e, "%s", path);
		if (*nobody_r)
			(void)err_where(e, "the daemon is not running");
		(void)close(fd);
		return -1;
	}
	return fd;
}

static int
client_send(int fd, json_t *request, struct err *e)
{
	char *text = json_dumps(request, JSON_COMPACT);
	struct buf b = { 0 };
	size_t sent = 0;
	int rc = 0;

	CHECK(text != NULL);
	buf_str(&b, text);
	buf_byte(&b, '\n');
	free(text);
	while (sent < b.len) {
		ssize_t n = send(fd, b.p + sent, b.len - sent, MSG_NOSIGNAL);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			rc = err_sys(e, "sending the request");
			break;
		}
		sent += (size_t)n;
	}
	buf_fini(&b);
	return rc;
}

enum line_end { LINE_MORE, LINE_LAST, LINE_FAILED };

/* Who asked must be told something, even when the daemon says nothing. */
static void
client_refused(const json_t *error, struct err *e)
{
	const char *why = json_string_value(error);

	(void)err_set(e, "%s",
	    why == NULL || why[0] == '\0' ?
		"the daemon refused and did not say why" :
		why);
}

static enum line_end
client_line(struct call *c, size_t len, json_t **done_r, struct err *e)
{
	enum line_end end = LINE_MORE;
	json_error_t why;
	json_t *line = json_loadb(c->in.p, len, 0, &why);
	const json_t *item = json_object_get(line, "item");
	const json_t *error = json_object_get(line, "error");

	if (line == NULL) {
		(void)err_set(e, "the answer is not JSON: %s", why.text);
		end = LINE_FAILED;
	} else if (error != NULL) {
		client_refused(error, e);
		*done_r = json_incref(line);
		end = LINE_FAILED;
	} else if (item != NULL) {
		if (c->client->item != NULL)
			c->client->item(c->client->ctx, item);
	} else if (json_is_true(json_object_get(line, "done"))) {
		*done_r = json_incref(line);
		end = LINE_LAST;
	} else if (json_is_true(json_object_get(line, "send")) &&
	    c->client->read != NULL) {
		c->sending = true;
	} else {
		(void)err_set(e, "the answer has a line of no known kind");
		end = LINE_FAILED;
	}
	json_decref(line);
	return end;
}

/* ---- what is sent behind the request ------------------------------------- */

static int
next_frame(struct call *c, struct err *e)
{
	ssize_t n;

	CHECK(c->client->read != NULL); /* or nothing is sent */
	if (c->frame == NULL)
		c->frame = mem_alloc(CTL_UPLOAD_HEAD + CTL_UPLOAD_FRAME);
	n = c->client->read(c->client->ctx, c->frame + CTL_UPLOAD_HEAD,
	    CTL_UPLOAD_FRAME);
	if (n == -1)
		return err_sys(e, "reading what is to be sent");
	put_be32(c->frame, (uint32_t)n);
	c->at = 0;
	c->len = CTL_UPLOAD_HEAD + (size_t)n;
	c->last = n == 0;
	return 0;
}

/* A daemon that does not take it says why: what it said is to be read. */
static int
send_some(struct call *c, struct err *e)
{
	ssize_t n;

	if (c->at == c->len && next_frame(c, e) == -1)
		return -1;
	n = send(c->fd, c->frame + c->at, c->len - c->at,
	    MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n == -1 && errno != EAGAIN && errno != EINTR)
		c->sending = false;
	if (n > 0)
		c->at += (size_t)n;
	if (c->last && c->at == c->len)
		c->sending = false;
	return 0;
}

/* ---- the answer ---------------------------------------------------------- */

static int
receive_some(struct call *c, struct err *e)
{
	ssize_t n;

	buf_reserve(&c->in, 65536);
	n = recv(c->fd, c->in.p + c->in.len, 65536, 0);
	if (n == -1 && errno == EINTR)
		return 0;
	if (n == -1)
		return err_sys(e, "waiting for the answer");
	if (n == 0)
		return err_set(e,
		    "the daemon closed the connection without an answer");
	c->in.len += (size_t)n;
	return 0;
}

static int
exchange(struct call *c, struct err *e)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	int n;

	if (c->sending)
		p.events |= POLLOUT;
	n = poll(&p, 1, CLIENT_WAIT_S * 1000);
	if (n == -1 && errno == EINTR)
		return 0;
	if (n == -1)
		return err_sys(e, "waiting for the answer");
	if (n == 0)
		return err_set(e, "no answer for %d s", CLIENT_WAIT_S);
	if ((p.revents & ~POLLOUT) != 0)
		return receive_some(c, e);
	return send_some(c, e);
}

static enum line_end
client_read(struct call *c, json_t **done_r, struct err *e)
{
	for (;;) {
		size_t fresh = c->in.len - c->seen;
		const char *nl = fresh == 0 ?
		    NULL :
		    memchr(c->in.p + c->seen, '\n', fresh);

		if (nl != NULL) {
			size_t len = (size_t)(nl - c->in.p);
			enum line_end end = client_line(c, len, done_r, e);

			if (end != LINE_MORE)
				return end;
			buf_drop(&c->in, len + 1);
			c->seen = 0;
			continue;
		}
		c->seen = c->in.len;
		if (exchange(c, e) == -1)
			return LINE_FAILED;
	}
}

/* Who was there a moment ago may have hung up because it ends. */
static bool
has_gone(const char *path)
{
	struct err ignored;
	bool nobody;
	int fd = client_connect(path, &nobody, &ignored);

	if (fd != -1)
		(void)close(fd);
	return nobody;
}

int
ctl_send(const struct ctl_client *client, json_t *request, json_t **done_r,
    struct err *e)
{
	struct call c = { .client = client };
	bool nobody;
	int rc = -1;

	*done_r = NULL;
	c.fd = client_connect(client->path, &nobody, e);
	if (client->stopped_r != NULL)
		*client->stopped_r = nobody;
	if (c.fd == -1)
		return -1;
	if (client_send(c.fd, request, e) == 0 &&
	    client_read(&c, done_r, e) == LINE_LAST)
		rc = 0;
	else if (client->stopped_r != NULL)
		*client->stopped_r = has_gone(client->path);
	(void)close(c.fd);
	buf_fini(&c.in);
	free(c.frame);
	return rc;
}

int
ctl_call(const char *path, json_t *request, ctl_item_fn *item, void *ctx,
    json_t **done_r, struct err *e)
{
	const struct ctl_client client = { .path = path,
		.item = item,
		.ctx = ctx };

	return ctl_send(&client, request, done_r, e);
}

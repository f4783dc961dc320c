/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a session, in and out.  There is one way for both: with TLS what
 * the reader has goes through the stream before it is a command, and replies
 * before they are written.
 *
 * Replies of one event are collected and written by one send(2), without
 * waiting for the loop to say that the socket is writable: it nearly always
 * is, and three system calls for each reply are saved.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/check.h"
#include "lib/tls_server.h"
#include "transport/ingress_merge.h"
#include "transport/ingress_priv.h"

enum { OUT_MAX = 65536, CLEAR_IDLE = 4096 };

void
ingress_io_fini(struct ingress_session *s)
{
	tls_stream_free(&s->tls);
	buf_fini(&s->out);
	buf_fini(&s->wire);
	buf_fini(&s->clear);
}

/* ---- in ------------------------------------------------------------------ */

bool
ingress_decrypt(struct ingress_session *s)
{
	struct slice came = reader_input(&s->in);
	enum tls_read r;

	if (came.len == 0)
		return false;
	r = tls_stream_read(s->tls, came, &s->clear);
	reader_take(&s->in, came.len);
	if (r != TLS_READ_MORE) /* what was said before is done first */
		s->eof = true;
	return true;
}

struct slice
ingress_input(struct ingress_session *s)
{
	if (s->tls == NULL)
		return reader_input(&s->in);
	if (s->clear.len == 0)
		(void)ingress_decrypt(s);
	if (s->clear.len == 0)
		return (struct slice){ "", 0 };
	return (struct slice){ s->clear.p + s->clear_taken,
		s->clear.len - s->clear_taken };
}

void
ingress_take(struct ingress_session *s, size_t len)
{
	if (s->tls == NULL) {
		reader_take(&s->in, len);
		return;
	}
	CHECK(len <= s->clear.len - s->clear_taken);
	s->clear_taken += len;
	if (s->clear_taken < s->clear.len)
		return;
	s->clear_taken = 0;
	if (s->clear.cap > CLEAR_IDLE) {
		explicit_bzero(s->clear.p, s->clear.len);
		buf_fini(&s->clear);
	} else {
		buf_clear(&s->clear);
	}
}

enum smtp_line_result
ingress_read_line(struct ingress_session *s)
{
	enum smtp_line_result r = SMTP_LINE_MORE;
	struct slice in;

	while (r == SMTP_LINE_MORE && (in = ingress_input(s)).len > 0) {
		struct slice left = in;

		r = smtp_line_feed(&s->line, &left.p, &left.len);
		ingress_take(s, in.len - left.len);
	}
	return r;
}

void
ingress_wipe(struct ingress_session *s)
{
	size_t taken = s->clear.len == 0 ? s->clear.cap : s->clear_taken;

	reader_wipe(&s->in);
	if (taken > 0)
		explicit_bzero(s->clear.p, taken);
}

/* ---- replies ------------------------------------------------------------- */

static void
add_reply(struct ingress_session *s, const char *line, size_t len)
{
	size_t from = s->out.len;

	if (ingress_is_hushed(s, line, len))
		return;
	s->said_4xx |= line[0] == '4';
	buf_add(&s->out, line, len);
	buf_add(&s->out, "\r\n", 2);
	ingress_log_replies(s, from);
}

void
ingress_reply(struct ingress_session *s, const char *fmt, ...)
{
	char line[INGRESS_REPLY_MAX];
	size_t max = sizeof(line) - 2;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	CHECK(len >= 4);
	if ((size_t)len > max) {
		len = (int)max;
		/* Never half a character. */
		while (((unsigned char)line[len] & 0xC0) == 0x80)
			len--;
	}
	add_reply(s, line, (size_t)len);
}

void
ingress_say(struct ingress_session *s, const char *text)
{
	size_t len = strlen(text);

	CHECK(len >= 4 && len <= INGRESS_REPLY_MAX - 2);
	add_reply(s, text, len);
}

/* ---- out ----------------------------------------------------------------- */

static size_t
waiting(const struct ingress_session *s)
{
	return evbuffer_get_length(bufferevent_get_output(s->bev));
}

bool
ingress_output_is_empty(const struct ingress_session *s)
{
	return s->out.len == 0 && s->wire.len == 0 && waiting(s) == 0;
}

bool
ingress_output_is_full(const struct ingress_session *s)
{
	return s->out.len + s->wire.len + waiting(s) > OUT_MAX;
}

static void
empty(struct buf *b)
{
	if (b->cap > OUT_MAX)
		buf_fini(b);
	else
		buf_clear(b);
}

/*
 * Through TLS.  Until it is up replies are kept; if it never comes, nobody
 * gets them: never in clear.
 */
static void
to_wire(struct ingress_session *s)
{
	bool closing = s->state == INGRESS_CLOSING;

	if (tls_stream_is_up(s->tls))
		tls_stream_write(s->tls,
		    (struct slice){ s->out.p, s->out.len });
	if (closing)
		tls_stream_end(s->tls);
	if (closing || tls_stream_is_up(s->tls))
		empty(&s->out);
	tls_stream_drain(s->tls, &s->wire);
}

bool
ingress_flush(struct ingress_session *s)
{
	struct buf *b = s->tls == NULL ? &s->out : &s->wire;
	size_t sent = 0;

	if (s->tls != NULL)
		to_wire(s);
	if (b->len == 0)
		return true;
	if (waiting(s) == 0) {
		ssize_t n = send(bufferevent_getfd(s->bev), b->p, b->len,
		    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n == -1 && errno != EAGAIN && errno != EINTR)
			return false;
		sent = n > 0 ? (size_t)n : 0;
	}
	if (sent < b->len)
		(void)bufferevent_write(s->bev, b->p + sent, b->len - sent);
	empty(b);
	return true;
}

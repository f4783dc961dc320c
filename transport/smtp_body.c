/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/smtp_body.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "lib/check.h"
#include "mail/message.h"
#include "transport/smtp_session_priv.h"

/* What counts as a chunk for data-send-timeout. */
#define PROGRESS 4096u

void
smtp_body_start(struct smtp_session *s)
{
	s->body = (struct smtp_body){ 0 };
	dot_stuff_init(&s->body.dots);
}

static void
log_data(struct smtp_session *s, struct slice bytes)
{
	char id[MESSAGE_ID_TEXT];
	struct data_log_of of = { .sent = true };

	if (!s->conf->log_data)
		return;
	of.id = message_id_text(s->id, id);
	data_log_put(&s->body.log, &of, bytes);
}

void
smtp_body_end(struct smtp_session *s)
{
	char id[MESSAGE_ID_TEXT];
	struct data_log_of of = { .sent = true };

	if (s->body.log.seen == 0)
		return;
	of.id = message_id_text(s->id, id);
	data_log_end(&s->body.log, &of);
}

/* To the connection, by copy. */
static void
copy(struct smtp_session *s, struct slice bytes)
{
	log_data(s, bytes);
	buf_add(&s->out, bytes.p, bytes.len);
	s->body.queued += bytes.len;
}

static void
release(const void *p, size_t len, void *arg)
{
	struct body *b = arg;

	(void)p;
	(void)len;
	body_unref(&b);
}

/* Its count is the one thing that may change in a body that is const to us. */
static struct body *
share(const struct body *b)
{
	union {
		const struct body *borrowed;
		struct body *shared;
	} u = { .borrowed = b };

	return body_ref(u.shared);
}

static void
add_run(struct smtp_session *s, struct slice run)
{
	struct evbuffer *to;

	if (run.len < SMTP_BODY_COPY) {
		copy(s, run);
		return;
	}
	log_data(s, run);
	s->body.queued += run.len;
	to = smtp_output(s); /* takes what was copied before it */
	CHECK(evbuffer_add_reference(to, run.p, run.len, release,
		  share(s->trans.t->body)) == 0);
}

/* It lives no longer than the transaction, so it is copied. */
static void
add_prefix(struct smtp_session *s)
{
	struct slice run, in = s->trans.t->prefix;

	s->body.pos = in.len;
	while (dot_stuff_next(&s->body.dots, &in, &run))
		copy(s, run);
}

static void
add_chunk(struct smtp_session *s)
{
	const struct smtp_transaction *t = s->trans.t;
	const struct body *b = t->body;
	size_t at = s->body.pos - t->prefix.len + t->skip, left = b->len - at;
	struct slice run,
	    in = { b->bytes + at,
		    left < SMTP_BODY_CHUNK ? left : SMTP_BODY_CHUNK };

	s->body.pos += in.len;
	while (dot_stuff_next(&s->body.dots, &in, &run))
		add_run(s, run);
}

/* Asks the owner, who notes what is now in doubt, and ends the message. */
static bool
add_dot(struct smtp_session *s)
{
	struct smtp_trans *tr = &s->trans;

	add_run(s, dot_stuff_end(&s->body.dots));
	if (!s->owner->dot(s->ctx, tr->accepted, tr->accepted_count) ||
	    s->want_drop)
		return false;
	copy(s, (struct slice){ ".\r\n", 3 });
	s->body.dot_queued = true;
	return true;
}

enum smtp_body_step
smtp_body_go(struct smtp_session *s)
{
	struct smtp_body *b = &s->body;
	size_t len = smtp_transaction_size(s->trans.t);

	do {
		/*
		 * A server that talks in the middle of the message is refusing
		 * it, or out of step: it is heard before anything else is
		 * sent, above all the dot.
		 */
		if (smtp_has_heard(s))
			return SMTP_BODY_WAIT;
		if (b->pos == 0)
			add_prefix(s);
		while (b->pos < len && smtp_waiting(s) < SMTP_BODY_HIGH)
			add_chunk(s);
		if (b->pos == len && !b->dot_queued && !add_dot(s))
			return SMTP_BODY_STOP;
		bufferevent_setwatermark(s->bev, EV_WRITE,
		    b->dot_queued ? 0 : SMTP_BODY_LOW, 0);
		if (!smtp_flush(s))
			return SMTP_BODY_WAIT;
	} while (!b->dot_queued);
	return SMTP_BODY_SENT;
}

bool
smtp_body_moved(struct smtp_session *s)
{
	uint64_t gone = s->body.queued - smtp_waiting(s);

	if (gone < s->body.gone + PROGRESS)
		return false;
	s->body.gone = gone;
	return true;
}

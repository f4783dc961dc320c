/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LMTP with an ingress session over a socket pair.
 *
 *	GREETING --> HELLO --> IDLE
 *	IDLE --> MAIL --> RCPT --> DATA --> DOT --> IDLE
 *	MAIL --> RSET --> IDLE     the sender is refused
 *	RCPT --> RSET --> IDLE     all recipients are
 *	DATA --> RSET --> IDLE     no message is wanted
 *
 * XFORWARD goes with MAIL, and all RCPT together: DATA is not sent before it
 * is known that it is wanted, since who asks for it in vain is hung up on.
 * XFORWARD's word would stay behind a MAIL that is refused, and too many of
 * them are an error: so there is RSET behind that, too.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "lib/worker.h"
#include "mail/smtp_cmd.h"
#include "transport/pickup_priv.h"

enum { WHY_MAX = 500 };

static void
put(struct pickup_talk *t, const char *text)
{
	(void)bufferevent_write(t->bev, text, strlen(text));
}

static void
over(struct pickup_talk *t)
{
	t->state = TALK_IDLE;
	pickup_talk_over(t);
}

static const char *
text_of(const struct pickup_talk *t, const struct smtp_reply *r)
{
	char text[WHY_MAX];
	size_t len = smtp_reply_text(r, text, sizeof(text));

	return region_strndup(t->item->rg, text, len);
}

/* Why somebody has to wait; the first one is told. */
static void
put_off(struct pickup_talk *t, const struct smtp_reply *r)
{
	if (t->item->put_off == NULL)
		t->item->put_off = text_of(t, r);
}

/* Now, or never; else it stays open and is tried again. */
static bool
settle(struct pickup_talk *t, size_t rcpt, const struct smtp_reply *r)
{
	struct pickup_item *item = t->item;

	if (r->code / 100 == 5) {
		item->fates[rcpt] = PICKUP_REFUSED;
		item->why[rcpt] = text_of(t, r);
		t->changed = item->unsaved = true;
	} else if (r->code / 100 == 4) {
		put_off(t, r);
	}
	return r->code / 100 == 2 || r->code / 100 == 3;
}

static void
settle_taken(struct pickup_talk *t, const struct smtp_reply *r)
{
	for (size_t i = 0; i < t->taken_count; i++)
		(void)settle(t, t->taken[i], r);
}

/* As many as fit, and others than the last time, if there are. */
static void
collect(struct pickup_talk *t)
{
	struct pickup_item *item = t->item;
	size_t n = item->file.rcpt_count, begin = item->from;

	for (size_t k = 0; k < n && t->count < PICKUP_BATCH; k++) {
		size_t i = (begin + k) % n;

		if (item->fates[i] != PICKUP_OPEN)
			continue;
		t->batch[t->count++] = i;
		item->from = (i + 1) % n;
	}
	CHECK(t->count > 0);
}

/* ---- steps --------------------------------------------------------------- */

void
pickup_talk_begin(struct pickup_talk *t, struct pickup_item *item)
{
	const struct pickup_file *f = &item->file;
	struct evbuffer *out = bufferevent_get_output(t->bev);

	CHECK(t->state == TALK_IDLE && t->item == NULL);
	t->item = item;
	t->count = t->taken_count = t->next = 0;
	t->changed = false;
	item->put_off = NULL;
	collect(t);
	t->state = TALK_MAIL;
	(void)evbuffer_add_printf(out,
	    "XFORWARD IDENT=%.*s\r\nMAIL FROM:<%s>%s\r\n", PICKUP_ID_LEN,
	    item->name, f->sender, f->utf8 ? " SMTPUTF8" : "");
}

static void
reset(struct pickup_talk *t)
{
	t->state = TALK_RSET;
	put(t, "RSET\r\n");
}

/* False: XFORWARD is not believed, and it would not be known again. */
static bool
on_mail(struct pickup_talk *t, const struct smtp_reply *r)
{
	struct evbuffer *out = bufferevent_get_output(t->bev);

	if (t->next++ == 0)
		return r->code == 250; /* XFORWARD */
	if (r->code / 100 == 2) {
		t->state = TALK_RCPT;
		t->next = 0;
		for (size_t i = 0; i < t->count; i++)
			(void)evbuffer_add_printf(out, "RCPT TO:<%s>\r\n",
			    t->item->file.rcpts[t->batch[i]]);
		return true;
	}
	/* The sender is refused, and so is all of it. */
	for (size_t i = 0; i < t->item->file.rcpt_count; i++)
		if (t->item->fates[i] == PICKUP_OPEN)
			(void)settle(t, i, r);
	reset(t);
	return true;
}

static void
on_rcpt(struct pickup_talk *t, const struct smtp_reply *r)
{
	size_t rcpt = t->batch[t->next++];

	if (settle(t, rcpt, r))
		t->taken[t->taken_count++] = rcpt;
	if (t->next < t->count)
		return;
	if (t->taken_count == 0) {
		reset(t);
		return;
	}
	t->state = TALK_DATA;
	put(t, "DATA\r\n");
}

static void
on_data(struct pickup_talk *t, const struct smtp_reply *r)
{
	const struct buf *text = &t->item->file.text;

	if (r->code != 354) {
		settle_taken(t, r);
		reset(t);
		return;
	}
	t->state = TALK_DOT;
	t->next = 0;
	CHECK(evbuffer_add_reference(bufferevent_get_output(t->bev), text->p,
		  text->len, NULL, NULL) == 0);
	put(t, ".\r\n");
}

/* One reply for each that was taken (RFC 2033 section 4.2). */
static void
on_dot(struct pickup_talk *t, const struct smtp_reply *r)
{
	size_t rcpt = t->taken[t->next++];

	if (settle(t, rcpt, r)) {
		t->item->fates[rcpt] = PICKUP_TAKEN;
		t->changed = t->item->unsaved = true;
	}
	if (t->next == t->taken_count)
		over(t);
}

/* False: the other side does not want to go on. */
static bool
on_reply(struct pickup_talk *t, const struct smtp_reply *r)
{
	if (r->code == 421) {
		if (t->item != NULL)
			put_off(t, r);
		return false;
	}
	switch (t->state) {
	case TALK_GREETING:
		if (r->code != 220)
			return false;
		t->state = TALK_HELLO;
		put(t, "LHLO localhost\r\n");
		break;
	case TALK_HELLO:
		if (r->code != 250)
			return false;
		over(t);
		break;
	case TALK_MAIL:
		return on_mail(t, r);
	case TALK_RCPT:
		on_rcpt(t, r);
		break;
	case TALK_DATA:
		on_data(t, r);
		break;
	case TALK_DOT:
		on_dot(t, r);
		break;
	case TALK_RSET:
		over(t);
		break;
	case TALK_IDLE:
		return false; /* it has something to say: 421 */
	}
	return true;
}

/* ---- input --------------------------------------------------------------- */

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct pickup_talk *t = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	struct evbuffer_iovec v;

	while (evbuffer_peek(in, -1, NULL, &v, 1) > 0 && v.iov_len > 0) {
		const char *p = v.iov_base;
		size_t left = v.iov_len;
		enum reply_step step = reply_parser_feed(&t->parser, &p, &left);

		CHECK(evbuffer_drain(in, v.iov_len - left) == 0);
		if (step == REPLY_BROKEN ||
		    (step == REPLY_DONE && !on_reply(t, &t->parser.reply))) {
			pickup_talk_lost(t);
			return;
		}
	}
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	pickup_talk_lost(arg);
}

struct pickup_talk *
pickup_talk_new(struct pickup *p, int fd)
{
	struct pickup_talk *t = mem_new(struct pickup_talk);

	t->by = p;
	t->bev = bufferevent_socket_new(worker_base(p->worker), fd,
	    BEV_OPT_CLOSE_ON_FREE);
	CHECK(t->bev != NULL);
	reply_parser_init(&t->parser);
	bufferevent_setcb(t->bev, on_read, NULL, on_event, t);
	(void)bufferevent_enable(t->bev, EV_READ | EV_WRITE);
	return t;
}

void
pickup_talk_free(struct pickup_talk **tp)
{
	struct pickup_talk *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	CHECK(t->item == NULL);
	bufferevent_free(t->bev);
	reply_parser_fini(&t->parser);
	free(t);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sender to a web server (`http-webhook-url`).
 *
 * A batch is a finished file of the buffer, which begins a new one when it is
 * large or old enough.  Its number is its name, so a batch that is sent again
 * after a crash has the same id.  One at a time, in order; any 2xx takes it.  A
 * server that finds it too large (413) gets it in parts: half as much each
 * time, down to a single row.
 */
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/http_post.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/worker.h"
#include "transport/acct_retry.h"
#include "transport/acct_sender.h"
#include "vmta/acct_target.h"

/* What of an answer is logged. */
#define SHOWN 500

/* In the request, beside those of the configuration. */
enum { OUR_HEADERS = 5 };

struct hook {
	struct acct_sender sender;
	struct acct_sender_env env;
	struct event *timer;
	struct acct_retry retry;
	bool waiting; /* for the timer, after a failure */
	bool finishing;

	struct http_post post;
	struct acct_batch batch; /* that is posted */
	uint64_t batch_max;      /* what the server takes, of this file */
	struct buf lines[OUR_HEADERS];
	char **extra; /* "Name: value", of the configuration */
	const char **headers;
};

/* ---- a request ----------------------------------------------------------- */

static bool
has_extra(const struct acct_webhook *w, const char *name)
{
	for (size_t i = 0; i < w->header_count; i++)
		if (strcasecmp(w->headers[i].name, name) == 0)
			return true;
	return false;
}

/* "7c1f09a2-0123456789abcdef-00000007", and "-FROM-LENGTH" of a part. */
static void
add_id(const struct hook *h, struct buf *out)
{
	const struct acct_batch *b = &h->batch;

	buf_printf(out, "%s-%08" PRIu64, h->env.name, b->from.number);
	if (!b->whole)
		buf_printf(out, "-%" PRIu64 "-%" PRIu64, b->from.offset,
		    b->length);
}

static void
set_headers(struct hook *h)
{
	const struct acct_webhook *w = h->env.conf->webhook;
	size_t n = 0;

	for (size_t i = 0; i < OUR_HEADERS; i++)
		buf_clear(&h->lines[i]);
	buf_printf(&h->lines[n++], "Content-Type: %s",
	    h->batch.json ? "application/x-ndjson" : "text/csv");
	buf_str(&h->lines[n], "X-Mailrace-Batch: ");
	add_id(h, &h->lines[n++]);
	buf_str(&h->lines[n], "Idempotency-Key: ");
	add_id(h, &h->lines[n++]);
	buf_printf(&h->lines[n++], "X-Mailrace-Records: %" PRIu64,
	    h->batch.rows);
	if (!has_extra(w, "User-Agent"))
		buf_printf(&h->lines[n++], "User-Agent: Mailrace/%s",
		    PACKAGE_VERSION);
	for (size_t i = 0; i < n; i++)
		h->headers[i] = buf_cstr(&h->lines[i]);
	for (size_t i = 0; i < w->header_count; i++)
		h->headers[n++] = h->extra[i];
	h->post.header_count = n;
}

static void
post_batch(struct hook *h)
{
	set_headers(h);
	h->post.head = h->batch.header;
	h->post.fd = h->batch.fd;
	h->post.offset = h->batch.from.offset;
	h->post.length = h->batch.length;
	http_post(h->env.http, &h->post);
}

/* ---- what becomes of it -------------------------------------------------- */

static void
try_again(struct hook *h, const char *why, int64_t asked_us)
{
	h->env.owner->said(h->env.ctx, why);
	acct_feed_rewind(h->env.feed);
	h->waiting = true;
	acct_retry_set(&h->retry, h->timer, h->env.conf->retry_interval_us,
	    asked_us);
}

static void
next_batch(struct hook *h)
{
	struct err e;

	if (h->post.transfer != NULL || h->waiting || h->finishing)
		return;
	switch (acct_feed_batch(h->env.feed, h->batch_max, &h->batch, &e)) {
	case ACCT_FEED_NONE:
		break;
	case ACCT_FEED_FAILED:
		try_again(h, e.text, 0);
		break;
	case ACCT_FEED_ROWS:
		post_batch(h);
		break;
	}
}

static void
was_taken(struct hook *h)
{
	const struct acct_batch *b = &h->batch;

	acct_retry_well(&h->retry);
	if (b->end.number != b->from.number)
		h->batch_max = UINT64_MAX; /* of the next file all again */
	h->env.owner->said(h->env.ctx, NULL);
	h->env.owner->taken(h->env.ctx, b->end);
}

static void
was_answered(struct hook *h, const struct http_answer *a)
{
	char text[100];

	if (a->status >= 200 && a->status <= 299) {
		was_taken(h);
	} else if (a->status == 413 && h->batch.rows > 1) {
		h->batch_max = h->batch.length / 2;
		acct_feed_rewind(h->env.feed);
	} else {
		(void)snprintf(text, sizeof(text), "the server answered %d",
		    a->status);
		try_again(h, text, a->retry_after_us);
	}
}

static void
log_answer(const struct hook *h, const struct http_answer *a)
{
	struct buf id = { 0 }, body = { 0 };
	struct log_line l;

	add_id(h, &id);
	if (a->body.len > 0)
		buf_add(&body, a->body.p,
		    a->body.len < SHOWN ? a->body.len : SHOWN);
	log_begin(&l, LOG_L_INFO, NULL, "webhook");
	log_str(&l, "acct-file", h->env.conf->path);
	log_str(&l, "batch", buf_cstr(&id));
	if (a->error != NULL)
		log_str(&l, "error", a->error);
	else
		log_int(&l, "status", a->status);
	if (body.len > 0)
		log_str(&l, "text", buf_cstr(&body));
	log_end(&l);
	buf_fini(&id);
	buf_fini(&body);
}

static void
on_done(struct http_post *post, const struct http_answer *a)
{
	struct hook *h = post_owner(post, struct hook, post);

	if (h->env.conf->webhook_verbose)
		log_answer(h, a);
	if (a->error != NULL)
		try_again(h, a->error, 0);
	else
		was_answered(h, a);
	if (h->finishing)
		h->env.owner->ended(h->env.ctx); /* h may be gone */
	else
		next_batch(h);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct hook *h = arg;

	(void)fd;
	(void)what;
	h->waiting = false;
	next_batch(h);
}

/* ---- life ---------------------------------------------------------------- */

static struct hook *
hook_of(struct acct_sender *s)
{
	return post_owner(s, struct hook, sender);
}

static void
hook_more(struct acct_sender *s)
{
	next_batch(hook_of(s));
}

static void
hook_finish(struct acct_sender *s)
{
	struct hook *h = hook_of(s);

	h->finishing = true;
	if (h->post.transfer == NULL)
		h->env.owner->ended(h->env.ctx); /* h may be gone */
}

static void
hook_free(struct acct_sender *s)
{
	struct hook *h = hook_of(s);

	http_post_cancel(&h->post);
	event_free(h->timer);
	for (size_t i = 0; i < OUR_HEADERS; i++)
		buf_fini(&h->lines[i]);
	for (size_t i = 0; i < h->env.conf->webhook->header_count; i++)
		free(h->extra[i]);
	free(h->extra);
	free(h->headers);
	free(h);
}

static void
set_target(struct hook *h)
{
	const struct acct_conf *conf = h->env.conf;
	const struct acct_webhook *w = conf->webhook;

	h->post = (struct http_post){ .url = w->url,
		.cert_file = w->certificate,
		.cert_password = w->password,
		.ca_file = w->ca_file,
		.connect_timeout_us = conf->webhook_connect_us,
		.io_timeout_us = conf->webhook_io_us,
		.gzip = strcmp(conf->webhook_encoding, "gzip") == 0,
		.done = on_done };
	h->extra = mem_array(w->header_count, sizeof(h->extra[0]));
	h->headers = mem_array(w->header_count + OUR_HEADERS,
	    sizeof(h->headers[0]));
	for (size_t i = 0; i < w->header_count; i++) {
		struct buf line = { 0 };

		buf_printf(&line, "%s: %s", w->headers[i].name,
		    w->headers[i].value);
		h->extra[i] = buf_take(&line, NULL);
	}
	h->post.headers = h->headers;
}

struct acct_sender *
acct_webhook_new(const struct acct_sender_env *env)
{
	struct hook *h = mem_new(struct hook);

	CHECK(env->conf->webhook != NULL);
	h->sender = (struct acct_sender){ .more = hook_more,
		.finish = hook_finish,
		.free = hook_free };
	h->env = *env;
	h->batch_max = UINT64_MAX;
	h->timer = event_new(worker_base(env->worker), -1, 0, on_timer, h);
	CHECK(h->timer != NULL);
	set_target(h);
	acct_feed_rewind(env->feed);
	CHECK(event_add(h->timer, &(struct timeval){ 0 }) == 0);
	return &h->sender;
}

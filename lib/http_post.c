/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl says which sockets it waits for and when it wants to be called
 * (on_socket_wish, on_timer_wish); events of the worker call it, and after
 * each call the transfers that have ended are looked for.  Nothing is added
 * to or taken from it inside one of its callbacks.
 */
#include "lib/http_post.h"

#include <curl/curl.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/err.h"
#include "lib/gzip.h"
#include "lib/mem.h"

#define PIECE ((size_t)64 * 1024)

struct http_client {
	struct worker *worker;
	CURLM *multi;
	struct event *timer; /* libcurl's */
	size_t count;        /* transfers under way */
};

struct http_transfer {
	struct http_client *client;
	struct http_post *post;
	CURL *easy;
	struct curl_slist *headers;
	struct event *silence; /* when no byte has moved for too long */
	uint64_t at;           /* of the body, how much was read */
	struct gzip *gzip;     /* NULL: it goes as it is */
	struct buf piece;      /* read, but not yet compressed */
	struct slice unpacked; /* the rest of it */
	struct buf answer;
	size_t header_len; /* of the answer */
	bool cut;          /* its body is longer than we read */
	struct err broken; /* our own reason; "": none */
	char why[CURL_ERROR_SIZE];
};

/* ---- the body ------------------------------------------------------------ */

/* 0: its end; -1 with t->broken. */
static ssize_t
body_read(struct http_transfer *t, char *out, size_t cap)
{
	const struct http_post *p = t->post;
	uint64_t in_file, left;
	ssize_t n;

	if (t->at < p->head.len) {
		size_t more = p->head.len - (size_t)t->at;

		if (more > cap)
			more = cap;
		memcpy(out, p->head.p + t->at, more);
		t->at += more;
		return (ssize_t)more;
	}
	in_file = t->at - p->head.len;
	left = p->length - in_file;
	if (left == 0)
		return 0;
	if (left < cap)
		cap = (size_t)left;
	do
		n = pread(p->fd, out, cap, (off_t)(p->offset + in_file));
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return err_sys(&t->broken, "reading what is to be sent");
	if (n == 0)
		return err_set(&t->broken,
		    "what is to be sent has become shorter");
	t->at += (uint64_t)n;
	return n;
}

static ssize_t
body_read_gzip(struct http_transfer *t, char *out, size_t cap)
{
	size_t made;
	bool last;

	do {
		if (t->unpacked.len == 0) {
			ssize_t n;

			buf_clear(&t->piece);
			buf_reserve(&t->piece, PIECE);
			n = body_read(t, t->piece.p, PIECE);
			if (n == -1)
				return -1;
			t->unpacked = (struct slice){ t->piece.p, (size_t)n };
		}
		last = t->unpacked.len == 0;
		made = gzip_step(t->gzip, &t->unpacked, last, out, cap);
	} while (made == 0 && !last);
	return (ssize_t)made;
}

static void
note_movement(struct http_transfer *t)
{
	int64_t us = t->post->io_timeout_us;
	struct timeval tv = { .tv_sec = us / US_PER_S,
		.tv_usec = us % US_PER_S };

	CHECK(event_add(t->silence, &tv) == 0);
}

static size_t
on_read(char *out, size_t size, size_t count, void *arg)
{
	struct http_transfer *t = arg;
	ssize_t n;

	note_movement(t);
	if (t->gzip != NULL)
		n = body_read_gzip(t, out, size * count);
	else
		n = body_read(t, out, size * count);
	return n == -1 ? CURL_READFUNC_ABORT : (size_t)n;
}

/* A kept connection had been closed: the same again on a new one. */
static int
on_seek(void *arg, curl_off_t offset, int origin)
{
	struct http_transfer *t = arg;

	if (offset != 0 || origin != SEEK_SET)
		return CURL_SEEKFUNC_FAIL;
	t->at = 0;
	t->unpacked.len = 0;
	if (t->gzip != NULL)
		gzip_restart(t->gzip);
	return CURL_SEEKFUNC_OK;
}

/* ---- the answer ---------------------------------------------------------- */

static size_t
on_header(const char *p, size_t size, size_t count, void *arg)
{
	struct http_transfer *t = arg;

	(void)p;
	note_movement(t);
	t->header_len += size * count;
	if (t->header_len <= HTTP_ANSWER_MAX)
		return size * count;
	(void)err_set(&t->broken, "the header of its answer has no end");
	return 0; /* libcurl, which would keep all of it, gives up */
}

static size_t
on_write(const char *p, size_t size, size_t count, void *arg)
{
	struct http_transfer *t = arg;
	size_t len = size * count;
	size_t room = HTTP_ANSWER_MAX - t->answer.len;

	note_movement(t);
	buf_add(&t->answer, p, len < room ? len : room);
	t->cut = len > room;
	return t->cut ? 0 : len; /* 0: libcurl gives up */
}

/* ---- the end of a transfer ----------------------------------------------- */

static void
transfer_free(struct http_transfer **tp)
{
	struct http_transfer *t = *tp;

	*tp = NULL;
	CHECK(curl_multi_remove_handle(t->client->multi, t->easy) == CURLM_OK);
	curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	event_free(t->silence);
	gzip_free(&t->gzip);
	buf_fini(&t->piece);
	buf_fini(&t->answer);
	t->client->count--;
	free(t);
}

/* Takes t; a->body lives until done() returns. */
static void
finish(struct http_transfer *t, const struct http_answer *a)
{
	struct http_post *p = t->post;

	p->transfer = NULL;
	p->done(p, a); /* p may be gone */
	transfer_free(&t);
}

/* "port 1 after 3 ms: ...": the same trouble is to have the same text. */
static const char *
without_time(char *text)
{
	static const char after[] = " after ";
	char *from = strstr(text, after), *to;

	if (from == NULL)
		return text;
	to = from + strlen(after);
	to += strspn(to, "0123456789");
	if (strncmp(to, " ms", 3) == 0)
		to += 3;
	else if (strncmp(to, " milliseconds", 13) == 0)
		to += 13;
	else
		return text;
	memmove(from, to, strlen(to) + 1);
	return text;
}

/* libcurl's only time-out; what else is too late, on_silence() says. */
static void
say_timeout(struct http_transfer *t)
{
	struct buf text = { 0 };

	str_interval(&text, t->post->connect_timeout_us);
	(void)err_set(&t->broken, "no connection within %s", buf_cstr(&text));
	buf_fini(&text);
}

/*
 * A server that refuses may reset the connection while we still send: what it
 * said counts.  So does an answer whose body is longer than what we read.
 */
static void
judge(struct http_transfer *t, CURLcode code)
{
	struct http_answer a = { .error = NULL };
	curl_off_t after_s = 0;
	long status = 0;

	(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &after_s);
	if (code == CURLE_OPERATION_TIMEDOUT)
		say_timeout(t);
	if (code == CURLE_OK || status >= 400 || t->cut) {
		a.status = (int)status;
		if (after_s > INT64_MAX / US_PER_S)
			after_s = INT64_MAX / US_PER_S;
		a.retry_after_us = after_s * US_PER_S;
		a.body = (struct slice){ t->answer.p, t->answer.len };
	} else if (t->broken.text[0] != '\0') {
		a.error = t->broken.text;
	} else {
		a.error = t->why[0] != '\0' ? without_time(t->why) :
					      curl_easy_strerror(code);
	}
	finish(t, &a);
}

static void
look_for_ended(struct http_client *c)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(c->multi, &left)) != NULL) {
		CURLcode code = m->data.result;
		char *private = NULL;

		CHECK(m->msg == CURLMSG_DONE);
		(void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE,
		    &private);
		judge((struct http_transfer *)(void *)private, code);
	}
}

static void
on_silence(evutil_socket_t fd, short what, void *arg)
{
	struct http_transfer *t = arg;
	struct buf text = { 0 };
	struct http_answer a = { .error = NULL };

	(void)fd;
	(void)what;
	buf_str(&text, "no byte has moved for ");
	str_interval(&text, t->post->io_timeout_us);
	a.error = buf_cstr(&text);
	finish(t, &a);
	buf_fini(&text);
}

/* ---- libcurl's wishes ---------------------------------------------------- */

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct http_client *c = arg;
	int mask = 0, running;

	if (what & EV_READ)
		mask |= CURL_CSELECT_IN;
	if (what & EV_WRITE)
		mask |= CURL_CSELECT_OUT;
	CHECK(
	    curl_multi_socket_action(c->multi, fd, mask, &running) == CURLM_OK);
	look_for_ended(c);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct http_client *c = arg;
	int running;

	(void)fd;
	(void)what;
	CHECK(curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0,
		  &running) == CURLM_OK);
	look_for_ended(c);
}

static int
on_timer_wish(CURLM *multi, long ms, void *arg)
{
	struct http_client *c = arg;
	struct timeval tv = { .tv_sec = ms / 1000,
		.tv_usec = ms % 1000 * 1000 };

	(void)multi;
	if (ms < 0)
		(void)event_del(c->timer);
	else
		CHECK(event_add(c->timer, &tv) == 0);
	return 0;
}

/* known: the event that an earlier wish for this socket has made. */
static int
on_socket_wish(CURL *easy, curl_socket_t fd, int wish, void *arg, void *known)
{
	struct http_client *c = arg;
	short what = EV_PERSIST;
	struct event *ev;

	(void)easy;
	if (known != NULL)
		event_free(known);
	(void)curl_multi_assign(c->multi, fd, NULL);
	if (wish == CURL_POLL_REMOVE)
		return 0;
	if (wish == CURL_POLL_IN || wish == CURL_POLL_INOUT)
		what |= EV_READ;
	if (wish == CURL_POLL_OUT || wish == CURL_POLL_INOUT)
		what |= EV_WRITE;
	ev = event_new(worker_base(c->worker), fd, what, on_ready, c);
	CHECK(ev != NULL && event_add(ev, NULL) == 0);
	CHECK(curl_multi_assign(c->multi, fd, ev) == CURLM_OK);
	return 0;
}

/* ---- a transfer ---------------------------------------------------------- */

#define SET(easy, option, value) \
	CHECK(curl_easy_setopt((easy), (option), (value)) == CURLE_OK)

static void
set_server(const struct http_transfer *t)
{
	const struct http_post *p = t->post;
	CURL *easy = t->easy;

	SET(easy, CURLOPT_URL, p->url);
	SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
	SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(easy, CURLOPT_PROXY, ""); /* none, whatever the environment says */
	SET(easy, CURLOPT_NOSIGNAL, 1L);
	SET(easy, CURLOPT_QUICK_EXIT, 1L); /* does not wait for getaddrinfo */
	SET(easy, CURLOPT_CONNECTTIMEOUT_MS,
	    (long)(p->connect_timeout_us / US_PER_MS));
	SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	SET(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	if (p->ca_file != NULL)
		SET(easy, CURLOPT_CAINFO, p->ca_file);
	if (p->cert_file != NULL)
		SET(easy, CURLOPT_SSLCERT, p->cert_file);
	if (p->cert_password != NULL)
		SET(easy, CURLOPT_KEYPASSWD, p->cert_password);
}

static void
add_header(struct http_transfer *t, const char *line)
{
	t->headers = curl_slist_append(t->headers, line);
	CHECK(t->headers != NULL);
}

static void
set_body(struct http_transfer *t)
{
	const struct http_post *p = t->post;
	CURL *easy = t->easy;
	curl_off_t length = (curl_off_t)(p->head.len + p->length);

	if (p->gzip) {
		t->gzip = gzip_new();
		add_header(t, "Content-Encoding: gzip");
		add_header(t, "Transfer-Encoding: chunked");
		length = -1;
	}
	SET(easy, CURLOPT_POST, 1L);
	SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, length);
	SET(easy, CURLOPT_READFUNCTION, on_read);
	SET(easy, CURLOPT_READDATA, t);
	SET(easy, CURLOPT_SEEKFUNCTION, on_seek);
	SET(easy, CURLOPT_SEEKDATA, t);
	SET(easy, CURLOPT_HEADERFUNCTION, on_header);
	SET(easy, CURLOPT_HEADERDATA, t);
	SET(easy, CURLOPT_WRITEFUNCTION, on_write);
	SET(easy, CURLOPT_WRITEDATA, t);
	for (size_t i = 0; i < p->header_count; i++)
		add_header(t, p->headers[i]);
	SET(easy, CURLOPT_HTTPHEADER, t->headers);
}

void
http_post(struct http_client *c, struct http_post *p)
{
	struct http_transfer *t = mem_new(struct http_transfer);
	int64_t us = p->connect_timeout_us + p->io_timeout_us;
	struct timeval tv = { .tv_sec = us / US_PER_S,
		.tv_usec = us % US_PER_S };

	CHECK(p->transfer == NULL && p->done != NULL);
	t->client = c;
	t->post = p;
	t->easy = curl_easy_init();
	t->silence = event_new(worker_base(c->worker), -1, 0, on_silence, t);
	CHECK(t->easy != NULL && t->silence != NULL);
	CHECK(event_add(t->silence, &tv) == 0); /* until bytes move */
	SET(t->easy, CURLOPT_PRIVATE, t);
	SET(t->easy, CURLOPT_ERRORBUFFER, t->why);
	set_server(t);
	set_body(t);
	CHECK(curl_multi_add_handle(c->multi, t->easy) == CURLM_OK);
	c->count++;
	p->transfer = t;
}

void
http_post_cancel(struct http_post *p)
{
	if (p->transfer != NULL)
		transfer_free(&p->transfer);
}

/* ---- life ---------------------------------------------------------------- */

#define SET_MULTI(multi, option, value) \
	CHECK(curl_multi_setopt((multi), (option), (value)) == CURLM_OK)

struct http_client *
http_client_new(struct worker *w)
{
	struct http_client *c = mem_new(struct http_client);

	CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
	c->worker = w;
	c->timer = event_new(worker_base(w), -1, 0, on_timer, c);
	c->multi = curl_multi_init();
	CHECK(c->timer != NULL && c->multi != NULL);
	SET_MULTI(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wish);
	SET_MULTI(c->multi, CURLMOPT_SOCKETDATA, c);
	SET_MULTI(c->multi, CURLMOPT_TIMERFUNCTION, on_timer_wish);
	SET_MULTI(c->multi, CURLMOPT_TIMERDATA, c);
	return c;
}

void
http_client_free(struct http_client **cp)
{
	struct http_client *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	CHECK(c->count == 0);
	CHECK(curl_multi_cleanup(c->multi) == CURLM_OK);
	event_free(c->timer);
	curl_global_cleanup();
	free(c);
}

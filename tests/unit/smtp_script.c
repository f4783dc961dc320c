/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/smtp_script.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "lib/str.h"

struct smtp_script {
	struct event_base *base;
	struct bufferevent *bev;
	struct event *timer;
	const char *const *steps;
	size_t at; /* the step under way */
	bool waiting, waited;
	bool in_body;
	bool slow, stalled;
	unsigned reads; /* by a slow server */
	bool over;
	struct buf heard;
	SSL_CTX *ctx;
	void (*on_stall)(void);
	char wrong[300];
};

static void watch(struct smtp_script *s);

/* ---- TLS ----------------------------------------------------------------- */

/* A key and a certificate of this minute. */
static SSL_CTX *
new_context(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_NAME *name;

	CHECK(ctx != NULL && key != NULL && cert != NULL);
	CHECK(X509_set_version(cert, 2) == 1);
	CHECK(ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1);
	CHECK(X509_gmtime_adj(X509_getm_notBefore(cert), 0) != NULL);
	CHECK(X509_gmtime_adj(X509_getm_notAfter(cert), 3600) != NULL);
	CHECK(X509_set_pubkey(cert, key) == 1);
	name = X509_get_subject_name(cert);
	CHECK(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
		  (const unsigned char *)"mx.example.net", -1, -1, 0) == 1);
	CHECK(X509_set_issuer_name(cert, name) == 1);
	CHECK(X509_sign(cert, key, EVP_sha256()) > 0);
	CHECK(SSL_CTX_use_certificate(ctx, cert) == 1);
	CHECK(SSL_CTX_use_PrivateKey(ctx, key) == 1);
	X509_free(cert);
	EVP_PKEY_free(key);
	return ctx;
}

static void
start_tls(struct smtp_script *s)
{
	int fd = bufferevent_getfd(s->bev);

	s->ctx = new_context();
	CHECK(bufferevent_setfd(s->bev, -1) == 0);
	bufferevent_free(s->bev);
	s->bev = bufferevent_openssl_socket_new(s->base, fd, SSL_new(s->ctx),
	    BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	CHECK(s->bev != NULL);
	watch(s);
}

/* ---- reading ------------------------------------------------------------- */

static struct evbuffer *
input(struct smtp_script *s)
{
	return bufferevent_get_input(s->bev);
}

static void
say(struct smtp_script *s, const char *bytes)
{
	CHECK(bufferevent_write(s->bev, bytes, strlen(bytes)) == 0);
}

/* The next line without its end, also kept; NULL: not yet. */
static char *
take_line(struct smtp_script *s)
{
	size_t len;
	char *line = evbuffer_readln(input(s), &len, EVBUFFER_EOL_CRLF_STRICT);

	if (line != NULL) {
		buf_add(&s->heard, line, len);
		buf_str(&s->heard, "\r\n");
	}
	return line;
}

/* Reads up to the final dot; false: not yet. */
static bool
take_body(struct smtp_script *s)
{
	char bytes[8192];
	int n;

	for (;;) {
		bool over = s->heard.len >= 5 &&
		    memcmp(s->heard.p + s->heard.len - 5, "\r\n.\r\n", 5) == 0;
		struct evbuffer_ptr lf;
		size_t want;

		if (over)
			return true;
		lf = evbuffer_search(input(s), "\n", 1, NULL);
		want = lf.pos == -1 ? evbuffer_get_length(input(s)) :
				      (size_t)lf.pos + 1;
		if (want > sizeof(bytes))
			want = sizeof(bytes);
		n = evbuffer_remove(input(s), bytes, want);
		if (n <= 0)
			return false;
		buf_add(&s->heard, bytes, (size_t)n);
	}
}

static void
answer(struct smtp_script *s, const char *line)
{
	if (strncmp(line, "EHLO", 4) == 0)
		say(s, "250-mx.example.net\r\n250 PIPELINING\r\n");
	else if (strncmp(line, "RCPT", 4) == 0)
		say(s,
		    strstr(line, "bad") == NULL ? "250 2.1.5 ok\r\n" :
						  "550 5.1.1 no\r\n");
	else if (strncmp(line, "DATA", 4) == 0)
		say(s, "354 go on\r\n");
	else if (strncmp(line, "QUIT", 4) == 0)
		say(s, "221 bye\r\n");
	else
		say(s, "250 2.0.0 ok\r\n");
}

/* True: it is over. */
static bool
serve(struct smtp_script *s)
{
	char *line;

	for (;;) {
		bool quit;

		if (s->in_body) {
			if (!take_body(s))
				return false;
			s->in_body = false;
			say(s, "250 2.0.0 taken\r\n");
		}
		line = take_line(s);
		if (line == NULL)
			return false;
		answer(s, line);
		s->in_body = strcmp(line, "DATA") == 0;
		quit = strcmp(line, "QUIT") == 0;
		free(line);
		if (quit)
			return true;
	}
}

/* ---- steps --------------------------------------------------------------- */

static void
hang_up(struct smtp_script *s)
{
	s->over = true;
	if (s->bev != NULL)
		bufferevent_free(s->bev);
	s->bev = NULL;
}

static void
wait_ms(struct smtp_script *s, int ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	s->waiting = true;
	CHECK(event_add(s->timer, &tv) == 0);
}

static bool
is(const char *step, const char *word)
{
	return strncmp(step, word, strlen(word)) == 0;
}

static bool
expect(struct smtp_script *s, const char *begin)
{
	char *line = take_line(s);

	if (line == NULL)
		return false;
	if (!is(line, begin) && s->wrong[0] == '\0')
		(void)snprintf(s->wrong, sizeof(s->wrong),
		    "step %zu: \"%.100s\" instead of \"%s\"", s->at, line,
		    begin);
	free(line);
	return true;
}

static bool
quiet(struct smtp_script *s)
{
	if (!s->waited) {
		wait_ms(s, 30);
		return false;
	}
	s->waited = false;
	if (evbuffer_get_length(input(s)) > 0)
		(void)snprintf(s->wrong, sizeof(s->wrong),
		    "step %zu: something was said", s->at);
	return true;
}

static bool
serve_slowly(struct smtp_script *s)
{
	if (!s->slow) {
		s->slow = true;
		(void)bufferevent_disable(s->bev, EV_READ);
		wait_ms(s, 200);
		return false;
	}
	s->waited = false;
	if (!s->stalled && s->on_stall != NULL)
		s->on_stall();
	s->stalled = true;
	if (serve(s))
		return true;
	/* libevent reads 4 KB at a time: 128 KB, then a pause. */
	(void)bufferevent_enable(s->bev, EV_READ);
	return false;
}

/* Does one step; false: it is not done yet. */
static bool
do_step(struct smtp_script *s, const char *step)
{
	if (step[0] == '>') {
		say(s, step + 1);
		say(s, "\r\n");
	} else if (step[0] == '+') {
		say(s, step + 1);
	} else if (step[0] == '<') {
		return expect(s, step + 1);
	} else if (is(step, "body")) {
		return take_body(s);
	} else if (is(step, "quiet")) {
		return quiet(s);
	} else if (is(step, "wait")) {
		if (!s->waited)
			wait_ms(s, 30);
		return s->waited;
	} else if (is(step, "tls")) {
		/* What was said in clear goes first. */
		if (evbuffer_get_length(bufferevent_get_output(s->bev)) > 0)
			return false;
		start_tls(s);
	} else if (is(step, "flood ")) {
		while (evbuffer_get_length(bufferevent_get_output(s->bev)) <
		    100000)
			say(s, step + 6);
		return false;
	} else if (is(step, "auto")) {
		return serve(s);
	} else if (is(step, "slow")) {
		return serve_slowly(s);
	} else if (is(step, "deaf")) {
		(void)bufferevent_disable(s->bev, EV_READ);
	} else if (is(step, "hold")) {
		s->over = true; /* for whoever waits for the end */
		return false;
	} else {
		CHECK(is(step, "close"));
		hang_up(s);
	}
	return true;
}

static void
run(struct smtp_script *s)
{
	while (!s->over && !s->waiting) {
		const char *step = s->steps[s->at];

		if (step == NULL) {
			/* What was said last must get out first. */
			if (evbuffer_get_length(
				bufferevent_get_output(s->bev)) == 0)
				hang_up(s);
			return;
		}
		if (!do_step(s, step))
			return;
		s->waited = false;
		s->at++;
	}
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct smtp_script *s = arg;

	(void)bev;
	if (s->slow && ++s->reads % 32 == 0) {
		(void)bufferevent_disable(s->bev, EV_READ);
		if (!s->waiting)
			wait_ms(s, 1);
		return;
	}
	run(s);
}

static void
on_write(struct bufferevent *bev, void *arg)
{
	(void)bev;
	run(arg);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct smtp_script *s = arg;

	(void)bev;
	if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0) {
		if (s->steps[s->at] != NULL && is(s->steps[s->at], "body"))
			(void)take_body(s);
		buf_str(&s->heard, "EOF");
		hang_up(s);
	}
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct smtp_script *s = arg;

	(void)fd;
	(void)what;
	s->waiting = false;
	s->waited = true;
	run(s);
}

static void
watch(struct smtp_script *s)
{
	bufferevent_setcb(s->bev, on_read, on_write, on_event, s);
	CHECK(bufferevent_enable(s->bev, EV_READ | EV_WRITE) == 0);
}

struct smtp_script *
smtp_script_new(struct event_base *base, int fd, const char *const *steps)
{
	struct smtp_script *s = mem_new(struct smtp_script);

	s->base = base;
	s->steps = steps;
	s->timer = event_new(base, -1, 0, on_timer, s);
	s->bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	CHECK(s->timer != NULL && s->bev != NULL);
	watch(s);
	run(s);
	return s;
}

void
smtp_script_free(struct smtp_script **sp)
{
	struct smtp_script *s = *sp;

	*sp = NULL;
	hang_up(s);
	event_free(s->timer);
	SSL_CTX_free(s->ctx);
	buf_fini(&s->heard);
	free(s);
}

void
smtp_script_on_stall(struct smtp_script *s, void (*fn)(void))
{
	s->on_stall = fn;
}

bool
smtp_script_is_over(const struct smtp_script *s)
{
	return s->over;
}

const char *
smtp_script_heard(struct smtp_script *s, size_t *len_r)
{
	if (len_r != NULL)
		*len_r = s->heard.len;
	return buf_cstr(&s->heard);
}

const char *
smtp_script_wrong(const struct smtp_script *s)
{
	return s->wrong[0] == '\0' ? NULL : s->wrong;
}

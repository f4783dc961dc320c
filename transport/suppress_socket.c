/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/suppress_socket.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "lib/acceptor.h"
#include "lib/check.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/net.h"
#include "transport/suppressing.h"
#include "vmta/assign.h"

enum {
	LINE_MAX_LEN = 2048, /* two addresses of 320 octets, and room */
	TALKS_MAX = 64,      /* at once; others wait in the backlog */
	IDLE_S = 10
};

/* A connection. */
struct talk {
	LIST_ENTRY(talk) link;
	struct suppress_socket *ss;
	struct bufferevent *bev;
	bool ends; /* when all is written */
};

struct suppress_socket {
	struct suppress_socket_options opt;
	struct acceptor *acceptor;
	LIST_HEAD(, talk) talks;
	size_t count;
};

/* ---- a request ----------------------------------------------------------- */

/* The next word, or what stands between angle brackets; false: none. */
static bool
next_word(struct slice *left, struct slice *word_r)
{
	const char *end;

	*left = slice_trim(*left);
	if (left->len == 0)
		return false;
	if (left->p[0] == '<') {
		end = memchr(left->p, '>', left->len);
		if (end == NULL)
			return false;
		*word_r = (struct slice){ left->p + 1,
			(size_t)(end - left->p) - 1 };
		end++;
	} else {
		end = memchr(left->p, ' ', left->len);
		if (end == NULL)
			end = left->p + left->len;
		*word_r = (struct slice){ left->p, (size_t)(end - left->p) };
	}
	left->len -= (size_t)(end - left->p);
	left->p = end;
	return true;
}

/* False: it is no request. */
static bool
read_request(struct slice line, struct slice *rcpt, struct net_addr *client)
{
	struct slice sender, addr;
	struct err e;

	*client = (struct net_addr){ 0 };
	if (!next_word(&line, rcpt) || rcpt->len == 0)
		return false;
	if (!next_word(&line, &sender) || !next_word(&line, &addr) ||
	    addr.len == 0)
		return slice_trim(line).len == 0;
	return net_addr_parse(addr, client, &e) == 0;
}

static void
log_denied(struct slice rcpt, const struct net_addr *client, const char *list)
{
	char text[NET_ADDR_TEXT];
	struct log_line l;

	log_begin(&l, LOG_L_INFO, NULL, "suppressed");
	log_str(&l, "asked", "suppress-socket");
	log_str(&l, "client", net_addr_text(client, text));
	log_fmt(&l, "to", "<%.*s>", (int)rcpt.len, rcpt.p);
	log_str(&l, "list", list);
	log_end(&l);
}

void
suppress_socket_answer(struct suppressing *sp, const struct snapshot *conf,
    struct slice line, struct buf *out)
{
	struct region *rg = region_new();
	struct policy_in in = { .conf = conf };
	struct suppressing_said said;
	struct suppress_set lists;
	struct source_conf source;
	struct slice rcpt;

	if (!read_request(line, &rcpt, &in.client)) {
		buf_str(out, "DEFER not RECIPIENT [SENDER [CLIENT]]\n");
		region_free(&rg);
		return;
	}
	assign_source(&in, &source);
	suppress_set_of(conf, &(struct suppress_scope){ .source = &source },
	    &lists);
	switch (suppressing_ask(sp, conf, &lists,
	    region_strndup(rg, rcpt.p, rcpt.len), rg, &said)) {
	case SUPPRESS_CLEAR:
		buf_str(out, "OK\n");
		break;
	case SUPPRESS_LISTED:
		buf_printf(out, "DENY %s\n", said.text);
		suppressing_denied(sp);
		log_denied(rcpt, &in.client, said.list);
		break;
	case SUPPRESS_UNSURE:
		buf_printf(out, "DEFER %s\n", said.text);
		break;
	}
	region_free(&rg);
}

/* ---- connections --------------------------------------------------------- */

static void
talk_free(struct talk **tp)
{
	struct talk *t = *tp;
	struct suppress_socket *ss = t->ss;

	*tp = NULL;
	LIST_REMOVE(t, link);
	bufferevent_free(t->bev);
	free(t);
	if (ss->count-- == TALKS_MAX)
		acceptor_pause(ss->acceptor, false);
}

static void
answer_lines(struct talk *t)
{
	const struct suppress_socket_options *opt = &t->ss->opt;
	struct evbuffer *in = bufferevent_get_input(t->bev);
	struct buf out = { 0 };
	size_t len;
	char *line;

	while ((line = evbuffer_readln(in, &len, EVBUFFER_EOL_CRLF)) != NULL) {
		suppress_socket_answer(opt->suppressing,
		    opt->snapshot(opt->ctx), (struct slice){ line, len }, &out);
		free(line);
	}
	(void)bufferevent_write(t->bev, out.p, out.len);
	buf_fini(&out);
}

/* Nothing is left to write, and nothing more will come. */
static bool
is_over(const struct talk *t)
{
	return t->ends &&
	    evbuffer_get_length(bufferevent_get_output(t->bev)) == 0;
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct talk *t = arg;

	answer_lines(t);
	if (evbuffer_get_length(bufferevent_get_input(bev)) > LINE_MAX_LEN)
		talk_free(&t);
}

static void
on_write(struct bufferevent *bev, void *arg)
{
	struct talk *t = arg;

	(void)bev;
	if (is_over(t))
		talk_free(&t);
}

/* Exim closes its side behind the request, and reads on. */
static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct talk *t = arg;

	(void)bev;
	if ((what & BEV_EVENT_EOF) == 0) {
		talk_free(&t);
		return;
	}
	t->ends = true;
	answer_lines(t);
	if (is_over(t))
		talk_free(&t);
}

static void
on_accept(void *ctx, int fd)
{
	static const struct timeval idle = { .tv_sec = IDLE_S };
	struct suppress_socket *ss = ctx;
	struct talk *t = mem_new(struct talk);

	t->ss = ss;
	t->bev = bufferevent_socket_new(worker_base(ss->opt.main), fd,
	    BEV_OPT_CLOSE_ON_FREE);
	CHECK(t->bev != NULL);
	LIST_INSERT_HEAD(&ss->talks, t, link);
	bufferevent_setcb(t->bev, on_read, on_write, on_event, t);
	bufferevent_setwatermark(t->bev, EV_READ, 0, (size_t)2 * LINE_MAX_LEN);
	(void)bufferevent_set_timeouts(t->bev, &idle, &idle);
	(void)bufferevent_enable(t->bev, EV_READ | EV_WRITE);
	if (++ss->count == TALKS_MAX)
		acceptor_pause(ss->acceptor, true);
}

int
suppress_socket_new(const struct suppress_socket_options *opt,
    struct suppress_socket **ss_r, struct err *e)
{
	struct suppress_socket *ss;
	int fd = net_listen(opt->where, e);

	*ss_r = NULL;
	if (fd == -1)
		return -1;
	ss = mem_new(struct suppress_socket);
	ss->opt = *opt;
	LIST_INIT(&ss->talks);
	ss->acceptor = acceptor_new(worker_base(opt->main), fd,
	    &(struct acceptor_options){ .name = opt->where,
		.fn = on_accept,
		.ctx = ss });
	*ss_r = ss;
	return 0;
}

void
suppress_socket_free(struct suppress_socket **ssp)
{
	struct suppress_socket *ss = *ssp;
	struct talk *next;

	*ssp = NULL;
	if (ss == NULL)
		return;
	for (struct talk *t = LIST_FIRST(&ss->talks); t != NULL; t = next) {
		next = LIST_NEXT(t, link);
		talk_free(&t);
	}
	acceptor_free(&ss->acceptor);
	free(ss);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread and its owner share a question.  The thread fills the answer in,
 * says so by a byte in a pipe and lets go; nothing else of the owner's is
 * known to it, so the owner may be gone.
 */
#include "lib/lookup.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "lib/ref.h"

struct question {
	struct ref refs;
	char *host;
	int tell_fd; /* the thread's */
	/* Written before the byte is: */
	int code; /* of getaddrinfo(3) */
	size_t count;
	struct net_addr addrs[LOOKUP_ADDRS_MAX];
};

struct lookup {
	struct question *question;
	int fd;
	struct event *ready;
	lookup_fn *fn;
	void *arg;
};

static void
question_unref(struct question **qp)
{
	struct question *q = *qp;

	*qp = NULL;
	if (!ref_put(&q->refs))
		return;
	free(q->host);
	free(q);
}

static void
take_addresses(struct question *q, const struct addrinfo *list)
{
	uint16_t port;

	for (; list != NULL && q->count < LOOKUP_ADDRS_MAX;
	     list = list->ai_next)
		net_addr_from_sa(list->ai_addr, &q->addrs[q->count++], &port);
}

static void *
thread_main(void *arg)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM };
	struct question *q = arg;
	struct addrinfo *list = NULL;

	(void)pthread_setname_np(pthread_self(), "lookup");
	q->code = getaddrinfo(q->host, NULL, &hints, &list);
	if (q->code == 0) {
		take_addresses(q, list);
		freeaddrinfo(list);
	}
	/* EPIPE: nobody is interested any more. */
	if (write(q->tell_fd, "", 1) == -1)
		CHECK(errno == EPIPE);
	(void)close(q->tell_fd);
	question_unref(&q);
	return NULL;
}

static int
start_thread(struct question *q)
{
	pthread_attr_t attr;
	pthread_t thread;
	int code;

	CHECK(pthread_attr_init(&attr) == 0 &&
	    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) == 0);
	code = pthread_create(&thread, &attr, thread_main, q);
	(void)pthread_attr_destroy(&attr);
	return code;
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct lookup *l = arg;
	const struct question *q = l->question;
	struct lookup_answer a = { .addrs = q->addrs };
	char byte;

	(void)what;
	if (read(fd, &byte, 1) != 1)
		return;
	a.count = q->count;
	if (q->code != 0)
		a.error = gai_strerror(q->code);
	else if (q->count == 0)
		a.error = "it has no address";
	(void)event_del(l->ready);
	l->fn(l->arg, &a);
	lookup_cancel(&l);
}

struct lookup *
lookup_new(struct worker *w, const char *host, lookup_fn *fn, void *arg,
    struct err *e)
{
	struct lookup *l;
	struct question *q;
	int fds[2], code;

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) == -1) {
		(void)err_sys(e, "pipe");
		return NULL;
	}
	q = mem_new(struct question);
	ref_init(&q->refs);
	q->host = mem_strdup(host);
	q->tell_fd = fds[1];
	l = mem_new(struct lookup);
	l->question = q;
	l->fd = fds[0];
	l->fn = fn;
	l->arg = arg;
	l->ready = event_new(worker_base(w), l->fd, EV_READ | EV_PERSIST,
	    on_ready, l);
	CHECK(l->ready != NULL && event_add(l->ready, NULL) == 0);
	ref_get(&q->refs); /* the thread's */
	code = start_thread(q);
	if (code != 0) {
		errno = code;
		(void)err_sys(e, "starting a thread to look up %s", host);
		(void)close(fds[1]);
		question_unref(&q);
		lookup_cancel(&l);
	}
	return l;
}

void
lookup_cancel(struct lookup **lp)
{
	struct lookup *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	event_free(l->ready);
	(void)close(l->fd);
	question_unref(&l->question);
	free(l);
}

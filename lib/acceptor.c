/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/acceptor.h"

#include <errno.h>
#include <event2/event.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/files.h"
#include "lib/log.h"
#include "lib/mem.h"

enum {
	ACCEPTS_MAX = 64, /* in a row, before others get their turn */
	REST_US = 100 * 1000
};

/* A trouble that comes and goes is told so often. */
#define LOG_AGAIN_US (60 * US_PER_S)

struct acceptor {
	struct acceptor_options opt;
	char *name;
	int fd;
	struct event *ready, *rested;
	bool paused;
	bool resting;
	bool told; /* that it rests */
	int64_t tell_again_us;
};

static void
rest(struct acceptor *a, int code)
{
	static const struct timeval tv = { .tv_usec = REST_US };
	int64_t now_us = clock_us();
	struct err e;

	errno = code;
	if (!a->resting && now_us >= a->tell_again_us) {
		(void)err_sys(&e, "accepting on %s", a->name);
		log_note(LOG_L_ERROR, "listener", "%s; clients wait", e.text);
		a->told = true;
		a->tell_again_us = now_us + LOG_AGAIN_US;
	}
	a->resting = true;
	(void)event_del(a->ready);
	CHECK(event_add(a->rested, &tv) == 0);
}

static void
well_again(struct acceptor *a)
{
	if (a->told)
		log_note(LOG_L_INFO, "listener", "accepting on %s again",
		    a->name);
	a->resting = a->told = false;
}

static void
on_rested(evutil_socket_t fd, short what, void *arg)
{
	struct acceptor *a = arg;

	(void)fd;
	(void)what;
	if (!a->opt.uses_spare && files_are_low())
		rest(a, EMFILE);
	else if (!a->paused)
		CHECK(event_add(a->ready, NULL) == 0);
}

static bool
is_passing(int code)
{
	/* accept(2): errors of the new connection, which is gone. */
	return code == EAGAIN || code == EINTR || code == ECONNABORTED ||
	    code == EPROTO || code == ENETDOWN || code == EHOSTUNREACH ||
	    code == ENETUNREACH || code == EHOSTDOWN || code == ENONET ||
	    code == ENOPROTOOPT || code == EOPNOTSUPP;
}

static void
on_ready(evutil_socket_t listening, short what, void *arg)
{
	struct acceptor *a = arg;

	(void)what;
	for (int i = 0; i < ACCEPTS_MAX && !a->paused; i++) {
		int fd = accept4(listening, NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		bool last;

		if (fd == -1 && !is_passing(errno)) {
			rest(a, errno);
			return;
		}
		if (fd == -1)
			break;
		last = !a->opt.uses_spare && files_is_spare(fd);
		a->opt.fn(a->opt.ctx, fd);
		if (last) {
			rest(a, EMFILE);
			return;
		}
	}
	if (a->resting)
		well_again(a);
}

struct acceptor *
acceptor_new(struct event_base *base, int fd,
    const struct acceptor_options *opt)
{
	struct acceptor *a = mem_new(struct acceptor);

	CHECK(fd >= 0 && opt->fn != NULL);
	a->opt = *opt;
	a->name = mem_strdup(opt->name);
	a->fd = fd;
	a->ready = event_new(base, fd, EV_READ | EV_PERSIST, on_ready, a);
	a->rested = event_new(base, -1, 0, on_rested, a);
	CHECK(a->ready != NULL && a->rested != NULL);
	CHECK(event_add(a->ready, NULL) == 0);
	return a;
}

void
acceptor_pause(struct acceptor *a, bool paused)
{
	if (a->paused == paused)
		return;
	a->paused = paused;
	if (paused)
		(void)event_del(a->ready);
	else if (!event_pending(a->rested, EV_TIMEOUT, NULL))
		CHECK(event_add(a->ready, NULL) == 0);
}

void
acceptor_free(struct acceptor **ap)
{
	struct acceptor *a = *ap;

	*ap = NULL;
	if (a == NULL)
		return;
	event_free(a->ready);
	event_free(a->rested);
	(void)close(a->fd);
	free(a->name);
	free(a);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/signals.h"

#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/mem.h"

struct signals {
	int fd;
	struct event *ev;
	signals_fn *fn;
	void *ctx;
};

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct signals *s = arg;
	struct signalfd_siginfo info;

	(void)what;
	while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		s->fn(s->ctx, (int)info.ssi_signo);
}

int
signals_new(struct worker *w, const int *numbers, signals_fn *fn, void *ctx,
    struct signals **s_r, struct err *e)
{
	struct signals *s = mem_new(struct signals);
	sigset_t set;

	*s_r = NULL;
	s->fn = fn;
	s->ctx = ctx;
	(void)sigemptyset(&set);
	for (size_t i = 0; numbers[i] != 0; i++)
		CHECK(sigaddset(&set, numbers[i]) == 0);
	CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	s->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (s->fd == -1) {
		(void)err_sys(e, "signalfd");
		signals_free(&s);
		return -1;
	}
	s->ev = event_new(worker_base(w), s->fd, EV_READ | EV_PERSIST,
	    on_readable, s);
	CHECK(s->ev != NULL && event_add(s->ev, NULL) == 0);
	*s_r = s;
	return 0;
}

void
signals_free(struct signals **sp)
{
	struct signals *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	if (s->ev != NULL)
		event_free(s->ev);
	if (s->fd != -1)
		(void)close(s->fd);
	free(s);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets, on the main worker: each accepted socket goes to the
 * workers in turn.  A socket that was handed over at start (LISTEN_FDS) stays
 * open elsewhere while we restart, and clients wait in its backlog.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/log.h"
#include "lib/net.h"
#include "transport/ingress.h"

enum {
	ACCEPTS_MAX = 64,     /* of one socket, before others get their turn */
	PAUSE_US = 100 * 1000 /* when descriptors have run out */
};

struct listener {
	struct listeners *all;
	int fd;
	struct ingress_door *door;
	struct event *ready, *pause;
};

struct listeners {
	size_t env_count, next;
	struct worker_env **envs;
	struct gauge *open;
	size_t count;
	struct listener *v;
};

/* An accepted socket on its way to a worker. */
struct arrival {
	struct post post;
	struct worker_env *env;
	struct ingress_door *door;
	int fd;
};

static void
arrival_free(struct arrival **ap)
{
	struct arrival *a = *ap;

	*ap = NULL;
	if (a == NULL)
		return;
	ingress_door_unref(&a->door);
	free(a);
}

static void
on_arrival(struct post *p)
{
	struct arrival *a = post_owner(p, struct arrival, post);

	ingress_start(a->env, a->fd, a->door);
	arrival_free(&a);
}

static void
hand_over(struct listener *l, int fd)
{
	struct listeners *all = l->all;
	struct arrival *a = mem_new(struct arrival);

	a->post.fn = on_arrival;
	a->env = all->envs[all->next];
	a->door = ingress_door_ref(l->door);
	a->fd = fd;
	all->next = (all->next + 1) % all->env_count;
	worker_post(a->env->worker, &a->post);
}

/* The socket stays ready: without a pause the loop would spin. */
static void
rest(struct listener *l)
{
	struct timeval tv = { .tv_usec = PAUSE_US };
	struct err e;

	(void)err_sys(&e, "accept on %s", l->door->name);
	log_note(LOG_L_ERROR, "listener", "%s", e.text);
	(void)event_del(l->ready);
	(void)event_add(l->pause, &tv);
}

static void
on_pause_over(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;

	(void)fd;
	(void)what;
	(void)event_add(l->ready, NULL);
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
	struct listener *l = arg;

	(void)what;
	for (int i = 0; i < ACCEPTS_MAX; i++) {
		int fd = accept4(listening, NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			hand_over(l, fd);
		} else {
			if (!is_passing(errno))
				rest(l);
			return;
		}
	}
}

static int
open_all(struct listeners *all, struct event_base *base,
    const struct conf_strs *names, enum ingress_protocol protocol,
    struct err *e)
{
	for (size_t i = 0; i < names->n; i++) {
		struct listener *l = &all->v[all->count];

		l->all = all;
		l->fd = net_listen(names->v[i], e);
		if (l->fd == -1)
			return -1;
		all->count++;
		l->door = ingress_door_new(protocol, names->v[i], all->open);
		l->ready = event_new(base, l->fd, EV_READ | EV_PERSIST,
		    on_ready, l);
		l->pause = event_new(base, -1, 0, on_pause_over, l);
		CHECK(l->ready != NULL && l->pause != NULL);
		(void)event_add(l->ready, NULL);
	}
	return 0;
}

int
listeners_new(struct worker *main, const struct global_conf *conf,
    struct worker_env *const *envs, size_t env_count, struct listeners **l_r,
    struct err *e)
{
	struct event_base *base = worker_base(main);
	struct listeners *all = mem_new(struct listeners);

	CHECK(env_count > 0);
	*l_r = NULL;
	all->env_count = env_count;
	all->envs = mem_dup(envs, env_count * sizeof(struct worker_env *));
	all->open = gauge_new();
	all->v = mem_array(conf->lmtp_listeners.n + conf->smtp_listeners.n + 1,
	    sizeof(*all->v));
	if (open_all(all, base, &conf->lmtp_listeners, INGRESS_LMTP, e) == -1 ||
	    open_all(all, base, &conf->smtp_listeners, INGRESS_SMTP, e) == -1) {
		listeners_free(&all);
		return -1;
	}
	*l_r = all;
	return 0;
}

void
listeners_free(struct listeners **lp)
{
	struct listeners *all = *lp;

	*lp = NULL;
	if (all == NULL)
		return;
	for (size_t i = 0; i < all->count; i++) {
		struct listener *l = &all->v[i];

		event_free(l->ready);
		event_free(l->pause);
		ingress_door_unref(&l->door);
		(void)close(l->fd);
	}
	gauge_unref(&all->open);
	free(all->v);
	free(all->envs);
	free(all);
}

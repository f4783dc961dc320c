/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets, on the main worker: each accepted socket goes to the
 * workers in turn.  A socket that was handed over at start (LISTEN_FDS) stays
 * open elsewhere while we restart, and clients wait in its backlog.
 */
#include <stdlib.h>

#include "lib/acceptor.h"
#include "lib/check.h"
#include "lib/log.h"
#include "lib/net.h"
#include "transport/ingress.h"

struct listener {
	struct listeners *all;
	struct ingress_door *door;
	struct acceptor *acceptor;
};

struct listeners {
	size_t env_count, next;
	struct worker_env **envs;
	struct ingress_counts *counts;
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
hand_over(void *ctx, int fd)
{
	struct listener *l = ctx;
	struct listeners *all = l->all;
	struct arrival *a = mem_new(struct arrival);

	a->post.fn = on_arrival;
	a->env = all->envs[all->next];
	a->door = ingress_door_ref(l->door);
	a->fd = fd;
	all->next = (all->next + 1) % all->env_count;
	worker_post(a->env->worker, &a->post);
}

static int
open_all(struct listeners *all, struct event_base *base,
    const struct conf_strs *names, enum ingress_protocol protocol,
    struct err *e)
{
	for (size_t i = 0; i < names->n; i++) {
		struct listener *l = &all->v[all->count];
		const struct acceptor_options opt = { .name = names->v[i],
			.fn = hand_over,
			.ctx = l };
		int fd = net_listen(names->v[i], e);

		if (fd == -1)
			return -1;
		all->count++;
		l->all = all;
		l->door = ingress_door_new(protocol, names->v[i], all->counts);
		l->acceptor = acceptor_new(base, fd, &opt);
	}
	return 0;
}

/* Who connects there is let in by the kernel, and waits for ever. */
static void
name_unused(void)
{
	char where[128];

	for (size_t i = 0; net_unused_inherited(i, where, sizeof(where)); i++)
		log_note(LOG_L_ERROR, "listener",
		    "the service manager holds a socket for %s, which is no "
		    "listener of the configuration: nobody is served there",
		    where);
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
	all->counts = ingress_counts_new();
	all->v = mem_array(conf->lmtp_listeners.n + conf->smtp_listeners.n + 1,
	    sizeof(*all->v));
	if (open_all(all, base, &conf->lmtp_listeners, INGRESS_LMTP, e) == -1 ||
	    open_all(all, base, &conf->smtp_listeners, INGRESS_SMTP, e) == -1) {
		listeners_free(&all);
		return -1;
	}
	name_unused();
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

		acceptor_free(&l->acceptor);
		ingress_door_unref(&l->door);
	}
	ingress_counts_unref(&all->counts);
	free(all->v);
	free(all->envs);
	free(all);
}

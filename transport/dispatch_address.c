/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the dispatcher about hosts of the other side: couriers ask whether
 * they may call an address, and tell where they are; the scheduler asks which
 * MX hosts a domain has.
 */
#include <stdlib.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "transport/courier.h"
#include "transport/dispatch_priv.h"
#include "transport/mx_facts.h"
#include "vmta/remote.h"
#include "vmta/sched.h"

struct told_place {
	struct post post;
	struct dispatch *dispatch;
	struct link *link;
	char *host; /* or NULL */
	struct net_addr addr;
	int64_t when_us;
	struct sched_place at;
};

static void
place_post(struct dispatch *d, void *link, const char *host,
    const struct net_addr *addr, void (*fn)(struct post *))
{
	struct told_place *pl = mem_new(struct told_place);

	pl->post.fn = fn;
	pl->dispatch = d;
	pl->link = link;
	pl->host = mem_strdup(host);
	pl->addr = *addr;
	worker_post(d->worker, &pl->post);
}

static void
place_free(struct told_place **pp)
{
	struct told_place *pl = *pp;

	*pp = NULL;
	free(pl->host);
	free(pl);
}

static void
on_address(struct post *p)
{
	struct told_place *pl = post_owner(p, struct told_place, post);
	bool go = sched_address(pl->dispatch->sched, pl->link->conn, pl->host,
	    &pl->addr);

	courier_address(pl->link->courier, go);
	place_free(&pl);
}

void
dispatch_address(struct dispatch *d, void *link, const char *host,
    const struct net_addr *addr)
{
	place_post(d, link, host, addr, on_address);
}

static void
on_located(struct post *p)
{
	struct told_place *pl = post_owner(p, struct told_place, post);

	sched_located(pl->dispatch->sched, pl->link->conn, pl->host, &pl->addr);
	place_free(&pl);
}

void
dispatch_located(struct dispatch *d, void *link, const char *host,
    const struct net_addr *addr)
{
	place_post(d, link, host, addr, on_located);
}

static void
on_connecting(struct post *p)
{
	struct told_place *pl = post_owner(p, struct told_place, post);

	sched_connecting(pl->dispatch->sched, pl->link->conn, pl->when_us);
	place_free(&pl);
}

void
dispatch_connecting(struct dispatch *d, void *link, int64_t when_us)
{
	struct told_place *pl = mem_new(struct told_place);

	pl->post.fn = on_connecting;
	pl->dispatch = d;
	pl->link = link;
	pl->when_us = when_us;
	worker_post(d->worker, &pl->post);
}

static void
on_goes_on(struct post *p)
{
	struct told_place *pl = post_owner(p, struct told_place, post);

	sched_goes_on(pl->dispatch->sched, pl->link->conn, &pl->at);
	place_free(&pl);
}

void
dispatch_goes_on(struct dispatch *d, void *link, const struct sched_place *at)
{
	struct told_place *pl = mem_new(struct told_place);

	pl->post.fn = on_goes_on;
	pl->dispatch = d;
	pl->link = link;
	pl->at = *at;
	worker_post(d->worker, &pl->post);
}

/* Where they are did not matter when they were opened. */
void
dispatch_locate_all(struct dispatch *d, const struct snapshot *conf)
{
	struct link *l;

	if (!remotes_limited(conf))
		return;
	LIST_FOREACH(l, &d->links, entry)
	courier_locate(l->courier);
}

/* ---- MX hosts of domains ------------------------------------------------- */

static void
on_facts(void *ctx, const char *domain, const struct mx_facts *f)
{
	const struct dispatch *d = ctx;

	sched_resolved(d->sched, domain, f, clock_us());
}

struct mx_facts_asker *
dispatch_facts(struct dispatch *d)
{
	return mx_facts_new(d->worker, d->envs, d->env_count, on_facts, d);
}

void
dispatch_resolve(void *ctx, const char *domain, const struct conf_strs *listed)
{
	const struct dispatch *d = ctx;

	mx_facts_ask(d->mx_facts, domain, listed);
}

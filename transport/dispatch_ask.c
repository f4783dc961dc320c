/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the dispatcher that listings and orders use: a look at the
 * scheduler on its own thread, and at messages while they stay where they are.
 */
#include <stdlib.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "transport/dispatch_priv.h"

struct ask {
	struct post post;
	STAILQ_ENTRY(ask) entry;
	struct dispatch *dispatch;
	struct dispatch_ask *ask;
};

static void
on_ask(struct post *p)
{
	struct ask *a = post_owner(p, struct ask, post);

	a->ask->fn(a->ask, a->dispatch->sched, clock_us());
	free(a);
}

static void
post_ask(struct dispatch *d, struct dispatch_ask *ask,
    void (*fn)(struct post *))
{
	struct ask *a = mem_new(struct ask);

	a->post.fn = fn;
	a->dispatch = d;
	a->ask = ask;
	worker_post(d->worker, &a->post);
}

void
dispatch_ask(struct dispatch *d, struct dispatch_ask *ask)
{
	post_ask(d, ask, on_ask);
}

/* ---- after a start ------------------------------------------------------- */

static void
on_ask_loaded(struct post *p)
{
	struct ask *a = post_owner(p, struct ask, post);
	struct dispatch *d = a->dispatch;

	if (d->loaded || d->draining)
		on_ask(p);
	else
		STAILQ_INSERT_TAIL(&d->asks, a, entry);
}

void
dispatch_ask_loaded(struct dispatch *d, struct dispatch_ask *ask)
{
	post_ask(d, ask, on_ask_loaded);
}

void
dispatch_asks_go(struct dispatch *d)
{
	struct ask *a;

	while ((a = STAILQ_FIRST(&d->asks)) != NULL) {
		STAILQ_REMOVE_HEAD(&d->asks, entry);
		on_ask(&a->post);
	}
}

bool
dispatch_is_loaded(const struct dispatch *d)
{
	return d->loaded;
}

/* ---- the rest ------------------------------------------------------------ */

const struct replies *
dispatch_replies(const struct dispatch *d)
{
	return d->replies;
}

struct dispatch_reader *
dispatch_reader_new(struct dispatch *d)
{
	return readers_add(&d->readers);
}

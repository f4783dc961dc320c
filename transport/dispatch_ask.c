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

void
dispatch_ask(struct dispatch *d, struct dispatch_ask *ask)
{
	struct ask *a = mem_new(struct ask);

	a->post.fn = on_ask;
	a->dispatch = d;
	a->ask = ask;
	worker_post(d->worker, &a->post);
}

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

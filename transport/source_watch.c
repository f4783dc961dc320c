/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/source_watch.h"

#include <event2/event.h>
#include <stddef.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/conf_types.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "queue/store.h"
#include "transport/dispatch_priv.h"
#include "vmta/lost.h"
#include "vmta/sched.h"
#include "vmta/snapshot.h"

/* So many are looked for at a time; of more each has its turn. */
#define LOOKS_MAX 1000

struct source_watch {
	struct worker *main;
	const struct source_watch_owner *owner;
	void *ctx;
	struct event *timer;
	struct lost lost;
	size_t next; /* of lost, to be looked for */
};

/* An address on its way to main, or to the scheduler. */
struct carried {
	struct post post;
	struct dispatch_ask ask;
	struct source_watch *watch;
	struct net_addr addr;
	bool lost;
};

/* ---- looking ------------------------------------------------------------- */

static void
wait_next(struct source_watch *w)
{
	const struct timeval tv = { .tv_sec = w->owner->look_us / US_PER_S,
		.tv_usec = w->owner->look_us % US_PER_S };

	if (w->lost.n > 0 && !event_pending(w->timer, EV_TIMEOUT, NULL))
		CHECK(event_add(w->timer, &tv) == 0);
}

/* From the end of the list: who goes moves only those that were looked for. */
static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	struct source_watch *w = arg;
	size_t looks = w->lost.n;

	(void)fd;
	(void)what;
	if (looks > LOOKS_MAX)
		looks = LOOKS_MAX;
	while (looks-- > 0 && w->lost.n > 0) {
		struct net_addr a;

		if (w->next == 0 || w->next > w->lost.n)
			w->next = w->lost.n;
		a = w->lost.v[--w->next];
		if (!w->owner->is_here(w->ctx, &a))
			continue;
		CHECK(lost_remove(&w->lost, &a));
		w->owner->back(w->ctx, &a);
	}
	wait_next(w);
}

static void
on_add(struct post *p)
{
	struct carried *c = post_owner(p, struct carried, post);
	struct source_watch *w = c->watch;

	(void)lost_add(&w->lost, &c->addr);
	wait_next(w);
	free(c);
}

void
source_watch_add(struct source_watch *w, const struct net_addr *a)
{
	struct carried *c = mem_new(struct carried);

	c->post.fn = on_add;
	c->watch = w;
	c->addr = *a;
	worker_post(w->main, &c->post);
}

struct source_watch *
source_watch_new(struct worker *main, const struct source_watch_owner *owner,
    void *ctx)
{
	struct source_watch *w = mem_new(struct source_watch);

	w->main = main;
	w->owner = owner;
	w->ctx = ctx;
	w->timer = event_new(worker_base(main), -1, 0, on_look, w);
	CHECK(w->timer != NULL);
	return w;
}

void
source_watch_free(struct source_watch **wp)
{
	struct source_watch *w = *wp;

	*wp = NULL;
	if (w == NULL)
		return;
	event_free(w->timer);
	lost_fini(&w->lost);
	free(w);
}

/* ---- what the scheduler says, and is told --------------------------------- */

void
source_told(void *ctx, const struct net_addr *a, bool lost)
{
	const struct dispatch *d = ctx;
	enum log_level level = lost ? LOG_L_WARN : LOG_L_INFO;
	char addr[NET_ADDR_TEXT];
	struct log_line l;

	if (lost)
		source_watch_add(d->watch, a);
	log_begin(&l, level, NULL, "source");
	log_str(&l, "state", lost ? "lost" : "back");
	log_str(&l, "address", net_addr_text(a, addr));
	log_end(&l);
}

static void
on_told(struct dispatch_ask *ask, struct sched *s, int64_t now_us)
{
	struct carried *c = (struct carried *)(void *)((char *)ask -
	    offsetof(struct carried, ask));

	(void)now_us;
	sched_source_lost(s, &c->addr, c->lost);
	free(c);
}

static void
tell(struct dispatch *d, const struct net_addr *a, bool lost)
{
	struct carried *c = mem_new(struct carried);

	c->ask.fn = on_told;
	c->addr = *a;
	c->lost = lost;
	dispatch_ask(d, &c->ask);
}

void
source_is_back(struct dispatch *d, const struct net_addr *a)
{
	tell(d, a, false);
}

/* ---- at a start and at a reload ------------------------------------------ */

static bool
is_here(void *ctx, const struct net_addr *a)
{
	(void)ctx;
	return net_addr_is_local(a);
}

int
source_check(const struct snapshot *conf, bool starts, struct conf_errors *errs)
{
	size_t before = errs->fatal;

	snapshot_check_sources(conf, is_here, NULL, errs);
	if (errs->fatal == before)
		return 0;
	return starts && !store_was_ended_well(snapshot_global(conf)->spool) ?
	    0 :
	    -1;
}

static void
tell_missing(void *ctx, const struct net_addr *a)
{
	if (!net_addr_is_local(a))
		tell(ctx, a, true);
}

void
source_tell(const struct snapshot *conf, struct dispatch *d)
{
	snapshot_each_source(conf, tell_missing, d);
}

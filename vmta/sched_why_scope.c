/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits of a scope as they stand.
 */
#include "vmta/sched_why_priv.h"

#include "mail/envelope.h"
#include "vmta/sched_priv.h"

bool
why_describe(struct scope *c, enum limit_kind kind, uint64_t n, int64_t now_us,
    struct why *w)
{
	const struct window *win;

	*w = (struct why){ .kind = WHY_ROOM,
		.scope = c->kind,
		.name = "",
		.limit = kind,
		.directive = why_directive(c->kind, kind),
		.until_us = INT64_MAX,
		.text = "" };
	if (kind == LIMIT_CONNS) {
		w->used = c->conns.used;
		w->max = slots_max(&c->conns);
		w->until_us = slots_next(&c->conns);
		if (slots_room(&c->conns) == 0)
			w->kind = WHY_LIMIT;
		return c->conns.max != UINT32_MAX;
	}
	if (!scope_has(c, kind))
		return false;
	w->until_us = scope_next(c, kind, kind == LIMIT_DATA ? n : 1, now_us);
	if (w->until_us > now_us)
		w->kind = WHY_LIMIT;
	win = &c->rates[kind]->window;
	w->used = win->count + win->pending;
	w->max = win->max;
	w->period_us = win->period_us;
	return true;
}

struct scope_asking {
	int64_t now_us;
	why_fn *fn;
	void *ctx;
};

static void
tell_scope(const struct scope_asking *a, struct scope *c, const char *name)
{
	struct why w;

	for (int k = 0; k <= LIMIT_CONNS; k++) {
		if (!why_describe(c, (enum limit_kind)k, 1, a->now_us, &w))
			continue;
		w.name = name;
		if (w.kind == WHY_ROOM)
			w.until_us = a->now_us;
		a->fn(a->ctx, &w);
	}
}

static bool
tell_named(const struct scope_asking *a, const struct table *all,
    const char *name)
{
	struct sched_named *n = named_find(all, name);

	if (n != NULL)
		tell_scope(a, &n->shared.scope, n->name);
	return n != NULL;
}

bool
sched_why_source(struct sched_queue *q, const struct net_addr *addr,
    int64_t now_us, why_fn *fn, void *ctx)
{
	const struct scope_asking a = { now_us, fn, ctx };
	const struct queue_sources *all = q->sources;

	for (size_t i = 0; all != NULL && i < all->n; i++) {
		if (all->v[i] == NULL || !net_addr_eq(&all->v[i]->addr, addr))
			continue;
		tell_scope(&a, &all->v[i]->scope, q->domain->name);
		return true;
	}
	return false;
}

bool
sched_why_scope(struct sched *s, enum scope_kind kind, const char *name,
    int64_t now_us, why_fn *fn, void *ctx)
{
	const struct scope_asking a = { now_us, fn, ctx };
	struct sched_vmta *v;
	struct scope *c;

	switch (kind) {
	case SCOPE_PROCESS:
		tell_scope(&a, &s->process.scope, "");
		return true;
	case SCOPE_VMTA:
		v = vmta_find(s, name);
		if (v != NULL)
			tell_scope(&a, &v->shared.scope,
			    envelope_vmta_shown(v->name));
		return v != NULL;
	case SCOPE_ROLLUP:
		return tell_named(&a, &s->groups, name);
	case SCOPE_POOL:
		return tell_named(&a, &s->pools, name);
	case SCOPE_PROVIDER:
		return tell_named(&a, &s->providers, name);
	case SCOPE_JOB:
	case SCOPE_USER:
		c = payer_find(s, kind, name);
		if (c != NULL)
			tell_scope(&a, c, name);
		return c != NULL;
	case SCOPE_QUEUE:
	case SCOPE_BACKOFF:
	case SCOPE_ROLLUP_BACKOFF:
	case SCOPE_SOURCE:
	case SCOPE_MX:
	case SCOPE_REMOTE:
		break;
	}
	return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual MTAs, pools, providers and groups of queues in the scheduler: shared
 * scopes with names.
 *
 * They are never freed before the scheduler: names come from the configuration
 * and the spool, so they are few, and windows must outlive queues.  One that
 * is not in the configuration any more has no limits.
 */
#include "vmta/sched_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "mail/envelope.h"

static uint64_t
hash(const struct table_link *l)
{
	const struct sched_vmta *v = (const void *)((const char *)l -
	    offsetof(struct sched_vmta, link));

	return table_hash_bytes(v->name, strlen(v->name));
}

static bool
is(const struct table_link *l, const void *key)
{
	const struct sched_vmta *v = (const void *)((const char *)l -
	    offsetof(struct sched_vmta, link));

	return strcmp(v->name, key) == 0;
}

static const struct table_ops ops = { hash, is };

/* ---- pools, providers, groups -------------------------------------------- */

static uint64_t
named_hash(const struct table_link *l)
{
	const struct sched_named *n = (const void *)((const char *)l -
	    offsetof(struct sched_named, link));

	return table_hash_bytes(n->name, strlen(n->name));
}

static bool
named_is(const struct table_link *l, const void *key)
{
	const struct sched_named *n = (const void *)((const char *)l -
	    offsetof(struct sched_named, link));

	return strcmp(n->name, key) == 0;
}

static const struct table_ops named_ops = { named_hash, named_is };

static void
pool_configure(struct sched *s, struct sched_named *n, int64_t now_us)
{
	static const struct pool none;
	const struct pool *p = snapshot_pool(s->conf, n->name);
	struct scope *c = &n->shared.scope;

	p = p == NULL ? &none : p;
	slots_set(&c->conns, p->max_conns);
	scope_set_rate(c, LIMIT_MSG, &p->msg_rate, now_us);
	scope_set_data(c, &p->data_rate, now_us);
}

static void
provider_configure(struct sched *s, struct sched_named *n, int64_t now_us)
{
	static const struct provider none;
	const struct provider *p = snapshot_provider_named(s->conf, n->name);
	struct scope *c = &n->shared.scope;

	p = p == NULL ? &none : p;
	slots_set(&c->conns, p->max_conns);
	scope_set_rate(c, LIMIT_CONNECT, &p->connect_rate, now_us);
	scope_set_rate(c, LIMIT_MSG, &p->msg_rate, now_us);
	scope_set_data(c, &p->data_rate, now_us);
}

/* As a queue of its name and virtual MTA would have them. */
static void
group_configure(struct sched *s, struct sched_named *n, int64_t now_us)
{
	const char *vmta = vmta_conf_name(s, vmta_find(s, group_vmta(n)));
	char domain[GROUP_NAME_MAX];

	group_domain(n, domain);
	qconf_unref(&n->conf);
	n->conf = qconf_get(&s->confs, s->conf, domain, vmta);
	standing_limit_group(s, n, now_us);
}

static void
named_configure(struct sched *s, struct sched_named *n, int64_t now_us)
{
	switch (n->shared.level) {
	case LEVEL_ROLLUP:
		group_configure(s, n, now_us);
		break;
	case LEVEL_POOL:
		pool_configure(s, n, now_us);
		break;
	case LEVEL_PROVIDER:
		provider_configure(s, n, now_us);
		break;
	case LEVEL_BACKOFF:
	case LEVEL_VMTA:
	case LEVEL_PROCESS:
		CHECK_NEVER("a scope of another kind");
	}
	leases_enter(s, &n->shared.scope, now_us);
	shared_changed(&n->shared);
}

struct sched_named *
named_find(const struct table *t, const char *name)
{
	struct table_link *l = table_find(t,
	    table_hash_bytes(name, strlen(name)), name);

	return l == NULL ? NULL : OF(sched_named, link, l);
}

static struct sched_named *
named_new(struct sched *s, enum level level, const char *name)
{
	size_t len = strlen(name) + 1;
	struct sched_named *n = mem_zalloc(sizeof(*n) + len);

	memcpy(n->name, name, len);
	shared_init(&n->shared, s, level);
	return n;
}

static struct sched_named *
named_get(struct sched *s, enum level level, const char *name, int64_t now_us)
{
	struct table *t = level == LEVEL_POOL ? &s->pools :
	    level == LEVEL_ROLLUP             ? &s->groups :
						&s->providers;
	struct sched_named *n = named_find(t, name);

	if (n != NULL)
		return n;
	n = named_new(s, level, name);
	if (level == LEVEL_ROLLUP)
		n->backoff = named_new(s, LEVEL_BACKOFF, name);
	table_add(t, &n->link);
	named_configure(s, n, now_us);
	return n;
}

struct sched_named *
provider_get(struct sched *s, const char *name, int64_t now_us)
{
	return named_get(s, LEVEL_PROVIDER, name, now_us);
}

static void
full_name(char out[2 * GROUP_NAME_MAX], const char *name, const char *vmta)
{
	(void)snprintf(out, (size_t)2 * GROUP_NAME_MAX, "%s/%s", name,
	    envelope_vmta_shown(vmta));
}

struct sched_named *
group_get(struct sched *s, const char *name, const struct sched_vmta *v,
    int64_t now_us)
{
	char full[2 * GROUP_NAME_MAX];

	full_name(full, name, v->name);
	return named_get(s, LEVEL_ROLLUP, full, now_us);
}

struct sched_named *
group_find(const struct sched *s, const char *name, const char *vmta)
{
	char full[2 * GROUP_NAME_MAX];

	full_name(full, name, vmta);
	return named_find(&s->groups, full);
}

const char *
group_vmta(const struct sched_named *group)
{
	return strchr(group->name, '/') + 1;
}

void
group_domain(const struct sched_named *group, char out[GROUP_NAME_MAX])
{
	int len = (int)(strchr(group->name, '/') - group->name);

	(void)snprintf(out, GROUP_NAME_MAX, "%.*s", len, group->name);
}

static void
configure_all(struct sched *s, const struct table *t, int64_t now_us)
{
	for (size_t i = 0; i < t->cap; i++)
		for (struct table_link *l = t->buckets[i]; l != NULL;
		     l = l->next)
			named_configure(s, OF(sched_named, link, l), now_us);
}

void
named_configure_all(struct sched *s, int64_t now_us)
{
	configure_all(s, &s->pools, now_us);
	configure_all(s, &s->providers, now_us);
	configure_all(s, &s->groups, now_us);
}

static void
enter_leases(struct sched *s, struct table *t, int64_t now_us)
{
	for (size_t i = 0; i < t->cap; i++)
		for (struct table_link *l = t->buckets[i]; l != NULL;
		     l = l->next) {
			struct sched_named *n = OF(sched_named, link, l);

			leases_enter(s, &n->shared.scope, now_us);
			if (n->backoff != NULL)
				leases_enter(s, &n->backoff->shared.scope,
				    now_us);
		}
}

void
named_enter_leases(struct sched *s, int64_t now_us)
{
	enter_leases(s, &s->pools, now_us);
	enter_leases(s, &s->providers, now_us);
	enter_leases(s, &s->groups, now_us);
}

static void
named_drop(struct sched_named **np)
{
	struct sched_named *n = *np;

	*np = NULL;
	CHECK(n->standing == NULL);
	shared_fini(&n->shared);
	free(n);
}

static void
named_free(struct table *t)
{
	struct table_link *l;

	while ((l = table_any(t)) != NULL) {
		struct sched_named *n = OF(sched_named, link, l);

		table_remove(t, l);
		qconf_unref(&n->conf);
		if (n->backoff != NULL)
			named_drop(&n->backoff);
		named_drop(&n);
	}
	table_fini(t);
}

void
named_free_all(struct sched *s)
{
	named_free(&s->pools);
	named_free(&s->providers);
	named_free(&s->groups);
}

/* ---- virtual MTAs -------------------------------------------------------- */

void
vmta_table_init(struct sched *s)
{
	table_init(&s->vmtas, &ops);
	table_init(&s->pools, &named_ops);
	table_init(&s->providers, &named_ops);
	table_init(&s->groups, &named_ops);
}

void
vmta_configure(struct sched *s, struct sched_vmta *v, int64_t now_us)
{
	const struct pool *pool;

	v->conf = snapshot_vmta(s->conf, v->name);
	if (v->conf == NULL) /* gone: its mail goes on under {default} */
		v->conf = snapshot_vmta(s->conf, "");
	CHECK(v->conf != NULL);
	pool = snapshot_pool_of(s->conf, v->conf->name);
	v->pool = pool == NULL ? NULL :
				 named_get(s, LEVEL_POOL, pool->name, now_us);
	slots_set(&v->shared.scope.conns, v->conf->max_conns);
	scope_set_rate(&v->shared.scope, LIMIT_MSG, &v->conf->msg_rate, now_us);
	scope_set_data(&v->shared.scope, &v->conf->data_rate, now_us);
	leases_enter(s, &v->shared.scope, now_us);
	shared_changed(&v->shared);
}

const char *
vmta_conf_name(const struct sched *s, const struct sched_vmta *v)
{
	return snapshot_vmta(s->conf, v->name) == NULL ? "" : v->name;
}

struct sched_vmta *
vmta_find(const struct sched *s, const char *name)
{
	struct table_link *l;

	if (strcmp(name, VMTA_DEFAULT) == 0)
		name = "";
	l = table_find(&s->vmtas, table_hash_bytes(name, strlen(name)), name);
	return l == NULL ? NULL : OF(sched_vmta, link, l);
}

struct sched_vmta *
vmta_get(struct sched *s, const char *name, int64_t now_us)
{
	struct sched_vmta *v = vmta_find(s, name);
	size_t len = strlen(name) + 1;

	if (v != NULL)
		return v;
	v = mem_zalloc(sizeof(*v) + len);
	if (strcmp(name, VMTA_DEFAULT) != 0)
		memcpy(v->name, name, len);
	shared_init(&v->shared, s, LEVEL_VMTA);
	vmta_configure(s, v, now_us);
	table_add(&s->vmtas, &v->link);
	return v;
}

void
vmta_free(struct sched *s, struct sched_vmta **vp)
{
	struct sched_vmta *v = *vp;

	*vp = NULL;
	shared_fini(&v->shared);
	table_remove(&s->vmtas, &v->link);
	free(v);
}

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
	const char *vmta = strchr(n->name, '/') + 1;
	struct scope *c = &n->shared.scope;
	char domain[GROUP_NAME_MAX];
	struct queue_conf conf;

	group_domain(n, domain);
	snapshot_queue_conf(s->conf, domain,
	    vmta_conf_name(s, vmta_find(s, vmta)), &conf);
	slots_set(&c->conns, conf.max_conns);
	scope_set_rate(c, LIMIT_CONNECT, &conf.connect_rate, now_us);
	scope_set_rate(c, LIMIT_MSG, &conf.msg_rate, now_us);
	scope_set_data(c, &conf.data_rate, now_us);
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
named_get(struct sched *s, enum level level, const char *name, int64_t now_us)
{
	struct table *t = level == LEVEL_POOL ? &s->pools :
	    level == LEVEL_ROLLUP             ? &s->groups :
						&s->providers;
	size_t len = strlen(name) + 1;
	struct sched_named *n = named_find(t, name);

	if (n != NULL)
		return n;
	n = mem_zalloc(sizeof(*n) + len);
	memcpy(n->name, name, len);
	shared_init(&n->shared, s, level);
	table_add(t, &n->link);
	named_configure(s, n, now_us);
	return n;
}

struct sched_named *
provider_get(struct sched *s, const char *name, int64_t now_us)
{
	return named_get(s, LEVEL_PROVIDER, name, now_us);
}

struct sched_named *
group_get(struct sched *s, const char *name, const struct sched_vmta *v,
    int64_t now_us)
{
	char full[2 * GROUP_NAME_MAX];

	(void)snprintf(full, sizeof(full), "%s/%s", name,
	    envelope_vmta_shown(v->name));
	return named_get(s, LEVEL_ROLLUP, full, now_us);
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
		     l = l->next)
			leases_enter(s, &OF(sched_named, link, l)->shared.scope,
			    now_us);
}

void
named_enter_leases(struct sched *s, int64_t now_us)
{
	enter_leases(s, &s->pools, now_us);
	enter_leases(s, &s->providers, now_us);
	enter_leases(s, &s->groups, now_us);
}

static void
named_free(struct table *t)
{
	struct table_link *l;

	while ((l = table_any(t)) != NULL) {
		struct sched_named *n = OF(sched_named, link, l);

		shared_fini(&n->shared);
		table_remove(t, l);
		free(n);
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

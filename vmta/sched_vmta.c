/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual MTA in the scheduler: a shared scope with a name.
 *
 * It is never freed before the scheduler: names come from the configuration
 * and the spool, so they are few, and its windows must outlive its queues.
 */
#include "vmta/sched_priv.h"

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

void
vmta_table_init(struct sched *s)
{
	table_init(&s->vmtas, &ops);
}

void
vmta_configure(struct sched *s, struct sched_vmta *v, int64_t now_us)
{
	v->conf = snapshot_vmta(s->conf, v->name);
	if (v->conf == NULL) /* gone: its mail goes on under {default} */
		v->conf = snapshot_vmta(s->conf, "");
	CHECK(v->conf != NULL);
	slots_set(&v->shared.scope.conns, v->conf->max_conns);
	scope_set_rate(&v->shared.scope, LIMIT_MSG, &v->conf->msg_rate, now_us);
	leases_enter(s, &v->shared.scope);
	shared_changed(&v->shared);
}

static struct sched_vmta *
find(const struct sched *s, const char *name)
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
	struct sched_vmta *v = find(s, name);
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

/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/qconf.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "vmta/rollup.h"

static const struct qconf *
of_link(const struct table_link *l)
{
	return (const void *)((const char *)l - offsetof(struct qconf, link));
}

/*
 * Byte by byte, padding included: structs that are alike and compare unlike
 * cost memory, nothing else.
 */
static uint64_t
hash(const struct table_link *l)
{
	return table_hash_bytes(&of_link(l)->conf, sizeof(struct queue_conf));
}

static bool
is(const struct table_link *l, const void *key)
{
	/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): as hash() */
	return memcmp(&of_link(l)->conf, key, sizeof(struct queue_conf)) == 0;
}

static const struct table_ops ops = { hash, is };

void
qconf_set_init(struct qconf_set *set)
{
	table_init(&set->table, &ops);
}

void
qconf_set_forget(struct qconf_set *set)
{
	struct table_link *l;

	while ((l = table_any(&set->table)) != NULL) {
		struct qconf *c = (void *)((char *)l -
		    offsetof(struct qconf, link));

		table_remove(&set->table, l);
		qconf_unref(&c);
	}
}

void
qconf_set_fini(struct qconf_set *set)
{
	qconf_set_forget(set);
	table_fini(&set->table);
}

/* conf is zeroed where nothing was set: it is compared byte by byte. */
static struct qconf *
get(struct qconf_set *set, const struct snapshot *snapshot,
    const struct queue_conf *conf)
{
	struct table_link *l;
	struct qconf *c;

	l = table_find(&set->table, table_hash_bytes(conf, sizeof(*conf)),
	    conf);
	if (l != NULL) {
		c = (void *)((char *)l - offsetof(struct qconf, link));
		return qconf_ref(c);
	}
	c = mem_new(struct qconf);
	memcpy(&c->conf, conf, sizeof(*conf));
	c->family = family_wish(conf);
	c->snapshot = snapshot_ref(snapshot);
	c->refs = 1; /* the set's */
	table_add(&set->table, &c->link);
	return qconf_ref(c);
}

struct qconf *
qconf_get(struct qconf_set *set, const struct snapshot *snapshot,
    const char *domain, const char *vmta)
{
	struct queue_conf conf;

	memset(&conf, 0, sizeof(conf));
	snapshot_queue_conf(snapshot, domain, vmta, &conf);
	return get(set, snapshot, &conf);
}

struct qconf *
qconf_get_member(struct qconf_set *set, const struct snapshot *snapshot,
    const struct qconf_member *m)
{
	struct queue_conf conf;

	memset(&conf, 0, sizeof(conf));
	rollup_member_conf(snapshot, m->domain, m->group, m->vmta, &conf);
	return get(set, snapshot, &conf);
}

struct qconf *
qconf_ref(struct qconf *c)
{
	CHECK(c->refs > 0);
	c->refs++;
	return c;
}

void
qconf_unref(struct qconf **cp)
{
	struct qconf *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	CHECK(c->refs > 0);
	c->refs--;
	if (c->refs > 0)
		return;
	snapshot_unref(&c->snapshot);
	free(c);
}

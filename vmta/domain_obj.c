/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/domain_obj.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"

static const struct domain_obj *
of_link(const struct table_link *l)
{
	return (
	    const void *)((const char *)l - offsetof(struct domain_obj, link));
}

static uint64_t
hash(const struct table_link *l)
{
	return table_hash_bytes(of_link(l)->name, strlen(of_link(l)->name));
}

static bool
is(const struct table_link *l, const void *key)
{
	return strcmp(of_link(l)->name, key) == 0;
}

static const struct table_ops ops = { hash, is };

void
domain_set_init(struct domain_set *set)
{
	table_init(&set->table, &ops);
}

void
domain_set_fini(struct domain_set *set)
{
	table_fini(&set->table);
}

struct domain_obj *
domain_obj_find(const struct domain_set *set, const char *name)
{
	struct table_link *l;

	l = table_find(&set->table, table_hash_bytes(name, strlen(name)), name);
	if (l == NULL)
		return NULL;
	return (void *)((char *)l - offsetof(struct domain_obj, link));
}

struct domain_obj *
domain_obj_get(struct domain_set *set, const char *name)
{
	struct domain_obj *d = domain_obj_find(set, name);
	size_t len = strlen(name) + 1;

	if (d == NULL) {
		d = mem_zalloc(sizeof(*d) + len);
		memcpy(d->name, name, len);
		table_add(&set->table, &d->link);
	}
	d->queues++;
	return d;
}

static void
domain_obj_free(struct domain_obj **dp)
{
	struct domain_obj *d = *dp;

	*dp = NULL;
	CHECK(d->queues == 0 && d->place == NULL);
	free(d);
}

void
domain_obj_put(struct domain_set *set, struct domain_obj **dp)
{
	struct domain_obj *d = *dp;

	*dp = NULL;
	CHECK(d->queues > 0);
	d->queues--;
	if (d->queues > 0)
		return;
	table_remove(&set->table, &d->link);
	domain_obj_free(&d);
}

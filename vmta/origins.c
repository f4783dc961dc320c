/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/origins.h"

#include <stddef.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "vmta/share.h"

struct pair {
	uint32_t job, user;
};

static uint64_t
pair_hash(struct pair p)
{
	return table_hash_u64((uint64_t)p.job << 32 | p.user);
}

static const struct origin *
of_link(const struct table_link *l)
{
	return (const void *)((const char *)l - offsetof(struct origin, link));
}

static uint64_t
hash(const struct table_link *l)
{
	return pair_hash((struct pair){ of_link(l)->job, of_link(l)->user });
}

static bool
is(const struct table_link *l, const void *key)
{
	const struct pair *p = key;

	return of_link(l)->job == p->job && of_link(l)->user == p->user;
}

static const struct table_ops ops = { hash, is };

static uint32_t
new_number(struct origins *o)
{
	if (o->free_count > 0)
		return o->free[--o->free_count];
	if (o->used >= o->cap) {
		o->cap = o->cap == 0 ? 16 : o->cap * 2;
		o->all = mem_realloc(o->all, o->cap * sizeof(struct origin *));
	}
	return o->used++;
}

static void
free_number(struct origins *o, uint32_t number)
{
	o->all[number] = NULL;
	if (o->free_count == o->free_cap) {
		o->free_cap = o->free_cap == 0 ? 16 : o->free_cap * 2;
		o->free = mem_realloc(o->free, o->free_cap * sizeof(uint32_t));
	}
	o->free[o->free_count++] = number;
}

/* Takes over the holds on the two names. */
static struct origin *
origin_new(struct origins *o, struct pair p)
{
	struct origin *n = mem_new(struct origin);

	n->job = p.job;
	n->user = p.user;
	n->weight = SHARE_WEIGHT;
	n->number = new_number(o);
	o->all[n->number] = n;
	table_add(&o->by_names, &n->link);
	return n;
}

static void
origin_free(struct origins *o, struct origin **np)
{
	struct origin *n = *np;

	*np = NULL;
	CHECK(n->holders == 0);
	table_remove(&o->by_names, &n->link);
	names_drop(&o->jobs, n->job);
	names_drop(&o->users, n->user);
	free_number(o, n->number);
	free(n);
}

void
origins_init(struct origins *o)
{
	*o = (struct origins){ 0 };
	table_init(&o->by_names, &ops);
	names_init(&o->jobs);
	names_init(&o->users);
	(void)origin_new(o, (struct pair){ 0, 0 });
}

void
origins_fini(struct origins *o)
{
	struct origin *none = origins_at(o, 0);

	origin_free(o, &none);
	table_fini(&o->by_names);
	names_fini(&o->jobs);
	names_fini(&o->users);
	free(o->all);
	free(o->free);
	*o = (struct origins){ 0 };
}

uint32_t
origins_hold(struct origins *o, const char *job, const char *user)
{
	struct pair p = { names_hold(&o->jobs, job),
		names_hold(&o->users, user) };
	struct table_link *l;
	struct origin *n;

	if (p.job == 0 && p.user == 0)
		return 0;
	l = table_find(&o->by_names, pair_hash(p), &p);
	if (l == NULL) {
		n = origin_new(o, p);
	} else {
		n = (void *)((char *)l - offsetof(struct origin, link));
		names_drop(&o->jobs, p.job);
		names_drop(&o->users, p.user);
	}
	n->holders++;
	return n->number;
}

void
origins_drop(struct origins *o, uint32_t number)
{
	struct origin *n;

	if (number == 0)
		return;
	n = origins_at(o, number);
	CHECK(n->holders > 0);
	n->holders--;
	if (n->holders == 0)
		origin_free(o, &n);
}

struct origin *
origins_at(const struct origins *o, uint32_t number)
{
	CHECK(number < o->used && o->all[number] != NULL);
	return o->all[number];
}

const char *
origins_job(const struct origins *o, uint32_t number)
{
	return names_text(&o->jobs, origins_at(o, number)->job);
}

const char *
origins_user(const struct origins *o, uint32_t number)
{
	return names_text(&o->users, origins_at(o, number)->user);
}

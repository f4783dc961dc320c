/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/handed.h"

#include <stddef.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/mem.h"

struct handed {
	struct table_link link;
	const struct group *group;
	char *domain, *vmta;
};

static const struct handed *
of_link(const struct table_link *l)
{
	return (const void *)((const char *)l - offsetof(struct handed, link));
}

static uint64_t
hash_of(const struct group *g)
{
	return table_hash_u64((uint64_t)(uintptr_t)g);
}

static uint64_t
hash(const struct table_link *l)
{
	return hash_of(of_link(l)->group);
}

static bool
is(const struct table_link *l, const void *key)
{
	return of_link(l)->group == key;
}

const struct table_ops handed_ops = { hash, is };

static struct handed *
find(const struct table *t, const struct group *g)
{
	struct table_link *l = table_find(t, hash_of(g), g);

	CHECK(l != NULL);
	return (void *)((char *)l - offsetof(struct handed, link));
}

void
handed_note(struct table *t, const struct group *g,
    const struct handed_from *from)
{
	struct handed *h = mem_new(struct handed);

	h->group = g;
	h->domain = mem_strdup(from->domain);
	h->vmta = mem_strdup(from->vmta);
	table_add(t, &h->link);
}

struct handed_from
handed_find(const struct table *t, const struct group *g)
{
	const struct handed *h = find(t, g);

	return (struct handed_from){ h->domain, h->vmta };
}

void
handed_forget(struct table *t, const struct group *g)
{
	struct handed *h = find(t, g);

	table_remove(t, &h->link);
	free(h->domain);
	free(h->vmta);
	free(h);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/backlog.h"

#include <stddef.h>

#include "lib/check.h"

static const struct entry *
of_link(const struct table_link *l)
{
	return (const void *)((const char *)l - offsetof(struct entry, link));
}

static uint64_t
hash(const struct table_link *l)
{
	return table_hash_u64(of_link(l)->msg->id);
}

static bool
is(const struct table_link *l, const void *key)
{
	return of_link(l)->msg->id == *(const uint64_t *)key;
}

static const struct table_ops ops = { hash, is };

void
backlog_init(struct backlog *b)
{
	table_init(&b->by_id, &ops);
	b->entries = slab_new(sizeof(struct entry));
	b->groups = slab_new(sizeof(struct group));
	b->rcpts = slab_new(sizeof(struct rcpt));
}

void
backlog_fini(struct backlog *b)
{
	table_fini(&b->by_id);
	slab_free(&b->entries);
	slab_free(&b->groups);
	slab_free(&b->rcpts);
}

struct entry *
backlog_find(const struct backlog *b, uint64_t id)
{
	struct table_link *l = table_find(&b->by_id, table_hash_u64(id), &id);

	if (l == NULL)
		return NULL;
	return (void *)((char *)l - offsetof(struct entry, link));
}

struct entry *
backlog_entry(struct backlog *b, struct message *m)
{
	struct entry *e = backlog_find(b, m->id);

	if (e != NULL) {
		CHECK(e->msg == m);
		return e;
	}
	e = slab_get(b->entries);
	e->msg = message_ref(m);
	table_add(&b->by_id, &e->link);
	return e;
}

void
backlog_release(struct backlog *b, struct entry **ep)
{
	struct entry *e = *ep;

	*ep = NULL;
	if (e->rcpts > 0)
		return;
	CHECK(e->reading == 0 && e->warm == 0);
	table_remove(&b->by_id, &e->link);
	message_unref(&e->msg);
	slab_put(b->entries, e);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/backlog.h"

#include <stddef.h>

#include "lib/check.h"
#include "mail/envelope.h"
#include "vmta/handed.h"
#include "vmta/turns.h"

static const struct entry *
of_link(const struct table_link *l)
{
	return (const void *)((const char *)l - offsetof(struct entry, link));
}

static uint64_t
hash(const struct table_link *l)
{
	return table_hash_u64(of_link(l)->id);
}

static bool
is(const struct table_link *l, const void *key)
{
	return of_link(l)->id == *(const uint64_t *)key;
}

static const struct table_ops ops = { hash, is };

_Static_assert(sizeof(struct entry) == 64 && sizeof(struct group) == 48 &&
	sizeof(struct rcpt) == 24,
    "paid for every recipient");
_Static_assert(ENVELOPE_RCPT_MAX < 1 << 17, "a recipient's number fits");

void
backlog_init(struct backlog *b)
{
	table_init(&b->by_id, &ops);
	b->entries = slab_new(sizeof(struct entry));
	b->groups = slab_new(sizeof(struct group));
	b->rcpts = slab_new(sizeof(struct rcpt));
	origins_init(&b->origins);
	span_sets_init(&b->spans);
	table_init(&b->flows, &turns_flow_ops);
	table_init(&b->handed, &handed_ops);
}

void
backlog_fini(struct backlog *b)
{
	table_fini(&b->by_id);
	slab_free(&b->entries);
	slab_free(&b->groups);
	slab_free(&b->rcpts);
	origins_fini(&b->origins);
	span_sets_fini(&b->spans);
	table_fini(&b->flows);
	table_fini(&b->handed);
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
backlog_entry(struct backlog *b, struct message *m, int64_t queued_us,
    const char *job, const char *user)
{
	struct entry *e = backlog_find(b, m->id);

	if (e == NULL) {
		e = slab_get(b->entries);
		e->id = m->id;
		e->loc = m->loc;
		e->queued_us = queued_us;
		e->origin = origins_hold(&b->origins, job, user);
		table_add(&b->by_id, &e->link);
	}
	if (e->msg == NULL && m->body != NULL)
		e->msg = message_ref(m);
	return e;
}

void
backlog_cool(struct entry *e)
{
	if (e->warm == 0)
		message_unref(&e->msg);
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
	origins_drop(&b->origins, e->origin);
	span_sets_drop(&b->spans, e->spans);
	slab_put(b->entries, e);
}

/* ---- when it may be sent ---------------------------------------------------- */

enum { NUMBER_MAX = (1 << 29) - 1 };

void
backlog_set_spans(struct backlog *b, struct entry *e, const struct spans *spans)
{
	uint32_t number = span_sets_hold(&b->spans, spans);

	CHECK(number <= NUMBER_MAX);
	span_sets_drop(&b->spans, e->spans);
	e->spans = number & NUMBER_MAX;
}

int64_t
backlog_opens(const struct backlog *b, const struct entry *e, int64_t at_us)
{
	int64_t next;

	if (e->spans == 0 || at_us > INT64_MAX - b->wall_us)
		return at_us;
	next = spans_next(span_sets_at(&b->spans, e->spans),
	    at_us + b->wall_us);
	return next == INT64_MAX ? next : next - b->wall_us;
}

int64_t
backlog_closes(const struct backlog *b, const struct entry *e, int64_t at_us)
{
	if (e->spans == 0)
		return INT64_MAX;
	return spans_end(span_sets_at(&b->spans, e->spans),
		   at_us + b->wall_us) -
	    b->wall_us;
}

int64_t
backlog_since(const struct backlog *b, const struct entry *e)
{
	int64_t first;

	if (e->spans == 0)
		return e->queued_us;
	first = span_sets_at(&b->spans, e->spans)->v[0].start_us - b->wall_us;
	return first > e->queued_us ? first : e->queued_us;
}

struct message *
backlog_message(const struct entry *e)
{
	return e->msg != NULL ? message_ref(e->msg) :
				message_at(e->id, &e->loc);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What outlives the process of the rates of scopes: what an earlier one has
 * left, questions to keep more of it, and answers.
 */
#include "vmta/sched_lease.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/mem.h"
#include "mail/envelope.h"
#include "vmta/sched_priv.h"

#define EXPIRE_US (60 * US_PER_S)
#define HASH_TEXT 17 /* "#" and 16 digits */

/* ---- names --------------------------------------------------------------- */

static const char *const limit_names[LIMIT_RATES] = {
	[LIMIT_CONNECT] = "connect",
	[LIMIT_MSG] = "msg",
	[LIMIT_DATA] = "data"
};

/*
 * What is kept of a limit has this name: another one after an update would
 * have to know the old one as well.
 */
static void
add_name(struct buf *out, const struct scope *c, unsigned kind)
{
	const struct sched_queue *q;
	const struct sched_vmta *v;
	const struct sched_named *n;
	const struct queue_source *src;
	char text[NET_ADDR_TEXT];

	switch (c->kind) {
	case SCOPE_QUEUE:
		q = (const void *)((const char *)c -
		    offsetof(struct sched_queue, scope));
		buf_printf(out, "queue %s %s/%s", limit_names[kind],
		    q->domain->name, envelope_vmta_shown(q->vmta->name));
		break;
	case SCOPE_BACKOFF:
		q = ((const struct sched_standing *)(const void
			     *)((const char *)c -
			 offsetof(struct sched_standing, also)))
			->queue;
		buf_printf(out, "backoff %s %s/%s", limit_names[kind],
		    q->domain->name, envelope_vmta_shown(q->vmta->name));
		break;
	case SCOPE_VMTA:
		v = (const void *)((const char *)c -
		    offsetof(struct sched_vmta, shared.scope));
		buf_printf(out, "vmta %s %s", limit_names[kind],
		    envelope_vmta_shown(v->name));
		break;
	case SCOPE_SOURCE:
		src = (const void *)((const char *)c -
		    offsetof(struct queue_source, scope));
		buf_printf(out, "source %s %s/%s %s", limit_names[kind],
		    src->queue->domain->name,
		    envelope_vmta_shown(src->queue->vmta->name),
		    src->addr.family == 0 ? "any" :
					    net_addr_text(&src->addr, text));
		break;
	case SCOPE_ROLLUP:
	case SCOPE_ROLLUP_BACKOFF:
	case SCOPE_POOL:
	case SCOPE_PROVIDER:
		n = (const void *)((const char *)c -
		    offsetof(struct sched_named, shared.scope));
		buf_printf(out, "%s %s %s",
		    c->kind == SCOPE_ROLLUP             ? "rollup" :
			c->kind == SCOPE_ROLLUP_BACKOFF ? "rollup-backoff" :
			c->kind == SCOPE_POOL           ? "pool" :
							  "provider",
		    limit_names[kind], n->name);
		break;
	case SCOPE_JOB:
	case SCOPE_USER:
		buf_printf(out, "%s %s %s",
		    c->kind == SCOPE_JOB ? "job" : "user", limit_names[kind],
		    payer_name(c));
		break;
	case SCOPE_PROCESS:
	case SCOPE_MX:
	case SCOPE_REMOTE:
		CHECK_NEVER("a scope with rates");
	}
}

/* One that is too long for a key ends in what tells it from others. */
static void
name_limit(struct buf *out, const struct scope *c, unsigned kind)
{
	uint64_t hash;

	add_name(out, c, kind);
	if (out->len <= LEASE_KEY_MAX)
		return;
	hash = table_hash_bytes(out->p, out->len);
	out->len = LEASE_KEY_MAX - HASH_TEXT;
	buf_printf(out, "#%016" PRIx64, hash);
}

static void
tell(struct sched *s, const struct scope *c, unsigned kind,
    const struct lease_record *rec, uint64_t ticket)
{
	struct buf key = { 0 };

	name_limit(&key, c, kind);
	SCHED_TELL(s, lease, (struct slice){ key.p, key.len }, rec, ticket);
	buf_fini(&key);
}

/* ---- what an earlier process has left ------------------------------------ */

struct left {
	struct table_link link;
	int64_t elapsed_us;
	int64_t end_us; /* from then on nothing of it counts */
	char *key;
	size_t key_len;
	void *rec; /* the part that is used of a struct lease_record */
	size_t rec_len;
};

static uint64_t
left_hash(const struct table_link *link)
{
	const struct left *l = (const void *)((const char *)link -
	    offsetof(struct left, link));

	return table_hash_bytes(l->key, l->key_len);
}

static bool
left_is(const struct table_link *link, const void *key)
{
	const struct left *l = (const void *)((const char *)link -
	    offsetof(struct left, link));
	const struct slice *k = key;

	return l->key_len == k->len && memcmp(l->key, k->p, k->len) == 0;
}

static const struct table_ops left_ops = { left_hash, left_is };

static struct left *
left_find(const struct sched *s, struct slice key)
{
	struct table_link *link;

	link = table_find(&s->leases.left, table_hash_bytes(key.p, key.len),
	    &key);
	return link == NULL ? NULL : OF(left, link, link);
}

static void
left_record(const struct left *l, struct lease_record *rec)
{
	*rec = (struct lease_record){ 0 };
	memcpy(rec, l->rec, l->rec_len);
}

static void
left_free(struct sched *s, struct left **lp)
{
	struct left *l = *lp;

	*lp = NULL;
	table_remove(&s->leases.left, &l->link);
	free(l->key);
	free(l->rec);
	free(l);
}

void
sched_restore_lease(struct sched *s, struct slice key,
    const struct lease_record *rec, int64_t elapsed_us)
{
	struct left *l;

	CHECK(!s->in_callback && s->leases.start_us == 0);
	if (left_find(s, key) != NULL)
		return;
	l = mem_new(struct left);
	l->elapsed_us = elapsed_us;
	l->key = mem_dup(key.p, key.len);
	l->key_len = key.len;
	l->rec_len = offsetof(struct lease_record, entries) +
	    rec->count * sizeof(rec->entries[0]);
	l->rec = mem_dup(rec, l->rec_len);
	table_add(&s->leases.left, &l->link);
}

/*
 * Of limits that have gone, or did not come back so far.  All are looked at,
 * but not for each that is over.
 */
void
leases_expire(struct sched *s, int64_t now_us)
{
	struct table *t = &s->leases.left;
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < t->cap; i++) {
		struct table_link *link = t->buckets[i], *after;

		for (; link != NULL; link = after) {
			struct left *l = OF(left, link, link);

			after = link->next;
			if (l->end_us > now_us) {
				next = l->end_us < next ? l->end_us : next;
				continue;
			}
			SCHED_TELL(s, lease,
			    (struct slice){ l->key, l->key_len }, NULL, 0);
			left_free(s, &l);
		}
	}
	if (next < now_us + EXPIRE_US)
		next = now_us + EXPIRE_US;
	timer_set(&s->timers, &s->leases.timer, next);
}

void
sched_restored(struct sched *s, bool used, bool damaged, int64_t now_us)
{
	struct table *t = &s->leases.left;
	struct lease_record rec;

	CHECK(!s->in_callback && s->leases.start_us == 0);
	s->leases.start_us = now_us;
	s->leases.used = used;
	s->leases.damaged = damaged;
	for (size_t i = 0; i < t->cap; i++) {
		struct table_link *link = t->buckets[i];

		for (; link != NULL; link = link->next) {
			struct left *l = OF(left, link, link);

			left_record(l, &rec);
			l->end_us = lease_end(&rec, l->elapsed_us, now_us);
		}
	}
	for (size_t i = 0; i < s->vmtas.cap; i++) {
		struct table_link *link = s->vmtas.buckets[i];

		for (; link != NULL; link = link->next)
			leases_enter(s,
			    &OF(sched_vmta, link, link)->shared.scope, now_us);
	}
	named_enter_leases(s, now_us);
	leases_expire(s, now_us);
}

/* The first look at a limit: what an earlier process has spent of it. */
static void
take_up(struct sched *s, const struct scope *c, unsigned kind)
{
	struct rate_limit *r = c->rates[kind];
	struct lease_record rec;
	struct buf key = { 0 };
	struct left *l;
	bool full = r->lease == NULL ? s->leases.used : s->leases.damaged;

	if (s->leases.start_us == 0 || r->taken_up)
		return;
	r->taken_up = true;
	name_limit(&key, c, kind);
	l = left_find(s, (struct slice){ key.p, key.len });
	buf_fini(&key);
	if (l != NULL) {
		full = r->lease == NULL; /* it knows of a longer period only */
		left_record(l, &rec);
		rate_limit_restore(r, &rec, l->elapsed_us, s->leases.start_us);
		left_free(s, &l);
		if (r->lease == NULL)
			tell(s, c, kind, NULL, 0);
	}
	if (full)
		rate_limit_restore_full(r, s->leases.start_us);
}

/* ---- scopes -------------------------------------------------------------- */

void
leases_enter(struct sched *s, struct scope *c, int64_t now_us)
{
	if (s->owner->lease == NULL)
		return;
	for (unsigned kind = 0; kind < LIMIT_RATES; kind++) {
		struct rate_limit *r = c->rates[kind];

		if (r == NULL)
			continue;
		if (rate_limit_lease(r, &s->leases.list, c, kind, now_us))
			tell(s, c, kind, NULL, 0);
		take_up(s, c, kind);
		/* It may have been one without a record then as well. */
		if (s->leases.used && r->limited && r->lease == NULL)
			rate_limit_close(r, s->leases.start_us);
	}
}

void
leases_forget(struct sched *s, const struct scope *c)
{
	for (unsigned kind = 0; kind < LIMIT_RATES; kind++) {
		const struct rate_limit *r = c->rates[kind];

		if (r != NULL && r->lease != NULL && r->lease->recorded)
			tell(s, c, kind, NULL, 0);
	}
}

/* ---- questions and answers ----------------------------------------------- */

static struct window *
window_of(const struct lease *l)
{
	const struct scope *c = l->of;

	CHECK(c->rates[l->kind] != NULL && c->rates[l->kind]->lease == l);
	return &c->rates[l->kind]->window;
}

void
leases_ask(struct sched *s, int64_t now_us)
{
	struct lease_record rec;
	struct lease *l;

	while ((l = TAILQ_FIRST(&s->leases.list.wanted)) != NULL) {
		lease_write(l, window_of(l), now_us, &rec);
		tell(s, l->of, l->kind, &rec, l->ticket);
	}
}

void
sched_leased(struct sched *s, uint64_t ticket, bool kept, int64_t now_us)
{
	struct lease *l;
	struct scope *c;

	CHECK(!s->in_callback);
	l = lease_kept(&s->leases.list, ticket, kept, now_us);
	if (l == NULL)
		return; /* that limit has gone */
	c = l->of;
	scope_changed(s, c);
}

void
sched_leases_end(struct sched *s, int64_t now_us)
{
	struct lease_record rec;
	struct lease *l;

	CHECK(!s->in_callback);
	TAILQ_FOREACH(l, &s->leases.list.all, of_all)
	{
		bool recorded = l->recorded;

		lease_write_last(l, window_of(l), now_us, &rec);
		if (rec.count > 0 || rec.pending > 0)
			tell(s, l->of, l->kind, &rec, l->ticket);
		else if (recorded)
			tell(s, l->of, l->kind, NULL, 0);
	}
}

/* ---- new and free -------------------------------------------------------- */

void
leases_init(struct sched *s)
{
	lease_list_init(&s->leases.list);
	table_init(&s->leases.left, &left_ops);
	timer_init(&s->leases.timer, TIMER_LEASES);
}

void
leases_fini(struct sched *s)
{
	struct table *t = &s->leases.left;

	CHECK(TAILQ_EMPTY(&s->leases.list.all));
	timer_set(&s->timers, &s->leases.timer, INT64_MAX);
	for (size_t i = 0; i < t->cap; i++)
		while (t->buckets[i] != NULL) {
			struct left *l = OF(left, link, t->buckets[i]);

			left_free(s, &l);
		}
	table_fini(t);
}

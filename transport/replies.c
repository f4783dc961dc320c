/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/replies.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "lib/check.h"
#include "lib/mem.h"
#include "vmta/table.h"

/* ---- what was said ------------------------------------------------------- */

static struct said *
make(const struct said *like, const char *host, const char *text)
{
	size_t host_len = strnlen(host, SAID_HOST_MAX);
	size_t text_len = strnlen(text, SAID_TEXT_MAX);
	struct said *s = mem_zalloc(sizeof(*s) + text_len + host_len + 2);
	char *at = s->text + text_len + 1;

	*s = *like;
	s->refs = 1;
	memcpy(s->text, text, text_len);
	memcpy(at, host, host_len);
	s->host = at;
	return s;
}

struct said *
said_new(const struct outcome *o)
{
	const struct said like = { .code = o->code,
		.kind = o->ours ? OUTCOME_LOCAL_TEMP : o->kind,
		.phase = o->phase,
		.wall_us = o->wall_us,
		.peer = o->peer };

	return make(&like, o->mx == NULL ? "" : o->mx,
	    o->text == NULL ? "" : o->text);
}

struct said *
said_ref(struct said *s)
{
	s->refs++;
	return s;
}

void
said_unref(struct said **sp)
{
	struct said *s = *sp;

	*sp = NULL;
	CHECK(s->refs > 0);
	if (--s->refs == 0)
		free(s);
}

struct said *
said_copy(const struct said *s)
{
	return make(s, s->host, s->text);
}

struct said *
said_plain(const char *text)
{
	const struct said like = { .kind = OUTCOME_LOST };

	return make(&like, "", text);
}

/* ---- to whom ------------------------------------------------------------- */

TAILQ_HEAD(reply_list, reply);

/* A queue that has some. */
struct of_queue {
	struct table_link link;
	struct reply_list oldest;
	const char *vmta;
	char domain[];
};

struct reply {
	struct table_link link;
	TAILQ_ENTRY(reply) by_age, in_queue;
	struct of_queue *queue;
	uint64_t id;
	uint32_t n;
	struct said *said;
};

struct replies {
	struct table table, queues;
	struct reply_list oldest;
};

struct key {
	uint64_t id;
	uint32_t n;
};

static uint64_t
key_hash(const struct key *k)
{
	return table_hash_u64(k->id * 31 + k->n);
}

static const struct reply *
of_link(const struct table_link *l)
{
	return (const void *)((const char *)l - offsetof(struct reply, link));
}

static uint64_t
hash(const struct table_link *l)
{
	const struct reply *r = of_link(l);
	struct key k = { r->id, r->n };

	return key_hash(&k);
}

static bool
is(const struct table_link *l, const void *key)
{
	const struct reply *r = of_link(l);
	const struct key *k = key;

	return r->id == k->id && r->n == k->n;
}

static const struct table_ops ops = { hash, is };

static uint64_t
queue_key_hash(const char *domain, const char *vmta)
{
	return table_hash_bytes(domain, strlen(domain)) * 31 +
	    table_hash_bytes(vmta, strlen(vmta));
}

static const struct of_queue *
queue_of_link(const struct table_link *l)
{
	return (
	    const void *)((const char *)l - offsetof(struct of_queue, link));
}

static uint64_t
queue_hash(const struct table_link *l)
{
	const struct of_queue *s = queue_of_link(l);

	return queue_key_hash(s->domain, s->vmta);
}

static bool
queue_is(const struct table_link *l, const void *key)
{
	const struct of_queue *s = queue_of_link(l);
	const struct replied *k = key;

	return strcmp(s->domain, k->domain) == 0 &&
	    strcmp(s->vmta, k->vmta) == 0;
}

static const struct table_ops queue_ops = { queue_hash, queue_is };

static struct of_queue *
queue_find(const struct replies *r, const char *domain, const char *vmta)
{
	const struct replied k = { .domain = domain, .vmta = vmta };
	struct table_link *l = table_find(&r->queues,
	    queue_key_hash(domain, vmta), &k);

	return l == NULL ?
	    NULL :
	    (void *)((char *)l - offsetof(struct of_queue, link));
}

static struct of_queue *
queue_get(struct replies *r, const char *domain, const char *vmta)
{
	struct of_queue *s = queue_find(r, domain, vmta);
	size_t domain_len = strlen(domain) + 1, vmta_len = strlen(vmta) + 1;

	if (s != NULL)
		return s;
	s = mem_zalloc(sizeof(*s) + domain_len + vmta_len);
	TAILQ_INIT(&s->oldest);
	memcpy(s->domain, domain, domain_len);
	memcpy(s->domain + domain_len, vmta, vmta_len);
	s->vmta = s->domain + domain_len;
	table_add(&r->queues, &s->link);
	return s;
}

static struct reply *
find(const struct replies *r, uint64_t id, uint32_t n)
{
	struct key k = { id, n };
	struct table_link *l = table_find(&r->table, key_hash(&k), &k);

	return l == NULL ? NULL :
			   (void *)((char *)l - offsetof(struct reply, link));
}

static void
drop(struct replies *r, struct reply **op)
{
	struct reply *o = *op;
	struct of_queue *s = o->queue;

	*op = NULL;
	TAILQ_REMOVE(&s->oldest, o, in_queue);
	if (TAILQ_EMPTY(&s->oldest)) {
		table_remove(&r->queues, &s->link);
		free(s);
	}
	table_remove(&r->table, &o->link);
	TAILQ_REMOVE(&r->oldest, o, by_age);
	said_unref(&o->said);
	free(o);
}

struct replies *
replies_new(void)
{
	struct replies *r = mem_new(struct replies);

	table_init(&r->table, &ops);
	table_init(&r->queues, &queue_ops);
	TAILQ_INIT(&r->oldest);
	return r;
}

void
replies_free(struct replies **rp)
{
	struct replies *r = *rp;
	struct reply *o;

	*rp = NULL;
	while ((o = TAILQ_FIRST(&r->oldest)) != NULL)
		drop(r, &o);
	table_fini(&r->table);
	table_fini(&r->queues);
	free(r);
}

void
replies_keep(struct replies *r, const struct replied *to, struct said *s)
{
	struct reply *o;

	replies_forget(r, to->id, to->n);
	if (r->table.n == REPLIES_MAX) {
		o = TAILQ_FIRST(&r->oldest);
		drop(r, &o);
	}
	o = mem_new(struct reply);
	o->id = to->id;
	o->n = to->n;
	o->said = s;
	o->queue = queue_get(r, to->domain, to->vmta);
	TAILQ_INSERT_TAIL(&o->queue->oldest, o, in_queue);
	table_add(&r->table, &o->link);
	TAILQ_INSERT_TAIL(&r->oldest, o, by_age);
}

void
replies_forget(struct replies *r, uint64_t id, uint32_t n)
{
	struct reply *o = find(r, id, n);

	if (o != NULL)
		drop(r, &o);
}

const struct said *
replies_find(const struct replies *r, uint64_t id, uint32_t n)
{
	const struct reply *o = find(r, id, n);

	return o == NULL ? NULL : o->said;
}

const struct said *
replies_last(const struct replies *r, const char *domain, const char *vmta)
{
	const struct of_queue *s = queue_find(r, domain, vmta);

	/* The last one of them all to go takes its queue along. */
	return s == NULL ? NULL : TAILQ_LAST(&s->oldest, reply_list)->said;
}

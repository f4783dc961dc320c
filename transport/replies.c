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

/* ---- to whom ------------------------------------------------------------- */

struct reply {
	struct table_link link;
	TAILQ_ENTRY(reply) by_age;
	uint64_t id;
	uint32_t n;
	struct said *said;
};

struct replies {
	struct table table;
	TAILQ_HEAD(, reply) oldest;
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

	*op = NULL;
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
	free(r);
}

void
replies_keep(struct replies *r, uint64_t id, uint32_t n, struct said *s)
{
	struct reply *o;

	replies_forget(r, id, n);
	if (r->table.n == REPLIES_MAX) {
		o = TAILQ_FIRST(&r->oldest);
		drop(r, &o);
	}
	o = mem_new(struct reply);
	o->id = id;
	o->n = n;
	o->said = s;
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

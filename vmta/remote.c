/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/remote.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/mem.h"

/*
 * One who waits at one scope, in its line; or a slot of it that is kept for
 * him: in the list of all that are kept, and then with a connection.
 */
struct remote_wait {
	struct waiter waiter;
	struct remote_scope *scope;
	struct remote_who *who;
	struct remote_conn *conn; /* has taken it along */
	bool kept;
	TAILQ_ENTRY(remote_wait) of_who;
	TAILQ_ENTRY(remote_wait) of_kept; /* while kept, without a conn */
};

/* ---- scopes -------------------------------------------------------------- */

struct scope_key {
	enum remote_kind kind;
	const struct net_addr *addr;
	const char *host;
};

static uint64_t
key_hash(const struct scope_key *k)
{
	uint64_t h = table_hash_bytes(k->host, strlen(k->host));

	h = h * 31 +
	    table_hash_bytes(k->addr->a,
		k->addr->family == AF_INET ? 4 :
		    k->addr->family == 0   ? 0 :
					     sizeof(k->addr->a));
	return table_hash_u64(h * 31 + k->addr->family * UINT64_C(2) + k->kind);
}

static struct remote_scope *
scope_of(struct table_link *l)
{
	return (void *)((char *)l - offsetof(struct remote_scope, link));
}

static const struct remote_scope *
scope_at(const struct table_link *l)
{
	return (const void *)((const char *)l -
	    offsetof(struct remote_scope, link));
}

static uint64_t
scope_hash(const struct table_link *l)
{
	const struct remote_scope *s = scope_at(l);
	struct scope_key k = { s->kind, &s->addr, s->host };

	return key_hash(&k);
}

static bool
scope_is(const struct table_link *l, const void *key)
{
	const struct remote_scope *s = scope_at(l);
	const struct scope_key *k = key;

	return s->kind == k->kind && net_addr_eq(&s->addr, k->addr) &&
	    strcmp(s->host, k->host) == 0;
}

static const struct table_ops ops = { scope_hash, scope_is };

static uint32_t
limit_of(const struct snapshot *conf, enum remote_kind kind, const char *host,
    const struct net_addr *addr)
{
	return kind == REMOTE_MX ? snapshot_mx_limit(conf, host) :
				   snapshot_ip_limit(conf, addr);
}

static struct remote_scope *
scope_get(struct remotes *r, const struct scope_key *k, uint32_t max)
{
	struct table_link *l = table_find(&r->scopes, key_hash(k), k);
	size_t len = strlen(k->host) + 1;
	struct remote_scope *s;

	if (l != NULL)
		return scope_of(l);
	s = mem_zalloc(sizeof(*s) + len);
	slots_set(&s->conns, max);
	line_init(&s->line);
	TAILQ_INIT(&s->slots);
	s->kind = k->kind;
	s->addr = *k->addr;
	memcpy(s->host, k->host, len);
	table_add(&r->scopes, &s->link);
	return s;
}

static void
scope_free(struct remotes *r, struct remote_scope **sp)
{
	struct remote_scope *s = *sp;

	*sp = NULL;
	CHECK(TAILQ_EMPTY(&s->slots) && s->closing == 0);
	table_remove(&r->scopes, &s->link);
	free(s);
}

/* Keeps what is free for the first who wait.  The scope may be gone then. */
static void
serve(struct remotes *r, struct remote_scope *s)
{
	while (s->line.n > 0 && slots_room(&s->conns) > 0) {
		struct waiter *first = line_first(&s->line);
		struct remote_wait *w = (void *)((char *)first -
		    offsetof(struct remote_wait, waiter));

		line_leave(first);
		slots_take(&s->conns);
		w->kept = true;
		w->who->kept++;
		TAILQ_INSERT_TAIL(&r->kept, w, of_kept);
		r->woken(r->ctx, w->who);
	}
	if (s->conns.used == 0 && s->line.n == 0)
		scope_free(r, &s);
}

static void
give_back(struct remotes *r, struct remote_scope *s)
{
	slots_return(&s->conns);
	serve(r, s);
}

/* ---- waiting ------------------------------------------------------------- */

static struct remote_wait *
wait_find(const struct remote_who *who, const struct remote_scope *s)
{
	struct remote_wait *w;

	TAILQ_FOREACH(w, &who->waits, of_who)
	if (w->scope == s)
		return w;
	return NULL;
}

/* The slot that was kept is no longer spoken for: the caller has it. */
static void
unkeep(struct remotes *r, struct remote_wait *w)
{
	CHECK(w->kept);
	w->kept = false;
	if (w->conn != NULL) {
		w->conn->kept = NULL;
		w->conn = NULL;
		return;
	}
	CHECK(w->who->kept > 0);
	w->who->kept--;
	TAILQ_REMOVE(&r->kept, w, of_kept);
}

static void
wait_end(struct remotes *r, struct remote_wait **wp)
{
	struct remote_wait *w = *wp;
	struct remote_scope *s = w->scope;
	bool kept = w->kept;

	*wp = NULL;
	line_leave(&w->waiter);
	if (kept)
		unkeep(r, w);
	CHECK(w->who->n > 0);
	w->who->n--;
	TAILQ_REMOVE(&w->who->waits, w, of_who);
	free(w);
	if (kept)
		give_back(r, s);
	else
		serve(r, s);
}

void
remote_who_init(struct remote_who *who)
{
	*who = (struct remote_who){ 0 };
	TAILQ_INIT(&who->waits);
}

void
remote_who_fini(struct remotes *r, struct remote_who *who)
{
	while (!TAILQ_EMPTY(&who->waits)) {
		struct remote_wait *w = TAILQ_FIRST(&who->waits);

		wait_end(r, &w);
	}
	CHECK(who->n == 0 && who->kept == 0 && who->asking == 0);
}

uint32_t
remote_room(const struct remote_who *who)
{
	return who->n == 0 ? UINT32_MAX : who->kept;
}

/* ---- connections --------------------------------------------------------- */

static void
slot_take(struct remote_conn *c, struct remote_scope *s)
{
	struct remote_slot *slot = &c->slots[s->kind];

	CHECK(slot->scope == NULL);
	slot->scope = s;
	slot->conn = c;
	TAILQ_INSERT_TAIL(&s->slots, slot, link);
	s->closing += c->closing;
}

static void
slot_return(struct remotes *r, struct remote_conn *c, enum remote_kind kind)
{
	struct remote_slot *slot = &c->slots[kind];
	struct remote_scope *s = slot->scope;

	if (s == NULL)
		return;
	slot->scope = NULL;
	TAILQ_REMOVE(&s->slots, slot, link);
	s->closing -= c->closing;
	give_back(r, s);
}

static void
slots_return_all(struct remotes *r, struct remote_conn *c)
{
	slot_return(r, c, REMOTE_MX);
	slot_return(r, c, REMOTE_IP);
}

/*
 * Which scopes the connection counts in at that address; it gives back what it
 * has in others.  An address of no limit counts nowhere.
 */
static void
scopes_at(struct remotes *r, struct remote_conn *c, const struct remote_to *to,
    struct remote_scope *out[REMOTE_KINDS])
{
	char *host = mem_strdup(to->host);

	str_lower(host);
	for (enum remote_kind kind = 0; kind < REMOTE_KINDS; kind++) {
		const struct scope_key keys[] = {
			[REMOTE_MX] = { REMOTE_MX, &to->local, host },
			[REMOTE_IP] = { REMOTE_IP, &to->peer, "" },
		};
		uint32_t max = limit_of(r->conf, kind, host, &to->peer);

		out[kind] = max == 0 ? NULL : scope_get(r, &keys[kind], max);
		if (c->slots[kind].scope != out[kind])
			slot_return(r, c, kind);
	}
	free(host);
}

/* A slot there that was kept for its who, or NULL. */
static struct remote_wait *
kept_at(const struct remote_conn *c, const struct remote_scope *s)
{
	struct remote_wait *w = c->kept;

	if (w != NULL && w->scope == s)
		return w;
	w = wait_find(c->who, s);
	return w != NULL && w->kept && w->conn == NULL ? w : NULL;
}

/* Stands in line at what is full; once for all connections of a who. */
static void
wait_begin(struct remotes *r, struct remote_conn *c, struct remote_scope *s,
    const struct line_key *key)
{
	struct remote_wait *w = wait_find(c->who, s);

	if (w == NULL) {
		w = mem_new(struct remote_wait);
		w->scope = s;
		w->who = c->who;
		c->who->n++;
		TAILQ_INSERT_TAIL(&c->who->waits, w, of_who);
	} else if (w->kept) {
		if (w != kept_at(c, s))
			return; /* another connection is about to use it */
		/* It was kept, and then the limit was lowered. */
		unkeep(r, w);
		slots_return(&s->conns);
	}
	line_join(&s->line, &w->waiter, key);
}

static bool
has_room(const struct remote_conn *c, const struct remote_scope *s)
{
	if (s == NULL)
		return true;
	/* Its own slot does, unless the limit was lowered since. */
	if (c->slots[s->kind].scope == s || kept_at(c, s) != NULL)
		return s->conns.used <= s->conns.max;
	return slots_room(&s->conns) > 0;
}

static void
enter(struct remotes *r, struct remote_conn *c, struct remote_scope *s,
    const struct line_key *key)
{
	struct remote_wait *w;

	if (s == NULL || c->slots[s->kind].scope == s)
		return;
	w = kept_at(c, s);
	line_charge(&s->line, key, 1);
	if (w == NULL) {
		slots_take(&s->conns);
	} else {
		/* Who had to wait for one waits for the next, at the end. */
		unkeep(r, w);
		line_join(&s->line, &w->waiter, key);
		c->in_turn = true;
	}
	slot_take(c, s);
	if (w != NULL)
		serve(r, s); /* there may be room for the next one too */
}

/* Of one that was made to see what there is, and is not needed. */
static void
scope_let_go(struct remotes *r, struct remote_scope *s)
{
	if (s != NULL && s->conns.used == 0 && s->line.n == 0)
		scope_free(r, &s);
}

bool
remote_ask(struct remotes *r, struct remote_conn *c, const struct remote_to *to,
    const struct line_key *key)
{
	struct remote_scope *at[REMOTE_KINDS], *full;

	CHECK(c->who != NULL);
	scopes_at(r, c, to, at);
	full = !has_room(c, at[REMOTE_MX]) ? at[REMOTE_MX] :
	    !has_room(c, at[REMOTE_IP])    ? at[REMOTE_IP] :
					     NULL;
	if (full == NULL) {
		enter(r, c, at[REMOTE_MX], key);
		enter(r, c, at[REMOTE_IP], key);
		return true;
	}
	wait_begin(r, c, full, key);
	if (!c->refused)
		c->who->asking++;
	c->refused = true;
	c->full = full;
	if (full != at[REMOTE_MX])
		scope_let_go(r, at[REMOTE_MX]);
	if (full != at[REMOTE_IP])
		scope_let_go(r, at[REMOTE_IP]);
	slots_return_all(r, c);
	return false;
}

void
remote_note(struct remotes *r, struct remote_conn *c,
    const struct remote_to *to)
{
	struct remote_scope *at[REMOTE_KINDS];

	scopes_at(r, c, to, at);
	for (enum remote_kind kind = 0; kind < REMOTE_KINDS; kind++) {
		if (at[kind] == NULL || c->slots[kind].scope == at[kind])
			continue;
		at[kind]->conns.used++;
		slot_take(c, at[kind]);
	}
}

static void
ask_no_more(struct remotes *r, struct remote_conn *c)
{
	if (c->refused) {
		CHECK(c->who->asking > 0);
		c->who->asking--;
	}
	c->refused = false;
	if (c->kept != NULL) {
		struct remote_wait *w = c->kept;

		wait_end(r, &w);
	}
}

void
remote_connected(struct remotes *r, struct remote_conn *c)
{
	bool found = c->refused && !c->in_turn;
	struct remote_wait *w, *next;

	ask_no_more(r, c);
	for (w = !found ? NULL : TAILQ_FIRST(&c->who->waits); w != NULL;
	     w = next) {
		next = TAILQ_NEXT(w, of_who);
		if (!w->kept)
			wait_end(r, &w);
	}
}

void
remote_closing(struct remote_conn *c)
{
	CHECK(!c->closing);
	c->closing = true;
	for (enum remote_kind kind = 0; kind < REMOTE_KINDS; kind++)
		if (c->slots[kind].scope != NULL)
			c->slots[kind].scope->closing++;
}

void
remote_closed(struct remotes *r, struct remote_conn *c)
{
	ask_no_more(r, c);
	slots_return_all(r, c);
}

void
remote_opened(struct remotes *r, struct remote_conn *c)
{
	struct remote_wait *w;

	TAILQ_FOREACH(w, &c->who->waits, of_who)
	if (w->kept && w->conn == NULL)
		break;
	if (w == NULL)
		return;
	CHECK(c->who->kept > 0 && c->kept == NULL);
	c->who->kept--;
	TAILQ_REMOVE(&r->kept, w, of_kept);
	w->conn = c;
	c->kept = w;
}

void
remotes_settle(struct remotes *r)
{
	struct remote_waits all = TAILQ_HEAD_INITIALIZER(all);
	struct remote_wait *w;

	/* What is kept for others in here has its turn to open first. */
	TAILQ_CONCAT(&all, &r->kept, of_kept);
	while ((w = TAILQ_FIRST(&all)) != NULL) {
		TAILQ_REMOVE(&all, w, of_kept);
		TAILQ_INSERT_TAIL(&r->kept, w, of_kept);
		/* One that still tries may use it, or its end opens another. */
		if (w->who->asking == 0)
			wait_end(r, &w);
	}
}

/* ---- questions ----------------------------------------------------------- */

const struct remote_scope *
remote_kept(const struct remote_conn *c)
{
	return c->kept == NULL ? NULL : c->kept->scope;
}

const struct remote_scope *
remote_waits_at(const struct remote_who *who)
{
	const struct remote_wait *w;

	TAILQ_FOREACH(w, &who->waits, of_who)
	if (!w->kept)
		return w->scope;
	return NULL;
}

bool
remote_is_surplus(const struct remote_conn *c)
{
	for (enum remote_kind kind = 0; kind < REMOTE_KINDS; kind++) {
		const struct remote_scope *s = c->slots[kind].scope;

		if (s != NULL && s->conns.used - s->closing > s->conns.max)
			return true;
	}
	return false;
}

static const struct remote_who *
first_who(struct remote_scope *s)
{
	struct waiter *w = line_first(&s->line);

	return ((const struct remote_wait *)(const void *)((const char *)w -
		    offsetof(struct remote_wait, waiter)))
	    ->who;
}

const struct remote_who *
remote_other(struct remote_conn *c)
{
	for (enum remote_kind kind = 0; kind < REMOTE_KINDS; kind++) {
		struct remote_scope *s = c->slots[kind].scope;

		if (s == NULL || s->line.n <= s->closing)
			continue;
		if (first_who(s) == c->who)
			line_rejoin(line_first(&s->line));
		if (first_who(s) != c->who)
			return first_who(s);
	}
	return NULL;
}

/* ---- all of them --------------------------------------------------------- */

void
remotes_init(struct remotes *r, remote_woken_fn *woken, void *ctx)
{
	*r = (struct remotes){ .woken = woken, .ctx = ctx };
	table_init(&r->scopes, &ops);
	TAILQ_INIT(&r->kept);
}

void
remotes_fini(struct remotes *r)
{
	CHECK(TAILQ_EMPTY(&r->kept));
	table_fini(&r->scopes);
}

void
remotes_set(struct remotes *r, const struct snapshot *conf)
{
	r->conf = conf;
	for (size_t i = 0; i < r->scopes.cap; i++) {
		struct table_link *next, *l = r->scopes.buckets[i];

		for (; l != NULL; l = next) {
			struct remote_scope *s = scope_of(l);

			next = l->next;
			slots_set(&s->conns,
			    limit_of(conf, s->kind, s->host, &s->addr));
			serve(r, s);
		}
	}
}

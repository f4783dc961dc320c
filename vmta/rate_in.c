/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/rate_in.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/mem.h"
#include "vmta/table.h"
#include "vmta/window.h"

enum {
	BINS = 256,   /* of one <source> and kind */
	LOOKED_AT = 8 /* counts, for one that is empty */
};

#define TOLD_EVERY_US (60 * US_PER_S)

struct count_key {
	enum rate_in_who who;
	enum rate_in_what what;
	const char *name;
	struct net_addr client; /* in a bin: its number */
	bool bin;
};

struct count_in {
	struct table_link link;
	TAILQ_ENTRY(count_in) order; /* of all clients' own, by last use */
	struct count_key key;        /* the name is owned */
	struct window window;
	bool busy; /* something is just asked of it */
	uint64_t refused, told_refused;
	int64_t told_us; /* 0: never */
	char name[];
};

TAILQ_HEAD(count_list, count_in);

struct rate_in {
	struct table table;
	size_t clients, clients_max; /* with counts of their own */
	struct count_list own;       /* those, longest unused first */
	struct count_list others;    /* sources, users, bins */
};

/* ---- the table ---------------------------------------------------------------- */

static uint64_t
hash_key(const struct count_key *k)
{
	uint64_t h = table_hash_bytes(k->name, strlen(k->name));

	h ^= table_hash_bytes(k->client.a, sizeof(k->client.a));
	return table_hash_u64(h + (uint64_t)k->what * 2 + (uint64_t)k->who * 8 +
	    (uint64_t)k->bin * 64);
}

static struct count_in *
count_of(struct table_link *link)
{
	return (struct count_in *)(void *)((char *)link -
	    offsetof(struct count_in, link));
}

static const struct count_in *
const_count_of(const struct table_link *link)
{
	return (const struct count_in *)(const void *)((const char *)link -
	    offsetof(struct count_in, link));
}

static uint64_t
hash_item(const struct table_link *item)
{
	return hash_key(&const_count_of(item)->key);
}

static bool
is_item(const struct table_link *item, const void *key)
{
	const struct count_key *a = &const_count_of(item)->key, *b = key;

	return a->who == b->who && a->what == b->what && a->bin == b->bin &&
	    a->client.family == b->client.family &&
	    memcmp(a->client.a, b->client.a, sizeof(a->client.a)) == 0 &&
	    strcmp(a->name, b->name) == 0;
}

static const struct table_ops ops = { hash_item, is_item };

struct rate_in *
rate_in_new(size_t clients)
{
	struct rate_in *r = mem_new(struct rate_in);

	CHECK(clients > 0);
	r->clients_max = clients;
	TAILQ_INIT(&r->own);
	TAILQ_INIT(&r->others);
	table_init(&r->table, &ops);
	return r;
}

static bool
is_own(const struct count_in *c)
{
	return c->key.who == RATE_IN_CLIENT && !c->key.bin;
}

static void
count_free(struct rate_in *r, struct count_in **cp)
{
	struct count_in *c = *cp;

	*cp = NULL;
	CHECK(!c->busy);
	table_remove(&r->table, &c->link);
	if (is_own(c)) {
		TAILQ_REMOVE(&r->own, c, order);
		r->clients--;
	} else {
		TAILQ_REMOVE(&r->others, c, order);
	}
	window_fini(&c->window);
	free(c);
}

void
rate_in_free(struct rate_in **rp)
{
	struct rate_in *r = *rp;
	struct count_in *c;

	*rp = NULL;
	if (r == NULL)
		return;
	while ((c = TAILQ_FIRST(&r->own)) != NULL ||
	    (c = TAILQ_FIRST(&r->others)) != NULL)
		count_free(r, &c);
	table_fini(&r->table);
	free(r);
}

static struct count_in *
find(const struct rate_in *r, const struct count_key *key)
{
	struct table_link *link = table_find(&r->table, hash_key(key), key);

	return link == NULL ? NULL : count_of(link);
}

static struct count_in *
make(struct rate_in *r, const struct count_key *key, const struct rate *rate)
{
	size_t len = strlen(key->name) + 1;
	struct count_in *c = mem_zalloc(sizeof(*c) + len);

	memcpy(c->name, key->name, len);
	c->key = *key;
	c->key.name = c->name;
	window_init(&c->window, rate->count, rate->period_us);
	table_add(&r->table, &c->link);
	if (is_own(c)) {
		TAILQ_INSERT_TAIL(&r->own, c, order);
		r->clients++;
	} else {
		TAILQ_INSERT_TAIL(&r->others, c, order);
	}
	return c;
}

/* Nothing counts in it. */
static bool
is_empty(const struct count_in *c, int64_t now_us)
{
	return window_end(&c->window) <= now_us;
}

/* ---- whose count ---------------------------------------------------------------- */

/* Of an IPv6 client its /64; mapped IPv4 as IPv4. */
static struct net_addr
client_key(const struct net_addr *client)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct net_addr a = { .family = client->family };

	if (client->family != AF_INET6) {
		memcpy(a.a, client->a, 4);
	} else if (memcmp(client->a, mapped, sizeof(mapped)) == 0) {
		a.family = AF_INET;
		memcpy(a.a, client->a + sizeof(mapped), 4);
	} else {
		memcpy(a.a, client->a, 8);
	}
	return a;
}

/* The key of the bin that the client shares with others. */
static struct count_key
bin_of(const struct count_key *own)
{
	struct count_key bin = *own;
	uint64_t number =
	    table_hash_bytes(own->client.a, sizeof(own->client.a)) % BINS;

	bin.bin = true;
	bin.client = (struct net_addr){ 0 };
	bin.client.a[0] = (uint8_t)number;
	return bin;
}

/* One more address may be counted by itself: maybe in place of another. */
static bool
has_place(struct rate_in *r, int64_t now_us)
{
	struct count_in *c = TAILQ_FIRST(&r->own), *next;

	for (int i = 0;
	     r->clients >= r->clients_max && i < LOOKED_AT && c != NULL;
	     i++, c = next) {
		next = TAILQ_NEXT(c, order);
		if (!c->busy && is_empty(c, now_us))
			count_free(r, &c);
	}
	return r->clients < r->clients_max;
}

static struct count_in *
client_count(struct rate_in *r, const struct count_key *key,
    const struct rate *rate, int64_t now_us)
{
	struct count_in *own = find(r, key), *bin;
	struct count_key bin_key;

	if (own != NULL) {
		TAILQ_REMOVE(&r->own, own, order);
		TAILQ_INSERT_TAIL(&r->own, own, order);
		return own;
	}
	bin_key = bin_of(key);
	bin = find(r, &bin_key);
	if ((bin == NULL || is_empty(bin, now_us)) && has_place(r, now_us))
		return make(r, key, rate);
	return bin != NULL ? bin : make(r, &bin_key, rate);
}

static struct count_in *
count_for(struct rate_in *r, const struct rate_in_limit *l, int64_t now_us)
{
	struct count_key key = { .who = l->who,
		.what = l->what,
		.name = l->name };
	struct count_in *c;

	CHECK(l->rate.count > 0 && l->rate.period_us > 0);
	if (l->who == RATE_IN_CLIENT) {
		key.client = client_key(&l->client);
		c = client_count(r, &key, &l->rate, now_us);
	} else {
		c = find(r, &key);
		if (c == NULL)
			c = make(r, &key, &l->rate);
	}
	if (c->window.max != l->rate.count ||
	    c->window.period_us != l->rate.period_us)
		window_set(&c->window, l->rate.count, l->rate.period_us);
	return c;
}

/* ---- taking ----------------------------------------------------------------------- */

/* Nor does it keep the log from being told too often. */
static bool
is_over(const struct count_in *c, int64_t now_us)
{
	return is_empty(c, now_us) &&
	    (c->told_us == 0 || now_us - c->told_us >= 2 * TOLD_EVERY_US);
}

/* A configuration that was, and the bins of times with many clients. */
static void
forget_others(struct rate_in *r, int64_t now_us)
{
	struct count_in *c = TAILQ_FIRST(&r->others), *next;

	for (int i = 0; i < LOOKED_AT && c != NULL; i++, c = next) {
		next = TAILQ_NEXT(c, order);
		if (is_over(c, now_us)) {
			count_free(r, &c);
			continue;
		}
		TAILQ_REMOVE(&r->others, c, order);
		TAILQ_INSERT_TAIL(&r->others, c, order);
	}
}

/* When so many may be taken: now, later, or never. */
static int64_t
next(struct count_in *c, uint64_t n, int64_t now_us)
{
	if (n > c->window.max)
		return INT64_MAX;
	return window_next(&c->window, n, now_us);
}

/* Of the count that says no for longest. */
static void
note_refusal(struct count_in *c, int64_t now_us, struct rate_in_no *no)
{
	c->refused++;
	no->tell = c->told_us == 0 || now_us - c->told_us >= TOLD_EVERY_US;
	if (!no->tell)
		return;
	no->refused = c->refused - c->told_refused;
	c->told_us = now_us;
	c->told_refused = c->refused;
}

bool
rate_in_take(struct rate_in *r, const struct rate_in_limits *limits,
    const uint32_t n[RATE_IN_WHATS], int64_t now_us, struct rate_in_no *no)
{
	struct count_in *counts[RATE_IN_LIMITS] = { NULL }, *last = NULL;

	*no = (struct rate_in_no){ .until_us = now_us };
	forget_others(r, now_us);
	for (size_t i = 0; i < limits->n; i++) {
		const struct rate_in_limit *l = &limits->v[i];
		int64_t at_us;

		if (n[l->what] == 0)
			continue;
		counts[i] = count_for(r, l, now_us);
		counts[i]->busy = true;
		at_us = next(counts[i], n[l->what], now_us);
		if (at_us <= no->until_us)
			continue;
		no->until_us = at_us;
		no->limit = l;
		last = counts[i];
	}
	for (size_t i = 0; i < limits->n; i++) {
		if (counts[i] == NULL)
			continue;
		counts[i]->busy = false;
		if (last == NULL)
			window_add(&counts[i]->window, n[limits->v[i].what],
			    now_us);
	}
	if (last != NULL)
		note_refusal(last, now_us, no);
	return last == NULL;
}

/* ---- for who looks -------------------------------------------------------------- */

static void
tell(struct count_in *c, int64_t now_us, rate_in_fn *fn, void *ctx)
{
	uint64_t room = window_room(&c->window, now_us);
	struct rate_in_row row = { .who = c->key.who,
		.what = c->key.what,
		.name = c->key.name,
		.used = c->window.count,
		.refused = c->refused,
		.rate = { (uint32_t)c->window.max, c->window.period_us },
		.until_us = window_end(&c->window) };

	(void)room; /* it let go of what has left */
	if (!c->key.bin)
		row.client = c->key.client;
	if (row.used > 0 || row.refused > 0)
		fn(ctx, &row);
}

void
rate_in_each(struct rate_in *r, int64_t now_us, rate_in_fn *fn, void *ctx)
{
	struct count_in *c;

	TAILQ_FOREACH(c, &r->others, order)
	tell(c, now_us, fn, ctx);
	TAILQ_FOREACH(c, &r->own, order)
	tell(c, now_us, fn, ctx);
}

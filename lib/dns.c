/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A query goes from the asking worker to the one that owns the name, by its
 * post, and comes back by the same post with the answer.  In between it is one
 * of the waiters in the owner's cache.  The fields fn, arg and cancelled
 * belong to the asking worker all the time, so a query is cancelled by a mark:
 * it comes back and is dropped.
 */
#include "lib/dns.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/dns_answer.h"
#include "lib/dns_cache.h"
#include "lib/dns_client.h"
#include "lib/dns_name.h"
#include "lib/mem.h"

/* Answers kept, over all workers; about 300 bytes each. */
#define CACHE_MAX 100000

struct part;

struct dns_query {
	struct post post;
	struct dns_waiter waiter;
	TAILQ_ENTRY(dns_query) link; /* in from->queries */
	struct part *from, *owner;
	enum dns_type type;
	dns_fn *fn;
	void *arg;
	bool cancelled;
	struct dns_answer *answer; /* on the way back */
	char name[DNS_NAME_CAP];
};

/* What one worker has. */
struct part {
	struct dns *dns;
	struct worker *worker;
	size_t index;
	struct dns_cache *cache;
	struct dns_client *client;
	struct post_list *back; /* for answer_waiters(), one a worker */
	TAILQ_HEAD(, dns_query) queries; /* asked from here, not yet back */
	_Atomic uint64_t asked, sent, hits, cached; /* written by worker */
};

struct dns {
	size_t count;
	struct part *parts;
};

/* ---- the way back -------------------------------------------------------- */

static void
query_free(struct dns_query **qp)
{
	struct dns_query *q = *qp;

	*qp = NULL;
	TAILQ_REMOVE(&q->from->queries, q, link);
	dns_answer_unref(&q->answer);
	free(q);
}

/* On the asking worker. */
static void
on_back(struct post *p)
{
	struct dns_query *q = post_owner(p, struct dns_query, post);
	struct dns_answer *a = q->answer;
	dns_fn *fn = q->fn;
	void *arg = q->arg;
	bool cancelled = q->cancelled;

	if (!cancelled)
		q->answer = NULL; /* moved to fn */
	query_free(&q);
	if (!cancelled)
		fn(arg, a);
}

static void
send_back(struct dns_query *q, struct dns_answer *a)
{
	q->answer = a;
	q->post.fn = on_back;
	worker_post(q->from->worker, &q->post);
}

/* ---- the owner of the name ----------------------------------------------- */

static void
count(_Atomic uint64_t *counter)
{
	(void)atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static uint64_t
counted(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* Gives everyone who waits his reference, with one wake-up a worker. */
static void
answer_waiters(struct part *p, struct dns_waiters *waiters,
    struct dns_answer *a)
{
	struct dns *d = p->dns;
	struct post_list *back = p->back;
	struct dns_waiter *w;

	for (size_t i = 0; i < d->count; i++)
		STAILQ_INIT(&back[i]);
	while ((w = STAILQ_FIRST(waiters)) != NULL) {
		struct dns_query *q = post_owner(w, struct dns_query, waiter);

		STAILQ_REMOVE_HEAD(waiters, link);
		q->answer = dns_answer_ref(a);
		q->post.fn = on_back;
		STAILQ_INSERT_TAIL(&back[q->from->index], &q->post, link);
	}
	for (size_t i = 0; i < d->count; i++)
		worker_post_list(d->parts[i].worker, &back[i]);
}

static void
on_answer(void *ctx, const char *name, enum dns_type type, struct dns_answer *a)
{
	struct part *p = ctx;
	struct dns_waiters waiters = STAILQ_HEAD_INITIALIZER(waiters);
	struct dns_answer *given = dns_cache_put(p->cache, name, type, a,
	    clock_us(), &waiters);

	atomic_store_explicit(&p->cached, dns_cache_count(p->cache),
	    memory_order_relaxed);
	answer_waiters(p, &waiters, given);
	dns_answer_unref(&given);
}

static void
on_ask(struct post *post)
{
	struct dns_query *q = post_owner(post, struct dns_query, post);
	struct part *p = q->owner;
	struct dns_answer *a;

	switch (dns_cache_ask(p->cache, q->name, q->type, clock_us(),
	    &q->waiter, &a)) {
	case DNS_CACHE_HIT:
		count(&p->hits);
		send_back(q, a);
		break;
	case DNS_CACHE_WAIT:
		break;
	case DNS_CACHE_SEND:
		count(&p->sent);
		dns_client_ask(p->client, q->name, q->type);
		break;
	}
}

/* ---- asking -------------------------------------------------------------- */

/* FNV-1a: the same name goes to the same worker, whatever the type. */
static struct part *
owner_of(struct dns *d, const char *name)
{
	uint32_t h = 2166136261U;

	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * 16777619U;
	return &d->parts[(h >> 8) % d->count];
}

static struct part *
self(struct dns *d)
{
	for (size_t i = 0; i < d->count; i++)
		if (worker_is_self(d->parts[i].worker))
			return &d->parts[i];
	CHECK_NEVER("a worker of the set");
}

static struct dns_query *
query_new(struct part *p, enum dns_type type, dns_fn *fn, void *arg)
{
	struct dns_query *q = mem_new(struct dns_query);

	CHECK(fn != NULL);
	q->from = p;
	q->type = type;
	q->fn = fn;
	q->arg = arg;
	TAILQ_INSERT_TAIL(&p->queries, q, link);
	count(&p->asked);
	return q;
}

/* q->name is clean. */
static void
ask(struct dns_query *q)
{
	q->owner = owner_of(q->from->dns, q->name);
	q->post.fn = on_ask;
	if (q->owner == q->from)
		on_ask(&q->post); /* answers by a post, never at once */
	else
		worker_post(q->owner->worker, &q->post);
}

struct dns_query *
dns_ask(struct dns *d, const char *name, enum dns_type type, dns_fn *fn,
    void *arg)
{
	struct dns_query *q = query_new(self(d), type, fn, arg);

	if (dns_name_clean(name, q->name) == -1)
		send_back(q, dns_answer_bad_name(name, clock_us()));
	else
		ask(q);
	return q;
}

struct dns_query *
dns_ask_any(struct dns *d, const char *name, enum dns_type type, dns_fn *fn,
    void *arg)
{
	struct dns_query *q = query_new(self(d), type, fn, arg);

	if (dns_name_clean_any(name, q->name) == -1)
		send_back(q, dns_answer_bad_name(name, clock_us()));
	else
		ask(q);
	return q;
}

void
dns_cancel(struct dns_query **qp)
{
	struct dns_query *q = *qp;

	*qp = NULL;
	if (q != NULL)
		q->cancelled = true;
}

void
dns_stats(const struct dns *d, struct dns_stats *out)
{
	*out = (struct dns_stats){ 0 };
	for (size_t i = 0; i < d->count; i++) {
		const struct part *p = &d->parts[i];

		out->asked += counted(&p->asked);
		out->sent += counted(&p->sent);
		out->hits += counted(&p->hits);
		out->cached += counted(&p->cached);
	}
}

/* ---- life ---------------------------------------------------------------- */

int
dns_new(struct worker *const *workers, size_t worker_count,
    const char *const *servers, size_t server_count, struct dns **d_r,
    struct err *e)
{
	struct dns_servers list;
	struct dns *d;

	CHECK(worker_count > 0);
	*d_r = NULL;
	if (dns_servers_read(&list, servers, server_count, e) == -1)
		return -1;
	d = mem_new(struct dns);
	d->parts = mem_array(worker_count, sizeof(*d->parts));
	for (size_t i = 0; i < worker_count; i++) {
		struct part *p = &d->parts[i];

		d->count++;
		p->dns = d;
		p->index = i;
		p->worker = workers[i];
		TAILQ_INIT(&p->queries);
		p->cache = dns_cache_new(CACHE_MAX / worker_count + 1);
		p->back = mem_array(worker_count, sizeof(*p->back));
		p->client = dns_client_new(p->worker, &list, on_answer, p, e);
		if (p->client == NULL) {
			dns_free(&d);
			return -1;
		}
	}
	*d_r = d;
	return 0;
}

void
dns_free(struct dns **dp)
{
	struct dns *d = *dp;

	*dp = NULL;
	if (d == NULL)
		return;
	for (size_t i = 0; i < d->count; i++) {
		CHECK(!worker_is_self(d->parts[i].worker));
		dns_client_free(&d->parts[i].client);
		dns_cache_free(&d->parts[i].cache); /* waiters are queries */
		free(d->parts[i].back);
	}
	/* What never came back; nobody reads the mailboxes any more. */
	for (size_t i = 0; i < d->count; i++) {
		struct part *p = &d->parts[i];

		while (!TAILQ_EMPTY(&p->queries)) {
			struct dns_query *q = TAILQ_FIRST(&p->queries);

			query_free(&q);
		}
	}
	free(d->parts);
	free(d);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * home: asked --post--> worker: MX -> A and AAAA of the best hosts and of those
 * that are listed --post--> home: told, freed.
 */
#include "transport/mx_facts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/dns.h"
#include "lib/mem.h"
#include "lib/worker.h"
#include "transport/worker_env.h"

#define HOSTS_MAX 16 /* of the best preference; further ones do not count */

struct question;

struct address_ask {
	struct question *question;
	struct dns_answer *answer;
	enum dns_type type;
};

/* In the list of its asker; between two posts it is a worker's. */
struct question {
	LIST_ENTRY(question) entry;
	struct post post;
	struct mx_facts_asker *asker;
	struct worker_env *env;
	char *domain;
	struct dns_answer *mx;
	size_t host_count;
	const char *hosts[HOSTS_MAX];
	size_t ask_count, open;
	struct address_ask asks[2 * HOSTS_MAX];
	size_t listed_count;
	char **listed;
	struct address_ask *listed_asks; /* two of each, or not asked at all */
};

struct mx_facts_asker {
	struct worker *home;
	struct worker_env *const *envs;
	size_t env_count, turn;
	mx_facts_fn *fn;
	void *ctx;
	LIST_HEAD(, question) questions;
};

struct mx_facts_asker *
mx_facts_new(struct worker *home, struct worker_env *const *envs,
    size_t env_count, mx_facts_fn *fn, void *ctx)
{
	struct mx_facts_asker *a = mem_new(struct mx_facts_asker);

	a->home = home;
	a->envs = envs;
	a->env_count = env_count;
	a->fn = fn;
	a->ctx = ctx;
	LIST_INIT(&a->questions);
	return a;
}

static void
question_free(struct question **qp)
{
	struct question *q = *qp;

	*qp = NULL;
	LIST_REMOVE(q, entry);
	dns_answer_unref(&q->mx);
	for (size_t i = 0; i < q->ask_count; i++)
		dns_answer_unref(&q->asks[i].answer);
	for (size_t i = 0; i < q->listed_count; i++) {
		dns_answer_unref(&q->listed_asks[2 * i].answer);
		dns_answer_unref(&q->listed_asks[2 * i + 1].answer);
		free(q->listed[i]);
	}
	free(q->listed);
	free(q->listed_asks);
	free(q->domain);
	free(q);
}

void
mx_facts_free(struct mx_facts_asker **ap)
{
	struct mx_facts_asker *a = *ap;

	*ap = NULL;
	if (a == NULL)
		return;
	while (!LIST_EMPTY(&a->questions)) {
		struct question *q = LIST_FIRST(&a->questions);

		question_free(&q);
	}
	free(a);
}

/* ---- telling (home) ------------------------------------------------------ */

/* Each address once; a family that nobody can tell of counts as there. */
static size_t
collect(const struct question *q, struct net_addr *out, struct mx_facts *f)
{
	size_t n = 0;

	for (size_t i = 0; i < q->ask_count; i++) {
		const struct dns_answer *a = q->asks[i].answer;
		bool there = a->status == DNS_OK || a->status == DNS_TEMP;

		f->has_v4 = f->has_v4 || (there && q->asks[i].type == DNS_A);
		f->has_v6 = f->has_v6 || (there && q->asks[i].type == DNS_AAAA);
		for (size_t k = 0; a->status == DNS_OK && k < a->count; k++) {
			size_t at = 0;

			while (at < n && !net_addr_eq(&out[at], &a->addrs[k]))
				at++;
			if (at == n)
				out[n++] = a->addrs[k];
		}
	}
	return n;
}

static size_t
most_addresses(const struct question *q)
{
	size_t n = 0;

	for (size_t i = 0; i < q->ask_count; i++)
		n += q->asks[i].answer->count;
	return n;
}

static bool
is_among(const struct net_addr *a, const struct mx_facts *f)
{
	for (size_t i = 0; i < f->addr_n; i++)
		if (net_addr_eq(&f->addrs[i], a))
			return true;
	return false;
}

/* Is an address of the host one of the domain's? */
static bool
is_same(const struct address_ask asks[2], const struct mx_facts *f)
{
	for (size_t i = 0; i < 2; i++) {
		const struct dns_answer *a = asks[i].answer;

		for (size_t k = 0; a->status == DNS_OK && k < a->count; k++)
			if (is_among(&a->addrs[k], f))
				return true;
	}
	return false;
}

static bool
is_unknown(const struct address_ask *asks, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (asks[i].answer->status == DNS_TEMP)
			return true;
	return false;
}

/* Names go to same[] or to unsure[], or nowhere; both have room for all. */
static void
sort_listed(const struct question *q, const char **same, const char **unsure,
    struct mx_facts *f)
{
	bool unknown = is_unknown(q->asks, q->ask_count);

	for (size_t i = 0; i < q->listed_count && f->n > 0; i++) {
		const struct address_ask *asks = &q->listed_asks[2 * i];

		if (is_same(asks, f))
			same[f->same_n++] = q->listed[i];
		else if (unknown || is_unknown(asks, 2))
			unsure[f->unsure_n++] = q->listed[i];
	}
	f->same = same;
	f->unsure = unsure;
}

static void
on_answered(struct post *p)
{
	struct question *q = post_owner(p, struct question, post);
	struct mx_facts_asker *a = q->asker;
	struct net_addr *addrs = mem_array(most_addresses(q) + 1,
	    sizeof(*addrs));
	const char **names = mem_array(2 * q->listed_count + 1, sizeof(*names));
	struct mx_facts f = { .ok = q->mx->status != DNS_TEMP,
		.n = q->host_count,
		.hosts = q->hosts,
		.addrs = addrs,
		.ttl_us = q->mx->expires_us - clock_us() };

	f.addr_n = collect(q, addrs, &f);
	sort_listed(q, names, names + q->listed_count, &f);
	a->fn(a->ctx, q->domain, &f);
	free(addrs);
	free(names);
	question_free(&q);
}

/* ---- asking (worker) ----------------------------------------------------- */

static void
end(struct question *q)
{
	q->post.fn = on_answered;
	worker_post(q->asker->home, &q->post);
}

static void
on_address(void *arg, struct dns_answer *answer)
{
	struct address_ask *k = arg;
	struct question *q = k->question;

	CHECK(q->open > 0 && k->answer == NULL);
	k->answer = answer;
	q->open--;
	if (q->open == 0)
		end(q);
}

static void
ask_address(struct question *q, struct address_ask *k, const char *host,
    enum dns_type type)
{
	*k = (struct address_ask){ .question = q, .type = type };
	q->open++;
	(void)dns_ask(q->env->dns, host, type, on_address, k);
}

/* Of the best preference; the null MX (RFC 7505) is none. */
static void
take_hosts(struct question *q)
{
	const struct dns_answer *a = q->mx;
	uint16_t best = UINT16_MAX;

	if (a->status == DNS_NODATA) { /* RFC 5321 section 5.1 */
		q->hosts[0] = q->domain;
		q->host_count = 1;
	}
	if (a->status != DNS_OK)
		return;
	for (size_t i = 0; i < a->count; i++)
		if (a->mx[i].host[0] != '\0' && a->mx[i].pref < best)
			best = a->mx[i].pref;
	for (size_t i = 0; i < a->count && q->host_count < HOSTS_MAX; i++)
		if (a->mx[i].host[0] != '\0' && a->mx[i].pref == best)
			q->hosts[q->host_count++] = a->mx[i].host;
}

static void
on_mx(void *arg, struct dns_answer *answer)
{
	struct question *q = arg;

	q->mx = answer;
	take_hosts(q);
	for (size_t i = 0; i < q->host_count; i++) {
		ask_address(q, &q->asks[q->ask_count++], q->hosts[i], DNS_A);
		ask_address(q, &q->asks[q->ask_count++], q->hosts[i], DNS_AAAA);
	}
	for (size_t i = 0; i < q->listed_count && q->host_count > 0; i++) {
		struct address_ask *asks = &q->listed_asks[2 * i];

		ask_address(q, &asks[0], q->listed[i], DNS_A);
		ask_address(q, &asks[1], q->listed[i], DNS_AAAA);
	}
	if (q->open == 0)
		end(q);
}

static void
on_question(struct post *p)
{
	struct question *q = post_owner(p, struct question, post);

	(void)dns_ask(q->env->dns, q->domain, DNS_MX, on_mx, q);
}

void
mx_facts_ask(struct mx_facts_asker *a, const char *domain,
    const struct conf_strs *listed)
{
	struct question *q = mem_new(struct question);

	CHECK(worker_is_self(a->home));
	q->asker = a;
	q->env = a->envs[a->turn++ % a->env_count];
	q->domain = mem_strdup(domain);
	q->listed_count = listed->n;
	q->listed = mem_array(listed->n + 1, sizeof(*q->listed));
	q->listed_asks = mem_array(2 * listed->n + 1, sizeof(*q->listed_asks));
	for (size_t i = 0; i < listed->n; i++)
		q->listed[i] = mem_strdup(listed->v[i]);
	q->post.fn = on_question;
	LIST_INSERT_HEAD(&a->questions, q, entry);
	worker_post(q->env->worker, &q->post);
}

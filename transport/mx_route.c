/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/mx_route.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"

/* ---- order --------------------------------------------------------------- */

/*
 * Where something stands among its equals.  It comes from the thing itself, not
 * from where it stood in the answer: that is another place each time, as
 * servers turn their records round.  FNV-1a; then as in splitmix64, since names
 * and addresses often differ in their last byte only.
 */
static uint64_t
rank(uint64_t seed, const void *of, size_t len)
{
	const unsigned char *p = of;
	uint64_t x = seed;

	for (size_t i = 0; i < len; i++)
		x = (x ^ p[i]) * UINT64_C(1099511628211);
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static uint64_t
rank_name(uint64_t seed, const char *name, uint16_t port)
{
	uint64_t x = rank(seed, &port, sizeof(port));

	for (; *name != '\0'; name++) {
		char c = *name;

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		x = rank(x, &c, 1);
	}
	return x;
}

static uint64_t
rank_addr(uint64_t seed, const struct net_addr *a)
{
	return rank(seed, a->a, a->family == AF_INET ? 4 : 16);
}

static int
by_order(const void *a, const void *b)
{
	const struct mx_host *x = a, *y = b;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	if (x->shuffle != y->shuffle)
		return x->shuffle < y->shuffle ? -1 : 1;
	return 0;
}

void
mx_hosts_order(struct mx_host *hosts, size_t count, uint64_t seed)
{
	for (size_t i = 0; i < count; i++)
		hosts[i].shuffle = rank_name(seed, hosts[i].name,
		    hosts[i].port);
	if (count > 1)
		qsort(hosts, count, sizeof(*hosts), by_order);
}

/* ---- loops --------------------------------------------------------------- */

static bool
has_our_addr(const struct mx_self *self, const struct dns_answer *a,
    uint16_t port)
{
	for (size_t i = 0; a != NULL && a->addrs != NULL && i < a->count; i++)
		if (self->owns(self->ctx, &a->addrs[i], port))
			return true;
	return false;
}

static bool
is_self(const struct mx_self *self, const struct mx_host *h)
{
	if (!h->from_dns)
		return false;
	if (h->literal.family != 0)
		return self->owns(self->ctx, &h->literal, h->port);
	return str_eq_nocase(h->name, self->name) ||
	    has_our_addr(self, h->a, h->port) ||
	    has_our_addr(self, h->aaaa, h->port);
}

/* RFC 5321 section 5.1: ours and worse ones would send it back to us. */
static size_t
cut_list(struct mx_host *hosts, size_t count, size_t list, uint32_t order)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		const struct mx_host *h = &hosts[i];

		if (h->from_dns && h->list == list && h->order >= order) {
			struct mx_host gone = *h;

			dns_answer_unref(&gone.a);
			dns_answer_unref(&gone.aaaa);
			continue;
		}
		if (kept != i)
			hosts[kept] = *h;
		kept++;
	}
	return kept;
}

size_t
mx_hosts_cut(struct mx_host *hosts, size_t count, const struct mx_self *self,
    const char **host_r)
{
	*host_r = NULL;
	/*
	 * Hosts are in order, so the first of a list that is ourselves is the
	 * best; what the cut takes away is behind it.
	 */
	for (size_t i = 0; i < count;) {
		if (!is_self(self, &hosts[i])) {
			i++;
			continue;
		}
		*host_r = hosts[i].name;
		count = cut_list(hosts, count, hosts[i].list, hosts[i].order);
		i = 0; /* equal ones before it are gone too */
	}
	return count;
}

/* ---- targets ------------------------------------------------------------- */

/* The first ones of all, in their order. */
static size_t
shuffled(const struct dns_answer *a, struct net_addr out[MX_ADDRS_PER_HOST],
    uint64_t seed)
{
	size_t all = a == NULL || a->addrs == NULL ? 0 : a->count, n = 0;
	uint64_t ranks[MX_ADDRS_PER_HOST];

	for (size_t i = 0; i < all; i++) {
		uint64_t r = rank_addr(seed, &a->addrs[i]);
		size_t at = n;

		while (at > 0 && r < ranks[at - 1])
			at--;
		if (at == MX_ADDRS_PER_HOST)
			continue;
		if (n < MX_ADDRS_PER_HOST)
			n++;
		memmove(&ranks[at + 1], &ranks[at],
		    (n - at - 1) * sizeof(ranks[0]));
		memmove(&out[at + 1], &out[at], (n - at - 1) * sizeof(out[0]));
		ranks[at] = r;
		out[at] = a->addrs[i];
	}
	return n;
}

static bool
is_known(const struct mx_target *targets, size_t count,
    const struct net_addr *addr, uint16_t port)
{
	for (size_t i = 0; i < count; i++)
		if (targets[i].port == port &&
		    net_addr_eq(&targets[i].addr, addr))
			return true;
	return false;
}

static size_t
host_targets(const struct mx_host *h, struct net_addr out[MX_ADDRS_PER_HOST],
    uint64_t seed)
{
	struct net_addr v4[MX_ADDRS_PER_HOST], v6[MX_ADDRS_PER_HOST];
	size_t n4, n6, n = 0;

	if (h->literal.family != 0) {
		out[0] = h->literal;
		return 1;
	}
	n4 = shuffled(h->a, v4, seed);
	n6 = shuffled(h->aaaa, v6, seed);
	for (size_t i = 0; i < n4 || i < n6; i++) {
		if (i < n4 && n < MX_ADDRS_PER_HOST)
			out[n++] = v4[i];
		if (i < n6 && n < MX_ADDRS_PER_HOST)
			out[n++] = v6[i];
	}
	return n;
}

size_t
mx_hosts_targets(const struct mx_host *hosts, size_t count,
    struct mx_target *out, size_t max, uint64_t seed)
{
	size_t n = 0;

	for (size_t i = 0; i < count && n < max; i++) {
		const struct mx_host *h = &hosts[i];
		struct net_addr addrs[MX_ADDRS_PER_HOST];
		size_t have = host_targets(h, addrs, seed);

		for (size_t j = 0; j < have && n < max; j++) {
			/* Two names of one server: trying it once is enough. */
			if (is_known(out, n, &addrs[j], h->port))
				continue;
			out[n++] = (struct mx_target){ .host = h->name,
				.nexthop = h->nexthop,
				.addr = addrs[j],
				.port = h->port };
		}
	}
	return n;
}

static bool
is_at(const struct mx_target *t, const char *host, const struct net_addr *addr)
{
	if (host[0] == '\0')
		return net_addr_eq(&t->addr, addr);
	return str_eq_nocase(t->host, host);
}

bool
mx_targets_prefer(struct mx_target *all, size_t count, const char *host,
    const struct net_addr *addr)
{
	struct mx_target first;
	size_t i = 0;

	while (i < count && !is_at(&all[i], host, addr))
		i++;
	if (i == count)
		return false; /* the route is another one by now */
	first = all[i];
	memmove(&all[1], &all[0], i * sizeof(all[0]));
	all[0] = first;
	return true;
}

void
mx_place_set(struct sched_place *at, const struct mx_target *t)
{
	at->addr = t->addr;
	at->port = t->port;
	at->host = rank_name(0, t->host, t->port);
}

static bool
is_place(const struct sched_place *at, const struct mx_target *t)
{
	return at->port == t->port && net_addr_eq(&at->addr, &t->addr) &&
	    at->host == rank_name(0, t->host, t->port);
}

void
mx_place_take(struct sched_place *at, struct mx_target *all, size_t count,
    const char *host, const struct net_addr *addr)
{
	if (host != NULL && mx_targets_prefer(all, count, host, addr))
		at->first = all[0].addr;
	else if (at->first.family != 0)
		(void)mx_targets_prefer(all, count, "", &at->first);
	if (at->next < count && is_place(at, &all[at->next]) &&
	    (host == NULL || at->next == 0))
		return;
	at->next = 0;
	at->no_tls = false; /* another server may well have it */
}

const struct dns_answer *
mx_hosts_temp(const struct mx_host *hosts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (hosts[i].a != NULL && hosts[i].a->status == DNS_TEMP)
			return hosts[i].a;
		if (hosts[i].aaaa != NULL && hosts[i].aaaa->status == DNS_TEMP)
			return hosts[i].aaaa;
	}
	return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/mx_route.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"

/* More addresses of one host and family than this are not looked at. */
#define ADDRS_SEEN 32

/* ---- order --------------------------------------------------------------- */

/* xorshift64*. */
static uint32_t
next_random(uint64_t *state)
{
	uint64_t x = *state;

	CHECK(x != 0);
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return (uint32_t)((x * UINT64_C(2685821657736338717)) >> 32);
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
mx_hosts_order(struct mx_host *hosts, size_t count, uint64_t *random)
{
	for (size_t i = 0; i < count; i++)
		hosts[i].shuffle = next_random(random);
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

static size_t
shuffled(const struct dns_answer *a, struct net_addr out[ADDRS_SEEN],
    uint64_t *random)
{
	size_t n = a == NULL || a->addrs == NULL ? 0 : a->count;

	if (n > ADDRS_SEEN)
		n = ADDRS_SEEN;
	if (n > 0)
		memcpy(out, a->addrs, n * sizeof(*out));
	for (size_t i = 1; i < n; i++) {
		size_t j = next_random(random) % (i + 1);
		struct net_addr swap = out[i];

		out[i] = out[j];
		out[j] = swap;
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
    uint64_t *random)
{
	struct net_addr v4[ADDRS_SEEN], v6[ADDRS_SEEN];
	size_t n4, n6, n = 0;

	if (h->literal.family != 0) {
		out[0] = h->literal;
		return 1;
	}
	n4 = shuffled(h->a, v4, random);
	n6 = shuffled(h->aaaa, v6, random);
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
    struct mx_target *out, size_t max, uint64_t *random)
{
	size_t n = 0;

	for (size_t i = 0; i < count && n < max; i++) {
		const struct mx_host *h = &hosts[i];
		struct net_addr addrs[MX_ADDRS_PER_HOST];
		size_t have = host_targets(h, addrs, random);

		for (size_t j = 0; j < have && n < max; j++) {
			/* Two names of one server: trying it once is enough. */
			if (is_known(out, n, &addrs[j], h->port))
				continue;
			out[n++] = (struct mx_target){ .host = h->name,
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

void
mx_targets_prefer(struct mx_target *all, size_t count, const char *host,
    const struct net_addr *addr)
{
	struct mx_target first;
	size_t i = 0;

	while (i < count && !is_at(&all[i], host, addr))
		i++;
	if (i == count)
		return; /* the route is another one by now */
	first = all[i];
	memmove(&all[1], &all[0], i * sizeof(all[0]));
	all[0] = first;
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

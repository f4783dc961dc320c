/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/sim_mx.h"

#include <stdlib.h>
#include <string.h>

#include "lib/check.h"
#include "lib/clock.h"
#include "lib/conf_types.h"
#include "lib/mem.h"
#include "vmta/rollup.h"
#include "vmta/sched.h"

#define AFTER_US (20 * US_PER_MS)
#define TTL_US (3600 * US_PER_S)

struct sim_mx_line {
	char *domain;
	size_t n;
	char *hosts[SIM_MX_HOSTS], *addrs[SIM_MX_HOSTS]; /* or NULL */
	int64_t ttl_us, after_us;
	bool fails;
};

struct sim_mx_asked {
	char *domain;
	int64_t at_us;
	size_t listed_n;
	char *listed[SIM_MX_HOSTS];
};

static struct sim_mx_line *
find(const struct sim_mx *mx, const char *domain)
{
	for (size_t i = 0; i < mx->line_count; i++)
		if (strcmp(mx->lines[i].domain, domain) == 0)
			return &mx->lines[i];
	return NULL;
}

static void
line_clear(struct sim_mx_line *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->hosts[i]);
	free(l->domain);
}

void
sim_mx_set(struct sim_mx *mx, const struct sim_mx_says *says)
{
	struct sim_mx_line *l = find(mx, says->domain);

	if (l == NULL) {
		mx->lines = mem_realloc(mx->lines,
		    (mx->line_count + 1) * sizeof(*mx->lines));
		l = &mx->lines[mx->line_count];
		mx->line_count++;
	} else {
		line_clear(l);
	}
	*l = (struct sim_mx_line){ .domain = mem_strdup(says->domain),
		.n = says->n,
		.ttl_us = says->ttl_us == 0 ? TTL_US : says->ttl_us,
		.after_us = says->after_us == 0 ? AFTER_US : says->after_us,
		.fails = says->fails };
	for (size_t i = 0; i < l->n; i++) {
		l->hosts[i] = mem_strdup(says->hosts[i]);
		l->addrs[i] = strchr(l->hosts[i], '=');
		if (l->addrs[i] != NULL)
			*l->addrs[i]++ = '\0';
	}
}

static const struct sim_mx_line *
line_of(const struct sim_mx *mx, const char *domain)
{
	static const struct sim_mx_line own = { .ttl_us = TTL_US,
		.after_us = AFTER_US };
	const struct sim_mx_line *l = find(mx, domain);

	if (l == NULL)
		l = find(mx, "*");
	return l == NULL ? &own : l;
}

void
sim_mx_ask(struct sim_mx *mx, const char *domain,
    const struct conf_strs *listed, int64_t now_us)
{
	struct sim_mx_asked q = { .domain = mem_strdup(domain),
		.at_us = now_us + line_of(mx, domain)->after_us,
		.listed_n = listed->n };
	size_t at;

	CHECK(listed->n <= SIM_MX_HOSTS);
	for (size_t i = 0; i < listed->n; i++)
		q.listed[i] = mem_strdup(listed->v[i]);
	if (mx->last == mx->cap) {
		mx->cap = mx->cap * 2 + 64;
		mx->asked = mem_realloc(mx->asked,
		    mx->cap * sizeof(*mx->asked));
	}
	for (at = mx->last; at > mx->first && mx->asked[at - 1].at_us > q.at_us;
	     at--)
		mx->asked[at] = mx->asked[at - 1];
	mx->asked[at] = q;
	mx->last++;
	mx->all++;
	if (mx->last - mx->first > mx->most)
		mx->most = (uint32_t)(mx->last - mx->first);
}

int64_t
sim_mx_next(const struct sim_mx *mx)
{
	return mx->first == mx->last ? INT64_MAX : mx->asked[mx->first].at_us;
}

static bool
is_at(const struct sim_mx *mx, const char *host, const char *addr)
{
	for (size_t i = 0; i < mx->line_count; i++)
		for (size_t k = 0; k < mx->lines[i].n; k++)
			if (strcmp(mx->lines[i].hosts[k], host) == 0 &&
			    mx->lines[i].addrs[k] != NULL &&
			    strcmp(mx->lines[i].addrs[k], addr) == 0)
				return true;
	return false;
}

static bool
is_same(const struct sim_mx *mx, const struct sim_mx_line *l, const char *host)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->addrs[i] != NULL && is_at(mx, host, l->addrs[i]))
			return true;
	return false;
}

static void
asked_clear(struct sim_mx_asked *q)
{
	for (size_t i = 0; i < q->listed_n; i++)
		free(q->listed[i]);
	free(q->domain);
}

void
sim_mx_answer(struct sim_mx *mx, struct sched *s, int64_t now_us)
{
	struct sim_mx_asked q = mx->asked[mx->first];
	const struct sim_mx_line *l = line_of(mx, q.domain);
	const char *hosts[SIM_MX_HOSTS] = { q.domain };
	const char *same[SIM_MX_HOSTS], *unsure[SIM_MX_HOSTS];
	struct mx_facts f = { .ok = !l->fails,
		.hosts = hosts,
		.n = l->domain == NULL ? 1 : l->n,
		.same = same,
		.unsure = unsure,
		.ttl_us = l->ttl_us };

	CHECK(mx->first < mx->last);
	mx->first++;
	for (size_t i = 0; i < l->n; i++)
		hosts[i] = l->hosts[i];
	for (size_t i = 0; i < q.listed_n; i++) {
		const struct sim_mx_line *own = find(mx, q.listed[i]);

		if (own != NULL && own->fails)
			unsure[f.unsure_n++] = q.listed[i];
		else if (is_same(mx, l, q.listed[i]))
			same[f.same_n++] = q.listed[i];
	}
	sched_resolved(s, q.domain, &f, now_us);
	asked_clear(&q);
}

void
sim_mx_forget(struct sim_mx *mx)
{
	while (mx->first < mx->last) {
		asked_clear(&mx->asked[mx->first]);
		mx->first++;
	}
	mx->first = mx->last = 0;
}

void
sim_mx_fini(struct sim_mx *mx)
{
	sim_mx_forget(mx);
	for (size_t i = 0; i < mx->line_count; i++)
		line_clear(&mx->lines[i]);
	free(mx->lines);
	free(mx->asked);
	*mx = (struct sim_mx){ 0 };
}

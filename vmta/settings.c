/* SPDX-License-Identifier: Apache-2.0 */
#include "vmta/settings.h"

#include <string.h>

#include "vmta/snapshot_priv.h"
#include "vmta/tls_policy.h"

void
settings_layers(const struct snapshot *s, const char *domain, const char *vmta,
    domain_map_fn *fn, void *ctx)
{
	const struct vmta_entry *v = snapshot_find_vmta(s, vmta);
	const struct pool_entry *p = v != NULL ? v->domain_pool :
						 snapshot_find_pool(s, vmta);

	if (strcmp(domain, SNAPSHOT_DSN_DOMAIN) == 0) {
		/* What is said of all domains is about the internet. */
		domain_map_exact(s->domains, domain, fn, ctx);
		return;
	}
	domain_map_match(s->domains, domain, fn, ctx);
	if (p != NULL)
		domain_map_match(p->domains, domain, fn, ctx);
	if (v != NULL)
		domain_map_match(v->domains, domain, fn, ctx);
}

void
settings_exact_layers(const struct snapshot *s, const char *domain,
    const char *vmta, domain_map_fn *fn, void *ctx)
{
	const struct vmta_entry *v = snapshot_find_vmta(s, vmta);
	const struct pool_entry *p = v != NULL ? v->domain_pool :
						 snapshot_find_pool(s, vmta);

	domain_map_exact(s->domains, domain, fn, ctx);
	if (p != NULL)
		domain_map_exact(p->domains, domain, fn, ctx);
	if (v != NULL)
		domain_map_exact(v->domains, domain, fn, ctx);
}

static void
merge_layer(void *ctx, const void *value)
{
	const struct layer *l = value;

	conf_merge(&table_domain, ctx, &l->values, &l->set);
}

void
settings_queue(const struct snapshot *s, const char *domain, const char *vmta,
    struct queue_conf *out)
{
	*out = s->queue_defaults;
	settings_layers(s, domain, vmta, merge_layer, out);
	if (strcmp(domain, SNAPSHOT_DSN_DOMAIN) == 0)
		out->smtp_hosts = s->global.dsn_hosts;
}

#define SET_WORDS (CONF_ROWS_MAX / 64)

/* A domain that is in a group. */
struct member {
	const struct snapshot *s;
	const char *group, *vmta;
	const struct queue_conf *of_group;
	struct queue_conf *out;
	struct conf_set own; /* what a layer about the domain alone has set */
	const struct layer *asked;
	bool is_the_groups;
};

static void
compare(void *ctx, const void *value)
{
	struct member *m = ctx;

	m->is_the_groups = m->is_the_groups || value == m->asked;
}

static bool
is_the_groups(struct member *m, const struct layer *l)
{
	m->asked = l;
	m->is_the_groups = false;
	settings_layers(m->s, m->group, m->vmta, compare, m);
	return m->is_the_groups;
}

/*
 * What a layer of both sets is as the group has it in the end; but no less than it
 * says itself, where it comes on top of what was said of the domain alone.
 */
static void
merge_both(struct member *m, const struct layer *l)
{
	struct conf_set set = l->set;
	struct queue_conf alone;

	conf_merge(&table_domain, m->out, m->of_group, &set);
	for (size_t i = 0; i < SET_WORDS; i++)
		set.bits[i] &= m->own.bits[i];
	alone = *m->out;
	conf_merge(&table_domain, &alone, &l->values, &set);
	if (!tls_policy_tighten(m->out, &alone))
		*m->out = alone;
}

static void
merge_member(void *ctx, const void *value)
{
	const struct layer *l = value;
	struct member *m = ctx;

	if (is_the_groups(m, l)) {
		merge_both(m, l);
		return;
	}
	conf_merge(&table_domain, m->out, &l->values, &l->set);
	for (size_t i = 0; i < SET_WORDS; i++)
		m->own.bits[i] |= l->set.bits[i];
}

void
settings_member(const struct snapshot *s, const char *domain, const char *group,
    const char *vmta, const struct queue_conf *of_group, struct queue_conf *out)
{
	struct member m = { .s = s,
		.group = group,
		.vmta = vmta,
		.of_group = of_group,
		.out = out };

	*out = *of_group;
	settings_layers(s, domain, vmta, merge_member, &m);
}

struct net_addr
settings_plain_address(const struct net_addr *client)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct net_addr a = *client;

	if (a.family == 0)
		return (struct net_addr){ AF_INET, { 127, 0, 0, 1 } };
	if (a.family == AF_INET6 && memcmp(a.a, mapped, 12) == 0) {
		struct net_addr v4 = { .family = AF_INET };

		memcpy(v4.a, a.a + 12, 4);
		return v4;
	}
	return a;
}

/* 0/0 is written for "every client", IPv6 too. */
static bool
is_all(const struct net_prefix *p)
{
	return p->bits == 0 && p->addr.family == AF_INET;
}

void
settings_sources(const struct snapshot *s, const struct net_addr *client,
    const char *name, settings_source_fn *fn, void *ctx)
{
	const struct net_addr addr = settings_plain_address(client);
	const struct source_entry *named = name == NULL ?
	    NULL :
	    snapshot_find_source(s, name);

	for (const struct source_entry *e = s->sources; e != NULL; e = e->next)
		if (is_all(&e->prefix) || net_prefix_match(&e->prefix, &addr))
			fn(ctx, e);
	if (named != NULL)
		fn(ctx, named);
}

static void
merge_source(void *ctx, const struct source_entry *e)
{
	conf_merge(&table_source, ctx, &e->values, &e->set);
}

void
settings_source(const struct snapshot *s, const struct net_addr *client,
    const char *name, struct source_conf *out)
{
	*out = s->source_defaults;
	settings_sources(s, client, name, merge_source, out);
}

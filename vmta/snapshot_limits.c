/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits that are not a queue's or a virtual MTA's: <provider>, <job>, those
 * of a pool, and those by remote host; see snapshot_priv.h.
 */
#include <string.h>

#include "lib/conf_limits.h"
#include "lib/glob.h"
#include "vmta/snapshot_priv.h"

/* ---- <provider> ---------------------------------------------------------- */

/* A domain of a provider, with the line that says so. */
struct claim {
	const struct provider_entry *provider;
	const struct conf_node *node;
};

/* A domain has one provider: its mail cannot count for two. */
static void
claim_domain(struct snapshot *s, struct conf_errors *errs,
    const struct claim *made, const char *domain)
{
	const struct claim *before = domain_map_get(s->provided, domain);
	const struct conf_node *n = made->node;
	struct err e;

	if (before != NULL && before->provider == made->provider)
		return;
	if (before != NULL)
		conf_error(errs, n->file, n->line,
		    "domain: %s is in <provider %s> already, at %s:%u", domain,
		    before->provider->pub.name, before->node->file,
		    before->node->line);
	else if (domain_map_add(s->provided, domain, false, made, &e) == -1)
		conf_error(errs, n->file, n->line, "domain: %s", e.text);
}

/* Keeps the line of each item that it adds to the list; `""` took all away. */
static void
follow_items(struct conf_nodes *lines, size_t count, size_t before,
    struct region *rg, const struct conf_node *n)
{
	if (count < before)
		lines->n = 0;
	while (lines->n < count)
		conf_nodes_add(lines, rg, n);
}

/* Blocks of one name are one, so that an included one can be overridden. */
void
snapshot_provider_read(struct snapshot *s, const struct conf_binder *b,
    const struct conf_node *n, const char *name)
{
	struct provider_entry *p = snapshot_find_provider(s, name);

	if (p == NULL) {
		p = region_new_obj(s->rg, struct provider_entry);
		conf_defaults(b->tree, &table_provider, &p->pub);
		p->pub.name = name;
		p->key = region_strdup(s->rg, name);
		p->node = n;
		str_lower(p->key);
		strmap_put(s->providers, p->key, p);
	}
	for (const struct conf_node *c = n->first; c != NULL; c = c->next) {
		size_t domains = p->pub.domains.n, hosts = p->pub.mx.n;

		conf_bind(b, &table_provider, c, &p->pub, &p->set);
		follow_items(&p->domain_lines, p->pub.domains.n, domains, s->rg,
		    c);
		follow_items(&p->mx_lines, p->pub.mx.n, hosts, s->rg, c);
	}
}

static void
join_provider(struct snapshot *s, const struct provider_entry *p,
    struct conf_errors *errs)
{
	if (p->pub.domains.n == 0 && p->pub.mx.n == 0)
		conf_error(errs, p->node->file, p->node->line,
		    "<provider %s> has neither domain nor mx", p->pub.name);
	for (size_t i = 0; i < p->pub.domains.n; i++) {
		struct claim *made = region_new_obj(s->rg, struct claim);

		*made = (struct claim){ p, p->domain_lines.v[i] };
		claim_domain(s, errs, made, p->pub.domains.v[i]);
	}
}

struct provider_entry *
snapshot_find_provider(const struct snapshot *s, const char *name)
{
	char key[NAME_KEY_MAX + 1];

	return name_key(name, key) ? strmap_get(s->providers, key) : NULL;
}

/* ---- <job> --------------------------------------------------------------- */

void
snapshot_job_read(struct snapshot *s, const struct conf_binder *b,
    const struct conf_node *n, const char *pattern)
{
	struct job_entry *j = region_new_obj(s->rg, struct job_entry);

	conf_defaults(b->tree, &table_job, &j->pub);
	j->pub.pattern = pattern;
	j->node = n;
	for (const struct conf_node *c = n->first; c != NULL; c = c->next)
		conf_bind(b, &table_job, c, &j->pub, &j->set);
	*s->jobs_end = j;
	s->jobs_end = &j->next;
	s->job_count++;
}

/* Comparing each with each: more are not looked at. */
#define JOBS_COMPARED 2000

/* A pattern behind one that fits all of its jobs is never asked. */
static void
check_jobs(const struct snapshot *s, struct conf_errors *errs)
{
	if (s->job_count > JOBS_COMPARED)
		return;
	for (const struct job_entry *j = s->jobs; j != NULL; j = j->next) {
		const struct job_entry *first = s->jobs;

		while (first != j &&
		    !glob_covers(first->pub.pattern, j->pub.pattern))
			first = first->next;
		if (first != j)
			conf_warning(errs, j->node->file, j->node->line,
			    "<job %s> is never reached: <job %s> at %s:%u fits "
			    "all of its jobs",
			    j->pub.pattern, first->pub.pattern,
			    first->node->file, first->node->line);
	}
}

const struct job_entry *
snapshot_find_job(const struct snapshot *s, const char *job)
{
	const struct job_entry *j = s->jobs;

	while (j != NULL && !glob_match(j->pub.pattern, job))
		j = j->next;
	return j;
}

/* ---- pools and remote hosts ---------------------------------------------- */

bool
pool_has_limits(const struct pool_entry *p)
{
	return p->pub.max_conns > 0 || p->pub.msg_rate.period_us > 0 ||
	    p->pub.data_rate.period_us > 0;
}

static void
join_mx_limits(struct snapshot *s, struct conf_errors *errs)
{
	const struct conf_domain_counts *list = &s->global.mx_limits;
	const struct conf_node *n = conf_set_node(&table_global, &s->global_set,
	    "mx-connection-limit");
	struct err e;

	for (size_t i = 0; i < list->n; i++)
		if (domain_map_add(s->mx_limits, list->v[i].pattern, false,
			&list->v[i], &e) == -1)
			conf_error(errs, n->file, n->line,
			    "mx-connection-limit: %s", e.text);
}

void
snapshot_limits_join(struct snapshot *s, struct conf_errors *errs)
{
	for (size_t i = 0; i < strmap_count(s->providers); i++)
		join_provider(s, strmap_at(s->providers, i), errs);
	join_mx_limits(s, errs);
	check_jobs(s, errs);
}

void
snapshot_limits_free(struct snapshot *s)
{
	strmap_free(&s->providers);
	domain_map_free(&s->provided);
	domain_map_free(&s->mx_limits);
}

/* ---- questions ----------------------------------------------------------- */

/* The last one that is told is the most specific. */
static void
note_last(void *ctx, const void *value)
{
	*(const void **)ctx = value;
}

const struct provider *
snapshot_provider(const struct snapshot *s, const char *domain)
{
	const void *last = NULL;
	const struct claim *c;

	if (strcmp(domain, SNAPSHOT_DSN_DOMAIN) == 0)
		return NULL;
	domain_map_match(s->provided, domain, note_last, &last);
	c = last;
	return c == NULL ? NULL : &c->provider->pub;
}

const struct provider *
snapshot_provider_named(const struct snapshot *s, const char *name)
{
	const struct provider_entry *p = snapshot_find_provider(s, name);

	return p == NULL ? NULL : &p->pub;
}

size_t
snapshot_provider_count(const struct snapshot *s)
{
	return strmap_count(s->providers);
}

const struct provider *
snapshot_provider_at(const struct snapshot *s, size_t i)
{
	const struct provider_entry *p = strmap_at(s->providers, i);

	return &p->pub;
}

bool
snapshot_has_payers(const struct snapshot *s)
{
	for (const struct job_entry *j = s->jobs; j != NULL; j = j->next)
		if (j->pub.msg_rate.count > 0)
			return true;
	for (size_t i = 0; i < strmap_count(s->users); i++) {
		const struct user_entry *u = strmap_at(s->users, i);

		if (u->values.msg_rate.count > 0)
			return true;
	}
	return false;
}

const struct job_conf *
snapshot_job(const struct snapshot *s, const char *job)
{
	const struct job_entry *j = snapshot_find_job(s, job);

	return j == NULL ? NULL : &j->pub;
}

const struct pool *
snapshot_pool_of(const struct snapshot *s, const char *vmta)
{
	const struct vmta_entry *v = snapshot_find_vmta(s, vmta);

	return v == NULL || v->domain_pool == NULL ? NULL :
						     &v->domain_pool->pub;
}

const struct conf_domain_count *
snapshot_find_mx_limit(const struct snapshot *s, const char *host)
{
	const void *last = NULL;

	domain_map_match(s->mx_limits, host, note_last, &last);
	return last;
}

uint32_t
snapshot_mx_limit(const struct snapshot *s, const char *host)
{
	const struct conf_domain_count *c = snapshot_find_mx_limit(s, host);

	return c == NULL ? 0 : c->max;
}

uint32_t
snapshot_ip_limit(const struct snapshot *s, const struct net_addr *a)
{
	size_t i = conf_cidr_counts_find(&s->global.ip_limits, a);

	return i == SIZE_MAX ? 0 : s->global.ip_limits.v[i].max;
}

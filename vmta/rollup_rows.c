/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows are in one table by their pattern, so that a domain's hosts lead to the
 * few rollups that may fit, however many there are.
 */
#include "vmta/rollup_rows.h"

#include <stdlib.h>
#include <string.h>

#include "lib/dns_name.h"
#include "lib/strmap.h"

struct rollup_rows {
	struct region *rg;
	struct strmap *targets;       /* by name */
	struct domain_map *by_host;   /* targets, by the patterns of rows */
	struct domain_map *providers; /* by the patterns of `mx` */
	struct conf_strs listed;      /* of rows with rollup-by-ip */
};

struct rollup_rows *
rollup_rows_new(struct region *rg)
{
	struct rollup_rows *rows = mem_new(struct rollup_rows);

	rows->rg = rg;
	rows->targets = strmap_new();
	rows->by_host = domain_map_new(rg);
	rows->providers = domain_map_new(rg);
	return rows;
}

void
rollup_rows_free(struct rollup_rows **rowsp)
{
	struct rollup_rows *rows = *rowsp;

	*rowsp = NULL;
	for (size_t i = 0; i < strmap_count(rows->targets); i++) {
		struct rollup_target *t = strmap_at(rows->targets, i);

		domain_map_free(&t->named);
		domain_map_free(&t->fitting);
	}
	strmap_free(&rows->targets);
	domain_map_free(&rows->by_host);
	domain_map_free(&rows->providers);
	free(rows);
}

static bool
is_wild(const char *pattern)
{
	return strchr(pattern, '*') != NULL;
}

/* One for the rows of a name with rollup-by-ip, one for those without. */
static struct rollup_target *
get_target(struct rollup_rows *rows, const char *name, bool by_ip)
{
	char *lower = region_strdup(rows->rg, name), *key;
	struct rollup_target *t;

	str_lower(lower);
	key = REGION_JOIN(rows->rg, lower, by_ip ? "/ip" : "");
	t = strmap_get(rows->targets, key);
	if (t != NULL)
		return t;
	t = region_new_obj(rows->rg, struct rollup_target);
	t->name = lower;
	t->by_ip = by_ip;
	t->order = strmap_count(rows->targets);
	t->named = domain_map_new(rows->rg);
	t->fitting = domain_map_new(rows->rg);
	strmap_put(rows->targets, key, t);
	return t;
}

/* As DNS is asked for it. */
static void
add_listed(struct rollup_rows *rows, const char *host)
{
	char *lower, clean[DNS_NAME_CAP];

	if (dns_name_clean(host, clean) == -1)
		return; /* nobody could ask */
	lower = region_strdup(rows->rg, clean);
	str_lower(lower);
	for (size_t i = 0; i < rows->listed.n; i++)
		if (strcmp(rows->listed.v[i], lower) == 0)
			return;
	conf_strs_add(&rows->listed, rows->rg, lower);
}

int
rollup_rows_add(struct rollup_rows *rows, const char *pattern, const char *name,
    bool by_ip, const struct conf_node *node, struct err *e)
{
	struct rollup_target *t = get_target(rows, name, by_ip);
	bool wild = is_wild(pattern);
	struct domain_map *own = wild ? t->fitting : t->named;

	if (domain_map_get(own, pattern) != NULL)
		return 0;
	if (domain_map_add(own, pattern, false, t, e) == -1)
		return -1;
	if (!wild)
		conf_strs_add(&t->hosts, rows->rg, pattern);
	else if (t->wild_node == NULL)
		t->wild_node = node;
	if (!wild && by_ip)
		add_listed(rows, pattern);
	return domain_map_add(rows->by_host, pattern, false, t, e);
}

int
rollup_rows_add_provider(struct rollup_rows *rows, const char *pattern,
    const struct provider *p, struct err *e)
{
	const struct provider *before = domain_map_get(rows->providers,
	    pattern);

	if (before == p)
		return 0;
	if (before != NULL)
		return err_set(e, "%s is in <provider %s> already", pattern,
		    before->name);
	return domain_map_add(rows->providers, pattern, false, p, e);
}

bool
rollup_rows_have_targets(const struct rollup_rows *rows)
{
	return strmap_count(rows->targets) > 0;
}

bool
rollup_rows_have_providers(const struct rollup_rows *rows)
{
	return !domain_map_is_empty(rows->providers);
}

size_t
rollup_rows_count(const struct rollup_rows *rows)
{
	return strmap_count(rows->targets);
}

void
rollup_rows_route(struct rollup_rows *rows)
{
	for (size_t i = 0; i < strmap_count(rows->targets); i++) {
		struct rollup_target *t = strmap_at(rows->targets, i);
		struct conf_hosts *route = &t->route;

		route->v = region_array(rows->rg, t->hosts.n + 1,
		    sizeof(*route->v));
		for (route->n = 0; route->n < t->hosts.n; route->n++)
			route->v[route->n] =
			    (struct conf_host){ .name = t->hosts.v[route->n] };
	}
}

const struct rollup_target *
rollup_rows_at(const struct rollup_rows *rows, size_t i)
{
	return strmap_at(rows->targets, i);
}

const struct conf_strs *
rollup_rows_listed(const struct rollup_rows *rows)
{
	return &rows->listed;
}

const struct rollup_target *
rollup_rows_named(const struct rollup_rows *rows, const char *name)
{
	return strmap_get(rows->targets, name);
}

/* ---- who fits ------------------------------------------------------------ */

/* Its hosts, then the other names that these machines have. */
static const char *
name_at(const struct mx_facts *f, size_t i)
{
	return i < f->n ? f->hosts[i] : f->same[i - f->n];
}

/* Is it the first time that this name is there? */
static bool
is_first(const struct mx_facts *f, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (str_eq_nocase(name_at(f, i), name_at(f, at)))
			return false;
	return true;
}

/* Further hosts of the domain do not matter: they are not used. */
static bool
has_all_hosts(const struct rollup_target *t, const struct mx_facts *f)
{
	size_t names = f->n + (t->by_ip ? f->same_n : 0), n = 0;

	if (t->hosts.n == 0 || t->hosts.n > names)
		return false;
	for (size_t i = 0; i < names; i++)
		if (domain_map_has(t->named, name_at(f, i)) && is_first(f, i))
			n++;
	return n == t->hosts.n;
}

static bool
all_fit(const struct rollup_target *t, const struct mx_facts *f)
{
	if (t->wild_node == NULL)
		return false;
	for (size_t i = 0; i < f->n; i++)
		if (!domain_map_has(t->fitting, f->hosts[i]))
			return false;
	return f->n > 0;
}

struct search {
	const struct mx_facts *facts;
	const struct rollup_target *best;
};

static void
consider(void *ctx, const void *value)
{
	const struct rollup_target *t = value;
	struct search *search = ctx;

	if (search->best != NULL && search->best->order <= t->order)
		return;
	if (has_all_hosts(t, search->facts) || all_fit(t, search->facts))
		search->best = t;
}

const struct rollup_target *
rollup_rows_find(const struct rollup_rows *rows, const struct mx_facts *f)
{
	struct search search = { f, NULL };

	for (size_t i = 0; i < f->n + f->same_n; i++)
		domain_map_match(rows->by_host, name_at(f, i), consider,
		    &search);
	return search.best;
}

/* The last one that is told is the most specific. */
static void
note_last(void *ctx, const void *value)
{
	*(const void **)ctx = value;
}

const struct provider *
rollup_rows_provider(const struct rollup_rows *rows, const struct mx_facts *f)
{
	const void *all = NULL;

	for (size_t i = 0; i < f->n; i++) {
		const void *one = NULL;

		domain_map_match(rows->providers, f->hosts[i], note_last, &one);
		if (one == NULL || (all != NULL && one != all))
			return NULL;
		all = one;
	}
	return all;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Joins the parts of a snapshot: names to pointers, inherited values, keys. */
#include <string.h>
#include <unistd.h>

#include "lib/count.h"
#include "vmta/pool.h"
#include "vmta/snapshot_priv.h"

/* ---- host names and sources ---------------------------------------------- */

static void
default_host_name(struct snapshot *s)
{
	char name[256] = "";

	if (s->global.host_name[0] != '\0')
		return;
	if (gethostname(name, sizeof(name) - 1) == -1 || name[0] == '\0')
		(void)strncpy(name, "localhost", sizeof(name) - 1);
	s->global.host_name = region_strdup(s->rg, name);
}

/*
 * Copies of the global addresses, for virtual MTAs with a name of their own
 * and no address: more than any host has.
 */
#define COPIES_MAX 1000000

static bool
has_nameless(const struct conf_sources *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].name[0] == '\0')
			return true;
	return false;
}

static void
fill_names(struct conf_sources *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].name[0] == '\0')
			list->v[i].name = name;
}

/* Sources without a name of their own get the VMTA's; a copy if shared. */
static void
name_sources(struct snapshot *s, struct vmta_entry *v, size_t *copies,
    struct conf_errors *errs)
{
	struct conf_sources *list = &v->pub.sources;
	bool own = conf_is_set(&table_vmta, &v->set, "smtp-source-host");

	if (v->pub.host_name[0] == '\0')
		v->pub.host_name = s->global.host_name;
	if (!own) {
		*list = s->global.sources;
		if (v->pub.host_name == s->global.host_name ||
		    !has_nameless(list))
			return; /* named once for all, below */
		*copies += list->n;
		if (*copies > COPIES_MAX) {
			if (*copies - list->n <= COPIES_MAX)
				conf_error(errs, v->node->file, v->node->line,
				    "more than %d source addresses in all",
				    COPIES_MAX);
			return;
		}
		list->v = region_dup(s->rg, list->v,
		    list->n * sizeof(list->v[0]));
	}
	fill_names(list, v->pub.host_name);
}

static void
join_sources(struct snapshot *s, struct conf_errors *errs)
{
	size_t copies = 0;

	for (size_t i = 0; i < strmap_count(s->vmtas); i++)
		name_sources(s, strmap_at(s->vmtas, i), &copies, errs);
	fill_names(&s->global.sources, s->global.host_name);
}

/* ---- pools --------------------------------------------------------------- */

void
conf_nodes_add(struct conf_nodes *list, struct region *rg,
    const struct conf_node *n)
{
	/* The capacity is the next power of two. */
	if ((list->n & (list->n - 1)) == 0) {
		const struct conf_node **v = region_array(rg,
		    list->n == 0 ? 1 : list->n * 2, sizeof(void *));

		if (list->n > 0)
			memcpy(v, list->v, list->n * sizeof(void *));
		list->v = v;
	}
	list->v[list->n++] = n;
}

/* Has the pool anything that changes header or envelope? */
static bool
pool_edits(const struct pool_entry *p)
{
	return p->pub.include_headers.n > 0 || p->pub.rewrite_list[0] != '\0';
}

/*
 * The pool's <domain> blocks, limits, keys, header fields and rewrite-list count
 * for a member, unless another's do: what it sends could not be counted for the
 * one or the other.
 */
static void
adopt(const struct pool_entry *p, struct vmta_entry *v,
    const struct conf_node *n, struct conf_errors *errs)
{
	const struct pool_entry *other = v->domain_pool;

	if (domain_map_is_empty(p->domains) && !pool_has_limits(p) &&
	    !pool_has_keys(p) && !pool_edits(p))
		return;
	if (other != NULL && other != p)
		conf_error(errs, n->file, n->line,
		    "%s is in the pools %s and %s, which both have %s",
		    v->pub.name, other->pub.name, p->pub.name,
		    pool_edits(p) || pool_edits(other) ?
			"include-headers-from, rewrite-list, keys, limits or "
			"<domain>" :
			pool_has_keys(p) || pool_has_keys(other) ?
			"keys, limits or <domain>" :
			pool_has_limits(p) || pool_has_limits(other) ?
			"limits or <domain>" :
			"<domain>");
	else
		v->domain_pool = p;
}

static void
join_members(struct snapshot *s, struct pool_entry *p, struct conf_errors *errs)
{
	struct strmap *seen = strmap_new();

	for (size_t i = 0; i < p->pub.members.n; i++) {
		const struct conf_node *n = p->member_nodes.v[i];
		const char *name = p->pub.members.v[i].name;
		struct vmta_entry *v = snapshot_find_vmta(s, name);

		if (v == NULL) {
			conf_error(errs, n->file, n->line,
			    "<virtual-mta-pool %s>: there is no virtual MTA %s",
			    p->pub.name, name);
			continue;
		}
		p->pub.vmtas[i] = &v->pub;
		if (v->first_pool == NULL)
			v->first_pool = &p->pub;
		if (strmap_get(seen, v->key) != NULL) {
			conf_error(errs, n->file, n->line,
			    "<virtual-mta-pool %s>: %s is listed twice",
			    p->pub.name, v->pub.name);
			continue;
		}
		strmap_put(seen, v->key, v);
		adopt(p, v, n, errs);
	}
	strmap_free(&seen);
}

static void
join_pool(struct snapshot *s, struct pool_entry *p, struct conf_errors *errs)
{
	const struct conf_node *n = p->node;
	struct err e;

	if (snapshot_find_vmta(s, p->key) != NULL)
		conf_error(errs, n->file, n->line,
		    "<virtual-mta-pool %s>: a virtual MTA has that name",
		    p->pub.name);
	if (p->pub.members.n == 0)
		conf_error(errs, n->file, n->line,
		    "<virtual-mta-pool %s> has no virtual-mta", p->pub.name);
	p->pub.vmtas = region_array(s->rg, p->pub.members.n, sizeof(void *));
	join_members(s, p, errs);
	p->pub.turns = region_new_obj(s->rg, struct count);
	if (pool_round_make(&p->pub.members, s->rg, &p->pub.round, &e) == -1)
		conf_error(errs, n->file, n->line, "<virtual-mta-pool %s>: %s",
		    p->pub.name, e.text);
}

/* ---- sources by address --------------------------------------------------- */

/* Shortest prefix first, so that the narrower ones override. */
static void
order_sources(struct snapshot *s)
{
	struct source_entry **end = &s->sources;

	for (unsigned bits = 0; bits <= 128; bits++)
		for (size_t i = 0; i < strmap_count(s->addr_sources); i++) {
			struct source_entry *src = strmap_at(s->addr_sources,
			    i);

			if (src->prefix.bits != bits)
				continue;
			*end = src;
			end = &src->next;
		}
}

/* ---- all ----------------------------------------------------------------- */

void
snapshot_join(struct snapshot *s, struct conf_errors *errs)
{
	default_host_name(s);
	join_sources(s, errs);
	snapshot_assign_join(s);
	for (size_t i = 0; i < strmap_count(s->pools); i++)
		join_pool(s, strmap_at(s->pools, i), errs);
	snapshot_cold_join(s, errs);
	order_sources(s);
	snapshot_limits_join(s, errs);
	pattern_lists_join(s->patterns, errs);
	reply_lists_join(s->reply_lists, errs);
	snapshot_rollup_join(s, errs);
	snapshot_warmup_join(s, errs);
	snapshot_rewrite_join(s, errs);
	snapshot_headers_join(s, errs);
	snapshot_dsn_join(s, errs);
	snapshot_dummy_join(s, errs);
	snapshot_pickup_join(s, errs);
	snapshot_suppress_join(s);
	snapshot_signing_join(s, errs);
	snapshot_list_join(s, errs);
	snapshot_senders_join(s, errs);
	snapshot_sealing_join(s, errs);
	snapshot_tls_join(s, errs);
	snapshot_tls_policy_join(s, errs);
	snapshot_users_join(s, errs);
}

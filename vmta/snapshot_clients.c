/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of sources, where any client may send to, and what is the host's. */
#include <string.h>

#include "lib/conf_lex.h"
#include "lib/conf_parse.h"
#include "vmta/snapshot_priv.h"

/* Several blocks of one name are one group. */
void
snapshot_group_read(struct snapshot *s, const struct conf_binder *b,
    const struct conf_node *n, const char *name, const char *key)
{
	struct group_entry *g = strmap_get(s->groups, key);

	if (g == NULL) {
		g = region_new_obj(s->rg, struct group_entry);
		conf_defaults(b->tree, &table_group, &g->pub);
		g->pub.name = name;
		g->node = n;
		strmap_put(s->groups, key, g);
	}
	for (const struct conf_node *c = n->first; c != NULL; c = c->next)
		conf_bind(b, &table_group, c, &g->pub, &g->set);
}

/* What is left is for all others: there has to be something. */
static void
check_reserved(const struct snapshot *s, struct conf_errors *errs)
{
	uint32_t all = s->global.max_conns_in;
	uint64_t reserved = 0;

	for (size_t i = 0; i < strmap_count(s->groups); i++) {
		const struct group_entry *g = strmap_at(s->groups, i);
		bool fitted = reserved < all;

		reserved += g->pub.reserved;
		if (fitted && reserved >= all)
			conf_error(errs, g->node->file, g->node->line,
			    "reserved-smtp-in: with this <source-group> all "
			    "of total-max-smtp-in (%u) is reserved",
			    all);
	}
}

void
snapshot_groups_join(struct snapshot *s, struct conf_errors *errs)
{
	size_t n = strmap_count(s->groups);

	s->crowd_groups = region_array(s->rg, n + 1, sizeof(*s->crowd_groups));
	for (size_t i = 0; i < n; i++) {
		const struct group_entry *g = strmap_at(s->groups, i);

		s->crowd_groups[i] = (struct crowd_group){
			.name = g->pub.name,
			.max = g->pub.max_conns,
			.reserved = g->pub.reserved,
		};
	}
	check_reserved(s, errs);
}

const struct crowd_group *
snapshot_source_groups(const struct snapshot *s, size_t *n_r)
{
	*n_r = strmap_count(s->groups);
	return s->crowd_groups;
}

bool
snapshot_awaits_slots(const struct snapshot *s)
{
	const struct listener_entry *l = s->listeners;

	while (l != NULL && !l->values.await_slot)
		l = l->next;
	return s->global.await_slot || l != NULL;
}

/* An address by itself is asked for last: there are few. */
bool
snapshot_relays_to(const struct snapshot *s, const char *addr,
    const char *domain)
{
	const struct conf_strs *list = &s->global.relay_addresses;

	if (domain_map_has(s->relay, domain))
		return true;
	for (size_t i = 0; i < list->n; i++)
		if (str_eq_nocase(list->v[i], addr))
			return true;
	return false;
}

bool
snapshot_is_host_domain(const struct snapshot *s, const char *domain)
{
	return domain_map_has(s->host_domains, domain);
}

/*
 * By IP every program of the host could say who it is; the kernel keeps a path
 * for those who may.
 */
void
snapshot_listeners_check(const struct snapshot *s, struct conf_errors *errs)
{
	for (const struct listener_entry *l = s->listeners; l != NULL;
	     l = l->next) {
		const bool is_path = l->where[0] == '/';

		if (is_path && !l->values.host_mta)
			conf_error(errs, l->node->file, l->node->line,
			    "smtp-listener: \"%s\" is not IP:PORT; a path is "
			    "for the host MTA, with host-mta yes",
			    l->where);
		else if (!is_path && l->values.host_mta)
			conf_error(errs, l->node->file, l->node->line,
			    "host-mta: %s is not a path, and any program could "
			    "connect there",
			    l->where);
	}
}

/* NULL: it may be Exim's. */
static const char *
exim_listener_fault(const struct snapshot *s, const char *where)
{
	if (!conf_strs_has(&s->global.lmtp_listeners, where))
		return "is no lmtp-listener";
	if (where[0] == '/' || strncmp(where, "127.", 4) == 0 ||
	    strncmp(where, "[::1]:", 6) == 0)
		return NULL;
	return "is neither a path nor a loopback address, and any host could "
	       "connect there";
}

void
snapshot_exim_listeners_check(const struct snapshot *s,
    const struct conf_tree *tree, struct conf_errors *errs)
{
	for (const struct conf_node *n = tree->root->first; n != NULL;
	     n = n->next) {
		struct slice rest = slice_of(n->value);
		const char *item;
		struct err e;

		if (n->is_block || !conf_node_is(n, "exim-listener"))
			continue;
		while (
		    conf_item(&rest, s->rg, &item, &e) == 0 && item != NULL) {
			const char *fault = exim_listener_fault(s, item);

			if (fault != NULL)
				conf_error(errs, n->file, n->line,
				    "exim-listener: %s %s", item, fault);
		}
	}
}

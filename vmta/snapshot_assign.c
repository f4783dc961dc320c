/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of snapshot_priv.h: virtual MTAs that a <domain> names and nobody has
 * written down, and which one has a local address.
 */
#include <string.h>

#include "vmta/assign.h"
#include "vmta/snapshot_priv.h"

/* ---- vmta NAME in <domain> ------------------------------------------------ */

static bool
is_there(const struct snapshot *s, const char *name)
{
	return snapshot_find_vmta(s, name) != NULL ||
	    snapshot_find_pool(s, name) != NULL;
}

/* One with the addresses of the top level, as files for other MTAs mean it. */
static void
make_vmta(struct snapshot *s, const struct conf_tree *tree, const char *name,
    const struct conf_node *n, struct conf_errors *errs)
{
	char key[NAME_KEY_MAX + 1];

	if (!name_key(name, key) || strpbrk(name, " \t,/") != NULL) {
		conf_error(errs, n->file, n->line,
		    "vmta: \"%s\" is not the name of a virtual MTA", name);
		return;
	}
	conf_warning(errs, n->file, n->line,
	    "vmta: there is no virtual MTA or pool %s; it is one with the "
	    "addresses of the top level",
	    name);
	(void)snapshot_add_vmta(s, tree, name, region_strdup(s->rg, key), n);
}

void
snapshot_assign_read(struct snapshot *s, const struct conf_tree *tree,
    struct conf_errors *errs)
{
	for (const struct layer *l = s->layers; l != NULL; l = l->next) {
		const char *name = l->values.vmta;

		if (!conf_is_set(&table_domain, &l->set, "vmta") ||
		    name[0] == '\0')
			continue;
		s->assigns_domains = true;
		if (!is_there(s, name))
			make_vmta(s, tree, name,
			    conf_set_node(&table_domain, &l->set, "vmta"),
			    errs);
	}
}

/* ---- default-virtual-mta by-smtp-source-ip -------------------------------- */

static bool
asks_by_ip(const struct strmap *sources)
{
	for (size_t i = 0; i < strmap_count(sources); i++) {
		const struct source_entry *src = strmap_at(sources, i);

		if (conf_is_set(&table_source, &src->set,
			"default-virtual-mta") &&
		    str_eq_nocase(src->values.default_vmta, ASSIGN_BY_IP))
			return true;
	}
	return false;
}

static void
add_addresses(struct snapshot *s, struct vmta_entry *v)
{
	char text[NET_ADDR_TEXT];

	for (size_t i = 0; i < v->pub.sources.n; i++) {
		(void)net_addr_text(&v->pub.sources.v[i].addr, text);
		if (strmap_get(s->by_ip, text) == NULL)
			strmap_put(s->by_ip, region_strdup(s->rg, text),
			    &v->pub);
	}
}

void
snapshot_assign_join(struct snapshot *s)
{
	if (!asks_by_ip(s->named_sources) && !asks_by_ip(s->addr_sources))
		return;
	s->by_ip = strmap_new();
	for (size_t i = 0; i < strmap_count(s->vmtas); i++) {
		struct vmta_entry *v = strmap_at(s->vmtas, i);

		if (conf_is_set(&table_vmta, &v->set, "smtp-source-host"))
			add_addresses(s, v);
	}
}

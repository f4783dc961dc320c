/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of snapshot_priv.h: the keys that seals are made with, each arc-key once, and
 * what is wrong with them.
 */
#include <string.h>

#include "mail/auth_results.h"
#include "mail/dkim_key.h"
#include "vmta/sealing.h"
#include "vmta/snapshot_priv.h"

struct snapshot_sealing {
	struct strmap *keys; /* of struct sealing_key, by the text */
	bool any;
	const struct conf_node *seals; /* a line that wants seals, or NULL */
};

struct snapshot_sealing *
snapshot_sealing_new(struct region *rg)
{
	struct snapshot_sealing *g = region_new_obj(rg,
	    struct snapshot_sealing);

	g->keys = strmap_new();
	return g;
}

void
snapshot_sealing_free(struct snapshot_sealing **gp)
{
	struct snapshot_sealing *g = *gp;

	*gp = NULL;
	if (g != NULL)
		strmap_free(&g->keys);
}

/* ---- at load --------------------------------------------------------------- */

/*
 * SELECTOR, DOMAIN, FILE, as of a domain-key, but of one domain.  The text gets
 * the path that the file has from here: that in another folder is another key.
 */
static void
read_key(struct snapshot *s, const struct conf_node *n, const char **text,
    struct conf_errors *errs)
{
	const struct conf_tree none = { .rg = s->rg };
	struct conf_dkeys list = { 0 };
	struct sealing_key *k;
	struct err e;

	if (conf_value_parse(&none, conf_find_row(&table_global, "domain-key"),
		n, slice_of(*text), &list, &e) == -1) {
		conf_error(errs, n->file, n->line, "arc-key: %s", e.text);
		return;
	}
	if (list.n != 1 || strcmp(list.v[0].domain, "*") == 0) {
		conf_error(errs, n->file, n->line,
		    "arc-key: SELECTOR, DOMAIN, FILE is needed");
		return;
	}
	*text = region_printf(s->rg, "%s, %s, %s", list.v[0].selector,
	    list.v[0].domain, list.v[0].path);
	if (strmap_get(s->sealing->keys, *text) != NULL)
		return;
	k = region_new_obj(s->rg, struct sealing_key);
	k->selector = list.v[0].selector;
	k->domain = list.v[0].domain;
	k->key = snapshot_key_file(s, &list.v[0], "arc-key", errs);
	strmap_put(s->sealing->keys, *text, k);
	if (k->key != NULL && dkim_key_algorithm(k->key) != DKIM_RSA_SHA256)
		conf_error(errs, n->file, n->line,
		    "arc-key: %s is no RSA key: not everybody can read "
		    "another in a seal",
		    list.v[0].path);
}

static void
join_one(struct snapshot *s, const struct conf_table *table,
    const struct conf_set *set, const char **key, struct conf_errors *errs)
{
	const struct conf_node *n = conf_set_node(table, set, "arc-key");

	if (n != NULL && *key != NULL && (*key)[0] != '\0')
		read_key(s, n, key, errs);
}

static void
wants(struct snapshot *s, const struct conf_table *table,
    const struct conf_set *set, bool seal)
{
	if (seal && conf_is_set(table, set, "arc-seal"))
		s->sealing->seals = conf_set_node(table, set, "arc-seal");
}

static void
join_source(struct snapshot *s, struct source_entry *e,
    struct conf_errors *errs)
{
	join_one(s, &table_source, &e->set, &e->values.arc_key, errs);
	wants(s, &table_source, &e->set, e->values.arc_seal);
	if (e->values.check_arc)
		s->sealing->any = true;
}

static void
check(const struct snapshot *s, struct conf_errors *errs)
{
	const struct conf_node *n = s->sealing->seals;
	const char *id = s->global.authserv_id;

	if (n != NULL && strmap_count(s->sealing->keys) == 0)
		conf_error(errs, n->file, n->line,
		    "arc-seal: there is no arc-key");
	if (n != NULL && id != NULL && id[0] == '\0')
		conf_error(errs, n->file, n->line,
		    "arc-seal: authserv-id is needed, too");
	n = conf_set_node(&table_global, &s->global_set, "authserv-id");
	if (n != NULL && id != NULL && id[0] != '\0' && !auth_results_is_id(id))
		conf_error(errs, n->file, n->line,
		    "authserv-id: \"%s\" is no authserv-id, such as the name "
		    "of the host",
		    id);
}

void
snapshot_sealing_join(struct snapshot *s, struct conf_errors *errs)
{
	for (struct source_entry *e = s->sources; e != NULL; e = e->next)
		join_source(s, e, errs);
	for (size_t i = 0; i < strmap_count(s->named_sources); i++)
		join_source(s, strmap_at(s->named_sources, i), errs);
	for (size_t i = 0; i < strmap_count(s->vmtas); i++) {
		struct vmta_entry *v = strmap_at(s->vmtas, i);

		join_one(s, &table_vmta, &v->set, &v->pub.arc_key, errs);
		wants(s, &table_vmta, &v->set, v->pub.arc_seal);
	}
	for (struct layer *l = s->layers; l != NULL; l = l->next) {
		join_one(s, &table_domain, &l->set, &l->values.arc_key, errs);
		wants(s, &table_domain, &l->set, l->values.arc_seal);
	}
	s->sealing->any = s->sealing->any || s->sealing->seals != NULL;
	check(s, errs);
}

/* ---- asked by others ------------------------------------------------------- */

bool
snapshot_seals(const struct snapshot *s)
{
	return s->sealing->any;
}

const struct sealing_key *
snapshot_sealing_key(const struct snapshot *s, const char *text)
{
	return text[0] == '\0' ? NULL : strmap_get(s->sealing->keys, text);
}

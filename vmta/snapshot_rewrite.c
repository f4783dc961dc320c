/* SPDX-License-Identifier: Apache-2.0 */
/* Of snapshot_priv.h: lists of rewrite.h by their names, and who names which. */
#include <string.h>

#include "lib/conf_lex.h"
#include "vmta/rewrite.h"
#include "vmta/snapshot_priv.h"

/* ---- lists ------------------------------------------------------------------- */

static int
read_row(struct rewrite_list *l, struct region *rg, const struct conf_node *n,
    struct err *e)
{
	struct slice rest = slice_of(n->value);
	const char *what, *to;

	if (conf_word(&rest, rg, &what, e) == -1 ||
	    conf_word(&rest, rg, &to, e) == -1)
		return -1;
	return conf_node_is(n, "mail-from") ?
	    rewrite_add_mail(l, rg, what, to, e) :
	    rewrite_add_from(l, rg, what, to, e);
}

/* Blocks of one name add up, as those of other lists. */
void
snapshot_rewrite_read(struct snapshot *s, const struct conf_binder *b,
    const struct conf_node *block, const char *key)
{
	struct rewrite_list *l = strmap_get(s->rewrites, key);
	struct err e;

	if (l == NULL) {
		l = rewrite_list_new(s->rg);
		strmap_put(s->rewrites, key, l);
	}
	for (const struct conf_node *n = block->first; n != NULL; n = n->next)
		switch (read_row(l, s->rg, n, &e)) {
		case -1:
			conf_error(b->errs, n->file, n->line, "%s: %s", n->name,
			    e.text);
			break;
		case 1:
			conf_warning(b->errs, n->file, n->line,
			    "%s: a row before it takes all that this one "
			    "could",
			    n->name);
			break;
		default:
			break;
		}
}

/* ---- who names which ----------------------------------------------------------- */

static const struct rewrite_list *
find(const struct snapshot *s, const struct conf_table *table,
    const struct conf_set *set, const char *name, struct conf_errors *errs)
{
	const struct conf_node *n = conf_set_node(table, set, "rewrite-list");
	const struct rewrite_list *l = NULL;

	if (n != NULL && name[0] != '\0') {
		l = snapshot_rewrites(s, name);
		if (l == NULL)
			conf_error(errs, n->file, n->line,
			    "rewrite-list: there is no <rewrite-list %s>",
			    name);
	}
	return l;
}

static void
check_source(const struct snapshot *s, const struct source_entry *src,
    struct conf_errors *errs)
{
	(void)find(s, &table_source, &src->set, src->values.rewrite_list, errs);
}

void
snapshot_rewrite_join(struct snapshot *s, struct conf_errors *errs)
{
	for (size_t i = 0; i < strmap_count(s->named_sources); i++)
		check_source(s, strmap_at(s->named_sources, i), errs);
	for (size_t i = 0; i < strmap_count(s->addr_sources); i++)
		check_source(s, strmap_at(s->addr_sources, i), errs);
	for (size_t i = 0; i < strmap_count(s->pools); i++) {
		struct pool_entry *p = strmap_at(s->pools, i);

		p->rewrites = find(s, &table_pool, &p->set, p->pub.rewrite_list,
		    errs);
	}
	for (size_t i = 0; i < strmap_count(s->vmtas); i++) {
		struct vmta_entry *v = strmap_at(s->vmtas, i);

		v->rewrites = find(s, &table_vmta, &v->set, v->pub.rewrite_list,
		    errs);
		if (!conf_is_set(&table_vmta, &v->set, "rewrite-list") &&
		    v->domain_pool != NULL)
			v->rewrites = v->domain_pool->rewrites;
	}
}

/* ---- asked by others ------------------------------------------------------------ */

const struct rewrite_list *
snapshot_rewrites(const struct snapshot *s, const char *name)
{
	char key[NAME_KEY_MAX + 1];

	return name_key(name, key) ? strmap_get(s->rewrites, key) : NULL;
}

const struct rewrite_list *
snapshot_vmta_rewrites(const struct snapshot *s, const char *vmta)
{
	const struct vmta_entry *v = snapshot_find_vmta(s, vmta);

	return v == NULL ? NULL : v->rewrites;
}

bool
snapshot_rewrites_from(const struct snapshot *s, const char *source_list)
{
	if (rewrite_is_about_from(snapshot_rewrites(s, source_list)))
		return true;
	for (size_t i = 0; i < strmap_count(s->vmtas); i++) {
		const struct vmta_entry *v = strmap_at(s->vmtas, i);

		if (rewrite_is_about_from(v->rewrites))
			return true;
	}
	return false;
}

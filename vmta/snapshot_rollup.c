/* SPDX-License-Identifier: Apache-2.0 */
/* <mx-rollup-list>, queue-to, and what <provider> says of MX hosts. */
#include <string.h>

#include "lib/conf_hosts.h"
#include "lib/conf_lex.h"
#include "lib/dns_name.h"
#include "vmta/rollup_rows.h"
#include "vmta/settings.h"
#include "vmta/snapshot_priv.h"

/* mx PATTERN NAME.rollup [rollup-by-ip], of that form */
static int
read_row(struct snapshot *s, const struct conf_tree *tree,
    const struct conf_node *n, struct err *e)
{
	struct slice rest = slice_of(n->value);
	const char *pattern, *name, *how;
	struct conf_strs hosts = { 0 };
	bool from_macro;

	if (conf_word(&rest, s->rg, &pattern, e) == -1 ||
	    conf_word(&rest, s->rg, &name, e) == -1 ||
	    conf_word(&rest, s->rg, &how, e) == -1 ||
	    conf_expand(tree, pattern, &hosts, &from_macro, e) == -1)
		return -1;
	for (size_t i = 0; i < hosts.n; i++)
		if (rollup_rows_add(s->rollups, hosts.v[i], name, how != NULL,
			n, e) == -1)
			return -1;
	return 0;
}

void
snapshot_rollup_read(struct snapshot *s, const struct conf_binder *b,
    const struct conf_node *block)
{
	struct err e;

	for (const struct conf_node *n = block->first; n != NULL; n = n->next)
		if (read_row(s, b->tree, n, &e) == -1)
			conf_error(b->errs, n->file, n->line, "mx: %s", e.text);
}

/* The hosts of a rollup by wildcards could be anybody's. */
static void
check_target(const struct snapshot *s, const struct rollup_target *t,
    struct conf_errors *errs)
{
	struct queue_conf c;

	if (t->by_ip || t->wild_node == NULL)
		return;
	settings_queue(s, t->name, "", &c);
	if (c.smtp_hosts.n == 0)
		conf_error(errs, t->wild_node->file, t->wild_node->line,
		    "mx: a wildcard needs smtp-hosts in <domain %s>, or "
		    "rollup-by-ip",
		    t->name);
}

static void
join_provider(struct snapshot *s, struct provider_entry *p,
    struct conf_errors *errs)
{
	const struct conf_node *n = conf_set_node(&table_provider, &p->set,
	    "rollup");
	struct err e;

	if (p->pub.rollup[0] != '\0') {
		char *lower = region_strdup(s->rg, p->pub.rollup);

		s->has_groups = true;
		str_lower(lower);
		p->pub.rollup = lower;
		if (!rollup_is_name(lower) ||
		    !conf_is_host_name(slice_of(lower)))
			conf_error(errs, n->file, n->line,
			    "rollup: \"%s\" is not a name that ends in "
			    ".rollup",
			    lower);
	}
	for (size_t i = 0; i < p->pub.mx.n; i++) {
		n = p->mx_lines.v[i];
		if (rollup_rows_add_provider(s->rollups, p->pub.mx.v[i],
			&p->pub, &e) == -1)
			conf_error(errs, n->file, n->line, "mx: %s", e.text);
	}
}

static void
join_queue_to(struct snapshot *s, struct layer *l, struct conf_errors *errs)
{
	const struct conf_node *n = conf_set_node(&table_domain, &l->set,
	    "queue-to");
	char *lower, clean[DNS_NAME_CAP];
	size_t len;

	if (n == NULL || l->values.queue_to[0] == '\0')
		return;
	s->has_queue_to = true;
	if (!conf_is_host_name(slice_of(l->values.queue_to)))
		conf_error(errs, n->file, n->line,
		    "queue-to: \"%s\" is not the name of a domain",
		    l->values.queue_to);
	if (dns_name_clean(l->values.queue_to, clean) == 0) /* xn-- */
		l->values.queue_to = region_strdup(s->rg, clean);
	lower = region_strdup(s->rg, l->values.queue_to);
	str_lower(lower);
	len = strlen(lower);
	if (lower[len - 1] == '.') /* "x." would be another queue than "x" */
		lower[len - 1] = '\0';
	l->values.queue_to = lower;
}

/* A rollup is in no DNS: its mail would fail, so it stays where it is. */
static void
check_queue_to(const struct snapshot *s, struct layer *l,
    struct conf_errors *errs)
{
	const struct conf_node *n = conf_set_node(&table_domain, &l->set,
	    "queue-to");
	const char *to = l->values.queue_to;
	struct queue_conf c;

	if (n == NULL || !rollup_is_name(to))
		return;
	settings_queue(s, to, "", &c);
	if (c.smtp_hosts.n > 0 || rollup_hosts(s, to) != NULL)
		return;
	conf_warning(errs, n->file, n->line,
	    "queue-to: without smtp-hosts in <domain %s> it has no effect", to);
	l->values.queue_to = "";
}

void
snapshot_rollup_join(struct snapshot *s, struct conf_errors *errs)
{
	for (size_t i = 0; i < strmap_count(s->providers); i++)
		join_provider(s, strmap_at(s->providers, i), errs);
	for (size_t i = 0; i < rollup_rows_count(s->rollups); i++)
		check_target(s, rollup_rows_at(s->rollups, i), errs);
	rollup_rows_route(s->rollups);
	for (struct layer *l = s->layers; l != NULL; l = l->next)
		join_queue_to(s, l, errs);
	for (struct layer *l = s->layers; l != NULL; l = l->next)
		check_queue_to(s, l, errs);
}

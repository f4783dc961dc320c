/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the tree of a configuration into a snapshot; see snapshot_priv.h. */
#include <stdlib.h>
#include <string.h>

#include "lib/conf_lex.h"
#include "vmta/rollup_rows.h"
#include "vmta/snapshot_priv.h"

struct reader {
	struct snapshot *s;
	struct conf_binder b;
	struct listener_entry **listeners_end;
	const struct conf_node *spool; /* that named it last */
};

static void
fail(const struct reader *r, const struct conf_node *n, const char *text)
{
	conf_error(r->b.errs, n->file, n->line, "<%s %s>: %s", n->name,
	    n->value, text);
}

/* The argument of a block without quotes; NULL (and said so) if missing. */
static const char *
argument(const struct reader *r, const struct conf_node *n)
{
	const char *arg;
	struct err e;

	if (conf_unquote(slice_of(n->value), r->s->rg, &arg, &e) == -1) {
		fail(r, n, e.text);
		return NULL;
	}
	if (arg[0] == '\0') {
		conf_error(r->b.errs, n->file, n->line,
		    "<%s>: argument missing", n->name);
		return NULL;
	}
	return arg;
}

/* A name and its form for look-ups. */
static const char *
name_argument(const struct reader *r, const struct conf_node *n, char **key_r)
{
	const char *name = argument(r, n);
	char key[NAME_KEY_MAX + 1];

	if (name == NULL)
		return NULL;
	if (!name_key(name, key) || strpbrk(name, " \t,/") != NULL) {
		fail(r, n, "not a name: no blanks, commas or slashes, please");
		return NULL;
	}
	*key_r = region_strdup(r->s->rg, key);
	return name;
}

/* ---- <domain> ------------------------------------------------------------ */

static void
read_domain(struct reader *r, const struct conf_node *n, struct domain_map *map,
    const struct vmta_entry *vmta, const struct pool_entry *pool)
{
	const char *arg = argument(r, n);
	struct layer *l;
	bool from_macro;
	struct err e;

	if (arg == NULL)
		return;
	l = region_new_obj(r->s->rg, struct layer);
	l->node = n;
	l->vmta = vmta;
	l->pool = pool;
	for (const struct conf_node *c = n->first; c != NULL; c = c->next)
		conf_bind(&r->b, &table_domain, c, &l->values, &l->set);
	if (conf_expand(r->b.tree, arg, &l->patterns, &from_macro, &e) == -1) {
		fail(r, n, e.text);
		return;
	}
	for (size_t i = 0; i < l->patterns.n; i++)
		if (domain_map_add(map, l->patterns.v[i], from_macro, l, &e) ==
		    -1)
			fail(r, n, e.text);
	*r->s->layers_end = l;
	r->s->layers_end = &l->next;
}

/*
 * `dkim-sign` beside <domain> is short for it in a <domain *>; false if the
 * line is something else.
 */
static bool
read_short_sign(struct reader *r, const struct conf_node *n,
    struct domain_map *map, const struct vmta_entry *vmta,
    const struct pool_entry *pool)
{
	struct layer *l;
	struct err e;

	if (n->is_block || !conf_node_is(n, "dkim-sign"))
		return false;
	l = region_new_obj(r->s->rg, struct layer);
	l->node = n;
	l->vmta = vmta;
	l->pool = pool;
	conf_bind(&r->b, &table_domain, n, &l->values, &l->set);
	conf_strs_add(&l->patterns, r->s->rg, "*");
	if (domain_map_add(map, "*", false, l, &e) == -1)
		fail(r, n, e.text);
	*r->s->layers_end = l;
	r->s->layers_end = &l->next;
	return true;
}

static void
read_global_domain(struct reader *r, const struct conf_node *n)
{
	read_domain(r, n, r->s->domains, NULL, NULL);
}

/* ---- <virtual-mta>, <virtual-mta-pool> ----------------------------------- */

struct vmta_entry *
snapshot_add_vmta(struct snapshot *s, const struct conf_tree *tree,
    const char *name, char *key, const struct conf_node *n)
{
	struct vmta_entry *v = region_new_obj(s->rg, struct vmta_entry);

	conf_defaults(tree, &table_vmta, &v->pub);
	v->pub.name = name;
	v->key = key;
	v->node = n;
	v->domains = domain_map_new(s->rg);
	strmap_put(s->vmtas, v->key, v);
	return v;
}

static void
read_vmta(struct reader *r, const struct conf_node *n)
{
	struct vmta_entry *v;
	char *key;
	const char *name = name_argument(r, n, &key);

	if (name == NULL)
		return;
	v = snapshot_find_vmta(r->s, key);
	if (v == NULL)
		v = snapshot_add_vmta(r->s, r->b.tree, name, key, n);
	for (const struct conf_node *c = n->first; c != NULL; c = c->next)
		if (c->is_block && c->opened == NULL &&
		    conf_node_is(c, "domain"))
			read_domain(r, c, v->domains, v, NULL);
		else if (!read_short_sign(r, c, v->domains, v, NULL))
			conf_bind(&r->b, &table_vmta, c, &v->pub, &v->set);
}

/* Keeps the line of each name that it adds, for messages. */
static void
read_member(struct reader *r, const struct conf_node *n, struct pool_entry *p)
{
	size_t before = p->pub.members.n;

	conf_bind(&r->b, &table_pool, n, &p->pub, &p->set);
	if (p->pub.members.n < before)
		p->member_nodes.n = 0; /* `""` took all away */
	while (p->member_nodes.n < p->pub.members.n)
		conf_nodes_add(&p->member_nodes, r->s->rg, n);
}

static void
read_pool(struct reader *r, const struct conf_node *n)
{
	struct pool_entry *p;
	char *key;
	const char *name = name_argument(r, n, &key);

	if (name == NULL)
		return;
	p = snapshot_find_pool(r->s, key);
	if (p == NULL) {
		p = region_new_obj(r->s->rg, struct pool_entry);
		conf_defaults(r->b.tree, &table_pool, &p->pub);
		p->pub.name = name;
		p->key = key;
		p->node = n;
		p->domains = domain_map_new(r->s->rg);
		strmap_put(r->s->pools, p->key, p);
	}
	for (const struct conf_node *c = n->first; c != NULL; c = c->next)
		if (c->is_block && c->opened == NULL &&
		    conf_node_is(c, "domain"))
			read_domain(r, c, p->domains, NULL, p);
		else if (!read_short_sign(r, c, p->domains, NULL, p))
			read_member(r, c, p);
}

/* ---- <source>, <smtp-user> ----------------------------------------------- */

static struct source_entry *
add_source(struct strmap *map, struct region *rg, const char *key)
{
	struct source_entry *src = region_new_obj(rg, struct source_entry);

	src->key = key;
	strmap_put(map, key, src);
	return src;
}

/* The entry of the same address or name, or a new one. */
static struct source_entry *
get_source(struct reader *r, const struct conf_node *n)
{
	struct snapshot *s = r->s;
	struct source_entry *src;
	struct net_prefix prefix;
	struct err ignored;
	char text[NET_ADDR_TEXT], *key;
	const char *name = argument(r, n);

	if (name == NULL)
		return NULL;
	if (net_prefix_parse(slice_of(name), &prefix, &ignored) == 0) {
		key = region_printf(s->rg, "%s/%u",
		    net_addr_text(&prefix.addr, text), prefix.bits);
		src = strmap_get(s->addr_sources, key);
		if (src == NULL)
			src = add_source(s->addr_sources, s->rg, key);
		src->prefix = prefix;
		return src;
	}
	name = name_argument(r, n, &key);
	if (name == NULL)
		return NULL;
	src = snapshot_find_source(s, key);
	if (src == NULL)
		src = add_source(s->named_sources, s->rg, key);
	src->name = name;
	return src;
}

static void
read_source(struct reader *r, const struct conf_node *n)
{
	struct source_entry *src = get_source(r, n);

	if (src == NULL)
		return;
	for (const struct conf_node *c = n->first; c != NULL; c = c->next)
		conf_bind(&r->b, &table_source, c, &src->values, &src->set);
}

static void
read_user(struct reader *r, const struct conf_node *n)
{
	const char *name = argument(r, n);
	struct user_entry *u;

	if (name == NULL)
		return;
	u = strmap_get(r->s->users, name);
	if (u == NULL) {
		u = region_new_obj(r->s->rg, struct user_entry);
		conf_defaults(r->b.tree, &table_user, &u->values);
		u->name = name;
		strmap_put(r->s->users, u->name, u);
	}
	for (const struct conf_node *c = n->first; c != NULL; c = c->next)
		conf_bind(&r->b, &table_user, c, &u->values, &u->set);
}

/* ---- <provider>, <job> --------------------------------------------------- */

static void
read_provider(struct reader *r, const struct conf_node *n)
{
	char *key;
	const char *name = name_argument(r, n, &key);

	if (name != NULL)
		snapshot_provider_read(r->s, &r->b, n, name);
}

static void
read_job(struct reader *r, const struct conf_node *n)
{
	const char *pattern = argument(r, n);

	if (pattern != NULL)
		snapshot_job_read(r->s, &r->b, n, pattern);
}

/* ---- <warmup> ------------------------------------------------------------ */

static void
read_warmup(struct reader *r, const struct conf_node *n)
{
	char *key;
	const char *name = name_argument(r, n, &key);

	if (name != NULL)
		snapshot_warmup_read(r->s, &r->b, n, name, key);
}

/* ---- <source-group> ------------------------------------------------------ */

static void
read_group(struct reader *r, const struct conf_node *n)
{
	char *key;
	const char *name = name_argument(r, n, &key);

	if (name != NULL)
		snapshot_group_read(r->s, &r->b, n, name, key);
}

/* ---- <acct-file> --------------------------------------------------------- */

static void
read_acct(struct reader *r, const struct conf_node *n)
{
	const char *path = argument(r, n);

	if (path != NULL)
		snapshot_acct_read(r->s, &r->b, n, path);
}

/* ---- the top level ------------------------------------------------------- */

static struct listener_entry *
add_listener(struct reader *r, const struct conf_node *n, const char *where)
{
	struct listener_entry *l = region_new_obj(r->s->rg,
	    struct listener_entry);

	conf_defaults(r->b.tree, &table_listener, &l->values);
	l->where = where;
	l->node = n;
	*r->listeners_end = l;
	r->listeners_end = &l->next;
	conf_strs_add(&r->s->global.smtp_listeners, r->s->rg, where);
	conf_set_mark(&r->b, &table_global, n, &r->s->global_set);
	return l;
}

static void
read_listener_block(struct reader *r, const struct conf_node *n)
{
	const char *where = argument(r, n);
	struct listener_entry *l;

	if (where == NULL)
		return;
	l = add_listener(r, n, where);
	for (const struct conf_node *c = n->first; c != NULL; c = c->next)
		conf_bind(&r->b, &table_listener, c, &l->values, &l->set);
}

/* smtp-listener IP:PORT [source=NAME] */
static void
read_listener_line(struct reader *r, const struct conf_node *n)
{
	struct slice rest = slice_of(n->value);
	struct listener_entry *l;
	const char *word;
	struct err e;

	if (conf_word(&rest, r->s->rg, &word, &e) == -1) {
		conf_error(r->b.errs, n->file, n->line, "smtp-listener: %s",
		    e.text);
		return;
	}
	if (word == NULL) {
		conf_error(r->b.errs, n->file, n->line,
		    "smtp-listener: argument missing");
		return;
	}
	l = add_listener(r, n, word);
	while (conf_word(&rest, r->s->rg, &word, &e) == 0 && word != NULL)
		if (strncasecmp(word, "source=", 7) == 0 && word[7] != '\0')
			l->values.source = word + 7;
		else
			conf_error(r->b.errs, n->file, n->line,
			    "smtp-listener: \"%s\" is not source=NAME", word);
}

/* PowerMTA spreads mail over several; here there is one. */
static void
note_spool(struct reader *r, const struct conf_node *n, const char *before)
{
	if (r->spool != NULL && strcmp(r->s->global.spool, before) != 0)
		conf_warning(r->b.errs, n->file, n->line,
		    "spool: more than one has no effect yet; the last counts");
	r->spool = n;
}

static void
read_spool(struct reader *r, const struct conf_node *n)
{
	const char *dir = argument(r, n), *before = r->s->global.spool;
	struct conf_set none = { 0 };

	if (dir == NULL)
		return;
	r->s->global.spool = dir;
	note_spool(r, n, before);
	for (const struct conf_node *c = n->first; c != NULL; c = c->next)
		conf_bind(&r->b, &table_spool, c, NULL, &none);
}

static void
read_patterns(struct reader *r, const struct conf_node *n)
{
	pattern_lists_read(r->s->patterns, &r->b, n);
}

/* Its lines may be read. */
static bool
has_form(struct reader *r, const struct conf_node *n)
{
	size_t fatal = r->b.errs->fatal;

	conf_check_block(&r->b, &table_global, n);
	return r->b.errs->fatal == fatal;
}

static void
read_replies(struct reader *r, const struct conf_node *n)
{
	char *key;

	if (has_form(r, n) && name_argument(r, n, &key) != NULL)
		reply_lists_read(r->s->reply_lists, &r->b, n, key);
}

static void
read_rollups(struct reader *r, const struct conf_node *n)
{
	if (has_form(r, n))
		snapshot_rollup_read(r->s, &r->b, n);
}

static void
read_key_list(struct reader *r, const struct conf_node *n)
{
	char *key;

	if (has_form(r, n) && name_argument(r, n, &key) != NULL)
		snapshot_signing_read_list(r->s, &r->b, n, key);
}

static void
read_dsn_rule(struct reader *r, const struct conf_node *n)
{
	const char *name;
	char *key;

	if (!has_form(r, n))
		return;
	name = name_argument(r, n, &key);
	if (name != NULL)
		reply_lists_read_rule(r->s->reply_lists, &r->b, n, name, key);
}

static void
read_rewrites(struct reader *r, const struct conf_node *n)
{
	char *key;

	if (has_form(r, n) && name_argument(r, n, &key) != NULL)
		snapshot_rewrite_read(r->s, &r->b, n, key);
}

static void
read_suppress(struct reader *r, const struct conf_node *n)
{
	char *key;
	const char *name = name_argument(r, n, &key);

	if (name != NULL)
		snapshot_suppress_read(r->s, &r->b, n, name, key);
}

static void
read_address_list(struct reader *r, const struct conf_node *n)
{
	char *key;
	const char *name;

	if (!has_form(r, n))
		return;
	name = name_argument(r, n, &key);
	if (name != NULL)
		snapshot_suppress_read_addresses(r->s, &r->b, n, name, key);
}

static const struct {
	const char *name;
	void (*read)(struct reader *r, const struct conf_node *n);
} blocks[] = {
	{ "acct-file", read_acct },
	{ "address-list", read_address_list },
	{ "domain", read_global_domain },
	{ "domain-key-list", read_key_list },
	{ "dsn-rule", read_dsn_rule },
	{ "job", read_job },
	{ "mx-rollup-list", read_rollups },
	{ "pattern-list", read_patterns },
	{ "provider", read_provider },
	{ "rewrite-list", read_rewrites },
	{ "smtp-listener", read_listener_block },
	{ "smtp-pattern-list", read_replies },
	{ "smtp-user", read_user },
	{ "source", read_source },
	{ "source-group", read_group },
	{ "spool", read_spool },
	{ "suppression-list", read_suppress },
	{ "virtual-mta", read_vmta },
	{ "virtual-mta-pool", read_pool },
	{ "warmup", read_warmup },
};

/* Adds the names that came with this line; `""` took all away. */
static void
read_domains(struct reader *r, const struct conf_node *n,
    const struct conf_strs *list, struct domain_map **map)
{
	size_t before = list->n;
	struct err e;

	conf_bind(&r->b, &table_global, n, &r->s->global, &r->s->global_set);
	if (list->n < before) {
		domain_map_free(map);
		*map = domain_map_new(r->s->rg);
		before = 0;
	}
	for (size_t i = before; i < list->n; i++)
		if (domain_map_add(*map, list->v[i], false, list->v[i], &e) ==
		    -1)
			conf_error(r->b.errs, n->file, n->line, "%s: %s",
			    n->name, e.text);
}

static void
read_directive(struct reader *r, const struct conf_node *n)
{
	struct snapshot *s = r->s;
	const char *spool = s->global.spool;

	if (conf_node_is(n, "smtp-listener")) {
		read_listener_line(r, n);
		return;
	}
	if (conf_node_is(n, "relay-domain")) {
		read_domains(r, n, &s->global.relay_domains, &s->relay);
		return;
	}
	if (conf_node_is(n, "host-domain")) {
		read_domains(r, n, &s->global.host_domains, &s->host_domains);
		return;
	}
	if (read_short_sign(r, n, s->domains, NULL, NULL))
		return;
	if (conf_node_is(n, "host-name") &&
	    conf_is_set(&table_global, &s->global_set, "host-name")) {
		/* PowerMTA: the first is the main one, all are local. */
		conf_warning(r->b.errs, n->file, n->line,
		    "host-name: more than the first has no effect yet");
		return;
	}
	conf_bind(&r->b, &table_global, n, &s->global, &s->global_set);
	if (conf_node_is(n, "spool"))
		note_spool(r, n, spool);
}

static void
read_top(struct reader *r, const struct conf_node *n)
{
	if (!n->is_block) {
		read_directive(r, n);
		return;
	}
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
		if (n->opened == NULL && conf_node_is(n, blocks[i].name)) {
			blocks[i].read(r, n);
			return;
		}
	conf_bind_block(&r->b, &table_global, n);
}

static struct snapshot *
new_snapshot(const struct conf_tree *tree)
{
	/* Loads are made by one thread, the main one. */
	static uint64_t generation;
	struct snapshot *s = mem_new(struct snapshot);

	ref_init(&s->refs);
	s->self = s;
	s->generation = ++generation;
	s->rg = tree->rg;
	s->layers_end = &s->layers;
	s->vmtas = strmap_new();
	s->pools = strmap_new();
	s->named_sources = strmap_new();
	s->addr_sources = strmap_new();
	s->patterns = pattern_lists_new();
	s->reply_lists = reply_lists_new();
	s->rollups = rollup_rows_new(s->rg);
	s->providers = strmap_new();
	s->provided = domain_map_new(s->rg);
	s->jobs_end = &s->jobs;
	s->warmups = strmap_new();
	s->suppress = strmap_new();
	s->mx_limits = domain_map_new(s->rg);
	s->accts = strmap_new();
	s->users = strmap_new();
	s->groups = strmap_new();
	s->rewrites = strmap_new();
	s->signing = snapshot_signing_new();
	s->sealing = snapshot_sealing_new(s->rg);
	s->domains = domain_map_new(s->rg);
	s->relay = domain_map_new(s->rg);
	s->host_domains = domain_map_new(s->rg);
	conf_defaults(tree, &table_global, &s->global);
	conf_defaults(tree, &table_domain, &s->queue_defaults);
	conf_defaults(tree, &table_source, &s->source_defaults);
	(void)snapshot_add_vmta(s, tree, VMTA_DEFAULT,
	    region_strdup(s->rg, VMTA_DEFAULT), tree->root);
	return s;
}

struct snapshot *
snapshot_load(const char *path, struct conf_errors *errs)
{
	size_t fatal_before = errs->fatal, before = errs->n;
	struct conf_tree tree;
	struct reader r;

	conf_parse(&tree, path, region_new(), errs);
	r = (struct reader){
		.s = new_snapshot(&tree),
		.b = { .tree = &tree, .schema = &conf_schema, .errs = errs },
	};
	r.listeners_end = &r.s->listeners;
	for (const struct conf_node *n = tree.root->first; n != NULL;
	     n = n->next)
		read_top(&r, n);
	snapshot_assign_read(r.s, &tree, errs);
	snapshot_join(r.s, errs);
	snapshot_groups_join(r.s, errs);
	snapshot_listeners_check(r.s, errs);
	snapshot_acct_join(r.s, &r.b);
	snapshot_check(r.s, &tree, errs);
	conf_tree_fini(&tree);
	conf_errors_finish(errs, before);
	if (errs->fatal > fatal_before)
		snapshot_unref(&r.s);
	return r.s;
}

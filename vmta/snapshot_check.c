/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks across directives, when a whole configuration has been read.  They
 * walk the tree again, so that each complaint has its line.
 */
#include <string.h>

#include "lib/check.h"
#include "lib/conf_hosts.h"
#include "lib/conf_lex.h"
#include "mail/addr.h"
#include "mail/mark.h"
#include "vmta/assign.h"
#include "vmta/settings.h"
#include "vmta/snapshot_priv.h"

/* Unix socket paths, with the NUL (struct sockaddr_un). */
#define SOCKET_PATH_MAX 107

struct check {
	const struct snapshot *s;
	const struct conf_tree *tree;
	struct conf_errors *errs;
};

typedef void check_fn(const struct check *c, const struct conf_node *n,
    const char *value);

static const char *
unquoted(const struct check *c, const struct conf_node *n)
{
	const char *text;
	struct err ignored;

	/* A value that cannot be read has been complained about. */
	if (conf_unquote(slice_of(n->value), c->s->rg, &text, &ignored) == -1)
		return "";
	return text;
}

/* ---- names --------------------------------------------------------------- */

static bool
is_vmta_or_pool(const struct snapshot *s, const char *name)
{
	return snapshot_find_vmta(s, name) != NULL ||
	    snapshot_find_pool(s, name) != NULL;
}

static void
check_vmta(const struct check *c, const struct conf_node *n, const char *value)
{
	if (value[0] != '\0' && !is_vmta_or_pool(c->s, value))
		conf_error(c->errs, n->file, n->line,
		    "%s: there is no virtual MTA or pool %s", n->name, value);
}

static void
check_default_vmta(const struct check *c, const struct conf_node *n,
    const char *value)
{
	if (!str_eq_nocase(value, ASSIGN_BY_IP))
		check_vmta(c, n, value);
}

static void
check_pattern_list(const struct check *c, const struct conf_node *n,
    const char *value)
{
	const struct pattern_list *l;

	if (value[0] == '\0')
		return;
	l = pattern_lists_find(c->s->patterns, value);
	if (l == NULL)
		conf_error(c->errs, n->file, n->line,
		    "pattern-list: there is no <pattern-list %s>", value);
	else if (l->node->order > n->order)
		conf_error(c->errs, n->file, n->line,
		    "pattern-list: <pattern-list %s> must stand before this "
		    "<source>",
		    value);
}

static void
check_named_source(const struct check *c, const struct conf_node *n,
    const char *value)
{
	/* {auth} need not be written: then the address alone decides. */
	if (value[0] == '\0' || str_eq_nocase(value, "{auth}"))
		return;
	if (snapshot_find_source(c->s, value) == NULL)
		conf_error(c->errs, n->file, n->line,
		    "source: there is no <source %s>", value);
}

static void
check_group(const struct check *c, const struct conf_node *n, const char *value)
{
	char key[NAME_KEY_MAX + 1];

	if (value[0] != '\0' &&
	    (!name_key(value, key) || strmap_get(c->s->groups, key) == NULL))
		conf_error(c->errs, n->file, n->line,
		    "source-group: there is no <source-group %s>", value);
}

static void
check_reply_list(const struct check *c, const struct conf_node *n,
    const char *value)
{
	if (value[0] != '\0' && !reply_lists_has(c->s->reply_lists, value))
		conf_error(c->errs, n->file, n->line,
		    "smtp-pattern-list: there is no <smtp-pattern-list %s>",
		    value);
}

static void
check_pattern_rows(const struct check *c)
{
	for (const struct pattern_list *l = c->s->patterns->first; l != NULL;
	     l = l->next)
		for (const struct pattern_row *r = l->rows; r != NULL;
		     r = r->next)
			if (r->vmta != NULL && !is_vmta_or_pool(c->s, r->vmta))
				conf_error(c->errs, r->node->file,
				    r->node->line,
				    "virtual-mta=%s: there is no such virtual "
				    "MTA or pool",
				    r->vmta);
}

/* ---- forms of single values ---------------------------------------------- */

static void
check_absolute(const struct check *c, const struct conf_node *n,
    const char *value)
{
	if (value[0] != '\0' && value[0] != '/')
		conf_error(c->errs, n->file, n->line,
		    "%s: an absolute path is needed", n->name);
}

/* Read now, so that its faults show before a daemon stumbles over them. */
static void
check_mark_key(const struct check *c, const struct conf_node *n,
    const char *value)
{
	struct mark_key *key = NULL;
	struct err e;

	check_absolute(c, n, value);
	if (value[0] == '/' && mark_key_read(value, &key, &e) == -1)
		conf_file_error(c->errs, n->file, n->line, value, "%s: %s",
		    n->name, e.text);
	mark_key_free(&key);
}

static void
check_socket(const struct check *c, const struct conf_node *n,
    const char *value)
{
	check_absolute(c, n, value);
	if (strlen(value) > SOCKET_PATH_MAX)
		conf_error(c->errs, n->file, n->line,
		    "%s: the path of a socket has at most %d bytes", n->name,
		    SOCKET_PATH_MAX);
}

static void
check_host_name(const struct check *c, const struct conf_node *n,
    const char *value)
{
	if (value[0] != '\0' && !conf_is_host_name(slice_of(value)))
		conf_error(c->errs, n->file, n->line,
		    "%s: \"%s\" is not a host name", n->name, value);
}

/* Senders who know of no SMTPUTF8 write to it, too (RFC 6531 section 3.1). */
static void
check_postmaster(const struct check *c, const struct conf_node *n,
    const char *value)
{
	struct addr a;

	if (value[0] == '\0')
		return;
	if (addr_parse(slice_of(value), c->s->rg, &a) != ADDR_OK)
		conf_error(c->errs, n->file, n->line,
		    "%s: \"%s\" is not an address", n->name, value);
	else if (a.utf8)
		conf_error(c->errs, n->file, n->line,
		    "%s: \"%s\" is not ASCII: mail to it would need SMTPUTF8, "
		    "which its senders may not have",
		    n->name, value);
}

static void
check_dsn_host(const struct check *c, const struct conf_node *n,
    const char *value)
{
	(void)value;
	snapshot_dsn_check_host(c->s, n, c->errs);
}

static void
check_dsn_return(const struct check *c, const struct conf_node *n,
    const char *value)
{
	if (strcmp(value, "headers") != 0 && strcmp(value, "full") != 0 &&
	    strcmp(value, "system") != 0)
		conf_error(c->errs, n->file, n->line,
		    "dsn-return-default: \"%s\" is none of headers, full, "
		    "system",
		    value);
}

static void
check_name_server(const struct check *c, const struct conf_node *n,
    const char *value)
{
	struct slice rest = slice_of(n->value);
	struct net_addr addr;
	const char *item;
	uint16_t port;
	struct err e;

	(void)value;
	while (conf_item(&rest, c->s->rg, &item, &e) == 0 && item != NULL)
		if (item[0] != '\0' &&
		    net_addr_parse(slice_of(item), &addr, &e) == -1 &&
		    net_endpoint_parse(item, &addr, &port, &e) == -1)
			conf_error(c->errs, n->file, n->line,
			    "name-server: \"%s\" is neither IP nor IP:PORT",
			    item);
}

static void
check_suppression(const struct check *c, const struct conf_node *n,
    const char *value)
{
	(void)value;
	snapshot_suppress_check_names(c->s, n, c->errs);
}

static const struct {
	const char *block, *name; /* block NULL: the top level */
	check_fn *check;
} checks[] = {
	{ NULL, "control-socket", check_socket },
	{ NULL, "domain-suffix", check_host_name },
	{ NULL, "dsn-host", check_dsn_host },
	{ NULL, "host-name", check_host_name },
	{ NULL, "invalid-virtual-mta-fallback", check_vmta },
	{ NULL, "log-file", check_absolute },
	{ NULL, "mail-log-file", check_absolute },
	{ NULL, "mail-log-socket", check_socket },
	{ NULL, "mark-key-file", check_mark_key },
	{ NULL, "milter-control-socket", check_socket },
	{ NULL, "name-server", check_name_server },
	{ NULL, "postmaster", check_postmaster },
	{ NULL, "spool", check_absolute },
	{ NULL, "suppression-dir", check_absolute },
	{ NULL, "suppression-lists", check_suppression },
	{ "domain", "smtp-pattern-list", check_reply_list },
	{ "job", "suppression-lists", check_suppression },
	{ "smtp-listener", "source", check_named_source },
	{ "smtp-user", "source", check_named_source },
	{ "source", "default-virtual-mta", check_default_vmta },
	{ "source", "dsn-return-default", check_dsn_return },
	{ "source", "pattern-list", check_pattern_list },
	{ "source", "source-group", check_group },
	{ "source", "suppression-lists", check_suppression },
	{ "virtual-mta", "host-name", check_host_name },
	{ "virtual-mta", "suppression-lists", check_suppression },
	{ "virtual-mta-pool", "suppression-lists", check_suppression },
};

static void
check_node(const struct check *c, const char *block, const struct conf_node *n)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		if ((block == NULL) != (checks[i].block == NULL))
			continue;
		if (block != NULL && !str_eq_nocase(block, checks[i].block))
			continue;
		if (conf_node_is(n, checks[i].name))
			checks[i].check(c, n, unquoted(c, n));
	}
}

/* Those of a block, and of a <domain> in it. */
static void
check_block(const struct check *c, const struct conf_node *n)
{
	for (const struct conf_node *k = n->first; k != NULL; k = k->next) {
		if (!k->is_block)
			check_node(c, n->name, k);
		for (const struct conf_node *d = k->first; d != NULL;
		     d = d->next)
			if (!d->is_block && conf_node_is(k, "domain"))
				check_node(c, k->name, d);
	}
}

static void
check_nodes(const struct check *c)
{
	for (const struct conf_node *n = c->tree->root->first; n != NULL;
	     n = n->next) {
		/* <spool DIR> is checked as `spool DIR`. */
		if (!n->is_block || conf_node_is(n, "spool"))
			check_node(c, NULL, n);
		check_block(c, n);
	}
}

/* ---- listeners ----------------------------------------------------------- */

struct place {
	const char *where;
	const struct conf_node *node;
	bool any_address; /* of its family */
	struct net_addr addr;
	uint16_t port; /* 0: a path */
};

static int
parse_place(const char *where, struct place *p, struct err *e)
{
	static const uint8_t zero[16];

	p->where = where;
	p->port = 0;
	if (where[0] == '/') {
		if (strlen(where) > SOCKET_PATH_MAX)
			return err_set(e,
			    "the path of a socket has at most %d bytes",
			    SOCKET_PATH_MAX);
		return 0;
	}
	if (net_endpoint_parse(where, &p->addr, &p->port, e) == -1)
		return -1;
	p->any_address = memcmp(p->addr.a, zero, 16) == 0;
	return 0;
}

static bool
same_place(const struct place *a, const struct place *b)
{
	if (a->port == 0 || b->port == 0)
		return a->port == b->port && strcmp(a->where, b->where) == 0;
	return a->port == b->port && a->addr.family == b->addr.family &&
	    (a->any_address || b->any_address ||
		net_addr_eq(&a->addr, &b->addr));
}

/* Each is a socket, and a look at all others; nobody has so many. */
#define LISTENERS_MAX 1000

struct taken {
	size_t n, cap;
	struct place *v;
	bool too_many; /* said */
};

static void
add_place(const struct check *c, struct taken *list, const char *where,
    const struct conf_node *n)
{
	struct place p = { .node = n };
	struct err e;

	if (where[0] == '\0')
		return;
	if (parse_place(where, &p, &e) == -1) {
		conf_error(c->errs, n->file, n->line, "%s: %s", n->name,
		    e.text);
		return;
	}
	for (size_t i = 0; i < list->n; i++)
		if (same_place(&list->v[i], &p)) {
			conf_error(c->errs, n->file, n->line,
			    "%s: %s is taken by %s in %s:%u", n->name, where,
			    list->v[i].node->name, list->v[i].node->file,
			    list->v[i].node->line);
			return;
		}
	if (list->n == LISTENERS_MAX) {
		if (!list->too_many)
			conf_error(c->errs, n->file, n->line,
			    "more than %d listeners", LISTENERS_MAX);
		list->too_many = true;
		return;
	}
	if (list->n == list->cap) {
		size_t cap = list->cap == 0 ? 8 : list->cap * 2;
		struct place *v = region_array(c->s->rg, cap,
		    sizeof(list->v[0]));

		if (list->n > 0)
			memcpy(v, list->v, list->n * sizeof(v[0]));
		list->v = v;
		list->cap = cap;
	}
	list->v[list->n++] = p;
}

static void
check_listeners(const struct check *c)
{
	struct taken list = { 0 };

	for (const struct listener_entry *l = c->s->listeners; l != NULL;
	     l = l->next) {
		add_place(c, &list, l->where, l->node);
		if (!l->node->is_block)
			check_named_source(c, l->node, l->values.source);
	}
	for (const struct conf_node *n = c->tree->root->first; n != NULL;
	     n = n->next) {
		struct slice rest = slice_of(n->value);
		const char *item;
		struct err e;

		if (n->is_block ||
		    (!conf_node_is(n, "lmtp-listener") &&
			!conf_node_is(n, "milter-listener") &&
			!conf_node_is(n, "suppress-socket")))
			continue;
		while (
		    conf_item(&rest, c->s->rg, &item, &e) == 0 && item != NULL)
			add_place(c, &list, item, n);
	}
}

/* ---- patterns ------------------------------------------------------------- */

const char *
snapshot_sample_domain(struct region *rg, const char *pattern)
{
	char text[NET_ADDR_TEXT];
	struct net_prefix prefix;
	struct err ignored;
	struct slice inside;

	if (strcmp(pattern, "*") == 0)
		return "any.invalid";
	if (strncmp(pattern, "[*.]", 4) == 0)
		return pattern + 4;
	if (strncmp(pattern, "*.", 2) == 0)
		return region_printf(rg, "any%s", pattern + 1);
	if (pattern[0] != '[')
		return pattern;
	inside = (struct slice){ pattern + 1, strlen(pattern) - 2 };
	if (net_prefix_parse(inside, &prefix, &ignored) == -1)
		return "any.invalid";
	return region_printf(rg, "[%s]", net_addr_text(&prefix.addr, text));
}

/* ---- notifications ------------------------------------------------------- */

/* Mail is taken, and what fails of it is told to nobody: is that meant? */
static void
check_notices(const struct check *c)
{
	const struct conf_node *first = c->tree->root->first;
	const struct global_conf *g = &c->s->global;

	if (first == NULL || g->dsn_hosts.n > 0 ||
	    (g->lmtp_listeners.n == 0 && g->smtp_listeners.n == 0))
		return;
	conf_warning(c->errs, first->file, 0,
	    "dsn-host is not set: senders are not told of mail that fails");
}

/* What is told to operators takes the same way. */
static void
check_alerts(const struct check *c)
{
	static const char *const names[] = { "backoff-notify",
		"disabled-source-ip-notify" };

	if (c->s->global.dsn_hosts.n > 0)
		return;
	for (const struct layer *l = c->s->layers; l != NULL; l = l->next)
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			const struct conf_node *n = conf_set_node(&table_domain,
			    &l->set, names[i]);

			if (n != NULL && unquoted(c, n)[0] != '\0')
				conf_warning(c->errs, n->file, n->line,
				    "%s: nobody is told while dsn-host is not "
				    "set",
				    names[i]);
		}
}

void
snapshot_check(const struct snapshot *s, const struct conf_tree *tree,
    struct conf_errors *errs)
{
	const struct check c = { s, tree, errs };

	check_nodes(&c);
	check_pattern_rows(&c);
	check_listeners(&c);
	snapshot_exim_listeners_check(s, tree, errs);
	snapshot_auth_check(s, errs);
	snapshot_tls_policy_check(s, errs);
	snapshot_reroute_check(s, errs);
	snapshot_log_check(s, errs);
	check_notices(&c);
	check_alerts(&c);
}

/* ---- what a reload cannot change ------------------------------------------ */

static bool
same_strs(const struct conf_strs *a, const struct conf_strs *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	return true;
}

static bool
same_value(const struct conf_directive *row, const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	if (row->type == CONF_TYPE_STRS)
		return same_strs(a, b);
	if (row->type == CONF_TYPE_BOOL)
		return *(const bool *)a == *(const bool *)b;
	if (row->type == CONF_TYPE_UINT)
		return *(const uint32_t *)a == *(const uint32_t *)b;
	CHECK(row->type == CONF_TYPE_STR);
	return strcmp(*x, *y) == 0;
}

void
snapshot_check_reload(const struct snapshot *old, const struct snapshot *new,
    const char *path, struct conf_errors *errs)
{
	for (size_t i = 0; i < table_global.count; i++) {
		const struct conf_directive *row = &table_global.rows[i];
		const struct conf_node *n = conf_set_node(&table_global,
		    &new->global_set, row->name);

		if (row->reload == CONF_RESTART &&
		    !same_value(row, (const char *)&old->global + row->offset,
			(const char *)&new->global + row->offset))
			conf_warning(errs, n == NULL ? path : n->file,
			    n == NULL ? 0 : n->line,
			    "%s has changed, which takes effect at the next "
			    "start",
			    row->name);
	}
}

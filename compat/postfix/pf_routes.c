/* SPDX-License-Identifier: Apache-2.0 */
/* transport_maps as <domain> blocks, nexthops as smtp-hosts, and passwords. */
#include <stdlib.h>
#include <string.h>

#include "compat/postfix/pf_import_priv.h"
#include "lib/net.h"

#define SECURITY_OPTIONS "smtp_sasl_security_options"

/* ---- nexthops -------------------------------------------------------------- */

static const struct {
	const char *name, *port;
} ports[] = { { "smtp", "25" }, { "submission", "587" } };

/* ":25" or ":submission" as ":587"; "" for none, NULL: not understood. */
static const char *
port_of(struct pf_import *im, const char *text)
{
	if (text[0] == '\0')
		return "";
	if (text[0] != ':')
		return NULL;
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		if (strcmp(text + 1, ports[i].name) == 0)
			return REGION_JOIN(im->rg, ":", ports[i].port);
	return text[1] != '\0' &&
		text[1 + strspn(text + 1, "0123456789")] == 0 ?
	    text :
	    NULL;
}

/* One of them; in brackets it is a host, else a domain with MX hosts. */
static const char *
one_host(struct pf_import *im, const char *hop)
{
	const char *end = strrchr(hop, ']'), *port, *name;
	struct net_addr a;
	struct err ignored;

	if (hop[0] == '[' && end != NULL) {
		name = region_strndup(im->rg, hop + 1, (size_t)(end - hop) - 1);
		port = port_of(im, end + 1);
		if (strncasecmp(name, "ipv6:", 5) == 0)
			name += 5;
		if (net_addr_parse(slice_of(name), &a, &ignored) == 0)
			name = REGION_JOIN(im->rg, "[", name, "]");
		else if (!pf_is_plain_host(name))
			return NULL;
		return port == NULL ? NULL : REGION_JOIN(im->rg, name, port);
	}
	name = region_strndup(im->rg, hop, strcspn(hop, ":"));
	port = port_of(im, hop + strlen(name));
	if (port == NULL || !pf_is_plain_host(name))
		return NULL;
	return REGION_JOIN(im->rg, "lookup-mx:", name, port);
}

const char *
pf_hosts(struct pf_import *im, const char *nexthop)
{
	const char *hosts = "";

	while (*(nexthop += strspn(nexthop, ", \t")) != '\0') {
		size_t len = strcspn(nexthop, ", \t");
		const char *one = one_host(im,
		    region_strndup(im->rg, nexthop, len));

		if (one == NULL)
			return NULL;
		hosts = REGION_JOIN(im->rg, hosts, hosts[0] == '\0' ? "" : "; ",
		    one);
		nexthop += len;
	}
	return hosts;
}

/*
 * Postfix counts connections by nexthop, we by domain: for what many domains
 * go to there are limits by host.
 */
static void
limit_host(struct pf_import *im, const struct pf_service *s, const char *hop)
{
	const char *end = strchr(hop, ']'), *name, *limit;
	const char *comment = REGION_JOIN(im->rg, s->name,
	    "_destination_concurrency_limit");
	struct net_addr a;
	struct err ignored;

	limit = pf_connections(im, s);
	if (hop[0] != '[' || end == NULL || limit[0] == '\0')
		return;
	name = region_strndup(im->rg, hop + 1, (size_t)(end - hop) - 1);
	if (net_addr_parse(slice_of(name), &a, &ignored) == 0)
		(void)import_add(import_top(im->out), "ip-connection-limit",
		    REGION_JOIN(im->rg, name, " ", limit), comment);
	else
		(void)import_add(import_top(im->out), "mx-connection-limit",
		    REGION_JOIN(im->rg, name, " ", limit), comment);
}

void
pf_limit_nexthop(struct pf_import *im, const struct pf_service *s,
    const char *nexthop)
{
	char *hops = region_strdup(im->rg, nexthop);

	if (s == NULL || hops[0] == '\0' ||
	    strmap_get(im->limited, hops) != NULL)
		return;
	strmap_put(im->limited, hops, hops);
	limit_host(im, s, hops);
}

/* ---- transport_maps -------------------------------------------------------- */

/* Is there no recipient of whom another row than this one could hold? */
static bool
is_wildcard(const char *pattern)
{
	return pattern[0] == '*';
}

static void
keep_route(struct pf_import *im, const struct pf_row *row,
    const struct import_fact *fact)
{
	const char *pattern = pf_domain_pattern(im, row->key, fact);
	struct pf_route *r;

	if (pattern == NULL)
		return;
	im->routes = region_grow(im->rg, im->routes, im->route_count,
	    sizeof(*im->routes));
	r = &im->routes[im->route_count++];
	r->pattern = pattern;
	r->hop = pf_hop_of(im, row->values[0]);
	r->where = fact->where;
	im->wildcards = im->wildcards || is_wildcard(pattern);
}

static void
read_route(struct pf_import *im, const struct pf_row *row)
{
	struct import_fact fact = { "transport_maps",
		REGION_JOIN(im->rg, row->key, " ", row->values[0]), row->where,
		false };
	struct pf_hop hop = pf_hop_of(im, row->values[0]);
	const struct pf_service *s = pf_service(im->conf, hop.service);

	if (row->kind == PF_ROW_PATTERN)
		import_tell(im->report, IMPORT_LOST, &fact,
		    "a pattern of recipients: limits and routes are by domain");
	else if (row->n > 1)
		import_tell(im->report, IMPORT_LOST, &fact,
		    "recipients at random: name the pool in "
		    "default-virtual-mta, or in vmta of <domain>");
	else if (hop.service[0] != '\0' && !pf_is_client(s))
		import_tell(im->report, IMPORT_KEPT, &fact,
		    "delivered by Postfix itself");
	else if (pf_hosts(im, hop.nexthop) == NULL)
		import_tell(im->report, IMPORT_LOST, &fact,
		    "this nexthop is not understood");
	else
		keep_route(im, row, &fact);
}

/* When there are all: the array does not move any more. */
static void
index_routes(struct pf_import *im)
{
	for (size_t i = 0; i < im->route_count; i++) {
		struct pf_route *r = &im->routes[i];
		char *nexthop = region_strdup(im->rg, r->hop.nexthop);

		str_lower(nexthop);
		strmap_put(im->patterns, r->pattern, r);
		if (nexthop[0] != '\0')
			strmap_put(im->nexthops, nexthop, nexthop);
	}
}

void
pf_routes_read(struct pf_import *im)
{
	struct import_fact fact = pf_fact(im, NULL, "transport_maps");
	struct pf_rows rows;

	pf_read_tables(im, NULL, "transport_maps", &rows);
	for (size_t i = 0; i < rows.n; i++) {
		struct pf_row *row = &rows.v[i];

		if (row->kind == PF_ROW_KEY &&
		    pf_rows_find(&rows, row->key) != row)
			continue;
		if (row->kind == PF_ROW_ANY)
			row->key = "*";
		read_route(im, row);
	}
	index_routes(im);
	if (im->route_count > 0)
		import_tell(im->report, IMPORT_CHANGED, &fact,
		    "as <domain> blocks: %zu; Postfix asks its table first, "
		    "and goes on delivering what it names until the rows are "
		    "gone from there",
		    im->route_count);
}

const char *
pf_nexthop_of(const struct pf_import *im, const struct pf_route *r)
{
	if (r->hop.nexthop[0] != '\0' || r->hop.service[0] != '\0')
		return r->hop.nexthop;
	return im->relay;
}

/* A line about hosts, where others would count without it. */
static void
add_hosts(struct pf_import *im, const struct pf_route *r,
    struct import_block *b)
{
	const char *nexthop = pf_nexthop_of(im, r);
	const char *hosts = pf_hosts(im, nexthop);

	if (hosts == NULL)
		return;
	if (hosts[0] != '\0')
		(void)import_add(b, "smtp-hosts", hosts, r->where);
	else if (im->wildcards || im->relay[0] != '\0')
		(void)import_add(b, "smtp-hosts", "\"\"", r->where);
}

/*
 * transport_maps counts more than what is said of senders, vmta of <domain>
 * less: where there are senders, reroute-to-virtual-mta does it.
 */
static void
add_vmta(struct pf_import *im, const struct pf_route *r, struct import_block *b)
{
	const char *directive = im->by_sender ? "reroute-to-virtual-mta" :
						"vmta";
	const struct pf_service *s = pf_service(im->conf, r->hop.service);

	if (r->hop.service[0] == '\0') {
		if (im->wildcards)
			(void)import_add(b, directive, "\"\"", r->where);
		return;
	}
	if (s != im->client || im->wildcards || im->by_sender)
		(void)import_add(b, directive, pf_vmta(im, s, ""), r->where);
}

void
pf_routes(struct pf_import *im)
{
	for (size_t i = 0; i < im->route_count; i++) {
		const struct pf_route *r = &im->routes[i];
		const struct pf_service *s = pf_service(im->conf,
		    r->hop.service);
		struct import_block *b = import_block(im->out,
		    import_top(im->out), "domain", r->pattern);

		add_vmta(im, r, b);
		add_hosts(im, r, b);
		pf_limit_nexthop(im, s == NULL ? im->client : s,
		    r->hop.nexthop);
	}
}

void
pf_routes_repeat(struct pf_import *im, struct import_block *vmta)
{
	for (size_t i = 0; i < im->route_count; i++) {
		const struct pf_route *r = &im->routes[i];

		if (r->hop.nexthop[0] != '\0')
			add_hosts(im, r,
			    import_block(im->out, vmta, "domain", r->pattern));
	}
}

/* ---- passwords ------------------------------------------------------------- */

/* Without noplaintext, which is there by default, Postfix shows passwords. */
static bool
shows_password(const struct pf_import *im)
{
	struct slice rest = slice_of(
	    pf_value(im->conf, NULL, SECURITY_OPTIONS));
	struct slice word;

	while ((word = pf_list_item(&rest)).len > 0)
		if (slice_eq(word, "noplaintext"))
			return false;
	return pf_is_changed(im->conf, SECURITY_OPTIONS);
}

/* Is there mail without TLS at all? */
static bool
goes_in_clear(const struct pf_import *im)
{
	static const char *const levels[] = { "", "none", "may", "dane" };
	const char *level = pf_value(im->conf, NULL, "smtp_tls_security_level");

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (strcmp(level, levels[i]) == 0)
			return true;
	return false;
}

static void
tell_security(struct pf_import *im)
{
	const struct import_fact fact = pf_fact(im, NULL, SECURITY_OPTIONS);

	if (!pf_is_changed(im->conf, SECURITY_OPTIONS))
		return;
	if (!shows_password(im))
		import_tell(im->report, IMPORT_LOST, &fact,
		    "the mechanism cannot be chosen");
	else if (goes_in_clear(im))
		import_tell(im->report, IMPORT_TAKEN, &fact,
		    "use-unencrypted-plain-auth yes beside each auth-username");
	else
		import_tell(im->report, IMPORT_TAKEN, &fact,
		    "passwords are shown in TLS, and there is no mail without");
}

/* Who is asked for that password: the domains that go there.  False: told. */
static bool
take_password(struct pf_import *im, const struct pf_row *row,
    struct import_block *b, const char *where)
{
	const char *colon = strchr(row->values[0], ':');
	struct import_fact user = { "smtp_sasl_password_maps", row->key, where,
		false };
	struct import_fact password = user;
	const char *name;

	if (colon == NULL || colon == row->values[0] || colon[1] == '\0') {
		import_tell(im->report, IMPORT_LOST, &user,
		    "it is not USER:PASSWORD");
		return false;
	}
	password.secret = true;
	name = region_strndup(im->rg, row->values[0],
	    (size_t)(colon - row->values[0]));
	if (!import_password(b, &user, &password, name, colon + 1))
		return false;
	if (shows_password(im) && goes_in_clear(im))
		(void)import_add(b, "use-unencrypted-plain-auth", "yes",
		    SECURITY_OPTIONS);
	return true;
}

/* Postfix asks for the host first, then for the nexthop as it stands. */
static const struct pf_row *
password_of(const struct pf_import *im, const struct pf_rows *rows,
    const char *nexthop)
{
	char *key = region_strdup(im->rg, nexthop);
	const char *end = strchr(key, ']');
	const struct pf_row *row = NULL;

	str_lower(key);
	if (key[0] == '[' && end != NULL)
		row = pf_rows_find(rows,
		    region_strndup(im->rg, key + 1, (size_t)(end - key) - 1));
	return row != NULL ? row : pf_rows_find(rows, key);
}

struct giver {
	struct pf_import *im;
	struct pf_rows rows;
	bool *used;
	bool all; /* <domain *> has one, which others inherit from */
	bool told;
};

/*
 * That of all hosts of a nexthop, where each is asked for by itself: a host must
 * not get another's.  NULL: none, or not the same, which is told.
 */
static const struct pf_row *
password_of_all(struct giver *g, const char *nexthop)
{
	const struct import_fact fact = { "smtp_sasl_password_maps", nexthop,
		"", false };
	const struct pf_row *first = NULL;
	const char *at = nexthop;
	bool same = true;

	for (size_t n = 0; *(at += strspn(at, ", \t")) != '\0'; n++) {
		size_t len = strcspn(at, ", \t");
		const struct pf_row *row = password_of(g->im, &g->rows,
		    region_strndup(g->im->rg, at, len));

		at += len;
		if (row != NULL)
			g->used[row - g->rows.v] = true;
		if (n == 0)
			first = row;
		same = same && (row == NULL) == (first == NULL) &&
		    (row == NULL ||
			strcmp(row->values[0], first->values[0]) == 0);
	}
	if (same)
		return first;
	import_tell(g->im->report, IMPORT_LOST, &fact,
	    "manual: not the same user and password for all of them: none of "
	    "them gets one");
	return NULL;
}

/* Has a wider <domain> one that this may get, too? */
static bool
may_inherit(const struct giver *g, const struct import_block *in,
    const char *pattern)
{
	const bool first = in == import_top(g->im->out) &&
	    strcmp(pattern, "*") == 0;

	return g->all || (g->im->wildcards && g->rows.n > 0 && !first);
}

/* In <domain> of the place, whose hosts get no other's; true: it has one. */
static bool
give_password(struct giver *g, const char *nexthop, struct import_block *in,
    const char *pattern)
{
	const struct import_fact fact = { "smtp_sasl_password_maps", pattern,
		"", false };
	const struct pf_row *row = password_of_all(g, nexthop);
	struct import_block *b;

	if (row == NULL && !may_inherit(g, in, pattern))
		return false;
	b = import_block(g->im->out, in, "domain", pattern);
	if (row != NULL && take_password(g->im, row, b, row->where))
		return true;
	if (!may_inherit(g, in, pattern))
		return false;
	if (!g->told)
		(void)import_take(b, &fact, "auth-username", "\"\"",
		    "there is no password for its hosts");
	else
		(void)import_add(b, "auth-username", "\"\"", fact.name);
	g->told = true;
	return false;
}

/* In a virtual MTA only those with a nexthop. */
static bool
is_route_in(const struct pf_import *im, const struct pf_route *r,
    const struct import_block *in)
{
	return in == import_top(im->out) || r->hop.nexthop[0] != '\0';
}

/*
 * Of all mail in that place, which goes to the nexthop unless a route is for all
 * of it, and of routes in it.  True: <domain *> of it has one.
 */
static bool
give_passwords(struct giver *g, const char *nexthop, struct import_block *in)
{
	struct pf_import *im = g->im;
	const struct pf_route *every = strmap_get(im->patterns, "*");
	const bool before = g->all;
	bool own;

	if (every != NULL && is_route_in(im, every, in))
		nexthop = pf_nexthop_of(im, every);
	own = give_password(g, nexthop, in, "*");
	g->all = before || own;
	for (size_t i = 0; i < im->route_count; i++) {
		const struct pf_route *r = &im->routes[i];

		if (r != every && is_route_in(im, r, in))
			(void)give_password(g, pf_nexthop_of(im, r), in,
			    r->pattern);
	}
	g->all = before;
	return own;
}

static void
tell_unused(const struct giver *g)
{
	for (size_t i = 0; i < g->rows.n; i++) {
		const struct pf_row *row = &g->rows.v[i];
		const struct import_fact fact = { "smtp_sasl_password_maps",
			row->key, row->where, false };

		if (!g->used[i])
			import_tell(g->im->report, IMPORT_LOST, &fact,
			    "no route has this nexthop");
	}
}

void
pf_passwords(struct pf_import *im)
{
	struct import_block *top = import_top(im->out);
	struct giver g = { .im = im };

	if (strcmp(pf_value(im->conf, NULL, "smtp_sasl_auth_enable"), "yes") !=
	    0)
		return;
	tell_security(im);
	pf_read_tables(im, NULL, "smtp_sasl_password_maps", &g.rows);
	g.used = region_array(im->rg, g.rows.n + 1, sizeof(*g.used));
	g.all = give_passwords(&g, im->relay, top);
	for (size_t i = 0; i < im->own_count; i++)
		(void)give_passwords(&g, im->own[i].nexthop,
		    import_block(im->out, top, "virtual-mta", im->own[i].vmta));
	tell_unused(&g);
}

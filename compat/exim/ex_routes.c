/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routers: which of them is the first that takes a recipient of a sender, and
 * where it sends that mail.
 */
#include <string.h>

#include "compat/exim/ex_import_priv.h"
#include "lib/net.h"

/* ---- hosts ----------------------------------------------------------------- */

/* "smtp" and so on, as numbers; "" stays. */
const char *
ex_port(const char *port)
{
	static const char *const names[][2] = { { "smtp", "25" },
		{ "submission", "587" }, { "smtps", "465" },
		{ "submissions", "465" } };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(port, names[i][0]) == 0)
			return names[i][1];
	return port;
}

static bool
is_number(const char *text)
{
	return text[0] != '\0' && strlen(text) < 6 &&
	    text[strspn(text, "0123456789")] == '\0';
}

/* "[192.0.2.1]" of an address, NULL of what is none. */
static const char *
bracketed(struct ex_import *im, const char *text)
{
	struct net_addr a;
	struct err ignored;

	if (net_addr_parse(slice_of(text), &a, &ignored) == -1)
		return NULL;
	return REGION_JOIN(im->rg, "[", text, "]");
}

/*
 * "name", "name/mx", "address", each with ":port" or ".port" behind it, names
 * and addresses also in brackets.
 */
static const char *
one_host(struct ex_import *im, const char *item)
{
	const char *text = item, *name, *colon, *made, *port = "";
	size_t len = strlen(item);
	bool mx = false;

	if (len > 3 && strcasecmp(item + len - 3, "/mx") == 0) {
		mx = true;
		text = region_strndup(im->rg, item, len - 3);
	}
	made = bracketed(im, text);
	if (made == NULL && text[0] == '[' && strchr(text, ']') != NULL) {
		const char *end = strchr(text, ']');

		made = bracketed(im,
		    region_strndup(im->rg, text + 1, (size_t)(end - text) - 1));
		if (made == NULL || (end[1] != '\0' && end[1] != ':'))
			return NULL;
		port = end[1] == ':' ? end + 2 : port;
	}
	if (made == NULL) {
		colon = strrchr(text, ':');
		name = colon == NULL ?
		    text :
		    region_strndup(im->rg, text, (size_t)(colon - text));
		port = colon == NULL ? port : colon + 1;
		made = bracketed(im, name);
		if (made == NULL && ex_is_plain_host(name))
			made = name;
	}
	port = ex_port(port);
	if (made == NULL || (port[0] != '\0' && !is_number(port)))
		return NULL;
	return REGION_JOIN(im->rg, mx ? "lookup-mx:" : "", made,
	    port[0] == '\0' || strcmp(port, "25") == 0 ? "" : ":",
	    strcmp(port, "25") == 0 ? "" : port);
}

const char *
ex_hosts(struct ex_import *im, const char *list, bool any_order)
{
	struct ex_cursor at = ex_cursor_of(list);
	const char *hosts = "", *item, *one, *between = "";

	/* "+" stands between groups, of which each is in any order. */
	while ((item = ex_cursor_next(&at, im->rg)) != NULL) {
		if (strcmp(item, "+") == 0) {
			between = hosts[0] == '\0' ? "" : "; ";
			continue;
		}
		one = one_host(im, item);
		if (one == NULL)
			return NULL;
		hosts = REGION_JOIN(im->rg, hosts, between, one);
		between = any_order ? ", " : "; ";
	}
	return hosts;
}

const char *
ex_next_host(struct region *rg, const char **at, bool *mx)
{
	static const char prefix[] = "lookup-mx:";
	const char *p = *at + strspn(*at, "; ,");

	*at = p + strcspn(p, ";,");
	*mx = strncmp(p, prefix, sizeof(prefix) - 1) == 0;
	if (*mx)
		p += sizeof(prefix) - 1;
	if (p[0] == '[')
		return region_strndup(rg, p + 1, strcspn(p + 1, "];,"));
	return p == *at ? NULL : region_strndup(rg, p, strcspn(p, ":;,"));
}

/* Mail that cannot go by it: does that make it less safe? */
static enum import_fate
fate_of_transport(const struct ex_instance *t)
{
	static const char *const protects[] = { "hosts_require_tls",
		"hosts_require_dane", "tls_verify_hosts" };

	for (size_t i = 0; i < sizeof(protects) / sizeof(protects[0]); i++)
		if (t != NULL && ex_conf_value(t, protects[i])[0] != '\0')
			return IMPORT_UNSAFE;
	return IMPORT_LOST;
}

/*
 * Hosts that a transport names for itself, or what a router gave it; NULL: not
 * understood, which is told.
 */
static const char *
own_hosts(struct ex_import *im, const struct ex_instance *t, const char *hosts)
{
	const char *own = ex_conf_value(t, "hosts"), *why;

	if (own[0] == '\0' ||
	    (hosts[0] != '\0' && !ex_is_true(t, "hosts_override")))
		return hosts;
	own = ex_constant(im, own, &why);
	if (own != NULL) {
		why = "these hosts are not understood";
		own = ex_hosts(im, own, ex_is_true(t, "hosts_randomize"));
	}
	if (own == NULL && ex_first(im, t, "hosts"))
		ex_manual(im, fate_of_transport(t), t, "hosts",
		    REGION_JOIN(im->rg, why,
			"; the way of that mail is left out"));
	return own;
}

/* Behind them those that are tried when none of them takes the mail. */
static const char *
with_fallback(struct ex_import *im, const struct ex_instance *r,
    const struct ex_instance *t, const char *hosts)
{
	const struct ex_instance *d =
	    ex_conf_value(r, "fallback_hosts")[0] != '\0' ? r : t;
	const struct import_fact fact = ex_fact(d, "fallback_hosts");
	const char *more, *why;

	if (fact.value[0] == '\0' || hosts[0] == '\0')
		return hosts;
	more = ex_constant(im, fact.value, &why);
	if (more != NULL)
		more = ex_hosts(im, more, ex_is_true(t, "hosts_randomize"));
	if (more == NULL)
		return hosts; /* what is left is told of it */
	if (ex_first(im, d, fact.name))
		import_tell(im->report, IMPORT_CHANGED, &fact,
		    "in smtp-hosts, behind the others: mail may come back to "
		    "those");
	return REGION_JOIN(im->rg, hosts, "; ", more);
}

/* ---- route_list ------------------------------------------------------------ */

/* A word, or what is in quotes. */
static const char *
take_word(struct ex_import *im, const char **at)
{
	const char *p = *at + strspn(*at, " \t"), *end;
	char quote = *p == '"' || *p == '\'' ? *p : '\0';

	if (quote != '\0') {
		end = strchr(p + 1, quote);
		end = end == NULL ? p + strlen(p) : end;
		*at = end + (*end != '\0');
		return region_strndup(im->rg, p + 1, (size_t)(end - p) - 1);
	}
	end = p + strcspn(p, " \t");
	*at = end;
	return region_strndup(im->rg, p, (size_t)(end - p));
}

static bool
is_option(const char *word)
{
	static const char *const known[] = { "byname", "bydns", "bydns_a",
		"bydns_mx", "ipv4_only", "ipv4_prefer" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(word, known[i]) == 0)
			return true;
	return false;
}

/* "hosts options": what stands behind the hosts may name a transport. */
static void
read_hosts(struct ex_import *im, const struct ex_instance *r, const char *at,
    struct ex_rule *rule)
{
	const char *hosts = take_word(im, &at), *word;
	bool any_order = ex_is_true(r, "hosts_randomize");

	rule->transport = "";
	while (*(word = take_word(im, &at)) != '\0')
		if (strcmp(word, "randomize") == 0)
			any_order = true;
		else if (strcmp(word, "no_randomize") == 0)
			any_order = false;
		else if (!is_option(word))
			rule->transport = word;
	rule->hosts = strchr(hosts, '$') != NULL ?
	    NULL :
	    ex_hosts(im, hosts, any_order);
}

static void
read_rule(struct ex_import *im, struct ex_router *r, const char *text)
{
	const char *at = text, *domains = take_word(im, &at);
	struct ex_rule *rule;

	r->rules = region_grow(im->rg, r->rules, r->rule_count,
	    sizeof(*r->rules));
	rule = &r->rules[r->rule_count++];
	/* The pattern is one item of a list of domains, or such a list. */
	ex_list_read(im->conf, &im->files, "domainlist", domains,
	    &rule->domains);
	read_hosts(im, r->d, at, rule);
	if (rule->domains.unknown != NULL)
		ex_manual(im, IMPORT_LOST, r->d, "route_list",
		    REGION_JOIN(im->rg, "\"", rule->domains.unknown,
			"\" is no plain domain"));
	else if (rule->hosts == NULL)
		ex_manual(im, IMPORT_LOST, r->d, "route_list",
		    REGION_JOIN(im->rg,
			"these hosts are not understood: ", text));
	ex_list_points(&rule->domains, im->rg, &im->rcpts);
}

static void
read_rules(struct ex_import *im, struct ex_router *r)
{
	const char *text = ex_conf_value(r->d, "route_list");
	struct ex_cursor at = ex_cursor_of(text);
	const char *row;

	if (at.separator == ':')
		at.separator = ';';
	while ((row = ex_cursor_next(&at, im->rg)) != NULL)
		read_rule(im, r, row);
}

/* ---- reading --------------------------------------------------------------- */

/* What a router may ask that is not about senders and domains. */
static const char *const others[] = { "local_parts", "local_part_prefix",
	"local_part_suffix", "require_files" };

static bool
is_driver(const struct ex_instance *d, const char *name)
{
	return strcmp(ex_conf_value(d, "driver"), name) == 0;
}

/* Could mail go out by it? */
static bool
is_outbound(struct ex_import *im, const struct ex_instance *d)
{
	const char *name = ex_conf_value(d, "transport");
	const struct ex_instance *t = ex_conf_instance(im->conf, EX_TRANSPORT,
	    name);

	if (ex_is_true(d, "verify_only"))
		return false;
	if (is_driver(d, "dnslookup") || is_driver(d, "manualroute") ||
	    is_driver(d, "ipliteral") || is_driver(d, "iplookup") ||
	    is_driver(d, "queryprogram"))
		return name[0] == '\0' || t == NULL || ex_is_client(t);
	return is_driver(d, "accept") &&
	    (strchr(name, '$') != NULL || (t != NULL && ex_is_client(t)));
}

/* A router that is left out: does that make mail less safe? */
static enum import_fate
fate_of(struct ex_import *im, const struct ex_instance *d)
{
	return fate_of_transport(ex_conf_instance(im->conf, EX_TRANSPORT,
	    ex_conf_value(d, "transport")));
}

/* False: it asks something that cannot be said, which is told. */
static bool
check_router(struct ex_import *im, const struct ex_instance *d)
{
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (ex_conf_value(d, others[i])[0] != '\0') {
			ex_manual(im, fate_of(im, d), d, others[i],
			    "limits and routes are by sender and domain; the "
			    "router is left out");
			return false;
		}
	if (ex_is_true(d, "check_local_user")) {
		ex_manual(im, fate_of(im, d), d, "check_local_user",
		    "users of the host are not asked for; the router is left "
		    "out");
		return false;
	}
	if (is_driver(d, "ipliteral") || is_driver(d, "iplookup") ||
	    is_driver(d, "queryprogram")) {
		ex_manual(im, fate_of(im, d), d, "driver",
		    "nothing here is like such a router; it is left out");
		return false;
	}
	return true;
}

static bool
read_list(struct ex_import *im, const struct ex_instance *d, const char *kind,
    const char *name, struct ex_list *list)
{
	const char *text = ex_conf_value(d, name), *why = NULL, *made = text;

	if (strchr(text, '$') != NULL)
		made = ex_constant(im, text, &why);
	if (made != NULL) {
		ex_list_read(im->conf, &im->files, kind, made, list);
		why = list->unknown;
		if (why == NULL && list->null_differs &&
		    strcmp(kind, "addresslist") == 0)
			why = "the null sender is not as others in it";
	}
	if (why == NULL)
		return true;
	ex_manual(im, fate_of(im, d), d, name,
	    REGION_JOIN(im->rg, "not a list of plain names (", why,
		"); the router is left out"));
	return false;
}

static bool
read_string(struct ex_import *im, const struct ex_instance *d, const char *name,
    struct ex_string *s)
{
	ex_expr_read(im->rg, &im->files, ex_conf_value(d, name), &s->x);
	if (s->x.why == NULL && ex_expr_is_listed(&s->x) &&
	    (s->x.by & ~(EX_BY_SENDER | EX_BY_RCPT)) == 0)
		return true;
	ex_manual(im, fate_of(im, d), d, name,
	    REGION_JOIN(im->rg,
		s->x.why != NULL ? s->x.why :
				   "not every value of it can be known",
		"; the router is left out"));
	return false;
}

static void
add_points(struct ex_import *im, const struct ex_string *s)
{
	struct ex_points *to = (s->x.by & EX_BY_SENDER) != 0 ? &im->senders :
							       &im->rcpts;

	for (size_t i = 0; i < s->x.keys.n && s->x.by != 0; i++)
		ex_points_add(to, im->rg, &s->x.keys.v[i]);
}

static void
read_router(struct ex_import *im, const struct ex_instance *d)
{
	struct ex_router r = { .d = d };

	if (!is_outbound(im, d) || !check_router(im, d) ||
	    !read_list(im, d, "domainlist", "domains", &r.domains) ||
	    !read_list(im, d, "addresslist", "senders", &r.senders) ||
	    !read_string(im, d, "condition", &r.condition) ||
	    !read_string(im, d, "transport", &r.transport))
		return;
	if (is_driver(d, "manualroute")) {
		if (!read_string(im, d, "route_data", &r.route_data))
			return;
		read_rules(im, &r);
	}
	ex_list_points(&r.domains, im->rg, &im->rcpts);
	ex_list_points(&r.senders, im->rg, &im->senders);
	add_points(im, &r.condition);
	add_points(im, &r.transport);
	add_points(im, &r.route_data);
	im->routers = region_grow(im->rg, im->routers, im->router_count,
	    sizeof(*im->routers));
	im->routers[im->router_count++] = r;
}

void
ex_routes_read(struct ex_import *im)
{
	for (const struct ex_instance *d = im->conf->first[EX_ROUTER];
	     d != NULL; d = d->next)
		read_router(im, d);
}

void
ex_routes_ask(struct ex_import *im)
{
	size_t n = 0;

	for (size_t i = 0; i < im->router_count; i++) {
		struct ex_router r = im->routers[i];

		if (ex_ask(im, r.d, "condition", &r.condition) &&
		    ex_ask(im, r.d, "transport", &r.transport) &&
		    ex_ask(im, r.d, "route_data", &r.route_data))
			im->routers[n++] = r;
	}
	im->router_count = n;
	for (size_t i = 0; i < im->rcpts.n; i++)
		im->below = im->below || im->rcpts.v[i].below;
}

/* ---- asked ----------------------------------------------------------------- */

/* As Exim judges what a condition expands to. */
static bool
is_false(const char *text)
{
	return text == NULL || text[0] == '\0' || strcmp(text, "0") == 0 ||
	    str_eq_nocase(text, "no") || str_eq_nocase(text, "false");
}

/* The rule of a route_list, or route_data as one; false: it declines. */
static bool
rule_of(struct ex_import *im, struct ex_router *r, size_t sender, size_t rcpt,
    struct ex_rule *rule_r)
{
	const char *data;

	for (size_t i = 0; i < r->rule_count; i++)
		if (r->rules[i].domains.unknown == NULL &&
		    ex_list_has(&r->rules[i].domains, &im->rcpts.v[rcpt])) {
			*rule_r = r->rules[i];
			return true;
		}
	data = ex_at(&r->route_data, sender, rcpt);
	if (r->rule_count > 0 || data == NULL || data[0] == '\0')
		return false;
	read_hosts(im, r->d, data, rule_r);
	if (rule_r->hosts == NULL && !r->told) {
		r->told = true;
		ex_manual(im, IMPORT_LOST, r->d, "route_data",
		    REGION_JOIN(im->rg,
			"these hosts are not understood: ", data));
	}
	return true;
}

static bool
takes(struct ex_import *im, const struct ex_router *r, size_t sender,
    size_t rcpt)
{
	const struct ex_instance *d = r->d;

	return (ex_conf_value(d, "domains")[0] == '\0' ||
		   ex_list_has(&r->domains, &im->rcpts.v[rcpt])) &&
	    (ex_conf_value(d, "senders")[0] == '\0' ||
		ex_list_has(&r->senders, &im->senders.v[sender])) &&
	    (ex_conf_value(d, "condition")[0] == '\0' ||
		!is_false(ex_at(&r->condition, sender, rcpt)));
}

/*
 * Mail that the router takes, and that has no way here: it goes as all other,
 * which is told once for each of its transports.
 */
static void
tell_lost(struct ex_import *im, const struct ex_instance *r, const char *name,
    size_t rcpt)
{
	const char *to = ex_pattern(im, &im->rcpts.v[rcpt]), *why;

	why = name == NULL ?
	    "Exim itself does not say which, as for " :
	    REGION_JOIN(im->rg, "\"", name,
		"\" is no transport that sends by SMTP, as for ");
	if (ex_first(im, r, REGION_JOIN(im->rg, "lost ", name)))
		ex_manual(im, fate_of(im, r), r, "transport",
		    REGION_JOIN(im->rg, why, to,
			"; such mail goes as all other"));
}

/* Nobody sends what it declines: Exim gives such mail back. */
static void
tell_no_more(struct ex_import *im, const struct ex_instance *r, size_t rcpt)
{
	if (ex_first(im, r, "no more"))
		ex_manual(im, IMPORT_LOST, r, "more",
		    REGION_JOIN(im->rg,
			"what it declines has no way in Exim, and goes as all "
			"other here, as for ",
			ex_pattern(im, &im->rcpts.v[rcpt])));
}

bool
ex_hop(struct ex_import *im, size_t sender, size_t rcpt, struct ex_hop *hop_r)
{
	for (size_t i = 0; i < im->router_count; i++) {
		struct ex_router *r = &im->routers[i];
		struct ex_rule rule = { .hosts = "", .transport = "" };
		const char *name;

		if (!takes(im, r, sender, rcpt))
			continue;
		if (is_driver(r->d, "manualroute") &&
		    !rule_of(im, r, sender, rcpt, &rule)) {
			if (ex_is_true(r->d, "more"))
				continue;
			tell_no_more(im, r->d, rcpt);
			return false;
		}
		name = rule.transport[0] != '\0' ?
		    rule.transport :
		    ex_at(&r->transport, sender, rcpt);
		hop_r->transport = name == NULL ?
		    NULL :
		    ex_conf_instance(im->conf, EX_TRANSPORT, name);
		if (hop_r->transport == NULL ||
		    !ex_is_client(hop_r->transport)) {
			tell_lost(im, r->d, name, rcpt);
			return false;
		}
		if (rule.hosts == NULL)
			return false; /* told as it was read */
		hop_r->router = r->d;
		hop_r->hosts = own_hosts(im, hop_r->transport, rule.hosts);
		if (hop_r->hosts == NULL)
			return false;
		hop_r->hosts = with_fallback(im, r->d, hop_r->transport,
		    hop_r->hosts);
		return true;
	}
	return false;
}

const char *
ex_pattern(struct ex_import *im, const struct ex_point *p)
{
	return REGION_JOIN(im->rg, p->below ? "*." : "",
	    p->domain == NULL ? "*" : p->domain);
}

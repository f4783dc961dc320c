/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/exim/ex_stay.h"

#include "compat/exim/ex_list.h"

#include <string.h>

/* ---- the router of all other mail ---------------------------------------- */

/* By which other mail is left to routers behind it. */
static const char *const conditions[] = { "condition", "local_parts",
	"local_part_prefix", "local_part_suffix", "require_files", "senders",
	NULL };

/* What it does with mail, and ours would not. */
static const char *const router_ways[] = { "address_data", "errors_to",
	"fallback_hosts", "headers_add", "headers_remove", "set", NULL };

/*
 * By whatever domain: where each rule of route_list is for all, or route_data
 * has nothing to look up.  Else it is for some partners, and the rest is left
 * to routers behind it.
 */
static bool
routes_all(const struct ex_setup *s, const struct ex_instance *router)
{
	const char *list = ex_conf_value(router, "route_list"), *rule;
	const char *route = ex_conf_value(router, "route_data");
	struct ex_cursor at = ex_cursor_of(list);

	if (route[0] != '\0')
		return strchr(route, '$') == NULL;
	if (list[0] != '<')
		at.separator = ';';
	while ((rule = ex_cursor_next(&at, s->p->rg)) != NULL)
		if (rule[0] != '*' || strchr(" \t", rule[1]) == NULL)
			return false;
	return list[0] != '\0';
}

bool
ex_is_general(const struct ex_setup *s, const struct ex_instance *router)
{
	const char *driver = ex_conf_value(router, "driver");
	const char *list = ex_conf_value(router, "domains"), *item;
	struct ex_cursor at = ex_cursor_of(list);

	if (strcmp(router->name, EX_OUR_ROUTER) == 0 ||
	    (strcmp(driver, "dnslookup") != 0 &&
		(strcmp(driver, "manualroute") != 0 || !routes_all(s, router))))
		return false;
	while ((item = ex_cursor_next(&at, s->p->rg)) != NULL)
		if (item[0] != '!' && strcmp(item, "*") != 0)
			return false;
	return true;
}

static void
check_router(struct ex_setup *s)
{
	const struct ex_instance *o = s->last;
	const char *where = ex_router_where(s, s->last->name);
	const char *domains = ex_conf_value(o, "domains");

	for (size_t i = 0; conditions[i] != NULL; i++)
		if (ex_conf_value(o, conditions[i])[0] != '\0')
			host_refuse(s->p,
			    "%s: router %s has %s = %s: which mail it leaves "
			    "to others cannot be told",
			    where, s->last->name, conditions[i],
			    ex_conf_value(o, conditions[i]));
	for (size_t i = 0; router_ways[i] != NULL; i++)
		if (ex_conf_value(o, router_ways[i])[0] != '\0')
			host_refuse(s->p,
			    "%s: router %s has %s = %s: it would not hold any "
			    "more",
			    where, s->last->name, router_ways[i],
			    ex_conf_value(o, router_ways[i]));
	if (ex_is_true(o, "unseen") || ex_is_true(o, "check_local_user"))
		host_refuse(s->p,
		    "%s: router %s has unseen or check_local_user: which mail "
		    "it is for cannot be told",
		    where, s->last->name);
	if (domains[0] == '<' || strpbrk(domains, "\n\"") != NULL)
		host_refuse(s->p,
		    "%s: router %s has domains = %s: write it as a list with "
		    "colons",
		    where, s->last->name, domains);
}

/* ---- what Mailrace's configuration has to say ---------------------------- */

/* The first domain of the wish for which it says nothing; NULL: none. */
static const char *
unsaid(const struct ex_setup *s, const char *directive)
{
	const struct ex_wish *w = s->wish;
	const char *rest = w->list == NULL ? "" : w->list, *domain;

	while ((domain = ex_wish_domain(w, s->p->rg, &rest)) != NULL)
		if (!w->holds(w->ctx, domain, directive))
			return w->scope == EX_DOMAINS ? domain : "*";
	return NULL;
}

static void
check_smarthost(struct ex_setup *s)
{
	const struct ex_instance *o = s->last;
	const char *block = unsaid(s, "smtp-hosts");

	if (strcmp(ex_conf_value(o, "driver"), "manualroute") != 0)
		return;
	if (block == NULL)
		host_note(s->p,
		    "router %s does not hold for this mail any more: "
		    "smtp-hosts of Mailrace's configuration does",
		    s->last->name);
	else
		host_refuse(s->p,
		    "%s: router %s sends mail by %s%s: it would be bypassed; "
		    "put what it does into Mailrace's configuration (<domain "
		    "%s> with smtp-hosts or route) first",
		    ex_router_where(s, s->last->name), s->last->name,
		    ex_conf_value(o, "route_list"),
		    ex_conf_value(o, "route_data"), block);
}

/* ---- its transport ------------------------------------------------------- */

enum answer {
	KEPT,     /* ours gets it, too */
	TOLD,     /* does nothing any more */
	WITH_TLS, /* refused, unless Mailrace asks for TLS */
	UNSAFE,   /* refused: TLS would hold less */
	SIGN_IN,  /* refused, where it does */
	REFUSED
};

static const struct row {
	const char *name, *usual; /* by default */
	enum answer answer;
} rows[] = {
	{ "authenticated_sender", "", REFUSED },
	{ "dane_require_tls_ciphers", "", UNSAFE },
	{ "dkim_domain", "", TOLD },
	{ "event_action", "", TOLD },
	{ "fallback_hosts", "", REFUSED },
	{ "headers_add", "", KEPT },
	{ "headers_remove", "", KEPT },
	{ "headers_rewrite", "", KEPT },
	{ "helo_data", "$primary_hostname", TOLD },
	{ "hosts", "", REFUSED },
	{ "hosts_require_auth", "", SIGN_IN },
	{ "hosts_require_dane", "", REFUSED },
	{ "hosts_require_ocsp", "", REFUSED },
	{ "hosts_require_tls", "", WITH_TLS },
	{ "hosts_try_auth", "", SIGN_IN },
	{ "interface", "", TOLD },
	{ "protocol", "smtp", REFUSED },
	{ "return_path", "", KEPT },
	{ "shadow_transport", "", REFUSED },
	{ "socks_proxy", "", REFUSED },
	{ "tls_certificate", "", TOLD },
	{ "tls_crl", "", UNSAFE },
	{ "tls_require_ciphers", "", UNSAFE },
	{ "tls_verify_hosts", "", UNSAFE },
	{ "transport_filter", "", REFUSED },
};

const char *const ex_kept_options[] = { "headers_add", "headers_remove",
	"headers_rewrite", "return_path", NULL };

/* ---- signing in ---------------------------------------------------------- */

/* By which an authenticator does so, and not only lets others. */
static const char *const client_sides[] = { "client_name", "client_send",
	"client_username", NULL };

static bool
has_client_side(const struct ex_setup *s)
{
	for (const struct ex_instance *a = s->f->conf->first[EX_AUTHENTICATOR];
	     a != NULL; a = a->next)
		for (size_t i = 0; client_sides[i] != NULL; i++)
			if (ex_conf_value(a, client_sides[i])[0] != '\0')
				return true;
	return false;
}

/* A text with each name of a variable replaced. */
static const char *
with_value(struct region *rg, const char *text, const char *name,
    const char *value)
{
	const char *all = "", *at;

	while ((at = strstr(text, name)) != NULL) {
		all = REGION_JOIN(rg, all,
		    region_strndup(rg, text, (size_t)(at - text)), value);
		text = at + strlen(name);
	}
	return REGION_JOIN(rg, all, text);
}

/* The hosts of the smarthost's router: behind the pattern, without options. */
static const char *
smarthosts(const struct ex_setup *s)
{
	const char *list = ex_conf_value(s->last, "route_list");

	if (list[0] == '\0')
		return ex_conf_value(s->last, "route_data");
	list += strcspn(list, "*");
	list += strspn(list, "* \t");
	return region_strndup(s->p->rg, list, strcspn(list, " \t;"));
}

/*
 * Does this list have that host?  Debian's depends on one ($host), and is empty
 * where nobody has put a password for it into a file.
 */
static bool
list_has(const struct ex_setup *s, const char *list, const char *host,
    const char *address)
{
	struct region *rg = s->p->rg;
	const char *text = with_value(rg, list, "$host_address", address);

	text = s->wish->expand(s->wish->site,
	    with_value(rg, text, "$host", host));
	if (text == NULL)
		return true;
	text += text[0] == '<' && text[1] != '\0' ? 2 : 0;
	return text[strspn(text, " \t\n")] != '\0';
}

/*
 * The next "host NAME [ADDRESS]" of -bt: NAME is the one that $host will have,
 * also where the router has an alias of it.
 */
static bool
next_host(struct region *rg, const char **text, const char **name,
    const char **address)
{
	while (**text != '\0') {
		const char *line = *text + strspn(*text, " ");

		*text += strcspn(*text, "\n");
		*text += **text == '\n';
		if (strncmp(line, "host ", 5) != 0)
			continue;
		line += 5 + strspn(line + 5, " ");
		*name = region_strndup(rg, line, strcspn(line, " \n"));
		line += strcspn(line, "[\n");
		line += *line == '[';
		*address = region_strndup(rg, line, strcspn(line, "]\n"));
		return true;
	}
	return false;
}

/*
 * By the names of the router and by those that Exim makes of them.  It tells
 * none where it cannot resolve them, or where ours comes first already.
 */
static bool
signs_in(struct ex_setup *s, const char *list)
{
	struct ex_cursor at = ex_cursor_of(smarthosts(s));
	struct region *rg = s->p->rg;
	const char *host, *address, *said;
	bool any = false;

	if (strchr(list, '$') == NULL)
		return true;
	while ((host = ex_cursor_next(&at, rg)) != NULL) {
		/* "mail.example::587" is with a port; two are in an address. */
		if (strchr(host, ':') == strrchr(host, ':'))
			host = region_strndup(rg, host, strcspn(host, ":"));
		if (list_has(s, list, host, host))
			return true;
	}
	said = s->wish->route(s->wish->site, "probe@" HOST_PROBE_DOMAIN);
	for (const char *rest = said == NULL ? "" : said;
	     next_host(rg, &rest, &host, &address); any = true)
		if (list_has(s, list, host, address))
			return true;
	if (!any &&
	    (said == NULL ||
		strstr(said, "router = " EX_OUR_ROUTER ",") == NULL))
		host_note(s->p,
		    "exim -bt does not say which servers router %s leads to: "
		    "whether this host signs in there was looked for by the "
		    "names that stand there alone",
		    s->last->name);
	return false;
}

static void
check_sign_in(struct ex_setup *s, const struct row *r, const char *value)
{
	const bool smarthost = strcmp(ex_conf_value(s->last, "driver"),
				   "manualroute") == 0;

	if (!has_client_side(s) || (smarthost && !signs_in(s, value)))
		return;
	if (smarthost ? s->wish->scope == EX_ALL :
			strcmp(r->name, "hosts_require_auth") == 0)
		host_refuse(s->p,
		    "transport %s has %s = %s: Mailrace would have to sign in "
		    "there; write <domain> with route (smtp-hosts), "
		    "auth-username and auth-password, as `mailrace import exim "
		    "--output=FILE` makes it, and let this transport sign in "
		    "no more",
		    s->transport->name, r->name, value);
	else
		host_note(s->p,
		    "transport %s has %s = %s, which does nothing for mail "
		    "that goes by Mailrace",
		    s->transport->name, r->name, value);
}

/* ---- all of its options -------------------------------------------------- */

static void
check_option(struct ex_setup *s, const struct row *r, const char *value)
{
	const char *name = s->transport->name, *block;

	switch (r->answer) {
	case KEPT:
		if (strpbrk(value, "\n\"") != NULL || value[0] == '<')
			host_refuse(s->p,
			    "transport %s has %s = %s: set-up cannot write "
			    "the same for its own",
			    name, r->name, value);
		break;
	case TOLD:
		host_note(s->p,
		    "transport %s has %s = %s, which does nothing for mail "
		    "that goes by Mailrace",
		    name, r->name, value);
		break;
	case WITH_TLS:
		block = unsaid(s, "require-starttls");
		if (block != NULL)
			host_refuse(s->p,
			    "transport %s has %s = %s: mail would go out "
			    "without; put require-starttls yes into <domain "
			    "%s> of Mailrace's configuration first",
			    name, r->name, value, block);
		break;
	case UNSAFE:
		host_refuse(s->p,
		    "transport %s has %s = %s: it is not known whether Mailrace "
		    "does the same, and mail could go out with less",
		    name, r->name, value);
		break;
	case SIGN_IN:
		check_sign_in(s, r, value);
		break;
	case REFUSED:
		host_refuse(s->p,
		    "transport %s has %s = %s: it would be bypassed", name,
		    r->name, value);
		break;
	}
}

static void
check_transport(struct ex_setup *s)
{
	const struct ex_instance *o = s->transport;
	const bool smarthost = strcmp(ex_conf_value(s->last, "driver"),
				   "manualroute") == 0;
	const char *port = ex_conf_value(o, "port");

	if (strcmp(ex_conf_value(o, "driver"), "smtp") != 0)
		host_refuse(s->p,
		    "router %s uses transport %s with driver = %s: what it "
		    "does would be bypassed",
		    s->last->name, s->transport->name,
		    ex_conf_value(o, "driver"));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *value = ex_conf_value(o, rows[i].name);

		/* To whom a smarthost speaks is said by smtp-hosts. */
		if (smarthost && strcmp(rows[i].name, "protocol") == 0)
			continue;
		if (value[0] != '\0' && strcmp(value, rows[i].usual) != 0)
			check_option(s, &rows[i], value);
	}
	if (!smarthost && strcmp(port, "smtp") != 0 && strcmp(port, "25") != 0)
		host_refuse(s->p,
		    "transport %s has port = %s: it would be bypassed",
		    s->transport->name, port);
}

/* ---- all ----------------------------------------------------------------- */

bool
ex_stay(struct ex_setup *s)
{
	const char *transport;

	for (const struct ex_instance *r = s->f->conf->first[EX_ROUTER];
	     r != NULL && s->last == NULL; r = r->next)
		if (ex_is_general(s, r))
			s->last = r;
	if (s->last == NULL) {
		host_refuse(s->p,
		    "no router takes all other mail (driver = dnslookup, "
		    "domains = ! +local_domains): which mail leaves this host "
		    "cannot be told");
		return false;
	}
	transport = ex_conf_value(s->last, "transport");
	s->transport = ex_conf_instance(s->f->conf, EX_TRANSPORT, transport);
	if (s->transport == NULL) {
		host_refuse(s->p,
		    "%s: router %s has transport = %s: which one it uses "
		    "cannot be told",
		    ex_router_where(s, s->last->name), s->last->name,
		    transport);
		return false;
	}
	check_router(s);
	check_smarthost(s);
	check_transport(s);
	return true;
}

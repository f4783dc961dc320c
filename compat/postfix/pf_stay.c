/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/postfix/pf_stay.h"

#include <string.h>

#include "lib/conf_hosts.h"

/* ---- parameters that must have some value -------------------------------- */

#define INSTANCES "several instances of one Postfix are not understood"

static const struct must {
	const char *name, *value, *reason;
} musts[] = {
	{ "multi_instance_directories", "", INSTANCES },
	{ "multi_instance_enable", "no", INSTANCES },
	{ "multi_instance_name", "", INSTANCES },
	{ "multi_instance_wrapper", "", INSTANCES },
	{ "sender_dependent_relayhost_maps", "",
	    "its relays would be bypassed: give these senders a virtual MTA "
	    "whose <domain *> has a route, and take it out" },
	{ "smtp_enforce_tls", "no",
	    "mail would go out without TLS: use smtp_tls_security_level, and "
	    "require-starttls in Mailrace's configuration" },
	{ "smtp_tls_per_site", "",
	    "mail would go out without these TLS policies: use "
	    "smtp_tls_policy_maps, and require-starttls in Mailrace's "
	    "configuration" },
	{ "smtp_tls_wrappermode", "no",
	    "TLS begins with STARTTLS alone here: use another port of that "
	    "server, such as 587" },
};

static void
check_musts(const struct pf_conf *h, struct host_plan *p)
{
	for (size_t i = 0; i < sizeof(musts) / sizeof(musts[0]); i++) {
		const struct must *m = &musts[i];
		const char *value = pf_value(h, NULL, m->name);

		if (value[0] != '\0' && strcmp(value, m->value) != 0)
			host_refuse(p, "%s = %s: %s", m->name, value,
			    m->reason);
	}
}

/* ---- what Mailrace's configuration has to say ---------------------------- */

/* The fast path takes whatever comes there, of all domains and senders. */
static bool
takes_others(const struct pf_wish *w)
{
	return w->scope != PF_DOMAINS || w->fast != NULL;
}

/* The first <domain> of the wish that does not say it; NULL: all do. */
static const char *
unsaid(const struct pf_wish *w, struct region *rg, const char *directive)
{
	struct slice rest = slice_of(w->list == NULL ? "" : w->list);
	const char *domain;

	while (w->scope == PF_DOMAINS &&
	    (domain = pf_wish_domain(w, rg, &rest)) != NULL)
		if (!w->holds(w->ctx, domain, directive))
			return domain;
	if (!takes_others(w) || w->holds(w->ctx, PF_OTHERS, directive))
		return NULL;
	return "*";
}

static void
check_relayhost(const struct pf_wish *w, const struct pf_conf *h,
    struct host_plan *p)
{
	const char *relay = pf_value(h, NULL, "relayhost"), *block;

	if (relay[0] == '\0')
		return;
	block = unsaid(w, p->rg, "smtp-hosts");
	if (block != NULL)
		host_refuse(p,
		    "relayhost = %s: it would be bypassed; put what it does "
		    "into Mailrace's configuration (<domain %s> with smtp-hosts "
		    "or route) first",
		    relay, block);
	else
		host_note(p,
		    "relayhost does not hold for this mail any more: "
		    "smtp-hosts of Mailrace's configuration does");
	if ((w->scope == PF_ALL || w->fast != NULL) &&
	    strcmp(pf_value(h, NULL, "smtp_sasl_auth_enable"), "yes") == 0)
		host_refuse(p,
		    "smtp_sasl_auth_enable = yes, with relayhost = %s: "
		    "Mailrace would have to sign in there; write <domain *> "
		    "with route (smtp-hosts), auth-username and auth-password, "
		    "as `mailrace import postfix --output=FILE` makes it, and "
		    "take relayhost out (other mail that signs in goes on to), "
		    "or hand over with --domains or --senders what goes "
		    "elsewhere",
		    relay);
}

/*
 * What must hold where TLS must be, and what is usual: each is harmless.  Of
 * protocols, only those that nobody speaks any more are left out.
 */
static const struct mandatory {
	const char *name, *harmless[4];
} mandatory[] = {
	{ "smtp_tls_mandatory_ciphers", { "medium" } },
	{ "smtp_tls_mandatory_exclude_ciphers", { NULL } },
	{ "smtp_tls_mandatory_protocols", { "!SSLv2", "!SSLv3", ">=TLSv1" } },
};

static bool
is_in(struct slice item, const char *const *words)
{
	for (; *words != NULL; words++)
		if (slice_eq_nocase(item, *words))
			return true;
	return false;
}

static bool
is_harmless(const struct mandatory *m, const char *value)
{
	struct slice rest = slice_of(value), item;

	while ((item = pf_list_item(&rest)).len > 0)
		if (!is_in(item, m->harmless))
			return false;
	return true;
}

static void
check_mandatory(const struct pf_conf *h, struct host_plan *p)
{
	for (size_t i = 0; i < sizeof(mandatory) / sizeof(mandatory[0]); i++) {
		const struct mandatory *m = &mandatory[i];
		const char *value = pf_set(h, m->name) == NULL ?
		    "" :
		    pf_value(h, NULL, m->name);

		if (!is_harmless(m, value))
			host_refuse(p,
			    "%s = %s: it is not known whether Mailrace does "
			    "the same, and mail could go out with less",
			    m->name, value);
	}
}

static void
check_tls_level(const struct pf_wish *w, const struct pf_conf *h,
    struct host_plan *p)
{
	const char *level = pf_value(h, NULL, "smtp_tls_security_level");
	const char *block;

	if (level[0] == '\0' || strcmp(level, "none") == 0 ||
	    strcmp(level, "may") == 0)
		return;
	if (strcmp(level, "encrypt") != 0) {
		host_refuse(p,
		    "smtp_tls_security_level = %s: it is not known whether "
		    "Mailrace does the same, and mail could go out with less",
		    level);
		return;
	}
	block = unsaid(w, p->rg, "require-starttls");
	if (block != NULL)
		host_refuse(p,
		    "smtp_tls_security_level = encrypt: mail would go out "
		    "without; put require-starttls yes into <domain %s> of "
		    "Mailrace's configuration first",
		    block);
}

/* ---- smtp_tls_policy_maps ------------------------------------------------ */

/* "[mx.example.net]:587" and ".example.net" as a domain. */
static const char *
domain_of(struct slice key, struct region *rg)
{
	size_t len;

	if (key.len > 0 && key.p[0] == '[') {
		key.p++;
		key.len--;
	}
	for (len = 0; len < key.len; len++)
		if (key.p[len] == ']' || key.p[len] == ':')
			break;
	return region_printf(rg, "%s%.*s", key.p[0] == '.' ? "any" : "",
	    (int)len, key.p);
}

/* true: it is encrypt, where mandatory parameters hold. */
static bool
check_policy(const struct pf_wish *w, struct slice line, struct host_plan *p)
{
	struct slice rest = slice_trim(line), key, level;
	const char *domain;

	for (key = rest, key.len = 0;
	     key.len < rest.len && strchr(" \t", key.p[key.len]) == NULL;)
		key.len++;
	rest.p += key.len;
	rest.len -= key.len;
	level = pf_list_item(&rest);
	if (key.len == 0 || slice_eq(level, "none") || slice_eq(level, "may"))
		return false;
	domain = domain_of(key, p->rg);
	rest = slice_trim(rest);
	if (!slice_eq(level, "encrypt") || rest.len > 0)
		host_refuse(p,
		    "smtp_tls_policy_maps: %.*s %.*s%s%.*s: it is not known "
		    "whether Mailrace does the same, and mail could go out "
		    "with less",
		    (int)key.len, key.p, (int)level.len, level.p,
		    rest.len > 0 ? " " : "", (int)rest.len, rest.p);
	else if (!w->holds(w->ctx, domain, "require-starttls"))
		host_refuse(p,
		    "smtp_tls_policy_maps: %.*s encrypt: put require-starttls "
		    "yes into <domain %s> of Mailrace's configuration first",
		    (int)key.len, key.p, domain);
	return slice_eq(level, "encrypt");
}

static bool
check_policies(const struct pf_wish *w, const struct pf_conf *h,
    struct host_plan *p)
{
	const char *maps = pf_value(h, NULL, "smtp_tls_policy_maps");
	struct slice rest = w->tls_policy;
	bool encrypt = false;

	if (maps[0] == '\0')
		return false;
	if (rest.p == NULL) {
		host_refuse(p,
		    "smtp_tls_policy_maps = %s: what it has cannot be listed, "
		    "so it is not known what mail would go out without",
		    maps);
		return false;
	}
	while (rest.len > 0) {
		const char *end = memchr(rest.p, '\n', rest.len);
		const size_t len = end == NULL ? rest.len :
						 (size_t)(end - rest.p);

		if (check_policy(w, (struct slice){ rest.p, len }, p))
			encrypt = true;
		rest.p += len + (end != NULL);
		rest.len -= len + (end != NULL);
	}
	return encrypt;
}

/* Where the level or some policy says so, more must hold. */
static void
check_tls(const struct pf_wish *w, const struct pf_conf *h, struct host_plan *p)
{
	const bool policies = check_policies(w, h, p);

	check_tls_level(w, h, p);
	if (policies ||
	    strcmp(pf_value(h, NULL, "smtp_tls_security_level"), "encrypt") ==
		0)
		check_mandatory(h, p);
}

/* ---- routes -------------------------------------------------------------- */

static bool
is_of_ours(const char *route)
{
	return strncmp(route, "mailrace:", 9) == 0;
}

/* But for the table that set-up itself puts first. */
static void
check_sender_routes(const struct pf_wish *w, const struct pf_conf *h,
    struct host_plan *p)
{
	const char *maps = pf_value(h, NULL,
	    "sender_dependent_default_transport_maps");
	const char *behind = w->scope == PF_SENDERS ?
	    pf_behind(p->rg, maps, w->list) :
	    NULL;

	if (behind != NULL)
		maps = behind;
	if (maps[0] == '\0')
		return;
	if (w->scope == PF_ALL)
		host_refuse(p,
		    "sender_dependent_default_transport_maps = %s: the mail of "
		    "its senders would bypass Mailrace; make virtual MTAs of "
		    "them and take it out, or use --senders",
		    maps);
	else if (w->fast != NULL)
		host_refuse(p,
		    "--fast-path: sender_dependent_default_transport_maps = "
		    "%s: its ways out would be bypassed; make virtual MTAs of "
		    "its senders and take it out",
		    maps);
}

static void
check_routes(const struct pf_wish *w, const struct pf_conf *h,
    struct host_plan *p)
{
	const char *transport = pf_value(h, NULL, "default_transport");

	if ((w->scope == PF_ALL || w->fast != NULL) && !is_of_ours(transport) &&
	    strcmp(transport, "smtp") != 0 && strcmp(transport, "smtp:") != 0)
		host_refuse(p,
		    "default_transport = %s: what this way out does is not "
		    "known, and it would be bypassed",
		    transport);
	check_sender_routes(w, h, p);
	if (w->scope != PF_DOMAINS &&
	    pf_value(h, NULL, "transport_maps")[0] != '\0')
		host_note(p,
		    "transport_maps goes first: what it sends by smtp: or "
		    "relay: goes on to bypass Mailrace");
}

/* By which trivial-rewrite(8) says where mail goes. */
static const char *const resolved_by[] = { "default_transport",
	"empty_address_default_transport_maps_lookup_key",
	"empty_address_relayhost_maps_lookup_key", "local_transport",
	"mydestination", "parent_domain_matches_subdomains", "relay_domains",
	"relay_transport", "relayhost",
	"sender_dependent_default_transport_maps",
	"sender_dependent_relayhost_maps", "transport_maps",
	"virtual_alias_domains", "virtual_alias_maps",
	"virtual_mailbox_domains", "virtual_mailbox_maps",
	"virtual_transport" };

/* What it has of its own nothing here has looked at, or would change. */
static void
check_resolver(const struct pf_conf *h, const struct pf_service *s,
    struct host_plan *p)
{
	for (size_t i = 0; i < sizeof(resolved_by) / sizeof(resolved_by[0]);
	     i++) {
		const char *own = pf_option(h, s, resolved_by[i]);

		if (own != NULL)
			host_refuse(p,
			    "%s in master.cf has -o %s=%s: this, and not "
			    "main.cf, says where mail goes; write it into "
			    "main.cf",
			    s->key, resolved_by[i], own);
	}
}

static void
check_resolvers(const struct pf_conf *h, struct host_plan *p)
{
	for (const struct pf_service *s = pf_services(h); s != NULL;
	     s = s->next)
		if (strcmp(s->command, "trivial-rewrite") == 0)
			check_resolver(h, s, p);
}

/* ---- domains ------------------------------------------------------------- */

const char *const pf_own_lists[] = { "mydestination", "relay_domains",
	"virtual_alias_domains", "virtual_mailbox_domains", NULL };

bool
pf_list_has(const char *list, const char *wanted)
{
	struct slice rest = slice_of(list), item;

	while ((item = pf_list_item(&rest)).len > 0)
		if (slice_eq(item, wanted))
			return true;
	return false;
}

bool
pf_takes_below(const struct pf_conf *h)
{
	return pf_list_has(
	    pf_value(h, NULL, "parent_domain_matches_subdomains"),
	    "transport_maps");
}

static bool
ends_with(const char *text, const char *end)
{
	const size_t len = strlen(text), end_len = strlen(end);

	return len > end_len && str_eq_nocase(text + len - end_len, end);
}

/*
 * ".example" is all below it (transport(5)); what stands in relay_domains
 * includes what is below (parent_domain_matches_subdomains).
 */
static bool
is_own(struct host_plan *p, const char *list, const char *item,
    const char *domain)
{
	if (domain[0] == '.' && ends_with(item, domain))
		return true;
	if (strcmp(list, "relay_domains") == 0 && item[0] != '.' &&
	    ends_with(domain, REGION_JOIN(p->rg, ".", item)))
		return true;
	return str_eq_nocase(item, domain);
}

void
pf_refuse_own(const char *name, const char *list, const char *domain,
    struct host_plan *p)
{
	struct slice rest = slice_of(list), item;

	while ((item = pf_list_item(&rest)).len > 0)
		if (is_own(p, name, region_strndup(p->rg, item.p, item.len),
			domain)) {
			host_refuse(p,
			    "%s is in %s: its mail is this host's own", domain,
			    name);
			return;
		}
}

const char *
pf_list_of_file(struct region *rg, const char *text)
{
	struct buf b = { .p = NULL };
	const char *list;

	while (*text != '\0') {
		const size_t len = strcspn(text, "\n");

		if (text[strspn(text, " \t")] != '#') {
			buf_add(&b, text, len);
			buf_byte(&b, ' ');
		}
		text += len + (text[len] == '\n');
	}
	list = region_strdup(rg, buf_cstr(&b));
	buf_fini(&b);
	return list;
}

static bool
is_domain(const char *text)
{
	return conf_is_host_name(slice_of(text + (text[0] == '.')));
}

/* A domain of the host's own must not be sent out: transport_maps would. */
static void
check_domain(const struct pf_conf *h, const char *domain, struct host_plan *p)
{
	for (size_t i = 0; pf_own_lists[i] != NULL; i++) {
		const char *name = pf_own_lists[i];
		const char *list = pf_value(h, NULL, name);

		pf_refuse_own(name, list, domain, p);
		if (domain[0] != '.' && pf_takes_below(h))
			pf_refuse_own(name, list,
			    REGION_JOIN(p->rg, ".", domain), p);
	}
}

static void
check_domains(const struct pf_wish *w, const struct pf_conf *h,
    struct host_plan *p)
{
	struct slice rest = slice_of(w->list == NULL ? "" : w->list);
	const char *domain;
	bool any = false;

	while (w->scope == PF_DOMAINS &&
	    (domain = pf_wish_domain(w, p->rg, &rest)) != NULL) {
		any = true;
		if (!is_domain(domain))
			host_refuse(p, "--domains: %s is no domain", domain);
		check_domain(h, domain, p);
	}
	if (w->scope == PF_DOMAINS && !any)
		host_refuse(p, "--domains has none");
}

static const struct told {
	const char *name, *value, *what;
} tolds[] = {
	{ "smtp_bind_address", "",
	    "does not hold for this mail any more: smtp-source-host does" },
	{ "smtp_fallback_relay", "", "does not hold for this mail any more" },
	{ "smtp_sasl_auth_enable", "no",
	    "does nothing for mail that goes by Mailrace, which does not sign "
	    "in at other servers" },
	{ "soft_bounce", "no",
	    "keeps mail in the queue of Postfix that Mailrace refuses" },
};

void
pf_stay(const struct pf_wish *w, const struct pf_conf *h, struct host_plan *p)
{
	check_musts(h, p);
	check_relayhost(w, h, p);
	check_tls(w, h, p);
	check_routes(w, h, p);
	check_resolvers(h, p);
	check_domains(w, h, p);
	for (size_t i = 0; i < sizeof(tolds) / sizeof(tolds[0]); i++) {
		const struct told *t = &tolds[i];
		const char *value = pf_value(h, NULL, t->name);

		if (value[0] != '\0' && strcmp(value, t->value) != 0)
			host_note(p, "%s %s", t->name, t->what);
	}
	if (strcmp(pf_value(h, NULL, "smtpd_forbid_bare_newline"), "no") == 0)
		host_note(p,
		    "smtpd_forbid_bare_newline = no: a client can smuggle a "
		    "message behind another's restrictions; \"normalize\" "
		    "ends that");
}
